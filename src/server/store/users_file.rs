//! `users.csv` as a file: its rows, what a crash leaves of them, and what its owner's editor does to it.
//!
//! It knows no lock, and not what is in memory.

use super::seen_file::SeenFile;
use crate::server::auth::is_hash;
use crate::value::Username;
use crate::value::comma;
use log::warn;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The first line.
pub const HEADER: &str = "username,password_hash,created_at";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As spelled at the sign-up.
    pub name: Username,
    /// A PHC string.
    pub password_hash: String,
    /// When the sign-up was, in seconds since 1970.
    pub created_at: u64,
}

/// Why the rows of a file cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It may be half written: look again soon. The sentence says what is missing.
    PerhapsBeingSaved(String),
    /// A row is wrong, which the sentence names with its line.
    Wrong(String),
    /// The system does not let us read or write it, which may be otherwise the next time.
    Unusable(String),
}

impl Unfit {
    /// One sentence that names the file.
    pub fn into_sentence(self) -> String {
        match self {
            Unfit::PerhapsBeingSaved(why) | Unfit::Wrong(why) | Unfit::Unusable(why) => why,
        }
    }
}

/// Opens the file at `path`, made if need be, and mends what a crash has left of its last row.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    let mut file = private_file(path)?;
    warn_if_others_read(&file, path);
    complete_last_row(&mut file)?;
    set_torn_row_aside(&mut file, path)?;
    Ok(file)
}

/// Opens the file that lies at `path`, whoever has put it there.
///
/// # Errors
/// What the system says.
pub fn open_again(path: &Path) -> io::Result<File> {
    let file = regular(OpenOptions::new().read(true).append(true).open(path)?)?;
    warn_if_others_read(&file, path);
    Ok(file)
}

/// The row of an account, with its LF.
pub fn row(account: &Account) -> String {
    comma::join([account.name.as_str(), &account.password_hash, &account.created_at.to_string()]) + "\n"
}

/// Appends to a file that was `seen` so, and syncs; or leaves it as it was: half a row would be taken for a torn one at
/// the next start.
///
/// # Errors
/// What the system says.
pub fn append(file: &mut File, seen: &mut SeenFile, rows: &[u8]) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(rows).and_then(|()| file.sync_data());
    *seen = match written {
        Ok(()) => seen.with(SeenFile::of(file), rows.len()),
        Err(_) => {
            file.set_len(end)?;
            SeenFile::of(file)?
        }
    };
    written
}

/// Opens a file that only its owner may read, made if need be.
pub fn private_file(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?)
}

/// A pipe would be read for ever, and a device may have no end.
fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("this is no regular file")) }
}

/// The sentence for a failure with a file.
pub fn in_file(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// An editor may have given the file other rights.
fn warn_if_others_read(file: &File, path: &Path) {
    let mode = file.metadata().map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        warn!("{}: others can read the password hashes (mode {mode:o}): chmod 600 {0}", path.display());
    }
}

/// Ends a last row that lacks its line end alone, as some editors leave it.
fn complete_last_row(file: &mut File) -> io::Result<()> {
    let mut text = String::new();
    // What is no text is looked at where the rows are read.
    if file.read_to_string(&mut text).is_ok() && !text.ends_with('\n') {
        let last = text.rsplit('\n').next().unwrap_or_default();
        let fields = comma::split(last);
        let [name, hash, created_at] = fields.as_slice() else { return file.rewind() };
        if name.parse::<Username>().is_ok() && is_hash(hash) && created_at.parse::<u64>().is_ok() {
            file.write_all(b"\n")?;
        }
    }
    file.rewind()
}

/// Moves an unfinished last row, what a crash in the middle of a write leaves, to `users.csv.torn`.
fn set_torn_row_aside(file: &mut File, path: &Path) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    if whole < bytes.len() {
        let line = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let aside = path.with_extension("csv.torn");
        let mut torn = private_file(&aside)?;
        torn.write_all(&bytes[whole..])?;
        torn.write_all(b"\n")?;
        torn.sync_all()?;
        file.set_len(whole as u64)?;
        warn!("{}:{line}: the last row is incomplete; it was moved to {}", path.display(), aside.display());
    }
    if whole == 0 {
        file.write_all(format!("{HEADER}\n").as_bytes())?;
    }
    file.sync_all()
}

/// The accounts in a file.
///
/// # Errors
/// [`Unfit`].
pub fn load(file: &mut File, path: &Path) -> Result<HashMap<Username, Account>, Unfit> {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.map_err(|error| Unfit::Unusable(in_file(path, error)))?;
    let unfinished = |what: &str| Err(Unfit::PerhapsBeingSaved(format!("{}: {what}", path.display())));
    if bytes.is_empty() {
        return unfinished("it is empty");
    }
    if bytes.last() != Some(&b'\n') {
        return unfinished("its last line has no end");
    }
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let headers = rows.headers().map_err(|error| Unfit::Wrong(format!("{}: {error}", path.display())))?;
    if headers.iter().ne(HEADER.split(',')) {
        return Err(Unfit::PerhapsBeingSaved(format!("{}:1: expected the header {HEADER}", path.display())));
    }
    parse_rows(rows, path).map_err(Unfit::Wrong)
}

fn parse_rows(mut rows: csv::Reader<&[u8]>, path: &Path) -> Result<HashMap<Username, Account>, String> {
    let mut users = HashMap::new();
    for row in rows.records() {
        let row = row.map_err(|error| format!("{}: {error}", path.display()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |what: &str| format!("{}:{line}: {what}; mend or delete this line", path.display());
        let (3, Some(name), Some(hash), Some(created_at)) = (row.len(), row.get(0), row.get(1), row.get(2)) else {
            return Err(wrong(&format!("expected {HEADER}")));
        };
        // What stands there is not told: it may be a hash, and whoever signs up is told this sentence.
        let name: Username = name.parse().map_err(|error| wrong(&format!("the first field is no name: {error}")))?;
        if !is_hash(hash) {
            return Err(wrong(&format!("the password hash of {name} is not a $pbkdf2-sha256$ string")));
        }
        let account = Account {
            name: name.clone(),
            password_hash: hash.to_owned(),
            // For people alone: what is no number does nobody any harm.
            created_at: created_at.parse().unwrap_or_default(),
        };
        if users.insert(name, account).is_some() {
            return Err(wrong("this username stands twice"));
        }
    }
    Ok(users)
}
