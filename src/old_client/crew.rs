//! The threads of a client: each with a name and a small stack, all joined at the end.

use crate::net::listener::STACK;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// The threads that run.
#[derive(Default)]
pub struct Crew(Mutex<Vec<JoinHandle<()>>>);

impl Crew {
    /// Starts a thread.
    ///
    /// # Errors
    /// What the system says: too many threads, most likely.
    pub fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work)?;
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended need no joining; so the list is as long as what runs.
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// Waits for all of them, also for those that others start meanwhile. Whoever calls this has told them to end.
    pub fn join(&self) {
        let next = || self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(thread) = next() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}
