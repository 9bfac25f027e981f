//! Connections between clients: their lines, and the way to call others.

use super::desk::Desk;
use super::link::{Answer, LinkError};
use crate::net::DeadlineReader;
use crate::net::LineReader;
use crate::net::listener;
use crate::peer_protocol::Opening;
use crate::protocol::{MAX_LINE, Refusal, Reply, Request};
use crate::value::BadLine;
use crate::value::Ticket;
use crate::value::Username;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the first lines of a connection may take.
pub const OPENING: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a line may take to leave.
pub const WRITE: Duration = Duration::from_secs(10);

/// A connection with a peer: whole lines in, whole lines out.
pub struct PeerLines {
    /// Shared with whoever writes or closes.
    pub stream: Arc<TcpStream>,
    /// What arrives.
    pub reader: LineReader<DeadlineReader>,
}

impl PeerLines {
    /// Reads with [`OPENING`] as the limit.
    pub fn new(stream: Arc<TcpStream>) -> PeerLines {
        let timed = DeadlineReader::new(Arc::clone(&stream), Some(Instant::now() + OPENING));
        PeerLines { stream, reader: LineReader::new(timed, MAX_LINE) }
    }

    /// From now on reading ends after `limit`; with `None` it does only when the stream is shut down.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        self.reader.get_mut().set_deadline(limit.map(|limit| Instant::now() + limit));
    }

    /// Sends an answer. One that does not arrive is the peer's loss.
    pub fn answer(&self, reply: &Reply) {
        let _ = (&*self.stream).write_all(format!("{reply}\n").as_bytes());
    }

    /// Sends an answer that begins with `ERR`.
    pub fn refuse(&self, why: impl Into<String>) {
        self.answer(&Reply::Err(Refusal::other(why)));
    }

    /// What comes next.
    pub fn hear(&mut self) -> Heard {
        match self.reader.next_line() {
            Ok(Some(Ok(line))) => Heard::Line(line.to_owned()),
            Ok(Some(Err(bad))) => Heard::NoLine(bad),
            Ok(None) => Heard::End,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Heard::Nothing,
            Err(error) => Heard::Lost(error),
        }
    }

    /// The next line, where anything else is of no use.
    ///
    /// # Errors
    /// A sentence that says what came instead.
    pub fn line(&mut self) -> Result<String, String> {
        match self.hear() {
            Heard::Line(line) => Ok(line),
            Heard::NoLine(bad) => Err(bad.to_string()),
            Heard::Nothing => Err("no answer in time".to_owned()),
            Heard::End => Err("closed without an answer".to_owned()),
            Heard::Lost(error) => Err(error.to_string()),
        }
    }
}

/// What a peer's connection brings.
pub enum Heard {
    /// A line.
    Line(String),
    /// Bytes that are no line; they are skipped.
    NoLine(BadLine),
    /// Nothing until the limit was over.
    Nothing,
    /// The other side has closed.
    End,
    /// The network has.
    Lost(io::Error),
}

/// What the server says of somebody we want to reach.
pub enum Introduction {
    /// Where they listen, and what proves us to them.
    To(Introduced),
    /// Nothing to connect to, but it is done all the same: the server relayed the text.
    Relayed(String),
    /// Not possible, and why.
    Refused(String),
}

/// Somebody who was told that we come.
pub struct Introduced {
    /// Their name.
    pub name: Username,
    /// Our proof.
    pub ticket: Ticket,
    /// Where they listen.
    pub address: SocketAddr,
}

/// Asks the server for an introduction.
///
/// # Errors
/// Why there is no answer.
pub fn introduce(desk: &Desk, request: &Request) -> Result<Introduction, LinkError> {
    let Answer { data, end } = desk.request(request)?;
    let mut ticket = None;
    let mut address = None;
    for reply in data {
        match reply {
            Reply::Ticket { name, ticket: proof } => ticket = Some((name, proof)),
            Reply::Peer(peer) => address = Some(peer),
            _ => {}
        }
    }
    Ok(match (end, ticket, address) {
        (Reply::Err(why), ..) => Introduction::Refused(why.to_string()),
        (_, Some((name, ticket)), Some(address)) => Introduction::To(Introduced { name, ticket, address }),
        (Reply::Ok(text), ..) => Introduction::Relayed(text),
        _ => Introduction::Refused("the server's answer makes no sense".to_owned()),
    })
}

/// Connects to a peer and sends the opening, with `more` behind it, in one write.
///
/// # Errors
/// What the system says.
pub fn dial(to: &Introduced, opening: &Opening, more: &str) -> io::Result<PeerLines> {
    let stream = TcpStream::connect_timeout(&to.address, CONNECT)?;
    listener::tune(&stream)?;
    stream.set_write_timeout(Some(WRITE))?;
    (&stream).write_all(format!("{opening}\n{more}").as_bytes())?;
    Ok(PeerLines::new(Arc::new(stream)))
}
