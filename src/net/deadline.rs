//! Reading from a socket until a point in time.
//!
//! A socket's own timeout starts anew with every `read`, so a peer that sends one byte a minute would never meet
//! it. Here the limit is a deadline, however many reads it takes. Where a pace is set, reads wait for it.

use super::token_bucket::TokenBucket;
use crate::trace::Wire;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The bytes a second that are read of somebody nobody knows: enough for a login, an announcement or a question, and far
/// too little to keep a processor busy. What comes faster waits in the system's buffers, and in the end at the sender.
pub const STRANGER_RATE: u32 = 16 * 1024;
/// What a read that had to wait for its pace takes at least of the time it has: what came meanwhile is there already.
const GRACE: Duration = Duration::from_millis(1);
/// How much sooner than the deadline the socket's own timeout may pass, after which the read begins again. So a
/// connection with a deadline far away has its timeout set once in this time, and not at each read.
const EARLY: Duration = Duration::from_secs(1);

/// A TCP connection whose reads fail with [`io::ErrorKind::TimedOut`] once the deadline has passed, and then only: one that
/// the system has given up for want of an answer says [`io::ErrorKind::HostUnreachable`].
pub struct DeadlineReader {
    stream: Arc<TcpStream>,
    deadline: Option<Instant>,
    /// The timeout that the socket has at present, to save the system call that sets it again.
    current: Option<Duration>,
    /// In bytes.
    pace: TokenBucket,
    wire: Wire,
}

impl DeadlineReader {
    /// A reader that waits until `deadline`; for ever when there is none, which suits only a connection that another
    /// thread can shut down.
    pub fn new(stream: Arc<TcpStream>, deadline: Option<Instant>) -> DeadlineReader {
        DeadlineReader {
            stream,
            deadline,
            current: None,
            pace: TokenBucket::new(None, Instant::now()),
            wire: Wire::default(),
        }
    }

    /// The same, with its reads recorded.
    pub fn recorded(self, wire: &Wire) -> DeadlineReader {
        DeadlineReader { wire: wire.clone(), ..self }
    }

    /// From now on reads are not recorded.
    pub fn record_no_more(&mut self) {
        self.wire = Wire::default();
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

    /// Has the next read of the socket end when so much time is gone, or somewhat earlier.
    fn set_timeout(&mut self, left: Option<Duration>) -> io::Result<()> {
        if !suits(self.current, left) {
            let timeout = left.map(|left| if left > 2 * EARLY { left - EARLY } else { left });
            self.stream.set_read_timeout(timeout)?;
            self.current = timeout;
        }
        Ok(())
    }
}

impl Read for DeadlineReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
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
            self.set_timeout(left)?;
            match (&*self.stream).read(buffer) {
                // Linux says EAGAIN when SO_RCVTIMEO has passed, which may be before the deadline; and at once on a
                // stream that does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.current.is_none_or(|timeout| now.elapsed() < wait + timeout / 2) {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                // What std calls by the same name is the system's ETIMEDOUT.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.wire.cut_off();
                    return Err(io::Error::new(io::ErrorKind::HostUnreachable, error));
                }
                Ok(count) => {
                    self.pace.spend(count, now + wait);
                    self.wire.read(&buffer[..count]);
                    return Ok(count);
                }
                Err(error) => {
                    if error.kind() != io::ErrorKind::Interrupted {
                        self.wire.cut_off();
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Whether a read with this timeout ends by the deadline that is so far away, and not long before.
fn suits(timeout: Option<Duration>, left: Option<Duration>) -> bool {
    match (timeout, left) {
        (None, None) => true,
        // A deadline that moves with each line is a little farther away than when the timeout was set.
        (Some(timeout), Some(left)) => timeout <= left && left - timeout <= EARLY + EARLY / 10,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_timeout_is_set_again_when_it_would_pass_too_late_or_long_before() {
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        for (timeout, left, is_so) in [
            (None, None, true),
            (None, seconds(9.0), false),
            (seconds(9.0), None, false),
            (seconds(59.0), seconds(60.05), true),
            (seconds(59.0), seconds(59.0), true),
            (seconds(59.0), seconds(58.9), false),
            (seconds(0.02), seconds(60.0), false),
        ] {
            assert_eq!(suits(timeout, left), is_so, "{timeout:?} with {left:?} left");
        }
    }

    #[test]
    fn a_timeout_that_passes_early_is_no_end() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let _silent = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        let (stream, early) = (Arc::new(stream), Some(Duration::from_millis(1)));
        stream.set_read_timeout(early).expect("set");
        let deadline = Instant::now() + Duration::from_millis(100);
        let mut reader = DeadlineReader { current: early, ..DeadlineReader::new(stream, Some(deadline)) };
        let error = reader.read(&mut [0; 1]).expect_err("nothing comes");
        assert!(error.kind() == io::ErrorKind::TimedOut && Instant::now() >= deadline);
    }

    #[test]
    fn a_stream_that_does_not_block_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let _silent = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        stream.set_nonblocking(true).expect("set");
        let mut reader = DeadlineReader::new(Arc::new(stream), None);
        for deadline in [None, Some(Instant::now() + Duration::from_secs(3600))] {
            reader.set_deadline(deadline);
            assert_eq!(reader.read(&mut [0; 1]).map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        }
    }

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
