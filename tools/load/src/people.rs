//! Who is there, as a client knows it that watches: the list, and what is told behind it. Pure.

use peerline::protocol::Reply;
use peerline::value::Username;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Who is there, and where.
type List = BTreeMap<Username, SocketAddr>;

/// What a watcher knows.
#[derive(Clone, Debug, Default)]
pub struct People {
    known: List,
    /// The lines of a list that is not complete.
    listed: List,
    /// How many events it was told.
    pub counts: Told,
    /// How many lists of the server were held against that.
    pub tries: u32,
    /// Whether the last of them was the same.
    pub is_right: bool,
}

/// How many events a watcher was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `joined_`.
    pub joined: u64,
    /// `left_`.
    pub left: u64,
}

impl People {
    /// Takes a line of the server that tells of somebody.
    pub fn take(&mut self, reply: Reply) {
        match reply {
            Reply::Client { name, address, .. } => drop(self.listed.insert(name, address)),
            Reply::Joined { name, address, .. } => {
                self.counts.joined += 1;
                self.known.insert(name, address);
            }
            Reply::Left(name) => {
                self.counts.left += 1;
                self.known.remove(&name);
            }
            _ => {}
        }
    }

    /// The list of the answer to `watch` is complete: all that is told behind it changes it.
    pub fn begin(&mut self) {
        self.known = std::mem::take(&mut self.listed);
    }

    /// A list of the server is complete, and is held against what was told.
    pub fn compare(&mut self) {
        self.tries += 1;
        self.is_right = std::mem::take(&mut self.listed) == self.known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(people: &mut People, lines: &[&str]) {
        lines.iter().for_each(|line| people.take(Reply::parse(line)));
    }

    #[test]
    fn a_list_and_its_events_are_held_against_the_next_list() {
        let mut people = People::default();
        told(&mut people, &["client_a_10.0.0.1:0", "client_b_10.0.0.2:0"]);
        people.begin();
        told(&mut people, &["joined_c_10.0.0.3:0", "joined_a_10.0.0.1:4401", "left_b", "here"]);
        told(&mut people, &["client_a_10.0.0.1:4401", "client_c_10.0.0.3:0"]);
        people.compare();
        assert!(people.is_right);
        for wrong in [["client_a_10.0.0.1:4401", "client_b_10.0.0.2:0"], ["client_a_10.0.0.1:0", "client_c_10.0.0.3:0"]]
        {
            told(&mut people, &wrong);
            people.compare();
            assert!(!people.is_right, "{wrong:?}");
        }
        assert_eq!(people.counts, Told { joined: 2, left: 1 });
    }
}
