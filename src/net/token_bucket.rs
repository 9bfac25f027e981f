//! A token bucket: so many lines, or bytes, a second, and two seconds' worth at once. It decides, and touches no socket.

use std::time::{Duration, Instant};

/// What may be taken at once: as much as in two seconds.
const AHEAD: Duration = Duration::from_secs(2);

/// The allowance of one client.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    /// Tokens a second; `None` for no limit.
    rate: Option<u32>,
    /// When all that was taken would have come at this rate. It is [`AHEAD`] of now when the bucket is empty.
    paid: Instant,
}

impl TokenBucket {
    /// A full bucket of `rate` tokens a second.
    pub fn new(rate: Option<u32>, now: Instant) -> TokenBucket {
        TokenBucket { rate, paid: now }
    }

    /// Another rate from now on; what was taken before counts.
    pub fn set_rate(&mut self, rate: Option<u32>) {
        self.rate = rate;
    }

    /// Takes a token; false when there is none.
    pub fn take(&mut self, now: Instant) -> bool {
        let with_this_one = TokenBucket { paid: self.paid_with(1, now), ..*self };
        let enough = with_this_one.wait(now).is_zero();
        if enough {
            *self = with_this_one;
        }
        enough
    }

    /// Takes a token, whether there is one or not; gives how long it takes until there is.
    pub fn take_ahead(&mut self, now: Instant) -> Duration {
        self.spend(1, now);
        self.wait(now)
    }

    /// Takes so many tokens, whether there are so many or not.
    pub fn spend(&mut self, tokens: usize, now: Instant) {
        self.paid = self.paid_with(tokens, now);
    }

    /// How long it takes until no more is taken than there was.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.rate {
            Some(_) => self.paid.saturating_duration_since(now + AHEAD),
            None => Duration::ZERO,
        }
    }

    /// In whole nanoseconds, none too many: a bucket that is full has all of its tokens.
    fn paid_with(&self, tokens: usize, now: Instant) -> Instant {
        let Some(rate) = self.rate else { return self.paid };
        let nanos = (tokens as u64).saturating_mul(1_000_000_000) / u64::from(rate.max(1));
        self.paid.max(now) + Duration::from_nanos(nanos)
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

    #[test]
    fn two_seconds_at_once_then_the_pace() {
        let start = Instant::now();
        let mut pace = TokenBucket::new(Some(1000), start);
        for _ in 0..2 {
            pace.spend(1000, start);
            assert_eq!(pace.wait(start), Duration::ZERO);
        }
        pace.spend(500, start);
        assert_eq!(pace.wait(start), Duration::from_millis(500));
        let later = start + Duration::from_secs(3600);
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.spend(2500, later);
        assert_eq!(pace.wait(later), Duration::from_millis(500), "quiet saves nothing up beyond the two seconds");
    }

    #[test]
    fn another_pace_begins_with_what_was_read() {
        let start = Instant::now();
        let mut pace = TokenBucket::new(Some(1000), start);
        pace.spend(10_000, start);
        pace.set_rate(None);
        pace.spend(1_000_000, start);
        assert_eq!(pace.wait(start), Duration::ZERO);
        pace.set_rate(Some(1));
        assert_eq!(pace.wait(start), Duration::from_secs(8));
    }
}
