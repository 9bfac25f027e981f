//! The terminal as a file: opening it, its modes, and writing with a limit.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

/// The terminal of this process, by a description of its own: that of standard input is shared with the shell, which
/// would have to live with `O_NONBLOCK` after us.
///
/// # Errors
/// What the system says, when the process has no terminal for one.
pub fn open() -> io::Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")
}

/// The modes of the terminal.
pub fn modes(tty: &File) -> io::Result<Termios> {
    Ok(tcgetattr(tty)?)
}

/// Sets the modes at once: to wait for the output first (`TCSADRAIN`) is to wait for ever on a paused terminal.
pub fn set_modes(tty: &File, modes: &Termios) -> io::Result<()> {
    loop {
        match tcsetattr(tty, SetArg::TCSANOW, modes) {
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Whether this process may read the terminal and change its modes. Who does so in the background is stopped.
pub fn is_foreground(tty: &File) -> bool {
    // A terminal that is not that of the session has no foreground, and stops nobody.
    tcgetpgrp(tty).map_or(true, |group| group == getpgrp())
}

/// Waits until one of them has what is asked for, at most `limit`; which ones have. Errors and ends count too: reading
/// or writing tells them. A signal ends the wait early.
pub fn wait<const N: usize>(
    for_what: [(BorrowedFd<'_>, PollFlags); N],
    limit: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut asked = for_what.map(|(descriptor, flags)| PollFd::new(descriptor, flags));
    // Rounded up: else the last part of a millisecond would be spent in a loop.
    let millis = limit.map(|limit| u16::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u16::MAX));
    match poll(&mut asked, millis.map_or(PollTimeout::NONE, PollTimeout::from)) {
        Ok(_) | Err(Errno::EINTR) => Ok(asked.map(|one| one.any().unwrap_or(true))),
        Err(error) => Err(error.into()),
    }
}

/// Writes everything, as far as the terminal takes it within `limit`. Whether it did.
pub fn write_within(mut tty: &File, mut bytes: &[u8], limit: Duration) -> io::Result<bool> {
    let end = Instant::now() + limit;
    while !bytes.is_empty() {
        match tty.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                wait([(tty.as_fd(), PollFlags::POLLOUT)], Some(left))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
pub(crate) mod pair {
    //! Pseudo-terminals for the tests.

    use portable_pty::{MasterPty, PtyPair, PtySize, native_pty_system};
    use std::fs::{File, OpenOptions};
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;

    /// A pseudo-terminal of 80 columns and 24 rows.
    pub fn new() -> PtyPair {
        let size = PtySize { rows: 24, cols: 80, ..PtySize::default() };
        native_pty_system().openpty(size).expect("a pseudo-terminal")
    }

    /// Opens it as the client opens its terminal.
    pub fn open(master: &dyn MasterPty) -> File {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        let name = master.tty_name().expect("a name");
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(name).expect("it opens")
    }

    /// Reads until `end` was there. A pseudo-terminal that says nothing more is the limit of the test runner.
    pub fn read_until(reader: &mut dyn Read, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(end) {
            assert_eq!(
                reader.read(&mut byte).expect("the terminal is there"),
                1,
                "{:?}",
                String::from_utf8_lossy(&read)
            );
            read.push(byte[0]);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_nobody_reads_takes_only_so_much() {
        let pair = pair::new();
        let tty = pair::open(&*pair.master);
        assert!(write_within(&tty, b"short", Duration::ZERO).expect("a terminal"));
        assert!(!write_within(&tty, &[b'x'; 1 << 20], Duration::from_millis(1)).expect("a terminal"));
    }
}
