//! peerline: people meet on a rendezvous server, then talk, send files and run commands peer to peer.
//!
//! The chapters in reading order; each uses only what stands above it.

// Words: pure values, parsed and formatted. No socket, file, thread or clock is known here.
pub mod text;
pub mod duration;
pub mod size;
pub mod hex;
pub mod name;
pub mod ticket;
pub mod address;
pub mod comma;
pub mod file_name;
pub mod protocol;
pub mod datagram;
pub mod peer_protocol;
pub mod outcome;
pub mod packet;
pub mod query;
pub mod menu;

// Wires: bytes, sockets and threads, with no idea of what is said on them.
pub mod log_writer;
pub mod shutdown;
pub mod deadline;
pub mod wire;
pub mod burst;
pub mod listener;

// What both programs tell about themselves.
pub mod manual;

// The server: state with its locks inside, then behaviour.
pub mod server;

// The client: what it knows, its wires, its threads, the person at it.
pub mod client;
