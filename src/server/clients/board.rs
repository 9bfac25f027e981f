//! The notice board: what whoever runs the server has said last, for guests whose clients have no connection and only ask.
//! They cannot be told apart, nor does every answer reach a person, so it stays there for a while.

use super::client_map::ClientMap;
use crate::protocol::{Event, Notice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long.
const STAYS: Duration = Duration::from_secs(10 * 60);

/// The notice that is there, if any.
#[derive(Default)]
pub struct Board(Mutex<Option<(Instant, String)>>);

impl Board {
    /// Puts a notice there, in place of the one before.
    pub fn put(&self, notice: String, now: Instant) {
        *self.lock() = Some((now, notice));
    }

    /// What is there now.
    pub fn read(&self, now: Instant) -> Option<String> {
        let board = self.lock();
        let fresh = board.as_ref().filter(|(since, _)| now.saturating_duration_since(*since) < STAYS);
        fresh.map(|(_, notice)| notice.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientMap {
    /// Says this to everybody whose session is on this server, and puts it on the board: how many were told.
    pub fn tell_everybody_here(&self, notice: Notice, now: Instant) -> usize {
        self.board.put(notice.to_string(), now);
        let notice = Event::Notice(notice).into();
        self.mailboxes_here().into_iter().filter(|mailbox| mailbox.deliver(&notice)).count()
    }

    /// What was said so in the last minutes, for who could not be told.
    pub fn notice_on_board(&self, now: Instant) -> Option<String> {
        self.board.read(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_notice_stays_for_ten_minutes() {
        let (board, now) = (Board::default(), Instant::now());
        assert_eq!(board.read(now), None);
        board.put("one".to_owned(), now);
        board.put("two".to_owned(), now);
        assert_eq!(board.read(now + STAYS - Duration::from_millis(1)).as_deref(), Some("two"));
        assert_eq!(board.read(now + STAYS), None);
    }
}
