//! Accounts: `users.csv`, one row a user, readable with any spreadsheet (S0, S1 and S2 keep theirs so, in clear).
//!
//! A row is appended with one write and synced before anybody is told OK, so neither a crash of the server nor of
//! the machine loses a sign-up that was confirmed. Whatever is wrong with the file is said with its line.

use crate::server::auth::is_hash;
use crate::value::Username;
use crate::value::comma;
use log::warn;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Accounts that one server keeps: far more than it can have clients, and an end to a flood of sign-ups.
const MAX_ACCOUNTS: usize = 100_000;
const HEADER: &str = "username,password_hash,created_at";

/// The accounts of a data folder.
pub struct Accounts {
    path: PathBuf,
    users: Mutex<HashMap<Username, Account>>,
    /// Its lock is held while a row is written and synced, and by nobody who only looks a user up.
    file: Mutex<File>,
    /// The lock on the folder, for as long as the server runs.
    _folder: Flock<File>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As spelled at the sign-up.
    pub name: Username,
    /// A PHC string.
    pub password_hash: String,
}

/// Why an account was not added.
#[derive(Debug)]
pub enum NotAdded {
    /// Somebody has the name.
    Taken,
    /// The server has as many accounts as it keeps.
    Full,
    /// The file could not be written, which the log says; it is as it was before.
    File,
}

impl Accounts {
    /// Opens the accounts of `folder`, made if need be, and keeps every other server out of it.
    ///
    /// # Errors
    /// One sentence that names the file, and the line where a row is wrong.
    pub fn open(folder: &Path) -> Result<Accounts, String> {
        fs::create_dir_all(folder).map_err(|error| in_file(folder, error))?;
        let folder_lock = lock(folder)?;
        let path = folder.join("users.csv");
        let mut file = private_file(&path).map_err(|error| in_file(&path, error))?;
        warn_if_others_read(&file, &path);
        complete_last_row(&mut file).map_err(|error| in_file(&path, error))?;
        set_torn_row_aside(&mut file, &path).map_err(|error| in_file(&path, error))?;
        let users = load(&mut file, &path)?;
        // A new file must survive a power cut too, and its name lies in the folder.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| in_file(folder, error))?;
        Ok(Accounts { path, users: Mutex::new(users), file: Mutex::new(file), _folder: folder_lock })
    }

    /// The account of a name.
    pub fn find(&self, name: &Username) -> Option<Account> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Adds an account; on return it is on the disk. Of two at the same moment one gets the name.
    ///
    /// # Errors
    /// [`NotAdded`].
    pub fn add(&self, account: Account, now: SystemTime) -> Result<(), NotAdded> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            if users.contains_key(&account.name) {
                return Err(NotAdded::Taken);
            }
            if users.len() >= MAX_ACCOUNTS {
                return Err(NotAdded::Full);
            }
        }
        let created_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let row = comma::join([account.name.as_str(), &account.password_hash, &created_at]) + "\n";
        append(&mut file, row.as_bytes()).map_err(|error| {
            warn!("{}: {error}", self.path.display());
            NotAdded::File
        })?;
        self.users.lock().unwrap_or_else(PoisonError::into_inner).insert(account.name.clone(), account);
        Ok(())
    }
}

/// Appends and syncs, or leaves the file as it was: half a row would be taken for a torn one at the next start.
fn append(file: &mut File, row: &[u8]) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(row).and_then(|()| file.sync_data());
    if written.is_err() {
        file.set_len(end)?;
    }
    written
}

fn lock(folder: &Path) -> Result<Flock<File>, String> {
    // The folder itself: a file in it could be deleted while the server runs.
    let file = File::open(folder).map_err(|error| in_file(folder, error))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(locked) => Ok(locked),
        Err((_, Errno::EWOULDBLOCK)) => Err(format!(
            "{}: another server uses this data folder; stop it or choose another with --data",
            folder.display()
        )),
        Err((_, error)) => Err(in_file(folder, error.into())),
    }
}

/// Opens a file that only its owner may read, made if need be.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// The sentence for a failure with a file.
pub(super) fn in_file(path: &Path, error: io::Error) -> String {
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

fn load(file: &mut File, path: &Path) -> Result<HashMap<Username, Account>, String> {
    file.seek(SeekFrom::Start(0)).map_err(|error| in_file(path, error))?;
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let headers = rows.headers().map_err(|error| format!("{}: {error}", path.display()))?;
    if headers.iter().ne(HEADER.split(',')) {
        return Err(format!("{}:1: expected the header {HEADER}", path.display()));
    }
    let mut users = HashMap::new();
    for row in rows.records() {
        let row = row.map_err(|error| format!("{}: {error}", path.display()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |what: &str| format!("{}:{line}: {what}; mend or delete this line", path.display());
        let (3, Some(name), Some(hash)) = (row.len(), row.get(0), row.get(1)) else {
            return Err(wrong(&format!("expected {HEADER}")));
        };
        let name: Username = name.parse().map_err(|error| wrong(&format!("{name:?}: {error}")))?;
        if !is_hash(hash) {
            return Err(wrong(&format!("the password hash of {name} is not a $pbkdf2-sha256$ string")));
        }
        let account = Account { name: name.clone(), password_hash: hash.to_owned() };
        if users.insert(name, account).is_some() {
            return Err(wrong("this username stands twice"));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Patience;
    use crate::server::auth::Hasher;
    use std::thread;
    use std::time::{Duration, Instant};

    fn account(name: &str) -> Account {
        let patience =
            Patience { until: Instant::now() + Duration::from_secs(60), has_gone: &|| false, on_turn: &|| {} };
        let hasher = Hasher::new(1000).expect("valid rounds");
        let password_hash = hasher.hash("password", &patience).expect("a free core");
        Account { name: name.parse().expect("valid"), password_hash }
    }

    fn write_rows(folder: &Path, rows: &str) {
        fs::write(folder.join("users.csv"), rows).expect("written");
    }

    #[test]
    fn an_account_survives_a_restart_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let alice = account("alice");
        let accounts = Accounts::open(folder.path()).expect("a new folder");
        accounts.add(alice.clone(), SystemTime::now()).expect("added");
        assert!(matches!(accounts.add(account("ALICE"), SystemTime::now()), Err(NotAdded::Taken)));
        drop(accounts);
        let mode = fs::metadata(folder.path().join("users.csv")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Accounts::open(folder.path()).expect("opens").find(&alice.name), Some(alice));
    }

    #[test]
    fn two_sign_ups_of_one_name_at_the_same_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open(folder.path()).expect("a new folder");
        let bob = account("bob");
        let added = thread::scope(|scope| {
            let add = || accounts.add(bob.clone(), SystemTime::now()).is_ok();
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
            racers.into_iter().filter_map(|racer| racer.join().ok()).filter(|&added| added).count()
        });
        assert_eq!(added, 1);
    }

    #[test]
    fn a_torn_last_row_is_set_aside_not_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let alice = account("alice");
        let torn = "bob,$pbkdf2-sha2";
        write_rows(folder.path(), &format!("{HEADER}\nalice,\"{}\",1\n{torn}", alice.password_hash));
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert!(accounts.find(&alice.name).is_some());
        assert_eq!(accounts.find(&"bob".parse().expect("valid")), None);
        let aside = fs::read_to_string(folder.path().join("users.csv.torn")).expect("there");
        assert_eq!(aside, format!("{torn}\n"));
        accounts.add(account("bob"), SystemTime::now()).expect("the name is free");
    }

    #[test]
    fn a_last_row_that_lacks_its_line_end_alone_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let alice = account("alice");
        write_rows(folder.path(), &format!("{HEADER}\nalice,\"{}\",1700000000", alice.password_hash));
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert_eq!(accounts.find(&alice.name), Some(alice));
        assert!(!folder.path().join("users.csv.torn").exists());
        accounts.add(account("bob"), SystemTime::now()).expect("added");
        drop(accounts);
        assert!(Accounts::open(folder.path()).expect("opens").find(&"bob".parse().expect("valid")).is_some());
    }

    #[test]
    fn a_wrong_row_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        // Its parameters are separated by a comma.
        let hash = format!("\"{}\"", account("alice").password_hash);
        for (rows, complaint) in [
            ("name,password\n".to_owned(), ":1: expected the header"),
            (format!("{HEADER}\nalice,{hash},1\na_b,{hash},1\n"), ":3: \"a_b\""),
            (format!("{HEADER}\nalice,secret,1\n"), ":2: the password hash of alice"),
            (format!("{HEADER}\nalice,{hash},1\nAlice,{hash},1\n"), ":3: this username stands twice"),
            (format!("{HEADER}\nalice,{hash}\n"), ":2: expected username"),
        ] {
            write_rows(folder.path(), &rows);
            let error = Accounts::open(folder.path()).err().expect(complaint);
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn a_second_server_is_kept_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Accounts::open(folder.path()).expect("a new folder");
        assert!(Accounts::open(folder.path()).err().is_some_and(|error| error.contains("another server")));
        let files: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(files.len(), 1, "no file to delete holds it: {files:?}");
        drop(first);
        assert!(Accounts::open(folder.path()).is_ok());
    }
}
