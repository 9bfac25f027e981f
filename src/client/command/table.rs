//! Every command in one table, from which the parser, the menu, the help and completion are made.

use super::arguments::{
    accept, alone, broadcast, cancel, get, message, optional_name, run, send, switch, text, verify, wait, which, window,
};
use super::meaning::Command;
use unicode_width::UnicodeWidthStr;

/// A row of the table.
pub(super) struct Row {
    /// The word that is typed.
    pub(super) word: &'static str,
    /// Shorter or other words for the same: the numbers of the original menus among them.
    pub(super) also: &'static [&'static str],
    /// What follows the word.
    pub(super) arguments: &'static str,
    /// What it does, in a line.
    help: &'static str,
    /// Reads what follows the word; `None` when it does not fit `arguments`.
    pub(super) read: fn(&str) -> Option<Command>,
}

/// From so many columns on, all help stands in one column of its own.
const WIDE: usize = 60;
/// The columns of a word and its arguments then.
const USAGE: usize = 21;

const fn row(
    word: &'static str,
    also: &'static [&'static str],
    arguments: &'static str,
    help: &'static str,
    read: fn(&str) -> Option<Command>,
) -> Row {
    Row { word, also, arguments, help, read }
}

/// Every command, in the order of the menu.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("list", &["1"], "", "active clients", |rest| alone(rest, Command::List)),
    row("who", &[], "", "who is there, since when, and who is not to be disturbed", |rest| alone(rest, Command::Who)),
    row("users", &[], "", "names of the active clients", |rest| alone(rest, Command::Users)),
    row("all", &["2", "broadcast"], "[TEXT]", "a message to everybody: TEXT, or the next line",
        |rest| Some(broadcast(rest))),
    row("msg", &["3"], "NAME TEXT", "a single message, directly to NAME", message),
    row("chat", &["4", "connect"], "NAME", "ask NAME for a chat, or go back to one",
        |rest| rest.parse().ok().map(Command::Chat)),
    row("exit", &[], "", "end the chat in front; with none, leave", |rest| alone(rest, Command::Exit)),
    row("accept", &["y", "yes"], "[N|NAME] [DIR]", "take the chat or the files of question N, or of NAME; files into DIR", accept),
    row("decline", &["n", "no"], "[N|NAME]", "or not", |rest| which(rest).map(Command::Decline)),
    row("run", &[], "NAME COMMAND", "ask NAME to run a command, and get its output", run),
    row("allow", &[], "[N|NAME]", "let the command of question N run here, or NAME's",
        |rest| which(rest).map(Command::Allow)),
    row("verify", &[], "NAME [yes|no]", "compare six words with NAME by voice; then say if all were the same", verify),
    row("peers", &[], "", "your open chats, and commands and files under way", |rest| alone(rest, Command::Peers)),
    row("close", &[], "[NAME]", "end the chat with NAME, and commands",
        |rest| optional_name(rest).map(Command::Close)),
    row("address", &[], "NAME", "the IP and port of NAME", |rest| rest.parse().ok().map(Command::AddressOf)),
    row("files", &["GET_AF"], "[NAME]", "what NAME shares, or everybody",
        |rest| optional_name(rest).map(Command::Files)),
    row("get", &[], "NAME FILE", "fetch a file from NAME in the background", get),
    row("send", &[], "NAME FILE...", "offer files or folders to NAME", send),
    row("transfers", &[], "", "files on their way", |rest| alone(rest, Command::Transfers)),
    row("cancel", &[], "N|FILE|all", "stop a transfer; begin it again to go on", cancel),
    row("w", &[], "N", "go to window N", window),
    row("next", &[], "", "go to the next window with something new", |rest| alone(rest, Command::Next)),
    row("clear", &[], "", "empty the window", |rest| alone(rest, Command::Clear)),
    row("search", &[], "TEXT", "find TEXT in the window", |rest| text(rest, Command::Search)),
    row("earlier", &[], "", "broadcasts from before you came", |rest| alone(rest, Command::Earlier)),
    row("names", &[], "on|off", "show who is active beside the window", |rest| switch(rest, Command::Names)),
    row("quiet", &[], "on|off", "show only what you ask for, and what is for you", |rest| switch(rest, Command::Quiet)),
    row("dnd", &[], "on|off", "have nobody ask you anything", |rest| switch(rest, Command::Dnd)),
    row("block", &[], "NAME", "hear nothing of NAME any more, in later runs too", |rest| rest.parse().ok().map(Command::Block)),
    row("unblock", &[], "NAME", "hear NAME again", |rest| rest.parse().ok().map(Command::Unblock)),
    row("blocked", &[], "", "whom you hear nothing of", |rest| alone(rest, Command::Blocked)),
    row("active", &[], "", "be listed and reachable", |rest| alone(rest, Command::Active)),
    row("inactive", &[], "", "or not", |rest| alone(rest, Command::Inactive)),
    row("whoami", &[], "", "your own name and address", |rest| alone(rest, Command::Whoami)),
    row("probe", &[], "", "whether others can reach you", |rest| alone(rest, Command::Probe)),
    row("wait", &[], "[DURATION]", "show what arrives for 5s, say, or till all is done", wait),
    row("login", &[], "", "log in, or as somebody else", |rest| alone(rest, Command::Login)),
    row("signup", &[], "", "make an account", |rest| alone(rest, Command::Signup)),
    row("passwd", &[], "", "change your password, which is asked for", |rest| alone(rest, Command::Password)),
    row("disconnect", &[], "", "leave the server, and go on talking to peers", |rest| alone(rest, Command::Disconnect)),
    row("reconnect", &[], "", "come back to the server", |rest| alone(rest, Command::Reconnect)),
    row("help", &["?", "menu"], "[WORD]", "this list, or what WORD does", |rest| {
        Some(Command::Help((!rest.is_empty()).then(|| rest.to_owned())))
    }),
    row("quit", &["8"], "", "leave, when what you began is done", |rest| alone(rest, Command::Quit)),
    row("quit!", &[], "", "leave at once", |rest| alone(rest, Command::QuitNow)),
];

/// The row of a word, whatever the case of its letters.
pub(super) fn find(word: &str) -> Option<&'static Row> {
    let is_it = |row: &&Row| [row.word].iter().chain(row.also).any(|known| known.eq_ignore_ascii_case(word));
    TABLE.iter().find(is_it)
}

/// The first word of every command, in the order of the menu: what completion offers.
pub fn words() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.word)
}

/// The menu: every command, in lines of at most so many columns.
pub fn menu(columns: usize) -> Vec<String> {
    TABLE.iter().flat_map(|row| row.lines(columns)).collect()
}

/// Every command for the manual page: what is typed, and what it does.
pub fn rows() -> impl Iterator<Item = (String, String)> {
    TABLE.iter().map(|row| (row.usage(), row.meaning()))
}

/// The short menu: the commands that have a number, as in the menus of old.
pub fn short_menu(columns: usize) -> Vec<String> {
    let has_number = |row: &&Row| row.also.iter().any(|word| word.parse::<u8>().is_ok());
    TABLE.iter().filter(has_number).flat_map(|row| row.lines(columns)).collect()
}

/// What one command does, found by any of its words, with a slash or without; `None` when there is no such word.
pub fn help(word: &str, columns: usize) -> Option<Vec<String>> {
    find(word.strip_prefix('/').unwrap_or(word)).map(|row| row.lines(columns))
}

impl Row {
    /// The word and what follows it.
    pub(super) fn usage(&self) -> String {
        format!("{} {}", self.word, self.arguments).trim_end().to_owned()
    }

    /// What it does, and the other words for it.
    fn meaning(&self) -> String {
        let also = if self.also.is_empty() { String::new() } else { format!(" (or {})", self.also.join(", ")) };
        format!("{}{also}", self.help)
    }

    fn lines(&self, columns: usize) -> Vec<String> {
        let (usage, meaning) = (self.usage(), self.meaning());
        if columns >= WIDE {
            wrapped(&format!("  {usage:<USAGE$} {meaning}"), columns, USAGE + 3)
        } else {
            wrapped(&format!("  {usage}: {meaning}"), columns, 4)
        }
    }
}

/// `text` in lines of at most so many columns, broken at blanks; each but the first begins with `indent` blanks. A
/// word that is wider than a line stands alone in one.
pub fn wrapped(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    // Blanks at the very beginning are the first line's own indent.
    let begin = text.len() - text.trim_start_matches(' ').len();
    let mut line = text[..begin].to_owned();
    let mut is_empty = true;
    for word in text[begin..].split(' ') {
        if !is_empty && line.width() + 1 + word.width() > columns {
            let full = std::mem::replace(&mut line, " ".repeat(indent));
            lines.push(full.trim_end().to_owned());
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        // Blanks in a row, as behind a short usage, stay within a line and do not begin one.
        is_empty = is_empty && word.is_empty();
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_twice() {
        let all = TABLE.iter().flat_map(|row| [row.word].into_iter().chain(row.also.to_vec()));
        let mut words: Vec<String> = all.map(str::to_lowercase).collect();
        words.sort_unstable();
        let twice: Vec<_> = words.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn the_menu_fits_every_terminal() {
        for columns in [20, 40, 59, 60, 80, 132] {
            let menu = menu(columns);
            for line in &menu {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            assert_eq!(menu.len() == TABLE.len(), columns == 132, "{columns}");
        }
    }

    #[test]
    fn every_word_of_the_menu_is_whole_in_a_narrow_one() {
        let words = |columns| {
            let text = menu(columns).join(" ").replace(": ", " ");
            text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let is_colon = |word: &String| word.trim_end_matches(':').to_owned();
        assert_eq!(
            words(40).iter().map(is_colon).collect::<Vec<_>>(),
            words(132).iter().map(is_colon).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_menus_look_like_this() {
        assert_eq!(menu(80)[0], "  list                  active clients (or 1)");
        assert_eq!(menu(40)[0], "  list: active clients (or 1)");
        let short = short_menu(80);
        assert!(
            short.len() >= 5 && short.iter().any(|line| line.starts_with("  msg NAME TEXT         a single")),
            "{short:?}"
        );
        assert_eq!(help("/Y", 40).expect("accept")[0], "  accept [N|NAME] [DIR]: take the chat");
        assert_eq!(help("dance", 40), None);
    }

    #[test]
    fn wrapped_at_blanks() {
        assert_eq!(wrapped("  one two three", 9, 4), ["  one two", "    three"]);
        assert_eq!(wrapped("a  b", 80, 2), ["a  b"]);
        assert_eq!(wrapped("short unbreakable-word end", 10, 0), ["short", "unbreakable-word", "end"]);
        assert_eq!(wrapped("漢字 漢字", 5, 0), ["漢字", "漢字"]);
        assert_eq!(wrapped("", 5, 2), [""]);
    }
}
