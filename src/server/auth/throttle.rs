//! Wrong passwords cost time: a growing delay for each pair of name and address.
//!
//! The pair, not the address alone, is delayed: behind one router there may be a class of fifty, and one student
//! who mistypes must not lock out the rest. Nor can a stranger lock out a name from everywhere.

use crate::value::Username;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Attempts without a delay: people mistype.
const FREE_ATTEMPTS: u32 = 3;
/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Pairs remembered; when it is full, the ones whose delay is over are forgotten, then the oldest.
const MAX_PAIRS: usize = 10_000;

/// Remembers who has failed how often.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<(Username, IpAddr), Failures>>);

struct Failures {
    count: u32,
    until: Instant,
}

impl Throttle {
    /// Allows an attempt or says how long to wait. An attempt counts as failed until [`Throttle::succeeded`], so a
    /// hundred at the same moment are a hundred failures, not one.
    ///
    /// # Errors
    /// The time until the next attempt.
    pub fn attempt(&self, name: &Username, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= MAX_PAIRS {
            make_room(&mut pairs, MAX_PAIRS, now, |failures| failures.until);
        }
        let failures = pairs.entry((name.clone(), from)).or_insert(Failures { count: 0, until: now });
        if failures.until > now {
            return Err(failures.until - now);
        }
        failures.count += 1;
        let doublings = failures.count.saturating_sub(FREE_ATTEMPTS);
        if doublings > 0 {
            failures.until = now + MAX_DELAY.min(Duration::from_secs(1 << (doublings - 1).min(6)));
        }
        Ok(())
    }

    /// Forgets the failures of a pair.
    pub fn succeeded(&self, name: &Username, from: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(name.clone(), from));
    }
}

/// Makes room for one entry more: forgets those whose time is over, then those whose time is over next.
pub(super) fn make_room<K: Clone + Eq + Hash, V>(
    map: &mut HashMap<K, V>,
    max: usize,
    now: Instant,
    until: impl Fn(&V) -> Instant,
) {
    map.retain(|_, value| until(value) > now);
    while map.len() >= max {
        let oldest = map.iter().min_by_key(|(_, value)| until(value)).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_for_one_name_at_one_address() {
        let throttle = Throttle::default();
        let alice: Username = "alice".parse().expect("valid");
        let here: IpAddr = [10, 0, 0, 1].into();
        let start = Instant::now();
        for _ in 0..=FREE_ATTEMPTS {
            assert_eq!(throttle.attempt(&alice, here, start), Ok(()));
        }
        assert_eq!(throttle.attempt(&alice, here, start), Err(Duration::from_secs(1)));
        let later = start + Duration::from_secs(1);
        assert_eq!(throttle.attempt(&alice, here, later), Ok(()));
        assert_eq!(throttle.attempt(&alice, here, later), Err(Duration::from_secs(2)));
        assert_eq!(throttle.attempt(&alice, [10, 0, 0, 2].into(), later), Ok(()), "another address");
        throttle.succeeded(&alice, here);
        assert_eq!(throttle.attempt(&alice, here, later), Ok(()));
    }

    #[test]
    fn the_delay_has_a_limit_and_so_has_the_memory() {
        let throttle = Throttle::default();
        let alice: Username = "alice".parse().expect("valid");
        let mut now = Instant::now();
        for _ in 0..40 {
            assert_eq!(throttle.attempt(&alice, [10, 0, 0, 1].into(), now), Ok(()));
            now += MAX_DELAY;
        }
        for number in 0..2 * MAX_PAIRS as u32 {
            let _ = throttle.attempt(&alice, std::net::Ipv4Addr::from(number).into(), now);
        }
        assert!(throttle.0.lock().expect("not poisoned").len() <= MAX_PAIRS);
    }
}
