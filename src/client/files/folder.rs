//! The shared folder: which of its files others may have, and the way to open one of them and nothing else.

use super::gift_folder::is_note;
use crate::client::event::Shares;
use crate::peer_protocol::SharedFile;
use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};
use crate::value::{FileName, InvalidFileName};
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Names that cannot be told to others, of which no more are kept to be shown.
const MAX_ODD: usize = 100;

/// A folder whose regular files are shared. Its subfolders and hidden files are not, nor are links that leave it, and what is
/// noted of gifts and of fetches that arrive there.
pub struct Folder {
    /// Absolute and without links, so that what is resolved can be compared with it.
    path: PathBuf,
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

    /// What is in it now; a folder that is gone shares nothing, and the answer says so.
    pub fn look(&self) -> Shares {
        let mut shares = Shares::default();
        if let Err(error) = self.look_into(&mut shares) {
            let why = format!("{}: {error}", self.path.display());
            return Shares { unreadable: Some(why), ..Shares::default() };
        }
        shares
    }

    fn look_into(&self, shares: &mut Shares) -> io::Result<()> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            match FileName::of_entry(&entry.file_name()) {
                Some(Ok(name)) => {
                    // The type costs no system call, except for a link.
                    let shared = |kind: FileType| {
                        kind.is_file() && !is_note(&self.path, &name) || kind.is_symlink() && self.find(&name).is_ok()
                    };
                    if entry.file_type().is_ok_and(shared) {
                        add(shares, &mut bytes, name);
                    }
                }
                Some(Err(InvalidFileName::Hidden | InvalidFileName::Part)) => {}
                Some(Err(InvalidFileName::Length | InvalidFileName::Character)) | None => {
                    if shares.odd.len() < MAX_ODD {
                        shares.odd.insert(format!("{:?}", entry.file_name()));
                    }
                }
            }
        }
        Ok(())
    }

    /// The shared files with their sizes and times, by name; as many as one client may announce.
    pub fn files(&self) -> Vec<SharedFile> {
        // What goes away meanwhile is left out.
        self.look().names.into_iter().filter_map(|name| self.file(name).ok()).collect()
    }

    fn file(&self, name: FileName) -> io::Result<SharedFile> {
        let data = fs::symlink_metadata(self.path.join(self.find(&name)?))?;
        let modified = data.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(SharedFile { name, size: data.len(), modified })
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
        if is_note(&self.path, name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        match resolved.strip_prefix(&self.path) {
            // A device is not even opened: that alone can have effects.
            Ok(inside) if fs::symlink_metadata(&resolved)?.is_file() => Ok(inside.to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Adds a name of a listing whose names have so many bytes, or leaves out the last ones when that makes too many.
fn add(shares: &mut Shares, bytes: &mut usize, name: FileName) {
    *bytes += name.as_str().len();
    shares.names.insert(name);
    while shares.names.len() > MAX_FILES || *bytes > MAX_FILE_BYTES {
        let Some(last) = shares.names.pop_last() else { break };
        *bytes -= last.as_str().len();
        shares.left_out += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::io::Read;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{MetadataExt, symlink};
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
            ("shared/letter.from", "inside"),
        ] {
            fs::write(root.path().join(path), text).expect("written");
        }
        let inode = fs::metadata(shared.join("sub")).expect("there").ino();
        fs::write(shared.join("sub.from"), format!("eve,sub/,{inode}\n")).expect("written");
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
        let listing = folder.look();
        let names: Vec<_> = listing.names.iter().map(FileName::as_str).collect();
        assert_eq!(names, ["a, \"b\" ü 🎉.txt", "letter.from", "within"]);
        assert_eq!(listing.odd.into_iter().collect::<Vec<_>>(), [r#""caf\xE9""#]);
        assert_eq!((listing.left_out, listing.unreadable), (0, None));
        let files = folder.files();
        assert_eq!(
            files.iter().map(|file| (file.name.as_str(), file.size)).collect::<Vec<_>>(),
            [("a, \"b\" ü 🎉.txt", 6), ("letter.from", 6), ("within", 6)]
        );
        assert!(files.iter().all(|file| file.modified > 0));
    }

    #[test]
    fn what_is_listed_can_be_opened_and_the_rest_cannot() {
        let (_root, folder) = folder();
        for entry in fs::read_dir(folder.path()).expect("readable") {
            let Some(Ok(name)) = FileName::of_entry(&entry.expect("an entry").file_name()) else { continue };
            let listed = folder.look().names.contains(&name);
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
    fn a_folder_that_is_gone_shares_nothing() {
        let (root, folder) = folder();
        fs::rename(root.path().join("shared"), root.path().join("away")).expect("moved");
        let listing = folder.look();
        assert!(listing.names.is_empty());
        assert!(listing.unreadable.is_some_and(|why| why.contains("shared")));
    }

    #[test]
    fn more_than_one_may_announce_is_left_out() {
        let (mut shares, mut bytes) = (Shares::default(), 0);
        (0..=MAX_FILES).for_each(|number| add(&mut shares, &mut bytes, format!("{number:05}").parse().expect("valid")));
        assert_eq!((shares.names.len(), shares.left_out), (MAX_FILES, 1));
        assert_eq!(shares.names.last().map(FileName::as_str), Some("09999"));
        let (mut shares, mut bytes) = (Shares::default(), 0);
        (0..5000).for_each(|number| add(&mut shares, &mut bytes, format!("{number:0250}").parse().expect("valid")));
        assert_eq!((shares.names.len(), shares.left_out), (MAX_FILE_BYTES / 250, 5000 - MAX_FILE_BYTES / 250));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
        #[test]
        fn nothing_outside_is_ever_read(asked in prop::collection::vec(
            prop::sample::select(vec!["/", "..", ".", "secret", "shared", "sub", "deep", "etc", "within", "folder",
                "relative", "absolute", "pipe", "device", "loop", ".hidden", "x.part", "sub.from", "\0", "\\", "%2e", "a"]), 0..8)) {
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
