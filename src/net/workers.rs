//! Threads for what goes deep: they are few, where those of the connections are many and flat.
//!
//! A page of a stack that was touched once stays resident, and each connection has a stack of its own. So what goes deep,
//! a hash or a file, is done here. What it is, and for whom, is not known.

use std::collections::VecDeque;
use std::io;
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
    closed: bool,
}

/// Where the result of a job is left for who waits for it.
struct Slot<T> {
    result: Mutex<Option<T>>,
    ready: Condvar,
}

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

    /// Has a thread do this, first come, first served, and waits for the result. Nothing when there is none within two
    /// minutes. The line is as long as there are callers, each of which waits.
    ///
    /// Out of line: its frame is not to lie under the session that goes on with the result.
    #[inline(never)]
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let slot = Arc::new(Slot::new());
        let filled = Arc::clone(&slot);
        let job = Box::new(move || filled.fill(work()));
        self.shared.lock().jobs.push_back(job);
        self.shared.come.notify_one();
        slot.wait()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.come.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that has panicked has said so.
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

    /// The next job; nothing when there will be none.
    fn next(&self) -> Option<Job> {
        // Without a limit, as `Workers::drop` ends it.
        let waits = |line: &mut Line| line.jobs.is_empty() && !line.closed;
        let mut line = self.come.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        line.jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Slot<T> {
    fn new() -> Slot<T> {
        Slot { result: Mutex::new(None), ready: Condvar::new() }
    }

    fn fill(&self, result: T) {
        *self.lock() = Some(result);
        self.ready.notify_one();
    }

    fn wait(&self) -> Option<T> {
        let waited = self.ready.wait_timeout_while(self.lock(), LIMIT, |result| result.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_on_other_threads_which_end_with_their_owner() {
        let threads = Workers::start("hash", 2).expect("threads");
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(threads.run(name), Some(Some("hash".to_owned())));
        let shared = Arc::downgrade(&threads.shared);
        drop(threads);
        assert!(shared.upgrade().is_none(), "each thread holds it until it ends");
    }

    #[test]
    fn first_come_first_served() {
        let threads = Workers::start("hash", 1).expect("a thread");
        let (order, open) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Slot::new()));
        thread::scope(|scope| {
            let gate = Arc::clone(&open);
            scope.spawn(|| threads.run(move || gate.wait()));
            // The first is being done when it is in the line no more.
            while !(Arc::strong_count(&open) == 2 && threads.shared.lock().jobs.is_empty()) {
                thread::yield_now();
            }
            for number in 0..3 {
                let (threads, order) = (&threads, Arc::clone(&order));
                scope.spawn(move || threads.run(move || order.lock().expect("no panic").push(number)));
                while threads.shared.lock().jobs.len() <= number {
                    thread::yield_now();
                }
            }
            open.fill(());
        });
        assert_eq!(*order.lock().expect("no panic"), [0, 1, 2]);
    }
}
