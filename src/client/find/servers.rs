//! What was found: answers in, a list of servers out. It knows no socket and no clock.

use crate::protocol::{FindAnswer, ServerId};
use crate::value::{ServerName, Ticket};
use std::net::{Ipv4Addr, SocketAddr};

/// The most entries that are kept: who sees the question can answer it as often as they like.
const MAX_FOUND: usize = 256;
/// The most entries of one address, so that one liar leaves room for others. Many servers may share a machine.
const MAX_OF_ONE: usize = 32;

/// A server that was found, as it tells of itself. None of it is proven but the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is called.
    pub name: ServerName,
    /// Where it is.
    pub ip: Ipv4Addr,
    /// Its main port, where it has one for us.
    pub port: Option<u16>,
    /// Its port for TLS, where it has one for us.
    pub tls_port: Option<u16>,
    /// How many clients are logged in.
    pub clients: usize,
    /// How many it takes.
    pub max_clients: usize,
    /// What it drew at its start.
    pub id: ServerId,
    /// Whether it is on this machine.
    pub here: bool,
}

/// Where a client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The port.
    pub address: SocketAddr,
    /// The host as the person has typed it, or the address that was found.
    pub host: String,
    /// Whether that port speaks TLS.
    pub by_tls: bool,
}

/// Which ports of a server are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The one for TLS, and the one in the clear where there is no other.
    Best,
    /// The one for TLS alone.
    Tls,
    /// The one in the clear: this client has no TLS.
    Clear,
}

/// The answers to one question.
pub struct Answers {
    nonce: Ticket,
    own: Vec<Ipv4Addr>,
    found: Vec<Found>,
}

impl Found {
    /// Where a client connects to that uses these ports.
    pub fn target(&self, ports: Ports) -> Option<Target> {
        let tls = self.tls_port.filter(|_| ports != Ports::Clear).map(|port| (port, true));
        let clear = self.port.filter(|_| ports != Ports::Tls).map(|port| (port, false));
        let (port, by_tls) = tls.or(clear)?;
        Some(Target { address: SocketAddr::from((self.ip, port)), host: self.ip.to_string(), by_tls })
    }

    fn is_same_but_for_its_address(&self, other: &Found) -> bool {
        let key = |found: &Found| (found.id, found.name.clone(), found.port, found.tls_port);
        key(self) == key(other)
    }

    /// Loopback before all other addresses.
    fn preference(&self) -> (bool, Ipv4Addr) {
        (!self.ip.is_loopback(), self.ip)
    }
}

impl Answers {
    /// None yet. `own` are the addresses of this machine beside those of loopback.
    pub fn new(nonce: Ticket, own: Vec<Ipv4Addr>) -> Answers {
        Answers { nonce, own, found: Vec::new() }
    }

    /// Takes a datagram that came from this address. What does not answer our question is not looked at.
    pub fn take(&mut self, datagram: &[u8], from: Ipv4Addr) {
        let Some(answer) = FindAnswer::parse(datagram).filter(|answer| answer.nonce == self.nonce) else { return };
        let FindAnswer { name, port, tls_port, clients, max_clients, id, nonce: _ } = answer;
        let here = from.is_loopback() || self.own.contains(&from);
        let found = Found { name, ip: from, port, tls_port, clients, max_clients, id, here };
        let of_it = self.found.iter().filter(|other| other.ip == from);
        // The question is asked several times.
        let is_new = !of_it.clone().any(|other| other.is_same_but_for_its_address(&found));
        if is_new && self.found.len() < MAX_FOUND && of_it.count() < MAX_OF_ONE {
            self.found.push(found);
        }
    }

    /// The servers: those of this machine first, then by name and address. Answers with one ID are one server only
    /// when all their addresses are this machine's own: anybody else can repeat an ID.
    pub fn servers(self) -> Vec<Found> {
        let found = self.found;
        let is_apart = |one: &Found| found.iter().any(|other| other.id == one.id && !other.here);
        let is_best = |one: &Found| {
            let same = found.iter().filter(|other| other.is_same_but_for_its_address(one));
            same.map(Found::preference).min() == Some(one.preference())
        };
        let mut servers: Vec<Found> = found.iter().filter(|one| is_apart(one) || is_best(one)).cloned().collect();
        servers.sort_by_key(|found| (!found.here, found.name.clone(), found.ip, found.port));
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn answers() -> Answers {
        Answers::new(NONCE.parse().expect("a nonce"), vec![[10, 0, 0, 1].into(), [192, 168, 5, 1].into()])
    }

    /// Takes an answer from `from`; `id` is the first digit of the ID.
    fn take(answers: &mut Answers, from: &str, name: &str, port: u16, id: u8) {
        let text = format!("server_{name}_{port}_0_1_50_{id:x}000000000000000_{NONCE}");
        let IpAddr::V4(from) = from.parse().expect("an address") else { panic!("IPv4") };
        answers.take(text.as_bytes(), from);
    }

    fn list(answers: Answers) -> Vec<String> {
        let servers = answers.servers().into_iter();
        servers.map(|found| format!("{} {} {}", found.name, found.ip, found.port.unwrap_or(0))).collect()
    }

    #[test]
    fn a_server_of_this_machine_is_one_and_loopback_is_preferred() {
        let mut answers = answers();
        for from in ["10.0.0.1", "127.0.0.1", "192.168.5.1", "127.0.0.1", "10.0.0.1"] {
            take(&mut answers, from, "mine", 4400, 1);
        }
        take(&mut answers, "10.0.0.1", "other", 4410, 2);
        assert_eq!(list(answers), ["mine 127.0.0.1 4400", "other 10.0.0.1 4410"]);
    }

    #[test]
    fn the_same_id_from_elsewhere_is_listed_apart() {
        let mut answers = answers();
        for from in ["10.0.0.1", "127.0.0.1", "10.0.0.66"] {
            take(&mut answers, from, "mine", 4400, 1);
        }
        assert_eq!(list(answers), ["mine 10.0.0.1 4400", "mine 127.0.0.1 4400", "mine 10.0.0.66 4400"]);
    }

    #[test]
    fn a_server_that_answers_at_two_addresses_elsewhere_is_not_trusted_to_be_one() {
        let mut answers = answers();
        for from in ["10.0.0.8", "192.168.5.8", "10.0.0.8"] {
            take(&mut answers, from, "far", 4400, 1);
        }
        assert_eq!(list(answers), ["far 10.0.0.8 4400", "far 192.168.5.8 4400"]);
    }

    #[test]
    fn what_repeats_an_id_with_another_port_or_name_hides_nothing() {
        let mut answers = answers();
        take(&mut answers, "10.0.0.1", "mine", 4400, 1);
        take(&mut answers, "127.0.0.66", "mine", 4401, 1);
        take(&mut answers, "127.0.0.66", "liar", 4400, 1);
        assert_eq!(list(answers), ["liar 127.0.0.66 4400", "mine 10.0.0.1 4400", "mine 127.0.0.66 4401"]);
    }

    #[test]
    fn those_of_this_machine_come_first_then_by_name() {
        let mut answers = answers();
        for (from, name, id) in
            [("10.0.0.9", "b", 1), ("10.0.0.8", "c", 2), ("10.0.0.7", "b", 3), ("127.0.0.1", "z", 4)]
        {
            take(&mut answers, from, name, 4400, id);
        }
        assert_eq!(list(answers), ["z 127.0.0.1 4400", "b 10.0.0.7 4400", "b 10.0.0.9 4400", "c 10.0.0.8 4400"]);
    }

    #[test]
    fn answers_to_another_question_are_not_looked_at() {
        let mut answers = answers();
        let good = format!("server_a_4400_0_1_50_1000000000000000_{NONCE}");
        let other = good.replace(NONCE, &NONCE.replace('0', "1"));
        for bad in [other.as_str(), "", "server_", &good[1..], &good.replace("server_a", "server_\u{1b}[2J")] {
            answers.take(bad.as_bytes(), [10, 0, 0, 9].into());
        }
        assert_eq!(answers.servers(), []);
    }

    #[test]
    fn a_liar_fills_neither_the_memory_nor_the_places_of_others() {
        let mut answers = answers();
        for number in 0..1000 {
            take(&mut answers, "10.0.0.66", &format!("liar{number}"), 4400, 1);
        }
        take(&mut answers, "10.0.0.9", "honest", 4400, 2);
        assert_eq!(list(answers).len(), MAX_OF_ONE + 1);
        let mut answers = self::answers();
        for number in 0..1000 {
            take(&mut answers, &format!("10.0.{}.{}", number / 250, number % 250), "liar", 4400, 1);
        }
        assert_eq!(list(answers).len(), MAX_FOUND);
    }

    #[test]
    fn a_server_without_a_port_for_us_is_no_place_to_connect_to() {
        let mut answers = answers();
        take(&mut answers, "10.0.0.9", "no-port", 0, 1);
        assert_eq!(answers.servers()[0].target(Ports::Best), None);
    }

    #[test]
    fn a_server_that_offers_tls_is_used_by_tls_and_where_that_is_wanted_no_other() {
        let at = |port: Option<u16>, tls_port: Option<u16>, ports: Ports| {
            let (name, id) = ("a".parse().expect("a name"), ServerId([1; 8]));
            let ip = [10, 0, 0, 9].into();
            let found = Found { name, ip, port, tls_port, clients: 0, max_clients: 50, id, here: false };
            found.target(ports).map(|target| (target.address.to_string(), target.by_tls))
        };
        for (port, tls_port, used, by_tls_alone) in [
            (Some(4400), None, Some(("10.0.0.9:4400", false)), None),
            (Some(4400), Some(4403), Some(("10.0.0.9:4403", true)), Some(("10.0.0.9:4403", true))),
            (None, Some(4403), Some(("10.0.0.9:4403", true)), Some(("10.0.0.9:4403", true))),
            (None, None, None, None),
        ] {
            let text = |way: Option<(&str, bool)>| way.map(|(address, by_tls)| (address.to_owned(), by_tls));
            assert_eq!(
                (at(port, tls_port, Ports::Best), at(port, tls_port, Ports::Tls)),
                (text(used), text(by_tls_alone))
            );
        }
    }
}
