//! Broadcasts by UDP: a hello every few seconds says what we have, and so asks for what is missing.

use super::desk::Desk;
use super::inbox::Way;
use crate::protocol::{FromServer, Hello, MAX_DATAGRAM};
use crate::value::Ticket;
use crate::value::any_like;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How often a hello is sent at least: the server gives UDP up after 15 s without one.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often one is sent while something is missing.
const REPAIR: Duration = Duration::from_millis(200);
/// Hellos in a row that ask for something missing and get no answer at all: then UDP does not work here. With 30 %
/// of all datagrams lost, that happens to one in 70 million by chance.
const SILENT: u32 = 15;

/// Binds the socket for [`run`]. To any address of this machine: that survives a change of the network, and the
/// sender of a datagram is checked anyway.
///
/// # Errors
/// What the system says.
pub fn bind(server: SocketAddr) -> std::io::Result<UdpSocket> {
    UdpSocket::bind((any_like(server), 0))
}

/// Says hello and takes broadcasts until the end. An empty datagram to this socket has it look at once whether a
/// hello is due.
pub fn run(desk: &Desk, socket: &UdpSocket) {
    // One byte more than a datagram may have: a longer one would be cut, and its last line with it.
    let mut datagram = [0; MAX_DATAGRAM + 1];
    let mut hellos = Hellos::default();
    while !desk.end.is_triggered() {
        let wait = hellos.say(desk, socket);
        let limit = socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
        let Some((length, from)) = limit.and_then(|()| socket.recv_from(&mut datagram)).ok() else { continue };
        if length <= MAX_DATAGRAM && is_server(desk.server, from) {
            hellos.unanswered = 0;
            FromServer::parse_all(&datagram[..length]).for_each(|line| match line {
                FromServer::Broadcast(broadcast) => desk.take_broadcast(broadcast, Way::Udp),
                FromServer::Head(seq) => desk.take_head(seq),
            });
        }
    }
}

/// When the last hello was sent, and for which session.
#[derive(Default)]
struct Hellos {
    last: Option<(Ticket, Instant)>,
    /// Hellos since the last datagram from the server, as long as something is missing.
    unanswered: u32,
}

impl Hellos {
    /// Says hello if it is time, or if the session is a new one; returns how long it is to the next.
    fn say(&mut self, desk: &Desk, socket: &UdpSocket) -> Duration {
        let Some(token) = desk.token() else { return HEARTBEAT };
        let gap = desk.inbox().has_gap();
        let pause = if gap { REPAIR } else { HEARTBEAT };
        let same_session = self.last.filter(|(said, _)| *said == token);
        let due = same_session.map_or(Duration::ZERO, |(_, sent)| pause.saturating_sub(sent.elapsed()));
        if !due.is_zero() {
            return due;
        }
        if gap && self.unanswered >= SILENT {
            desk.give_up_gaps();
        }
        self.unanswered = if gap { self.unanswered + 1 } else { 0 };
        let hello = Hello { token, last_seq: desk.inbox().last() };
        // A hello that cannot be sent is as one that was lost.
        let _ = socket.send_to(hello.to_string().as_bytes(), desk.server);
        self.last = Some((token, Instant::now()));
        pause
    }
}

/// A server on this machine may answer from another of its loopback addresses than the one that was called.
pub fn is_server(server: SocketAddr, from: SocketAddr) -> bool {
    let same_machine = server.ip().is_loopback() && from.ip().is_loopback();
    from.port() == server.port() && (same_machine || from.ip().to_canonical() == server.ip().to_canonical())
}
