//! What one client is owed of the broadcasts, and on which way it gets them. It decides what goes into a round, and sends
//! nothing.

use super::mailbox::{Mailbox, Parcel};
use super::packs::{NEWEST, Pack, Packs, Span, pack_datagram};
use super::presence::Presence;
use crate::net::Arrival;
use crate::protocol::{Event, FromServer, Hello, Received, TOKEN_LINE};
use crate::server::store::History;
use crate::value::Ticket;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two datagrams to one client: a default receive buffer of Linux holds some 90 full ones, and at
/// this pace none was ever lost on loopback.
pub const PACE: Duration = Duration::from_millis(1);
/// Hellos that arrive for so long without an acknowledgement that grows: UDP works one way only.
const ONE_WAY: Duration = Duration::from_secs(15);
/// The most bytes in one write to a TCP client: a part of the kernel's send buffer, so a fresh client's history
/// does not look like a slow consumer.
pub const MAX_WRITE: usize = 64 * 1024;
/// How long after the last line that was sent to a client by a datagram it is told the number of it, as that datagram
/// may be lost and nothing comes behind it; and once more, as this one may be lost too.
pub const TAILS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The number of no broadcast: a client whose next it is is owed nothing.
const NOTHING: u64 = u64::MAX;

/// The state of one client.
pub struct Recipient {
    pub(super) mailbox: Arc<dyn Mailbox>,
    pub(super) presence: Arc<Presence>,
    /// It is not there at the moment, and its mailbox was told.
    pub(super) is_suspect: bool,
    /// What each of its datagrams begins with.
    token_line: [u8; TOKEN_LINE],
    /// Addresses from which its hello counts: the observed and the assigned one.
    pub(super) addresses: [IpAddr; 2],
    /// The sequence number of the next line to send.
    next: u64,
    /// The client is to hear how far the sequence is, even when it has everything.
    wants_head: bool,
    /// The first and the last number of what its last hello named as missing, as far as it was not sent again.
    missing: VecDeque<(u64, u64)>,
    /// When the last new line was sent by a datagram, and how often its number was told since: see [`TAILS`].
    tail: Option<(Instant, usize)>,
    route: Route,
}

#[derive(Clone, Copy)]
enum Route {
    Tcp,
    Udp {
        to: SocketAddr,
        /// The address of ours that the client calls, and from which it is answered.
        from: IpAddr,
        acknowledged: u64,
        /// When the acknowledgements last grew, or the client had everything.
        progress: Instant,
    },
    /// Its hellos arrive, but nothing that is sent to it: UDP works one way only, so TCP for the rest of the session.
    OneWay,
}

/// One datagram of a round.
pub struct Datagram {
    pub(super) to: SocketAddr,
    pub(super) from: IpAddr,
    pub(super) token_line: [u8; TOKEN_LINE],
    pub(super) pack: usize,
}

/// What is to be sent in one round.
#[derive(Default)]
pub struct Round {
    pub(super) datagrams: Packs<String>,
    pub(super) parcels: Packs<Parcel>,
    pub(super) by_udp: Vec<Datagram>,
    pub(super) by_tcp: Vec<(Arc<dyn Mailbox>, usize)>,
}

/// Where a client stands that is owed nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The sequence number from which it would have gone on, as far as is known.
    pub next: u64,
    /// It gets broadcasts by datagrams, not by its mailbox.
    pub by_datagrams: bool,
}

/// What a client has of the broadcasts that are numbered here. One that has more than there are counts those of a
/// server that has lost its history: of ours it has none. Without anything missing, a hello is the short one.
fn counted_here(hello: Hello, head: u64) -> (u64, Option<Received>) {
    let top = hello.received.as_ref().map_or(hello.last_seq, |received| received.top);
    match hello.received.filter(|received| !received.missing.is_empty()) {
        _ if top > head => (0, None),
        Some(received) => (hello.last_seq, Some(received)),
        None => (top, None),
    }
}

impl Recipient {
    /// A client that is owed nothing yet. In a Box: a table has room for up to twice as many. And out of line: it is not
    /// to lie on the stack of the session under what puts it into that table.
    #[inline(never)]
    pub fn new(
        token: Ticket,
        addresses: [IpAddr; 2],
        mailbox: Arc<dyn Mailbox>,
        presence: Arc<Presence>,
    ) -> Box<Recipient> {
        let (is_suspect, wants_head, missing, tail) = (false, false, VecDeque::new(), None);
        let (token_line, next, route) = (FromServer::token_line(token), NOTHING, Route::Tcp);
        Box::new(Recipient {
            mailbox,
            presence,
            is_suspect,
            token_line,
            addresses,
            next,
            wants_head,
            missing,
            tail,
            route,
        })
    }

    /// Owes it every broadcast from `next` on, unless it has said hello and from where; whether that is so now.
    pub fn start(&mut self, next: u64) -> bool {
        let is_new = self.next == NOTHING;
        if is_new {
            self.next = next;
        }
        is_new
    }

    /// Whether a hello has acknowledged a broadcast.
    pub fn acknowledges(&self) -> bool {
        matches!(self.route, Route::Udp { acknowledged: 1.., .. })
    }

    /// Where it stands; nothing when it is owed nothing yet.
    pub fn left(&self) -> Option<Left> {
        match self.route {
            Route::Udp { acknowledged, .. } => Some(Left { next: acknowledged + 1, by_datagrams: true }),
            Route::Tcp | Route::OneWay if self.next == NOTHING => None,
            Route::Tcp | Route::OneWay => Some(Left { next: self.next, by_datagrams: false }),
        }
    }

    /// Where it has ceased to say hello, it gets what it has not acknowledged by its mailbox; whether that is so now.
    pub fn leave_udp(&mut self, now: Instant) -> bool {
        let Route::Udp { acknowledged, .. } = self.route else { return false };
        let is_silent = self.presence.says_no_hello(now);
        if is_silent {
            self.route = Route::Tcp;
            self.next = acknowledged + 1;
        }
        is_silent
    }

    /// Takes a hello, where the newest broadcast is `head`.
    pub fn hello(&mut self, hello: Hello, arrival: Arrival, head: u64, now: Instant) {
        self.presence.hello(now);
        self.note(counted_here(hello, head), arrival, head, now);
    }

    fn note(&mut self, (last_seq, received): (u64, Option<Received>), arrival: Arrival, head: u64, now: Instant) {
        let progress = match self.route {
            Route::OneWay => return,
            Route::Udp { acknowledged, progress, .. } if last_seq <= acknowledged && last_seq < head => progress,
            Route::Udp { .. } | Route::Tcp => now,
        };
        if now.saturating_duration_since(progress) >= ONE_WAY {
            self.route = Route::OneWay;
            (self.next, self.wants_head) = (last_seq + 1, true);
            return;
        }
        self.route = Route::Udp { to: arrival.from, from: arrival.to, acknowledged: last_seq, progress };
        match received {
            // What was sent behind the top is under way. `head_` would tell the client not to wait for what is missing.
            Some(Received { top, missing }) => {
                self.next = if self.next == NOTHING { top + 1 } else { self.next.max(top + 1) };
                (self.missing, self.wants_head) = (missing.into(), false);
            }
            None => {
                (self.next, self.wants_head, self.tail) = (last_seq + 1, true, None);
                self.missing.clear();
            }
        }
    }

    /// Whether there is something to send to it.
    pub fn is_behind(&self, head: u64) -> bool {
        self.next <= head || self.wants_head || !self.missing.is_empty()
    }

    /// Adds what this client is owed to the round, one datagram or one write at the most.
    pub fn send(&mut self, history: &History, head: u64, now: Instant, round: &mut Round) {
        if !self.is_behind(head) {
            return;
        }
        match self.route {
            Route::Tcp | Route::OneWay => {
                self.missing.clear();
                let owed = Span { from: self.next, until: NEWEST, is_next: false };
                let pack = round.parcels.of(owed, || {
                    let (broadcasts, range) = history.read(owed.from, MAX_WRITE, now);
                    let events: Vec<Event> = broadcasts.into_iter().map(Event::Broadcast).collect();
                    Pack {
                        content: Some(events).filter(|events| !events.is_empty()).map(Parcel::from),
                        next: range.next,
                    }
                });
                round.by_tcp.push((Arc::clone(&self.mailbox), pack));
                self.next = round.parcels.get(pack).next;
                self.wants_head = false;
            }
            Route::Udp { to, from, acknowledged, .. } => {
                let owed = self.owed(acknowledged);
                let pack = round.datagrams.of(owed, || pack_datagram(history, owed, now));
                round.by_udp.push(Datagram { to, from, token_line: self.token_line, pack });
                self.sent(owed, round.datagrams.get(pack).next, now);
            }
        }
    }

    /// What goes into the next datagram: what is missing goes before what is new.
    fn owed(&self, acknowledged: u64) -> Span {
        match self.missing.front() {
            Some(&(from, until)) => Span { from, until, is_next: from == acknowledged + 1 },
            None => Span { from: self.next, until: NEWEST, is_next: self.wants_head },
        }
    }

    /// Tells the number of the last line that was sent, where that is due; gives when it is due next.
    pub fn tell_tail(&mut self, head: u64, now: Instant, round: &mut Round) -> Option<Instant> {
        let (Route::Udp { to, from, .. }, Some((sent, told))) = (self.route, self.tail) else { return None };
        let due = sent + TAILS[told];
        // More is on its way to who is behind, so what is lost shows by itself.
        if due > now || self.is_behind(head) {
            return Some(due.max(now + PACE));
        }
        let last = self.next - 1;
        let nothing_more = Span { from: self.next, until: last, is_next: false };
        let line = || Pack { content: Some(format!("{}\n", FromServer::Tail(last))), next: self.next };
        let pack = round.datagrams.of(nothing_more, line);
        round.by_udp.push(Datagram { to, from, token_line: self.token_line, pack });
        self.tail = Some((sent, told + 1)).filter(|(_, told)| *told < TAILS.len());
        self.tail.map(|(sent, told)| sent + TAILS[told])
    }

    fn sent(&mut self, owed: Span, next: u64, now: Instant) {
        if let Some(missing) = self.missing.front_mut() {
            missing.0 = next;
            if next > owed.until {
                self.missing.pop_front();
            }
        } else {
            if next > self.next {
                self.tail = Some((now, 0));
            }
            (self.next, self.wants_head) = (next, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_counts_the_broadcasts_of_another_history_has_none_of_this_one() {
        let token = Ticket::draw();
        let counted = |numbers: &str, head| {
            let hello = Hello::parse(format!("hello_{token}_{numbers}").as_bytes()).expect("a hello");
            counted_here(hello, head)
        };
        for (last_seq, head, expected) in [(0, 0, 0), (3, 3, 3), (2, 3, 2), (3, 1, 0), (3, 0, 0)] {
            assert_eq!(counted(&last_seq.to_string(), head), (expected, None), "{last_seq} of {head}");
        }
        assert_eq!(counted("1_3_2-2", 3), (1, Some(Received { top: 3, missing: vec![(2, 2)] })));
        assert_eq!(counted("1_3_2-2", 2), (0, None));
        assert_eq!(counted("1_3_", 3), (3, None));
    }
}
