//! Whose turn it is to fetch a file from us: a few at a time, each asker their share, and nobody who takes next to nothing
//! while others wait.

use crate::client::event::CallId;
use crate::value::Username;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most that wait for their turn.
const MAX_WAITING: usize = 16;
/// How long a peer may wait until it is its turn.
const TURN: Duration = Duration::from_secs(60);
/// Over so long a peer must take [`LEAST`] bytes while others wait: 2 KiB a second, a quarter of what a modem takes.
const WINDOW: Duration = Duration::from_secs(30);
const LEAST: u64 = 30 * 2048;
/// How often that is looked at, and how often the way so far is noted for it.
const LOOK: Duration = Duration::from_secs(5);
const NOTE: Duration = Duration::from_secs(1);

/// Peers that fetch, and those that wait for it.
#[derive(Debug, Default)]
pub struct Uploads {
    waiting: Vec<Waiting>,
    served: Vec<Served>,
    /// When it was last looked at who takes too little.
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    call: CallId,
    by: Username,
    until: Instant,
}

#[derive(Debug)]
struct Served {
    call: CallId,
    by: Username,
    /// Whether it still takes a slot: the hash of what was sent needs none.
    has_slot: bool,
    /// Bytes of the file that are sent.
    done: u64,
    /// When so many were, for a little longer than [`WINDOW`].
    notes: VecDeque<(Instant, u64)>,
    /// Whether its end is under way.
    is_ended: bool,
}

impl Served {
    fn is_too_slow(&self, now: Instant) -> bool {
        let (before, done) = (now.checked_sub(WINDOW), self.done);
        let then = self.notes.iter().rev().find(|(time, _)| before.is_some_and(|before| *time <= before));
        self.has_slot && !self.is_ended && then.is_some_and(|(_, then)| done < then + LEAST)
    }
}

impl Uploads {
    /// Puts a peer in line. When too many wait already it gives the one that is refused: of who has the most in line
    /// the last, which may be the new one.
    pub fn put(&mut self, call: CallId, by: Username, now: Instant) -> Option<CallId> {
        self.waiting.push(Waiting { call, by, until: now + TURN });
        if self.waiting.len() <= MAX_WAITING {
            return None;
        }
        let in_line = |by: &Username| self.waiting.iter().filter(|other| other.by == *by).count();
        // Of several the last one.
        let (at, _) = self.waiting.iter().enumerate().max_by_key(|(_, waiting)| in_line(&waiting.by))?;
        Some(self.waiting.remove(at).call)
    }

    /// Takes the peer out whose turn it is now, if a slot of `slots` is free: of those that wait, the first of who is
    /// served least. Nobody has more than half of the slots.
    pub fn next(&mut self, slots: usize) -> Option<CallId> {
        if self.served.iter().filter(|served| served.has_slot).count() >= slots {
            return None;
        }
        let served = |by: &Username| self.served.iter().filter(|served| served.by == *by).count();
        let counts = self.waiting.iter().map(|waiting| served(&waiting.by)).enumerate();
        // Of several the first one.
        let (at, _) = counts.filter(|(_, count)| *count < slots.div_ceil(2)).min_by_key(|(_, count)| *count)?;
        let Waiting { call, by, .. } = self.waiting.remove(at);
        self.served.push(Served { call, by, has_slot: true, done: 0, notes: VecDeque::new(), is_ended: false });
        Some(call)
    }

    /// Takes a peer out that has waited for too long.
    pub fn late(&mut self, now: Instant) -> Option<CallId> {
        let at = self.waiting.iter().position(|waiting| waiting.until <= now)?;
        Some(self.waiting.remove(at).call)
    }

    /// So many bytes of a file are sent.
    pub fn sent(&mut self, call: CallId, done: u64, now: Instant) {
        let Some(served) = self.served.iter_mut().find(|served| served.call == call) else { return };
        served.done = done;
        if served.notes.back().is_none_or(|(last, _)| now >= *last + NOTE) {
            served.notes.push_back((now, done));
        }
        while served.notes.get(1).is_some_and(|(time, _)| now >= *time + WINDOW) {
            served.notes.pop_front();
        }
    }

    /// All bytes of a file are sent, and its hash is still to be found.
    pub fn hashes(&mut self, call: CallId) {
        self.served.iter_mut().filter(|served| served.call == call).for_each(|served| served.has_slot = false);
    }

    /// Those that take too little while others wait: they are to be ended. Each is told once.
    pub fn too_slow(&mut self, now: Instant) -> Vec<CallId> {
        if self.waiting.is_empty() || self.looked.is_some_and(|looked| now < looked + LOOK) {
            return Vec::new();
        }
        self.looked = Some(now);
        let slow = self.served.iter_mut().filter(|served| served.is_too_slow(now));
        let end = |served: &mut Served| {
            served.is_ended = true;
            served.call
        };
        slow.map(end).collect()
    }

    /// A call has ended, or does not wait any longer.
    pub fn leave(&mut self, call: CallId) {
        self.waiting.retain(|waiting| waiting.call != call);
        self.served.retain(|served| served.call != call);
    }

    /// When somebody has waited for too long, or it is to be looked at who takes too little.
    pub fn deadline(&self) -> Option<Instant> {
        let waited = self.waiting.iter().map(|waiting| waiting.until).min()?;
        Some(self.looked.map_or(waited, |looked| waited.min(looked + LOOK)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn put(uploads: &mut Uploads, number: u64, by: &str, now: Instant) -> Option<CallId> {
        uploads.put(CallId::In(number), name(by), now)
    }

    fn served(uploads: &mut Uploads, slots: usize) -> Vec<u64> {
        let begun = std::iter::from_fn(|| uploads.next(slots));
        begun.map(|call| (1..=99).find(|number| call == CallId::In(*number)).expect("one of ours")).collect()
    }

    #[test]
    fn one_asker_has_half_of_the_slots_and_the_others_do_not_wait_for_them() {
        let (mut uploads, now) = (Uploads::default(), Instant::now());
        (1..=10).for_each(|number| assert_eq!(put(&mut uploads, number, "eve", now), None));
        assert_eq!(served(&mut uploads, 5), [1, 2, 3]);
        put(&mut uploads, 11, "alice", now);
        put(&mut uploads, 12, "bob", now);
        assert_eq!(served(&mut uploads, 5), [11, 12]);
        put(&mut uploads, 13, "alice", now);
        uploads.leave(CallId::In(1));
        assert_eq!(served(&mut uploads, 5), [13], "who is served least is next");
        uploads.leave(CallId::In(12));
        assert_eq!(served(&mut uploads, 5), [4]);
        let mut single = Uploads::default();
        put(&mut single, 1, "eve", now);
        assert_eq!(served(&mut single, 1), [1], "where there is one slot anybody may have it");
    }

    #[test]
    fn who_fills_the_line_is_refused_and_not_who_comes_behind() {
        let (mut uploads, now) = (Uploads::default(), Instant::now());
        (1..=16).for_each(|number| assert_eq!(put(&mut uploads, number, "eve", now), None));
        assert_eq!(put(&mut uploads, 17, "eve", now), Some(CallId::In(17)));
        assert_eq!(put(&mut uploads, 18, "alice", now), Some(CallId::In(16)));
        assert_eq!(uploads.deadline(), Some(now + TURN));
        assert_eq!((0..).map_while(|_: u32| uploads.late(now + TURN)).count(), MAX_WAITING);
        assert_eq!((uploads.late(now + TURN), uploads.deadline()), (None, None));
    }

    /// An upload at this rate, in bytes a second, for so many seconds; gives who is too slow while another waits.
    fn ended(rate: u64, seconds: u64) -> Vec<CallId> {
        let (mut uploads, now) = (Uploads::default(), Instant::now());
        put(&mut uploads, 1, "eve", now);
        assert_eq!(served(&mut uploads, 1), [1]);
        let until = |second: u64| now + second as u32 * SECOND;
        for second in 0..=seconds {
            uploads.sent(CallId::In(1), 1_000_000 + second * rate, until(second));
            assert!(uploads.too_slow(until(second)).is_empty(), "nobody waits");
        }
        assert!(uploads.served[0].notes.len() <= 32);
        put(&mut uploads, 2, "alice", until(seconds));
        uploads.too_slow(until(seconds))
    }

    #[test]
    fn who_takes_next_to_nothing_while_another_waits_is_ended() {
        assert_eq!(ended(1000, 40), [CallId::In(1)]);
        assert_eq!(ended(0, 31), [CallId::In(1)]);
        assert_eq!(ended(0, 29), [], "too early to tell");
        assert_eq!(ended(8000, 3600), [], "a modem is slow and honest");
    }

    #[test]
    fn it_is_looked_at_again_while_somebody_waits() {
        let (mut uploads, now) = (Uploads::default(), Instant::now());
        put(&mut uploads, 1, "eve", now);
        assert_eq!(served(&mut uploads, 1), [1]);
        uploads.sent(CallId::In(1), 5, now);
        put(&mut uploads, 2, "alice", now);
        let mut ended = Vec::new();
        for second in 0..=35 {
            let now = now + second * SECOND;
            ended.extend(uploads.too_slow(now).into_iter().map(|call| (second, call)));
            assert!(uploads.deadline().is_some_and(|deadline| deadline > now));
        }
        assert_eq!(ended, [(30, CallId::In(1))], "once");
    }

    #[test]
    fn a_hash_takes_no_slot_but_counts_for_its_asker() {
        let (mut uploads, now) = (Uploads::default(), Instant::now());
        (1..=5).for_each(|number| assert_eq!(put(&mut uploads, number, "eve", now), None));
        assert_eq!(served(&mut uploads, 3), [1, 2]);
        uploads.hashes(CallId::In(1));
        uploads.hashes(CallId::In(2));
        assert_eq!(served(&mut uploads, 3), [0; 0]);
        (6..=8).for_each(|number| assert_eq!(put(&mut uploads, number, &format!("name{number}"), now), None));
        assert_eq!(served(&mut uploads, 3), [6, 7, 8]);
    }
}
