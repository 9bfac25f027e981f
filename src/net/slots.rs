//! So many at a time, the others in line: first come, first served, with a limit on the wait and on the line.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most who wait. Each holds one of the connections that others can make to us, and chats need some too.
const MAX_LINE: usize = 16;

/// A fixed number of slots.
pub struct Slots {
    max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    taken: usize,
    line: VecDeque<u64>,
    next: u64,
    closed: bool,
}

/// A slot that is taken; dropping it gives it back.
pub struct Slot<'a>(&'a Slots);

impl Slots {
    /// `max` free slots.
    pub fn new(max: usize) -> Slots {
        Slots { max, state: Mutex::default(), changed: Condvar::new() }
    }

    /// How many there are.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Takes a slot, waiting for one in line. `None` when the limit is over, the line is too long, or all is closed.
    pub fn take(&self, limit: Duration) -> Option<Slot<'_>> {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        if state.line.len() >= MAX_LINE {
            return None;
        }
        let own = state.next;
        state.next += 1;
        state.line.push_back(own);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let turn = state.line.front() == Some(&own) && state.taken < self.max;
            if turn || state.closed || left.is_zero() {
                state.line.retain(|&waiting| waiting != own);
                let got = turn && !state.closed;
                state.taken += usize::from(got);
                drop(state);
                self.changed.notify_all();
                return got.then(|| Slot(self));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody gets a slot any more, and nobody waits.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(10);

    fn wait_for_line(slots: &Slots, length: usize) {
        let until = Instant::now() + LIMIT;
        while slots.lock().line.len() != length {
            assert!(Instant::now() < until);
            thread::yield_now();
        }
    }

    #[test]
    fn first_come_first_served() {
        let slots = Slots::new(1);
        let order = Mutex::new(Vec::new());
        let first = slots.take(LIMIT).expect("free");
        thread::scope(|scope| {
            for number in 0..3 {
                let (slots, order) = (&slots, &order);
                scope.spawn(move || {
                    let _slot = slots.take(LIMIT).expect("in turn");
                    order.lock().expect("no panic").push(number);
                });
                wait_for_line(slots, number + 1);
            }
            drop(first);
        });
        assert_eq!(*order.lock().expect("no panic"), [0, 1, 2]);
    }

    #[test]
    fn the_wait_has_a_limit_and_an_end() {
        let slots = Slots::new(1);
        let _taken = slots.take(LIMIT).expect("free");
        assert!(slots.take(Duration::from_millis(1)).is_none());
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..MAX_LINE).map(|_| scope.spawn(|| slots.take(LIMIT).is_none())).collect();
            wait_for_line(&slots, MAX_LINE);
            assert!(slots.take(LIMIT).is_none(), "the line is full");
            slots.close();
            assert!(waiting.into_iter().all(|waiting| waiting.join().expect("no panic")));
        });
    }
}
