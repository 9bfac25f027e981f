//! What a typed line is: a command or a text, which depends on where it was typed.

use super::arguments::span;
use super::meaning::{Command, Which};
use super::parse::{check_broadcast, parse};
use super::table::find;

/// Where a line was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where every line is a command.
    Server,
    /// Where a line is a text for everybody.
    All,
    /// Where a line is a text for one person.
    Person,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Nothing at all.
    Nothing,
    /// A command.
    Command(Command),
    /// A text to be sent.
    Say(String),
    /// Neither; the sentence says what to type instead.
    Bad(String),
}

/// The window of the server.
const SERVER: u32 = 1;

/// What a person is told whose `!` word is none.
pub const SLIP: &str = "Not sent: after ! comes exit, back, allow, decline or wait DURATION; to say it, begin with !!";

/// Reads a typed line. `/word` is a command everywhere. Where lines are texts, `//x` says `/x`, and only a whole
/// `!exit` and its like are commands: every other line is text, and `!!exit` is the text `!exit`.
pub fn read(line: &str, place: Place) -> Read {
    let word = line.trim();
    match place {
        Place::Server if word.is_empty() => Read::Nothing,
        Place::Server => match parse(word) {
            Ok(Command::Exit) => Read::Command(Command::Quit),
            read => command(read),
        },
        _ if word.starts_with("//") => say(&word[1..], place),
        _ if word.starts_with('/') => slash(word),
        _ => bang(line, place),
    }
}

fn command(read: Result<Command, String>) -> Read {
    read.map_or_else(Read::Bad, Read::Command)
}

/// A text may well begin with a slash, such as a path; whoever meant it is told how to say it.
fn slash(word: &str) -> Read {
    let first = word.split(' ').next().unwrap_or_default();
    let is_known = find(&first[1..]).is_some();
    command(parse(word).map_err(|why| if is_known { why } else { format!("{why}; to say it, begin with //") }))
}

fn bang(line: &str, place: Place) -> Read {
    let word = line.trim();
    match word.split_once(' ').map(|(word, rest)| (word, span(rest.trim()))) {
        None if word.eq_ignore_ascii_case("!exit") => Read::Command(Command::Exit),
        None if word.eq_ignore_ascii_case("!back") => Read::Command(Command::Window(SERVER)),
        None if word.eq_ignore_ascii_case("!allow") => Read::Command(Command::Allow(Which::Only)),
        None if word.eq_ignore_ascii_case("!decline") => Read::Command(Command::Decline(Which::Only)),
        Some(("!wait", Some(span))) => Read::Command(Command::Wait(Some(span))),
        None if is_word(word.strip_prefix('!')) => Read::Bad(SLIP.to_owned()),
        None if is_word(word.strip_prefix("!!")) => say(&word[1..], place),
        _ => say(line, place),
    }
}

fn is_word(rest: Option<&str>) -> bool {
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
}

fn say(text: &str, place: Place) -> Read {
    match place {
        Place::All if text.trim().is_empty() => Read::Nothing,
        Place::All => check_broadcast(text).map_or_else(Read::Bad, |()| Read::Say(text.to_owned())),
        _ => Read::Say(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TALKS: [Place; 2] = [Place::All, Place::Person];

    #[test]
    fn only_whole_words_are_commands_in_a_talk() {
        for place in TALKS {
            for (line, command) in [
                ("!exit ", Command::Exit),
                ("!BACK", Command::Window(1)),
                ("!allow", Command::Allow(Which::Only)),
                ("!decline", Command::Decline(Which::Only)),
                ("!wait 1s", Command::Wait(Some(Duration::from_secs(1)))),
                ("!wait 1", Command::Wait(Some(Duration::from_secs(1)))),
            ] {
                assert_eq!(read(line, place), Read::Command(command), "{line}");
            }
            for text in ["quit", "list", "!exit now", "! exit", " indented", "!", "!!", "!!!", "!!no way", "!No", "!1"]
            {
                assert_eq!(read(text, place), Read::Say(text.to_owned()));
            }
            for slip in ["!help", "!exti", "!wait"] {
                assert_eq!(read(slip, place), Read::Bad(SLIP.to_owned()));
            }
            assert_eq!(read("!!exit", place), Read::Say("!exit".to_owned()));
        }
    }

    #[test]
    fn a_slash_is_a_command_everywhere_and_two_are_a_text() {
        for place in [Place::Server, Place::All, Place::Person] {
            assert_eq!(read(" /list", place), Read::Command(Command::List));
        }
        for place in TALKS {
            assert_eq!(read("//list", place), Read::Say("/list".to_owned()));
            assert_eq!(read("/exit", place), Read::Command(Command::Exit));
            let Read::Bad(why) = read("/usr/bin is full", place) else { panic!("no command") };
            assert_eq!(why, "\"usr/bin\" is no command: type /help for the list; to say it, begin with //");
            assert_eq!(read("/msg bob", place), Read::Bad("Type: /msg NAME TEXT".to_owned()));
        }
        assert!(matches!(read("//list", Place::Server), Read::Bad(_)));
    }

    #[test]
    fn an_empty_line_is_said_to_a_person_alone() {
        assert_eq!(read("", Place::Person), Read::Say(String::new()));
        assert_eq!(read(" ", Place::All), Read::Nothing);
        assert_eq!(read(" ", Place::Server), Read::Nothing);
    }

    #[test]
    fn exit_leaves_where_there_is_no_talk() {
        assert_eq!(read("exit", Place::Server), Read::Command(Command::Quit));
        assert_eq!(read("/exit", Place::Server), Read::Command(Command::Quit));
    }

    #[test]
    fn a_text_for_everybody_is_a_broadcast_and_has_its_limit() {
        let long = "x".repeat(1025);
        assert!(matches!(read(&long, Place::All), Read::Bad(why) if why.contains("at most")));
        assert_eq!(read(&long, Place::Person), Read::Say(long));
    }
}
