//! Threads for what goes deep: they are few, where those of the connections are many and flat.
//!
//! A page of a stack that was touched once stays resident, and each connection has a stack of its own. So what goes deep,
//! a hash or a file, is done here. What it is, and for whom, is not known.

use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The longest that somebody waits for a result: a hash with the most rounds that the options allow takes some 30 s on a
/// slow machine.
const LIMIT: Duration = Duration::from_secs(120);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that carry out what others wait for. Dropping it ends and joins them; what they have begun they finish.
pub struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    line: Mutex<Line>,
    /// A job has come, or there will be none any more.
    come: Condvar,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    /// Threads that wait for one: where all are busy nobody is to be woken.
    idle: usize,
    closed: bool,
}

/// Where the result of a job is left for who waits for it.
struct Slot<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

enum State<T> {
    /// The caller waits.
    Waiting,
    /// The result; nothing when the job has panicked, or will not be done.
    Ready(Option<T>),
    /// The caller waits no more.
    Abandoned,
}

/// The job's end of a slot. Dropping it tells the caller that there will be no result.
struct Filler<T>(Arc<Slot<T>>);

impl Workers {
    /// So many threads of this name.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(name: &str, number: usize) -> io::Result<Workers> {
        let mut all = Workers { shared: Arc::default(), threads: Vec::new() };
        for _ in 0..number {
            let shared = Arc::clone(&all.shared);
            all.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || shared.work())?);
        }
        Ok(all)
    }

    /// Has a thread do this, first come, first served, and waits for the result. The line is as long as there are callers,
    /// each of which waits.
    ///
    /// Nothing comes back when there is no result within two minutes, after [`Workers::close`], or when the work panics. What
    /// has not begun by then is not done at all; what has begun is finished.
    ///
    /// Out of line: its frame is not to lie under the session that goes on with the result.
    #[inline(never)]
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        self.run_within(LIMIT, work)
    }

    fn run_within<T: Send + 'static>(&self, limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let slot = Arc::new(Slot::new());
        let filler = Filler(Arc::clone(&slot));
        self.shared.put(Box::new(move || {
            if !filler.0.is_abandoned() {
                // The hook has logged the panic. Only the caller's own work is cut off by it.
                let result = panic::catch_unwind(AssertUnwindSafe(work)).ok();
                filler.0.fill(result);
            }
        }));
        slot.wait(limit)
    }

    /// Drops the jobs that wait in line, and all that come: their callers hear at once that there is no result. What has
    /// begun is finished, and its caller gets the result.
    pub fn close(&self) {
        let dropped = {
            let mut line = self.shared.lock();
            line.closed = true;
            std::mem::take(&mut line.jobs)
        };
        // Each fills a slot: not under the lock.
        drop(dropped);
        self.shared.come.notify_all();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            // A panic of a job does not end it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// Puts a job at the end of the line; drops it when there is none any more.
    fn put(&self, job: Job) {
        let mut line = self.lock();
        if line.closed {
            // It fills a slot: not under the lock.
            drop(line);
            return drop(job);
        }
        line.jobs.push_back(job);
        let somebody_waits = line.idle > 0;
        drop(line);
        if somebody_waits {
            self.come.notify_one();
        }
    }

    /// The next job; nothing when there will be none.
    fn next(&self) -> Option<Job> {
        // Without a limit, as `Workers::close` ends it.
        let waits = |line: &mut Line| line.jobs.is_empty() && !line.closed;
        let mut line = self.lock();
        line.idle += 1;
        let mut line = self.come.wait_while(line, waits).unwrap_or_else(PoisonError::into_inner);
        line.idle -= 1;
        line.jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Slot<T> {
    fn new() -> Slot<T> {
        Slot { state: Mutex::new(State::Waiting), ready: Condvar::new() }
    }

    /// Leaves the result, the first one that comes.
    fn fill(&self, result: Option<T>) {
        let mut state = self.lock();
        if matches!(*state, State::Waiting) {
            *state = State::Ready(result);
            self.ready.notify_one();
        }
    }

    fn is_abandoned(&self) -> bool {
        matches!(*self.lock(), State::Abandoned)
    }

    /// Takes the result; nobody does so after `limit`.
    fn wait(&self, limit: Duration) -> Option<T> {
        let waits = |state: &mut State<T>| matches!(state, State::Waiting);
        let waited = self.ready.wait_timeout_while(self.lock(), limit, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        match std::mem::replace(&mut *state, State::Abandoned) {
            State::Ready(result) => result,
            State::Waiting | State::Abandoned => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Filler<T> {
    fn drop(&mut self) {
        self.0.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn jobs_are_done_on_other_threads_which_end_with_their_owner() {
        let threads = Workers::start("hash", 2).expect("threads");
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(threads.run(name), Some(Some("hash".to_owned())));
        let shared = Arc::downgrade(&threads.shared);
        drop(threads);
        assert!(shared.upgrade().is_none(), "each thread holds it until it ends");
    }

    /// Plays with one thread, which a job keeps busy until it is opened.
    fn with_a_busy_thread(play: impl FnOnce(&Workers, &dyn Fn())) {
        let threads = Workers::start("hash", 1).expect("a thread");
        let (begun, gate) = (Arc::new(Slot::<()>::new()), Arc::new(Slot::new()));
        thread::scope(|scope| {
            let (begins, opens) = (Filler(Arc::clone(&begun)), Arc::clone(&gate));
            let busy = scope.spawn(|| {
                threads.run(move || {
                    drop(begins);
                    opens.wait(LIMIT)
                })
            });
            begun.wait(LIMIT);
            play(&threads, &|| gate.fill(Some(7)));
            assert_eq!(busy.join().expect("no panic"), Some(Some(7)), "what has begun is finished");
        });
    }

    fn wait_for_line(threads: &Workers, length: usize) {
        while threads.shared.lock().jobs.len() < length {
            thread::yield_now();
        }
    }

    #[test]
    fn first_come_first_served() {
        with_a_busy_thread(|threads, open| {
            let order = Arc::new(Mutex::new(Vec::new()));
            thread::scope(|scope| {
                for number in 0..3 {
                    let order = Arc::clone(&order);
                    scope.spawn(move || threads.run(move || order.lock().expect("no panic").push(number)));
                    wait_for_line(threads, number + 1);
                }
                open();
            });
            assert_eq!(*order.lock().expect("no panic"), [0, 1, 2]);
        });
    }

    #[test]
    fn what_was_given_up_in_line_is_not_done_later() {
        with_a_busy_thread(|threads, open| {
            let done = Arc::new(AtomicBool::new(false));
            let does = Arc::clone(&done);
            assert_eq!(threads.run_within(Duration::ZERO, move || does.store(true, Ordering::SeqCst)), None);
            open();
            assert_eq!(threads.run(|| ()), Some(()), "it is behind in the line");
            assert!(!done.load(Ordering::SeqCst));
        });
    }

    #[test]
    fn who_waits_in_line_hears_at_once_that_the_workers_are_closed() {
        with_a_busy_thread(|threads, open| {
            thread::scope(|scope| {
                let waiting = scope.spawn(|| threads.run(|| ()));
                wait_for_line(threads, 1);
                threads.close();
                assert_eq!(waiting.join().expect("no panic"), None);
                assert_eq!(threads.run(|| ()), None, "who comes later");
            });
            open();
        });
    }

    #[test]
    fn a_job_that_panics_ends_neither_its_caller_nor_its_thread() {
        let threads = Workers::start("hash", 1).expect("a thread");
        assert_eq!(threads.run(|| -> u8 { panic!("on purpose") }), None);
        assert_eq!(threads.run(|| 7), Some(7));
    }
}
