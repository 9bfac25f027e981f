//! What the App wants done. The runner carries effects out in order; none of them waits.

use super::call::{CallId, Order, Work};
use super::link::{LinkId, ServerAt};
use super::shown::Line;
use crate::protocol::{Hello, Request};
use crate::value::Username;
use std::net::IpAddr;

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Effect {
    /// From now on the server is this one: for the next connection, and for datagrams. Where TLS is spoken, it is with this one
    /// too.
    TurnTo(ServerAt),
    /// Connect to the server, and read what it says.
    Connect(LinkId),
    /// Connect to another server beside that, only to see whether it greets. `Disconnect` ends it.
    TryServer { link: LinkId, server: ServerAt },
    /// Send a request on this connection. One is on the wire at a time, so it fits the socket's buffer.
    Send { link: LinkId, request: Request },
    /// End this connection.
    Disconnect(LinkId),
    /// End this connection, on which the server is silent: what has not reached it yet is not sent any more.
    Abort(LinkId),
    /// Listen for peers at this address, instead of where we listened before. `Event::Listening` tells how it went.
    Listen(IpAddr),
    /// Listen for clients of other machines too, on any port of this unspecified address, or no more.
    /// `Event::ListeningWide` tells how it went.
    ListenWide(Option<IpAddr>),
    /// Send this datagram to the server.
    Hello(Hello),
    /// Begin a call, on a thread of its own.
    Call { call: CallId, work: Work },
    /// Let the peer of this call keep its place at our door: it has proven who it is.
    KeepPlace(CallId),
    /// Tell a call something.
    Order { call: CallId, order: Order },
    /// Have a call make its connection anew, at once.
    Redial(CallId),
    /// End a call: its connection is closed, and its thread ends.
    HangUp(CallId),
    /// Look at the shared folder; `Event::Shares` tells what is there.
    LookAtShare,
    /// Show a line, in the line mode.
    Show(Line),
    /// The next line of standard input is wanted, in the line mode; hidden when it is a password and there is a
    /// terminal to ask at, with this question.
    NextLine { prompt: String, hidden: bool },
    /// The line that is wanted has not come, and means something else now: this stands before it.
    Prompt(String),
    /// Ring the terminal's bell.
    Bell,
    /// Draw everything anew.
    Redraw,
    /// Stop the client as Ctrl-Z does, until the shell lets it go on.
    Suspend,
    /// Look which paths begin like this, for completion.
    AskPaths { ask: u64, begin: String },
    /// Remember a typed line between runs.
    Remember(String),
    /// Keep between runs whether this person is blocked.
    Block { name: Username, is_blocked: bool },
    /// Write a line of a talk to its file, with `--logs`.
    Log { with: Username, line: Line },
    /// The client is over.
    End(End),
}

/// How the client is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Left,
    /// It could not start, or not log in as its options ask; the sentence is for people.
    Failed(String),
}
