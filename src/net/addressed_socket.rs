//! A UDP socket on all IPv4 addresses of this machine that knows to which of them each datagram came, and that answers
//! from there.
//!
//! A plain socket answers from the address that the route prefers, which the asker may never have heard of. What std
//! lacks for this is `IP_PKTINFO`, by `recvmsg` and `sendmsg`.

use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::sockopt::Ipv4PacketInfo;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// The socket.
pub struct AddressedSocket(UdpSocket);

/// Where a datagram came from, and to which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How many bytes of it the buffer took.
    pub length: usize,
    /// Who sent it, as far as UDP knows.
    pub from: SocketAddrV4,
    /// The address of this machine to which it was sent; for a broadcast the one by which the network that it came
    /// from knows this machine.
    pub to: Ipv4Addr,
}

impl AddressedSocket {
    /// Binds `port` of all addresses, 0 for one that the system chooses. With `SO_REUSEADDR`, so that several programs
    /// share it: a broadcast comes to all of them, anything else to one.
    ///
    /// # Errors
    /// What the system says, such as that a program has the port for itself.
    pub fn bind(port: u16) -> io::Result<AddressedSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        setsockopt(&socket, Ipv4PacketInfo, &true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
        Ok(AddressedSocket(socket.into()))
    }

    /// The port.
    ///
    /// # Errors
    /// What the system says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Waits for a datagram. What does not fit the buffer is lost.
    ///
    /// # Errors
    /// What the system says, or a datagram whose addresses it did not tell.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrival> {
        let mut slices = [IoSliceMut::new(buffer)];
        let mut control = nix::cmsg_space!(in_pktinfo);
        let received = recvmsg::<SockaddrIn>(self.0.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
        let to = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())),
            _ => None,
        });
        let (Some(from), Some(to)) = (received.address, to) else {
            return Err(io::Error::other("a datagram without addresses"));
        };
        Ok(Arrival { length: received.bytes, from: from.into(), to })
    }

    /// Sends a datagram from this address of the machine, without waiting for room.
    ///
    /// # Errors
    /// What the system says, such as that `from` is not an address of this machine.
    pub fn send(&self, bytes: &[u8], from: Ipv4Addr, to: SocketAddrV4) -> io::Result<()> {
        let address = |ip: Ipv4Addr| in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
        let source =
            in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address(from), ipi_addr: address(Ipv4Addr::UNSPECIFIED) };
        let control = [ControlMessage::Ipv4PacketInfo(&source)];
        let slices = [IoSlice::new(bytes)];
        sendmsg(self.0.as_raw_fd(), &slices, &control, MsgFlags::MSG_DONTWAIT, Some(&SockaddrIn::from(to)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn asker(ip: [u8; 4]) -> (UdpSocket, SocketAddrV4) {
        let socket = UdpSocket::bind((Ipv4Addr::from(ip), 0)).expect("an address of loopback");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket.set_broadcast(true).expect("a broadcast");
        let port = socket.local_addr().expect("bound").port();
        (socket, SocketAddrV4::new(ip.into(), port))
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let socket = AddressedSocket::bind(0).expect("a free port");
        let port = socket.port().expect("bound");
        let (asker, from) = asker([127, 0, 0, 3]);
        let mut buffer = [0; 8];
        for (asked, to) in [([127, 0, 0, 5], [127, 0, 0, 5]), ([127, 255, 255, 255], [127, 0, 0, 1])] {
            asker.send_to(b"hello there", (Ipv4Addr::from(asked), port)).expect("sent");
            let arrival = socket.receive(&mut buffer).expect("a datagram");
            assert_eq!(arrival, Arrival { length: 8, from, to: to.into() });
            socket.send(b"yes", arrival.to, from).expect("sent");
            let (length, source) = asker.recv_from(&mut buffer).expect("an answer");
            assert_eq!((&buffer[..length], source), (&b"yes"[..], SocketAddrV4::new(to.into(), port).into()));
        }
    }

    #[test]
    fn a_broadcast_comes_to_all_who_share_a_port() {
        let one = AddressedSocket::bind(0).expect("a free port");
        let port = one.port().expect("bound");
        let other = AddressedSocket::bind(port).expect("a shared port");
        let (asker, from) = asker([127, 0, 0, 1]);
        asker.send_to(b"all", (Ipv4Addr::new(127, 255, 255, 255), port)).expect("sent");
        for socket in [one, other] {
            assert_eq!(socket.receive(&mut [0; 8]).expect("a datagram").from, from);
        }
    }
}
