//! Until when this server is surely in the house, and what time it is there, by its own clock alone.
//!
//! Redis counts a lease from the moment at which a beat is carried out. Here it counts from before the beat was sent: so it
//! is over here first, and whoever asks speaks for no server that others have buried. The clock is the monotonic one,
//! which runs on while the process is stopped. Nothing here asks it: time is passed in.

use super::script::Deadline;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a lease runs from a beat on. `servers.lua` has the same.
pub const LEASE: Duration = Duration::from_secs(5);

/// One value for all threads: the one that beats renews it, sessions ask it before they answer from memory.
pub struct Lease {
    base: Instant,
    /// Milliseconds behind `base`.
    until: AtomicU64,
    /// What Redis' clock showed at `base`, in milliseconds, or less; 0 before the first answer.
    clock: AtomicU64,
}

impl Lease {
    /// One that does not run yet. No time before `base` is asked for.
    pub fn new(base: Instant) -> Lease {
        Lease { base, until: AtomicU64::new(0), clock: AtomicU64::new(0) }
    }

    /// A join or a beat that was sent then, and answered then with that time of Redis' clock.
    pub fn renewed(&self, sent: Instant, answered: Instant, redis_ms: u64) {
        // The answer is as old as it may be: the clock here is behind that of Redis by a round trip at the most, and never
        // before it, so no deadline is later than it is meant.
        self.clock.store(redis_ms.saturating_sub(self.since_base(answered)), Ordering::SeqCst);
        // Of two answers, the one of the later beat counts, in whatever order they are told.
        self.until.fetch_max(self.since_base(sent + LEASE), Ordering::SeqCst);
    }

    /// Whether no other server can have buried this one yet.
    pub fn runs(&self, now: Instant) -> bool {
        self.since_base(now) < self.until.load(Ordering::SeqCst)
    }

    /// Redis' clock, in milliseconds since 1970: behind it by a round trip at the most.
    pub fn redis_ms(&self, now: Instant) -> u64 {
        self.clock.load(Ordering::SeqCst) + self.since_base(now)
    }

    /// Until when Redis may do what is sent now: not later than `after` from now.
    pub fn deadline(&self, now: Instant, after: Duration) -> Deadline {
        // 0 would be whenever.
        self.redis_ms(now + after).max(1)
    }

    fn since_base(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.base).as_millis()).unwrap_or(u64::MAX >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_runs_from_before_the_beat_and_a_late_answer_does_not_prolong_it() {
        let base = Instant::now();
        let lease = Lease::new(base);
        assert!(!lease.runs(base));
        lease.renewed(base + SECOND, base + 2 * SECOND, 1_000_000);
        let end = base + SECOND + LEASE;
        assert!(lease.runs(base + 2 * SECOND) && lease.runs(end - SECOND / 100));
        assert!(!lease.runs(end) && !lease.runs(end + 1000 * SECOND));
        lease.renewed(base, base + 3 * SECOND, 1_001_000);
        assert!(lease.runs(end - SECOND / 100), "an older beat takes nothing away");
        lease.renewed(base + 2 * SECOND, base + 2 * SECOND, 1_000_000);
        assert!(lease.runs(end) && !lease.runs(end + SECOND));
    }

    #[test]
    fn deadlines_are_never_later_than_they_are_meant() {
        let base = Instant::now();
        let lease = Lease::new(base);
        assert_eq!(lease.deadline(base, Duration::ZERO), 1, "before the first beat everything is late");
        // Redis said 1,000,000 at some moment of that second: at its end the clock showed that, or more.
        lease.renewed(base + SECOND, base + 2 * SECOND, 1_000_000);
        assert_eq!(lease.redis_ms(base + 2 * SECOND), 1_000_000);
        assert_eq!(lease.deadline(base + 5 * SECOND, 2 * SECOND), 1_005_000);
        // Its clock was set back.
        lease.renewed(base + 6 * SECOND, base + 6 * SECOND, 500_000);
        assert_eq!(lease.deadline(base + 6 * SECOND, 2 * SECOND), 502_000);
    }
}
