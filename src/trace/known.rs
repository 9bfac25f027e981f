//! Who is who in a trace, and what was sent to whom before: known from the events alone.

use super::event::{Datagram, Event, Fate, Number};
use crate::value::Ticket;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;

/// Sessions and connections of which something is known, at the most: their ends may be among what was dropped.
const MOST: usize = 20_000;
/// Datagrams of a session that are known, the last ones: a repeat names the first of them.
const DATAGRAMS: usize = 512;

/// Numbers of broadcasts that a client remembers, the highest ones.
const NUMBERS: usize = 4096;

/// What is known.
#[derive(Default)]
pub struct Known {
    names: HashMap<Number, String>,
    sessions: HashMap<Ticket, Session>,
    /// Broadcasts that have come to a client, and which of those of the last datagram had not come before.
    come: BTreeSet<u64>,
    new: Vec<u64>,
}

struct Session {
    name: String,
    /// The number of each datagram, its first and its last broadcast.
    sent: VecDeque<(u64, u64, u64)>,
    /// What its last hello has acknowledged.
    acknowledged: Option<u64>,
}

/// A datagram that brings again what was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// The first try.
    pub of: u64,
    /// What the last hello of the client has acknowledged.
    pub hello: Option<u64>,
}

impl Again {
    /// Why it is sent again.
    pub fn why(&self) -> String {
        self.hello.map_or_else(|| "no hello".to_owned(), |upto| format!("hello_{upto}"))
    }
}

impl Known {
    /// Takes what an event tells. To be called before [`Known::name`] and [`Known::again`] are asked about it.
    pub fn take(&mut self, event: &Event) {
        if self.names.len() > MOST || self.sessions.len() > MOST {
            *self = Known::default();
        }
        match event {
            Event::Name { c, name, token, .. } => {
                if let Some(c) = c {
                    self.names.insert(*c, name.to_string());
                }
                if let Some(token) = token {
                    let session = Session { name: name.to_string(), sent: VecDeque::new(), acknowledged: None };
                    self.sessions.insert(*token, session);
                }
            }
            Event::Acked { token, upto, .. } => {
                if let Some(session) = self.sessions.get_mut(token) {
                    session.acknowledged = Some(*upto);
                }
            }
            Event::Received { numbers, .. } => {
                self.new = numbers.iter().copied().filter(|number| self.come.insert(*number)).collect();
                while self.come.len() > NUMBERS {
                    self.come.pop_first();
                }
            }
            _ => {}
        }
    }

    /// The first and the last of the broadcasts of the last datagram that had not come to the client before.
    pub fn new_ones(&self) -> Option<(u64, u64)> {
        Some((*self.new.first()?, *self.new.last()?))
    }

    /// Forgets what an event ends; to be called when it was written.
    pub fn forget(&mut self, event: &Event) {
        match event {
            Event::Close { c, .. } => drop(self.names.remove(c)),
            // Who was there is known until the connection ends.
            Event::Left { token, .. } => drop(self.sessions.remove(token)),
            _ => {}
        }
    }

    /// Who has logged in on a connection, last.
    pub fn name(&self, c: Number) -> Option<&str> {
        self.names.get(&c).map(String::as_str)
    }

    /// Whose session it is.
    pub fn owner(&self, token: Ticket) -> Option<&str> {
        self.sessions.get(&token).map(|session| session.name.as_str())
    }

    /// Who gets a datagram, or where, where that is not known.
    pub fn receiver(&self, token: Ticket, at: SocketAddr) -> String {
        self.owner(token).map_or_else(|| at.to_string(), str::to_owned)
    }

    /// Whether a datagram brings again what was in another one before; it counts as sent from now on.
    pub fn again(&mut self, datagram: &Datagram) -> Option<Again> {
        let (session, (first, last)) = (self.sessions.get_mut(&datagram.token)?, datagram.seq?);
        let before = session.sent.iter().find(|(d, begin, end)| *d != datagram.d && *begin <= last && *end >= first);
        let again = before.map(|(d, ..)| Again { of: *d, hello: session.acknowledged });
        // One that is lost was told before, as it was about to be sent.
        if datagram.fate != Fate::Lost {
            if session.sent.len() == DATAGRAMS {
                session.sent.pop_front();
            }
            session.sent.push_back((datagram.d, first, last));
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_the_system_did_not_take_is_no_repeat_of_itself() {
        let token: Ticket = "0123456789abcdef0123456789abcdef".parse().expect("a ticket");
        let (name, at) = ("alice".parse().expect("a name"), ([127, 0, 0, 1], 5000).into());
        let mut known = Known::default();
        known.take(&Event::Name { c: Some(1), name, ip: None, token: Some(token) });
        let mut again =
            |d, fate| known.again(&Datagram { d, token, at, seq: Some((5, 6)), len: 74, bytes: String::new(), fate });
        assert_eq!((again(1, Fate::Sent), again(1, Fate::Lost)), (None, None));
        assert_eq!(again(2, Fate::Sent).map(|again| again.of), Some(1));
        assert_eq!(again(2, Fate::Lost).map(|again| again.of), Some(1));
    }
}
