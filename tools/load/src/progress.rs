//! The line that says how it goes: each second in place at a terminal, else a line every five seconds.

use crate::class::Figures;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often at a terminal.
const AT_TERMINAL: Duration = Duration::from_secs(1);
/// How often where lines stay.
const IN_A_PIPE: Duration = Duration::from_secs(5);

/// What the class is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Signing up and logging in.
    Entering,
    /// What was asked for, since then.
    Going(Duration),
    /// Nothing new is said; what is on its way may arrive.
    Waiting,
}

/// The line, which is written to standard error.
pub struct Progress {
    is_shown: bool,
    in_place: bool,
    last: Option<Instant>,
}

/// What the line says. At most 79 columns with a class of 28,000 and a day.
fn line(phase: Phase, clients: u32, figures: Figures) -> String {
    let Figures { inside, acknowledged, seen } = figures;
    match phase {
        Phase::Entering => format!("entering: {inside} of {clients} are in"),
        Phase::Going(since) => {
            format!("{} s: {inside} of {clients} in, {acknowledged} broadcasts, seen {seen} times", since.as_secs())
        }
        Phase::Waiting => format!("waiting for the last: {acknowledged} broadcasts, seen {seen} times"),
    }
}

impl Progress {
    /// A line that is shown, or not.
    pub fn new(is_shown: bool) -> Progress {
        Progress { is_shown, in_place: io::stderr().is_terminal(), last: None }
    }

    /// Shows how it goes, when it is time for that.
    pub fn show(&mut self, phase: Phase, clients: u32, figures: Figures) {
        let pause = if self.in_place { AT_TERMINAL } else { IN_A_PIPE };
        let now = Instant::now();
        // In a pipe the first line comes with the first pause: a short run says nothing.
        if !self.is_shown || now < *self.last.get_or_insert(now) + pause {
            return;
        }
        self.last = Some(now);
        let line = line(phase, clients, figures);
        // Nobody may read it.
        let _ = match self.in_place {
            true => write!(io::stderr(), "\r{line}\x1b[K"),
            false => writeln!(io::stderr(), "{line}"),
        };
    }

    /// Takes the line away from a terminal.
    pub fn clear(&self) {
        if self.is_shown && self.in_place && self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal() {
        let figures = Figures { inside: 28_000, acknowledged: 1_000_000, seen: 28_000_000_000 };
        for phase in [Phase::Entering, Phase::Going(Duration::from_secs(86_400)), Phase::Waiting] {
            let line = line(phase, 28_000, figures);
            assert!(line.len() <= 79, "{line}");
        }
        let line = line(Phase::Going(Duration::from_millis(12_900)), 30, Figures { inside: 29, ..Figures::default() });
        assert_eq!(line, "12 s: 29 of 30 in, 0 broadcasts, seen 0 times");
    }
}
