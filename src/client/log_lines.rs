//! Where the log goes: to standard error; but while a screen covers the terminal, into its first window, as a line that
//! is written over a screen tears it, and what is written under it is lost.

use super::call::Signals;
use super::event::Event;
use crate::program::log_line;
use crate::value::text::escape;
use env_logger::{Builder, Env, Target};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The lines that are kept at most, from the end of the client to that of its screen.
const MAX_HELD: usize = 100;

/// Begins the log: warnings, or what `RUST_LOG` asks for. With a `screen` its lines go there, as long as what is given
/// back lives.
pub fn start(screen: Option<Signals>) -> Option<Cover> {
    let mut log = Builder::from_env(Env::default().default_filter_or("warn"));
    log.format(log_line);
    let cover = screen.map(|signals| {
        let held = Arc::new(Held { lines: Mutex::new(Some(Vec::new())) });
        log.format(|out, record| writeln!(out, "{}: {}", record.level(), escape(&record.args().to_string())));
        log.target(Target::Pipe(Box::new(Lines { signals, held: Arc::clone(&held) })));
        Cover(held)
    });
    // Whoever runs several clients in one process has one log.
    let _ = log.try_init();
    cover
}

/// A screen that may cover the terminal. When this is dropped, it does not any more: the lines that were held are
/// written to standard error, and those that follow too.
pub struct Cover(Arc<Held>);

impl Drop for Cover {
    fn drop(&mut self) {
        for line in self.0.release() {
            // Nobody may listen to our errors.
            let _ = io::stderr().write_all(&line);
        }
    }
}

/// What is logged when the client is over and its screen still covers the terminal.
struct Held {
    /// `None` once the terminal is the shell's again.
    // Any thread logs: without the lock a line could be added after the others were taken, and be lost. Nothing is
    // written or sent under it.
    lines: Mutex<Option<Vec<Vec<u8>>>>,
}

impl Held {
    /// Keeps a line; false when it can be written.
    fn keep(&self, line: &[u8]) -> bool {
        let mut lines = self.lock();
        let Some(lines) = &mut *lines else { return false };
        if lines.len() < MAX_HELD {
            lines.push(line.to_owned());
        } else if lines.len() == MAX_HELD {
            lines.push(b"more lines of the log are left out\n".to_vec());
        }
        true
    }

    /// The lines that were kept. No more are.
    fn release(&self) -> Vec<Vec<u8>> {
        self.lock().take().unwrap_or_default()
    }

    /// Nothing in here can panic while the lock is held, so a poisoned lock holds good data.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Vec<u8>>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one record a write, as the logger gives it.
struct Lines {
    signals: Signals,
    held: Arc<Held>,
}

impl Write for Lines {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record).trim_end().to_owned();
        // A log is for who looks for a fault: it holds nobody up, and what has no room is left out.
        if self.signals.offer(Event::Logged(text)) || self.held.keep(record) {
            return Ok(record.len());
        }
        io::stderr().write(record)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::Signal;

    fn lines(signals: Signals) -> Lines {
        Lines { signals, held: Arc::new(Held { lines: Mutex::new(Some(Vec::new())) }) }
    }

    #[test]
    fn a_record_is_one_line_and_nobody_waits_for_room() {
        let (signals, receiver) = Signals::new(1);
        let mut lines = lines(signals);
        lines.write_all(b"WARN: disk full\n").expect("taken");
        lines.write_all(b"WARN: no room for this\n").expect("left out");
        let first = receiver.try_recv().expect("the first");
        assert!(matches!(first, Signal::Event(Event::Logged(text)) if text == "WARN: disk full"));
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn what_is_logged_between_the_end_of_the_client_and_of_its_screen_is_written_after_both() {
        let (signals, receiver) = Signals::new(1);
        let mut lines = lines(signals);
        drop(receiver);
        lines.write_all(b"WARN: thread link does not end\n").expect("kept");
        assert_eq!(lines.held.release(), [b"WARN: thread link does not end\n"]);
        assert!(!lines.held.keep(b"WARN: late\n"), "the terminal is the shell's again");
    }

    #[test]
    fn only_so_much_is_held_and_the_rest_is_named() {
        let (signals, receiver) = Signals::new(1);
        let mut lines = lines(signals);
        drop(receiver);
        (0..3 * MAX_HELD).for_each(|_| lines.write_all(b"WARN: again\n").expect("kept or left out"));
        let held = lines.held.release();
        assert_eq!(held.len(), MAX_HELD + 1);
        assert_eq!(held[MAX_HELD], b"more lines of the log are left out\n");
    }
}
