//! The files that are being fetched, three at a time, and those that wait for their turn.

use super::transfer::{Step, Transfer, Way};
use crate::net::Shutdown;
use crate::value::FileName;
use crate::value::Username;
use std::collections::VecDeque;
use std::net::{Shutdown as Direction, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fetches at a time.
pub const MAX_RUNNING: usize = 3;
/// Fetches that wait.
const MAX_WAITING: usize = 10_000;

/// A fetch that was asked for.
pub struct Job {
    /// What is fetched, and how far it is.
    pub transfer: Transfer,
    /// Ends it.
    pub stop: Shutdown,
    /// The connection that brings it, so that the end finds it.
    stream: Mutex<Option<Arc<TcpStream>>>,
}

/// All fetches that have not ended.
#[derive(Default)]
pub struct Fetches(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Job>>,
    running: Vec<Arc<Job>>,
    workers: usize,
    closed: bool,
}

impl Job {
    /// A fetch that has not begun.
    pub fn new(from: Username, file: FileName) -> Job {
        Job { transfer: Transfer::new(Way::Fetch, from, file), stop: Shutdown::new(), stream: Mutex::default() }
    }

    /// This connection brings the file now.
    pub fn attach(&self, stream: &Arc<TcpStream>) {
        *self.stream() = Some(Arc::clone(stream));
        if self.stop.is_triggered() {
            self.stop();
        }
    }

    /// No connection brings it.
    pub fn detach(&self) {
        *self.stream() = None;
    }

    fn stop(&self) {
        self.stop.trigger();
        let stream = self.stream().clone();
        if let Some(stream) = stream {
            // An error says that it has ended already.
            let _ = stream.shutdown(Direction::Both);
        }
    }

    fn stream(&self) -> MutexGuard<'_, Option<Arc<TcpStream>>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetches {
    /// Every fetch, those under way first.
    pub fn list(&self) -> Vec<Step> {
        let state = self.lock();
        let running = state.running.iter().map(|job| job.transfer.standing());
        running.chain(state.waiting.iter().map(|job| job.transfer.standing())).collect()
    }

    /// Whether none is under way or waits.
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        state.running.is_empty() && state.waiting.is_empty()
    }

    /// Ends the fetches of `file`, or all. Returns those that had not begun; the others show their end themselves.
    pub fn cancel(&self, file: Option<&FileName>) -> (Vec<Arc<Job>>, usize) {
        let meant = |job: &Arc<Job>| file.is_none_or(|file| job.transfer.file == *file);
        let mut state = self.lock();
        let (gone, stay) = state.waiting.drain(..).partition(meant);
        state.waiting = stay;
        let running: Vec<_> = state.running.iter().filter(|job| meant(job)).cloned().collect();
        drop(state);
        running.iter().for_each(|job| job.stop());
        (Vec::from(gone), running.len())
    }

    /// Ends all, and takes no more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.cancel(None);
    }

    /// Puts a fetch in line. How many are before it, and whether a thread is wanted.
    ///
    /// # Errors
    /// A sentence: it is being fetched already, or too many wait.
    pub fn put(&self, job: &Arc<Job>) -> Result<(usize, bool), String> {
        let mut state = self.lock();
        let same =
            |other: &Arc<Job>| (&other.transfer.with, &other.transfer.file) == (&job.transfer.with, &job.transfer.file);
        if state.running.iter().chain(&state.waiting).any(same) {
            return Err(format!("{} is being fetched from {} already", job.transfer.file, job.transfer.with));
        }
        if state.waiting.len() >= MAX_WAITING {
            return Err(format!("{MAX_WAITING} files are waiting to be fetched"));
        }
        if state.closed {
            return Err("the client ends".to_owned());
        }
        let before = state.waiting.len() + state.running.len();
        state.waiting.push_back(Arc::clone(job));
        let wanted = state.workers < MAX_RUNNING;
        state.workers += usize::from(wanted);
        Ok((before, wanted))
    }

    /// The next one, for a thread that then calls [`Fetches::end`]; the thread ends where there is none.
    pub fn next(&self) -> Option<Arc<Job>> {
        let mut state = self.lock();
        let job = state.waiting.pop_front();
        match &job {
            Some(job) => state.running.push(Arc::clone(job)),
            None => state.workers -= 1,
        }
        job
    }

    /// There is no thread for this one, which was put in line.
    pub fn take_back(&self, job: &Arc<Job>) {
        let mut state = self.lock();
        state.waiting.retain(|other| !Arc::ptr_eq(other, job));
        state.workers -= 1;
    }

    /// Ends the fetch that began last; false when none is under way.
    pub fn cancel_last(&self) -> bool {
        let last = self.lock().running.last().cloned();
        last.inspect(|job| job.stop()).is_some()
    }

    /// This one has ended.
    pub fn end(&self, ended: &Arc<Job>) {
        self.lock().running.retain(|job| !Arc::ptr_eq(job, ended));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
