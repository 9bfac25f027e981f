//! Hashes of one's own files, computed once for each version of a file: a file is read by one call at a time, and
//! whoever wants the same hash waits for it.

use crate::peer_protocol::FileHash;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Bytes that are hashed at a time: whoever hangs up meanwhile is noticed after each.
const BLOCK: usize = 1 << 20;
/// The most hashes kept: as many as files can be announced. Beyond that all are forgotten.
const MAX: usize = crate::protocol::MAX_FILES;
/// How old a change must be for a hash to be kept. File systems keep times in steps, of 2 s at the coarsest: a file
/// could change twice within one step and keep its time.
const SETTLED: Duration = Duration::from_secs(3);

/// Tells one state of a file's content from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    device: u64,
    inode: u64,
    /// In bytes.
    pub size: u64,
    modified: (i64, i64),
    /// When anything about the file changed, its name too. Unlike the time above, no program can set this one.
    changed: (i64, i64),
}

impl Version {
    /// The version that a file has now.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(file: &File) -> io::Result<Version> {
        Ok(Version::from(&file.metadata()?))
    }

    /// Whether the content is the same, as far as times tell. A file that lost its name has it still.
    pub fn same_content(&self, other: &Version) -> bool {
        (self.size, self.modified) == (other.size, other.modified)
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.changed.0.max(self.modified.0)).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(1 << 40));
        now.duration_since(changed).is_ok_and(|age| age >= SETTLED)
    }
}

impl From<&Metadata> for Version {
    fn from(data: &Metadata) -> Version {
        Version {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }
}

/// How often whoever waits for a hash looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(250);

/// The hashes that are known, and those that are wanted.
#[derive(Default)]
pub struct Hashes {
    // Several calls hash at a time, and what one has read serves the others. Under the lock is only a look-up.
    state: Mutex<State>,
    /// A file has been read, or will not be.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<Version, FileHash>,
    wanted: HashMap<Version, Wanted>,
}

/// A hash that somebody reads a file for, or waits for.
#[derive(Default)]
struct Wanted {
    is_read: bool,
    /// Bytes that are read.
    done: u64,
    /// How many wait for it, beside the one who reads.
    waiting: usize,
}

/// The right to read a file, until this is dropped.
struct Reading<'a> {
    hashes: &'a Hashes,
    version: Version,
}

/// What becomes of one who wants a hash.
enum Turn<'a> {
    Known(FileHash),
    Read(Reading<'a>),
    GivenUp,
}

impl Hashes {
    /// The hash of a version, where it is known.
    pub fn get(&self, version: &Version) -> Option<FileHash> {
        self.lock().known.get(version).copied()
    }

    /// The hash of a whole file: one that is known, or else its content is read, here or by another call. `go_on` hears
    /// now and then how many bytes are done; `None` when it said no. Who reads goes on as long as anybody else waits.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] for a file that became shorter.
    pub fn of(&self, file: &File, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<FileHash>> {
        let version = Version::of(file)?;
        let reading = match self.turn(version, go_on) {
            Turn::Known(hash) => return Ok(Some(hash)),
            Turn::GivenUp => return Ok(None),
            Turn::Read(reading) => reading,
        };
        let began = SystemTime::now();
        let hash = hash(file, version.size, &mut |done| {
            let is_wanted = reading.note(done);
            go_on(done) || is_wanted
        })?;
        if let Some(hash) = hash.filter(|_| Version::of(file).is_ok_and(|now| now == version)) {
            self.put(version, hash, began);
        }
        Ok(hash)
    }

    /// Waits until a hash is known, or nobody else reads the file for it.
    fn turn(&self, version: Version, go_on: &mut dyn FnMut(u64) -> bool) -> Turn<'_> {
        let mut state = self.lock();
        state.wanted.entry(version).or_default().waiting += 1;
        let turn = loop {
            let State { known, wanted } = &mut *state;
            let wanted = wanted.entry(version).or_default();
            match known.get(&version) {
                Some(hash) => break Turn::Known(*hash),
                None if !wanted.is_read => {
                    *wanted = Wanted { is_read: true, done: 0, waiting: wanted.waiting };
                    break Turn::Read(Reading { hashes: self, version });
                }
                None => {}
            }
            let done = wanted.done;
            drop(self.ended.wait_timeout(state, LOOK));
            // It asks a socket.
            let goes_on = go_on(done);
            state = self.lock();
            if !goes_on {
                break Turn::GivenUp;
            }
        };
        state.wanted.entry(version).or_default().waiting -= 1;
        state.forget(&version);
        turn
    }

    /// Keeps a hash. The content was read before `now`.
    pub fn put(&self, version: Version, hash: FileHash, now: SystemTime) {
        if !version.is_settled(now) {
            return;
        }
        let known = &mut self.lock().known;
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(version, hash);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets what nobody wants any more.
    fn forget(&mut self, version: &Version) {
        if self.wanted.get(version).is_some_and(|wanted| !wanted.is_read && wanted.waiting == 0) {
            self.wanted.remove(version);
        }
    }
}

impl Reading<'_> {
    /// So many bytes are read; whether anybody waits for the rest.
    fn note(&self, done: u64) -> bool {
        let mut state = self.hashes.lock();
        let wanted = state.wanted.entry(self.version).or_default();
        wanted.done = done;
        wanted.waiting > 0
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut state = self.hashes.lock();
        state.wanted.entry(self.version).or_default().is_read = false;
        state.forget(&self.version);
        drop(state);
        self.hashes.ended.notify_all();
    }
}

/// The hash of the first `length` bytes of a file. `go_on` hears after each block how many are done; `None` when it
/// said no.
///
/// # Errors
/// What the system says; [`io::ErrorKind::UnexpectedEof`] for a file that is shorter.
pub fn hash(mut file: &File, length: u64, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<FileHash>> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK.min(usize::try_from(length).unwrap_or(BLOCK))];
    let mut done = 0;
    while done < length {
        let next = BLOCK.min(usize::try_from(length - done).unwrap_or(BLOCK));
        match file.read(&mut block[..next])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                hasher.update(&block[..read]);
                done += read as u64;
            }
        }
        if !go_on(done) {
            return Ok(None);
        }
    }
    Ok(Some(finish(hasher)))
}

/// The hash of all that was fed.
pub fn finish(hasher: Sha256) -> FileHash {
    FileHash(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_change_is_another_version() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"abc").expect("written");
        let first = Version::of(&file).expect("there");
        assert_eq!(first.size, 3);
        file.write_all(b"d").expect("written");
        let second = Version::of(&file).expect("there");
        assert_ne!(first, second);
        assert!(!first.same_content(&second));
    }

    #[test]
    fn only_the_hash_of_a_settled_version_is_kept() {
        let file = tempfile::tempfile().expect("a file");
        let version = Version::of(&file).expect("there");
        let (hashes, hash) = (Hashes::default(), FileHash([7; 32]));
        let now = SystemTime::now();
        hashes.put(version, hash, now);
        assert_eq!(hashes.get(&version), None, "it may change again within the same step of its time");
        hashes.put(version, hash, now + Duration::from_secs(10));
        assert_eq!(hashes.get(&version), Some(hash));
    }

    #[test]
    fn memory_is_bounded() {
        let hashes = Hashes::default();
        let version = |inode| Version { device: 1, inode, size: 1, modified: (1, 0), changed: (1, 0) };
        for inode in 0..=MAX as u64 {
            hashes.put(version(inode), FileHash([0; 32]), SystemTime::now());
        }
        assert_eq!(hashes.lock().known.len(), 1);
    }

    #[test]
    fn the_hash_of_a_beginning() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"abcdef").expect("written");
        let hashed = hash(&file, 3, &mut |done| done == 3).expect("read").expect("not stopped");
        let abc = "sha256_ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashed.to_string(), abc);
        assert!(hash(&file, 7, &mut |_| true).is_err());
        assert_eq!(hash(&file, 6, &mut |_| false).expect("read"), None);
        assert_eq!(
            Hashes::default().of(&file, &mut |_| true).expect("read"),
            hash(&file, 6, &mut |_| true).expect("read")
        );
    }

    /// A file of some blocks.
    fn some_blocks() -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&vec![7; 4 * BLOCK]).expect("written");
        file
    }

    #[test]
    fn a_file_is_read_once_for_all_who_want_its_hash() {
        let (hashes, file) = (Hashes::default(), some_blocks());
        let version = Version::of(&file).expect("there");
        let hash = FileHash([7; 32]);
        std::thread::scope(|scope| {
            let Turn::Read(reading) = hashes.turn(version, &mut |_| true) else { panic!("nobody else reads") };
            let wait = || match hashes.turn(version, &mut |_| true) {
                Turn::Known(hash) => Some(hash),
                Turn::Read(_) | Turn::GivenUp => None,
            };
            let others: Vec<_> = (0..3).map(|_| scope.spawn(wait)).collect();
            while !reading.note(1) {
                std::thread::yield_now();
            }
            hashes.put(version, hash, SystemTime::now() + SETTLED * 2);
            drop(reading);
            others.into_iter().for_each(|other| assert_eq!(other.join().expect("no panic"), Some(hash)));
        });
        assert!(hashes.lock().wanted.is_empty());
    }

    #[test]
    fn who_reads_goes_on_for_those_who_wait_and_for_nobody_else() {
        let (hashes, file) = (Hashes::default(), some_blocks());
        let version = Version::of(&file).expect("there");
        let mut heard = 0;
        let alone = hashes.of(&file, &mut |_| {
            heard += 1;
            false
        });
        assert_eq!((alone.expect("read"), heard), (None, 1), "its peer has left");
        hashes.lock().wanted.entry(version).or_default().waiting = 1;
        assert!(hashes.of(&file, &mut |_| false).expect("read").is_some());
        hashes.lock().wanted.entry(version).or_default().waiting = 0;
    }

    #[test]
    fn who_waits_and_leaves_is_not_waited_for() {
        let (hashes, file) = (Hashes::default(), some_blocks());
        let version = Version::of(&file).expect("there");
        let Turn::Read(reading) = hashes.turn(version, &mut |_| true) else { panic!("nobody else reads") };
        reading.note(3);
        let mut heard = None;
        let gone = hashes.turn(version, &mut |done| {
            heard = Some(done);
            false
        });
        assert!(matches!(gone, Turn::GivenUp));
        assert_eq!(heard, Some(3), "it hears how far the other one is");
        assert!(!reading.note(4));
        drop(reading);
        assert!(matches!(hashes.turn(version, &mut |_| true), Turn::Read(_)), "the next one reads");
    }
}
