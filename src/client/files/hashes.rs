//! Hashes of one's own files, computed once for each version of a file.

use crate::peer_protocol::FileHash;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// The hashes that are known.
#[derive(Default)]
pub struct Hashes {
    // Several calls hash at a time, and what one has read serves the others. Under the lock is only a look-up.
    known: Mutex<HashMap<Version, FileHash>>,
}

impl Hashes {
    /// The hash of a version, where it is known.
    pub fn get(&self, version: &Version) -> Option<FileHash> {
        self.lock().get(version).copied()
    }

    /// The hash of a whole file: one that is known, or else its content is read. `None` when `go_on` said no.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] for a file that became shorter.
    pub fn of(&self, file: &File, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<FileHash>> {
        let version = Version::of(file)?;
        if let Some(known) = self.get(&version) {
            return Ok(Some(known));
        }
        let began = SystemTime::now();
        let hash = hash(file, version.size, go_on)?;
        if let Some(hash) = hash.filter(|_| Version::of(file).is_ok_and(|now| now == version)) {
            self.put(version, hash, began);
        }
        Ok(hash)
    }

    /// Keeps a hash. The content was read before `now`.
    pub fn put(&self, version: Version, hash: FileHash, now: SystemTime) {
        if !version.is_settled(now) {
            return;
        }
        let mut known = self.lock();
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(version, hash);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Version, FileHash>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(hashes.lock().len(), 1);
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
}
