//! What the runner needs of an App: events and the time in, effects out.

use crate::client::app::{App, Seen};
use crate::client::event::{Effect, Event, Now};
use std::time::Instant;

/// An App, alone or with windows around it, or what a test plays in its place. Nothing here waits.
pub trait Decider {
    /// The client begins.
    fn start(&mut self, now: Now) -> Vec<Effect>;

    /// Something has happened.
    fn handle(&mut self, event: Event, now: Now) -> Vec<Effect>;

    /// When [`Decider::tick`] wants to be called, though nothing happens; `None`: never.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline is reached. The next one lies after `now`.
    fn tick(&mut self, now: Now) -> Vec<Effect>;

    /// What is to be seen, if it differs from the last one, or if `Event::Resized`, `Event::Resumed` or
    /// `Effect::Redraw` came since. Asked of a screen alone, once for all events that are handled together, and only
    /// when the painter is free.
    fn picture(&mut self) -> Option<Seen> {
        None
    }

    /// What is to stand in the terminal once the screen is gone, in lines without control characters.
    fn last_lines(&mut self) -> Vec<String> {
        Vec::new()
    }
}

impl Decider for App {
    fn start(&mut self, now: Now) -> Vec<Effect> {
        App::start(self, now)
    }

    fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        App::handle(self, event, now)
    }

    fn deadline(&self) -> Option<Instant> {
        App::deadline(self)
    }

    fn tick(&mut self, now: Now) -> Vec<Effect> {
        App::tick(self, now)
    }

    fn picture(&mut self) -> Option<Seen> {
        App::picture(self)
    }

    fn last_lines(&mut self) -> Vec<String> {
        App::last_lines(self)
    }
}
