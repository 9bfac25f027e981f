//! Whether a file that is open here is still the one that lies at its path, as it was left: people edit files.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a file was when it was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// Device and inode: an editor writes a new file, and gives it the name of the old one.
    which: (u64, u64),
    length: u64,
    /// When its content was changed, in seconds and nanoseconds.
    changed: (i64, i64),
}

impl SeenFile {
    /// How `file` is now.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(file: &File) -> io::Result<SeenFile> {
        file.metadata().map(|metadata| SeenFile::read(&metadata))
    }

    fn read(metadata: &Metadata) -> SeenFile {
        SeenFile {
            which: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// How the file at `path` is now; nothing when there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn at(path: &Path) -> io::Result<Option<SeenFile>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(SeenFile::read(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was seen of a file that is as `now` says, to which we have added so many bytes since it was this. When that is
    /// not all that has become of it, or it could not be looked at, it stays this: then the next look finds a change, as
    /// if somebody else had written.
    pub fn with(self, now: io::Result<SeenFile>, added: usize) -> SeenFile {
        let is_ours = |now: &SeenFile| {
            added > 0 && now.which == self.which && now.length == self.length.saturating_add(added as u64)
        };
        now.ok().filter(is_ours).unwrap_or(self)
    }

    /// What somebody has done to this file when `there` is at its path, another than this: words behind its name.
    pub fn fate(&self, there: Option<SeenFile>) -> &'static str {
        match there {
            None => "was deleted",
            Some(there) if there.which != self.which => "was replaced",
            Some(there) if there.length < self.length => "was cut",
            Some(_) => "was changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_others_add_beside_us_is_not_taken_for_ours() {
        let mut file = tempfile::tempfile().expect("a file");
        let seen = SeenFile::of(&file).expect("there");
        file.write_all(b"ours").expect("written");
        assert_eq!(seen.with(Err(ErrorKind::Other.into()), 4), seen, "what is written stays written");
        let ours = seen.with(SeenFile::of(&file), 4);
        assert_eq!(ours, SeenFile::of(&file).expect("there"));
        file.write_all(b"ours, and theirs").expect("written");
        assert_eq!(ours.with(SeenFile::of(&file), 4), ours);
        assert_eq!(ours.with(SeenFile::of(&file), 0), ours, "we have added nothing");
    }

    #[test]
    fn each_change_has_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut file = File::create_new(&path).expect("made");
        file.write_all(b"text").expect("written");
        let seen = SeenFile::of(&file).expect("there");
        let there = || SeenFile::at(&path).expect("looked at");
        let fate = || Some(seen.fate(there()));
        assert_eq!(there(), Some(seen));
        file.write_all(b"more").expect("written");
        assert_eq!(fate(), Some("was changed"));
        file.set_len(1).expect("cut");
        assert_eq!(fate(), Some("was cut"));
        let other = folder.path().join("other");
        fs::write(&other, "text").expect("written");
        fs::rename(other, &path).expect("renamed");
        assert_eq!(fate(), Some("was replaced"));
        fs::remove_file(&path).expect("removed");
        assert_eq!(fate(), Some("was deleted"));
        assert!(SeenFile::at(&folder.path().join("\0")).is_err());
    }
}
