//! What a trace shows of the bytes of a connection: no password, and of tickets and tokens four digits.
//!
//! A read may end anywhere, also within a password. So a mask is a small machine that goes on from piece to piece. Where it
//! does not know, it hides. It knows the lines of the protocol, and no socket.

use crate::protocol::MAX_LINE;
use crate::value::MAX_USERNAME;
use crate::value::text::text_of;

/// What stands for what is hidden, however long that is.
pub(super) const HIDDEN: &str = "***";
/// Digits of a ticket that are shown, of 32.
pub(super) const SHOWN_DIGITS: usize = 4;
/// The bytes of a line by which a command is known.
pub(super) const WORD: usize = 24;
/// The commands behind which a password stands or what is as good, and a word that people take for one of them.
const SECRETIVE: [&str; 5] = ["login", "signup", "again", "passwd", "password"];
/// The commands of the native protocol and of the menu. What a stranger says else may be a password that went astray.
const WORDS: [&str; 33] = [
    "login", "signup", "passwd", "help", "quit", "exit", "list", "1", "2", "3", "4", "get_u", "get_af", "active",
    "inactive", "whoami", "probe", "here", "init,", "reach,", "share,", "get_p,", "get_uf,", "exit,", "bcast_", "msg_",
    "relay_", "connect_", "share", "watch", "unwatch", "who", "dnd_",
];
/// The queries of the query dialect, whose clients know no password.
const QUERIES: [&str; 6] = ["get_u", "get_af", "init,", "get_p,", "get_uf,", "exit,"];
/// Those with one field.
const OF_ONE_FIELD: [&str; 3] = ["get_p,", "get_uf,", "exit,"];
/// What is followed by a token.
const TOKENS: [&str; 3] = ["udp_", "again_", "hello_"];
/// What is followed by a name, a `_` and a ticket.
const TICKET: &str = "ticket_";

/// What the next line of a client is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A command of somebody who is logged in.
    Member,
    /// A command of somebody who is not, or who has a menu: what is none may be a password.
    Stranger,
    /// A query of somebody who never logs in: what is none may be a password.
    Query,
    /// A name, behind which so many answers are a password.
    Name(u8),
    /// A password, and so many of them in a row.
    Secret(u8),
}

impl Expected {
    /// Whether a command is expected, and no answer to a question.
    fn is_command(self) -> bool {
        matches!(self, Expected::Member | Expected::Stranger | Expected::Query)
    }
}

/// Where in a line a piece ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The word that says which command it is may go on.
    Word,
    /// In the name of a `LOGIN,name,password` or an `AGAIN,name,TOKEN`, with so many letters.
    Name(usize),
    /// What comes is shown up to the next comma.
    Field,
    /// What comes is shown up to the end of the line.
    Shown,
    /// What comes is hidden up to the end of the line.
    Hidden,
}

/// The mask for what a client says.
pub struct ClientMask {
    expected: Expected,
    /// What is expected once a dialogue is over.
    commands: Expected,
    place: Place,
    /// The beginning of the line.
    word: Vec<u8>,
    /// The bytes of the line so far.
    length: usize,
    /// The line may be one that is refused, and then the same question stands.
    is_odd: bool,
    /// What the line is cannot be told from its beginning.
    is_unsure: bool,
}

impl ClientMask {
    /// The mask of a connection that has just come.
    pub fn new(expected: Expected) -> ClientMask {
        let commands = if expected.is_command() { expected } else { Expected::Stranger };
        let (place, word, length) = (Place::Word, Vec::new(), 0);
        ClientMask { expected, commands, place, word, length, is_odd: false, is_unsure: false }
    }

    /// Says what the next line is taken for: all that has come in whole was carried out. A line that has begun goes on as it
    /// is. But what turns out to be a password is hidden from here, and what was begun by a member who is none any more: then
    /// it says so.
    pub fn expects(&mut self, expected: Expected) -> bool {
        let was_member = self.commands == Expected::Member;
        self.expected = expected;
        if expected.is_command() {
            self.commands = expected;
        }
        let is_stranger = was_member && self.commands == Expected::Stranger;
        let hides = self.length > 0 && (is_stranger || matches!(expected, Expected::Secret(_)));
        if hides {
            self.place = Place::Hidden;
        }
        hides
    }

    /// The same where messages have no line ends: what comes is the beginning of one.
    pub fn begins(&mut self, expected: Expected) {
        self.begin_line();
        self.expects(expected);
    }

    /// A piece of a line as it may be shown; if it has an LF, that is its end.
    pub fn piece(&mut self, piece: &[u8]) -> String {
        let Some(whole) = piece.strip_suffix(b"\n") else { return self.body(piece, false) };
        let (body, end) = whole.strip_suffix(b"\r").map_or((whole, "\n"), |body| (body, "\r\n"));
        let shown = self.body(body, true) + end;
        self.end_line();
        shown
    }

    fn body(&mut self, body: &[u8], ends: bool) -> String {
        let begins = self.length == 0;
        self.length += body.len();
        self.is_odd |= self.length >= MAX_LINE || !body.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        let room = WORD.saturating_sub(self.word.len());
        let before = self.word.len();
        self.word.extend(body.iter().take(room).map(u8::to_ascii_lowercase));
        if begins {
            self.place = match self.expected {
                Expected::Secret(_) => Place::Hidden,
                Expected::Name(_) => Place::Name(0),
                Expected::Member | Expected::Stranger | Expected::Query => Place::Word,
            };
        }
        if self.place != Place::Word {
            return self.rest(body);
        }
        let blanks = self.word.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let is_none = self.word.get(blanks).is_some_and(|first| !first.is_ascii_alphanumeric());
        if is_none || (blanks > 0 && self.length > self.word.len()) {
            // No command begins so, or too much stands before the word: a command may be in quotes, and its password too.
            // But the server knows blanks that are no ASCII, too.
            self.is_unsure = blanks > WORD / 2 || !self.word.get(blanks).is_some_and(u8::is_ascii);
            self.place = Place::Hidden;
            return self.rest(body);
        }
        let word = String::from_utf8_lossy(&self.word[blanks..]).into_owned();
        if let Some(secretive) = SECRETIVE.into_iter().find(|known| word.starts_with(known)) {
            let behind = blanks + secretive.len();
            return match self.word.get(behind) {
                None => text_of(body),
                Some(b',') if matches!(secretive, "login" | "signup" | "again") => {
                    let comma = (behind + 1).saturating_sub(before).min(body.len());
                    self.place = Place::Name(0);
                    text_of(&body[..comma]) + &self.rest(&body[comma..])
                }
                Some(b' ' | b'\t') if ends && word.trim() == secretive => text_of(body),
                Some(_) => {
                    let word_end = behind.saturating_sub(before).min(body.len());
                    self.place = Place::Hidden;
                    text_of(&body[..word_end]) + &self.rest(&body[word_end..])
                }
            };
        }
        if let Some(query) =
            OF_ONE_FIELD.iter().find(|query| self.expected == Expected::Query && word.starts_with(**query))
        {
            let behind = (blanks + query.len()).saturating_sub(before).min(body.len());
            self.place = Place::Field;
            return text_of(&body[..behind]) + &self.rest(&body[behind..]);
        }
        self.place = self.judge(&word, ends);
        self.rest(body)
    }

    /// What becomes of a line that begins so, with no command that is followed by a password.
    fn judge(&self, word: &str, ends: bool) -> Place {
        let may_be_secretive = !ends && SECRETIVE.into_iter().any(|known| known.starts_with(word));
        let words = if self.commands == Expected::Query { QUERIES.as_slice() } else { WORDS.as_slice() };
        let begins_one = || words.iter().any(|known| known.starts_with(word));
        let is_one = || {
            let has_text = |known: &str| known.ends_with([',', '_']) && word.starts_with(known);
            words.iter().any(|known| has_text(known) || (ends && word.trim_end() == *known))
                || (ends && word.is_empty())
        };
        match self.commands {
            _ if may_be_secretive => Place::Word,
            Expected::Member => Place::Shown,
            _ if is_one() => Place::Shown,
            _ if !ends && begins_one() => Place::Word,
            _ => Place::Hidden,
        }
    }

    /// What is shown where the word does not decide.
    fn rest(&mut self, body: &[u8]) -> String {
        match self.place {
            Place::Word | Place::Shown => text_of(body),
            Place::Hidden => {
                if body.is_empty() {
                    String::new()
                } else {
                    HIDDEN.to_owned()
                }
            }
            Place::Field => {
                let Some(comma) = body.iter().position(|byte| *byte == b',') else { return text_of(body) };
                self.place = Place::Hidden;
                text_of(&body[..=comma]) + &self.rest(&body[comma + 1..])
            }
            Place::Name(before) => {
                let is_answer = matches!(self.expected, Expected::Name(_));
                let end = body.iter().position(|byte| *byte == b',' && !is_answer).unwrap_or(body.len());
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b' ');
                if before + end > MAX_USERNAME || !body[..end].iter().all(is_name) {
                    self.place = Place::Hidden;
                    return HIDDEN.to_owned();
                }
                if end == body.len() {
                    self.place = Place::Name(before + end);
                    return text_of(body);
                }
                self.place = Place::Hidden;
                text_of(&body[..=end]) + &self.rest(&body[end + 1..])
            }
        }
    }

    fn end_line(&mut self) {
        let word = String::from_utf8_lossy(&self.word).trim().trim_end_matches('\u{fffd}').trim_end().to_owned();
        self.expected = match self.expected {
            // Who knows which question stands: the session will say it.
            Expected::Name(_) | Expected::Secret(_) if self.is_odd => Expected::Secret(u8::MAX),
            Expected::Name(secrets) => Expected::Secret(secrets),
            Expected::Secret(..=1) => self.commands,
            Expected::Secret(u8::MAX) => Expected::Secret(u8::MAX),
            Expected::Secret(left) => Expected::Secret(left - 1),
            Expected::Member | Expected::Stranger | Expected::Query => match word.as_str() {
                "login" => Expected::Name(1),
                "signup" => Expected::Name(2),
                "passwd" => Expected::Secret(3),
                // It may be one of these.
                _ if self.is_unsure && self.commands == Expected::Member => Expected::Secret(3),
                _ => self.commands,
            },
        };
        self.begin_line();
    }

    fn begin_line(&mut self) {
        self.word.clear();
        (self.place, self.length, self.is_odd, self.is_unsure) = (Place::Word, 0, false, false);
    }
}

/// The mask for what a server says, and for datagrams: tokens and tickets.
#[derive(Default)]
pub struct ServerMask {
    /// The beginning of the line.
    word: Vec<u8>,
    /// Digits of the token that has begun.
    digits: Option<usize>,
    /// There is no token in the rest of the line.
    is_plain: bool,
}

impl ServerMask {
    /// A datagram, or other whole lines, as they may be shown.
    pub fn whole(bytes: &[u8]) -> String {
        let mut mask = ServerMask::default();
        bytes.split_inclusive(|byte| *byte == b'\n').map(|piece| mask.piece(piece)).collect()
    }

    /// A piece of a line as it may be shown; if it has an LF, that is its end.
    pub fn piece(&mut self, piece: &[u8]) -> String {
        let mut kept = Vec::with_capacity(piece.len());
        for (at, byte) in piece.iter().enumerate() {
            if self.is_plain {
                kept.extend_from_slice(&piece[at..]);
                break;
            }
            match self.digits {
                Some(digits) if byte.is_ascii_hexdigit() => {
                    self.digits = Some(digits + 1);
                    match digits {
                        ..SHOWN_DIGITS => kept.push(*byte),
                        SHOWN_DIGITS => kept.extend_from_slice(b"..."),
                        _ => {}
                    }
                    continue;
                }
                Some(_) => self.is_plain = true,
                None => self.look(*byte),
            }
            kept.push(*byte);
        }
        if piece.ends_with(b"\n") {
            *self = ServerMask::default();
        }
        text_of(&kept)
    }

    /// Looks whether a token begins behind this byte.
    fn look(&mut self, byte: u8) {
        self.word.push(byte);
        let is_named = self.word.starts_with(TICKET.as_bytes());
        let has_name = is_named && self.word.len() > TICKET.len() && byte == b'_';
        if has_name || TOKENS.iter().any(|known| known.as_bytes() == self.word) {
            self.digits = Some(0);
        } else if is_named {
            self.is_plain = self.word.len() > TICKET.len() + MAX_USERNAME + 1;
        } else {
            self.is_plain = !TOKENS.iter().chain([&TICKET]).any(|known| known.as_bytes().starts_with(&self.word));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "Xq7,w/Zk \"9";

    /// What is shown of bytes that come in these pieces.
    fn masked<'a>(expected: Expected, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut mask = ClientMask::new(expected);
        let lines = pieces.into_iter().flat_map(|piece| piece.split_inclusive(|byte| *byte == b'\n'));
        lines.map(|piece| mask.piece(piece)).collect()
    }

    fn whole(text: &str) -> String {
        masked(Expected::Stranger, [text.as_bytes()])
    }

    /// Fails where four bytes of the password are shown.
    fn none_of_it(shown: &str, how: &str) {
        let leaks = PASSWORD.as_bytes().windows(4).any(|part| shown.as_bytes().windows(4).any(|other| other == part));
        assert!(!leaks, "{how}: {shown:?}");
    }

    #[test]
    fn no_four_bytes_of_a_password_are_shown_wherever_reads_cut_it() {
        let quoted = PASSWORD.replace('"', "\"\"");
        let said = [
            format!("LOGIN,alice,\"{quoted}\"\nlist\n"),
            format!("signup,alice,{PASSWORD}\r\nLOGIN,alice,{PASSWORD}\r\n"),
            format!(
                "PASSWD,{PASSWORD},{PASSWORD}\nlogin\nalice\n{PASSWORD}\nPassWd\n{PASSWORD}\n{PASSWORD}\n{PASSWORD}\n"
            ),
            format!("LOGIN,alice,{PASSWORD}\npasswd\n{PASSWORD}\nlist {PASSWORD}\nlist {PASSWORD}\nwhoami\n"),
            format!("PASSWORD,{PASSWORD},{PASSWORD}\npassword {PASSWORD}\n"),
            format!("AGAIN,alice,{PASSWORD}\nagain,alice,{PASSWORD},{PASSWORD},7\nagain {PASSWORD}\n"),
            format!(
                "LOGIN,alice,{PASSWORD}\n\"PASSWD\",{PASSWORD},{PASSWORD}\n \u{feff}PASSWD,{PASSWORD},{PASSWORD}\n"
            ),
            format!("login\nalice\n{PASSWORD}\nbcast_hi\n"),
            format!("SignUp\nalice\n{PASSWORD}\n{PASSWORD}\nlogin\nalice\n{PASSWORD}\n"),
            format!("login\n{PASSWORD}\n{PASSWORD}\n{PASSWORD}\n"),
            format!("login\nal\x07ce\nalice\n{PASSWORD}\n"),
            format!("{PASSWORD}\nLOGIN alice {PASSWORD}\n LOGIN,alice,{PASSWORD}\nLOGIN,\"alice\",{PASSWORD}\n"),
            format!("{}LOGIN,alice,{PASSWORD}\n{}login\nalice\n{PASSWORD}\n", " ".repeat(30), " ".repeat(20)),
        ];
        for text in &said {
            for first in 0..text.len() {
                for second in [first, (first + 1).min(text.len()), text.len() - 1, text.len()] {
                    let (first, second) = (first.min(second), first.max(second));
                    let bytes = text.as_bytes();
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    none_of_it(&masked(Expected::Stranger, pieces), text);
                }
            }
            none_of_it(&masked(Expected::Stranger, text.as_bytes().chunks(1)), text);
        }
    }

    #[test]
    fn no_four_bytes_of_a_password_are_shown_that_a_member_or_a_query_client_sends() {
        let blanks = [" ".repeat(30), " ".repeat(20), "\u{a0}".to_owned(), "\u{2003} ".repeat(9)];
        let asked = |blank: &String| format!("{blank}passwd{blank}\n{PASSWORD}\n{PASSWORD}\n{PASSWORD}\nlist\n");
        let members = blanks.iter().map(asked).map(|text| (Expected::Member, text));
        let queries = [
            format!("LOGIN,alice,{PASSWORD}"),
            format!("login\nalice\n{PASSWORD}\n{PASSWORD}\nGET_U\n"),
            format!("{PASSWORD}\nGET_U,{PASSWORD}\nget_u {PASSWORD}\n\u{a0}passwd\n{PASSWORD}"),
            format!("GET_P,alice,{PASSWORD}\nexit,alice,{PASSWORD}\n"),
            format!("SIGNUP,alice,{PASSWORD}\npasswd {PASSWORD}\nlist\n1{PASSWORD}\nbcast_{PASSWORD}\n"),
        ];
        for (expected, text) in members.chain(queries.map(|text| (Expected::Query, text))) {
            for at in 0..text.len() {
                none_of_it(&masked(expected, [&text.as_bytes()[..at], &text.as_bytes()[at..]]), &text);
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_shown_as_it_came() {
        assert_eq!(whole("LOGIN,alice,xyz\nlist\n"), "LOGIN,alice,***\nlist\n");
        assert_eq!(whole("AGAIN,alice,xyz,0a,7\nlist\n"), "AGAIN,alice,***\nlist\n");
        assert_eq!(whole("login\nalice\nsecret\nbcast_hi all\r\n"), "login\nalice\n***\nbcast_hi all\r\n");
        assert_eq!(whole("signup\nalice\none\none\nhelp\n"), "signup\nalice\n***\n***\nhelp\n");
        let pieces = [&b"LOGIN,alic"[..], b"e,secr", b"et\nINIT,alice,5", b"000\n"];
        assert_eq!(masked(Expected::Stranger, pieces), "LOGIN,alice,******\nINIT,alice,5000\n");
        let said = "anything at all \u{fc}\nalice\nLOGIN,alice,xyz\n";
        assert_eq!(masked(Expected::Member, [said.as_bytes()]), "anything at all \u{fc}\nalice\nLOGIN,alice,***\n");
        assert_eq!(masked(Expected::Member, [&b"a\xc3"[..], b"\xbc\n"]), "a\\xc3\\xbc\n");
        let queries = "GET_U\nINIT,al,5000,f\nGET_UF,al\nGET_AF\nEXIT,al\n";
        assert_eq!(masked(Expected::Query, [queries.as_bytes()]), queries);
    }

    #[test]
    fn what_the_session_says_is_believed() {
        let mut mask = ClientMask::new(Expected::Stranger);
        // A name that was refused, as it came too fast: it is asked for again.
        mask.expects(Expected::Name(1));
        assert_eq!(mask.piece(b"alice\n"), "alice\n");
        mask.expects(Expected::Name(1));
        assert_eq!((mask.piece(b"alice\n"), mask.piece(b"list\n")), ("alice\n".to_owned(), "***\n".to_owned()));
        mask.expects(Expected::Member);
        assert_eq!(mask.piece(b"hello ther"), "hello ther");
        mask.expects(Expected::Secret(1));
        assert_eq!(mask.piece(b"e\n"), "***\n");
        // Who is no member any more: what has begun may be a password of theirs.
        mask.expects(Expected::Member);
        assert_eq!(mask.piece(b"Xq7w"), "Xq7w");
        assert!(mask.expects(Expected::Stranger) && !mask.expects(Expected::Stranger));
        assert_eq!((mask.piece(b"%Zk9\n"), mask.piece(b"lis")), ("***\n".to_owned(), "lis".to_owned()));
        assert!(!mask.expects(Expected::Stranger), "a stranger's line goes on");
        assert_eq!(mask.piece(b"t\n"), "t\n");
        // Messages without line ends.
        mask.begins(Expected::Secret(1));
        assert_eq!(mask.piece(b"secret"), "***");
        mask.begins(Expected::Member);
        assert_eq!(mask.piece(b"1"), "1");
    }

    #[test]
    fn of_tokens_and_tickets_four_digits_are_shown_wherever_writes_cut_them() {
        let ticket = "0123456789abcdef0123456789abcdef";
        let text = format!(
            "udp_{ticket}\nagain_{ticket}\nip_127.0.0.2\nticket_alice_{ticket}\nbcast_1_1700000000_eve_udp_{ticket}\n"
        );
        let expected = format!(
            "udp_0123...\nagain_0123...\nip_127.0.0.2\nticket_alice_0123...\nbcast_1_1700000000_eve_udp_{ticket}\n"
        );
        for size in 1..=text.len() {
            let mut mask = ServerMask::default();
            let pieces = text.as_bytes().chunks(size);
            let lines = pieces.flat_map(|piece| piece.split_inclusive(|byte| *byte == b'\n'));
            assert_eq!(lines.map(|piece| mask.piece(piece)).collect::<String>(), expected, "in pieces of {size}");
        }
        assert_eq!(ServerMask::whole(format!("hello_{ticket}_4_6_5-5").as_bytes()), "hello_0123..._4_6_5-5");
    }
}
