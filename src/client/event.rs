//! What happens to the client and what it does about it, as plain values: no socket, file, thread or clock is in them.

mod picture;
mod link;
mod transfer;
mod call;
mod shown;
mod effect;

pub use crate::terminal::{Key, Size};
pub use call::{
    CallEnd, CallError, CallId, Decision, Introduced, Knock, MAX_ORDERS, News, NoProof, Order, Room, TalkEnd, Work,
};
pub use effect::{Effect, End};
pub use link::{LinkError, LinkId, NoConnection, Secured, ServerAt};
pub use picture::{Frame, Picture, Piece, Row, Style};
pub use shown::{Assurance, Bearer, Line, Missed, Place, Shown};
pub use transfer::{Stage, Step, Way};

use crate::protocol::{FromServer, Reply};
use crate::value::BadLine;
use crate::value::FileName;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Instant, SystemTime};

/// One thing that has happened. Threads send these, and the App alone decides what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has this size now.
    Resized(Size),
    /// The client goes on after it was suspended: everything is to be drawn anew.
    Resumed,
    /// The terminal is gone.
    TerminalGone,
    /// The painter has drawn a picture and is free for the next.
    Painted,
    /// A line of standard input, in the line mode; one for each [`Effect::NextLine`].
    Typed(Result<String, BadLine>),
    /// Standard input is at its end, in the line mode; or a question at the terminal was given up.
    InputEnded,
    /// The connection is made and the server has greeted. `from` is our own end of it.
    Connected { link: LinkId, from: SocketAddr },
    /// The connection is encrypted. It comes before [`Event::Connected`].
    Secured { link: LinkId, by: Box<Secured> },
    /// The connection could not be made.
    NotConnected { link: LinkId, why: LinkError },
    /// The server says a line. `Err`: what it sent was no line.
    FromServer { link: LinkId, reply: Result<Reply, BadLine> },
    /// The connection has ended.
    LinkLost { link: LinkId },
    /// The system has given the connection up, as nothing came back from the server.
    LinkSilent { link: LinkId },
    /// The lines of a datagram from the server.
    Datagram(Vec<FromServer>),
    /// There is no socket for datagrams, and why: broadcasts come on the connection.
    NoDatagrams(String),
    /// We listen for peers at `at`, on this port; or why not.
    Listening { at: IpAddr, port: Result<u16, String> },
    /// We listen for clients of other machines at `at`, on this port; or why not.
    ListeningWide { at: IpAddr, port: Result<u16, String> },
    /// A call tells something.
    News { call: CallId, news: News },
    /// A call has ended. It is the last that is heard of it.
    CallEnded { call: CallId, end: CallEnd },
    /// What the shared folder holds now.
    Shares(Shares),
    /// A line of the log, while a screen covers the terminal.
    Logged(String),
    /// The answer to [`Effect::AskPaths`].
    Paths { ask: u64, found: Vec<String> },
    /// The client is to end: a signal, or nobody reads its output any more.
    Stop,
}

/// What the shared folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// The files that are shared.
    pub names: BTreeSet<FileName>,
    /// How many there are beyond what one client may announce.
    pub left_out: usize,
    /// Names that cannot be told to others, ready to be shown.
    pub odd: BTreeSet<String>,
    /// Why the folder cannot be read; then nothing is shared.
    pub unreadable: Option<String>,
}

/// The time at which events are handled: read once for all that are handled together.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For spans.
    pub instant: Instant,
    /// For people.
    pub clock: SystemTime,
}
