//! What the runner needs of an App: events and the time in, effects out.

use crate::client::event::{Effect, Event, Now, Picture};
use std::time::Instant;

/// An App, or what a test plays in its place. Nothing here waits.
pub trait Rules {
    /// The client begins.
    fn start(&mut self, now: Now) -> Vec<Effect>;

    /// Something has happened.
    fn handle(&mut self, event: Event, now: Now) -> Vec<Effect>;

    /// When [`Rules::tick`] wants to be called, though nothing happens; `None`: never.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline is reached. The next one lies after `now`.
    fn tick(&mut self, now: Now) -> Vec<Effect>;

    /// What is to be seen, if it differs from the last one, or if `Event::Resized`, `Event::Resumed` or
    /// `Effect::Redraw` came since. Asked of a screen alone, once for all events that are handled together, and only
    /// when the painter is free.
    fn picture(&mut self) -> Option<Picture>;

    /// What is to stand in the terminal once the screen is gone, in lines without control characters.
    fn last_lines(&mut self) -> Vec<String> {
        Vec::new()
    }
}
