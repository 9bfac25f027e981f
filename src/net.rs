//! Bytes, sockets and threads, with no idea of what is said on them.

pub mod shutdown;
mod deadline;
mod lines;
mod bursts;
pub mod listener;
pub mod slots;

pub use bursts::BurstReader;
pub use deadline::DeadlineReader;
pub use lines::{LineReader, MAX_WITHOUT_LF};
pub use shutdown::Shutdown;
