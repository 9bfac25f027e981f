//! Connections with one peer each: how we call, how we are called, chats and single messages. Nothing here knows the
//! App or another call.

pub mod connection;
pub mod dial;
pub mod knock;
pub mod talk;
pub mod message;
mod files;

pub use connection::{NoLine, PeerConnection};
pub use dial::{no_connection, reach};
pub use files::{Files, Offered, Wanted};
