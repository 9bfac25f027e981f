//! The reading side of a TLS connection, with its handshake: the thread of the connection has it, and no other.

use super::channel::{self, Channel};
use super::identity::Identity;
use crate::net::DeadlineReader;
use crate::trace::Wire;
use rustls::{Connection, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is read of a socket at once: as much as the connection takes.
const PIECE: usize = 4096;
/// The most that waits in a connection for who writes: one record.
const BUFFERED: usize = 16 * 1024;
/// How long a write of the handshake waits for room. Its few bytes find the buffer of a new connection empty.
const HANDSHAKE_WRITE: Duration = Duration::from_secs(1);

/// Reads what the other side has encrypted.
pub struct Decrypting {
    input: DeadlineReader,
    channel: Arc<Channel>,
    /// Records that were read, and that the connection did not take yet.
    left: Vec<u8>,
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
        Ok(Decrypting { input, channel, left, wire: wire.clone() })
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
                return Ok(count);
            }
            self.fill()?;
        }
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
