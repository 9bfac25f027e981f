//! The tickets of those who are on their way to us: each serves once, for a minute.

use crate::value::Ticket;
use crate::value::Username;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a ticket serves.
const LIFE: Duration = Duration::from_secs(60);
/// How long to wait for a ticket that was shown before it was announced. The server announces it first, but on
/// another connection.
const LATE: Duration = Duration::from_secs(2);
/// The most tickets kept; beyond that the oldest is dropped.
const MAX: usize = 1024;

/// Tickets that the server announced and nobody has shown yet.
#[derive(Default)]
pub struct Tickets {
    waiting: Mutex<VecDeque<Announced>>,
    arrived: Condvar,
}

struct Announced {
    name: Username,
    ticket: Ticket,
    until: Instant,
}

impl Tickets {
    /// Keeps a ticket that the server announced.
    pub fn put(&self, name: Username, ticket: Ticket, now: Instant) {
        let mut waiting = self.lock();
        if waiting.len() == MAX {
            waiting.pop_front();
        }
        waiting.push_back(Announced { name, ticket, until: now + LIFE });
        drop(waiting);
        self.arrived.notify_all();
    }

    /// Whether `ticket` proves that the one who shows it is `name`. It is used up by this. Waits 2 s at the most
    /// for a ticket that is not there yet; no ticket at all is refused at once.
    pub fn redeem(&self, name: &Username, ticket: Option<Ticket>) -> bool {
        let Some(ticket) = ticket else { return false };
        let until = Instant::now() + LATE;
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            if let Some(at) = waiting.iter().position(|announced| announced.ticket == ticket) {
                return waiting.remove(at).is_some_and(|found| found.name == *name && now < found.until);
            }
            if now >= until {
                return false;
            }
            waiting = self.arrived.wait_timeout(waiting, until - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Announced>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    #[test]
    fn a_ticket_serves_its_owner_once() {
        let tickets = Tickets::default();
        let (ticket, now) = (Ticket::draw(), Instant::now());
        tickets.put(name("alice"), ticket, now);
        assert!(tickets.redeem(&name("Alice"), Some(ticket)));
        tickets.put(name("alice"), ticket, now);
        assert!(!tickets.redeem(&name("eve"), Some(ticket)));
        assert!(!tickets.redeem(&name("eve"), None));
    }

    #[test]
    fn an_old_ticket_is_worth_nothing() {
        let tickets = Tickets::default();
        let (ticket, now) = (Ticket::draw(), Instant::now());
        let Some(before) = now.checked_sub(LIFE) else { return };
        tickets.put(name("alice"), ticket, before);
        assert!(!tickets.redeem(&name("alice"), Some(ticket)));
    }

    #[test]
    fn a_late_announcement_is_waited_for() {
        let tickets = Tickets::default();
        let ticket = Ticket::draw();
        thread::scope(|scope| {
            let redeemed = scope.spawn(|| tickets.redeem(&name("alice"), Some(ticket)));
            tickets.put(name("alice"), ticket, Instant::now());
            assert!(redeemed.join().expect("no panic"));
        });
    }

    #[test]
    fn memory_is_bounded() {
        let tickets = Tickets::default();
        for _ in 0..=MAX {
            tickets.put(name("alice"), Ticket::draw(), Instant::now());
        }
        assert_eq!(tickets.lock().len(), MAX);
    }
}
