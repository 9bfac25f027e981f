//! What others wrote, as it is shown to who is to agree to it: nothing in it can hide. It knows no question.

use super::text::is_plain;
use unicode_width::UnicodeWidthChar;

/// The blanks that may stand together. More could draw rows that look like something else.
const BLANKS: usize = 2;

/// `text` with visible escapes for whatever is not plainly visible: control characters, blanks other than the space and
/// those behind two others, what has no width, what turns the direction of writing, what no font has. What takes more
/// than `columns`, 48 or more, is shown without its middle, and with its length.
pub fn plainly_within(text: &str, columns: usize) -> String {
    let mut blanks = 0;
    let visible = |c: char| {
        blanks = if c == ' ' { blanks + 1 } else { 0 };
        if blanks > BLANKS { c.escape_unicode().to_string() } else { visible(c) }
    };
    let shown: String = text.chars().map(visible).collect();
    if width(&shown) <= columns {
        return shown;
    }
    let length = text.chars().count();
    let left_out = format!(" [... {length} characters in all ...] ");
    // The end says as much as the beginning of what a command does.
    let rest = columns.saturating_sub(width(&left_out));
    let head = first(shown.chars(), rest.div_ceil(2));
    let tail: String = first(shown.chars().rev(), rest / 2).chars().rev().collect();
    format!("{head}{left_out}{tail}")
}

fn visible(c: char) -> String {
    if is_plain(c) { c.to_string() } else { c.escape_default().to_string() }
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

    const MAX: usize = 300;

    fn plainly(text: &str) -> String {
        plainly_within(text, MAX)
    }

    #[test]
    fn nothing_hides() {
        for (text, shown) in [
            ("echo 'hi  there' \"x\\\"", "echo 'hi  there' \"x\\\""),
            ("a   b    ", "a  \\u{20}b  \\u{20}\\u{20}"),
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
