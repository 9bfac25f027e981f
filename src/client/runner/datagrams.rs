//! The UDP socket to the server: hellos out, broadcasts in. It knows no session, and no order of broadcasts.

use super::panic_told::PanicTold;
use super::threads::Threads;
use crate::client::call::Signals;
use crate::client::event::Event;
use crate::net::Shutdown;
use crate::net::shutdown::reachable;
use crate::protocol::{FromServer, Hello, MAX_DATAGRAM};
use crate::value::any_like;
use nix::libc;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// The pause after a receive that failed, so that a socket that fails for ever costs nothing to speak of.
const PAUSE: Duration = Duration::from_millis(500);

/// The socket.
pub struct Datagrams {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    end: Arc<Shutdown>,
}

impl Datagrams {
    /// Binds the socket, and begins to tell `Event::Datagram`. It is bound to any address of this machine: that
    /// survives a change of the network, and the sender of a datagram is checked anyway.
    ///
    /// # Errors
    /// What the system says; broadcasts come by TCP then.
    pub fn start(server: SocketAddr, signals: Signals, threads: &mut Threads) -> io::Result<Datagrams> {
        let socket = Arc::new(UdpSocket::bind((any_like(server), 0))?);
        let end = Arc::new(Shutdown::new());
        end.wake_receiver(socket.local_addr()?);
        let (receiving, ended) = (Arc::clone(&socket), Arc::clone(&end));
        threads.start("datagrams", move || receive(&receiving, server, &ended, &signals))?;
        Ok(Datagrams { socket, server, end })
    }

    /// Sends a hello. One that cannot be sent is as one that was lost: the next one says the same.
    pub fn say(&self, hello: Hello) {
        let hello = hello.to_string();
        let _ =
            SockRef::from(&*self.socket).send_to_with_flags(hello.as_bytes(), &self.server.into(), libc::MSG_DONTWAIT);
    }

    /// Ends the thread.
    pub fn end(&self) {
        self.end.trigger();
    }
}

fn receive(socket: &UdpSocket, server: SocketAddr, end: &Shutdown, signals: &Signals) {
    let event = Event::NoDatagrams("its thread has failed".to_owned());
    let _told = PanicTold { event, signals: signals.clone() };
    // One byte more than a datagram may have: a longer one would be cut, and its last line with it.
    let mut datagram = [0; MAX_DATAGRAM + 1];
    while !end.is_triggered() {
        match socket.recv_from(&mut datagram) {
            Ok((length, from)) if length <= MAX_DATAGRAM && is_server(server, from) => {
                // What finds no room leaves a gap, which a hello repairs.
                signals.event_if_room(Event::Datagram(FromServer::parse_all(&datagram[..length]).collect()));
            }
            Ok(_) => {}
            Err(error) => {
                // Such as an ICMP message of a server that is not there at the moment.
                log::info!("UDP: {error}");
                end.wait(PAUSE);
            }
        }
    }
}

/// A datagram has no other proof of its sender than where it comes from. Any program of this machine can have another
/// address of loopback with the server's port, so that of the server alone counts.
fn is_server(server: SocketAddr, from: SocketAddr) -> bool {
    // Who calls "any address" calls this machine, which answers from the address by which it is reached.
    let server = reachable(server);
    from.port() == server.port() && from.ip().to_canonical() == server.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_that_was_called_is_the_server() {
        for (server, from, expected) in [
            ("127.0.0.1:4400", "127.0.0.1:4400", true),
            ("127.0.0.1:4400", "127.0.0.1:4401", false),
            ("127.0.0.1:4400", "127.0.0.77:4400", false),
            ("127.0.0.77:4400", "127.0.0.77:4400", true),
            ("0.0.0.0:4400", "127.0.0.1:4400", true),
            ("0.0.0.0:4400", "127.0.0.77:4400", false),
            ("192.0.2.1:4400", "127.0.0.1:4400", false),
            ("192.0.2.1:4400", "192.0.2.1:4400", true),
            ("[::]:4400", "[::1]:4400", true),
            ("[::ffff:127.0.0.1]:4400", "127.0.0.1:4400", true),
        ] {
            let (server, from) = (server.parse().expect("an address"), from.parse().expect("an address"));
            assert_eq!(is_server(server, from), expected, "{server} {from}");
        }
    }
}
