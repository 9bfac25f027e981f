//! The modes of the terminal: taken once, given back once, whoever comes first of the end, a panic and the key that
//! suspends.

use crate::terminal::tty;
use nix::sys::termios::{FlushArg, LocalFlags, SpecialCharacterIndices, Termios, cfmakeraw, tcflush};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Alternate screen; the title put aside; pastes in brackets; focus told; the cursor at the top.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[22;2t\x1b[?2004h\x1b[?1004h\x1b[H\x1b[2J";

/// CAN ends a sequence that was written by half. Then everything back: the update ended, plain text, wrapping, focus and
/// pastes untold, the cursor shown, the title, the screen that was there before.
const LEAVE: &[u8] = b"\x18\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[23;2t\x1b[?1049l";

/// How long a paused terminal may keep back one of the two.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// The shell has the terminal.
const AWAY: u8 = 0;
/// We have it.
const SHOWN: u8 = 1;
/// The shell has it, for good.
const OVER: u8 = 2;

/// The terminal of the process, and who has it.
pub(super) struct RawMode {
    tty: File,
    state: AtomicU8,
    /// Two threads write, and either may be the one that gives the terminal back.
    turn: Mutex<Turn>,
}

/// Who holds this writes to the terminal or changes its modes. A picture is written in parts that do not block; only
/// entering and leaving wait, at most [`WRITE_LIMIT`].
struct Turn {
    before: Termios,
    entrances: u32,
}

impl RawMode {
    /// Remembers the modes that `tty` has, and changes nothing yet.
    pub(super) fn of(tty: File) -> io::Result<RawMode> {
        let before = tty::modes(&tty)?;
        Ok(RawMode { tty, state: AtomicU8::new(AWAY), turn: Mutex::new(Turn { before, entrances: 0 }) })
    }

    pub(super) fn tty(&self) -> &File {
        &self.tty
    }

    /// Takes the terminal, again too: somebody may have changed the modes while the process was stopped. After
    /// [`RawMode::end`] nothing happens.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn enter(&self) -> io::Result<()> {
        let mut turn = self.turn();
        let taken = |state| (state != OVER).then_some(SHOWN);
        if self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_err() {
            return Ok(());
        }
        let now = tty::modes(&self.tty)?;
        // What is raw already is ours.
        if now.local_flags.contains(LocalFlags::ICANON) {
            turn.before = now.clone();
        }
        let mut raw = now;
        cfmakeraw(&mut raw);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tty::set_modes(&self.tty, &raw)?;
        turn.entrances = turn.entrances.wrapping_add(1);
        tty::write_within(&self.tty, ENTER, WRITE_LIMIT)?;
        Ok(())
    }

    /// Gives the terminal back until the next [`RawMode::enter`].
    pub(super) fn pause(&self) {
        let turn = self.turn();
        if self.state.compare_exchange(SHOWN, AWAY, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.restore(&turn);
        }
    }

    /// The shell took the terminal while the process was stopped; nothing is to be given back.
    pub(super) fn lose(&self) {
        let _ = self.state.compare_exchange(SHOWN, AWAY, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Gives the terminal back for good. It takes at most a second or two, however long the terminal is paused.
    pub(super) fn end(&self) {
        let former = self.state.swap(OVER, Ordering::SeqCst);
        // The turn is waited for in any case: who pauses must have done so before the process ends.
        let turn = self.turn();
        if former == SHOWN {
            self.restore(&turn);
        }
    }

    pub(super) fn is_shown(&self) -> bool {
        self.state.load(Ordering::SeqCst) == SHOWN
    }

    pub(super) fn is_away(&self) -> bool {
        self.state.load(Ordering::SeqCst) == AWAY
    }

    /// How often the terminal was entered. What was drawn before is not there any more.
    pub(super) fn entrances(&self) -> u32 {
        self.turn().entrances
    }

    /// Writes what the terminal takes now; how much, and `None` when it is no longer that of this entrance.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn write(&self, bytes: &[u8], entrance: u32) -> io::Result<Option<usize>> {
        let turn = self.turn();
        if !self.is_shown() || turn.entrances != entrance {
            return Ok(None);
        }
        match (&self.tty).write(bytes) {
            Ok(written) => Ok(Some(written)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    /// From now on a panic of any thread gives the terminal back before its message is printed, which would be lost
    /// with the alternate screen, and calls `then` after it. `then` must not wait for anything.
    pub(super) fn restore_on_panic(self: &Arc<Self>, then: impl Fn() + Send + Sync + 'static) {
        let raw = Arc::clone(self);
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            raw.end();
            former(panic);
            then();
        }));
    }

    fn restore(&self, turn: &Turn) {
        // Errors say that the terminal is gone; then there is nothing to be given back.
        let _ = tty::set_modes(&self.tty, &turn.before);
        if (&self.tty).write(LEAVE).is_ok_and(|written| written == LEAVE.len()) {
            return;
        }
        // Paused, and full of a picture that nobody needs now.
        let _ = tcflush(&self.tty, FlushArg::TCOFLUSH);
        let _ = tty::write_within(&self.tty, LEAVE, WRITE_LIMIT);
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::tty::pair;
    use std::panic::AssertUnwindSafe;

    #[test]
    fn what_is_turned_on_is_turned_off() {
        let mut screen = vt100::Parser::new(24, 80, 0);
        screen.process(ENTER);
        assert!(screen.screen().alternate_screen() && screen.screen().bracketed_paste());
        screen.process(b"\x1b[?25l\x1b[7m");
        screen.process(LEAVE);
        let screen = screen.screen();
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor() && !screen.inverse());
        for mode in ["?1049", "?2004", "?1004"] {
            assert!(String::from_utf8_lossy(ENTER).contains(&format!("\x1b[{mode}h")));
            assert!(String::from_utf8_lossy(LEAVE).contains(&format!("\x1b[{mode}l")));
        }
        assert!(LEAVE.starts_with(b"\x18") && String::from_utf8_lossy(LEAVE).contains("\x1b[?7h"));
    }

    #[test]
    fn modes_come_back_once() {
        let pair = pair::new();
        let raw = RawMode::of(pair::open(&*pair.master)).expect("a terminal");
        let tty = pair::open(&*pair.master);
        let before = tty::modes(&tty).expect("modes");
        raw.enter().expect("a terminal");
        assert!(!tty::modes(&tty).expect("modes").local_flags.intersects(LocalFlags::ECHO | LocalFlags::ISIG));
        raw.pause();
        assert_eq!(tty::modes(&tty).expect("modes"), before);
        assert_eq!(raw.write(b"late", 1).expect("a terminal"), None);
        raw.enter().expect("a terminal");
        assert_eq!(raw.write(b"of before", 1).expect("a terminal"), None);
        assert_eq!(raw.write(b"x", raw.entrances()).expect("a terminal"), Some(1));
        raw.end();
        raw.end();
        raw.enter().expect("nothing happens");
        drop(raw);
        assert_eq!(tty::modes(&tty).expect("modes"), before);
        (&tty).write_all(b"|").expect("a terminal");
        let written = pair::read_until(&mut *pair.master.try_clone_reader().expect("a reader"), b"|");
        assert_eq!(written, [ENTER, LEAVE, ENTER, b"x", LEAVE, b"|"].concat());
    }

    #[test]
    fn a_terminal_that_nobody_reads_is_given_back() {
        let pair = pair::new();
        let raw = RawMode::of(pair::open(&*pair.master)).expect("a terminal");
        raw.enter().expect("a terminal");
        while raw.write(&[b'x'; 4096], 1).expect("a terminal") != Some(0) {}
        raw.end();
        drop(raw);
        let tail = pair::read_until(&mut *pair.master.try_clone_reader().expect("a reader"), LEAVE);
        assert!(tail.len() >= LEAVE.len());
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let pair = pair::new();
        let raw = Arc::new(RawMode::of(pair::open(&*pair.master)).expect("a terminal"));
        raw.enter().expect("a terminal");
        let told = Arc::new(AtomicU8::new(0));
        let tells = Arc::clone(&told);
        raw.restore_on_panic(move || tells.store(1, Ordering::SeqCst));
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| panic!("on purpose")));
        let _ = std::panic::take_hook();
        assert!(panicked.is_err() && !raw.is_shown());
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}
