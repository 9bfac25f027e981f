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

    /// What somebody else has done to the file at `path`, as a word behind its name; nothing when nobody did.
    ///
    /// # Errors
    /// What the system says, but not that there is no such file.
    pub fn fate_at(&self, path: &Path) -> io::Result<Option<&'static str>> {
        let now = match fs::metadata(path) {
            Ok(metadata) => SeenFile::read(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some("was deleted")),
            Err(error) => return Err(error),
        };
        Ok(match () {
            () if now == *self => None,
            () if now.which != self.which => Some("was replaced"),
            () if now.length < self.length => Some("was cut"),
            () => Some("was changed"),
        })
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
        let fate = || seen.fate_at(&path).expect("looked at");
        assert_eq!(fate(), None);
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
        assert!(seen.fate_at(&folder.path().join("\0")).is_err());
    }
}
