//! The one loop of the client: takes what has happened, asks the App, has its effects carried out, and draws. It waits
//! for an event or for the App's deadline, and is not woken by anything else.

use super::decider::Decider;
use super::hands::{Hands, Settings};
use super::stop::Stop;
use crate::client::call::{Signal, Signals};
use crate::client::event::{Effect, End, Event, Now};
use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Instant, SystemTime};

/// The room for signals, for [`Signals::new`].
pub const ROOM: usize = 1024;

/// The most signals that are handled before the screen is drawn, and the clock read, again.
const MAX_BATCH: usize = 256;

/// The loop, and what it has.
pub struct Runner<A> {
    app: A,
    hands: Hands,
    signals: Receiver<Signal>,
    stop: Stop,
    /// How many stops the App was told of.
    stops: usize,
    /// What is for the App next, with no signal.
    follows: Vec<Event>,
}

/// How a client was over.
pub struct Over<A> {
    /// What the App said.
    pub end: End,
    /// The App.
    pub app: A,
    /// Threads that have not ended in time.
    pub left: Vec<String>,
}

impl<A: Decider> Runner<A> {
    /// A runner that has not begun. `signals` and `receiver` are the two ends of [`Signals::new`], with [`ROOM`].
    ///
    /// # Errors
    /// There is no thread for something.
    pub fn new(
        app: A,
        settings: Settings,
        stop: Stop,
        signals: Signals,
        receiver: Receiver<Signal>,
    ) -> io::Result<Runner<A>> {
        let (hands, follows) = Hands::new(settings, signals, stop.clone())?;
        Ok(Runner { app, hands, signals: receiver, stop, stops: 0, follows })
    }

    /// Runs the client until the App ends it, and joins the threads.
    pub fn run(mut self) -> Over<A> {
        let now = read_clocks();
        let effects = self.app.start(now);
        let mut end = self.carry_out(effects, now);
        while end.is_none() {
            self.hands.showing.flush(&self.stop);
            let batch = self.wait();
            end = self.turn(batch);
        }
        let Runner { mut app, hands, signals, .. } = self;
        // Whoever waits for room in it is told that the client is over.
        drop(signals);
        let left = hands.end(&app.last_lines());
        for name in &left {
            log::warn!("thread {name} does not end");
        }
        Over { end: end.unwrap_or(End::Left), app, left }
    }

    /// Waits until there is something to do, and takes it.
    fn wait(&self) -> Vec<Signal> {
        let is_due = !self.follows.is_empty() || self.stop.count() > self.stops;
        let deadline = [self.app.deadline(), self.hands.calls.deadline()].into_iter().flatten().min();
        // `self.hands` has a sender, so an error is the end of the time.
        let first = match deadline {
            _ if is_due => None,
            Some(deadline) => self.signals.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
            None => self.signals.recv().ok(),
        };
        let more = MAX_BATCH - first.iter().len();
        first.into_iter().chain(self.signals.try_iter().take(more)).collect()
    }

    /// Handles what has arrived and what is due, and draws once.
    fn turn(&mut self, batch: Vec<Signal>) -> Option<End> {
        let now = read_clocks();
        self.hands.calls.cut_due(now.instant);
        for event in std::mem::take(&mut self.follows) {
            self.hands.showing.mind(&event);
            if let Some(end) = self.handle(event, now) {
                return Some(end);
            }
        }
        for signal in batch {
            let Some(event) = self.hands.take(signal) else { continue };
            if let Some(end) = self.handle(event, now) {
                return Some(end);
            }
        }
        while self.stops < self.stop.count() {
            self.stops += 1;
            if let Some(end) = self.handle(Event::Stop, now) {
                return Some(end);
            }
        }
        if self.app.deadline().is_some_and(|deadline| deadline <= now.instant) {
            let effects = self.app.tick(now);
            if let Some(end) = self.carry_out(effects, now) {
                return Some(end);
            }
        }
        self.hands.showing.draw(&mut self.app);
        None
    }

    fn handle(&mut self, event: Event, now: Now) -> Option<End> {
        let effects = self.app.handle(event, now);
        self.carry_out(effects, now)
    }

    /// Carries effects out in order; nothing follows an end.
    fn carry_out(&mut self, effects: Vec<Effect>, now: Now) -> Option<End> {
        effects.into_iter().find_map(|effect| self.hands.carry_out(effect, now.instant, &mut self.follows))
    }
}

fn read_clocks() -> Now {
    Now { instant: Instant::now(), clock: SystemTime::now() }
}
