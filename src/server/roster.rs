//! The client map: who is logged in, where, since when, and how many messages they sent.
//!
//! Its lock is private and held for a lookup, never across a socket call: methods are short and return owned
//! snapshots, and what is to be written to a client is written by the caller afterwards.

mod guests;

pub use guests::{Entered, NotEntered, Visit};

use super::loopback::LoopbackAddresses;
use super::mailbox::Mailbox;
use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};
use crate::value::Address;
use crate::value::Username;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Messages that a client must send in each window to stay (S1).
pub const MIN_MESSAGES: u32 = 2;

/// The clients that are logged in.
#[derive(Default)]
pub struct Roster {
    clients: Arc<Mutex<HashMap<Username, Client>>>,
    next_id: AtomicU64,
    loopback: LoopbackAddresses,
}

/// One client.
struct Client {
    id: u64,
    name: Username,
    /// The address under which others find the client: where it came from, or its own of 127/8.
    address: IpAddr,
    /// The other end of its connection.
    source: SocketAddr,
    /// The port on which it listens for peers; none with netcat.
    port: Option<u16>,
    active: bool,
    /// Where the current window of the inactivity rule began: at first the join time.
    joined: Instant,
    messages: u32,
    warned: bool,
    /// The inactivity rule has demanded its end.
    closing: bool,
    files: Arc<Vec<String>>,
    /// The dialect of a guest, who has no account.
    guest: Option<&'static str>,
    mailbox: Arc<dyn Mailbox>,
}

/// What a client brings when it comes.
pub struct Arrival {
    /// Its name: of an account whose password it knew, or a guest's.
    pub name: Username,
    /// The address and port that the connection came from.
    pub from: SocketAddr,
    /// The dialect, for a guest.
    pub guest: Option<&'static str>,
    /// How to reach its session.
    pub mailbox: Arc<dyn Mailbox>,
}

/// A client's place in the map: proves whose entry a session may change, even after another took the name over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Differs from session to session.
    pub id: u64,
    /// As spelled at the sign-up.
    pub name: Username,
    /// The address under which others find the client.
    pub address: IpAddr,
}

/// A snapshot of one client, for others.
#[derive(Clone)]
pub struct Listed {
    /// Its name.
    pub name: Username,
    /// Where it is, and the port on which it listens, if it does.
    pub address: IpAddr,
    /// See [`Listed::address`].
    pub port: Option<u16>,
    /// The other end of its connection.
    pub source: SocketAddr,
    /// The dialect of a guest.
    pub guest: Option<&'static str>,
    /// The names of its files.
    pub files: Arc<Vec<String>>,
    /// How to reach its session.
    pub mailbox: Arc<dyn Mailbox>,
}

impl Listed {
    /// The address as it is shown: port 0 says that nothing listens there.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(0))
    }
}

/// Why an ADDR leads to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// No active client has this name or address.
    Nobody,
    /// So many clients have this address.
    Several(usize),
}

/// What the inactivity rule demands at some moment.
pub struct Sweep {
    /// Clients that are to be warned.
    pub warn: Vec<Arc<dyn Mailbox>>,
    /// Clients that are to be told and closed.
    pub close: Vec<(Username, Arc<dyn Mailbox>)>,
    /// When it demands something again, at the earliest.
    pub next: Instant,
}

impl Roster {
    /// Enters a client, and gives one that comes from loopback an address of its own, so that on one machine
    /// everybody can listen on the same port (S4). With it comes the mailbox of an older session of that name,
    /// which is to be told and closed: one session a name.
    pub fn enter(&self, arrival: Arrival, now: Instant) -> (Seat, Option<Arc<dyn Mailbox>>) {
        let mut clients = self.lock();
        let address = self.address_for(&arrival, &clients);
        let client = self.client(arrival, address, now);
        let seat = client.seat();
        let older = clients.insert(seat.name.clone(), client);
        (seat, older.map(|client| client.mailbox))
    }

    fn client(&self, arrival: Arrival, address: IpAddr, now: Instant) -> Client {
        Client {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            name: arrival.name,
            address,
            source: arrival.from,
            port: None,
            active: true,
            joined: now,
            messages: 0,
            warned: false,
            closing: false,
            files: Arc::default(),
            guest: arrival.guest,
            mailbox: arrival.mailbox,
        }
    }

    fn address_for(&self, arrival: &Arrival, clients: &HashMap<Username, Client>) -> IpAddr {
        let observed = arrival.from.ip();
        if !observed.is_loopback() {
            return observed;
        }
        let taken = |ip| clients.values().any(|client| client.address == ip);
        self.loopback.draw(taken)
    }

    /// Takes a client out, unless another session has taken its name over.
    pub fn leave(&self, seat: &Seat) {
        let mut clients = self.lock();
        if clients.get(&seat.name).is_some_and(|client| client.id == seat.id) {
            clients.remove(&seat.name);
        }
    }

    /// Counts a message of this client.
    pub fn count_message(&self, seat: &Seat) {
        self.change(seat, |client| client.messages = client.messages.saturating_add(1));
    }

    /// Notes the port on which a client listens and the files it shares; true when it had told a port before.
    pub fn set_listening(&self, seat: &Seat, port: u16, files: Vec<String>) -> bool {
        let files = Arc::new(files);
        self.change(seat, |client| {
            client.files = files;
            client.port.replace(port).is_some()
        })
        .unwrap_or(false)
    }

    /// Adds to the files of a client; false when they would be too many.
    pub fn add_files(&self, seat: &Seat, more: Vec<String>) -> bool {
        self.change(seat, |client| {
            let files = Arc::make_mut(&mut client.files);
            files.extend(more);
            let fits = files_fit(files);
            if !fits {
                files.clear();
            }
            fits
        })
        .unwrap_or(false)
    }

    /// Lists a client and lets others reach it, or not; true when that is a change.
    pub fn set_active(&self, seat: &Seat, active: bool) -> bool {
        self.change(seat, |client| std::mem::replace(&mut client.active, active) != active).unwrap_or(false)
    }

    /// The port on which a client listens.
    pub fn port(&self, seat: &Seat) -> Option<u16> {
        self.change(seat, |client| client.port).flatten()
    }

    /// The active clients, by name.
    pub fn active(&self) -> Vec<Listed> {
        let mut listed: Vec<Listed> = self.lock().values().filter(|client| client.active).map(Client::listed).collect();
        listed.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        listed
    }

    /// How many clients are logged in, active or not, guests left out: those that a broadcast reaches.
    pub fn audience(&self) -> usize {
        self.lock().values().filter(|client| client.guest.is_none()).count()
    }

    /// The one active client that `address` names.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find(&self, address: &Address) -> Result<Listed, NotFound> {
        let clients = self.lock();
        let matches = |client: &&Client| match *address {
            Address::Name(_) => false,
            Address::Socket(socket) => client.active && (client.socket() == socket || client.source == socket),
            Address::Ip(ip) => client.active && client.address == ip,
        };
        if let Address::Name(name) = address {
            let client = clients.get(name).filter(|client| client.active);
            return client.map(Client::listed).ok_or(NotFound::Nobody);
        }
        let mut found = clients.values().filter(matches);
        match (found.next(), found.count()) {
            (None, _) => Err(NotFound::Nobody),
            (Some(client), 0) => Ok(client.listed()),
            (Some(_), others) => Err(NotFound::Several(others + 1)),
        }
    }

    /// Everybody's mailbox.
    pub fn mailboxes(&self) -> Vec<Arc<dyn Mailbox>> {
        self.lock().values().map(|client| Arc::clone(&client.mailbox)).collect()
    }

    /// The inactivity rule (S1): who sent fewer than 2 messages in a window of `idle` is closed; for the others the
    /// window and the count begin anew. A warning comes when a sixth of the window is left. Guests are left to
    /// their dialects, whose connections do not last.
    pub fn sweep(&self, idle: Duration, now: Instant) -> Sweep {
        let warning = idle - idle / 6;
        // Who comes after this sweep is warned after this moment.
        let mut sweep = Sweep { warn: Vec::new(), close: Vec::new(), next: now + warning };
        for client in self.lock().values_mut().filter(|client| client.guest.is_none() && !client.closing) {
            let age = now.saturating_duration_since(client.joined);
            let quiet = client.messages < MIN_MESSAGES;
            if age >= idle && quiet {
                client.closing = true;
                sweep.close.push((client.name.clone(), Arc::clone(&client.mailbox)));
                continue;
            }
            if age >= idle {
                (client.joined, client.messages, client.warned) = (now, 0, false);
            } else if age >= warning && quiet && !client.warned {
                client.warned = true;
                sweep.warn.push(Arc::clone(&client.mailbox));
            }
            let past_warning = now.saturating_duration_since(client.joined) >= warning;
            sweep.next = sweep.next.min(client.joined + if past_warning { idle } else { warning });
        }
        sweep
    }

    /// Whether the inactivity rule demands the end of this session, or has done so.
    pub fn is_inactive(&self, seat: &Seat, idle: Duration, now: Instant) -> bool {
        let too_quiet = |client: &mut Client| {
            let quiet = client.messages < MIN_MESSAGES;
            client.closing || (quiet && now.saturating_duration_since(client.joined) >= idle)
        };
        self.change(seat, too_quiet).unwrap_or(false)
    }

    /// Changes the entry of this very session, and none that took its name over.
    fn change<T>(&self, seat: &Seat, change: impl FnOnce(&mut Client) -> T) -> Option<T> {
        self.lock().get_mut(&seat.name).filter(|client| client.id == seat.id).map(change)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Username, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a list of file names is one that a client may announce.
pub fn files_fit(files: &[String]) -> bool {
    files.len() <= MAX_FILES && files.iter().map(String::len).sum::<usize>() <= MAX_FILE_BYTES
}

impl Client {
    fn seat(&self) -> Seat {
        Seat { id: self.id, name: self.name.clone(), address: self.address }
    }

    fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or(0))
    }

    fn listed(&self) -> Listed {
        Listed {
            name: self.name.clone(),
            address: self.address,
            port: self.port,
            source: self.source,
            guest: self.guest,
            files: Arc::clone(&self.files),
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    struct Nobody;

    impl Mailbox for Nobody {
        fn post(&self, _: &str) -> bool {
            true
        }

        fn close(&self) {}
    }

    const IDLE: Duration = Duration::from_secs(1800);

    pub(super) fn arrival(name: &str, observed: [u8; 4]) -> Arrival {
        let name = name.parse().expect("valid");
        Arrival { name, from: (observed, 50_000).into(), guest: None, mailbox: Arc::new(Nobody) }
    }

    fn find(roster: &Roster, address: &str) -> Result<String, NotFound> {
        roster.find(&address.parse().expect("an address")).map(|listed| listed.name.to_string())
    }

    #[test]
    fn loopback_clients_get_addresses_of_their_own() {
        let roster = Roster::default();
        let now = Instant::now();
        let (alice, _) = roster.enter(arrival("alice", [127, 0, 0, 1]), now);
        let (bob, _) = roster.enter(arrival("bob", [127, 0, 0, 1]), now);
        let (carol, _) = roster.enter(arrival("carol", [10, 0, 0, 7]), now);
        assert_ne!(alice.address, bob.address);
        assert!(alice.address.is_loopback() && alice.address != Ipv4Addr::LOCALHOST);
        assert_eq!(carol.address, IpAddr::from([10, 0, 0, 7]));
    }

    #[test]
    fn addresses_name_one_client_or_say_why_not() {
        let roster = Roster::default();
        let now = Instant::now();
        let (alice, _) = roster.enter(arrival("alice", [10, 0, 0, 7]), now);
        assert!(!roster.set_listening(&alice, 4401, Vec::new()));
        assert!(roster.set_listening(&alice, 4401, Vec::new()));
        assert_eq!(find(&roster, "10.0.0.7:4401"), Ok("alice".into()));
        assert_eq!(find(&roster, "10.0.0.7"), Ok("alice".into()));
        assert_eq!(find(&roster, "ALICE"), Ok("alice".into()));
        roster.enter(arrival("bob", [10, 0, 0, 7]), now);
        assert_eq!(find(&roster, "10.0.0.7"), Err(NotFound::Several(2)));
        assert_eq!(find(&roster, "10.0.0.7:4402"), Err(NotFound::Nobody));
        assert!(roster.set_active(&alice, false));
        assert!(!roster.set_active(&alice, false));
        assert_eq!(find(&roster, "alice"), Err(NotFound::Nobody));
        assert_eq!(roster.active().len(), 1);
    }

    #[test]
    fn a_session_changes_its_own_entry_only() {
        let roster = Roster::default();
        let now = Instant::now();
        let (old, none) = roster.enter(arrival("alice", [10, 0, 0, 7]), now);
        let (new, older) = roster.enter(arrival("Alice", [10, 0, 0, 8]), now);
        assert!(none.is_none() && older.is_some());
        assert!(!roster.set_active(&old, false));
        roster.leave(&old);
        assert_eq!(roster.active()[0].address, new.address);
        roster.leave(&new);
        assert!(roster.active().is_empty());
    }

    #[test]
    fn fewer_than_two_messages_in_a_window_is_too_few() {
        let roster = Roster::default();
        let start = Instant::now();
        let (alice, _) = roster.enter(arrival("alice", [10, 0, 0, 7]), start);
        let (bob, _) = roster.enter(arrival("bob", [10, 0, 0, 8]), start);
        roster.count_message(&alice);
        roster.count_message(&alice);
        roster.count_message(&bob);
        let quiet = roster.sweep(IDLE, start + IDLE / 2);
        assert!(quiet.warn.is_empty() && quiet.close.is_empty());
        assert_eq!(quiet.next, start + IDLE - IDLE / 6);
        let warning = roster.sweep(IDLE, quiet.next);
        assert_eq!((warning.warn.len(), warning.next), (1, start + IDLE));
        assert!(roster.sweep(IDLE, warning.next - IDLE / 12).warn.is_empty(), "one warning");
        let end = roster.sweep(IDLE, start + IDLE);
        assert_eq!(end.close.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bob"]);
        assert!(roster.is_inactive(&bob, IDLE, start) && !roster.is_inactive(&alice, IDLE, start + IDLE));
        assert!(roster.sweep(IDLE, start + IDLE).close.is_empty(), "told once");
        roster.leave(&bob);
        let next_window = roster.sweep(IDLE, start + 2 * IDLE);
        assert_eq!(next_window.close[0].0.as_str(), "alice", "the count began anew");
    }
}
