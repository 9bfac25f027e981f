//! How many answers may leave: so many a second, and fewer to one address.
//!
//! The sender of a question can be forged. So the limit is strict, without a burst: within any second no more leave,
//! and no address can be made to get more than a handful.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// What the limits are counted in.
const PERIOD: Duration = Duration::from_secs(1);
/// Answers within any period.
const ANSWERS: usize = 200;
/// Answers to one address within any period; to loopback, which nobody outside can forge, as many as there are.
const ANSWERS_TO_ONE: usize = 10;

/// The answers of the last period. It remembers nothing else, so its memory is bounded by what it allows.
#[derive(Default)]
pub struct AnswerLimit(VecDeque<(Instant, Ipv4Addr)>);

impl AnswerLimit {
    /// Takes one answer's worth for an address; false when there is none.
    pub fn take(&mut self, to: Ipv4Addr, now: Instant) -> bool {
        let is_over = |(given, _): &(Instant, Ipv4Addr)| now.saturating_duration_since(*given) >= PERIOD;
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        let to_it = self.0.iter().filter(|(_, other)| *other == to).count();
        let allowed = self.0.len() < ANSWERS && (to.is_loopback() || to_it < ANSWERS_TO_ONE);
        if allowed {
            self.0.push_back((now, to));
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number)
    }

    #[test]
    fn one_address_gets_ten_within_any_second() {
        let (mut limit, start) = (AnswerLimit::default(), Instant::now());
        let times = (0..3_000).map(|number| start + Duration::from_millis(number));
        let given: Vec<Instant> = times.filter(|now| limit.take(address(7), *now)).collect();
        assert_eq!(given.len(), 30);
        assert!(given.windows(11).all(|eleven| eleven[10] - eleven[0] >= PERIOD), "{given:?}");
    }

    #[test]
    fn all_addresses_together_get_two_hundred_within_any_second() {
        let (mut limit, start) = (AnswerLimit::default(), Instant::now());
        let times = (0..30_000).map(|number| (number, start + Duration::from_micros(u64::from(number) * 100)));
        let given: Vec<Instant> =
            times.filter(|(number, now)| limit.take(address(*number), *now)).map(|(_, now)| now).collect();
        assert_eq!(given.len(), 600);
        assert!(given.windows(201).all(|many| many[200] - many[0] >= PERIOD));
        assert!(limit.0.len() <= ANSWERS, "whoever asks, it remembers no more");
    }

    #[test]
    fn a_class_on_one_machine_gets_its_answers() {
        let (mut limit, now) = (AnswerLimit::default(), Instant::now());
        assert_eq!((0..150).filter(|_| limit.take(Ipv4Addr::LOCALHOST, now)).count(), 150);
        assert!((0..10).all(|_| limit.take(address(1), now)) && !limit.take(address(1), now));
        assert_eq!((0..150).filter(|_| limit.take(Ipv4Addr::LOCALHOST, now)).count(), 40);
    }
}
