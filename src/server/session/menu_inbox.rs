//! How others reach a session of the menu dialect: at once, or in quiet mode with its next answer.

use crate::dialect::menu::{self, MAX_QUIET_LINE, MAX_WRITE};
use crate::protocol::Event;
use crate::server::delivery::{Mailbox, Outbox, Parcel};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that wait for the next answer, in quiet mode; the oldest make room.
const MAX_WAITING: usize = 64;
/// Takes the place of those.
const DROPPED: &str = "(older messages were dropped)\n";

/// The writing side of a session.
pub struct MenuInbox {
    /// The connection.
    pub outbox: Outbox,
    /// In quiet mode, lines for the next answers.
    waiting: Mutex<Option<VecDeque<String>>>,
}

impl MenuInbox {
    /// The inbox of a connection.
    pub fn new(outbox: Outbox, quiet: bool) -> MenuInbox {
        MenuInbox { outbox, waiting: Mutex::new(quiet.then(VecDeque::new)) }
    }

    /// Whether what others say waits for an answer.
    pub fn is_quiet(&self) -> bool {
        self.lock().is_some()
    }

    /// How many lines wait.
    pub fn waiting(&self) -> usize {
        self.lock().as_ref().map_or(0, VecDeque::len)
    }

    /// The first of the waiting lines, at most `room` bytes.
    pub fn take_waiting(&self, room: usize) -> String {
        let mut taken = String::new();
        if let Some(waiting) = self.lock().as_mut() {
            while waiting.front().is_some_and(|line| taken.len() + line.len() <= room) {
                taken.extend(waiting.pop_front());
            }
        }
        taken
    }

    /// Ends quiet mode, and gives the lines that have waited.
    pub fn end_quiet(&self) -> String {
        self.lock().take().unwrap_or_default().into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<String>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What events are for this client: lines of at most `limit` bytes each.
pub fn show(events: &[Event], limit: usize) -> impl Iterator<Item = String> + '_ {
    events.iter().flat_map(move |event| menu::show_event(event, limit))
}

impl Mailbox for MenuInbox {
    fn deliver(&self, parcel: &Parcel) -> bool {
        if let Some(waiting) = self.lock().as_mut() {
            waiting.extend(show(parcel.events(), MAX_QUIET_LINE));
            if waiting.len() > MAX_WAITING {
                waiting.drain(..=waiting.len() - MAX_WAITING);
                waiting.push_front(DROPPED.to_owned());
            }
            return !self.outbox.is_closed();
        }
        self.outbox.send(&show(parcel.events(), MAX_WRITE).collect::<String>())
    }

    /// The last of what waits says why.
    fn close(&self) {
        let last = self.lock().as_mut().and_then(VecDeque::pop_back);
        if let Some(last) = last {
            self.outbox.send(&last);
        }
        self.outbox.close();
    }
}
