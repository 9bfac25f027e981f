//! Guests in the client map: clients of the dialects that know no password.
//!
//! They stand among all others, and never take anybody's place.

use super::{Arrival, Client, Listed, Roster, Seat};
use crate::name::Username;
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

impl Roster {
    /// Enters a guest who has an address of its own on loopback, listens on `port` there, and is inactive until it
    /// says otherwise. Nothing when the name is in use.
    pub fn enter_guest(&self, arrival: Arrival, port: u16, now: Instant) -> Option<Seat> {
        let mut clients = self.lock();
        if clients.contains_key(&arrival.name) {
            return None;
        }
        let address = self.address_for(&arrival, &clients);
        let client = Client { port: Some(port), active: false, ..self.client(arrival, address, now) };
        let seat = client.seat();
        clients.insert(seat.name.clone(), client);
        Some(seat)
    }

    /// Enters a guest who stays listed when its connection ends, or replaces its entry when it came from the same
    /// address before, which is the `true`. Nothing when the name is in use, or when there are `max` of its dialect.
    pub fn enter_visitor(&self, visit: Visit, max: usize, now: Instant) -> Option<(Seat, bool)> {
        let Visit { arrival, port, files } = visit;
        let (dialect, address) = (arrival.guest, arrival.from.ip());
        let mut clients = self.lock();
        let older = clients.get(&arrival.name);
        let allowed = match older {
            Some(older) => older.guest.is_some() && older.guest == dialect && older.address == address,
            None => clients.values().filter(|client| client.guest == dialect).count() < max,
        };
        if !allowed {
            return None;
        }
        let known = older.is_some();
        let client = Client { port: Some(port), files: Arc::new(files), ..self.client(arrival, address, now) };
        let seat = client.seat();
        clients.insert(seat.name.clone(), client);
        Some((seat, known))
    }

    /// Whether a guest has this name, active or not.
    pub fn is_guest(&self, name: &Username) -> bool {
        self.lock().get(name).is_some_and(|client| client.guest.is_some())
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
        assert!(roster.enter_guest(guest("Alice", [127, 0, 0, 1], "packet"), 12000, now).is_none());
        assert!(roster.enter_visitor(visit("ALICE", [10, 0, 0, 7]), 9, now).is_none());
        roster.leave(&alice);
        let seat = roster.enter_guest(guest("alice", [127, 0, 0, 1], "packet"), 12000, now).expect("free now");
        assert!(roster.is_guest(&seat.name) && roster.active().is_empty(), "inactive at first");
        assert!(roster.enter_visitor(visit("alice", [127, 0, 0, 1]), 9, now).is_none(), "another dialect's guest");
        assert!(roster.set_active(&seat, true));
        assert_eq!(roster.active()[0].socket(), (seat.address, 12000).into());
    }

    #[test]
    fn a_visitor_comes_again_from_its_own_address_only() {
        let roster = Roster::default();
        let now = Instant::now();
        let enter = |name, observed| roster.enter_visitor(visit(name, observed), 2, now);
        let (old, known) = enter("bob", [127, 0, 0, 1]).expect("free");
        assert!(!known && old.address.is_loopback());
        assert!(enter("bob", [10, 0, 0, 9]).is_none());
        let (_, known) = enter("bob", [127, 0, 0, 1]).expect("the same address");
        assert!(known);
        roster.leave(&old);
        assert_eq!(roster.guests("query").len(), 1, "an old seat removes nothing");
        assert!(enter("carol", [127, 0, 0, 1]).is_some());
        assert!(enter("dave", [127, 0, 0, 1]).is_none(), "there is room for two");
        assert_eq!(roster.guests("packet").len(), 0);
    }
}
