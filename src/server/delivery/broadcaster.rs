//! The one thread that sends broadcasts to everybody, by UDP or TCP.
//!
//! It takes all lines that are pending and sends them together: one datagram or one write a client, not one a line.
//! It owes each client all lines from a sequence number on, so a repair, the history of the last half hour and a
//! new broadcast are the same thing: a client whose number is behind. It touches no disk, which may be slow.

use super::mailbox::{Mailbox, Parcel};
use super::packs::{NEWEST, Owed, Pack, Packs, pack_datagram};
use super::presence::Presence;
use crate::net::{AddressedSocket, Arrival, Shutdown};
use crate::protocol::{Event, FromServer, Hello, Received, TOKEN_LINE};
use crate::server::store::History;
use crate::value::Ticket;
use log::debug;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two rounds, in each of which a client gets one datagram at the most: a default receive
/// buffer of Linux holds some 90 full ones, and at this pace none was ever lost on loopback. Under load it also
/// gathers the lines that share a datagram or a write.
const PACE: Duration = Duration::from_millis(1);
/// Hellos that arrive for so long without an acknowledgement that grows: UDP works one way only.
const ONE_WAY: Duration = Duration::from_secs(15);
/// The most bytes in one write to a TCP client: a part of the kernel's send buffer, so a fresh client's history
/// does not look like a slow consumer.
pub const MAX_WRITE: usize = 64 * 1024;
/// How long the end of a session waits for the round that is under way; its writes never wait, so it is soon over.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// How often the silent are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How long after the last line that was sent to a client by a datagram it is told the number of it, as that datagram
/// may be lost and nothing comes behind it; and once more, as this one may be lost too.
const TAILS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The number of no broadcast: a client whose next it is is owed nothing.
const NOTHING: u64 = u64::MAX;

/// Who is owed which broadcasts.
#[derive(Default)]
pub struct Broadcaster {
    state: Mutex<State>,
    wake: Condvar,
    /// A round has been sent.
    sent: Condvar,
}

#[derive(Default)]
struct State {
    deliveries: HashMap<Ticket, Delivery>,
    /// There is a new broadcast: everybody is to be looked at.
    all: bool,
    /// These are to be looked at: they came, said hello, or are behind.
    due: HashSet<Ticket>,
    /// When to look for those who are to be told what was sent to them last.
    tails_at: Option<Instant>,
    /// Something has changed since the last round.
    fresh: bool,
    /// What a round has noted as sent is not yet in the mailboxes.
    sending: bool,
    stopped: bool,
}

/// The state of one client.
struct Delivery {
    mailbox: Arc<dyn Mailbox>,
    presence: Arc<Presence>,
    /// It is not there at the moment, and its mailbox was told.
    is_suspect: bool,
    /// What each of its datagrams begins with.
    token_line: [u8; TOKEN_LINE],
    /// Addresses from which its hello counts: the observed and the assigned one.
    addresses: [IpAddr; 2],
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
struct Datagram {
    to: SocketAddr,
    from: IpAddr,
    token_line: [u8; TOKEN_LINE],
    pack: usize,
}

/// What is to be sent in one round.
#[derive(Default)]
struct Round {
    datagrams: Packs<String>,
    parcels: Packs<Parcel>,
    by_udp: Vec<Datagram>,
    by_tcp: Vec<(Arc<dyn Mailbox>, usize)>,
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

impl Broadcaster {
    /// Lets a client say hello from now on, and owes it nothing yet.
    pub fn join(&self, token: Ticket, addresses: [IpAddr; 2], mailbox: Arc<dyn Mailbox>, presence: Arc<Presence>) {
        let token_line = FromServer::token_line(token);
        let (next, route) = (NOTHING, Route::Tcp);
        // The connection may have been suspected since an earlier login on it.
        mailbox.suspect(false);
        let (is_suspect, wants_head, missing, tail) = (false, false, VecDeque::new(), None);
        let delivery =
            Delivery { mailbox, presence, is_suspect, token_line, addresses, next, wants_head, missing, tail, route };
        self.lock().deliveries.insert(token, delivery);
    }

    /// Owes a client every broadcast from `next` on, by its mailbox; unless it has said hello, and from where.
    pub fn start(&self, token: Ticket, next: u64) {
        let mut state = self.lock();
        if let Some(delivery) = state.deliveries.get_mut(&token).filter(|delivery| delivery.next == NOTHING) {
            delivery.next = next;
            state.look_at(token);
            self.wake.notify_one();
        }
    }

    /// Whether a hello of this client has acknowledged a broadcast.
    pub fn acknowledges(&self, token: Ticket) -> bool {
        let state = self.lock();
        let route = state.deliveries.get(&token).map(|delivery| delivery.route);
        matches!(route, Some(Route::Udp { acknowledged: 1.., .. }))
    }

    /// Owes this client nothing more; nothing when it was owed nothing yet. What was sent to it is in its mailbox when
    /// this returns: a round that is under way is waited for, [`LEAVE_LIMIT`] at the longest.
    pub fn leave(&self, token: Ticket) -> Option<Left> {
        let mut state = self.lock();
        let delivery = state.deliveries.remove(&token)?;
        drop(self.sent.wait_timeout_while(state, LEAVE_LIMIT, |state| state.sending));
        match delivery.route {
            Route::Udp { acknowledged, .. } => Some(Left { next: acknowledged + 1, by_datagrams: true }),
            Route::Tcp | Route::OneWay if delivery.next == NOTHING => None,
            Route::Tcp | Route::OneWay => Some(Left { next: delivery.next, by_datagrams: false }),
        }
    }

    /// Says that there is a new broadcast.
    pub fn announce(&self) {
        let mut state = self.lock();
        // Who is awake already looks again before it waits.
        if !std::mem::replace(&mut state.fresh, true) {
            self.wake.notify_one();
        }
        state.all = true;
    }

    /// Takes a hello; false when it does not count: an unknown token, or an address that is not the session's.
    pub fn hello(&self, hello: Hello, arrival: Arrival, head: u64, now: Instant) -> bool {
        let mut state = self.lock();
        let Some(delivery) = state.deliveries.get_mut(&hello.token) else { return false };
        if !delivery.addresses.contains(&arrival.from.ip()) {
            return false;
        }
        delivery.presence.hello(now);
        let token = hello.token;
        delivery.note(counted_here(hello, head), arrival, head, now);
        state.look_at(token);
        self.wake.notify_one();
        true
    }

    /// Sends until `stop`. `loss` is the share of datagrams that is dropped on purpose.
    pub fn run(&self, history: &History, socket: &AddressedSocket, loss: f64, stop: &Shutdown) {
        let mut random = Xorshift::new();
        let mut last_housekeeping = Instant::now();
        while !stop.is_triggered() {
            let now = Instant::now();
            if now.saturating_duration_since(last_housekeeping) >= HOUSEKEEPING {
                last_housekeeping = now;
                self.give_up_silent(now);
            }
            let round = self.collect(history, now);
            for Datagram { to, from, token_line, pack } in &round.by_udp {
                if loss > 0.0 && random.next() < loss {
                    continue;
                }
                let Some(lines) = &round.datagrams.get(*pack).content else { continue };
                // The lines are packed once for all who lack the same; the token is each one's own.
                let slices = [token_line, lines.as_bytes()].map(IoSlice::new);
                // UDP promises nothing: a datagram that the system refuses is one more that is lost.
                if let Err(error) = socket.send(&slices, *from, *to) {
                    debug!("datagram to {to}: {error}");
                }
            }
            for (mailbox, pack) in &round.by_tcp {
                if let Some(parcel) = &round.parcels.get(*pack).content {
                    mailbox.deliver(parcel);
                }
            }
            self.lock().sending = false;
            self.sent.notify_all();
            self.wait_for_work(now);
        }
    }

    /// Ends [`Broadcaster::run`], whose stop has been triggered.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.wake.notify_one();
    }

    /// Decides what to send now, and notes it as sent.
    fn collect(&self, history: &History, now: Instant) -> Round {
        let mut round = Round::default();
        let mut guard = self.lock();
        let state = &mut *guard;
        let head = history.head();
        state.sending = true;
        if std::mem::take(&mut state.all) {
            state.due.clear();
            let behind = state.deliveries.iter_mut().filter_map(|(token, delivery)| {
                delivery.send(history, head, now, &mut round);
                delivery.is_behind(head).then_some(*token)
            });
            state.due.extend(behind);
        } else {
            let deliveries = &mut state.deliveries;
            state.due.retain(|token| {
                let Some(delivery) = deliveries.get_mut(token) else { return false };
                delivery.send(history, head, now, &mut round);
                delivery.is_behind(head)
            });
        }
        if state.tails_at.is_some_and(|at| at <= now) {
            let deliveries = state.deliveries.values_mut();
            state.tails_at = deliveries.filter_map(|delivery| delivery.tell_tail(head, now, &mut round)).min();
        } else if !round.by_udp.is_empty() {
            state.tails_at.get_or_insert(now + TAILS[0]);
        }
        round
    }

    /// The datagrams of the next round, as they would be sent.
    #[cfg(test)]
    pub fn datagrams(&self, history: &History, now: Instant) -> Vec<String> {
        let round = self.collect(history, now);
        let whole = |datagram: &Datagram| {
            let lines = round.datagrams.get(datagram.pack).content.as_ref()?;
            Some(String::from_utf8_lossy(&datagram.token_line).into_owned() + lines)
        };
        round.by_udp.iter().filter_map(whole).collect()
    }

    /// Waits for the pace, then until there is something new or to be told again; only for the pace when somebody is
    /// behind.
    fn wait_for_work(&self, round_began: Instant) {
        let state = self.wait_until(self.lock(), round_began + PACE, |state| state.stopped);
        let limit = round_began + if state.due.is_empty() { HOUSEKEEPING } else { PACE };
        let until = state.tails_at.map_or(limit, |at| at.min(limit));
        self.wait_until(state, until, |state| state.stopped || state.fresh).fresh = false;
    }

    fn wait_until<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Instant,
        met: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.wake.wait_timeout_while(state, left, |state| !met(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn give_up_silent(&self, now: Instant) {
        let (mut guard, mut changed) = (self.lock(), Vec::new());
        let state = &mut *guard;
        for (token, delivery) in &mut state.deliveries {
            let is_suspect = !delivery.presence.is_there(now);
            if std::mem::replace(&mut delivery.is_suspect, is_suspect) != is_suspect {
                changed.push((Arc::clone(&delivery.mailbox), is_suspect));
            }
            let Route::Udp { acknowledged, .. } = delivery.route else { continue };
            if delivery.presence.says_no_hello(now) {
                delivery.route = Route::Tcp;
                delivery.next = acknowledged + 1;
                state.due.insert(*token);
            }
        }
        drop(guard);
        for (mailbox, is_suspect) in changed {
            mailbox.suspect(is_suspect);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bounded: a client stands in the set once, however often it says hello.
    fn look_at(&mut self, token: Ticket) {
        self.due.insert(token);
        self.fresh = true;
    }
}

impl Delivery {
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

    fn is_behind(&self, head: u64) -> bool {
        self.next <= head || self.wants_head || !self.missing.is_empty()
    }

    /// Adds what this client is owed to the round, one datagram or one write at the most.
    fn send(&mut self, history: &History, head: u64, now: Instant, round: &mut Round) {
        if !self.is_behind(head) {
            return;
        }
        match self.route {
            Route::Tcp | Route::OneWay => {
                self.missing.clear();
                let owed = Owed { from: self.next, until: NEWEST, is_next: false };
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
    fn owed(&self, acknowledged: u64) -> Owed {
        match self.missing.front() {
            Some(&(from, until)) => Owed { from, until, is_next: from == acknowledged + 1 },
            None => Owed { from: self.next, until: NEWEST, is_next: self.wants_head },
        }
    }

    /// Tells the number of the last line that was sent, where that is due; gives when it is due next.
    fn tell_tail(&mut self, head: u64, now: Instant, round: &mut Round) -> Option<Instant> {
        let (Route::Udp { to, from, .. }, Some((sent, told))) = (self.route, self.tail) else { return None };
        let due = sent + TAILS[told];
        // More is on its way to who is behind, so what is lost shows by itself.
        if due > now || self.is_behind(head) {
            return Some(due.max(now + PACE));
        }
        let last = self.next - 1;
        let nothing_more = Owed { from: self.next, until: last, is_next: false };
        let line = || Pack { content: Some(format!("{}\n", FromServer::Tail(last))), next: self.next };
        let pack = round.datagrams.of(nothing_more, line);
        round.by_udp.push(Datagram { to, from, token_line: self.token_line, pack });
        self.tail = Some((sent, told + 1)).filter(|(_, told)| *told < TAILS.len());
        self.tail.map(|(sent, told)| sent + TAILS[told])
    }

    fn sent(&mut self, owed: Owed, next: u64, now: Instant) {
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

/// Numbers from 0 to 1 that need not be unguessable: Marsaglia's xorshift (2003).
struct Xorshift(u64);

impl Xorshift {
    fn new() -> Xorshift {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Xorshift(nanos as u64 | 1)
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
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

    /// Notes whether it is suspected.
    #[derive(Default)]
    struct Suspected(Mutex<Vec<bool>>);

    impl Mailbox for Suspected {
        fn deliver(&self, _: &Parcel) -> bool {
            true
        }

        fn close(&self) {}

        fn suspect(&self, is_silent: bool) {
            self.0.lock().expect("no panic").push(is_silent);
        }
    }

    #[test]
    fn a_session_of_which_nothing_is_heard_is_suspected_until_something_is() {
        let (broadcaster, mailbox, now) = (Broadcaster::default(), Arc::<Suspected>::default(), Instant::now());
        let (token, ip, presence) = (Ticket::draw(), IpAddr::from([10, 0, 0, 7]), Arc::<Presence>::default());
        let join = |token, presence| {
            broadcaster.join(token, [ip; 2], Arc::clone(&mailbox) as Arc<dyn Mailbox>, presence);
        };
        join(token, Arc::clone(&presence));
        let hello = |last_seq, from, now| {
            let arrival = Arrival { length: 0, from: SocketAddr::new(from, 5000), to: [10, 0, 0, 1].into() };
            broadcaster.hello(Hello { token, last_seq, received: None }, arrival, 1, now)
        };
        let told = || std::mem::take(&mut *mailbox.0.lock().expect("no panic"));
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(hello(0, ip, now) && !broadcaster.acknowledges(token));
        assert!(hello(1, ip, now) && broadcaster.acknowledges(token));
        broadcaster.give_up_silent(after(14));
        assert_eq!(told(), [false], "at the login");
        assert!(!hello(1, [10, 0, 0, 8].into(), after(14)), "an address that is not the session's");
        broadcaster.give_up_silent(after(15));
        broadcaster.give_up_silent(after(16));
        assert_eq!(told(), [true]);
        assert!(hello(1, ip, after(17)));
        broadcaster.give_up_silent(after(17));
        broadcaster.give_up_silent(after(32));
        assert_eq!(told(), [false, true]);
        // Its datagrams do not get through any more.
        presence.line(after(33));
        broadcaster.give_up_silent(after(33));
        broadcaster.give_up_silent(after(99));
        assert_eq!(told(), [false]);
        // One that is suspected logs in again on the same connection.
        assert!(hello(1, ip, after(100)));
        broadcaster.give_up_silent(after(115));
        broadcaster.leave(token);
        assert_eq!(told(), [true]);
        join(Ticket::draw(), Arc::default());
        broadcaster.give_up_silent(after(116));
        assert_eq!(told(), [false]);
    }
}
