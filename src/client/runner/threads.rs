//! Threads that are told to end by others, and here are waited for, with a limit. It does not know what they do.

use crate::trace::Trace;
use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The threads that the runner has started.
pub struct Threads {
    /// Each thread has one of these; nothing is ever sent. `None` once their end is waited for.
    alive: Option<Sender<Infallible>>,
    /// Ends with the last thread: a join has no limit, and a wait for this has.
    gone: Receiver<Infallible>,
    running: Vec<JoinHandle<()>>,
    trace: Trace,
}

impl Threads {
    /// No threads.
    pub fn new(trace: &Trace) -> Threads {
        let (alive, gone) = channel();
        Threads { alive: Some(alive), gone, running: Vec::new(), trace: trace.clone() }
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// What the system says: too many threads, most likely. Also after [`Threads::wait`].
    pub fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        // So the list is as long as what runs.
        self.join_ended();
        let alive = self.alive.clone().ok_or_else(|| io::Error::other("the client ends"))?;
        let (trace, named) = (self.trace.clone(), name.to_owned());
        let body = move || {
            let _alive = alive;
            let _running = trace.thread(&named);
            work();
        };
        self.running.push(thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    /// Waits until all have ended, `limit` at most; true when they have. No more can be started.
    pub fn wait(&mut self, limit: Duration) -> bool {
        self.alive = None;
        self.gone.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }

    /// Waits for all as [`Threads::wait`] does, joins them, and gives the names of those that go on.
    pub fn join(mut self, limit: Duration) -> Vec<String> {
        if self.wait(limit) {
            // What is left of them is the last step of a thread.
            self.running.drain(..).for_each(join);
        }
        self.join_ended();
        self.running.iter().map(|thread| thread.thread().name().unwrap_or_default().to_owned()).collect()
    }

    fn join_ended(&mut self) {
        let (ended, running) = self.running.drain(..).partition(JoinHandle::is_finished);
        self.running = running;
        Vec::into_iter(ended).for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    // A panic was printed when it happened.
    let _ = thread.join();
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn all_are_joined() {
        let mut threads = Threads::new(&Trace::default());
        let (sender, receiver) = channel::<()>();
        threads.start("waits", move || assert!(receiver.recv().is_err())).expect("a thread");
        threads.start("ends", || ()).expect("a thread");
        drop(sender);
        assert_eq!(threads.join(LIMIT), Vec::<String>::new());
    }

    #[test]
    fn who_does_not_end_is_named_and_not_waited_for() {
        let mut threads = Threads::new(&Trace::default());
        let (sender, receiver) = channel::<()>();
        threads.start("waits", move || assert!(receiver.recv().is_err())).expect("a thread");
        assert!(!threads.wait(Duration::ZERO));
        assert!(threads.start("late", || ()).is_err());
        assert_eq!(threads.join(Duration::ZERO), ["waits"]);
        drop(sender);
    }
}
