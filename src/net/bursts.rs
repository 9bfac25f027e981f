//! Messages without a terminator, as the C++ originals and S3 send them: what comes without a pause is one message.
//!
//! An LF ends a message as well, at once: the originals never send one, and a person with netcat sends nothing else.

use crate::net::DeadlineReader;
use crate::net::MAX_WITHOUT_LF;
use crate::value::{BadLine, line};
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The silence that ends a message. The segments of one `send` follow each other within a millisecond, on a busy
/// machine within several; a program that waits for an answer, or a person, pauses for longer. It is also what
/// every answer is late by, so it is no longer than that. (A segment that is lost comes after 200 ms, too late: no
/// pause that is bearable would cover it.)
pub const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of one read.
const READ_SIZE: usize = 4096;

/// Cuts a connection's bytes into messages.
pub struct BurstReader {
    input: DeadlineReader,
    /// What has come of the next message, and with LFs perhaps of further ones.
    held: Vec<u8>,
    /// How much of `held` is known to hold no LF.
    searched: usize,
    /// Bytes of the current message that were thrown away because it is too long.
    skipped: usize,
    cap: usize,
}

impl BurstReader {
    /// A reader of messages of at most `cap` bytes.
    pub fn new(stream: Arc<TcpStream>, cap: usize) -> BurstReader {
        let input = DeadlineReader::new(stream, None);
        BurstReader { input, held: Vec::new(), searched: 0, skipped: 0, cap }
    }

    /// The next message, without a CR or LF behind it; `None` at the end of the connection, which also ends the
    /// last message.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when nothing of a message has come by the deadline, [`ErrorKind::InvalidData`] after
    /// [`MAX_WITHOUT_LF`] bytes without a pause, and whatever the connection says.
    pub fn next_message(&mut self, deadline: Option<Instant>) -> io::Result<Option<Result<String, BadLine>>> {
        loop {
            if let Some(lf) = self.held[self.searched..].iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.take(self.searched + lf, 1)));
            }
            self.drop_what_is_too_long()?;
            self.searched = self.held.len();
            let begun = self.searched + self.skipped > 0;
            let pause = Instant::now() + PAUSE;
            let until = if begun { Some(deadline.map_or(pause, |deadline| deadline.min(pause))) } else { deadline };
            self.input.set_deadline(until);
            match self.fill() {
                Ok(0) if !begun => return Ok(None),
                Ok(0) => return Ok(Some(self.take(self.held.len(), 0))),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut && begun => {
                    return Ok(Some(self.take(self.held.len(), 0)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; READ_SIZE];
        let count = self.input.read(&mut bytes)?;
        self.held.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Of a message that is too long nothing is kept.
    fn drop_what_is_too_long(&mut self) -> io::Result<()> {
        if self.held.len() > self.cap {
            self.skipped += self.held.len();
            self.held.clear();
        }
        match self.skipped {
            0..=MAX_WITHOUT_LF => Ok(()),
            _ => Err(io::Error::new(ErrorKind::InvalidData, "1 MiB without a pause")),
        }
    }

    /// Takes the first `length` bytes as a message and drops the `more` behind them.
    fn take(&mut self, length: usize, more: usize) -> Result<String, BadLine> {
        let rest = self.held.split_off(length + more);
        let message = std::mem::replace(&mut self.held, rest);
        self.searched = 0;
        if std::mem::take(&mut self.skipped) + length > self.cap {
            return Err(BadLine::TooLong(self.cap));
        }
        let message = &message[..length];
        line::check(message.strip_suffix(b"\r").unwrap_or(message)).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};

    fn pair(cap: usize) -> (BurstReader, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let sender = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        sender.set_nodelay(true).expect("no delay");
        let (stream, _) = listener.accept().expect("accepts");
        (BurstReader::new(Arc::new(stream), cap), sender)
    }

    /// The next message, or what is wrong; nothing at the end.
    fn next(reader: &mut BurstReader) -> Option<String> {
        let message = reader.next_message(Some(Instant::now() + Duration::from_secs(30))).expect("open");
        message.map(|message| message.unwrap_or_else(|bad| bad.to_string()))
    }

    #[test]
    fn a_pause_a_line_end_or_the_end_ends_a_message() {
        let (mut reader, mut sender) = pair(64);
        for piece in [b"lo".as_slice(), b"g", b"in"] {
            sender.write_all(piece).expect("open");
        }
        assert_eq!(next(&mut reader).as_deref(), Some("login"));
        sender.write_all(b"one\r\ntwo\n\nthree\r").expect("open");
        for expected in ["one", "two", "", "three"] {
            assert_eq!(next(&mut reader).as_deref(), Some(expected));
        }
        sender.write_all(b"last").expect("open");
        sender.shutdown(Shutdown::Write).expect("open");
        assert_eq!(next(&mut reader).as_deref(), Some("last"));
        assert_eq!(next(&mut reader), None);
    }

    #[test]
    fn a_message_of_many_segments_is_one() {
        let (mut reader, mut sender) = pair(1 << 20);
        let long = "x".repeat(500_000);
        let sending = std::thread::spawn({
            let long = long.clone();
            move || sender.write_all(long.as_bytes()).map(|()| sender)
        });
        assert_eq!(next(&mut reader), Some(long));
        sending.join().expect("no panic").expect("open");
    }

    #[test]
    fn what_is_too_long_is_skipped_and_the_next_one_is_read() {
        let (mut reader, mut sender) = pair(8);
        sender.write_all(b"12345678\n123456789\nnext\nb\xffd\nn\0l").expect("open");
        let too_long = BadLine::TooLong(8).to_string();
        let not_text = BadLine::NotUtf8.to_string();
        let control = BadLine::Control('\0').to_string();
        for expected in ["12345678", &too_long, "next", &not_text, &control] {
            assert_eq!(next(&mut reader).as_deref(), Some(expected));
        }
        let flood = std::thread::spawn(move || (0..100_000).all(|_| sender.write_all(&[b'x'; 4096]).is_ok()));
        let ended = std::iter::repeat_with(|| reader.next_message(None)).find_map(Result::err);
        assert_eq!(ended.map(|error| error.kind()), Some(ErrorKind::InvalidData));
        drop(reader);
        assert!(!flood.join().expect("no panic"));
    }

    #[test]
    fn the_deadline_counts_when_nothing_comes() {
        let (mut reader, _silent) = pair(8);
        let error = reader.next_message(Some(Instant::now() + Duration::from_millis(1))).expect_err("nothing came");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
