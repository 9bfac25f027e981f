//! Reads a line that is a command: a word of the table with its arguments, or a line as it would be typed to the
//! server.

use super::meaning::Command;
use super::table::find;
use crate::protocol::{BroadcastText, InvalidBroadcast, MAX_BROADCAST, MemberRequest, Request};

/// Reads a command, with a slash before it or without.
///
/// # Errors
/// A sentence that says what to type instead.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim();
    // Where a slash is needed the advice has one too.
    let (slash, line) = line.strip_prefix('/').map_or(("", line), |line| ("/", line));
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let command = match find(word) {
        Some(row) => (row.read)(rest.trim()).ok_or_else(|| format!("Type: {slash}{}", row.usage()))?,
        None => as_to_the_server(line, slash)?,
    };
    match &command {
        Command::Broadcast(text) => check_broadcast(text).map(|()| command),
        _ => Ok(command),
    }
}

/// Whether a text may be broadcast, by the rule of the protocol, in the words of somebody who types it.
///
/// # Errors
/// A sentence that says what it must be.
pub fn check_broadcast(text: &str) -> Result<(), String> {
    text.parse::<BroadcastText>().map(drop).map_err(|invalid| match invalid {
        InvalidBroadcast::Blank => "A broadcast needs a text".to_owned(),
        InvalidBroadcast::TooLong(bytes) => {
            format!("A broadcast has at most {MAX_BROADCAST} bytes; this one has {bytes}")
        }
        InvalidBroadcast::Control(_) => invalid.to_string(),
    })
}

/// Whether a typed line may hold a password, right or wrong in form, so that it is not kept: it begins with a word behind
/// which one stands in the protocol, and does not end there.
pub fn may_hold_password(line: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix('/').unwrap_or(line);
    let (word, _) = line.split_once([' ', ',', '_', '\t']).unwrap_or(("", line));
    ["login", "signup", "passwd", "password", "again"].iter().any(|secretive| word.eq_ignore_ascii_case(secretive))
}

/// `msg_TEXT_ADDR` and its like.
fn as_to_the_server(line: &str, slash: &str) -> Result<Command, String> {
    let unknown = || {
        // What stands behind a comma may be a password, which is not to be shown.
        let word = line.split([' ', ',']).next().unwrap_or_default();
        match find(word) {
            Some(row) => format!("Type: {slash}{}", row.usage()),
            None => format!("{word:?} is no command: type {slash}help for the list"),
        }
    };
    if !line.contains('_') && !line.contains(',') {
        return Err(unknown());
    }
    let request = match Request::parse(line).map_err(|error| error.to_string())? {
        Request::Quit(_) => return Ok(Command::Quit),
        Request::Member(request) => request,
        Request::Help | Request::Entry(_) | Request::Answer(_) => return Err(unknown()),
    };
    match request {
        MemberRequest::Broadcast(text) => Ok(Command::Broadcast(text.to_string())),
        MemberRequest::Message { text, to } => Ok(Command::Message { to, text }),
        MemberRequest::Relay { text, to } => Ok(Command::Relay { to, text }),
        MemberRequest::Connect(to) => Ok(Command::Chat(to)),
        MemberRequest::GetUsers => Ok(Command::Users),
        MemberRequest::DoNotDisturb(dnd) => Ok(Command::Dnd(dnd)),
        MemberRequest::GetUserFiles(name) => name.parse().map(|name| Command::Files(Some(name))).map_err(|_| unknown()),
        MemberRequest::GetPeer(name) => name.parse().map(Command::AddressOf).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning::{Cancelled, Which};
    use super::*;
    use crate::value::{Address, Username};
    use std::path::PathBuf;
    use std::time::Duration;

    fn bob() -> Address {
        "bob".parse().expect("valid")
    }

    fn name() -> Username {
        "bob".parse().expect("valid")
    }

    fn all_read(lines: impl IntoIterator<Item = (&'static str, Command)>) {
        for (line, command) in lines {
            assert_eq!(parse(line).as_ref(), Ok(&command), "{line}");
            assert_eq!(parse(&format!(" /{}", line.trim())), Ok(command), "/{line}");
        }
    }

    #[test]
    fn a_password_that_is_typed_as_a_command_is_neither_shown_nor_kept() {
        for line in [
            "PASSWD,old-word,new-word",
            "passwd old-word new-word",
            "password old-word",
            "/LOGIN,alice,old-word",
            "AGAIN,alice,old-word",
            "AGAIN,alice,00112233445566778899aabbccddeeff,old-word,7",
            "signup_alice_old-word",
        ] {
            assert!(may_hold_password(line), "{line}");
            assert!(parse(line).is_err_and(|why| !why.contains("-word")), "{line}");
        }
        for line in ["passwd", "/login", "logins are slow", "list"] {
            assert!(!may_hold_password(line), "{line}");
        }
    }

    #[test]
    fn words_numbers_and_the_servers_forms() {
        let hi = || Command::Message { to: bob(), text: "hi there".to_owned() };
        let accept = |which| Command::Accept { which, folder: None };
        all_read([
            ("1", Command::List),
            (" List ", Command::List),
            ("2", Command::BroadcastNextLine),
            ("broadcast hi  all", Command::Broadcast("hi  all".to_owned())),
            ("all hi", Command::Broadcast("hi".to_owned())),
            ("all -", Command::BroadcastRest),
            ("bcast_hi", Command::Broadcast("hi".to_owned())),
            ("msg bob hi there", hi()),
            ("msg bob -", Command::MessageRest { to: bob() }),
            ("msg_hi there_bob", hi()),
            ("relay_hi_bob", Command::Relay { to: bob(), text: "hi".to_owned() }),
            ("connect_bob", Command::Chat(bob())),
            ("chat bob", Command::Chat(bob())),
            ("y", accept(Which::Only)),
            ("accept 7", accept(Which::Number(7))),
            ("accept bob", accept(Which::Of(name()))),
            ("accept 7 'my files'", Command::Accept { which: Which::Number(7), folder: Some("my files".into()) }),
            ("n 7", Command::Decline(Which::Number(7))),
            ("allow", Command::Allow(Which::Only)),
            ("run bob echo 'a b'", Command::Run { on: bob(), command: "echo 'a b'".to_owned() }),
            ("GET_U", Command::Users),
            ("GET_UF,bob", Command::Files(Some(name()))),
            ("GET_P,bob", Command::AddressOf(name())),
            ("EXIT,bob", Command::Quit),
            ("exit", Command::Exit),
            ("8", Command::Quit),
            ("quit!", Command::QuitNow),
        ]);
    }

    #[test]
    fn files_and_windows() {
        let get = |file: &str| Command::Get { from: name(), file: file.parse().expect("valid") };
        let send = |paths: &[&str]| Command::Send { to: name(), paths: paths.iter().map(PathBuf::from).collect() };
        let named = |what: &str| Command::Cancel(Cancelled::Named(what.to_owned()));
        all_read([
            ("get bob a, b.txt", get("a, b.txt")),
            ("get bob \" a\"", get(" a")),
            ("send bob a.pdf dir/ \"b c.txt\"", send(&["a.pdf", "dir/", "b c.txt"])),
            ("send bob it\\'s", send(&["it's"])),
            ("cancel all", Command::Cancel(Cancelled::All)),
            ("cancel 7", Command::Cancel(Cancelled::Number(7))),
            ("cancel \"7\"", named("7")),
            ("cancel dir/", named("dir/")),
            ("cancel a, b.txt", named("a, b.txt")),
            ("w 12", Command::Window(12)),
            ("next", Command::Next),
            ("close", Command::Close(None)),
            ("close bob", Command::Close(Some(name()))),
            ("search two words", Command::Search("two words".to_owned())),
            ("names off", Command::Names(false)),
            ("quiet on", Command::Quiet(true)),
            ("dnd on", Command::Dnd(true)),
            ("dnd_off", Command::Dnd(false)),
            ("block bob", Command::Block(name())),
            ("unblock bob", Command::Unblock(name())),
            ("who", Command::Who),
            ("help", Command::Help(None)),
            ("help get", Command::Help(Some("get".to_owned()))),
        ]);
    }

    #[test]
    fn a_wait_is_in_seconds_unless_it_says_otherwise() {
        let wait = |millis| Command::Wait(Some(Duration::from_millis(millis)));
        all_read([
            ("wait", Command::Wait(None)),
            ("wait 2", wait(2000)),
            ("wait 2s", wait(2000)),
            ("wait 300ms", wait(300)),
        ]);
        assert_eq!(parse("wait 0"), Err("Type: wait [DURATION]".to_owned()));
    }

    #[test]
    fn a_refusal_says_what_to_type() {
        for (line, usage) in [
            ("msg bob", "msg NAME TEXT"),
            ("get bob ../x", "get NAME FILE"),
            ("send bob", "send NAME FILE..."),
            ("send bob ''", "send NAME FILE..."),
            ("send bob 'a", "send NAME FILE..."),
            ("w 0", "w N"),
            ("cancel", "cancel N|FILE|all"),
            ("quiet", "quiet on|off"),
            ("accept 7 two folders", "accept [N|NAME] [DIR]"),
            ("list x", "list"),
            ("search", "search TEXT"),
        ] {
            assert_eq!(parse(line), Err(format!("Type: {usage}")), "{line}");
        }
        assert_eq!(parse("/dance"), Err("\"dance\" is no command: type /help for the list".to_owned()));
        assert_eq!(parse("msg_hi"), Err("Send msg_TEXT_ADDR".to_owned()));
        assert!(parse(&format!("broadcast {}", "x".repeat(1025))).is_err_and(|why| why.contains("1025")));
    }
}
