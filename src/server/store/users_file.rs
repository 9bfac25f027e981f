//! `users.csv` as a file: what a crash leaves of its rows, and what its owner's editor does to it.
//!
//! It knows no lock, and not what is in memory.

use super::account_rows::{HEADER, Rows, Unfit};
use super::fault;
use super::seen_file::SeenFile;
use crate::server::auth::is_hash;
use crate::value::Username;
use crate::value::comma;
use log::warn;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

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

/// Appends to a file that was `seen` so, and syncs; or leaves it as it was: half a row would be taken for a torn one at
/// the next start.
///
/// # Errors
/// What the system says.
pub fn append(file: &mut File, seen: &mut SeenFile, rows: &[u8]) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    fault::point();
    let written = fault::write(file, rows).and_then(|()| file.sync_data());
    fault::point();
    *seen = match written {
        Ok(()) => seen.with(SeenFile::of(file), rows.len()),
        Err(_) => {
            file.set_len(end)?;
            SeenFile::of(file)?
        }
    };
    written
}

/// The accounts of a folder as a file without outdated rows, and how many there are; also while a server runs there. What
/// it just appends is left out.
///
/// # Errors
/// One sentence that names the file, and the line where a row is wrong.
pub fn read_accounts(folder: &Path) -> Result<(Vec<u8>, usize), String> {
    let path = folder.join("users.csv");
    let mut bytes = fs::read(&path).map_err(|error| in_file(&path, error))?;
    bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1));
    let rows = Rows::parse(bytes, &path).map_err(Unfit::into_sentence)?;
    Ok((rows.without_outdated(), rows.accounts().len()))
}

/// Opens a file that only its owner may read, made if need be.
pub fn private_file(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?)
}

/// This file, if it is one: a pipe would be read for ever, and a device may have no end.
///
/// # Errors
/// It is something else, or what the system says.
pub fn regular(file: File) -> io::Result<File> {
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

/// What stands in a file.
///
/// # Errors
/// [`Unfit`].
pub fn load(file: &mut File, path: &Path) -> Result<Rows, Unfit> {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.map_err(|error| Unfit::Unusable(in_file(path, error)))?;
    Rows::parse(bytes, path)
}
