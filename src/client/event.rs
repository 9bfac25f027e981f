//! What happens to the client and what it does about it, as plain values: no socket, file, thread or clock is in them.

mod key;
mod picture;

pub use key::{Key, Size};
pub use picture::{Picture, Piece, Row, Style};
