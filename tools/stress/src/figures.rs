//! What is counted of many measurements: percentiles, and how long somebody waited who tried again. Pure.

use std::time::Duration;

/// The value that `share` (0 to 1) of all do not exceed, by the nearest rank; `None` of nothing.
pub fn percentile(values: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// In milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A client that tries to get in again and again: how often it did, and how long it stood outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tries {
    /// How often it tried.
    pub tried: u32,
    /// How often it got in.
    pub entered: u32,
    /// The longest time from a first try to getting in, refusals between them included.
    pub longest: Duration,
    /// When it began to stand outside, from the beginning of all.
    outside_since: Option<Duration>,
    /// What it was last told when it did not get in.
    pub refusal: Option<String>,
}

impl Tries {
    /// A try from `began` to `ended`, both counted from the beginning of all.
    pub fn tried(&mut self, began: Duration, ended: Duration, outcome: Result<(), String>) {
        self.tried += 1;
        let since = *self.outside_since.get_or_insert(began);
        self.longest = self.longest.max(ended.saturating_sub(since));
        match outcome {
            Ok(()) => {
                self.entered += 1;
                self.outside_since = None;
            }
            Err(refusal) => self.refusal = Some(refusal),
        }
    }

    /// Whether it always got in, and tried at all.
    pub fn always(&self) -> bool {
        self.tried > 0 && self.entered == self.tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<Duration> = (1..=100).rev().map(ms).collect();
        assert_eq!(percentile(&hundred, 0.99), Some(ms(99)));
        assert_eq!(percentile(&hundred, 0.5), Some(ms(50)));
        assert_eq!(percentile(&hundred, 1.0), Some(ms(100)));
        assert_eq!(percentile(&[ms(7)], 0.99), Some(ms(7)));
        assert_eq!(percentile(&[ms(7)], 0.0), Some(ms(7)));
        assert_eq!(percentile(&[], 0.99), None);
    }

    #[test]
    fn who_is_refused_waits_from_the_first_try_on() {
        let mut tries = Tries::default();
        assert!(!tries.always());
        tries.tried(ms(0), ms(100), Ok(()));
        assert!(tries.always());
        tries.tried(ms(1000), ms(1001), Err("full".to_owned()));
        tries.tried(ms(2000), ms(2001), Err("still full".to_owned()));
        tries.tried(ms(3000), ms(3050), Ok(()));
        assert_eq!((tries.tried, tries.entered, tries.longest), (4, 2, ms(2050)));
        assert_eq!(tries.refusal.as_deref(), Some("still full"));
        assert!(!tries.always());
        tries.tried(ms(9000), ms(9100), Ok(()));
        assert_eq!(tries.longest, ms(2050));
    }

    #[test]
    fn who_never_gets_in_has_waited_to_the_end() {
        let mut tries = Tries::default();
        tries.tried(ms(0), ms(1), Err("full".to_owned()));
        tries.tried(ms(5000), ms(6000), Err("full".to_owned()));
        assert_eq!(tries.longest, ms(6000));
    }
}
