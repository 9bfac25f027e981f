//! What a line of text may be, and what it is when it is none.

use super::text;
use std::fmt;

/// A line that was read and dropped; the stream goes on with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// More bytes than the cap, which is given, with the LF.
    TooLong(usize),
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A control character other than TAB.
    Control(char),
}

/// The text of a line, if it is one.
///
/// # Errors
/// [`BadLine::NotUtf8`] and [`BadLine::Control`].
pub fn check(line: &[u8]) -> Result<&str, BadLine> {
    let line = std::str::from_utf8(line).map_err(|_| BadLine::NotUtf8)?;
    // Nearly every line; to take it apart into characters costs more than all the rest of a request.
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Ok(line);
    }
    text::first_forbidden(line).map_or(Ok(line), |c| Err(BadLine::Control(c)))
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLine::TooLong(cap) => write!(f, "Line too long: at most {cap} bytes with its line end"),
            BadLine::NotUtf8 => f.write_str("Not UTF-8 text: send text in UTF-8"),
            BadLine::Control(c) => {
                write!(f, "Control character {} in the line: only TAB may be sent", c.escape_default())
            }
        }
    }
}
