//! What both programs tell of themselves: their log, their manual pages and completions.

mod log_ration;
mod log_writer;
mod log_line;
mod manual;

pub use log_line::{is_plain, log_line, tell_error};
pub use log_ration::Rationed;
pub use log_writer::LogWriter;
pub use manual::{Chapter, Manual, parse};
