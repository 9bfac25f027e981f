//! A picture becomes bytes for a terminal: the rows that differ from what it shows. It writes nothing.
//!
//! Rows, not cells: a row that differs is erased and written whole. What a terminal takes for the width of a flag or of
//! a joined emoji is its own affair then, and no half of one is left behind.

use crate::client::event::{Picture, Row, Style};
use std::fmt::Write;

/// Begin of one update, which the terminal shows at once; no cursor on the way; no wrapping, so that a row never runs
/// into the next one.
const BEGIN: &str = "\x1b[?2026h\x1b[?25l\x1b[?7l\x1b[0m";
const END: &str = "\x1b[?2026l";

/// The bytes that make a terminal that shows `shown` show `next`; nothing when that is the same. `None` for `shown` says
/// that nobody knows what it shows: everything is drawn.
pub fn difference(shown: Option<&Picture>, next: &Picture, colour: bool) -> String {
    if shown == Some(next) {
        return String::new();
    }
    let mut text = String::from(BEGIN);
    if shown.is_none() {
        text.push_str("\x1b[H\x1b[2J");
    }
    let former: &[Row] = shown.map_or(&[], |picture| &picture.rows);
    let nothing = Row::new();
    for row in 0..former.len().max(next.rows.len()) {
        let (old, new) = (former.get(row).unwrap_or(&nothing), next.rows.get(row).unwrap_or(&nothing));
        if old != new {
            go_to(&mut text, row, 0);
            text.push_str("\x1b[2K");
            add_row(&mut text, new, colour);
        }
    }
    if let Some((row, column)) = next.cursor {
        go_to(&mut text, row.into(), column.into());
        text.push_str("\x1b[?25h");
    }
    text.push_str(END);
    text
}

/// The bytes that give the terminal's window a title.
pub(super) fn title(text: &str) -> String {
    /// More than any window shows.
    const MAX_TITLE: usize = 200;
    let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    format!("\x1b]2;{shown}\x07")
}

fn go_to(text: &mut String, row: usize, column: usize) {
    // A string takes everything.
    let _ = write!(text, "\x1b[{};{}H", row + 1, column + 1);
}

fn add_row(text: &mut String, row: &Row, colour: bool) {
    for piece in row {
        let style = match piece.style {
            Style::Reverse => 7,
            Style::Dim if colour => 2,
            Style::Colour(number @ 30..=37) if colour => number,
            _ => 0,
        };
        if style != 0 {
            let _ = write!(text, "\x1b[{style}m");
        }
        // Whoever made the picture has escaped them. A terminal that obeys a stranger is too bad to rely on that.
        text.extend(piece.text.chars().filter(|c| !c.is_control()));
        if style != 0 {
            text.push_str("\x1b[0m");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Piece;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthChar;

    const COLUMNS: u16 = 30;
    const ROWS: u16 = 6;

    fn piece(style: Style, text: &str) -> Piece {
        Piece { style, text: text.to_owned() }
    }

    fn picture(rows: &[&str], cursor: Option<(u16, u16)>) -> Picture {
        Picture { rows: rows.iter().map(|row| vec![piece(Style::Plain, row)]).collect(), cursor }
    }

    fn terminal() -> vt100::Parser {
        let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
        terminal.process("left over from something else ".repeat(6).as_bytes());
        terminal
    }

    #[test]
    fn only_rows_that_differ_are_written() {
        let (old, new) = (picture(&["one", "two"], None), picture(&["one", "2"], Some((1, 1))));
        assert_eq!(
            difference(Some(&old), &new, true),
            "\x1b[?2026h\x1b[?25l\x1b[?7l\x1b[0m\x1b[2;1H\x1b[2K2\x1b[2;2H\x1b[?25h\x1b[?2026l"
        );
        assert_eq!(difference(Some(&new), &new, true), "");
    }

    #[test]
    fn styles_are_what_they_are_called() {
        let row = vec![
            piece(Style::Reverse, "r"),
            piece(Style::Dim, "d"),
            piece(Style::Colour(31), "c"),
            piece(Style::Colour(5), "w"),
            piece(Style::Plain, "p"),
        ];
        let picture = Picture { rows: vec![row], cursor: None };
        for colour in [true, false] {
            let mut terminal = terminal();
            terminal.process(difference(None, &picture, colour).as_bytes());
            let cell = |column| terminal.screen().cell(0, column).expect("a cell");
            assert!(cell(0).inverse() && !cell(1).inverse());
            assert_eq!(cell(1).dim(), colour);
            assert_eq!(cell(2).fgcolor() == vt100::Color::Idx(1), colour);
            assert_eq!((cell(3).fgcolor(), cell(4).fgcolor()), (vt100::Color::Default, vt100::Color::Default));
            assert!(!cell(4).dim() && !cell(4).inverse());
        }
    }

    #[test]
    fn a_terminal_obeys_nobody_but_us() {
        let hostile = picture(&["a\x1b[31mb\r\nc\x07\u{9b}2J\x7f\td"], None);
        assert!(difference(None, &hostile, true).contains("\x1b[2Ka[31mbc2Jd\x1b"));
        assert_eq!(title("bob\x07\x1b]2;x\n"), "\x1b]2;bob]2;x\x07");
        assert_eq!(title(&"ä".repeat(1000)).chars().count(), 205);
    }

    #[test]
    fn a_row_that_is_too_long_does_not_reach_the_next_one() {
        let text = difference(None, &picture(&["x"], None), true);
        assert!(text.find("\x1b[?7l").is_some_and(|off| Some(off) < text.find('x')));
    }

    /// A row that fits, as vt100 counts: by characters.
    fn row() -> impl Strategy<Value = Row> {
        let clusters = ["a", " ", "漢", "字", "👩‍🔬", "👍🏽", "🇩🇪", "e\u{301}", "👨‍👩‍👧", "ﾊﾞ", "ü", "~", "xyz", "नि"];
        let style = prop_oneof![Just(Style::Plain), Just(Style::Dim), Just(Style::Reverse), Just(Style::Colour(32))];
        let pieces = (style, proptest::collection::vec(proptest::sample::select(clusters.to_vec()), 1..8));
        proptest::collection::vec(pieces, 0..5).prop_map(|pieces| {
            let mut left = usize::from(COLUMNS);
            let mut row = Row::new();
            for (style, clusters) in pieces {
                let mut text = String::new();
                for cluster in clusters {
                    let width: usize = cluster.chars().filter_map(UnicodeWidthChar::width).sum();
                    if width <= left {
                        left -= width;
                        text.push_str(cluster);
                    }
                }
                row.push(Piece { style, text });
            }
            row
        })
    }

    fn pictures() -> impl Strategy<Value = Vec<Picture>> {
        let cursor = proptest::option::of((0..ROWS, 0..COLUMNS));
        let rows = proptest::collection::vec(row(), 0..=usize::from(ROWS));
        // Rows that stay the same are the usual case.
        let picture = (rows, cursor).prop_map(|(rows, cursor)| Picture { rows, cursor });
        proptest::collection::vec(picture, 1..6)
    }

    proptest! {
        #[test]
        fn the_terminal_shows_the_picture(pictures in pictures(), keep in 0..ROWS) {
            let mut terminal = terminal();
            let mut shown: Option<Picture> = None;
            for mut next in pictures {
                if let (Some(shown), Some(row)) = (&shown, next.rows.get_mut(usize::from(keep))) {
                    *row = shown.rows.get(usize::from(keep)).cloned().unwrap_or_default();
                }
                terminal.process(difference(shown.as_ref(), &next, true).as_bytes());
                let screen = terminal.screen();
                let rows: Vec<String> = screen.rows(0, COLUMNS).map(|row| row.trim_end().to_owned()).collect();
                for (index, row) in rows.iter().enumerate() {
                    let pieces = next.rows.get(index).map(Vec::as_slice).unwrap_or_default();
                    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
                    prop_assert_eq!(row, text.trim_end());
                }
                match next.cursor {
                    Some(place) => prop_assert_eq!(screen.cursor_position(), place),
                    None => prop_assert!(screen.hide_cursor()),
                }
                shown = Some(next);
            }
        }
    }
}
