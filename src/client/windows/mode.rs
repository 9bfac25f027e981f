//! What the keys mean: a line is typed, or something else is under way. It knows no window.

use super::input_line::InputLine;
use super::search::Search;
use std::time::Instant;

/// What the keys mean.
#[derive(Debug, Default)]
pub(super) enum Mode {
    /// They are typed into the line of the window.
    #[default]
    Typing,
    /// They are typed into the line of a search.
    Searching(Search),
    /// They are typed into the line of a search in the history.
    Recalling(Recall),
    /// Enter sends what it is about, though it is odd; it was asked at this time.
    Sure(Doubt, Instant),
}

/// What is odd about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is many lines.
    Lines(usize),
    /// It has so many bytes, for everybody.
    Long(usize),
    /// It looks like a command behind blanks.
    Slash,
}

/// A search in the history of all windows.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// What is looked for.
    pub(super) line: InputLine,
    /// How many matches were passed over.
    pub(super) passed: usize,
    /// What was found.
    pub(super) found: Option<String>,
}
