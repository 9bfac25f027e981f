//! The terminal as a file, whether or not it is a screen: its modes, writing with a limit, the keys that its bytes are,
//! and a password that it does not show. It knows nothing of what is shown.

mod key;
mod sequence;
mod decoder;
pub mod tty;
mod hidden;

pub use decoder::Decoder;
pub use hidden::ask_hidden;
pub use key::{Key, Size};
