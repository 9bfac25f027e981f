//! A file on its way: how far it is, and each step of it as it is shown.

use crate::value::FileName;
use crate::value::Size;
use crate::value::Username;
use crate::value::text::escape;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To us.
    Fetch,
    /// From us.
    Send,
}

/// One file on its way, shared by whoever moves it and whoever lists it.
#[derive(Debug)]
pub struct Transfer {
    /// Which way.
    pub way: Way,
    /// The other side.
    pub with: Username,
    /// Which file.
    pub file: FileName,
    done: AtomicU64,
    /// The size of the file; [`u64::MAX`] until it is known.
    total: AtomicU64,
}

/// Something to show about a file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which way.
    pub way: Way,
    /// The other side.
    pub with: Username,
    /// Which file.
    pub file: FileName,
    /// What happened.
    pub stage: Stage,
}

/// What happens to a file on its way. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Stage {
    /// It waits until so many others are done; with 0 it is next, or asked for just now.
    Waiting { before: usize },
    /// It begins: a file of `size`, of which `offset` was there before.
    Begun { size: u64, offset: u64 },
    /// So far it is. Comes a few times a second, for programs and progress bars; for people only each `seldom` one.
    Progress { done: u64, size: u64, seldom: bool },
    /// All of it is there and its hash is right; a fetched one is `saved`.
    Whole { size: u64, took: Duration, saved: Option<PathBuf> },
    /// It was stopped by us.
    Cancelled { done: u64 },
    /// It will not come any further, and why.
    Failed { why: String },
}

impl Transfer {
    /// A file of which nothing has moved yet.
    pub fn new(way: Way, with: Username, file: FileName) -> Transfer {
        Transfer { way, with, file, done: AtomicU64::new(0), total: AtomicU64::new(u64::MAX) }
    }

    /// It is `done` of `size` bytes far.
    pub fn set(&self, done: u64, size: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(size, Ordering::Relaxed);
    }

    /// How many bytes are there.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// A step of it.
    pub fn step(&self, stage: Stage) -> Step {
        Step { way: self.way, with: self.with.clone(), file: self.file.clone(), stage }
    }

    /// Where it stands, for a list.
    pub fn standing(&self) -> Step {
        self.step(match self.total.load(Ordering::Relaxed) {
            u64::MAX => Stage::Waiting { before: 0 },
            size => Stage::Progress { done: self.done(), size, seldom: true },
        })
    }
}

/// The transfers that are under way.
#[derive(Default)]
pub struct Underway(Mutex<Vec<Arc<Transfer>>>);

/// A transfer that is under way until this is dropped.
pub struct Listed<'a> {
    all: &'a Underway,
    /// The transfer.
    pub transfer: Arc<Transfer>,
}

impl Underway {
    /// Where each of them stands.
    pub fn list(&self) -> Vec<Step> {
        self.lock().iter().map(|transfer| transfer.standing()).collect()
    }

    /// Adds one.
    pub fn enter(&self, transfer: Transfer) -> Listed<'_> {
        let transfer = Arc::new(transfer);
        self.lock().push(Arc::clone(&transfer));
        Listed { all: self, transfer }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Transfer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.all.lock().retain(|transfer| !Arc::ptr_eq(transfer, &self.transfer));
    }
}

impl Step {
    /// Whether it fails something that the person asked for.
    pub fn is_error(&self) -> bool {
        self.way == Way::Fetch && matches!(self.stage, Stage::Failed { .. })
    }

    /// Whether people need not see it.
    pub fn is_for_programs(&self) -> bool {
        matches!(self.stage, Stage::Progress { seldom: false, .. })
    }
}

/// One line, escaped.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = escape(self.file.as_str());
        let (verb, past, direction) = match self.way {
            Way::Fetch => ("Fetching", "Fetched", "from"),
            Way::Send => ("Sending", "Sent", "to"),
        };
        let what = format!("{file} {direction} {}", self.with);
        match &self.stage {
            Stage::Waiting { before: 0 } => write!(f, "{verb} {what}: waiting"),
            Stage::Waiting { before } => write!(f, "{verb} {what}: waiting for {before} others"),
            Stage::Begun { size, offset: 0 } => write!(f, "{verb} {what}: {}", Size(*size)),
            Stage::Begun { size, offset } => {
                write!(f, "{verb} {what}: {}, of which {} are there", Size(*size), Size(*offset))
            }
            Stage::Progress { done, size, .. } => {
                write!(f, "{verb} {what}: {} % of {}", percent(*done, *size), Size(*size))
            }
            Stage::Whole { size, took, saved } => {
                write!(f, "{past} {what}: {} in {:.1} s", Size(*size), took.as_secs_f64())?;
                match saved {
                    Some(path) => write!(f, ", verified, saved as {}", escape(&path.to_string_lossy())),
                    None => Ok(()),
                }
            }
            Stage::Cancelled { done } => write!(f, "{what}: stopped at {}; get it again to go on", Size(*done)),
            Stage::Failed { why } => write!(f, "{what}: {}", escape(why)),
        }
    }
}

/// 100 only for all of it.
fn percent(done: u64, size: u64) -> u128 {
    if size == 0 { 100 } else { u128::from(done) * 100 / u128::from(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(way: Way) -> Transfer {
        Transfer::new(way, "bob".parse().expect("valid"), "a\tb.txt".parse().expect("valid"))
    }

    #[test]
    fn how_steps_read() {
        let fetch = transfer(Way::Fetch);
        assert_eq!(fetch.standing().to_string(), "Fetching a\\tb.txt from bob: waiting");
        fetch.set(u64::MAX / 2, u64::MAX - 1);
        assert_eq!(fetch.standing().to_string(), "Fetching a\\tb.txt from bob: 50 % of 16.0 EiB");
        let saved = Some(PathBuf::from("a\tb (1).txt"));
        let whole = fetch.step(Stage::Whole { size: 2048, took: Duration::from_millis(1234), saved });
        let shown = "Fetched a\\tb.txt from bob: 2.0 KiB in 1.2 s, verified, saved as a\\tb (1).txt";
        assert_eq!(whole.to_string(), shown);
        let begun = transfer(Way::Send).step(Stage::Begun { size: 2048, offset: 1024 });
        assert_eq!(begun.to_string(), "Sending a\\tb.txt to bob: 2.0 KiB, of which 1.0 KiB are there");
    }

    #[test]
    fn a_failed_fetch_is_an_error_and_a_failed_upload_is_none() {
        let failed = || Stage::Failed { why: "gone".to_owned() };
        assert!(transfer(Way::Fetch).step(failed()).is_error());
        assert!(!transfer(Way::Send).step(failed()).is_error());
    }
}
