//! What one datagram, or one write, holds for all clients that lack the same broadcasts. It knows no client.

use crate::protocol::{FromServer, MAX_DATAGRAM, TOKEN_LINE};
use crate::server::store::History;
use std::collections::HashMap;
use std::time::Instant;

/// The bytes of lines behind the token in a datagram. The longest line and a `head_` line before it fit.
const ROOM: usize = MAX_DATAGRAM - TOKEN_LINE;

/// Broadcasts packed once for all clients that are owed the same.
pub struct Packs<P> {
    by_owed: HashMap<Span, usize>,
    packs: Vec<Pack<P>>,
}

/// The broadcasts that a client is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The number of the first broadcast.
    pub from: u64,
    /// That of the last; [`NEWEST`] for whatever there is.
    pub until: u64,
    /// Whether the client has all before the first.
    pub is_next: bool,
}

/// The end of what a client is owed that is owed all.
pub const NEWEST: u64 = u64::MAX;

/// One of them.
pub struct Pack<P> {
    /// Nothing when there is nothing to send.
    pub content: Option<P>,
    /// The last broadcast that it tells of. Between that and the next there is nothing to be had, and that is not told.
    pub last: u64,
    /// What is owed next.
    pub next: u64,
}

impl<P> Packs<P> {
    /// The pack for who is owed this, made by `pack` at the first call.
    pub fn of(&mut self, owed: Span, pack: impl FnOnce() -> Pack<P>) -> usize {
        *self.by_owed.entry(owed).or_insert_with(|| {
            self.packs.push(pack());
            self.packs.len() - 1
        })
    }

    /// The pack of this number.
    pub fn get(&self, number: usize) -> &Pack<P> {
        &self.packs[number]
    }
}

impl<P> Default for Packs<P> {
    fn default() -> Self {
        Packs { by_owed: HashMap::new(), packs: Vec::new() }
    }
}

/// One datagram for a client that lacks what it is owed. Where the history has a gap, `head_` tells the client
/// not to wait; but it counts from what the client has, so it is said only where nothing before this datagram can be
/// missing. Else it asks again from the gap on.
pub fn pack_datagram(history: &History, owed: Span, now: Instant) -> Pack<String> {
    let (broadcasts, range) = history.read(owed.from, ROOM, now);
    let says_gaps = owed.is_next || range.first == range.oldest;
    let (mut lines, mut told) = (String::new(), owed.from);
    for broadcast in broadcasts {
        let seq = broadcast.seq;
        if seq > owed.until {
            break;
        }
        if says_gaps && seq > told && add(&mut lines, FromServer::Head(seq - 1)) {
            told = seq;
        }
        if !add(&mut lines, FromServer::Broadcast(broadcast)) {
            // A gap that is not told here begins the next datagram.
            return Pack { content: Some(lines), last: told - 1, next: if says_gaps { told } else { seq } };
        }
        told = seq + 1;
    }
    let next = range.next.min(owed.until.saturating_add(1));
    // Also to who has everything: that is the answer to their hello.
    if says_gaps && (next > told || lines.is_empty()) && add(&mut lines, FromServer::Head(next - 1)) {
        told = next;
    }
    let (last, next) = (told.saturating_sub(1), if says_gaps { told } else { next });
    Pack { content: Some(lines).filter(|lines| !lines.is_empty()), last, next }
}

/// Adds a line to those of a datagram, if it fits behind them. False when it does not.
fn add(lines: &mut String, line: FromServer) -> bool {
    let line = format!("{line}\n");
    let fits = lines.len() + line.len() <= ROOM;
    if fits {
        lines.push_str(&line);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Broadcast;
    use crate::server::store::BroadcastLog;
    use crate::value::Username;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    /// What a folder keeps.
    fn read(folder: &Path) -> Arc<History> {
        let history = Arc::new(History::new(Duration::from_secs(1800)));
        BroadcastLog::open(folder, &history).expect("opens");
        history
    }

    #[test]
    fn a_gap_is_told_only_where_nothing_before_it_can_be_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
        let line = |seq: u64| format!("bcast_{seq}_{now}_bob_text\n");
        let file = format!("head_2\n{}{}head_7\n{}head_11\n{}head_19\n", line(3), line(4), line(8), line(12));
        std::fs::write(folder.path().join("broadcasts.log"), file).expect("written");
        let history = read(folder.path());
        let pack_until = |from, until, is_next| {
            let pack = pack_datagram(&history, Span { from, until, is_next }, Instant::now());
            assert_eq!(pack.next, 20.min(until.saturating_add(1)));
            let lines = pack.content.unwrap_or_default();
            let numbers = lines.lines().map(|line| line.split('_').take(2).collect::<Vec<_>>().join(" "));
            numbers.collect::<Vec<_>>().join(", ").replace("bcast ", "")
        };
        let pack = |from, is_next| pack_until(from, NEWEST, is_next);
        assert_eq!(pack(0, true), "head 2, 3, 4, head 7, 8, head 11, 12, head 19");
        assert_eq!(pack(1, false), pack(0, true), "before 3 there is nothing that could be missing");
        assert_eq!(pack(5, true), "head 7, 8, head 11, 12, head 19");
        assert_eq!(pack(5, false), "8, 12", "3 and 4 may be missing");
        assert_eq!(pack(4, false), "4, 8, 12");
        assert_eq!((pack(13, true), pack(20, true)), ("head 19".to_owned(), "head 19".to_owned()));
        assert_eq!(pack(13, false), "", "12 may be missing");
        assert_eq!((pack_until(4, 4, true), pack_until(4, 4, false)), ("4".to_owned(), "4".to_owned()));
        assert_eq!((pack_until(4, 6, true), pack_until(4, 6, false)), ("4, head 6".to_owned(), "4".to_owned()));
        assert_eq!((pack_until(5, 6, true), pack_until(5, 6, false)), ("head 6".to_owned(), String::new()));
        assert_eq!(pack_until(5, 9, true), "head 7, 8, head 9");
    }

    #[test]
    fn a_gap_that_does_not_fit_behind_the_last_line_begins_the_next_datagram() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
        let line = |seq: u64, length: usize| format!("bcast_{seq}_{now}_bob_{}\n", "x".repeat(length));
        let least = ROOM - line(3, 0).len() - line(4, 500).len();
        for length in least - 20..=least {
            let (begin, end) = (line(3, length) + &line(4, 500), line(6, 1000));
            let file = format!("head_2\n{begin}head_5\n{end}");
            std::fs::write(folder.path().join("broadcasts.log"), &file).expect("written");
            let history = read(folder.path());
            let (mut next, mut lines) = (1, String::new());
            while next < 7 {
                let pack = pack_datagram(&history, Span { from: next, until: NEWEST, is_next: true }, Instant::now());
                let content = pack.content.expect("there is more");
                assert!(content.len() <= ROOM && pack.last + 1 == pack.next && pack.next > next);
                (next, lines) = (pack.next, lines + &content);
            }
            assert_eq!(lines, file);
        }
    }

    #[test]
    fn a_datagram_holds_what_fits_and_never_the_beginning_alone() {
        let history = History::new(Duration::from_secs(1800));
        let (name, text) = ("abcdefghijklmno".parse().expect("a name"), "x".repeat(1024));
        let now = Instant::now();
        let said = |seq| Broadcast { seq, unix_time: 1_700_000_000, from: Username::clone(&name), text: text.clone() };
        history.take((1..=3).map(said), now);
        let pack = pack_datagram(&history, Span { from: 1, until: NEWEST, is_next: true }, now);
        let lines = pack.content.expect("one");
        assert_eq!((lines.lines().count(), pack.next), (1, 2));
        let longest = format!("bcast_{}_{}_{name}_{text}\n", u64::MAX, 99_999_999_999u64).len();
        assert!(longest + format!("head_{}\n", u64::MAX).len() <= ROOM);
    }
}
