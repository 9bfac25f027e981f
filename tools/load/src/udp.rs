//! Broadcasts by UDP, as a good client takes them: hellos out, datagrams in, each broadcast once and in order. When to
//! say hello and what to make of what comes are those of peerline's client.

use peerline::client::app::hellos::Hellos;
use peerline::client::app::inbox::{Inbox, Route};
use peerline::protocol::{Broadcast, FromServer, MAX_DATAGRAM};
use peerline::value::{Ticket, any_like};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// The most datagrams that are looked at before other things have their turn.
const AT_A_TIME: usize = 256;

/// What is counted of the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams with the token of the session.
    pub datagrams: u64,
    /// Broadcasts in them.
    pub broadcasts: u64,
    /// Those of them that were there already: the server has sent them again.
    pub again: u64,
    /// Hellos that were sent.
    pub hellos: u64,
}

/// The datagrams of one client, through all its sessions.
pub struct Udp {
    socket: UdpSocket,
    server: SocketAddr,
    inbox: Inbox,
    hellos: Hellos,
    /// What was counted so far.
    pub counts: Counts,
}

impl Udp {
    /// Binds the socket.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(server: SocketAddr) -> io::Result<Udp> {
        let socket = UdpSocket::bind((any_like(server), 0))?;
        socket.set_nonblocking(true)?;
        Ok(Udp { socket, server, inbox: Inbox::default(), hellos: Hellos::default(), counts: Counts::default() })
    }

    /// A session begins, or is over.
    pub fn begin(&mut self, token: Option<Ticket>) {
        if token.is_some() {
            self.inbox.log_in();
        }
        self.hellos.begin(token);
    }

    /// When the next hello is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.hellos.deadline(&self.inbox)
    }

    /// Says the hello that is due. Gives what is shown when datagrams do not come at all.
    pub fn say(&mut self, now: Instant) -> Vec<Broadcast> {
        // A silence is told once; here the connection tells by itself that it is gone.
        self.hellos.falls_silent(now);
        if let Some(hello) = self.hellos.due(&self.inbox, now) {
            self.counts.hellos += 1;
            // One that cannot be sent is as one that was lost.
            let _ = self.socket.send_to(hello.to_string().as_bytes(), self.server);
        }
        if self.hellos.is_hopeless(&self.inbox, now) { self.inbox.give_up_gaps() } else { Vec::new() }
    }

    /// A broadcast has come on the connection. Gives what may be shown now.
    pub fn by_tcp(&mut self, broadcast: Broadcast) -> Vec<Broadcast> {
        self.inbox.accept(broadcast, Route::Tcp)
    }

    /// What the datagrams that have arrived bring that may be shown now.
    pub fn arrived(&mut self) -> Vec<Broadcast> {
        let mut shown = Vec::new();
        // One byte more than a datagram may have: a longer one is none.
        let mut datagram = [0; MAX_DATAGRAM + 1];
        for _ in 0..AT_A_TIME {
            // An error is mostly that there is no more; what else it may be, the next call tells again.
            let Ok(length) = self.socket.recv(&mut datagram) else { break };
            if length <= MAX_DATAGRAM {
                self.take(&datagram[..length], &mut shown);
            }
        }
        shown
    }

    fn take(&mut self, datagram: &[u8], shown: &mut Vec<Broadcast>) {
        let Some((token, lines)) = FromServer::parse_datagram(datagram) else { return };
        if self.hellos.token() != Some(token) {
            return;
        }
        self.counts.datagrams += 1;
        let lines: Vec<FromServer> = lines.collect();
        let seqs = lines.iter().filter_map(|line| match line {
            FromServer::Broadcast(broadcast) => Some(broadcast.seq),
            FromServer::Head(_) | FromServer::Tail(_) => None,
        });
        self.counts.broadcasts += seqs.clone().count() as u64;
        self.counts.again += seqs.filter(|seq| self.inbox.has(*seq)).count() as u64;
        shown.append(&mut self.hellos.take(lines, &mut self.inbox, Instant::now()).0);
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
