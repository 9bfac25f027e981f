//! Broadcasts on disk: they get their numbers, are written down, and only then taken into the history, which is read from
//! the file again at the start.
//!
//! They are the very `bcast_` lines, in `broadcasts.log`. When its first line has outlived two windows, or it
//! has grown too large, or somebody else has changed it, the file is written anew with what is in memory; there a line
//! `head_SEQ` says that up to SEQ nothing else is kept. The last line of all says where the sequence goes on after a
//! restart.

use super::history::History;
use super::seen_file::SeenFile;
use super::users_file::{in_file, private_file};
use super::window::Window;
use crate::protocol::{Broadcast, BroadcastText, FromServer, MAX_BROADCAST};
use crate::value::Username;
use crate::value::sentence::counted;
use log::warn;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes of the file that are read and written at once. Less than 128 KiB: memory of that size glibc maps on its own,
/// and when it is given back, keeps all later pieces of up to that size, and twice as much at the end of each arena
/// (mallopt(3), M_MMAP_THRESHOLD).
const PIECE: usize = 32 * 1024;
/// Beyond it no server comes, and what says so is damaged: a number must have others behind it.
const MAX_SEQ: u64 = u64::MAX / 2;
/// The most lines in a row that may be missing without a word: no file holds more.
const MAX_JUMP: u64 = 1_000_000;

/// The file of the broadcasts of a data folder. It has at most twice the bytes of the history.
pub struct BroadcastLog {
    path: PathBuf,
    history: Arc<History>,
    /// Its lock is held while a line is written, and while the file is written anew and synced; by nobody who reads.
    file: Mutex<LogFile>,
}

struct LogFile {
    file: Arc<File>,
    seen: SeenFile,
    bytes: u64,
    /// When the first line of the file was taken.
    began: Option<Instant>,
    /// Some lines are not synced yet.
    is_unsynced: bool,
}

impl BroadcastLog {
    /// Opens the broadcasts of `folder`, which exists, and has `history`, which is empty, begin with them.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(folder: &Path, history: &Arc<History>) -> Result<BroadcastLog, String> {
        let path = folder.join("broadcasts.log");
        // A server of 0.1.0 keeps its older lines there.
        let old = folder.join("broadcasts.old.log");
        let mut window = Window::default();
        let (now, unix_now) = (Instant::now(), unix_seconds(SystemTime::now()));
        let has_old = old.exists();
        if has_old {
            load(&mut window, &old, now, unix_now).map_err(|error| in_file(&old, error))?;
        }
        let file = load(&mut window, &path, now, unix_now).map_err(|error| in_file(&path, error))?;
        history.begin_with(window, now);
        let log = BroadcastLog { path, history: Arc::clone(history), file: Mutex::new(file) };
        if has_old {
            log.write_anew(&mut log.lock_file(), now).map_err(|error| in_file(&log.path, error))?;
            fs::remove_file(&old).map_err(|error| in_file(&old, error))?;
        }
        Ok(log)
    }

    /// Gives broadcasts of one sender the next sequence numbers, the first of which it returns, writes them down by one
    /// write, and has the history take them. When this returns, a crash of the server does not lose them.
    ///
    /// # Errors
    /// What the disk says; then there is none of them, and their numbers go to the next.
    pub fn append(&self, from: &Username, texts: &[BroadcastText], time: SystemTime, now: Instant) -> io::Result<u64> {
        let mut file = self.lock_file();
        self.make_ready(&mut file, now)?;
        let (first, unix_time) = (self.history.head() + 1, unix_seconds(time));
        let numbered = (first..).zip(texts);
        let broadcasts: Vec<Broadcast> = numbered
            .map(|(seq, text)| Broadcast { seq, unix_time, from: from.clone(), text: text.to_string() })
            .collect();
        let mut lines = String::new();
        for broadcast in &broadcasts {
            // A String takes every write.
            let _ = writeln!(lines, "{broadcast}");
        }
        file.append(&lines, now)?;
        // Before the next sender has the file, and with it the next number.
        self.history.take(broadcasts, now);
        Ok(first)
    }

    /// Has the disk keep what was written since the last call, against a power cut; no lock is held meanwhile.
    pub fn sync(&self) {
        let mut file = self.lock_file();
        let unsynced = std::mem::take(&mut file.is_unsynced).then(|| Arc::clone(&file.file));
        drop(file);
        if let Some(Err(error)) = unsynced.map(|file| file.sync_data()) {
            warn!("{}: {error}", self.path.display());
        }
    }

    /// Sees to it that the file is ours, and not too old and too large for another line.
    fn make_ready(&self, file: &mut LogFile, now: Instant) -> io::Result<()> {
        let there = SeenFile::at(&self.path)?;
        if there != Some(file.seen) {
            let fate = file.seen.fate(there);
            self.write_anew(file, now)?;
            let kept = counted(self.history.count(), "broadcast");
            warn!("{} {fate}; it was written anew with the {kept} that the server keeps", self.path.display());
            return Ok(());
        }
        let History { window, max_bytes, .. } = *self.history;
        let too_old = file.began.is_some_and(|began| now.saturating_duration_since(began) > 2 * window);
        if too_old || file.bytes >= 2 * max_bytes as u64 { self.write_anew(file, now) } else { Ok(()) }
    }

    /// Writes all that is in memory to a new file, which takes the place of whatever lies there.
    fn write_anew(&self, file: &mut LogFile, now: Instant) -> io::Result<()> {
        self.history.forget(now);
        let began = self.history.began();
        let aside = self.path.with_extension("log.new");
        let renamed = self.write_synced(&aside, now).and_then(|(new, bytes)| {
            fs::rename(&aside, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
            Ok((SeenFile::of(&new)?, new, bytes))
        });
        let (seen, new, bytes) = renamed.inspect_err(|_| drop(fs::remove_file(&aside)))?;
        *file = LogFile { file: Arc::new(new), seen, bytes, began, is_unsynced: false };
        Ok(())
    }

    /// Writes all that is in memory to `path`, a piece at a time; the file, and its bytes. Nothing comes in meanwhile,
    /// as the file's lock is held.
    fn write_synced(&self, path: &Path, now: Instant) -> io::Result<(File, u64)> {
        // What a crash has left there.
        if path.exists() {
            fs::remove_file(path)?;
        }
        let mut file = private_file(path)?;
        let (mut last, mut bytes) = (0, 0);
        loop {
            let (lines, is_all) = self.lines_behind(&mut last, now);
            file.write_all(lines.as_bytes())?;
            bytes += lines.len() as u64;
            if is_all {
                break;
            }
        }
        file.sync_all()?;
        Ok((file, bytes))
    }

    /// Some lines of a file that holds this, behind number `last`, which becomes that of the last of them; and whether
    /// there are no more.
    fn lines_behind(&self, last: &mut u64, now: Instant) -> (String, bool) {
        let (broadcasts, _) = self.history.read(*last + 1, PIECE, now);
        let (mut lines, is_all) = (String::new(), broadcasts.is_empty());
        for broadcast in broadcasts {
            if broadcast.seq > *last + 1 {
                lines += &format!("{}\n", FromServer::Head(broadcast.seq - 1));
            }
            *last = broadcast.seq;
            lines += &format!("{broadcast}\n");
        }
        if is_all && *last < self.history.head() {
            lines += &format!("{}\n", FromServer::Head(self.history.head()));
        }
        (lines, is_all)
    }

    fn lock_file(&self) -> MutexGuard<'_, LogFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file may have been replaced, cut or deleted since the last broadcast: nothing is lost all the same.
impl Drop for BroadcastLog {
    fn drop(&mut self) {
        if let Err(error) = self.make_ready(&mut self.lock_file(), Instant::now()) {
            warn!("{}: {error}", self.path.display());
        }
        self.sync();
    }
}

impl LogFile {
    /// Appends lines that were taken now, or leaves the file as it was. What was written is never refused: its numbers
    /// would be given twice.
    fn append(&mut self, lines: &str, now: Instant) -> io::Result<()> {
        let written = (&*self.file).write_all(lines.as_bytes());
        self.seen = match written {
            Ok(()) => {
                self.bytes += lines.len() as u64;
                self.is_unsynced = true;
                self.began.get_or_insert(now);
                self.seen.with(SeenFile::of(&self.file), lines.len())
            }
            Err(_) => {
                self.file.set_len(self.bytes)?;
                SeenFile::of(&self.file)?
            }
        };
        written
    }
}

/// Reads the lines of one file, made if need be. An unfinished last line, what a crash of the machine leaves, is cut
/// off.
fn load(window: &mut Window, path: &Path, now: Instant, unix_now: u64) -> io::Result<LogFile> {
    let file = private_file(path)?;
    let mut lines = Lines { reader: BufReader::with_capacity(PIECE, &file), whole: 0, failed: None };
    let began = restore(window, path, &mut lines, now, unix_now);
    let Lines { whole, failed, .. } = lines;
    failed.map_or(Ok(()), Err)?;
    if whole < file.metadata()?.len() {
        warn!("{}: the last line is incomplete; it was cut off", path.display());
        file.set_len(whole)?;
    }
    let seen = SeenFile::of(&file)?;
    Ok(LogFile { file: Arc::new(file), seen, bytes: whole, began, is_unsynced: false })
}

/// The lines of a file that end with LF, read one by one: no memory for all of them, which an allocator would keep.
struct Lines<R> {
    reader: R,
    /// The bytes of those that were read.
    whole: u64,
    /// What ended them, if not the end of the file.
    failed: Option<io::Error>,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        if let Err(error) = self.reader.read_until(b'\n', &mut line) {
            self.failed = Some(error);
            return None;
        }
        self.whole += if line.ends_with(b"\n") { line.len() as u64 } else { return None };
        line.pop();
        Some(line)
    }
}

/// Takes the lines of a file in; when the first of them was taken.
fn restore(
    window: &mut Window,
    path: &Path,
    lines: impl Iterator<Item = Vec<u8>>,
    now: Instant,
    unix_now: u64,
) -> Option<Instant> {
    let mut began = None;
    let lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
    let mut lines =
        lines.map(|(number, line)| (number, std::str::from_utf8(&line).ok().and_then(FromServer::parse))).peekable();
    let mut is_first = window.head() == 0;
    while let Some((number, line)) = lines.next() {
        let following = match lines.peek() {
            Some((_, Some(FromServer::Broadcast(next)))) => Some(next.seq),
            _ => None,
        };
        match line {
            Some(FromServer::Head(seq)) if may_pass_to(window.head(), seq, following) => window.pass_to(seq),
            // A longer one, two that lost the line end between them, fits no datagram.
            Some(FromServer::Broadcast(broadcast)) if broadcast.text.len() <= MAX_BROADCAST => {
                let Some(seq) = number_of(window.head(), broadcast.seq, following, is_first) else {
                    warn!("{}:{number}: not the next broadcast; passed over", path.display());
                    continue;
                };
                if seq != broadcast.seq {
                    warn!("{}:{number}: the number {} is damaged; it is {seq}", path.display(), broadcast.seq);
                }
                let age = Duration::from_secs(unix_now.saturating_sub(broadcast.unix_time));
                let taken = now.checked_sub(age).unwrap_or(now);
                began.get_or_insert(taken);
                window.push(Broadcast { seq, ..broadcast }, taken);
            }
            _ => {
                warn!("{}:{number}: not a broadcast; passed over", path.display());
                continue;
            }
        }
        is_first = false;
    }
    began
}

/// Whether up to `seq` nothing is kept, behind `head`; `following` is the number in the next line.
fn may_pass_to(head: u64, seq: u64, following: Option<u64>) -> bool {
    seq >= head && seq < MAX_SEQ && following.is_none_or(|following| following == seq + 1)
}

/// The number of a broadcast that says `seq`, behind `head`; `following` is what the next line says. None: there is no
/// telling.
fn number_of(head: u64, seq: u64, following: Option<u64>, is_first: bool) -> Option<u64> {
    let next = head + 1;
    // The line behind it goes on: only this number is damaged.
    let is_between = !is_first && following == Some(next + 1);
    // The first line of all may have any number; later ones jump where lines between them could not be read.
    let may_be = seq >= next && seq < MAX_SEQ && (is_first || seq - next <= MAX_JUMP);
    match () {
        () if seq == next || is_between => Some(next),
        () => Some(seq).filter(|_| may_be),
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::window::Range;
    use std::fs::OpenOptions;

    const WINDOW: Duration = Duration::from_secs(1800);

    fn open(folder: &Path) -> BroadcastLog {
        open_with(folder, History::new(WINDOW))
    }

    fn open_with(folder: &Path, history: History) -> BroadcastLog {
        BroadcastLog::open(folder, &Arc::new(history)).expect("opens")
    }

    fn say(log: &BroadcastLog, text: &str, now: Instant) -> u64 {
        let from = "alice".parse().expect("valid");
        log.append(&from, &[text.parse().expect("a text")], SystemTime::now(), now).expect("written")
    }

    fn texts(log: &BroadcastLog, from: u64, now: Instant) -> (Vec<String>, Range) {
        let (broadcasts, range) = log.history.read(from, usize::MAX, now);
        assert!(broadcasts.is_sorted_by_key(|broadcast| broadcast.seq));
        (broadcasts.into_iter().map(|broadcast| broadcast.text).collect(), range)
    }

    #[test]
    fn numbers_go_on_after_a_restart_and_lines_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let log = open(folder.path());
        assert_eq!((say(&log, "one", now), say(&log, "two_three", now)), (1, 2));
        drop(log);
        let log = open(folder.path());
        assert_eq!(say(&log, "four", now), 3);
        let (lines, range) = texts(&log, 0, Instant::now());
        assert_eq!(
            (lines, range),
            (vec!["one".into(), "two_three".into(), "four".into()], Range { first: 1, next: 4, oldest: 1 })
        );
        assert_eq!(texts(&log, 3, now).0, ["four"]);
        assert_eq!(texts(&log, 9, now).1, Range { first: 4, next: 4, oldest: 1 });
    }

    fn on_disk(folder: &Path) -> String {
        assert_eq!(fs::read_dir(folder).expect("a folder").count(), 1, "one file");
        fs::read_to_string(folder.join("broadcasts.log")).expect("text")
    }

    #[test]
    fn a_line_lives_for_the_window_and_the_file_for_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let log = open(folder.path());
        say(&log, "early", start);
        say(&log, "later", start + WINDOW / 2);
        let after = start + WINDOW + Duration::from_secs(1);
        assert_eq!(texts(&log, 1, after), (vec!["later".into()], Range { first: 2, next: 3, oldest: 2 }));
        say(&log, "next", start + 2 * WINDOW);
        assert_eq!(on_disk(folder.path()).lines().count(), 3);
        say(&log, "in a new file", start + 2 * WINDOW + Duration::from_secs(1));
        let lines = on_disk(folder.path());
        let words: Vec<_> = lines.lines().map(|line| line.rsplit('_').next().unwrap_or_default()).collect();
        assert_eq!(words, ["2", "next", "in a new file"], "{lines}");
        drop(log);
        let log = open(folder.path());
        assert_eq!(texts(&log, 2, Instant::now()).0, ["next", "in a new file"]);
        assert_eq!(say(&log, "after a long time", start + 9 * WINDOW), 5);
        assert_eq!(on_disk(folder.path()).lines().count(), 2, "head_4 and the line");
    }

    #[test]
    fn the_two_files_of_an_older_server_become_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let seconds = unix_seconds(SystemTime::now());
        let write = |name, seq| {
            let line = format!("bcast_{seq}_{seconds}_bob_text\n");
            fs::write(folder.path().join(name), line).expect("written");
        };
        write("broadcasts.old.log", 7);
        write("broadcasts.log", 8);
        let log = open(folder.path());
        assert_eq!(texts(&log, 0, Instant::now()).1, Range { first: 7, next: 9, oldest: 7 });
        assert_eq!(on_disk(folder.path()).lines().count(), 3);
    }

    #[test]
    fn a_file_of_many_pieces_is_written_anew_and_read_again_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let log = open(folder.path());
        let said: Vec<String> = (0..200).map(|number| format!("{number} {}", "x".repeat(1000))).collect();
        for text in &said {
            say(&log, text, now);
        }
        let before = on_disk(folder.path());
        assert!(before.len() > 4 * PIECE);
        fs::remove_file(folder.path().join("broadcasts.log")).expect("removed");
        drop(log);
        assert_eq!(on_disk(folder.path()), before);
        let log = open(folder.path());
        assert_eq!(texts(&log, 0, Instant::now()), (said, Range { first: 1, next: 201, oldest: 1 }));
    }

    #[test]
    fn what_is_too_old_goes_though_nobody_says_anything_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let log = open(folder.path());
        assert_eq!(log.history.forget(now), None);
        say(&log, "one", now);
        assert_eq!(log.history.forget(now), Some(now + WINDOW));
        assert_eq!(log.history.count(), 1);
        let later = now + WINDOW + Duration::from_secs(1);
        assert_eq!((log.history.forget(later), log.history.count()), (None, 0));
    }

    #[test]
    fn the_limit_is_in_bytes_and_another_s_lines_survive_a_flood_and_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        let log = open_with(folder.path(), History::with_limit(WINDOW, 1000));
        let (bob, hello) = ("bob".parse().expect("valid"), "hello".parse().expect("a text"));
        log.append(&bob, &[hello], SystemTime::now(), now).expect("written");
        let mut most = 0;
        for number in 0..200 {
            say(&log, &format!("number {number}"), now);
            most = most.max(on_disk(folder.path()).len());
        }
        assert!((1500..2100).contains(&most), "{most} bytes");
        let (lines, range) = texts(&log, 1, now);
        assert!((10..40).contains(&lines.len()), "{} lines", lines.len());
        assert_eq!((lines[0].as_str(), range), ("hello", Range { first: 1, next: 202, oldest: 1 }));
        let (some, part) = log.history.read(range.first, 100, now);
        let bytes: usize = some.iter().map(|broadcast| format!("{broadcast}\n").len()).sum();
        assert!(bytes <= 100 && part.next > part.first && part.next < range.next);
        drop(log);
        let log = open_with(folder.path(), History::with_limit(WINDOW, 1000));
        assert_eq!(log.history.head(), 201);
        assert!(texts(&log, 1, now).0.starts_with(&["hello".to_owned()]));
    }

    /// What others do to the file while the server runs, and whether its name is then that of another file.
    type Meddle = fn(&Path);

    #[test]
    fn whatever_is_done_to_the_file_nothing_is_lost_and_no_number_is_given_twice() {
        let replace: Meddle = |path| {
            let other = path.with_extension("other");
            fs::write(&other, fs::read(path).expect("read")).expect("written");
            fs::rename(other, path).expect("renamed");
        };
        let cut: Meddle = |path| fs::write(path, "bcast_1_1700").expect("written");
        let add: Meddle = |path| {
            let mut file = OpenOptions::new().append(true).open(path).expect("opens");
            file.write_all(b"bcast_3_1700000000_eve_forged\n").expect("written");
        };
        let delete: Meddle = |path| fs::remove_file(path).expect("removed");
        for meddle in [replace, cut, add, delete] {
            let folder = tempfile::tempdir().expect("a folder");
            let now = Instant::now();
            let log = open(folder.path());
            assert_eq!((say(&log, "one", now), say(&log, "two", now)), (1, 2));
            meddle(&folder.path().join("broadcasts.log"));
            assert_eq!((say(&log, "three", now), say(&log, "four", now)), (3, 4));
            let lines = on_disk(folder.path());
            assert_eq!(lines.lines().count(), 4, "{lines}");
            drop(log);
            let log = open(folder.path());
            assert_eq!(texts(&log, 1, now).0, ["one", "two", "three", "four"]);
            assert_eq!(say(&log, "five", now), 5);
            meddle(&folder.path().join("broadcasts.log"));
            drop(log);
            let log = open(folder.path());
            assert_eq!((texts(&log, 5, now).0, log.history.head()), (vec!["five".to_owned()], 5), "nobody said more");
        }
    }

    #[test]
    fn a_folder_in_which_nothing_can_be_written_refuses_and_gives_the_number_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("made");
        let now = Instant::now();
        let log = open(&data);
        say(&log, "one", now);
        fs::rename(&data, folder.path().join("elsewhere")).expect("renamed");
        let append = |texts: [&str; 2]| {
            let (from, texts) = ("alice".parse().expect("valid"), texts.map(|text| text.parse().expect("a text")));
            log.append(&from, &texts, SystemTime::now(), now)
        };
        assert!(append(["lost", "too"]).is_err());
        fs::create_dir(&data).expect("made");
        assert_eq!(append(["two", "three"]).expect("written"), 2);
        assert_eq!((log.history.head(), texts(&log, 2, now).0), (3, vec!["two".to_owned(), "three".to_owned()]));
        assert_eq!(on_disk(&data).lines().count(), 3);
    }

    #[test]
    fn what_is_written_is_synced_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        say(&log, "text", Instant::now());
        assert!(log.lock_file().is_unsynced);
        log.sync();
        assert!(!log.lock_file().is_unsynced);
    }

    #[test]
    fn a_damaged_number_loses_no_broadcast() {
        let folder = tempfile::tempdir().expect("a folder");
        let seconds = unix_seconds(SystemTime::now());
        let open = |seqs: &[u64]| {
            let lines: String = seqs.iter().map(|seq| format!("bcast_{seq}_{seconds}_bob_text\n")).collect();
            fs::write(folder.path().join("broadcasts.log"), lines).expect("written");
            let log = open(folder.path());
            let (texts, range) = texts(&log, 1, Instant::now());
            assert_eq!(range.next, log.history.head() + 1);
            (texts.len(), log.history.head())
        };
        assert_eq!(open(&[1, 2, 3, 4, 7, 6, 7]), (7, 7), "the one between 4 and 6 is 5");
        assert_eq!(open(&[1, 2, 3, 2, 5]), (5, 5));
        assert_eq!(open(&[500, 501, 502]), (3, 502), "those before have expired");
        assert_eq!(open(&[1, 2, u64::MAX]), (2, 2));
        assert_eq!(open(&[1, 2, 9_000_000_000, 9_000_000_001]), (2, 2));
        assert_eq!(open(&[u64::MAX]), (0, 0));
        assert_eq!(open(&[1, 2, 5, 6]), (4, 6), "3 and 4 could not be read");
    }

    #[test]
    fn a_gap_of_any_length_is_said_and_a_damaged_word_of_one_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let seconds = unix_seconds(SystemTime::now());
        let line = |seq: u64| format!("bcast_{seq}_{seconds}_bob_text\n");
        let open = |lines: String| {
            fs::write(folder.path().join("broadcasts.log"), lines).expect("written");
            let log = open(folder.path());
            (log.history.count(), log.history.head())
        };
        let far = 2 * MAX_JUMP;
        assert_eq!(open(format!("{}head_{far}\n{}", line(1), line(far + 1))), (2, far + 1));
        assert_eq!(open(format!("{}head_{far}\n", line(1))), (1, far));
        assert_eq!(open(format!("{}head_9{far}\n{}", line(1), line(3))), (2, 3));
        assert_eq!(open(format!("{}head_0\nhead_{}\n{}", line(1), u64::MAX, line(2))), (2, 2));
    }

    #[test]
    fn a_line_that_is_too_long_for_a_broadcast_is_passed_over() {
        let (folder, unix_now) = (
            tempfile::tempdir().expect("a folder"),
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs(),
        );
        let line = |seq: u64, length: usize| format!("bcast_{seq}_{unix_now}_bob_{}\n", "x".repeat(length));
        let file = line(1, 1) + &line(2, MAX_BROADCAST + 1) + &line(3, MAX_BROADCAST);
        std::fs::write(folder.path().join("broadcasts.log"), file).expect("written");
        let log = open(folder.path());
        let lengths: Vec<usize> = texts(&log, 0, Instant::now()).0.iter().map(String::len).collect();
        assert_eq!(lengths, [1, MAX_BROADCAST]);
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Instant::now();
        say(&open(folder.path()), "whole", now);
        let path = folder.path().join("broadcasts.log");
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"bcast_2_17000").expect("written");
        let log = open(folder.path());
        assert_eq!(say(&log, "next", now), 2);
        assert_eq!(texts(&log, 1, now).0, ["whole", "next"]);
        let on_disk = fs::read_to_string(path).expect("text");
        assert_eq!(on_disk.lines().count(), 2);
    }
}
