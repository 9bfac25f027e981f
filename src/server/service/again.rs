//! Going on where a session at another server of the house has ended, by a token in the place of the password. No socket is
//! known here.

use super::enter::Newcomer;
use super::rendezvous::{Login, Rendezvous, not_hashed};
use crate::net::{NotServed, Patience};
use crate::protocol::Refusal;
use crate::server::auth::LINE;
use crate::value::{Epoch, Ticket, Username};

/// What somebody says who wants to go on.
#[derive(Clone, Debug)]
pub struct Again {
    /// The name, as it came.
    pub name: String,
    /// The token.
    pub token: Ticket,
    /// The last broadcast that they have, of which sequence.
    pub since: Option<(Epoch, u64)>,
}

impl Again {
    /// The first broadcast that they lack: that behind their last one where that is of the present sequence, else the first of
    /// all.
    pub(super) fn next(&self, epoch: Option<Epoch>) -> u64 {
        let last = self.since.filter(|(of, _)| Some(*of) == epoch).map(|(_, last)| last);
        last.map_or(0, |last| last.saturating_add(1))
    }
}

impl Rendezvous {
    /// Logs somebody in by a token. It is looked at when its turn comes, as a password is: that of the name at its address; then
    /// it is asked whether the connection still `stands`. Nothing is hashed.
    ///
    /// # Errors
    /// [`Refusal::LogInWithPassword`] for a token that is none, or not any more, which counts as a wrong password; too many who
    /// wait for that name, a turn that did not come; or a ban, of which nobody hears who does not have the token.
    pub(super) fn go_on(
        &self,
        again: &Again,
        newcomer: Newcomer,
        patience: &Patience<'_>,
        stands: &dyn Fn() -> bool,
    ) -> Result<Login, Refusal> {
        let Ok(name) = again.name.parse::<Username>() else { return Err(Refusal::LogInWithPassword) };
        let (from, mut came) = (newcomer.from.ip(), Err(Refusal::LogInWithPassword));
        let taken = self.turns.take(&name, from, patience, || {
            if !stands() {
                return Err(NotServed::Gone);
            }
            came = self.enter_again(&name, again.token, newcomer);
            Ok(!matches!(came, Err(Refusal::LogInWithPassword)))
        });
        match taken {
            Ok(_) => came,
            Err(NotServed::LineFull) => Err(Refusal::TooManyWrongPasswords { name, seconds: LINE as u64 }),
            Err(not_served) => Err(not_hashed(not_served)),
        }
    }

    fn enter_again(&self, name: &Username, token: Ticket, newcomer: Newcomer) -> Result<Login, Refusal> {
        let account = self.directory.account(name)?.ok_or(Refusal::LogInWithPassword)?;
        self.enter_by(&account, Some(token), newcomer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::{Session, open};
    use super::*;
    use crate::server::auth::Credentials;
    use crate::server::clients::Viewpoint;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const HERE: [u8; 4] = [10, 0, 0, 7];
    /// From a wrong password to the next check.
    const APART: Duration = Duration::from_secs(1);

    #[test]
    fn what_they_lack_begins_behind_the_last_one_of_the_same_sequence() {
        let [one, other] = [1, 2].map(|byte| Epoch([byte; 16]));
        let next = |since| Again { name: String::new(), token: Ticket::draw(), since }.next(Some(one));
        let said = [None, Some((one, 0)), Some((one, 41)), Some((other, 41)), Some((one, u64::MAX))];
        assert_eq!(said.map(next), [0, 1, 42, 0, u64::MAX]);
    }

    #[test]
    fn a_wrong_token_counts_as_a_wrong_password_and_hashes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(Duration::from_secs(60));
        let alice = Credentials { name: "alice".to_owned(), password: "password".to_owned() };
        services.sign_up(&alice, HERE.into(), &patient).expect("signed up");
        // Whoever hashes from now on is sent away.
        services.hasher.stop();
        let go_on = |name: &str, patience: &Patience<'_>| {
            let again = Again { name: name.to_owned(), token: Ticket::draw(), since: None };
            let mailbox = Arc::<Session>::default();
            let newcomer = Newcomer { from: (HERE, 50_000).into(), view: Viewpoint::ThisMachine, mailbox };
            services.go_on(&again, newcomer, patience, &|| true).map(|_| ())
        };
        assert_eq!(go_on("no name", &patient), Err(Refusal::LogInWithPassword));
        // Where the machine has stood still meanwhile, the next turn has come, which tells nothing.
        let next_at_once = || {
            let since = Instant::now();
            assert_eq!(go_on("alice", &patient), Err(Refusal::LogInWithPassword));
            let next = go_on("ALICE", &Patience { until: Instant::now() + APART / 2, ..patient });
            (since.elapsed() < APART).then_some(next)
        };
        assert_eq!((0..8).find_map(|_| next_at_once()), Some(Err(Refusal::BusyWithLogins)));
        assert_eq!(go_on("bob", &patient), Err(Refusal::LogInWithPassword), "another name does not wait");
    }
}
