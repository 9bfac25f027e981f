//! Who is not wanted: looked up at each connection. No socket is known here.

use super::rendezvous::Rendezvous;
use crate::protocol::Refusal;
use std::net::IpAddr;

impl Rendezvous {
    /// What is said, instead of a greeting, to a connection from an address that is banned.
    pub fn turn_away(&self, from: IpAddr) -> Option<Refusal> {
        let ban = self.directory.ban_of(None, from)?;
        self.counters.banned_address.add(1);
        Some(Refusal::Banned(ban))
    }
}
