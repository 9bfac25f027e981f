//! A server's own copy of the last half hour's lines: what is given back to a Redis that has lost some.
//!
//! It knows no clock and no socket. All mirrors are pieces of one sequence, so any two of them agree where both have lines;
//! one that does not agree with Redis has diverged, and is of no use.

use super::lines::{Line, StreamId};
use super::script::Member;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most bytes of text that are kept; a line of memory has some 200 more.
const MAX_BYTES: usize = 16 << 20;
/// The most lines that are kept: as many as Redis keeps.
const MAX_COUNT: usize = 200_000;

/// The lines that a server has. Closed at first, and during a meeting: then it takes nothing, so what it gives back is all
/// that its clients may have seen.
pub struct Mirror {
    who: Member,
    window_ms: u64,
    max_bytes: usize,
    max_count: usize,
    /// Held for the moment of a look or a change.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Which run's lines are taken; none while it is closed.
    run: Option<String>,
    lines: VecDeque<Line>,
    /// Of their texts.
    bytes: usize,
    /// The last line there ever was, also when it is kept no more.
    last: Last,
    own: u64,
}

/// The last line that a mirror took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Its id; the default where there never was one.
    pub id: StreamId,
    /// Its [`Line::key`].
    pub key: String,
}

/// What a mirror did with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the last one now: whoever said it may be told so.
    New,
    /// It was there already, or is older than all that is kept.
    Known,
    /// Under its id stands another line here, or none, though lines before and behind it do: Redis and this server have
    /// seen two sequences. The mirror is as it was.
    Diverged,
    /// The mirror is closed, or open for another run: nothing was taken.
    Closed,
}

impl Mirror {
    /// An empty and closed one of this server, which keeps each line for that long.
    pub fn new(who: Member, window: Duration) -> Mirror {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Mirror { who, window_ms, max_bytes: MAX_BYTES, max_count: MAX_COUNT, kept: Mutex::default() }
    }

    /// From now on lines of that run are taken, and of no other: nobody is told that a line is safe which was read of a
    /// Redis that the house has left.
    pub fn open_for(&self, run: &str) {
        self.lock().run = Some(run.to_owned());
    }

    /// From now on nothing is taken.
    pub fn close(&self) {
        self.lock().run = None;
    }

    /// Whether it takes lines of that run. Whoever meets a run for which it is not open holds a meeting first.
    pub fn is_open_for(&self, run: &str) -> bool {
        self.lock().run.as_deref() == Some(run)
    }

    /// Closes it, and forgets all, as a new one has.
    #[cfg(test)]
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// Takes a line that was read of that run, when Redis' clock showed `redis_ms`.
    pub fn take(&self, run: &str, line: &Line, redis_ms: u64) -> Taken {
        let mut kept = self.lock();
        if kept.run.as_deref() != Some(run) {
            return Taken::Closed;
        }
        if line.id <= kept.last.id {
            return kept.compare(line);
        }
        kept.bytes += line.text.as_str().len();
        kept.last = Last { id: line.id, key: line.key() };
        if line.by == self.who {
            kept.own = kept.own.max(line.n);
        }
        kept.lines.push_back(line.clone());
        self.shorten(&mut kept, redis_ms);
        Taken::New
    }

    /// Lets go what is older than the window by Redis' clock: lines get old without new ones, too.
    pub fn forget(&self, redis_ms: u64) {
        self.shorten(&mut self.lock(), redis_ms);
    }

    /// The last line that it took.
    pub fn last(&self) -> Last {
        self.lock().last.clone()
    }

    /// The highest n of this server, in this generation, that it ever took; 0 before the first.
    pub fn own(&self) -> u64 {
        self.lock().own
    }

    /// The first lines behind this id that are kept, so many at the most.
    pub fn after(&self, id: StreamId, count: usize) -> Vec<Line> {
        let kept = self.lock();
        let first = kept.lines.partition_point(|line| line.id <= id);
        kept.lines.range(first..).take(count).cloned().collect()
    }

    fn shorten(&self, kept: &mut Kept, redis_ms: u64) {
        let oldest = redis_ms.saturating_sub(self.window_ms);
        while let Some(first) = kept.lines.front() {
            let is_too_much = kept.bytes > self.max_bytes || kept.lines.len() > self.max_count;
            if first.id.ms >= oldest && !is_too_much {
                break;
            }
            kept.bytes -= first.text.as_str().len();
            kept.lines.pop_front();
        }
    }

    /// Nothing in here can panic while the lock is held, so a poisoned lock holds good data.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// A line that is not behind the last one.
    fn compare(&self, line: &Line) -> Taken {
        let is_same = if line.id == self.last.id {
            self.last.key == line.key()
        } else if self.lines.front().is_none_or(|first| line.id < first.id) {
            true
        } else {
            let found = self.lines.binary_search_by_key(&line.id, |line| line.id);
            found.is_ok_and(|place| self.lines[place].key() == line.key())
        };
        if is_same { Taken::Known } else { Taken::Diverged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn member(server: &str) -> Member {
        Member { server: server.parse().expect("a name"), generation: 7 }
    }

    fn line(ms: u64, seq: u64, n: u64) -> Line {
        let (from, text) = ("ann".parse().expect("a name"), format!("text {seq}").parse().expect("a text"));
        Line { id: StreamId { ms, seq }, by: member("s1"), n, from, text }
    }

    fn open() -> Mirror {
        let mirror = Mirror::new(member("s1"), WINDOW);
        mirror.open_for("a");
        mirror
    }

    fn seqs(lines: &[Line]) -> Vec<u64> {
        lines.iter().map(|line| line.id.seq).collect()
    }

    #[test]
    fn lines_are_taken_in_order_and_given_back_behind_an_id() {
        let mirror = open();
        for seq in 1..=5 {
            assert_eq!(mirror.take("a", &line(100, seq, seq), 100), Taken::New);
        }
        assert_eq!(mirror.take("a", &line(100, 1_000_005, 6), 100), Taken::New, "a jump is no gap that goes back");
        assert_eq!(seqs(&mirror.after(StreamId { ms: 100, seq: 2 }, 2)), [3, 4]);
        assert_eq!(seqs(&mirror.after(StreamId { ms: 100, seq: 5 }, 9)), [1_000_005]);
        assert_eq!(mirror.after(mirror.last().id, 9), []);
        assert_eq!((mirror.last().id.seq, mirror.last().key.as_str()), (1_000_005, "s1:7:6"));
    }

    #[test]
    fn another_line_under_an_id_is_told_and_changes_nothing() {
        let mirror = open();
        for seq in [1, 2, 4, 5] {
            mirror.take("a", &line(100, seq, seq), 100);
        }
        let take = |seq, n| mirror.take("a", &line(100, seq, n), 100);
        assert_eq!((take(2, 2), take(5, 5)), (Taken::Known, Taken::Known));
        assert_eq!((take(2, 9), take(5, 9), take(3, 3)), (Taken::Diverged, Taken::Diverged, Taken::Diverged));
        assert_eq!(seqs(&mirror.after(StreamId::default(), 9)), [1, 2, 4, 5]);
        // What is older than all that is kept cannot be told.
        assert_eq!(mirror.take("a", &line(99, 1, 1), 100), Taken::Known);
        mirror.forget(100 + 10_001);
        assert_eq!((mirror.take("a", &line(100, 5, 5), 100), take(5, 9)), (Taken::Known, Taken::Diverged));
    }

    #[test]
    fn a_closed_one_takes_nothing_nor_does_one_of_another_run() {
        let mirror = Mirror::new(member("s1"), WINDOW);
        assert_eq!(mirror.take("a", &line(1, 1, 1), 1), Taken::Closed);
        mirror.open_for("a");
        assert!(mirror.is_open_for("a") && !mirror.is_open_for("b"));
        assert_eq!(mirror.take("b", &line(1, 1, 1), 1), Taken::Closed);
        assert_eq!(mirror.take("a", &line(1, 1, 1), 1), Taken::New);
        mirror.close();
        assert_eq!(mirror.take("a", &line(1, 2, 2), 1), Taken::Closed);
        assert_eq!(seqs(&mirror.after(StreamId::default(), 9)), [1]);
        mirror.clear();
        assert_eq!((mirror.last(), mirror.own()), (Last::default(), 0));
    }

    #[test]
    fn time_bytes_and_number_are_bounds() {
        let mirror = open();
        for seq in 1..=4 {
            mirror.take("a", &line(1_000 * seq, seq, seq), 1_000 * seq);
        }
        mirror.forget(12_000);
        assert_eq!(seqs(&mirror.after(StreamId::default(), 9)), [2, 3, 4], "exactly the window is kept");
        mirror.take("a", &line(13_001, 5, 5), 13_001);
        assert_eq!(seqs(&mirror.after(StreamId::default(), 9)), [4, 5]);
        for (max_bytes, max_count) in [(2 * "text 1".len(), 9), (99, 2)] {
            let mirror = Mirror { max_bytes, max_count, ..open() };
            for seq in 1..=9 {
                mirror.take("a", &line(1, seq, seq), 1);
            }
            assert_eq!(seqs(&mirror.after(StreamId::default(), 9)), [8, 9]);
        }
    }

    #[test]
    fn only_the_own_lines_of_this_generation_count_as_own() {
        let mirror = open();
        mirror.take("a", &line(1, 1, 5), 1);
        let older = Member { generation: 6, ..member("s1") };
        for (seq, by) in [(2, member("s2")), (3, older)] {
            mirror.take("a", &Line { by, ..line(1, seq, 99) }, 1);
        }
        assert_eq!(mirror.own(), 5);
    }
}
