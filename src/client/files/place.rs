//! A folder that is held open, so that nobody who moves things about leads us elsewhere: where files arrive.

use crate::value::Size;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::statvfs::fstatvfs;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open folder.
#[derive(Debug)]
pub struct Place {
    folder: File,
    /// Its path as it is shown.
    shown: PathBuf,
}

const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Place {
    /// The folder at `path`, which our own side has named: links are followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Place> {
        Ok(Place { folder: File::from(open(path, FOLDER, Mode::empty())?), shown: path.to_owned() })
    }

    /// The folder of this name in it; a link is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter(&self, name: &str) -> io::Result<Place> {
        let folder = openat(&self.folder, name, FOLDER | OFlag::O_NOFOLLOW, Mode::empty())?;
        Ok(Place { folder: File::from(folder), shown: self.shown(name) })
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] where anything has the name.
    pub fn make(&self, name: &str) -> io::Result<Place> {
        mkdirat(&self.folder, name, Mode::from_bits_truncate(0o777))?;
        self.enter(name)
    }

    /// A path to an entry, for system calls: it leads into this very folder, wherever that is moved.
    pub fn at(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd").join(self.folder.as_raw_fd().to_string()).join(name)
    }

    /// The path of an entry, for people.
    pub fn shown(&self, name: &str) -> PathBuf {
        if self.shown == Path::new(".") { PathBuf::from(name) } else { self.shown.join(name) }
    }

    /// The path of the folder itself, for people.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// A regular file in it, to be read; see [`open_regular`].
    ///
    /// # Errors
    /// As there.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        open_regular(&self.at(name))
    }

    /// Whether anything has this name, a link that leads nowhere too.
    pub fn has(&self, name: &str) -> bool {
        self.at(name).symlink_metadata().is_ok()
    }

    /// Tells this folder from every other one on its disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.folder.metadata()?.ino())
    }

    /// The bytes that are free on its disk; `None` where the system does not know.
    pub fn room(&self) -> Option<u64> {
        let disk = fstatvfs(&self.folder).ok()?;
        Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// Says, for people, that this many bytes need more than is free.
    pub fn no_room(&self, needed: u64, free: u64) -> String {
        format!("needs {}, and {} has {} free", Size(needed), self.shown.display(), Size(free))
    }

    /// Has the names of its entries on the disk. An error is not told: there are file systems that cannot.
    pub fn sync(&self) {
        let _ = self.folder.sync_all();
    }
}

/// A regular file, to be read; a link is none, and a pipe does not make us wait.
///
/// # Errors
/// What the system says; [`io::ErrorKind::NotFound`] for what is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // A device is not even opened: that alone can have effects.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_not_followed_and_moves_do_no_harm() {
        let root = tempfile::tempdir().expect("a folder");
        let place = Place::open(root.path()).expect("a folder");
        let made = place.make("made").expect("made");
        assert_eq!(place.make("made").expect_err("there").kind(), io::ErrorKind::AlreadyExists);
        symlink("made", root.path().join("link")).expect("linked");
        symlink("nowhere", root.path().join("dangling")).expect("linked");
        assert!(place.enter("made").is_ok() && place.enter("link").is_err());
        assert!(place.has("dangling") && !place.has("nothing"));
        fs::rename(root.path().join("made"), root.path().join("moved")).expect("moved");
        fs::write(made.at("a"), "abc").expect("written");
        assert_eq!(fs::read(root.path().join("moved/a")).expect("read"), b"abc");
        assert!(made.open_file("a").is_ok() && place.open_file("link").is_err() && place.open_file("moved").is_err());
        assert_eq!(made.shown("a"), root.path().join("made/a"));
        assert!(place.room().is_some_and(|bytes| bytes > 0));
    }
}
