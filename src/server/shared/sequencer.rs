//! What becomes of the lines that are said to this server. One thread sends them, all that wait together, and whoever said
//! one waits until this server's own mirror has it: only then it is safe.
//!
//! A line is told to be refused only when it is sure that it is in nobody's sequence, now and later. What is not known is
//! found out; what is not found out in time is not answered at all.
//!
//! Why each call gets one outcome: it is in `waiting`, or in `under_way`, or has its outcome, and goes from one to the next
//! under the one lock. Only the thread moves calls from `waiting` to `under_way`, and does so before it sends them: so the
//! tail, which may be faster than Redis' answer, finds them.

use super::lines::{Appended, Line, MAX_LINES, Settled, append, settle};
use super::link::{LIMIT, Link, NotDone};
use super::script::{Deadline, Member};
use crate::protocol::BroadcastText;
use crate::value::Username;
use log::warn;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long somebody who says a line waits at the most.
pub const LONGEST: Duration = Duration::from_secs(10);
/// How long it takes until the next attempt after one that failed; a meeting that is over ends it.
const PAUSE: Duration = Duration::from_millis(200);
/// The most lines that wait or are under way.
const MAX_WAITING: usize = 10_000;
/// The most bytes of them.
const MAX_BYTES: usize = 4 << 20;

/// Why lines are not in the sequence: nothing was done and nothing will be.
const NOT_NOW: &str = "the directory does not answer, nothing was done; send it again";
const REFUSES: &str = "the directory takes nothing at present, nothing was done; send it again";
const NO_ROOM: &str = "too many broadcasts are waiting already, nothing was done; send it again";
const TOO_MANY: &str = "too many lines at once, nothing was done";
const STOPS: &str = "this server leaves its house, nothing was done";

/// What became of lines that cannot be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSaid {
    /// They are in nobody's sequence and never will be. Why, for people, to stand behind `Not now: `.
    Refused(String),
    /// It is not known, or some are and some are not: the session ends without an answer.
    Unknown,
}

/// The lines of one server, in one generation.
pub struct Sequencer {
    who: Member,
    window_ms: u64,
    /// Held for the moment of a look or a change.
    state: Mutex<State>,
    /// There is something to do for the thread.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Call>>,
    /// Sent, by the n of the last line of each; until they are mirrored, also when Redis has said yes: it may lose them.
    under_way: BTreeMap<u64, Arc<Call>>,
    /// Of both.
    lines: usize,
    bytes: usize,
    /// The last n that was ever sent, or may have been.
    sent: u64,
    /// What is under way is to be settled anew, on a new connection.
    settles: bool,
    stops: bool,
}

/// Lines that one session said together: they get numbers that follow each other.
struct Call {
    from: Username,
    texts: Vec<BroadcastText>,
    outcome: OnceLock<Result<u64, NotSaid>>,
    told: Condvar,
}

/// What is sent in one call.
struct Batch {
    /// The n of the first line.
    first: u64,
    calls: Vec<Arc<Call>>,
}

/// Redis' clock, as it was at some moment.
struct Clock {
    asked: Instant,
    redis_ms: u64,
}

impl Sequencer {
    /// One that has sent nothing yet. Lines older than `window` are let go in Redis with each one that comes.
    pub fn new(who: Member, window: Duration) -> Sequencer {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        Sequencer { who, window_ms, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Says lines of one sender, at most [`MAX_LINES`]: all get in, with numbers that follow each other, or none. It waits
    /// until this server's mirror has them, until then or [`LONGEST`], and returns the first one's number.
    ///
    /// # Errors
    /// [`NotSaid`].
    pub fn say(&self, from: &Username, texts: &[BroadcastText], until: Instant) -> Result<u64, NotSaid> {
        let until = until.min(Instant::now() + LONGEST);
        if texts.is_empty() || texts.len() > MAX_LINES {
            return Err(refused(TOO_MANY));
        }
        let call = Arc::new(Call {
            from: from.clone(),
            texts: texts.to_vec(),
            outcome: OnceLock::new(),
            told: Condvar::new(),
        });
        let mut state = self.lock();
        state.queue(&call)?;
        self.wake.notify_one();
        loop {
            if let Some(outcome) = call.outcome.get() {
                return outcome.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(state.give_up(&call));
            }
            state = call.told.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells whoever said this line, should it be one of this server's, that the mirror has it. The tail does so with each
    /// line that the mirror took.
    pub fn mirrored(&self, line: &Line) {
        if line.by != self.who {
            return;
        }
        let mut state = self.lock();
        // Until the last line of a call is there, the call is not.
        if let Some(call) = state.under_way.remove(&line.n) {
            state.end(&call, Ok(line.id.seq + 1 - call.texts.len() as u64));
        }
    }

    /// A meeting is over, or this server has joined again: what was under way may be lost, and is settled once more.
    pub fn met(&self) {
        self.lock().settles = true;
        self.wake.notify_one();
    }

    /// Ends [`Sequencer::run`], which answers everybody. What it is saying to Redis at that moment has its time.
    pub fn stop(&self) {
        self.lock().stops = true;
        self.wake.notify_one();
    }

    /// Sends what is said, until [`Sequencer::stop`]; the thread `sequencer` does nothing else. While there is no Redis, the
    /// house is not open or this server not in it, it tries again and again, by itself or when it has met. It never waits for the
    /// mirror: a line that Redis took and lost before the tail had read it would never come, and with it no other.
    pub fn run(&self, mut connect: impl FnMut() -> Result<Link, NotDone>) {
        let mut told = None;
        while self.begin_anew() {
            let served = connect().and_then(|link| self.serve(link, &mut told));
            if let Err(why) = served {
                if told.as_ref() != Some(&why) {
                    warn!("Broadcasts wait: {why}");
                }
                if let NotDone::Refused(_) = why {
                    self.lock().refuse_waiting();
                }
                told = Some(why);
                self.pause();
            }
        }
        let mut state = self.lock();
        for call in std::mem::take(&mut state.waiting) {
            state.end(&call, Err(refused(STOPS)));
        }
        for (_, call) in std::mem::take(&mut state.under_way) {
            state.end(&call, Err(NotSaid::Unknown));
        }
    }

    /// The life of one connection: settles what was under way before it, then sends. After any error nothing more is said
    /// on it. It ends without one where all is to be settled anew, and at the end.
    fn serve(&self, mut link: Link, told: &mut Option<NotDone>) -> Result<(), NotDone> {
        let mut clock = Clock::ask(&mut link)?;
        let sent = self.lock().sent;
        let settled = settle(&mut link, &self.who, sent)?;
        self.lock().settled(settled);
        *told = None;
        while let Some(batch) = self.next() {
            if !link.is_usable() {
                // It has ended while nobody said anything: nothing was sent.
                self.lock().put_back(&batch);
                return Err(NotDone::Lost("the connection has ended".to_owned()));
            }
            match append(&mut link, &self.who, clock.deadline(), self.window_ms, batch.first, &batch.lines()) {
                // Until the mirror has them they are under way.
                Ok(Appended::First(_)) => *told = None,
                // Nobody else sends as this server, so this is not to be. The lines are new, and so not those that were taken.
                Ok(Appended::Duplicate { .. }) => {
                    self.lock().refuse(&batch, NOT_NOW);
                    return Ok(());
                }
                Err(NotDone::Late) => {
                    self.lock().refuse(&batch, NOT_NOW);
                    // Redis was slow, or its clock was set.
                    clock = Clock::ask(&mut link)?;
                }
                // It answers at once, and so do we. It does not settle anything either: the connection is kept.
                Err(why @ NotDone::Refused(_)) => {
                    self.lock().refuse(&batch, REFUSES);
                    if told.as_ref() != Some(&why) {
                        warn!("Broadcasts are refused: {why}");
                    }
                    *told = Some(why);
                }
                // Surely nothing was done: they are sent again, as new ones.
                Err(why @ (NotDone::Loss | NotDone::Buried)) => {
                    self.lock().put_back(&batch);
                    return Err(why);
                }
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// Waits for lines, and takes all that may be sent together. Nothing when the connection has served its time.
    fn next(&self) -> Option<Batch> {
        let is_idle = |state: &mut State| !state.stops && !state.settles && state.waiting.is_empty();
        let mut state = self.wake.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        if state.stops || state.settles { None } else { Some(state.send()) }
    }

    /// Whether there is to be another connection. What is to be settled will be, on it; what comes up from now on, again.
    fn begin_anew(&self) -> bool {
        let mut state = self.lock();
        state.settles = false;
        !state.stops
    }

    fn pause(&self) {
        let goes_on = |state: &mut State| !state.stops && !state.settles;
        drop(self.wake.wait_timeout_while(self.lock(), PAUSE, goes_on));
    }

    /// Nothing in here can panic while the lock is held, so a poisoned lock holds good data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, call: &Arc<Call>) -> Result<(), NotSaid> {
        if self.stops {
            return Err(refused(STOPS));
        }
        let (lines, bytes) = (self.lines + call.texts.len(), self.bytes + call.bytes());
        if lines > MAX_WAITING || bytes > MAX_BYTES {
            return Err(refused(NO_ROOM));
        }
        (self.lines, self.bytes) = (lines, bytes);
        self.waiting.push_back(Arc::clone(call));
        Ok(())
    }

    /// Takes from those who wait, in their order, and has them under way from now on.
    fn send(&mut self) -> Batch {
        let (first, mut calls) = (self.sent + 1, Vec::new());
        let mut room = MAX_LINES;
        while let Some(call) = self.waiting.front().filter(|call| call.texts.len() <= room).map(Arc::clone) {
            self.waiting.pop_front();
            room -= call.texts.len();
            self.sent += call.texts.len() as u64;
            self.under_way.insert(self.sent, Arc::clone(&call));
            calls.push(call);
        }
        Batch { first, calls }
    }

    /// What Redis has taken goes on being under way: the tail brings it.
    fn settled(&mut self, Settled { taken, floor }: Settled) {
        self.sent = self.sent.max(taken).max(floor);
        let lost = self.under_way.split_off(&(taken + 1));
        for (last, call) in lost {
            // A mirror gave back a part of what one session said together.
            let is_torn = last - (call.texts.len() as u64) < taken;
            self.end(&call, Err(if is_torn { NotSaid::Unknown } else { refused(NOT_NOW) }));
        }
    }

    fn refuse(&mut self, batch: &Batch, why: &str) {
        for (last, call) in batch.by_last() {
            if self.under_way.remove(&last).is_some() {
                self.end(call, Err(refused(why)));
            }
        }
    }

    /// They were never sent, and will not be.
    fn refuse_waiting(&mut self) {
        for call in std::mem::take(&mut self.waiting) {
            self.end(&call, Err(refused(REFUSES)));
        }
    }

    /// Has them wait again, before all others; but for those who were given up meanwhile.
    fn put_back(&mut self, batch: &Batch) {
        let mut again: Vec<_> = batch.by_last().filter_map(|(last, _)| self.under_way.remove(&last)).collect();
        while let Some(call) = again.pop() {
            self.waiting.push_front(call);
        }
    }

    /// The time is over: what was never sent is refused, as it will not be.
    fn give_up(&mut self, call: &Arc<Call>) -> NotSaid {
        let waits = self.waiting.iter().position(|other| Arc::ptr_eq(other, call));
        let outcome = if waits.is_some() { refused(NOT_NOW) } else { NotSaid::Unknown };
        match waits {
            Some(place) => drop(self.waiting.remove(place)),
            None => self.under_way.retain(|_, other| !Arc::ptr_eq(other, call)),
        }
        self.end(call, Err(outcome.clone()));
        outcome
    }

    /// A call that is neither waiting nor under way any more gets its outcome.
    fn end(&mut self, call: &Call, outcome: Result<u64, NotSaid>) {
        self.lines -= call.texts.len();
        self.bytes -= call.bytes();
        // It had none: it was in one of the two.
        let _ = call.outcome.set(outcome);
        call.told.notify_one();
    }
}

impl Call {
    fn bytes(&self) -> usize {
        self.texts.iter().map(|text| text.as_str().len()).sum()
    }
}

impl Batch {
    /// The calls, each with the n of its last line.
    fn by_last(&self) -> impl Iterator<Item = (u64, &Arc<Call>)> {
        self.calls.iter().scan(self.first - 1, |last, call| {
            *last += call.texts.len() as u64;
            Some((*last, call))
        })
    }

    fn lines(&self) -> Vec<(&Username, &BroadcastText)> {
        self.calls.iter().flat_map(|call| call.texts.iter().map(|text| (&call.from, text))).collect()
    }
}

impl Clock {
    fn ask(link: &mut Link) -> Result<Clock, NotDone> {
        let asked = Instant::now();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(link)?;
        Ok(Clock { asked, redis_ms: seconds.saturating_mul(1000).saturating_add(micros / 1000) })
    }

    /// Until when something may be done that is sent now: not longer than its connection waits for the answer, and the
    /// time that Redis needed to tell its clock.
    fn deadline(&self) -> Deadline {
        let passed = u64::try_from((self.asked.elapsed() + LIMIT).as_millis()).unwrap_or(u64::MAX);
        self.redis_ms.saturating_add(passed)
    }
}

fn refused(why: &str) -> NotSaid {
    NotSaid::Refused(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::lines::StreamId;
    use super::super::meeting::{Meeting, meet};
    use super::super::mirror::{Mirror, Taken};
    use super::super::own_house::{Seen, cut, member, open, stream, text};
    use super::super::own_redis::OwnRedis;
    use super::super::tail::Tail;
    use super::super::url::DirectoryUrl;
    use super::*;
    use crate::net::Shutdown;
    use std::slice;
    use std::sync::mpsc;
    use std::thread;

    const WINDOW: Duration = Duration::from_secs(1800);
    /// Longer than anything here may take.
    const LIMIT_OF_TESTS: Duration = Duration::from_secs(60);

    fn ann() -> Username {
        "ann".parse().expect("a name")
    }

    fn soon() -> Instant {
        Instant::now() + LONGEST
    }

    fn line(who: &Member, n: u64, seq: u64) -> Line {
        Line { id: StreamId { ms: 1, seq }, by: who.clone(), n, from: ann(), text: text("x") }
    }

    fn call(texts: &[&str]) -> Arc<Call> {
        let texts = texts.iter().map(|said| text(said)).collect();
        Arc::new(Call { from: ann(), texts, outcome: OnceLock::new(), told: Condvar::new() })
    }

    /// Ends the thread also when a test fails.
    struct Ends<'a>(&'a Sequencer);

    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.stop();
        }
    }

    fn refused_now() -> Option<Result<u64, NotSaid>> {
        Some(Err(refused(NOT_NOW)))
    }

    #[test]
    fn settling_refuses_what_is_behind_keeps_what_is_taken_and_says_nothing_of_what_is_torn() {
        let mut state = State { sent: 4, ..State::default() };
        let calls = [call(&["5"]), call(&["6", "7", "8"]), call(&["9"]), call(&["10"])];
        calls.iter().for_each(|call| state.queue(call).expect("room"));
        assert_eq!(state.send().first, 5);
        state.settled(Settled { taken: 7, floor: 10 });
        let outcomes = calls.each_ref().map(|call| call.outcome.get().cloned());
        assert_eq!(outcomes, [None, Some(Err(NotSaid::Unknown)), refused_now(), refused_now()]);
        assert_eq!((state.lines, state.sent), (1, 10));
        state.settled(Settled { taken: 7, floor: 20 });
        state.queue(&call(&["21"])).expect("room");
        assert_eq!((calls[0].outcome.get(), state.send().first), (None, 21));
    }

    #[test]
    fn calls_are_sent_whole_in_their_order_and_again_where_nothing_was_done() {
        let mut state = State::default();
        let large: Vec<String> = (0..MAX_LINES - 1).map(|number| number.to_string()).collect();
        let large: Vec<&str> = large.iter().map(String::as_str).collect();
        let calls = [call(&["a"]), call(&large), call(&["b"]), call(&["c"])];
        calls.iter().for_each(|call| state.queue(call).expect("room"));
        let first = state.send();
        assert_eq!((first.first, first.lines().len()), (1, MAX_LINES));
        let second = state.send();
        assert_eq!((second.first, second.lines().len()), (MAX_LINES as u64 + 1, 2));
        assert_eq!(state.give_up(&calls[2]), NotSaid::Unknown);
        state.put_back(&second);
        state.put_back(&first);
        assert!(state.under_way.is_empty());
        let texts: Vec<usize> = state.waiting.iter().map(|call| call.texts.len()).collect();
        assert_eq!(texts, [1, MAX_LINES - 1, 1]);
        assert_eq!(state.give_up(&calls[3]), refused(NOT_NOW), "it is not under way any more");
        assert_eq!(state.send().first, MAX_LINES as u64 + 3, "no n is used twice");
    }

    #[test]
    fn who_finds_no_room_is_refused_at_once_and_room_comes_back() {
        let mut state = State::default();
        let long = "x".repeat(1_000);
        for _ in 0..MAX_BYTES / long.len() {
            state.queue(&call(&[&long])).expect("room");
        }
        assert_eq!(state.queue(&call(&[&long])), Err(refused(NO_ROOM)));
        let batch = state.send();
        state.refuse(&batch, NOT_NOW);
        state.queue(&call(&[&long])).expect("room");
        let mut state = State::default();
        for _ in 0..MAX_WAITING {
            state.queue(&call(&["a"])).expect("room");
        }
        assert_eq!(state.queue(&call(&["a"])), Err(refused(NO_ROOM)));
        let sequencer = Sequencer::new(member("s1"), WINDOW);
        let many = vec![text("a"); MAX_LINES + 1];
        assert_eq!(sequencer.say(&ann(), &many, soon()), Err(refused(TOO_MANY)));
    }

    #[test]
    fn a_redis_that_is_full_refuses_at_once_and_takes_lines_again_when_it_has_room() {
        let redis = OwnRedis::start();
        let s1 = member("s1");
        open(&redis, slice::from_ref(&s1));
        let sequencer = Sequencer::new(s1.clone(), WINDOW);
        let (url, is_over) = (redis.url(), Shutdown::new());
        thread::scope(|scope| {
            scope.spawn(|| sequencer.run(|| Link::open(&url)));
            let _ends = Ends(&sequencer);
            let told = |said: &str, expected: Result<u64, NotSaid>| {
                let (texts, sequencer) = ([text(said)], &sequencer);
                let saying = scope.spawn(move || sequencer.say(&ann(), &texts, soon()));
                while !saying.is_finished() {
                    stream(&redis).iter().for_each(|line| sequencer.mirrored(line));
                    is_over.wait(Duration::from_millis(5));
                }
                assert_eq!(saying.join().expect("no panic"), expected, "{said}");
            };
            told("first", Ok(1));
            for (setting, full, room) in [("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")] {
                redis.tell(&["CONFIG", "SET", setting, full]);
                let begun = Instant::now();
                told("refused", Err(refused(REFUSES)));
                told("refused, too", Err(refused(REFUSES)));
                // Also on a connection that begins then.
                redis.tell(&["CLIENT", "KILL", "TYPE", "normal"]);
                told("refused on another one", Err(refused(REFUSES)));
                assert!(begun.elapsed() < LONGEST / 2, "at once");
                redis.tell(&["CONFIG", "SET", setting, room]);
            }
            told("last", Ok(2));
            let texts: Vec<String> = stream(&redis).iter().map(|line| line.text.as_str().to_owned()).collect();
            assert_eq!(texts, ["first", "last"]);
        });
    }

    #[test]
    fn without_redis_nobody_waits_longer_than_their_time() {
        let sequencer = Sequencer::new(member("s1"), WINDOW);
        let nowhere = || Link::open(&"redis://127.0.0.1:1".parse().expect("an address"));
        thread::scope(|scope| {
            scope.spawn(|| sequencer.run(nowhere));
            let _ends = Ends(&sequencer);
            let until = Instant::now() + Duration::from_millis(50);
            assert_eq!(sequencer.say(&ann(), &[text("a")], until), Err(refused(NOT_NOW)));
            // At the end everybody is answered.
            let waits = scope.spawn(|| sequencer.say(&ann(), &[text("a")], soon()));
            while sequencer.lock().waiting.is_empty() {
                thread::yield_now();
            }
            sequencer.stop();
            assert_eq!(waits.join().expect("no panic"), Err(refused(STOPS)));
        });
        assert_eq!(sequencer.say(&ann(), &[text("a")], soon()), Err(refused(STOPS)));
    }

    #[test]
    fn a_line_is_confirmed_when_it_is_mirrored_and_unknown_until_then() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let sequencer = Sequencer::new(who.clone(), WINDOW);
        thread::scope(|scope| {
            scope.spawn(|| sequencer.run(|| Ok(redis.link())));
            let _ends = Ends(&sequencer);
            let say = |texts: &'static [&str]| {
                let texts: Vec<BroadcastText> = texts.iter().map(|said| text(said)).collect();
                let sequencer = &sequencer;
                scope.spawn(move || sequencer.say(&ann(), &texts, soon()))
            };
            let two = say(&["a", "b"]);
            let end = Instant::now() + LIMIT_OF_TESTS;
            while stream(&redis).len() < 2 && Instant::now() < end {
                thread::yield_now();
            }
            sequencer.mirrored(&line(&member("s2"), 2, 9));
            sequencer.mirrored(&line(&Member { generation: 2, ..who.clone() }, 2, 9));
            sequencer.mirrored(&line(&who, 1, 1));
            assert!(!two.is_finished(), "half of it is not it");
            sequencer.mirrored(&line(&who, 2, 2));
            assert_eq!(two.join().expect("no panic"), Ok(1));
            // Redis has it, and the mirror does not get it.
            let until = Instant::now() + Duration::from_millis(500);
            assert_eq!(sequencer.say(&ann(), &[text("c")], until), Err(NotSaid::Unknown));
            // What is under way at the end is not known either.
            let last = say(&["d"]);
            while stream(&redis).len() < 4 && Instant::now() < end {
                thread::yield_now();
            }
            sequencer.stop();
            assert_eq!(last.join().expect("no panic"), Err(NotSaid::Unknown));
        });
        assert_eq!(sequencer.lock().lines, 0);
    }

    #[test]
    fn a_line_that_redis_took_and_lost_is_refused_after_the_meeting() {
        let mut redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let (sequencer, url) = (Sequencer::new(who.clone(), WINDOW), redis.url());
        thread::scope(|scope| {
            scope.spawn(|| sequencer.run(|| Link::open(&url)));
            let _ends = Ends(&sequencer);
            let said = scope.spawn(|| sequencer.say(&ann(), &[text("a")], soon()));
            let end = Instant::now() + LIMIT_OF_TESTS;
            while stream(&redis).is_empty() && Instant::now() < end {
                thread::yield_now();
            }
            redis.kill();
            cut(&redis, 30);
            redis.restart();
            assert_eq!(stream(&redis), []);
            let mirror = Mirror::new(who.clone(), WINDOW);
            assert_eq!(meet(&mut redis.link(), &who, &mirror, &[]), Ok(Meeting::Opened));
            sequencer.met();
            assert_eq!(said.join().expect("no panic"), Err(refused(NOT_NOW)));
        });
    }

    /// A server as it will be, but for its clients.
    struct Server {
        mirror: Mirror,
        sequencer: Sequencer,
        url: DirectoryUrl,
        stop: Shutdown,
    }

    impl Server {
        fn new(redis: &OwnRedis, who: &Member) -> Server {
            let mirror = Mirror::new(who.clone(), WINDOW);
            Server { mirror, sequencer: Sequencer::new(who.clone(), WINDOW), url: redis.url(), stop: Shutdown::new() }
        }

        fn pause(&self) {
            self.stop.wait(Duration::from_millis(10));
        }

        /// What the beat thread does about meetings.
        fn beat(&self, who: &Member, all: &[Member]) {
            while !self.stop.is_triggered() {
                if let Ok(mut link) = Link::open(&self.url) {
                    while !self.mirror.is_open_for(link.run()) && !self.stop.is_triggered() {
                        match meet(&mut link, who, &self.mirror, all) {
                            Ok(Meeting::Opened) => self.sequencer.met(),
                            Ok(Meeting::Waits { .. }) => self.pause(),
                            Ok(other) => panic!("{other:?}"),
                            Err(_) => break,
                        }
                    }
                }
                self.pause();
            }
        }

        fn tail(&self, who: &Member) {
            let mut tail = Tail::begin(who, StreamId::default());
            while !self.stop.is_triggered() {
                if let Ok(mut link) = Link::open(&self.url) {
                    tail.lines_from(self.mirror.last().id);
                    while self.mirror.is_open_for(link.run()) && !self.stop.is_triggered() {
                        let Ok(read) = tail.read(&mut link) else { break };
                        let mut lines = read.lines.iter();
                        let is_cut = lines.any(|line| match self.mirror.take(link.run(), line, line.id.ms) {
                            Taken::New => {
                                self.sequencer.mirrored(line);
                                false
                            }
                            Taken::Known => false,
                            Taken::Closed => true,
                            Taken::Diverged => panic!("diverged at {line:?}"),
                        });
                        if is_cut {
                            break;
                        }
                    }
                }
                self.pause();
            }
        }

        fn write(&self, writer: usize, seen: &Mutex<Seen>, confirmed: &mpsc::Sender<()>) {
            for number in 0.. {
                // Now and then two at once.
                let count = 1 + usize::from(number % 5 == 0);
                let texts: Vec<BroadcastText> =
                    (0..count).map(|part| text(&format!("{writer} {number} {part}"))).collect();
                if self.stop.is_triggered() {
                    return;
                }
                let outcome = self.sequencer.say(&ann(), &texts, soon());
                let texts = texts.iter().map(BroadcastText::to_string);
                let mut seen = seen.lock().expect("no panic");
                match outcome {
                    Ok(first) => {
                        seen.confirmed.extend((first..).zip(texts));
                        drop(seen);
                        // Nobody listens at the end.
                        let _ = confirmed.send(());
                    }
                    Err(NotSaid::Refused(_)) => seen.refused.extend(texts),
                    Err(NotSaid::Unknown) => {}
                }
            }
        }
    }

    struct EndAll<'a>(&'a [Server]);

    impl Drop for EndAll<'_> {
        fn drop(&mut self) {
            for server in self.0 {
                server.stop.trigger();
                server.sequencer.stop();
            }
        }
    }

    #[test]
    fn every_confirmed_line_outlives_redis_and_no_refused_one_appears() {
        let mut redis = OwnRedis::start();
        let members = ["s1", "s2"].map(member);
        open(&redis, &members);
        let servers = members.each_ref().map(|who| Server::new(&redis, who));
        let (seen, (confirmed, confirmations)) = (Mutex::new(Seen::default()), mpsc::channel());
        thread::scope(|scope| {
            let _end = EndAll(&servers);
            for (server, who) in servers.iter().zip(&members) {
                scope.spawn(|| server.beat(who, &members));
                scope.spawn(|| server.tail(who));
                scope.spawn(|| server.sequencer.run(|| Link::open(&server.url)));
            }
            for writer in 0..4 {
                let (confirmed, seen, server) = (confirmed.clone(), &seen, &servers[writer % 2]);
                scope.spawn(move || server.write(writer, seen, &confirmed));
            }
            let have_come = |count: usize| (0..count).all(|_| confirmations.recv_timeout(LIMIT_OF_TESTS).is_ok());
            let mut kill = |round: u64| {
                redis.kill();
                // What was confirmed before does not count as news.
                while confirmations.try_recv().is_ok() {}
                // Every other time its file loses what it has said to have written.
                cut(&redis, (1 - round % 2) * 3_000);
                redis.restart();
            };
            let is_alive = (0..5).all(|round| {
                have_come(50) && {
                    kill(round);
                    true
                }
            }) && have_come(50);
            assert!(is_alive, "nothing is confirmed any more");
        });
        let (seen, lines) = (seen.into_inner().expect("no panic"), stream(&redis));
        assert_eq!(seen.against(&lines), Vec::<String>::new());
        assert!(seen.confirmed.len() >= 300, "{}", seen.confirmed.len());
        for server in &servers {
            let mirrored = server.mirror.after(StreamId::default(), usize::MAX);
            assert_eq!(mirrored, lines[..mirrored.len()], "each mirror is a piece of the one sequence");
        }
    }
}
