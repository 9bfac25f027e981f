//! Bytes, sockets and threads, with no idea of what is said on them.

pub mod shutdown;
mod deadline;
pub mod lines;
mod bursts;
pub mod listener;
pub mod slots;

pub use bursts::BurstReader;
pub use deadline::DeadlineReader;
pub use lines::{BadLine, LineReader, MAX_WITHOUT_LF};
pub use shutdown::Shutdown;
