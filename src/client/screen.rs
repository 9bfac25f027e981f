//! The low level of a full-screen terminal: bytes become keys, pictures become bytes, and the terminal's modes come
//! back whatever happens. It knows nothing of what is shown.

mod event;
mod sequence;
mod decoder;
mod tty;
mod hidden;
mod raw_mode;
mod difference;
mod painter;
mod signals;
mod keyboard;
mod terminal;

pub use event::TerminalEvent;
pub use hidden::ask_hidden;
pub use painter::Frame;
pub use terminal::Terminal;
