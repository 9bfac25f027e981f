//! Everything a client shows, one variant a kind, and how it reads for people.
//!
//! Whatever others wrote is escaped here, so no other file can forget it.

use super::transfer::{Stage, Step};
use crate::protocol::Broadcast;
use crate::value::Username;
use crate::value::file_name;
use crate::value::text::escape;
use std::fmt;
use std::net::SocketAddr;

/// One thing that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Event {
    /// A broadcast; `earlier` ones were sent before this client logged in.
    Broadcast { broadcast: Broadcast, earlier: bool },
    /// A single message; `verified` when the server introduced the sender, `relayed` when it carried the text.
    Message { from: Username, text: String, verified: bool, relayed: bool },
    /// Somebody asks for a chat.
    ChatRequest { from: Username, verified: bool },
    /// A request that was not answered: its sender hung up, or the time was over.
    ChatMissed { from: Username },
    /// We ask somebody for a chat.
    ChatCalling { to: String },
    /// Both sides agreed.
    ChatOpened { with: Username, verified: bool },
    /// No chat, and why.
    ChatRefused { by: String, reason: String },
    /// A line of an open chat.
    ChatLine { from: Username, verified: bool, text: String, foreground: bool },
    /// A chat is over, and why.
    ChatClosed { with: Username, why: String },
    /// Somebody asks to run a command here.
    RunRequest { from: Username, command: String },
    /// A command of somebody else begins to run here.
    RunBegun { from: Username, command: String },
    /// A line that a command wrote elsewhere, to standard output or to standard error.
    RunLine { by: Username, text: String, error: bool },
    /// A command has ended, here or elsewhere; `limit` when ours was stopped for a limit.
    RunEnded { with: Username, here: bool, command: String, end: String, limit: bool },
    /// A command under way, in the list of connections.
    Running { with: String, here: bool, command: String },
    /// An open chat, in the list of connections.
    Peer { name: Username, verified: bool, foreground: bool },
    /// An active client, in the list of them.
    Client { name: Username, address: SocketAddr, guest: Option<String> },
    /// An active client's name, in the list of names.
    User { name: String },
    /// A shared file, in the list of them.
    File { owner: Username, file: String },
    /// A step of a file on its way.
    Transfer(Step),
    /// The server tells what it is about to do.
    Notice { text: String },
    /// What was asked for is done.
    Done { text: String },
    /// What was asked for is refused; counts for the exit code.
    Refused { text: String },
    /// A line of the help.
    Help { text: String },
    /// Something to know that nobody asked for.
    Info { text: String },
}

impl Event {
    /// Whether something that was asked for was not done.
    pub fn is_error(&self) -> bool {
        match self {
            Event::Refused { .. } | Event::ChatRefused { .. } | Event::RunEnded { limit: true, .. } => true,
            Event::Transfer(step) => step.is_error(),
            _ => false,
        }
    }

    /// Whether it belongs on standard error where output and errors are apart.
    pub fn is_apart(&self) -> bool {
        self.is_error() || matches!(self, Event::RunLine { error: true, .. })
    }

    /// Whether people need not see it.
    pub fn is_for_programs(&self) -> bool {
        matches!(self, Event::Transfer(step) if step.is_for_programs())
    }

    /// Its colour on a terminal, as the number of an SGR escape sequence; what one asked for has none.
    pub fn colour(&self) -> Option<u8> {
        match self {
            Event::Broadcast { earlier: true, .. } | Event::Info { .. } => Some(DIM),
            Event::Broadcast { .. } => Some(CYAN),
            Event::Message { .. } | Event::ChatLine { foreground: false, .. } => Some(MAGENTA),
            Event::Transfer(Step { stage: Stage::Whole { .. }, .. }) => Some(GREEN),
            Event::Transfer(step) => Some(if step.is_error() { RED } else { DIM }),
            Event::ChatRequest { .. } | Event::RunRequest { .. } | Event::Notice { .. } => Some(YELLOW),
            Event::ChatOpened { .. } | Event::ChatLine { .. } => Some(GREEN),
            Event::Refused { .. } | Event::ChatRefused { .. } => Some(RED),
            _ => None,
        }
    }
}

const DIM: u8 = 2;
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const MAGENTA: u8 = 35;
const CYAN: u8 = 36;

/// One line, escaped.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Broadcast { broadcast, earlier } => {
                let earlier = if *earlier { "earlier broadcast" } else { "broadcast" };
                let Broadcast { unix_time, from, text, .. } = broadcast;
                write!(f, "[{earlier} {}] {from}: {}", time_of_day(*unix_time), escape(text))
            }
            Event::Message { from, text, verified, relayed } => {
                let relayed = if *relayed { ", relayed by the server" } else { "" };
                write!(f, "[message{relayed}] {from}{}: {}", proof(*verified), escape(text))
            }
            Event::ChatRequest { from, verified } => {
                write!(f, "{from}{} wants to chat: y or n? (accept or decline)", proof(*verified))
            }
            Event::ChatMissed { from } => write!(f, "{from} no longer waits for your answer"),
            Event::ChatCalling { to } => write!(f, "Asking {} for a chat...", escape(to)),
            Event::ChatOpened { with, verified } => {
                write!(f, "Chat with {with}{} opened; !exit ends it, !back leaves it open", proof(*verified))
            }
            Event::ChatRefused { by, reason } => write!(f, "No chat with {}: {}", escape(by), escape(reason)),
            Event::ChatLine { from, verified, text, foreground } => {
                let background = if *foreground { "" } else { "[chat] " };
                write!(f, "{background}{from}{}: {}", proof(*verified), escape(text))
            }
            Event::ChatClosed { with, why } => write!(f, "Chat with {with} closed: {}", escape(why)),
            Event::RunRequest { from, command } => {
                write!(f, "{from} asks to run here: {}   allow or decline? (!allow in a chat)", escape(command))
            }
            Event::RunBegun { from, command } => write!(f, "{from} runs here: {}", escape(command)),
            Event::RunLine { by, text, error } => {
                write!(f, "[{}] {by}: {}", if *error { "run, error" } else { "run" }, escape(text))
            }
            Event::RunEnded { with, here: true, command, end, .. } => {
                write!(f, "{with} ran here: {}: {}", escape(command), escape(end))
            }
            Event::RunEnded { with, command, end, .. } => {
                write!(f, "{with} ran: {}: {}", escape(command), escape(end))
            }
            Event::Running { with, here, command } => {
                write!(f, "{} {} {}", escape(with), if *here { "runs here:" } else { "runs for you:" }, escape(command))
            }
            Event::Peer { name, verified, foreground } => {
                write!(f, "{name}{}{}", proof(*verified), if *foreground { ", in the foreground" } else { "" })
            }
            Event::Client { name, address, guest } => match guest {
                Some(kind) => write!(f, "{name} {} ({})", address.ip(), escape(kind)),
                None if address.port() == 0 => write!(f, "{name} {} (messages only)", address.ip()),
                None => write!(f, "{name} {address}"),
            },
            Event::User { name } => f.write_str(&escape(name)),
            Event::File { owner, file } => write!(f, "{owner} {}", escape(&file_name::typed(file))),
            Event::Transfer(step) => step.fmt(f),
            Event::Notice { text } => write!(f, "[server] {}", escape(text)),
            Event::Done { text } | Event::Refused { text } | Event::Help { text } | Event::Info { text } => {
                f.write_str(&escape(text))
            }
        }
    }
}

/// Hours and minutes where the reader is.
fn time_of_day(unix_time: u64) -> String {
    let time = i64::try_from(unix_time).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(
        || "some time".to_owned(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string(),
    )
}

/// A name without the server's word for it is shown as such.
fn proof(verified: bool) -> &'static str {
    if verified { "" } else { " (unverified)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_escaped() {
        let from: Username = "eve".parse().expect("valid");
        let event = Event::Message { from, text: "\x1b[2J".to_owned(), verified: false, relayed: true };
        assert_eq!(event.to_string(), "[message, relayed by the server] eve (unverified): \\u{1b}[2J");
    }
}
