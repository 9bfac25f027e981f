//! What is handed to a client of another server, and the wait for what became of it; and the end of sessions, wherever they
//! are.

use super::life::Life;
use super::records::{handover, not_handed};
use super::state::{NotMade, Shared, away};
use crate::protocol::Notice;
use crate::server::clients::{ClientSnapshot, Elsewhere, Letter, NotHanded, Whereabouts};
use crate::server::directory::{Away, Ended, Failed};
use crate::server::shared::{self, Awaited, Came, Claim, Handed, Handover, HandoverId, Link, Member};
use crate::value::Username;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long another server has to deliver something.
const ACROSS: Duration = Duration::from_secs(2);
/// How long it takes until a server that does not answer any more is out of the house, and somewhat longer.
const BURIAL: Duration = Duration::from_secs(8);

/// How far the end of a session has come.
enum Begun<'a> {
    Over(Ended),
    /// It lies in the inbox of its server.
    Handed(Awaited<'a>),
}

impl Shared {
    pub(super) fn hand_across(&self, letter: Letter, name: &Username, at: &Elsewhere) -> Result<(), Failed<NotHanded>> {
        let life = self.life();
        let there = Member { server: at.server.clone(), generation: at.generation };
        let id = self.next_handover(&life);
        let not_now =
            || Failed::Away(Away(format!("{name}'s server does not answer: nothing was handed over, try again")));
        let not_known = || Failed::Unknown(format!("{name}'s server has failed: it is not known whether it arrived"));
        let Some(awaited) = life.waiting.begin(id.clone(), there.clone()) else { return Err(not_now()) };
        let what = handover(letter);
        let to = (name, at.session);
        match self.make(|link, _, deadline| shared::hand(link, deadline, to, &there, &id, &what)) {
            Ok(Handed::Ok) => {}
            Ok(Handed::Gone) => return Err(Failed::Refused(NotHanded::Leaving)),
            Err(NotMade::Not) => return Err(not_now()),
            Err(NotMade::Unknown) => return Err(not_known()),
        }
        let mut came = awaited.wait(Instant::now() + ACROSS);
        if came.is_none() {
            if self.takes_back(&life, &id) {
                return Err(not_now());
            }
            came = awaited.wait(Instant::now() + BURIAL);
        }
        match came {
            Some(Came::Answer(delivery)) => delivery.map_err(|why| Failed::Refused(not_handed(why))),
            Some(Came::Burial) | None => Err(not_known()),
        }
    }

    /// Ends sessions, and tells each why. What a server is handed for that is not taken back: it is done when that server
    /// reads it, at the latest when it finds that it was taken for dead.
    pub(super) fn end_sessions(&self, notice: &Notice, clients: &[ClientSnapshot]) -> Vec<Ended> {
        let (life, mut failed) = (self.life(), None);
        // All of them before any is waited for.
        let begun: Vec<Begun<'_>> =
            clients.iter().map(|client| self.begin_to_end(&life, notice, client, &mut failed)).collect();
        self.wake.wake();
        let until = Instant::now() + ACROSS;
        let ended = begun.into_iter().map(|begun| match begun {
            Begun::Over(ended) => ended,
            Begun::Handed(awaited) => match awaited.wait(until) {
                Some(Came::Answer(Ok(()))) => Ended::Told,
                Some(Came::Answer(Err(_))) => Ended::NotTold,
                Some(Came::Burial) if !life.has_ended() => Ended::NotTold,
                Some(Came::Burial) | None => Ended::Later,
            },
        });
        ended.collect()
    }

    /// `failed` is why the directory was of no use for one of them before: the others do not wait for it, too.
    fn begin_to_end<'a>(
        &self,
        life: &'a Life,
        notice: &Notice,
        client: &ClientSnapshot,
        failed: &mut Option<String>,
    ) -> Begun<'a> {
        // First, or it would be back by its token.
        self.keep_out(life, client, failed);
        let at = match client.whereabouts() {
            Whereabouts::Here { .. } => {
                let told = self.clients.hand(Letter::End(notice.clone()), client);
                return Begun::Over(if told.is_ok() { Ended::Told } else { Ended::NotTold });
            }
            Whereabouts::There(at) => at,
        };
        if let Some(why) = failed {
            return Begun::Over(Ended::No(why.clone()));
        }
        let there = Member { server: at.server.clone(), generation: at.generation };
        let (id, what) = (self.next_handover(life), Handover::End(notice.clone()));
        let Some(awaited) = life.waiting.begin(id.clone(), there.clone()) else {
            return Begun::Over(Ended::No("Too many wait for other servers, nothing was done".to_owned()));
        };
        let to = (&client.name, at.session);
        match self.make(|link, _, deadline| shared::hand(link, deadline, to, &there, &id, &what)) {
            Ok(Handed::Ok) => Begun::Handed(awaited),
            Ok(Handed::Gone) => Begun::Over(Ended::NotTold),
            Err(why) => {
                let why = why.into_sentence("It is not known whether the session ends: look at the list");
                Begun::Over(Ended::No(failed.insert(why).clone()))
            }
        }
    }

    /// A session that is sent away does not go on elsewhere.
    fn keep_out(&self, life: &Life, client: &ClientSnapshot, failed: &mut Option<String>) {
        let (at, session) = match client.whereabouts() {
            Whereabouts::Here { .. } => (life.who.clone(), client.id()),
            Whereabouts::There(at) => (Member { server: at.server.clone(), generation: at.generation }, at.session),
        };
        let forget = |link: &mut Link, who: &Member, deadline| {
            shared::forget_token(link, who, deadline, (&client.name, session), &at)
        };
        if failed.is_none() && self.make(forget).is_err() {
            *failed = Some(away().0);
        }
        // Else the house hears of it with the end of the session.
        if failed.is_some() && at == life.who {
            life.sends_away(session);
        }
    }

    fn next_handover(&self, life: &Life) -> HandoverId {
        HandoverId { asker: life.who.clone(), n: self.handovers.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether the other server will never deliver it, as this one decided so first.
    fn takes_back(&self, life: &Life, id: &HandoverId) -> bool {
        let ids = [id.clone()];
        let claimed = self.make(|link, _, deadline| shared::claim(link, &life.who, deadline, &ids));
        claimed.is_ok_and(|claims| claims == [Claim::Won])
    }
}
