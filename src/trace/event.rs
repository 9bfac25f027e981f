//! What is recorded: values. Whatever is secret in it is hidden already.

use crate::value::{Ticket, Username};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// The number of a connection: from 1, in the order in which a program has accepted or made them.
pub type Number = u64;

/// An event as it is recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its number: from 1, and one more for each. A number that is missing is an event that was dropped.
    pub n: u64,
    /// When it happened.
    pub at: Stamp,
    /// What happened.
    pub event: Event,
}

/// When something happened, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The clock that people see, and that may be set.
    pub wall: SystemTime,
    /// Since the recorder was started.
    pub since_start: Duration,
}

/// What happened. The fields are those of docs/TRACE.md.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "docs/TRACE.md tells each field")]
pub enum Event {
    /// The first one: which program this is.
    Start { who: &'static str, at: Option<SocketAddr> },
    /// The program ends.
    Stop,
    /// Somebody has connected to us; `dialect` is what is spoken there.
    Accept { c: Number, at: Option<SocketAddr>, from: SocketAddr, dialect: &'static str },
    /// A connection that was not served.
    Refused { from: SocketAddr, why: String },
    /// We have begun to connect to somebody. Where that comes to nothing, its `Close` says so.
    Connect { c: Number, at: SocketAddr, from: Option<SocketAddr> },
    /// A connection has ended.
    Close { c: Number, how: End },
    /// A thread has begun, or ended.
    Thread { name: String, begins: bool },
    /// Who is on a connection; without one, who we are.
    Name { c: Option<Number>, name: Username, ip: Option<IpAddr>, token: Option<Ticket> },
    /// A login has ended.
    Left { c: Number, token: Ticket },
    /// What one `read` gave.
    Read { c: Number, off: u64, len: usize, bytes: String },
    /// What one `write` took.
    Write { c: Number, off: u64, len: usize, bytes: String },
    /// A line, and the reads that it came from.
    Line { c: Number, line: String, took: Vec<u64> },
    /// What came of a line.
    Decide { c: Number, verb: String, says: Says, why: String },
    /// Lines that nobody has asked for are handed to a connection.
    Notice { c: Number, line: String },
    /// A datagram of ours.
    Datagram(Datagram),
    /// A hello: what a client has of the broadcasts.
    Acked { token: Ticket, from: SocketAddr, upto: u64, top: Option<u64>, missing: Vec<(u64, u64)>, bytes: String },
    /// What we have of the broadcasts, as we tell the server at `at` from a port of ours.
    Hello { at: SocketAddr, port: Option<u16>, upto: u64, top: Option<u64>, missing: Vec<(u64, u64)>, bytes: String },
    /// A datagram of the server that we have received, with these broadcasts.
    Received { from: SocketAddr, numbers: Vec<u64>, len: usize, bytes: String },
    /// A ticket was drawn for one who asks to reach another.
    Ticket { asker: Username, to: Username, ticket: String },
    /// Somebody has proven to have the ticket that we know.
    Redeem { c: Number, with: Username, ticket: String },
    /// Two clients are connected, and each has proven who it is.
    Peer { c: Number, verb: String, with: Username, at: SocketAddr },
}

/// A datagram that a server sends.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// The how manieth of the server.
    pub d: u64,
    /// Whose session it is for.
    pub token: Ticket,
    /// Where it goes.
    pub at: SocketAddr,
    /// The first and the last broadcast in it; none where it only tells a number.
    pub seq: Option<(u64, u64)>,
    /// Its bytes on the network, without the filling.
    pub len: usize,
    /// What it says.
    pub bytes: String,
    /// What becomes of it, as far as the sender knows.
    pub fate: Fate,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was given to the system.
    Sent,
    /// It was dropped on purpose.
    Dropped,
    /// The system did not take it.
    Lost,
}

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Done.
    Ok,
    /// Refused.
    Err,
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side has said that no more comes.
    Fin,
    /// The other side, or the network, has cut it off.
    Rst,
    /// We have ended it.
    Shut,
    /// We have ended it, as the other side does not read.
    Slow,
    /// It was never made.
    NotMade(NotMade),
}

/// Why a connection that we have begun was never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// The other machine has said that nobody listens there.
    Refused,
    /// Nobody has answered in time.
    Timeout,
    /// There is no way to that machine.
    Unreachable,
    /// We have given it up.
    Cancelled,
    /// What else the system says.
    Failed,
}

impl From<&io::Error> for NotMade {
    fn from(error: &io::Error) -> NotMade {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => NotMade::Refused,
            io::ErrorKind::TimedOut => NotMade::Timeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => NotMade::Unreachable,
            _ => NotMade::Failed,
        }
    }
}

impl Event {
    /// How many bytes of memory it takes, about.
    pub fn size(&self) -> usize {
        size_of::<Recorded>()
            + match self {
                Event::Read { bytes, .. } | Event::Write { bytes, .. } | Event::Acked { bytes, .. } => bytes.len(),
                Event::Hello { bytes, .. } | Event::Received { bytes, .. } => bytes.len(),
                Event::Line { line, took, .. } => line.len() + took.len() * size_of::<u64>(),
                Event::Notice { line, .. } => line.len(),
                Event::Decide { verb, why, .. } => verb.len() + why.len(),
                Event::Datagram(datagram) => datagram.bytes.len(),
                _ => 0,
            }
    }
}
