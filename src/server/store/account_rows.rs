//! The rows of `users.csv`: a later row of a name stands for the earlier ones, and one without a hash ends the account.
//!
//! It knows no file: bytes in, bytes out.

use crate::server::auth::is_hash;
use crate::value::Username;
use crate::value::comma;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The first line.
pub const HEADER: &str = "username,password_hash,created_at";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As spelled at the sign-up.
    pub name: Username,
    /// A PHC string.
    pub password_hash: String,
    /// When the sign-up was, in seconds since 1970.
    pub created_at: u64,
}

impl Account {
    /// An account that was made at this time.
    pub fn new(name: Username, password_hash: String, made: SystemTime) -> Account {
        let created_at = made.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Account { name, password_hash, created_at }
    }
}

/// Its row, without a line end.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        comma::write(f, [self.name.as_str(), &self.password_hash, &self.created_at.to_string()])
    }
}

/// One row: an account as it is from here on, or, with an empty hash, its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Account);

impl Row {
    /// The row that ends an account.
    pub fn end_of(account: &Account) -> Row {
        Row(Account { password_hash: String::new(), ..account.clone() })
    }

    /// Whether it ends an account.
    pub fn is_end(&self) -> bool {
        self.0.password_hash.is_empty()
    }

    /// What tells it from the other rows of its name: no two passwords have one hash, and of two ends each is of another
    /// account. Of the others somebody may have edited the time.
    fn told_apart(&self) -> (&Username, &str, Option<u64>) {
        (&self.0.name, &self.0.password_hash, self.is_end().then_some(self.0.created_at))
    }

    /// The row with its LF.
    pub fn line(&self) -> String {
        format!("{}\n", self.0)
    }
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

/// What stands in a file.
pub struct Rows {
    bytes: Vec<u8>,
    /// Each with where it stands.
    rows: Vec<(Row, Range<usize>)>,
}

impl Rows {
    /// Reads what stands in the file at `path`, which is named in sentences.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn parse(bytes: Vec<u8>, path: &Path) -> Result<Rows, Unfit> {
        let unfinished = |what: &str| Err(Unfit::PerhapsBeingSaved(format!("{}: {what}", path.display())));
        if bytes.is_empty() {
            return unfinished("it is empty");
        }
        if bytes.last() != Some(&b'\n') {
            return unfinished("its last line has no end");
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        let headers = reader.headers().map_err(|error| Unfit::Wrong(format!("{}: {error}", path.display())))?;
        if headers.iter().ne(HEADER.split(',')) {
            return Err(Unfit::PerhapsBeingSaved(format!("{}:1: expected the header {HEADER}", path.display())));
        }
        let rows = parse_rows(reader, bytes.len(), path).map_err(Unfit::Wrong)?;
        Ok(Rows { bytes, rows })
    }

    /// The accounts that there are.
    pub fn accounts(&self) -> HashMap<Username, Account> {
        let last = self.last_rows();
        let rows = last.into_iter().map(|number| &self.rows[number].0).filter(|row| !row.is_end());
        rows.map(|Row(account)| (account.name.clone(), account.clone())).collect()
    }

    /// The row of each name that stands, by its number, in the order in which the names came first.
    fn last_rows(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut places: HashMap<&Username, usize> = HashMap::new();
        for (number, (Row(account), _)) in self.rows.iter().enumerate() {
            let place = *places.entry(&account.name).or_insert_with(|| {
                order.push(number);
                order.len() - 1
            });
            order[place] = number;
        }
        order
    }

    /// How many rows say nothing that a file without them would not say.
    pub fn outdated(&self) -> usize {
        let standing = self.last_rows().into_iter().filter(|number| !self.rows[*number].0.is_end()).count();
        self.rows.len() - standing
    }

    /// Those of these rows that are not there.
    pub fn lacks<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Vec<Row> {
        let there: HashSet<_> = self.rows.iter().map(|(row, _)| row.told_apart()).collect();
        rows.filter(|row| !there.contains(&row.told_apart())).cloned().collect()
    }

    /// The file without its outdated rows. What stands in the others stays as somebody may have written it.
    pub fn without_outdated(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n").into_bytes();
        for number in self.last_rows() {
            let (row, place) = &self.rows[number];
            if !row.is_end() {
                text.extend(self.bytes[place.clone()].trim_ascii());
                text.push(b'\n');
            }
        }
        text
    }
}

fn parse_rows(mut reader: csv::Reader<&[u8]>, length: usize, path: &Path) -> Result<Vec<(Row, Range<usize>)>, String> {
    let mut rows: Vec<(Row, Range<usize>)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("{}: {error}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let begin = record.position().map_or(0, |position| position.byte() as usize);
        let row = parse_account_row(&record)
            .map(Row)
            .map_err(|what| format!("{}:{line}: {what}; mend or delete this line", path.display()))?;
        if let Some((_, before)) = rows.last_mut() {
            before.end = begin;
        }
        rows.push((row, begin..length));
    }
    Ok(rows)
}

/// The account that stands in a row; without a hash it is ended there.
///
/// # Errors
/// What is wrong. What stands there is not told: it may be a hash, and whoever signs up is told this sentence.
pub fn parse_account_row(record: &csv::StringRecord) -> Result<Account, String> {
    let (3, Some(name), Some(hash), Some(created_at)) = (record.len(), record.get(0), record.get(1), record.get(2))
    else {
        return Err(format!("expected {HEADER}"));
    };
    let name: Username = name.parse().map_err(|error| format!("the first field is no name: {error}"))?;
    if !hash.is_empty() && !is_hash(hash) {
        return Err(format!("the password hash of {name} is not a $pbkdf2-sha256$ string"));
    }
    // For people alone: what is no number does nobody any harm.
    let created_at = created_at.parse().unwrap_or_default();
    Ok(Account { name, password_hash: hash.to_owned(), created_at })
}
