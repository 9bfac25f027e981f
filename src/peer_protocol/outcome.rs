//! How a command that a peer ran has ended: the fields `STATUS,LENGTH,ERRORS` in the answer to `RUN`.

use crate::value::comma;
use std::fmt;
use std::str::FromStr;

/// The most output of a command, in bytes, of both its streams together.
pub const MAX_OUTPUT: usize = 64 * 1024;

/// The fields behind `OK,`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub status: Status,
    /// The bytes that follow, at most [`MAX_OUTPUT`]: first all of standard output, then all of standard error.
    pub length: usize,
    /// How many of them are standard error.
    pub errors: usize,
}

/// Why a command ended. `Display` is the word on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code: the code alone, `0` to `255`.
    Exit(u8),
    /// A signal killed it: `signal-9`.
    Signal(u8),
    /// It was killed as it took too long: `time-limit`.
    TimeLimit,
    /// It was killed as it wrote more than [`MAX_OUTPUT`] bytes, of which the first are sent: `output-limit`.
    OutputLimit,
    /// It is over, but processes of it could not be ended: `processes-left`.
    Left,
}

/// Fields that are no outcome, or one with more output than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOutcome;

impl Status {
    /// Whether it was killed for a limit, or not all of it was.
    pub fn is_limit(self) -> bool {
        matches!(self, Status::TimeLimit | Status::OutputLimit | Status::Left)
    }

    /// For people.
    pub fn describe(self) -> String {
        match self {
            Status::Exit(code) => format!("exit {code}"),
            Status::Signal(number) => format!("killed by signal {number}"),
            Status::TimeLimit => "stopped: it took too long".to_owned(),
            Status::OutputLimit => format!("stopped: more than {MAX_OUTPUT} bytes of output"),
            Status::Left => "over, but processes of it could not be ended".to_owned(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exit(code) => write!(f, "{code}"),
            Status::Signal(number) => write!(f, "signal-{number}"),
            Status::TimeLimit => f.write_str("time-limit"),
            Status::OutputLimit => f.write_str("output-limit"),
            Status::Left => f.write_str("processes-left"),
        }
    }
}

impl FromStr for Status {
    type Err = BadOutcome;

    fn from_str(text: &str) -> Result<Self, BadOutcome> {
        match (text, text.strip_prefix("signal-")) {
            ("time-limit", _) => Ok(Status::TimeLimit),
            ("output-limit", _) => Ok(Status::OutputLimit),
            ("processes-left", _) => Ok(Status::Left),
            (_, Some(number)) => number.parse().map(Status::Signal).map_err(|_| BadOutcome),
            (code, None) => code.parse().map(Status::Exit).map_err(|_| BadOutcome),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.status, self.length, self.errors)
    }
}

impl FromStr for Outcome {
    type Err = BadOutcome;

    fn from_str(text: &str) -> Result<Self, BadOutcome> {
        let fields = comma::split(text);
        let [status, length, errors] = fields.as_slice() else { return Err(BadOutcome) };
        let status = status.parse()?;
        let length = length.parse().map_err(|_| BadOutcome)?;
        let errors = errors.parse().map_err(|_| BadOutcome)?;
        if length > MAX_OUTPUT || errors > length { Err(BadOutcome) } else { Ok(Outcome { status, length, errors }) }
    }
}

impl fmt::Display for BadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is not STATUS,LENGTH,ERRORS with at most {MAX_OUTPUT} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "0,0,0",
            "255,65536,65536",
            "signal-15,10,4",
            "time-limit,3,0",
            "output-limit,65536,0",
            "processes-left,0,0",
        ] {
            assert_eq!(text.parse::<Outcome>().map(|outcome| outcome.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let bad = ["", "0", "0,1", "0,1,2", "256,0,0", "-1,0,0", "signal-,0,0", "0,65537,0", "0,1,0,0", "0,-1,0"];
        for text in bad {
            assert_eq!(text.parse::<Outcome>(), Err(BadOutcome), "{text}");
        }
    }
}
