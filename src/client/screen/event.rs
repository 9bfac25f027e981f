//! What happens at a terminal, as a value.

use crate::client::event::{Key, Size};

/// What the two threads of the terminal tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// The person pressed a key, or pasted something.
    Key(Key),
    /// The terminal has this size now. Many changes at once are one event. What stands on the screen may have moved.
    Resized(Size),
    /// The terminal was given back, and the process stops until somebody continues it.
    Suspended,
    /// The terminal is ours again, empty. `Resized` came before it.
    Resumed,
    /// The painter has drawn a frame, or thrown it away while the terminal is not ours: there is room for the next one.
    Painted,
    /// The terminal is gone. Each of the two threads tells it once at most.
    Gone,
}
