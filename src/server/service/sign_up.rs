//! New accounts. No socket is known here.

use super::rendezvous::{Rendezvous, not_hashed};
use crate::net::Patience;
use crate::protocol::{self, Refusal};
use crate::server::auth::Credentials;
use crate::server::store::{Account, Accounts, NotStored};
use crate::value::sentence::counted;
use crate::value::{Username, text};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Bytes of what is wrong with a file, in an answer: it may quote the file.
const MAX_REASON: usize = 300;

/// Why an account was not changed, in the words of the protocol.
pub(super) fn not_stored(why: NotStored) -> Refusal {
    match why {
        NotStored::Taken => Refusal::NameTaken,
        NotStored::Unknown => Refusal::InvalidCredentials,
        NotStored::Full => Refusal::other("The server has as many accounts as it keeps: ask whoever runs it"),
        NotStored::Unfit(unfit) => Refusal::NotNow(text::escape(text::cut(&unfit.into_sentence(), MAX_REASON))),
        NotStored::File => Refusal::other("The server cannot write its accounts now: ask whoever runs it"),
        NotStored::NotTried => Refusal::BusyWithLogins,
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
        if let Some(ban) = self.ban_of_address(from) {
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
        self.store(move |accounts| accounts.add(account.clone())).map_err(not_stored)?;
        self.counters.sign_ups.add(1);
        self.send_guest_away(&name);
        Ok(name)
    }

    /// Has the thread for accounts try a change of them. While the file is perhaps being saved, it is this thread that
    /// waits between two tries: the thread for accounts is there for whoever else wants a change.
    ///
    /// # Errors
    /// [`NotStored`].
    pub(super) fn store(
        &self,
        change: impl Fn(&Accounts) -> Result<(), NotStored> + Send + Sync + 'static,
    ) -> Result<(), NotStored> {
        let change = Arc::new(change);
        let one_try = || {
            let (accounts, change) = (Arc::clone(&self.accounts), Arc::clone(&change));
            self.filing.run(move || change(&accounts)).unwrap_or(Err(NotStored::NotTried))
        };
        self.accounts.try_while_saved(one_try)
    }

    /// Whether a new account can have this name now.
    ///
    /// # Errors
    /// It is no username, it is a command, or another account has it. A guest has to go.
    pub fn new_name(&self, name: &str) -> Result<Username, Refusal> {
        let name: Username = name.parse().map_err(|error| Refusal::Other(format!("{error}")))?;
        if protocol::is_command_word(name.as_str()) {
            return Err(Refusal::other(format!("{name} is a command: choose another name")));
        }
        if self.accounts.find(&name).is_some() { Err(Refusal::NameTaken) } else { Ok(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::open;
    use super::*;
    use std::fs;
    use std::thread;
    use std::time::Duration;

    /// Plays while alice signs up, and `users.csv` is perhaps being saved: it is empty instead of what
    /// `play` is given. What she hears.
    fn sign_up_while_saved(play: impl FnOnce(&Rendezvous, Vec<u8>)) -> Result<Username, Refusal> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut services = open(&folder);
        Arc::get_mut(&mut services.accounts).expect("nobody else's").set_saving(Duration::from_secs(60));
        let file = folder.path().join("users.csv");
        let text = fs::read(&file).expect("read");
        fs::write(&file, "").expect("cut");
        thread::scope(|scope| {
            let signing_up = scope.spawn(|| {
                let patient = Patience::lasting(Duration::from_secs(60));
                let alice = Credentials { name: "alice".to_owned(), password: "password".to_owned() };
                services.sign_up(&alice, [10, 0, 0, 7].into(), &patient)
            });
            services.accounts.wait_until_unfit();
            play(&services, text);
            signing_up.join().expect("no panic")
        })
    }

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

    #[test]
    fn who_waits_for_a_file_that_is_being_saved_keeps_nobody_waiting() {
        let result = sign_up_while_saved(|services, text| {
            let file = services.config.data.join("users.csv");
            let saves = move || fs::write(file, text).is_ok();
            assert_eq!(services.filing.run(saves), Some(true), "the thread for accounts is free");
        });
        assert_eq!(result, Ok("alice".parse().expect("a name")));
    }

    #[test]
    fn who_waits_for_a_file_that_is_being_saved_does_not_hold_the_end_up() {
        let result = sign_up_while_saved(|services, _| services.say_goodbye());
        assert_eq!(result, Err(Refusal::BusyWithLogins));
    }
}
