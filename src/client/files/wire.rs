//! The connection that a transfer uses: lines and bytes either way, nothing without a limit, and the end of either side
//! is noticed. It does not know what is sent.

use super::part::FileError;
use crate::client::call::{Call, Watch, Woken};
use crate::client::event::Stage;
use crate::client::peer::{NoLine, PeerConnection};
use crate::net::tuning::Whose;
use crate::peer_protocol::GiverLine;
use crate::value::duration;
use socket2::SockRef;
use std::fmt::Display;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How often whoever hashes says so: each such line also finds out whether the other side is there.
const SAY: Duration = Duration::from_millis(500);

/// How often it is looked whether a silent machine is back, or why a write waits: in the first seconds the kernel has not yet
/// given it up.
const LOOK: Duration = Duration::from_secs(2);

/// How long nothing may move. The silence of a machine is not its peer's: while it does not answer there is more time, and
/// the time of the peer begins anew when it does. Not for ever: who lets one packet through now and then is silent as well,
/// and the system does not end it.
struct Limit {
    limit: Duration,
    begun: Instant,
    /// When the machine was silent last, or when it begun.
    since: Instant,
}

impl Limit {
    fn new(limit: Duration, now: Instant) -> Limit {
        Limit { limit, begun: now, since: now }
    }

    /// How long to wait until it is looked again.
    fn step(&self, now: Instant) -> Duration {
        let left = (self.since + self.limit).saturating_duration_since(now);
        if self.since == self.begun { left } else { left.min(LOOK) }
    }

    /// Whether to go on after that.
    fn goes_on(&mut self, is_silent: bool, now: Instant) -> bool {
        if is_silent {
            self.since = now;
        }
        now < self.since + self.limit && now < self.begun + self.limit + Whose::Peers.patience()
    }
}

/// A connection, with the limits of a transfer.
pub struct Wire<'a> {
    call: &'a Call,
    connection: PeerConnection,
    /// How long no byte may move: see [`Limit`].
    stall: Duration,
    /// What says that the peer has left.
    end: Watch,
}

/// Why a transfer cannot go on over this connection.
#[derive(Debug)]
pub enum Cut {
    /// The runner has given the call up.
    GivenUp,
    /// The connection has ended, or nothing moves on it: another one may bring more.
    Lost(String),
    /// The peer says what makes no sense here, or no: another connection would bring nothing either.
    Peer(String),
    /// Our own disk.
    Ours(FileError),
}

impl From<FileError> for Cut {
    fn from(error: FileError) -> Cut {
        Cut::Ours(error)
    }
}

impl Cut {
    /// The last step of a transfer that ends with it, after `done` bytes.
    pub fn stage(self, done: u64) -> Stage {
        match self {
            Cut::GivenUp => Stage::Cancelled { done },
            Cut::Lost(why) | Cut::Peer(why) => Stage::Failed { why, done },
            Cut::Ours(error) => Stage::Failed { why: error.to_string(), done },
        }
    }
}

impl<'a> Wire<'a> {
    /// A connection on which something moves within `stall`, and whose peer has left when `end` is seen.
    pub fn new(call: &'a Call, mut connection: PeerConnection, stall: Duration, end: Watch) -> Wire<'a> {
        connection.expect_much();
        // An error says that the connection has ended: the next write says it again.
        let _ = SockRef::from(&connection).set_write_timeout(Some(stall.min(LOOK)));
        Wire { call, connection, stall, end }
    }

    /// Ends the connection so that the peer notices it at once.
    pub fn abort(self) {
        self.connection.abort();
    }

    /// The next line, within the limit of a stall.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn line(&mut self) -> Result<String, Cut> {
        self.line_within(self.stall)
    }

    /// The next line. With no time at all it is one that is there already.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn line_within(&mut self, limit: Duration) -> Result<String, Cut> {
        let mut time = Limit::new(limit, Instant::now());
        let mut next = self.connection.line_or_end(self.call, limit);
        while matches!(next, Err(NoLine::Late)) && self.waits_on(&mut time) {
            next = self.connection.line_or_end(self.call, time.step(Instant::now()));
        }
        next.map_err(|none| match none {
            NoLine::GivenUp => Cut::GivenUp,
            NoLine::Bad(bad) => Cut::Peer(bad.to_string()),
            NoLine::Lost(error) if error.kind() == io::ErrorKind::InvalidData => Cut::Peer(error.to_string()),
            NoLine::Lost(error) => self.lost(&error),
            NoLine::Late => Cut::Lost(format!("nothing came for {}", duration::show(limit))),
            NoLine::End => Cut::Lost("the connection has ended".to_owned()),
        })
    }

    /// Whether a line has begun to arrive, or the connection has ended.
    pub fn has_more(&self) -> bool {
        self.connection.may_have_line()
            || self.call.wait_socket(&self.connection, Watch::Readable, Instant::now()) == Woken::Socket
    }

    /// The next bytes, at least one.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Cut> {
        let mut time = Limit::new(self.stall, Instant::now());
        loop {
            self.connection.set_limit(Some(time.step(Instant::now())));
            match self.connection.bytes().read(into) {
                Ok(0) => return Err(self.over("the connection has ended")),
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && self.waits_on(&mut time) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(self.over(&format!("nothing came for {}", duration::show(self.stall))));
                }
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    /// Whether to go on waiting after a step. The cut may be shorter than the limit: a peer whose disk was slow before it is
    /// not late because of that.
    fn waits_on(&self, time: &mut Limit) -> bool {
        !time.limit.is_zero() && time.goes_on(self.connection.is_silent(), Instant::now())
    }

    /// Sends bytes; each part of them that the system takes begins the limit of a stall anew.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn write(&self, bytes: &[u8]) -> Result<(), Cut> {
        let (mut left, mut time) = (bytes, Limit::new(self.stall, Instant::now()));
        let mut outlasts = false;
        while !left.is_empty() {
            match self.connection.write_some(left) {
                Ok(taken) => {
                    (left, time) = (&left[taken..], Limit::new(self.stall, Instant::now()));
                    if std::mem::take(&mut outlasts) {
                        self.connection.hurry();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.waits_on(&mut time) => {
                    outlasts = outlasts || self.connection.outlast();
                }
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    /// Sends a line.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn say(&self, line: impl Display) -> Result<(), Cut> {
        self.write(format!("{line}\n").as_bytes())
    }

    /// Whether either side has ended it.
    pub fn is_over(&self) -> bool {
        self.call.wait_socket(&self.connection, self.end, Instant::now()) != Woken::Late
    }

    /// What hashing asks after each block: goes on until either side has ended it. With `says` it tells the peer now
    /// and then how far it is.
    pub fn go_on(&self, says: bool) -> impl FnMut(u64) -> bool {
        let (mut last, mut said) = (Instant::now(), 0);
        move |done| {
            let now = Instant::now();
            // Who waits for another call to read the file may hear the same number again.
            if says && now - last >= SAY && done > said {
                (last, said) = (now, done);
                // What went wrong is seen in the next line.
                let _ = self.say(GiverLine::Hashing(done));
            }
            !self.is_over()
        }
    }

    /// Why hashing was stopped.
    pub fn left(&self) -> Cut {
        self.over("the other side has left")
    }

    fn over(&self, why: &str) -> Cut {
        // The runner closes the stream when it gives a call up.
        if self.call.is_given_up() { Cut::GivenUp } else { Cut::Lost(why.to_owned()) }
    }

    fn lost(&self, error: &io::Error) -> Cut {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.over("the other side takes nothing any more"),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.over("the other side has left"),
            _ => self.over(&error.to_string()),
        }
    }
}

/// Whether a peer that says how far it has hashed has come further. Each such line begins a limit anew, so they must
/// lead somewhere.
pub fn is_further(hashed: &mut Option<u64>, done: u64) -> bool {
    hashed.replace(done).is_none_or(|before| done > before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_limit_is_that_of_the_peer_and_not_of_a_silent_machine() {
        let begun = Instant::now();
        let mut time = Limit::new(20 * SECOND, begun);
        assert_eq!((time.step(begun), time.step(begun + 5 * SECOND)), (20 * SECOND, 15 * SECOND));
        assert!(time.goes_on(false, begun + 19 * SECOND) && time.goes_on(true, begun + 20 * SECOND));
        assert_eq!(time.step(begun + 20 * SECOND), LOOK);
        assert!(time.goes_on(true, begun + 30 * SECOND), "it is away");
        assert!(time.goes_on(false, begun + 49 * SECOND), "it is back, and the peer has its time");
        assert_eq!(time.step(begun + 49 * SECOND), SECOND);
        assert!(!time.goes_on(false, begun + 50 * SECOND));
        let mut time = Limit::new(20 * SECOND, begun);
        assert!(!time.goes_on(false, begun + 20 * SECOND), "it was there all the time");
        let longest = 20 * SECOND + Whose::Peers.patience();
        let mut time = Limit::new(20 * SECOND, begun);
        assert!(time.goes_on(true, begun + longest - SECOND) && !time.goes_on(true, begun + longest));
    }
}
