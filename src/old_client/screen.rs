//! Where events are shown: a queue and one thread that writes, so that nobody waits for a terminal.
//!
//! Output goes to standard output, refusals to standard error; on a terminal all of it goes above the line that is
//! being typed.

use super::alarm::Alarm;
use super::bars::Bars;
use super::event::Event;
use super::json;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

/// Events that wait to be written; whoever shows one more waits for the writer. A slow reader of our output so
/// slows the server's lines down, instead of filling memory.
const QUEUE: usize = 1024;
/// Bytes written together, about.
const MAX_BATCH: usize = 16 * 1024;

/// The way to the screen, shared by all threads.
pub struct Screen {
    queue: SyncSender<Option<Event>>,
    refused: AtomicBool,
}

impl Screen {
    /// The screen, and the end of its queue for [`write_all`].
    pub fn new() -> (Screen, Receiver<Option<Event>>) {
        let (queue, events) = sync_channel(QUEUE);
        (Screen { queue, refused: AtomicBool::new(false) }, events)
    }

    /// Shows an event.
    pub fn show(&self, event: Event) {
        if event.is_error() {
            self.refused.store(true, Ordering::Relaxed);
        }
        // The writer is gone only at the very end, when nobody looks any more.
        let _ = self.queue.send(Some(event));
    }

    /// Shows an event that may as well be missed, such as progress that is out of date soon: never waits.
    pub fn show_if_room(&self, event: Event) {
        let _ = self.queue.try_send(Some(event));
    }

    /// Has the writer stop after all that was shown so far.
    pub fn close(&self) {
        let _ = self.queue.send(None);
    }

    /// Shows something to know.
    pub fn info(&self, text: impl Into<String>) {
        self.show(Event::Info { text: text.into() });
    }

    /// Shows that something asked for was not done.
    pub fn refuse(&self, text: impl Into<String>) {
        self.show(Event::Refused { text: text.into() });
    }

    /// Whether anything asked for was refused so far.
    pub fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of text each; refusals apart, on standard error.
    Plain,
    /// For a terminal: all in one place, in colour or not.
    Terminal {
        /// Whether escape sequences for colours are wanted.
        colour: bool,
    },
    /// A JSON object in a line each.
    Json,
}

impl Format {
    fn write(self, event: &Event, into: &mut String) {
        if self != Format::Json && event.is_for_programs() {
            return;
        }
        match (self, event.colour()) {
            (Format::Json, _) => into.push_str(&json::object(event)),
            (Format::Terminal { colour: true }, Some(code)) => {
                into.push_str(&format!("\x1b[{code}m{event}\x1b[0m"));
            }
            _ => into.push_str(&event.to_string()),
        }
        into.push('\n');
    }
}

/// Writes events until [`Screen::close`]: through `alarm` above the line that is being typed on a terminal, else to
/// standard output and error. When standard output is closed, nobody is left to talk to: the rest is dropped and
/// `gone` called once.
pub fn write_all(events: &Receiver<Option<Event>>, alarm: Option<&Alarm>, format: Format, gone: impl Fn()) {
    let mut open = true;
    let mut bars = Bars::default();
    while let Ok(Some(event)) = events.recv() {
        let mut close = false;
        // What has come together is written together, each kind in its order.
        let (mut lines, mut errors) = (String::new(), String::new());
        for event in std::iter::once(event).chain(events.try_iter().map_while(|event| {
            close |= event.is_none();
            event
        })) {
            let in_a_bar = match (alarm, &event) {
                (Some(_), Event::Transfer(step)) => bars.take(step, Instant::now()),
                _ => false,
            };
            if in_a_bar {
                continue;
            }
            let apart = format == Format::Plain && event.is_apart();
            let into = if apart { &mut errors } else { &mut lines };
            format.write(&event, into);
            if apart || lines.len() > MAX_BATCH {
                break;
            }
        }
        let written = match alarm {
            Some(alarm) => alarm.print(&lines).map(|()| alarm.set_status(bars.lines(Instant::now()))),
            None if open => io::stdout().write_all(lines.as_bytes()).and_then(|()| io::stdout().flush()),
            None => Ok(()),
        };
        // Nobody may listen to our errors.
        let _ = io::stderr().write_all(errors.as_bytes());
        if written.is_err() && open {
            open = false;
            gone();
        }
        if close {
            break;
        }
    }
}
