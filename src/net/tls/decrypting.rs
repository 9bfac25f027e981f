//! The reading side of a TLS connection, with its handshake: the thread of the connection has it, and no other.

use super::channel::{self, Channel};
use super::identity::Identity;
use super::pinned;
use super::unfit;
use crate::net::handshake::{Accepts, NoTls, first_byte};
use crate::net::{DeadlineReader, LineReader};
use crate::trace::Wire;
use rustls::{Connection, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is read of a socket at once: as much as the connection takes.
const PIECE: usize = 4096;
/// The same where much follows: six records, as each read is a system call.
const MANY: usize = 6 * (16 * 1024 + 22);
/// So much of it is read by pieces all the same. By then the connection's own buffer has grown to the size of a record, and
/// `records` is allocated behind it, between it and the plain bytes that are copied out of it. Right behind it they would
/// have its offset within a page, but for 11 bytes, and many processors of AMD copy 40 times as slowly to where it is less
/// than 32 bytes further (`rep movsb`).
const FIRST: usize = 2 * 16 * 1024;
/// The most that waits in a connection for who writes: one record.
const BUFFERED: usize = 16 * 1024;
/// The most bytes of a line that somebody says in the clear instead of a handshake.
const CLEAR: usize = 4096;
/// How records begin: RFC 8446, 5.1. A line begins otherwise.
const RECORDS: RangeInclusive<u8> = 20..=23;
/// How long a write of the handshake waits for room. Its few bytes find the buffer of a new connection empty.
const HANDSHAKE_WRITE: Duration = Duration::from_secs(1);

/// Reads what the other side has encrypted.
pub struct Decrypting {
    input: DeadlineReader,
    channel: Arc<Channel>,
    /// Records that were read.
    records: Vec<u8>,
    /// Those of them that the connection did not take yet.
    left: Range<usize>,
    /// How much more comes before much is read at once; nothing where little is expected.
    until_much: Option<usize>,
    /// Whether the last read has found no end of what is decrypted.
    has_more: bool,
    /// Records what was decrypted.
    wire: Wire,
}

impl Decrypting {
    /// The server's side of a handshake, until the deadline of `input`. Nobody else may use the stream meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] at the deadline; [`ErrorKind::ConnectionAborted`] with what is wrong, which the other side has
    /// been told; whatever the stream says.
    pub fn accept(
        identity: &Identity,
        stream: &Arc<TcpStream>,
        mut input: DeadlineReader,
        wire: &Wire,
    ) -> io::Result<Decrypting> {
        let tls = ServerConnection::new(Arc::clone(&identity.config)).map_err(io::Error::other)?;
        let mut tls = Connection::Server(tls);
        tls.set_buffer_limit(Some(BUFFERED));
        stream.set_write_timeout(Some(HANDSHAKE_WRITE))?;
        let left = shake_hands(&mut tls, stream, &mut input).map_err(in_words)?;
        Ok(Decrypting::new(input, Channel::new(stream, tls), left, wire))
    }

    /// The side of a handshake of who connects, until this time: shows `own`, if there is one. Nobody else may use the
    /// stream meanwhile.
    ///
    /// # Errors
    /// Why there is no encrypted connection; at the deadline it is [`ErrorKind::TimedOut`].
    pub fn connect(
        own: Option<&Identity>,
        accepts: &Accepts,
        stream: &Arc<TcpStream>,
        until: Instant,
        wire: &Wire,
    ) -> Result<Decrypting, NoTls> {
        let mut tls = Connection::Client(pinned::client(own, accepts)?);
        tls.set_buffer_limit(Some(BUFFERED));
        stream.set_write_timeout(Some(HANDSHAKE_WRITE))?;
        let mut input = DeadlineReader::new(Arc::clone(stream), Some(until));
        (&**stream).write_all(&channel::take_records(&mut tls, 0)?)?;
        if !RECORDS.contains(&first_byte(stream, until)?) {
            let mut lines = LineReader::new(input, CLEAR);
            let said = lines.next_line()?.and_then(Result::ok).map(str::to_owned);
            return Err(NoTls::InTheClear(said.unwrap_or_default()));
        }
        let left = shake_hands(&mut tls, stream, &mut input).map_err(pinned::why)?;
        Ok(Decrypting::new(input, Channel::new(stream, tls), left, wire))
    }

    fn new(input: DeadlineReader, channel: Channel, mut records: Vec<u8>, wire: &Wire) -> Decrypting {
        records.shrink_to_fit();
        let (channel, left, wire) = (Arc::new(channel), 0..records.len(), wire.clone());
        Decrypting { input, channel, records, left, until_much: None, has_more: true, wire }
    }

    /// Its other side.
    pub fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// From now on much is read and written at once, as of a file: fewer system calls, and more memory while it flows.
    pub fn expect_much(&mut self) {
        self.until_much = Some(FIRST);
        self.channel.expect_much();
    }

    /// Moves the deadline.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.input.set_deadline(deadline);
    }

    /// As [`DeadlineReader::set_rate`], of what is encrypted.
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.input.set_rate(rate);
    }

    /// Whether there may be more to read for which the socket wakes nobody.
    pub fn has_more(&self) -> bool {
        self.has_more || !self.left.is_empty()
    }

    /// From now on reads are not recorded.
    pub fn record_no_more(&mut self) {
        self.wire = Wire::default();
    }

    /// Decrypts what is left, or else what comes next.
    fn fill(&mut self) -> io::Result<()> {
        if self.left.is_empty() {
            if self.until_much != Some(0) {
                return self.fill_by_piece();
            }
            if self.records.len() < MANY {
                // What is small is gone before.
                self.records = Vec::new();
                self.records = vec![0; MANY];
            }
            let read = self.input.read(&mut self.records).inspect_err(|error| note(&self.wire, error))?;
            self.left = 0..read;
        }
        self.left.start += self.channel.feed(&self.records[self.left.clone()])?;
        if self.left.is_empty() && self.records.len() < MANY {
            self.records = Vec::new();
        }
        Ok(())
    }

    /// By a piece on the stack, whose pages the handshake has touched already: who waits for lines holds no buffer.
    #[inline(never)]
    fn fill_by_piece(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let read = self.input.read(&mut piece).inspect_err(|error| note(&self.wire, error))?;
        self.until_much = self.until_much.map(|bytes| bytes.saturating_sub(read));
        let taken = self.channel.feed(&piece[..read])?;
        self.records = piece[taken..read].to_vec();
        self.left = 0..self.records.len();
        Ok(())
    }
}

impl Read for Decrypting {
    /// Gives all that is there, as far as there is room, and waits only where nothing is.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        self.has_more = false;
        loop {
            let more = self.channel.take(&mut buffer[count..])?;
            count += more.unwrap_or_default();
            let is_enough = count > 0 && (count == buffer.len() || self.left.is_empty());
            if is_enough || more == Some(0) {
                break;
            }
            match self.fill() {
                // What is wrong behind these bytes is seen again by the next read.
                Err(_) if count > 0 => break,
                filled => filled?,
            }
        }
        self.wire.read(&buffer[..count]);
        self.has_more = count == buffer.len();
        Ok(count)
    }
}

/// What is wrong with the certificate of a client, for the log.
fn in_words(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(wrong @ rustls::Error::InvalidCertificate(_)) => {
            let why = format!("the certificate of the other side is not taken: {}", unfit::in_words(wrong));
            io::Error::new(error.kind(), why)
        }
        _ => error,
    }
}

/// Records that a read has failed, and not for want of time.
fn note(wire: &Wire, error: &io::Error) {
    if !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) {
        wire.cut_off();
    }
}

/// Goes through a handshake; what has come behind it and was not taken is given.
fn shake_hands(tls: &mut Connection, stream: &TcpStream, input: &mut DeadlineReader) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let mut stream = stream;
    loop {
        stream.write_all(&channel::take_records(tls, 0)?)?;
        if !tls.is_handshaking() {
            return Ok(Vec::new());
        }
        let read = input.read(&mut piece)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let taken = channel::feed(tls, &piece[..read]).inspect_err(|_| {
            // What is wrong is told; whoever has left already need not know.
            let _ = channel::take_records(tls, 0).and_then(|alert| stream.write_all(&alert));
        })?;
        if taken < read {
            stream.write_all(&channel::take_records(tls, 0)?)?;
            return Ok(piece[taken..read].to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;
    use std::net::TcpListener;
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(30);

    /// Two ends of one connection.
    fn pair() -> (Decrypting, Decrypting) {
        let own = Identity::for_a_run().expect("random bytes");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = Arc::new(TcpStream::connect(listener.local_addr().expect("bound")).expect("connects"));
        let (accepted, until) = (Arc::new(listener.accept().expect("accepts").0), Instant::now() + LIMIT);
        thread::scope(|scope| {
            let connecting = scope.spawn(|| Decrypting::connect(None, &Accepts::Any, &stream, until, &Wire::default()));
            let input = DeadlineReader::new(Arc::clone(&accepted), Some(until));
            let here = Decrypting::accept(&own, &accepted, input, &Wire::default()).expect("a handshake");
            (here, connecting.join().expect("no panic").expect("a handshake"))
        })
    }

    #[test]
    fn bytes_come_in_order_in_whatever_steps_they_are_read() {
        let bytes: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
        let (mut from, mut to) = pair();
        let text = bytes.clone();
        let writing = thread::spawn(move || {
            let mut left = &text[..];
            while !left.is_empty() {
                if left.len() < text.len() / 2 {
                    from.expect_much();
                }
                left = &left[from.channel().write(left).expect("taken")..];
            }
            from.channel().close();
            from
        });
        let (mut all, mut steps) = (Vec::new(), [1, 100, 4096, 20_000, 300_000].into_iter().cycle());
        while all.len() < bytes.len() {
            let mut step = vec![0; steps.next().expect("for ever")];
            let read = to.read(&mut step).expect("bytes");
            assert!(read > 0, "after {}", all.len());
            all.extend_from_slice(&step[..read]);
            // In the middle of what flows.
            if all.len() > bytes.len() / 4 {
                to.expect_much();
            }
        }
        assert!(all == bytes);
        assert_eq!(to.read(&mut [0]).expect("an end"), 0);
        drop(writing.join().expect("no panic"));
    }

    #[test]
    fn much_is_written_at_once_where_that_is_expected() {
        let (mut from, mut to) = pair();
        let bytes = vec![7; 1 << 20];
        for most in [16 << 10, 64 << 10] {
            thread::scope(|scope| {
                let writing = scope.spawn(|| from.channel().write(&bytes));
                to.read_exact(&mut vec![0; most]).expect("bytes");
                assert_eq!(writing.join().expect("no panic").expect("taken"), most);
            });
            from.expect_much();
        }
    }

    #[test]
    fn the_certificate_of_a_client_that_is_none_is_told_in_words() {
        let aborted = |wrong: rustls::Error| in_words(io::Error::new(ErrorKind::ConnectionAborted, wrong));
        let told = aborted(CertificateError::BadSignature.into());
        assert_eq!(told.kind(), ErrorKind::ConnectionAborted);
        let says = "the certificate of the other side is not taken: it was shown without its key: a signature is wrong";
        assert_eq!(told.to_string(), says);
        assert_eq!(aborted(rustls::Error::DecryptError).to_string(), rustls::Error::DecryptError.to_string());
    }
}
