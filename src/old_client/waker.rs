//! Interrupts the wait for the person, from any thread.

use super::alarm::Alarm;
use std::io::{PipeWriter, Write};
use std::sync::Arc;

/// Interrupts the wait for the person, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<Kind>);

enum Kind {
    Terminal(Arc<Alarm>),
    Lines(PipeWriter),
}

impl Waker {
    /// Wakes the line editor of a terminal.
    pub fn of_terminal(alarm: Arc<Alarm>) -> Waker {
        Waker(Arc::new(Kind::Terminal(alarm)))
    }

    /// Wakes who polls the other end of the pipe.
    pub fn of_pipe(pipe: PipeWriter) -> Waker {
        Waker(Arc::new(Kind::Lines(pipe)))
    }

    /// Has the wait end now, or the next one if there is none.
    pub fn wake(&self) {
        match &*self.0 {
            Kind::Terminal(alarm) => alarm.wake(),
            Kind::Lines(_) => self.nudge(),
        }
    }

    /// The same for a script only. A person sees what happened anyway, and their prompt stays the same.
    pub fn nudge(&self) {
        if let Kind::Lines(pipe) = &*self.0 {
            // After 65,536 bytes that nobody took it waits for the reader, which comes back within its limits.
            let _ = (&*pipe).write(&[1]);
        }
    }

    /// The way to print while a person types.
    pub fn alarm(&self) -> Option<Arc<Alarm>> {
        match &*self.0 {
            Kind::Terminal(alarm) => Some(Arc::clone(alarm)),
            Kind::Lines(_) => None,
        }
    }
}
