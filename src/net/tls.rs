//! TLS 1.3 on a connection that several threads use: one reads, any of them writes, and no lock is held across a system
//! call.
//!
//! Who owns what: a [`Channel`] is the connection's one TLS state, behind a lock that is held for work in memory alone.
//! The thread that reads has a [`Decrypting`], reads the socket without the lock, and takes the lock to decrypt. A thread
//! that writes must have the turn to write, which its caller gives (in the server the outbox): records bear numbers that
//! nobody sends, so whoever encrypts must be the next one to write, or the other side finds a record that it cannot
//! decrypt.
//!
//! It is the feature `tls`: `tls/absent.rs` stands here in a build without it.

mod certificate;
mod unfit;
mod named;
mod keyed;
mod identity;
mod pinned;
mod channel;
mod decrypting;

/// Whether this build has TLS.
pub const IS_BUILT: bool = true;

pub use channel::Channel;
pub use decrypting::Decrypting;
pub use identity::{Identity, Pair};
pub use named::named;
