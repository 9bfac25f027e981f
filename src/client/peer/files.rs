//! What is done about files with one peer, as the dispatcher of calls sees it. It knows no folder.

use super::connection::PeerConnection;
use crate::client::call::Call;
use crate::client::event::{CallEnd, Room};
use crate::peer_protocol::Opening;
use crate::value::{FileName, Username};
use std::path::PathBuf;
use std::time::Duration;

/// The calls about files. Each blocks until its call is over, and returns how it ended.
pub trait Files: Send + Sync {
    /// The room for a `GIVE`; `None` where the system does not know, and for everything else.
    fn room(&self, opening: &Opening) -> Option<Room>;

    /// Serves `FILE`, of which the App knows: waits for its order, and sends the file.
    fn send(&self, call: &Call, connection: PeerConnection, opening: &Opening) -> CallEnd;

    /// Serves `GIVE`, of which the App knows: waits for its order, and takes the files.
    fn take(&self, call: &Call, connection: PeerConnection, opening: &Opening) -> CallEnd;

    /// Serves `LIST`, of which the App knows: waits for its order, and tells the names and sizes.
    fn list(&self, call: &Call, connection: PeerConnection, opening: &Opening) -> CallEnd;

    /// Does [`crate::client::event::Work::Fetch`].
    fn fetch(&self, call: &Call, from: Username, file: FileName) -> CallEnd;

    /// Does [`crate::client::event::Work::Give`].
    fn give(&self, call: &Call, to: Username, paths: Vec<PathBuf>, answer: Duration) -> CallEnd;

    /// Does [`crate::client::event::Work::Files`].
    fn ask_list(&self, call: &Call, of: Username) -> CallEnd;
}
