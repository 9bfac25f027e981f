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

/// Where the tail leaves what it finds. It is the end of the porter's work when this is dropped.
pub struct Inbox(SyncSender<Post>);

/// An inbox, and what is taken from it.
pub fn inbox() -> (Inbox, Receiver<Post>) {
    let (put, take) = sync_channel(ROOM);
    (Inbox(put), take)
}

impl Inbox {
    /// Leaves entries for the porter.
    pub fn put(&self, entries: &[Entry]) {
        for (id, fields) in entries {
            match Post::parse(fields) {
                Ok(post) => {
                    if self.0.try_send(post).is_err() {
                        debug!("The entry {id} of the inbox finds no room");
                    }
                }
                Err(_) => warn!("The entry {id} of the inbox is not understood"),
            }
        }
    }
}

/// Something for a client of this server.
struct Wanted {
    id: HandoverId,
    to: (Username, u64),
    letter: Letter,
}

impl Shared {
    /// Carries what comes, until there is nobody who leaves anything.
    pub(super) fn carry(&self, life: &Life, posts: &Receiver<Post>) {
        let mut link = None;
        while let Ok(first) = posts.recv() {
            let mut wanted = Vec::new();
            for post in std::iter::once(first).chain(posts.try_iter().take(MAX_CLAIMS - 1)) {
                wanted.extend(self.sort(life, post));
            }
            if wanted.is_empty() {
                continue;
            }
            if let Err(why) = self.deliver(life, wanted, &mut link) {
                debug!("The porter: {why}");
                link = None;
                life.pause(PAUSE);
            }
        }
    }

    /// Does what needs no answer; gives what does.
    fn sort(&self, life: &Life, post: Post) -> Option<Wanted> {
        match post {
            Post::Handover { id, name, session, what } => {
                Some(Wanted { id, to: (name, session), letter: letter(what) })
            }
            Post::Close { name, session, mut notice } | Post::End { name, session, mut notice } => {
                if let Some(client) = self.clients.session(&name, session) {
                    // The other server knows of the new session alone whether it is in the clear.
                    if let Notice::TakenOver { in_the_clear, .. } = &mut notice {
                        *in_the_clear &= client.is_encrypted();
                    }
                    // It is over, told or not.
                    let _ = self.clients.hand(Letter::End(notice), &client);
                }
                None
            }
            Post::Answer { id, delivery } => {
                life.waiting.answered(&id, delivery);
                None
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
        for Wanted { id, to: (name, session), letter } in won {
            let client = self.clients.session(&name, session);
            let delivered = client.ok_or(NotHanded::Leaving).and_then(|client| self.clients.hand(letter, &client));
            let deadline = self.lease.deadline(Instant::now(), shared::LIMIT);
            shared::answer(link, &life.who, deadline, &id, delivered.map_err(undelivered))?;
        }
        Ok(())
    }
}
