//! The books of a run: what was acknowledged, what was seen afterwards, and whether the two agree. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Sentences about what went wrong: more help nobody.
const MAX_VIOLATIONS: usize = 200;

/// What was acknowledged in all rounds so far.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Accounts that were acknowledged.
    accounts: Vec<String>,
    /// Of these, how many were there when the round began.
    checked_accounts: usize,
    /// Each number that was ever told, with its text.
    texts: BTreeMap<u64, String>,
    /// Each text with its number; texts are never used twice.
    numbers: HashMap<String, u64>,
    /// When a broadcast was acknowledged, from the beginning of all.
    acknowledged: BTreeMap<u64, Duration>,
    /// What does not agree.
    violations: Vec<String>,
}

/// What one connection has seen of the broadcasts.
#[derive(Debug, Default)]
pub struct View {
    last: Option<u64>,
    seen: BTreeSet<u64>,
}

impl Ledger {
    /// An account was acknowledged.
    pub fn account(&mut self, name: String) {
        self.accounts.push(name);
    }

    /// The accounts that were acknowledged since this was asked last.
    pub fn new_accounts(&mut self) -> Vec<String> {
        let new = self.accounts[self.checked_accounts..].to_vec();
        self.checked_accounts = self.accounts.len();
        new
    }

    /// All accounts that were acknowledged.
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// How many broadcasts were acknowledged.
    pub fn broadcasts(&self) -> usize {
        self.acknowledged.len()
    }

    /// The server has acknowledged a broadcast with a number.
    pub fn acknowledge(&mut self, number: u64, text: &str, now: Duration) {
        self.pair(number, text);
        if self.acknowledged.insert(number, now).is_some() {
            self.violation(format!("broadcast {number} was acknowledged twice, now as {text:?}"));
        }
    }

    /// A connection has seen a broadcast.
    pub fn see(&mut self, view: &mut View, number: u64, text: &str) {
        self.pair(number, text);
        if let Some(last) = view.last.filter(|last| *last >= number) {
            self.violation(format!("a connection saw broadcast {number} behind {last}"));
        }
        view.last = Some(number);
        view.seen.insert(number);
    }

    /// A connection has seen all that the server keeps: what was acknowledged since then must be there.
    pub fn complete(&mut self, view: &View, since: Duration, newest: u64) {
        // The newest are looked at first, and what is older than the time is not reached.
        let kept = self.acknowledged.range(..newest).rev().take_while(|(_, then)| **then >= since);
        let lost = kept.filter(|(number, _)| !view.seen.contains(number));
        let lost = lost
            .map(|(number, _)| format!("broadcast {number} was acknowledged and is lost: {:?}", self.texts[number]));
        lost.collect::<Vec<_>>().into_iter().for_each(|lost| self.violation(lost));
    }

    /// Something went wrong. It is told once, and not without end.
    pub fn violation(&mut self, sentence: String) {
        if self.violations.len() < MAX_VIOLATIONS && !self.violations.contains(&sentence) {
            self.violations.push(sentence);
        }
    }

    /// All that went wrong.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// A number has one text, and a text one number.
    fn pair(&mut self, number: u64, text: &str) {
        let known = self.texts.entry(number).or_insert_with(|| text.to_owned());
        let twice = (known != text).then(|| format!("number {number} was given twice: to {known:?} and to {text:?}"));
        twice.into_iter().for_each(|sentence| self.violation(sentence));
        let first = *self.numbers.entry(text.to_owned()).or_insert(number);
        if first != number {
            self.violation(format!("{text:?} is there twice, as {first} and as {number}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_agrees_is_no_violation() {
        let mut ledger = Ledger::default();
        ledger.acknowledge(1, "a", at(1));
        ledger.acknowledge(2, "b", at(2));
        let mut view = View::default();
        for (number, text) in [(1, "a"), (2, "b"), (3, "never acknowledged"), (4, "marker")] {
            ledger.see(&mut view, number, text);
        }
        ledger.complete(&view, at(0), 4);
        assert!(ledger.violations().is_empty(), "{:?}", ledger.violations());
        assert_eq!(ledger.broadcasts(), 2);
    }

    #[test]
    fn a_broadcast_that_is_not_there_is_lost_unless_it_is_too_old() {
        let mut ledger = Ledger::default();
        ledger.acknowledge(1, "a", at(1));
        ledger.acknowledge(2, "b", at(2));
        let mut view = View::default();
        ledger.see(&mut view, 3, "marker");
        ledger.complete(&view, at(2), 3);
        assert_eq!(ledger.violations(), [r#"broadcast 2 was acknowledged and is lost: "b""#]);
    }

    #[test]
    fn doubled_numbers_and_texts_and_disorder_are_found() {
        let mut ledger = Ledger::default();
        ledger.acknowledge(1, "a", at(1));
        ledger.acknowledge(1, "b", at(2));
        assert_eq!(ledger.violations().len(), 2, "{:?}", ledger.violations());
        let mut ledger = Ledger::default();
        let mut view = View::default();
        ledger.see(&mut view, 5, "a");
        ledger.see(&mut view, 6, "a");
        assert_eq!(ledger.violations(), [r#""a" is there twice, as 5 and as 6"#]);
        let mut ledger = Ledger::default();
        let mut view = View::default();
        ledger.see(&mut view, 5, "a");
        ledger.see(&mut view, 4, "b");
        ledger.see(&mut view, 4, "b");
        assert_eq!(ledger.violations().len(), 2, "{:?}", ledger.violations());
    }

    #[test]
    fn accounts_are_asked_for_once() {
        let mut ledger = Ledger::default();
        ledger.account("a".to_owned());
        assert_eq!(ledger.new_accounts(), ["a"]);
        ledger.account("b".to_owned());
        assert_eq!(ledger.new_accounts(), ["b"]);
        assert!(ledger.new_accounts().is_empty());
        assert_eq!(ledger.accounts(), ["a", "b"]);
    }
}
