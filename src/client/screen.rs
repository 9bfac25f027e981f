//! The low level of a full-screen terminal: keys become events, pictures become bytes, and the terminal's modes come
//! back whatever happens. It knows nothing of what is shown.
//!
//! It is the feature `screen`: `screen/absent.rs` stands here in a build without it.

mod event;
mod size;
mod raw_mode;
mod difference;
mod painter;
mod signals;
mod keyboard;
mod terminal;
mod interface;

pub use interface::{is_supported, open};
