//! Whether a peer has hung up, without reading what it sent, or was lost with the network.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsFd;

/// Whether the connection is over in both directions. A peer that only closed its sending side, as `nc -N` does at
/// the end of its input, still waits for its answers. A peer that closed all looks the same until something is
/// written to it, which its machine answers with a reset.
pub fn has_hung_up(stream: &TcpStream) -> bool {
    // POLLHUP and POLLERR are told unasked.
    let mut ends = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    // An error can only be a signal: the next look tells more.
    let raised = poll(&mut ends, PollTimeout::ZERO).unwrap_or(0) > 0;
    raised && ends[0].revents().is_some_and(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
}

/// Whether a connection has ended as nobody answered on the network, and not because a program has closed its end. A
/// deadline of our own is none.
pub fn is_network_loss(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};

    #[test]
    fn a_loss_of_the_network_is_no_hang_up() {
        use nix::libc::{ECONNRESET, EHOSTUNREACH, ENETDOWN, ENETUNREACH, EPIPE};
        for (error, is_loss) in
            [(EHOSTUNREACH, true), (ENETUNREACH, true), (ENETDOWN, true), (ECONNRESET, false), (EPIPE, false)]
        {
            assert_eq!(is_network_loss(&io::Error::from_raw_os_error(error)), is_loss, "{error}");
        }
        assert!(!is_network_loss(&ErrorKind::TimedOut.into()));
    }

    #[test]
    fn a_half_closed_connection_is_none_that_was_hung_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (mut stream, _) = listener.accept().expect("accepts");
        assert!(!has_hung_up(&stream));
        peer.shutdown(Shutdown::Write).expect("open");
        assert_eq!(stream.read(&mut [0; 8]).expect("open"), 0, "the end has arrived");
        assert!(!has_hung_up(&stream));
        drop(peer);
        // The first write is answered with a reset; on loopback that has happened when the call returns.
        stream.write_all(b"are you there?\n").expect("taken");
        assert!(has_hung_up(&stream));
    }
}
