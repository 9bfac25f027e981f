//! Telling the server the names of the shared files, and telling it again when they change.

use super::desk::Desk;
use super::folder::{Folder, Listing};
use crate::protocol::{MAX_FILES, MAX_LINE, MemberRequest, Reply, Request};
use crate::value::FileName;
use crate::value::comma;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

/// Lines that are sent at once. The server takes 40 in a burst and then 20 a second, and the person needs some.
const BURST: usize = 15;
/// The pause after each further line.
const PACE: Duration = Duration::from_millis(65);

/// What the person was told.
#[derive(Default)]
struct Told {
    odd: BTreeSet<OsString>,
    left_out: usize,
    unreadable: bool,
    begun: bool,
}

/// Announces the shared files until the end.
pub fn run(desk: &Desk) {
    let Some(share) = &desk.files.share else { return };
    let folder = &share.folder;
    let mut told = Told::default();
    // What the server knows; nothing when that is not known.
    let mut known: Option<BTreeSet<FileName>> = None;
    while let Some(due) = share.wait() {
        if due.anew {
            known = None;
        }
        let listing = told.look(desk, folder);
        if known.as_ref() == Some(&listing.names) {
            continue;
        }
        let lines = lines(desk, due.port, known.as_ref(), &listing.names);
        match lines.iter().enumerate().try_for_each(|(number, line)| say(desk, number, line)) {
            Ok(()) => {
                told.shared(desk, folder, &listing);
                known = Some(listing.names);
            }
            Err(NotTold::Gone) => known = None,
            // A server that asks for the password is told everything when we are back.
            Err(NotTold::Refused(_)) if desk.token().is_none() => known = None,
            Err(NotTold::Refused(why)) => {
                desk.screen.refuse(format!("Not shared: {why}"));
                known = Some(listing.names);
            }
        }
    }
}

/// Why the server does not know our files.
enum NotTold {
    /// It is away, and told everything when we are back; or we leave.
    Gone,
    /// It said no, and why.
    Refused(String),
}

/// One line, not too fast after those before it.
fn say(desk: &Desk, number: usize, line: &Request) -> Result<(), NotTold> {
    if number >= BURST && desk.end.wait(PACE) {
        return Err(NotTold::Gone);
    }
    match desk.request(line).map_err(|_| NotTold::Gone)?.end {
        Reply::Err(why) => Err(NotTold::Refused(why.to_string())),
        _ => Ok(()),
    }
}

/// What makes a server that knows `known` know `names`: `SHARE` where names have come, and all anew where some have
/// gone.
fn lines(desk: &Desk, port: u16, known: Option<&BTreeSet<FileName>>, names: &BTreeSet<FileName>) -> Vec<Request> {
    match known {
        Some(known) if known.is_subset(names) => pack(None, names.difference(known)),
        _ => {
            let name = desk.name().map(|name| name.to_string()).unwrap_or_default();
            let init = Request::Member(MemberRequest::Init { name, port: port.to_string(), files: Vec::new() });
            pack(Some(init), names.iter())
        }
    }
}

/// Puts the names into as few lines as the limit for lines allows.
fn pack<'a>(first: Option<Request>, names: impl Iterator<Item = &'a FileName>) -> Vec<Request> {
    let mut lines = Vec::from_iter(first);
    // The line end counts.
    let mut length = lines.first().map_or(usize::MAX, |line| line.to_string().len() + 1);
    for name in names {
        let field = comma::join([name.as_str()]).len() + 1;
        if length.saturating_add(field) > MAX_LINE {
            lines.push(Request::Member(MemberRequest::Share(Vec::new())));
            length = "SHARE\n".len();
        }
        length += field;
        if let Some(Request::Member(MemberRequest::Init { files, .. }) | Request::Member(MemberRequest::Share(files))) =
            lines.last_mut()
        {
            files.push(name.to_string());
        }
    }
    lines
}

impl Told {
    /// What is in the folder; tells the person what they would not expect, once.
    fn look(&mut self, desk: &Desk, folder: &Folder) -> Listing {
        let listing = match folder.list() {
            Ok(listing) => listing,
            Err(error) => {
                if !self.unreadable {
                    desk.screen.refuse(format!("{}: {error}: nothing is shared", folder.path().display()));
                }
                self.unreadable = true;
                return Listing::default();
            }
        };
        self.unreadable = false;
        let mut new = listing.odd.difference(&self.odd);
        if let Some(first) = new.next() {
            let more = match new.count() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            desk.screen
                .info(format!("Not shared: {first:?}{more}: names that are not UTF-8, or hold control characters"));
        }
        if listing.left_out > 0 && self.left_out == 0 {
            desk.screen.refuse(format!(
                "Left out in {}: {}, as at most {MAX_FILES} names and 1 MiB of them can be shared",
                folder.path().display(),
                listing.left_out
            ));
        }
        self.odd.clone_from(&listing.odd);
        self.left_out = listing.left_out;
        listing
    }

    fn shared(&mut self, desk: &Desk, folder: &Folder, listing: &Listing) {
        if !std::mem::replace(&mut self.begun, true) {
            desk.screen.info(format!("Sharing {} files in {}.", listing.names.len(), folder.path().display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn files(line: &Request) -> &[String] {
        match line {
            Request::Member(MemberRequest::Init { files, .. }) | Request::Member(MemberRequest::Share(files)) => files,
            _ => &[],
        }
    }

    proptest! {
        #[test]
        fn no_name_is_lost_and_no_line_too_long(names in prop::collection::btree_set("[ -.0-~ü🎉]{1,60}", 0..400)) {
            let names: BTreeSet<FileName> = names.iter().filter_map(|name| name.parse().ok()).collect();
            let init = Request::Member(MemberRequest::Init { name: "alice".to_owned(), port: "4401".to_owned(), files: Vec::new() });
            for first in [None, Some(init)] {
                let lines = pack(first, names.iter());
                prop_assert!(lines.iter().all(|line| line.to_string().len() < MAX_LINE));
                let packed: Vec<_> = lines.iter().flat_map(files).map(String::as_str).collect();
                prop_assert_eq!(packed, names.iter().map(FileName::as_str).collect::<Vec<_>>());
                prop_assert_eq!(Request::parse(&lines.last().map(|line| line.to_string()).unwrap_or_default()).ok(), lines.last().cloned());
            }
        }
    }

    #[test]
    fn many_names_share_a_line() {
        let names: BTreeSet<FileName> = (0..MAX_FILES).map(|n| format!("{n:05}.txt").parse().expect("valid")).collect();
        assert!(pack(None, names.iter()).len() < 30);
    }
}
