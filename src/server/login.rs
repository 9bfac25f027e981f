//! What holds for everybody with an account, whichever dialect they speak: the login and its end, the time each may
//! take, the rate of lines, and the broadcasts that a connection was not sent yet.
//!
//! It decides, and touches no socket; the session around it says it in the words of its dialect.

use super::mailbox::Mailbox;
use super::rate::Bucket;
use super::rendezvous::{Presence, Rendezvous};
use crate::protocol::{Notice, Refusal};
use log::info;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The login of one connection; over the time of the connection there may be several.
pub struct Login<'a> {
    house: &'a Rendezvous,
    peer: SocketAddr,
    mailbox: Arc<dyn Mailbox>,
    presence: Option<Presence>,
    bucket: Bucket,
    /// The first broadcast that this connection was not sent yet, over all its logins.
    next_broadcast: u64,
    /// When to log in at the latest, or again; nothing with `--relogin never`.
    deadline: Option<Instant>,
}

/// The deadline has passed; the client is told so.
pub enum TimeIsUp {
    /// Of the login, or of a session in which nothing was said: the connection ends.
    Close(Notice),
    /// Of the session: the login is over, and another may follow.
    LogInAgain(Notice),
}

impl<'a> Login<'a> {
    /// A connection that has just come, whose session others reach by `mailbox`.
    pub fn new(house: &'a Rendezvous, peer: SocketAddr, mailbox: Arc<dyn Mailbox>, now: Instant) -> Login<'a> {
        Login {
            house,
            peer,
            mailbox,
            presence: None,
            bucket: Bucket::new(house.config.rate.0, now),
            next_broadcast: 0,
            deadline: Some(now + house.config.login_limit),
        }
    }

    /// Who is logged in.
    pub fn presence(&self) -> Option<&Presence> {
        self.presence.as_ref()
    }

    /// When to call [`Login::time_is_up`].
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Counts a line, against the rate and for the inactivity rule.
    ///
    /// # Errors
    /// [`Refusal::TooFast`]: the line is not to be carried out.
    pub fn count_line(&mut self, now: Instant) -> Result<(), Refusal> {
        if !self.bucket.take(now) {
            return Err(Refusal::TooFast(self.house.config.rate.0.unwrap_or_default()));
        }
        if let Some(presence) = &self.presence {
            self.house.roster.count_message(&presence.seat);
        }
        Ok(())
    }

    /// Logs in.
    ///
    /// # Errors
    /// As [`Rendezvous::authenticate`].
    pub fn enter(&mut self, name: &str, password: &str) -> Result<Presence, Refusal> {
        let name = self.house.authenticate(name, password, self.peer.ip())?;
        let presence = self.house.enter(name, self.peer, Arc::clone(&self.mailbox));
        self.presence = Some(presence.clone());
        // From now on, not from the line on whose password has waited to be hashed: as the inactivity rule counts.
        self.deadline = self.house.config.relogin.0.map(|limit| Instant::now() + limit);
        Ok(presence)
    }

    /// Puts broadcasts of the last half hour that this connection was not sent yet into `lines`: at most `limit`
    /// bytes, but one at the least; false when there are none left.
    pub fn read_broadcasts(&mut self, limit: usize, lines: &mut String) -> bool {
        let range = self.house.history.read(self.next_broadcast, limit, Instant::now(), lines);
        self.next_broadcast = range.next;
        range.first != range.next
    }

    /// Has the broadcaster send all broadcasts that this connection was not sent yet, and those to come.
    pub fn deliver(&self) {
        if let Some(presence) = &self.presence {
            self.house.broadcaster.start(presence.token, self.next_broadcast);
        }
    }

    /// Ends whatever the deadline was for.
    pub fn time_is_up(&mut self, now: Instant) -> TimeIsUp {
        let limit = self.house.config.login_limit;
        let Some(presence) = &self.presence else {
            return TimeIsUp::Close(Notice::NotLoggedIn(limit));
        };
        // Both times are half an hour by default: the quiet are not asked for a password, but sent away.
        if self.house.roster.is_inactive(&presence.seat, self.house.config.idle, now) {
            info!("{}: inactive for too long, closed", self.who());
            return TimeIsUp::Close(Notice::Inactive);
        }
        info!("{}: session expired", self.who());
        self.leave();
        self.deadline = Some(now + limit);
        TimeIsUp::LogInAgain(Notice::SessionExpired)
    }

    fn leave(&mut self) {
        let Some(presence) = self.presence.take() else { return };
        if let Some(next) = self.house.leave(&presence) {
            self.next_broadcast = next;
        }
    }

    /// How this client is called in the log.
    pub fn who(&self) -> String {
        match &self.presence {
            Some(presence) => format!("{} at {}", presence.seat.name, self.peer),
            None => self.peer.to_string(),
        }
    }
}

/// However the conversation ends, the client map hears of it.
impl Drop for Login<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
