//! The one thread that sends broadcasts to everybody, by UDP or TCP.
//!
//! It takes all lines that are pending and sends them together: one datagram or one write a client, not one a line.
//! It owes each client all lines from a sequence number on, so a repair, the history of the last half hour and a
//! new broadcast are the same thing: a client whose number is behind. It touches no disk, which may be slow.

use super::mailbox::Mailbox;
use super::presence::Presence;
use super::recipient::{Datagram, Left, PACE, Recipient, Round, TAILS};
use crate::net::{AddressedSocket, Arrival, Shutdown};
use crate::protocol::Hello;
use crate::server::store::History;
use crate::value::Ticket;
use log::debug;
use std::collections::{HashMap, HashSet};
use std::io::IoSlice;
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
    /// When to look for those who are to be told what was sent to them last.
    tails_at: Option<Instant>,
    /// Something has changed since the last round.
    fresh: bool,
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
            self.lock().look_at(token);
            self.wake.notify_one();
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
        // Who is awake already looks again before it waits.
        if !std::mem::replace(&mut state.fresh, true) {
            self.wake.notify_one();
        }
        state.all = true;
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
            let behind = state.recipients.iter_mut().filter_map(|(token, recipient)| {
                recipient.send(history, head, now, &mut round);
                recipient.is_behind(head).then_some(*token)
            });
            state.due.extend(behind);
        } else {
            let recipients = &mut state.recipients;
            state.due.retain(|token| {
                let Some(recipient) = recipients.get_mut(token) else { return false };
                recipient.send(history, head, now, &mut round);
                recipient.is_behind(head)
            });
        }
        if state.tails_at.is_some_and(|at| at <= now) {
            let recipients = state.recipients.values_mut();
            state.tails_at = recipients.filter_map(|recipient| recipient.tell_tail(head, now, &mut round)).min();
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
    /// Bounded: a client stands in the set once, however often it says hello.
    fn look_at(&mut self, token: Ticket) {
        self.due.insert(token);
        self.fresh = true;
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

    #[test]
    fn who_lacks_nothing_is_not_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), Duration::from_secs(3600)).expect("a new folder");
        let broadcaster = Broadcaster::default();
        let start = |next| {
            let (token, mailbox) = (Ticket::draw(), Arc::<Suspected>::default());
            broadcaster.join(token, [[10, 0, 0, 7].into(); 2], mailbox, Arc::default());
            broadcaster.start(token, next, &history);
            broadcaster.lock().due.contains(&token)
        };
        assert!(!start(1));
        let (from, texts) = ("alice".parse().expect("a name"), ["hi".parse().expect("a text")]);
        history.append(&from, &texts, std::time::SystemTime::now(), Instant::now()).expect("room on the disk");
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
}
