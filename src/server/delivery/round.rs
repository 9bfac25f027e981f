//! What is to be sent in one round. It knows no socket.

use super::mailbox::{Mailbox, Parcel};
use super::packs::{Pack, Packs, Span};
use crate::protocol::{FromServer, TOKEN_LINE};
use crate::value::Ticket;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// The datagrams of a round for one client.
pub struct Burst {
    /// The token of its session.
    pub token: Ticket,
    /// Its address.
    pub to: SocketAddr,
    /// The address of ours from which they are to leave.
    pub from: IpAddr,
    /// Which of [`Round::order`].
    pub order: Range<usize>,
}

/// One datagram of a round.
#[derive(Clone, Copy)]
pub struct Datagram {
    /// Its lines: which of [`Round::datagrams`].
    pub pack: usize,
    /// The first broadcast in it; the last is that of its pack.
    pub first: u64,
}

/// What is to be sent in one round.
#[derive(Default)]
pub struct Round {
    /// The lines of datagrams, each for all clients that lack the same.
    pub datagrams: Packs<String>,
    /// The same for mailboxes.
    pub parcels: Packs<Parcel>,
    /// What goes by datagrams.
    pub by_udp: Vec<Burst>,
    /// The datagrams of all bursts.
    pub order: Vec<Datagram>,
    /// Datagrams that bring again what was sent before.
    pub repeats: u64,
    /// What goes to mailboxes, and which of the parcels.
    pub by_tcp: Vec<(Arc<dyn Mailbox>, usize)>,
}

impl Round {
    /// Adds a datagram whose first broadcast is `first`, unless nothing is in it; what is owed next and, if it was added,
    /// the last one that it tells of, and its bytes.
    pub fn add(&mut self, first: u64, owed: Span, pack: impl FnOnce() -> Pack<String>) -> (u64, Option<(u64, usize)>) {
        let pack = self.datagrams.of(owed, pack);
        let Pack { content, last, next } = self.datagrams.get(pack);
        let added = content.as_ref().map(|lines| (*last, TOKEN_LINE + lines.len()));
        if added.is_some() {
            self.order.push(Datagram { pack, first });
        }
        (*next, added)
    }

    /// Adds a datagram of one line that tells the number `last`; its bytes.
    pub fn add_line(&mut self, first: u64, last: u64, line: FromServer) -> usize {
        // No other datagram begins behind its end.
        let owed = Span { from: last + 1, until: last, is_next: matches!(line, FromServer::Head(_)) };
        let pack = || Pack { content: Some(format!("{line}\n")), last, next: last + 1 };
        self.add(first, owed, pack).1.map_or(0, |(_, bytes)| bytes)
    }

    /// What was added since `begin` goes to this client.
    pub fn ends_burst(&mut self, begin: usize, token: Ticket, to: SocketAddr, from: IpAddr) {
        if begin < self.order.len() {
            self.by_udp.push(Burst { token, to, from, order: begin..self.order.len() });
        }
    }
}
