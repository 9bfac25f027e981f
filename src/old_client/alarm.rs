//! Interrupts the line editor: to print above the line that is being typed, to show another prompt, and to keep the
//! status lines above that current.
//!
//! rustyline has an `ExternalPrinter` of its own, but with it the editor stops after the first of several bytes that
//! arrive together (its issue 976: fast typing, input methods), and it cannot change a prompt. What it does mind is
//! SIGINT in the thread that reads: it gives the line up. So whoever has something to show leaves it here, a thread
//! sends that signal, and the reading thread prints and takes the line up again.

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A signal that comes just before the thread begins to read is lost, so it is repeated until it is minded.
const REPEAT: Duration = Duration::from_millis(20);

/// How long the editor must have read before it is interrupted. Lines that were typed ahead end by themselves sooner,
/// and the editor does not look at signals between them: some hundreds that it has not looked at block its handler.
const SETTLE: Duration = Duration::from_millis(5);

/// One for a terminal.
pub struct Alarm {
    reader: Pthread,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Since when the editor has the terminal.
    reading: Option<Instant>,
    /// Whether it is to give the line up.
    wake: bool,
    /// What is to be printed before it goes on.
    above: String,
    /// Whole lines that stay right above the prompt, such as progress bars.
    status: String,
    /// Whether the status is another than the one that is shown.
    stale: bool,
    /// Whether the editor is gone, and with it the handler of its signal.
    over: bool,
}

impl Alarm {
    /// An alarm for the editor that will read in the calling thread.
    pub fn for_this_thread() -> Alarm {
        Alarm { reader: pthread_self(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Has the editor return, now or at its next line.
    pub fn wake(&self) {
        self.lock().wake = true;
        self.changed.notify_all();
    }

    /// Prints whole lines: above the line that is being typed, or at once if there is none.
    ///
    /// # Errors
    /// What the system says of standard output.
    pub fn print(&self, lines: &str) -> io::Result<()> {
        let mut state = self.lock();
        if state.reading.is_some() {
            state.above.push_str(lines);
            self.changed.notify_all();
            // The reading thread may end its line meanwhile, which prints as well.
            while !state.above.is_empty() {
                state = self.wait(state);
            }
            return Ok(());
        }
        // Under the lock, so that no prompt comes in between.
        write_out(lines)
    }

    /// Shows these whole lines right above the prompt, in place of those before; they go with an empty text.
    pub fn set_status(&self, lines: String) {
        let mut state = self.lock();
        if state.status != lines {
            state.status = lines;
            state.stale = true;
            self.changed.notify_all();
        }
    }

    /// The editor is about to read, below these status lines; `None` when it was woken before that.
    pub fn begin(&self) -> Option<String> {
        let mut state = self.lock();
        if std::mem::take(&mut state.wake) {
            return None;
        }
        state.reading = Some(Instant::now());
        state.stale = false;
        self.changed.notify_all();
        Some(state.status.clone())
    }

    /// The editor has given the terminal back; `tidy` removes what should not stay of what it left there. Prints
    /// what was left to be printed. True when the editor was woken.
    pub fn finish(&self, tidy: impl FnOnce()) -> bool {
        let mut state = self.lock();
        state.reading = None;
        let woken = std::mem::take(&mut state.wake);
        tidy();
        // A closed output is found by whoever prints next.
        let _ = write_out(&std::mem::take(&mut state.above));
        drop(state);
        self.changed.notify_all();
        woken
    }

    /// The editor is gone: no more signals.
    pub fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Sends the signals, on a thread of its own, until [`Alarm::end`].
    pub fn run(&self) {
        let mut state = self.lock();
        while !state.over {
            let wanted = state.wake || state.stale || !state.above.is_empty();
            let Some(began) = state.reading.filter(|_| wanted) else {
                state = self.wait(state);
                continue;
            };
            let mut pause = SETTLE.saturating_sub(began.elapsed());
            if pause.is_zero() {
                // It can only fail for a thread or a signal that does not exist.
                let _ = pthread_kill(self.reader, Signal::SIGINT);
                pause = REPEAT;
            }
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_out(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
