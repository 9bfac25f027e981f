//! Broadcasts of the last half hour, in memory and on disk: clients that come online later still get them.
//!
//! On disk they are the very `bcast_` lines, in two files: lines go to `broadcasts.log`; when its first line has
//! outlived the window, or it has grown too large, it takes the place of `broadcasts.old.log`, whose lines nobody
//! needs any more. The last line of all says where the sequence goes on after a restart.

use super::accounts::{in_file, private_file};
use crate::protocol::{Broadcast, BroadcastText};
use crate::value::Username;
use log::warn;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The most that is kept, in bytes of lines, in memory and in each of the two files. More than half an hour of
/// 8 KiB a second; beyond it the oldest go before their time.
const MAX_BYTES: usize = 16 << 20;

/// Beyond it no server comes, and what says so is damaged: a number must have others behind it.
const MAX_SEQ: u64 = u64::MAX / 2;
/// The most lines in a row that may be missing: no file holds more.
const MAX_JUMP: u64 = 1_000_000;

/// The broadcasts of a data folder.
pub struct History {
    folder: PathBuf,
    window: Duration,
    max_bytes: usize,
    state: Mutex<State>,
}

struct State {
    /// Without gaps: the sequence number grows by one an entry.
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The sequence number of the last broadcast there ever was; 0 before the first.
    head: u64,
    file: Arc<File>,
    file_bytes: u64,
    /// When the first line of the current file was taken.
    file_began: Option<Instant>,
    unsynced: bool,
    /// The file before this one, when lines of it are not synced yet.
    unsynced_old: Option<Arc<File>>,
}

/// A broadcast, whose number is given by its place.
struct Entry {
    unix_time: u64,
    from: Username,
    text: Box<str>,
    taken: Instant,
    /// Of its line, with the LF.
    bytes: usize,
}

/// Where some broadcasts of the history lie in the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The sequence number of the first; what was asked for before it has expired.
    pub first: u64,
    /// The sequence number after the last.
    pub next: u64,
}

impl History {
    /// Opens the history of `folder`, which exists, and keeps each broadcast for `window`.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(folder: &Path, window: Duration) -> Result<History, String> {
        Self::open_with(folder, window, MAX_BYTES)
    }

    fn open_with(folder: &Path, window: Duration, max_bytes: usize) -> Result<History, String> {
        let (old, current) = paths(folder);
        let mut state = State {
            entries: VecDeque::new(),
            bytes: 0,
            head: 0,
            file: Arc::new(private_file(&current).map_err(|error| in_file(&current, error))?),
            file_bytes: 0,
            file_began: None,
            unsynced: false,
            unsynced_old: None,
        };
        let (now, unix_now) = (Instant::now(), unix_seconds(SystemTime::now()));
        for path in [&old, &current] {
            // After the old file's lines, those of the current one: its first line's age decides when it is old.
            state.file_began = None;
            state.load(path, now, unix_now).map_err(|error| in_file(path, error))?;
        }
        let history = History { folder: folder.to_owned(), window, max_bytes, state: Mutex::new(state) };
        history.lock().forget(now, window, max_bytes);
        Ok(history)
    }

    /// Takes a broadcast: gives it the next sequence number and writes it down. When this returns, a crash of the
    /// server does not lose it.
    ///
    /// # Errors
    /// What the disk says; then there is no such broadcast, and its number goes to the next.
    pub fn append(&self, from: &Username, text: &BroadcastText, time: SystemTime, now: Instant) -> io::Result<u64> {
        let mut state = self.lock();
        let too_old = state.file_began.is_some_and(|began| now.saturating_duration_since(began) > self.window);
        if too_old || state.file_bytes >= self.max_bytes as u64 {
            self.turn_over(&mut state)?;
        }
        let seq = state.head + 1;
        let broadcast = Broadcast { seq, unix_time: unix_seconds(time), from: from.clone(), text: text.to_string() };
        let line = format!("{broadcast}\n");
        state.write(&line)?;
        state.file_began.get_or_insert(now);
        state.push(broadcast, line.len(), now);
        state.head = seq;
        state.forget(now, self.window, self.max_bytes);
        Ok(seq)
    }

    /// The sequence number of the last broadcast there ever was.
    pub fn head(&self) -> u64 {
        self.lock().head
    }

    /// The broadcasts from sequence number `from` on, as long as their lines, each with its LF, fit `limit` bytes in
    /// all; at least one, when there is any.
    pub fn read(&self, from: u64, limit: usize, now: Instant) -> (Vec<Broadcast>, Range) {
        let mut state = self.lock();
        state.forget(now, self.window, self.max_bytes);
        let oldest = state.head + 1 - state.entries.len() as u64;
        let first = from.clamp(oldest, state.head + 1);
        let (mut next, mut bytes) = (first, 0);
        let mut broadcasts = Vec::new();
        for entry in state.entries.range((first - oldest) as usize..) {
            bytes += entry.bytes;
            if next > first && bytes > limit {
                break;
            }
            broadcasts.push(entry.broadcast(next));
            next += 1;
        }
        (broadcasts, Range { first, next })
    }

    /// Has the disk keep what was written since the last call, against a power cut; no lock is held meanwhile.
    pub fn sync(&self) {
        for file in self.take_unsynced() {
            if let Err(error) = file.sync_data() {
                warn!("{}: {error}", paths(&self.folder).1.display());
            }
        }
    }

    /// The files with lines that may not be on the disk yet.
    fn take_unsynced(&self) -> Vec<Arc<File>> {
        let mut state = self.lock();
        let current = std::mem::take(&mut state.unsynced).then(|| Arc::clone(&state.file));
        state.unsynced_old.take().into_iter().chain(current).collect()
    }

    /// Makes the current file the old one, and begins anew.
    fn turn_over(&self, state: &mut State) -> io::Result<()> {
        let (old, current) = paths(&self.folder);
        match fs::rename(&current, old) {
            // Somebody has taken the file away, or the last attempt could not make a new one.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        let before = std::mem::replace(&mut state.file, Arc::new(private_file(&current)?));
        state.unsynced_old = std::mem::take(&mut state.unsynced).then_some(before);
        state.file_bytes = 0;
        state.file_began = None;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads the lines of one file. An unfinished last line, what a crash of the machine leaves, is cut off.
    fn load(&mut self, path: &Path, now: Instant, unix_now: u64) -> io::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut file = private_file(path)?;
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            warn!("{}: the last line is incomplete; it was cut off", path.display());
            file.set_len(whole as u64)?;
        }
        let lines = (1..).zip(bytes[..whole].split(|&byte| byte == b'\n')).filter(|(_, line)| !line.is_empty());
        let mut lines =
            lines.map(|(number, line)| (number, std::str::from_utf8(line).ok().and_then(Broadcast::parse))).peekable();
        let mut is_first = self.head == 0;
        while let Some((number, broadcast)) = lines.next() {
            let following = lines.peek().and_then(|(_, next)| next.as_ref()).map(|next| next.seq);
            let seq = broadcast.as_ref().and_then(|broadcast| self.number_of(broadcast.seq, following, is_first));
            let Some((broadcast, seq)) = broadcast.zip(seq) else {
                warn!("{}:{number}: not the next broadcast; passed over", path.display());
                continue;
            };
            if seq != broadcast.seq {
                warn!("{}:{number}: the number {} is damaged; it is {seq}", path.display(), broadcast.seq);
            }
            self.restore(Broadcast { seq, ..broadcast }, now, unix_now);
            is_first = false;
        }
        self.file_bytes = whole as u64;
        Ok(())
    }

    /// The number of a broadcast that says `seq`; `following` is what the next line says. None: there is no telling.
    fn number_of(&self, seq: u64, following: Option<u64>, is_first: bool) -> Option<u64> {
        let next = self.head + 1;
        // The line behind it goes on: only this number is damaged.
        let is_between = !is_first && following == Some(next + 1);
        // The first line of all may have any number; later ones jump where lines between them could not be read.
        let may_be = seq >= next && seq < MAX_SEQ && (is_first || seq - next <= MAX_JUMP);
        match () {
            () if seq == next || is_between => Some(next),
            () => Some(seq).filter(|_| may_be),
        }
    }

    fn restore(&mut self, broadcast: Broadcast, now: Instant, unix_now: u64) {
        let age = Duration::from_secs(unix_now.saturating_sub(broadcast.unix_time));
        let taken = now.checked_sub(age).unwrap_or(now);
        self.file_began.get_or_insert(taken);
        if broadcast.seq != self.head + 1 {
            // Entries have no gaps: those before one count as expired.
            self.entries.clear();
            self.bytes = 0;
        }
        self.head = broadcast.seq;
        let bytes = broadcast.to_string().len() + 1;
        self.push(broadcast, bytes, taken);
    }

    fn push(&mut self, broadcast: Broadcast, bytes: usize, taken: Instant) {
        let Broadcast { unix_time, from, text, .. } = broadcast;
        self.bytes += bytes;
        self.entries.push_back(Entry { unix_time, from, text: text.into(), taken, bytes });
    }

    fn forget(&mut self, now: Instant, window: Duration, max_bytes: usize) {
        let expired = |entry: &Entry| now.saturating_duration_since(entry.taken) > window;
        while self.entries.front().is_some_and(|oldest| self.bytes > max_bytes || expired(oldest)) {
            if let Some(oldest) = self.entries.pop_front() {
                self.bytes -= oldest.bytes;
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let written = (&*self.file).write_all(line.as_bytes());
        if written.is_err() {
            self.file.set_len(self.file_bytes)?;
        }
        written?;
        self.file_bytes += line.len() as u64;
        self.unsynced = true;
        Ok(())
    }
}

impl Entry {
    fn broadcast(&self, seq: u64) -> Broadcast {
        Broadcast { seq, unix_time: self.unix_time, from: self.from.clone(), text: self.text.to_string() }
    }
}

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("broadcasts.old.log"), folder.join("broadcasts.log"))
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    const WINDOW: Duration = Duration::from_secs(1800);

    fn say(history: &History, text: &str, now: Instant) -> u64 {
        let from = "alice".parse().expect("valid");
        history.append(&from, &text.parse().expect("a text"), SystemTime::now(), now).expect("written")
    }

    fn texts(history: &History, from: u64, now: Instant) -> (Vec<String>, Range) {
        let (broadcasts, range) = history.read(from, usize::MAX, now);
        assert!(broadcasts.iter().map(|broadcast| broadcast.seq).eq(range.first..range.next));
        (broadcasts.into_iter().map(|broadcast| broadcast.text).collect(), range)
    }

    #[test]
    fn numbers_go_on_after_a_restart_and_lines_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let history = History::open(folder.path(), WINDOW).expect("a new history");
        assert_eq!((say(&history, "one", now), say(&history, "two_three", now)), (1, 2));
        drop(history);
        let history = History::open(folder.path(), WINDOW).expect("opens");
        assert_eq!(say(&history, "four", now), 3);
        let (lines, range) = texts(&history, 0, Instant::now());
        assert_eq!(
            (lines, range),
            (vec!["one".into(), "two_three".into(), "four".into()], Range { first: 1, next: 4 })
        );
        assert_eq!(texts(&history, 3, now).0, ["four"]);
        assert_eq!(texts(&history, 9, now).1, Range { first: 4, next: 4 });
    }

    #[test]
    fn a_line_lives_for_the_window_and_the_file_for_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let history = History::open(folder.path(), WINDOW).expect("a new history");
        say(&history, "early", start);
        say(&history, "later", start + WINDOW / 2);
        let after = start + WINDOW + Duration::from_secs(1);
        assert_eq!(texts(&history, 1, after), (vec!["later".into()], Range { first: 2, next: 3 }));
        say(&history, "new file", after);
        assert!(folder.path().join("broadcasts.old.log").exists());
        assert_eq!(texts(&history, 1, after).0, ["later", "new file"]);
        drop(history);
        let history = History::open(folder.path(), WINDOW).expect("opens");
        assert_eq!(history.head(), 3);
        assert_eq!(texts(&history, 2, Instant::now()).0, ["later", "new file"]);
    }

    #[test]
    fn a_turn_over_needs_no_file_to_put_aside_and_forgets_no_sync() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let history = History::open(folder.path(), WINDOW).expect("a new history");
        say(&history, "early", start);
        assert_eq!(history.take_unsynced().len(), 1);
        say(&history, "just before", start);
        fs::remove_file(folder.path().join("broadcasts.log")).expect("removed");
        assert_eq!(say(&history, "in a new file", start + 2 * WINDOW), 3);
        assert_eq!(history.take_unsynced().len(), 2, "the file before has a line too");
        assert!(history.take_unsynced().is_empty());
        drop(history);
        assert_eq!(History::open(folder.path(), WINDOW).expect("opens").head(), 3);
    }

    #[test]
    fn the_limit_is_in_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let history = History::open_with(folder.path(), WINDOW, 1000).expect("a new history");
        for number in 0..200 {
            say(&history, &format!("number {number}"), now);
        }
        let (lines, range) = texts(&history, 1, now);
        assert!((10..40).contains(&lines.len()), "{} lines", lines.len());
        assert_eq!(range.next, 201);
        let on_disk = |name| fs::metadata(folder.path().join(name)).expect("there").len();
        assert!(on_disk("broadcasts.log") < 1100 && on_disk("broadcasts.old.log") < 1100);
        let (some, part) = history.read(range.first, 100, now);
        let bytes: usize = some.iter().map(|broadcast| format!("{broadcast}\n").len()).sum();
        assert!(bytes <= 100 && part.next > part.first && part.next < range.next);
    }

    #[test]
    fn a_damaged_number_loses_no_broadcast() {
        let folder = tempfile::tempdir().expect("a folder");
        let seconds = unix_seconds(SystemTime::now());
        let open = |seqs: &[u64]| {
            let lines: String = seqs.iter().map(|seq| format!("bcast_{seq}_{seconds}_bob_text\n")).collect();
            fs::write(folder.path().join("broadcasts.log"), lines).expect("written");
            let history = History::open(folder.path(), WINDOW).expect("opens");
            let (texts, range) = texts(&history, 1, Instant::now());
            assert_eq!(range.next, history.head() + 1);
            (texts.len(), history.head())
        };
        assert_eq!(open(&[1, 2, 3, 4, 7, 6, 7]), (7, 7), "the one between 4 and 6 is 5");
        assert_eq!(open(&[1, 2, 3, 2, 5]), (5, 5));
        assert_eq!(open(&[500, 501, 502]), (3, 502), "those before have expired");
        assert_eq!(open(&[1, 2, u64::MAX]), (2, 2));
        assert_eq!(open(&[1, 2, 9_000_000_000, 9_000_000_001]), (2, 2));
        assert_eq!(open(&[u64::MAX]), (0, 0));
        assert_eq!(open(&[1, 2, 5, 6]), (2, 6), "3 and 4 could not be read: those before count as expired");
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        say(&History::open(folder.path(), WINDOW).expect("a new history"), "whole", now);
        let path = folder.path().join("broadcasts.log");
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"bcast_2_17000").expect("written");
        let history = History::open(folder.path(), WINDOW).expect("opens");
        assert_eq!(say(&history, "next", now), 2);
        assert_eq!(texts(&history, 1, now).0, ["whole", "next"]);
        let on_disk = fs::read_to_string(path).expect("text");
        assert_eq!(on_disk.lines().count(), 2);
    }
}
