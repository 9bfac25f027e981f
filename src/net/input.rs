//! What a session reads: bytes as they come, or decrypted.

use super::deadline::DeadlineReader;
use super::handshake::TLS_HELLO;
use super::tls::Decrypting;
use std::io::{self, ErrorKind, Read};
use std::time::Instant;

/// The reading side of a connection.
pub enum Input {
    /// In the clear.
    Clear {
        /// The connection.
        reader: DeadlineReader,
        /// Whether something has come.
        begun: bool,
    },
    /// By TLS. In a Box, as the sessions in the clear are not to have room for it.
    Tls(Box<Decrypting>),
}

impl Input {
    /// As it comes.
    pub fn clear(reader: DeadlineReader) -> Input {
        Input::Clear { reader, begun: false }
    }

    /// Moves the deadline.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        match self {
            Input::Clear { reader, .. } => reader.set_deadline(deadline),
            Input::Tls(decrypting) => decrypting.set_deadline(deadline),
        }
    }

    /// Whether there may be more to read for which the socket wakes nobody.
    pub fn has_more(&self) -> bool {
        match self {
            Input::Clear { .. } => false,
            Input::Tls(decrypting) => decrypting.has_more(),
        }
    }

    /// As [`Decrypting::expect_much`]; in the clear whoever reads or writes has buffers of their own.
    pub fn expect_much(&mut self) {
        if let Input::Tls(decrypting) = self {
            decrypting.expect_much();
        }
    }

    /// From now on reads are not recorded.
    pub fn record_no_more(&mut self) {
        match self {
            Input::Clear { reader, .. } => reader.record_no_more(),
            Input::Tls(decrypting) => decrypting.record_no_more(),
        }
    }

    /// As [`DeadlineReader::set_rate`].
    pub fn set_rate(&mut self, rate: Option<u32>) {
        match self {
            Input::Clear { reader, .. } => reader.set_rate(rate),
            Input::Tls(decrypting) => decrypting.set_rate(rate),
        }
    }
}

/// Fails with [`ErrorKind::Unsupported`] where TLS begins on a connection in the clear.
impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Clear { reader, begun } => {
                let read = reader.read(buffer)?;
                if !*begun && buffer[..read].first() == Some(&TLS_HELLO) {
                    return Err(ErrorKind::Unsupported.into());
                }
                *begun = true;
                Ok(read)
            }
            Input::Tls(decrypting) => decrypting.read(buffer),
        }
    }
}
