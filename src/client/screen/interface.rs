//! The terminal as the runner's screen: what happens there is told to the App. It decides nothing.

use super::event::TerminalEvent;
use super::terminal::Terminal;
use crate::client::call::Signals;
use crate::client::event::{Event, Frame};
use crate::client::runner::{Interface, Screen, Stop};
use std::io;

/// Whether the terminal of the process can be a screen. Nobody asks it: `TERM` says so.
pub fn is_supported() -> bool {
    Terminal::is_supported()
}

/// Takes the terminal of the process. A panic of any thread gives it back, and stops the client.
///
/// # Errors
/// What the system says, when the process has no terminal for one.
pub fn open(signals: &Signals, stop: &Stop) -> io::Result<Interface> {
    let tell = signals.clone();
    let (terminal, size) = Terminal::open(move |event| told(event).is_none_or(|event| tell.event(event)))?;
    let stop = stop.clone();
    terminal.restore_on_panic(move || stop.stop());
    Ok(Interface::Screen(Box::new(terminal), size))
}

impl Screen for Terminal {
    fn paint(&self, frame: Frame) -> Result<(), Frame> {
        Terminal::paint(self, frame)
    }

    fn suspend(&self) {
        Terminal::suspend(self);
    }

    fn end(self: Box<Self>) {
        Terminal::end(*self);
    }
}

/// What the App is told of what happens at a terminal.
fn told(event: TerminalEvent) -> Option<Event> {
    Some(match event {
        TerminalEvent::Key(key) => Event::Key(key),
        TerminalEvent::Resized(size) => Event::Resized(size),
        // Nothing is to be done: the painter throws away what it gets until the terminal is ours again.
        TerminalEvent::Suspended => return None,
        TerminalEvent::Resumed => Event::Resumed,
        TerminalEvent::Painted => Event::Painted,
        TerminalEvent::Gone => Event::TerminalGone,
    })
}
