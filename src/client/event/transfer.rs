//! A file or a gift on its way, and each step of it as it is shown.

use crate::value::Username;
use std::path::PathBuf;
use std::time::Duration;

/// What kind of transfer, and which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file that we fetch: to us.
    Fetch,
    /// A shared file that a peer fetches: from us.
    Send,
    /// Files that we offered: from us.
    Give,
    /// Files that a peer offered: to us.
    Take,
}

/// Something to show about a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which way.
    pub way: Way,
    /// The other side.
    pub with: Username,
    /// Which file, or what a gift was offered as (`notes.txt`, `folder/`, `3 files`).
    pub what: String,
    /// What happened.
    pub stage: Stage,
}

/// What happens to a transfer. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Stage {
    /// It waits until so many others are done; with 0 it is next, or asked for just now.
    Waiting { before: usize },
    /// It begins: `size` in all, of which `offset` was there before.
    Begun { size: u64, offset: u64 },
    /// So far it is. `file` is the number of the file of a gift, of `count`; 1 of 1 for a single file.
    Progress { done: u64, size: u64, file: usize, count: usize },
    /// So far it is, and nothing has come for some seconds.
    Stalled { done: u64, size: u64 },
    /// Its connection is lost; it is tried again.
    Again { why: String },
    /// It goes on when the session with the server is back.
    Away,
    /// All of it is there and its hash is right; what arrived here is `saved`. `there` bytes were there before.
    Whole { size: u64, there: u64, took: Duration, saved: Option<PathBuf> },
    /// The same file is there already, byte for byte; nothing was sent.
    There { saved: PathBuf },
    /// It was stopped by us. What has arrived (`done`) stays, to go on from.
    Cancelled { done: u64 },
    /// The peer does not take it: declined, no answer, busy.
    Refused { why: String },
    /// It will not come any further, and why. What has arrived (`done`) stays, to go on from.
    Failed { why: String, done: u64 },
    /// One file of a gift was left out, and why; the others go on. `missed`: it should have gone, while links and hidden
    /// files never do.
    LeftOut { file: String, why: String, missed: bool },
}

impl Way {
    /// Whether the bytes come to us.
    pub fn is_inward(self) -> bool {
        matches!(self, Way::Fetch | Way::Take)
    }

    /// Whether we asked for it, so that a failure is ours to count.
    pub fn is_ours(self) -> bool {
        matches!(self, Way::Fetch | Way::Give)
    }
}

impl Stage {
    /// Whether it only tells how far it is.
    pub fn is_progress(&self) -> bool {
        matches!(self, Stage::Progress { .. } | Stage::Stalled { .. })
    }

    /// Whether it has begun, or would have, and nothing comes.
    pub fn stands_still(&self) -> bool {
        matches!(self, Stage::Stalled { .. } | Stage::Again { .. } | Stage::Away)
    }

    /// Whether nothing more comes.
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Stage::Whole { .. }
                | Stage::There { .. }
                | Stage::Cancelled { .. }
                | Stage::Refused { .. }
                | Stage::Failed { .. }
        )
    }
}

impl Step {
    /// Whether it fails something that the person asked for.
    pub fn is_error(&self) -> bool {
        let fails =
            matches!(self.stage, Stage::Failed { .. } | Stage::Refused { .. } | Stage::LeftOut { missed: true, .. });
        self.way.is_ours() && fails
    }
}
