//! The words of the menu dialect, which are S1's; the clients of S0 and S2 are content with them.
//!
//! A client takes 255 bytes at a time, at the most, and shows them. S1's takes what stands before the first `_` for
//! a command: at `peer` it expects an address behind it, and does not survive another text. So nothing that is sent
//! may begin with that word; and as two writes may arrive as one, and be cut elsewhere, no text may hold it before
//! a `_`.

use crate::protocol::{Event, InvalidBroadcast, Notice, Refusal};
use crate::value::text;
use std::net::SocketAddr;

/// The most bytes in one write: S1's client shows texts under 255 bytes only.
pub const MAX_WRITE: usize = 254;
/// What the clients send of a long line at a time, in bytes: their `fgets` has a buffer of 256.
pub const PIECE: usize = 255;
/// The longest line of what others say, in quiet mode: it fits into one write beside the longest answer.
pub const MAX_QUIET_LINE: usize = 110;

/// What stands at the beginning, and wherever one is not logged in.
pub const GREETING: &str = "Please choose an option: login or signup\n";
/// What stands after each action of those who are logged in.
pub const MENU: &str =
    "1. List of active clients\n2. Broadcast a message\n3. Message a client: msg_yourMessage_address\n";

/// Asks for the name at a login.
pub const LOGIN_NAME: &str = "Username:\n";
/// Asks for the password at a login.
pub const LOGIN_PASSWORD: &str = "Password:\n";
/// Comes before [`MENU`].
pub const LOGGED_IN: &str = "Login successful!\n";
/// Comes before [`GREETING`].
const WRONG_CREDENTIALS: &str = "invalid credentials. \n";
/// Asks for the name at a sign-up.
pub const SIGNUP_NAME: &str = "Please enter a new username:\n";
/// Comes before [`GREETING`].
const NAME_TAKEN: &str = "username not available.Enter different username.\n";
/// Asks for the password at a sign-up.
pub const SIGNUP_PASSWORD: &str = "Please enter a new password:\n";
/// Asks for it again.
pub const SIGNUP_AGAIN: &str = "Re-enter your password:\n";
/// Comes before [`GREETING`].
const MISMATCH: &str = "Passwords do not match.\n";
/// Comes before [`GREETING`].
pub const SIGNED_UP: &str = "Successful.Please login\n";
/// Asks for the text of a broadcast.
pub const BROADCAST_TEXT: &str = "Enter the message to broadcast:\n";
/// Comes before [`GREETING`] or [`MENU`].
pub const INVALID_OPTION: &str = "Invalid option\n";
/// To what came behind whole pieces of a line that was answered already.
pub const REST: &str = "The rest of that long line was left out\n";
/// Comes before [`MENU`].
pub const UNWATCHED: &str = "You hear no more of who comes and who goes\n";
/// The last word to a client that leaves.
pub const GOODBYE: &str = "Goodbye\n";

/// What a client who is logged in may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `1` or `list`: the active clients.
    List,
    /// `2`: a broadcast, whose text comes next.
    Broadcast,
    /// `msg_TEXT_ADDR`; the whole of it.
    Message,
    /// `watch`: the active clients, and from then on who comes and who goes. The originals have nothing like it.
    Watch,
    /// `unwatch`: no more of that.
    Unwatch,
    /// `exit` or `quit`.
    Exit,
    /// Anything else.
    Invalid,
}

impl Choice {
    /// Reads a message; words compare without regard to case.
    pub fn parse(message: &str) -> Choice {
        match message.trim().to_ascii_lowercase().as_str() {
            "1" | "list" => Choice::List,
            "2" => Choice::Broadcast,
            "watch" => Choice::Watch,
            "unwatch" => Choice::Unwatch,
            "exit" | "quit" => Choice::Exit,
            // The form, for those who take it for a number.
            "3" => Choice::Message,
            message if message.starts_with("msg_") => Choice::Message,
            _ => Choice::Invalid,
        }
    }
}

/// The list of clients, a line each, at most `limit` bytes of it; the last line then says how many are left out.
pub fn list(clients: &[SocketAddr], limit: usize) -> String {
    const MORE: usize = "and 100000 more\n".len();
    let mut listed = "Active Clients:\n".to_owned();
    for (number, address) in clients.iter().enumerate() {
        let line = format!("Client {} : {address}\n", number + 1);
        let last = number + 1 == clients.len();
        if listed.len() + line.len() + if last { 0 } else { MORE } > limit {
            listed.push_str(&format!("and {} more\n", clients.len() - number));
            break;
        }
        listed.push_str(&line);
    }
    listed
}

/// What the server says unasked, in lines for the client of at most `limit` bytes each. A ticket is none of its
/// business and gives nothing, nor does where other servers are.
pub fn show_event(event: &Event, limit: usize) -> Vec<String> {
    match event {
        Event::Broadcast(broadcast) => quote(broadcast.from.as_str(), "", &broadcast.text, limit),
        Event::Message { from, text } => quote(from.as_str(), " to you", text, limit),
        Event::Notice(Notice::House(said)) => quote("From the house", "", said, limit),
        Event::Notice(Notice::Removed(why)) => quote("Removed by the house", "", why, limit),
        Event::Notice(Notice::Banned(ban)) => {
            quote(&format!("Banned by the house until {}", ban.end()), "", &ban.why, limit)
        }
        Event::Notice(notice) => vec![tell(&notice.to_string())],
        Event::Joined { name, address, .. } if address.port() == 0 => vec![tell(&format!("{name} is here"))],
        Event::Joined { name, address, .. } => vec![tell(&format!("{name} is here: {address}"))],
        Event::Left(name) => vec![tell(&format!("{name} has left"))],
        Event::Ticket { .. } | Event::Key { .. } | Event::ServerKey { .. } | Event::Servers(_) => Vec::new(),
    }
}

/// A refusal, in S1's words where it has them.
pub fn refuse(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidCredentials => WRONG_CREDENTIALS.to_owned(),
        Refusal::NameTaken => NAME_TAKEN.to_owned(),
        Refusal::PasswordsDoNotMatch => MISMATCH.to_owned(),
        other => tell(&other.to_string()),
    }
}

/// What is wrong with a text that was to be broadcast; the native protocol's form would be of no use here.
pub fn refuse_broadcast(invalid: &InvalidBroadcast) -> String {
    match invalid {
        InvalidBroadcast::Blank => tell("Nothing to broadcast"),
        InvalidBroadcast::TooLong(_) | InvalidBroadcast::Control(_) => tell(&invalid.to_string()),
    }
}

/// What somebody said; each line begins with the name.
fn quote(from: &str, how: &str, said: &str, limit: usize) -> Vec<String> {
    let said = said.replace("peer_", "peer _");
    let head = harmless(format!("{from}{how}: "));
    let room = limit - head.len() - 1;
    let mut rest = said.as_str();
    let mut lines = Vec::new();
    while !rest.is_empty() || lines.is_empty() {
        let piece = text::cut(rest, room);
        lines.push(format!("{head}{piece}\n"));
        rest = &rest[piece.len()..];
    }
    lines
}

/// A sentence of the server's own, as a line that fits into one write beside [`MENU`].
pub fn tell(sentence: &str) -> String {
    harmless(format!("{}\n", text::cut(sentence, MAX_WRITE - MENU.len() - 2)))
}

/// A name may begin as that word does.
fn harmless(line: String) -> String {
    if line.starts_with("peer") { format!(" {line}") } else { line }
}

/// How many of these bytes go into one write: whole lines, as far as possible.
pub fn write_length(bytes: &[u8]) -> usize {
    if bytes.len() <= MAX_WRITE {
        return bytes.len();
    }
    bytes[..MAX_WRITE].iter().rposition(|&byte| byte == b'\n').map_or(MAX_WRITE, |lf| lf + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Ban, Broadcast};
    use crate::value::Username;

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn broadcast(from: &str, text: &str) -> Event {
        Event::Broadcast(Broadcast { seq: 1, unix_time: 1, from: name(from), text: text.to_owned() })
    }

    fn message(from: &str, text: &str) -> Event {
        Event::Message { from: name(from), text: text.to_owned() }
    }

    fn joined(who: &str, port: u16) -> Event {
        Event::Joined { name: name(who), address: ([127, 0, 0, 3], port).into(), guest: None }
    }

    #[test]
    fn the_choices() {
        for (message, choice) in [
            ("1", Choice::List),
            ("2", Choice::Broadcast),
            ("msg_hi_bob", Choice::Message),
            ("MSG_hi_bob", Choice::Message),
            ("3", Choice::Message),
            ("Exit", Choice::Exit),
            ("Watch", Choice::Watch),
            ("unwatch", Choice::Unwatch),
            ("", Choice::Invalid),
            ("4", Choice::Invalid),
        ] {
            assert_eq!(Choice::parse(message), choice, "{message}");
        }
    }

    #[test]
    fn a_list_says_what_it_leaves_out() {
        let clients: Vec<SocketAddr> = (0..20).map(|number| ([127, 0, 0, 1], 40_000 + number).into()).collect();
        assert_eq!(
            list(&clients[..2], 160),
            "Active Clients:\nClient 1 : 127.0.0.1:40000\nClient 2 : 127.0.0.1:40001\n"
        );
        assert_eq!(list(&[], 160), "Active Clients:\n");
        for limit in 60..300 {
            let listed = list(&clients, limit);
            assert!(listed.len() <= limit && listed.ends_with(" more\n"), "{limit}: {listed}");
        }
        assert_eq!(list(&clients, usize::MAX).lines().count(), 21);
    }

    #[test]
    fn what_others_say_stays_under_the_limit_and_names_them_in_every_line() {
        let of_house = show_event(&Event::Notice(Notice::House("x".repeat(300))), MAX_QUIET_LINE);
        assert!(of_house.len() > 3 && of_house.iter().all(|line| line.starts_with("From the house: x")));
        let removed = show_event(&Event::Notice(Notice::Removed("x".repeat(300))), MAX_QUIET_LINE);
        assert!(removed.len() > 3 && removed.iter().all(|line| line.starts_with("Removed by the house: x")));
        let ban = Ban { until: None, why: "x".repeat(500) };
        let banned = show_event(&Event::Notice(Notice::Banned(ban)), MAX_WRITE);
        let begins = "Banned by the house until further notice: x";
        assert!(banned.len() > 2 && banned.iter().all(|line| line.starts_with(begins)));
        let lines = show_event(&broadcast("alice", &"grüße ".repeat(128)), MAX_QUIET_LINE);
        assert!(lines.iter().all(|line| line.starts_with("alice: ") && line.len() <= MAX_QUIET_LINE));
        let said: String = lines.iter().map(|line| line["alice: ".len()..].trim_end_matches('\n')).collect();
        assert_eq!(said, "grüße ".repeat(128));
        assert_eq!(show_event(&message("bob", "hi"), MAX_WRITE), ["bob to you: hi\n"]);
        assert_eq!(show_event(&Event::Notice(Notice::Other("Bye".to_owned())), MAX_WRITE), ["Bye\n"]);
        assert_eq!(show_event(&joined("bob", 4401), MAX_WRITE), ["bob is here: 127.0.0.3:4401\n"]);
        assert_eq!(show_event(&joined("bob", 0), MAX_WRITE), ["bob is here\n"]);
        assert_eq!(show_event(&Event::Left(name("bob")), MAX_WRITE), ["bob has left\n"]);
        let ticket = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
        assert!(show_event(&Event::Ticket { name: name("bob"), ticket }, MAX_WRITE).is_empty());
    }

    #[test]
    fn the_word_that_kills_a_client_is_never_sent() {
        let nasty = [
            broadcast("peer", "hi"),
            message("peer", "x"),
            broadcast("eve", "peer_peer_1"),
            Event::Notice(Notice::TakenOver { name: name("peer"), from: [10, 0, 0, 7].into(), in_the_clear: false }),
            joined("peer", 4401),
            Event::Left(name("Peer")),
            Event::Left(name("peer")),
        ];
        for event in nasty {
            for shown in show_event(&event, MAX_WRITE) {
                assert!(!shown.starts_with("peer") && !shown.contains("peer_"), "{shown}");
            }
        }
    }

    #[test]
    fn writes_are_whole_lines() {
        let lines = format!("{}\n", "x".repeat(99)).repeat(5);
        assert_eq!(write_length(lines.as_bytes()), 200);
        assert_eq!(write_length(&lines.as_bytes()[..254]), 254);
        assert_eq!(write_length(&[b'x'; 1000]), 254);
    }

    #[test]
    fn a_line_of_others_fits_beside_the_longest_answer() {
        assert!(LOGGED_IN.len() + MENU.len() + MAX_QUIET_LINE <= MAX_WRITE);
    }
}
