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
