//! A broadcast: the one line that travels by TCP, by UDP, and lies on disk.

use crate::value::Username;
use std::fmt;

/// One broadcast, as it travels and as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Grows by one a broadcast, for the life of the server's data folder.
    pub seq: u64,
    /// When the server took it, in seconds since 1970.
    pub unix_time: u64,
    /// Who sent it.
    pub from: Username,
    /// At most [`super::MAX_BROADCAST`] bytes.
    pub text: String,
}

impl Broadcast {
    /// Reads `bcast_SEQ_UNIXTIME_FROM_TEXT`.
    pub fn parse(line: &str) -> Option<Broadcast> {
        let mut fields = line.strip_prefix("bcast_")?.splitn(4, '_');
        Some(Broadcast {
            seq: fields.next()?.parse().ok()?,
            unix_time: fields.next()?.parse().ok()?,
            from: fields.next()?.parse().ok()?,
            text: fields.next()?.to_owned(),
        })
    }
}

impl fmt::Display for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bcast_{}_{}_{}_{}", self.seq, self.unix_time, self.from, self.text)
    }
}
