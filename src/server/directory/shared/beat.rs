//! The thread of the directory: a server stays in the house by a beat each second, meets with the others where Redis has
//! begun a new run, and begins a new life where it was taken for dead.

use super::life::Life;
use super::porter;
use super::state::{Shared, lock};
use crate::net::Shutdown;
use crate::protocol::{Event, Notice};
use crate::server::delivery::Mailbox;
use crate::server::shared::{self, Join, Link, Meeting, Member, NotDone};
use crate::value::Username;
use log::{error, info, warn};
use std::io;
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// Between two beats.
const BEAT: Duration = Duration::from_secs(1);
/// How long people stay while the directory does not answer. Then they are better off with a server that reaches it. This
/// one waits on with all that it knows: what Redis may have lost is given back when it is there again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two steps of a meeting, and two tries of a connection.
const STEP: Duration = Duration::from_millis(100);
/// So often the log says what has not changed.
const AGAIN: Duration = Duration::from_secs(10);
/// What whoever is here hears when this server was taken for dead, or has waited too long for the directory.
const AWAY: &str = "This server was away, come back";

/// How a life ended.
enum End {
    /// The server stops.
    Stop,
    /// It is not in the house any more, or has another sequence than the house.
    Out(&'static str),
}

/// Neither its people nor its lines are for that one.
const OTHER: End = End::Out("The directory is another house now");
/// Taken for dead.
const DEAD: End = End::Out("This server was taken for dead");

impl Shared {
    /// Lives, again and again, until the server stops.
    pub(super) fn live(&self, stop: &Shutdown) {
        loop {
            let life = self.life();
            let end = self.live_once(&life, stop);
            match end {
                End::Stop => return self.quit(&life.who),
                End::Out(why) => {
                    warn!("{why}: everybody here was sent away, and the server comes into the house anew");
                }
            }
            let mut said = Said::default();
            while let Err(why) = self.come_in() {
                said.say(format!("The server is not in the house: {why}"));
                if stop.wait(BEAT) {
                    return;
                }
            }
        }
    }

    fn live_once(&self, life: &Life, stop: &Shutdown) -> End {
        let (inbox, posts) = porter::inbox();
        // Nobody changes them before the first beat.
        let alive = lock(&self.alive).clone();
        thread::scope(|scope| {
            let started = spawn(scope, "porter", move || self.carry(life, &posts))
                .and_then(|()| spawn(scope, "tail", move || self.follow(life, &inbox)))
                .and_then(|()| spawn(scope, "sequencer", || life.sequencer.run(|| Link::open(&self.about.url))))
                .and_then(|()| spawn(scope, "servers", move || self.tell_servers(life, alive)));
            let end = match started {
                Ok(()) => self.beat(life, stop),
                Err(error) => {
                    error!("no thread for the directory: {error}; the server ends");
                    stop.trigger();
                    End::Stop
                }
            };
            // Before anything else is said.
            if let End::Out(_) = end {
                send_away(&self.clients.all_out());
            }
            life.end();
            self.changed.wake();
            end
        })
    }

    /// Beats until the end of the life.
    fn beat(&self, life: &Life, stop: &Shutdown) -> End {
        let (mut link, mut said, mut answered) = (None, Said::default(), Instant::now());
        let (mut is_announced, mut is_alone) = (false, false);
        // The sessions that a house which has lost something is to be told of again.
        let mut lost = Vec::new();
        loop {
            if life.has_ended() {
                return End::Out("The directory has other broadcasts than this server");
            }
            let beaten = self.beat_once(life, &mut link, &mut lost);
            let next = match beaten.and_then(|end| self.announce(life, link.as_mut(), &mut is_announced).map(|()| end))
            {
                Ok(Some(end)) => return end,
                Ok(None) => {
                    if said.is_over() {
                        info!("The directory is there again");
                    }
                    (answered, is_alone) = (Instant::now(), false);
                    answered + BEAT
                }
                Err(why) => {
                    if why == NotDone::Loss {
                        // There may be no house any more, or another one: that is found out where servers meet.
                        life.mirror.close();
                    }
                    link = None;
                    said.say(format!("{}: {why}", self.about.url));
                    if !is_alone && answered.elapsed() >= PATIENCE {
                        is_alone = true;
                        warn!("Everybody here was sent away, as nothing goes without the directory");
                        send_away(&self.clients.here_out());
                    }
                    Instant::now() + STEP
                }
            };
            // Until then it tells the house of each session that has ended here.
            loop {
                self.let_go(life, link.as_mut(), next);
                if stop.is_triggered() {
                    return End::Stop;
                }
                if !self.wake.wait(next) || Instant::now() >= next {
                    break;
                }
            }
        }
    }

    fn beat_once(
        &self,
        life: &Life,
        link: &mut Option<Link>,
        lost: &mut Vec<(Username, u64)>,
    ) -> Result<Option<End>, NotDone> {
        let link = match link {
            Some(link) => link,
            none => none.insert(Link::open(&self.about.url)?),
        };
        if !life.mirror.is_open_for(link.run()) {
            // Now, as the tail forgets whom the house does not have.
            lost.extend(life.own());
            lost.sort_by_key(|(_, session)| *session);
            lost.dedup_by_key(|(_, session)| *session);
            // This one's lines are not for others.
            if self.other_house(link)?.is_some() {
                return Ok(Some(OTHER));
            }
            let met = match shared::meet(link, &life.who, &life.mirror, &self.others()) {
                // The others did not wait for it any longer.
                Err(NotDone::Buried) => return Ok(Some(DEAD)),
                met => met?,
            };
            match met {
                Meeting::Opened => {
                    info!("The house is open for another run of the directory");
                    life.sequencer.met();
                }
                Meeting::Waits { .. } => return Err(NotDone::Loss),
                Meeting::Diverged => return Ok(Some(End::Out("The directory went on without this server"))),
                Meeting::Empty => {
                    return Err(NotDone::Cannot("it is empty: this server waits until its house is back".to_owned()));
                }
            }
        }
        let sent = Instant::now();
        match shared::beat(link, &life.who) {
            Ok(house) => {
                self.lease.renewed(sent, Instant::now(), house.now);
                life.mirror.forget(house.now);
                self.set_alive(house.servers);
            }
            // The registration was lost with what Redis lost: others cannot have buried who has a lease.
            Err(NotDone::Buried) if self.lease.runs(Instant::now()) => {
                if self.other_house(link)?.is_some() {
                    return Ok(Some(OTHER));
                }
                let Join::In(joined) = shared::join(link, &self.start(Some((life.who.generation, life.number))))?
                else {
                    return Ok(Some(DEAD));
                };
                info!("The directory had lost this server, which is back");
                self.lease.renewed(sent, Instant::now(), joined.at);
                life.sequencer.met();
                lost.extend(life.own());
            }
            Err(NotDone::Buried) => return Ok(Some(DEAD)),
            Err(why) => return Err(why),
        }
        lost.extend(life.take_unsure());
        self.enter_again(life, link, lost, sent + BEAT)?;
        Ok(None)
    }

    /// Tells the house where this server is, which was not bound when it came in.
    fn announce(&self, life: &Life, link: Option<&mut Link>, is_announced: &mut bool) -> Result<(), NotDone> {
        if let Some(link) = link.filter(|_| !*is_announced) {
            shared::join(link, &self.start(Some((life.who.generation, life.number))))?;
            *is_announced = true;
        }
        Ok(())
    }

    /// Tells the house of sessions that have ended here: once more until it has heard of it.
    fn let_go(&self, life: &Life, link: Option<&mut Link>, until: Instant) {
        let Some(link) = link else { return };
        let own = life.own();
        for (name, session) in self.clients.ended(own.iter().map(|(name, session)| (name, *session))) {
            let deadline = self.lease.deadline(Instant::now(), shared::LIMIT);
            // What was not heard now is told behind the next beat, with another connection if need be.
            if Instant::now() >= until
                || !link.is_usable()
                || shared::leave(link, &life.who, deadline, (&name, session), life.was_sent_away(session)).is_err()
            {
                return;
            }
            life.has_gone(&name, session);
        }
    }

    fn quit(&self, who: &Member) {
        if let Err(why) = Link::open(&self.about.url).and_then(|mut link| shared::quit(&mut link, who)) {
            warn!("The others see in 5 s that this server has stopped: {why}");
        }
    }
}

/// Tells these sessions that they are better off elsewhere, and closes them.
fn send_away(sessions: &[Arc<dyn Mailbox>]) {
    let notice = Event::Notice(Notice::Other(AWAY.to_owned())).into();
    for mailbox in sessions {
        mailbox.deliver(&notice);
        mailbox.close();
    }
}

/// What was said to the log last of why the directory is of no use, and when.
#[derive(Default)]
struct Said(Option<(String, Instant)>);

impl Said {
    /// Says it where it is something else, or was not said for a while.
    fn say(&mut self, why: String) {
        if self.0.as_ref().is_none_or(|(last, at)| *last != why || at.elapsed() >= AGAIN) {
            warn!("{why}");
            self.0 = Some((why, Instant::now()));
        }
    }

    /// It does not hold any more: whether anything was said.
    fn is_over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, name: &str, run: impl FnOnce() + Send + 'scope) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run).map(drop)
}
