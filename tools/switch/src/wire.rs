//! The interfaces of this network namespace, and frames from and to all of them by one socket.

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// `ETH_P_ALL`: frames of every protocol. The system wants it as it stands in a frame.
const EVERY_PROTOCOL: u16 = 3;
/// `PACKET_OUTGOING`: what this namespace itself has sent.
const OUTGOING: u8 = 4;
/// What may wait, in bytes, while this program has no processor.
const BUFFER: usize = 8 << 20;
/// More than the longest frame.
const LONGEST: usize = 70_000;

/// A socket for the frames of all interfaces.
pub struct Wire {
    socket: Socket,
    buffer: Vec<u8>,
}

/// Every interface but loopback: its name, and where frames to it are sent.
///
/// # Errors
/// Those of the system.
pub fn interfaces() -> io::Result<Vec<(String, LinkAddr)>> {
    let all = getifaddrs()?.filter_map(|it| Some((it.interface_name, *it.address?.as_link_addr()?)));
    Ok(all.filter(|(name, _)| name != "lo").collect())
}

impl Wire {
    /// Opens it.
    ///
    /// # Errors
    /// Those of the system: an ordinary user may not, outside a namespace of its own.
    pub fn open() -> io::Result<Wire> {
        let protocol = Protocol::from(i32::from(EVERY_PROTOCOL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        // Older systems allow only the real root more than their limit: then that much has to do.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            socket.set_recv_buffer_size(BUFFER)?;
        }
        socket.set_send_buffer_size(BUFFER)?;
        Ok(Wire { socket, buffer: vec![0; LONGEST] })
    }

    /// The next frame that a host has sent, with the number of its interface; `None` when there is none yet.
    ///
    /// # Errors
    /// Those of the system.
    pub fn receive(&mut self) -> io::Result<Option<(usize, Vec<u8>)>> {
        loop {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
                Ok((length, Some(from))) if from.pkttype() != OUTGOING => {
                    return Ok(Some((from.ifindex(), self.buffer[..length].to_vec())));
                }
                // An interface that goes down is told as an error, once.
                Ok(_) | Err(Errno::ENETDOWN | Errno::EINTR) => (),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends a frame to a host. One that cannot be sent is lost, as on any wire.
    ///
    /// # Errors
    /// A sentence, when the frame is longer than the interface takes.
    pub fn send(&self, to: &LinkAddr, frame: &[u8]) -> Result<(), String> {
        match sendto(self.socket.as_raw_fd(), frame, to, MsgFlags::empty()) {
            Err(Errno::EMSGSIZE) => Err(format!(
                "a frame of {} bytes is too long; at the host: ip link set eth0 gso_max_segs 1",
                frame.len()
            )),
            _ => Ok(()),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
