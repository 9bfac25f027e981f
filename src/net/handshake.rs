//! How TLS is seen to begin, and what becomes of the handshake of a client: whose key it takes, and why there is no encrypted
//! connection. It stands apart from TLS, as a build without it knows it too.

use crate::value::Fingerprint;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What every connection begins with that speaks TLS, and what no line may hold: the type of a handshake's record.
pub const TLS_HELLO: u8 = 0x16;

/// Whose key the one who connects takes.
#[derive(Clone, Debug)]
pub enum Accepts {
    /// Anybody's: for who wants to look at the key, and then says nothing on that connection.
    Any,
    /// One of these.
    These(Vec<Fingerprint>),
    /// That of a certificate which bears this name, counts today, and hangs on one of these authorities.
    Named {
        /// A host name, or an address.
        name: String,
        /// Whom to trust.
        roots: Roots,
    },
}

/// The certificates of authorities, in DER.
#[derive(Clone, Debug)]
pub struct Roots(pub Arc<[Vec<u8>]>);

/// Why a certificate is not taken, where names and dates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistrust {
    /// It has ended, or one has that vouches for it.
    Expired(SystemTime),
    /// It begins later, or one does that vouches for it.
    NotYetValid(SystemTime),
    /// It bears these names alone.
    OtherNames(Vec<String>),
    /// It hangs on nothing but itself.
    SelfSigned,
    /// It hangs on an authority that is not one of ours.
    UnknownAuthority,
    /// Something else: what the library says.
    Other(String),
}

/// Why there is no encrypted connection.
#[derive(Debug)]
pub enum NoTls {
    /// The other side has this key, which is not taken. Nothing was said to it.
    OtherKey(Fingerprint),
    /// The other side has a certificate that is not taken, and why. Nothing was said to it.
    NotTrusted(Mistrust),
    /// It says this in the clear, before any handshake: whoever is on the way may have said it.
    InTheClear(String),
    /// What the stream says, or what is wrong with the other side's TLS.
    Failed(io::Error),
}

impl From<io::Error> for NoTls {
    fn from(error: io::Error) -> NoTls {
        NoTls::Failed(error)
    }
}

/// The first byte that comes, which is left there: it says whether TLS begins.
///
/// # Errors
/// [`ErrorKind::TimedOut`] at the deadline, [`ErrorKind::UnexpectedEof`] at the end; whatever the stream says.
pub fn first_byte(stream: &TcpStream, until: Instant) -> io::Result<u8> {
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
