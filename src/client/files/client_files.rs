//! All that the calls of a client about files have in common: the folders, the hashes, and the limits.

use super::folder::Folder;
use super::hashes::Hashes;
use super::place::Place;
use super::watch::{self, Looker, Watcher};
use super::{fetch, give, listing, take, upload};
use crate::client::call::Call;
use crate::client::event::{CallEnd, Room};
use crate::client::peer::{Files, Offered, PeerConnection, Wanted};
use crate::value::{FileName, Username};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the options say about files.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The folder that is shared, if any.
    pub share: Option<PathBuf>,
    /// Where fetched files and gifts go: by default into the shared folder, so that they are shared in turn, or else
    /// into the current one.
    pub downloads: Option<PathBuf>,
    /// How long no byte of a file may move, in or out.
    pub stall: Duration,
}

/// The files of a client, for the calls about them. Each call is on a thread of its own.
pub struct ClientFiles {
    share: Option<Arc<Folder>>,
    downloads: PathBuf,
    hashes: Hashes,
    stall: Duration,
}

impl ClientFiles {
    /// Checks that the folders are there.
    ///
    /// # Errors
    /// A sentence that names the folder.
    pub fn new(options: FileOptions) -> Result<ClientFiles, String> {
        let FileOptions { share, downloads, stall } = options;
        let share = share.as_deref().map(Folder::open).transpose()?.map(Arc::new);
        let shared = share.as_ref().map(|folder| folder.path().to_owned());
        let downloads = downloads.or(shared).unwrap_or_else(|| PathBuf::from("."));
        match downloads.metadata() {
            Ok(data) if data.is_dir() => {}
            Ok(_) => return Err(format!("the folder for downloads, {}: not a folder", downloads.display())),
            Err(error) => return Err(format!("the folder for downloads, {}: {error}", downloads.display())),
        }
        Ok(ClientFiles { share, downloads, hashes: Hashes::default(), stall })
    }

    /// The folder that is shared, absolute and without links; `None` when nothing is.
    pub fn share(&self) -> Option<&Path> {
        self.share.as_ref().map(|folder| folder.path())
    }

    /// Where fetched files go, and gifts that are accepted without naming a folder.
    pub fn downloads(&self) -> &Path {
        &self.downloads
    }

    /// What watches the shared folder, for a thread of its own, and the end that has it look and stops it; `None` when
    /// nothing is shared.
    ///
    /// # Errors
    /// What the system says.
    pub fn watcher(&self) -> io::Result<Option<(Looker, Watcher)>> {
        self.share.as_ref().map(|folder| watch::new(Arc::clone(folder))).transpose()
    }
}

impl Files for ClientFiles {
    fn room(&self, offered: &Offered<'_>) -> Option<Room> {
        take::room(&Place::open(&self.downloads).ok()?, offered.what, offered.bytes)
    }

    fn send(&self, call: &Call, connection: PeerConnection, wanted: &Wanted<'_>) -> CallEnd {
        let shelf = upload::Shelf { share: self.share.as_deref(), hashes: &self.hashes, stall: self.stall };
        upload::serve(call, connection, wanted, &shelf);
        CallEnd::Over
    }

    fn take(&self, call: &Call, connection: PeerConnection, offered: &Offered<'_>) -> CallEnd {
        take::serve(call, connection, offered, &self.hashes, self.stall);
        CallEnd::Over
    }

    fn list(&self, call: &Call, connection: PeerConnection) -> CallEnd {
        listing::serve(call, &connection, self.share.as_deref());
        CallEnd::Over
    }

    fn fetch(&self, call: &Call, from: Username, file: FileName) -> CallEnd {
        let shelf = fetch::Shelf { downloads: &self.downloads, hashes: &self.hashes, stall: self.stall };
        fetch::run(call, from, file, &shelf);
        CallEnd::Over
    }

    fn give(&self, call: &Call, to: Username, paths: Vec<PathBuf>, answer: Duration) -> CallEnd {
        give::run(call, give::Offer { to, paths, answer }, &self.hashes, self.stall);
        CallEnd::Over
    }

    fn ask_list(&self, call: &Call, of: Username) -> CallEnd {
        CallEnd::Files(listing::ask(call, of))
    }
}
