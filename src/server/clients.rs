//! The client map: who is logged in, with or without an account. Its lock is inside, and it gives owned values.
//!
//! Nothing here knows a socket, a file or a dialect's words.

mod loopback;
mod viewpoint;
mod file_names;
mod table;
mod client_map;
mod guests;

pub use client_map::{ClientMap, ClientSnapshot, Listed, NewClient, NotFound, SessionKey};
pub use file_names::FileNames;
pub use guests::{EnteredGuest, NewGuest, NotEntered};
pub use viewpoint::Viewpoint;
