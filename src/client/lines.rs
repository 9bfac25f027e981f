//! The line mode: lines of input in, lines of output out, each on a thread of its own, so that nobody waits for a pipe.

mod source;
mod input;
mod printer;

pub use input::Input;
pub use printer::{Format, Printer};
