//! peerline: people meet on a rendezvous server, then talk, send files and run commands peer to peer.
//!
//! The rooms in reading order; each uses only what stands above it.

// Pure values, parsed and formatted. No socket, file, thread or clock is known here.
pub mod value;
pub mod protocol;
pub mod peer_protocol;
pub mod dialect;

// What both programs tell of themselves, and what both do with sockets and terminals.
pub mod program;
pub mod trace;
pub mod net;
pub mod terminal;

// The two programs. Neither knows the other.
pub mod server;
pub mod client;

// What fuzzers and tests know of all of them.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

// What both programs do together with a link that loses datagrams.
#[cfg(test)]
mod lossy_link;
