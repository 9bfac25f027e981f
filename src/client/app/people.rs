//! Who is there, as far as the server has told.

use crate::value::Username;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// Who is told what of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Nobody is there to be told.
    Never,
    /// A person: who has come, and who has gone.
    ForPeople,
    /// A program, which keeps a list of its own.
    ForPrograms,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// As a list shows it.
    pub address: SocketAddr,
    /// The dialect of a guest.
    pub guest: Option<String>,
}

/// Who is there, as far as the server has told.
#[derive(Debug, Default)]
pub struct Present {
    /// By name, whatever the case of its letters.
    pub people: BTreeMap<Username, Whereabouts>,
    /// Whether the server has ever told.
    pub is_known: bool,
    /// Whether it has told since the last login: before that it was true once.
    pub is_current: bool,
    /// Who has gone, and until when they may be back without a word.
    pub gone: BTreeMap<Username, Instant>,
    /// The screen shows other names.
    pub is_stale: bool,
}

impl Present {
    /// When somebody counts as gone.
    pub fn deadline(&self) -> Option<Instant> {
        self.gone.values().min().copied()
    }
}
