//! Who may disturb the person, and who has tried.

use crate::value::Username;
use std::collections::BTreeSet;
use std::time::Instant;

/// The most names that are blocked.
pub const MAX_BLOCKED: usize = 10_000;

/// Who may disturb the person.
#[derive(Debug, Default)]
pub struct Peace {
    /// Whom they do not want to hear.
    pub blocked: BTreeSet<Username>,
    /// Nobody is to ask anything.
    pub dnd: bool,
    /// Who has called meanwhile, and when that was told.
    pub callers: Vec<(Username, Instant)>,
}

impl Peace {
    /// With these people blocked, and all others free to ask.
    pub fn new(blocked: BTreeSet<Username>) -> Peace {
        Peace { blocked, ..Peace::default() }
    }
}
