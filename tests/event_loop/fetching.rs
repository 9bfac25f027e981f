//! Files of which a test only wants to know when they are fetched.

use peerline::client::call::Call;
use peerline::client::event::{CallEnd, Room};
use peerline::client::peer::{Files, Offered, PeerConnection, Wanted};
use peerline::value::{FileName, Username};
use std::path::PathBuf;
use std::time::Duration;

/// Does this in the place of a fetch, and nothing in the place of all else.
pub struct Fetching<F>(pub F);

impl<F: Fn(&Call) + Send + Sync> Files for Fetching<F> {
    fn room(&self, _: &Offered<'_>) -> Option<Room> {
        None
    }
    fn send(&self, _: &Call, _: PeerConnection, _: &Wanted<'_>) -> CallEnd {
        CallEnd::Over
    }
    fn take(&self, _: &Call, _: PeerConnection, _: &Offered<'_>) -> CallEnd {
        CallEnd::Over
    }
    fn list(&self, _: &Call, _: PeerConnection) -> CallEnd {
        CallEnd::Over
    }
    fn fetch(&self, call: &Call, _: Username, _: FileName) -> CallEnd {
        (self.0)(call);
        CallEnd::Over
    }
    fn give(&self, _: &Call, _: Username, _: Vec<PathBuf>, _: Duration) -> CallEnd {
        CallEnd::Over
    }
    fn ask_list(&self, _: &Call, _: Username) -> CallEnd {
        CallEnd::Over
    }
}
