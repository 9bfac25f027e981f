//! The thread `porter`: what lies in this server's inbox goes to the clients here, and what became of it back to the asker.
//! So broadcasts do not wait for it.

use super::life::Life;
use super::records::{letter, undelivered};
use super::state::Shared;
use crate::protocol::Notice;
use crate::server::clients::{Letter, NotHanded};
use crate::server::shared::{self, Claim, Entry, HandoverId, Link, MAX_CLAIMS, NotDone, Post};
use crate::value::Username;
use log::{debug, warn};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// The most entries that wait. Of what finds no room the asker says in 2 s that nothing was handed over.
const ROOM: usize = 4096;
/// Between two tries of a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the tail leaves what is for the clients here. It is the end of the porter's work when this is dropped.
pub struct Inbox(SyncSender<Wanted>);

/// An inbox, and what is taken from it.
pub fn inbox() -> (Inbox, Receiver<Wanted>) {
    let (put, take) = sync_channel(ROOM);
    (Inbox(put), take)
}

/// Something for a client of this server.
pub struct Wanted {
    id: HandoverId,
    to: (Username, u64),
    letter: Letter,
}

impl Shared {
    /// Does what an entry of the inbox says, if that waits for nothing; else it leaves that for the porter.
    pub(super) fn take_post(&self, life: &Life, inbox: &Inbox, (entry, fields): &Entry) {
        match Post::parse(fields) {
            Ok(Post::Handover { id, name, session, what }) => {
                let wanted = Wanted { id, to: (name, session), letter: letter(what) };
                if inbox.0.try_send(wanted).is_err() {
                    debug!("The entry {entry} of the inbox finds no room");
                }
            }
            Ok(Post::Close { name, session, mut notice } | Post::End { name, session, mut notice }) => {
                if let Some(client) = self.clients.session(&name, session) {
                    // The other server knows of the new session alone whether it is in the clear.
                    if let Notice::TakenOver { in_the_clear, .. } = &mut notice {
                        *in_the_clear &= client.is_encrypted();
                    }
                    // It is over, told or not.
                    let _ = self.clients.hand(Letter::End(notice), &client);
                }
            }
            Ok(Post::Answer { id, delivery }) => life.waiting.answered(&id, delivery),
            Err(_) => warn!("The entry {entry} of the inbox is not understood"),
        }
    }

    /// Carries what comes, until there is nobody who leaves anything, or the life has ended.
    pub(super) fn carry(&self, life: &Life, inbox: &Receiver<Wanted>) {
        let mut link = None;
        while let Ok(first) = inbox.recv() {
            if life.has_ended() {
                return;
            }
            let wanted = std::iter::once(first).chain(inbox.try_iter().take(MAX_CLAIMS - 1)).collect();
            if let Err(why) = self.deliver(life, wanted, &mut link) {
                debug!("The porter: {why}");
                link = None;
                life.pause(PAUSE);
            }
        }
    }

    /// Delivers what this server may still decide about. Where it is not known whether it may, nothing is delivered: the
    /// asker finds that out.
    fn deliver(&self, life: &Life, wanted: Vec<Wanted>, link: &mut Option<Link>) -> Result<(), NotDone> {
        let link = match link {
            Some(link) => link,
            none => none.insert(Link::open(&self.about.url)?),
        };
        let ids: Vec<HandoverId> = wanted.iter().map(|wanted| wanted.id.clone()).collect();
        let deadline = self.lease.deadline(Instant::now(), shared::LIMIT);
        let claims = shared::claim(link, &life.who, deadline, &ids)?;
        let won = wanted.into_iter().zip(claims).filter(|(_, claim)| *claim == Claim::Won).map(|(wanted, _)| wanted);
        // All of them first: the askers wait.
        let delivered: Vec<_> = won
            .map(|Wanted { id, to: (name, session), letter }| {
                let client = self.clients.session(&name, session).ok_or(NotHanded::Leaving);
                (id, client.and_then(|client| self.clients.hand(letter, &client)))
            })
            .collect();
        for (id, delivered) in delivered {
            let deadline = self.lease.deadline(Instant::now(), shared::LIMIT);
            shared::answer(link, &life.who, deadline, &id, delivered.map_err(undelivered))?;
        }
        Ok(())
    }
}
