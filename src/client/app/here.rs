//! When the server is told that the person is there, though what they do goes to peers: the rule against forgotten
//! sessions counts lines to the server.

use super::asks::{Ask, Origin, Purpose};
use super::state::App;
use crate::protocol::MemberRequest;
use std::time::Duration;

/// How often a line, a file or a command of the person is told at most.
const PACE: Duration = Duration::from_secs(10);
/// How often bytes that move are told at most.
const MOVING: Duration = Duration::from_secs(600);

impl App {
    /// The person has just done something with a peer.
    pub fn here(&mut self) {
        self.tell_here(PACE);
    }

    /// Bytes move that the person asked for.
    pub fn still_here(&mut self) {
        self.tell_here(MOVING);
    }

    /// The server answers no datagram: whether it is there at all is asked on the connection, with the cheapest line.
    pub fn ask_whether_the_server_is_there(&mut self) {
        if !self.hellos.falls_silent(self.now.instant) {
            return;
        }
        self.here = Some(self.now.instant);
        let question = Ask::new(Purpose::Here, MemberRequest::Here.into(), Origin::nobody());
        self.asks.hurry(question, self.now.instant);
    }

    fn tell_here(&mut self, pace: Duration) {
        let now = self.now.instant;
        if self.me().is_none() || self.here.is_some_and(|last| now < last + pace) {
            return;
        }
        self.here = Some(now);
        self.asks.put(Ask::new(Purpose::Here, MemberRequest::Here.into(), Origin::nobody()));
    }
}
