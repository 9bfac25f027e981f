//! How fast the grader talks: never faster than the rule of the house allows a client, which it cannot turn off in every
//! server.

use std::thread;
use std::time::{Duration, Instant};

/// Lines at once, somewhat fewer than the 40 that the house allows.
const BURST: f64 = 35.0;
/// Lines a second, somewhat fewer than its 20.
const RATE: f64 = 19.0;

/// The pace of one connection.
pub struct Pace {
    left: f64,
    filled: Instant,
}

impl Pace {
    pub fn new() -> Pace {
        Pace { left: BURST, filled: Instant::now() }
    }

    /// Waits until so many lines may be sent.
    pub fn wait(&mut self, lines: usize) {
        let delay = self.delay(lines, Instant::now());
        if !delay.is_zero() {
            thread::sleep(delay);
        }
    }

    /// How long to wait before so many lines are sent, which are counted as sent then.
    fn delay(&mut self, lines: usize, now: Instant) -> Duration {
        self.left =
            BURST.min(self.left + now.saturating_duration_since(self.filled).as_secs_f64() * RATE) - lines as f64;
        self.filled = now;
        Duration::from_secs_f64((-self.left / RATE).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_paced() {
        let (mut pace, now) = (Pace::new(), Instant::now());
        pace.filled = now;
        assert_eq!(pace.delay(35, now), Duration::ZERO);
        assert_eq!(pace.delay(19, now), Duration::from_secs(1));
        assert_eq!(pace.delay(19, now + Duration::from_secs(2)), Duration::ZERO);
    }
}
