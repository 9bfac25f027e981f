//! So many at a time, the others in line: first come, first served.
//!
//! A waiter leaves the line when its turn comes, when its time is over, or when the one it waits for has hung up: a
//! place in the line, and the work behind it, is for somebody who is there.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a waiter looks whether its peer has hung up; nothing else wakes it for that.
const LOOK: Duration = Duration::from_millis(250);

/// A fixed number of permits, and a line of bounded length.
pub struct FairQueue {
    permits: usize,
    max_waiting: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// The first is the next. Each has a bell of its own, so that only the one whose turn it is wakes.
    line: VecDeque<Arc<Condvar>>,
    /// Nobody's turn comes before.
    rests_until: Option<Instant>,
    closed: bool,
}

/// A permit that is taken; dropping it gives it back.
pub struct Permit<'a>(&'a FairQueue);

/// How long somebody waits, and for whom.
pub struct Patience<'a> {
    /// When to give up.
    pub until: Instant,
    /// Whether the peer for whom the work is done has hung up.
    pub has_gone: &'a dyn Fn() -> bool,
    /// Told when the turn has come, before the work begins.
    pub on_turn: &'a dyn Fn(),
}

impl Patience<'_> {
    /// Waits for so long, on behalf of nobody who could hang up.
    pub fn lasting(limit: Duration) -> Patience<'static> {
        Patience { until: Instant::now() + limit, has_gone: &|| false, on_turn: &|| {} }
    }
}

/// Why no permit was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// So many wait already that nobody else may.
    LineFull,
    /// The turn did not come in time.
    TimeUp,
    /// The peer has hung up.
    Gone,
    /// The queue was closed: the program ends.
    Closed,
}

impl FairQueue {
    /// A queue of `permits` free permits, for which at most `max_waiting` wait.
    pub fn new(permits: usize, max_waiting: usize) -> FairQueue {
        FairQueue { permits, max_waiting, state: Mutex::default() }
    }

    /// How many permits there are.
    pub fn permits(&self) -> usize {
        self.permits
    }

    /// How many wait in line.
    pub fn waiting(&self) -> usize {
        self.lock().line.len()
    }

    /// Takes a permit, waiting for one in line. Whether the peer is there is looked at last: a permit is never given
    /// for one that has gone.
    ///
    /// # Errors
    /// [`NotServed`].
    pub fn take(&self, patience: &Patience<'_>) -> Result<Permit<'_>, NotServed> {
        let own = Arc::new(Condvar::new());
        let mut state = self.lock();
        if state.closed {
            return Err(NotServed::Closed);
        }
        let at_once = state.line.is_empty() && state.taken < self.permits && !state.rests(Instant::now());
        if !at_once && state.line.len() >= self.max_waiting {
            return Err(NotServed::LineFull);
        }
        state.line.push_back(Arc::clone(&own));
        drop(state);
        let waited = self.wait(&own, patience);
        let mut state = self.lock();
        // Most are the first when they leave: no walk through a long line.
        if let Some(place) = state.line.iter().position(|waiting| Arc::ptr_eq(waiting, &own)) {
            state.line.remove(place);
        }
        if waited.is_ok() {
            state.taken += 1;
        }
        self.ring_next(&state);
        drop(state);
        // Before anything else is done, so that it is given back whatever happens.
        let permit = waited.map(|()| Permit(self));
        if permit.is_ok() {
            (patience.on_turn)();
        }
        permit
    }

    /// Waits until it is the turn of `own`, which stays in line.
    fn wait(&self, own: &Arc<Condvar>, patience: &Patience<'_>) -> Result<(), NotServed> {
        loop {
            let (state, now) = (self.lock(), Instant::now());
            let left = patience.until.saturating_duration_since(now);
            let rest = state.rests_until.filter(|until| *until > now).map_or(LOOK, |until| until - now);
            let waits = |state: &mut State| !state.closed && !self.is_turn(state, own);
            let waited = own.wait_timeout_while(state, left.min(LOOK).min(rest), waits);
            let state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let (is_closed, is_turn) = (state.closed, self.is_turn(&state, own));
            drop(state);
            if is_closed {
                return Err(NotServed::Closed);
            }
            // A look at a socket: no lock is held meanwhile.
            if (patience.has_gone)() {
                return Err(NotServed::Gone);
            }
            if left.is_zero() {
                return Err(NotServed::TimeUp);
            }
            if is_turn {
                return Ok(());
            }
        }
    }

    fn is_turn(&self, state: &State, own: &Arc<Condvar>) -> bool {
        state.taken < self.permits
            && state.line.front().is_some_and(|first| Arc::ptr_eq(first, own))
            && !state.rests(Instant::now())
    }

    /// Nobody's turn comes before `until`, however many permits are free.
    pub fn rest(&self, until: Instant) {
        self.lock().rests_until = Some(until);
    }

    /// Whether nobody's turn comes at `now`, because of [`FairQueue::rest`].
    pub fn rests(&self, now: Instant) -> bool {
        self.lock().rests(now)
    }

    /// Wakes who is first in line, where there is a permit for it.
    fn ring_next(&self, state: &State) {
        if let Some(next) = state.line.front().filter(|_| state.taken < self.permits) {
            next.notify_one();
        }
    }

    /// Waits until so many wait.
    #[cfg(test)]
    pub fn wait_for_line(&self, length: usize) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.lock().line.len() != length {
            assert!(Instant::now() < until, "{length} do not wait");
            std::thread::yield_now();
        }
    }

    /// Nobody gets a permit any more, and nobody waits.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.line.iter().for_each(|waiting| waiting.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.taken -= 1;
        self.0.ring_next(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(10);

    fn patient() -> Patience<'static> {
        Patience::lasting(LIMIT)
    }

    #[test]
    fn first_come_first_served() {
        let queue = FairQueue::new(1, 16);
        let order = Mutex::new(Vec::new());
        let first = queue.take(&patient()).expect("free");
        thread::scope(|scope| {
            for number in 0..3 {
                let (queue, order) = (&queue, &order);
                scope.spawn(move || {
                    let _permit = queue.take(&patient()).expect("in turn");
                    order.lock().expect("no panic").push(number);
                });
                queue.wait_for_line(number + 1);
            }
            drop(first);
        });
        assert_eq!(*order.lock().expect("no panic"), [0, 1, 2]);
    }

    #[test]
    fn nobody_overtakes_the_line() {
        let queue = FairQueue::new(1, 16);
        let first = queue.take(&patient()).expect("free");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.take(&patient()).map(drop));
            queue.wait_for_line(1);
            let impatient = Patience::lasting(Duration::ZERO);
            assert_eq!(queue.take(&impatient).map(drop), Err(NotServed::TimeUp));
            drop(first);
            assert_eq!(waiting.join().expect("no panic"), Ok(()));
        });
        assert!(queue.take(&patient()).is_ok(), "all permits are back");
    }

    #[test]
    fn who_hangs_up_leaves_the_line_and_gets_nothing() {
        let queue = FairQueue::new(1, 1);
        let gone = AtomicBool::new(false);
        let first = queue.take(&patient()).expect("free");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let has_gone = || gone.load(Ordering::Relaxed);
                queue.take(&Patience { until: Instant::now() + LIMIT, has_gone: &has_gone, on_turn: &|| {} }).map(drop)
            });
            queue.wait_for_line(1);
            assert_eq!(queue.take(&patient()).map(drop), Err(NotServed::LineFull));
            gone.store(true, Ordering::Relaxed);
            assert_eq!(waiting.join().expect("no panic"), Err(NotServed::Gone));
        });
        drop(first);
        let has_gone = || true;
        let ghost = Patience { until: Instant::now() + LIMIT, has_gone: &has_gone, on_turn: &|| {} };
        assert_eq!(queue.take(&ghost).map(drop), Err(NotServed::Gone), "not even a free permit");
        assert!(queue.take(&patient()).is_ok());
    }

    #[test]
    fn a_queue_that_rests_gives_nothing_before_its_time() {
        let queue = FairQueue::new(1, 16);
        let now = Instant::now();
        queue.rest(now + 2 * LIMIT);
        assert!(queue.rests(now) && !queue.rests(now + 2 * LIMIT));
        let impatient = Patience { until: now, ..patient() };
        assert_eq!(queue.take(&impatient).map(drop), Err(NotServed::TimeUp));
        let soon = Instant::now() + Duration::from_millis(50);
        queue.rest(soon);
        assert!(queue.take(&patient()).is_ok());
        assert!(Instant::now() >= soon, "not before its time");
    }

    #[test]
    fn a_permit_comes_back_whatever_happens_when_the_turn_has_come() {
        let queue = FairQueue::new(1, 16);
        let on_turn = || panic!("as the test wants");
        let take = || queue.take(&Patience { on_turn: &on_turn, ..patient() }).map(drop);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(take)).is_err());
        assert!(queue.take(&Patience { until: Instant::now() + LIMIT, ..patient() }).is_ok());
    }

    #[test]
    fn the_end_sends_all_away() {
        let queue = FairQueue::new(1, 16);
        let _taken = queue.take(&patient()).expect("free");
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..16).map(|_| scope.spawn(|| queue.take(&patient()).map(drop))).collect();
            queue.wait_for_line(16);
            queue.close();
            for waiting in waiting {
                assert_eq!(waiting.join().expect("no panic"), Err(NotServed::Closed));
            }
        });
        assert_eq!(queue.take(&patient()).map(drop), Err(NotServed::Closed));
    }
}
