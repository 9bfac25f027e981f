//! Wrong passwords cost time: that of the connection that sends them, and a turn of the name at its address.
//!
//! A connection waits longer after each one. Whoever comes again on a new connection stands in line: the passwords for
//! one name from one address are checked one after the other, and after a wrong one a second passes. So nobody is
//! refused because of what others tried: on one machine, or behind one router, all share an address, and the right
//! password gets its turn. Where several servers share the turns, each lets its own line move first, and then asks whose
//! turn it is at all of them. It knows no account and no hash.

use crate::net::{FairQueue, NotServed, Origin, Patience};
use crate::value::Username;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// From a wrong password to the next check for that name from that address.
const APART: Duration = Duration::from_secs(1);
/// So many wait for their turn at most; the last has it after so many seconds, half of what a login may take.
pub const LINE: usize = 30;
/// Between two looks whose turn it is at all servers: nobody tells when it has come, which may be earlier than was said.
const LOOK: Duration = Duration::from_millis(100);
/// The shortest time between two such looks.
const BREATH: Duration = Duration::from_millis(5);
/// The longest that one connection waits after a wrong password.
const MAX_DELAY: Duration = Duration::from_secs(8);

/// Lines that may be kept though nobody needs them.
const MOST_UNUSED: usize = 16;

/// The lines for each pair of a name and an address. A line is needed while somebody stands in it, and for a second
/// after a wrong password: there are never more than connections, and passwords that can be hashed in a second. As many
/// again may be there that nobody needs any more.
#[derive(Default)]
pub struct Turns(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    of_pairs: HashMap<(Username, Origin), Arc<FairQueue>>,
    /// With so many lines those are looked for that can be forgotten.
    full: usize,
    closed: bool,
}

impl Turns {
    /// Has a password for `name` checked by `check`, which says whether it is right, when its turn comes.
    ///
    /// # Errors
    /// [`NotServed`], and whatever `check` says; [`NotServed::LineFull`] when [`LINE`] others wait for this pair.
    pub fn take<E: From<NotServed>>(
        &self,
        name: &Username,
        from: IpAddr,
        patience: &Patience<'_>,
        check: impl FnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let line = self.line_of(name, from, Instant::now())?;
        // It is told when the check begins, not here.
        let permit = line.take(&Patience { on_turn: &|| {}, ..*patience })?;
        let checked = check();
        if matches!(checked, Ok(false)) {
            line.rest(Instant::now() + APART);
        }
        drop(permit);
        checked
    }

    /// Sends away all that wait in line, and all that come.
    pub fn stop(&self) {
        let mut lines = self.lock();
        lines.closed = true;
        lines.of_pairs.values().for_each(|line| line.close());
    }

    fn line_of(&self, name: &Username, from: IpAddr, now: Instant) -> Result<Arc<FairQueue>, NotServed> {
        let mut lines = self.lock();
        if lines.closed {
            return Err(NotServed::Closed);
        }
        // At twice as many as were kept the last time: else a class that logs in at once would be walked through for each
        // of it. Nobody can come to a line meanwhile that nobody stands in.
        if lines.of_pairs.len() >= lines.full {
            lines.of_pairs.retain(|_, line| Arc::strong_count(line) > 1 || line.rests(now));
            lines.full = MOST_UNUSED.max(2 * lines.of_pairs.len());
        }
        let line = lines.of_pairs.entry((name.clone(), Origin::of(from)));
        Ok(Arc::clone(line.or_insert_with(|| Arc::new(FairQueue::new(1, LINE)))))
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One try of a password, where several servers share the turns.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone shares no turns"))]
pub struct Try<'a> {
    /// The name that is to log in.
    pub name: &'a Username,
    /// Where from. Of IPv6 the whole /64 is one.
    pub from: IpAddr,
    /// Drawn for this try: with the same one it is a repeat.
    pub id: &'a str,
}

/// Whose turn it is to have a password for a pair checked, of all servers that share the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// That of whoever asked, until the password is checked.
    Yours,
    /// Somebody else's, or nobody's, for this time at the most; it may be free earlier when the pair does not rest.
    #[cfg_attr(not(any(feature = "cluster", test)), expect(dead_code, reason = "a server alone shares no turns"))]
    In(Duration),
}

/// Waits for a turn that several servers share, and has a password checked in it: `ask` says whose turn it is, and takes
/// it where it is free; `end` gives it back, and hears how long the pair is to rest.
///
/// # Errors
/// [`NotServed`] where the turn did not come, and whatever `ask` and `check` say.
pub fn in_shared_turn<E: From<NotServed>>(
    patience: &Patience<'_>,
    mut ask: impl FnMut() -> Result<Turn, E>,
    check: impl FnOnce() -> Result<bool, E>,
    end: impl FnOnce(Duration),
) -> Result<bool, E> {
    while let Turn::In(time) = ask()? {
        let pause = FairQueue::new(1, 1);
        pause.rest(Instant::now() + time.clamp(BREATH, LOOK));
        pause.take(&Patience { on_turn: &|| {}, ..*patience })?;
    }
    let checked = check();
    end(if matches!(checked, Ok(false)) { APART } else { Duration::ZERO });
    checked
}

/// The turns of one connection.
#[derive(Default)]
pub struct OwnTurns {
    /// One at a time, and nobody else. Nothing before the first wrong password: most connections send none.
    line: Option<Box<FairQueue>>,
    wrong: u32,
}

impl OwnTurns {
    /// Waits until this connection may have a password checked again.
    ///
    /// # Errors
    /// [`NotServed`]: its time is over, or its peer has hung up.
    pub fn wait(&self, patience: &Patience<'_>) -> Result<(), NotServed> {
        let Some(line) = &self.line else { return Ok(()) };
        line.take(&Patience { on_turn: &|| {}, ..*patience }).map(drop)
    }

    /// The password was wrong: the next one waits for a second, or twice as long as the last did.
    pub fn was_wrong(&mut self, now: Instant) {
        let delay = delay(self.wrong);
        self.wrong += 1;
        self.line.get_or_insert_with(|| Box::new(FairQueue::new(1, 1))).rest(now + delay);
    }

    /// The password was right.
    pub fn was_right(&mut self) {
        self.wrong = 0;
    }
}

/// The time that passes after a wrong password before which there were so many.
fn delay(before: u32) -> Duration {
    MAX_DELAY.min(APART * (1 << before.min(6)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(20);

    fn patient() -> Patience<'static> {
        Patience::lasting(LIMIT)
    }

    /// For less than a turn takes to come again.
    fn impatient() -> Patience<'static> {
        Patience { until: Instant::now() + APART / 2, ..patient() }
    }

    fn alice() -> Username {
        "alice".parse().expect("a name")
    }

    const HERE: [u8; 4] = [10, 0, 0, 1];

    const RIGHT: Result<bool, NotServed> = Ok(true);
    const WRONG: Result<bool, NotServed> = Ok(false);

    #[test]
    fn after_a_wrong_password_the_pair_waits_and_others_do_not() {
        let turns = Turns::default();
        let check = |name: &str, from: [u8; 4], right| {
            turns.take(&name.parse().expect("a name"), from.into(), &impatient(), || Ok(right))
        };
        assert_eq!((check("alice", HERE, true), check("alice", HERE, true)), (Ok(true), Ok(true)));
        // Where the machine has stood still meanwhile, the next turn has come, which tells nothing.
        let next_at_once = || {
            let since = Instant::now();
            assert_eq!(check("alice", HERE, false), Ok(false));
            let next = check("ALICE", HERE, true);
            (since.elapsed() < APART).then_some(next)
        };
        assert_eq!((0..8).find_map(|_| next_at_once()), Some(Err(NotServed::TimeUp)));
        assert_eq!((check("bob", HERE, true), check("alice", [10, 0, 0, 2], true)), (Ok(true), Ok(true)));
        // Not refused: late.
        assert_eq!(turns.take(&alice(), HERE.into(), &patient(), || RIGHT), RIGHT);
        assert_eq!(check("alice", HERE, true), Ok(true));
    }

    #[test]
    fn whoever_waits_gets_a_turn_in_order_and_a_full_line_takes_nobody() {
        let turns = Turns::default();
        let line = turns.line_of(&alice(), HERE.into(), Instant::now()).expect("open");
        let first = line.take(&patient()).expect("free");
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in 0..LINE {
                let (turns, order) = (&turns, &order);
                let check = move || {
                    order.lock().expect("no panic").push(number);
                    RIGHT
                };
                scope.spawn(move || turns.take(&alice(), HERE.into(), &patient(), check));
                line.wait_for_line(number + 1);
            }
            let refused = turns.take(&alice(), HERE.into(), &patient(), || panic!("not checked"));
            assert_eq!(refused, Err(NotServed::LineFull));
            drop(first);
        });
        assert!(order.into_inner().expect("no panic").into_iter().eq(0..LINE));
        for number in 0..10 * MOST_UNUSED {
            let name = format!("b{number}").parse().expect("a name");
            assert!(turns.line_of(&name, HERE.into(), Instant::now()).is_ok());
        }
        // That of alice is still stood in.
        assert!(turns.lock().of_pairs.len() <= MOST_UNUSED, "lines in which nobody stands are forgotten");
        assert!(turns.lock().of_pairs.contains_key(&(alice(), Origin::of(HERE.into()))));
        drop(line);
    }

    #[test]
    fn the_end_sends_all_away() {
        let turns = Turns::default();
        assert_eq!(turns.take(&alice(), HERE.into(), &patient(), || WRONG), WRONG);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take(&alice(), HERE.into(), &patient(), || panic!("not checked")));
            turns.stop();
            assert_eq!(waiting.join().expect("no panic"), Err(NotServed::Closed));
        });
        assert_eq!(turns.take(&alice(), HERE.into(), &patient(), || Ok(true)), Err(NotServed::Closed));
    }

    #[test]
    fn a_password_is_checked_when_it_is_its_turn_at_all_servers_and_a_wrong_one_lets_the_pair_rest_there() {
        let long = Duration::from_secs(3600);
        for (right, rests) in [(Ok(true), Duration::ZERO), (Ok(false), APART), (Err(NotServed::Gone), Duration::ZERO)] {
            let told = Mutex::new(Vec::new());
            let tell = |what: String| told.lock().expect("no panic").push(what);
            let mut turns = [Turn::In(long), Turn::In(Duration::ZERO), Turn::Yours].into_iter();
            let ask = || {
                let turn = turns.next().expect("it is its turn");
                tell(format!("{turn:?}"));
                Ok(turn)
            };
            let check = || {
                tell("checked".to_owned());
                right
            };
            assert_eq!(in_shared_turn(&patient(), ask, check, |rests| tell(format!("rests {rests:?}"))), right);
            let expected = ["In(3600s)", "In(0ns)", "Yours", "checked", &format!("rests {rests:?}")];
            assert_eq!(told.into_inner().expect("no panic"), expected);
        }
    }

    #[test]
    fn whoever_has_no_turn_at_all_servers_has_nothing_checked_and_ends_nothing() {
        let in_turn = |patience: &Patience<'_>, turn: Result<Turn, NotServed>| {
            in_shared_turn(patience, || turn, || panic!("not checked"), |_| panic!("it has no turn"))
        };
        let others = Ok(Turn::In(Duration::from_secs(3600)));
        assert_eq!(in_turn(&impatient(), others), Err(NotServed::TimeUp));
        let has_gone = || true;
        assert_eq!(in_turn(&Patience { has_gone: &has_gone, ..patient() }, others), Err(NotServed::Gone));
        // As when the directory does not answer.
        assert_eq!(in_turn(&patient(), Err(NotServed::Closed)), Err(NotServed::Closed));
    }

    #[test]
    fn a_connection_waits_longer_after_each_wrong_password() {
        assert_eq!([0, 1, 2, 3, 4, 40].map(|before| delay(before).as_secs()), [1, 2, 4, 8, 8, 8]);
        let (mut own, now) = (OwnTurns::default(), Instant::now());
        assert_eq!(own.wait(&impatient()), Ok(()));
        own.was_wrong(now);
        own.was_wrong(now);
        let rests = |own: &OwnTurns, at| own.line.as_ref().is_some_and(|line| line.rests(at));
        assert!(rests(&own, now + APART) && !rests(&own, now + 2 * APART));
        assert_eq!(own.wait(&impatient()), Err(NotServed::TimeUp));
        let has_gone = || true;
        assert_eq!(own.wait(&Patience { has_gone: &has_gone, ..patient() }), Err(NotServed::Gone));
        own.was_right();
        own.was_wrong(now);
        assert!(!rests(&own, now + APART));
    }
}
