//! What happens to the client and what it does about it, as plain values: no socket, file, thread or clock is in them.

mod key;
mod picture;
mod link;
mod transfer;
mod shown;

pub use key::{Key, Size};
pub use link::{LinkError, LinkId};
pub use picture::{Picture, Piece, Row, Style};
pub use shown::{Home, Line, Shown};
pub use transfer::{Stage, Step, Way};

use crate::value::FileName;
use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

/// What the shared folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// The files that are shared.
    pub names: BTreeSet<FileName>,
    /// How many there are beyond what one client may announce.
    pub left_out: usize,
    /// Names that cannot be told to others, ready to be shown.
    pub odd: BTreeSet<String>,
    /// Why the folder cannot be read; then nothing is shared.
    pub unreadable: Option<String>,
}

/// The time at which events are handled: read once for all that are handled together.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For spans.
    pub instant: Instant,
    /// For people.
    pub clock: SystemTime,
}
