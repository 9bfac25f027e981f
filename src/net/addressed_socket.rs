//! A UDP socket on any number of addresses of this machine that knows to which of them each datagram came, and that
//! answers from there.
//!
//! A plain socket answers from the address that the route prefers, which the asker may never have heard of, and which its
//! firewall then drops. What std lacks for this is `IP_PKTINFO` and `IPV6_PKTINFO`, by `recvmsg` and `sendmsg`. A socket
//! of IPv6 has datagrams of IPv4 too, with addresses that are mapped; outside of this file those are IPv4.

use super::segments;
use crate::value::canonical;
use nix::libc::{IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT, c_int};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::{Domain, MsgHdr, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

/// Bytes for what the system tells beside a datagram, or is told: the longest is `in6_pktinfo` of 20 behind a header of
/// 16, and behind it the size of segments, which is filled up to 24.
const CONTROL: usize = 64;
/// How much may wait to be received: a thousand clients say hello at once when they have got the same broadcast, and each
/// small datagram takes 768 bytes. The system allows as much as `net.core.rmem_max` says.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The socket.
pub struct AddressedSocket {
    socket: UdpSocket,
    is_ipv6: bool,
}

/// Where a datagram came from, and to which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How many bytes of it the buffer took.
    pub length: usize,
    /// Who sent it, as far as UDP knows; of a link-local address with its scope.
    pub from: SocketAddr,
    /// The address of this machine to which it was sent; for an IPv4 broadcast the one by which the network that it came
    /// from knows this machine.
    pub to: IpAddr,
}

impl AddressedSocket {
    /// Binds an address. One of IPv6 that is unspecified takes IPv4 too, where the system has it so.
    ///
    /// # Errors
    /// What the system says: address in use, not ours, or not permitted.
    pub fn bind(address: SocketAddr) -> io::Result<AddressedSocket> {
        let bound = Self::bind_with(address, false)?;
        SockRef::from(&bound.socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        Ok(bound)
    }

    /// Binds `port` of all IPv4 addresses, 0 for one that the system chooses. With `SO_REUSEADDR`, so that several
    /// programs share it: a broadcast comes to all of them, anything else to one.
    ///
    /// # Errors
    /// What the system says, such as that a program has the port for itself.
    pub fn bind_shared(port: u16) -> io::Result<AddressedSocket> {
        Self::bind_with(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), true)
    }

    fn bind_with(address: SocketAddr, is_shared: bool) -> io::Result<AddressedSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Before a datagram can come.
        if address.is_ipv6() {
            setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
        } else {
            setsockopt(&socket, Ipv4PacketInfo, &true)?;
        }
        if is_shared {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&address.into())?;
        Ok(AddressedSocket { socket: socket.into(), is_ipv6: address.is_ipv6() })
    }

    /// The port.
    ///
    /// # Errors
    /// What the system says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Waits for a datagram. What does not fit the buffer is lost.
    ///
    /// # Errors
    /// What the system says, or a datagram whose addresses it did not tell.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        /// The headers in it are read as they lie.
        #[repr(align(16))]
        struct Aligned([u8; CONTROL]);
        let mut slices = [IoSliceMut::new(buffer)];
        let mut control = Aligned([0; CONTROL]);
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::empty());
        let received = recvmsg::<SockaddrStorage>(socket, &mut slices, Some(&mut control.0), flags)?;
        let to = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())),
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::from(info.ipi6_addr.s6_addr).to_canonical()),
            _ => None,
        });
        match (received.address.as_ref().and_then(segments::address), to) {
            (Some(from), Some(to)) => Ok(Arrival { length: received.bytes, from: canonical(from), to }),
            _ => Err(io::Error::other("a datagram without addresses")),
        }
    }

    /// Sends a datagram, whose bytes are these slices one behind the other, from this address of the machine. It waits for
    /// nothing.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room for it now, and whatever else the system says, such as that `from` is not an
    /// address of this machine.
    pub fn send(&self, slices: &[IoSlice<'_>], from: IpAddr, to: SocketAddr) -> io::Result<()> {
        self.send_with(slices, self.leaves_from(from), to)
    }

    /// Sends several datagrams with one call, each of `size` bytes but the last, which may be smaller: the system or the
    /// network card cuts them (generic segmentation offload, udp(7)).
    ///
    /// # Errors
    /// As [`AddressedSocket::send`]; also that this is not to be had here.
    pub fn send_segments(&self, slices: &[IoSlice<'_>], size: u16, from: IpAddr, to: SocketAddr) -> io::Result<()> {
        let mut control = self.leaves_from(from);
        control.add(SOL_UDP, UDP_SEGMENT, &size.to_ne_bytes());
        self.send_with(slices, control, to)
    }

    fn send_with(&self, slices: &[IoSlice<'_>], control: Control, to: SocketAddr) -> io::Result<()> {
        let to = SockAddr::from(if self.is_ipv6 { mapped(to) } else { to });
        let control = &control.bytes[..control.length];
        let message = MsgHdr::new().with_addr(&to).with_buffers(slices).with_control(control);
        SockRef::from(&self.socket).sendmsg(&message, MSG_DONTWAIT).map(drop)
    }

    /// What tells the system from which address a datagram is to leave: an `in_pktinfo` or an `in6_pktinfo`.
    fn leaves_from(&self, from: IpAddr) -> Control {
        // The interface is left to the route.
        let mut info = [0; 20];
        let mut control = Control { bytes: [0; CONTROL], length: 0 };
        match from {
            IpAddr::V4(ip) if !self.is_ipv6 => {
                info[4..8].copy_from_slice(&ip.octets());
                control.add(IPPROTO_IP, IP_PKTINFO, &info[..12]);
            }
            _ => {
                info[..16].copy_from_slice(&as_ipv6(from).octets());
                control.add(IPPROTO_IPV6, IPV6_PKTINFO, &info);
            }
        }
        control
    }
}

/// What the system is told beside a datagram, by cmsg(3). The functions for it that are there allocate for each datagram.
struct Control {
    bytes: [u8; CONTROL],
    length: usize,
}

impl Control {
    /// Adds a header with this content, filled up to a whole number of words.
    fn add(&mut self, level: c_int, kind: c_int, content: &[u8]) {
        let (word, number) = (size_of::<usize>(), size_of::<c_int>());
        let header = word + 2 * number;
        let bytes = &mut self.bytes[self.length..];
        bytes[..word].copy_from_slice(&(header + content.len()).to_ne_bytes());
        bytes[word..word + number].copy_from_slice(&level.to_ne_bytes());
        bytes[word + number..header].copy_from_slice(&kind.to_ne_bytes());
        bytes[header..header + content.len()].copy_from_slice(content);
        self.length += (header + content.len()).next_multiple_of(word);
    }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(ipv4) => SocketAddrV6::new(ipv4.ip().to_ipv6_mapped(), ipv4.port(), 0, 0).into(),
        ipv6 @ SocketAddr::V6(_) => ipv6,
    }
}

fn as_ipv6(ip: IpAddr) -> std::net::Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn asker(ip: &str) -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((ip, 0)).expect("an address of loopback");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket.set_broadcast(true).expect("a broadcast");
        let address = socket.local_addr().expect("bound");
        (socket, address)
    }

    /// Asks from one address at another, and looks from which the answer comes.
    fn ask(socket: &AddressedSocket, from: &str, asked: &str, answered: &str) {
        let port = socket.port().expect("bound");
        let ((asker, from), to) = (asker(from), answered.parse().expect("an address"));
        let mut buffer = [0; 8];
        asker.send_to(b"hello there", (asked, port)).expect("sent");
        let arrival = socket.receive(&mut buffer).expect("a datagram");
        assert_eq!(arrival, Arrival { length: 8, from, to });
        socket.send(&[IoSlice::new(b"ye"), IoSlice::new(b"s")], arrival.to, from).expect("sent");
        let (length, source) = asker.recv_from(&mut buffer).expect("an answer");
        assert_eq!((&buffer[..length], source), (&b"yes"[..], SocketAddr::new(to, port)));
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let shared = AddressedSocket::bind_shared(0).expect("a free port");
        ask(&shared, "127.0.0.3", "127.0.0.5", "127.0.0.5");
        ask(&shared, "127.0.0.3", "127.255.255.255", "127.0.0.1");
        let any = AddressedSocket::bind(([0; 4], 0).into()).expect("a free port");
        ask(&any, "127.0.0.3", "127.0.0.5", "127.0.0.5");
        let one = AddressedSocket::bind(([127, 0, 0, 5], 0).into()).expect("a free port");
        ask(&one, "127.0.0.3", "127.0.0.5", "127.0.0.5");
    }

    #[test]
    fn several_datagrams_leave_with_one_call() {
        for (bound, ip) in [("127.0.0.1:0", "127.0.0.3"), ("[::]:0", "127.0.0.3"), ("[::]:0", "::1")] {
            let socket = AddressedSocket::bind(bound.parse().expect("an address")).expect("a free port");
            let ((asker, to), mut buffer) = (asker(ip), [0; 8]);
            let from = if to.is_ipv4() { [127, 0, 0, 1].into() } else { to.ip() };
            let slices = [&b"on"[..], b"etwo", b"3"].map(IoSlice::new);
            socket.send_segments(&slices, 3, from, to).expect("sent");
            let mut next = || asker.recv(&mut buffer).map(|length| buffer[..length].to_vec()).expect("a datagram");
            assert_eq!([next(), next(), next()], [&b"one"[..], b"two", b"3"]);
        }
    }

    #[test]
    fn a_socket_of_ipv6_answers_ipv4_too() {
        let any = AddressedSocket::bind(([0u16; 8], 0).into()).expect("a free port");
        ask(&any, "127.0.0.3", "127.0.0.5", "127.0.0.5");
        ask(&any, "::1", "::1", "::1");
    }

    #[test]
    fn a_broadcast_comes_to_all_who_share_a_port() {
        let one = AddressedSocket::bind_shared(0).expect("a free port");
        let port = one.port().expect("bound");
        let other = AddressedSocket::bind_shared(port).expect("a shared port");
        let (asker, from) = asker("127.0.0.1");
        asker.send_to(b"all", (Ipv4Addr::new(127, 255, 255, 255), port)).expect("sent");
        for socket in [one, other] {
            assert_eq!(socket.receive(&mut [0; 8]).expect("a datagram").from, from);
        }
    }
}
