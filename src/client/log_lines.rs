//! Where the log goes: to standard error; but while a screen covers the terminal, into its first window, as a line that
//! is written over a screen tears it.

use super::call::Signals;
use super::event::Event;
use env_logger::{Builder, Env, Target};
use std::io::{self, Write};

/// Begins the log: warnings, or what `RUST_LOG` asks for. With a `screen` its lines go there.
pub fn start(screen: Option<Signals>) {
    let mut log = Builder::from_env(Env::default().default_filter_or("warn"));
    if let Some(signals) = screen {
        log.format(|out, record| writeln!(out, "{}: {}", record.level(), record.args()));
        log.target(Target::Pipe(Box::new(Lines(signals))));
    }
    // Whoever runs several clients in one process has one log.
    let _ = log.try_init();
}

/// Takes one record a write, as the logger gives it.
struct Lines(Signals);

impl Write for Lines {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record).trim_end().to_owned();
        // A log is for who looks for a fault: it holds nobody up, and what has no room is left out.
        if self.0.offer(Event::Logged(text)) {
            return Ok(record.len());
        }
        // The client is over, and the terminal is the shell's again.
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

    #[test]
    fn a_record_is_one_line_and_nobody_waits_for_room() {
        let (signals, receiver) = Signals::new(1);
        let mut lines = Lines(signals);
        lines.write_all(b"WARN: disk full\n").expect("taken");
        lines.write_all(b"WARN: no room for this\n").expect("left out");
        let first = receiver.try_recv().expect("the first");
        assert!(matches!(first, Signal::Event(Event::Logged(text)) if text == "WARN: disk full"));
        assert!(receiver.try_recv().is_err());
    }
}
