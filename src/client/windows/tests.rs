//! The windows as a person has them: keys in, pictures out. Time is passed in.

mod pictures;
mod small;
mod input;
mod reading;
mod properties;

use super::*;
use crate::client::event::{Assurance, Key, Place, Size, Style, Way};
use crate::client::shown::{Look, Weight};
use crate::value::Username;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 12:00 on a Friday.
const NOON: u64 = 1_795_780_800;

/// A person at a terminal.
struct Play {
    windows: Windows,
    scene: Scene,
    size: Size,
    now: Instant,
    /// Seconds since noon.
    clock: u64,
}

fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

impl Play {
    fn new(columns: u16, rows: u16) -> Play {
        let size = Size { columns, rows };
        let scene = Scene {
            me: "alice".to_owned(),
            online: "online".to_owned(),
            address: "127.0.0.2".to_owned(),
            with: None,
            more: vec!["up 0:31".to_owned()],
            transfers: Vec::new(),
        };
        Play { windows: Windows::new(size, TimeZone::UTC), scene, size, now: Instant::now(), clock: 60 }
    }

    /// One with a window for everybody, bob, carol and dave; bob's is in front, verified, and with a talk.
    fn with_people(columns: u16, rows: u16) -> Play {
        let mut play = Play::new(columns, rows);
        for person in ["bob", "carol", "dave"] {
            play.windows.number_of(&Place::Person(name(person)));
        }
        play.windows.set_talk(&Place::Person(name("bob")), true);
        play.windows.go(3);
        play.scene.with = Some(With { assurance: Assurance::Verified, is_chat: true });
        play
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.size = Size { columns, rows };
        self.windows.resize(self.size);
    }

    fn draw(&self) -> Layout {
        draw(&self.windows, &self.scene, self.size)
    }

    fn last(&self) -> String {
        self.shown().pop().unwrap_or_default()
    }

    fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOON + self.clock)
    }

    fn add_as(&mut self, window: u32, who: &str, text: &str, weight: Weight, style: Style) {
        let look = Look { name: who.to_owned(), style, text: text.to_owned(), weight };
        let place = self.windows.place_of(window).cloned().expect("a window");
        self.windows.add(&place, self.time(), look);
    }

    fn add(&mut self, window: u32, who: &str, text: &str, weight: Weight) {
        self.add_as(window, who, text, weight, Style::Plain);
    }

    /// Presses keys, a good while apart.
    fn keys(&mut self, keys: &[Key]) -> Vec<Act> {
        let press = |key: &Key| {
            self.now += Duration::from_millis(200);
            self.windows.key(key.clone(), self.now)
        };
        keys.iter().flat_map(press).collect()
    }

    fn key(&mut self, key: Key) -> Vec<Act> {
        self.keys(&[key])
    }

    fn write(&mut self, text: &str) {
        self.keys(&text.chars().map(Key::Char).collect::<Vec<_>>());
    }

    fn paste(&mut self, text: &str) {
        self.key(Key::Paste(text.to_owned()));
    }

    /// What was sent by these keys: window, text, and whether it is text whatever it begins with.
    fn sent(&mut self, keys: &[Key]) -> Vec<(u32, String, bool)> {
        let lines = self.keys(keys).into_iter().filter_map(|act| match act {
            Act::Line { window, text, plain, .. } => Some((window, text, plain)),
            _ => None,
        });
        lines.collect()
    }

    /// The picture is painted, and somebody sees it.
    fn look(&mut self) {
        let drawn = self.draw();
        self.windows.drawn(&drawn);
    }

    /// The picture as text: rows without blanks at their ends, `_` at the cursor, and one row for several empty ones.
    fn shown(&self) -> Vec<String> {
        let picture = self.draw().picture;
        let mut shown: Vec<String> = Vec::new();
        let mut empty = 0;
        for (number, row) in picture.rows.iter().enumerate() {
            let mut text: String = row.iter().map(|piece| piece.text.as_str()).collect();
            if let Some((_, column)) = picture.cursor.filter(|(row, _)| usize::from(*row) == number) {
                text = with_cursor(&text, column.into());
            }
            let text = text.trim_end();
            // The bar before the names stands alone where there are none.
            if text.trim_start_matches([' ', '|']).is_empty() {
                empty += 1;
                continue;
            }
            if empty > 0 {
                shown.push(format!("({empty} empty)"));
                empty = 0;
            }
            shown.push(text.to_owned());
        }
        shown
    }

    fn status(&self) -> String {
        let picture = self.draw().picture;
        let is_bar = |row: &&crate::client::event::Row| row.iter().any(|piece| piece.style == Style::Reverse);
        // The bars are the first and the last row with something in reverse.
        let row = picture.rows.iter().rfind(is_bar).expect("a status row");
        let text: String = row.iter().map(|piece| piece.text.as_str()).collect();
        text.trim_end().to_owned()
    }

    #[track_caller]
    fn shows(&self, expected: &[&str]) {
        let shown = self.shown();
        assert!(shown == expected, "shown:\n{}\n\nexpected:\n{}\n", shown.join("\n"), expected.join("\n"));
    }
}

fn with_cursor(text: &str, column: usize) -> String {
    let (mut shown, mut taken, mut is_put) = (String::new(), 0, false);
    for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
        if taken >= column && !is_put {
            shown.push('_');
            is_put = true;
        }
        taken += cells::width(cluster);
        shown.push_str(cluster);
    }
    if !is_put {
        shown.push_str(&" ".repeat(column.saturating_sub(taken)));
        shown.push('_');
    }
    shown
}

/// Text of all that is hard: flags, joined emoji, skin tones, combining and wide characters, letters that join.
pub(super) fn odd_text() -> impl Strategy<Value = String> {
    let hard = [
        " ",
        "a",
        "word",
        "  ",
        "\u{301}",
        "e\u{301}",
        "漢",
        "字",
        "👍🏽",
        "\u{1f3fd}",
        "👩\u{200d}🔬",
        "\u{200d}",
        "🇩🇪",
        "🇫",
        "☁\u{fe0f}",
        "\u{fe0f}",
        "ᄀ",
        "ᅡ",
        "ᆨ",
        "क्ष",
        "र्त्स्न्य",
        "ש",
        "\u{200b}",
        "ﷺ",
        "\u{17d8}",
        "👨‍👩‍👧‍👦",
        "\u{ad}",
    ];
    let piece = prop_oneof![4 => prop::sample::select(hard.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}
