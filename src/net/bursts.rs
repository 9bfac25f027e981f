//! Messages without a terminator, as the C++ originals and S3 send them: what comes without a pause is one message.
//!
//! An LF ends a message as well, at once: the originals never send one, and a person with netcat sends nothing else.
//! Some originals send a long message in pieces of one length: behind a whole number of those the pause is longer.

use crate::net::DeadlineReader;
use crate::net::MAX_WITHOUT_LF;
use crate::trace::{Expected, Wire};
use crate::value::{BadLine, line};
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The silence that ends a message. The segments of one `send` follow each other within a millisecond, on a busy
/// machine within several; a program that waits for an answer, or a person, pauses for longer. It is also what
/// every answer is late by, so it is no longer than that. (A segment that is lost comes after 100 ms at the soonest, too
/// late: no pause that is bearable would cover it.)
pub const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of one read.
const READ_SIZE: usize = 4096;

/// How a program cuts a message that is too long for its buffer: into pieces, and a rest that is shorter.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// The bytes of a whole piece.
    pub size: usize,
    /// The silence that ends a message which is whole pieces so far. With Nagle's algorithm the next piece waits for an
    /// acknowledgement, some 40 ms, and on a busy machine for longer.
    pub pause: Duration,
}

/// Cuts a connection's bytes into messages.
pub struct BurstReader {
    input: DeadlineReader,
    pieces: Option<Pieces>,
    /// The last message was whole pieces and nothing more: it may have been the beginning of a longer one.
    was_whole_pieces: bool,
    /// When the first bytes of the last message came.
    began: Instant,
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
        let (held, searched, skipped) = (Vec::new(), 0, 0);
        let (was_whole_pieces, began) = (false, Instant::now());
        BurstReader { input, pieces: None, was_whole_pieces, began, held, searched, skipped, cap }
    }

    /// A reader of messages of at most `cap` bytes, of which the long ones come in pieces.
    pub fn of_pieces(stream: Arc<TcpStream>, cap: usize, pieces: Pieces) -> BurstReader {
        BurstReader { pieces: Some(pieces), ..BurstReader::new(stream, cap) }
    }

    /// The same, with its reads recorded.
    pub fn recorded(self, wire: &Wire) -> BurstReader {
        BurstReader { input: self.input.recorded(wire), ..self }
    }

    /// Has it recorded what the next message is taken for. Where some of it has come with the one before, that goes on.
    pub fn tell(&self, wire: &Wire, expected: impl FnOnce() -> Expected) {
        if self.held.is_empty() && self.skipped == 0 { wire.begins(expected) } else { wire.expects(expected) }
    }

    /// Whether a pause has ended the last message behind a whole number of pieces. The rest of it may come still, from
    /// a program that wants an answer to each piece.
    pub fn was_whole_pieces(&self) -> bool {
        self.was_whole_pieces
    }

    /// From now on so many bytes a second are read: see [`DeadlineReader::set_rate`].
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.input.set_rate(rate);
    }

    /// When the first bytes of the last message came.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The next message, without a CR or LF behind it; `None` at the end of the connection, which also ends the
    /// last message.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] when nothing of a message has come by the deadline, [`ErrorKind::InvalidData`] after
    /// [`MAX_WITHOUT_LF`] bytes without a pause, or more than a message may have, and whatever the connection says.
    pub fn next_message(&mut self, deadline: Option<Instant>) -> io::Result<Option<Result<String, BadLine>>> {
        loop {
            if let Some(lf) = self.held[self.searched..].iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.take(self.searched + lf, 1)));
            }
            self.drop_what_is_too_long()?;
            self.searched = self.held.len();
            let begun = self.searched + self.skipped > 0;
            let pause = Instant::now() + self.pause();
            let until = if begun { Some(deadline.map_or(pause, |deadline| deadline.min(pause))) } else { deadline };
            self.input.set_deadline(until);
            match self.fill() {
                Ok(0) if !begun => return Ok(None),
                Ok(0) => return Ok(Some(self.take(self.held.len(), 0))),
                Ok(_) if begun => {}
                Ok(_) => self.began = Instant::now(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut && begun => {
                    return Ok(Some(self.take(self.held.len(), 0)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The pieces that make up what has come of the next message, with nothing over; nothing where that is not so.
    fn whole_pieces(&self) -> Option<Pieces> {
        let length = self.held.len() + self.skipped;
        self.pieces.filter(|pieces| length > 0 && length % pieces.size == 0)
    }

    /// The silence that ends what has come.
    fn pause(&self) -> Duration {
        self.whole_pieces().map_or(PAUSE, |pieces| pieces.pause)
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
        let most = self.cap.max(MAX_WITHOUT_LF);
        if self.skipped > most {
            let why = format!("{} KiB without a pause", most / 1024);
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        Ok(())
    }

    /// Takes the first `length` bytes as a message and drops the `more` behind them.
    fn take(&mut self, length: usize, more: usize) -> Result<String, BadLine> {
        self.was_whole_pieces = more == 0 && self.whole_pieces().is_some();
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
    use std::sync::mpsc;
    use std::thread;

    /// No test waits for this to pass.
    const LONG: Duration = Duration::from_secs(30);

    fn pair(cap: usize) -> (BurstReader, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let sender = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        sender.set_nodelay(true).expect("no delay");
        let (stream, _) = listener.accept().expect("accepts");
        (BurstReader::new(Arc::new(stream), cap), sender)
    }

    /// The next message, or what is wrong; nothing at the end.
    fn next(reader: &mut BurstReader) -> Option<String> {
        let message = reader.next_message(Some(Instant::now() + LONG)).expect("open");
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

    /// What a reader of pieces of 4 bytes reads, each message with whether it was whole pieces.
    fn in_pieces(cap: usize, pause: Duration) -> (mpsc::Receiver<(String, bool)>, TcpStream) {
        let (reader, sender) = pair(cap);
        let mut reader = BurstReader { pieces: Some(Pieces { size: 4, pause }), ..reader };
        let (give, given) = mpsc::channel();
        thread::spawn(move || {
            while let Some(message) = next(&mut reader) {
                let _ = give.send((message, reader.was_whole_pieces()));
            }
        });
        (given, sender)
    }

    #[test]
    fn pieces_that_come_late_are_one_message() {
        let (given, mut sender) = in_pieces(64, LONG);
        for piece in ["1234", "5678", "abcd", "\u{fc}\u{fc}"] {
            sender.write_all(piece.as_bytes()).expect("open");
            // Longer than the pause that ends other messages.
            assert!(given.recv_timeout(PAUSE * 2).is_err(), "{piece} is no message");
        }
        sender.write_all(b"e").expect("open");
        assert_eq!(given.recv_timeout(LONG), Ok(("12345678abcd\u{fc}\u{fc}e".to_owned(), false)));
        sender.write_all(b"123").expect("open");
        assert_eq!(given.recv_timeout(LONG), Ok(("123".to_owned(), false)), "no whole piece");
        sender.write_all(b"1234\n12345").expect("open");
        assert_eq!(given.recv_timeout(LONG), Ok(("1234".to_owned(), false)), "an LF ends a piece too");
        assert_eq!(given.recv_timeout(LONG), Ok(("12345".to_owned(), false)));
    }

    #[test]
    fn a_message_that_is_a_whole_piece_is_given_later() {
        let (given, mut sender) = in_pieces(64, PAUSE);
        sender.write_all(b"1234").expect("open");
        assert_eq!(given.recv_timeout(LONG), Ok(("1234".to_owned(), true)));
    }

    #[test]
    fn of_pieces_that_are_too_many_nothing_is_kept() {
        let (given, mut sender) = in_pieces(8, LONG);
        for piece in ["1234", "5678", "quit", "quit"] {
            sender.write_all(piece.as_bytes()).expect("open");
            assert!(given.recv_timeout(PAUSE * 2).is_err(), "{piece} is no message");
        }
        sender.write_all(b"1").expect("open");
        assert_eq!(given.recv_timeout(LONG), Ok((BadLine::TooLong(8).to_string(), false)));
    }

    #[test]
    fn a_message_of_many_segments_is_one() {
        let (mut reader, mut sender) = pair(1 << 20);
        let long = "x".repeat(500_000);
        let sending = thread::spawn({
            let long = long.clone();
            move || sender.write_all(long.as_bytes()).map(|()| sender)
        });
        assert_eq!(next(&mut reader), Some(long));
        sending.join().expect("no panic").expect("open");
    }

    #[test]
    fn who_is_read_slowly_makes_no_pause() {
        let (mut reader, mut sender) = pair(1 << 20);
        reader.set_rate(Some(1 << 16));
        // Two seconds' worth at once; each further read waits for longer than a pause.
        let long = "x".repeat((1 << 17) + (1 << 14));
        let sending = thread::spawn({
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
        let flood = thread::spawn(move || (0..100_000).all(|_| sender.write_all(&[b'x'; 4096]).is_ok()));
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
