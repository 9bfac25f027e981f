//! The figures of a soak: what the server needed each minute, and what clients saw of the broadcasts. Pure.

use crate::process::Vitals;
use std::fmt;

/// How much memory may grow from the second minute to the last: this share, and so many MiB.
const GROWTH: (f64, f64) = (0.10, 2.0);
/// Failures of which the sentence is kept.
const MAX_SENTENCES: usize = 5;

/// What the server needed in each minute, on average.
#[derive(Debug, Default)]
pub struct Table(Vec<Minute>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Minute {
    rss: f64,
    threads: f64,
    descriptors: f64,
    clients: f64,
    /// From the start of the server to the end of the minute, in seconds.
    cpu: f64,
}

/// What one connection has seen of the broadcasts, whose numbers grow by one.
#[derive(Debug, Default)]
pub struct View {
    last: Option<u64>,
    seen: u64,
    lost: u64,
    doubled: u64,
}

/// What all connections of a client, or of all, have seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Visits that ended as the client wanted.
    pub visits: u64,
    broadcasts: u64,
    lost: u64,
    /// Twice, or behind a later one.
    doubled: u64,
    /// Visits that the server ended, or did not answer.
    failures: u64,
    sentences: Vec<String>,
}

impl View {
    /// A broadcast has come.
    pub fn see(&mut self, number: u64) {
        self.seen += 1;
        let expected = self.last.map_or(number, |last| last + 1);
        self.lost += number.saturating_sub(expected);
        self.doubled += u64::from(number < expected);
        self.last = self.last.max(Some(number));
    }

    /// How many have come.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many were lost, came twice or out of order.
    pub fn faults(&self) -> u64 {
        self.lost + self.doubled
    }

    /// The highest number.
    pub fn last(&self) -> Option<u64> {
        self.last
    }
}

impl Seen {
    /// A connection is over.
    pub fn end(&mut self, view: &View) {
        self.broadcasts += view.seen;
        self.lost += view.lost;
        self.doubled += view.doubled;
    }

    /// A visit failed.
    pub fn failed(&mut self, sentence: &str) {
        self.failures += 1;
        if self.sentences.len() < MAX_SENTENCES {
            self.sentences.push(sentence.to_owned());
        }
    }

    /// Adds what another has seen.
    pub fn add(&mut self, other: &Seen) {
        self.visits += other.visits;
        self.broadcasts += other.broadcasts;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.failures += other.failures;
        let room = MAX_SENTENCES - self.sentences.len();
        self.sentences.extend(other.sentences.iter().take(room).cloned());
    }

    /// What should not have been.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if self.lost + self.doubled > 0 {
            missed.push("broadcasts were lost, doubled or out of order".to_owned());
        }
        if self.failures > 0 {
            missed.push(format!("{} visits failed: {}", self.failures, self.sentences.join("; ")));
        }
        missed
    }
}

impl Table {
    /// What was seen in one more minute, each time with the number of clients; once at least.
    pub fn add(&mut self, looks: &[(Vitals, usize)]) {
        let mean = |of: &dyn Fn(&(Vitals, usize)) -> f64| looks.iter().map(of).sum::<f64>() / looks.len() as f64;
        self.0.push(Minute {
            rss: mean(&|look| look.0.rss),
            threads: mean(&|look| look.0.threads as f64),
            descriptors: mean(&|look| look.0.descriptors as f64),
            clients: mean(&|look| look.1 as f64),
            cpu: looks.last().map_or(0.0, |look| look.0.cpu),
        });
    }

    /// The minutes that are shown: the first, the second, that in the middle and the last, by their number.
    fn shown(&self) -> Vec<usize> {
        let minutes = self.0.len();
        let mut shown = vec![1, 2, minutes.div_ceil(2), minutes];
        shown.retain(|minute| (1..=minutes).contains(minute));
        shown.sort_unstable();
        shown.dedup();
        shown
    }

    /// What should not have been: in the first minute the history fills.
    pub fn missed(&self) -> Option<String> {
        let (base, last) = (self.0.get(1)?, self.0.last()?);
        let most = base.rss * (1.0 + GROWTH.0) + GROWTH.1;
        (last.rss > most).then(|| format!("memory grew from {:.1} to {:.1} MiB", base.rss, last.rss))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "minute  clients  memory, MiB  threads  descriptors  CPU so far, s")?;
        for minute in self.shown() {
            let Minute { rss, threads, descriptors, clients, cpu } = self.0[minute - 1];
            writeln!(f, "{minute:>6} {clients:>8.0} {rss:>12.1} {threads:>8.0} {descriptors:>12.0} {cpu:>14.0}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { visits, broadcasts, lost, doubled, failures, .. } = self;
        writeln!(
            f,
            "{visits} visits, {failures} failed; {broadcasts} broadcasts seen, {lost} lost, {doubled} doubled or out of order"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_counts_what_is_lost_and_what_comes_twice() {
        let mut view = View::default();
        [5, 6, 7, 10, 10, 9, 11].into_iter().for_each(|number| view.see(number));
        assert_eq!((view.seen, view.lost, view.doubled), (7, 2, 2));
        let mut seen = Seen::default();
        assert!(seen.missed().is_empty());
        seen.end(&view);
        seen.failed("closed");
        let mut all = Seen::default();
        all.add(&seen);
        assert_eq!(all.missed().len(), 2, "{all:?}");
    }

    fn table(rss: &[f64]) -> Table {
        let mut table = Table::default();
        rss.iter().for_each(|rss| table.add(&[(Vitals { rss: *rss, ..Vitals::default() }, 1)]));
        table
    }

    #[test]
    fn memory_may_grow_by_a_tenth_and_two() {
        assert_eq!(table(&[5.0, 10.0, 20.0, 13.0]).missed(), None);
        assert_eq!(table(&[5.0, 10.0, 13.1]).missed().as_deref(), Some("memory grew from 10.0 to 13.1 MiB"));
        assert_eq!(table(&[5.0]).missed(), None);
    }

    #[test]
    fn a_minute_is_a_mean_and_four_are_shown() {
        let mut one = Table::default();
        let look = |rss, threads| (Vitals { rss, threads, descriptors: 4, cpu: rss }, 8);
        one.add(&[look(1.0, 10), look(3.0, 20)]);
        assert_eq!(one.0, [Minute { rss: 2.0, threads: 15.0, descriptors: 4.0, clients: 8.0, cpu: 3.0 }]);
        assert_eq!(one.shown(), [1]);
        assert_eq!(table(&[1.0; 2]).shown(), [1, 2]);
        assert_eq!(table(&[1.0; 60]).shown(), [1, 2, 30, 60]);
        assert_eq!(table(&[]).shown(), Vec::<usize>::new());
    }
}
