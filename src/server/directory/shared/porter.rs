//! The thread `porter`: what lies in this server's inbox goes to the clients here, and what became of it back to the asker.
//! So broadcasts do not wait for it.

use super::life::Life;
use super::records::{letter, undelivered};
use super::state::Shared;
use crate::protocol::Notice;
use crate::server::clients::{Letter, NotHanded};
use crate::server::shared::{
    self, Claim, Deadline, Delivery, Entry, Handover, HandoverId, Link, MAX_CLAIMS, NotDone, Post,
};
use crate::value::Username;
use log::{debug, warn};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

/// The most entries that wait. Of what finds no room the asker says in 2 s that nothing was handed over.
const ROOM: usize = 4096;

/// Where the tail leaves what is for the clients here. It is the end of the porter's work when this is dropped.
pub struct Inbox(SyncSender<Wanted>);

/// An inbox, and what is taken from it.
pub fn inbox() -> (Inbox, Receiver<Wanted>) {
    let (put, take) = sync_channel(ROOM);
    (Inbox(put), take)
}

/// What waits for the porter.
pub enum Wanted {
    /// Something for a client of this server.
    Letter(HandoverId, (Username, u64), Letter),
    /// The answer to an asker.
    Answer(HandoverId, Delivery),
}

impl Shared {
    /// Does what an entry of the inbox says, if that waits for nothing; else it leaves that for the porter.
    pub(super) fn take_post(&self, life: &Life, inbox: &Inbox, (entry, fields): &Entry) {
        match Post::parse(fields) {
            Ok(Post::Handover { id, name, session, what }) => {
                let wanted = match what {
                    // Nobody takes that back: it is done as soon as it is read, whatever becomes of the answer.
                    Handover::End(notice) => {
                        Wanted::Answer(id, self.end_here(&name, session, notice).map_err(undelivered))
                    }
                    what => Wanted::Letter(id, (name, session), letter(what)),
                };
                if inbox.0.try_send(wanted).is_err() {
                    debug!("The entry {entry} of the inbox finds no room");
                }
            }
            Ok(Post::Close { name, session, notice } | Post::End { name, session, notice }) => {
                // It is over, told or not.
                let _ = self.end_here(&name, session, notice);
            }
            Ok(Post::Answer { id, delivery }) => life.waiting.answered(&id, delivery),
            Err(_) => warn!("The entry {entry} of the inbox is not understood"),
        }
    }

    /// Ends a session of this server; an error says that it could not be told why, or was over.
    fn end_here(&self, name: &Username, session: u64, mut notice: Notice) -> Result<(), NotHanded> {
        let client = self.clients.session(name, session).ok_or(NotHanded::Leaving)?;
        // The other server knows of the new session alone whether it is in the clear.
        if let Notice::TakenOver { in_the_clear, .. } = &mut notice {
            *in_the_clear &= client.is_encrypted();
        }
        let told = self.clients.hand(Letter::End(notice), &client);
        if client.guest.is_some() {
            // It is out already, and the house hears of it.
            self.wake.wake();
        }
        told
    }

    /// Carries what comes, until there is nobody who leaves anything, or the life has ended.
    pub(super) fn carry(&self, life: &Life, inbox: &Receiver<Wanted>) {
        while let Ok(first) = inbox.recv() {
            if life.has_ended() {
                return;
            }
            let wanted = std::iter::once(first).chain(inbox.try_iter().take(MAX_CLAIMS - 1)).collect();
            if let Err(why) = self.deliver(life, wanted) {
                debug!("The porter: {why}");
            }
        }
    }

    /// Delivers what this server may still decide about, and answers. A claim whose connection was lost is repeated on
    /// another one, as long as the asker waits. Where it is not known then whether it may, nothing is delivered: the asker
    /// finds that out.
    fn deliver(&self, life: &Life, wanted: Vec<Wanted>) -> Result<(), NotDone> {
        let (mut letters, mut ids, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in wanted {
            match wanted {
                Wanted::Letter(id, to, letter) => {
                    ids.push(id);
                    letters.push((to, letter));
                }
                Wanted::Answer(id, delivery) => answers.push((id, delivery)),
            }
        }
        let claims = match ids.is_empty() {
            true => Ok(Vec::new()),
            false => self.settle(|link, deadline| shared::claim(link, &life.who, deadline, &ids)),
        };
        // All of them first: the askers wait.
        for ((id, ((name, session), letter)), claim) in ids.into_iter().zip(letters).zip(claims.iter().flatten()) {
            if *claim == Claim::Won {
                let found = self.clients.session(&name, session).ok_or(NotHanded::Leaving);
                let delivered = found.and_then(|client| self.clients.hand(letter, &client));
                answers.push((id, delivered.map_err(undelivered)));
            }
        }
        for (id, delivery) in answers {
            self.settle(|link, deadline| shared::answer(link, &life.who, deadline, &id, delivery))?;
        }
        claims.map(drop)
    }

    /// Has Redis do what may be repeated, on as many connections as are lost within the time of one.
    fn settle<T>(&self, mut work: impl FnMut(&mut Link, Deadline) -> Result<T, NotDone>) -> Result<T, NotDone> {
        let now = Instant::now();
        let (until, deadline) = (now + shared::LIMIT, self.lease.deadline(now, shared::LIMIT));
        self.pool.work(until, until, |link| work(link, deadline))
    }
}
