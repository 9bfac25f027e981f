//! Noticing that the other side of a connection has gone, without reading what it has still sent.

use nix::poll::{PollFd, PollFlags};
use std::net::TcpStream;
use std::os::fd::AsFd;

/// What to poll for: Linux raises POLLRDHUP when the other side has closed, or half of it, and when we have shut
/// reading down ourselves, also while unread bytes wait. nix has no name for it.
const CLOSED: PollFlags = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);

/// An entry for `poll` that waits for the end of `stream`, and for nothing else.
pub fn watch(stream: &TcpStream) -> PollFd<'_> {
    PollFd::new(stream.as_fd(), CLOSED)
}

/// Whether an entry of [`watch`] was raised.
pub fn has_hung_up(watched: &PollFd) -> bool {
    // `None` says that a flag is set that nix does not know, which is the one that we asked for.
    watched.revents().is_none_or(|flags| !flags.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollTimeout, poll};
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};

    fn polled(stream: &TcpStream, limit: PollTimeout) -> bool {
        let mut watched = [watch(stream)];
        poll(&mut watched, limit).expect("polled");
        has_hung_up(&watched[0])
    }

    #[test]
    fn the_end_is_seen_behind_unread_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        caller.write_all(b"unread").expect("written");
        assert!(!polled(&stream, PollTimeout::ZERO));
        caller.shutdown(Shutdown::Write).expect("open");
        assert!(polled(&stream, 10_000u16.into()));
    }

    #[test]
    fn our_own_end_is_seen_too() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let _caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        stream.shutdown(Shutdown::Read).expect("open");
        assert!(polled(&stream, PollTimeout::ZERO));
    }
}
