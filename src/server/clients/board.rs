//! The notice board: what whoever runs the server has said last, for guests whose clients have no connection and only ask.
//! They cannot be told apart, nor does every answer reach a person, so it stays there for a while.

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
