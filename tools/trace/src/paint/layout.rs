//! Where everything stands in a picture, in pixels.

use super::{NAMES_EVERY, gap};
use crate::lanes::Lane;
use crate::rows::{Line, Row};

/// The height of a row.
pub const ROW: i32 = 32;
/// The most characters of a note.
pub const NOTES: usize = 72;
/// The first lifeline, behind the times.
const FIRST: i32 = 150;
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
    /// Where the notes begin.
    pub notes_x: i32,
    step: i32,
}

impl Layout {
    pub fn new(names: &[String], rows: &[Row]) -> Layout {
        let step = if names.len() > 4 { NARROW } else { STEP };
        let notes_x = FIRST + step * (names.len() as i32 - 1) + 40;
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
        let text = |text: &str| (text.chars().count().min(NOTES) as f64 * CHARACTER) as i32;
        let ends = rows.iter().map(|row| match row.line {
            Line::Note => FIRST + step * row.from as i32 + 10 + text(&row.label),
            _ if row.notes.is_empty() => notes_x,
            _ => notes_x + text(&row.notes.join("; ")),
        });
        let (bottom, top) = (next + 16, 30);
        let width = ends.max().unwrap_or(notes_x).max(640) + 16;
        Layout { width, height: bottom + 44, top, bottom, y, names_at, gaps, notes_x, step }
    }

    /// Where a lifeline stands.
    pub fn x(&self, lane: Lane) -> i32 {
        FIRST + self.step * lane as i32
    }
}
