//! Notices for members who are not there to hear them, kept for their next login. It knows no session and no clock.

use crate::protocol::Notice;
use crate::value::Username;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a notice is kept: as broadcasts are by default. Its time has no date.
const SPAN: Duration = Duration::from_secs(30 * 60);
/// The most for one member; beyond that the oldest of these is dropped.
const MAX_OF_ONE: usize = 16;
/// The most in all; beyond that the oldest is dropped.
const MAX: usize = 1024;

/// The notices that wait.
#[derive(Debug, Default)]
pub struct Owed(Mutex<VecDeque<Waiting>>);

#[derive(Debug)]
struct Waiting {
    to: Username,
    notice: Notice,
    until: Instant,
}

impl Owed {
    /// Keeps a notice for `to`. One that waits already is kept once.
    pub fn put(&self, to: Username, notice: Notice, now: Instant) {
        let mut waiting = self.lock();
        waiting.retain(|one| one.until > now && !(one.to == to && one.notice == notice));
        let own = waiting.iter().filter(|one| one.to == to).count();
        let gives_way = if own >= MAX_OF_ONE {
            waiting.iter().position(|one| one.to == to)
        } else {
            (waiting.len() >= MAX).then_some(0)
        };
        if let Some(at) = gives_way {
            waiting.remove(at);
        }
        waiting.push_back(Waiting { to, notice, until: now + SPAN });
    }

    /// What waits for `to`, the oldest first; it waits no longer.
    pub fn take(&self, to: &Username, now: Instant) -> Vec<Notice> {
        let mut waiting = self.lock();
        waiting.retain(|one| one.until > now);
        let (own, others) = std::mem::take(&mut *waiting).into_iter().partition(|one| one.to == *to);
        *waiting = others;
        let own: VecDeque<Waiting> = own;
        own.into_iter().map(|one| one.notice).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn notice(number: usize) -> Notice {
        Notice::Other(number.to_string())
    }

    #[test]
    fn a_notice_waits_half_an_hour_for_its_member_alone_and_once() {
        let (owed, now) = (Owed::default(), Instant::now());
        owed.put(name("alice"), notice(1), now);
        owed.put(name("alice"), notice(2), now);
        owed.put(name("alice"), notice(1), now);
        assert_eq!(owed.take(&name("bob"), now), []);
        assert_eq!(owed.take(&name("Alice"), now), [notice(2), notice(1)]);
        assert_eq!(owed.take(&name("alice"), now), []);
        owed.put(name("alice"), notice(1), now);
        assert_eq!(owed.take(&name("alice"), now + SPAN), []);
    }

    #[test]
    fn one_member_has_a_share_and_memory_is_bounded() {
        let (owed, now) = (Owed::default(), Instant::now());
        owed.put(name("alice"), notice(0), now);
        (0..2 * MAX_OF_ONE).for_each(|number| owed.put(name("bob"), notice(number), now));
        assert_eq!(owed.take(&name("bob"), now), (MAX_OF_ONE..2 * MAX_OF_ONE).map(notice).collect::<Vec<_>>());
        (1..MAX).for_each(|number| owed.put(name(&format!("c{}", number / MAX_OF_ONE)), notice(number), now));
        assert_eq!(owed.lock().len(), MAX);
        owed.put(name("bob"), notice(0), now);
        assert_eq!(owed.lock().len(), MAX);
        assert_eq!(owed.take(&name("alice"), now), []);
    }
}
