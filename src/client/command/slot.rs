//! What Tab may put at the end of a line that is being typed, by the arguments of its command in the table.

use super::table::find;

/// What stands at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// The first word: a command.
    Word,
    /// The name of somebody active.
    Name,
    /// A file that this person shares.
    File(&'a str),
    /// A file or folder of our own, quoted as for a shell.
    Path,
    /// One of these, with `|` between them.
    OneOf(&'static str),
    /// Anything.
    Text,
}

/// What stands at the end of `line`, which is a command with a slash or without, and where it begins, in bytes. A
/// shared file comes last, as its name may hold spaces.
pub fn slot(line: &str) -> (usize, Slot<'_>) {
    let typed = line.trim_start().strip_prefix('/').unwrap_or(line.trim_start());
    let mut begin = line.len() - typed.len();
    let Some((word, mut rest)) = typed.split_once(' ') else { return (begin, Slot::Word) };
    begin += word.len() + 1;
    let mut before = "";
    for argument in find(word).map_or("", |row| row.arguments).split(' ') {
        let argument = argument.trim_matches(['[', ']']);
        let is_name = argument.split('|').any(|one| one == "NAME");
        match (argument, rest.split_once(' ')) {
            ("FILE", _) => return (begin, Slot::File(before)),
            ("FILE..." | "DIR", _) => return (begin + last_word(rest), Slot::Path),
            ("WORD", None) => return (begin, Slot::Word),
            (_, None) if is_name => return (begin, Slot::Name),
            (words, None) if is_choice(words) => return (begin, Slot::OneOf(words)),
            (_, None) => return (begin, Slot::Text),
            (_, Some((typed, behind))) => {
                begin += typed.len() + 1;
                (before, rest) = (typed, behind);
            }
        }
    }
    (line.len(), Slot::Text)
}

/// Whether an argument is one of some words, which are typed as they are: what is to be filled in has capitals.
fn is_choice(argument: &str) -> bool {
    argument.contains('|') && argument.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'|')
}

/// Where the last word begins, in bytes: behind the last blank that no quote or backslash makes a part of a word.
fn last_word(text: &str) -> usize {
    let (mut begin, mut quote, mut is_escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != Some('\'') => is_escaped = true,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            ' ' if quote.is_none() => begin = at + 1,
            _ => {}
        }
    }
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tab_is_for_follows_from_the_table() {
        for (line, expected) in [
            ("", (0, Slot::Word)),
            (" ms", (1, Slot::Word)),
            ("/ms", (1, Slot::Word)),
            ("msg ", (4, Slot::Name)),
            ("/msg bo", (5, Slot::Name)),
            ("msg bob h", (8, Slot::Text)),
            ("get bob two wo", (8, Slot::File("bob"))),
            ("get bob", (4, Slot::Name)),
            ("send bo", (5, Slot::Name)),
            ("send bob a.txt b", (15, Slot::Path)),
            ("send bob 'a b", (9, Slot::Path)),
            ("send bob a\\ b", (9, Slot::Path)),
            ("accept bo", (7, Slot::Name)),
            ("accept 7 dow", (9, Slot::Path)),
            ("help ge", (5, Slot::Word)),
            ("verify bo", (7, Slot::Name)),
            ("verify bob y", (11, Slot::OneOf("yes|no"))),
            ("dnd ", (4, Slot::OneOf("on|off"))),
            ("cancel ", (7, Slot::Text)),
        ] {
            assert_eq!(slot(line), expected, "{line:?}");
        }
        for line in ["list ", "dance ", "list a b"] {
            assert_eq!(slot(line).1, Slot::Text, "{line:?}");
        }
    }
}
