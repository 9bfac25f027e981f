//! Signals about the terminal, as sockets that become readable.
//!
//! Handlers, not a mask with a descriptor: `exec` resets a handler, but the commands that the client runs would inherit
//! a mask.

use signal_hook::SigId;
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::low_level::{pipe, unregister};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The three signals, as long as the value lives. Afterwards they do nothing: the default does not come back.
pub(super) struct Signals {
    /// SIGTSTP: somebody asks the process to stop.
    pub(super) stop: Signal,
    /// SIGCONT: it goes on, whoever stopped it.
    pub(super) go_on: Signal,
    /// SIGWINCH.
    pub(super) resized: Signal,
}

impl Signals {
    pub(super) fn register() -> io::Result<Signals> {
        let signal = Signal::register;
        Ok(Signals { stop: signal(SIGTSTP)?, go_on: signal(SIGCONT)?, resized: signal(SIGWINCH)? })
    }
}

/// One of them.
pub(super) struct Signal {
    came: UnixStream,
    id: SigId,
}

impl Signal {
    fn register(signal: i32) -> io::Result<Signal> {
        let (came, tells) = UnixStream::pair()?;
        came.set_nonblocking(true)?;
        Ok(Signal { came, id: pipe::register(signal, tells)? })
    }

    /// Forgets that it came, however often.
    pub(super) fn forget(&self) {
        let mut bytes = [0; 256];
        // No byte is left: an error. The other end lives as long as this one.
        while (&self.came).read(&mut bytes).is_ok_and(|read| read > 0) {}
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.came.as_fd()
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        unregister(self.id);
    }
}
