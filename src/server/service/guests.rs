//! Guests: clients of the dialects that know no password. Their names are never those of accounts.

use super::rendezvous::Rendezvous;
use crate::dialect::{Dialect, packet, query};
use crate::server::clients::{Change, ClientSnapshot, EnteredGuest, NewGuest, NotEntered, SessionKey};
use crate::server::directory::{Away, Failed};
use crate::value::Username;
use std::net::IpAddr;

/// How many names that come near to a guest's are tried before it is told that its name is taken.
const NEAR_NAMES: usize = 100;

impl Rendezvous {
    /// Enters a guest, under its own name where that is a username, else under the nearest one that is free.
    ///
    /// # Errors
    /// [`NotEntered`].
    pub fn enter_guest(&self, guest: NewGuest) -> Result<EnteredGuest, Failed<NotEntered>> {
        let is_name = match guest.dialect {
            Dialect::Packet => packet::is_name(&guest.spelling),
            _ => query::is_name(&guest.spelling),
        };
        if !is_name {
            return Err(Failed::Refused(NotEntered::NoName));
        }
        let names = match guest.spelling.parse() {
            Ok(name) => vec![name],
            Err(_) => (1..=NEAR_NAMES).map(|number| Username::nearest(&guest.spelling, number)).collect(),
        };
        self.directory.enter_guest(guest, names, self.config.guests())
    }

    /// Takes a guest out.
    pub fn leave_guest(&self, key: &SessionKey) {
        self.directory.leave(key);
    }

    /// Lists a guest and lets others reach it, or not; true when that is a change.
    ///
    /// # Errors
    /// [`Away`].
    pub fn set_guest_active(&self, key: &SessionKey, active: bool) -> Result<bool, Away> {
        self.directory.change(key, Change::Active(active))
    }

    /// Counts a message of a guest that has a connection.
    pub fn count_guest_message(&self, key: &SessionKey) {
        self.clients.count_message(key);
    }

    /// Counts a query for all query guests of that address.
    pub fn count_query(&self, from: IpAddr) {
        self.clients.count_guests_message(Dialect::Query, from);
    }

    /// The guests of a dialect.
    pub fn guests(&self, dialect: Dialect) -> Vec<(SessionKey, ClientSnapshot)> {
        self.clients.guests(dialect)
    }

    /// The active guest whom that dialect calls so: only such a one can be called by a client of it.
    pub fn find_guest(&self, spelling: &str, dialect: Dialect) -> Option<(SessionKey, ClientSnapshot)> {
        self.clients.find_guest(spelling.trim(), dialect)
    }
}
