//! What a file of accounts holds: that of a server as this one, or `name,password` rows of the original servers, in clear.
//!
//! It knows no file: bytes in, accounts and a sentence for each row that is none out.

use crate::protocol::MAX_LINE;
use crate::server::store::{ACCOUNTS_HEADER, Account, parse_account_row};
use crate::value::{Username, comma, line};
use std::collections::{HashMap, HashSet};

/// What the first line of such a file may call its columns.
const NAMES: [&str; 3] = ["name", "user", "username"];

/// The most bytes of a password: a login with it is one line, in which quotes may make it twice as long.
const MAX_PASSWORD: usize = MAX_LINE / 2 - 64;

/// An account that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// With its hash, as it is.
    Hashed(Account),
    /// With its password, which is to be hashed.
    Clear {
        /// As it is spelled there.
        name: Username,
        /// However short it is: the rule is for new ones.
        password: String,
    },
}

impl Found {
    /// Whose it is.
    pub fn name(&self) -> &Username {
        match self {
            Found::Hashed(account) => &account.name,
            Found::Clear { name, .. } => name,
        }
    }
}

/// What there is, each with its line; and a sentence for each row that is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// In the order of the file.
    pub accounts: Vec<(u64, Found)>,
    /// Each names its line.
    pub left_out: Vec<String>,
}

impl Contents {
    /// Reads the bytes of a file.
    pub fn read(bytes: &[u8]) -> Contents {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // A spreadsheet may have put quotes around the names of the columns, which a server reads too.
        let columns = std::str::from_utf8(first).map(|first| comma::split(first.trim())).unwrap_or_default();
        if columns.iter().eq(ACCOUNTS_HEADER.split(',')) { Self::of_ours(bytes) } else { Self::of_originals(bytes) }
    }

    /// A later row stands for the earlier ones of its name.
    fn of_ours(bytes: &[u8]) -> Contents {
        let mut contents = Contents::default();
        let mut places: HashMap<Username, usize> = HashMap::new();
        let mut rows: Vec<Option<(u64, Account)>> = Vec::new();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        // Bytes that are in memory are read without an error, and whatever they are they are fields.
        while reader.read_byte_record(&mut record).unwrap_or_default() {
            let line = record.position().map_or(0, csv::Position::line);
            let row = csv::StringRecord::from_byte_record(record.clone())
                .map_err(|_| "not UTF-8 text".to_owned())
                .and_then(|record| parse_account_row(&record));
            match row {
                Ok(account) => {
                    let place = *places.entry(account.name.clone()).or_insert(rows.len());
                    rows.resize(rows.len().max(place + 1), None);
                    rows[place] = Some((line, account)).filter(|(_, account)| !account.password_hash.is_empty());
                }
                // A quote that nobody has closed makes one row of all up to the next.
                Err(why) => match reader.position().line().saturating_sub(1) {
                    last if last > line => contents.left_out.push(format!("lines {line} to {last}: {why}")),
                    _ => contents.left_out.push(format!("line {line}: {why}")),
                },
            }
        }
        contents.accounts = rows.into_iter().flatten().map(|(line, one)| (line, Found::Hashed(one))).collect();
        contents
    }

    /// Their programs knew no quotes: a row is what stands before and behind its comma.
    fn of_originals(bytes: &[u8]) -> Contents {
        let mut contents = Contents::default();
        let mut names = HashSet::new();
        for (number, row) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let (line, row) = (number as u64 + 1, row.strip_suffix(b"\r").unwrap_or(row));
            if row.is_empty() {
                continue;
            }
            let found = parse_original(row).and_then(|found| match found {
                Found::Clear { ref name, .. } if line == 1 && is_header(name) => Err("taken for the header".to_owned()),
                found if !names.insert(found.name().clone()) => Err(format!("{} stands there before", found.name())),
                found => Ok(found),
            });
            match found {
                Ok(found) => contents.accounts.push((line, found)),
                Err(why) => contents.left_out.push(format!("line {line}: {why}")),
            }
        }
        contents
    }
}

fn is_header(name: &Username) -> bool {
    NAMES.iter().any(|known| name.as_str().eq_ignore_ascii_case(known))
}

/// What stands behind the comma is never told: it is a password.
fn parse_original(row: &[u8]) -> Result<Found, String> {
    let row = std::str::from_utf8(row).map_err(|_| "not UTF-8 text".to_owned())?;
    let (name, password) = row.split_once(',').ok_or("expected name,password")?;
    let name: Username = name.trim().parse().map_err(|invalid| format!("{name:?} is left out. {invalid}"))?;
    match password {
        "" => Err(format!("{name} has no password")),
        _ if password.contains(',') => Err(format!("the row of {name} has more than one comma")),
        // Nobody could log in with it.
        _ if line::check(password.as_bytes()).is_err() => {
            Err(format!("the password of {name} has control characters, which no client can send"))
        }
        _ if password.len() > MAX_PASSWORD => {
            Err(format!("the password of {name} has {} bytes, at most {MAX_PASSWORD} can be sent", password.len()))
        }
        _ => Ok(Found::Clear { name, password: password.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(name: &str, password: &str) -> Found {
        Found::Clear { name: name.parse().expect("a name"), password: password.to_owned() }
    }

    #[test]
    fn rows_of_the_originals_are_taken_and_each_odd_one_is_named() {
        let file =
            "\u{feff}username,password\r\nalice,one\r\nb_ob,two\nCarol, \"x\" \n\ncarol,four\ndave\nerin,\nfred,a,b\n\
                    gina,p\u{fc}"
                .to_owned();
        let mut bytes = file.into_bytes();
        bytes.extend(b"\nh\xff,x\n");
        let contents = Contents::read(&bytes);
        let expected = [(2, clear("alice", "one")), (4, clear("Carol", " \"x\" ")), (10, clear("gina", "p\u{fc}"))];
        assert_eq!(contents.accounts, expected);
        let why = contents.left_out.join("\n");
        for part in [
            "line 1: taken for the header",
            "line 3: \"b_ob\" is left out. A username has 1 to 15",
            "line 6: carol stands there before",
            "line 7: expected name,password",
            "line 8: erin has no password",
            "line 9: the row of fred has more than one comma",
            "line 11: not UTF-8 text",
        ] {
            assert!(why.contains(part), "{part}:\n{why}");
        }
        assert_eq!(contents.left_out.len(), 7, "{why}");
    }

    #[test]
    fn a_password_that_nobody_can_send_makes_no_account() {
        let long = |bytes: usize| "x".repeat(bytes);
        let file = format!("ann,a\tb\nbob,a\0b\ncarol,{}\ndave,{}\n", long(MAX_PASSWORD), long(MAX_PASSWORD + 1));
        let contents = Contents::read(file.as_bytes());
        assert_eq!(contents.accounts, [(1, clear("ann", "a\tb")), (3, clear("carol", &long(MAX_PASSWORD)))]);
        let [bob, dave] = contents.left_out.as_slice() else { panic!("{:?}", contents.left_out) };
        assert_eq!(bob, "line 2: the password of bob has control characters, which no client can send");
        assert!(dave.starts_with("line 4: the password of dave has "), "{dave}");
    }

    #[test]
    fn of_our_own_rows_each_line_that_is_left_out_is_named() {
        let hash = format!("$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA${}A", "a".repeat(42));
        let row = |name: &str| format!("{name},\"{hash}\",7\n");
        let header = ACCOUNTS_HEADER.split(',').map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
        let open = format!("bob,\"{hash},7\n");
        let mut file = format!("{header}\r\n{}{open}{}{}", row("alice"), row("carol"), row("dave")).into_bytes();
        file.extend(b"\xff,x,7\n");
        let contents = Contents::read(&file);
        let names: Vec<&str> = contents.accounts.iter().map(|(_, found)| found.name().as_str()).collect();
        assert_eq!(names, ["alice", "dave"]);
        let expected = format!("lines 3 to 4: expected {ACCOUNTS_HEADER}");
        assert_eq!(contents.left_out, [expected.as_str(), "line 6: not UTF-8 text"]);
    }

    #[test]
    fn of_our_own_rows_the_last_of_a_name_stands() {
        let hash = |letter: &str| format!("$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA${}A", letter.repeat(42));
        let row = |name: &str, letter: &str| format!("{name},\"{}\",7\n", hash(letter));
        let rows = [row("alice", "a"), row("bob", "a"), "eve,secret-word,1\n".to_owned(), row("ALICE", "b")];
        let file = format!("{ACCOUNTS_HEADER}\n{}bob,,7\n", rows.concat());
        let contents = Contents::read(file.as_bytes());
        let alice = Account { name: "ALICE".parse().expect("a name"), password_hash: hash("b"), created_at: 7 };
        assert_eq!(contents.accounts, [(5, Found::Hashed(alice))]);
        let why = "line 4: the password hash of eve is not a $pbkdf2-sha256$ string";
        assert_eq!(contents.left_out, [why]);
    }
}
