//! Guests in the client map: clients of the dialects that know no password.
//!
//! They stand among all others, and never take the place of a client that has the name already.

use super::client_map::{Client, ClientMap, ClientSnapshot, NewClient, SessionKey};
use crate::dialect::Dialect;
use crate::value::Username;
use std::sync::Arc;
use std::time::Instant;

/// What a guest without a lasting connection says about itself.
pub struct NewGuest {
    /// Its name, and where it comes from: others find it there, loopback or not.
    pub client: NewClient,
    /// The port on which it listens for peers.
    pub port: u16,
    /// The names of its files.
    pub files: Vec<String>,
}

/// A guest that was entered.
#[derive(Debug)]
pub struct EnteredGuest {
    /// Its entry.
    pub key: SessionKey,
    /// It replaces an older entry of the same guest.
    pub again: bool,
}

/// Why a guest was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEntered {
    /// The name is an account's, or that of somebody who is here.
    Taken,
    /// There are as many guests of this dialect as are let in.
    Full,
}

impl ClientMap {
    /// Enters a guest who has an address of its own on loopback, listens on `port` there, and is inactive until it
    /// says otherwise.
    ///
    /// # Errors
    /// [`NotEntered::Taken`].
    pub fn enter_guest(&self, client: NewClient, port: u16, now: Instant) -> Result<EnteredGuest, NotEntered> {
        let mut clients = self.lock();
        if clients.contains_key(&client.name) {
            return Err(NotEntered::Taken);
        }
        let address = self.address_for(&client, &clients);
        let client = Client { port: Some(port), active: false, ..self.client(client, address, now) };
        let key = client.key();
        clients.insert(key.name.clone(), client);
        Ok(EnteredGuest { key, again: false })
    }

    /// Enters a guest who stays listed when its connection ends, or replaces its entry when it came from the same
    /// address before.
    ///
    /// # Errors
    /// [`NotEntered::Full`] when there are `max` guests of its dialect.
    pub fn enter_visitor(&self, guest: NewGuest, max: usize, now: Instant) -> Result<EnteredGuest, NotEntered> {
        let NewGuest { client, port, files } = guest;
        let (dialect, address) = (client.guest, client.from.ip());
        let mut clients = self.lock();
        let older = clients.get(&client.name);
        match older {
            Some(older) if older.guest.is_some() && older.guest == dialect && older.address == address => {}
            Some(_) => return Err(NotEntered::Taken),
            None if clients.values().filter(|client| client.guest == dialect).count() < max => {}
            None => return Err(NotEntered::Full),
        }
        let again = older.is_some();
        let client = Client { port: Some(port), files: Arc::new(files), ..self.client(client, address, now) };
        let key = client.key();
        clients.insert(key.name.clone(), client);
        Ok(EnteredGuest { key, again })
    }

    /// Whether a guest has this name, active or not.
    pub fn is_guest(&self, name: &Username) -> bool {
        self.lock().get(name).is_some_and(|client| client.guest.is_some())
    }

    /// Takes the guest of this name out, whose name has become an account's; its session, if it has one, ends.
    pub fn evict_guest(&self, name: &Username) {
        let guest = {
            let mut clients = self.lock();
            let is_guest = clients.get(name).is_some_and(|client| client.guest.is_some());
            if is_guest { clients.remove(name) } else { None }
        };
        if let Some(guest) = guest {
            guest.mailbox.close();
        }
    }

    /// The guests of a dialect.
    pub fn guests(&self, dialect: Dialect) -> Vec<(SessionKey, ClientSnapshot)> {
        let clients = self.lock();
        let guests = clients.values().filter(|client| client.guest == Some(dialect));
        guests.map(|client| (client.key(), client.snapshot())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clients::Viewpoint;
    use crate::server::delivery::{Mailbox, Parcel};

    struct Nobody;

    impl Mailbox for Nobody {
        fn deliver(&self, _: &Parcel) -> bool {
            false
        }

        fn close(&self) {}
    }

    fn client(name: &str, observed: [u8; 4], guest: Option<Dialect>) -> NewClient {
        let name = name.parse().expect("valid");
        let view = Viewpoint::ThisMachine;
        NewClient { name, from: (observed, 50_000).into(), view, guest, mailbox: Arc::new(Nobody) }
    }

    fn visitor(name: &str, observed: [u8; 4]) -> NewGuest {
        NewGuest { client: client(name, observed, Some(Dialect::Query)), port: 5000, files: vec!["a.txt".to_owned()] }
    }

    #[test]
    fn a_guest_takes_nobodys_name() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let (alice, _) = clients.enter(client("alice", [10, 0, 0, 7], None), now);
        let enter = |name| clients.enter_guest(client(name, [127, 0, 0, 1], Some(Dialect::Packet)), 12000, now);
        assert_eq!(enter("Alice").expect_err("online"), NotEntered::Taken);
        assert!(clients.enter_visitor(visitor("ALICE", [10, 0, 0, 7]), 9, now).is_err());
        clients.leave(&alice);
        let key = enter("alice").expect("free now").key;
        assert!(clients.is_guest(&key.name) && clients.active().is_empty(), "inactive at first");
        assert!(clients.enter_visitor(visitor("alice", [127, 0, 0, 1]), 9, now).is_err(), "another dialect's guest");
        assert!(clients.set_active(&key, true));
        assert_eq!(clients.active()[0].seen_from(key.view), (key.address, 12000).into());
    }

    #[test]
    fn a_guest_goes_when_its_name_becomes_an_accounts() {
        let clients = ClientMap::default();
        let now = Instant::now();
        clients.enter_visitor(visitor("bob", [127, 0, 0, 1]), 2, now).expect("free");
        let (alice, _) = clients.enter(client("alice", [10, 0, 0, 7], None), now);
        clients.evict_guest(&"Bob".parse().expect("valid"));
        clients.evict_guest(&alice.name);
        assert!(clients.guests(Dialect::Query).is_empty());
        assert_eq!(clients.active().len(), 1, "alice is no guest");
    }

    #[test]
    fn a_visitor_comes_again_from_its_own_address_only() {
        let clients = ClientMap::default();
        let now = Instant::now();
        let enter = |name, observed| clients.enter_visitor(visitor(name, observed), 2, now);
        let old = enter("bob", [127, 0, 0, 1]).expect("free");
        assert!(!old.again && old.key.address.is_loopback());
        assert_eq!(enter("bob", [10, 0, 0, 9]).expect_err("another address"), NotEntered::Taken);
        assert!(enter("bob", [127, 0, 0, 1]).expect("the same address").again);
        clients.leave(&old.key);
        assert_eq!(clients.guests(Dialect::Query).len(), 1, "an old key removes nothing");
        assert!(enter("carol", [127, 0, 0, 1]).is_ok());
        assert_eq!(enter("dave", [127, 0, 0, 1]).expect_err("there is room for two"), NotEntered::Full);
        assert_eq!(clients.guests(Dialect::Packet).len(), 0);
    }
}
