//! What a client asks of the server.

use super::{BroadcastText, InvalidBroadcast};
use crate::value::comma;
use crate::value::{Address, Epoch, InvalidAddress, Ticket, Username};
use std::fmt;

/// What a client asks of the server: the first word of its line says which of these it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `help`: the menu; answered before the login and after it.
    Help,
    /// `quit` or `exit`; `EXIT,name` names who leaves. Answered before the login and after it.
    Quit(Option<String>),
    /// Answered before the login only.
    Entry(EntryRequest),
    /// Answered after the login only.
    Member(MemberRequest),
    /// A line that answers a question of a dialogue, whatever it is. It is never read as one: which lines are answers, the
    /// session knows.
    Answer(String),
}

/// What a client asks that is not logged in, one variant a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum EntryRequest {
    /// `signup`: begin the sign-up dialogue (name, password, password again).
    SignupDialogue,
    /// `login`: begin the login dialogue (name, password).
    LoginDialogue,
    /// `SIGNUP,name,password`: the same in one line, for scripts.
    Signup { name: String, password: String },
    /// `LOGIN,name,password`.
    Login { name: String, password: String },
    /// `AGAIN,name,TOKEN[,EPOCH,LASTSEQ]`: go on where a session has ended at a server that shares a directory with this one.
    /// The broadcasts behind LASTSEQ are wanted, of the sequence EPOCH.
    Again { name: String, token: Ticket, since: Option<(Epoch, u64)> },
}

/// What a client asks that is logged in, one variant a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum MemberRequest {
    /// `1` or `list`: the active clients.
    List,
    /// `2`: begin the broadcast dialogue, whose one answer is the text.
    BroadcastDialogue,
    /// `bcast_TEXT`.
    Broadcast(BroadcastText),
    /// `msg_TEXT_ADDR`: where to deliver TEXT directly.
    Message { text: String, to: Address },
    /// `connect_ADDR`, or ADDR alone: an introduction.
    Connect(Address),
    /// `relay_TEXT_ADDR`: hand TEXT over, as the peer cannot be reached.
    Relay { text: String, to: Address },
    /// `INIT,name,port,file...`: the port I listen on and the files I share.
    Init { name: String, port: String, files: Vec<String> },
    /// `REACH,port`: the port on which a client of the server's machine listens for other machines; 0 takes it back.
    Reach(String),
    /// `SHARE,file...`: more files, as a long list does not fit one line.
    Share(Vec<String>),
    /// `GET_U`: the names of all active users.
    GetUsers,
    /// `GET_P,name`: a user's address.
    GetPeer(String),
    /// `GET_UF,name`: a user's files.
    GetUserFiles(String),
    /// `GET_AF`: everybody's files.
    GetAllFiles,
    /// `active`: list me and let others reach me.
    Active,
    /// `inactive`: the opposite.
    Inactive,
    /// `whoami`.
    Whoami,
    /// `probe`: try to connect to where I listen, as others would.
    Probe,
    /// `here`: the person does something, but with peers; counts as a message and does nothing else.
    Here,
    /// `watch`: the active clients, and from now on who comes and who goes.
    Watch,
    /// `unwatch`: no more of that.
    Unwatch,
    /// `who`: the active clients, since when each is there, and who does not want to be disturbed.
    Who,
    /// `dnd_on`, `dnd_off`: whether that is so of this client.
    DoNotDisturb(bool),
    /// `passwd`: begin the dialogue of another password (the old one, the new one, the new one again).
    PasswordDialogue,
    /// `PASSWD,old,new`: the same in one line.
    ChangePassword { old: String, new: String },
}

/// The requests that are one word.
static WORDS: [(&str, Request); 19] = [
    ("signup", Request::Entry(EntryRequest::SignupDialogue)),
    ("login", Request::Entry(EntryRequest::LoginDialogue)),
    ("1", Request::Member(MemberRequest::List)),
    ("list", Request::Member(MemberRequest::List)),
    ("2", Request::Member(MemberRequest::BroadcastDialogue)),
    ("GET_U", Request::Member(MemberRequest::GetUsers)),
    ("GET_AF", Request::Member(MemberRequest::GetAllFiles)),
    ("active", Request::Member(MemberRequest::Active)),
    ("inactive", Request::Member(MemberRequest::Inactive)),
    ("whoami", Request::Member(MemberRequest::Whoami)),
    ("probe", Request::Member(MemberRequest::Probe)),
    ("here", Request::Member(MemberRequest::Here)),
    ("watch", Request::Member(MemberRequest::Watch)),
    ("unwatch", Request::Member(MemberRequest::Unwatch)),
    ("who", Request::Member(MemberRequest::Who)),
    ("passwd", Request::Member(MemberRequest::PasswordDialogue)),
    ("help", Request::Help),
    ("quit", Request::Quit(None)),
    ("exit", Request::Quit(None)),
];
/// The words before a comma.
const COMMA_WORDS: [&str; 10] =
    ["SIGNUP", "LOGIN", "AGAIN", "PASSWD", "INIT", "REACH", "SHARE", "GET_P", "GET_UF", "EXIT"];
/// The words before the first `_`.
const UNDERSCORE_WORDS: [&str; 5] = ["bcast", "msg", "relay", "connect", "dnd"];

const SIGNUP_FORM: &str = "SIGNUP,name,password, with the password in \"quotes\" if it holds a comma";
const LOGIN_FORM: &str = "LOGIN,name,password, with the password in \"quotes\" if it holds a comma";
const AGAIN_FORM: &str = "AGAIN,name,TOKEN or AGAIN,name,TOKEN,EPOCH,LASTSEQ";
const PASSWD_FORM: &str = "PASSWD,old,new, with a password in \"quotes\" if it holds a comma";

/// Why a line is no request; its `Display` says what to send instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// An empty line.
    Empty,
    /// The first word is none of ours.
    Unknown,
    /// A known word with the wrong fields; the text is the form it takes.
    Form(&'static str),
    /// The ADDR is neither a username nor an address.
    Address(InvalidAddress),
    /// The text is none that may be broadcast.
    Broadcast(InvalidBroadcast),
}

impl Request {
    /// Reads one line, without its line end.
    ///
    /// # Errors
    /// [`BadRequest`] when the line is no command, or a command with the wrong fields.
    pub fn parse(line: &str) -> Result<Request, BadRequest> {
        let word = line.trim();
        if word.is_empty() {
            return Err(BadRequest::Empty);
        }
        if let Some(request) = Self::parse_word(word) {
            return Ok(request);
        }
        // A text behind `_` may hold commas, and `GET_P,name` holds a `_`: so the word before the comma decides.
        if let Some(request) = line.split_once(',').and_then(|(command, _)| Self::parse_comma(command, line)) {
            return request;
        }
        if let Some((command, rest)) = line.split_once('_') {
            return Self::parse_underscore(command, rest);
        }
        // A word that is a command is never an ADDR alone: a user of that name is reached by `connect_NAME`.
        if let Some(request) = Self::parse_comma(word, word) {
            return request;
        }
        match Self::parse_underscore(word, "") {
            Err(BadRequest::Unknown) => {
                word.parse().map(|to| MemberRequest::Connect(to).into()).map_err(|_| BadRequest::Unknown)
            }
            known => known,
        }
    }

    /// Words compare without regard to case, as the original clients disagree on it (`Login`, `login`).
    fn parse_word(word: &str) -> Option<Request> {
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, request)| request.clone())
    }

    /// Nothing when the word is none of the comma commands.
    fn parse_comma(command: &str, line: &str) -> Option<Result<Request, BadRequest>> {
        let word = COMMA_WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(command))?;
        let mut fields = comma::split(line).into_iter().skip(1);
        let mut next = || fields.next().unwrap_or_default();
        let (request, form): (Request, _) = match word {
            "SIGNUP" => (EntryRequest::Signup { name: next(), password: next() }.into(), SIGNUP_FORM),
            "LOGIN" => (EntryRequest::Login { name: next(), password: next() }.into(), LOGIN_FORM),
            "AGAIN" => {
                let again = EntryRequest::parse_again(&fields.collect::<Vec<_>>());
                return Some(again.map(Request::from).ok_or(BadRequest::Form(AGAIN_FORM)));
            }
            "PASSWD" => (MemberRequest::ChangePassword { old: next(), new: next() }.into(), PASSWD_FORM),
            "INIT" => {
                let (name, port) = (next(), next());
                return Some(Ok(MemberRequest::Init { name, port, files: fields.collect() }.into()));
            }
            "REACH" => (MemberRequest::Reach(next()).into(), "REACH,port"),
            "SHARE" => return Some(Ok(MemberRequest::Share(fields.collect()).into())),
            "GET_P" => (MemberRequest::GetPeer(next()).into(), "GET_P,name"),
            "GET_UF" => (MemberRequest::GetUserFiles(next()).into(), "GET_UF,name"),
            "EXIT" => (Request::Quit(Some(next())), "EXIT,name"),
            _ => return None,
        };
        Some(if fields.next().is_some() { Err(BadRequest::Form(form)) } else { Ok(request) })
    }

    fn parse_underscore(command: &str, rest: &str) -> Result<Request, BadRequest> {
        let cut_last = |form| {
            let (text, address) = rest.rsplit_once('_').ok_or(BadRequest::Form(form))?;
            if text.is_empty() {
                return Err(BadRequest::Form(form));
            }
            Ok((text.to_owned(), address.trim().parse().map_err(BadRequest::Address)?))
        };
        let word = UNDERSCORE_WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(command));
        let request = match word.unwrap_or_default() {
            "bcast" => MemberRequest::Broadcast(rest.parse().map_err(BadRequest::Broadcast)?),
            "msg" => cut_last("msg_TEXT_ADDR").map(|(text, to)| MemberRequest::Message { text, to })?,
            "relay" => cut_last("relay_TEXT_ADDR").map(|(text, to)| MemberRequest::Relay { text, to })?,
            "connect" => MemberRequest::Connect(rest.trim().parse().map_err(BadRequest::Address)?),
            "dnd" => match rest.trim().to_ascii_lowercase().as_str() {
                "on" => MemberRequest::DoNotDisturb(true),
                "off" => MemberRequest::DoNotDisturb(false),
                _ => return Err(BadRequest::Form("dnd_on or dnd_off")),
            },
            _ => return Err(BadRequest::Unknown),
        };
        Ok(request.into())
    }

    /// The line as it may be logged: a password becomes `***`, and of a text only its length is told.
    pub fn masked(&self) -> impl fmt::Display + '_ {
        Masked(self)
    }
}

/// Whether a word is a command, so that it is nobody's name where one stands alone. No new account has such a name.
pub fn is_command_word(word: &str) -> bool {
    let words = WORDS.iter().map(|(word, _)| *word).chain(COMMA_WORDS).chain(UNDERSCORE_WORDS);
    words.into_iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// What came for a username, as it may be logged. What cannot be one may be a password: it came a line too early, or
/// became part of the name by an open quote.
pub fn masked_name(name: &str) -> &str {
    if name.trim().parse::<Username>().is_ok() { name } else { "(no name)" }
}

struct Masked<'a>(&'a Request);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Request::Help | Request::Quit(_) => self.0.fmt(f),
            Request::Answer(_) => f.write_str("***"),
            Request::Entry(EntryRequest::Signup { name, .. }) => comma::write(f, ["SIGNUP", masked_name(name), "***"]),
            Request::Entry(EntryRequest::Login { name, .. }) => comma::write(f, ["LOGIN", masked_name(name), "***"]),
            Request::Entry(EntryRequest::Again { name, .. }) => comma::write(f, ["AGAIN", masked_name(name), "***"]),
            Request::Entry(EntryRequest::SignupDialogue | EntryRequest::LoginDialogue) => self.0.fmt(f),
            Request::Member(member) => member.write_masked(f),
        }
    }
}

impl EntryRequest {
    /// Reads what stands behind `AGAIN,`.
    fn parse_again(fields: &[String]) -> Option<EntryRequest> {
        let (name, token, since) = match fields {
            [name, token] => (name, token, None),
            [name, token, epoch, last_seq] => (name, token, Some((epoch.parse().ok()?, last_seq.parse().ok()?))),
            _ => return None,
        };
        Some(EntryRequest::Again { name: name.clone(), token: token.parse().ok()?, since })
    }
}

impl MemberRequest {
    fn write_masked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemberRequest::Broadcast(text) => write!(f, "bcast_({} bytes)", text.as_str().len()),
            MemberRequest::Message { text, to } => write!(f, "msg_({} bytes)_{to}", text.len()),
            MemberRequest::Relay { text, to } => write!(f, "relay_({} bytes)_{to}", text.len()),
            MemberRequest::ChangePassword { .. } => f.write_str("PASSWD,***,***"),
            MemberRequest::List
            | MemberRequest::BroadcastDialogue
            | MemberRequest::Connect(_)
            | MemberRequest::Init { .. }
            | MemberRequest::Reach(_)
            | MemberRequest::Share(_)
            | MemberRequest::GetUsers
            | MemberRequest::GetPeer(_)
            | MemberRequest::GetUserFiles(_)
            | MemberRequest::GetAllFiles
            | MemberRequest::Active
            | MemberRequest::Inactive
            | MemberRequest::Whoami
            | MemberRequest::Probe
            | MemberRequest::Here
            | MemberRequest::Watch
            | MemberRequest::Unwatch
            | MemberRequest::Who
            | MemberRequest::DoNotDisturb(_)
            | MemberRequest::PasswordDialogue => write!(f, "{self}"),
        }
    }
}

impl From<EntryRequest> for Request {
    fn from(request: EntryRequest) -> Request {
        Request::Entry(request)
    }
}

impl From<MemberRequest> for Request {
    fn from(request: MemberRequest) -> Request {
        Request::Member(request)
    }
}

/// The line of a request, without its line end: the mirror of [`Request::parse`].
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Help => f.write_str("help"),
            Request::Quit(None) => f.write_str("quit"),
            Request::Quit(Some(name)) => comma::write(f, ["EXIT", name]),
            Request::Entry(entry) => entry.fmt(f),
            Request::Member(member) => member.fmt(f),
            Request::Answer(line) => f.write_str(line),
        }
    }
}

impl fmt::Display for EntryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryRequest::SignupDialogue => f.write_str("signup"),
            EntryRequest::LoginDialogue => f.write_str("login"),
            EntryRequest::Signup { name, password } => comma::write(f, ["SIGNUP", name, password]),
            EntryRequest::Login { name, password } => comma::write(f, ["LOGIN", name, password]),
            EntryRequest::Again { name, token, since: None } => comma::write(f, ["AGAIN", name, &token.to_string()]),
            EntryRequest::Again { name, token, since: Some((epoch, last_seq)) } => {
                let fields = [token.to_string(), epoch.to_string(), last_seq.to_string()];
                comma::write(f, ["AGAIN", name].into_iter().chain(fields.iter().map(String::as_str)))
            }
        }
    }
}

impl fmt::Display for MemberRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemberRequest::List => f.write_str("list"),
            MemberRequest::BroadcastDialogue => f.write_str("2"),
            MemberRequest::Broadcast(text) => write!(f, "bcast_{text}"),
            MemberRequest::Message { text, to } => write!(f, "msg_{text}_{to}"),
            MemberRequest::Connect(to) => write!(f, "connect_{to}"),
            MemberRequest::Relay { text, to } => write!(f, "relay_{text}_{to}"),
            MemberRequest::Init { name, port, files } => {
                comma::write(f, ["INIT", name, port].into_iter().chain(files.iter().map(String::as_str)))
            }
            MemberRequest::Reach(port) => comma::write(f, ["REACH", port]),
            MemberRequest::Share(files) => {
                comma::write(f, ["SHARE"].into_iter().chain(files.iter().map(String::as_str)))
            }
            MemberRequest::GetUsers => f.write_str("GET_U"),
            MemberRequest::GetPeer(name) => comma::write(f, ["GET_P", name]),
            MemberRequest::GetUserFiles(name) => comma::write(f, ["GET_UF", name]),
            MemberRequest::GetAllFiles => f.write_str("GET_AF"),
            MemberRequest::Active => f.write_str("active"),
            MemberRequest::Inactive => f.write_str("inactive"),
            MemberRequest::Whoami => f.write_str("whoami"),
            MemberRequest::Probe => f.write_str("probe"),
            MemberRequest::Here => f.write_str("here"),
            MemberRequest::Watch => f.write_str("watch"),
            MemberRequest::Unwatch => f.write_str("unwatch"),
            MemberRequest::Who => f.write_str("who"),
            MemberRequest::DoNotDisturb(true) => f.write_str("dnd_on"),
            MemberRequest::DoNotDisturb(false) => f.write_str("dnd_off"),
            MemberRequest::PasswordDialogue => f.write_str("passwd"),
            MemberRequest::ChangePassword { old, new } => comma::write(f, ["PASSWD", old, new]),
        }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRequest::Empty => f.write_str("Empty line: send help for the commands"),
            BadRequest::Unknown => f.write_str("Unknown command: send help for the commands"),
            BadRequest::Form(form) => write!(f, "Send {form}"),
            BadRequest::Address(invalid) => invalid.fmt(f),
            BadRequest::Broadcast(invalid) => invalid.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Address {
        "bob".parse().expect("a username")
    }

    #[test]
    fn a_word_that_is_a_command_is_nobody() {
        for word in ["INIT", "again", "reach", "SHARE", "msg", "Relay", "bcast", "connect", "dnd", "Who", "watch"] {
            let parsed = Request::parse(word);
            assert!(!matches!(parsed, Ok(Request::Member(MemberRequest::Connect(_)))), "{word}: {parsed:?}");
            assert!(is_command_word(word), "{word}");
        }
        for name in ["alice", "watcher", "dnd-on", "init2", "3"] {
            let parsed = Request::parse(name);
            assert!(matches!(parsed, Ok(Request::Member(MemberRequest::Connect(_)))), "{name}: {parsed:?}");
            assert!(!is_command_word(name), "{name}");
        }
        assert_eq!(Request::parse("msg"), Err(BadRequest::Form("msg_TEXT_ADDR")));
        assert!(matches!(Request::parse("connect_msg"), Ok(Request::Member(MemberRequest::Connect(_)))));
        assert!(matches!(Request::parse("message"), Ok(Request::Member(MemberRequest::Connect(_)))));
    }

    #[test]
    fn every_request_there_and_back() {
        let lines = [
            "signup",
            "login",
            "SIGNUP,alice,password",
            "LOGIN,alice,\"pass,word\"",
            "AGAIN,alice,00112233445566778899aabbccddeeff",
            "AGAIN,alice,00112233445566778899aabbccddeeff,ffeeddccbbaa99887766554433221100,18446744073709551615",
            "list",
            "2",
            "bcast_hi_all",
            "msg_snake_case_rocks_bob",
            "connect_127.0.0.2:4401",
            "relay_hi_bob",
            "INIT,alice,4401,\"a,b.txt\",c.txt",
            "INIT,alice,4401",
            "REACH,5000",
            "SHARE,d.txt",
            "GET_U",
            "GET_P,bob",
            "GET_UF,bob",
            "GET_AF",
            "active",
            "inactive",
            "whoami",
            "probe",
            "here",
            "watch",
            "unwatch",
            "who",
            "dnd_on",
            "dnd_off",
            "passwd",
            "PASSWD,\"old, word\",new-word",
            "help",
            "quit",
            "EXIT,alice",
        ];
        for line in lines {
            assert_eq!(Request::parse(line).map(|request| request.to_string()), Ok(line.to_owned()));
        }
    }

    #[test]
    fn text_may_hold_underscores() {
        let expected = MemberRequest::Message { text: "snake_case_rocks".to_owned(), to: bob() };
        assert_eq!(Request::parse("msg_snake_case_rocks_bob"), Ok(expected.into()));
        assert_eq!(
            Request::parse("bcast_one, two"),
            Ok(MemberRequest::Broadcast("one, two".parse().expect("valid")).into())
        );
        let with_comma = MemberRequest::Message { text: "LOGIN, or not".to_owned(), to: bob() };
        assert_eq!(Request::parse("msg_LOGIN, or not_bob"), Ok(with_comma.into()));
        assert_eq!(Request::parse("msg__bob"), Err(BadRequest::Form("msg_TEXT_ADDR")));
        assert_eq!(Request::parse("msg_hi"), Err(BadRequest::Form("msg_TEXT_ADDR")));
        assert_eq!(Request::parse("msg_hi_b ob"), Err(BadRequest::Address(InvalidAddress)));
    }

    #[test]
    fn the_forgiving_forms() {
        assert_eq!(Request::parse("Login"), Ok(EntryRequest::LoginDialogue.into()));
        assert_eq!(Request::parse("1"), Ok(MemberRequest::List.into()));
        assert_eq!(Request::parse(" exit "), Ok(Request::Quit(None)));
        assert_eq!(Request::parse("bob"), Ok(MemberRequest::Connect(bob()).into()));
        assert_eq!(Request::parse(""), Err(BadRequest::Empty));
        assert_eq!(Request::parse("what is this"), Err(BadRequest::Unknown));
        assert_eq!(Request::parse("foo_bar"), Err(BadRequest::Unknown));
        assert_eq!(Request::parse("DND_Off"), Ok(MemberRequest::DoNotDisturb(false).into()));
        assert_eq!(Request::parse("dnd_later"), Err(BadRequest::Form("dnd_on or dnd_off")));
        assert!(matches!(Request::parse("LOGIN,a,b,c"), Err(BadRequest::Form(_))));
    }

    #[test]
    fn who_comes_again_shows_a_whole_token_and_says_all_or_nothing_of_broadcasts() {
        const TOKEN: &str = "00112233445566778899aabbccddeeff";
        for bad in [
            "AGAIN".to_owned(),
            "AGAIN,alice".to_owned(),
            format!("AGAIN,alice,{}", &TOKEN[1..]),
            format!("AGAIN,alice,{TOKEN},"),
            format!("AGAIN,alice,{TOKEN},{TOKEN}"),
            format!("AGAIN,alice,{TOKEN},{TOKEN},-1"),
            format!("AGAIN,alice,{TOKEN},{TOKEN},18446744073709551616"),
            format!("AGAIN,alice,{TOKEN},{TOKEN},1,"),
            format!("AGAIN,alice,{TOKEN},{},1", &TOKEN[1..]),
        ] {
            assert_eq!(Request::parse(&bad), Err(BadRequest::Form(AGAIN_FORM)), "{bad}");
        }
        let read = Request::parse(&format!("again,alice,{},{TOKEN},7", TOKEN.to_uppercase())).expect("of either case");
        assert_eq!(read.to_string(), format!("AGAIN,alice,{TOKEN},{TOKEN},7"));
        assert_eq!(format!("{read:?}").matches(TOKEN).count(), 1, "the epoch alone is seen in a log: {read:?}");
    }

    #[test]
    fn passwords_and_texts_are_masked() {
        for (line, masked) in [
            ("AGAIN,alice,00112233445566778899aabbccddeeff", "AGAIN,alice,***"),
            (
                "AGAIN,\"al,ice\",00112233445566778899aabbccddeeff,00112233445566778899aabbccddeeff,9",
                "AGAIN,(no name),***",
            ),
            ("LOGIN,alice,secret-word", "LOGIN,alice,***"),
            ("SIGNUP,alice,\"secret, word\"", "SIGNUP,alice,***"),
            ("SIGNUP,\"alice,secret-word", "SIGNUP,(no name),***"),
            ("PASSWD,secret-word,another-word", "PASSWD,***,***"),
            ("passwd,\"secret-word", "PASSWD,***,***"),
            ("bcast_hi all", "bcast_(6 bytes)"),
            ("msg_grüße_bob", "msg_(7 bytes)_bob"),
            ("relay_hi_127.0.0.2:4401", "relay_(2 bytes)_127.0.0.2:4401"),
            ("connect_bob", "connect_bob"),
            ("EXIT,alice", "EXIT,alice"),
        ] {
            assert_eq!(Request::parse(line).map(|request| request.masked().to_string()), Ok(masked.to_owned()));
        }
    }
}
