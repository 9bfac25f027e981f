//! The client map: who is logged in, with or without an account. Its lock is inside, and it gives owned values.
//!
//! Nothing here knows a socket, a file or a dialect's words.

mod loopback;
mod viewpoint;
mod file_names;
mod board;
mod watch;
mod whereabouts;
mod table;
mod client_map;
mod change;
mod letter;
mod listing;
mod guests;
#[cfg(feature = "cluster")]
mod elsewhere;

pub use change::Change;
pub use client_map::{ClientMap, ClientSnapshot, NewClient, NotFound, SessionKey};
#[cfg(feature = "cluster")]
pub use elsewhere::OnAnother;
pub use file_names::FileNames;
pub use guests::{EnteredGuest, NewGuest, NotEntered};
pub use letter::{Letter, NotHanded};
pub use listing::Listed;
pub use viewpoint::Viewpoint;
pub use watch::News;
#[cfg(feature = "cluster")]
pub use whereabouts::{Elsewhere, Whereabouts};
