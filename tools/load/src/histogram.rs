//! How long many things took: counted in buckets, so that an hour of deliveries takes no more memory than a second of
//! them. Pure.

use std::time::Duration;

/// Buckets from one power of two to the next: a percentile is at most a 32nd too high.
const STEPS: u64 = 32;

/// Times, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: u64,
}

/// Times below twice [`STEPS`] have a bucket each; then each power of two has [`STEPS`].
fn bucket(micros: u64) -> usize {
    let halvings = u64::from((micros / STEPS).checked_ilog2().unwrap_or(0));
    (halvings * STEPS + (micros >> halvings)) as usize
}

/// The longest time of a bucket.
fn longest_of(bucket: usize) -> u64 {
    let halvings = (bucket as u64 / STEPS).saturating_sub(1);
    ((bucket as u64 - halvings * STEPS + 1) << halvings) - 1
}

impl Histogram {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        // An hour is long enough for anything here, and bounds the buckets.
        let micros = time.min(Duration::from_secs(3600)).as_micros() as u64;
        let bucket = bucket(micros);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.longest = self.longest.max(micros);
    }

    /// All of another.
    pub fn merge(&mut self, other: &Histogram) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// What `share` (0 to 1) of all do not exceed, by the nearest rank; `None` of nothing.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let rank = ((share * self.total as f64).ceil() as u64).max(1);
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(Duration::from_micros(longest_of(bucket).min(self.longest)))
    }

    /// The longest; `None` of nothing.
    pub fn longest(&self) -> Option<Duration> {
        (self.total > 0).then(|| Duration::from_micros(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        micros.into_iter().for_each(|time| histogram.add(Duration::from_micros(time)));
        histogram
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap_and_are_narrow() {
        let mut last = 0;
        for micros in 0..200_000 {
            let bucket = bucket(micros);
            assert!(bucket == last || bucket == last + 1, "{micros}");
            last = bucket;
            let longest = longest_of(bucket);
            assert!(longest >= micros && (longest - micros) * STEPS <= micros, "{micros} is told as {longest}");
        }
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank_and_never_above_the_longest() {
        let hundred = of(1..=100);
        assert_eq!(hundred.percentile(0.5), Some(Duration::from_micros(50)));
        assert_eq!(hundred.percentile(1.0), Some(Duration::from_micros(100)));
        assert_eq!(of([7]).percentile(0.0), Some(Duration::from_micros(7)));
        assert_eq!(of([1_000_000]).percentile(0.99), Some(Duration::from_secs(1)));
        assert_eq!((of([]).percentile(0.99), of([]).longest()), (None, None));
    }

    #[test]
    fn two_together_are_as_one() {
        let mut one = of([1, 5_000]);
        one.merge(&of([70, 900_000]));
        assert_eq!(one, of([1, 5_000, 70, 900_000]));
        assert_eq!(one.count(), 4);
    }
}
