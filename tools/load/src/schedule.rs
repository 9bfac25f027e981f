//! When one client of a class does what the whole class does so many times a second: each has its turn. Pure.

use std::time::{Duration, Instant};

/// How often the whole class does something, in times a second; more than 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

/// What one client does again and again.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    next: Instant,
    period: Duration,
}

impl Turns {
    /// The turns of client `number` of `clients`, when all together follow `rate` from `begin` on.
    pub fn new(rate: Rate, number: usize, clients: usize, begin: Instant) -> Turns {
        let after = |turns: usize| Duration::from_secs_f64((turns as f64 / rate.0).min(1e9));
        Turns { next: begin + after(number), period: after(clients) }
    }

    /// When the next one is.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// When the turn was that is due at `now`, if one is. Turns that were slept through are not made up for.
    pub fn take(&mut self, now: Instant) -> Option<Instant> {
        if now < self.next {
            return None;
        }
        let due = self.next;
        self.next += self.period;
        if self.next <= now {
            self.next = now + self.period;
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_follows_its_rate_together() {
        let begin = Instant::now();
        let mut times = Vec::new();
        for number in 0..4 {
            let mut turns = Turns::new(Rate(2.0), number, 4, begin);
            for half_second in 0..8 {
                let now = begin + Duration::from_millis(500 * half_second);
                times.extend(turns.take(now).map(|due| (due, half_second)));
            }
        }
        times.sort_unstable();
        let expected: Vec<_> = (0..8).map(|at| (begin + Duration::from_millis(500 * at), at)).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn who_was_late_does_not_hurry() {
        let begin = Instant::now();
        let mut turns = Turns::new(Rate(1.0), 0, 1, begin);
        let late = begin + Duration::from_secs(10);
        assert_eq!(turns.take(late), Some(begin));
        assert_eq!(turns.take(late), None);
        assert_eq!(turns.next(), late + Duration::from_secs(1));
    }
}
