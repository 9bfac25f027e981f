//! What is handed to a client of another server, and the wait for what became of it.

use super::life::Life;
use super::records::{handover, not_handed};
use super::state::{NotMade, Shared};
use crate::server::clients::{Elsewhere, Letter, NotHanded};
use crate::server::directory::{Away, Failed};
use crate::server::shared::{self, Came, Claim, Handed, HandoverId, Member};
use crate::value::Username;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long another server has to deliver something.
const ACROSS: Duration = Duration::from_secs(2);
/// How long it takes until a server that does not answer any more is out of the house, and somewhat longer.
const BURIAL: Duration = Duration::from_secs(8);

impl Shared {
    pub(super) fn hand_across(&self, letter: Letter, name: &Username, at: &Elsewhere) -> Result<(), Failed<NotHanded>> {
        let life = self.life();
        let there = Member { server: at.server.clone(), generation: at.generation };
        let id = HandoverId { asker: life.who.clone(), n: self.handovers.fetch_add(1, Ordering::Relaxed) };
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

    /// Whether the other server will never deliver it, as this one decided so first.
    fn takes_back(&self, life: &Life, id: &HandoverId) -> bool {
        let ids = [id.clone()];
        let claimed = self.make(|link, _, deadline| shared::claim(link, &life.who, deadline, &ids));
        claimed.is_ok_and(|claims| claims == [Claim::Won])
    }
}
