//! One connection to the server, as a client has it: bytes out, lines in, each with a limit. What the lines are is told in
//! `asking`, and what is waited for in vain in `waiting`.

use super::pace::Pace;
use super::record::{Record, Way};
use super::waiting::Awaited;
use crate::fault::{Fault, Verdict};
use crate::limits::{Limits, PAUSE, SILENCE};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The most bytes that are read until something is sent again: more is a flood.
const FLOOD: usize = 8 << 20;
/// The shortest time that a socket can be told to wait.
const TICK: Duration = Duration::from_millis(1);

/// How the server ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It closed: all that was sent before has come.
    Fin,
    /// It broke it off: what was sent before may be lost.
    Reset,
}

/// What a wait for more bytes has brought.
pub(super) enum Filled {
    Bytes,
    End(End),
    Nothing,
}

/// A connection, and what has come on it.
pub struct Client {
    /// How the record calls it.
    pub who: String,
    /// The account that is logged in, once one is.
    pub name: String,
    /// The token of its session, once it is logged in.
    pub token: String,
    /// What the names of this check end with: broadcasts of others are not looked at. A server that runs on has some.
    pub own: String,
    stream: TcpStream,
    pub(super) record: Arc<Record>,
    pub(super) limits: Limits,
    /// Nothing where the server was told not to mind.
    pace: Option<Pace>,
    pub(super) arrived: Vec<u8>,
    /// Bytes of `arrived` that hold no line end.
    searched: usize,
    since_sent: usize,
    ended: Option<End>,
    pub(super) events: VecDeque<String>,
    /// A line that was read too early.
    pub(super) ahead: Option<String>,
}

impl Client {
    pub fn new(who: String, stream: TcpStream, record: Arc<Record>, limits: Limits, is_paced: bool) -> Verdict<Client> {
        stream.set_nodelay(true).map_err(|error| Fault::grader("set TCP_NODELAY", error))?;
        let (arrived, events) = (Vec::new(), VecDeque::new());
        let (name, token, own, pace) = (String::new(), String::new(), String::new(), is_paced.then(Pace::new));
        let (searched, since_sent, ended, ahead) = (0, 0, None, None);
        Ok(Client {
            who,
            name,
            token,
            own,
            stream,
            record,
            limits,
            pace,
            arrived,
            searched,
            since_sent,
            ended,
            events,
            ahead,
        })
    }

    /// The server's address.
    pub fn server(&self) -> Verdict<SocketAddr> {
        self.stream.peer_addr().map_err(|error| Fault::grader("ask for the server's address", error))
    }

    /// The address that it comes from, of which its datagrams are to come too.
    pub fn local(&self) -> Verdict<IpAddr> {
        self.stream.local_addr().map(|at| at.ip()).map_err(|error| Fault::grader("ask for its own address", error))
    }

    // What is sent.

    /// Sends these bytes, line ends among them where there are to be any. A server that has closed is told by what is
    /// read next.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        if let Some(pace) = &mut self.pace {
            pace.wait(lines);
        }
        self.send_at_once(bytes)
    }

    /// The same without regard to how many lines a second are allowed.
    pub fn send_at_once(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.since_sent = 0;
        self.record.add(&self.who, Way::Sent, bytes);
        self.write(bytes)
    }

    /// Sends a byte, waits, sends the next: so each is a read of its own.
    pub fn send_slowly(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.since_sent = 0;
        self.record.add(&self.who, Way::Sent, bytes);
        self.record.note(&self.who, format!("({} bytes, one by one, with 2 ms between them)", bytes.len()));
        for byte in bytes.chunks(1) {
            self.write(byte)?;
            thread::sleep(2 * TICK);
        }
        Ok(())
    }

    /// Waits, so that what was sent before is a read of its own.
    pub fn pause(&mut self) {
        self.record.note(&self.who, format!("(a pause of {} ms)", PAUSE.as_millis()));
        thread::sleep(PAUSE);
    }

    /// Sends as much of these bytes as the server takes before it closes, or until it takes no more.
    pub fn send_as_much_as_it_takes(&mut self, bytes: &[u8], limit: Duration) {
        self.record.add(&self.who, Way::Sent, bytes);
        self.since_sent = 0;
        let until = self.limits.after(limit);
        let mut left = bytes;
        while !left.is_empty() && Instant::now() < until {
            // The server may read as slowly as it likes.
            let _ = self.stream.set_write_timeout(Some(SILENCE));
            match self.stream.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(error.kind()) => {}
                Err(_) => break,
            }
        }
    }

    /// Writes until the server closes.
    fn write(&mut self, mut bytes: &[u8]) -> Verdict {
        let (began, allowed) = (Instant::now(), self.limits.wait);
        let last = self.limits.after(allowed) + self.limits.grace;
        while !bytes.is_empty() {
            let left = last.saturating_duration_since(Instant::now()).max(TICK);
            self.stream.set_write_timeout(Some(left)).map_err(|error| Fault::grader("set a limit", error))?;
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) && Instant::now() < last => {}
                Err(error) if is_timeout(error.kind()) => {
                    self.record.happened(&self.who, "(the server takes no more bytes)");
                    self.record.mark(&self.who, "the server reads on");
                    return Err(Fault::missing("The server does not read what a client sends."));
                }
                Err(_) => return Ok(()),
            }
        }
        let took = began.elapsed();
        if took < allowed {
            return Ok(());
        }
        self.record.happened(&self.who, "(the server has taken these bytes only now)");
        self.record.mark(&self.who, "the server reads on");
        Err(Fault::late(took, allowed))
    }

    /// Takes little more than so many bytes from now on, as long as it does not read.
    pub fn shrink(&self, bytes: usize) -> Verdict {
        self.record.note(&self.who, "(reads nothing from now on)");
        SockRef::from(&self.stream).set_recv_buffer_size(bytes).map_err(|error| Fault::grader("shrink a buffer", error))
    }

    /// Closes the half of the connection on which the client sends.
    pub fn close_half(&mut self) {
        self.record.note(&self.who, "(closes its half of the connection)");
        // A connection that is gone already is seen when it is read.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Leaves by FIN, after all that has come was read: unread bytes would turn it into an RST.
    pub fn leave(mut self) {
        self.record.note(&self.who, "(closes the connection)");
        let _ = self.stream.shutdown(Shutdown::Write);
        let until = self.limits.after(SILENCE);
        while matches!(self.fill(until), Ok(Filled::Bytes)) {}
    }

    /// Leaves as a process does that is killed with unread bytes, or a machine that crashed: by RST.
    pub fn reset(self) {
        self.record.note(&self.who, "(breaks the connection off: RST)");
        // Without it the system closes by FIN, and the check asks for less.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    // What is read.

    /// The next line of the server. Where none comes, `is_awaited` says of one that comes later whether it is what is
    /// waited for.
    pub(super) fn line_within(
        &mut self,
        limit: Duration,
        expected: &str,
        is_awaited: &dyn Fn(&str) -> bool,
    ) -> Verdict<String> {
        if let Some(line) = self.ahead.take() {
            return Ok(line);
        }
        let (began, until) = (Instant::now(), self.limits.after(limit));
        loop {
            if let Some(line) = self.take_line()? {
                return Ok(line);
            }
            match self.fill(until)? {
                Filled::Bytes => {}
                Filled::End(end) => return Err(self.closed(end, expected)),
                Filled::Nothing => return Err(self.overdue(began, expected, Awaited::Line(is_awaited))),
            }
        }
    }

    /// Cuts the next line from what has arrived.
    pub(super) fn take_line(&mut self) -> Verdict<Option<String>> {
        let Some(lf) = self.arrived[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.arrived.len();
            return Ok(None);
        };
        let mut line: Vec<u8> = self.arrived.drain(..=self.searched + lf).collect();
        self.searched = 0;
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
        self.record.add(&self.who, Way::Seen, &line);
        match String::from_utf8(line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(self.wrong("a line in UTF-8", "The server has sent bytes that are not UTF-8.")),
        }
    }

    /// Waits for more bytes.
    pub(super) fn fill(&mut self, until: Instant) -> Verdict<Filled> {
        if let Some(end) = self.ended {
            return Ok(Filled::End(end));
        }
        let mut buffer = [0; 1 << 16];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.look();
            }
            self.stream.set_read_timeout(Some(left.max(TICK))).map_err(|error| Fault::grader("set a limit", error))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(self.end_by(End::Fin)),
                Ok(count) => return self.keep(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(error.kind()) => {}
                Err(_) => return Ok(self.end_by(End::Reset)),
            }
        }
    }

    /// What is there at this moment.
    pub(super) fn look(&mut self) -> Verdict<Filled> {
        let mut buffer = [0; 1 << 16];
        let set = |nonblocking| {
            self.stream.set_nonblocking(nonblocking).map_err(|error| Fault::grader("look at a socket", error))
        };
        set(true)?;
        let read = (&self.stream).read(&mut buffer);
        set(false)?;
        match read {
            Ok(0) => Ok(self.end_by(End::Fin)),
            Ok(count) => self.keep(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(error.kind()) => Ok(Filled::Nothing),
            Err(_) => Ok(self.end_by(End::Reset)),
        }
    }

    fn end_by(&mut self, end: End) -> Filled {
        self.ended = Some(end);
        Filled::End(end)
    }

    fn keep(&mut self, bytes: &[u8]) -> Verdict<Filled> {
        self.record.count(bytes.len());
        self.since_sent += bytes.len();
        // Else a server that does not turn off Nagle's algorithm sends its next small line 40 ms later.
        let _ = SockRef::from(&self.stream).set_tcp_quickack(true);
        self.arrived.extend_from_slice(bytes);
        if self.since_sent > FLOOD {
            self.record.happened(&self.who, format!("({} bytes and no end)", self.since_sent));
            self.record.mark(&self.who, "an answer that ends");
            return Err(Fault::missing("The server sends without an end."));
        }
        Ok(Filled::Bytes)
    }

    /// Nothing may come for a while.
    pub fn silence(&mut self, sentence: &str) -> Verdict {
        let until = self.limits.after(SILENCE);
        // Something may have come already, in one read with what was expected.
        if self.arrived.is_empty() {
            match self.fill(until)? {
                Filled::Nothing => return Ok(()),
                Filled::End(end) => return Err(self.closed(end, "nothing")),
                Filled::Bytes => {}
            }
        }
        if self.take_line()?.is_none() {
            self.record.add(&self.who, Way::Seen, &self.arrived);
        }
        Err(self.wrong("nothing", sentence))
    }

    // What is wrong.

    /// A fault, with a mark at the last line, unless this holds.
    pub fn want(&self, holds: bool, expected: &str, sentence: &str) -> Verdict {
        if holds { Ok(()) } else { Err(self.wrong(expected, sentence)) }
    }

    /// The last line is not what it should be.
    pub fn wrong(&self, expected: &str, sentence: &str) -> Fault {
        self.record.mark(&self.who, expected);
        Fault::wrong(sentence)
    }

    fn closed(&self, end: End, expected: &str) -> Fault {
        self.record.happened(&self.who, if end == End::Fin { "(closed)" } else { "(broken off: RST)" });
        self.record.mark(&self.who, expected);
        Fault::closed("The server has ended the connection.")
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
