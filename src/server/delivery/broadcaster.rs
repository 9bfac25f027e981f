//! The one thread that sends broadcasts to everybody, by UDP or TCP.
//!
//! It takes all lines that are pending and sends them together: in datagrams, or in one write a client, not one a line.
//! It owes each client all lines from a sequence number on, so a repair, the history of the last half hour and a
//! new broadcast are the same thing: a client whose number is behind. It touches no disk, which may be slow.

use super::mailbox::Mailbox;
use super::presence::Presence;
use super::recipient::{Left, PACE, Recipient};
use super::round::Round;
use super::transmitter::{Refused, Transmitter};
use crate::net::{AddressedSocket, Arrival, Shutdown};
#[cfg(test)]
use crate::protocol::FromServer;
use crate::protocol::Hello;
use crate::server::counters::Counters;
use crate::server::store::History;
use crate::trace::Trace;
use crate::value::Ticket;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of a session waits for the round that is under way; its writes never wait, so it is soon over.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// How often the silent are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

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
    recipients: HashMap<Ticket, Box<Recipient>>,
    /// There is a new broadcast: everybody is to be looked at.
    all: bool,
    /// These are to be looked at: they came, said hello, or are behind.
    due: HashSet<Ticket>,
    /// When to look for those who are to be asked whether they have what was sent to them last; not later than the first
    /// of them.
    asks_at: Option<Instant>,
    /// Something has changed since the last round.
    fresh: bool,
    /// The thread waits for that. To wake it up is a system call, which hellos cost else.
    is_waiting: bool,
    /// What a round has noted as sent is not yet in the mailboxes.
    sending: bool,
    stopped: bool,
}

impl Broadcaster {
    /// Lets a client say hello from now on, and owes it nothing yet.
    pub fn join(&self, token: Ticket, addresses: [IpAddr; 2], mailbox: Arc<dyn Mailbox>, presence: Arc<Presence>) {
        // The connection may have been suspected since an earlier login on it.
        mailbox.suspect(false);
        let recipient = Recipient::new(token, addresses, mailbox, presence);
        self.lock().recipients.insert(token, recipient);
    }

    /// Owes a client every broadcast from `next` on, by its mailbox; unless it has said hello, and from where.
    pub fn start(&self, token: Ticket, next: u64, history: &History) {
        let starts = self.lock().recipients.get_mut(&token).is_some_and(|recipient| recipient.start(next));
        // Most have all that there is, and nobody need be woken for them. What is taken behind this look is announced.
        if starts && next <= history.head() {
            let mut state = self.lock();
            state.due.insert(token);
            self.wake_up(&mut state);
        }
    }

    /// Whether a hello of this client has acknowledged a broadcast.
    pub fn acknowledges(&self, token: Ticket) -> bool {
        self.lock().recipients.get(&token).is_some_and(|recipient| recipient.acknowledges())
    }

    /// Owes this client nothing more; nothing when it was owed nothing yet. What was sent to it is in its mailbox when
    /// this returns: a round that is under way is waited for, [`LEAVE_LIMIT`] at the longest.
    pub fn leave(&self, token: Ticket) -> Option<Left> {
        let mut state = self.lock();
        let recipient = state.recipients.remove(&token)?;
        drop(self.sent.wait_timeout_while(state, LEAVE_LIMIT, |state| state.sending));
        recipient.left()
    }

    /// Says that there is a new broadcast.
    pub fn announce(&self) {
        let mut state = self.lock();
        state.all = true;
        self.wake_up(&mut state);
    }

    /// Takes a hello; false when it does not count: an unknown token, or an address that is not the session's.
    pub fn hello(&self, hello: Hello, arrival: Arrival, head: u64, now: Instant) -> bool {
        let mut state = self.lock();
        let Some(recipient) = state.recipients.get_mut(&hello.token) else { return false };
        if !recipient.addresses.contains(&arrival.from.ip()) {
            return false;
        }
        let token = hello.token;
        recipient.hello(hello, arrival, head, now);
        let (is_urgent, asks_at) = (recipient.is_urgent(head), recipient.deadline());
        if is_urgent {
            state.due.insert(token);
        }
        if state.asks_at_least(asks_at) || is_urgent {
            self.wake_up(&mut state);
        }
        true
    }

    /// Sends until `stop`. `loss` is the share of datagrams that is dropped on purpose.
    pub fn run(
        &self,
        history: &History,
        socket: &AddressedSocket,
        loss: f64,
        (trace, counters): (&Trace, &Counters),
        stop: &Shutdown,
    ) {
        let mut transmitter = Transmitter::new(socket, loss, trace, counters);
        let mut last_housekeeping = Instant::now();
        while !stop.is_triggered() {
            let now = Instant::now();
            if now.saturating_duration_since(last_housekeeping) >= HOUSEKEEPING {
                last_housekeeping = now;
                self.give_up_silent(now);
            }
            let round = self.collect(history, now);
            let refused = transmitter.send(&round);
            counters.repairs.add(round.repeats);
            for (mailbox, pack) in &round.by_tcp {
                if let Some(parcel) = &round.parcels.get(*pack).content {
                    counters.deliveries.add(parcel.events().len() as u64);
                    mailbox.deliver(parcel);
                }
            }
            self.end_round(&refused);
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
        let State { recipients, all, due, asks_at, sending, .. } = &mut *guard;
        let head = history.head();
        *sending = true;
        if asks_at.is_some_and(|at| at <= now) {
            *asks_at = None;
            for (token, recipient) in recipients.iter_mut() {
                recipient.ask(now, &mut round);
                *asks_at = earliest(*asks_at, recipient.deadline());
                if recipient.is_due(head) {
                    due.insert(*token);
                }
            }
        }
        // Whether it is to be looked at again as soon as there may be another round.
        let mut send = |recipient: &mut Recipient| {
            recipient.send(history, head, now, &mut round);
            *asks_at = earliest(*asks_at, recipient.deadline());
            recipient.is_due(head)
        };
        if std::mem::take(all) {
            due.clear();
            due.extend(recipients.iter_mut().filter_map(|(token, recipient)| send(recipient).then_some(*token)));
        } else {
            due.retain(|token| recipients.get_mut(token).is_some_and(|recipient| send(recipient)));
        }
        round
    }

    /// Notes what was not sent after all.
    fn end_round(&self, refused: &[Refused]) {
        let mut state = self.lock();
        state.sending = false;
        for &(token, first, last) in refused {
            if let Some(recipient) = state.recipients.get_mut(&token) {
                recipient.was_refused(first, last);
                state.due.insert(token);
            }
        }
        drop(state);
        self.sent.notify_all();
    }

    /// The datagrams of the next round, as they would be sent, and to whom.
    #[cfg(test)]
    pub fn datagrams(&self, history: &History, now: Instant) -> Vec<(Ticket, String)> {
        let round = self.collect(history, now);
        let mut datagrams = Vec::new();
        for burst in &round.by_udp {
            let token_line = FromServer::token_line(burst.token);
            for datagram in &round.order[burst.order.clone()] {
                let lines = round.datagrams.get(datagram.pack).content.as_deref().unwrap_or_default();
                datagrams.push((burst.token, String::from_utf8_lossy(&token_line).into_owned() + lines));
            }
        }
        datagrams
    }

    /// Waits for the pace, then until there is something new or somebody is to be asked; only for the pace when somebody
    /// is behind.
    fn wait_for_work(&self, round_began: Instant) {
        let mut state = self.wait_until(self.lock(), round_began + PACE, |state| state.stopped);
        let limit = round_began + if state.due.is_empty() { HOUSEKEEPING } else { PACE };
        let until = state.asks_at.map_or(limit, |at| at.min(limit));
        state.is_waiting = true;
        let mut state = self.wait_until(state, until, |state| state.stopped || state.fresh);
        (state.is_waiting, state.fresh) = (false, false);
    }

    /// Has the thread look again; if it does not wait, it will before it does.
    fn wake_up(&self, state: &mut State) {
        state.fresh = true;
        if state.is_waiting {
            self.wake.notify_one();
        }
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
        for (token, recipient) in &mut state.recipients {
            let is_suspect = !recipient.presence.is_there(now);
            if std::mem::replace(&mut recipient.is_suspect, is_suspect) != is_suspect {
                changed.push((Arc::clone(&recipient.mailbox), is_suspect));
            }
            if recipient.leave_udp(now) {
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
    /// Somebody is to be asked at that time; whether nobody was so early.
    fn asks_at_least(&mut self, at: Option<Instant>) -> bool {
        let before = self.asks_at;
        self.asks_at = earliest(before, at);
        self.asks_at != before
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Broadcast;
    use crate::server::delivery::Parcel;
    use std::net::SocketAddr;

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

    fn said(seq: u64, text: &str) -> Broadcast {
        Broadcast { seq, unix_time: 1_700_000_000, from: "alice".parse().expect("a name"), text: text.to_owned() }
    }

    #[test]
    fn who_lacks_nothing_is_not_looked_at() {
        let history = History::new(Duration::from_secs(3600));
        let broadcaster = Broadcaster::default();
        let start = |next| {
            let (token, mailbox) = (Ticket::draw(), Arc::<Suspected>::default());
            broadcaster.join(token, [[10, 0, 0, 7].into(); 2], mailbox, Arc::default());
            broadcaster.start(token, next, &history);
            broadcaster.lock().due.contains(&token)
        };
        assert!(!start(1));
        history.take([said(1, "hi")], Instant::now());
        assert!(start(1) && !start(2));
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

    #[test]
    fn hellos_that_take_back_what_they_said_have_a_thousand_datagrams_a_second_sent_again() {
        let (history, now) = (History::new(Duration::from_secs(3600)), Instant::now());
        history.take((1..=100).map(|seq| said(seq, &"x".repeat(1024))), now);
        let broadcaster = Broadcaster::default();
        let (token, ip) = (Ticket::draw(), IpAddr::from([10, 0, 0, 7]));
        broadcaster.join(token, [ip; 2], Arc::<Suspected>::default(), Arc::default());
        let arrival = Arrival { length: 0, from: SocketAddr::new(ip, 5000), to: [10, 0, 0, 1].into() };
        let mut sent = 0;
        for ms in 0..10_000 {
            let now = now + Duration::from_millis(ms);
            let numbers = ["0_100_1-50", "0_100_51-100", "0_0_", "0"][ms as usize % 4];
            let hello = Hello::parse(format!("hello_{token}_{numbers}").as_bytes()).expect("a hello");
            broadcaster.hello(hello, arrival, 100, now);
            sent += broadcaster.datagrams(&history, now).len();
        }
        assert!((10_000..=10_000 + 2_000 + 100).contains(&sent), "{sent}");
    }

    #[test]
    fn of_a_flood_of_hellos_a_thousand_a_second_are_looked_at() {
        let (broadcaster, now) = (Broadcaster::default(), Instant::now());
        let (token, ip) = (Ticket::draw(), IpAddr::from([10, 0, 0, 7]));
        broadcaster.join(token, [ip; 2], Arc::<Suspected>::default(), Arc::default());
        let hello = |last_seq, now| {
            let arrival = Arrival { length: 0, from: SocketAddr::new(ip, 5000), to: [10, 0, 0, 1].into() };
            broadcaster.hello(Hello { token, last_seq, received: None }, arrival, 1, now)
        };
        assert!((0..1000).all(|_| hello(0, now)) && hello(1, now));
        assert!(!broadcaster.acknowledges(token));
        assert!(hello(1, now + Duration::from_secs(1)));
        assert!(broadcaster.acknowledges(token));
    }
}
