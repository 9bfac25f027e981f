//! How a client comes in, by a password that was checked or by a token, and how an older session of its name ends. No socket is
//! known here.

use super::rendezvous::{Login, Rendezvous};
use crate::protocol::{Notice, Refusal};
use crate::server::clients::{ClientSnapshot, Letter, NewClient, Viewpoint};
use crate::server::delivery::{Mailbox, Presence};
use crate::server::directory::{ComesBy, NotWelcome};
use crate::server::store::Account;
use crate::value::{Ticket, Username};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Somebody whose login is about to be.
pub(super) struct Newcomer {
    /// The address and port that the connection came from.
    pub from: SocketAddr,
    /// From where it will see the others.
    pub view: Viewpoint,
    /// How to reach its session.
    pub mailbox: Arc<dyn Mailbox>,
}

impl Rendezvous {
    /// Logs a client in whose password was checked against this account. An older session of that name is told and closed.
    ///
    /// # Errors
    /// What has happened to the account since: [`Refusal::Banned`], or [`Refusal::InvalidCredentials`].
    pub fn enter(
        &self,
        account: &Account,
        from: SocketAddr,
        view: Viewpoint,
        mailbox: Arc<dyn Mailbox>,
    ) -> Result<Login, Refusal> {
        self.enter_by(account, None, Newcomer { from, view, mailbox })
    }

    /// The same for who shows a token in the place of the password: [`Refusal::LogInWithPassword`] where that is none.
    pub(super) fn enter_by(
        &self,
        account: &Account,
        shows: Option<Ticket>,
        Newcomer { from, view, mailbox }: Newcomer,
    ) -> Result<Login, Refusal> {
        let (name, since, presence) = (account.name.clone(), SystemTime::now(), Arc::<Presence>::default());
        // Who cannot be told where the others are does not go there.
        let again = self.epoch().and(mailbox.reached()).map(|_| Ticket::draw());
        let client =
            NewClient { name, from, view, since, presence: Arc::clone(&presence), mailbox: Arc::clone(&mailbox) };
        let by = ComesBy { account, shows, given: again, lasts: self.config.relogin.0 };
        let (older, entered) = self.directory.enter(client, &by);
        if let Some(older) = older {
            self.take_over(&account.name, from.ip(), mailbox.is_encrypted(), &older);
        }
        let not_welcome = |why| match why {
            NotWelcome::Banned(ban) => Refusal::Banned(ban),
            NotWelcome::Changed if shows.is_none() => Refusal::InvalidCredentials,
            NotWelcome::Changed | NotWelcome::WrongToken => Refusal::LogInWithPassword,
        };
        let entered = entered.map_err(|why| why.into_refusal(not_welcome))?;
        let (key, lasts) = (entered.key, entered.lasts);
        // Before the client learns its token: its first hello may come at once.
        let token = Ticket::draw();
        self.broadcaster.join(token, [from.ip(), key.address], mailbox, Arc::clone(&presence));
        Ok(Login { key, token, presence, again, lasts })
    }

    /// Tells and closes a session whose name has logged in from elsewhere.
    #[inline(never)]
    fn take_over(&self, name: &Username, from: IpAddr, is_encrypted: bool, older: &ClientSnapshot) {
        let in_the_clear = older.is_encrypted() && !is_encrypted;
        let notice = Notice::TakenOver { name: name.clone(), from, in_the_clear };
        // It is over, told or not.
        let _ = self.directory.hand(Letter::End(notice), older);
        if let Some(presence) = older.presence().filter(|presence| presence.was_cut_off(Instant::now())) {
            self.was_lost(name, presence);
        }
    }
}
