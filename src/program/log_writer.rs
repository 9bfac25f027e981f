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
const MAX_WAITING: usize = 512 * 1024;
/// So many are written at once; and so much memory is kept for the next ones.
const MANY: usize = 64 * 1024;
/// How long fewer wait for others, which one write then takes with them. Nobody who reads a log sees it.
const GATHER: Duration = Duration::from_millis(5);

/// The writing end, for a logger; clones share one buffer.
#[derive(Clone, Default)]
pub struct LogWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// The thread that writes has something to do.
    work: Condvar,
    /// It has done it.
    drained: Condvar,
}

#[derive(Default)]
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    lost: usize,
    /// Whether lines have left the buffer and are being written.
    writing: bool,
    /// How many threads wait until there are none: they gather no others.
    draining: usize,
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
        let mut state = self.0.lock();
        state.draining += 1;
        self.0.work.notify_one();
        let waited = self.0.drained.wait_timeout_while(state, limit, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.draining -= 1;
    }
}

impl Shared {
    fn write_to(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let lost = self.next(&mut lines);
            // Who closed standard error does not want the log.
            let _ = output.write_all(&lines);
            if lost > 0 {
                let _ = writeln!(output, "{lost} lines of this log are lost: nobody read it");
            }
            let _ = output.flush();
            lines.clear();
            lines.shrink_to(MANY);
        }
    }

    /// Waits for lines and takes them all, in exchange for an empty buffer; how many are lost behind them.
    fn next(&self, lines: &mut Vec<u8>) -> usize {
        let mut state = self.lock();
        state.writing = false;
        self.drained.notify_all();
        let waited = self.work.wait_while(state, |state| state.waiting.is_empty());
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.draining == 0 && state.waiting.len() < MANY;
        let waited = self.work.wait_timeout_while(state, GATHER, few);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.writing = true;
        mem::swap(&mut state.waiting, lines);
        mem::take(&mut state.lost)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a line; never fails, and never waits for the output.
impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let before = state.waiting.len();
        if before + line.len() > MAX_WAITING {
            state.lost += 1;
            return Ok(line.len());
        }
        state.waiting.extend_from_slice(line);
        // Who writes is woken by the first line and by many, and gathers those between.
        if before == 0 || (before < MANY && state.waiting.len() >= MANY) {
            self.0.work.notify_one();
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
