//! What becomes of the handshake of a client: whose key it takes, and why there is no encrypted connection. It stands
//! apart from TLS, as a build without it knows it too.

use crate::value::Fingerprint;
use std::io;

/// Whose key the one who connects takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// Anybody's: for who wants to look at the key, and then says nothing on that connection.
    Any,
    /// One of these.
    These(Vec<Fingerprint>),
}

impl Accepts {
    /// Whether this key is taken.
    pub fn takes(&self, shown: Fingerprint) -> bool {
        match self {
            Accepts::Any => true,
            Accepts::These(known) => known.contains(&shown),
        }
    }
}

/// Why there is no encrypted connection.
#[derive(Debug)]
pub enum NoTls {
    /// The other side has this key, which is not taken. Nothing was said to it.
    OtherKey(Fingerprint),
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
