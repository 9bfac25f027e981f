//! The full screen as the App has it: the windows, and what is to be painted.

use crate::client::event::{CallId, Picture, Place, Size};
use crate::client::windows::{Layout, Windows};
use jiff::tz::TimeZone;
use std::time::Instant;

/// The full screen.
#[derive(Debug)]
pub struct Display {
    /// The conversations, and what is typed.
    pub windows: Windows,
    /// The size of the terminal.
    pub size: Size,
    /// Whether something looks different from what was drawn last.
    pub is_stale: bool,
    /// What is being painted.
    pub painting: Option<Layout>,
    /// The title that was told last.
    pub title: String,
    /// What a second press of the same key does until then.
    pub sure: Option<(Sure, Instant)>,
    /// Whether the client leaves as soon as all is done that was begun.
    pub leaves_when_done: bool,
    /// The talks that are open, and the windows with a question, as the windows were told.
    pub talks: Vec<Place>,
    /// See `talks`.
    pub questions: Vec<Place>,
    /// When the line was begun that is being carried out.
    pub begun: Option<Instant>,
}

/// What a second press does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// Ends this chat.
    EndTalk(CallId),
    /// Leaves, though files are on their way.
    Leave,
}

/// What is to be seen.
#[derive(Debug)]
pub struct Seen {
    /// On the screen.
    pub picture: Picture,
    /// In the title of the terminal's window, when it changed.
    pub title: Option<String>,
}

impl Display {
    /// A screen that shows nothing yet; times are those of `zone`.
    pub fn new(zone: TimeZone) -> Display {
        // The terminal tells its size before anything is drawn.
        let size = Size { columns: 80, rows: 24 };
        Display {
            windows: Windows::new(size, zone),
            size,
            is_stale: true,
            painting: None,
            title: String::new(),
            sure: None,
            leaves_when_done: false,
            talks: Vec::new(),
            questions: Vec::new(),
            begun: None,
        }
    }

    /// When something looks different by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.windows.deadline()
    }
}
