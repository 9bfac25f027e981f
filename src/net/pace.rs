//! The pace at which a connection's bytes are read: what comes faster waits in the system's buffers, and in the end at
//! the sender. It decides, and touches no socket.

use std::time::{Duration, Instant};

/// What may be read at once: as much as in two seconds at the pace.
const AHEAD: Duration = Duration::from_secs(2);

/// The bytes a second that are read of somebody nobody knows: enough for a login, an announcement or a question, and far
/// too little to keep a processor busy.
pub const STRANGER_RATE: u32 = 16 * 1024;

/// The pace of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ReadPace {
    /// Bytes a second; `None` for no limit.
    rate: Option<u32>,
    /// When all that was read would have come at the pace.
    paid: Instant,
}

impl ReadPace {
    /// A pace of `rate` bytes a second, of which two seconds' worth may be read at once.
    pub fn new(rate: Option<u32>, now: Instant) -> ReadPace {
        ReadPace { rate, paid: now }
    }

    /// Another pace from now on; what was read before counts.
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.rate = rate;
    }

    /// How long the next read has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.rate {
            Some(_) => self.paid.saturating_duration_since(now + AHEAD),
            None => Duration::ZERO,
        }
    }

    /// So many bytes were read.
    pub fn count(&mut self, bytes: usize, now: Instant) {
        if let Some(rate) = self.rate {
            self.paid = self.paid.max(now) + Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seconds_at_once_then_the_pace() {
        let start = Instant::now();
        let mut pace = ReadPace::new(Some(1000), start);
        for _ in 0..2 {
            pace.count(1000, start);
            assert_eq!(pace.wait(start), Duration::ZERO);
        }
        pace.count(500, start);
        assert_eq!(pace.wait(start), Duration::from_millis(500));
        let later = start + Duration::from_secs(3600);
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.count(2500, later);
        assert_eq!(pace.wait(later), Duration::from_millis(500), "quiet saves nothing up beyond the two seconds");
    }

    #[test]
    fn another_pace_begins_with_what_was_read() {
        let start = Instant::now();
        let mut pace = ReadPace::new(Some(1000), start);
        pace.count(10_000, start);
        pace.set_rate(None);
        pace.count(1_000_000, start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        pace.set_rate(Some(1));
        assert_eq!(pace.wait(start), Duration::from_secs(8));
    }
}
