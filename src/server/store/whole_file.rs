//! Files that are written anew as a whole, so that nobody ever finds a half.

use super::fault;
use log::warn;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Bytes that are written at once.
const CHUNK: usize = 32 * 1024;

/// Writes a file anew: under another name, synced, and then it is given its own. A process that is ended at any moment
/// leaves the old file or the new one, whole. Where a link leads elsewhere the file there is written; its owner stays who
/// it was, and nobody else may read it. Given is the new file, to be read and appended to.
///
/// # Errors
/// What the system says. The file is as it was before, or it is the new one, whole, and only its name may not survive a power
/// cut: who goes on has to look which one it is.
pub fn write_anew(path: &Path, text: &[u8]) -> io::Result<File> {
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        found => found?,
    };
    let other = new_name(&path);
    let written = write_beside(&path, &other, text);
    if written.is_err() {
        // What is left of it is removed at the next start, too.
        let _ = fs::remove_file(&other);
    }
    written
}

fn write_beside(path: &Path, other: &Path, text: &[u8]) -> io::Result<File> {
    fault::point();
    // What lies there is of nobody's use, may be a link to elsewhere, and has rights of its own.
    match fs::remove_file(other) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(other)?;
    fault::point();
    keep_owner(path, &file)?;
    for part in text.chunks(CHUNK) {
        file.write_all(part)?;
        fault::point();
    }
    file.sync_all()?;
    fault::point();
    fs::rename(other, path)?;
    fault::point();
    sync_folder_of(path)?;
    fault::point();
    OpenOptions::new().read(true).append(true).open(path)
}

/// A server that its owner has started as somebody else, once, takes nothing away from them.
fn keep_owner(path: &Path, new: &File) -> io::Result<()> {
    let was = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let is = new.metadata()?;
    if (was.uid(), was.gid()) == (is.uid(), is.gid()) {
        return Ok(());
    }
    fchown(new, Some(was.uid()), Some(was.gid()))
}

/// What a rewrite that was cut off has left is of no use: the file that has its name is whole.
pub fn remove_half_written(path: &Path) {
    let left = fs::canonicalize(path).map(|path| new_name(&path));
    if let Ok(left) = left.and_then(|left| fs::remove_file(&left).map(|()| left)) {
        warn!(
            "{}: removed: it is what a server left that was ended while it wrote {} anew",
            left.display(),
            path.display()
        );
    }
}

fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// The name of a file must survive a power cut too, and it lies in the folder.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_lies_where_the_new_file_is_written_is_neither_followed_nor_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, elsewhere) = (folder.path().join("users.csv"), folder.path().join("elsewhere"));
        let other = new_name(&path);
        fs::write(&elsewhere, "mine").expect("written");
        symlink(&elsewhere, &other).expect("a link");
        write_anew(&path, b"new").expect("written");
        assert_eq!(fs::read(&elsewhere).expect("there"), b"mine");
        fs::write(&other, "readable by all").expect("written");
        fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).expect("set");
        write_anew(&path, b"newer").expect("written");
        let metadata = fs::symlink_metadata(&path).expect("there");
        assert!(metadata.is_file() && metadata.permissions().mode() & 0o777 == 0o600);
        assert_eq!(fs::read(&path).expect("there"), b"newer");
    }
}
