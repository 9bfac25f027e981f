//! How many accounts one address may make in an hour: names are for everybody, and there is an end to them.

use crate::net::Origin;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the limit is counted in.
const PERIOD: Duration = Duration::from_secs(3600);
/// Addresses remembered; when there are more, those whose hour is over are forgotten, then the oldest.
const MAX_ADDRESSES: usize = 10_000;

/// Remembers who has made how many.
#[derive(Default)]
pub struct SignUps(Mutex<HashMap<Origin, Hour>>);

/// An address's hour: it begins with its first sign-up.
struct Hour {
    ends: Instant,
    count: u32,
}

impl SignUps {
    /// Counts one sign-up from this address, of at most `limit`; loopback is not counted.
    ///
    /// # Errors
    /// The time until the next one.
    pub fn take(&self, from: IpAddr, limit: u32, now: Instant) -> Result<(), Duration> {
        if from.is_loopback() {
            return Ok(());
        }
        let mut hours = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hours.len() >= MAX_ADDRESSES {
            make_room(&mut hours, MAX_ADDRESSES, now, |hour| hour.ends);
        }
        let hour = hours.entry(Origin::of(from)).or_insert(Hour { ends: now + PERIOD, count: 0 });
        if hour.ends <= now {
            *hour = Hour { ends: now + PERIOD, count: 0 };
        }
        if hour.count >= limit {
            return Err(hour.ends.saturating_duration_since(now));
        }
        hour.count += 1;
        Ok(())
    }
}

/// Makes room for one entry more: forgets those whose time is over, then those whose time is over next.
fn make_room<K: Clone + Eq + Hash, V>(
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
    fn an_address_makes_so_many_an_hour_and_others_are_not_concerned() {
        let (sign_ups, start) = (SignUps::default(), Instant::now());
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for _ in 0..3 {
            assert_eq!(sign_ups.take(ip("10.0.0.1"), 3, start), Ok(()));
        }
        let later = start + PERIOD / 4;
        assert_eq!(sign_ups.take(ip("10.0.0.1"), 3, later), Err(PERIOD / 4 * 3));
        assert_eq!(sign_ups.take(ip("10.0.0.2"), 3, later), Ok(()));
        assert_eq!(sign_ups.take(ip("10.0.0.1"), 3, start + PERIOD), Ok(()));
        assert!((0..100).all(|_| sign_ups.take(ip("127.0.0.1"), 3, start).is_ok()), "a class on one machine");
        // A network of IPv6 is one customer.
        for last in 0..3 {
            assert_eq!(sign_ups.take(ip(&format!("2001:db8::{last}")), 3, start), Ok(()));
        }
        assert!(sign_ups.take(ip("2001:db8::9"), 3, start).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (sign_ups, start) = (SignUps::default(), Instant::now());
        for number in 0..=MAX_ADDRESSES as u32 {
            let ip = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            assert_eq!(sign_ups.take(ip, 3, start + Duration::from_millis(number.into())), Ok(()));
        }
        assert_eq!(sign_ups.0.lock().expect("not poisoned").len(), MAX_ADDRESSES);
    }
}
