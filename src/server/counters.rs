//! What has happened since the start, in numbers: for whoever runs the server.
//!
//! Each is counted where it happens, by one addition that waits for nobody. They are read one after the other, so what
//! happens meanwhile may be in one of them and not in another.

use crate::dialect::Dialect;
use crate::protocol::Refusal;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// How many were counted.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that were served, by what they speak: see [`KINDS`].
    pub came: [Counter; KINDS.len()],
    /// Of those, how many have ended.
    pub went: [Counter; KINDS.len()],
    /// Lines, or messages and packets of the dialects.
    pub lines: Counter,
    /// Bytes of them.
    pub bytes_in: Counter,
    /// Bytes that were written to connections.
    pub bytes_out: Counter,
    /// Broadcasts that were taken.
    pub broadcasts: Counter,
    /// Broadcasts that were sent, once for each client that they were sent to.
    pub deliveries: Counter,
    /// Datagrams with broadcasts, as they were sent.
    pub datagrams: Counter,
    /// Bytes of them.
    pub datagram_bytes: Counter,
    /// Of those, datagrams that bring again what was sent before.
    pub repairs: Counter,
    /// Hellos that counted.
    pub hellos: Counter,
    /// Connections that were closed as their clients did not read what they were sent.
    pub slow: Counter,
    /// Logins.
    pub logins: Counter,
    /// Accounts that were made.
    pub sign_ups: Counter,
    /// Passwords that their owners have changed.
    pub passwords: Counter,
    /// Introductions.
    pub tickets: Counter,
    /// Texts that were handed over.
    pub relayed: Counter,
    /// Connections that were not served, as all places were taken, or too many of their address without a login.
    pub no_place: Counter,
    /// Connections that were not served, as their address is banned.
    pub banned_address: Counter,
    /// Connections to the port for TLS whose handshake failed.
    pub no_handshake: Counter,
    /// Refusals, by kind: see [`REFUSALS`].
    pub refusals: [Counter; REFUSALS.len()],
}

/// What connections speak.
pub const KINDS: [&str; 5] = ["native", "tls", "menu", "query", "packet"];

/// The native protocol by TLS, among [`KINDS`].
const BY_TLS: usize = 1;

/// Which of [`KINDS`] a connection of a dialect is; without one, and in the clear, it is the first.
fn kind_of(dialect: Option<Dialect>) -> usize {
    match dialect {
        None => 0,
        Some(Dialect::Menu { .. }) => 2,
        Some(Dialect::Query) => 3,
        Some(Dialect::Packet) => 4,
    }
}

/// The kinds of refusals.
pub const REFUSALS: [&str; 12] = [
    "too fast",
    "not logged in",
    "wrong password",
    "busy",
    "banned",
    "name taken",
    "passwords differ",
    "nobody there",
    "not reachable",
    "unknown command",
    "not now",
    "other",
];

fn refusal_kind(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::TooFast(_) => 0,
        Refusal::LogInFirst => 1,
        Refusal::InvalidCredentials | Refusal::LogInWithPassword => 2,
        Refusal::TooManyWrongPasswords { .. } | Refusal::BusyWithLogins | Refusal::ServerFull(_) => 3,
        Refusal::Banned(_) => 4,
        Refusal::NameTaken => 5,
        Refusal::PasswordsDoNotMatch => 6,
        Refusal::UserNotFound | Refusal::NobodyThere(_) | Refusal::Ambiguous { .. } | Refusal::NotThere => 7,
        Refusal::NotListening(_)
        | Refusal::OnThisMachineOnly(_)
        | Refusal::OnAnotherLink(_)
        | Refusal::OneRouter { .. }
        | Refusal::OtherDialect { .. }
        | Refusal::JustLeaving(_)
        | Refusal::ListensInTheClear(_)
        | Refusal::AnotherClient(_)
        | Refusal::OlderClient(_) => 8,
        Refusal::UnknownCommand => 9,
        Refusal::NotNow(_) => 10,
        Refusal::Yourself | Refusal::Other(_) => 11,
    }
}

impl Counters {
    /// Counts a connection until the value is dropped.
    pub fn connected(&self, dialect: Option<Dialect>) -> Connected<'_> {
        self.connected_as(kind_of(dialect))
    }

    /// The same of one by TLS.
    pub fn connected_by_tls(&self) -> Connected<'_> {
        self.connected_as(BY_TLS)
    }

    fn connected_as(&self, kind: usize) -> Connected<'_> {
        self.came[kind].add(1);
        Connected(&self.went[kind])
    }

    /// Counts a line of so many bytes.
    pub fn line(&self, bytes: usize) {
        self.lines.add(1);
        self.bytes_in.add(bytes as u64);
    }

    /// Counts a refusal by its kind.
    pub fn refused(&self, refusal: &Refusal) {
        self.refusals[refusal_kind(refusal)].add(1);
    }
}

/// A connection that is open.
pub struct Connected<'a>(&'a Counter);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_counted_when_it_comes_and_when_it_goes() {
        let counters = Counters::default();
        let one = counters.connected(Some(Dialect::Query));
        let (_other, _third) = (counters.connected(None), counters.connected_by_tls());
        drop(one);
        let read = |counters: &[Counter; KINDS.len()]| counters.each_ref().map(Counter::get);
        assert_eq!((read(&counters.came), read(&counters.went)), ([1, 1, 0, 1, 0], [0, 0, 0, 1, 0]));
    }

    #[test]
    fn refusals_are_counted_by_kind() {
        let counters = Counters::default();
        counters.refused(&Refusal::TooFast(20));
        counters.refused(&Refusal::other("what"));
        let counted = counters.refusals.each_ref().map(Counter::get);
        assert_eq!((counted[0], counted[REFUSALS.len() - 1], counted.iter().sum::<u64>()), (1, 1, 2));
    }
}
