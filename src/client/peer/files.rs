//! What is done about files with one peer, as the dispatcher of calls sees it. It knows no folder.

use super::connection::PeerConnection;
use crate::client::call::Call;
use crate::client::event::{CallEnd, Room};
use crate::peer_protocol::What;
use crate::value::{FileName, Username};
use std::path::PathBuf;
use std::time::Duration;

/// What `FILE` asks for.
pub struct Wanted<'a> {
    /// Who asks.
    pub by: &'a Username,
    /// The name as it was sent.
    pub filename: &'a str,
    /// The first byte that is wanted.
    pub offset: u64,
}

/// What `GIVE` offers.
pub struct Offered<'a> {
    /// Who gives.
    pub from: &'a Username,
    /// What it is called.
    pub what: &'a What,
    /// The bytes of all files.
    pub bytes: u64,
    /// How many files there are.
    pub count: u32,
}

/// The calls about files. Each blocks until its call is over, and returns how it ended.
pub trait Files: Send + Sync {
    /// The room for a gift where gifts go by default; `None` where the system does not know.
    fn room(&self, offered: &Offered<'_>) -> Option<Room>;

    /// Serves `FILE`, of which the App knows: waits for its order, and sends the file.
    fn send(&self, call: &Call, connection: PeerConnection, wanted: &Wanted<'_>) -> CallEnd;

    /// Serves `GIVE`, of which the App knows: waits for its order, and takes the files.
    fn take(&self, call: &Call, connection: PeerConnection, offered: &Offered<'_>) -> CallEnd;

    /// Serves `LIST`, of which the App knows: waits for its order, and tells the names and sizes.
    fn list(&self, call: &Call, connection: PeerConnection) -> CallEnd;

    /// Does [`crate::client::event::Work::Fetch`].
    fn fetch(&self, call: &Call, from: Username, file: FileName) -> CallEnd;

    /// Does [`crate::client::event::Work::Give`].
    fn give(&self, call: &Call, to: Username, paths: Vec<PathBuf>, answer: Duration) -> CallEnd;

    /// Does [`crate::client::event::Work::Files`].
    fn ask_list(&self, call: &Call, of: Username) -> CallEnd;
}
