//! A connection with a peer: whole lines in, whole lines out, and nothing without a limit. It does not know what is
//! said on it.

use crate::client::call::{Call, Watch, Woken};
use crate::net::tls::{Channel, Decrypting};
use crate::net::tuning::{Whose, hurry, outlast, silence, tune};
use crate::net::{DeadlineReader, Input, LineReader, listener};
use crate::peer_protocol::{Answer, PeerRefusal, Proof};
use crate::protocol::MAX_LINE;
use crate::trace::Wire;
use crate::value::{BadLine, Fingerprint, Spoken};
use socket2::SockRef;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a line may take to leave.
pub const WRITE: Duration = Duration::from_secs(10);

/// What the words of a connection are made of.
const WORDS: &str = "EXPORTER-peerline-verify";

/// A connection with a peer.
pub struct PeerConnection {
    stream: Arc<TcpStream>,
    /// By which is written what is encrypted.
    channel: Option<Arc<Channel>>,
    reader: LineReader<Input>,
    wire: Wire,
}

/// Why there is no line. `Display` is for people, and for the peer.
#[derive(Debug)]
pub enum NoLine {
    /// Bytes that are no line; they were skipped.
    Bad(BadLine),
    /// Nothing more until the limit was over.
    Late,
    /// The peer has closed its side.
    End,
    /// The network has failed.
    Lost(io::Error),
    /// The runner has given the call up.
    GivenUp,
}

impl PeerConnection {
    /// Sets the stream up: no delay of small lines, dead peers are noticed, and a write takes [`WRITE`] at most.
    ///
    /// # Errors
    /// What the system says; a connection that has ended already says so here.
    pub fn new(stream: Arc<TcpStream>, wire: Wire) -> io::Result<PeerConnection> {
        let input = Input::clear(DeadlineReader::new(Arc::clone(&stream), None).recorded(&wire));
        Self::with(stream, None, input, wire)
    }

    /// The same of one whose handshake is over.
    ///
    /// # Errors
    /// As [`PeerConnection::new`].
    pub fn encrypted(decrypting: Decrypting, wire: Wire) -> io::Result<PeerConnection> {
        let channel = Arc::clone(decrypting.channel());
        Self::with(Arc::clone(channel.stream()), Some(channel), Input::Tls(Box::new(decrypting)), wire)
    }

    fn with(
        stream: Arc<TcpStream>,
        channel: Option<Arc<Channel>>,
        input: Input,
        wire: Wire,
    ) -> io::Result<PeerConnection> {
        tune(&stream, Whose::Peers)?;
        stream.set_write_timeout(Some(WRITE))?;
        Ok(PeerConnection { stream, channel, reader: LineReader::new(input, MAX_LINE), wire })
    }

    /// The key of the other side, who has proven to have it; nothing in the clear.
    pub fn key(&self) -> Option<Fingerprint> {
        self.channel.as_ref().and_then(|channel| channel.key())
    }

    /// The words that both ends of this connection know, and nobody else; none in the clear.
    pub fn words(&self) -> Option<Spoken> {
        self.channel.as_ref().and_then(|channel| channel.export(WORDS).ok()).map(Spoken::new)
    }

    /// What records it.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Writes text, which is recorded.
    ///
    /// # Errors
    /// What the system says; some of it may have left.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let at = self.wire.stamp();
        self.write_all(text.as_bytes())?;
        at.into_iter().for_each(|at| self.wire.wrote(at, text.as_bytes()));
        Ok(())
    }

    /// Writes some of these bytes, from the first one on, and records nothing; how many. After
    /// [`io::ErrorKind::WouldBlock`] only the same bytes can follow.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.channel {
            None => (&*self.stream).write(bytes),
            Some(channel) => channel.write(bytes),
        }
    }

    /// Writes all of these bytes, and records nothing.
    ///
    /// # Errors
    /// What the system says; some of them may have left.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            match self.write_some(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => left = &left[taken..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that no more comes from us; who reads to the end has it all.
    pub fn finish(&self) {
        self.channel.iter().for_each(|channel| channel.leave());
        // An error says that the connection has ended already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The same, and waits for a moment until the peer has closed its side too: a close on unread bytes is a reset.
    pub fn close_gently(&self) {
        self.finish();
        listener::close_gently(&self.stream);
    }

    /// Whether the other machine does not answer, however short a time: it or the network is away.
    pub fn is_silent(&self) -> bool {
        silence(&self.stream).is_some()
    }

    /// Has a connection with a silent machine, on which a write waits for room, last as long as any other; whether it had to.
    pub fn outlast(&self) -> bool {
        outlast(&self.stream)
    }

    /// Ends that.
    pub fn hurry(&self) {
        hurry(&self.stream);
    }

    /// From now on [`Self::line`] and [`Self::bytes`] end after `limit`; with `None` only when the stream does.
    pub fn set_limit(&mut self, limit: Option<Duration>) {
        self.reader.get_mut().set_deadline(limit.map(|limit| Instant::now() + limit));
    }

    /// From now on so many bytes a second are read; `None` for no limit.
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.reader.get_mut().set_rate(rate);
    }

    /// The next line. On a stream that does not block, [`NoLine::Late`] says that none is there yet.
    ///
    /// # Errors
    /// [`NoLine`]; after `Bad` and `Late` the call can be repeated.
    pub fn line(&mut self) -> Result<String, NoLine> {
        match self.reader.next_line() {
            Ok(Some(Ok(line))) => Ok(line.to_owned()),
            Ok(Some(Err(bad))) => Err(NoLine::Bad(bad)),
            Ok(None) => Err(NoLine::End),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(NoLine::Late),
            Err(error) => Err(NoLine::Lost(error)),
        }
    }

    /// Whether a further line may have arrived already, for which no socket wakes anybody.
    pub fn may_have_line(&self) -> bool {
        self.reader.has_line() || self.reader.get_ref().has_more()
    }

    /// The next line, or the end of the call. Nothing is ordered of a call that waits here.
    ///
    /// # Errors
    /// [`NoLine`].
    pub fn line_or_end(&mut self, call: &Call, limit: Duration) -> Result<String, NoLine> {
        let until = Instant::now() + limit;
        // Also for who sends without a pause and without a line end. No time at all is for what is there already.
        self.set_limit(Some(limit).filter(|limit| !limit.is_zero()));
        self.stream.set_nonblocking(true).map_err(NoLine::Lost)?;
        let line = loop {
            match self.line() {
                Err(NoLine::Late) => {}
                line => break line,
            }
            match call.wait(Some((&self.stream, Watch::Readable)), Some(until)) {
                Woken::Socket | Woken::Order(_) => {}
                Woken::Late => break Err(NoLine::Late),
                Woken::GivenUp => break Err(NoLine::GivenUp),
            }
        };
        self.stream.set_nonblocking(false).map_err(NoLine::Lost)?;
        // The runner may have closed the stream before it rang.
        if line.is_err() && call.is_given_up() { Err(NoLine::GivenUp) } else { line }
    }

    /// From now on much is read and written at once: a file.
    pub fn expect_much(&mut self) {
        self.reader.get_mut().expect_much();
    }

    /// The raw bytes behind the last line. Further reads are not recorded: it is a file, or what a command has written. What
    /// has come of it with the line is hidden by the mask.
    pub fn bytes(&mut self) -> &mut impl BufRead {
        self.reader.get_mut().record_no_more();
        self.reader.bytes()
    }

    /// Sends an answer. One that does not arrive is the peer's loss.
    pub fn answer(&self, answer: &Answer) {
        let _ = self.write(&format!("{answer}\n"));
    }

    /// Sends our proof, before the answer. One that does not arrive is the peer's loss.
    pub fn prove(&self, proof: Proof) {
        let _ = self.write(&format!("{proof}\n"));
    }

    /// Sends an answer that begins with `ERR`.
    pub fn refuse(&self, why: PeerRefusal) {
        self.answer(&Answer::Refused(why));
    }

    /// Has the peer notice the end of the connection at once, even one that only watches for the end of the whole connection
    /// while its command runs: it is a reset.
    pub fn abort(&self) {
        // An error says that it has ended already.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

/// To watch its socket, and to ask it. What leaves goes by [`PeerConnection::write_some`] and its like alone: who wrote to
/// the socket would say in the clear what is to be encrypted.
impl AsFd for PeerConnection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.channel.iter().for_each(|channel| channel.leave());
        self.wire.closed();
    }
}

impl fmt::Display for NoLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoLine::Bad(bad) => bad.fmt(f),
            NoLine::Late => f.write_str("no answer in time"),
            NoLine::End => f.write_str("closed without an answer"),
            NoLine::Lost(error) => error.fmt(f),
            NoLine::GivenUp => f.write_str("cancelled"),
        }
    }
}
