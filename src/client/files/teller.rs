//! Telling the App how a transfer goes: every step, but progress only a few times a second.

use crate::client::call::Call;
use crate::client::event::{News, Stage, Step, Way};
use crate::value::Username;
use std::time::{Duration, Instant};

/// The least time between two steps of progress.
const OFTEN: Duration = Duration::from_millis(200);

/// What tells the steps of one transfer.
pub struct Teller<'a> {
    call: &'a Call,
    way: Way,
    with: Username,
    what: String,
    /// When progress was last told.
    last: Option<Instant>,
}

impl<'a> Teller<'a> {
    /// Of this transfer nothing has been told.
    pub fn new(call: &'a Call, way: Way, with: Username, what: String) -> Teller<'a> {
        Teller { call, way, with, what, last: None }
    }

    /// Tells a step, and waits while there is no room.
    pub fn step(&self, stage: Stage) {
        self.call.tell(News::Transfer(self.of(stage)));
    }

    /// Tells how far it is, when that is due and there is room. `file` is the number of the file of `count`.
    pub fn progress(&mut self, done: u64, size: u64, file: usize, count: usize) {
        let now = Instant::now();
        if self.last.is_none_or(|last| now - last >= OFTEN) {
            self.last = Some(now);
            self.call.tell_if_room(News::Transfer(self.of(Stage::Progress { done, size, file, count })));
        }
    }

    fn of(&self, stage: Stage) -> Step {
        Step { way: self.way, with: self.with.clone(), what: self.what.clone(), stage }
    }
}
