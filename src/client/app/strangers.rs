//! How often people whom nobody has introduced may ask and say something: each address has its share, and all together
//! have no more than leaves the screen to those who are known.

use crate::value::network_of;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The longest message, in bytes: some rows of a screen.
pub const MAX_MESSAGE: usize = 500;
/// What was not shown is counted for so long, and then told in one line.
const COUNTED: Duration = Duration::from_secs(60);

const MESSAGES: [Pace; 2] = [Pace::new(5, 10), Pace::new(15, 4)];
const QUESTIONS: [Pace; 2] = [Pace::new(1, 60), Pace::new(3, 20)];

/// So many at once, and then one in each span.
#[derive(Clone, Copy, Debug)]
struct Pace {
    at_once: u32,
    span: Duration,
}

/// What has been taken of one right, by each address and by all.
#[derive(Debug)]
struct Allowance {
    /// Of one address, and of all.
    paces: [Pace; 2],
    /// When all that an address took has come back to it. Only those are kept to whom something is still to come.
    each: HashMap<IpAddr, Instant>,
    all: Option<Instant>,
}

/// What strangers have asked and said lately.
#[derive(Debug)]
pub struct Strangers {
    messages: Allowance,
    questions: Allowance,
    refused: u64,
    /// When those that were refused are told.
    tell: Option<Instant>,
}

impl Pace {
    const fn new(at_once: u32, seconds: u64) -> Pace {
        Pace { at_once, span: Duration::from_secs(seconds) }
    }

    /// Takes one of what is all back at `back`; when it is all back then, or `None` when there is none.
    fn take(self, back: Option<Instant>, now: Instant) -> Option<Instant> {
        let back = back.map_or(now, |back| back.max(now)) + self.span;
        Some(back).filter(|back| *back <= now + self.span * self.at_once)
    }
}

impl Allowance {
    fn new(paces: [Pace; 2]) -> Allowance {
        Allowance { paces, each: HashMap::new(), all: None }
    }

    fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        let (network, [each, all]) = (network_of(from), self.paces);
        self.each.retain(|_, back| *back > now);
        let taken = each.take(self.each.get(&network).copied(), now).zip(all.take(self.all, now));
        if let Some((back, all_back)) = taken {
            self.each.insert(network, back);
            self.all = Some(all_back);
        }
        taken.is_some()
    }
}

impl Default for Strangers {
    fn default() -> Strangers {
        let (messages, questions) = (Allowance::new(MESSAGES), Allowance::new(QUESTIONS));
        Strangers { messages, questions, refused: 0, tell: None }
    }
}

impl Strangers {
    /// Whether a stranger at this address may put a question now; it counts as put.
    pub fn may_ask(&mut self, from: IpAddr, now: Instant) -> bool {
        self.questions.take(from, now)
    }

    /// Whether a message of a stranger is shown; one that is not is counted.
    pub fn may_say(&mut self, from: IpAddr, now: Instant) -> bool {
        let may = self.messages.take(from, now);
        if !may {
            self.refused += 1;
            self.tell.get_or_insert(now + COUNTED);
        }
        may
    }

    /// When [`Self::refused`] has something to tell.
    pub fn deadline(&self) -> Option<Instant> {
        self.tell
    }

    /// How many messages were not shown, once that is to be told.
    pub fn refused(&mut self, now: Instant) -> Option<u64> {
        self.tell.take_if(|tell| *tell <= now)?;
        Some(std::mem::take(&mut self.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn from(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn five_at_once_then_one_in_ten_seconds() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        let said = |strangers: &mut Strangers, now| (0..100).filter(|_| strangers.may_say(from(1), now)).count();
        assert_eq!(said(&mut strangers, now), 5);
        assert_eq!(said(&mut strangers, now + 9 * SECOND), 0);
        assert_eq!(said(&mut strangers, now + 10 * SECOND), 1);
        assert_eq!(said(&mut strangers, now + 3600 * SECOND), 5);
    }

    #[test]
    fn many_addresses_together_have_no_more_than_a_screen_bears() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        let flood = |strangers: &mut Strangers, now| {
            let all = (0..=255).flat_map(|last| [last; 10]);
            all.filter(|last| strangers.may_say(from(*last), now)).count()
        };
        assert_eq!(flood(&mut strangers, now), 15);
        assert_eq!((1..=60).map(|second| flood(&mut strangers, now + second * SECOND)).sum::<usize>(), 15);
        assert!(strangers.messages.each.len() <= 30, "no address is kept for longer than it matters");
    }

    #[test]
    fn what_one_address_has_too_much_is_not_taken_from_the_others() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        assert_eq!((0..1000).filter(|_| strangers.may_say(from(1), now)).count(), 5);
        assert!((0..5).all(|_| strangers.may_say(from(2), now)));
    }

    #[test]
    fn one_question_a_minute_and_three_of_all() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        assert!(strangers.may_ask(from(1), now));
        assert!(!strangers.may_ask(from(1), now + 59 * SECOND));
        assert!(strangers.may_ask(from(1), now + 60 * SECOND));
        assert_eq!((2..100).filter(|last| strangers.may_ask(from(*last), now + 60 * SECOND)).count(), 2);
    }

    #[test]
    fn what_was_refused_is_told_once_a_minute() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        (0..5).for_each(|_| assert!(strangers.may_say(from(1), now)));
        assert_eq!(strangers.deadline(), None);
        (0..7).for_each(|_| assert!(!strangers.may_say(from(1), now + SECOND)));
        assert_eq!(strangers.refused(now + 60 * SECOND), None);
        assert_eq!(strangers.deadline(), Some(now + 61 * SECOND));
        assert_eq!(strangers.refused(now + 61 * SECOND), Some(7));
        assert_eq!((strangers.refused(now + 200 * SECOND), strangers.deadline()), (None, None));
    }
}
