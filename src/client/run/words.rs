//! What may run here: the words of a command, the list of those that need no question, and the rules about it.

use crate::value::comma;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What the options say about commands that others want to run here.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What runs without a question.
    pub allowed: AllowList,
    /// Whether nothing runs.
    pub never: bool,
    /// The consent log, if not in its usual place.
    pub log: Option<PathBuf>,
    /// How long a command may run.
    pub time: Duration,
    /// How long a question waits for its answer.
    pub question: Duration,
}

/// A command as a program and its arguments: never for a shell, so `;`, `|` and `$()` mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

/// A text that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCommand {
    /// There is no word in it.
    Empty,
    /// A quote that is not closed, or a backslash with nothing behind it.
    Unfinished,
}

/// Commands that run without a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Words>);

impl Words {
    /// The program and its arguments; there is at least the program.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Words {
    type Err = BadCommand;

    /// Splits a command into words as a shell does: at blanks, except in quotes or behind a backslash.
    fn from_str(text: &str) -> Result<Words, BadCommand> {
        match shlex::split(text) {
            None => Err(BadCommand::Unfinished),
            Some(words) if words.is_empty() => Err(BadCommand::Empty),
            Some(words) => Ok(Words(words)),
        }
    }
}

/// The words with the quotes that they need, so that one sees where each begins and ends.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoter = shlex::Quoter::new().allow_nul(true);
        match quoter.join(self.0.iter().map(String::as_str)) {
            Ok(text) => f.write_str(&text),
            Err(_) => write!(f, "{:?}", self.0),
        }
    }
}

impl AllowList {
    /// Whether it names exactly these words.
    pub fn allows(&self, words: &Words) -> bool {
        self.0.contains(words)
    }
}

impl FromStr for AllowList {
    type Err = String;

    /// Reads commands with commas between; one that holds a comma stands in `"quotes"`.
    fn from_str(text: &str) -> Result<AllowList, String> {
        let read = |command: String| command.parse().map_err(|bad: BadCommand| format!("{command:?}: {bad}"));
        comma::split(text).into_iter().map(read).collect::<Result<_, _>>().map(AllowList)
    }
}

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadCommand::Empty => "There is no command",
            BadCommand::Unfinished => "The command has an open quote, or ends with a backslash",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        text.parse().expect("a command")
    }

    #[test]
    fn split_as_a_shell_splits() {
        let split = |text| words(text).as_slice().to_vec();
        assert_eq!(split("echo 'a b' \"c d\" e\\ f"), ["echo", "a b", "c d", "e f"]);
        assert_eq!(
            split("ls; rm -rf / | cat $(id) && `id` > x"),
            ["ls;", "rm", "-rf", "/", "|", "cat", "$(id)", "&&", "`id`", ">", "x"]
        );
        assert_eq!("  ".parse::<Words>(), Err(BadCommand::Empty));
        assert_eq!("echo 'a".parse::<Words>(), Err(BadCommand::Unfinished));
        assert_eq!("echo \\".parse::<Words>(), Err(BadCommand::Unfinished));
    }

    #[test]
    fn shown_so_that_the_words_are_told_apart() {
        for text in ["df -h", "echo 'a b' '' '$(id)' 'it'\\''s'", "ls '|' cat"] {
            assert_eq!(words(&words(text).to_string()), words(text));
        }
        assert_eq!(words("ls | cat").to_string(), "ls '|' cat");
    }

    #[test]
    fn the_list_takes_exact_words_only() {
        let list: AllowList = "uptime,df -h, echo 'a b' ,\"echo a,b\"".parse().expect("a list");
        for allowed in ["uptime", " df  -h ", "'df' \"-h\"", "echo a\\ b", "echo a,b"] {
            assert!(list.allows(&words(allowed)), "{allowed}");
        }
        for asked in ["uptime -p", "df", "df -h /", "DF -h", "echo a b", "/usr/bin/uptime", "df-h"] {
            assert!(!list.allows(&words(asked)), "{asked}");
        }
        assert!("uptime,echo 'a".parse::<AllowList>().is_err());
        assert!("uptime,,df".parse::<AllowList>().is_err());
    }
}
