//! What is known of the words that people compare by voice: those that are on their way, one at a time, and those that are
//! up.

use super::asks::Origin;
use crate::client::event::CallId;
use crate::value::{Fingerprint, Spoken, Username};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Whose `VERIFY` was refused as both called waits so long for that of the other side.
const CROSSING: Duration = Duration::from_secs(5);
/// As long after ours one of the same person still counts as one that has crossed it.
const BEHIND: Duration = Duration::from_secs(2);
/// The most people with whom words are up; the oldest go.
const MAX_UP: usize = 16;

/// Words on their way, and words that are up.
#[derive(Debug, Default)]
pub struct Verification {
    /// The one that is under way.
    pub current: Option<Verifying>,
    /// With whom words came by a call of ours last, and when.
    last: Option<(Username, Instant)>,
    up: VecDeque<WordsUp>,
}

/// A verification under way.
#[derive(Clone, Debug)]
pub struct Verifying {
    /// With whom.
    pub with: Username,
    /// Where we asked for it; nowhere where they did.
    pub origin: Option<Origin>,
    /// How far it is.
    pub stage: VerifyStage,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyStage {
    /// This call of ours has not been introduced yet: nothing has left.
    Wants(CallId),
    /// This call of ours is with them.
    Calls(CallId),
    /// This call of theirs is served.
    Serves(CallId),
    /// Both have called, and theirs is kept: it is to come until then.
    Awaits(Instant),
}

/// Words that are up, until there are others with the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsUp {
    /// With whom.
    pub with: Username,
    /// The key of their side of the connection.
    pub key: Fingerprint,
    /// The words.
    pub words: Spoken,
    /// Whether we asked for them.
    pub asked: bool,
}

/// What becomes of a `VERIFY` of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// It is served.
    Served,
    /// It is served in the place of this call of ours, which has not left.
    InsteadOf(CallId),
    /// Another one goes on.
    Busy,
}

impl Verification {
    /// They ask, by this call. Where both sides have called, the call of the smaller name is kept; one of ours that has not
    /// left yet gives way in any case, as it crosses nothing.
    pub fn asked(&mut self, call: CallId, with: &Username, me: &Username, now: Instant) -> Theirs {
        let ours_is_kept = me < with;
        let is_behind = |(last, at): &(Username, Instant)| last == with && now < *at + BEHIND;
        let (theirs, origin) = match self.current.take() {
            None if ours_is_kept && self.last.as_ref().is_some_and(is_behind) => return Theirs::Busy,
            None => (Theirs::Served, None),
            Some(Verifying { with: other, origin, stage: VerifyStage::Wants(ours) }) if other == *with => {
                (Theirs::InsteadOf(ours), origin)
            }
            Some(Verifying { with: other, origin, stage: VerifyStage::Calls(_) })
                if other == *with && !ours_is_kept =>
            {
                (Theirs::Served, origin)
            }
            Some(Verifying { with: other, origin, stage: VerifyStage::Awaits(_) }) if other == *with => {
                (Theirs::Served, origin)
            }
            goes_on => {
                self.current = goes_on;
                return Theirs::Busy;
            }
        };
        self.current = Some(Verifying { with: with.clone(), origin, stage: VerifyStage::Serves(call) });
        theirs
    }

    /// The one under way, if it is that of this call.
    pub fn of(&self, call: CallId) -> Option<&Verifying> {
        self.current.as_ref().filter(|current| match current.stage {
            VerifyStage::Wants(own) | VerifyStage::Calls(own) | VerifyStage::Serves(own) => own == call,
            VerifyStage::Awaits(_) => false,
        })
    }

    /// This call of ours is introduced, and leaves.
    pub fn leaves(&mut self, call: CallId) {
        if let Some(current) = self.current.as_mut().filter(|current| current.stage == VerifyStage::Wants(call)) {
            current.stage = VerifyStage::Calls(call);
        }
    }

    /// They have refused this call of ours as something else goes on there. True where it may be their own call to us, which
    /// would be the one that is kept: it is waited for.
    pub fn awaits(&mut self, call: CallId, me: &Username, now: Instant) -> bool {
        match self.current.as_mut() {
            Some(current) if current.stage == VerifyStage::Calls(call) && current.with < *me => {
                current.stage = VerifyStage::Awaits(now + CROSSING);
                true
            }
            _ => false,
        }
    }

    /// The one that is not waited for any longer.
    pub fn late(&mut self, now: Instant) -> Option<Verifying> {
        if self.deadline().is_some_and(|until| until <= now) { self.current.take() } else { None }
    }

    /// Until when a call of theirs is waited for.
    pub fn deadline(&self) -> Option<Instant> {
        match self.current.as_ref()?.stage {
            VerifyStage::Awaits(until) => Some(until),
            VerifyStage::Wants(_) | VerifyStage::Calls(_) | VerifyStage::Serves(_) => None,
        }
    }

    /// Words have come, by a call of ours or of theirs: they are up, and others with the same person are not.
    pub fn put(&mut self, words: WordsUp, by: CallId, now: Instant) {
        if matches!(by, CallId::Out(_)) {
            self.last = Some((words.with.clone(), now));
        }
        self.forget(&words.with);
        if self.up.len() == MAX_UP {
            self.up.pop_front();
        }
        self.up.push_back(words);
    }

    /// The words that are up with somebody.
    pub fn with(&self, name: &Username) -> Option<&WordsUp> {
        self.up.iter().find(|words| words.with == *name)
    }

    /// All words that are up.
    pub fn up(&self) -> impl Iterator<Item = &WordsUp> {
        self.up.iter()
    }

    /// The words with somebody count no more.
    pub fn forget(&mut self, name: &Username) {
        self.up.retain(|words| words.with != *name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: CallId = CallId::In(1);
    const OURS: CallId = CallId::Out(1);

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn verifying(with: &str, stage: VerifyStage) -> Verification {
        let current = Verifying { with: name(with), origin: Some(Origin::nobody()), stage };
        Verification { current: Some(current), ..Verification::default() }
    }

    fn words(with: &str) -> WordsUp {
        WordsUp { with: name(with), key: Fingerprint([1; 32]), words: Spoken::new([0; 9]), asked: true }
    }

    #[test]
    fn where_both_have_called_that_of_the_smaller_name_is_kept() {
        let now = Instant::now();
        for (me, with, theirs) in [
            ("alice", "bob", Theirs::Busy),
            ("bob", "alice", Theirs::Served),
            ("Bob", "alice", Theirs::Served),
            ("alice", "BOB", Theirs::Busy),
            ("carol", "carol2", Theirs::Busy),
        ] {
            let mut both = verifying(with, VerifyStage::Calls(OURS));
            assert_eq!(both.asked(THEIRS, &name(with), &name(me), now), theirs, "{me}");
            let kept = if theirs == Theirs::Busy { OURS } else { THEIRS };
            assert!(both.of(kept).is_some_and(|kept| kept.origin.is_some()), "{me} shows its words as the answer");
        }
    }

    #[test]
    fn one_at_a_time() {
        let now = Instant::now();
        for stage in [
            VerifyStage::Wants(OURS),
            VerifyStage::Calls(OURS),
            VerifyStage::Serves(CallId::In(7)),
            VerifyStage::Awaits(now),
        ] {
            let mut other = verifying("bob", stage);
            assert_eq!(other.asked(THEIRS, &name("aaron"), &name("carol"), now), Theirs::Busy, "{stage:?}");
            assert_eq!(other.current.map(|current| current.stage), Some(stage));
        }
        let mut same = verifying("bob", VerifyStage::Serves(CallId::In(7)));
        assert_eq!(same.asked(THEIRS, &name("bob"), &name("carol"), now), Theirs::Busy);
    }

    #[test]
    fn a_call_that_has_not_left_gives_way() {
        for (me, with) in [("alice", "bob"), ("bob", "alice")] {
            let mut both = verifying(with, VerifyStage::Wants(OURS));
            assert_eq!(both.asked(THEIRS, &name(with), &name(me), Instant::now()), Theirs::InsteadOf(OURS));
            assert!(both.of(OURS).is_none() && both.of(THEIRS).is_some());
        }
        let mut left = verifying("bob", VerifyStage::Wants(OURS));
        left.leaves(OURS);
        assert_eq!(left.asked(THEIRS, &name("bob"), &name("alice"), Instant::now()), Theirs::Busy);
    }

    #[test]
    fn the_larger_name_waits_for_the_call_of_the_smaller_one() {
        let now = Instant::now();
        let mut smaller = verifying("bob", VerifyStage::Calls(OURS));
        assert!(!smaller.awaits(OURS, &name("alice"), now) && smaller.of(OURS).is_some());
        let mut larger = verifying("alice", VerifyStage::Calls(OURS));
        assert!(larger.awaits(OURS, &name("bob"), now) && larger.late(now).is_none());
        assert_eq!(larger.asked(THEIRS, &name("alice"), &name("bob"), now), Theirs::Served);
        let mut larger = verifying("alice", VerifyStage::Calls(OURS));
        assert!(larger.awaits(OURS, &name("bob"), now) && larger.late(now + CROSSING).is_some());
        assert!(larger.current.is_none());
    }

    /// It left before ours was answered: on the other side our words are up.
    #[test]
    fn a_call_that_has_crossed_ours_comes_too_late() {
        let now = Instant::now();
        let served = |me: &str, with: &str, by, after| {
            let mut verification = Verification::default();
            verification.put(words(with), by, now);
            verification.asked(THEIRS, &name(with), &name(me), now + after) == Theirs::Served
        };
        assert!(!served("alice", "bob", OURS, Duration::ZERO) && served("alice", "bob", OURS, BEHIND));
        assert!(served("bob", "alice", OURS, Duration::ZERO), "theirs is the kept one");
        assert!(served("alice", "bob", CallId::In(7), Duration::ZERO), "ours has not left");
    }

    #[test]
    fn words_are_up_until_there_are_others_with_the_same_person() {
        let mut verification = Verification::default();
        (0..2 * MAX_UP).for_each(|number| verification.put(words(&format!("b{number}")), OURS, Instant::now()));
        assert!(verification.with(&name("b0")).is_none() && verification.up().count() == MAX_UP);
        let last = format!("b{}", 2 * MAX_UP - 1);
        verification.put(WordsUp { words: Spoken::new([1; 9]), ..words(&last) }, OURS, Instant::now());
        assert!(verification.up().count() == MAX_UP);
        assert_eq!(verification.with(&name(&last)).map(|words| words.words), Some(Spoken::new([1; 9])));
        verification.forget(&name(&last));
        assert!(verification.with(&name(&last)).is_none());
    }
}
