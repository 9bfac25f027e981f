//! Broadcasts of the last half hour, in memory: clients that come online later still get them.
//!
//! It knows no file, and gives no numbers: whoever does hands in what has one.

use super::window::{Range, Window};
use crate::protocol::Broadcast;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that is kept, in bytes of lines. More than half an hour of 8 KiB a second; beyond it the oldest of whoever has
/// said the most go before their time.
const MAX_BYTES: usize = 16 << 20;

/// The broadcasts that a server keeps.
pub struct History {
    /// For how long.
    pub(super) window: Duration,
    pub(super) max_bytes: usize,
    kept: Mutex<Window>,
}

impl History {
    /// An empty one that keeps each broadcast for `window`.
    pub fn new(window: Duration) -> History {
        Self::with_limit(window, MAX_BYTES)
    }

    pub(super) fn with_limit(window: Duration, max_bytes: usize) -> History {
        History { window, max_bytes, kept: Mutex::default() }
    }

    /// Begins with these.
    pub(super) fn begin_with(&self, mut window: Window, now: Instant) {
        window.forget(now, self.window, self.max_bytes);
        *self.lock() = window;
    }

    /// Takes broadcasts in that were numbered: in order, each behind all that were taken before. From this moment on
    /// everybody gets them.
    pub fn take(&self, broadcasts: impl IntoIterator<Item = Broadcast>, now: Instant) {
        let mut kept = self.lock();
        broadcasts.into_iter().for_each(|broadcast| kept.push(broadcast, now));
        kept.forget(now, self.window, self.max_bytes);
    }

    /// Forgets all: what comes from now on is of another sequence, or the same ones once more.
    #[cfg(feature = "cluster")]
    pub fn clear(&self) {
        *self.lock() = Window::default();
    }

    /// The sequence number of the last broadcast there ever was.
    pub fn head(&self) -> u64 {
        self.lock().head()
    }

    /// How many are kept.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// When the oldest was taken.
    pub(super) fn began(&self) -> Option<Instant> {
        self.lock().began()
    }

    /// The number of the first broadcast that is kept from this number on, or the next there will be.
    pub fn next_from(&self, from: u64) -> u64 {
        self.lock().next_from(from)
    }

    /// The broadcasts from sequence number `from` on, as long as their lines, each with its LF, fit `limit` bytes in
    /// all; at least one, when there is any. Some numbers between them may be missing.
    pub fn read(&self, from: u64, limit: usize, now: Instant) -> (Vec<Broadcast>, Range) {
        let mut kept = self.lock();
        kept.forget(now, self.window, self.max_bytes);
        kept.read(from, limit)
    }

    /// Lets go what is too old, which else waits for the next broadcast; when to do it again, should nobody say anything
    /// until then.
    pub fn forget(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.lock();
        kept.forget(now, self.window, self.max_bytes);
        kept.began().map(|_| now + self.window)
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
