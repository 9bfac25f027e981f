//! New accounts. No socket is known here.

use super::rendezvous::{Rendezvous, not_hashed};
use crate::net::Patience;
use crate::protocol::{self, Refusal};
use crate::server::auth::Credentials;
use crate::server::directory::NotChanged;
use crate::server::store::Account;
use crate::value::Username;
use crate::value::sentence::counted;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

/// Why an account was not changed, in the words of the protocol.
pub(super) fn not_changed(why: NotChanged) -> Refusal {
    match why {
        NotChanged::Taken => Refusal::NameTaken,
        NotChanged::Unknown => Refusal::InvalidCredentials,
        NotChanged::Full => Refusal::other("The server has as many accounts as it keeps: ask whoever runs it"),
        NotChanged::File => Refusal::other("The server cannot write its accounts now: ask whoever runs it"),
        NotChanged::NotTried => Refusal::BusyWithLogins,
    }
}

impl Rendezvous {
    /// Makes an account. When this returns, it is on the disk. It hashes, and waits for its turn to do so.
    ///
    /// # Errors
    /// A name that is invalid or taken, a password of the wrong length, too many sign-ups of that address, or a turn that
    /// did not come.
    pub fn sign_up(
        &self,
        credentials: &Credentials,
        from: IpAddr,
        patience: &Patience<'_>,
    ) -> Result<Username, Refusal> {
        if let Some(ban) = self.directory.ban_of(None, from) {
            return Err(Refusal::Banned(ban));
        }
        let name = self.new_name(&credentials.name)?;
        protocol::check_password(&credentials.password).map_err(Refusal::other)?;
        if let Some(limit) = self.config.signups.0 {
            self.sign_ups.take(from, limit, Instant::now()).map_err(|wait| {
                let minutes = counted(wait.as_secs().div_ceil(60), "minute");
                Refusal::other(format!(
                    "Too many sign-ups from your address, at most {limit} an hour: try again in {minutes}"
                ))
            })?;
        }
        let password_hash = self.hasher.hash(&credentials.password, patience).map_err(not_hashed)?;
        let account = Account::new(name.clone(), password_hash, SystemTime::now());
        self.directory.sign_up(account).map_err(|why| why.into_refusal(not_changed))?;
        self.counters.sign_ups.add(1);
        Ok(name)
    }

    /// Whether a new account can have this name now. It is asked to spare people a password that would be of no use; who
    /// gets the name is decided at the sign-up.
    ///
    /// # Errors
    /// It is no username, it is a command, or another account has it. A guest has to go.
    pub fn new_name(&self, name: &str) -> Result<Username, Refusal> {
        let name: Username = name.parse().map_err(|error| Refusal::Other(format!("{error}")))?;
        if protocol::is_command_word(name.as_str()) {
            return Err(Refusal::other(format!("{name} is a command: choose another name")));
        }
        if self.directory.account(&name)?.is_some() { Err(Refusal::NameTaken) } else { Ok(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::open;
    use super::*;

    #[test]
    fn no_new_account_is_called_as_a_command_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        for name in ["watch", "Who", "INIT", "1"] {
            let refused = Refusal::Other(format!("{name} is a command: choose another name"));
            assert_eq!(services.new_name(name), Err(refused));
        }
        assert!(services.new_name("watcher").is_ok());
        // One that another server had stays as it is.
        let older = Account { name: "watch".parse().expect("a name"), password_hash: String::new(), created_at: 0 };
        let hash = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$".to_owned() + &"a".repeat(43);
        assert_eq!(services.add_account(Account { password_hash: hash, ..older }), Ok(()));
    }
}
