//! Threads that have done what they began for, and wait for more of it. To wake one costs a tenth of what it costs to
//! start one: its stack, its signal stack and its memory are there already. What they do is not known here.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Threads that wait at the most; further ones end. Each keeps two or three pages of its stack.
const MOST: usize = 16;

/// Where threads wait for a job, and jobs for a moment.
pub struct SpareThreads<T> {
    state: Mutex<State<T>>,
    /// A job has come, or there will be none any more.
    come: Condvar,
}

struct State<T> {
    waiting: usize,
    /// Never more than threads that wait.
    jobs: VecDeque<T>,
    closed: bool,
}

impl<T> SpareThreads<T> {
    /// Nobody waits yet.
    pub fn new() -> SpareThreads<T> {
        let state = State { waiting: 0, jobs: VecDeque::new(), closed: false };
        SpareThreads { state: Mutex::new(state), come: Condvar::new() }
    }

    /// Gives a job to a thread that waits.
    ///
    /// # Errors
    /// The job: no thread waits for it.
    pub fn give(&self, job: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed || state.waiting <= state.jobs.len() {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.come.notify_one();
        Ok(())
    }

    /// Waits for a job; nothing where enough threads wait already, or when there will be none any more.
    pub fn wait(&self) -> Option<T> {
        let mut state = self.lock();
        if state.closed || state.waiting >= MOST {
            return None;
        }
        state.waiting += 1;
        // Without a limit, as `close` ends it.
        let waits = |state: &mut State<T>| state.jobs.is_empty() && !state.closed;
        let mut state = self.come.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.jobs.pop_front()
    }

    /// When the returned value ends, also by a panic, all are sent away that wait, and all that come. What was given is
    /// still done.
    pub fn close_at_end(&self) -> Closing<'_, T> {
        Closing(self)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`SpareThreads::close_at_end`].
pub struct Closing<'a, T>(&'a SpareThreads<T>);

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.come.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    fn wait_for(spares: &SpareThreads<usize>, number: usize) {
        while spares.lock().waiting != number {
            thread::yield_now();
        }
    }

    #[test]
    fn each_job_is_done_once_by_a_thread_that_waits() {
        let spares = SpareThreads::new();
        assert_eq!(spares.give(0), Err(0), "nobody waits");
        let (done, jobs) = channel();
        thread::scope(|scope| {
            for _ in 0..3 {
                let (spares, done) = (&spares, done.clone());
                scope.spawn(move || {
                    while let Some(job) = spares.wait() {
                        done.send(job).expect("the test listens");
                    }
                });
            }
            let _closing = spares.close_at_end();
            for round in 0..100 {
                wait_for(&spares, 3);
                assert!((0..3).all(|job| spares.give(10 * round + job).is_ok()));
                let mut all: Vec<usize> = jobs.iter().take(3).collect();
                all.sort_unstable();
                assert_eq!(all, [10 * round, 10 * round + 1, 10 * round + 2]);
            }
        });
        assert_eq!((spares.give(7), spares.wait()), (Err(7), None), "the end");
    }

    #[test]
    fn no_more_wait_than_agreed_and_none_gets_two_jobs() {
        let spares = SpareThreads::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..MOST).map(|_| scope.spawn(|| spares.wait())).collect();
            wait_for(&spares, MOST);
            assert_eq!(spares.wait(), None, "enough wait");
            assert_eq!((0..2 * MOST).filter(|job| spares.give(*job).is_ok()).count(), MOST);
            let done = threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).count();
            assert_eq!(done, MOST);
        });
    }
}
