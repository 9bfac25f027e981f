//! Who is not wanted: looked up at each connection and each login. No socket is known here.

use super::rendezvous::Rendezvous;
use crate::protocol::{Ban, Refusal};
use crate::server::store::Account;
use crate::value::Username;
use std::net::IpAddr;
use std::time::SystemTime;

impl Rendezvous {
    /// The ban of an account or a guest of this name, or else of this address.
    pub fn ban_of(&self, name: &Username, from: IpAddr) -> Option<Ban> {
        self.bans.of_name(name, SystemTime::now()).or_else(|| self.ban_of_address(from))
    }

    /// The ban of this address.
    pub fn ban_of_address(&self, from: IpAddr) -> Option<Ban> {
        self.bans.of_address(from, SystemTime::now())
    }

    /// What is said, instead of a greeting, to a connection from an address that is banned.
    pub fn turn_away(&self, from: IpAddr) -> Option<Refusal> {
        let ban = self.ban_of_address(from)?;
        self.counters.banned_address.add(1);
        Some(Refusal::Banned(ban))
    }

    /// Whether an account whose password was checked is still as it was then, and may be here.
    ///
    /// # Errors
    /// [`Refusal::Banned`], or [`Refusal::InvalidCredentials`].
    pub fn still_holds(&self, account: &Account, from: IpAddr) -> Result<(), Refusal> {
        if let Some(ban) = self.ban_of(&account.name, from) {
            return Err(Refusal::Banned(ban));
        }
        let now = self.accounts.find(&account.name);
        let is_same = now.is_some_and(|now| now.password_hash == account.password_hash);
        if is_same { Ok(()) } else { Err(Refusal::InvalidCredentials) }
    }
}
