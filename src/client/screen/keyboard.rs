//! The thread that waits for the person: keys, another size, and being stopped and continued. It decides nothing.

use super::event::TerminalEvent;
use super::raw_mode::RawMode;
use super::signals::Signals;
use super::size::size;
use crate::terminal::{Decoder, tty};
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{getpgrp, getpid};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The order to suspend. The end of the orders is the order to end.
pub(super) const SUSPEND: u8 = b'z';

/// How often a client that was continued in the background looks whether it has the terminal again: the shell's `fg`
/// sends no signal to what runs already.
const BACKGROUND: Duration = Duration::from_millis(500);

/// How long to wait to be stopped and continued. It takes microseconds, and nothing stops whom no shell can continue.
const STOP_LIMIT: Duration = Duration::from_millis(200);

/// The most bytes taken at once. A paste without brackets is known by its length, so it should come in one piece.
const MAX_READ: usize = 64 * 1024;

/// Who else has to stop.
enum Stopped {
    /// A key: everything in the foreground, as the terminal itself would do it. A script that started the client would
    /// else wait on, and the shell would never come back.
    Foreground,
    /// A signal to this process.
    Process,
}

/// What the thread has. `tell` gives `false` when nobody listens any more.
pub(super) struct Keyboard<T> {
    raw: Arc<RawMode>,
    signals: Signals,
    orders: UnixStream,
    decoder: Decoder,
    /// When the last byte came.
    last: Instant,
    gone: bool,
    tell: T,
}

impl<T: FnMut(TerminalEvent) -> bool> Keyboard<T> {
    pub(super) fn new(raw: Arc<RawMode>, signals: Signals, orders: UnixStream, tell: T) -> Keyboard<T> {
        Keyboard { raw, signals, orders, decoder: Decoder::default(), last: Instant::now(), gone: false, tell }
    }

    /// Tells what happens, until nobody listens or the orders end.
    pub(super) fn run(mut self) {
        while self.turn() {}
    }

    /// Waits once, and does what there is to do. `false` is the end.
    fn turn(&mut self) -> bool {
        let away = !self.gone && self.raw.is_away();
        let reads = !self.gone && self.raw.is_shown();
        let half = self.decoder.limit().map(|limit| (self.last + limit).saturating_duration_since(Instant::now()));
        let limit = if away { Some(BACKGROUND) } else { half };
        // Who reads the terminal in the background is stopped, and one that is gone is always ready.
        let input = if reads { self.raw.tty().as_fd() } else { self.orders.as_fd() };
        let Signals { stop, go_on, resized } = &self.signals;
        let descriptors = [self.orders.as_fd(), stop.as_fd(), go_on.as_fd(), resized.as_fd(), input];
        let Ok(ready) = tty::wait(descriptors.map(|one| (one, PollFlags::POLLIN)), limit) else {
            self.gone();
            return false;
        };
        let [order, stop, go_on, resized, input] = ready;
        (!order || self.obey())
            && self.minds(stop, go_on, resized)
            && (!away || go_on || self.resume())
            && (!reads || if input { self.read() } else { self.flush_in_time() })
    }

    fn obey(&mut self) -> bool {
        let mut order = [0];
        match self.orders.read(&mut order) {
            Ok(0) => false,
            Ok(_) => order != [SUSPEND] || self.suspend(&Stopped::Foreground),
            Err(error) => matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock),
        }
    }

    fn minds(&mut self, stop: bool, go_on: bool, resized: bool) -> bool {
        if stop {
            self.signals.stop.forget();
        }
        if go_on {
            self.signals.go_on.forget();
            // Which came first is not known. To run when one should stand still is the smaller harm.
            return self.resume();
        }
        if stop {
            return self.suspend(&Stopped::Process);
        }
        if resized {
            self.signals.resized.forget();
            return !self.raw.is_shown() || (self.tell)(TerminalEvent::Resized(size(self.raw.tty())));
        }
        true
    }

    /// Gives the terminal back, stops, and takes it again when somebody continues the process.
    fn suspend(&mut self, stopped: &Stopped) -> bool {
        if self.gone || !self.raw.is_shown() {
            return true;
        }
        self.decoder = Decoder::default();
        self.raw.pause();
        if !(self.tell)(TerminalEvent::Suspended) {
            return false;
        }
        self.signals.go_on.forget();
        // SIGTTIN, since SIGTSTP has a handler now, and SIGSTOP would stop for ever where no shell continues anybody
        // (an orphaned process group); there the system ignores this one. An error leaves us running: no harm.
        let _ = match stopped {
            Stopped::Foreground => killpg(getpgrp(), Signal::SIGTTIN),
            Stopped::Process => kill(getpid(), Signal::SIGTTIN),
        };
        // Another thread may be the one that sees the signal first. To run on until then would take the terminal again.
        let _ = tty::wait([(self.signals.go_on.as_fd(), PollFlags::POLLIN)], Some(STOP_LIMIT));
        self.signals.go_on.forget();
        self.resume()
    }

    /// Takes the terminal, if it is there for us.
    fn resume(&mut self) -> bool {
        if self.gone {
            return true;
        }
        if !tty::is_foreground(self.raw.tty()) {
            self.raw.lose();
            return true;
        }
        if self.raw.enter().is_err() {
            return self.gone();
        }
        let size = size(self.raw.tty());
        !self.raw.is_shown() || ((self.tell)(TerminalEvent::Resized(size)) && (self.tell)(TerminalEvent::Resumed))
    }

    fn read(&mut self) -> bool {
        let mut bytes = vec![0; MAX_READ];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.raw.tty().read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return self.gone(),
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) if filled == 0 => return self.gone(),
                Err(_) => break,
            }
        }
        self.last = Instant::now();
        let keys = self.decoder.push(&bytes[..filled]);
        keys.into_iter().all(|key| (self.tell)(TerminalEvent::Key(key)))
    }

    /// Nothing came: ends what is half there if it has been so for long enough.
    fn flush_in_time(&mut self) -> bool {
        if self.decoder.limit().is_none_or(|limit| self.last.elapsed() < limit) {
            return true;
        }
        let keys = self.decoder.flush();
        keys.into_iter().all(|key| (self.tell)(TerminalEvent::Key(key)))
    }

    /// The terminal is gone. A signal and a read of the same turn may both find it so; it is told once.
    fn gone(&mut self) -> bool {
        std::mem::replace(&mut self.gone, true) || (self.tell)(TerminalEvent::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::tty::pair;

    #[test]
    fn a_terminal_that_is_gone_is_told_so_once_whoever_finds_it() {
        let pair = pair::new();
        let raw = Arc::new(RawMode::of(pair::open(&*pair.master)).expect("a terminal"));
        raw.enter().expect("it is there");
        let (_orders, obeyed) = UnixStream::pair().expect("a socket pair");
        let mut told = Vec::new();
        let signals = Signals::register().expect("signals");
        let mut keyboard = Keyboard::new(raw, signals, obeyed, |event| {
            told.push(event);
            true
        });
        drop(pair);
        assert!(keyboard.read() && keyboard.gone());
        drop(keyboard);
        assert_eq!(told, [TerminalEvent::Gone]);
    }
}
