//! What whoever runs the server asks of it: a line of the control socket.

use crate::protocol::check_house_text;
use crate::server::auth::is_hash;
use crate::server::store::{Account, Banned};
use crate::value::comma;
use crate::value::duration;
use crate::value::{Size, Username};
use std::time::Duration;

/// The reason where none was given.
const NO_REASON: &str = "no reason was given";
/// A ban of so many days at the most is one with an end.
const MAX_DAYS: u64 = 36_500;

/// What `help` shows.
pub const HELP: [&str; 11] = [
    "stats: what has happened since the start",
    "list: who is here",
    "notice TEXT: say it to everybody",
    "kick NAME [WHY]: end their session; they can come back",
    "ban NAME|ADDRESS [DURATION] [WHY]: for 30m, 2h, 7d, or until unban",
    "unban NAME|ADDRESS: lift a ban",
    "bans: who is banned",
    "passwd NAME: give an account another password, which is the next line",
    "remove NAME: end an account",
    "stop: stop the server",
    "quit: leave",
];

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// `help`.
    Help,
    /// `stats`.
    Stats,
    /// `list`.
    List,
    /// `notice TEXT`.
    Notice(String),
    /// `kick NAME [WHY]`.
    Kick { name: Username, why: String },
    /// `ban NAME|ADDRESS [DURATION] [WHY]`; without a time until it is lifted.
    Ban { who: Banned, time: Option<Duration>, why: String },
    /// `unban NAME|ADDRESS`.
    Unban(Banned),
    /// `bans`.
    Bans,
    /// `passwd NAME`; the password is the next line.
    Password(Username),
    /// `remove NAME`.
    Remove(Username),
    /// `account NAME,HASH,CREATED_AT`: an account of another server, as a row of its file.
    Account(Account),
    /// `stop`.
    Stop,
    /// `quit`.
    Quit,
}

impl ControlRequest {
    /// Reads one line, without its line end.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(line: &str) -> Result<ControlRequest, String> {
        let (word, rest) = first_word(line);
        let request = match word.to_ascii_lowercase().as_str() {
            "help" => ControlRequest::Help,
            "stats" => ControlRequest::Stats,
            "list" => ControlRequest::List,
            "bans" => ControlRequest::Bans,
            "stop" => ControlRequest::Stop,
            "quit" | "exit" => ControlRequest::Quit,
            "notice" => return check_house_text(rest).map(|()| ControlRequest::Notice(rest.to_owned())),
            "kick" => {
                let (name, why) = first_word(rest);
                return Ok(ControlRequest::Kick { name: parse_name(name)?, why: reason(why)? });
            }
            "ban" => return parse_ban(rest),
            "unban" => return Ok(ControlRequest::Unban(rest.parse()?)),
            "passwd" => return parse_name(rest).map(ControlRequest::Password),
            "remove" => return parse_name(rest).map(ControlRequest::Remove),
            "account" => return parse_account(rest).map(ControlRequest::Account),
            _ => return Err("Unknown command: send help for the commands".to_owned()),
        };
        if rest.is_empty() { Ok(request) } else { Err(format!("{word} takes nothing behind it")) }
    }

    /// The line as it may be logged.
    pub fn masked(&self) -> String {
        match self {
            ControlRequest::Help => "help".to_owned(),
            ControlRequest::Stats => "stats".to_owned(),
            ControlRequest::List => "list".to_owned(),
            ControlRequest::Notice(text) => format!("notice {}", Size(text.len() as u64)),
            ControlRequest::Kick { name, why } => format!("kick {name} {why}"),
            ControlRequest::Ban { who, time, why } => {
                format!("ban {who} {} {why}", time.map_or_else(|| "for good".to_owned(), duration::show))
            }
            ControlRequest::Unban(who) => format!("unban {who}"),
            ControlRequest::Bans => "bans".to_owned(),
            ControlRequest::Password(name) => format!("passwd {name}"),
            ControlRequest::Remove(name) => format!("remove {name}"),
            ControlRequest::Account(account) => format!("account {},***", account.name),
            ControlRequest::Stop => "stop".to_owned(),
            ControlRequest::Quit => "quit".to_owned(),
        }
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn parse_name(text: &str) -> Result<Username, String> {
    text.trim().parse().map_err(|invalid| format!("{text:?} is no username. {invalid}"))
}

fn reason(text: &str) -> Result<String, String> {
    let why = if text.is_empty() { NO_REASON } else { text };
    check_house_text(why).map(|()| why.to_owned())
}

fn parse_ban(text: &str) -> Result<ControlRequest, String> {
    let (who, rest) = first_word(text);
    let (time, behind) = first_word(rest);
    let (time, why) = match time.bytes().next() {
        Some(b'0'..=b'9') => (Some(parse_time(time)?), behind),
        _ => (None, rest),
    };
    Ok(ControlRequest::Ban { who: who.parse()?, time, why: reason(why)? })
}

/// A ban may be longer than what else has a duration.
fn parse_time(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('d').map(str::parse) {
        Some(Ok(days @ 1..=MAX_DAYS)) => Ok(Duration::from_secs(days * 24 * 3600)),
        Some(_) => Err(format!("{text:?} is no number of days from 1d to {MAX_DAYS}d")),
        None => duration::parse(text).map_err(|_| format!("{text:?} is no duration such as 30m, 2h or 7d")),
    }
}

fn parse_account(text: &str) -> Result<Account, String> {
    let fields = comma::split(text);
    let [name, hash, created_at] = fields.as_slice() else { return Err("expected NAME,HASH,CREATED_AT".to_owned()) };
    if !is_hash(hash) {
        return Err(format!("the password hash of {name} is not a $pbkdf2-sha256$ string"));
    }
    let created_at = created_at.parse().map_err(|_| "the time is a number of seconds since 1970".to_owned())?;
    Ok(Account { name: parse_name(name)?, password_hash: hash.clone(), created_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::task::Ctl;
    use clap::Args as _;

    #[test]
    fn the_socket_the_program_and_its_page_have_the_same_commands() {
        let program = Ctl::augment_args(clap::Command::new("ctl"));
        let mut of_program: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
        let word = |line: &'static str| line.split([' ', ':']).next().unwrap_or_default();
        // A program need not say that it leaves.
        let mut of_socket: Vec<&str> = HELP.into_iter().map(word).filter(|word| *word != "quit").collect();
        of_program.sort_unstable();
        of_socket.sort_unstable();
        assert_eq!(of_program, of_socket);
        let page = include_str!("../../../docs/RUNNING.md");
        for word in of_socket {
            assert!(page.contains(&format!("`{word}")), "{word}");
            let is_known = ControlRequest::parse(word).err().is_none_or(|why| !why.starts_with("Unknown command"));
            assert!(is_known, "{word}");
        }
    }

    fn name(text: &str) -> Username {
        text.parse().expect("a name")
    }

    #[test]
    fn each_command_as_people_type_it() {
        let ban = |who: &str, time: Option<u64>, why: &str| {
            let time = time.map(|hours| Duration::from_secs(hours * 3600));
            ControlRequest::Ban { who: who.parse().expect("valid"), time, why: why.to_owned() }
        };
        for (line, request) in [
            ("stats", ControlRequest::Stats),
            (" Bans ", ControlRequest::Bans),
            ("notice  Save your work, all of you", ControlRequest::Notice("Save your work, all of you".to_owned())),
            ("kick bob", ControlRequest::Kick { name: name("bob"), why: NO_REASON.to_owned() }),
            ("kick Bob too loud", ControlRequest::Kick { name: name("bob"), why: "too loud".to_owned() }),
            ("ban bob", ban("bob", None, NO_REASON)),
            ("ban bob too loud", ban("bob", None, "too loud")),
            ("ban bob 2h too loud", ban("bob", Some(2), "too loud")),
            ("ban 192.0.2.7 7d", ban("192.0.2.7", Some(7 * 24), NO_REASON)),
            ("unban 2001:db8::1", ControlRequest::Unban("2001:db8::/64".parse().expect("valid"))),
            ("passwd bob", ControlRequest::Password(name("bob"))),
            ("remove bob", ControlRequest::Remove(name("bob"))),
        ] {
            assert_eq!(ControlRequest::parse(line), Ok(request), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, why) in [
            ("", "Unknown command"),
            ("shutdown", "Unknown command"),
            ("stop now", "stop takes nothing behind it"),
            ("notice", "The text is empty"),
            ("kick", "is no username"),
            ("kick b_ob", "is no username"),
            ("kick bob eve has logged in from 1.2.3.4", "A text of the house cannot hold"),
            ("ban", "is neither a username nor an address"),
            ("ban bob 10days", "is no duration such as"),
            ("ban bob 99999d", "is no number of days"),
            ("ban 127.0.0.1", "ban the name instead"),
            ("passwd bob secret-word", "is no username"),
            ("account bob,secret,1", "is not a $pbkdf2-sha256$ string"),
        ] {
            let said = ControlRequest::parse(line).expect_err(line);
            assert!(said.contains(why), "{line}: {said}");
        }
    }

    #[test]
    fn a_hash_and_a_text_are_not_logged() {
        let hash = format!("$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA${}A", "b".repeat(42));
        let request = ControlRequest::parse(&format!("account bob,\"{hash}\",7")).expect("an account");
        assert_eq!(request.masked(), "account bob,***");
        assert!(!ControlRequest::parse("notice secret word").expect("a notice").masked().contains("secret"));
    }
}
