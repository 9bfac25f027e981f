//! What we share: the folder, what is known of its files, who gets one now, and when the server is to be told.

use super::folder::Folder;
use super::hashes::Hashes;
use super::transfer::Underway;
use crate::net::FairQueue;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A shared folder and the state that belongs to it.
pub struct Share {
    /// The folder.
    pub folder: Folder,
    /// The hashes of its files.
    pub hashes: Hashes,
    /// How many of them are sent at a time.
    pub slots: FairQueue,
    /// The files that are being sent.
    pub uploads: Underway,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Where we listen, once the server knows it.
    port: Option<u16>,
    /// Whether the server has forgotten what it was told.
    anew: bool,
    look: bool,
    closed: bool,
}

/// Time to look at the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Where we listen.
    pub port: u16,
    /// Whether the server knows no names.
    pub anew: bool,
}

impl Share {
    /// Shares `folder`, and sends `slots` files at a time.
    pub fn new(folder: Folder, slots: usize) -> Share {
        Share {
            folder,
            hashes: Hashes::default(),
            slots: FairQueue::new(slots, 16),
            uploads: Underway::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The server was told our port, and no names.
    pub fn listening(&self, port: u16) {
        let mut state = self.lock();
        (state.port, state.anew) = (Some(port), true);
        self.changed.notify_all();
    }

    /// The folder has changed.
    pub fn look_again(&self) {
        self.lock().look = true;
        self.changed.notify_all();
    }

    /// The end: nobody waits any more.
    pub fn close(&self) {
        self.slots.close();
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until the folder is to be looked at; `None` at the end.
    pub fn wait(&self) -> Option<Due> {
        let until = Instant::now() + EVERY;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let due = state.anew || state.look || left.is_zero();
            match state.port {
                _ if state.closed => return None,
                Some(port) if due => {
                    state.look = false;
                    return Some(Due { port, anew: std::mem::take(&mut state.anew) });
                }
                _ => {}
            }
            // Without a port there is nothing to do until there is one.
            let limit = if state.port.is_some() { left } else { EVERY };
            state = self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn waits_for_a_port_then_looks_when_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let share = Share::new(Folder::open(folder.path()).expect("a folder"), 1);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| share.wait());
            share.look_again();
            share.listening(4401);
            assert_eq!(waiting.join().expect("no panic"), Some(Due { port: 4401, anew: true }));
        });
        share.look_again();
        assert_eq!(share.wait(), Some(Due { port: 4401, anew: false }));
        share.close();
        assert_eq!(share.wait(), None);
    }
}
