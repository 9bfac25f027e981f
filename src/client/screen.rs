//! The low level of a full-screen terminal: bytes become keys, and pictures become bytes. It knows nothing of what is
//! shown.

mod sequence;
mod decoder;
mod difference;

pub use decoder::{Decoder, MAX_PASTE};
pub use difference::difference;
