//! Reading from a socket until a point in time.
//!
//! A socket's own timeout starts anew with every `read`, so a peer that sends one byte a minute would never meet
//! it. Here the limit is a deadline, however many reads it takes. Where a pace is set, reads wait for it.

use super::pace::ReadPace;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What a read that had to wait for its pace takes at least of the time it has: what came meanwhile is there already.
const GRACE: Duration = Duration::from_millis(1);

/// A TCP connection whose reads fail with [`io::ErrorKind::TimedOut`] once the deadline has passed, and then only: one that
/// the system has given up for want of an answer says [`io::ErrorKind::HostUnreachable`].
pub struct DeadlineReader {
    stream: Arc<TcpStream>,
    deadline: Option<Instant>,
    /// The timeout that the socket has at present, to save the system call that sets the same again.
    current: Option<Duration>,
    pace: ReadPace,
}

impl DeadlineReader {
    /// A reader that waits until `deadline`; for ever when there is none, which suits only a connection that another
    /// thread can shut down.
    pub fn new(stream: Arc<TcpStream>, deadline: Option<Instant>) -> DeadlineReader {
        DeadlineReader { stream, deadline, current: None, pace: ReadPace::new(None, Instant::now()) }
    }

    /// Moves the deadline.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// From now on so many bytes a second are read, and two seconds' worth at once; `None` for no limit. A read waits as
    /// long as its buffer is at that pace, at the most, even where that is beyond the deadline: silence, which ends
    /// messages, is what the peer keeps.
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.pace.set_rate(rate);
    }
}

impl Read for DeadlineReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let now = Instant::now();
        let mut left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let wait = self.pace.wait(now);
        if !wait.is_zero() {
            thread::sleep(wait);
            left = left.map(|left| left.saturating_sub(wait).max(GRACE));
        }
        if left != self.current {
            self.stream.set_read_timeout(left)?;
            self.current = left;
        }
        match (&*self.stream).read(buffer) {
            // Linux says EAGAIN when SO_RCVTIMEO has passed.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::TimedOut.into()),
            // What std calls by the same name is the system's ETIMEDOUT.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(io::Error::new(io::ErrorKind::HostUnreachable, error))
            }
            Ok(count) => {
                self.pace.count(count, now + wait);
                Ok(count)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_dripping_peer_meets_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut drip = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        let deadline = Instant::now() + Duration::from_millis(50);
        let mut reader = DeadlineReader::new(Arc::new(stream), Some(deadline));
        let dripper = thread::spawn(move || while drip.write_all(b"x").is_ok() && Instant::now() < deadline {});
        let error = std::iter::repeat_with(|| reader.read(&mut [0; 1])).find_map(Result::err);
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
        dripper.join().expect("no panic");
    }
}
