//! What was sent and seen, in order and with the time: what a report shows of a check.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The most characters of one line that a report shows.
const SHOWN: usize = 120;
/// How much of a longer one.
const BEGINNING: usize = 60;
/// The most entries: a check with more has long shown what it is about.
const MOST: usize = 20_000;

/// Whether it went to the server or came from it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Sent,
    Seen,
    SentDatagram,
    SeenDatagram,
    /// Something that the server did otherwise, or did not do.
    Happened,
    /// Something that the grader did otherwise, such as a signal.
    Note,
}

/// A line of the record.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose connection: `A` is the first client.
    pub who: String,
    /// Since the first one.
    pub at: Duration,
    pub way: Way,
    /// Safe to show, and short.
    pub text: String,
    /// What would have been right here: the line is the one that differs.
    pub expected: Option<String>,
}

/// The record of one check, which all its connections write.
pub struct Record {
    /// The time of its first entry.
    began: OnceLock<Instant>,
    entries: Mutex<Vec<Entry>>,
    /// Bytes that the server has sent.
    bytes: AtomicU64,
}

impl Record {
    pub fn new() -> Record {
        Record { began: OnceLock::new(), entries: Mutex::default(), bytes: AtomicU64::new(0) }
    }

    pub fn add(&self, who: &str, way: Way, bytes: &[u8]) {
        let is_cut_off = way == Way::Sent && bytes.len() > SHOWN && !bytes.contains(&b'\n');
        self.add_text(who, way, shown(bytes) + if is_cut_off { " without a line end" } else { "" });
    }

    /// Something that the server did, other than to send bytes.
    pub fn happened(&self, who: &str, text: impl Into<String>) {
        self.add_text(who, Way::Happened, text.into());
    }

    /// Something that the grader did, other than to send bytes.
    pub fn note(&self, who: &str, text: impl Into<String>) {
        self.add_text(who, Way::Note, text.into());
    }

    fn add_text(&self, who: &str, way: Way, text: String) {
        let at = self.time();
        let mut entries = self.lock();
        if entries.len() < MOST {
            entries.push(Entry { who: who.to_owned(), at, way, text, expected: None });
        }
    }

    /// Marks the last thing that was seen on this connection as the one that differs.
    pub fn mark(&self, who: &str, expected: &str) {
        let mut entries = self.lock();
        if entries.iter().any(|entry| entry.expected.is_some()) {
            return; // The first one counts, where threads find several.
        }
        let is_server = |way: Way| matches!(way, Way::Seen | Way::SeenDatagram | Way::Happened);
        let of_server = |entry: &&mut Entry| entry.who == who && is_server(entry.way);
        match entries.iter_mut().rev().find(of_server) {
            Some(entry) => entry.expected = Some(expected.to_owned()),
            None => {
                let (who, text, at) = (who.to_owned(), "(nothing)".to_owned(), self.time());
                entries.push(Entry { who, at, way: Way::Happened, text, expected: Some(expected.to_owned()) });
            }
        }
    }

    fn time(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    pub fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many bytes the server has sent.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes as text that does nothing to a terminal: what is no plain character becomes an escape, and what is long is cut.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    // Only the beginning of what is long is looked at.
    let head = &bytes[..bytes.len().min(4 * SHOWN)];
    for chunk in head.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_invisible(c) { text.extend(c.escape_default()) } else { text.push(c) }
        }
        let cut_by_us = head.len() < bytes.len() && text.chars().count() >= BEGINNING;
        chunk.invalid().iter().filter(|_| !cut_by_us).for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    if text.chars().count() <= SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    format!("{beginning}... ({} bytes)", bytes.len())
}

/// What turns the direction of writing, or has no look of its own.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_harmless_and_short() {
        assert_eq!(shown("lp\n".as_bytes()), "lp\\n");
        assert_eq!(shown(b"a\xffb\x1b[2J"), "a\\xffb\\u{1b}[2J");
        assert_eq!(shown("gr\u{fc}\u{df}e \u{202e}".as_bytes()), "grüße \\u{202e}");
        let long = shown(&[b'A'; 4096]);
        assert_eq!(long, format!("{}... (4096 bytes)", "A".repeat(BEGINNING)));
        // A character that the cut divides is no wrong byte.
        assert!(!shown("€".repeat(1000).as_bytes()).contains("\\x"));
    }

    #[test]
    fn the_mark_stands_at_what_was_seen_last_of_that_client() {
        let record = Record::new();
        record.add("A", Way::Seen, b"OK");
        record.add("B", Way::Seen, b"ERR,no");
        record.add("A", Way::Sent, b"help\n");
        record.mark("A", "ERR,");
        record.mark("B", "never two");
        let marked: Vec<_> = record.entries().into_iter().map(|entry| entry.expected).collect();
        assert_eq!(marked, [Some("ERR,".to_owned()), None, None]);
    }
}
