//! `server accounts`: accounts into a file, and out of one: those of a data folder, whether or not a server runs on it, or
//! those of a house.

use super::conversation::{Conversation, is_nobody, no_server};
use super::originals::{Contents, Found};
use super::speak::print;
use crate::net::Patience;
use crate::program::tell_error;
use crate::server::auth::Hasher;
use crate::server::directory::{self, HouseAccounts, NotChanged};
use crate::server::store::{self, ACCOUNTS_HEADER, Account, Accounts, NotStored};
use crate::server::task::{Direction, MoveAccounts};
use crate::value::Username;
use crate::value::sentence::counted;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, SystemTime};

/// How long one password may take to be hashed.
const HASH_LIMIT: Duration = Duration::from_secs(60);

/// The folder where none is named.
const FOLDER: &str = "data";

/// Why one is left out.
const TAKEN: &str = "there is an account of this name already";
const FULL: &str = "there are as many accounts as a server keeps";
const NOT_WRITTEN: &str = "it could not be written";

/// Where the accounts of servers are.
enum Home {
    /// In a data folder.
    Folder(PathBuf),
    /// In a house.
    House(Box<HouseAccounts>),
}

impl Home {
    /// A folder that is named goes before an address that only the environment has. That of a house has no accounts.
    fn of(how: &MoveAccounts) -> Result<Home, String> {
        let url = if how.data.is_some() { None } else { directory::address(how.directory.as_deref())? };
        if let Some(url) = url {
            return Ok(Home::House(Box::new(HouseAccounts::open(&url, how.directory_loss)?)));
        }
        let folder = how.data.clone().unwrap_or_else(|| FOLDER.into());
        directory::is_no_house(&folder)?;
        Ok(Home::Folder(folder))
    }
}

/// Moves them; false when some were left out, each of which is told.
///
/// # Errors
/// A sentence that names the file, or the directory.
pub fn move_accounts(how: &MoveAccounts) -> Result<bool, String> {
    let home = Home::of(how)?;
    match &how.direction {
        Direction::Export { file } => export(home, file).map(|()| true),
        Direction::Import { file, hash_rounds } => import(home, file, *hash_rounds),
    }
}

/// A server that runs appends whole rows, and writes whole files.
fn export(home: Home, file: &Path) -> Result<(), String> {
    let (text, count) = match home {
        Home::Folder(folder) => store::read_accounts(&folder)?,
        Home::House(mut house) => {
            let accounts = house.export()?;
            let rows = accounts.iter().map(|account| format!("{account}\n"));
            (format!("{ACCOUNTS_HEADER}\n{}", rows.collect::<String>()).into_bytes(), accounts.len())
        }
    };
    write_new(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    print(&format!("{} written to {}\n", counted(count, "account"), file.display()))
}

/// Writes a file that is not there yet: a half of it would be taken for all, so it gets its name when it is on the disk.
fn write_new(file: &Path, text: &[u8]) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}", process::id()));
    let mut whole = create(beside.as_ref())?;
    let written = whole.write_all(text).and_then(|()| whole.sync_all());
    // Whoever has the name keeps it.
    let named = written.and_then(|()| create(file)).and_then(|_| {
        let named = fs::rename(&beside, file);
        if named.is_err() {
            // It is the empty one.
            let _ = fs::remove_file(file);
        }
        named
    });
    if named.is_err() {
        let _ = fs::remove_file(&beside);
        return named;
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file that is not there yet, for its owner alone.
fn create(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

/// Tells what is left out of a file.
struct LeftOut<'a> {
    file: &'a Path,
    count: usize,
}

impl LeftOut<'_> {
    fn tell(&mut self, why: impl fmt::Display) {
        self.count += 1;
        tell_error("server", &format!("{}: {why}", self.file.display()));
    }

    fn tell_row(&mut self, line: u64, name: &Username, why: impl fmt::Display) {
        self.tell(format_args!("line {line}: {name}: {why}"));
    }
}

fn import(home: Home, file: &Path, rounds: u32) -> Result<bool, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let Contents { accounts, left_out } = Contents::read(&bytes);
    let hasher = Hasher::new(rounds)?;
    let mut told = LeftOut { file, count: 0 };
    left_out.iter().for_each(|why| told.tell(why));
    match home {
        Home::Folder(folder) => {
            let added = into_folder(Target::open(&folder)?, accounts, &hasher, &mut told)?;
            print(&format!("{} added\n", counted(added, "account")))?;
        }
        Home::House(house) => {
            let there = into_house(*house, accounts, &hasher, &mut told)?;
            print(&format!("{} in the directory as in {}\n", counted(there, "account"), file.display()))?;
        }
    }
    Ok(told.count == 0)
}

/// Given is how many were added.
fn into_folder(
    mut target: Target,
    found: Vec<(u64, Found)>,
    hasher: &Hasher,
    left_out: &mut LeftOut<'_>,
) -> Result<usize, String> {
    let mut added = 0;
    for (line, found) in found {
        let name = found.name().clone();
        let done = match hashed(found, hasher) {
            // Where the server has ended nothing more can be added.
            Ok(account) => target.add(account).map_err(|why| {
                let file = left_out.file.display();
                format!("{file}: line {line}: {name}: {why}; added before: {}", counted(added, "account"))
            })?,
            Err(why) => Err(why),
        };
        match done {
            Ok(()) => added += 1,
            Err(why) => left_out.tell_row(line, &name, why),
        }
    }
    Ok(added)
}

/// Given is how many are there as the file has them.
fn into_house(
    mut house: HouseAccounts,
    found: Vec<(u64, Found)>,
    hasher: &Hasher,
    left_out: &mut LeftOut<'_>,
) -> Result<usize, String> {
    let (mut lines, mut accounts) = (Vec::new(), Vec::new());
    for (line, found) in found {
        let name = found.name().clone();
        match hashed(found, hasher) {
            Ok(account) => {
                lines.push(line);
                accounts.push(account);
            }
            Err(why) => left_out.tell_row(line, &name, why),
        }
    }
    let not_there = house.import(&accounts)?;
    for (line, Account { name, .. }) in lines.into_iter().zip(&accounts) {
        match not_there.get(name) {
            Some(NotChanged::Taken) => left_out.tell_row(line, name, TAKEN),
            Some(NotChanged::Full) => left_out.tell_row(line, name, FULL),
            Some(_) => left_out.tell_row(line, name, NOT_WRITTEN),
            None => {}
        }
    }
    Ok(accounts.len() - not_there.len())
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
            NotStored::Taken => TAKEN.to_owned(),
            NotStored::Full => FULL.to_owned(),
            NotStored::Unfit(unfit) => unfit.into_sentence(),
            NotStored::Unknown | NotStored::File | NotStored::NotTried => NOT_WRITTEN.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(data: &Path, direction: Direction) -> Result<bool, String> {
        move_accounts(&MoveAccounts { data: Some(data.to_owned()), directory: None, directory_loss: None, direction })
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

    #[cfg(not(feature = "cluster"))]
    #[test]
    fn without_the_feature_it_is_told_how_to_build_it() {
        for direction in [
            Direction::Export { file: "users.csv".into() },
            Direction::Import { file: "users.csv".into(), hash_rounds: 1000 },
        ] {
            let directory = Some("redis://127.0.0.1:6379".to_owned());
            let refused = move_accounts(&MoveAccounts { data: None, directory, directory_loss: None, direction });
            assert!(refused.is_err_and(|why| why.contains("cargo build --features cluster")));
        }
    }
}
