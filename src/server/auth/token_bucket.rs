//! A token bucket: so many lines a second, twice as many in a burst.

use std::time::{Duration, Instant};

/// The allowance of one client.
pub struct TokenBucket {
    /// Lines a second; `None` for no limit.
    rate: Option<f64>,
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket for `rate` lines a second.
    pub fn new(rate: Option<u32>, now: Instant) -> TokenBucket {
        let rate = rate.map(f64::from);
        TokenBucket { rate, tokens: rate.unwrap_or_default() * 2.0, filled: now }
    }

    /// Takes one line's worth; false when there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        let Some(rate) = self.rate else { return true };
        self.fill(rate, now);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    /// Takes one line's worth, whether there is one or not; gives how long it takes until there is.
    pub fn take_ahead(&mut self, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        self.fill(rate, now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens / rate).max(0.0))
    }

    fn fill(&mut self, rate: f64, now: Instant) {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(rate * 2.0);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_at_once_then_twenty_a_second() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Some(20), start);
        assert_eq!((0..100).filter(|_| bucket.take(start)).count(), 40);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| bucket.take(later)).count(), 20);
        assert_eq!((0..100).filter(|_| bucket.take(later + Duration::from_secs(3600))).count(), 40);
    }

    #[test]
    fn what_is_taken_ahead_is_waited_for() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Some(20), start);
        assert!((0..40).all(|_| bucket.take_ahead(start).is_zero()));
        assert_eq!(bucket.take_ahead(start).as_millis(), 50);
        let later = start + bucket.take_ahead(start);
        assert!(!bucket.take(later - Duration::from_millis(1)));
        assert_eq!(bucket.take_ahead(later).as_millis(), 50);
    }

    #[test]
    fn off_means_off() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(None, now);
        assert!((0..10_000).all(|_| bucket.take(now) && bucket.take_ahead(now).is_zero()));
    }
}
