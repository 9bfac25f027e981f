//! The reading side of a TLS connection, with its handshake: the thread of the connection has it, and no other.

use super::channel::{self, Channel};
use super::identity::Identity;
use super::pinned;
use crate::net::handshake::{Accepts, NoTls};
use crate::net::{DeadlineReader, LineReader};
use crate::trace::Wire;
use rustls::{Connection, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is read of a socket at once: as much as the connection takes.
const PIECE: usize = 4096;
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
    /// Records that were read, and that the connection did not take yet.
    left: Vec<u8>,
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
        let mut left = shake_hands(&mut tls, stream, &mut input)?;
        left.shrink_to_fit();
        let channel = Arc::new(Channel::new(stream, tls));
        Ok(Decrypting { input, channel, left, has_more: true, wire: wire.clone() })
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
        let mut left = shake_hands(&mut tls, stream, &mut input).map_err(pinned::why)?;
        left.shrink_to_fit();
        let channel = Arc::new(Channel::new(stream, tls));
        Ok(Decrypting { input, channel, left, has_more: true, wire: wire.clone() })
    }

    /// Its other side.
    pub fn channel(&self) -> &Arc<Channel> {
        &self.channel
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

    /// Decrypts what comes next. On the stack, whose pages the handshake has touched already.
    #[inline(never)]
    fn fill(&mut self) -> io::Result<()> {
        if !self.left.is_empty() {
            let taken = self.channel.feed(&self.left)?;
            self.left.drain(..taken);
            if self.left.is_empty() {
                self.left = Vec::new();
            }
            return Ok(());
        }
        let mut piece = [0; PIECE];
        let read = self.input.read(&mut piece).inspect_err(|error| {
            if !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) {
                self.wire.cut_off();
            }
        })?;
        let taken = self.channel.feed(&piece[..read])?;
        self.left.extend_from_slice(&piece[taken..read]);
        Ok(())
    }
}

impl Read for Decrypting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(count) = self.channel.take(buffer)? {
                self.wire.read(&buffer[..count]);
                self.has_more = count == buffer.len();
                return Ok(count);
            }
            self.has_more = false;
            self.fill()?;
        }
    }
}

/// The first byte that comes, which is left there.
fn first_byte(stream: &TcpStream, until: Instant) -> io::Result<u8> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut first = [0];
    match stream.peek(&mut first) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        // Linux says EAGAIN when SO_RCVTIMEO has passed.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
        peeked => peeked.map(|_| first[0]),
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
