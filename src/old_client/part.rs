//! A file that is being fetched: `FILE.part`, and beside it `FILE.part.from`, a note of whose file it is and how long.
//!
//! A part is locked while a client writes to it, so that two never do. What is complete is moved to a name that is
//! free: nothing that was there is ever overwritten.

use super::hashes::{self, BUFFER};
use crate::net::listener::STACK;
use crate::peer_protocol::FileHash;
use crate::value::FileName;
use crate::value::Username;
use crate::value::comma;
use nix::fcntl::{Flock, FlockArg};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

/// How many names are tried: `notes.txt`, `notes (1).txt` and so on.
const MAX_NUMBER: usize = 10_000;
/// Buffers between reading and hashing: enough that neither waits for a short pause of the other.
const BUFFERS: usize = 4;
/// More than the longest note.
const MAX_NOTE: u64 = 4096;

/// Whose file, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The peer.
    pub from: Username,
    /// Its name there, and here if that is free.
    pub file: FileName,
}

/// What has arrived so far.
pub struct Part {
    folder: PathBuf,
    origin: Origin,
    number: usize,
    /// Locked for as long as it is open.
    file: Flock<File>,
    /// All that is in the file went through it.
    hasher: Sha256,
    length: u64,
    size: u64,
}

impl Part {
    /// The part of an earlier fetch of this file, with all its bytes hashed; `None` when there is none, or when
    /// `go_on` said no meanwhile.
    ///
    /// # Errors
    /// What the system says, with the file's path.
    pub fn find(folder: &Path, origin: &Origin, go_on: impl Fn() -> bool) -> Result<Option<Part>, String> {
        for number in 0..MAX_NUMBER {
            let path = folder.join(origin.file.part(number));
            let opened = OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(&path);
            let file = match opened {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                // A link or a folder that somebody named so: not ours.
                Err(_) => continue,
            };
            let noted = read_note(&folder.join(origin.file.note(number)));
            let Some((_, size)) = noted.filter(|(whose, _)| whose == origin) else { continue };
            // The name is looked at once more with the lock held: the one who held it before has moved the file on.
            let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
            if !is_at(&file, &path) {
                continue;
            }
            let sentence = |error| at(&path, error);
            let length = file.metadata().map_err(sentence)?.len();
            let mut hasher = Sha256::new();
            if !hashes::feed(&mut hasher, &file, length, go_on).map_err(sentence)? {
                return Ok(None);
            }
            let folder = folder.to_owned();
            return Ok(Some(Part { folder, origin: origin.clone(), number, file, hasher, length, size }));
        }
        Ok(None)
    }

    /// A new, empty part of a file of `size` bytes.
    ///
    /// # Errors
    /// What the system says, with the file's path.
    pub fn create(folder: &Path, origin: &Origin, size: u64) -> Result<Part, String> {
        for number in 0..MAX_NUMBER {
            let path = folder.join(origin.file.part(number));
            let note = folder.join(origin.file.note(number));
            // The note first, so that no part is ever without one. A note of ours may be left from a part that
            // somebody deleted.
            let ours = read_note(&note).is_some_and(|(whose, _)| whose == *origin);
            if path.symlink_metadata().is_ok() || (note.symlink_metadata().is_ok() && !ours) {
                continue;
            }
            write_note(&note, origin, size, !ours).map_err(|error| at(&note, error))?;
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // Another client was faster.
                    let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
                    let (folder, origin) = (folder.to_owned(), origin.clone());
                    return Ok(Part { folder, origin, number, file, hasher: Sha256::new(), length: 0, size });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path, error)),
            }
        }
        Err(format!("{}: {MAX_NUMBER} unfinished files of that name", folder.join(origin.file.part(0)).display()))
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes the whole file has, as its owner said when this part was begun.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.origin.file.part(self.number))
    }

    /// Adds what `read` brings until the part has its size, or `read` fails. The bytes are hashed on another thread
    /// while the next ones are read and written, as both take about as long.
    ///
    /// # Errors
    /// What `read` says, or the system, with the file's path. All that was read before is in the part.
    pub fn fill<E: From<String>>(&mut self, read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        let (path, Part { file, hasher, length, size, .. }) = (self.path(), self);
        let (full, to_hash) = sync_channel::<(Vec<u8>, usize)>(BUFFERS);
        let (hashed, free) = sync_channel(BUFFERS);
        let mut unused = BUFFERS;
        let hash = move || {
            for (buffer, filled) in to_hash {
                hasher.update(&buffer[..filled]);
                // Nobody wants it back at the end.
                let _ = hashed.send(buffer);
            }
        };
        thread::scope(|scope| {
            let named = thread::Builder::new().name("hash".to_owned()).stack_size(STACK);
            named.spawn_scoped(scope, hash).map_err(|error| format!("no thread to hash it: {error}"))?;
            while *length < *size {
                let mut buffer = if unused > 0 {
                    unused -= 1;
                    vec![0; BUFFER]
                } else {
                    free.recv().map_err(|error| error.to_string())?
                };
                let left = usize::try_from(*size - *length).unwrap_or(BUFFER).min(BUFFER);
                let filled = read(&mut buffer[..left])?;
                file.write_all(&buffer[..filled]).map_err(|error| at(&path, error))?;
                *length += filled as u64;
                full.send((buffer, filled)).map_err(|error| error.to_string())?;
            }
            // Here, and at every `?`, the hashing thread gets its end: the scope waits for it.
            drop(full);
            Ok(())
        })
    }

    /// Forgets all bytes: they are of another version of the file, which now has `size` bytes.
    ///
    /// # Errors
    /// What the system says, with the file's path.
    pub fn restart(&mut self, size: u64) -> Result<(), String> {
        let note = self.folder.join(self.origin.file.note(self.number));
        let emptied = write_note(&note, &self.origin, size, false)
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|error| at(&self.path(), error))?;
        (self.hasher, self.length, self.size) = (Sha256::new(), 0, size);
        Ok(())
    }

    /// The hash of all bytes.
    pub fn hash(&self) -> FileHash {
        hashes::finish(self.hasher.clone())
    }

    /// Makes the part the file: synced to the disk, under its own name or one with a number. Returns its path.
    ///
    /// # Errors
    /// What the system says, with the file's path; the part stays.
    pub fn keep(self) -> Result<PathBuf, String> {
        let part = self.path();
        self.file.sync_all().map_err(|error| at(&part, error))?;
        if !is_at(&self.file, &part) {
            return Err(format!("{}: was taken away while it was written", part.display()));
        }
        let kept = self.move_to_free_name(&part)?;
        // What is left over harms nobody.
        let _ = fs::remove_file(self.folder.join(self.origin.file.note(self.number)));
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        Ok(kept)
    }

    fn move_to_free_name(&self, part: &Path) -> Result<PathBuf, String> {
        for number in 0..MAX_NUMBER {
            let path = self.folder.join(self.origin.file.numbered(number));
            // `rename` would overwrite; a second name for the same file is refused where there is a file.
            let moved = match fs::hard_link(part, &path) {
                Ok(()) => fs::remove_file(part),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                // No links on this file system: take the name with an empty file, and overwrite that.
                Err(_) => match File::create_new(&path) {
                    Ok(_) => fs::rename(part, &path),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    Err(error) => Err(error),
                },
            };
            return moved.map(|()| path.clone()).map_err(|error| at(&path, error));
        }
        Err(format!("{}: {MAX_NUMBER} files of that name", self.folder.join(self.origin.file.as_str()).display()))
    }
}

fn at(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Whether `path` is this file, and not another that has taken its place.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |path: fs::Metadata, file: fs::Metadata| (path.dev(), path.ino()) == (file.dev(), file.ino());
    path.symlink_metadata().and_then(|path| Ok(same(path, file.metadata()?))).unwrap_or(false)
}

/// `name,file,size`, as in the protocol: whose file it is, and how long.
fn write_note(note: &Path, origin: &Origin, size: u64, new: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let mut file = if new { options.create_new(true).open(note)? } else { options.open(note)? };
    let record = comma::join([origin.from.as_str(), origin.file.as_str(), &size.to_string()]);
    file.write_all(format!("{record}\n").as_bytes())
}

fn read_note(note: &Path) -> Option<(Origin, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(note).ok()?;
    let mut text = String::new();
    file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    match comma::split(&text).as_slice() {
        [from, file, size] => Some((Origin { from: from.parse().ok()?, file: file.parse().ok()? }, size.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn origin(from: &str, file: &str) -> Origin {
        Origin { from: from.parse().expect("valid"), file: file.parse().expect("valid") }
    }

    fn find(folder: &Path, origin: &Origin) -> Option<Part> {
        Part::find(folder, origin, || true).expect("readable")
    }

    /// Adds bytes, after which no more come.
    fn add(part: &mut Part, mut bytes: &[u8]) {
        let done = part.fill(&mut |into| match bytes.read(into) {
            Ok(read @ 1..) => Ok(read),
            _ => Err("the end".to_owned()),
        });
        assert_eq!(done.is_ok(), part.length() == part.size());
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_arrived_is_found_again_by_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bob, carol) = (origin("bob", "notes, 1.txt"), origin("carol", "notes, 1.txt"));
        let mut part = Part::create(folder.path(), &bob, 6).expect("created");
        add(&mut part, b"abc");
        assert!(find(folder.path(), &bob).is_none(), "another fetch is writing to it");
        drop(part);
        assert!(find(folder.path(), &carol).is_none());
        let mut part = find(folder.path(), &bob).expect("there");
        assert_eq!((part.length(), part.size()), (3, 6));
        add(&mut part, b"def");
        let whole = "sha256_bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";
        assert_eq!(part.hash().to_string(), whole);
        let kept = part.keep().expect("kept");
        assert_eq!(fs::read(&kept).expect("read"), b"abcdef");
        assert_eq!(names(folder.path()), ["notes, 1.txt"]);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        for mine in ["notes.txt", "notes.txt.part", "notes (1).txt.part.from"] {
            fs::write(file(mine), "mine").expect("written");
        }
        fs::create_dir(file("notes (1).txt")).expect("made");
        symlink("/nowhere", file("notes (2).txt.part")).expect("linked");
        symlink("/nowhere", file("notes (2).txt")).expect("linked");
        let before = names(folder.path());
        let mut part = Part::create(folder.path(), &origin("bob", "notes.txt"), 3).expect("created");
        add(&mut part, b"abc");
        let kept = part.keep().expect("kept");
        assert_eq!(kept, file("notes (3).txt"));
        assert_eq!(fs::read(kept).expect("read"), b"abc");
        fs::remove_file(file("notes (3).txt")).expect("removed");
        assert_eq!(names(folder.path()), before);
        assert_eq!(fs::read(file("notes.txt.part")).expect("read"), b"mine");
    }

    #[test]
    fn another_version_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let bob = origin("bob", "x");
        let mut part = Part::create(folder.path(), &bob, 6).expect("created");
        add(&mut part, b"abc");
        part.restart(2).expect("emptied");
        add(&mut part, b"de");
        drop(part);
        let part = find(folder.path(), &bob).expect("there");
        assert_eq!((part.length(), part.size()), (2, 2));
        assert_eq!(fs::read(part.keep().expect("kept")).expect("read"), b"de");
    }

    #[test]
    fn a_part_that_was_exchanged_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = Part::create(folder.path(), &origin("bob", "x"), 0).expect("created");
        fs::remove_file(part.path()).expect("removed");
        fs::write(part.path(), "other").expect("written");
        assert!(part.keep().expect_err("exchanged").contains("x.part"));
        assert_eq!(names(folder.path()), ["x.part", "x.part.from"]);
    }

    proptest! {
        #[test]
        fn nothing_outside_is_ever_written(
            offered in "(\\PC|[./\\x00-\\x1f]|\\.\\./|/etc/|\\.\\.){0,280}", existing in any::<bool>(),
        ) {
            let root = tempfile::tempdir().expect("a folder");
            let downloads = root.path().join("downloads");
            fs::create_dir(&downloads).expect("made");
            let Ok(file) = offered.parse::<FileName>() else { return Ok(()) };
            if existing {
                fs::write(downloads.join(file.as_str()), "mine").expect("written");
            }
            let origin = Origin { from: "eve".parse().expect("valid"), file };
            let mut part = Part::create(&downloads, &origin, 3).expect("created");
            add(&mut part, b"abc");
            let kept = part.keep().expect("kept");
            prop_assert_eq!(kept.parent(), Some(downloads.as_path()));
            prop_assert_eq!(names(root.path()), ["downloads"]);
            prop_assert_eq!(names(&downloads).len(), 1 + usize::from(existing));
        }
    }
}
