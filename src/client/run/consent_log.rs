//! The record of who wanted to run what here, and what became of it: a CSV file that only ever grows.
//!
//! Columns: time (UTC), the user who was asked, who asked (proven by the server), from where, the decision, how the
//! command ended (empty until it did: a command that runs has two rows), the command.

use crate::value::Username;
use crate::value::comma;
use crate::value::text::escape;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The size in bytes at which nothing more is recorded, so that nobody fills the disk with requests. As a command
/// that cannot be recorded is not run, the owner has to move the file away.
const MAX_SIZE: u64 = 64 << 20;

/// Where the record is kept.
pub struct ConsentLog {
    path: Option<PathBuf>,
    // Calls append on threads of their own: the lock orders it, and the look at the size before it. Nothing but this
    // file is touched under it.
    append: Mutex<()>,
}

/// One row.
pub struct Row<'a> {
    /// Who was asked.
    pub us: &'a Username,
    /// Who asked.
    pub from: &'a Username,
    /// From where.
    pub address: SocketAddr,
    /// What was decided.
    pub decision: &'a str,
    /// How it ended, once it has.
    pub status: &'a str,
    /// What they wanted to run.
    pub command: &'a str,
}

impl ConsentLog {
    /// The record in `path`, or in its usual place.
    pub fn new(path: Option<PathBuf>) -> ConsentLog {
        ConsentLog { path: path.or_else(usual_place), append: Mutex::default() }
    }

    /// Adds a row, in one write, so that several clients can share the file.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn append(&self, row: &Row) -> Result<(), String> {
        let Some(path) = &self.path else {
            return Err("no place for the consent log: set HOME, or give --consent-log FILE".to_owned());
        };
        let _ordered = self.append.lock().unwrap_or_else(PoisonError::into_inner);
        append(path, row).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn append(path: &Path, row: &Row) -> io::Result<()> {
    let mut file = open(path)?;
    if file.metadata()?.len() >= MAX_SIZE {
        return Err(io::Error::other(format!("has {} MiB: move it away", MAX_SIZE >> 20)));
    }
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let address = row.address.to_string();
    // Escaped, as it will be read on a terminal.
    let command = escape(row.command);
    let fields = [&time, row.us.as_str(), row.from.as_str(), &address, row.decision, row.status, &command];
    file.write_all((comma::join(fields) + "\n").as_bytes())
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
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn rows_are_added_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/consent.csv");
        let log = ConsentLog::new(Some(path.clone()));
        let (us, from): (Username, Username) = ("bob".parse().expect("valid"), "alice".parse().expect("valid"));
        let address = SocketAddr::from(([127, 0, 0, 2], 4401));
        for (status, command) in [("", "echo 'a, \x1bb'"), ("exit 0", "uptime")] {
            let row = Row { us: &us, from: &from, address, decision: "allowed", status, command };
            log.append(&row).expect("appended");
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let rows: Vec<_> = text.lines().map(comma::split).collect();
        assert_eq!(rows[0][1..], ["bob", "alice", "127.0.0.2:4401", "allowed", "", "echo 'a, \\u{1b}b'"]);
        assert_eq!(rows[1][4..], ["allowed", "exit 0", "uptime"]);
        assert_eq!(rows[0][0].len(), "2026-01-01T00:00:00Z".len());
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let log = ConsentLog::new(Some("/proc/no/consent.csv".into()));
        let name: Username = "bob".parse().expect("valid");
        let address = SocketAddr::from(([127, 0, 0, 2], 4401));
        let row = Row { us: &name, from: &name, address, decision: "declined", status: "", command: "id" };
        assert!(log.append(&row).is_err_and(|why| why.contains("/proc/no/consent.csv")));
    }
}
