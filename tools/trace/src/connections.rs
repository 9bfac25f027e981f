//! The connections of all files, and which two are the two ends of one. Both ends have the same two addresses.

use crate::event::Kind;
use crate::recording::Recording;
use std::collections::HashMap;
use std::net::SocketAddr;

/// An event: the number of its file, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    pub file: usize,
    pub at: usize,
}

/// One end of a connection, as one file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    pub file: usize,
    /// Its number in that file.
    pub c: u64,
    /// Who called.
    pub from: String,
    /// Who was called.
    pub at: String,
    /// Whether this end was called; none where its beginning is missing.
    pub accepted: Option<bool>,
    /// The place in its file where it was first named.
    pub first: usize,
    /// The place where its end is told.
    pub closed: Option<usize>,
    /// The other end, where it is in one of the files.
    pub twin: Option<usize>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Connections {
    pub all: Vec<Connection>,
    numbers: HashMap<(usize, u64), usize>,
}

impl Connections {
    pub fn find(recordings: &[Recording]) -> Connections {
        let mut connections = Connections::default();
        for (file, recording) in recordings.iter().enumerate() {
            for (place, event) in recording.events.iter().enumerate() {
                if let Some(c) = connection_of(&event.kind) {
                    connections.add(file, c, place, &event.kind);
                }
            }
        }
        connections.join_ends();
        connections
    }

    /// The connection with this number in this file.
    pub fn number(&self, file: usize, c: u64) -> Option<usize> {
        self.numbers.get(&(file, c)).copied()
    }

    fn add(&mut self, file: usize, c: u64, place: usize, kind: &Kind) {
        let (all, numbers) = (&mut self.all, &mut self.numbers);
        let number = *numbers.entry((file, c)).or_insert_with(|| {
            let (from, at) = (String::new(), String::new());
            all.push(Connection { file, c, from, at, accepted: None, first: place, closed: None, twin: None });
            all.len() - 1
        });
        if let Kind::Opened { at, from, accepted, .. } = kind {
            let connection = &mut all[number];
            (connection.from, connection.at) = (from.clone(), at.clone());
            connection.accepted = Some(*accepted);
        }
        if let Kind::Closed { .. } = kind {
            all[number].closed = Some(place);
        }
    }

    /// Joins the ends with the same addresses, the first with the first; then those whose addresses agree but for the
    /// called one, as a port forward or a socket that is bound to all addresses shows another.
    fn join_ends(&mut self) {
        let exact = |end: &Connection| Some((address(&end.from), address(&end.at)));
        let by_caller = |end: &Connection| Some((address(&end.from), port(&end.at)?.to_string()));
        self.join_by(exact);
        self.join_by(by_caller);
    }

    fn join_by(&mut self, key: impl Fn(&Connection) -> Option<(String, String)>) {
        let is_free = |end: &Connection, accepted| {
            end.accepted == Some(accepted) && end.twin.is_none() && !end.from.is_empty() && !end.at.is_empty()
        };
        let mut called: HashMap<(String, String), Vec<usize>> = HashMap::new();
        for (number, end) in self.all.iter().enumerate().rev().filter(|(_, end)| is_free(end, true)) {
            if let Some(key) = key(end) {
                called.entry(key).or_default().push(number);
            }
        }
        for number in 0..self.all.len() {
            let end = &self.all[number];
            if !is_free(end, false) {
                continue;
            }
            let Some(ends) = key(end).and_then(|key| called.get_mut(&key)) else { continue };
            // A program may call itself, so both may be in one file.
            if let Some(other) = ends.pop() {
                self.all[number].twin = Some(other);
                self.all[other].twin = Some(number);
            }
        }
    }
}

impl Connection {
    /// Whether both ends are on one machine, as their addresses show.
    pub fn is_on_one_machine(&self) -> bool {
        match (self.from.parse::<SocketAddr>(), self.at.parse::<SocketAddr>()) {
            (Ok(from), Ok(at)) => at.ip().to_canonical().is_loopback() || at.ip() == from.ip(),
            _ => false,
        }
    }
}

/// The number of the connection that an event belongs to.
pub fn connection_of(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Opened { c, .. } | Kind::Closed { c, .. } | Kind::Bytes { c, .. } => Some(*c),
        Kind::Line { c, .. } | Kind::Decided { c, .. } | Kind::Notice { c, .. } => Some(*c),
        Kind::Named { c, .. } | Kind::Redeemed { c, .. } | Kind::Peer { c, .. } => *c,
        _ => None,
    }
}

/// An address in one form, so that IPv4 in IPv6 is the same as IPv4.
pub fn address(text: &str) -> String {
    text.parse::<SocketAddr>().map_or_else(
        |_| text.to_owned(),
        |address| SocketAddr::new(address.ip().to_canonical(), address.port()).to_string(),
    )
}

/// The port of an address.
pub fn port(text: &str) -> Option<u16> {
    text.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn recording(opened: &[(u64, &str, &str, bool)]) -> Recording {
        let opened = opened.iter().map(|(c, from, at, accepted)| {
            let (from, at) = (from.to_string(), at.to_string());
            Event { kind: Kind::Opened { c: *c, at, from, accepted: *accepted }, ..Event::default() }
        });
        Recording { events: opened.collect(), ..Recording::default() }
    }

    fn twins(recordings: &[Recording]) -> Vec<Option<usize>> {
        Connections::find(recordings).all.iter().map(|end| end.twin).collect()
    }

    #[test]
    fn two_ends_with_the_same_addresses_are_one_connection() {
        let server = recording(&[(1, "127.0.0.1:50", "127.0.0.1:44", true), (2, "127.0.0.1:51", "127.0.0.1:44", true)]);
        let bob = recording(&[(1, "127.0.0.1:51", "[::ffff:127.0.0.1]:44", false)]);
        let alice =
            recording(&[(1, "127.0.0.1:50", "127.0.0.1:44", false), (2, "127.0.0.1:60", "127.0.0.3:44", false)]);
        assert_eq!(twins(&[server, bob, alice]), [Some(3), Some(2), Some(1), Some(0), None]);
    }

    #[test]
    fn a_port_that_is_used_again_is_the_next_connection() {
        let server = recording(&[(1, "10.0.0.2:50", "10.0.0.1:44", true), (7, "10.0.0.2:50", "10.0.0.1:44", true)]);
        let alice = recording(&[(1, "10.0.0.2:50", "10.0.0.1:44", false), (2, "10.0.0.2:50", "10.0.0.1:44", false)]);
        assert_eq!(twins(&[server, alice]), [Some(2), Some(3), Some(0), Some(1)]);
    }

    #[test]
    fn the_called_address_may_look_otherwise_from_the_other_side() {
        let server = recording(&[(1, "10.0.0.2:50", "0.0.0.0:44", true)]);
        let alice = recording(&[(1, "10.0.0.2:50", "10.0.0.1:44", false)]);
        assert_eq!(twins(&[server, alice]), [Some(1), Some(0)]);
    }

    #[test]
    fn what_has_no_address_is_nobodys_other_end() {
        assert_eq!(twins(&[recording(&[(1, "", "", true)]), recording(&[(1, "", "", false)])]), [None, None]);
    }
}
