//! Where everything stands in a picture, in pixels.

use super::{NAMES_EVERY, gap, milliseconds};
use crate::lanes::Lane;
use crate::rows::{Line, Row};
use crate::text::{cut, width};

/// The height of a row.
pub const ROW: i32 = 32;
/// The most columns of a note.
pub const NOTES: usize = 72;
/// Where times end, which are as long as those of an hour or two.
const TIMES: i32 = 100;
/// From there to the first lifeline.
const FIRST: i32 = 72;
/// From one lifeline to the next: labels of a third of a line stand between them.
const STEP: i32 = 240;
/// The same with more than four of them.
const NARROW: i32 = 190;
/// What a character takes.
const CHARACTER: f64 = 7.3;

/// Where it all stands.
#[derive(Debug)]
pub struct Layout {
    pub width: i32,
    pub height: i32,
    /// Where the lifelines begin and end.
    pub top: i32,
    pub bottom: i32,
    /// The middle of each row.
    pub y: Vec<i32>,
    /// Where names stand.
    pub names_at: Vec<i32>,
    /// Where it is told that nothing happened.
    pub gaps: Vec<(i32, String)>,
    /// Where the times end.
    pub times_x: i32,
    /// Where the notes begin.
    pub notes_x: i32,
    first: i32,
    step: i32,
}

impl Layout {
    pub fn new(names: &[String], rows: &[Row]) -> Layout {
        let widest = names.iter().map(|name| half_of_name(name) * 2 + 10).max().unwrap_or_default();
        let step = if names.len() > 4 { NARROW } else { STEP }.max(widest);
        let times = rows.iter().map(|row| pixels(&milliseconds(row.time))).max().unwrap_or_default();
        let times_x = times.max(TIMES);
        let first = times_x + FIRST;
        let notes_x = first + step * (names.len() as i32 - 1) + 40;
        let (mut names_at, mut gaps, mut y) = (Vec::new(), Vec::new(), Vec::new());
        let (mut next, mut before) = (30, None);
        for (at, row) in rows.iter().enumerate() {
            if at % NAMES_EVERY == 0 {
                names_at.push(next);
                next += 16;
            }
            if let Some(gap) = gap(before, row.time) {
                next += 22;
                gaps.push((next, gap));
            }
            before = Some(row.time);
            next += ROW;
            y.push(next);
            next += if (at + 1) % NAMES_EVERY == 0 { 44 } else { 0 };
        }
        let ends = rows.iter().map(|row| match stays(row) {
            true => first + step * row.from as i32 + 10 + pixels(&said(row)),
            false => notes_x + pixels(&said(row)),
        });
        let (bottom, top) = (next + 16, 30);
        let width = ends.max().unwrap_or(notes_x).max(640) + 16;
        Layout { width, height: bottom + 44, top, bottom, y, names_at, gaps, times_x, notes_x, first, step }
    }

    /// Where a lifeline stands.
    pub fn x(&self, lane: Lane) -> i32 {
        self.first + self.step * lane as i32
    }
}

/// Whether a row has no arrow: what it says stands at its lifeline.
pub fn stays(row: &Row) -> bool {
    row.line == Line::Note || row.from == row.to
}

/// What stands beside a row.
pub fn said(row: &Row) -> String {
    let label = Some(&row.label).filter(|_| stays(row));
    let parts: Vec<&str> = label.into_iter().chain(&row.notes).map(String::as_str).chain(row.explained()).collect();
    cut(&parts.join("; "), NOTES)
}

/// Half of the box that a name stands in.
pub fn half_of_name(name: &str) -> i32 {
    width(name) as i32 * 4 + 12
}

/// How wide a text is.
pub fn pixels(text: &str) -> i32 {
    (width(text) as f64 * CHARACTER) as i32
}
