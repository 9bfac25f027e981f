//! A row of the table: the figures of an attack, and what they miss of the aims. Pure.

use super::honest::Stay;
use crate::figures::{Tries, milliseconds, percentile};
use std::fmt;
use std::time::Duration;

/// Columns for an attack's name.
pub const NAME_WIDTH: usize = 17;
/// An honest client's answer may take so long in 99 of 100 cases, in milliseconds; or twice what it takes in quiet.
const MAX_P99: f64 = 20.0;
/// What may stay of the memory that an attack took, in MiB.
const MAX_LEFT: f64 = 2.0;

/// The head of the table.
pub const HEADER: &str = "\
p99: the time of 99 of 100 answers to the honest clients, in ms, before/during/after the attack
near, far: newcomers from the attacker's address and from another: in/tries, and the longest time outside, in s
memory: of the server, in MiB, before > at most > 10 s after; log: KiB a second
attack              p99 before during  after   near          far           memory               CPU    log  closed";

/// What the server needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Memory before, at most, and some time after the attack, in MiB.
    pub rss: [f64; 3],
    /// Processors that were busy on average.
    pub cpu: f64,
    /// How much the log grew, in KiB a second.
    pub log_kib: f64,
}

/// An attack's row.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    /// Before, during, after, in milliseconds; none without an answer.
    p99: [Option<f64>; 3],
    near: Tries,
    far: Tries,
    figures: Figures,
    /// Honest clients whose connection was closed.
    closed: usize,
    /// What else the attack saw.
    note: Option<String>,
}

impl Row {
    /// The row of what was measured; the newcomers are near and far.
    pub fn new(
        name: &'static str,
        stays: &[Stay],
        [near, far]: [Tries; 2],
        figures: Figures,
        note: Option<String>,
    ) -> Row {
        let p99 = [0, 1, 2].map(|phase| {
            let all: Vec<Duration> = stays.iter().flat_map(|stay| &stay.answers[phase]).copied().collect();
            percentile(&all, 0.99).map(milliseconds)
        });
        let closed = stays.iter().filter(|stay| stay.closed).count();
        Row { name, p99, near, far, figures, closed, note }
    }

    /// What the server missed.
    pub fn missed(&self) -> Vec<&'static str> {
        let slow = match self.p99 {
            [Some(before), Some(during), _] => during > MAX_P99 && during > 2.0 * before,
            _ => true,
        };
        let kept = self.figures.rss[2] - self.figures.rss[0] > MAX_LEFT;
        let checks = [
            (slow, "slow answers"),
            (!self.far.always(), "newcomers stay outside"),
            (kept, "memory is kept"),
            (self.closed > 0, "honest clients closed"),
        ];
        checks.into_iter().filter(|(missed, _)| *missed).map(|(_, what)| what).collect()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p99 = self.p99.map(|time| time.map_or("-".to_owned(), |time| format!("{time:.1}")));
        let came = |tries: &Tries| format!("{}/{} {:.2}", tries.entered, tries.tried, tries.longest.as_secs_f64());
        let Figures { rss: [before, most, after], cpu, log_kib } = self.figures;
        write!(f, "{:<NAME_WIDTH$} {:>12} {:>6} {:>6}", self.name, p99[0], p99[1], p99[2])?;
        write!(f, "   {:<13} {:<13} ", came(&self.near), came(&self.far))?;
        write!(f, "{:<19} ", format!("{before:.1} > {most:.1} > {after:.1}"))?;
        write!(f, "{:>4.0} % {log_kib:>6.0} {:>7}   ", cpu * 100.0, self.closed)?;
        let missed = self.missed();
        f.write_str(if missed.is_empty() { "ok" } else { "MISSED: " })?;
        f.write_str(&missed.join(", "))?;
        let refusals = [("near", &self.near.refusal), ("far", &self.far.refusal)];
        for (who, refusal) in refusals.into_iter().filter_map(|(who, refusal)| Some((who, refusal.as_ref()?))) {
            write!(f, "\n    {who}: {refusal}")?;
        }
        self.note.iter().try_for_each(|note| write!(f, "\n    {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always() -> Tries {
        let mut tries = Tries::default();
        tries.tried(Duration::ZERO, Duration::from_millis(70), Ok(()));
        tries
    }

    fn row(before: u64, during: u64) -> Row {
        let times = |milliseconds| vec![Duration::from_millis(milliseconds); 100];
        let stay = Stay { answers: [times(before), times(during), times(before)], closed: false };
        let figures = Figures { rss: [4.0, 9.0, 5.9], cpu: 1.5, log_kib: 3.0 };
        Row::new("test", &[stay], [always(), always()], figures, None)
    }

    #[test]
    fn the_aims_are_20_ms_or_twice_the_quiet_ones() {
        for (before, during, is_slow) in [(1, 20, false), (1, 21, true), (11, 22, false), (10, 21, true)] {
            assert_eq!(row(before, during).missed() == ["slow answers"], is_slow, "{before} {during}");
        }
        let silent = Row { p99: [Some(1.0), None, Some(1.0)], ..row(1, 1) };
        assert_eq!(silent.missed(), ["slow answers"]);
    }

    #[test]
    fn each_thing_that_is_missed_is_named() {
        let mut refused = always();
        refused.tried(Duration::ZERO, Duration::from_secs(5), Err("Server full".to_owned()));
        let near = Row { near: refused.clone(), ..row(1, 1) };
        assert_eq!(near.missed(), Vec::<&str>::new());
        assert!(near.to_string().contains("1/2 5.00") && near.to_string().ends_with("ok\n    near: Server full"));
        assert_eq!(Row { far: refused, ..row(1, 1) }.missed(), ["newcomers stay outside"]);
        assert_eq!(Row { far: Tries::default(), ..row(1, 1) }.missed(), ["newcomers stay outside"]);
        let kept = Figures { rss: [4.0, 9.0, 6.1], ..Figures::default() };
        assert_eq!(Row { figures: kept, ..row(1, 1) }.missed(), ["memory is kept"]);
        let closed = Row { closed: 2, note: Some("seen".to_owned()), ..row(1, 99) };
        assert_eq!(closed.missed(), ["slow answers", "honest clients closed"]);
        assert!(closed.to_string().ends_with("MISSED: slow answers, honest clients closed\n    seen"));
    }
}
