//! One TLS connection between two programs, as the threads share it that write to it and the one that reads.

use super::keyed::{fingerprint_of, validity_of};
use crate::value::Fingerprint;
use nix::libc;
use rustls::{Connection, ProtocolVersion};
use socket2::SockRef;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The most plain bytes of one record (RFC 8446, 5.1). A slow reader costs no more memory than that.
const RECORD: usize = 16 * 1024;
/// The most plain bytes of one write where many follow: four records, as each write is a system call.
const MANY: usize = 4 * RECORD;
/// What a record has beside its plain bytes, and some more.
const BESIDE: usize = 64;

/// A TLS connection whose handshake is over.
pub struct Channel {
    stream: Arc<TcpStream>,
    key: Option<Fingerprint>,
    state: Mutex<State>,
}

/// Under its lock is work in memory alone: no system call.
struct State {
    tls: Connection,
    /// The most plain bytes that are encrypted at once.
    most: usize,
    /// What was encrypted and could not all be written. Nothing else is encrypted before it is out.
    left: Option<Sealed>,
    /// A thread writes what it has encrypted.
    writing: bool,
}

/// Records on their way.
struct Sealed {
    records: Vec<u8>,
    written: usize,
    /// So many plain bytes are in them.
    plain: usize,
}

impl Channel {
    /// The connection `tls`, whose handshake is over, on this stream.
    pub(super) fn new(stream: &Arc<TcpStream>, tls: Connection) -> Channel {
        let own = tls.peer_certificates().and_then(<[_]>::first);
        // What was taken in the handshake can be read.
        let key = own.and_then(|own| fingerprint_of(own).ok());
        let state = State { tls, most: RECORD, left: None, writing: false };
        Channel { stream: Arc::clone(stream), key, state: Mutex::new(state) }
    }

    /// The connection underneath.
    pub fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// The key of the other side, which has proven that it has it; nothing where it has shown none.
    pub fn key(&self) -> Option<Fingerprint> {
        self.key
    }

    /// Bytes that only the two ends of this connection know, for the use that `label` names (RFC 8446, 7.5, without a
    /// context).
    ///
    /// # Errors
    /// Whatever the library says; none is known.
    pub fn export<const N: usize>(&self, label: &str) -> io::Result<[u8; N]> {
        self.lock().tls.export_keying_material([0; N], label.as_bytes(), None).map_err(io::Error::other)
    }

    /// The version and the suite, as the standards name them.
    pub fn suite(&self) -> String {
        let state = self.lock();
        let version = match state.tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        };
        // The library has a name of its own for those of TLS 1.3.
        let suite = state.tls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        format!("{version}, {}", suite.unwrap_or_default().replace("TLS13_", "TLS_"))
    }

    /// From when to when the certificate of the other side counts, for who looks at that; `None` where that cannot be read.
    pub fn validity(&self) -> Option<(SystemTime, SystemTime)> {
        let own = self.lock().tls.peer_certificates().and_then(<[_]>::first).cloned()?;
        validity_of(&own)
    }

    /// From now on much is written at once, as of a file: fewer system calls, and more memory while it flows.
    pub(super) fn expect_much(&self) {
        let mut state = self.lock();
        state.most = MANY;
        state.tls.set_buffer_limit(Some(MANY));
    }

    /// Encrypts some of these bytes, from the first one on, and writes them; how many. Only who has the turn to write may
    /// call it. After [`ErrorKind::WouldBlock`] a part of them may be out already: only the same bytes can follow, or
    /// nothing at all.
    ///
    /// # Errors
    /// Whatever the stream says.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sealed = {
            let mut state = self.lock();
            if state.writing {
                return Err(ErrorKind::WouldBlock.into());
            }
            let most = bytes.len().min(state.most);
            let sealed = match state.left.take() {
                Some(left) => left,
                None => seal(&mut state.tls, &bytes[..most])?,
            };
            state.writing = true;
            sealed
        };
        let written = sealed.write_to(&self.stream);
        let plain = sealed.plain;
        let mut state = self.lock();
        state.writing = false;
        state.left = written.is_err().then_some(sealed);
        drop(state);
        match written {
            // What another thread had begun to say is out, and nothing of these bytes was in it.
            Ok(()) if plain == 0 && !bytes.is_empty() => self.write(bytes),
            written => written.map(|()| plain),
        }
    }

    /// Says something to the other side without the turn to write, and without waiting, before the connection is cut off.
    /// Where another thread is in the middle of a record, nothing is said.
    pub fn say_last(&self, bytes: &[u8]) {
        // Who does not read need not be told.
        let _ = self.send_at_once(bytes);
    }

    /// Sends all of these bytes without waiting. After an error the connection is of no more use: what is behind a record of
    /// which a part is missing cannot be decrypted.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] where there is no room for all of them, or another thread writes; whatever the stream says.
    pub fn send_at_once(&self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(RECORD).try_for_each(|piece| self.push(|tls| seal(tls, piece)))
    }

    /// Says without waiting that no more comes. Whoever has left already need not be told.
    pub fn leave(&self) {
        let _ = self.push(|tls| {
            tls.send_close_notify();
            seal(tls, &[])
        });
    }

    /// Sends what is made of the connection, all of it at once.
    fn push(&self, make: impl FnOnce(&mut Connection) -> io::Result<Sealed>) -> io::Result<()> {
        let mut state = self.lock();
        if state.writing || state.left.is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut sealed = make(&mut state.tls)?;
        state.writing = true;
        drop(state);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let sent = SockRef::from(&*self.stream).send_with_flags(&sealed.records, flags);
        let mut state = self.lock();
        state.writing = false;
        if matches!(sent, Ok(count) if count == sealed.records.len()) {
            return Ok(());
        }
        // Whoever writes next does not wait for it, and sends the rest before their own.
        (sealed.written, sealed.plain) = (sent.as_ref().copied().unwrap_or(0), 0);
        state.left = Some(sealed);
        sent.and(Err(ErrorKind::WouldBlock.into()))
    }

    /// Says that no more comes, or what was wrong with what came. Only who has the turn to write may call it, once.
    pub fn close(&self) {
        let sealed = {
            let mut state = self.lock();
            if state.writing || state.left.is_some() {
                return;
            }
            state.tls.send_close_notify();
            seal(&mut state.tls, &[])
        };
        // Whoever has left already need not be told.
        let _ = sealed.and_then(|mut sealed| sealed.write_to(&self.stream));
    }

    /// Decrypts, and gives how many of these bytes were taken: the rest must wait until what is decrypted is read. What is no
    /// TLS, or was changed on its way, is an error, which [`Channel::close`] tells the other side.
    pub(super) fn feed(&self, records: &[u8]) -> io::Result<usize> {
        feed(&mut self.lock().tls, records)
    }

    /// Takes what is decrypted; nothing where there is nothing yet, and 0 bytes at the end.
    pub(super) fn take(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        match self.lock().tls.reader().read(into) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            // Whoever is killed says no goodbye, and many programs say none: a line without its end counts for nothing.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel")
    }
}

impl Sealed {
    /// Writes them; after an error the rest can be written later.
    fn write_to(&mut self, stream: &TcpStream) -> io::Result<()> {
        let mut stream = stream;
        while self.written < self.records.len() {
            match stream.write(&self.records[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Encrypts these bytes, or as many of them as the connection buffers, and takes out all that is to be written: that first
/// which the connection itself has to say, such as the answer to a new key.
fn seal(tls: &mut Connection, bytes: &[u8]) -> io::Result<Sealed> {
    let plain = tls.writer().write(bytes)?;
    Ok(Sealed { records: take_records(tls, plain)?, written: 0, plain })
}

/// What the connection has to write, of which so many bytes are plain ones.
pub(super) fn take_records(tls: &mut Connection, plain: usize) -> io::Result<Vec<u8>> {
    let mut records = Vec::with_capacity(plain + plain.div_ceil(RECORD).max(1) * BESIDE);
    while tls.wants_write() {
        tls.write_tls(&mut records)?;
    }
    Ok(records)
}

/// See [`Channel::feed`]. No bytes are the end.
pub(super) fn feed(tls: &mut Connection, records: &[u8]) -> io::Result<usize> {
    let mut left = records;
    loop {
        tls.read_tls(&mut left).map_err(in_words)?;
        let state = tls.process_new_packets().map_err(in_words)?;
        let has_plain = state.plaintext_bytes_to_read() > 0 || state.peer_has_closed();
        // It takes no more where too much waits to be read.
        if left.is_empty() || has_plain {
            return Ok(records.len() - left.len());
        }
    }
}

/// What is wrong with the other side's TLS, for the log.
fn in_words(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, error)
}
