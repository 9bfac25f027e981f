//! What one client is owed of the broadcasts, and on which way it gets them. It decides what goes into a round, and sends
//! nothing.

use super::flight::{Flight, What};
use super::mailbox::{Mailbox, Parcel};
use super::packs::{NEWEST, Pack, Span, pack_datagram};
use super::presence::Presence;
use super::round::Round;
use crate::net::{Arrival, TokenBucket};
use crate::protocol::{Event, FromServer, Hello, MAX_DATAGRAM, Received};
use crate::server::store::History;
use crate::value::Ticket;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two rounds, in which broadcasts are gathered; a client whose hellos do not tell what is under
/// way gets one datagram in each: a default receive buffer of Linux holds some 90 full ones, and at this pace none was
/// ever lost on loopback.
pub const PACE: Duration = Duration::from_millis(1);
/// Hellos that arrive for so long without an acknowledgement that grows: UDP works one way only.
const ONE_WAY: Duration = Duration::from_secs(15);
/// The most hellos of one session that are looked at in a [`HELLO_TIME`]: an honest client needs fewer.
const MAX_HELLOS: u32 = 1000;
/// Datagrams a second that bring again what was sent before, and twice as many at once: nobody's hellos have the server send
/// without an end.
const MAX_REPEATS: u32 = 1000;
/// See [`MAX_HELLOS`].
const HELLO_TIME: Duration = Duration::from_secs(1);
/// The most bytes in one write to a TCP client: a part of the kernel's send buffer, so a fresh client's history
/// does not look like a slow consumer.
pub const MAX_WRITE: usize = 64 * 1024;
/// How long after the last line that was sent by a datagram to a client of a steady pace it is told the number of it, as
/// that datagram may be lost and nothing comes behind it; and once more, as this one may be lost too.
const TAILS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The number of no broadcast: a client whose next it is is owed nothing.
const NOTHING: u64 = u64::MAX;

/// The state of one client.
pub struct Recipient {
    pub(super) mailbox: Arc<dyn Mailbox>,
    pub(super) presence: Arc<Presence>,
    /// It is not there at the moment, and its mailbox was told.
    pub(super) is_suspect: bool,
    token: Ticket,
    /// Addresses from which its hello counts: the observed and the assigned one.
    pub(super) addresses: [IpAddr; 2],
    /// The sequence number of the next line to send.
    next: u64,
    /// The client is to hear how far the sequence is, even when it has everything.
    wants_head: bool,
    /// Since when its hellos are counted, and how many came since then: see [`MAX_HELLOS`].
    hellos: Option<(Instant, u32)>,
    sent: Sent,
    route: Route,
}

/// What was sent by datagrams, and how much of it may be sent again.
struct Sent {
    /// The highest number of all.
    highest: u64,
    /// See [`MAX_REPEATS`].
    again: TokenBucket,
}

impl Sent {
    /// Whether a datagram that begins with this number may be sent now.
    fn may_send(&mut self, first: u64, now: Instant) -> bool {
        first > self.highest || self.again.take(now)
    }

    /// A datagram with these broadcasts is sent.
    fn sends(&mut self, first: u64, last: u64, round: &mut Round) {
        round.repeats += u64::from(first <= last && first <= self.highest);
        self.highest = self.highest.max(last);
    }
}

enum Route {
    Tcp,
    Udp(Datagrams),
    /// Its hellos arrive, but nothing that is sent to it: UDP works one way only, so TCP for the rest of the session.
    OneWay,
}

/// The way of datagrams.
struct Datagrams {
    to: SocketAddr,
    /// The address of ours that the client calls, and from which it is answered.
    from: IpAddr,
    acknowledged: u64,
    /// When the acknowledgements last grew, or the client had everything.
    progress: Instant,
    pace: Pace,
}

/// How fast a client gets datagrams.
enum Pace {
    /// One in each round. When the last new line was sent, and how often its number was told since: see [`TAILS`].
    Steady { tail: Option<(Instant, usize)> },
    /// As fast as what is between takes it: the client's hellos tell what arrives.
    Adaptive(Box<Flight>),
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
/// server that has lost its history: of ours it has none.
fn counted_here(hello: Hello, head: u64) -> (u64, Option<Received>) {
    let top = hello.received.as_ref().map_or(hello.last_seq, |received| received.top);
    match hello.received {
        _ if top > head => (0, None),
        Some(received) if received.missing.is_empty() => (top, Some(received)),
        received => (hello.last_seq, received),
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
        let (is_suspect, wants_head, hellos, next, route) = (false, false, None, NOTHING, Route::Tcp);
        let sent = Sent { highest: 0, again: TokenBucket::new(Some(MAX_REPEATS), Instant::now()) };
        Box::new(Recipient { mailbox, presence, is_suspect, token, addresses, next, wants_head, hellos, sent, route })
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
        matches!(self.route, Route::Udp(Datagrams { acknowledged: 1.., .. }))
    }

    /// Where it stands; nothing when it is owed nothing yet.
    pub fn left(&self) -> Option<Left> {
        match &self.route {
            Route::Udp(way) => Some(Left { next: way.acknowledged + 1, by_datagrams: true }),
            Route::Tcp | Route::OneWay if self.next == NOTHING => None,
            Route::Tcp | Route::OneWay => Some(Left { next: self.next, by_datagrams: false }),
        }
    }

    /// Where it has ceased to say hello, it gets what it has not acknowledged by its mailbox; whether that is so now.
    pub fn leave_udp(&mut self, now: Instant) -> bool {
        let Route::Udp(Datagrams { acknowledged, .. }) = self.route else { return false };
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
        let (since, count) =
            self.hellos.filter(|(since, _)| now.saturating_duration_since(*since) < HELLO_TIME).unwrap_or((now, 0));
        self.hellos = Some((since, count.saturating_add(1)));
        if count < MAX_HELLOS {
            self.note(counted_here(hello, head), arrival, head, now);
        }
    }

    fn note(&mut self, (last_seq, received): (u64, Option<Received>), arrival: Arrival, head: u64, now: Instant) {
        let (pace, mut progress, mut acknowledged) = match std::mem::replace(&mut self.route, Route::OneWay) {
            Route::OneWay => return,
            Route::Tcp => (None, now, 0),
            Route::Udp(Datagrams { acknowledged, progress, pace, .. }) => {
                let is_stuck = last_seq <= acknowledged && last_seq < head;
                (Some(pace), if is_stuck { progress } else { now }, acknowledged)
            }
        };
        if now.saturating_duration_since(progress) >= ONE_WAY {
            (self.next, self.wants_head) = (last_seq + 1, true);
            return;
        }
        let pace = match received {
            // All behind it is asked for, at a pace that needs no answers.
            None => {
                (self.next, self.wants_head, acknowledged) = (last_seq + 1, true, last_seq);
                Pace::Steady { tail: None }
            }
            Some(received) => {
                let mut flight = self.flight(pace, received.top, now);
                self.next = self.next.max(received.top + 1);
                let is_new = flight.hears(last_seq, &received, now) || last_seq > acknowledged;
                // It asks for nothing, and only wants to know whether somebody is there.
                self.wants_head |= !is_new && flight.is_idle();
                progress = if is_new { now } else { progress };
                // Hellos overtake each other as well.
                acknowledged = acknowledged.max(last_seq);
                Pace::Adaptive(flight)
            }
        };
        self.route = Route::Udp(Datagrams { to: arrival.from, from: arrival.to, acknowledged, progress, pace });
    }

    /// What is under way to a client that tells what it has up to `top`. As long as it did not, all that was sent may be.
    fn flight(&mut self, pace: Option<Pace>, top: u64, now: Instant) -> Box<Flight> {
        if let Some(Pace::Adaptive(flight)) = pace {
            return flight;
        }
        let mut flight = Box::new(Flight::new(top, now));
        if self.next == NOTHING {
            self.next = top + 1;
        }
        if self.next > top + 1 {
            flight.sends(top + 1, self.next - 1, What::Again, MAX_DATAGRAM, now);
        }
        self.wants_head = false;
        flight
    }

    /// Whether there is something to send to it now.
    pub fn is_due(&self, head: u64) -> bool {
        let is_behind = self.next <= head;
        self.wants_head
            || match &self.route {
                Route::Udp(Datagrams { pace: Pace::Adaptive(flight), .. }) => {
                    flight.room() > 0 && (is_behind || flight.lost().is_some())
                }
                Route::Udp(_) | Route::Tcp | Route::OneWay => is_behind,
            }
    }

    /// Whether it is worth to wake up for what is to be sent to it. For new lines alone it is not as long as more than half
    /// of the window is under way: another hello will come.
    pub fn is_urgent(&self, head: u64) -> bool {
        let is_worth_it = match &self.route {
            Route::Udp(Datagrams { pace: Pace::Adaptive(flight), .. }) => {
                self.wants_head || flight.lost().is_some() || flight.has_ample_room()
            }
            Route::Udp(_) | Route::Tcp | Route::OneWay => true,
        };
        is_worth_it && self.is_due(head)
    }

    /// Adds what this client is owed now to the round: one write, one datagram, or as many as the window has room for.
    pub fn send(&mut self, history: &History, head: u64, now: Instant, round: &mut Round) {
        if !self.is_due(head) {
            return;
        }
        let (wants_head, begin) = (std::mem::take(&mut self.wants_head), round.order.len());
        let Route::Udp(way) = &mut self.route else { return self.send_by_tcp(history, now, round) };
        match &mut way.pace {
            Pace::Steady { .. } if !self.sent.may_send(self.next, now) => self.wants_head = wants_head,
            Pace::Steady { tail } => {
                let owed = Span { from: self.next, until: NEWEST, is_next: wants_head };
                let (next, _) = round.add(owed.from, owed, || pack_datagram(history, owed, now));
                if next > self.next {
                    *tail = Some((now, 0));
                }
                self.next = next;
                self.sent.sends(owed.from, next - 1, round);
            }
            Pace::Adaptive(flight) => {
                let sent = &mut self.sent;
                repeat_lost(flight, sent, way.acknowledged, history, now, round);
                if flight.lost().is_none() {
                    let owed = if flight.is_idle() { way.acknowledged + 1 } else { self.next };
                    self.next = send_new(flight, sent, owed, wants_head, history, now, round);
                }
            }
        }
        round.ends_burst(begin, self.token, way.to, way.from);
    }

    fn send_by_tcp(&mut self, history: &History, now: Instant, round: &mut Round) {
        let owed = Span { from: self.next, until: NEWEST, is_next: false };
        let pack = round.parcels.of(owed, || {
            let (broadcasts, range) = history.read(owed.from, MAX_WRITE, now);
            let events: Vec<Event> = broadcasts.into_iter().map(Event::Broadcast).collect();
            let content = Some(events).filter(|events| !events.is_empty()).map(Parcel::from);
            Pack { content, last: range.next.saturating_sub(1), next: range.next }
        });
        round.by_tcp.push((Arc::clone(&self.mailbox), pack));
        self.next = round.parcels.get(pack).next;
    }

    /// The system has not taken a datagram of this client, with these broadcasts: they are to be sent again.
    pub fn was_refused(&mut self, first: u64, last: u64) {
        match &mut self.route {
            Route::Udp(Datagrams { pace: Pace::Adaptive(flight), .. }) => flight.was_refused(first, last),
            Route::Udp(_) => self.next = self.next.min(first),
            Route::Tcp | Route::OneWay => {}
        }
    }

    /// When [`Recipient::ask`] is to be called, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.route {
            Route::Udp(Datagrams { pace: Pace::Adaptive(flight), .. }) => flight.deadline(),
            Route::Udp(Datagrams { pace: Pace::Steady { tail }, .. }) => tail.map(|(sent, told)| sent + TAILS[told]),
            Route::Tcp | Route::OneWay => None,
        }
    }

    /// Where the time has come, tells the client what was sent last, so that it says whether it has got it.
    pub fn ask(&mut self, now: Instant, round: &mut Round) {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        let (Route::Udp(way), true) = (&mut self.route, is_due) else { return };
        let (begin, last) = (round.order.len(), self.next - 1);
        let is_told = match &mut way.pace {
            Pace::Steady { tail } => {
                *tail = tail.map(|(sent, told)| (sent, told + 1)).filter(|(_, told)| *told < TAILS.len());
                true
            }
            Pace::Adaptive(flight) => flight.times_out(now),
        };
        if is_told {
            let bytes = round.add_line(last + 1, last, FromServer::Tail(last));
            if let Pace::Adaptive(flight) = &mut way.pace {
                flight.sends(last + 1, last, What::Tail, bytes, now);
            }
            round.ends_burst(begin, self.token, way.to, way.from);
        }
    }
}

/// Sends again what is lost, as far as the window has room. Of what is not to be had any more the client is told that it
/// need not wait, as soon as it has all before.
fn repeat_lost(
    flight: &mut Flight,
    sent: &mut Sent,
    acknowledged: u64,
    history: &History,
    now: Instant,
    round: &mut Round,
) {
    let is_to_be_had = |(first, last)| history.next_from(first) <= last;
    // What goes out in this round does not change it: it was wanted before, and is under way then.
    let mut all_to_be_had = None;
    while let Some((from, until)) = flight.lost() {
        if flight.room() == 0 || !sent.may_send(from, now) {
            break;
        }
        // What is not told now the client names again.
        let (passed, told) = if is_to_be_had((from, until)) {
            let owed = Span { from, until, is_next: from == acknowledged + 1 };
            let (next, told) = round.add(from, owed, || pack_datagram(history, owed, now));
            (next - 1, told)
        } else {
            let last = *all_to_be_had.get_or_insert_with(|| flight.has_all_to_be_had(is_to_be_had));
            let told = (last >= from).then(|| (last, round.add_line(from, last, FromServer::Head(last))));
            (last.max(until), told)
        };
        flight.passes(passed);
        if let Some((last, bytes)) = told {
            flight.sends(from, last, What::Again, bytes, now);
            sent.sends(from, last, round);
        }
    }
}

/// Sends what is new from `owed` on, as far as the window has room; what is owed then. Who has all before it is told what
/// is not to be had; and a client that `wants_head` is told something in any case.
fn send_new(
    flight: &mut Flight,
    sent: &mut Sent,
    owed: u64,
    mut wants_head: bool,
    history: &History,
    now: Instant,
    round: &mut Round,
) -> u64 {
    let (mut from, head) = (owed, history.head());
    while wants_head || (from <= head && flight.room() > 0 && sent.may_send(from, now)) {
        let owed = Span { from, until: NEWEST, is_next: flight.is_idle() };
        let (next, told) = round.add(from, owed, || pack_datagram(history, owed, now));
        if let Some((last, bytes)) = told.filter(|(last, _)| *last >= from) {
            flight.sends(from, last, What::New, bytes, now);
            sent.sends(from, last, round);
        }
        (from, wants_head) = (next, false);
    }
    from
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
        assert_eq!(counted("1_3_", 3), (3, Some(Received { top: 3, missing: vec![] })));
    }
}
