//! The server that is graded, as a process: its command line, its port, its start and its end, and its last words.

pub mod command_line;
pub mod ports;
pub mod processes;
pub mod family;
pub mod listening;
pub mod process;

pub use command_line::CommandLine;
pub use ports::{Port, Ports};
pub use process::{Ended, Ending, ServerProcess};
