//! Guests in the client map: clients of the dialects that know no password.
//!
//! They stand among all others, and never take anybody's place.

use super::{Arrival, Client, Listed, Roster, Seat};
use crate::value::Username;
use std::sync::Arc;
use std::time::Instant;

/// What a guest without a lasting connection says about itself.
pub struct Visit {
    /// Who comes, and from where: others find it there, loopback or not.
    pub arrival: Arrival,
    /// The port on which it listens for peers.
    pub port: u16,
    /// The names of its files.
    pub files: Vec<String>,
}

/// A guest's place in the map.
#[derive(Debug)]
pub struct Entered {
    /// Its own.
    pub seat: Seat,
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

impl Roster {
    /// Enters a guest who has an address of its own on loopback, listens on `port` there, and is inactive until it
    /// says otherwise.
    ///
    /// # Errors
    /// [`NotEntered::Taken`].
    pub fn enter_guest(&self, arrival: Arrival, port: u16, now: Instant) -> Result<Entered, NotEntered> {
        let mut clients = self.lock();
        if clients.contains_key(&arrival.name) {
            return Err(NotEntered::Taken);
        }
        let address = self.address_for(&arrival, &clients);
        let client = Client { port: Some(port), active: false, ..self.client(arrival, address, now) };
        let seat = client.seat();
        clients.insert(seat.name.clone(), client);
        Ok(Entered { seat, again: false })
    }

    /// Enters a guest who stays listed when its connection ends, or replaces its entry when it came from the same
    /// address before.
    ///
    /// # Errors
    /// [`NotEntered::Full`] when there are `max` guests of its dialect.
    pub fn enter_visitor(&self, visit: Visit, max: usize, now: Instant) -> Result<Entered, NotEntered> {
        let Visit { arrival, port, files } = visit;
        let (dialect, address) = (arrival.guest, arrival.from.ip());
        let mut clients = self.lock();
        let older = clients.get(&arrival.name);
        match older {
            Some(older) if older.guest.is_some() && older.guest == dialect && older.address == address => {}
            Some(_) => return Err(NotEntered::Taken),
            None if clients.values().filter(|client| client.guest == dialect).count() < max => {}
            None => return Err(NotEntered::Full),
        }
        let again = older.is_some();
        let client = Client { port: Some(port), files: Arc::new(files), ..self.client(arrival, address, now) };
        let seat = client.seat();
        clients.insert(seat.name.clone(), client);
        Ok(Entered { seat, again })
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
    pub fn guests(&self, dialect: &str) -> Vec<(Seat, Listed)> {
        let clients = self.lock();
        let guests = clients.values().filter(|client| client.guest == Some(dialect));
        guests.map(|client| (client.seat(), client.listed())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arrival;
    use super::*;

    fn guest(name: &str, observed: [u8; 4], dialect: &'static str) -> Arrival {
        Arrival { guest: Some(dialect), ..arrival(name, observed) }
    }

    fn visit(name: &str, observed: [u8; 4]) -> Visit {
        Visit { arrival: guest(name, observed, "query"), port: 5000, files: vec!["a.txt".to_owned()] }
    }

    #[test]
    fn a_guest_takes_nobodys_name() {
        let roster = Roster::default();
        let now = Instant::now();
        let (alice, _) = roster.enter(arrival("alice", [10, 0, 0, 7]), now);
        let enter = |name| roster.enter_guest(guest(name, [127, 0, 0, 1], "packet"), 12000, now);
        assert_eq!(enter("Alice").expect_err("online"), NotEntered::Taken);
        assert!(roster.enter_visitor(visit("ALICE", [10, 0, 0, 7]), 9, now).is_err());
        roster.leave(&alice);
        let seat = enter("alice").expect("free now").seat;
        assert!(roster.is_guest(&seat.name) && roster.active().is_empty(), "inactive at first");
        assert!(roster.enter_visitor(visit("alice", [127, 0, 0, 1]), 9, now).is_err(), "another dialect's guest");
        assert!(roster.set_active(&seat, true));
        assert_eq!(roster.active()[0].socket(), (seat.address, 12000).into());
    }

    #[test]
    fn a_guest_goes_when_its_name_becomes_an_accounts() {
        let roster = Roster::default();
        let now = Instant::now();
        roster.enter_visitor(visit("bob", [127, 0, 0, 1]), 2, now).expect("free");
        let (alice, _) = roster.enter(arrival("alice", [10, 0, 0, 7]), now);
        roster.evict_guest(&"Bob".parse().expect("valid"));
        roster.evict_guest(&alice.name);
        assert!(roster.guests("query").is_empty());
        assert_eq!(roster.active().len(), 1, "alice is no guest");
    }

    #[test]
    fn a_visitor_comes_again_from_its_own_address_only() {
        let roster = Roster::default();
        let now = Instant::now();
        let enter = |name, observed| roster.enter_visitor(visit(name, observed), 2, now);
        let old = enter("bob", [127, 0, 0, 1]).expect("free");
        assert!(!old.again && old.seat.address.is_loopback());
        assert_eq!(enter("bob", [10, 0, 0, 9]).expect_err("another address"), NotEntered::Taken);
        assert!(enter("bob", [127, 0, 0, 1]).expect("the same address").again);
        roster.leave(&old.seat);
        assert_eq!(roster.guests("query").len(), 1, "an old seat removes nothing");
        assert!(enter("carol", [127, 0, 0, 1]).is_ok());
        assert_eq!(enter("dave", [127, 0, 0, 1]).expect_err("there is room for two"), NotEntered::Full);
        assert_eq!(roster.guests("packet").len(), 0);
    }
}
