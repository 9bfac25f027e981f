//! Guests: clients of the dialects that know no password. Their names are never those of accounts.

use super::rendezvous::Rendezvous;
use crate::dialect::{Dialect, packet, query};
use crate::protocol::{Event, Notice};
use crate::server::clients::{ClientSnapshot, EnteredGuest, NewGuest, NotEntered, SessionKey};
use crate::server::delivery::Mailbox;
use crate::value::Username;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

/// How many names that come near to a guest's are tried before it is told that its name is taken.
const NEAR_NAMES: usize = 100;

impl Rendezvous {
    /// Enters a guest, under its own name where that is a username, else under the nearest one that is free. Accounts
    /// are asked before and after, as an account of that name may be made at the same moment, and it is the guest that
    /// goes then.
    ///
    /// # Errors
    /// [`NotEntered`].
    pub fn enter_guest(&self, guest: NewGuest) -> Result<EnteredGuest, NotEntered> {
        let is_name = match guest.dialect {
            Dialect::Packet => packet::is_name(&guest.spelling),
            _ => query::is_name(&guest.spelling),
        };
        if !is_name {
            return Err(NotEntered::NoName);
        }
        let names = self.names_for(&guest.spelling);
        // By none of them, or who is banned under the name that was the nearest one would be given the next.
        if let Some(ban) = names.iter().find_map(|name| self.ban_of(name, guest.from.ip())) {
            return Err(NotEntered::Banned(ban));
        }
        let entered =
            self.clients.enter_guest(guest, &names, self.config.guests(), Instant::now(), SystemTime::now())?;
        if let Some(other) = &entered.gives_way {
            send_away(other.as_ref(), "The server is full of guests, and your address has the most of them");
        }
        if self.accounts.find(&entered.key.name).is_some() {
            self.clients.leave(&entered.key);
            return Err(NotEntered::Taken);
        }
        if let Some(ban) = self.ban_of(&entered.key.name, entered.key.address) {
            self.clients.leave(&entered.key);
            return Err(NotEntered::Banned(ban));
        }
        Ok(entered)
    }

    fn names_for(&self, spelling: &str) -> Vec<Username> {
        let names: Vec<Username> = match spelling.parse() {
            Ok(name) => vec![name],
            Err(_) => (1..=NEAR_NAMES).map(|number| Username::nearest(spelling, number)).collect(),
        };
        names.into_iter().filter(|name| self.accounts.find(name).is_none()).collect()
    }

    /// Takes the guest out whose name has become an account's, and ends its session, if it has one.
    pub(super) fn send_guest_away(&self, name: &Username) {
        if let Some(guest) = self.clients.evict_guest(name) {
            send_away(guest.as_ref(), "Your name is an account's now: choose another");
        }
    }

    /// Takes a guest out.
    pub fn leave_guest(&self, key: &SessionKey) {
        self.clients.leave(key);
    }

    /// Lists a guest and lets others reach it, or not; true when that is a change.
    pub fn set_guest_active(&self, key: &SessionKey, active: bool) -> bool {
        self.clients.set_active(key, active)
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

/// Ends a guest's session, which is told why where its dialect can say it.
fn send_away(guest: &dyn Mailbox, why: &str) {
    guest.deliver(&Event::Notice(Notice::Other(why.to_owned())).into());
    guest.close();
}
