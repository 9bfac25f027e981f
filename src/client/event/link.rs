//! The connection to the server, as the App sees it.

use crate::value::Fingerprint;
use std::fmt;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Names one connection to the server; each has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A server that can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAt {
    /// Its port.
    pub address: SocketAddr,
    /// The one key that it may have, as another server has told it. `None`: it is known as the options say, or is spoken with in
    /// the clear as all are.
    pub key: Option<Fingerprint>,
}

/// By what a connection to the server is encrypted, and how the server is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// The version and the suite, as the standards name them.
    pub suite: String,
    /// The key that the server has.
    pub key: Fingerprint,
    /// Whence it is known, as in "that of FILE, line 3".
    pub whence: String,
    /// From when to when its certificate counts, where somebody looks at that.
    pub counts: Option<(SystemTime, SystemTime)>,
}

/// Why no connection could be made, to the server or to a peer, as far as this end of it can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// The machine is there, and nothing listens on that port: or a firewall says so.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// No machine of the network has that address, or none that lets itself be seen.
    NoHost,
    /// No way leads from this machine to that network.
    NoNetwork,
    /// Something else: what the system says.
    Other(String),
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoConnection::Refused => "connection refused",
            NoConnection::Silent => "connection timed out",
            NoConnection::NoHost => "no route to host",
            NoConnection::NoNetwork => "network is unreachable",
            NoConnection::Other(why) => why,
        })
    }
}

/// Why there is no connection, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The connection could not be made.
    Connect(NoConnection),
    /// Somebody took the connection and did not greet in time.
    NoGreeting,
    /// The server answered the connection with a refusal, or it is no peerline server.
    Refused(String),
    /// The same, as whoever runs the server wants nobody from our address.
    Banned(String),
    /// The same, as the server has no place free.
    Full(String),
    /// No encrypted connection can be made, and why.
    NoTls(String),
    /// The same, as something is said there in the clear: a sentence with it, and that it proves nothing.
    InTheClear(String),
    /// The server has another key than the one that is known: lines for the person.
    OtherKey(String),
    /// The server has a certificate that is not trusted for the name by which it is known: a sentence for the person.
    NotTrusted(String),
    /// The connection is closed.
    Lost,
    /// The server did not answer in time; the connection is given up, as a late answer could be taken for another's.
    Silent,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Connect(why) => why.fmt(f),
            LinkError::Refused(why)
            | LinkError::Banned(why)
            | LinkError::Full(why)
            | LinkError::NoTls(why)
            | LinkError::InTheClear(why)
            | LinkError::OtherKey(why)
            | LinkError::NotTrusted(why) => f.write_str(why),
            LinkError::NoGreeting => f.write_str("something listens there but does not greet"),
            LinkError::Lost => f.write_str("the connection to the server is lost"),
            LinkError::Silent => f.write_str("the server does not answer"),
        }
    }
}
