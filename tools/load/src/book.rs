//! What one client has to tell when it is over, and all of them together. Pure.

use crate::histogram::Histogram;
use crate::ledger::{Sent, View};
use crate::people::Told;
use crate::udp::Counts;
use std::collections::BTreeMap;

/// The most different sentences that are kept of what went wrong.
const MAX_SENTENCES: usize = 20;
/// What is said of the others.
const OTHERS: &str = "other reasons";

/// What went wrong, in words, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles(BTreeMap<String, u64>);

impl Troubles {
    /// Once more.
    pub fn add(&mut self, sentence: &str) {
        self.add_times(sentence, 1);
    }

    fn add_times(&mut self, sentence: &str, times: u64) {
        let is_kept = self.0.contains_key(sentence) || self.0.len() < MAX_SENTENCES;
        *self.0.entry(if is_kept { sentence } else { OTHERS }.to_owned()).or_default() += times;
    }

    fn merge(&mut self, other: &Troubles) {
        other.0.iter().for_each(|(sentence, times)| self.add_times(sentence, *times));
    }

    /// How often in all.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The sentences, the most frequent one first.
    pub fn sentences(&self) -> Vec<(&str, u64)> {
        let mut sentences: Vec<_> = self.0.iter().map(|(sentence, times)| (sentence.as_str(), *times)).collect();
        sentences.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        sentences
    }
}

/// What a client did and saw.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Its broadcasts that were acknowledged.
    pub sent: Vec<Sent>,
    /// What its sessions have seen.
    pub views: Vec<View>,
    /// From the line of a login to its answer.
    pub logins: Histogram,
    /// From the line of a broadcast to when it was seen.
    pub deliveries: Histogram,
    /// From when a lookup was due to its answer.
    pub queries: Histogram,
    /// Its datagrams.
    pub udp: Counts,
    /// What those were told who watch.
    pub told: Told,
    /// How many of them were there at the end.
    pub lists: u64,
    /// How many of these knew what the server's list says.
    pub right_lists: u64,
    /// Clients that never came in, and why.
    pub kept_out: Troubles,
    /// Lines that the server did not carry out, and why.
    pub refused: Troubles,
    /// Connections that the server or the network ended, and why.
    pub closed: Troubles,
    /// Turns that were left out, as too many answers were missing.
    pub left_out: u64,
}

impl Book {
    /// Takes what another client has to tell.
    pub fn merge(&mut self, other: Book) {
        self.sent.extend(other.sent);
        self.views.extend(other.views);
        self.logins.merge(&other.logins);
        self.deliveries.merge(&other.deliveries);
        self.queries.merge(&other.queries);
        self.udp.datagrams += other.udp.datagrams;
        self.udp.broadcasts += other.udp.broadcasts;
        self.udp.again += other.udp.again;
        self.udp.hellos += other.udp.hellos;
        self.told.joined += other.told.joined;
        self.told.left += other.told.left;
        self.lists += other.lists;
        self.right_lists += other.right_lists;
        self.kept_out.merge(&other.kept_out);
        self.refused.merge(&other.refused);
        self.closed.merge(&other.closed);
        self.left_out += other.left_out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_bounded_and_the_most_frequent_comes_first() {
        let mut troubles = Troubles::default();
        for number in 0..100 {
            troubles.add(&format!("reason {}", number.min(MAX_SENTENCES + 9)));
        }
        let mut twice = troubles.clone();
        twice.merge(&troubles);
        assert_eq!((troubles.count(), twice.count()), (100, 200));
        assert_eq!(twice.sentences().len(), MAX_SENTENCES + 1);
        assert_eq!(twice.sentences()[0], (OTHERS, 160));
    }
}
