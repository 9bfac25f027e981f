//! Datagrams that are received several at a time: generic receive offload (udp(7)).
//!
//! Who sends many of one size with one call, as a server with news for a client does, pays for one; with this the receiver
//! does so too. std lacks it.

use nix::sys::socket::sockopt::UdpGroSegment;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::slice::Chunks;

/// How many bytes come at a time at the most: those of the largest datagram, and so of all that come as one.
pub const MAX_SEGMENTS: usize = 65_535;
/// Bytes for what the system tells beside them: a header of 16, and the size of a datagram, filled up.
const CONTROL: usize = 24;

/// Has the system hand over several datagrams at a time from now on; [`receive_segments`] takes them apart. A system that
/// cannot (Linux before 5.0) goes on handing them over one by one.
pub fn take_segments(socket: &UdpSocket) {
    if let Err(error) = setsockopt(socket, UdpGroSegment, &true) {
        log::debug!("UDP: datagrams come one by one: {error}");
    }
}

/// Waits for datagrams: who sent them, and each of them. `buffer` has room for [`MAX_SEGMENTS`]; what does not fit is lost.
///
/// # Errors
/// What the system says, or a datagram whose sender it did not tell.
pub fn receive_segments<'a>(socket: &UdpSocket, buffer: &'a mut [u8]) -> io::Result<(SocketAddr, Chunks<'a, u8>)> {
    /// The headers in it are read as they lie.
    #[repr(align(16))]
    struct Aligned([u8; CONTROL]);
    let mut control = Aligned([0; CONTROL]);
    let (length, size, from) = {
        let mut slices = [IoSliceMut::new(buffer)];
        let received =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control.0), MsgFlags::empty())?;
        let size = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
            _ => None,
        });
        (received.bytes, size, received.address.as_ref().and_then(address))
    };
    let from = from.ok_or_else(|| io::Error::other("a datagram without an address"))?;
    let size = size.unwrap_or(length).max(1);
    Ok((from, buffer[..length].chunks(size)))
}

/// An address of IPv4 or IPv6.
pub fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = storage.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    ipv4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::AddressedSocket;
    use std::io::IoSlice;
    use std::time::Duration;

    fn receiver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let address = socket.local_addr().expect("bound");
        (socket, address)
    }

    #[test]
    fn what_left_with_one_call_comes_datagram_by_datagram() {
        let sender = AddressedSocket::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let from = SocketAddr::from(([127, 0, 0, 1], sender.port().expect("bound")));
        for takes in [true, false] {
            let ((socket, to), mut buffer) = (receiver(), vec![0; MAX_SEGMENTS]);
            if takes {
                take_segments(&socket);
            }
            let slices = [&b"onetwo"[..], b"th"].map(IoSlice::new);
            sender.send_segments(&slices, 3, from.ip(), to).expect("sent");
            sender.send(&[IoSlice::new(b"four")], from.ip(), to).expect("sent");
            let (mut came, mut reads) = (Vec::new(), 0);
            while came.len() < 4 {
                let (who, datagrams) = receive_segments(&socket, &mut buffer).expect("datagrams");
                assert_eq!(who, from);
                came.extend(datagrams.map(<[u8]>::to_vec));
                reads += 1;
            }
            assert_eq!(came, [&b"one"[..], b"two", b"th", b"four"]);
            assert_eq!(reads, if takes { 2 } else { 4 });
        }
    }

    #[test]
    fn an_empty_datagram_is_none() {
        let ((socket, to), mut buffer) = (receiver(), [0; 8]);
        take_segments(&socket);
        socket.send_to(b"", to).expect("sent");
        let (from, mut datagrams) = receive_segments(&socket, &mut buffer).expect("a datagram");
        assert_eq!((from, datagrams.next()), (to, None));
    }
}
