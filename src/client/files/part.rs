//! A file that is arriving: `FILE.part`, and beside it `FILE.part.from`, a note of whose file it is and how long.
//!
//! A part is locked while a client writes to it, so that two never do. What is complete is moved to a name that is
//! free: nothing that was there is ever overwritten.

use super::hashes;
use super::pipe::{End, pipe};
use super::place::Place;
use crate::peer_protocol::{FileHash, GivePath, What};
use crate::value::comma;
use crate::value::{FileName, Username};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, Flock, FlockArg, PosixFadviseAdvice, fallocate, posix_fadvise};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many names are tried: `notes.txt`, `notes (1).txt` and so on.
pub const MAX_NUMBER: usize = 10_000;
/// After so many free numbers one after the other no higher one is looked for: a person may have taken some away.
pub const MAX_GAP: usize = 16;
/// After so many bytes the disk is to begin with them, while the next ones arrive: a sync at the end, for which a person
/// waits, then has little left to write.
const FLUSH: u64 = 1 << 20;
/// More than the longest note.
const MAX_NOTE: u64 = 4096;

/// Whose file, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its name here, if that is free.
    file: FileName,
    /// What tells it from all others, as the fields of its note.
    fields: Vec<String>,
}

/// What has arrived so far.
pub struct Part {
    place: Arc<Place>,
    origin: Origin,
    number: usize,
    /// Locked for as long as it is open.
    file: Flock<File>,
    /// All that is in the file went through it, and nothing else; `None` when some of it was there before.
    hasher: Option<Sha256>,
    length: u64,
    size: u64,
}

/// What the system says about a file of ours.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    error: io::Error,
}

impl Origin {
    /// A file that we fetch from a peer.
    pub fn fetched(from: &Username, file: &FileName) -> Origin {
        Origin { file: file.clone(), fields: vec![from.to_string(), file.to_string()] }
    }

    /// A file of a gift, which is kept as `file`.
    pub fn given(from: &Username, what: &What, path: &GivePath, file: &FileName) -> Origin {
        Origin { file: file.clone(), fields: vec![from.to_string(), what.to_string(), path.to_string()] }
    }
}

impl FileError {
    /// With what the system says about `path`.
    pub fn new(path: impl Into<PathBuf>, error: io::Error) -> FileError {
        FileError { path: path.into(), error }
    }

    /// What the system says, without the path: nobody else is to know our folders.
    pub fn reason(&self) -> String {
        self.error.to_string()
    }

    /// Whether the disk is full, or what one may have of it.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

impl Part {
    /// The part of an earlier try, where there is one that no other client writes to.
    ///
    /// # Errors
    /// What the system says.
    pub fn find(place: &Arc<Place>, origin: &Origin) -> Result<Option<Part>, FileError> {
        let mut gap = 0;
        for number in 0..MAX_NUMBER {
            if gap == MAX_GAP {
                break;
            }
            let name = origin.file.part(number);
            let path = place.at(&name);
            let opened = OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(&path);
            let file = match opened {
                Ok(file) => file,
                // A link or a folder that somebody named so is not ours.
                Err(error) => {
                    gap = if error.kind() == io::ErrorKind::NotFound { gap + 1 } else { 0 };
                    continue;
                }
            };
            gap = 0;
            let noted = read_note(&place.at(&origin.file.note(number)));
            let Some((_, size)) = noted.filter(|(fields, _)| *fields == origin.fields) else { continue };
            // The name is looked at once more with the lock held: the one who held it before has moved the file on.
            let Ok(mut file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
            if !is_at(&file, &path) {
                continue;
            }
            let length = file.seek(SeekFrom::End(0)).map_err(|error| FileError::new(place.shown(&name), error))?;
            let (place, origin) = (Arc::clone(place), origin.clone());
            let hasher = (length == 0).then(Sha256::new);
            return Ok(Some(Part { place, origin, number, file, hasher, length, size }));
        }
        Ok(None)
    }

    /// A new, empty part of a file of `size` bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(place: &Arc<Place>, origin: &Origin, size: u64) -> Result<Part, FileError> {
        for number in 0..MAX_NUMBER {
            let (name, note) = (origin.file.part(number), origin.file.note(number));
            // The note first, so that no part is ever without one. A note of ours may be left from a part that
            // somebody deleted.
            let ours = read_note(&place.at(&note)).is_some_and(|(fields, _)| fields == origin.fields);
            if place.has(&name) || (place.has(&note) && !ours) {
                continue;
            }
            match write_note(&place.at(&note), origin, size, !ours) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(FileError::new(place.shown(&note), error)),
            }
            match OpenOptions::new().read(true).write(true).create_new(true).open(place.at(&name)) {
                Ok(file) => {
                    // Another client was faster.
                    let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
                    let (place, origin, hasher) = (Arc::clone(place), origin.clone(), Some(Sha256::new()));
                    return Ok(Part { place, origin, number, file, hasher, length: 0, size });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::new(place.shown(&name), error)),
            }
        }
        Err(too_many(place.shown(&origin.file.part(0))))
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes the whole file has, as its owner said when this part was begun.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn error(&self, error: io::Error) -> FileError {
        FileError::new(self.place.shown(&self.origin.file.part(self.number)), error)
    }

    fn note(&self) -> PathBuf {
        self.place.at(&self.origin.file.note(self.number))
    }

    /// Reserves room on the disk for all that is still to come; false where the file system cannot, or where it is the
    /// memory: there it takes as long as writing. What is not used is given back when the part is closed.
    ///
    /// # Errors
    /// That there is no room.
    pub fn reserve(&self) -> Result<bool, FileError> {
        if fstatfs(&*self.file).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC) {
            return Ok(false);
        }
        // With its length kept, the part still tells how much has arrived.
        let length = i64::try_from(self.size).unwrap_or(i64::MAX);
        let reserved = fallocate(&*self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length.max(1));
        match reserved {
            Err(full @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG)) => Err(self.error(full.into())),
            other => Ok(other.is_ok()),
        }
    }

    /// Adds what `read` brings until the part has its size, or `read` fails. The bytes are written and hashed on
    /// another thread: that takes about as long as receiving and decrypting them.
    ///
    /// # Errors
    /// What `read` says, or the system. All that was read before and has room on the disk is in the part.
    pub fn fill<E: From<FileError>>(&mut self, read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        let path = self.place.shown(&self.origin.file.part(self.number));
        let (missing, mut flushed) = (self.size.saturating_sub(self.length), self.length);
        pipe(missing, read, |bytes| self.add(bytes, &mut flushed)).map_err(|end| match end {
            End::Written(error) => FileError::new(path, error).into(),
            End::Read(why) => why,
        })
    }

    /// Writes and hashes these bytes, or as many of them as there is room for. Up to `flushed` the disk has begun.
    fn add(&mut self, bytes: &[u8], flushed: &mut u64) -> io::Result<()> {
        let (has_room, done) = write(&self.file, bytes);
        self.length += has_room as u64;
        self.hasher.iter_mut().for_each(|hasher| hasher.update(&bytes[..has_room]));
        if self.length - *flushed >= FLUSH {
            begin_to_write_back(&self.file, *flushed, self.length);
            *flushed = self.length;
        }
        done
    }

    /// Forgets all bytes: they are of another version of the file, which now has `size` bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn restart(&mut self, size: u64) -> Result<(), FileError> {
        write_note(&self.note(), &self.origin, size, false)
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|error| self.error(error))?;
        (self.hasher, self.length, self.size) = (Some(Sha256::new()), 0, size);
        Ok(())
    }

    /// The hash of all bytes. Those that were there before are read again: `go_on` hears how many are done, and
    /// `None` says that it stopped it.
    ///
    /// # Errors
    /// What the system says.
    pub fn hash(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Option<FileHash>, FileError> {
        match &self.hasher {
            Some(hasher) => Ok(Some(hashes::finish(hasher.clone()))),
            None => hashes::hash(&self.file, self.length, go_on).map_err(|error| self.error(error)),
        }
    }

    /// Leaves the bytes where they are, but nobody goes on from them: they are not of this file.
    pub fn set_aside(self) {
        // Where the note stays, the part is found again, and its hash is wrong again.
        let _ = fs::remove_file(self.note());
    }

    /// Makes the part the file: synced to the disk, under its own name or one with a number, which is returned.
    ///
    /// # Errors
    /// What the system says; the part stays.
    pub fn keep(self) -> Result<String, FileError> {
        self.file.sync_all().map_err(|error| self.error(error))?;
        let part = self.place.at(&self.origin.file.part(self.number));
        if !is_at(&self.file, &part) {
            return Err(self.error(io::Error::other("was taken away while it was written")));
        }
        let kept = self.move_to_free_name(&part)?;
        // What is left over harms nobody.
        let _ = fs::remove_file(self.note());
        self.place.sync();
        Ok(kept)
    }

    fn move_to_free_name(&self, part: &Path) -> Result<String, FileError> {
        for number in 0..MAX_NUMBER {
            let name = self.origin.file.numbered(number);
            let path = self.place.at(&name);
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
            return match moved {
                Ok(()) => Ok(name),
                Err(error) => Err(FileError::new(self.place.shown(&name), error)),
            };
        }
        Err(too_many(self.place.shown(self.origin.file.as_str())))
    }
}

/// Gives back what was reserved and not used.
impl Drop for Part {
    fn drop(&mut self) {
        if self.length < self.size {
            // Where that fails, the next try uses it.
            let _ = self.file.set_len(self.length);
        }
    }
}

/// Writes all bytes, or as many as there is room for: how many, and why no more.
fn write(mut file: &File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn too_many(path: PathBuf) -> FileError {
    FileError::new(path, io::Error::other(format!("there are {MAX_NUMBER} files of that name")))
}

/// Whether `path` is this file, and not another that has taken its place.
pub fn is_at(file: &File, path: &Path) -> bool {
    let same = |path: fs::Metadata, file: fs::Metadata| (path.dev(), path.ino()) == (file.dev(), file.ino());
    path.symlink_metadata().and_then(|path| Ok(same(path, file.metadata()?))).unwrap_or(false)
}

/// Has the disk begin with what was just written, and waits for nothing. That is what Linux does with what it is told not to
/// be needed (posix_fadvise(2)); it keeps what is on its way. A hint: where it does nothing, the sync does it all.
fn begin_to_write_back(file: &File, from: u64, to: u64) {
    let offset = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let _ = posix_fadvise(file, offset(from), offset(to - from), PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

/// `name,file,size`, or `name,WHAT,PATH,size` for a gift, as a CSV record.
fn write_note(note: &Path, origin: &Origin, size: u64, new: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let mut file = if new { options.create_new(true).open(note)? } else { options.open(note)? };
    let record = comma::join(origin.fields.iter().map(String::as_str).chain([size.to_string().as_str()]));
    file.write_all(format!("{record}\n").as_bytes())
}

/// Whose, and how long.
fn read_note(note: &Path) -> Option<(Vec<String>, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(note).ok()?;
    let mut fields = read_record(&file)?;
    let size = fields.pop()?.parse().ok()?;
    Some((fields, size))
}

/// The fields of a note.
pub fn read_record(file: &File) -> Option<Vec<String>> {
    let mut text = String::new();
    file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    Some(comma::split(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn origin(from: &str, file: &str) -> Origin {
        Origin::fetched(&from.parse().expect("valid"), &file.parse().expect("valid"))
    }

    fn place(folder: &Path) -> Arc<Place> {
        Arc::new(Place::open(folder).expect("a folder"))
    }

    fn find(folder: &Path, origin: &Origin) -> Option<Part> {
        Part::find(&place(folder), origin).expect("readable")
    }

    /// Adds bytes, after which no more come.
    fn add(part: &mut Part, mut bytes: &[u8]) {
        let done = part.fill::<FileError>(&mut |into| match bytes.read(into) {
            Ok(read @ 1..) => Ok(read),
            _ => Err(FileError::new("x", io::ErrorKind::UnexpectedEof.into())),
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
        let mut part = Part::create(&place(folder.path()), &bob, 6).expect("created");
        part.reserve().expect("room");
        add(&mut part, b"abc");
        assert!(find(folder.path(), &bob).is_none(), "another fetch is writing to it");
        drop(part);
        assert!(find(folder.path(), &carol).is_none());
        let mut part = find(folder.path(), &bob).expect("there");
        assert_eq!((part.length(), part.size()), (3, 6));
        add(&mut part, b"def");
        let whole = "sha256_bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721";
        assert_eq!(part.hash(&mut |_| true).expect("read").map(|hash| hash.to_string()).as_deref(), Some(whole));
        assert_eq!(part.keep().expect("kept"), "notes, 1.txt");
        assert_eq!(fs::read(folder.path().join("notes, 1.txt")).expect("read"), b"abcdef");
        assert_eq!(names(folder.path()), ["notes, 1.txt"]);
    }

    #[test]
    fn the_part_of_a_gift_is_not_that_of_a_fetch_or_of_another_gift() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = place(folder.path());
        let (bob, file): (Username, FileName) = ("bob".parse().expect("valid"), "a.txt".parse().expect("valid"));
        let given = |what: &str, count, path: &str| {
            let what = What::parse(what, count).expect("valid");
            Origin::given(&bob, &what, &path.parse().expect("valid"), &file)
        };
        let origins = [
            Origin::fetched(&bob, &file),
            given("a.txt", 1, "a.txt"),
            given("d/", 2, "d/a.txt"),
            given("d/", 2, "d/x/a.txt"),
        ];
        let parts = origins.each_ref().map(|origin| Part::create(&place, origin, 6).expect("created"));
        assert_eq!(parts.each_ref().map(|part| part.number), [0, 1, 2, 3]);
        drop(parts);
        let numbers = origins.each_ref().map(|origin| Part::find(&place, origin).expect("readable").map(|p| p.number));
        assert_eq!(numbers, [Some(0), Some(1), Some(2), Some(3)]);
        fs::remove_file(folder.path().join("a.txt.part")).expect("removed");
        let found = Part::find(&place, &origins[3]).expect("readable").expect("beyond a gap");
        found.set_aside();
        assert!(Part::find(&place, &origins[3]).expect("readable").is_none());
        assert!(names(folder.path()).contains(&"a.txt (3).part".to_owned()), "nothing that arrived is deleted");
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        for mine in ["notes.txt", "notes.txt.part", "notes.txt (1).part.from"] {
            fs::write(file(mine), "mine").expect("written");
        }
        fs::create_dir(file("notes (1).txt")).expect("made");
        symlink("/nowhere", file("notes.txt (2).part")).expect("linked");
        symlink("/nowhere", file("notes (2).txt")).expect("linked");
        let before = names(folder.path());
        let mut part = Part::create(&place(folder.path()), &origin("bob", "notes.txt"), 3).expect("created");
        assert_eq!(part.number, 3);
        add(&mut part, b"abc");
        assert_eq!(part.keep().expect("kept"), "notes (3).txt");
        assert_eq!(fs::read(file("notes (3).txt")).expect("read"), b"abc");
        fs::remove_file(file("notes (3).txt")).expect("removed");
        assert_eq!(names(folder.path()), before);
        assert_eq!(fs::read(file("notes.txt.part")).expect("read"), b"mine");
    }

    #[test]
    fn another_version_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let bob = origin("bob", "x");
        let mut part = Part::create(&place(folder.path()), &bob, 6).expect("created");
        add(&mut part, b"abc");
        part.restart(2).expect("emptied");
        add(&mut part, b"de");
        drop(part);
        let part = find(folder.path(), &bob).expect("there");
        assert_eq!((part.length(), part.size()), (2, 2));
        part.keep().expect("kept");
        assert_eq!(fs::read(folder.path().join("x")).expect("read"), b"de");
    }

    #[test]
    fn a_part_that_was_exchanged_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = Part::create(&place(folder.path()), &origin("bob", "x"), 0).expect("created");
        fs::remove_file(folder.path().join("x.part")).expect("removed");
        fs::write(folder.path().join("x.part"), "other").expect("written");
        assert!(part.keep().expect_err("exchanged").to_string().contains("x.part"));
        assert_eq!(names(folder.path()), ["x.part", "x.part.from"]);
    }

    #[test]
    fn what_comes_in_two_steps_is_hashed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut part = Part::create(&place(folder.path()), &origin("bob", "notes.txt"), 6).expect("created");
        add(&mut part, b"abc");
        add(&mut part, b"def");
        fs::write(folder.path().join("notes.txt.part"), "others").expect("written");
        let hash = part.hash(&mut |_| panic!("it is known")).expect("known").expect("not stopped").to_string();
        assert_eq!(hash, "sha256_bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721");
    }

    #[test]
    fn what_the_system_says_of_a_write_ends_the_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut part = Part::create(&place(folder.path()), &origin("bob", "big"), 1 << 40).expect("created");
        add(&mut part, b"abc");
        // To which nothing can be written.
        let only_read = File::open(folder.path().join("big.part.from")).expect("there");
        part.file = Flock::lock(only_read, FlockArg::LockExclusive).expect("locked");
        let mut reads = 0;
        let told = part.fill::<FileError>(&mut |into| {
            reads += 1;
            Ok(into.len())
        });
        assert!(told.expect_err("no room").to_string().ends_with("big.part: Bad file descriptor (os error 9)"));
        assert!(reads < 100, "{reads}");
        let hash = part.hash(&mut |_| panic!("it is known")).expect("known").expect("not stopped").to_string();
        let of_abc = "sha256_ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((part.length(), hash.as_str()), (3, of_abc), "what was not written is not in the hash");
    }

    #[test]
    fn a_disk_without_room_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = Part::create(&place(folder.path()), &origin("bob", "x"), u64::MAX).expect("created");
        assert!(part.reserve().expect_err("no disk has that").is_full());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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
            let origin = Origin::fetched(&"eve".parse().expect("valid"), &file);
            let mut part = Part::create(&place(&downloads), &origin, 3).expect("created");
            add(&mut part, b"abc");
            let kept = part.keep().expect("kept");
            prop_assert!(kept.parse::<FileName>().is_ok());
            prop_assert_eq!(names(root.path()), ["downloads"]);
            prop_assert_eq!(names(&downloads).len(), 1 + usize::from(existing));
        }
    }
}
