//! The broadcasts that are kept in memory, and which of them go first. It knows no file.
//!
//! Everybody has a share: when there are too many bytes, the oldest of the sender who has the most of them goes. So
//! whoever broadcasts much pushes out what they said themselves, and between the others' lines there may be gaps.

use crate::protocol::Broadcast;
use crate::value::Username;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// When there are too many bytes, a sixteenth of them is let go at once: to find who has the most is work.
const SPARE: usize = 16;

/// Broadcasts by number.
#[derive(Default)]
pub struct Window {
    entries: BTreeMap<u64, Entry>,
    senders: HashMap<Username, Sender>,
    /// Of all lines, each with its LF.
    bytes: usize,
    /// The number of the last broadcast there ever was; 0 before the first.
    head: u64,
}

struct Entry {
    unix_time: u64,
    from: Username,
    text: Box<str>,
    taken: Instant,
    /// Of its line, with the LF.
    bytes: usize,
}

/// What one sender has here.
#[derive(Default)]
struct Sender {
    bytes: usize,
    /// The first is the oldest.
    numbers: VecDeque<u64>,
}

/// Where some broadcasts lie in the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The number of the first; between what was asked for and it there is nothing.
    pub first: u64,
    /// The number of the next one that is kept, or the next there will be.
    pub next: u64,
    /// The number of the oldest that is kept: of those before it nobody gets any.
    pub oldest: u64,
}

impl Window {
    /// The number of the last broadcast there ever was.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// How many broadcasts are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the oldest was taken.
    pub fn began(&self) -> Option<Instant> {
        self.entries.values().next().map(|entry| entry.taken)
    }

    /// Up to `head` there is nothing that is not here.
    pub fn pass_to(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// Adds a broadcast, the last of all, that was taken at that time.
    pub fn push(&mut self, broadcast: Broadcast, taken: Instant) {
        let bytes = broadcast.line_bytes();
        let Broadcast { seq, unix_time, from, text } = broadcast;
        let sender = self.senders.entry(from.clone()).or_default();
        sender.bytes += bytes;
        sender.numbers.push_back(seq);
        self.bytes += bytes;
        self.head = seq;
        self.entries.insert(seq, Entry { unix_time, from, text: text.into(), taken, bytes });
    }

    /// Lets go what is older than `window`, and what is too much for `max_bytes`.
    pub fn forget(&mut self, now: Instant, window: Duration, max_bytes: usize) {
        while let Some(oldest) = self.entries.first_entry() {
            if now.saturating_duration_since(oldest.get().taken) <= window {
                break;
            }
            let seq = *oldest.key();
            self.remove(seq);
        }
        if self.bytes > max_bytes {
            self.make_room(max_bytes - max_bytes / SPARE);
        }
    }

    fn make_room(&mut self, max_bytes: usize) {
        let weigh = |(name, sender): (&Username, &Sender)| (sender.bytes, name.clone());
        let mut heaviest: BinaryHeap<(usize, Username)> = self.senders.iter().map(weigh).collect();
        while self.bytes > max_bytes {
            let Some((_, name)) = heaviest.pop() else { return };
            let Some(oldest) = self.senders.get(&name).and_then(|sender| sender.numbers.front().copied()) else {
                return;
            };
            self.remove(oldest);
            if let Some(sender) = self.senders.get(&name) {
                heaviest.push((sender.bytes, name));
            }
        }
    }

    /// Takes the oldest broadcast of its sender away.
    fn remove(&mut self, seq: u64) {
        let Some(entry) = self.entries.remove(&seq) else { return };
        self.bytes -= entry.bytes;
        let Some(sender) = self.senders.get_mut(&entry.from) else { return };
        sender.bytes -= entry.bytes;
        sender.numbers.pop_front();
        if sender.numbers.is_empty() {
            self.senders.remove(&entry.from);
        }
    }

    /// The number of the first that is kept from `from` on, or the next there will be.
    pub fn next_from(&self, from: u64) -> u64 {
        self.entries.range(from..).next().map_or(self.head + 1, |(seq, _)| *seq)
    }

    /// The broadcasts from number `from` on, as long as their lines, each with its LF, fit `limit` bytes in all; at
    /// least one, when there is any.
    pub fn read(&self, from: u64, limit: usize) -> (Vec<Broadcast>, Range) {
        let end = self.head + 1;
        let (mut broadcasts, mut bytes, mut next) = (Vec::new(), 0, end);
        for (&seq, entry) in self.entries.range(from..) {
            bytes += entry.bytes;
            if !broadcasts.is_empty() && bytes > limit {
                next = seq;
                break;
            }
            broadcasts.push(entry.broadcast(seq));
        }
        let first = broadcasts.first().map_or(end, |first| first.seq);
        let oldest = self.entries.keys().next().map_or(end, |oldest| *oldest);
        (broadcasts, Range { first, next, oldest })
    }
}

impl Entry {
    fn broadcast(&self, seq: u64) -> Broadcast {
        Broadcast { seq, unix_time: self.unix_time, from: self.from.clone(), text: self.text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEPT: Duration = Duration::from_secs(1800);
    const MAX: usize = 2000;

    fn say(window: &mut Window, from: &str, text: &str, now: Instant) {
        let seq = window.head() + 1;
        let from = from.parse().expect("a name");
        window.push(Broadcast { seq, unix_time: 1_700_000_000, from, text: text.to_owned() }, now);
        window.forget(now, KEPT, MAX);
    }

    fn numbers_of(window: &Window, name: &str) -> Vec<u64> {
        let name = name.parse().expect("a name");
        window
            .read(1, usize::MAX)
            .0
            .into_iter()
            .filter(|broadcast| broadcast.from == name)
            .map(|broadcast| broadcast.seq)
            .collect()
    }

    #[test]
    fn who_says_much_pushes_out_what_they_said_themselves() {
        let (mut window, now) = (Window::default(), Instant::now());
        say(&mut window, "alice", "hello", now);
        for _ in 0..500 {
            say(&mut window, "eve", &"x".repeat(50), now);
        }
        say(&mut window, "bob", "hello", now);
        assert_eq!((numbers_of(&window, "alice"), numbers_of(&window, "bob")), (vec![1], vec![502]));
        assert!(numbers_of(&window, "eve").into_iter().eq(501 - numbers_of(&window, "eve").len() as u64 + 1..=501));
        let (read, range) = window.read(1, usize::MAX);
        assert_eq!((range.first, range.next, range.oldest), (1, 503, 1));
        assert_eq!(read.len(), window.len());
        assert!(read.is_sorted_by_key(|broadcast| broadcast.seq));
        let (read, range) = window.read(2, 1);
        assert_eq!((read[0].seq, range.first), (range.first, numbers_of(&window, "eve")[0]), "behind the gap");
        assert_eq!((range.next, range.oldest), (range.first + 1, 1));
    }

    #[test]
    fn what_is_too_old_goes_whoever_said_it() {
        let (mut window, start) = (Window::default(), Instant::now());
        say(&mut window, "alice", "hello", start);
        say(&mut window, "eve", "hello", start + KEPT / 2);
        window.forget(start + KEPT + Duration::from_secs(1), KEPT, MAX);
        assert_eq!(window.read(1, MAX).1, Range { first: 2, next: 3, oldest: 2 });
        window.forget(start + 2 * KEPT, KEPT, MAX);
        assert_eq!((window.len(), window.bytes, window.senders.len(), window.head()), (0, 0, 0, 2));
        assert_eq!(window.read(1, MAX), (Vec::new(), Range { first: 3, next: 3, oldest: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever has less than an equal share of the bytes loses nothing, the sums are right, and there is a bound.
        #[test]
        fn shares_are_fair(said in prop::collection::vec((0usize..4, 1usize..200), 0..200)) {
            let (mut window, now) = (Window::default(), Instant::now());
            let names = ["alice", "bob", "carol", "dave"];
            let mut sums = [(0, 0); 4];
            for (sender, length) in said {
                let bytes = window.bytes;
                say(&mut window, names[sender], &"x".repeat(length), now);
                sums[sender].0 += 1;
                sums[sender].1 += length + 40;
                prop_assert!(window.bytes <= MAX || bytes == 0);
            }
            for (name, (count, most)) in names.iter().zip(sums) {
                if most <= (MAX - MAX / SPARE) / 4 {
                    prop_assert_eq!(numbers_of(&window, name).len(), count, "{} said {} bytes at most", name, most);
                }
            }
            let bytes: usize = window.read(1, usize::MAX).0.iter().map(|broadcast| broadcast.to_string().len() + 1).sum();
            prop_assert_eq!(window.bytes, bytes);
            prop_assert_eq!(window.senders.values().map(|sender| sender.bytes).sum::<usize>(), bytes);
            prop_assert_eq!(window.senders.values().map(|sender| sender.numbers.len()).sum::<usize>(), window.len());
        }
    }
}
