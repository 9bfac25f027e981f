//! The commands under way: those that others run here, and those that we run elsewhere.
//!
//! As with chats, no lock is held while a socket is used.

use crate::value::Username;
use std::net::{Shutdown as Direction, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most commands at a time on either side.
const MAX: usize = 8;

/// Names one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(u64);

/// A command, as shown in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who is on the other side; for our own the address that was typed, until we know.
    pub with: String,
    /// Whether it runs here.
    pub here: bool,
    /// What runs.
    pub command: String,
}

/// All of them.
#[derive(Default)]
pub struct Jobs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    jobs: Vec<Job>,
}

struct Job {
    id: JobId,
    listed: Listed,
    /// For our own there is none until we are connected.
    stream: Option<Arc<TcpStream>>,
}

impl Job {
    /// Has whoever serves it give up. Here only reading is shut down, so that the asker can still be told.
    fn stop(&self) {
        let direction = if self.listed.here { Direction::Read } else { Direction::Both };
        if let Some(stream) = &self.stream {
            // An error says that it has ended already.
            let _ = stream.shutdown(direction);
        }
    }
}

impl Jobs {
    /// A command begins; `None` when too many are under way.
    pub fn begin(&self, listed: Listed, stream: Option<Arc<TcpStream>>) -> Option<JobId> {
        let mut state = self.lock();
        if state.jobs.iter().filter(|job| job.listed.here == listed.here).count() >= MAX {
            return None;
        }
        state.next += 1;
        let id = JobId(state.next);
        state.jobs.push(Job { id, listed, stream });
        Some(id)
    }

    /// Our own is connected, with this person; false when it was cancelled meanwhile.
    pub fn connected(&self, id: JobId, with: &Username, stream: &Arc<TcpStream>) -> bool {
        let mut state = self.lock();
        let job = state.jobs.iter_mut().find(|job| job.id == id);
        job.map(|job| {
            job.listed.with = with.to_string();
            job.stream = Some(Arc::clone(stream));
        })
        .is_some()
    }

    /// It has ended; false when it was stopped before.
    pub fn end(&self, id: JobId) -> bool {
        !self.take(|job| job.id == id).is_empty()
    }

    /// Stops those with `name`, both ways; false when there are none.
    pub fn close(&self, name: &Username) -> bool {
        self.stop(|job| job.listed.with.parse().as_ref() == Ok(name))
    }

    /// Stops our own; false when there are none.
    pub fn cancel(&self) -> bool {
        self.stop(|job| !job.listed.here)
    }

    /// Stops all.
    pub fn close_all(&self) {
        self.stop(|_| true);
    }

    /// Whether this one is under way.
    pub fn is_open(&self, id: JobId) -> bool {
        self.lock().jobs.iter().any(|job| job.id == id)
    }

    /// All that are under way, oldest first.
    pub fn list(&self) -> Vec<Listed> {
        self.lock().jobs.iter().map(|job| job.listed.clone()).collect()
    }

    fn stop(&self, which: impl Fn(&Job) -> bool) -> bool {
        let stopped = self.take(which);
        stopped.iter().for_each(Job::stop);
        !stopped.is_empty()
    }

    fn take(&self, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut state = self.lock();
        let (taken, stay) = std::mem::take(&mut state.jobs).into_iter().partition(|job| which(job));
        state.jobs = stay;
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
