//! Where the servers of the house are, as clients are told: of each the port that is like the one that they came by, and their own
//! server first. A session by TLS hears of no port in the clear.

use super::life::Life;
use super::state::{Shared, lock};
use crate::protocol::{Event, MAX_SERVERS, ServerList};
use crate::server::delivery::{Mailbox, Parcel};
use crate::server::shared::{Alive, Member};
use crate::value::Fingerprint;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The longest time between two looks, where nothing changes.
const LOOK: Duration = Duration::from_secs(3600);

/// A server, and under TLS the key that it has.
type At = (SocketAddr, Option<Fingerprint>);

/// What a client hears of these servers: each once, the first ones where they are too many.
fn told(servers: impl IntoIterator<Item = At>) -> Vec<Event> {
    let (mut addresses, mut events) = (Vec::new(), Vec::new());
    for (address, key) in servers.into_iter().filter(|(address, _)| address.port() != 0) {
        if addresses.len() < MAX_SERVERS && !addresses.contains(&address) {
            addresses.push(address);
            events.extend(key.map(|key| Event::ServerKey { server: address, key }));
        }
    }
    // Nothing where there is none.
    events.extend(ServerList::new(addresses).map(Event::Servers));
    events
}

/// The others, from the one behind this on: of many servers, each tells of others.
fn others<'a>(alive: &'a [Alive], own: &Member) -> impl Iterator<Item = &'a Alive> {
    let behind = alive.partition_point(|server| server.member.server <= own.server);
    let (before, after) = alive.split_at(behind);
    after.iter().chain(before).filter(|server| server.member.server != own.server)
}

impl Shared {
    /// Where clients of other machines reach this server in the clear, if that is one address.
    pub(super) fn in_the_clear(&self) -> Option<SocketAddr> {
        let (at, ports) = (self.about.address?, self.ports.get()?);
        let port = if at.port() == 0 { ports.clear } else { at.port() };
        Some(SocketAddr::new(at.ip(), port)).filter(|at| !self.about.no_plain || at.ip().is_loopback())
    }

    /// The same by TLS, with its key.
    pub(super) fn by_tls(&self) -> Option<(SocketAddr, Fingerprint)> {
        let (port, key) = self.ports.get()?.tls?;
        Some((SocketAddr::new(self.about.address?.ip(), port), key))
    }

    /// What a client hears that has `reached` this server there, when these are alive.
    pub(super) fn told_of(&self, alive: &[Alive], reached: SocketAddr, is_encrypted: bool) -> Vec<Event> {
        let own = self.life().who.clone();
        if !is_encrypted {
            let itself = self.in_the_clear().unwrap_or(reached);
            let clear = others(alive, &own).filter_map(|server| server.address);
            return told(std::iter::once(itself).chain(clear).map(|address| (address, None)));
        }
        let Some((_, key)) = self.ports.get().and_then(|ports| ports.tls) else { return Vec::new() };
        let itself = self.by_tls().map_or(reached, |(address, _)| address);
        let by_tls = others(alive, &own).filter_map(|server| server.tls.zip(server.key));
        told(std::iter::once((itself, key)).chain(by_tls).map(|(address, key)| (address, Some(key))))
    }

    /// These servers are alive now.
    pub(super) fn set_alive(&self, servers: Vec<Alive>) {
        let before = std::mem::replace(&mut *lock(&self.alive), servers.clone());
        if before != servers {
            self.changed.wake();
        }
    }

    /// Tells the clients here where the servers are when that has changed, until the life ends; first it was as in `alive`. It
    /// is a thread of its own, as 15,000 clients may take longer than a lease lasts.
    pub(super) fn tell_servers(&self, life: &Life, mut alive: Vec<Alive>) {
        while !life.has_ended() {
            let now = lock(&self.alive).clone();
            if now != alive {
                self.tell_change(&alive, &now);
                alive = now;
            }
            self.changed.wait(Instant::now() + LOOK);
        }
    }

    /// Each of those who hear something else than before.
    fn tell_change(&self, before: &[Alive], now: &[Alive]) {
        let mut parcels: HashMap<(SocketAddr, bool), Option<Parcel>> = HashMap::new();
        for mailbox in self.clients.mailboxes_here() {
            let Some(reached) = mailbox.reached() else { continue };
            let is_encrypted = mailbox.is_encrypted();
            let parcel = parcels.entry((reached, is_encrypted)).or_insert_with(|| {
                let told = self.told_of(now, reached, is_encrypted);
                (told != self.told_of(before, reached, is_encrypted)).then(|| told.into())
            });
            if let Some(parcel) = parcel {
                mailbox.deliver(parcel);
            }
        }
    }

    /// What a session hears with its login.
    pub(super) fn told_to(&self, to: &dyn Mailbox) -> Vec<Event> {
        let alive = lock(&self.alive).clone();
        to.reached().map(|reached| self.told_of(&alive, reached, to.is_encrypted())).unwrap_or_default()
    }

    /// Where the clients of a server's own machine are found from elsewhere.
    pub(super) fn host_of(&self, at: &Member) -> Option<IpAddr> {
        let alive = lock(&self.alive);
        let server = alive.iter().find(|alive| alive.member == *at)?;
        server.address.or(server.tls).map(|address| address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(number: u8) -> Alive {
        let member = Member { server: format!("s{number:02}").parse().expect("a name"), generation: 1 };
        let at = |port| Some(SocketAddr::from(([10, 0, 0, number], port)));
        let (tls, key) = (at(4403), Some(Fingerprint([number; 32])));
        Alive { member, number, address: at(4400), tls, key }
    }

    #[test]
    fn each_server_tells_of_those_behind_it_first() {
        let all: Vec<Alive> = (1..=4).map(alive).collect();
        let names = |own: u8| others(&all, &alive(own).member).map(|server| server.number).collect::<Vec<_>>();
        assert_eq!([1, 3, 4].map(names), [vec![2, 3, 4], vec![4, 1, 2], vec![1, 2, 3]]);
        assert_eq!(names(9), [1, 2, 3, 4], "one that is not among them");
    }

    #[test]
    fn a_list_has_each_once_16_at_most_and_keys_for_those_that_are_in_it() {
        let clear = |servers: &[Alive]| told(servers.iter().map(|server| (server.address.expect("there"), None)));
        assert_eq!(clear(&[]), []);
        let two: ServerList = "10.0.0.2:4400,10.0.0.1:4400".parse().expect("a list");
        assert_eq!(clear(&[alive(2), alive(1), alive(2)]), [Event::Servers(two)]);
        let unbound = Alive { address: Some(([10, 0, 0, 9], 0).into()), ..alive(9) };
        assert_eq!(clear(&[unbound]), []);
        let many: Vec<Alive> = (1..=20).map(alive).collect();
        let events = told(many.iter().map(|server| (server.tls.expect("there"), server.key)));
        assert_eq!(events.len(), 17);
        assert_eq!(events[15], Event::ServerKey { server: ([10, 0, 0, 16], 4403).into(), key: Fingerprint([16; 32]) });
        assert!(matches!(&events[16], Event::Servers(list) if list.addresses().len() == 16));
    }
}
