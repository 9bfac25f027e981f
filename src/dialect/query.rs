//! S3's comma queries and their answers.
//!
//! Neither has a terminator, and an answer is one write that its client takes with one `recv` of 1,000 bytes: so
//! it is never empty and never longer than that. The original splits at every comma and knows no quotes.

use crate::value::text;
use std::fmt;
use std::net::IpAddr;

/// The longest query, in bytes: one with the names of some thousand files.
pub const MAX_QUERY: usize = 64 * 1024;
/// The longest answer, in bytes.
pub const MAX_ANSWER: usize = 999;

/// The longest name of a user, in bytes: an answer holds some of them.
pub const MAX_NAME: usize = 64;

/// What whoever runs the server says begins so, and stands among names.
const HOUSE: &str = "from the house";

/// Whether a text can be a user's name in this dialect: nearly whatever a person may type, as only a comma ends it.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c != ',' && !c.is_control() && !text::is_obeyed(c);
    let is_house = text.get(..HOUSE.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(HOUSE));
    !text.is_empty() && text.len() <= MAX_NAME && text.trim() == text && text.chars().all(allowed) && !is_house
}

/// What a client asks, one variant a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// `GET_U`: who is there?
    Users,
    /// `GET_P,name`: where does this user listen?
    Peer(String),
    /// `GET_AF`: which files does anybody share?
    AllFiles,
    /// `GET_UF,name`: which files does this user share?
    UserFiles(String),
    /// `EXIT,name`: that user leaves.
    Exit(String),
    /// `INIT,name,folder,port,file...`, or as the original's README has it `INIT,name,port,file...`: a user comes, or
    /// shares other files than before.
    Init {
        /// Its name, not checked.
        name: String,
        /// Where it listens for peers.
        port: u16,
        /// The names of its files.
        files: Vec<String>,
        /// The pieces of names that a comma has torn, as far as that can be told.
        torn: Vec<String>,
    },
}

impl Query {
    /// Reads a query; nothing when it is none.
    pub fn parse(message: &str) -> Option<Query> {
        let fields: Vec<&str> = message.split(',').collect();
        match fields[..] {
            ["GET_U"] => Some(Query::Users),
            ["GET_AF"] => Some(Query::AllFiles),
            ["GET_P", name] => Some(Query::Peer(name.to_owned())),
            ["GET_UF", name] => Some(Query::UserFiles(name.to_owned())),
            ["EXIT", name] => Some(Query::Exit(name.to_owned())),
            ["INIT", name, ref rest @ ..] => Self::parse_init(name, rest),
            _ => None,
        }
    }

    /// A message as it may be logged. What is no query may be a password that went astray, and so may what is no name.
    pub fn shown(message: &str) -> &str {
        match Self::parse(message) {
            None => "(no query)",
            Some(Query::Users | Query::AllFiles) => message,
            Some(Query::Peer(name) | Query::UserFiles(name) | Query::Exit(name) | Query::Init { name, .. }) => {
                if is_name(name.trim()) {
                    message
                } else {
                    "(no name)"
                }
            }
        }
    }

    /// A third field that is a port number is the port; otherwise it is the folder, and the port comes next.
    fn parse_init(name: &str, rest: &[&str]) -> Option<Query> {
        let port = |field: &&str| field.trim().parse().ok().filter(|&port| port > 0);
        let (port, files) = match rest {
            [first, files @ ..] if port(first).is_some() => (port(first)?, files),
            [_, second, files @ ..] => (port(second)?, files),
            _ => return None,
        };
        let (torn, files) = Self::tell_torn(files);
        Some(Query::Init { name: name.to_owned(), port, files, torn })
    }

    /// The names of files come without quotes, so one that holds a comma is two here. People write a blank beside such a
    /// comma, and hardly ever at the edge of a name: that tells most of them.
    fn tell_torn(pieces: &[&str]) -> (Vec<String>, Vec<String>) {
        let tears = |at: usize| {
            let pair = pieces.get(at..at + 2);
            pair.is_some_and(|pair| pair[0].ends_with(' ') || pair[1].starts_with(' '))
        };
        let named = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty());
        let (torn, whole): (Vec<_>, Vec<_>) =
            named.partition(|&(at, _)| tears(at) || at.checked_sub(1).is_some_and(tears));
        let texts = |pieces: Vec<(usize, &&str)>| pieces.into_iter().map(|(_, &piece)| piece.to_owned()).collect();
        (texts(torn), texts(whole))
    }
}

/// What the server answers, one variant a kind. A list that is too long is cut at a whole name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryReply {
    /// `OK`: a new user.
    New,
    /// `UP`: a known user's entry was replaced.
    Known,
    /// `OK,name,name`: users, or one user's files.
    Names(Vec<String>),
    /// `OK,IP,PORT`.
    Peer(IpAddr, u16),
    /// `OK,name: file,file` and a line for each further user.
    Files(Vec<(String, Vec<String>)>),
    /// `ERR,...`, and why.
    Refused(String),
}

impl QueryReply {
    /// `ERR,User not found!`
    pub fn not_found() -> QueryReply {
        QueryReply::Refused("User not found!".to_owned())
    }

    /// `ERR,Invalid Request!`
    pub fn invalid() -> QueryReply {
        QueryReply::Refused("Invalid Request!".to_owned())
    }
}

/// The bytes of the answer.
impl fmt::Display for QueryReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryReply::New => f.write_str("OK"),
            QueryReply::Known => f.write_str("UP"),
            QueryReply::Peer(ip, port) => write!(f, "OK,{ip},{port}"),
            // A client takes an answer of two fields for an error, and any other for the proof that it is registered.
            QueryReply::Refused(why) => write!(f, "ERR,{}", why.replace(',', ";")),
            QueryReply::Names(names) => f.write_str(&names_within(names, MAX_ANSWER)),
            QueryReply::Files(users) => f.write_str(&files_within(users, MAX_ANSWER)),
        }
    }
}

impl QueryReply {
    /// The bytes of the answer with a notice behind it: a client shows a list of users as a row of names, and one of all
    /// files as it comes, so a notice is a last name there, and here a last line. Other answers it takes apart, and they
    /// are as they were.
    pub fn with_notice(&self, notice: &str) -> String {
        // A comma would make two names of it.
        let notice = notice.replace(',', ";");
        let most = MAX_ANSWER.saturating_sub(notice.len() + 1);
        let (list, separator) = match self {
            QueryReply::Names(names) => (names_within(names, most), ","),
            QueryReply::Files(users) => (files_within(users, most), "\n"),
            other => return other.to_string(),
        };
        let separator = if list == EMPTY { "" } else { separator };
        format!("{list}{separator}{notice}")
    }
}

/// A list of nobody.
const EMPTY: &str = "OK,";

fn names_within(names: &[String], most: usize) -> String {
    let mut text = EMPTY.to_owned();
    append_names(&mut text, "", names, most);
    text
}

fn files_within(users: &[(String, Vec<String>)], most: usize) -> String {
    let mut text = EMPTY.to_owned();
    for (number, (name, files)) in users.iter().enumerate() {
        let line_end = if number == 0 { "" } else { "\n" };
        if !append_names(&mut text, &format!("{line_end}{name}: "), files, most) {
            break;
        }
    }
    text
}

/// Appends a heading and names behind it, as far as whole names fit into so many bytes; a heading whose first name does
/// not fit is left out too. Whether all of it fitted.
fn append_names(text: &mut String, heading: &str, names: &[String], most: usize) -> bool {
    let mut separator = heading;
    let empty = String::new();
    for name in if names.is_empty() { std::slice::from_ref(&empty) } else { names } {
        if text.len() + separator.len() + name.len() > most {
            return false;
        }
        text.push_str(separator);
        text.push_str(name);
        separator = ",";
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn init(port: u16, files: &[&str]) -> Option<Query> {
        Some(Query::Init { name: "ann".to_owned(), port, files: strings(files), torn: Vec::new() })
    }

    #[test]
    fn every_query() {
        let ann = || "ann".to_owned();
        for (message, query) in [
            ("GET_U", Some(Query::Users)),
            ("GET_P,ann", Some(Query::Peer(ann()))),
            ("GET_AF", Some(Query::AllFiles)),
            ("GET_UF,ann", Some(Query::UserFiles(ann()))),
            ("EXIT,ann", Some(Query::Exit(ann()))),
            ("INIT,ann,shared,5000,a.txt,b.txt", init(5000, &["a.txt", "b.txt"])),
            ("INIT,ann,5000,a.txt,b.txt", init(5000, &["a.txt", "b.txt"])),
            ("INIT,ann,shared,5000", init(5000, &[])),
            ("INIT,ann,5000", init(5000, &[])),
            ("INIT,ann,/home/ann/files,5000,", init(5000, &[])),
        ] {
            assert_eq!(Query::parse(message), query, "{message}");
        }
    }

    #[test]
    fn a_name_that_a_comma_has_torn_is_left_out() {
        for (sent, files, torn) in [
            ("a b.txt,Smith, John.pdf,c.txt", &["a b.txt", "c.txt"], &["Smith", " John.pdf"]),
            ("a,one ,two,b", &["a", "b"], &["one ", "two"]),
            ("a,1, 2, 3", &["a"], &["1", " 2", " 3"]),
            (" a", &[" a"], &[]),
        ] as [(&str, &[&str], &[&str]); 4]
        {
            let expected =
                Query::Init { name: "ann".to_owned(), port: 5000, files: strings(files), torn: strings(torn) };
            assert_eq!(Query::parse(&format!("INIT,ann,shared,5000,{sent}")), Some(expected));
        }
    }

    #[test]
    fn names_that_this_dialect_can_carry() {
        for name in ["my_user", "a name of more than 15", "zo\u{eb}", "\u{96ea}", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " ann", "ann ", "a,b", "a\tb", "bob\u{200b}", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_query() {
        for message in [
            "",
            "GET_P",
            "GET_U,ann",
            "GET_P,ann,bob",
            "INIT",
            "INIT,ann",
            "INIT,ann,shared",
            "INIT,ann,shared,port",
            "INIT,ann,0,a.txt",
            "INIT,ann,shared,70000,a.txt",
            "GET_UGET_U",
            "hello",
        ] {
            assert_eq!(Query::parse(message), None, "{message}");
        }
    }

    #[test]
    fn every_answer() {
        let files = vec![("ann".to_owned(), strings(&["a", "b"])), ("bob".to_owned(), strings(&["c"]))];
        let none = vec![("ann".to_owned(), Vec::new()), ("bob".to_owned(), strings(&["c"]))];
        for (answer, text) in [
            (QueryReply::New, "OK"),
            (QueryReply::Known, "UP"),
            (QueryReply::Names(strings(&["ann", "bob"])), "OK,ann,bob"),
            (QueryReply::Names(Vec::new()), "OK,"),
            (QueryReply::Peer([127, 0, 0, 1].into(), 5000), "OK,127.0.0.1,5000"),
            (QueryReply::Files(files), "OK,ann: a,b\nbob: c"),
            (QueryReply::Files(none), "OK,ann: \nbob: c"),
            (QueryReply::Files(Vec::new()), "OK,"),
            (QueryReply::not_found(), "ERR,User not found!"),
            (QueryReply::invalid(), "ERR,Invalid Request!"),
            (QueryReply::Refused("Full, try again".to_owned()), "ERR,Full; try again"),
        ] {
            assert_eq!(answer.to_string(), text);
        }
    }

    #[test]
    fn a_notice_stands_behind_what_a_client_shows_as_it_comes_and_has_its_room() {
        let notice = "From the house: save, now";
        let users = |names: &[&str]| QueryReply::Names(strings(names)).with_notice(notice);
        assert_eq!(users(&["ann", "bob"]), "OK,ann,bob,From the house: save; now");
        assert_eq!(users(&[]), "OK,From the house: save; now");
        let files = QueryReply::Files(vec![("ann".to_owned(), strings(&["a", "b"]))]);
        assert_eq!(files.with_notice(notice), "OK,ann: a,b\nFrom the house: save; now");
        assert_eq!(QueryReply::Files(Vec::new()).with_notice(notice), "OK,From the house: save; now");
        assert_eq!(QueryReply::not_found().with_notice(notice), "ERR,User not found!");
        let (many, long) = (vec!["a-name-of-fifteen".to_owned(); 100], "x".repeat(516));
        let said = QueryReply::Names(many).with_notice(&long);
        assert!(said.len() <= MAX_ANSWER && said.ends_with(&format!(",{long}")), "{said}");
        assert!(!is_name("from the House") && !is_name("From the house: x") && is_name("From the hill"));
    }

    #[test]
    fn a_long_answer_is_cut_at_a_whole_name() {
        let names: Vec<String> = (100..400).map(|number| format!("file-{number}.txt")).collect();
        let expected = format!("OK,{}", names[..76].join(","));
        assert_eq!(QueryReply::Names(names.clone()).to_string(), expected);
        assert!(expected.len() <= MAX_ANSWER && MAX_ANSWER < expected.len() + 13);
        let users = vec![("ann".to_owned(), names[..76].to_vec()), ("bob".to_owned(), names)];
        let listed = QueryReply::Files(users).to_string();
        assert!(listed.ends_with(".txt") && listed.len() <= MAX_ANSWER && !listed.contains("bob"), "{listed}");
    }
}
