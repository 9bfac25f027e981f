//! Connections with one peer each: how we call, how we are called, chats and single messages. Nothing here knows the
//! App or another call.

pub mod connection;
mod attempt;
pub mod dial;
pub mod knock;
pub mod talk;
pub mod message;
pub mod verify;
mod files;

pub use attempt::no_connection;
pub use connection::{NoLine, PeerConnection};
pub use dial::{reach, reach_ourselves};
pub use files::{Files, Offered, Wanted};
