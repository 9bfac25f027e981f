//! Accounts: `users.csv`, one row a user, readable with any spreadsheet (S0, S1 and S2 keep theirs so, in clear).
//!
//! A row is appended with one write and synced before anybody is told OK, so neither a crash of the server nor of
//! the machine loses what was confirmed. Whatever is wrong with the file is said with its line. Before each row it is
//! looked whether somebody has edited the file: then it is read anew. At the start and at the end the file is written
//! anew without the rows that later ones stand for, so that people, and servers older than this one, read it as ever.

use super::account_rows::{Account, Row, Unfit};
use super::folder::{self, FolderLock};
use super::seen_file::SeenFile;
use super::users_file::{self, in_file};
use super::whole_file::{remove_half_written, write_anew};
use crate::value::Username;
use crate::value::sentence::counted;
use log::{info, warn};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Accounts that one server keeps: far more than it can have clients, and an end to a flood of sign-ups.
pub const MAX_ACCOUNTS: usize = 100_000;
/// With so many outdated rows the file is written anew while the server runs: passwords may be changed for ever.
const MAX_OUTDATED: usize = 10_000;
/// How long a file that may be half written is looked at again.
const SAVING: Duration = Duration::from_secs(2);
/// How often.
const LOOK: Duration = Duration::from_millis(100);
/// Names in one line of the log.
const NAMED: usize = 10;

/// The accounts of a data folder.
pub struct Accounts {
    path: PathBuf,
    max: usize,
    max_outdated: usize,
    saving: Duration,
    users: Mutex<HashMap<Username, Account>>,
    /// Its lock is held while the file is read or written anew, and while a row is written and synced; by nobody who only
    /// looks a user up.
    file: Mutex<UsersFile>,
    /// What the log was told last of a file that is not to be had, or is being saved for too long.
    told: Mutex<Option<String>>,
    /// The lock on the folder, for as long as the server runs.
    _folder: FolderLock,
}

struct UsersFile {
    file: File,
    seen: SeenFile,
    /// The last row of each name for which this run has appended one: a file without it was written by somebody who did
    /// not know of it.
    appended: HashMap<Username, Row>,
    /// Rows that say nothing any more.
    outdated: usize,
    /// What was wrong with what lay there when it was looked at last.
    unfit: Option<(Option<SeenFile>, Unfit)>,
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum NotStored {
    /// Somebody has the name.
    Taken,
    /// Nobody has the name, or not with the password any more that was checked.
    Unknown,
    /// The server has as many accounts as it keeps.
    Full,
    /// Somebody has made of the file what cannot be taken. It was left alone.
    Unfit(Unfit),
    /// The file could not be written, which the log says; it is as it was before.
    File,
    /// It was not tried, by whoever was asked to: no turn came, or none will.
    NotTried,
}

impl Accounts {
    /// Opens the accounts of `folder`, made if need be, and keeps every other server out of it.
    ///
    /// # Errors
    /// One sentence that names the file, and the line where a row is wrong.
    pub fn open(folder: &Path) -> Result<Accounts, String> {
        Self::open_with(folder, MAX_ACCOUNTS, MAX_OUTDATED, SAVING)
    }

    fn open_with(folder: &Path, max: usize, max_outdated: usize, saving: Duration) -> Result<Accounts, String> {
        let folder_lock = folder::lock(folder)?;
        let path = folder.join("users.csv");
        let mut file = users_file::open(&path).map_err(|error| in_file(&path, error))?;
        remove_half_written(&path);
        let rows = users_file::load(&mut file, &path).map_err(Unfit::into_sentence)?;
        // A new file must survive a power cut too, and its name lies in the folder.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| in_file(folder, error))?;
        let seen = SeenFile::of(&file).map_err(|error| in_file(&path, error))?;
        let mut file = UsersFile { file, seen, appended: HashMap::new(), outdated: rows.outdated(), unfit: None };
        file.tidy(&path);
        let users = Mutex::new(rows.accounts());
        let (file, told) = (Mutex::new(file), Mutex::default());
        Ok(Accounts { path, max, max_outdated, saving, users, file, told, _folder: folder_lock })
    }

    /// The account of a name.
    pub fn find(&self, name: &Username) -> Option<Account> {
        self.lock_users().get(name).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock_users().len()
    }

    /// Tries, and tries again while somebody else perhaps saves the file, for 2 s at the longest. The thread that calls
    /// waits between two tries: no lock is held then, and whoever else is to try has a turn.
    pub fn try_while_saved<T>(&self, mut one_try: impl FnMut() -> Result<T, NotStored>) -> Result<T, NotStored> {
        let until = Instant::now() + self.saving;
        loop {
            match one_try() {
                Err(NotStored::Unfit(Unfit::PerhapsBeingSaved(_))) if Instant::now() < until => {}
                Err(NotStored::Unfit(Unfit::PerhapsBeingSaved(why))) => {
                    self.tell_once(&why);
                    return Err(NotStored::Unfit(Unfit::PerhapsBeingSaved(why)));
                }
                done => return done,
            }
            // Nothing tells when an editor has done.
            thread::sleep(LOOK);
        }
    }

    /// Adds an account; on return it is on the disk. Of two at the same moment one gets the name. It does not wait for who
    /// perhaps saves the file: [`Accounts::try_while_saved`] does.
    ///
    /// # Errors
    /// [`NotStored`].
    pub fn add(&self, account: Account) -> Result<(), NotStored> {
        self.store(|users| match users.get(&account.name) {
            Some(_) => Err(NotStored::Taken),
            None if users.len() >= self.max => Err(NotStored::Full),
            None => Ok(Row(account)),
        })
    }

    /// Gives an account another password, as [`Accounts::add`] does. With `instead_of`, the hash that was checked, only if
    /// it is still that: of two changes at the same moment the second one is of a password that is none any more.
    ///
    /// # Errors
    /// [`NotStored`].
    pub fn set_password(&self, name: &Username, instead_of: Option<&str>, new_hash: &str) -> Result<(), NotStored> {
        self.store(|users| {
            let account = users.get(name).ok_or(NotStored::Unknown)?;
            let is_meant = instead_of.is_none_or(|checked| account.password_hash == checked);
            let new = || Row(Account { password_hash: new_hash.to_owned(), ..account.clone() });
            is_meant.then(new).ok_or(NotStored::Unknown)
        })
    }

    /// Ends an account, as [`Accounts::add`] begins one.
    ///
    /// # Errors
    /// [`NotStored`].
    pub fn remove(&self, name: &Username) -> Result<(), NotStored> {
        self.store(|users| users.get(name).map(Row::end_of).ok_or(NotStored::Unknown))
    }

    /// Appends the row on which `decide` decides, and syncs it.
    fn store(
        &self,
        decide: impl FnOnce(&HashMap<Username, Account>) -> Result<Row, NotStored>,
    ) -> Result<(), NotStored> {
        let mut file = self.lock_file();
        self.follow(&mut file).map_err(NotStored::Unfit)?;
        let row = decide(&self.lock_users())?;
        let UsersFile { file: open, seen, .. } = &mut *file;
        users_file::append(open, seen, row.line().as_bytes()).map_err(|error| {
            warn!("{}: {error}", self.path.display());
            NotStored::File
        })?;
        let name = row.0.name.clone();
        file.appended.insert(name, row.clone());
        file.outdated += usize::from(row.is_end());
        file.outdated += usize::from(apply(&mut self.lock_users(), row).is_some());
        if file.outdated >= self.max_outdated {
            file.tidy(&self.path);
        }
        Ok(())
    }

    /// Reads the file anew if it is not as we left it.
    fn follow(&self, file: &mut UsersFile) -> Result<(), Unfit> {
        let there = SeenFile::at(&self.path).map_err(|error| {
            let why = in_file(&self.path, error);
            self.tell_once(&why);
            Unfit::Unusable(why)
        })?;
        if there == Some(file.seen) {
            file.unfit = None;
            self.forget_told();
            return Ok(());
        }
        // What was read need not be read again for everybody who comes. Other rights do not show in `there`.
        let before = file.unfit.take().filter(|(seen, _)| *seen == there).map(|(_, unfit)| unfit);
        let fate = file.seen.fate(there);
        let unfit = match &before {
            Some(Unfit::PerhapsBeingSaved(_) | Unfit::Wrong(_)) => before.clone(),
            Some(Unfit::Unusable(_)) | None => self.read_anew(file, fate).err(),
        };
        let Some(unfit) = unfit else { return Ok(()) };
        match &unfit {
            Unfit::Wrong(why) | Unfit::Unusable(why) if before.as_ref() != Some(&unfit) => {
                warn!("{why}; the file {fate}, and the accounts stay as they were");
            }
            _ => {}
        }
        file.unfit = Some((there, unfit.clone()));
        Err(unfit)
    }

    fn read_anew(&self, file: &mut UsersFile, fate: &str) -> Result<(), Unfit> {
        let mut new = users_file::open_again(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Unfit::PerhapsBeingSaved(in_file(&self.path, error)),
            _ => self.unfit(error),
        })?;
        // Before it is read: who writes while it is read changes it once more.
        let mut seen = SeenFile::of(&new).map_err(|error| self.unfit(error))?;
        let rows = users_file::load(&mut new, &self.path)?;
        let (missing, mut users) = (rows.lacks(file.appended.values()), rows.accounts());
        let replaced = missing.iter().filter(|row| apply(&mut users, (*row).clone()).is_some()).count();
        let (before, ended) = self.ended(&users);
        if ended.len() * 2 > before {
            return Err(Unfit::PerhapsBeingSaved(format!(
                "{}: {} of {} are not there any more: put them back, or stop the server to end so many",
                self.path.display(),
                ended.len(),
                counted(before, "account")
            )));
        }
        let lines: String = missing.iter().map(Row::line).collect();
        users_file::append(&mut new, &mut seen, lines.as_bytes()).map_err(|error| self.unfit(error))?;
        (file.file, file.seen, file.unfit) = (new, seen, None);
        self.forget_told();
        file.outdated = rows.outdated() + replaced + missing.iter().filter(|row| row.is_end()).count();
        warn!(
            "{} {fate}; it was read anew: {}, {} written again, ended: {}",
            self.path.display(),
            counted(users.len(), "account"),
            counted(missing.len(), "row"),
            named(&ended)
        );
        *self.lock_users() = users;
        Ok(())
    }

    /// How many accounts there are, and the names of those that `users` lacks.
    fn ended(&self, users: &HashMap<Username, Account>) -> (usize, Vec<Username>) {
        let before = self.lock_users();
        let mut ended: Vec<Username> = before.keys().filter(|name| !users.contains_key(*name)).cloned().collect();
        ended.sort();
        (before.len(), ended)
    }

    /// Tells the log why nothing is written, and no more of it until something is.
    fn tell_once(&self, why: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_deref() != Some(why) {
            warn!("{why}; the accounts stay as they were");
            *told = Some(why.to_owned());
        }
    }

    /// The file can be had: the next trouble is news.
    fn forget_told(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn unfit(&self, error: io::Error) -> Unfit {
        Unfit::Unusable(in_file(&self.path, error))
    }

    /// Waits so long for who perhaps saves the file.
    #[cfg(test)]
    pub fn set_saving(&mut self, saving: Duration) {
        self.saving = saving;
    }

    /// Waits until somebody has found that the file cannot be taken.
    #[cfg(test)]
    pub fn wait_until_unfit(&self) {
        while self.lock_file().unfit.is_none() {
            thread::yield_now();
        }
    }

    fn lock_file(&self) -> MutexGuard<'_, UsersFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_users(&self) -> MutexGuard<'_, HashMap<Username, Account>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UsersFile {
    /// Writes the file anew, if there are outdated rows, and nobody else has changed it. It can do without: what was
    /// confirmed stands there already.
    fn tidy(&mut self, path: &Path) {
        if self.outdated == 0 {
            return;
        }
        match self.write_anew(path) {
            Ok(true) => info!("{}: written anew without {}", path.display(), counted(self.outdated, "outdated row")),
            Ok(false) => return,
            Err(why) => return warn!("{why}; outdated rows stay in it"),
        }
        self.outdated = 0;
    }

    /// False when somebody else has changed the file, which is left to them then.
    fn write_anew(&mut self, path: &Path) -> Result<bool, String> {
        let text = users_file::load(&mut self.file, path).map_err(Unfit::into_sentence)?.without_outdated();
        let there = SeenFile::at(path).map_err(|error| in_file(path, error))?;
        if there != Some(self.seen) {
            return Ok(false);
        }
        let file = write_anew(path, &text).map_err(|error| in_file(path, error))?;
        self.seen = SeenFile::of(&file).map_err(|error| in_file(path, error))?;
        self.file = file;
        Ok(true)
    }
}

/// The file may have been edited since the last row: nothing of this run is lost all the same. Without outdated rows a
/// server older than this one reads it too.
impl Drop for Accounts {
    fn drop(&mut self) {
        if !self.lock_file().appended.is_empty() {
            let follow = || self.follow(&mut self.lock_file()).map_err(NotStored::Unfit);
            if let Err(NotStored::Unfit(why)) = self.try_while_saved(follow) {
                return warn!(
                    "{}; what was changed since the server started may be missing there",
                    why.into_sentence()
                );
            }
        }
        self.lock_file().tidy(&self.path);
    }
}

/// Changes the accounts as a row says; the account that was there before, as it was.
fn apply(users: &mut HashMap<Username, Account>, row: Row) -> Option<Account> {
    let before = users.remove(&row.0.name);
    if !row.is_end() {
        users.insert(row.0.name.clone(), row.0);
    }
    before
}

fn named(names: &[Username]) -> String {
    let (first, rest) = names.split_at(names.len().min(NAMED));
    let mut text = first.iter().map(Username::as_str).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        text += "nobody";
    }
    if !rest.is_empty() {
        text += &format!(" and {} more", rest.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Patience;
    use crate::server::auth::Hasher;
    use crate::server::store::account_rows::HEADER;
    use crate::server::store::fault;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;

    fn account(name: &str) -> Account {
        let patience = Patience::lasting(Duration::from_secs(60));
        let hasher = Hasher::new(1000).expect("valid rounds");
        let password_hash = hasher.hash("password", &patience).expect("a free core");
        Account { name: name.parse().expect("valid"), password_hash, created_at: 1_700_000_000 }
    }

    fn write_rows(folder: &Path, rows: &str) {
        fs::write(folder.join("users.csv"), rows).expect("written");
    }

    #[test]
    fn an_account_survives_a_restart_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let alice = account("alice");
        let accounts = Accounts::open(folder.path()).expect("a new folder");
        accounts.add(alice.clone()).expect("added");
        assert!(matches!(accounts.add(account("ALICE")), Err(NotStored::Taken)));
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
            let add = || accounts.add(bob.clone()).is_ok();
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
        write_rows(folder.path(), &format!("{HEADER}\nalice,\"{}\",1700000000\n{torn}", alice.password_hash));
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert!(accounts.find(&alice.name).is_some());
        assert_eq!(accounts.find(&"bob".parse().expect("valid")), None);
        let aside = fs::read_to_string(folder.path().join("users.csv.torn")).expect("there");
        assert_eq!(aside, format!("{torn}\n"));
        accounts.add(account("bob")).expect("the name is free");
    }

    #[test]
    fn a_last_row_that_lacks_its_line_end_alone_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let alice = account("alice");
        write_rows(folder.path(), &format!("{HEADER}\nalice,\"{}\",1700000000", alice.password_hash));
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert_eq!(accounts.find(&alice.name), Some(alice));
        assert!(!folder.path().join("users.csv.torn").exists());
        accounts.add(account("bob")).expect("added");
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
            (format!("{HEADER}\nalice,{hash},1\na_b,{hash},1\n"), ":3: the first field is no name"),
            (format!("{HEADER}\nalice,secret,1\n"), ":2: the password hash of alice"),
            (format!("{HEADER}\nalice,{hash}\n"), ":2: expected username"),
        ] {
            write_rows(folder.path(), &rows);
            let error = Accounts::open(folder.path()).err().expect(complaint);
            assert!(error.contains(complaint), "{error}");
        }
    }

    /// What somebody else does to the file while the server runs.
    type Meddle = fn(&Path);

    fn rows_without(path: &Path, name: &str) -> String {
        let text = fs::read_to_string(path).expect("text");
        text.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect()
    }

    fn replace(path: &Path, text: &str) {
        let other = path.with_extension("other");
        fs::write(&other, text).expect("written");
        fs::rename(other, path).expect("renamed");
    }

    /// A server with alice, bob and carol from before, and dave of this run.
    fn with_four(folder: &Path) -> Accounts {
        let accounts = Accounts::open(folder).expect("opens");
        for name in ["alice", "bob", "carol"] {
            accounts.add(account(name)).expect("added");
        }
        drop(accounts);
        let accounts = Accounts::open_with(folder, 10, MAX_OUTDATED, Duration::ZERO).expect("opens");
        accounts.add(account("dave")).expect("added");
        accounts
    }

    fn names(accounts: &Accounts) -> String {
        let mut names: Vec<String> = accounts.lock_users().keys().map(ToString::to_string).collect();
        names.sort();
        names.join(" ")
    }

    #[test]
    fn a_file_that_was_edited_is_followed_and_nobody_of_this_run_is_lost() {
        let same: Meddle = |path| replace(path, &rows_without(path, "nobody"));
        let older: Meddle = |path| replace(path, &rows_without(path, "dave"));
        let without_bob: Meddle = |path| replace(path, &rows_without(path, "bob"));
        let in_place: Meddle = |path| fs::write(path, rows_without(path, "bob")).expect("written");
        let by_hand: Meddle = |path| {
            let row = Row(account("frank")).line();
            let mut file = OpenOptions::new().append(true).open(path).expect("opens");
            file.write_all(row.as_bytes()).expect("written");
        };
        for (meddle, expected) in [
            (same, "alice bob carol dave eve"),
            (older, "alice bob carol dave eve"),
            (without_bob, "alice carol dave eve"),
            (in_place, "alice carol dave eve"),
            (by_hand, "alice bob carol dave eve frank"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let accounts = with_four(folder.path());
            meddle(&folder.path().join("users.csv"));
            accounts.add(account("eve")).expect("added");
            assert_eq!(names(&accounts), expected);
            drop(accounts);
            assert_eq!(names(&Accounts::open(folder.path()).expect("opens")), expected, "after a restart");
        }
    }

    #[test]
    fn nobody_is_lost_when_the_server_stops_after_an_edit() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        let path = folder.path().join("users.csv");
        replace(&path, &rows_without(&path, "dave"));
        drop(accounts);
        assert_eq!(names(&Accounts::open(folder.path()).expect("opens")), "alice bob carol dave");
        // A server in which nobody has signed up leaves the file to who edits it.
        let accounts = Accounts::open(folder.path()).expect("opens");
        let text = rows_without(&path, "dave");
        replace(&path, &text);
        drop(accounts);
        assert_eq!(fs::read_to_string(&path).expect("text"), text);
    }

    /// Why the file cannot be taken when eve is to be added.
    fn why_not(accounts: &Accounts) -> String {
        match accounts.add(account("eve")) {
            Err(NotStored::Unfit(unfit)) => unfit.into_sentence(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_stands_in_the_file_is_told_to_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        let path = folder.path().join("users.csv");
        let text = fs::read_to_string(&path).expect("text");
        // The names are gone, and the hashes stand first.
        replace(&path, &text.replace("bob,", "").replace("dave,", ""));
        let why = why_not(&accounts);
        assert!(!why.contains('$'), "{why}");
        replace(&path, &text.replace("bob,", "\"$pbkdf2-sha256$\","));
        let why = why_not(&accounts);
        assert!(why.contains(":3:") && !why.contains('$'), "{why}");
    }

    #[test]
    fn a_file_that_cannot_be_taken_is_left_alone_and_the_accounts_stay() {
        let delete: Meddle = |path| fs::remove_file(path).expect("removed");
        let empty: Meddle = |path| fs::write(path, "").expect("written");
        let half: Meddle = |path| replace(path, rows_without(path, "nobody").trim_end());
        let no_header: Meddle = |path| replace(path, &rows_without(path, "username"));
        let most_gone: Meddle = |path| replace(path, &format!("{HEADER}\n"));
        let wrong: Meddle = |path| replace(path, &(rows_without(path, "nobody") + "frank,secret,1\n"));
        let pipe: Meddle = |path| {
            fs::remove_file(path).expect("removed");
            mkfifo(path, Mode::S_IRWXU).expect("made");
        };
        for (meddle, why) in [
            (delete, "users.csv: No such file"),
            (empty, "users.csv: it is empty"),
            (half, "users.csv: its last line has no end"),
            (no_header, "users.csv:1: expected the header"),
            (most_gone, "users.csv: 3 of 4 accounts are not there any more: put them back"),
            (wrong, "users.csv:6: the password hash of frank is not"),
            (pipe, "users.csv: this is no regular file"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let accounts = with_four(folder.path());
            let path = folder.path().join("users.csv");
            let before = fs::read_to_string(&path).expect("text");
            meddle(&path);
            let content = || path.is_file().then(|| fs::read(&path).expect("read"));
            let meddled = content();
            for _ in 0..2 {
                let told = why_not(&accounts);
                assert!(told.contains(why), "{why}: {told}");
            }
            assert_eq!((content(), names(&accounts)), (meddled, "alice bob carol dave".to_owned()));
            replace(&path, &before);
            accounts.add(account("eve")).expect("mended");
            drop(accounts);
            assert_eq!(names(&Accounts::open(folder.path()).expect("opens")), "alice bob carol dave eve");
        }
    }

    #[test]
    fn a_file_that_is_being_saved_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut accounts = with_four(folder.path());
        accounts.set_saving(Duration::from_secs(60));
        let path = folder.path().join("users.csv");
        let text = rows_without(&path, "bob");
        fs::write(&path, "").expect("cut");
        thread::scope(|scope| {
            let adding = scope.spawn(|| accounts.try_while_saved(|| accounts.add(account("eve"))));
            accounts.wait_until_unfit();
            fs::write(&path, &text).expect("saved");
            adding.join().expect("no panic").expect("added");
        });
        assert_eq!(names(&accounts), "alice carol dave eve");
    }

    #[test]
    fn a_file_that_can_be_used_again_is_looked_at_again_though_it_is_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        replace(&folder.path().join("users.csv"), &rows_without(&folder.path().join("users.csv"), "bob"));
        let there = SeenFile::at(&folder.path().join("users.csv")).expect("there");
        let refused = |unfit: fn(String) -> Unfit| {
            accounts.file.lock().expect("no panic").unfit = Some((there, unfit("as before".to_owned())));
            accounts.add(account("eve")).is_err()
        };
        // What was read is not read again; rights may have changed.
        assert!(refused(Unfit::Wrong));
        assert!(!refused(Unfit::Unusable));
        assert_eq!(names(&accounts), "alice carol dave eve");
    }

    #[test]
    fn a_pipe_is_refused_at_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        mkfifo(&folder.path().join("users.csv"), Mode::S_IRWXU).expect("made");
        let error = Accounts::open(folder.path()).err().expect("refused");
        assert!(error.ends_with("users.csv: this is no regular file"), "{error}");
    }

    #[test]
    fn there_is_an_end_to_the_number_of_accounts() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open_with(folder.path(), 1, MAX_OUTDATED, SAVING).expect("opens");
        accounts.add(account("alice")).expect("added");
        assert!(matches!(accounts.add(account("bob")), Err(NotStored::Full)));
    }

    #[test]
    fn a_long_list_of_names_is_shortened() {
        let names: Vec<Username> = (0..12).map(|number| format!("n{number}").parse().expect("a name")).collect();
        assert_eq!(named(&names), "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more");
        assert_eq!((named(&names[..2]), named(&[])), ("n0, n1".to_owned(), "nobody".to_owned()));
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

    /// A PHC string that no password fits, one for each letter.
    fn hash(letter: char) -> String {
        format!("$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA${}A", String::from(letter).repeat(42))
    }

    fn hash_of(accounts: &Accounts, name: &str) -> Option<String> {
        accounts.find(&name.parse().expect("a name")).map(|account| account.password_hash)
    }

    #[test]
    fn a_changed_password_and_an_ended_account_stay_so_and_leave_no_row_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        let name = |text: &str| text.parse::<Username>().expect("a name");
        let first = hash_of(&accounts, "alice").expect("there");
        accounts.set_password(&name("ALICE"), Some(&first), &hash('b')).expect("changed");
        let late = accounts.set_password(&name("alice"), Some(&first), &hash('c'));
        assert!(matches!(late, Err(NotStored::Unknown)), "it was checked against a password that is none any more");
        accounts.remove(&name("bob")).expect("ended");
        assert!(matches!(accounts.remove(&name("bob")), Err(NotStored::Unknown)));
        assert!(matches!(accounts.set_password(&name("bob"), None, &hash('b')), Err(NotStored::Unknown)));
        // The rows before are there until the stop: nothing is lost by an end at any moment.
        let rows = |path: &Path| fs::read_to_string(path).expect("text").lines().count();
        let path = folder.path().join("users.csv");
        assert_eq!(rows(&path), 1 + 4 + 2);
        drop(accounts);
        assert_eq!(rows(&path), 1 + 3);
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert_eq!((names(&accounts).as_str(), hash_of(&accounts, "alice")), ("alice carol dave", Some(hash('b'))));
        accounts.add(account("bob")).expect("the name is free");
        assert_eq!(accounts.count(), 4);
    }

    #[test]
    fn a_later_row_stands_for_the_earlier_ones_and_a_start_writes_it_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |name: &str, letter, rest: &str| format!("{name},\"{}\",{rest}\r\n", hash(letter));
        // As a spreadsheet may write it, with what a person has written beside it.
        let rows = [row("alice", 'a', "1"), row("bob", 'a', "2"), row("Alice", 'b', "in May"), "bob,,2\r\n".to_owned()];
        write_rows(folder.path(), &format!("{HEADER}\r\n{}{}", rows.concat(), row("carol", 'c', "3")));
        let left = folder.path().join("users.csv.new");
        fs::write(&left, "half a fi").expect("written");
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert_eq!((names(&accounts).as_str(), hash_of(&accounts, "alice")), ("Alice carol", Some(hash('b'))));
        let text = fs::read_to_string(folder.path().join("users.csv")).expect("text");
        let expected = format!("{HEADER}\n{}{}", row("Alice", 'b', "in May"), row("carol", 'c', "3"));
        assert_eq!(text, expected.replace('\r', ""));
        assert!(!left.exists());
        let mode = fs::metadata(folder.path().join("users.csv")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        accounts.add(account("dave")).expect("added to the new file");
        drop(accounts);
        assert_eq!(names(&Accounts::open(folder.path()).expect("opens")), "Alice carol dave");
    }

    #[test]
    fn an_old_file_that_is_put_back_brings_no_old_password_and_no_ended_account() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        let path = folder.path().join("users.csv");
        let backup = fs::read_to_string(&path).expect("text");
        accounts.set_password(&"alice".parse().expect("a name"), None, &hash('b')).expect("changed");
        accounts.remove(&"bob".parse().expect("a name")).expect("ended");
        replace(&path, &backup);
        accounts.add(account("eve")).expect("added");
        assert_eq!(hash_of(&accounts, "alice"), Some(hash('b')));
        drop(accounts);
        let accounts = Accounts::open(folder.path()).expect("opens");
        assert_eq!(names(&accounts), "alice carol dave eve");
        assert_eq!(hash_of(&accounts, "alice"), Some(hash('b')));
    }

    #[test]
    fn an_account_that_was_ended_twice_does_not_come_back_with_the_file_of_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = with_four(folder.path());
        let (path, bob) = (folder.path().join("users.csv"), "bob".parse().expect("a name"));
        accounts.remove(&bob).expect("ended");
        accounts.add(Account { created_at: 7, ..account("bob") }).expect("the name is free");
        let between = fs::read_to_string(&path).expect("text");
        accounts.remove(&bob).expect("ended once more");
        replace(&path, &between);
        accounts.add(account("eve")).expect("added");
        assert_eq!(names(&accounts), "alice carol dave eve");
    }

    #[test]
    fn passwords_that_are_changed_for_ever_do_not_fill_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let accounts = Accounts::open_with(folder.path(), 10, 3, SAVING).expect("opens");
        accounts.add(account("alice")).expect("added");
        for letter in ('a'..='z').cycle().take(30) {
            accounts.set_password(&"alice".parse().expect("a name"), None, &hash(letter)).expect("changed");
            let text = fs::read_to_string(folder.path().join("users.csv")).expect("text");
            assert!(text.lines().count() <= 1 + 3, "{text}");
        }
        assert_eq!(hash_of(&accounts, "alice"), Some(hash('d')));
    }

    /// The folder for the process that is ended, and what it notes before.
    const FOLDER: &str = "PEERLINE_TEST_FOLDER";

    /// It is run by the test below, as a process of its own, which ends at a point of that test's choice.
    #[test]
    #[ignore = "it is a part of the test below"]
    fn changes_until_it_is_killed() {
        let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the test below sets it"));
        let confirm = |what: &str| {
            let mut notes = OpenOptions::new().append(true).create(true).open(folder.join("confirmed")).expect("opens");
            notes.write_all(what.as_bytes()).expect("written");
        };
        let name = |text: &str| text.parse::<Username>().expect("a name");
        let accounts = Accounts::open(&folder).expect("opens");
        accounts.set_password(&name("alice"), None, &hash('b')).expect("changed");
        confirm("changed ");
        accounts.remove(&name("bob")).expect("ended");
        confirm("ended ");
        accounts.add(Account { name: name("dave"), password_hash: hash('d'), created_at: 4 }).expect("added");
        confirm("added ");
        drop(accounts);
        confirm("stopped ");
    }

    #[test]
    fn kill_9_at_any_point_of_a_change_loses_nothing_and_brings_nothing_back() {
        let row = |name: &str, letter| format!("{name},\"{}\",1\n", hash(letter));
        let before = [row("alice", 'z'), row("alice", 'a'), row("bob", 'a'), row("carol", 'c')].concat();
        let mut killed = 0;
        loop {
            let folder = tempfile::tempdir().expect("a folder");
            write_rows(folder.path(), &format!("{HEADER}\n{before}"));
            let status = std::process::Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", "--ignored", "server::store::accounts::tests::changes_until_it_is_killed"])
                .env(FOLDER, folder.path())
                .env(fault::VARIABLE, killed.to_string())
                .output()
                .expect("it runs")
                .status;
            let confirmed = fs::read_to_string(folder.path().join("confirmed")).unwrap_or_default();
            let accounts = Accounts::open(folder.path()).unwrap_or_else(|error| panic!("point {killed}: {error}"));
            let is_new = |name: &str, old: Option<char>, new: Option<char>, word: &str| {
                let found = hash_of(&accounts, name);
                assert!(found == old.map(hash) || found == new.map(hash), "point {killed}: {name} has {found:?}");
                assert!(found == new.map(hash) || !confirmed.contains(word), "point {killed}: {name} was {word}");
            };
            is_new("alice", Some('a'), Some('b'), "changed");
            is_new("bob", Some('a'), None, "ended");
            is_new("carol", Some('c'), Some('c'), "stopped");
            is_new("dave", None, Some('d'), "added");
            let count = accounts.count();
            drop(accounts);
            let text = fs::read_to_string(folder.path().join("users.csv")).expect("text");
            assert_eq!(text.lines().count(), 1 + count, "point {killed}");
            assert!(!folder.path().join("users.csv.new").exists(), "point {killed}");
            if status.success() {
                assert!(confirmed.ends_with("stopped "));
                break;
            }
            assert_eq!(status.signal(), Some(9), "point {killed}");
            killed += 1;
        }
        // Two rewrites with seven points each, three rows with three, and what a new file is made of.
        assert!(killed >= 20, "only {killed} points");
    }
}
