//! How what is shown reads for people: one line each. Whatever others wrote is escaped here, so no other file can
//! forget it.

use super::transfer;
use crate::client::event::{Assurance, Missed, Shown};
use crate::protocol::Broadcast;
use crate::value::plainly_within;
use crate::value::sentence::counted;
use crate::value::text::escape;
use crate::value::{Size, Spoken, Username, file_name};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use unicode_width::UnicodeWidthStr;

/// The most rows of a question, so that all of it is seen at once.
pub const QUESTION_ROWS: usize = 6;

/// The columns of a narrow terminal.
const NARROW: usize = 40;

/// The most columns of a command or a file's name in a question: the first of these with which it fits, or the last.
const COLUMNS: [usize; 6] = [300, 240, 180, 120, 80, 48];

/// The line of something that is shown; times are those of `zone`.
pub fn text(shown: &Shown, zone: &TimeZone) -> String {
    match shown {
        Shown::Broadcast { broadcast, earlier } => broadcast_line(broadcast, *earlier, zone),
        Shown::Message { from, text, bearer } => {
            let relayed = if bearer.is_server() { ", relayed by the server" } else { "" };
            format!("[message{relayed}] {from}{}: {}", proof(bearer.is_proof()), escape(text))
        }
        Shown::Sent { to, text } => format!("[message] to {to}: {}", escape(text)),
        Shown::ChatRequest { question, from, stranger } => {
            format!("{from}{} wants to chat: accept {question} or decline {question}?", proof(stranger.is_none()))
        }
        Shown::Missed { from, call, time: at, .. } => {
            let did = match call {
                Missed::Chat => "called",
                Missed::Command => "asked to run a command",
                Missed::Gift => "offered files",
                Missed::Verification => "wanted to verify",
            };
            format!("{from} {did} at {}", time(*at, "%H:%M", zone))
        }
        Shown::ChatCalling { to } => format!("Asking {} for a chat...", escape(to)),
        Shown::ChatOpened { with, assurance } => {
            format!("Chat with {with}{} opened; !exit ends it, !back leaves it open", assured(*assurance))
        }
        Shown::ChatRefused { by, reason } => format!("No chat with {}: {}", escape(by), escape(reason)),
        Shown::ChatLine { from, verified, text, foreground } => {
            let background = if *foreground { "" } else { "[chat] " };
            format!("{background}{from}{}: {}", proof(*verified), escape(text))
        }
        Shown::Said { to, text } => format!("to {to}: {}", escape(text)),
        Shown::ChatSilent { with, silent: true } => format!("{with} does not answer"),
        Shown::ChatSilent { with, silent: false } => format!("{with} is there again"),
        Shown::ChatClosed { with, why } => format!("Chat with {with} closed: {}", escape(why)),
        Shown::RunRequest { question, from, command } => {
            fitting(|columns| run_request(*question, from, command, "", columns), fits_anywhere)
        }
        Shown::RunBegun { from, command } => format!("{from} runs here: {}", escape(command)),
        Shown::RunAsking { on, command } => format!("Asking {} to run {}...", escape(on), escape(command)),
        Shown::RunLine { by, text, error } => {
            format!("[{}] {by}: {}", if *error { "run, error" } else { "run" }, escape(text))
        }
        Shown::RunEnded { with, here, command, end, .. } => {
            format!("{with} {}: {}: {}", if *here { "ran here" } else { "ran" }, escape(command), escape(end))
        }
        Shown::Running { with, here, command } => {
            format!("{} {} {}", escape(with), if *here { "runs here:" } else { "runs for you:" }, escape(command))
        }
        Shown::Offer { question, from, what, count, size, room } => {
            let answers = format!("accept {question} or decline {question}?");
            let offer = |columns| format!("{}: {answers}", offer(from, what, *count, *size, *room, columns));
            fitting(offer, fits_anywhere)
        }
        Shown::Words { with, words, asked } => six_words(with, *words, *asked, ""),
        Shown::ByVoice { with, were_same: true } => format!("{with} is verified by voice"),
        Shown::ByVoice { with, were_same: false } => format!("{with} is refused: the words were others"),
        Shown::Peer { name, assurance, foreground } => {
            format!("{name}{}{}", assured(*assurance), if *foreground { ", in the foreground" } else { "" })
        }
        Shown::Client { name, address, guest } => client(name, *address, guest.as_deref()),
        Shown::Person { name, address, guest, since, dnd } => {
            let dnd = if *dnd { ", does not want to be disturbed" } else { "" };
            format!("{}, since {}{dnd}", client(name, *address, guest.as_deref()), time(*since, "%Y-%m-%d %H:%M", zone))
        }
        Shown::Joined { name, guest: Some(kind), .. } => format!("{name} ({}) is here", escape(kind)),
        Shown::Joined { name, guest: None, .. } => format!("{name} is here"),
        Shown::Left { name } => format!("{name} has left"),
        Shown::Blocked { name } => name.to_string(),
        Shown::User { name } => escape(name),
        Shown::File { owner, file, known } => file_line(owner, file, *known, zone),
        Shown::Transfer { number, step, rate, left } => transfer::text(*number, step, *rate, *left),
        Shown::Notice { text } => format!("[server] {}", escape(text)),
        Shown::Done { text }
        | Shown::Refused { text }
        | Shown::Perhaps { text }
        | Shown::Help { text }
        | Shown::Info { text } => escape(text),
    }
}

fn broadcast_line(broadcast: &Broadcast, earlier: bool, zone: &TimeZone) -> String {
    let earlier = if earlier { "earlier broadcast" } else { "broadcast" };
    let Broadcast { unix_time, from, text, .. } = broadcast;
    format!("[{earlier} {}] {from}: {}", time(*unix_time, "%H:%M", zone), escape(text))
}

/// A question with as many columns of what it is about as `fits` allows, but for the least.
pub fn fitting(question: impl Fn(usize) -> String, fits: impl Fn(&str) -> bool) -> String {
    let [rest @ .., least] = COLUMNS;
    rest.into_iter().map(&question).find(|text| fits(text)).unwrap_or_else(|| question(least))
}

/// Whether a question fits where we do not know how wide the terminal is.
fn fits_anywhere(text: &str) -> bool {
    text.width() <= QUESTION_ROWS * NARROW
}

/// Who asks stands first and last, so that no command can push it off the screen. `slash` stands before the words that
/// answer it.
pub fn run_request(question: u64, from: &Username, command: &str, slash: &str, columns: usize) -> String {
    let answers = format!("{slash}allow {question} or {slash}decline {question}");
    format!("{from} asks to run here: {}   {answers}? ({from} asks)", plainly_within(command, columns))
}

/// What is offered, without the words that answer it.
pub fn offer(from: &Username, what: &str, count: usize, size: Size, room: Option<Size>, columns: usize) -> String {
    let folder = if what.ends_with('/') { format!(", {}", counted(count, "file")) } else { String::new() };
    let room = room.map_or_else(String::new, |room| format!(" ({room} free)"));
    format!("{from} offers {}{folder}, {size}{room}", plainly_within(what, columns))
}

fn client(name: &Username, address: SocketAddr, guest: Option<&str>) -> String {
    match guest {
        Some(kind) => format!("{name} {} ({})", address.ip(), escape(kind)),
        None if address.port() == 0 => format!("{name} {} (messages only)", address.ip()),
        None => format!("{name} {address}"),
    }
}

fn file_line(owner: &Username, file: &str, known: Option<(u64, u64)>, zone: &TimeZone) -> String {
    let file = escape(&file_name::typed(file));
    match known {
        None => format!("{owner} {file}"),
        Some((size, modified)) => {
            format!("{owner} {file}  ({}, {})", Size(size), time(modified, "%Y-%m-%d %H:%M", zone))
        }
    }
}

/// A time where the reader is.
fn time(unix_time: u64, format: &str, zone: &TimeZone) -> String {
    let time = i64::try_from(unix_time).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "some time".to_owned(), |time| time.to_zoned(zone.clone()).strftime(format).to_string())
}

/// Words to compare, with what they are for and what to type then; `slash` stands before that. The words come first, so that a
/// screen has them in one row, as a rule.
pub fn six_words(with: &Username, words: Spoken, asked: bool, slash: &str) -> String {
    let sure = "that nobody stands between you, not even the server";
    let why = match asked {
        true => format!("The same ones on both sides mean {sure}"),
        false => format!("{with} wants to be sure {sure}"),
    };
    let how = format!("Have {with} read theirs to you, on the phone or face to face, by a voice that you know");
    let [same, others] = ["yes", "no"].map(|word| format!("{slash}verify {with} {word}"));
    format!("Six words with {with}: {words}. {why}. {how}. All the same: {same}. Any other: {others}")
}

/// What stands behind a name that is not only the server's word.
pub fn assured(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Unverified => proof(false),
        Assurance::Verified => proof(true),
        Assurance::ByVoice => " (verified by voice)",
    }
}

/// A name without the server's word for it is shown as such.
pub fn proof(verified: bool) -> &'static str {
    if verified { "" } else { " (unverified)" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Stage, Step, Way};
    use std::path::PathBuf;
    use std::time::Duration;

    fn bob() -> Username {
        "bob".parse().expect("valid")
    }

    fn read(shown: &Shown) -> String {
        text(shown, &TimeZone::UTC)
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let evil = "\u{1b}[2Jhello\u{202e}".to_owned();
        for shown in [
            Shown::Message { from: bob(), text: evil.clone(), bearer: crate::client::event::Bearer::Sender },
            Shown::ChatLine { from: bob(), verified: true, text: evil.clone(), foreground: true },
            Shown::ChatClosed { with: bob(), why: evil.clone() },
            Shown::Notice { text: evil.clone() },
            Shown::RunLine { by: bob(), text: evil.clone(), error: false },
            Shown::File { owner: bob(), file: evil.clone(), known: None },
            Shown::Offer { question: 1, from: bob(), what: evil.clone(), count: 1, size: Size(1), room: None },
            Shown::RunRequest { question: 1, from: bob(), command: evil.clone() },
        ] {
            let line = read(&shown);
            assert!(line.contains("\\u{1b}[2Jhello\\u{202e}"), "{line:?}");
        }
    }

    #[test]
    fn times_are_those_of_the_reader() {
        let broadcast = Broadcast { seq: 1, unix_time: 60 * 61, from: bob(), text: "hi".to_owned() };
        let shown = Shown::Broadcast { broadcast, earlier: true };
        assert_eq!(read(&shown), "[earlier broadcast 01:01] bob: hi");
        let east = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(text(&shown, &east), "[earlier broadcast 03:01] bob: hi");
        let file = Shown::File { owner: bob(), file: "a b".to_owned(), known: Some((2048, 0)) };
        assert_eq!(read(&file), "bob a b  (2.0 KiB, 1970-01-01 00:00)");
    }

    #[test]
    fn who_asks_stands_first_and_last_whatever_the_command_is() {
        let command = format!("echo {}\u{a0}\u{200b}", "x".repeat(5000));
        let line = read(&Shown::RunRequest { question: 7, from: bob(), command });
        assert!(line.starts_with("bob asks to run here: echo xxx"), "{line}");
        assert!(line.ends_with("\\u{a0}\\u{200b}   allow 7 or decline 7? (bob asks)"), "{line}");
        assert!(line.contains("characters in all") && line.len() < 480, "six rows: {}", line.len());
    }

    #[test]
    fn an_offer_tells_size_files_and_room() {
        let offer = |what: &str, count| Shown::Offer {
            question: 7,
            from: bob(),
            what: what.to_owned(),
            count,
            size: Size(1_258_291),
            room: Some(Size(1 << 30)),
        };
        let line = "bob offers a.pdf, 1.2 MiB (1.0 GiB free): accept 7 or decline 7?";
        assert_eq!(read(&offer("a.pdf", 1)), line);
        assert!(read(&offer("dir/", 14)).starts_with("bob offers dir/, 14 files, 1.2 MiB"));
        assert!(read(&offer("3 files", 3)).starts_with("bob offers 3 files, 1.2 MiB"));
    }

    #[test]
    fn each_step_of_a_transfer_is_a_line() {
        let line = |way, stage| {
            let step = Step { way, with: bob(), what: "notes.txt".to_owned(), stage };
            read(&Shown::Transfer { number: 1, step, rate: Some(2048), left: Some(Duration::from_secs(61)) })
        };
        let saved = PathBuf::from("/tmp/notes.txt");
        let why = "gone".to_owned();
        for (way, stage, expected) in [
            (Way::Fetch, Stage::Waiting { before: 3 }, "[1] Fetching notes.txt from bob: waiting for 3 others"),
            (Way::Give, Stage::Waiting { before: 0 }, "[1] Offering notes.txt to bob..."),
            (Way::Send, Stage::Begun { size: 5, offset: 0 }, "Sending notes.txt to bob: 5 bytes"),
            (
                Way::Take,
                Stage::Progress { done: 512, size: 1024, file: 2, count: 3 },
                "[1] Taking notes.txt from bob: 50 % of 1.0 KiB, file 2 of 3, 2.0 KiB/s, 1:01 left",
            ),
            (Way::Fetch, Stage::Again { why: why.clone() }, "notes.txt from bob: gone; trying again"),
            (
                Way::Fetch,
                Stage::Whole { size: 5, there: 0, took: Duration::from_millis(1500), saved: Some(saved.clone()) },
                "Fetched notes.txt from bob: 5 bytes in 1.5 s, verified, saved as /tmp/notes.txt",
            ),
            (Way::Fetch, Stage::There { saved }, "notes.txt from bob: the same file is there already: /tmp/notes.txt"),
            (Way::Give, Stage::Cancelled { done: 5 }, "notes.txt to bob: stopped at 5 bytes; send it again to go on"),
            (
                Way::Fetch,
                Stage::Failed { why: why.clone(), done: 5 },
                "notes.txt from bob: gone; 5 bytes are kept, get it again to go on",
            ),
            // What a peer keeps of ours is theirs to know.
            (Way::Send, Stage::Failed { why: why.clone(), done: 5 }, "notes.txt to bob: gone"),
            (Way::Give, Stage::Refused { why: "declined".to_owned() }, "notes.txt to bob: not taken: declined"),
            (
                Way::Give,
                Stage::LeftOut { file: "x".to_owned(), why, missed: true },
                "notes.txt to bob: x is left out: gone",
            ),
        ] {
            assert_eq!(line(way, stage), expected);
        }
    }
}
