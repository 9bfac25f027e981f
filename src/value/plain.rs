//! What somebody is asked to agree to, as it is shown: nothing in it can hide. It knows no question.

use super::text::is_obeyed;
use unicode_width::UnicodeWidthChar;

/// The most columns of a command or a file's name in a question: with the sentence around it, six rows of a window of
/// 80 columns.
const MAX: usize = 300;

/// `text` with visible escapes for whatever is not plainly visible: control characters, blanks other than the space,
/// what has no width, what turns the direction of writing, what no font has. A long one is shown without its middle, and
/// with its length.
pub fn plainly(text: &str) -> String {
    plainly_within(text, MAX)
}

/// The same, in at most so many columns, 60 or more.
pub fn plainly_within(text: &str, columns: usize) -> String {
    let shown: String = text.chars().map(visible).collect();
    if width(&shown) <= columns {
        return shown;
    }
    let length = text.chars().count();
    let left_out = format!(" [... {length} characters in all ...] ");
    // The end says as much as the beginning of what a command does.
    let end = columns * 2 / 5;
    let head = first(shown.chars(), columns.saturating_sub(end + width(&left_out)));
    let tail: String = first(shown.chars().rev(), end).chars().rev().collect();
    format!("{head}{left_out}{tail}")
}

fn visible(c: char) -> String {
    let is_blank = is_obeyed(c) || c.width().unwrap_or(0) == 0;
    match c {
        ' '..='~' => c.to_string(),
        _ if is_blank => c.escape_default().to_string(),
        // Escapes what Unicode has not assigned, or has for private use.
        _ => c.escape_debug().to_string(),
    }
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// As many characters as fit into `columns`.
fn first(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides() {
        for (text, shown) in [
            ("echo 'hi  there' \"x\\\"", "echo 'hi  there' \"x\\\""),
            ("a\tb\u{1b}[2J", "a\\tb\\u{1b}[2J"),
            ("a\u{a0}b\u{2003}\u{3000}", "a\\u{a0}b\\u{2003}\\u{3000}"),
            ("txt\u{202e}exe\u{200b}\u{feff}\u{3164}\u{2800}", "txt\\u{202e}exe\\u{200b}\\u{feff}\\u{3164}\\u{2800}"),
            ("e\u{301}\u{e000}\u{e0041}", "e\\u{301}\\u{e000}\\u{e0041}"),
            ("grüße 漢字 🎉", "grüße 漢字 🎉"),
        ] {
            assert_eq!(plainly(text), shown);
        }
    }

    #[test]
    fn a_long_one_shows_its_beginning_and_its_end() {
        let exact = "x".repeat(MAX);
        assert_eq!(plainly(&exact), exact);
        let command = format!("rm -rf {} && echo harmless", "漢".repeat(400));
        let shown = plainly(&command);
        assert!(shown.starts_with("rm -rf 漢漢"), "{shown}");
        assert!(shown.contains("漢 [... 424 characters in all ...] 漢"), "{shown}");
        assert!(shown.ends_with("漢 && echo harmless"), "{shown}");
        assert!(width(&shown) <= MAX, "{shown}");
    }
}
