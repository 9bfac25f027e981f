//! The record of who wanted to run what here, and what became of it: a CSV file. A full one is put aside, under its name
//! with `.1` behind it, where it takes the place of the one before.
//!
//! Columns: time (UTC), the user who was asked, who asked (proven by the server), from where, the decision, how the
//! command ended (empty until it did: a command that runs has two rows), the command.

use super::consent_share::{Counted, Kind, Shares};
use crate::client::event::Decision;
use crate::value::{Username, comma, plainly_within};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The size in bytes at which a file is put aside. With the one that was put aside before, the record takes twice that.
const MAX_SIZE: u64 = 32 << 20;

/// The most columns of a command that was not run, and of one whose row with the whole stands above.
const SHORT: usize = 200;

/// Who asks when nobody has introduced them: the name that they give themselves proves nothing.
const STRANGER: &str = "?";

/// Where the record is kept.
pub struct ConsentLog {
    path: Option<PathBuf>,
    max_size: u64,
    // Calls append on threads of their own: the lock orders it, and the look at the shares and at the size before it.
    // Nothing but this file is touched under it.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shares: Shares,
    /// Who was asked last, for the rows of what was counted.
    us: String,
}

/// What a row tells.
pub struct Row<'a> {
    /// Who was asked.
    pub us: &'a Username,
    /// Who asked.
    pub from: &'a Username,
    /// From where.
    pub address: SocketAddr,
    /// What was decided.
    pub decision: Decision,
    /// What they wanted to run.
    pub command: &'a str,
}

/// Why there is no row.
#[derive(Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// The asker has had so many of this hour.
    TooMany(u32),
    /// A sentence for the owner that names the file and what is wrong with it.
    Failed(String),
}

impl ConsentLog {
    /// The record in `path`, or in its usual place.
    pub fn new(path: Option<PathBuf>) -> ConsentLog {
        ConsentLog { path: path.or_else(usual_place), max_size: MAX_SIZE, state: Mutex::default() }
    }

    /// Records a command that is about to run, as a whole.
    ///
    /// # Errors
    /// Why it must not run: it would not be recorded.
    pub fn begin(&self, row: &Row, now: Instant) -> Result<(), NotRecorded> {
        self.write(Kind::Run, row.from.as_str(), row.us.as_str(), now, || fields(row, "", usize::MAX))
    }

    /// Records how a command that ran has ended.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn end(&self, row: &Row, status: &str) -> Result<(), NotRecorded> {
        self.append(&line(&fields(row, status, SHORT)))
    }

    /// Records a request that is refused, or counts it: the hour's count is a row at the next one behind the hour.
    ///
    /// # Errors
    /// What is wrong with the file; never that there were too many.
    pub fn refuse(&self, row: &Row, now: Instant) -> Result<(), NotRecorded> {
        let kind = if row.decision == Decision::Never { Kind::Never } else { Kind::Refused };
        let written = self.write(kind, row.from.as_str(), row.us.as_str(), now, || fields(row, "", SHORT));
        if matches!(written, Err(NotRecorded::TooMany(_))) { Ok(()) } else { written }
    }

    /// The same for a request of somebody whom nobody has introduced.
    ///
    /// # Errors
    /// As above.
    pub fn refuse_stranger(&self, address: SocketAddr, command: &str, now: Instant) -> Result<(), NotRecorded> {
        let command = plainly_within(command, SHORT);
        let row =
            || [String::new(), STRANGER.to_owned(), address.to_string(), word(Kind::Stranger), String::new(), command];
        let written = self.write(Kind::Stranger, STRANGER, "", now, row);
        if matches!(written, Err(NotRecorded::TooMany(_))) { Ok(()) } else { written }
    }

    fn write(
        &self,
        kind: Kind,
        from: &str,
        us: &str,
        now: Instant,
        row: impl FnOnce() -> [String; 6],
    ) -> Result<(), NotRecorded> {
        let (is_row, counted) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !us.is_empty() {
                us.clone_into(&mut state.us);
            }
            let counted = state.shares.over(Some(now));
            let counted: Vec<String> = counted.iter().map(|counted| count_line(counted, &state.us)).collect();
            (state.shares.take(kind, from, now), counted.concat())
        };
        let text = if is_row { counted + &line(&row()) } else { counted };
        if !text.is_empty() {
            self.append(&text)?;
        }
        if is_row { Ok(()) } else { Err(NotRecorded::TooMany(kind.share())) }
    }

    /// Adds rows, in one write, so that several clients can share the file.
    fn append(&self, rows: &str) -> Result<(), NotRecorded> {
        let Some(path) = &self.path else {
            let why = "no place for the consent log: set HOME, or give --consent-log FILE";
            return Err(NotRecorded::Failed(why.to_owned()));
        };
        let _ordered = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        append(path, rows, self.max_size).map_err(|error| NotRecorded::Failed(format!("{}: {error}", path.display())))
    }
}

/// What was counted in the last hour is a row too.
impl Drop for ConsentLog {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let counted: Vec<String> =
            state.shares.over(None).iter().map(|counted| count_line(counted, &state.us)).collect();
        if counted.is_empty() {
            return;
        }
        if let Err(NotRecorded::Failed(why)) = self.append(&counted.concat()) {
            log::warn!("{why}");
        }
    }
}

fn fields(row: &Row, status: &str, columns: usize) -> [String; 6] {
    // Escaped, as it will be read on a terminal.
    let command = plainly_within(row.command, columns);
    let (us, from, address) = (row.us.to_string(), row.from.to_string(), row.address.to_string());
    [us, from, address, row.decision.word().to_owned(), status.to_owned(), command]
}

fn count_line(counted: &Counted, us: &str) -> String {
    let status = format!("{} more within an hour", counted.count);
    line(&[us.to_owned(), counted.from.clone(), String::new(), word(counted.kind), status, String::new()])
}

fn word(kind: Kind) -> String {
    match kind {
        Kind::Run | Kind::Refused => "refused",
        Kind::Never => Decision::Never.word(),
        Kind::Stranger => "not introduced",
    }
    .to_owned()
}

fn line(fields: &[String; 6]) -> String {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    comma::join(std::iter::once(&time).chain(fields).map(String::as_str)) + "\n"
}

fn append(path: &Path, rows: &str, max_size: u64) -> io::Result<()> {
    let mut file = open(path)?;
    if file.metadata()?.len() >= max_size {
        file = put_aside(path, file)?;
    }
    file.write_all(rows.as_bytes())
}

/// Puts a full file aside, and begins a new one. Several clients may find it full at once: only who holds its lock, and
/// finds it in its place still, does it.
fn put_aside(path: &Path, full: File) -> io::Result<File> {
    let full = match Flock::lock(full, FlockArg::LockExclusiveNonblock) {
        Ok(full) => full,
        // Another is at it: the row goes into the one that is put aside.
        Err((full, _)) => return Ok(full),
    };
    let (ours, there) = (full.metadata()?, fs::metadata(path)?);
    if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, &aside)
            .map_err(|error| io::Error::other(format!("is full and cannot be put aside, move it away: {error}")))?;
    }
    open(path)
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// As the XDG base directories have it: a relative path in the variable counts as none.
fn usual_place() -> Option<PathBuf> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("peerline/consent.csv"))
}

#[cfg(test)]
mod tests {
    use super::super::consent_share::PERIOD;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 2], 4401);

    fn row(decision: Decision, command: &str, play: impl FnOnce(&Row)) {
        let (us, from) = ("bob".parse().expect("valid"), "alice".parse().expect("valid"));
        play(&Row { us: &us, from: &from, address: ADDRESS.into(), decision, command });
    }

    /// The rows without their times.
    fn rows(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).expect("text");
        text.lines().map(|row| row.split_once(',').expect("a time").1.to_owned()).collect()
    }

    #[test]
    fn rows_are_added_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/consent.csv");
        let log = ConsentLog::new(Some(path.clone()));
        let long = format!("echo 'a, \x1bb' {}", "x".repeat(4000));
        row(Decision::Allowed, &long, |row| {
            log.begin(row, Instant::now()).expect("appended");
            log.end(row, "exit 0").expect("appended");
        });
        let text = fs::read_to_string(&path).expect("text");
        let rows: Vec<_> = text.lines().map(comma::split).collect();
        let whole = long.replace('\x1b', "\\u{1b}");
        assert_eq!(rows[0][1..], ["bob", "alice", "127.0.0.2:4401", "allowed", "", &whole]);
        assert_eq!(rows[1][4..6], ["allowed", "exit 0"]);
        assert!(rows[1][6].len() <= 200 && rows[1][6].contains(" [... 4013 characters in all ...] "), "{}", rows[1][6]);
        assert_eq!(rows[0][0].len(), "2026-01-01T00:00:00Z".len());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn refusals_beyond_a_share_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("consent.csv");
        let (log, start) = (ConsentLog::new(Some(path.clone())), Instant::now());
        row(Decision::Never, "id", |row| {
            (0..500).for_each(|_| log.refuse(row, start).expect("counted"));
            log.refuse(row, start + PERIOD).expect("recorded");
        });
        (0..500).for_each(|_| log.refuse_stranger(ADDRESS.into(), "id", start).expect("counted"));
        let one = "bob,alice,127.0.0.2:4401,not allowed,,id";
        let stranger = ",?,127.0.0.2:4401,not introduced,,id";
        assert_eq!(rows(&path), [one, "bob,alice,,not allowed,499 more within an hour,", one, stranger]);
        drop(log);
        assert_eq!(rows(&path)[4..], ["bob,?,,not introduced,499 more within an hour,"]);
    }

    #[test]
    fn what_runs_always_has_its_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("consent.csv");
        let log = ConsentLog::new(Some(path.clone()));
        row(Decision::Listed, "uptime", |row| {
            let now = Instant::now();
            let ran = (0..700).filter(|_| log.begin(row, now).is_ok()).count();
            assert_eq!((ran, rows(&path).len()), (600, 600));
            assert_eq!(log.begin(row, now), Err(NotRecorded::TooMany(600)));
            log.end(row, "exit 0").expect("the end of one that ran");
        });
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_record_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("consent.csv");
        let mut log = ConsentLog::new(Some(path.clone()));
        log.max_size = 100;
        let aside = folder.path().join("consent.csv.1");
        let commands = ["one", "two", "three", "four", "five"];
        for command in commands {
            row(Decision::Allowed, command, |row| log.begin(row, Instant::now()).expect("recorded"));
        }
        let all = |path: &Path| -> Vec<String> {
            rows(path).iter().map(|row| row.rsplit(',').next().expect("a command").to_owned()).collect()
        };
        assert_eq!((all(&aside), all(&path)), (vec!["three".into(), "four".into()], vec!["five".to_owned()]));
        // A folder in its way: what cannot be put aside stops the record, and so what it would be about.
        fs::remove_file(&aside).expect("there");
        fs::create_dir(&aside).expect("made");
        row(Decision::Allowed, "six", |row| log.begin(row, Instant::now()).expect("recorded"));
        row(Decision::Allowed, "seven", |row| {
            let failed = log.begin(row, Instant::now());
            assert!(
                matches!(&failed, Err(NotRecorded::Failed(why)) if why.contains("cannot be put aside")),
                "{failed:?}"
            );
        });
    }

    #[test]
    fn a_file_that_was_put_aside_by_another_is_left_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("consent.csv");
        let full = open(&path).expect("opened");
        fs::rename(&path, folder.path().join("consent.csv.1")).expect("put aside");
        fs::write(&path, "new\n").expect("written");
        put_aside(&path, full).expect("opened").write_all(b"row\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "new\nrow\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let log = ConsentLog::new(Some("/proc/no/consent.csv".into()));
        row(Decision::Declined, "id", |row| {
            let failed = log.refuse(row, Instant::now());
            assert!(
                matches!(&failed, Err(NotRecorded::Failed(why)) if why.contains("/proc/no/consent.csv")),
                "{failed:?}"
            );
        });
    }
}
