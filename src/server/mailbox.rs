//! What the rest of the server may do to a session: hand it lines, or end it. Neither ever waits.

/// A session, as seen by the others. Each dialect has its own; the lines are always those of the native protocol.
pub trait Mailbox: Send + Sync {
    /// Hands over whole event lines, each with its LF. False when the session has ended, or is ended now because it
    /// does not read what it is sent.
    fn post(&self, lines: &str) -> bool;

    /// Ends the session; what was handed over before is still sent.
    fn close(&self);
}
