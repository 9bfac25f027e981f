//! One life of a server in its house: from the moment that it joins until it leaves, or is taken for dead. What was known of
//! the house in one life is of no use in the next.

use crate::server::shared::{Member, Mirror, Sequencer, StreamId, Tail, Waiting};
use crate::value::Username;
use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a server knows of the house in one life.
pub struct Life {
    /// The server, and the generation that this life is.
    pub who: Member,
    /// Its loopback addresses are those of 127.NUMBER.0.0/16.
    pub number: u8,
    /// The lines that this server has.
    pub mirror: Mirror,
    /// What becomes of the lines that are said here.
    pub sequencer: Sequencer,
    /// Who waits for the answer of another server.
    pub waiting: Waiting,
    /// Where the tail goes on. Held by the tail, and while the life begins.
    pub tail: Mutex<Tail>,
    /// Held for a look or a change.
    own: Mutex<Own>,
    changed: Condvar,
}

/// What the news have told of this server's sessions.
#[derive(Default)]
struct Own {
    /// Those that have their names in the house.
    here: HashMap<Username, u64>,
    /// Those that are about to come in: have the news told of it?
    coming: HashMap<u64, bool>,
    /// Those of whose last change it is not known whether the house has it. It is told of them once more.
    unsure: HashMap<u64, Username>,
    /// Up to this entry the news were read.
    read: StreamId,
    /// Those that were sent away, of which the house could not be told: they may not go on elsewhere.
    sent_away: HashSet<u64>,
    has_ended: bool,
}

impl Life {
    /// A life that begins.
    pub fn new(who: Member, number: u8, window: Duration) -> Life {
        Life {
            mirror: Mirror::new(who.clone(), window),
            sequencer: Sequencer::new(who.clone(), window),
            waiting: Waiting::default(),
            tail: Mutex::new(Tail::begin(&who, StreamId::default())),
            own: Mutex::default(),
            changed: Condvar::new(),
            number,
            who,
        }
    }

    /// A session is about to come into the house.
    pub fn expect(&self, session: u64) {
        self.lock().coming.insert(session, false);
    }

    /// Waits until the news have told that it has come, or until then: whether they have.
    pub fn wait_for(&self, session: u64, until: Instant) -> bool {
        let mut own = self.wait_while(until, |own| own.coming.get(&session) == Some(&false));
        own.coming.remove(&session) == Some(true)
    }

    /// Waits until the news were read up to this entry, or until then: whether they were.
    pub fn wait_for_news(&self, id: StreamId, until: Instant) -> bool {
        self.wait_while(until, |own| own.read < id).read >= id
    }

    fn wait_while(&self, until: Instant, waits: impl Fn(&Own) -> bool) -> MutexGuard<'_, Own> {
        let left = until.saturating_duration_since(Instant::now());
        let waits = |own: &mut Own| waits(own) && !own.has_ended;
        self.changed.wait_timeout_while(self.lock(), left, waits).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The news were read up to this entry.
    pub fn has_read(&self, id: StreamId) {
        self.lock().read = id;
        self.changed.notify_all();
    }

    /// Nobody knows whether the house has the last change of this session.
    pub fn is_unsure_of(&self, name: &Username, session: u64) {
        self.lock().unsure.insert(session, name.clone());
    }

    /// Those of which that was said.
    pub fn take_unsure(&self) -> Vec<(Username, u64)> {
        self.lock().unsure.drain().map(|(session, name)| (name, session)).collect()
    }

    /// The house has taken in a session: of this server, or else one that has taken a name over.
    pub fn has_come(&self, name: &Username, session: Option<u64>) {
        let mut own = self.lock();
        own.here.remove(name);
        if let Some(session) = session {
            own.here.insert(name.clone(), session);
            own.coming.entry(session).and_modify(|is_told| *is_told = true);
            self.changed.notify_all();
        }
    }

    /// The house has let a session of this server go.
    pub fn has_gone(&self, name: &Username, session: u64) {
        let mut own = self.lock();
        if own.here.get(name) == Some(&session) {
            own.here.remove(name);
        }
        own.sent_away.remove(&session);
    }

    /// A session of this server was sent away, and the house does not know of it.
    pub fn sends_away(&self, session: u64) {
        self.lock().sent_away.insert(session);
    }

    /// Whether that is so of this one.
    pub fn was_sent_away(&self, session: u64) -> bool {
        self.lock().sent_away.contains(&session)
    }

    /// The sessions of this server that have their names in the house.
    pub fn own(&self) -> Vec<(Username, u64)> {
        self.lock().here.iter().map(|(name, session)| (name.clone(), *session)).collect()
    }

    /// The session of this server that has this name in the house.
    pub fn session(&self, name: &Username) -> Option<u64> {
        self.lock().here.get(name).copied()
    }

    /// Ends it: whoever waits here goes on.
    pub fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
        self.waiting.end();
        self.sequencer.stop();
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Waits for so long, or until it has ended.
    pub fn pause(&self, time: Duration) {
        let goes_on = |own: &mut Own| !own.has_ended;
        drop(self.changed.wait_timeout_while(self.lock(), time, goes_on));
    }

    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_comes_in_waits_for_the_news_of_it() {
        let who = Member { server: "s1".parse().expect("a name"), generation: 1 };
        let life = Life::new(who, 0, Duration::from_secs(1800));
        let (alice, long): (Username, _) = ("alice".parse().expect("a name"), Instant::now() + Duration::from_secs(20));
        life.expect(7);
        std::thread::scope(|scope| {
            scope.spawn(|| life.has_come(&alice, Some(7)));
            assert!(life.wait_for(7, long));
        });
        assert_eq!(life.session(&"ALICE".parse().expect("a name")), Some(7));
        life.has_gone(&alice, 6);
        assert_eq!(life.own(), [(alice.clone(), 7)]);
        // Another server's session has the name now.
        life.has_come(&alice, None);
        assert_eq!(life.own(), []);
        life.expect(8);
        assert!(!life.wait_for(8, Instant::now()));
        life.end();
        life.expect(9);
        assert!(!life.wait_for(9, long));
        assert!(life.has_ended());
    }

    #[test]
    fn whoever_waits_for_the_news_up_to_an_entry_goes_on_when_they_were_read() {
        let who = Member { server: "s1".parse().expect("a name"), generation: 1 };
        let life = Life::new(who, 0, Duration::from_secs(1800));
        let (id, long) = (StreamId { ms: 5, seq: 1 }, Instant::now() + Duration::from_secs(20));
        life.has_read(StreamId { ms: 5, seq: 0 });
        assert!(!life.wait_for_news(id, Instant::now()));
        std::thread::scope(|scope| {
            scope.spawn(|| life.has_read(StreamId { ms: 6, seq: 0 }));
            assert!(life.wait_for_news(id, long));
        });
        let alice: Username = "alice".parse().expect("a name");
        life.is_unsure_of(&alice, 7);
        life.is_unsure_of(&alice, 7);
        assert_eq!((life.take_unsure(), life.take_unsure()), (vec![(alice, 7)], Vec::new()));
    }
}
