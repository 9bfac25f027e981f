//! Files between peers: what we share and what we fetch.

use super::fetches::Fetches;
use super::folder::Folder;
use super::share::Share;
use std::path::PathBuf;
use std::time::Duration;

/// What the options say about files.
pub struct FileOptions {
    /// The folder that is shared, if any.
    pub share: Option<PathBuf>,
    /// Where fetched files go: by default into the shared folder, so that they are shared in turn, or else into the
    /// current one.
    pub downloads: Option<PathBuf>,
    /// Files that are sent at a time.
    pub upload_slots: usize,
    /// How long no byte of a file may move.
    pub stall: Duration,
}

/// Everything about files that the threads of a client share.
pub struct Files {
    /// What we share, if anything.
    pub share: Option<Share>,
    /// Where fetched files go.
    pub downloads: PathBuf,
    /// How long no byte of a file may move, in or out.
    pub stall: Duration,
    /// The files that are being fetched.
    pub fetches: Fetches,
}

impl Files {
    /// Checks that the folders are there.
    ///
    /// # Errors
    /// A sentence that names the folder.
    pub fn open(options: &FileOptions) -> Result<Files, String> {
        let folder = options.share.as_deref().map(Folder::open).transpose()?;
        let shared = folder.as_ref().map(|folder| folder.path().to_owned());
        let downloads = options.downloads.clone().or(shared).unwrap_or_else(|| PathBuf::from("."));
        match downloads.metadata() {
            Ok(data) if data.is_dir() => {}
            Ok(_) => return Err(format!("the folder for downloads, {}: not a folder", downloads.display())),
            Err(error) => return Err(format!("the folder for downloads, {}: {error}", downloads.display())),
        }
        let share = folder.map(|folder| Share::new(folder, options.upload_slots));
        Ok(Files { share, downloads, stall: options.stall, fetches: Fetches::default() })
    }

    /// Ends all that waits or is under way.
    pub fn close(&self) {
        if let Some(share) = &self.share {
            share.close();
        }
        self.fetches.close();
    }
}
