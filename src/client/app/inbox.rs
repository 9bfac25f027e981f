//! Broadcasts in order and once, however they arrive.
//!
//! They come by UDP (lost, doubled, out of order), by TCP (in order, but only what the server thinks UDP will not
//! bring), or by both. The sequence number decides: the next one is shown, an old one dropped, a later one kept
//! until those before it have come or the server says that they never will.

use crate::protocol::Broadcast;
use std::collections::BTreeMap;

/// The most broadcasts kept for later; the furthest ones are dropped, as a hello brings them again.
const MAX_KEPT: usize = 4096;
/// The most bytes of text in them.
const MAX_BYTES: usize = 1 << 20;
/// A head that is so far past what we have is not believed at once: no history holds so many, and to believe a wrong
/// one would be to miss all broadcasts from then on.
const FAR: u64 = 2_000_000;
/// Hellos in a row that are answered with it, until it is believed.
const FAR_ANSWERS: u32 = 3;

/// How a broadcast came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// On the connection to the server, in order.
    Tcp,
    /// In a datagram.
    Udp,
}

/// What was shown and what waits to be.
#[derive(Debug, Default)]
pub struct Inbox {
    last: u64,
    kept: BTreeMap<u64, Broadcast>,
    bytes: usize,
    /// The last one that was sent, as far as the server has told.
    tail: u64,
    /// When the newest of those that were given out was sent, in seconds since 1970.
    newest: u64,
    /// A head that is far past what we have, and how many hellos in a row were answered with it.
    far: (u64, u32),
    /// Whether nothing was given out since the last login: the server may be one that counts from 1 again.
    fresh: bool,
}

impl Inbox {
    /// The last broadcast that was given out together with all before it: the LASTSEQ of a hello.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether this broadcast was given out, or waits to be.
    pub fn has(&self, seq: u64) -> bool {
        seq <= self.last || self.kept.contains_key(&seq)
    }

    /// Whether something is missing: something arrived that cannot be shown, or the server has sent more.
    pub fn has_gap(&self) -> bool {
        self.last < self.top()
    }

    /// The first and the last number of each range that is missing up to [`Inbox::top`], rising.
    pub fn missing(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let before = std::iter::once(self.last).chain(self.kept.keys().copied());
        let behind = self.kept.keys().copied().chain([self.top() + 1]);
        before.zip(behind).map(|(before, behind)| (before + 1, behind - 1)).filter(|(first, last)| first <= last)
    }

    /// The last broadcast that arrived, or of which the server says that it was sent.
    pub fn top(&self) -> u64 {
        self.kept.keys().next_back().copied().unwrap_or(self.last).max(self.tail)
    }

    /// A login succeeded, perhaps at a server that has lost its history.
    pub fn log_in(&mut self) {
        (self.fresh, self.tail) = (true, 0);
    }

    /// What comes from now on has numbers of its own. Gives what has waited for others.
    pub fn forget(&mut self) -> Vec<Broadcast> {
        let shown = self.give_up_gaps();
        *self = Inbox::default();
        shown
    }

    /// Takes a broadcast and returns what may now be shown, in order.
    ///
    /// The very first one by TCP is the oldest that is to be had, as the server begins a session with the history;
    /// by UDP it may be any. One that is later than all before it and has a lower number shows that the server counts
    /// from 1 again: then we do too, and the next hello asks for the others.
    pub fn accept(&mut self, broadcast: Broadcast, way: Route) -> Vec<Broadcast> {
        let mut shown = Vec::new();
        // No server comes to the last number, behind which there is none.
        if broadcast.seq == u64::MAX {
            return shown;
        }
        if self.fresh && broadcast.seq <= self.last && broadcast.unix_time > self.newest {
            shown = self.give_up_gaps();
            (self.last, self.tail) = (0, 0);
        }
        if self.last == 0 && way == Route::Tcp {
            shown.append(&mut self.skip_to(broadcast.seq.saturating_sub(1)));
        }
        shown.append(&mut self.take(broadcast));
        self.note(&shown);
        shown
    }

    fn take(&mut self, broadcast: Broadcast) -> Vec<Broadcast> {
        let mut shown = Vec::new();
        if self.has(broadcast.seq) {
            return shown;
        }
        self.bytes += broadcast.text.len();
        self.kept.insert(broadcast.seq, broadcast);
        shown.append(&mut self.take_consecutive());
        while self.kept.len() > MAX_KEPT || self.bytes > MAX_BYTES {
            let Some((_, furthest)) = self.kept.pop_last() else { break };
            self.bytes -= furthest.text.len();
        }
        shown
    }

    /// The server says that up to `seq` nothing is to be had that we have not got; `answers_hello`: as the first answer
    /// to a hello.
    pub fn head(&mut self, seq: u64, answers_hello: bool) -> Vec<Broadcast> {
        if self.last > 0 && seq.saturating_sub(self.last) > FAR {
            let times = if self.far.0 == seq { self.far.1 } else { 0 };
            self.far = (seq, times + u32::from(answers_hello));
            if self.far.1 < FAR_ANSWERS {
                return Vec::new();
            }
        }
        self.far = (0, 0);
        self.skip_to(seq)
    }

    /// The server says that up to `seq` all was sent. One that is as far away as no history reaches is passed over.
    pub fn tail(&mut self, seq: u64) {
        if seq.saturating_sub(self.last) <= FAR && seq != u64::MAX {
            self.tail = self.tail.max(seq);
        }
    }

    /// Whether a head was told that is not believed yet.
    pub fn doubts_a_head(&self) -> bool {
        self.far.0 > 0
    }

    fn skip_to(&mut self, seq: u64) -> Vec<Broadcast> {
        if seq <= self.last || seq == u64::MAX {
            return Vec::new();
        }
        let rest = self.kept.split_off(&(seq + 1));
        let mut shown: Vec<_> = std::mem::replace(&mut self.kept, rest).into_values().collect();
        self.bytes -= shown.iter().map(|broadcast| broadcast.text.len()).sum::<usize>();
        self.last = seq;
        shown.append(&mut self.take_consecutive());
        self.note(&shown);
        shown
    }

    fn note(&mut self, shown: &[Broadcast]) {
        self.fresh &= shown.is_empty();
        self.newest = shown.iter().map(|broadcast| broadcast.unix_time).fold(self.newest, u64::max);
    }

    /// UDP does not work here, so what is missing will not come: everything kept is given out.
    pub fn give_up_gaps(&mut self) -> Vec<Broadcast> {
        self.tail = 0;
        self.skip_to(self.top())
    }

    fn take_consecutive(&mut self) -> Vec<Broadcast> {
        let mut shown = Vec::new();
        while let Some(next) = self.kept.remove(&(self.last + 1)) {
            self.last = next.seq;
            self.bytes -= next.text.len();
            shown.push(next);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn broadcast(seq: u64) -> Broadcast {
        Broadcast { seq, unix_time: 1_700_000_000, from: "bob".parse().expect("valid"), text: format!("text {seq}") }
    }

    fn seqs(shown: Vec<Broadcast>) -> Vec<u64> {
        shown.into_iter().map(|broadcast| broadcast.seq).collect()
    }

    #[test]
    fn the_first_by_tcp_needs_none_before_it() {
        let mut inbox = Inbox::default();
        assert!(inbox.accept(broadcast(61), Route::Udp).is_empty());
        assert!(inbox.has_gap());
        assert_eq!((inbox.missing().collect::<Vec<_>>(), inbox.top()), (vec![(1, 60)], 61));
        assert_eq!(seqs(inbox.accept(broadcast(58), Route::Tcp)), [58]);
        assert_eq!((inbox.missing().collect::<Vec<_>>(), inbox.top()), (vec![(59, 60)], 61));
        assert_eq!(seqs(inbox.accept(broadcast(59), Route::Tcp)), [59]);
        assert_eq!(seqs(inbox.accept(broadcast(60), Route::Tcp)), [60, 61]);
        assert!(inbox.accept(broadcast(60), Route::Udp).is_empty());
        assert!(!inbox.has_gap());
    }

    #[test]
    fn what_was_sent_last_is_missing_when_the_server_says_so() {
        let mut inbox = Inbox::default();
        assert_eq!(seqs(inbox.accept(broadcast(1), Route::Tcp)), [1]);
        inbox.tail(1);
        assert!(!inbox.has_gap());
        inbox.tail(4);
        assert_eq!((inbox.missing().collect::<Vec<_>>(), inbox.top()), (vec![(2, 4)], 4));
        assert_eq!(seqs(inbox.accept(broadcast(2), Route::Udp)), [2]);
        assert!(inbox.accept(broadcast(4), Route::Udp).is_empty());
        assert_eq!((inbox.missing().collect::<Vec<_>>(), inbox.top()), (vec![(3, 3)], 4));
        assert_eq!(seqs(inbox.accept(broadcast(3), Route::Udp)), [3, 4]);
        assert!(!inbox.has_gap());
        for far in [4 + FAR + 1, u64::MAX] {
            inbox.tail(far);
            assert!(!inbox.has_gap(), "{far}");
        }
        inbox.tail(9);
        inbox.log_in();
        assert!(!inbox.has_gap(), "perhaps it was another server that told it");
        inbox.tail(9);
        assert!(inbox.give_up_gaps().is_empty() && !inbox.has_gap(), "it will not come by UDP");
    }

    #[test]
    fn a_head_skips_what_has_expired() {
        let mut inbox = Inbox::default();
        assert!(inbox.accept(broadcast(8), Route::Udp).is_empty());
        assert!(inbox.accept(broadcast(6), Route::Udp).is_empty());
        assert_eq!(seqs(inbox.head(7, true)), [6, 8]);
        assert!(inbox.head(3, true).is_empty());
        assert_eq!(inbox.last(), 8);
    }

    #[test]
    fn a_head_far_ahead_is_believed_when_three_hellos_are_answered_with_it() {
        let mut inbox = Inbox::default();
        inbox.head(9_000_000, true);
        assert_eq!(inbox.last(), 9_000_000, "who has nothing yet takes any");
        inbox.head(9_000_000 + FAR, true);
        assert_eq!(inbox.last(), 9_000_000 + FAR, "not far");
        let far = inbox.last() + FAR + 1;
        for (seq, answers_hello) in [(far, true), (far, false), (far, true), (far + 1, true), (far, true), (far, true)]
        {
            inbox.head(seq, answers_hello);
            assert!(inbox.last() < far);
        }
        inbox.head(far, true);
        assert_eq!(inbox.last(), far);
    }

    fn sent_later(seq: u64) -> Broadcast {
        Broadcast { unix_time: 1_700_000_100, ..broadcast(seq) }
    }

    #[test]
    fn a_server_that_counts_from_1_again_is_followed() {
        for way in [Route::Tcp, Route::Udp] {
            let mut inbox = Inbox::default();
            assert_eq!((1..=5).map(|seq| inbox.accept(broadcast(seq), way).len()).sum::<usize>(), 5);
            assert!(inbox.accept(sent_later(2), way).is_empty(), "not without another login");
            inbox.log_in();
            assert!(inbox.accept(broadcast(5), way).is_empty(), "it was shown");
            assert_eq!(seqs(inbox.accept(sent_later(1), way)), [1]);
            assert_eq!(seqs(inbox.accept(sent_later(2), way)), [2]);
            assert!(inbox.accept(sent_later(1), way).is_empty());
        }
        let mut inbox = Inbox::default();
        inbox.head(9, true);
        inbox.log_in();
        assert!(inbox.accept(sent_later(3), Route::Udp).is_empty());
        assert_eq!((inbox.last(), inbox.has_gap()), (0, true), "the next hello asks for the first two");
    }

    #[test]
    fn another_sequence_begins_anew_and_what_has_waited_is_shown() {
        let mut inbox = Inbox::default();
        assert_eq!(seqs(inbox.accept(broadcast(7), Route::Tcp)), [7]);
        assert!(inbox.accept(broadcast(9), Route::Udp).is_empty());
        assert_eq!(seqs(inbox.forget()), [9]);
        assert_eq!((inbox.last(), inbox.has_gap(), inbox.bytes), (0, false, 0));
        assert_eq!(seqs(inbox.accept(broadcast(8), Route::Tcp)), [8], "it is another one");
    }

    #[test]
    fn the_last_number_of_all_is_none() {
        let mut inbox = Inbox::default();
        assert!(inbox.head(u64::MAX, true).is_empty());
        assert!(inbox.accept(broadcast(u64::MAX), Route::Tcp).is_empty());
        assert_eq!(seqs(inbox.accept(broadcast(u64::MAX - 1), Route::Tcp)), [u64::MAX - 1]);
        assert_eq!(inbox.bytes, 0);
    }

    #[test]
    fn without_udp_a_gap_is_given_up() {
        let mut inbox = Inbox::default();
        assert_eq!(seqs(inbox.accept(broadcast(1), Route::Tcp)), [1]);
        assert!(inbox.accept(broadcast(4), Route::Tcp).is_empty());
        assert!(inbox.accept(broadcast(7), Route::Tcp).is_empty());
        assert_eq!(seqs(inbox.give_up_gaps()), [4, 7]);
        assert!(inbox.give_up_gaps().is_empty());
        assert_eq!(inbox.bytes, 0);
    }

    #[test]
    fn memory_is_bounded_and_the_nearest_are_kept() {
        let mut inbox = Inbox::default();
        for seq in (2..=2 + MAX_KEPT as u64).rev() {
            assert!(inbox.accept(broadcast(seq), Route::Udp).is_empty());
        }
        assert_eq!(inbox.kept.len(), MAX_KEPT);
        assert_eq!(inbox.accept(broadcast(1), Route::Udp).len(), 1 + MAX_KEPT);
        assert_eq!((inbox.bytes, inbox.kept.len()), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A server with a history from which the oldest expired, a login that sends a part by TCP, and datagrams
        /// that are lost, doubled and reordered; hellos repair until all is there.
        #[test]
        fn all_once_and_in_order(
            expired in 0u64..20,
            count in 1u64..60,
            by_tcp in 0u64..60,
            seed in 1u64..,
        ) {
            let newest = expired + count;
            // Marsaglia's xorshift: a network that loses everything for ever would prove nothing.
            let mut luck = seed;
            let mut choose = move || {
                luck ^= luck << 13;
                luck ^= luck >> 7;
                luck ^= luck << 17;
                luck % 10
            };
            let mut inbox = Inbox::default();
            let mut shown = Vec::new();
            let mut tcp: VecDeque<u64> = (expired + 1..=newest.min(expired + by_tcp)).collect();
            for _ in 0..2000 {
                // One hello and its answer, between whose datagrams the lines on TCP arrive.
                let mut datagrams: Vec<u64> = (inbox.last().max(expired) + 1..=newest).collect();
                for at in 1..datagrams.len() {
                    datagrams.swap(at, at - (choose() % 2) as usize);
                }
                if inbox.last() < expired && choose() >= 3 {
                    shown.append(&mut inbox.head(expired, true));
                }
                for seq in datagrams {
                    for _ in 0..match choose() { 0..3 => 0, 3..8 => 1, _ => 2 } {
                        shown.append(&mut inbox.accept(broadcast(seq), Route::Udp));
                    }
                    let from_tcp = if choose() > 4 { tcp.pop_front() } else { None };
                    if let Some(seq) = from_tcp {
                        shown.append(&mut inbox.accept(broadcast(seq), Route::Tcp));
                    }
                }
            }
            prop_assert_eq!(seqs(shown), (expired + 1..=newest).collect::<Vec<_>>());
        }
    }
}
