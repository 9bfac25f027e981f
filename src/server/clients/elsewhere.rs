//! The map of a server that shares a house: whom it shows is what the house tells, in the order in which it took them in,
//! also of sessions of this server. So every server shows the same.
//!
//! A session is set aside until the house's news say that it has come in. One whose name another session has taken over, here
//! or elsewhere, is set aside too, until it ends: whoever is to tell it so finds it there.

use super::client_map::{ClientMap, ClientSnapshot, NewClient, SessionKey};
use super::table::Client;
use super::viewpoint::Viewpoint;
use super::whereabouts::{Elsewhere, Whereabouts};
use crate::dialect::Dialect;
use crate::server::delivery::Mailbox;
use crate::value::{ServerName, Username};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

/// A client of another server.
pub struct OnAnother {
    /// Its name.
    pub name: Username,
    /// Where its session is.
    pub at: Elsewhere,
    /// Where clients of this server find it; see [`ClientSnapshot::address`].
    pub address: IpAddr,
    /// The port on which it listens there.
    pub port: Option<u16>,
    /// See [`ClientSnapshot::reach`].
    pub reach: Option<u16>,
    /// The other end of its connection.
    pub source: SocketAddr,
    /// Whether it is listed.
    pub active: bool,
    /// It does not want to be disturbed.
    pub dnd: bool,
    /// The dialect of a guest.
    pub guest: Option<Dialect>,
    /// A guest's name as its dialect spells it.
    pub spelling: Option<String>,
    /// Since when it is logged in.
    pub since: SystemTime,
}

impl ClientMap {
    /// Enters a client of another server, or changes its entry. A session of this server that has the name is set aside.
    pub fn enter_on_another(&self, client: OnAnother, now: Instant) {
        let mut clients = self.lock();
        let is_same = |entry: &Client| matches!(&entry.whereabouts, Whereabouts::There(at) if **at == client.at);
        let id = clients.get(&client.name).filter(|entry| is_same(entry)).map(|entry| entry.id);
        let entry = Box::new(Client {
            id: id.unwrap_or_else(|| self.next_id.fetch_add(1, Ordering::Relaxed)),
            name: client.name,
            address: client.address,
            link: None,
            source: client.source,
            port: client.port,
            reach: client.reach,
            view: Viewpoint::ThisMachine,
            active: client.active,
            dnd: client.dnd,
            since: client.since,
            joined: now,
            messages: 0,
            warned: false,
            closing: false,
            files: Arc::clone(&self.no_files),
            guest: client.guest,
            spelling: client.spelling.map(Arc::from),
            whereabouts: Whereabouts::There(Arc::new(client.at)),
        });
        let older = clients.insert(entry);
        if let Some(older) = older.filter(|older| older.is_here()) {
            clients.aside.insert(older.id, older);
        }
    }

    /// Takes a session of another server out, unless the name is somebody else's by now.
    pub fn leave_another(&self, name: &Username, server: &ServerName, generation: u64, session: u64) {
        let mut clients = self.lock();
        let is_meant = |entry: &Client| {
            matches!(&entry.whereabouts, Whereabouts::There(there)
                if (&there.server, there.generation, there.session) == (server, generation, session))
        };
        if clients.get(name).is_some_and(|entry| is_meant(entry)) {
            clients.remove(name);
        }
    }

    /// Takes out all clients of other servers that are not `meant` to stay.
    pub fn keep_on_others(&self, is_meant: impl Fn(&Username, &Elsewhere) -> bool) {
        let mut clients = self.lock();
        let gone: Vec<Username> = clients
            .values()
            .filter(|client| matches!(&client.whereabouts, Whereabouts::There(at) if !is_meant(&client.name, at)))
            .map(|client| client.name.clone())
            .collect();
        gone.iter().for_each(|name| drop(clients.remove(name)));
    }

    /// Sets a client aside that is about to come into the house.
    pub fn prepare(&self, client: NewClient, now: Instant) -> SessionKey {
        let mut clients = self.lock();
        let address = self.address_for(client.from.ip(), &clients);
        let entry = self.client(client, address, now);
        let key = entry.key();
        clients.aside.insert(entry.id, entry);
        key
    }

    /// Nobody is in the house any more: takes out who is elsewhere, and the guests here. Gives how to reach all sessions of
    /// this server.
    pub fn all_out(&self) -> Vec<Arc<dyn Mailbox>> {
        self.keep_on_others(|_, _| false);
        self.here_out()
    }

    /// Everybody here is to go: takes out the guests, who may have no connection. Gives how to reach all sessions of this
    /// server, which end by themselves.
    pub fn here_out(&self) -> Vec<Arc<dyn Mailbox>> {
        let mut clients = self.lock();
        let aside = clients.aside.values().filter_map(|client| client.mailbox().cloned());
        let mailboxes = clients.here().filter_map(|client| client.mailbox().cloned()).chain(aside).collect();
        clients.remove_guests(|_| true);
        clients.aside.retain(|_, client| client.guest.is_none());
        mailboxes
    }

    /// The house has taken in a session of this server: it is the one that has the name. Another one that had it is set
    /// aside.
    pub fn confirm(&self, name: &Username, id: u64) {
        let mut clients = self.lock();
        if let Some(entry) = clients.aside.remove(&id).filter(|entry| entry.name == *name) {
            let older = clients.insert(entry);
            if let Some(older) = older.filter(|older| older.is_here()) {
                clients.aside.insert(older.id, older);
            }
        }
    }

    /// Which of these sessions of this server have ended.
    pub fn ended<'a>(&self, sessions: impl IntoIterator<Item = (&'a Username, u64)>) -> Vec<(Username, u64)> {
        let clients = self.lock();
        let is_here = |name: &Username, id: u64| {
            clients.aside.contains_key(&id) || clients.get(name).is_some_and(|entry| entry.id == id)
        };
        let ended = sessions.into_iter().filter(|(name, id)| !is_here(name, *id));
        ended.map(|(name, id)| (name.clone(), id)).collect()
    }

    /// Undoes a change that the house did not take.
    pub fn put_back(&self, before: ClientSnapshot) {
        let is_meant = |entry: &Client| entry.id == before.id;
        self.lock().change_seen(&before.name, is_meant, |entry| {
            (entry.port, entry.reach, entry.active, entry.dnd) = (before.port, before.reach, before.active, before.dnd);
            entry.files = before.files;
        });
    }

    /// The session of this server with this number, also when its name is somebody else's by now.
    pub fn session(&self, name: &Username, id: u64) -> Option<ClientSnapshot> {
        let clients = self.lock();
        let entry = clients.get(name).map(|entry| &**entry).filter(|entry| entry.id == id && entry.is_here());
        entry.or_else(|| clients.aside.get(&id).map(|entry| &**entry)).map(Client::snapshot)
    }

    /// From now on clients of this machine get addresses of 127.NUMBER.0.0/16: each server of a machine draws from its own.
    pub fn draw_from(&self, number: u8) {
        self.loopback.draw_from(number);
    }
}

/// What the house is told of a client.
impl ClientSnapshot {
    /// A guest's name as its dialect spells it.
    pub fn spelling(&self) -> Option<&str> {
        self.spelling.as_deref()
    }

    /// Where its session is.
    pub fn whereabouts(&self) -> &Whereabouts {
        &self.whereabouts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clients::{Change, FileNames};
    use crate::server::delivery::Nobody;
    use std::time::Duration;

    fn prepare(clients: &ClientMap, name: &str) -> SessionKey {
        let client = NewClient {
            name: name.parse().expect("a name"),
            from: ([10, 0, 0, 7], 50_000).into(),
            view: Viewpoint::ThisMachine,
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        };
        clients.prepare(client, Instant::now())
    }

    fn enter_here(clients: &ClientMap, name: &str) -> SessionKey {
        let key = prepare(clients, name);
        clients.confirm(&key.name, key.id);
        key
    }

    fn on_another(name: &str, server: &str, session: u64) -> OnAnother {
        OnAnother {
            name: name.parse().expect("a name"),
            at: Elsewhere {
                server: server.parse().expect("a name"),
                generation: 1,
                session,
                is_encrypted: false,
                key: None,
            },
            address: [10, 0, 0, 8].into(),
            port: Some(4401),
            reach: None,
            source: ([10, 0, 0, 8], 50_000).into(),
            active: true,
            dnd: false,
            guest: None,
            spelling: None,
            since: SystemTime::UNIX_EPOCH,
        }
    }

    fn listed(clients: &ClientMap) -> Vec<String> {
        let all = clients.list(Viewpoint::ThisMachine);
        all.into_iter().map(|client| format!("{} {}", client.name, client.address)).collect()
    }

    #[test]
    fn whoever_is_elsewhere_is_listed_and_counts_and_is_nobodys_to_close() {
        let clients = ClientMap::default();
        enter_here(&clients, "alice");
        clients.enter_on_another(on_another("bob", "s2", 1), Instant::now());
        assert_eq!(listed(&clients), ["alice 10.0.0.7:0", "bob 10.0.0.8:4401"]);
        assert_eq!((clients.audience(), clients.count_here(), clients.mailboxes_here().len()), (2, 1, 1));
        let sweep = clients.sweep(Duration::from_secs(1), Instant::now() + Duration::from_secs(2));
        assert_eq!(sweep.close.len(), 1, "bob is closed by his own server");
        let bob: Username = "bob".parse().expect("a name");
        let s2 = on_another("bob", "s2", 1).at.server;
        clients.leave_another(&bob, &s2, 1, 2);
        assert_eq!(listed(&clients).len(), 2, "another session");
        clients.enter_on_another(OnAnother { port: Some(9), ..on_another("bob", "s2", 1) }, Instant::now());
        assert_eq!(listed(&clients)[1], "bob 10.0.0.8:9");
        clients.leave_another(&bob, &s2, 1, 1);
        assert_eq!(listed(&clients), ["alice 10.0.0.7:0"]);
    }

    #[test]
    fn a_session_whose_name_was_taken_over_is_found_until_it_ends_and_comes_back_when_it_was_the_later_one() {
        let clients = ClientMap::default();
        let key = enter_here(&clients, "alice");
        for is_later in [true, false] {
            clients.enter_on_another(on_another("Alice", "s2", 1), Instant::now());
            assert_eq!(listed(&clients), ["Alice 10.0.0.8:4401"]);
            assert!(clients.session(&key.name, key.id).is_some_and(|session| session.presence().is_some()));
            if is_later {
                // The news of its own entry come behind those of the other.
                clients.confirm(&key.name, key.id);
                assert_eq!(listed(&clients), ["alice 10.0.0.7:0"]);
            }
        }
        clients.leave(&key);
        assert!(clients.session(&key.name, key.id).is_none());
        assert_eq!(listed(&clients), ["Alice 10.0.0.8:4401"], "it is not its entry");
    }

    #[test]
    fn a_session_is_shown_when_the_house_has_it_and_found_before_and_behind_that() {
        let clients = ClientMap::default();
        let first = enter_here(&clients, "alice");
        let second = prepare(&clients, "alice");
        let found = |key: &SessionKey| clients.session(&key.name, key.id).is_some();
        let shown = || clients.find_any(&first.name).expect("shown").id;
        assert_eq!((shown(), found(&first), found(&second)), (first.id, true, true));
        clients.confirm(&second.name, second.id);
        assert_eq!((shown(), found(&first), found(&second)), (second.id, true, true));
        let ended = || clients.ended([(&first.name, first.id), (&second.name, second.id)]);
        assert_eq!(ended(), []);
        clients.leave(&first);
        assert_eq!((shown(), ended()), (second.id, vec![(first.name.clone(), first.id)]));
        clients.leave(&second);
        assert_eq!(ended().len(), 2);
    }

    #[test]
    fn all_are_reached_when_the_house_is_left_also_who_is_aside() {
        let clients = ClientMap::default();
        let (alice, bob) = (enter_here(&clients, "alice"), prepare(&clients, "bob"));
        clients.enter_on_another(on_another("Alice", "s2", 1), Instant::now());
        clients.enter_on_another(on_another("carol", "s2", 2), Instant::now());
        assert_eq!((clients.all_out().len(), listed(&clients)), (2, Vec::new()));
        for key in [alice, bob] {
            assert!(clients.session(&key.name, key.id).is_some(), "it ends by itself");
            clients.leave(&key);
        }
        assert!(clients.all_out().is_empty());
    }

    #[test]
    fn a_change_is_undone() {
        let clients = ClientMap::default();
        let key = enter_here(&clients, "alice");
        let before = clients.session(&key.name, key.id).expect("here");
        assert!(clients.apply(&key, Change::Active(false)) && !clients.apply(&key, Change::Reach(9)));
        clients.apply(&key, Change::Listens { port: 4401, files: FileNames::new(["a"]).expect("few") });
        assert_eq!(listed(&clients), [""; 0]);
        clients.put_back(before);
        assert_eq!(listed(&clients), ["alice 10.0.0.7:0"]);
        assert_eq!(clients.session(&key.name, key.id).expect("here").files.len(), 0);
    }

    #[test]
    fn the_clients_of_a_server_that_died_go_together() {
        let clients = ClientMap::default();
        enter_here(&clients, "alice");
        for (name, server) in [("bob", "s2"), ("carol", "s3"), ("dave", "s2")] {
            clients.enter_on_another(on_another(name, server, 1), Instant::now());
        }
        clients.keep_on_others(|_, at| at.server.as_str() != "s2");
        assert_eq!(listed(&clients), ["alice 10.0.0.7:0", "carol 10.0.0.8:4401"]);
    }
}
