//! A data folder: which server has it, and whether it belongs to a house.

use super::users_file::in_file;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The file that says which house a folder belongs to.
const HOUSE: &str = "house";

/// A folder that no other server has, as long as this value lives.
pub struct FolderLock(#[expect(dead_code, reason = "it is held, and let go at the end")] Flock<File>);

/// Makes the folder if need be, and keeps every other server out of it: alone or in a house.
///
/// # Errors
/// One sentence that names the folder.
pub fn lock(folder: &Path) -> Result<FolderLock, String> {
    fs::create_dir_all(folder).map_err(|error| in_file(folder, error))?;
    // The folder itself: a file in it could be deleted while the server runs.
    let file = File::open(folder).map_err(|error| in_file(folder, error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(locked) => Ok(FolderLock(locked)),
        Err((_, Errno::EWOULDBLOCK)) => Err(format!(
            "{}: another server uses this data folder; stop it or choose another with --data",
            folder.display()
        )),
        Err((_, error)) => Err(in_file(folder, error.into())),
    }
}

/// Where that file is, or would be.
pub fn house_file(folder: &Path) -> PathBuf {
    folder.join(HOUSE)
}

/// Whether the accounts are not those of the folder, but of the house that it belongs to.
pub fn is_of_house(folder: &Path) -> bool {
    house_file(folder).symlink_metadata().is_ok()
}
