//! The client map: who is logged in, where, since when, and how many messages they sent.
//!
//! Its lock is private and held for a lookup, never across a socket call: methods are short and return owned
//! snapshots, and what is to be written to a client is written by the caller afterwards.

use super::board::Board;
use super::file_names::FileNames;
use super::loopback::LoopbackAddresses;
use super::table::{Client, Clients};
use super::viewpoint::Viewpoint;
use super::whereabouts::Whereabouts;
use crate::dialect::Dialect;
use crate::server::delivery::{Mailbox, Presence};
use crate::value::{Address, Fingerprint, Username, link_of};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Messages that a client must send in each window to stay (S1).
pub const MIN_MESSAGES: u32 = 2;

/// Sweeps in a window of the inactivity rule at the most: with the usual one, one a second.
const SWEEPS: u32 = 1800;

/// The clients that are logged in. A clone is the same map.
#[derive(Clone, Default)]
pub struct ClientMap {
    /// The five systems' `Arc<Mutex<HashMap>>`, with what is counted beside it.
    clients: Arc<Mutex<Clients>>,
    pub(super) next_id: Arc<AtomicU64>,
    pub(super) loopback: Arc<LoopbackAddresses>,
    pub(super) board: Arc<Board>,
    /// What all share who share nothing.
    pub(super) no_files: Arc<FileNames>,
}

/// What a client brings when it comes.
pub struct NewClient {
    /// Its name: of an account whose password it knew.
    pub name: Username,
    /// The address and port that the connection came from.
    pub from: SocketAddr,
    /// From where it sees the others.
    pub view: Viewpoint,
    /// The time of its login.
    pub since: SystemTime,
    /// What is heard of its session.
    pub presence: Arc<Presence>,
    /// How to reach its session.
    pub mailbox: Arc<dyn Mailbox>,
}

/// Which entry of the map is a session's own: it may change that one alone, even after another session took the
/// name over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Differs from session to session.
    pub id: u64,
    /// As spelled at the sign-up.
    pub name: Username,
    /// The address under which others find the client.
    pub address: IpAddr,
    /// The network of a link-local address, which leads to the client there alone. A number of this machine.
    pub link: Option<u32>,
    /// From where it sees the others.
    pub view: Viewpoint,
}

/// A snapshot of one client, for others.
#[derive(Clone)]
pub struct ClientSnapshot {
    /// See [`SessionKey::id`].
    pub(super) id: u64,
    /// Its name.
    pub name: Username,
    /// Where it is, and the port on which it listens, if it does.
    pub address: IpAddr,
    /// See [`SessionKey::link`].
    pub link: Option<u32>,
    /// See [`ClientSnapshot::address`].
    pub port: Option<u16>,
    /// The port for other machines of a client on the server's own.
    pub reach: Option<u16>,
    /// The other end of its connection.
    pub source: SocketAddr,
    /// The dialect of a guest.
    pub guest: Option<Dialect>,
    /// A guest's name as its dialect spells it.
    pub(super) spelling: Option<Arc<str>>,
    /// Since when it is logged in.
    pub since: SystemTime,
    /// Whether it is listed.
    pub active: bool,
    /// It does not want to be disturbed.
    pub dnd: bool,
    /// The names of its files, if its session is on this server.
    pub files: Arc<FileNames>,
    /// Where its session is, and how to reach it: by [`ClientMap::hand`] alone.
    pub(super) whereabouts: Whereabouts,
}

impl ClientSnapshot {
    /// See [`SessionKey::id`].
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where a client with this view finds this one; port 0: nothing listens there that it could reach.
    pub fn seen_from(&self, view: Viewpoint) -> SocketAddr {
        view.shows(self.address, self.port, self.reach)
    }

    /// The name by which clients of this dialect know this one: that of their own guests as they spelled it.
    pub fn name_in(&self, dialect: Dialect) -> &str {
        let own = self.spelling.as_deref().filter(|_| self.guest == Some(dialect));
        own.unwrap_or(self.name.as_str())
    }

    /// Whether nobody on the way can read what is handed over.
    pub fn is_encrypted(&self) -> bool {
        self.whereabouts.is_encrypted()
    }

    /// The key of its client, who has proven to have it.
    pub fn key(&self) -> Option<Fingerprint> {
        self.whereabouts.key()
    }

    /// Whether this is the mailbox of its session.
    pub fn is_reached_by(&self, mailbox: &Arc<dyn Mailbox>) -> bool {
        self.whereabouts.mailbox().is_some_and(|own| Arc::ptr_eq(own, mailbox))
    }

    /// What is heard of its session, if that is on this server.
    pub fn presence(&self) -> Option<&Arc<Presence>> {
        self.whereabouts.presence()
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

impl ClientMap {
    /// Enters a client, and gives one that comes from loopback an address of its own, so that on one machine
    /// everybody can listen on the same port (S4). With it comes an older session of that name, which is to be told and
    /// closed: one session a name.
    pub fn enter(&self, client: NewClient, now: Instant) -> (SessionKey, Option<Box<ClientSnapshot>>) {
        let mut clients = self.lock();
        let address = self.address_for(client.from.ip(), &clients);
        let client = self.client(client, address, now);
        let key = client.key();
        let older = clients.insert(client);
        (key, older.map(|client| Box::new(client.snapshot())))
    }

    /// The entry of a client. Out of line: it is not to lie on the stack of the session under what puts it into the map.
    #[inline(never)]
    pub(super) fn client(&self, client: NewClient, address: IpAddr, now: Instant) -> Box<Client> {
        Box::new(Client {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            name: client.name,
            address,
            link: link_of(client.from),
            // A scope is a number of this machine, and of no use to others.
            source: SocketAddr::new(client.from.ip(), client.from.port()),
            port: None,
            reach: None,
            view: client.view,
            active: true,
            dnd: false,
            since: client.since,
            joined: now,
            messages: 0,
            warned: false,
            closing: false,
            files: Arc::clone(&self.no_files),
            guest: None,
            spelling: None,
            whereabouts: Whereabouts::Here { presence: client.presence, mailbox: client.mailbox },
        })
    }

    pub(super) fn address_for(&self, observed: IpAddr, clients: &Clients) -> IpAddr {
        if !observed.is_loopback() {
            return observed;
        }
        self.loopback.draw(|ip| clients.is_taken(ip))
    }

    /// Takes a client out, unless another session has taken its name over.
    pub fn leave(&self, key: &SessionKey) {
        self.remove(&key.name, key.id);
    }

    /// The same with whom others see.
    pub(super) fn take_out(&self, client: &ClientSnapshot) {
        self.remove(&client.name, client.id);
    }

    fn remove(&self, name: &Username, id: u64) {
        let mut clients = self.lock();
        if clients.get(name).is_some_and(|client| client.id == id) {
            clients.remove(name);
        }
        clients.aside.remove(&id);
    }

    /// Counts a message of this client.
    pub fn count_message(&self, key: &SessionKey) {
        self.change(key, |client| client.messages = client.messages.saturating_add(1));
    }

    /// The port on which a client listens.
    pub fn port(&self, key: &SessionKey) -> Option<u16> {
        self.change(key, |client| client.port).flatten()
    }

    /// What the mailbox of a client says.
    pub fn mailbox<T>(&self, key: &SessionKey, look: impl FnOnce(&dyn Mailbox) -> T) -> Option<T> {
        self.change(key, |client| client.mailbox().map(|mailbox| look(&**mailbox))).flatten()
    }

    /// The active clients, by name.
    pub fn active(&self) -> Vec<ClientSnapshot> {
        let mut active: Vec<ClientSnapshot> =
            self.lock().values().filter(|client| client.active).map(|client| client.snapshot()).collect();
        active.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        active
    }

    /// All clients, active or not, by name.
    pub fn all(&self) -> Vec<ClientSnapshot> {
        let mut all: Vec<ClientSnapshot> = self.lock().values().map(|client| client.snapshot()).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The names of the active clients, in order.
    pub fn active_names(&self) -> Vec<Username> {
        let mut names: Vec<Username> =
            self.lock().values().filter(|client| client.active).map(|client| client.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// How many clients are logged in, active or not, guests left out: those that a broadcast reaches, whichever server
    /// they are on.
    pub fn audience(&self) -> usize {
        self.lock().members()
    }

    /// How many of them are on this server.
    pub fn count_here(&self) -> usize {
        self.lock().here().filter(|client| client.guest.is_none()).count()
    }

    /// The one active client that `address` names, as the list for this view shows it.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find(&self, address: &Address, view: Viewpoint) -> Result<ClientSnapshot, NotFound> {
        let seen = |client: &Client| view.shows(client.address, client.port, client.reach);
        let matches: &dyn Fn(&Client) -> bool = match *address {
            Address::Name(ref name) => return self.find_name(name).ok_or(NotFound::Nobody),
            Address::Socket(socket) => &move |client| seen(client) == socket || client.source == socket,
            Address::Ip(ip) => &move |client| seen(client).ip() == ip,
        };
        let clients = self.lock();
        let mut found = clients.values().filter(|client| client.active && matches(client));
        match (found.next(), found.count()) {
            (None, _) => Err(NotFound::Nobody),
            (Some(client), 0) => Ok(client.snapshot()),
            (Some(_), others) => Err(NotFound::Several(others + 1)),
        }
    }

    /// Where a client with this view finds the active client of this name.
    pub fn find_address(&self, name: &Username, view: Viewpoint) -> Option<SocketAddr> {
        let clients = self.lock();
        let client = clients.get(name).filter(|client| client.active)?;
        Some(view.shows(client.address, client.port, client.reach))
    }

    /// The active client of this name.
    pub fn find_name(&self, name: &Username) -> Option<ClientSnapshot> {
        self.lock().get(name).filter(|client| client.active).map(|client| client.snapshot())
    }

    /// The client of this name, active or not.
    pub fn find_any(&self, name: &Username) -> Option<ClientSnapshot> {
        self.lock().get(name).map(|client| client.snapshot())
    }

    /// The mailboxes of all whose sessions are on this server.
    pub fn mailboxes_here(&self) -> Vec<Arc<dyn Mailbox>> {
        self.lock().here().filter_map(|client| client.mailbox().cloned()).collect()
    }

    /// The inactivity rule (S1): a client that sent fewer than 2 messages in a window of `idle` is closed; for the others the
    /// window and the count begin anew. A warning comes when a sixth of the window is left. A guest is taken out at once:
    /// it may have no connection that could end. It looks at everybody whose session is on this server, so it is not to be
    /// called for each of them: a client may be warned, or closed, a second late.
    pub fn sweep(&self, idle: Duration, now: Instant) -> Sweep {
        let warning = idle - idle / 6;
        // A client that comes after this sweep is warned after this moment.
        let mut sweep = Sweep { warn: Vec::new(), close: Vec::new(), next: now + warning };
        let mut clients = self.lock();
        for client in clients.here_mut().filter(|client| !client.closing) {
            let age = now.saturating_duration_since(client.joined);
            let quiet = client.messages < MIN_MESSAGES;
            if age >= idle && quiet {
                client.closing = true;
                sweep.close.extend(client.mailbox().map(|mailbox| (client.name.clone(), Arc::clone(mailbox))));
                continue;
            }
            if age >= idle {
                (client.joined, client.messages, client.warned) = (now, 0, false);
            } else if age >= warning && quiet && !client.warned {
                client.warned = true;
                sweep.warn.extend(client.mailbox().cloned());
            }
            let past_warning = now.saturating_duration_since(client.joined) >= warning;
            sweep.next = sweep.next.min(client.joined + if past_warning { idle } else { warning });
        }
        clients.remove_guests(|guest| guest.closing);
        sweep.next = sweep.next.max(now + idle / SWEEPS);
        sweep
    }

    /// Whether the inactivity rule demands the end of this session, or has done so.
    pub fn is_inactive(&self, key: &SessionKey, idle: Duration, now: Instant) -> bool {
        let too_quiet = |client: &mut Client| {
            let quiet = client.messages < MIN_MESSAGES;
            client.closing || (quiet && now.saturating_duration_since(client.joined) >= idle)
        };
        self.change(key, too_quiet).unwrap_or(false)
    }

    /// Changes what others see of this very session.
    pub(super) fn change_seen<T>(&self, key: &SessionKey, change: impl FnOnce(&mut Client) -> T) -> Option<T> {
        self.lock().change_seen(&key.name, |client| client.id == key.id, change)
    }

    /// Changes the entry of this very session, and none that took its name over, where nobody sees it.
    pub(super) fn change<T>(&self, key: &SessionKey, change: impl FnOnce(&mut Client) -> T) -> Option<T> {
        self.lock().get_mut(&key.name).filter(|client| client.id == key.id).map(change)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(super) fn key(&self) -> SessionKey {
        SessionKey { id: self.id, name: self.name.clone(), address: self.address, link: self.link, view: self.view }
    }

    pub(super) fn snapshot(&self) -> ClientSnapshot {
        ClientSnapshot {
            id: self.id,
            name: self.name.clone(),
            address: self.address,
            link: self.link,
            port: self.port,
            reach: self.reach,
            source: self.source,
            guest: self.guest,
            spelling: self.spelling.clone(),
            since: self.since,
            active: self.active,
            dnd: self.dnd,
            files: Arc::clone(&self.files),
            whereabouts: self.whereabouts.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::delivery::Nobody;
    use std::net::Ipv4Addr;

    const IDLE: Duration = Duration::from_secs(1800);

    fn client(name: &str, observed: [u8; 4]) -> NewClient {
        let name = name.parse().expect("valid");
        let view = Viewpoint::of(observed.into(), [10, 0, 0, 1].into());
        NewClient {
            name,
            from: (observed, 50_000).into(),
            view,
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    fn find(clients: &ClientMap, address: &str) -> Result<String, NotFound> {
        find_from(clients, address, Viewpoint::ThisMachine)
    }

    fn find_from(clients: &ClientMap, address: &str, view: Viewpoint) -> Result<String, NotFound> {
        clients.find(&address.parse().expect("an address"), view).map(|found| found.name.to_string())
    }

    #[test]
    fn loopback_clients_get_addresses_of_their_own() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let (alice, _) = clients.enter(client("alice", [127, 0, 0, 1]), now);
        let (bob, _) = clients.enter(client("bob", [127, 0, 0, 1]), now);
        let (carol, _) = clients.enter(client("carol", [10, 0, 0, 7]), now);
        assert_ne!(alice.address, bob.address);
        assert!(alice.address.is_loopback() && alice.address != Ipv4Addr::LOCALHOST);
        assert_eq!(carol.address, IpAddr::from([10, 0, 0, 7]));
    }

    #[test]
    fn addresses_name_one_client_or_say_why_not() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let (alice, _) = clients.enter(client("alice", [10, 0, 0, 7]), now);
        assert!(!clients.set_listening(&alice, 4401, FileNames::default()));
        assert!(clients.set_listening(&alice, 4401, FileNames::default()));
        assert_eq!(find(&clients, "10.0.0.7:4401"), Ok("alice".into()));
        assert_eq!(find(&clients, "10.0.0.7"), Ok("alice".into()));
        assert_eq!(find(&clients, "ALICE"), Ok("alice".into()));
        clients.enter(client("bob", [10, 0, 0, 7]), now);
        assert_eq!(find(&clients, "10.0.0.7"), Err(NotFound::Several(2)));
        assert_eq!(find(&clients, "10.0.0.7:4402"), Err(NotFound::Nobody));
        assert!(clients.set_active(&alice, false));
        assert!(!clients.set_active(&alice, false));
        assert_eq!(find(&clients, "alice"), Err(NotFound::Nobody));
        assert_eq!(clients.active().len(), 1);
    }

    #[test]
    fn a_client_on_the_servers_machine_has_another_address_for_others() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let (teacher, _) = clients.enter(client("teacher", [127, 0, 0, 1]), now);
        let (student, _) = clients.enter(client("student", [10, 0, 0, 7]), now);
        assert!(!clients.set_reach(&teacher, 5000), "not before it listens");
        clients.set_listening(&teacher, 4401, FileNames::default());
        let seen = |view| {
            let address = clients.list(view)[1].address;
            assert_eq!(clients.active()[1].seen_from(view), address);
            address.to_string()
        };
        assert_eq!(seen(student.view), "10.0.0.1:0");
        assert!(clients.set_reach(&teacher, 5000));
        assert_eq!(seen(student.view), "10.0.0.1:5000");
        assert_eq!(seen(teacher.view), format!("{}:4401", teacher.address));
        // An ADDR means what the asker's own list shows.
        assert_eq!(find_from(&clients, "10.0.0.1:5000", student.view), Ok("teacher".into()));
        assert_eq!(find_from(&clients, "10.0.0.1", student.view), Ok("teacher".into()));
        let own = format!("{}:4401", teacher.address);
        assert_eq!(find_from(&clients, &own, student.view), Err(NotFound::Nobody));
        assert_eq!(find_from(&clients, &own, teacher.view), Ok("teacher".into()));
        assert!(clients.set_reach(&teacher, 0));
        assert_eq!(seen(student.view), "10.0.0.1:0");
    }

    #[test]
    fn a_session_changes_its_own_entry_only() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let (old, none) = clients.enter(client("alice", [10, 0, 0, 7]), now);
        let (new, older) = clients.enter(client("Alice", [10, 0, 0, 8]), now);
        assert!(none.is_none() && older.is_some());
        assert!(!clients.set_active(&old, false));
        clients.leave(&old);
        assert_eq!(clients.active()[0].address, new.address);
        clients.leave(&new);
        assert!(clients.active().is_empty());
    }

    #[test]
    fn fewer_than_two_messages_in_a_window_is_too_few() {
        let clients = ClientMap::default();
        let start = Instant::now();
        let (alice, _) = clients.enter(client("alice", [10, 0, 0, 7]), start);
        let (bob, _) = clients.enter(client("bob", [10, 0, 0, 8]), start);
        clients.count_message(&alice);
        clients.count_message(&alice);
        clients.count_message(&bob);
        let quiet = clients.sweep(IDLE, start + IDLE / 2);
        assert!(quiet.warn.is_empty() && quiet.close.is_empty());
        assert_eq!(quiet.next, start + IDLE - IDLE / 6);
        let warning = clients.sweep(IDLE, quiet.next);
        assert_eq!((warning.warn.len(), warning.next), (1, start + IDLE));
        assert!(clients.sweep(IDLE, warning.next - IDLE / 12).warn.is_empty(), "one warning");
        let end = clients.sweep(IDLE, start + IDLE);
        assert_eq!(end.close.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bob"]);
        assert!(clients.is_inactive(&bob, IDLE, start) && !clients.is_inactive(&alice, IDLE, start + IDLE));
        assert!(clients.sweep(IDLE, start + IDLE).close.is_empty(), "told once");
        clients.leave(&bob);
        let next_window = clients.sweep(IDLE, start + 2 * IDLE);
        assert_eq!(next_window.close[0].0.as_str(), "alice", "the count began anew");
    }
}
