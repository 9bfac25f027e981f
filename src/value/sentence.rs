//! Sentences for people that hold a field: put together and taken apart.

use std::fmt::Display;
use std::str::FromStr;

/// A number of things in words: `1 client`, `2 clients`.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The number in such words, the mirror of [`counted`] (though it takes `1 clients` too).
pub fn count_of<N: FromStr>(text: &str, thing: &str) -> Option<N> {
    let (number, words) = text.split_once(' ')?;
    let is_thing = words == thing || words.strip_suffix('s') == Some(thing);
    is_thing.then(|| number.parse().ok()).flatten()
}

/// What stands between `start` and `end`, when `text` begins and ends with them.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_and_more_of_them() {
        for (number, words) in [(0, "0 files"), (1, "1 file"), (2, "2 files"), (10_000, "10000 files")] {
            assert_eq!(counted(number, "file"), words);
            assert_eq!(count_of(words, "file"), Some(number));
        }
        for bad in ["", "2", "2 ", "2 file names", "two files", "2 clients"] {
            assert_eq!(count_of::<u32>(bad, "file"), None, "{bad}");
        }
    }

    #[test]
    fn start_and_end_do_not_overlap() {
        assert_eq!(between("(x)", "(", ")"), Some("x"));
        assert_eq!(between("()", "(", ")"), Some(""));
        assert_eq!(between("aba", "ab", "ba"), None);
    }
}
