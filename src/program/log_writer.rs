//! A log that never holds anybody up: lines go to standard error on a thread of their own.
//!
//! Whoever reads the log may pause, as `| less` does, and a pipe that is full would then stop every thread that has
//! something to log, and with them the server. So lines wait in a buffer that is bounded; what does not fit is
//! counted, and said when there is room again.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of lines that wait to be written. As many more may be on their way.
const MAX_WAITING: usize = 128 * 1024;

/// The writing end, for a logger; clones share one buffer.
#[derive(Clone, Default)]
pub struct LogWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    lost: usize,
    /// Whether lines have left the buffer and are being written.
    writing: bool,
}

impl LogWriter {
    /// A log that is written to `output`. Its thread is the one that nobody joins: it may be blocked in a write for
    /// ever, and the end of the program must not wait for that.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<LogWriter> {
        let writer = LogWriter::default();
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(output))?;
        Ok(writer)
    }

    /// Waits until every line is written, `limit` at the longest.
    pub fn drain(&self, limit: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(self.0.changed.wait_timeout_while(self.0.lock(), limit, busy));
    }
}

impl Shared {
    fn write_to(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            state.writing = false;
            self.changed.notify_all();
            let waited = self.changed.wait_while(state, |state| state.waiting.is_empty());
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            state.writing = true;
            mem::swap(&mut state.waiting, &mut lines);
            let lost = mem::take(&mut state.lost);
            drop(state);
            // Who closed standard error does not want the log.
            let _ = output.write_all(&lines);
            if lost > 0 {
                let _ = writeln!(output, "{lost} lines of this log are lost: nobody read it");
            }
            let _ = output.flush();
            lines.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a line; never fails, and never waits for the output.
impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() <= MAX_WAITING {
            state.waiting.extend_from_slice(line);
            self.0.changed.notify_all();
        } else {
            state.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_reader_that_pauses_holds_nobody_up() {
        let (output, reader) = UnixStream::pair().expect("a pair");
        let mut log = LogWriter::start(output).expect("a thread");
        let line = "x".repeat(199) + "\n";
        // Far more than the socket and the buffer hold.
        let sent = 16 * MAX_WAITING / line.len();
        for _ in 0..sent {
            log.write_all(line.as_bytes()).expect("never fails");
        }
        log.drain(Duration::from_millis(1));
        let (mut come, mut lost) = (0, 0);
        for text in BufReader::new(reader).lines().map_while(Result::ok) {
            match text.split_once(" lines of this log are lost") {
                Some((count, _)) => lost += count.parse::<usize>().expect("a number"),
                None => come += 1,
            }
            if come + lost == sent {
                break;
            }
        }
        assert!(lost > 0 && come > 0, "{come} have come, {lost} were lost");
        log.drain(Duration::from_secs(30));
        assert!(log.0.lock().waiting.is_empty());
    }
}
