//! Passwords: checked at a login, and changed by whoever knows the old one. No socket is known here.

use super::rendezvous::{Rendezvous, not_hashed};
use super::sign_up::not_changed;
use crate::net::{NotServed, Patience};
use crate::protocol::{self, Refusal};
use crate::server::auth::{Credentials, LINE, PasswordChange, Try, in_shared_turn};
use crate::server::directory::Away;
use crate::server::store::Account;
use crate::value::{Ticket, Username};
use std::net::IpAddr;

/// Why a password was not checked.
enum NotChecked {
    /// Its turn did not come.
    NotServed(NotServed),
    /// Nobody says whose turn it is.
    Away(Away),
}

impl From<NotServed> for NotChecked {
    fn from(why: NotServed) -> NotChecked {
        NotChecked::NotServed(why)
    }
}

impl Rendezvous {
    /// Checks a name and a password. Takes as long when the name is unknown. It hashes, and waits for its turn to do
    /// so: that of the name at its address, here and then at all servers of a house, then that of the cores.
    ///
    /// # Errors
    /// A wrong pair, too many who wait for that name, a turn that did not come; or a ban, of which nobody hears who does not
    /// know the password.
    pub fn authenticate(
        &self,
        credentials: &Credentials,
        from: IpAddr,
        patience: &Patience<'_>,
    ) -> Result<Account, Refusal> {
        let Ok(name) = credentials.name.parse::<Username>() else { return Err(Refusal::InvalidCredentials) };
        let account = self.directory.account(&name)?;
        self.check(&name, &credentials.password, account.as_ref(), from, patience)?;
        let account = account.ok_or(Refusal::InvalidCredentials)?;
        self.directory.ban_of(Some(&account.name), from).map_or(Ok(account), |ban| Err(Refusal::Banned(ban)))
    }

    /// Checks a password for `name` against its account.
    ///
    /// # Errors
    /// As [`Rendezvous::authenticate`].
    fn check(
        &self,
        name: &Username,
        password: &str,
        account: Option<&Account>,
        from: IpAddr,
        patience: &Patience<'_>,
    ) -> Result<(), Refusal> {
        let stored = account.map(|account| account.password_hash.as_str());
        let id = Ticket::draw().to_string();
        let one = Try { name, from, id: &id };
        let ask = || self.directory.take_turn(&one).map_err(NotChecked::Away);
        let verify = || Ok(self.hasher.verify(password, stored, patience)?);
        let end = |rests| self.directory.end_turn(&one, rests);
        match self.turns.take(name, from, patience, || in_shared_turn(patience, ask, verify, end)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::InvalidCredentials),
            // The last in line has its turn then.
            Err(NotChecked::NotServed(NotServed::LineFull)) => {
                Err(Refusal::TooManyWrongPasswords { name: name.clone(), seconds: LINE as u64 })
            }
            Err(NotChecked::NotServed(not_served)) => Err(not_hashed(not_served)),
            Err(NotChecked::Away(away)) => Err(away.into()),
        }
    }

    /// Gives an account another password. When this returns, it is on the disk. It hashes twice, and waits for its turns to
    /// do so as a login does: that of the name at its address, then that of the cores.
    ///
    /// # Errors
    /// A new password of the wrong length, a wrong old one, or one that is none any more since it was checked, too many who
    /// wait for that name, a turn that did not come, or a file that cannot be written.
    pub fn change_password(
        &self,
        name: &Username,
        change: &PasswordChange,
        from: IpAddr,
        patience: &Patience<'_>,
    ) -> Result<(), Refusal> {
        protocol::check_password(&change.new).map_err(Refusal::Other)?;
        let account = self.directory.account(name)?;
        self.check(name, &change.old, account.as_ref(), from, patience)?;
        let Some(account) = account else { return Err(Refusal::InvalidCredentials) };
        let new_hash = self.hasher.hash(&change.new, patience).map_err(not_hashed)?;
        let checked = Some(account.password_hash.as_str());
        let changed = self.directory.set_password(&account.name, checked, &new_hash, None);
        changed.map_err(|why| why.into_refusal(not_changed))?;
        self.counters.passwords.add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::open;
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_old_password_is_asked_for_and_is_none_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(Duration::from_secs(60));
        let here = [10, 0, 0, 7].into();
        let of_alice = |password: &str| Credentials { name: "alice".to_owned(), password: password.to_owned() };
        let alice = services.sign_up(&of_alice("first-word"), here, &patient).expect("signed up");
        let change = |old: &str, new: &str| {
            let change = PasswordChange { old: old.to_owned(), new: new.to_owned() };
            services.change_password(&alice, &change, here, &patient)
        };
        assert_eq!(change("first-word", "second-word"), Ok(()));
        assert_eq!(change("second-word", "short"), Err(Refusal::other("A password has 8 to 128 characters")));
        let found = services.authenticate(&of_alice("second-word"), here, &patient);
        assert_eq!(found.map(|account| account.name), Ok(alice.clone()));
        assert_eq!(change("first-word", "third-word"), Err(Refusal::InvalidCredentials));
        let refused = services.authenticate(&of_alice("first-word"), here, &patient);
        assert_eq!(refused, Err(Refusal::InvalidCredentials), "it comes late, as the wrong one before cost a second");
    }

    #[test]
    fn nobody_who_has_no_account_any_more_changes_a_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(Duration::from_secs(60));
        let change = PasswordChange { old: "first-word".to_owned(), new: "second-word".to_owned() };
        let changed =
            services.change_password(&"alice".parse().expect("a name"), &change, [10, 0, 0, 7].into(), &patient);
        assert_eq!(changed, Err(Refusal::InvalidCredentials));
    }
}
