//! Interrupts the wait for the person, from any thread.

use super::alarm::Alarm;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Interrupts the wait for the person, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<Kind>);

enum Kind {
    Terminal(Arc<Alarm>),
    Lines(UnixStream),
}

impl Waker {
    /// Wakes the line editor of a terminal.
    pub fn of_terminal(alarm: Arc<Alarm>) -> Waker {
        Waker(Arc::new(Kind::Terminal(alarm)))
    }

    /// Wakes who polls the other end of the pipe.
    pub fn of_pipe(pipe: UnixStream) -> Waker {
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
            // One that is full of bytes that nobody took wakes all the same.
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
