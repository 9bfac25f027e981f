//! peerline: people meet on a rendezvous server, then talk, send files and run commands peer to peer.
//!
//! The chapters in reading order; each uses only what stands above it.

// Words: pure values, parsed and formatted. No socket, file, thread or clock is known here.
pub mod address;
pub mod comma;
pub mod datagram;
pub mod duration;
pub mod name;
pub mod packet;
pub mod peer_protocol;
pub mod protocol;
pub mod query;
pub mod text;
pub mod ticket;

// Wires: bytes, sockets and threads, with no idea of what is said on them.
pub mod burst;
pub mod deadline;
pub mod listener;
pub mod shutdown;
pub mod wire;

// The server: state with its locks inside, then behaviour.
pub mod server;

// The client: what it knows, its wires, its threads, the person at it.
pub mod client;
