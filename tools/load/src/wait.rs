//! Waiting for whatever comes first: a line, a datagram, the end of a time, or a bell that wakes the whole class at
//! once. A thousand threads that look again and again would be a load of their own.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Rings once, and is heard by all who wait, also later.
pub struct Bell {
    is_rung: AtomicBool,
    rope: UnixStream,
    clapper: UnixStream,
}

impl Bell {
    /// A bell that is silent.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Bell> {
        let (rope, clapper) = UnixStream::pair()?;
        Ok(Bell { is_rung: AtomicBool::new(false), rope, clapper })
    }

    /// Rings.
    pub fn ring(&self) {
        self.is_rung.store(true, Ordering::Release);
        // The other end can be read then, as it is at its end. It can only fail when it was rung before.
        let _ = self.rope.shutdown(Shutdown::Write);
    }

    /// Whether it has rung.
    pub fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::Acquire)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.clapper.as_fd()
    }
}

/// Waits until one of these can be read, or until then. It may come back sooner for no reason.
///
/// # Errors
/// What the system says.
pub fn readable(sources: &[BorrowedFd<'_>], until: Instant) -> io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = sources.iter().map(|source| PollFd::new(*source, PollFlags::POLLIN)).collect();
    let left = until.saturating_duration_since(Instant::now());
    // Rounded up: rounded down it would come back too early, again and again for a millisecond.
    let millis = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    match poll(&mut fds, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
