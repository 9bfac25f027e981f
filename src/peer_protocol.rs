//! The words between two peers: the first line of a connection says what it is for, the answer says yes or why not.

mod opening;
mod outcome;

pub use opening::{BadOpening, FileHash, NotAHash, Opening};
pub use outcome::{BadOutcome, MAX_OUTPUT, Outcome, Status};
