//! The shared folder: which of its files others may have, and the way to open one of them and nothing else.

use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};
use crate::value::{FileName, InvalidFileName};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// Names that cannot be told to others, of which no more are kept to be shown.
const MAX_ODD: usize = 100;

/// A folder whose regular files are shared. Its subfolders and hidden files are not, nor are links that leave it.
pub struct Folder {
    /// Absolute and without links, so that what is resolved can be compared with it.
    path: PathBuf,
}

/// What is in a folder at some moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files that are shared, as many as one client may announce.
    pub names: BTreeSet<FileName>,
    /// Their bytes.
    bytes: usize,
    /// How many more there are.
    pub left_out: usize,
    /// Names that cannot be told to others: not UTF-8, or with control characters.
    pub odd: BTreeSet<OsString>,
}

impl Listing {
    /// Adds a name, or leaves out the last ones when that makes too many.
    fn add(&mut self, name: FileName) {
        self.bytes += name.as_str().len();
        self.names.insert(name);
        while self.names.len() > MAX_FILES || self.bytes > MAX_FILE_BYTES {
            let Some(last) = self.names.pop_last() else { break };
            self.bytes -= last.as_str().len();
            self.left_out += 1;
        }
    }
}

impl Folder {
    /// The folder at `path`.
    ///
    /// # Errors
    /// A sentence that names it: it is not there, not a folder, or not readable.
    pub fn open(path: &Path) -> Result<Folder, String> {
        let sentence = |error: io::Error| format!("the folder to share, {}: {error}", path.display());
        let folder = Folder { path: path.canonicalize().map_err(sentence)? };
        fs::read_dir(&folder.path).map_err(sentence)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it now.
    ///
    /// # Errors
    /// What the system says: the folder may be gone.
    pub fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            match FileName::of_entry(&entry.file_name()) {
                Some(Ok(name)) => {
                    // The type costs no system call, except for a link.
                    let shared = |kind: FileType| kind.is_file() || kind.is_symlink() && self.find(&name).is_ok();
                    if entry.file_type().is_ok_and(shared) {
                        listing.add(name);
                    }
                }
                Some(Err(InvalidFileName::Hidden | InvalidFileName::Part)) => {}
                Some(Err(InvalidFileName::Length | InvalidFileName::Character)) | None => {
                    if listing.odd.len() < MAX_ODD {
                        listing.odd.insert(entry.file_name());
                    }
                }
            }
        }
        Ok(listing)
    }

    /// Opens a shared file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for whatever is not shared, so that nobody learns what else is there; or what the
    /// system says.
    pub fn open_file(&self, name: &FileName) -> io::Result<File> {
        let inside = self.find(name)?;
        // Component by component, without following links: nobody who changes the folder meanwhile leads us out.
        let folder = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut at = open(&self.path, folder, Mode::empty())?;
        for parent in inside.parent().into_iter().flatten() {
            at = openat(&at, parent, folder, Mode::empty())?;
        }
        // A pipe that took the file's place would make a plain open wait.
        let file = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(&at, inside.file_name().unwrap_or_default(), file, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Where the file of this name is, as a path from the folder: another than the name where that is a link.
    fn find(&self, name: &FileName) -> io::Result<PathBuf> {
        let resolved = name.in_folder(&self.path).canonicalize()?;
        match resolved.strip_prefix(&self.path) {
            // A device is not even opened: that alone can have effects.
            Ok(inside) if fs::symlink_metadata(&resolved)?.is_file() => Ok(inside.to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A folder with everything in it that must not be shared, and a secret beside it.
    fn folder() -> (TempDir, Folder) {
        let root = tempfile::tempdir().expect("a folder");
        let shared = root.path().join("shared");
        fs::create_dir_all(shared.join("sub/.git")).expect("made");
        for (path, text) in [
            ("secret", "secret"),
            ("shared/a, \"b\" ü 🎉.txt", "inside"),
            ("shared/.hidden", "secret"),
            ("shared/x.part", "secret"),
            ("shared/sub/deep", "inside"),
        ] {
            fs::write(root.path().join(path), text).expect("written");
        }
        fs::write(shared.join(OsString::from_vec(b"caf\xe9".to_vec())), "odd").expect("written");
        for (to, link) in [
            ("../secret", "relative"),
            ("/etc/hostname", "absolute"),
            ("sub/deep", "within"),
            ("sub", "folder"),
            ("nothing", "dangling"),
            ("loop", "loop"),
            ("/dev/zero", "device"),
        ] {
            symlink(to, shared.join(link)).expect("linked");
        }
        nix::unistd::mkfifo(&shared.join("pipe"), Mode::S_IRWXU).expect("a pipe");
        let folder = Folder::open(&shared).expect("a folder");
        (root, folder)
    }

    #[test]
    fn only_files_that_stay_inside_are_listed() {
        let (_root, folder) = folder();
        let listing = folder.list().expect("listed");
        let names: Vec<_> = listing.names.iter().map(FileName::as_str).collect();
        assert_eq!(names, ["a, \"b\" ü 🎉.txt", "within"]);
        assert_eq!(listing.odd.len(), 1);
        assert_eq!(listing.left_out, 0);
    }

    #[test]
    fn what_is_listed_can_be_opened_and_the_rest_cannot() {
        let (_root, folder) = folder();
        for entry in fs::read_dir(folder.path()).expect("readable") {
            let Some(Ok(name)) = FileName::of_entry(&entry.expect("an entry").file_name()) else { continue };
            let listed = folder.list().expect("listed").names.contains(&name);
            assert_eq!(folder.open_file(&name).is_ok(), listed, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_none_is_named() {
        let (root, _folder) = folder();
        for path in ["nothing", "secret"] {
            let why = Folder::open(&root.path().join(path)).err().expect("no folder");
            assert!(why.contains(path), "{why}");
        }
    }

    #[test]
    fn more_than_one_may_announce_is_left_out() {
        let mut listing = Listing::default();
        (0..=MAX_FILES).for_each(|number| listing.add(format!("{number:05}").parse().expect("valid")));
        assert_eq!((listing.names.len(), listing.left_out), (MAX_FILES, 1));
        assert_eq!(listing.names.last().map(FileName::as_str), Some("09999"));
        let mut listing = Listing::default();
        (0..5000).for_each(|number| listing.add(format!("{number:0250}").parse().expect("valid")));
        assert_eq!((listing.names.len(), listing.left_out), (MAX_FILE_BYTES / 250, 5000 - MAX_FILE_BYTES / 250));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_outside_is_ever_read(asked in prop::collection::vec(
            prop::sample::select(vec!["/", "..", ".", "secret", "shared", "sub", "deep", "etc", "within", "folder",
                "relative", "absolute", "pipe", "device", "loop", ".hidden", "x.part", "\0", "\\", "%2e", "a"]), 0..8)) {
            let (_root, folder) = folder();
            let Ok(name) = asked.concat().parse::<FileName>() else { return Ok(()) };
            if let Ok(mut file) = folder.open_file(&name) {
                let mut text = String::new();
                file.read_to_string(&mut text).expect("text");
                prop_assert_eq!(text, "inside");
            }
        }
    }
}
