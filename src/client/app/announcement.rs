//! Telling the server the names of the shared files, and telling it again when they change.

use crate::client::event::Shares;
use crate::protocol::{MAX_LINE, MemberRequest};
use crate::value::{FileName, comma};
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// What the server knows of the shared files, and what it is being told.
#[derive(Debug, Default)]
pub struct Announcement {
    /// What the folder holds.
    pub(super) shares: Option<Shares>,
    /// What the server knows; nothing when that is not known.
    pub(super) known: Option<BTreeSet<FileName>>,
    /// What the server will know when all lines are answered.
    pub(super) telling: Option<BTreeSet<FileName>>,
    pub(super) lines: VecDeque<MemberRequest>,
    pub(super) sent: usize,
    pub(super) not_before: Option<Instant>,
    pub(super) is_asked: bool,
    /// Whether the person was told what is shared.
    pub(super) is_said: bool,
}

impl Announcement {
    /// The login is complete: the server knows nothing yet.
    pub fn begin(&mut self) {
        self.forget();
    }

    /// What the server knew it does not know any more.
    pub fn forget(&mut self) {
        let (shares, is_said) = (self.shares.take(), self.is_said);
        *self = Announcement { shares, is_said, ..Announcement::default() };
    }

    /// When the next line may be sent.
    pub fn deadline(&self) -> Option<Instant> {
        self.not_before.filter(|_| !self.lines.is_empty() && !self.is_asked)
    }
}

/// What makes a server that knows `known` know `names`: `SHARE` where names have come, and all anew where some have
/// gone.
pub(super) fn lines(
    me: &str,
    port: u16,
    known: Option<&BTreeSet<FileName>>,
    names: &BTreeSet<FileName>,
) -> Vec<MemberRequest> {
    match known {
        Some(known) if known.is_subset(names) => pack(None, names.difference(known)),
        _ => {
            let init = MemberRequest::Init { name: me.to_owned(), port: port.to_string(), files: Vec::new() };
            pack(Some(init), names.iter())
        }
    }
}

/// Puts the names into as few lines as the limit for lines allows.
fn pack<'a>(first: Option<MemberRequest>, names: impl Iterator<Item = &'a FileName>) -> Vec<MemberRequest> {
    let mut lines = Vec::from_iter(first);
    // The line end counts.
    let mut length = lines.first().map_or(usize::MAX, |line| line.to_string().len() + 1);
    for name in names {
        let field = comma::join([name.as_str()]).len() + 1;
        if length.saturating_add(field) > MAX_LINE {
            lines.push(MemberRequest::Share(Vec::new()));
            length = "SHARE\n".len();
        }
        length += field;
        if let Some(MemberRequest::Init { files, .. } | MemberRequest::Share(files)) = lines.last_mut() {
            files.push(name.to_string());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{MAX_FILES, Request};
    use proptest::prelude::*;

    fn files(line: &MemberRequest) -> &[String] {
        match line {
            MemberRequest::Init { files, .. } | MemberRequest::Share(files) => files,
            _ => &[],
        }
    }

    proptest! {
        #[test]
        fn no_name_is_lost_and_no_line_too_long(names in prop::collection::btree_set("[ -.0-~ü🎉]{1,60}", 0..400)) {
            let names: BTreeSet<FileName> = names.iter().filter_map(|name| name.parse().ok()).collect();
            let init =
                MemberRequest::Init { name: "alice".to_owned(), port: "4401".to_owned(), files: Vec::new() };
            for first in [None, Some(init)] {
                let lines = pack(first, names.iter());
                prop_assert!(lines.iter().all(|line| line.to_string().len() < MAX_LINE));
                let packed: Vec<_> = lines.iter().flat_map(files).map(String::as_str).collect();
                prop_assert_eq!(packed, names.iter().map(FileName::as_str).collect::<Vec<_>>());
                for line in lines {
                    prop_assert_eq!(Request::parse(&line.to_string()), Ok(line.into()));
                }
            }
        }
    }

    #[test]
    fn many_names_share_a_line() {
        let names: BTreeSet<FileName> = (0..MAX_FILES).map(|n| format!("{n:05}.txt").parse().expect("valid")).collect();
        assert!(pack(None, names.iter()).len() < 30);
    }
}
