//! Who has a place at a door where most are introduced and anybody may knock: what nobody has vouched for can never take
//! the places of the introduced.
//!
//! A newcomer is a stranger until it is introduced. So there is always room for one more newcomer, if only for a second.
//! It decides, and knows no socket.

use crate::net::places::{Admission, Origin, Standing};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Connections at a time.
pub const PLACES: usize = 64;
/// Of these, strangers with all the time that a first line has.
const STRANGERS: usize = 16;
/// Strangers beyond them, who have to hurry. 32 places are left for the introduced.
const HURRIED: usize = 16;
/// Strangers of one address, both kinds together. On one machine all may come from one address of loopback.
const OF_ONE: usize = 8;

/// The places.
#[derive(Debug, Default)]
pub struct Door {
    /// Numbers grow, so the first is the oldest.
    held: BTreeMap<u64, Held>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    from: Origin,
    /// [`Standing::Silent`] before the first line, [`Standing::Waiting`] behind it, [`Standing::Kept`] once introduced.
    standing: Standing,
    is_hurried: bool,
    /// It shows a part of what introduces it, and is a stranger until it has proven to have it all.
    has_shown: bool,
    /// All was said, and its last line is on its way.
    is_over: bool,
}

impl Held {
    fn is_stranger(&self) -> bool {
        self.standing != Standing::Kept
    }
}

impl Door {
    /// Gives a newcomer a place, if there is one for it. `choose` draws a number below its argument.
    pub fn admit(&mut self, from: IpAddr, choose: impl FnOnce(usize) -> usize) -> Admission {
        let origin = Origin::of(from);
        let is_own = |held: &Held| held.from == origin;
        let has_most = !from.is_loopback() && self.count(|held| held.is_stranger() && is_own(held)) >= OF_ONE;
        let (is_hurried, gives_way) = if has_most {
            let over = self.oldest(|held| held.is_over && held.is_stranger() && is_own(held));
            let silent = || self.oldest(|held| held.standing == Standing::Silent && is_own(held));
            match over.or_else(silent).or_else(|| self.hurried_by_chance(is_own, choose)) {
                Some(own) => (self.is_hurried(own), Some(own)),
                None => return Admission::TooMany(OF_ONE),
            }
        } else if self.has_room() && self.strangers() < STRANGERS {
            (false, None)
        } else if let Some(over) = self.oldest(|held| held.is_over && held.is_stranger()) {
            (self.is_hurried(over), Some(over))
        } else if let Some(silent) = self.oldest(|held| held.standing == Standing::Silent && !held.is_hurried) {
            (false, Some(silent))
        } else if self.has_room() && self.count(|held| held.is_hurried) < HURRIED {
            (true, None)
        } else {
            match self.hurried_by_chance(|_| true, choose) {
                Some(other) => (true, Some(other)),
                None => return Admission::Full,
            }
        };
        let id = self.next;
        self.next += 1;
        self.held.insert(
            id,
            Held { from: origin, standing: Standing::Silent, is_hurried, has_shown: false, is_over: false },
        );
        if let Some(other) = gives_way {
            self.leave(other);
        }
        Admission::of(id, gives_way)
    }

    /// A connection stands otherwise now. False for one that has given way, and for a stranger who had to hurry and
    /// finds no room among the others now that it has sent its first line: whoever comes may still take its place.
    pub fn stand(&mut self, id: u64, standing: Standing) -> bool {
        let has_room = self.strangers() < STRANGERS;
        let Some(held) = self.held.get_mut(&id) else { return false };
        // Who is introduced stays so.
        if held.is_stranger() {
            held.standing = standing;
        }
        if standing == Standing::Kept || has_room {
            held.is_hurried = false;
        }
        !held.is_hurried
    }

    /// Whether it has only a moment for its first line.
    pub fn is_hurried(&self, id: u64) -> bool {
        self.held.get(&id).is_some_and(|held| held.is_hurried)
    }

    /// A connection shows a part of what introduces it: where strangers have to hurry, it gives way after the others.
    pub fn shows(&mut self, id: u64) {
        if let Some(held) = self.held.get_mut(&id) {
            held.has_shown = true;
        }
    }

    /// All was said on a connection: it gives way before the others.
    pub fn over(&mut self, id: u64) {
        if let Some(held) = self.held.get_mut(&id) {
            held.is_over = true;
        }
    }

    /// A connection has ended.
    pub fn leave(&mut self, id: u64) {
        self.held.remove(&id);
    }

    fn has_room(&self) -> bool {
        self.held.len() < PLACES
    }

    fn strangers(&self) -> usize {
        self.count(|held| held.is_stranger() && !held.is_hurried)
    }

    fn count(&self, test: impl Fn(&Held) -> bool) -> usize {
        self.held.values().filter(|held| test(held)).count()
    }

    fn oldest(&self, test: impl Fn(&Held) -> bool) -> Option<u64> {
        self.held.iter().find(|(_, held)| test(held)).map(|(id, _)| *id)
    }

    /// Whoever hurries most would else be the first to go: chance is fair, and cannot be aimed at.
    fn hurried_by_chance(&self, test: impl Fn(&Held) -> bool, choose: impl FnOnce(usize) -> usize) -> Option<u64> {
        let of = |has_shown| {
            let hurried = self.held.iter().filter(move |(_, held)| held.is_hurried && held.has_shown == has_shown);
            hurried.filter(|(_, held)| test(held)).map(|(id, _)| *id).collect::<Vec<u64>>()
        };
        let hurried = Some(of(false)).filter(|others| !others.is_empty()).unwrap_or_else(|| of(true));
        hurried.get(choose(hurried.len().max(1))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// So many strangers from addresses of their own; gives their numbers.
    fn come(door: &mut Door, count: u8) -> Vec<u64> {
        let admit = |last| match door.admit(from(last), |_| 0) {
            Admission::Free(id) | Admission::InPlaceOf { id, .. } => id,
            refused => panic!("{refused:?}"),
        };
        (1..=count).map(admit).collect()
    }

    #[test]
    fn silent_strangers_give_way_the_oldest_first() {
        let mut door = Door::default();
        come(&mut door, 64);
        assert_eq!(door.held.len(), STRANGERS);
        assert_eq!(door.admit(from(200), |_| 0), Admission::InPlaceOf { id: 64, gives_way: 48 });
        assert!(!door.stand(48, Standing::Waiting), "it has given way");
        assert!(!door.is_hurried(64) && door.stand(64, Standing::Kept));
    }

    #[test]
    fn who_comes_while_strangers_are_served_has_to_hurry() {
        let mut door = Door::default();
        assert!(come(&mut door, 16).into_iter().all(|id| door.stand(id, Standing::Waiting)));
        let hurried = come(&mut door, 16);
        assert!(hurried.iter().all(|id| door.is_hurried(*id)));
        assert_eq!(door.admit(from(200), |hurried| hurried - 1), Admission::InPlaceOf { id: 32, gives_way: 31 });
        assert!(!door.stand(16, Standing::Waiting), "there is no room for another stranger");
        assert!(door.stand(16, Standing::Kept), "it is introduced");
        assert!(!door.is_hurried(16));
        door.leave(0);
        assert!(door.stand(17, Standing::Waiting), "there is room now");
        assert_eq!((door.strangers(), door.is_hurried(17)), (STRANGERS, false));
    }

    #[test]
    fn thirty_two_are_introduced_whatever_strangers_do() {
        let mut door = Door::default();
        assert!(come(&mut door, 16).into_iter().all(|id| door.stand(id, Standing::Waiting)));
        come(&mut door, 100);
        for last in 0..32 {
            let (Admission::Free(id) | Admission::InPlaceOf { id, .. }) = door.admit(from(last), |_| 0) else {
                panic!("no place for {last}")
            };
            assert!(door.stand(id, Standing::Kept));
            come(&mut door, 100);
        }
        assert_eq!(door.held.len(), PLACES);
    }

    #[test]
    fn when_all_are_introduced_there_is_no_room() {
        let mut door = Door::default();
        for last in 0..PLACES as u8 {
            let Admission::Free(id) = door.admit(from(last), |_| 0) else { panic!("free") };
            assert!(door.stand(id, Standing::Kept));
        }
        assert_eq!(door.admit(HERE, |_| 0), Admission::Full);
    }

    #[test]
    fn who_has_said_all_gives_way_before_who_has_just_come() {
        let mut door = Door::default();
        let strangers = come(&mut door, 16);
        assert!(strangers.iter().all(|id| door.stand(*id, Standing::Waiting)));
        let hurried = come(&mut door, 16);
        door.over(hurried[5]);
        door.over(strangers[3]);
        assert_eq!(door.admit(from(200), |_| 0), Admission::InPlaceOf { id: 32, gives_way: strangers[3] });
        assert!(!door.is_hurried(32));
        assert_eq!(door.admit(from(201), |_| 0), Admission::InPlaceOf { id: 33, gives_way: hurried[5] });
        assert!(door.is_hurried(33));
    }

    #[test]
    fn who_shows_a_ticket_is_a_stranger_and_gives_way_after_the_others() {
        let mut door = Door::default();
        assert!(come(&mut door, 16).into_iter().all(|id| door.stand(id, Standing::Waiting)));
        let hurried = come(&mut door, 16);
        assert!(!door.stand(hurried[0], Standing::Waiting), "there is no room for another stranger");
        door.shows(hurried[0]);
        assert_eq!(door.admit(from(200), |_| 0), Admission::InPlaceOf { id: 32, gives_way: hurried[1] });
        // However many show one: the numbers are those of strangers.
        (1..40).for_each(|id| door.shows(id));
        assert_eq!(door.admit(from(201), |_| 0), Admission::InPlaceOf { id: 33, gives_way: hurried[0] });
        assert_eq!((door.strangers(), door.held.len()), (STRANGERS, STRANGERS + HURRIED));
    }

    #[test]
    fn one_address_takes_places_of_its_own_only() {
        let mut door = Door::default();
        (0..8).for_each(|id| assert_eq!(door.admit(from(1), |_| 0), Admission::Free(id)));
        assert_eq!(door.admit(from(1), |_| 0), Admission::InPlaceOf { id: 8, gives_way: 0 });
        assert!((1..=8).all(|id| door.stand(id, Standing::Waiting)));
        assert_eq!(door.admit(from(1), |_| 0), Admission::TooMany(8));
        assert_eq!(door.admit(from(2), |_| 0), Admission::Free(9));
        assert!(door.stand(3, Standing::Kept));
        assert_eq!(door.admit(from(1), |_| 0), Admission::Free(10), "an introduced one does not count");
        let mut here = Door::default();
        (0..16).for_each(|id| assert_eq!(here.admit(HERE, |_| 0), Admission::Free(id)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever comes and goes: the numbers hold, nobody introduced loses their place, and a newcomer of an address
        /// that has no stranger gets one as long as fewer than 33 are introduced.
        #[test]
        fn the_numbers_hold(steps in prop::collection::vec((0u8..10, 0u8..40, any::<usize>()), 0..600)) {
            let mut door = Door::default();
            for (act, last, number) in steps {
                let ids: Vec<u64> = door.held.keys().copied().collect();
                let some = ids.get(number % ids.len().max(1)).copied().unwrap_or_default();
                let kept: Vec<u64> = ids.iter().copied().filter(|id| !door.held[id].is_stranger()).collect();
                let of_one = |door: &Door| door.count(|held| held.is_stranger() && held.from == Origin::of(from(last)));
                match act {
                    0 => drop(door.stand(some, Standing::Waiting)),
                    1 => drop(door.stand(some, Standing::Kept)),
                    2 => door.leave(some),
                    3 => door.over(some),
                    4 => door.shows(some),
                    _ => {
                        let has_none = of_one(&door) == 0;
                        let admission = door.admit(from(last), |below| number % below);
                        if has_none && kept.len() <= PLACES - STRANGERS - HURRIED {
                            prop_assert!(!matches!(admission, Admission::Full | Admission::TooMany(_)));
                        }
                        prop_assert!(kept.iter().all(|id| door.held.contains_key(id)));
                    }
                }
                prop_assert!(door.held.len() <= PLACES && of_one(&door) <= OF_ONE);
                prop_assert!(door.strangers() <= STRANGERS && door.count(|held| held.is_hurried) <= HURRIED);
            }
        }
    }
}
