//! What a person can ask the client to do: one table, from which the parser, the menu and the help are made.

use crate::protocol::{MAX_BROADCAST, MemberRequest, Request};
use crate::value::Address;
use crate::value::FileName;
use crate::value::Username;
use crate::value::duration;
use std::time::Duration;

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's row of the table names its fields")]
pub enum Command {
    List,
    /// Without a text, the next line is the text.
    Broadcast(Option<String>),
    Chat(Address),
    Message {
        to: Address,
        text: String,
    },
    Relay {
        to: Address,
        text: String,
    },
    Run {
        on: Address,
        command: String,
    },
    Accept(Option<Username>),
    Allow(Option<Username>),
    Decline(Option<Username>),
    Peers,
    Close(Username),
    Users,
    AddressOf(Username),
    Files(Option<Username>),
    Get {
        from: Username,
        file: FileName,
    },
    Transfers,
    /// Without a name, all of them.
    Cancel(Option<FileName>),
    Active,
    Inactive,
    Whoami,
    /// Without a duration, until all files are fetched.
    Wait(Option<Duration>),
    Disconnect,
    Reconnect,
    Help,
    Quit,
}

/// A row of the table.
pub struct Row {
    /// The word that is typed.
    pub word: &'static str,
    /// Shorter or other words for the same: the numbers of the original menus among them.
    pub also: &'static [&'static str],
    /// What follows the word.
    pub arguments: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// Reads what follows the word; `None` when it does not fit `arguments`.
    read: fn(&str) -> Option<Command>,
}

/// Every command, in the order of the menu.
pub const TABLE: &[Row] = &[
    Row { word: "list", also: &["1"], arguments: "", help: "active clients", read: |rest| alone(rest, Command::List) },
    Row {
        word: "broadcast",
        also: &["2"],
        arguments: "[TEXT]",
        help: "a message to everybody: TEXT, or the next line",
        read: |rest| Some(Command::Broadcast((!rest.is_empty()).then(|| rest.to_owned()))),
    },
    Row {
        word: "msg",
        also: &["3"],
        arguments: "NAME TEXT",
        help: "a single message, directly to NAME",
        read: |rest| addressed(rest).map(|(to, text)| Command::Message { to, text }),
    },
    Row {
        word: "chat",
        also: &["4", "connect"],
        arguments: "NAME",
        help: "ask NAME for a chat, or go back to one",
        read: |rest| rest.parse().ok().map(Command::Chat),
    },
    Row {
        word: "accept",
        also: &["y", "yes"],
        arguments: "[NAME]",
        help: "take the chat that somebody asks for",
        read: |rest| optional_name(rest).map(Command::Accept),
    },
    Row {
        word: "decline",
        also: &["n", "no"],
        arguments: "[NAME]",
        help: "or not",
        read: |rest| optional_name(rest).map(Command::Decline),
    },
    Row {
        word: "run",
        also: &[],
        arguments: "NAME COMMAND",
        help: "ask NAME to run a command, and get its output",
        read: |rest| addressed(rest).map(|(on, command)| Command::Run { on, command }),
    },
    Row {
        word: "allow",
        also: &[],
        arguments: "[NAME]",
        help: "let the command run here that NAME asks for",
        read: |rest| optional_name(rest).map(Command::Allow),
    },
    Row {
        word: "peers",
        also: &[],
        arguments: "",
        help: "your open chats, and commands and files under way",
        read: |rest| alone(rest, Command::Peers),
    },
    Row {
        word: "close",
        also: &[],
        arguments: "NAME",
        help: "end the open chat with NAME, and commands",
        read: |rest| rest.parse().ok().map(Command::Close),
    },
    Row {
        word: "users",
        also: &[],
        arguments: "",
        help: "names of the active clients",
        read: |rest| alone(rest, Command::Users),
    },
    Row {
        word: "address",
        also: &[],
        arguments: "NAME",
        help: "the IP and port of NAME",
        read: |rest| rest.parse().ok().map(Command::AddressOf),
    },
    Row {
        word: "files",
        also: &["GET_AF"],
        arguments: "[NAME]",
        help: "what NAME shares, or everybody",
        read: |rest| optional_name(rest).map(Command::Files),
    },
    Row {
        word: "get",
        also: &[],
        arguments: "NAME FILE",
        help: "fetch a file from NAME in the background",
        read: |rest| {
            let (from, file) = rest.split_once(' ')?;
            Some(Command::Get { from: from.parse().ok()?, file: FileName::from_typed(file.trim()).ok()? })
        },
    },
    Row {
        word: "transfers",
        also: &[],
        arguments: "",
        help: "files on their way",
        read: |rest| alone(rest, Command::Transfers),
    },
    Row {
        word: "cancel",
        also: &[],
        arguments: "FILE|all",
        help: "stop fetching; get it again to go on",
        read: |rest| match rest {
            "all" => Some(Command::Cancel(None)),
            file => FileName::from_typed(file).ok().map(|file| Command::Cancel(Some(file))),
        },
    },
    Row {
        word: "active",
        also: &[],
        arguments: "",
        help: "be listed and reachable",
        read: |rest| alone(rest, Command::Active),
    },
    Row { word: "inactive", also: &[], arguments: "", help: "or not", read: |rest| alone(rest, Command::Inactive) },
    Row {
        word: "whoami",
        also: &[],
        arguments: "",
        help: "your own name and address",
        read: |rest| alone(rest, Command::Whoami),
    },
    Row {
        word: "wait",
        also: &[],
        arguments: "[DURATION]",
        help: "show what arrives for 5s, say, or till all is fetched",
        read: |rest| match rest {
            "" => Some(Command::Wait(None)),
            span => duration::parse(span).ok().map(|span| Command::Wait(Some(span))),
        },
    },
    Row {
        word: "disconnect",
        also: &[],
        arguments: "",
        help: "leave the server, and go on talking to peers",
        read: |rest| alone(rest, Command::Disconnect),
    },
    Row {
        word: "reconnect",
        also: &[],
        arguments: "",
        help: "come back to the server after it has ended the connection",
        read: |rest| alone(rest, Command::Reconnect),
    },
    Row {
        word: "help",
        also: &["?", "menu"],
        arguments: "",
        help: "this list",
        read: |rest| alone(rest, Command::Help),
    },
    Row { word: "quit", also: &["exit", "8"], arguments: "", help: "leave", read: |rest| alone(rest, Command::Quit) },
];

fn alone(rest: &str, command: Command) -> Option<Command> {
    rest.is_empty().then_some(command)
}

fn addressed(rest: &str) -> Option<(Address, String)> {
    let (to, text) = rest.split_once(' ')?;
    Some((to.parse().ok()?, Some(text.trim()).filter(|text| !text.is_empty())?.to_owned()))
}

fn optional_name(rest: &str) -> Option<Option<Username>> {
    if rest.is_empty() { Some(None) } else { rest.parse().ok().map(Some) }
}

/// Reads a line of the menu: a word of the table with its arguments, or a line as it would be typed to the server.
///
/// # Errors
/// A sentence that says what to type instead.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let command = match find(word) {
        Some(row) => (row.read)(rest.trim()).ok_or_else(|| format!("Type: {} {}", row.word, row.arguments))?,
        None => as_to_the_server(line)?,
    };
    match &command {
        Command::Broadcast(Some(text)) => check_broadcast(text).map(|()| command),
        _ => Ok(command),
    }
}

fn find(word: &str) -> Option<&'static Row> {
    let is_it = |row: &&Row| [row.word].iter().chain(row.also).any(|known| known.eq_ignore_ascii_case(word));
    TABLE.iter().find(is_it)
}

/// What a broadcast may be.
///
/// # Errors
/// A sentence that says how long it may be.
pub fn check_broadcast(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("A broadcast needs a text".to_owned());
    }
    if text.len() > MAX_BROADCAST {
        return Err(format!("A broadcast has at most {MAX_BROADCAST} bytes; this one has {}", text.len()));
    }
    Ok(())
}

/// `msg_TEXT_ADDR` and its like.
fn as_to_the_server(line: &str) -> Result<Command, String> {
    let unknown = || {
        let word = line.split(' ').next().unwrap_or_default();
        format!("{word:?} is no command: type help for the list")
    };
    if !line.contains('_') && !line.contains(',') {
        return Err(unknown());
    }
    match Request::parse(line).map_err(|error| error.to_string())? {
        Request::Member(MemberRequest::Broadcast(text)) => Ok(Command::Broadcast(Some(text.to_string()))),
        Request::Member(MemberRequest::Message { text, to }) => Ok(Command::Message { to, text }),
        Request::Member(MemberRequest::Relay { text, to }) => Ok(Command::Relay { to, text }),
        Request::Member(MemberRequest::Connect(to)) => Ok(Command::Chat(to)),
        Request::Member(MemberRequest::GetUsers) => Ok(Command::Users),
        Request::Member(MemberRequest::GetUserFiles(name)) => {
            name.parse().map(|name| Command::Files(Some(name))).map_err(|_| unknown())
        }
        Request::Member(MemberRequest::GetPeer(name)) => name.parse().map(Command::AddressOf).map_err(|_| unknown()),
        Request::Quit(_) => Ok(Command::Quit),
        _ => Err(unknown()),
    }
}

/// The menu: a line for each command.
pub fn menu() -> impl Iterator<Item = String> {
    TABLE.iter().map(Row::line)
}

/// The short menu: the commands that have a number, as in the menus of old.
pub fn short_menu() -> impl Iterator<Item = String> {
    let has_number = |row: &&Row| row.also.iter().any(|word| word.parse::<u8>().is_ok());
    TABLE.iter().filter(has_number).map(Row::line)
}

impl Row {
    fn line(&self) -> String {
        let usage = format!("{} {}", self.word, self.arguments);
        let also = if self.also.is_empty() { String::new() } else { format!(" (or {})", self.also.join(", ")) };
        format!("  {usage:<18} {}{also}", self.help)
    }
}

/// What Tab may put at the end of a line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The first word: a command.
    Word,
    /// The name of somebody active.
    Name,
    /// A file that this person shares.
    File(&'a str),
    /// Anything.
    Text,
}

/// What stands at the end of `line`, by the arguments of its command in the table, and where it begins, in bytes. A
/// file comes last, as its name may hold spaces.
pub fn place(line: &str) -> (usize, Place<'_>) {
    let mut begin = line.len() - line.trim_start().len();
    let Some((word, rest)) = line[begin..].split_once(' ') else { return (begin, Place::Word) };
    begin += word.len() + 1;
    let mut rest = rest;
    let mut before = "";
    for argument in find(word).map_or("", |row| row.arguments).split(' ') {
        match (argument.trim_matches(['[', ']']), rest.split_once(' ')) {
            ("FILE", _) => return (begin, Place::File(before)),
            ("NAME", None) => return (begin, Place::Name),
            (_, None) => return (begin, Place::Text),
            (_, Some((typed, behind))) => {
                begin += typed.len() + 1;
                (before, rest) = (typed, behind);
            }
        }
    }
    (line.len(), Place::Text)
}

/// What a line means while a chat is in the foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InChat<'a> {
    /// To be sent.
    Say(&'a str),
    /// `!exit`: end the chat.
    Exit,
    /// `!back`: to the menu, the chat stays open.
    Back,
    /// `!allow` or `!decline`: the answer to a command that somebody asks to run here.
    Allow(bool),
    /// `!wait DURATION`: for scripts.
    Wait(Duration),
    /// `!` and another lower-case word: rather a slip than a text.
    Unknown,
}

/// What a person is told whose `!` word is none.
pub const CHAT_WORDS: &str =
    "Not sent: after ! comes exit, back, allow, decline or wait DURATION; to say it, begin with !!";

/// Reads a line of a chat. Only a whole `!exit` and its like are commands; every other line is text, and `!!exit` is
/// the text `!exit`.
pub fn parse_in_chat(line: &str) -> InChat<'_> {
    let word = line.trim();
    match word.split_once(' ').map(|(word, rest)| (word, duration::parse(rest.trim()))) {
        None if word.eq_ignore_ascii_case("!exit") => InChat::Exit,
        None if word.eq_ignore_ascii_case("!back") => InChat::Back,
        None if word.eq_ignore_ascii_case("!allow") => InChat::Allow(true),
        None if word.eq_ignore_ascii_case("!decline") => InChat::Allow(false),
        Some(("!wait", Ok(span))) => InChat::Wait(span),
        None if is_word(word.strip_prefix('!')) => InChat::Unknown,
        None if is_word(word.strip_prefix("!!")) => InChat::Say(&word[1..]),
        _ => InChat::Say(line),
    }
}

fn is_word(rest: Option<&str>) -> bool {
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Address {
        "bob".parse().expect("valid")
    }

    #[test]
    fn words_numbers_and_the_servers_forms() {
        let get = |file: &str| Command::Get { from: "bob".parse().expect("valid"), file: file.parse().expect("valid") };
        let hi = || Command::Message { to: bob(), text: "hi there".to_owned() };
        for (line, command) in [
            ("1", Command::List),
            (" List ", Command::List),
            ("2", Command::Broadcast(None)),
            ("broadcast hi  all", Command::Broadcast(Some("hi  all".to_owned()))),
            ("bcast_hi", Command::Broadcast(Some("hi".to_owned()))),
            ("msg bob hi there", hi()),
            ("msg_hi there_bob", hi()),
            ("connect_bob", Command::Chat(bob())),
            ("y", Command::Accept(None)),
            ("wait 5s", Command::Wait(Some(Duration::from_secs(5)))),
            ("GET_U", Command::Users),
            ("GET_UF,bob", Command::Files(Some("bob".parse().expect("valid")))),
            ("get bob a, b.txt", get("a, b.txt")),
            ("get bob \" a\"", get(" a")),
            ("cancel all", Command::Cancel(None)),
            ("wait", Command::Wait(None)),
            ("exit", Command::Quit),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_type() {
        assert_eq!(parse("msg bob"), Err("Type: msg NAME TEXT".to_owned()));
        assert_eq!(parse("dance"), Err("\"dance\" is no command: type help for the list".to_owned()));
        assert_eq!(parse("get bob ../x"), Err("Type: get NAME FILE".to_owned()));
        assert_eq!(parse("msg_hi"), Err("Send msg_TEXT_ADDR".to_owned()));
        assert!(parse(&format!("broadcast {}", "x".repeat(1025))).is_err());
    }

    #[test]
    fn what_tab_is_for_follows_from_the_table() {
        for (line, expected) in [
            ("", (0, Place::Word)),
            (" ms", (1, Place::Word)),
            ("msg ", (4, Place::Name)),
            ("msg bo", (4, Place::Name)),
            ("msg bob h", (8, Place::Text)),
            ("get bob two wo", (8, Place::File("bob"))),
            ("get bob", (4, Place::Name)),
        ] {
            assert_eq!(place(line), expected, "{line:?}");
        }
        for line in ["list ", "dance ", "list a b"] {
            assert_eq!(place(line).1, Place::Text, "{line:?}");
        }
    }

    #[test]
    fn the_menu_fits_a_narrow_terminal() {
        for line in menu() {
            assert!(line.len() < 80, "{line}");
        }
    }

    #[test]
    fn no_word_twice() {
        let mut words: Vec<_> = TABLE.iter().flat_map(|row| [row.word].into_iter().chain(row.also.to_vec())).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn only_whole_words_are_commands_in_a_chat() {
        assert_eq!(parse_in_chat("!exit "), InChat::Exit);
        assert_eq!(parse_in_chat("!back"), InChat::Back);
        assert_eq!(parse_in_chat("!wait 1s"), InChat::Wait(Duration::from_secs(1)));
        for text in ["quit", "!exit now", "! exit", " indented", "", "!", "!!", "!!!", "!!no way", "!No", "!1"] {
            assert_eq!(parse_in_chat(text), InChat::Say(text));
        }
        for slip in ["!help", "!exti", "!wait"] {
            assert_eq!(parse_in_chat(slip), InChat::Unknown);
        }
        assert_eq!(parse_in_chat("!!exit"), InChat::Say("!exit"));
    }
}
