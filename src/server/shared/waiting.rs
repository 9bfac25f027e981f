//! Who of this server waits for what became of something that was handed to another one. It knows no socket.
//!
//! The rule for an asker: it waits 2 s, then it claims the id itself. If it has won, nothing was handed over and nothing
//! will be. If not, it waits on, for an answer or for the burial of that server.

use super::inbox::{Delivery, HandoverId};
use super::script::Member;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many may wait at once: as many as a server may have clients.
pub const MAX_WAITING: usize = 16_384;

/// What each of them waits for.
#[derive(Default)]
pub struct Waiting {
    /// Held for a look-up.
    open: Mutex<HashMap<HandoverId, Expected>>,
    changed: Condvar,
}

struct Expected {
    from: Member,
    came: Option<Came>,
}

/// What came while somebody waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The other server's answer.
    Answer(Delivery),
    /// That server was buried before it answered: whether it has delivered is not known.
    Burial,
}

/// One who waits. It waits no more when this is dropped.
pub struct Awaited<'a> {
    waiting: &'a Waiting,
    id: HandoverId,
}

impl Waiting {
    /// Begins to wait for the answer of this server. It has to be called before anything is handed over, or the answer may
    /// be there first. Nothing where too many wait, or somebody waits for this id already.
    pub fn begin(&self, id: HandoverId, from: Member) -> Option<Awaited<'_>> {
        let mut open = self.lock();
        if open.len() >= MAX_WAITING || open.contains_key(&id) {
            return None;
        }
        open.insert(id.clone(), Expected { from, came: None });
        Some(Awaited { waiting: self, id })
    }

    /// An answer has come. Where nobody waits for it, or it is a second one, nothing happens.
    pub fn answered(&self, id: &HandoverId, delivery: Delivery) {
        if let Some(expected) = self.lock().get_mut(id) {
            expected.came.get_or_insert(Came::Answer(delivery));
        }
        self.changed.notify_all();
    }

    /// A server was buried, which will answer no more. What it answered before counts: its answers are to be told first.
    pub fn buried(&self, server: &Member) {
        for expected in self.lock().values_mut().filter(|expected| expected.from == *server) {
            expected.came.get_or_insert(Came::Burial);
        }
        self.changed.notify_all();
    }

    /// No answer will be read any more: to those who wait it is as if each server was buried.
    pub fn end(&self) {
        for expected in self.lock().values_mut() {
            expected.came.get_or_insert(Came::Burial);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HandoverId, Expected>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited<'_> {
    /// Waits until something comes; nothing when it has not come by then. It may be called again.
    pub fn wait(&self, until: Instant) -> Option<Came> {
        let mut open = self.waiting.lock();
        loop {
            let came = open.get(&self.id).and_then(|expected| expected.came);
            let left = until.saturating_duration_since(Instant::now());
            if came.is_some() || left.is_zero() {
                return came;
            }
            let woken = self.waiting.changed.wait_timeout(open, left);
            open = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Undelivered;
    use super::*;
    use std::thread;
    use std::time::Duration;

    fn member(name: &str) -> Member {
        Member { server: name.parse().expect("a name"), generation: 1 }
    }

    fn id(n: u64) -> HandoverId {
        HandoverId { asker: member("s1"), n }
    }

    #[test]
    fn each_gets_its_own_answer_also_one_that_came_first() {
        let waiting = Waiting::default();
        let long = Instant::now() + Duration::from_secs(20);
        let refused = Err(Undelivered::NotThere);
        let (one, two) = (waiting.begin(id(1), member("s2")).expect("room"), waiting.begin(id(2), member("s2")));
        let two = two.expect("room");
        assert!(waiting.begin(id(1), member("s2")).is_none(), "somebody waits for it");
        waiting.answered(&id(2), refused);
        waiting.answered(&id(2), Ok(()));
        waiting.answered(&id(3), Ok(()));
        assert_eq!(two.wait(long), Some(Came::Answer(refused)), "the first counts");
        assert_eq!(one.wait(Instant::now()), None);
        thread::scope(|scope| {
            let asker = scope.spawn(|| one.wait(long));
            waiting.answered(&id(1), Ok(()));
            assert_eq!(asker.join().expect("no panic"), Some(Came::Answer(Ok(()))));
        });
        drop((one, two));
        assert!(waiting.lock().is_empty());
    }

    #[test]
    fn a_burial_ends_the_waiting_for_that_server_alone() {
        let waiting = Waiting::default();
        let begin = |n, server| waiting.begin(id(n), member(server)).expect("room");
        let (answered, lost, other) = (begin(1, "s2"), begin(2, "s2"), begin(3, "s3"));
        waiting.answered(&id(1), Ok(()));
        waiting.buried(&member("s2"));
        waiting.buried(&Member { generation: 2, ..member("s3") });
        let now = Instant::now();
        assert_eq!(answered.wait(now), Some(Came::Answer(Ok(()))));
        assert_eq!(lost.wait(now), Some(Came::Burial));
        assert_eq!(other.wait(now), None);
    }

    #[test]
    fn no_more_wait_than_may() {
        let waiting = Waiting::default();
        let all: Vec<_> = (0..MAX_WAITING as u64).map(|n| waiting.begin(id(n), member("s2")).expect("room")).collect();
        assert!(waiting.begin(id(u64::MAX), member("s2")).is_none());
        drop(all);
        assert!(waiting.begin(id(u64::MAX), member("s2")).is_some());
    }
}
