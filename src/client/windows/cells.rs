//! Text in columns, counted by graphemes: what a person sees as one character is never cut in two. It knows nothing of
//! windows and styles.
//!
//! Text comes here without control characters: whoever made it a line has escaped them.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Stands where text was cut. ASCII, as terminals disagree about the width of an ellipsis.
const CUT: &str = "~";

/// How many columns `text` takes: the sum over its graphemes.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// `text` in at most `columns` columns. When it was cut, it ends with `~`.
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(CUT.len()) else { return String::new() };
    let (mut clipped, mut column) = (String::new(), 0);
    for grapheme in text.graphemes(true) {
        column += grapheme.width();
        if column > room {
            break;
        }
        clipped.push_str(grapheme);
    }
    clipped + CUT
}

/// `text` in exactly `columns` columns: cut as [`clip`] does, or with blanks behind it.
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = clip(text, columns);
    let blanks = columns.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', blanks));
    padded
}

/// `text` in rows of at most `columns` columns: at least one. A row ends at a blank where it can, else between two
/// graphemes. Blanks are left out where a row ends at them and where a further row would begin with them; nothing else is.
///
/// A grapheme wider than `columns` is divided at its characters, as a terminal would do; one character that is wider
/// still (none takes more than 3 columns) stands in a row of its own, the only one that is too wide.
pub fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let mut rows = Vec::new();
    // Where the row begins, and its columns so far; its last blank, and the columns up to behind it.
    let (mut begin, mut column, mut blank, mut blank_column) = (0, 0, None, 0);
    for (at, part) in parts(text, columns) {
        if part == " " && at == begin && !rows.is_empty() {
            begin = at + 1;
            continue;
        }
        let wide = part_width(part);
        if column + wide > columns && part == " " {
            rows.push(&text[begin..at]);
            (begin, column, blank) = (at + 1, 0, None);
            continue;
        }
        if column + wide > columns {
            if let Some(end) = blank.take() {
                rows.push(&text[begin..end]);
                (begin, column) = (end + 1, column - blank_column);
            }
        }
        if column + wide > columns && at > begin {
            rows.push(&text[begin..at]);
            (begin, column) = (at, 0);
        }
        column += wide;
        if part == " " {
            (blank, blank_column) = (Some(at), column);
        }
    }
    if begin < text.len() || rows.is_empty() {
        rows.push(&text[begin..]);
    }
    rows
}

/// The graphemes of `text` with their places in bytes; of those wider than `columns`, the characters.
pub fn parts(text: &str, columns: usize) -> impl Iterator<Item = (usize, &str)> {
    text.grapheme_indices(true).flat_map(move |(begin, grapheme)| {
        let step = if grapheme.width() <= columns { grapheme.len() } else { 1 };
        let borders = (0..grapheme.len()).step_by(step).filter(|&at| grapheme.is_char_boundary(at));
        borders.map(move |at| {
            let end = (at + step..=grapheme.len()).find(|&end| grapheme.is_char_boundary(end));
            (begin + at, &grapheme[at..end.unwrap_or(grapheme.len())])
        })
    })
}

/// The columns of what [`parts`] gives. U+FE0F in a divided grapheme counts: it makes a sign before it wider.
pub fn part_width(part: &str) -> usize {
    if part == "\u{fe0f}" { 1 } else { part.width() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::windows::tests::odd_text;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthChar;

    #[test]
    fn columns_are_those_of_graphemes() {
        for (text, columns) in [
            ("", 0),
            ("abc", 3),
            ("e\u{301}", 1),
            ("漢字", 4),
            ("👩\u{200d}🔬", 2),
            ("👍🏽", 2),
            ("🇩🇪🇫🇷", 4),
            ("\u{301}", 0),
        ] {
            assert_eq!(width(text), columns, "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcd", 3), "ab~");
        assert_eq!(clip("漢字", 3), "漢~");
        assert_eq!(clip("漢字", 2), "~");
        assert_eq!(clip("漢字", 0), "");
        assert_eq!(clip("🇩🇪🇫🇷", 3), "🇩🇪~");
        assert_eq!(pad("漢字", 4), "漢字");
        assert_eq!(pad("漢字x", 4), "漢~ ");
        assert_eq!(pad("", 2), "  ");
    }

    #[test]
    fn rows_end_at_blanks_where_they_can() {
        assert_eq!(wrap("", 6), [""]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrap("unbreakable", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(wrap("a unbreakable", 4), ["a", "unbr", "eaka", "ble"]);
        assert_eq!(wrap("ab  cd", 3), ["ab ", "cd"]);
        assert_eq!(wrap("ab ", 2), ["ab"]);
        assert_eq!(wrap("ab   cd", 2), ["ab", "cd"]);
        assert_eq!(wrap("漢字 漢字漢", 5), ["漢字", "漢字", "漢"]);
        assert_eq!(wrap("🇩🇪🇫🇷", 3), ["🇩🇪", "🇫🇷"]);
        assert_eq!(wrap("漢a", 1), ["漢", "a"]);
    }

    #[test]
    fn a_grapheme_wider_than_the_row_is_divided() {
        let wide = "ᄀ".repeat(4);
        assert_eq!(wrap(&wide, 5), ["ᄀᄀ", "ᄀᄀ"]);
        assert_eq!(wrap(&wide, 8), [wide.as_str()]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn wrap_loses_no_grapheme_and_no_row_is_too_wide(text in odd_text(), columns in 0usize..30) {
            let mut rest = text.as_str();
            for (number, row) in wrap(&text, columns).into_iter().enumerate() {
                let single = row.chars().filter(|c| c.width() > Some(0)).count() == 1;
                prop_assert!(width(row) <= columns || columns < 3 && single, "{row:?} in {columns}");
                while number > 0 && !rest.starts_with(row) && rest.starts_with(' ') {
                    rest = &rest[1..];
                }
                prop_assert!(rest.starts_with(row), "{row:?} of {rest:?}");
                rest = &rest[row.len()..];
            }
            prop_assert_eq!(rest.trim_start_matches(' '), "");
        }

        #[test]
        fn graphemes_that_fit_are_never_divided(text in odd_text(), columns in 20usize..40) {
            let borders: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
            for row in wrap(&text, columns) {
                let begin = row.as_ptr() as usize - text.as_ptr() as usize;
                prop_assert!(text.grapheme_indices(true).any(|(_, g)| g.width() > columns) || borders.contains(&begin));
            }
        }

        #[test]
        fn padded_text_is_as_wide_as_asked(text in odd_text(), columns in 0usize..30) {
            prop_assert_eq!(width(&pad(&text, columns)), columns);
            prop_assert!(width(&clip(&text, columns)) <= columns);
        }
    }
}
