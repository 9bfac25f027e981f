//! Where events are shown: a queue and one thread that writes, so that nobody waits for a terminal.
//!
//! Output goes to standard output, refusals to standard error; on a terminal all of it goes through the line
//! editor, which prints above the line that is being typed.

use super::event::Event;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Events that wait to be written; whoever shows one more waits for the writer. A slow reader of our output so
/// slows the server's lines down, instead of filling memory.
const QUEUE: usize = 1024;

/// The way to the screen, shared by all threads.
pub struct Screen {
    queue: SyncSender<Option<Event>>,
    refused: AtomicBool,
}

/// What writes lines above the one that is being typed. Without it, lines go to standard output and error.
pub type PrintAbove = Box<dyn FnMut(String) -> io::Result<()> + Send>;

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

/// Writes events until [`Screen::close`]. When standard output is closed, nobody is left to talk to: the rest is
/// dropped and `gone` called once.
pub fn write_all(events: &Receiver<Option<Event>>, mut above: Option<PrintAbove>, gone: impl Fn()) {
    let mut open = true;
    while let Ok(Some(event)) = events.recv() {
        let line = format!("{event}\n");
        let written = match &mut above {
            Some(print) => print(line),
            None if event.is_error() => io::stderr().write_all(line.as_bytes()),
            None if open => io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush()),
            None => Ok(()),
        };
        if written.is_err() && open {
            open = false;
            gone();
        }
    }
}
