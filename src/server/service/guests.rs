//! Guests: clients of the dialects that know no password. Their names are never those of accounts.

use super::rendezvous::Rendezvous;
use crate::dialect::Dialect;
use crate::server::clients::{ClientSnapshot, EnteredGuest, NewClient, NewGuest, NotEntered, SessionKey};
use crate::value::Username;
use std::time::Instant;

impl Rendezvous {
    /// Enters a guest that has an address of its own on loopback, listens on `port` there, and is inactive until it
    /// says otherwise.
    ///
    /// # Errors
    /// [`NotEntered::Taken`].
    pub fn enter_guest(&self, client: NewClient, port: u16) -> Result<EnteredGuest, NotEntered> {
        let name = client.name.clone();
        self.admit(&name, || self.clients.enter_guest(client, port, Instant::now()))
    }

    /// Enters a guest that stays listed when its connection ends, or replaces its entry when it came from the same
    /// address before. There are as many of a dialect as there may be clients.
    ///
    /// # Errors
    /// [`NotEntered`].
    pub fn enter_visitor(&self, guest: NewGuest) -> Result<EnteredGuest, NotEntered> {
        let name = guest.client.name.clone();
        self.admit(&name, || self.clients.enter_visitor(guest, self.config.max_clients, Instant::now()))
    }

    /// Enters a guest unless its name is that of an account. Accounts are asked before and after, as an account of
    /// that name may be made at the same moment, and it is the guest that goes then.
    fn admit(
        &self,
        name: &Username,
        enter: impl FnOnce() -> Result<EnteredGuest, NotEntered>,
    ) -> Result<EnteredGuest, NotEntered> {
        if self.accounts.find(name).is_some() {
            return Err(NotEntered::Taken);
        }
        let entered = enter()?;
        if self.accounts.find(name).is_some() {
            self.clients.leave(&entered.key);
            return Err(NotEntered::Taken);
        }
        Ok(entered)
    }

    /// Takes a guest out.
    pub fn leave_guest(&self, key: &SessionKey) {
        self.clients.leave(key);
    }

    /// Lists a guest and lets others reach it, or not; true when that is a change.
    pub fn set_guest_active(&self, key: &SessionKey, active: bool) -> bool {
        self.clients.set_active(key, active)
    }

    /// The guests of a dialect.
    pub fn guests(&self, dialect: Dialect) -> Vec<(SessionKey, ClientSnapshot)> {
        self.clients.guests(dialect)
    }

    /// The active guest of this name and dialect: only such a one can be called by a client of that dialect.
    pub fn find_guest(&self, name: &str, dialect: Dialect) -> Option<ClientSnapshot> {
        self.find_user(name).filter(|client| client.guest == Some(dialect))
    }
}
