//! The tickets of peers that are on their way to us: each serves once, for a minute.

use crate::value::{Fingerprint, Ticket, TicketStart, Username};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a ticket serves.
const LIFE: Duration = Duration::from_secs(60);
/// How long a ticket is waited for that was shown before it was announced. The server announces it first, but on
/// another connection.
pub const LATE: Duration = Duration::from_secs(2);
/// The most tickets kept; beyond that the oldest is dropped.
const MAX: usize = 1024;
/// The most of one peer: whoever draws more drops their own oldest, and nobody else's.
const MAX_OF_ONE: usize = 16;

/// Tickets that the server announced and nobody has shown yet.
#[derive(Debug, Default)]
pub struct Tickets {
    waiting: VecDeque<Announced>,
}

#[derive(Debug)]
struct Announced {
    name: Username,
    ticket: Ticket,
    /// The key of whoever may show it.
    key: Option<Fingerprint>,
    until: Instant,
}

impl Announced {
    fn serves(&self, name: &Username, now: Instant) -> bool {
        self.name == *name && now < self.until
    }
}

impl Tickets {
    /// Keeps a ticket that the server announced, with the key of whoever may show it. Another key than before ends the tickets
    /// of the former one.
    pub fn put(&mut self, name: Username, ticket: Ticket, key: Option<Fingerprint>, now: Instant) {
        if key.is_some() {
            self.waiting.retain(|announced| announced.name != name || announced.key == key);
        }
        let mut own = (0..).zip(&self.waiting).filter(|(_, announced)| announced.name == name).map(|(at, _)| at);
        let first = own.next();
        let oldest = if own.count() + 1 >= MAX_OF_ONE { first } else { None };
        match oldest {
            Some(at) => drop(self.waiting.remove(at)),
            None if self.waiting.len() == MAX => drop(self.waiting.pop_front()),
            None => {}
        }
        self.waiting.push_back(Announced { name, ticket, key, until: now + LIFE });
    }

    /// The ticket that was announced for `name` and begins so, and its key. It is not used up by this: whoever shows its start has
    /// proven nothing yet.
    pub fn find(&self, name: &Username, start: TicketStart, now: Instant) -> Option<(Ticket, Option<Fingerprint>)> {
        let is_shown = |announced: &&Announced| announced.serves(name, now) && announced.ticket.start() == start;
        self.waiting.iter().find(is_shown).map(|announced| (announced.ticket, announced.key))
    }

    /// The key that belongs to a ticket, if there is one; `None` for a ticket that proves nothing.
    pub fn key_of(&self, name: &Username, ticket: Ticket, now: Instant) -> Option<Option<Fingerprint>> {
        let is_it = |announced: &&Announced| announced.serves(name, now) && announced.ticket == ticket;
        self.waiting.iter().find(is_it).map(|announced| announced.key)
    }

    /// Whether `ticket`, which somebody has, proves that they are `name`: it is used up by this.
    pub fn redeem(&mut self, name: &Username, ticket: Ticket, now: Instant) -> bool {
        let is_it = |announced: &Announced| announced.serves(name, now) && announced.ticket == ticket;
        let at = self.waiting.iter().position(is_it);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn ticket(byte: u8) -> Ticket {
        format!("{byte:02x}").repeat(16).parse().expect("a ticket")
    }

    #[test]
    fn a_ticket_serves_its_owner_once_and_a_minute() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put(name("alice"), ticket(1), None, now);
        assert!(!tickets.redeem(&name("eve"), ticket(1), now) && !tickets.redeem(&name("alice"), ticket(2), now));
        assert!(!tickets.redeem(&name("alice"), ticket(1), now + LIFE));
        assert!(tickets.redeem(&name("Alice"), ticket(1), now));
        assert!(!tickets.redeem(&name("alice"), ticket(1), now));
    }

    #[test]
    fn its_start_finds_a_ticket_for_its_owner_and_does_not_use_it_up() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put(name("alice"), ticket(1), None, now);
        let find = |tickets: &Tickets, who: &str, byte, now| {
            tickets.find(&name(who), ticket(byte).start(), now).map(|(ticket, _)| ticket)
        };
        assert_eq!(find(&tickets, "Alice", 1, now), Some(ticket(1)));
        assert_eq!(find(&tickets, "alice", 1, now), Some(ticket(1)));
        assert_eq!(find(&tickets, "eve", 1, now), None);
        assert_eq!(find(&tickets, "alice", 2, now), None);
        assert_eq!(find(&tickets, "alice", 1, now + LIFE), None);
        assert!(tickets.redeem(&name("alice"), ticket(1), now));
        assert_eq!(find(&tickets, "alice", 1, now), None);
    }

    #[test]
    fn whoever_draws_many_drops_their_own() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put(name("alice"), ticket(1), None, now);
        for byte in 2..=2 + MAX_OF_ONE as u8 {
            tickets.put(name("eve"), ticket(byte), None, now);
        }
        assert_eq!(tickets.waiting.len(), 1 + MAX_OF_ONE);
        assert!(!tickets.redeem(&name("eve"), ticket(2), now));
        assert!(tickets.redeem(&name("eve"), ticket(3), now));
        assert!(tickets.redeem(&name("alice"), ticket(1), now));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put(name("alice"), ticket(1), None, now);
        (0..MAX).for_each(|number| tickets.put(name(&format!("b{}", number / MAX_OF_ONE)), ticket(2), None, now));
        assert_eq!(tickets.waiting.len(), MAX);
        assert!(!tickets.redeem(&name("alice"), ticket(1), now));
    }

    #[test]
    fn a_new_key_ends_the_tickets_of_the_former_one() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        let [one, two] = [1, 2].map(|byte| Some(Fingerprint([byte; 32])));
        tickets.put(name("alice"), ticket(1), one, now);
        tickets.put(name("bob"), ticket(2), one, now);
        let key = |tickets: &Tickets, byte| tickets.key_of(&name("Alice"), ticket(byte), now);
        assert_eq!((key(&tickets, 1), key(&tickets, 2)), (Some(one), None));
        // One for a session in the clear, which ends nothing.
        tickets.put(name("alice"), ticket(3), None, now);
        assert_eq!((key(&tickets, 1), key(&tickets, 3)), (Some(one), Some(None)));
        tickets.put(name("alice"), ticket(4), two, now);
        assert_eq!([1, 3, 4].map(|byte| key(&tickets, byte)), [None, None, Some(two)]);
        assert!(tickets.redeem(&name("bob"), ticket(2), now));
    }
}
