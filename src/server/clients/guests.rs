//! Guests in the client map: clients of the dialects that know no password.
//!
//! They stand among all others, and never take the place of a client that has the name already. They have a share of
//! the house, and each address has a share of that.

use super::client_map::{ClientMap, ClientSnapshot, NewClient, SessionKey};
use super::file_names::FileNames;
use super::table::{Client, Clients};
use super::viewpoint::Viewpoint;
use crate::dialect::Dialect;
use crate::net::Origin;
use crate::protocol::Ban;
use crate::server::config::GuestShare;
use crate::server::delivery::Mailbox;
use crate::value::Username;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What a guest says about itself.
pub struct NewGuest {
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// Its name, as it spells it.
    pub spelling: String,
    /// The other end of its connection. Others find a query guest there; a packet guest has an address of its own on
    /// loopback.
    pub from: SocketAddr,
    /// The port on which it listens for peers.
    pub port: u16,
    /// The names of its files.
    pub files: FileNames,
    /// How to reach its session.
    pub mailbox: Arc<dyn Mailbox>,
}

/// A guest that was entered.
pub struct EnteredGuest {
    /// Its entry.
    pub key: SessionKey,
    /// It replaces an older entry of the same guest.
    pub again: bool,
    /// Another guest, whose place it has taken.
    pub gives_way: Option<Box<ClientSnapshot>>,
}

/// Why a guest was not entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotEntered {
    /// It is no name in that dialect.
    NoName,
    /// The name is an account's, or that of somebody who is here.
    Taken,
    /// There are so many guests, which is the most.
    Full(usize),
    /// So many guests of that address, which is the most for one.
    TooMany(usize),
    /// Whoever runs the server does not want it.
    Banned(Ban),
}

impl ClientMap {
    /// Enters a guest under the first of these names that nobody has. A packet guest is inactive until it says
    /// otherwise. A query guest stays listed when its connection ends; when it comes again from the same address it
    /// replaces its entry, under the same name, and whoever else said to listen on that port there is gone.
    ///
    /// Where the house has its share of guests, the oldest one of the address that has the most gives way, if that has
    /// more than the newcomer's would.
    ///
    /// # Errors
    /// [`NotEntered`].
    pub fn enter_guest(
        &self,
        guest: NewGuest,
        names: &[Username],
        share: GuestShare,
        now: Instant,
        since: SystemTime,
    ) -> Result<EnteredGuest, NotEntered> {
        let mut clients = self.lock();
        let older = clients.guests().find(|client| client.is_guest_called(&guest.spelling, guest.dialect));
        let older = match older {
            Some(older) if guest.stays() && older.is_here() && older.address == guest.from.ip() => {
                Some((older.name.clone(), older.since))
            }
            Some(_) => return Err(NotEntered::Taken),
            None => None,
        };
        let again = older.is_some();
        let (older, since) = older.map_or((None, since), |(name, since)| (Some(name), since));
        let free = || names.iter().find(|name| !clients.contains_key(name)).cloned();
        let name = older.or_else(free).ok_or(NotEntered::Taken)?;
        if guest.stays() {
            let is_gone = |client: &Client| client.address == guest.from.ip() && client.port == Some(guest.port);
            clients.remove_guests(|client| client.guest == Some(guest.dialect) && is_gone(client));
        }
        let gives_way = if again { None } else { make_room(&mut clients, guest.from.ip(), share)? };
        let address = if guest.stays() { guest.from.ip() } else { self.address_for(guest.from.ip(), &clients) };
        let client = self.guest(guest, name, address, now, since);
        let key = client.key();
        clients.insert(client);
        Ok(EnteredGuest { key, again, gives_way })
    }

    fn guest(&self, guest: NewGuest, name: Username, address: IpAddr, now: Instant, since: SystemTime) -> Box<Client> {
        let active = guest.stays();
        // It asks for guests alone, and never where anybody else is.
        let view = Viewpoint::ThisMachine;
        let client =
            NewClient { name, from: guest.from, view, since, presence: Arc::default(), mailbox: guest.mailbox };
        let mut client = self.client(client, address, now);
        client.port = Some(guest.port);
        client.active = active;
        client.files = Arc::new(guest.files);
        client.guest = Some(guest.dialect);
        client.spelling = Some(guest.spelling.into());
        client
    }

    /// Takes the guest of this name out, and gives it.
    pub fn evict_guest(&self, name: &Username) -> Option<ClientSnapshot> {
        let mut clients = self.lock();
        clients.get(name).filter(|client| client.guest.is_some())?;
        clients.remove(name).map(|client| client.snapshot())
    }

    /// Counts a message for every query guest of this address: their connections do not tell them apart.
    pub fn count_guests_message(&self, dialect: Dialect, from: IpAddr) {
        let mut clients = self.lock();
        let is_meant = |client: &Client| client.guest == Some(dialect) && client.address == from;
        clients.change_guests(is_meant, |client| client.messages = client.messages.saturating_add(1));
    }

    /// The active guest whom that dialect calls so.
    pub fn find_guest(&self, spelling: &str, dialect: Dialect) -> Option<(SessionKey, ClientSnapshot)> {
        let clients = self.lock();
        let meant = clients.guests().find(|client| client.active && client.is_guest_called(spelling, dialect));
        meant.map(|client| (client.key(), client.snapshot()))
    }

    /// The guests of a dialect whose sessions are on this server.
    pub fn guests(&self, dialect: Dialect) -> Vec<(SessionKey, ClientSnapshot)> {
        let clients = self.lock();
        let guests = clients.guests_here().filter(|client| client.guest == Some(dialect));
        guests.map(|client| (client.key(), client.snapshot())).collect()
    }
}

impl NewGuest {
    /// Whether its entry outlives the connection.
    fn stays(&self) -> bool {
        self.dialect == Dialect::Query
    }
}

impl Client {
    /// Names that differ only in case are the same, as usernames are.
    fn is_guest_called(&self, spelling: &str, dialect: Dialect) -> bool {
        let own = self.spelling.as_deref().filter(|_| self.guest == Some(dialect));
        own.is_some_and(|own| own.eq_ignore_ascii_case(spelling))
    }

    fn origin(&self) -> Origin {
        Origin::of(self.source.ip())
    }
}

/// Makes room for one more guest; gives the one that gives way for it.
fn make_room(
    clients: &mut Clients,
    from: IpAddr,
    share: GuestShare,
) -> Result<Option<Box<ClientSnapshot>>, NotEntered> {
    let mut count: HashMap<Origin, usize> = HashMap::new();
    for guest in clients.guests_here() {
        *count.entry(guest.origin()).or_default() += 1;
    }
    let own = count.get(&Origin::of(from)).copied().unwrap_or_default();
    let limit = share.per_address.of(from);
    if own >= limit {
        return Err(NotEntered::TooMany(limit));
    }
    if count.values().sum::<usize>() < share.all {
        return Ok(None);
    }
    let most = count.values().copied().max().filter(|most| *most > own + 1).ok_or(NotEntered::Full(share.all))?;
    let of_most = clients.guests_here().filter(|one| count.get(&one.origin()) == Some(&most));
    let oldest = of_most.min_by_key(|client| client.id).map(|client| client.name.clone());
    Ok(oldest.and_then(|name| clients.remove(&name)).map(|client| Box::new(client.snapshot())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::PerAddress;
    use crate::server::delivery::Nobody;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::time::Duration;

    /// A house with room for six guests, two of each public address.
    const SHARE: GuestShare = GuestShare { all: 6, per_address: PerAddress { public: 2, private: 6 } };

    fn native(name: &str) -> NewClient {
        let name = name.parse().expect("valid");
        let view = Viewpoint::ThisMachine;
        NewClient {
            name,
            from: ([10, 0, 0, 7], 50_000).into(),
            view,
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    fn guest(dialect: Dialect, name: &str, observed: [u8; 4], port: u16) -> NewGuest {
        let from = (observed, 50_000).into();
        NewGuest {
            dialect,
            spelling: name.to_owned(),
            from,
            port,
            files: FileNames::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    /// Enters a guest under the nearest names.
    fn enter(clients: &ClientMap, guest: NewGuest) -> Result<EnteredGuest, NotEntered> {
        let names: Vec<Username> = match guest.spelling.parse() {
            Ok(name) => vec![name],
            Err(_) => (1..4).map(|number| Username::nearest(&guest.spelling, number)).collect(),
        };
        clients.enter_guest(guest, &names, SHARE, Instant::now(), SystemTime::UNIX_EPOCH)
    }

    fn packet(clients: &ClientMap, name: &str) -> Result<EnteredGuest, NotEntered> {
        enter(clients, guest(Dialect::Packet, name, [127, 0, 0, 1], 12000))
    }

    /// Each query guest has a port of its own.
    fn query(clients: &ClientMap, name: &str, observed: [u8; 4]) -> Result<EnteredGuest, NotEntered> {
        let port = 5000 + name.bytes().map(u16::from).sum::<u16>();
        enter(clients, guest(Dialect::Query, name, observed, port))
    }

    fn refused(entered: Result<EnteredGuest, NotEntered>) -> Option<NotEntered> {
        entered.err()
    }

    fn names(clients: &ClientMap) -> Vec<String> {
        let mut names: Vec<String> = clients.lock().keys().map(Username::to_string).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_guest_takes_nobodys_name() {
        let clients = ClientMap::default();
        let (alice, _) = clients.enter(native("alice"), Instant::now());
        assert_eq!(refused(packet(&clients, "Alice")), Some(NotEntered::Taken));
        assert_eq!(refused(query(&clients, "ALICE", [10, 0, 0, 7])), Some(NotEntered::Taken));
        clients.leave(&alice);
        let key = packet(&clients, "alice").expect("free now").key;
        assert!(clients.active().is_empty(), "inactive at first");
        assert_eq!(
            refused(query(&clients, "alice", [127, 0, 0, 1])),
            Some(NotEntered::Taken),
            "another dialect's guest"
        );
        assert!(clients.set_active(&key, true));
        assert_eq!(clients.active()[0].seen_from(key.view), (key.address, 12000).into());
    }

    #[test]
    fn a_guest_goes_when_its_name_becomes_an_accounts() {
        let clients = ClientMap::default();
        assert!(query(&clients, "bob", [127, 0, 0, 1]).is_ok());
        let (alice, _) = clients.enter(native("alice"), Instant::now());
        assert!(clients.evict_guest(&"Bob".parse().expect("valid")).is_some());
        assert!(clients.evict_guest(&alice.name).is_none(), "alice is no guest");
        assert_eq!(names(&clients), ["alice"]);
    }

    #[test]
    fn a_visitor_comes_again_from_its_own_address_only() {
        let clients = ClientMap::default();
        let old = query(&clients, "bob", [127, 0, 0, 1]).expect("free");
        assert!(!old.again && old.key.address.is_loopback());
        assert_eq!(refused(query(&clients, "bob", [10, 0, 0, 9])), Some(NotEntered::Taken), "another address");
        assert!(query(&clients, "bob", [127, 0, 0, 1]).is_ok_and(|entered| entered.again), "the same address");
        clients.leave(&old.key);
        assert_eq!(names(&clients), ["bob"], "an old key removes nothing");
        // Two programs cannot listen on one port: the older one has crashed, and nobody else would notice.
        let port = clients.lock().values().next().and_then(|bob| bob.port).expect("a port");
        assert!(
            enter(&clients, guest(Dialect::Query, "bobby", [127, 0, 0, 1], port)).is_ok_and(|entered| !entered.again)
        );
        assert_eq!(names(&clients), ["bobby"]);
    }

    #[test]
    fn a_name_in_a_dialects_own_spelling_is_shown_elsewhere_as_the_nearest() {
        let clients = ClientMap::default();
        clients.enter(native("my-user-2"), Instant::now());
        let first = query(&clients, "my_user", [127, 0, 0, 1]).expect("free").key;
        let other = packet(&clients, "my_user").expect("free in this dialect").key;
        assert_eq!((first.name.as_str(), other.name.as_str()), ("my-user", "my-user-3"));
        clients.set_active(&other, true);
        let seen = |dialect| {
            let active = clients.active();
            active.iter().map(|client| client.name_in(dialect).to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(seen(Dialect::Query), "my_user my-user-2 my-user-3");
        assert_eq!(seen(Dialect::Packet), "my-user my-user-2 my_user");
        let found = |name, dialect| clients.find_guest(name, dialect).map(|(key, _)| key);
        assert_eq!(found("my_user", Dialect::Query), Some(first.clone()));
        assert_eq!(found("MY_USER", Dialect::Packet), Some(other));
        assert_eq!(found("my-user", Dialect::Query), None);
        let again = query(&clients, "my_user", [127, 0, 0, 1]).expect("its own");
        assert_eq!((again.again, again.key.name), (true, first.name));
        assert_eq!(refused(query(&clients, "My_User", [10, 0, 0, 9])), Some(NotEntered::Taken));
    }

    #[test]
    fn an_address_that_has_many_guests_gives_way_to_another() {
        let clients = ClientMap::default();
        for number in 0..6 {
            assert!(query(&clients, &format!("g{number}"), [127, 0, 0, 1]).is_ok());
        }
        assert_eq!(refused(query(&clients, "g6", [127, 0, 0, 1])), Some(NotEntered::TooMany(6)));
        assert_eq!(refused(packet(&clients, "g6")), Some(NotEntered::TooMany(6)), "both dialects together");
        for number in 0..3 {
            let entered = query(&clients, &format!("h{number}"), [10, 0, 0, 9]);
            assert!(entered.is_ok_and(|entered| entered.gives_way.is_some()));
        }
        assert_eq!(names(&clients), ["g3", "g4", "g5", "h0", "h1", "h2"], "the oldest went");
        assert_eq!(refused(query(&clients, "h3", [10, 0, 0, 9])), Some(NotEntered::Full(6)), "no more than the other");
        assert!(query(&clients, "i0", [192, 0, 2, 1]).is_ok());
        assert!(query(&clients, "i1", [192, 0, 2, 1]).is_ok());
        assert_eq!(refused(query(&clients, "i2", [192, 0, 2, 1])), Some(NotEntered::TooMany(2)), "a public address");
        assert!(query(&clients, "h2", [10, 0, 0, 9]).is_ok_and(|entered| entered.again), "no newcomer");
    }

    #[test]
    fn guests_who_say_nothing_are_taken_out() {
        const IDLE: Duration = Duration::from_secs(1800);
        let clients = ClientMap::default();
        let now = Instant::now();
        let silent = packet(&clients, "silent").expect("free");
        let talks = packet(&clients, "talks").expect("free");
        assert!(query(&clients, "near", [127, 0, 0, 1]).is_ok());
        assert!(query(&clients, "far", [10, 0, 0, 9]).is_ok());
        for _ in 0..2 {
            clients.count_message(&talks.key);
            clients.count_guests_message(Dialect::Query, [10, 0, 0, 9].into());
        }
        assert!(clients.sweep(IDLE, now + IDLE / 2).close.is_empty());
        let sweep = clients.sweep(IDLE, now + IDLE * 2);
        assert_eq!(sweep.close.len(), 2);
        assert_eq!(names(&clients), ["far", "talks"]);
        clients.leave(&silent.key);
        assert_eq!(names(&clients), ["far", "talks"], "its session ends, and finds nothing to take out");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever comes and goes, in whatever way: what is counted is what a walk through all finds.
        #[test]
        fn what_is_counted_is_what_a_walk_finds(
            steps in prop::collection::vec((0u8..8, 0usize..5, 0usize..3, any::<prop::sample::Index>()), 1..100),
        ) {
            let (clients, mut now) = (ClientMap::default(), Instant::now());
            let (mut keys, mut seen) = (Vec::new(), HashSet::new());
            for (act, who, host, some) in steps {
                let name = ["alice", "ALICE", "bob", "carol", "dave"][who];
                let from = [[127, 0, 0, 1], [127, 0, 0, 3], [10, 0, 0, 9]][host];
                match act {
                    0 | 1 => {
                        let client = NewClient { from: (from, 50_000).into(), ..native(name) };
                        keys.push(clients.enter(client, now).0);
                    }
                    2 => keys.extend(packet(&clients, name).ok().map(|entered| entered.key)),
                    3 => keys.extend(query(&clients, name, from).ok().map(|entered| entered.key)),
                    4 if !keys.is_empty() => clients.leave(&keys.swap_remove(some.index(keys.len()))),
                    5 => drop(clients.evict_guest(&name.parse().expect("a name"))),
                    6 => {
                        now += Duration::from_secs(1000);
                        clients.sweep(Duration::from_secs(1800), now);
                    }
                    _ => {
                        for key in &keys {
                            clients.set_active(key, host > 0);
                        }
                    }
                }
                let counted = clients.audience();
                let table = clients.lock();
                prop_assert_eq!(counted, table.values().filter(|client| client.guest.is_none()).count());
                let guests: HashSet<u64> = table.guests().map(|guest| guest.id).collect();
                let found = table.values().filter(|client| client.guest.is_some());
                prop_assert_eq!(guests, found.map(|client| client.id).collect::<HashSet<u64>>());
                seen.extend(table.values().map(|client| client.address).filter(IpAddr::is_loopback));
                for address in &seen {
                    prop_assert_eq!(table.is_taken(*address), table.values().any(|client| client.address == *address));
                }
            }
        }
    }
}
