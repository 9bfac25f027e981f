//! `server accounts`: accounts into a file, and out of one, whether or not a server runs on the folder.

use super::conversation::{Conversation, is_nobody, no_server};
use super::originals::{Contents, Found};
use super::speak::print;
use crate::net::Patience;
use crate::program::tell_error;
use crate::server::auth::Hasher;
use crate::server::store::{self, Account, Accounts, NotStored};
use crate::server::task::{Direction, MoveAccounts};
use crate::value::sentence::counted;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long one password may take to be hashed.
const HASH_LIMIT: Duration = Duration::from_secs(60);

/// Moves them; false when some were left out, each of which is told.
///
/// # Errors
/// A sentence that names the file.
pub fn move_accounts(how: &MoveAccounts) -> Result<bool, String> {
    match &how.direction {
        Direction::Export { file } => export(&how.data, file).map(|()| true),
        Direction::Import { file, hash_rounds } => import(&how.data, file, *hash_rounds),
    }
}

/// A server that runs appends whole rows, and writes whole files.
fn export(folder: &Path, file: &Path) -> Result<(), String> {
    let (text, count) = store::read_accounts(folder)?;
    let in_file = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(in_file)?;
    let written = new.write_all(&text).and_then(|()| new.sync_all());
    if written.is_err() {
        // A half of it would be taken for all.
        let _ = fs::remove_file(file);
    }
    written.map_err(in_file)?;
    print(&format!("{} written to {}\n", counted(count, "account"), file.display()))
}

fn import(folder: &Path, file: &Path, rounds: u32) -> Result<bool, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let Contents { accounts, left_out } = Contents::read(&bytes);
    let mut target = Target::open(folder)?;
    let hasher = Hasher::new(rounds)?;
    let mut is_whole = left_out.is_empty();
    let tell = |why: &str| tell_error("server", &format!("{}: {why}", file.display()));
    left_out.iter().for_each(|why| tell(why));
    let mut added = 0;
    for (line, found) in accounts {
        let name = found.name().clone();
        let done = match hashed(found, &hasher) {
            // Where the server has ended nothing more can be added.
            Ok(account) => target.add(account).map_err(|why| {
                format!("{}: line {line}: {name}: {why}; added before: {}", file.display(), counted(added, "account"))
            })?,
            Err(why) => Err(why),
        };
        match done {
            Ok(()) => added += 1,
            Err(why) => {
                tell(&format!("line {line}: {name}: {why}"));
                is_whole = false;
            }
        }
    }
    print(&format!("{} added\n", counted(added, "account")))?;
    Ok(is_whole)
}

fn hashed(found: Found, hasher: &Hasher) -> Result<Account, String> {
    let (name, password) = match found {
        Found::Hashed(account) => return Ok(account),
        Found::Clear { name, password } => (name, password),
    };
    let patience = Patience::lasting(HASH_LIMIT);
    let password_hash =
        hasher.hash(&password, &patience).map_err(|_| "its password was not hashed in time".to_owned())?;
    Ok(Account::new(name, password_hash, SystemTime::now()))
}

/// Where accounts are added.
enum Target {
    /// The server that runs on the folder has the file.
    Running(Conversation),
    /// Nobody has.
    Folder(Box<Accounts>),
}

impl Target {
    fn open(folder: &Path) -> Result<Target, String> {
        match Conversation::begin(folder) {
            Ok(conversation) => Ok(Target::Running(conversation)),
            // A server without a socket holds the lock, which this says.
            Err(error) if is_nobody(&error) => Accounts::open(folder).map(Box::new).map(Target::Folder),
            Err(error) => Err(no_server(folder, &error)),
        }
    }

    /// Adds one, or says why not.
    ///
    /// # Errors
    /// The server has ended.
    fn add(&mut self, account: Account) -> Result<Result<(), String>, String> {
        let accounts = match self {
            Target::Running(conversation) => {
                return Ok(conversation.ask(&format!("account {account}"))?.end.map(drop));
            }
            Target::Folder(accounts) => accounts,
        };
        Ok(accounts.add(account).map_err(|why| match why {
            NotStored::Taken => "there is an account of this name already".to_owned(),
            NotStored::Full => "there are as many accounts as a server keeps".to_owned(),
            NotStored::Unfit(unfit) => unfit.into_sentence(),
            NotStored::Unknown | NotStored::File | NotStored::NotTried => "it could not be written".to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(data: &Path, direction: Direction) -> Result<bool, String> {
        move_accounts(&MoveAccounts { data: data.to_owned(), direction })
    }

    #[test]
    fn accounts_go_into_a_folder_without_a_server_and_out_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, file) = (folder.path().join("data"), folder.path().join("old.csv"));
        fs::write(&file, "alice,pw\nbob,secret-word\nb ob,x\n").expect("written");
        let import = |file: &Path| moved(&data, Direction::Import { file: file.to_owned(), hash_rounds: 1000 });
        assert_eq!(import(&file), Ok(false), "one row is odd");
        let out = folder.path().join("out.csv");
        let export = || moved(&data, Direction::Export { file: out.clone() });
        assert_eq!(export(), Ok(true));
        assert!(export().is_err(), "the file is there");
        let text = fs::read_to_string(&out).expect("text");
        assert_eq!((text.lines().count(), text.contains("secret-word")), (3, false));
        let data = folder.path().join("other");
        assert_eq!(moved(&data, Direction::Import { file: out.clone(), hash_rounds: 1000 }), Ok(true));
        assert_eq!(moved(&data, Direction::Import { file: out, hash_rounds: 1000 }), Ok(false), "they are there");
        let accounts = Accounts::open(&data).expect("opens");
        assert_eq!(accounts.count(), 2);
        let patient = Patience::lasting(HASH_LIMIT);
        let hash = accounts.find(&"alice".parse().expect("a name")).expect("there").password_hash;
        assert_eq!(Hasher::new(1000).expect("rounds").verify("pw", Some(&hash), &patient), Ok(true), "however short");
    }
}
