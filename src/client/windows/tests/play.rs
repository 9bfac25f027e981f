//! Windows in the middle of a play, and their picture as text.

use crate::client::event::{Key, Row, Size, Style, Way};
use crate::client::shown::{Look, Weight};
use crate::client::windows::bars::{Scene, Transfer};
use crate::client::windows::cells::width;
use crate::client::windows::keys::Act;
use crate::client::windows::set::Windows;
use crate::client::windows::view::draw;
use crate::client::windows::window::Place;
use crate::value::Username;
use jiff::tz::TimeZone;
use std::time::{Duration, Instant, SystemTime};
use unicode_segmentation::UnicodeSegmentation;

/// Friday, 27 November 2026, 12:00 UTC.
const NOON: u64 = 1_795_780_800;

pub struct Play {
    pub windows: Windows,
    pub scene: Scene,
    pub size: Size,
    pub now: Instant,
    clock: SystemTime,
}

pub fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

pub fn person(text: &str) -> Place {
    Place::Person(name(text))
}

pub fn transfer(way: Way, name: &str, percent: u64) -> Transfer {
    let (rate, left) = (Some(13_002_342), Some(Duration::from_secs(41)));
    Transfer { way, name: name.to_owned(), done: percent * 1000, size: 100_000, rate, left }
}

impl Play {
    pub fn new(columns: u16, rows: u16) -> Play {
        let size = Size { columns, rows };
        Play {
            windows: Windows::new(size, TimeZone::UTC),
            scene: Scene {
                me: "alice".to_owned(),
                online: "online".to_owned(),
                address: "127.0.0.2".to_owned(),
                ..Scene::default()
            },
            size,
            now: Instant::now(),
            clock: SystemTime::UNIX_EPOCH + Duration::from_secs(NOON),
        }
    }

    pub fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.clock += Duration::from_secs(seconds);
    }

    pub fn says(&mut self, place: &Place, name: &str, text: &str, weight: Weight) {
        let style = if name == "-" { Style::Dim } else { Style::Plain };
        let look = Look { name: name.to_owned(), style, text: text.to_owned(), weight };
        self.windows.add(place, self.clock, look);
    }

    /// Lines of bob's, `FROM` to `TO`.
    pub fn counts(&mut self, from: usize, to: usize) {
        (from..=to).for_each(|number| self.says(&person("bob"), "bob", &format!("line {number}"), Weight::ForYou));
    }

    pub fn go(&mut self, number: u32) {
        assert!(self.windows.go(number), "{number}");
    }

    /// Presses a key, a millisecond after what was before.
    pub fn key(&mut self, key: Key) -> Vec<Act> {
        self.now += Duration::from_millis(1);
        self.windows.key(key, self.now)
    }

    pub fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| assert_eq!(self.key(Key::Char(c)), []));
    }

    /// The texts of the lines that a key sends, and whether each is plain.
    pub fn sent(&mut self, key: Key) -> Vec<(String, bool)> {
        let line = |act| match act {
            Act::Line { text, plain, .. } => Some((text, plain)),
            _ => None,
        };
        self.key(key).into_iter().filter_map(line).collect()
    }

    /// Paints what is there now; whether the marks changed.
    pub fn paint(&mut self) -> bool {
        let layout = draw(&self.windows, &self.scene, self.size);
        self.windows.drawn(&layout)
    }

    /// What the terminal shows, without empty rows, with `_` at the cursor.
    pub fn picture(&self) -> String {
        let picture = draw(&self.windows, &self.scene, self.size).picture;
        assert!(picture.rows.len() <= usize::from(self.size.rows));
        let cursor = |at: usize| picture.cursor.filter(|(row, _)| usize::from(*row) == at).map(|(_, column)| column);
        let rows = picture.rows.iter().enumerate().map(|(at, row)| with_cursor(&text(row), cursor(at)));
        rows.map(|row| row.trim_end().to_owned() + "\n").filter(|row| row != "\n").collect()
    }

    /// The last row but those of the line that is typed.
    pub fn status(&self) -> String {
        let rows = draw(&self.windows, &self.scene, self.size).picture.rows;
        let is_status = |row: &&Row| row.first().is_some_and(|piece| piece.style == Style::Reverse);
        text(rows.iter().rfind(is_status).expect("a status row")).trim_end().to_owned()
    }

    /// The first row.
    pub fn bar(&self) -> String {
        text(&draw(&self.windows, &self.scene, self.size).picture.rows[0]).trim_end().to_owned()
    }

    #[track_caller]
    pub fn shows(&self, expected: &str) {
        let (picture, expected) = (self.picture(), expected.trim_start_matches('\n'));
        assert!(picture == expected, "\n{picture}--- instead of ---\n{expected}");
    }
}

pub fn text(row: &Row) -> String {
    row.iter().map(|piece| piece.text.as_str()).collect()
}

fn with_cursor(row: &str, cursor: Option<u16>) -> String {
    let Some(cursor) = cursor.map(usize::from) else { return row.to_owned() };
    let (mut drawn, mut column) = (String::new(), 0);
    for grapheme in row.graphemes(true) {
        drawn.push_str(if column == cursor { "_" } else { grapheme });
        column += width(grapheme);
    }
    if column <= cursor {
        drawn.push_str(&" ".repeat(cursor - column));
        drawn.push('_');
    }
    drawn
}
