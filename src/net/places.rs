//! Who has a place in a house that is full: whoever is logged in keeps theirs, and who is not has no right to one.
//!
//! A newcomer takes the place of a connection without a login, of an address that holds the most of them. So silent
//! connections cannot shut everybody out, whether one address makes them or many. It decides, and knows no socket.

use crate::value::network_of;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Of so many places at least one may always be held without a login: a tenth of the house.
const SHARE_WITHOUT_LOGIN: usize = 10;

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has sent no login.
    Silent,
    /// Its login waits for its turn to be hashed.
    Waiting,
    /// It is logged in, or its login is being hashed: it keeps its place.
    Kept,
}

/// The addresses that count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    /// Where this address belongs.
    pub fn of(address: IpAddr) -> Origin {
        Origin(network_of(address))
    }
}

/// What becomes of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It has a place, and this number.
    Free(u64),
    /// It has a place and this number; the connection of the other number gives way, and holds none any more.
    InPlaceOf {
        /// The newcomer's.
        id: u64,
        /// Whose place it was.
        gives_way: u64,
    },
    /// All places are held by connections that keep them.
    Full,
    /// So many connections of that address are without a login, which is the most for one.
    TooMany(usize),
}

impl Admission {
    /// The newcomer has a place with this number, perhaps that of another.
    pub fn of(id: u64, gives_way: Option<u64>) -> Admission {
        gives_way.map_or(Admission::Free(id), |gives_way| Admission::InPlaceOf { id, gives_way })
    }
}

/// The places of a house.
#[derive(Debug)]
pub struct Places {
    max: usize,
    /// Numbers grow, so the first is the oldest.
    held: BTreeMap<u64, (Origin, Standing)>,
    /// How many connections without a login each address has. Counted as they come and go: every newcomer is looked up
    /// here, and a house may have thousands of places.
    without_login: HashMap<Origin, usize>,
    next: u64,
}

impl Places {
    /// So many places, all free.
    pub fn new(max: usize) -> Places {
        Places { max, held: BTreeMap::new(), without_login: HashMap::new(), next: 0 }
    }

    /// Gives a newcomer a place, if there is one for it. At most `limit` connections of its address may be without a
    /// login. `choose` draws a number below its argument.
    pub fn admit(&mut self, from: Origin, limit: usize, choose: impl FnOnce(usize) -> usize) -> Admission {
        let own = self.without_login.get(&from).map_or(0, |count| *count);
        if own >= limit {
            return Admission::TooMany(limit);
        }
        let gives_way = if self.held.len() < self.max {
            None
        } else {
            match self.gives_way(own, choose) {
                Some(id) => Some(id),
                None => return Admission::Full,
            }
        };
        let id = self.next;
        self.next += 1;
        self.held.insert(id, (from, Standing::Silent));
        self.count(from);
        if let Some(other) = gives_way {
            self.leave(other);
        }
        Admission::of(id, gives_way)
    }

    /// A connection stands otherwise now. False for one that has given way: it is over.
    pub fn stand(&mut self, id: u64, standing: Standing) -> bool {
        let Some((from, held)) = self.held.get_mut(&id) else { return false };
        let (from, before) = (*from, std::mem::replace(held, standing));
        match (before == Standing::Kept, standing == Standing::Kept) {
            (true, false) => self.count(from),
            (false, true) => self.count_no_more(from),
            (true, true) | (false, false) => {}
        }
        true
    }

    /// A connection has ended; gives its address, if it still had a place.
    pub fn leave(&mut self, id: u64) -> Option<Origin> {
        let (from, standing) = self.held.remove(&id)?;
        if standing != Standing::Kept {
            self.count_no_more(from);
        }
        Some(from)
    }

    /// A connection of this address is without a login.
    fn count(&mut self, from: Origin) {
        *self.without_login.entry(from).or_default() += 1;
    }

    /// A connection that was without a login is not any more.
    fn count_no_more(&mut self, from: Origin) {
        let Entry::Occupied(mut count) = self.without_login.entry(from) else { return };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }

    /// Whose place a newcomer takes, whose address has `own` connections without a login already.
    fn gives_way(&self, own: usize, choose: impl FnOnce(usize) -> usize) -> Option<u64> {
        let without_login = &self.without_login;
        let most = *without_login.values().max()?;
        let total: usize = without_login.values().sum();
        // One of an address that holds more than the newcomer's would; or all together hold more than their share.
        if most <= own + 1 && total * SHARE_WITHOUT_LOGIN <= self.max {
            return None;
        }
        // The newcomer's own address may be the one that holds the most. Then one of its own gives way: else a flood
        // would take the place of each that has not sent its login yet.
        let holds_most = |origin: &Origin| without_login.get(origin) == Some(&most);
        let of_most = |standing: Standing| {
            let stands = move |held: &(&u64, &(Origin, Standing))| held.1.1 == standing && holds_most(&held.1.0);
            self.held.iter().filter(stands).map(|(id, _)| *id)
        };
        // Whoever sends a login first would else be the first to go: chance is fair, and cannot be aimed at.
        of_most(Standing::Silent).next().or_else(|| {
            let waiting: Vec<u64> = of_most(Standing::Waiting).collect();
            waiting.get(choose(waiting.len().max(1))).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(last: u8) -> Origin {
        Origin::of([10, 0, 0, last].into())
    }

    fn admit(places: &mut Places, last: u8) -> Admission {
        places.admit(origin(last), usize::MAX, |_| 0)
    }

    fn full(max: usize, last: u8) -> Places {
        let mut places = Places::new(max);
        for _ in 0..max {
            assert!(matches!(admit(&mut places, last), Admission::Free(_)));
        }
        places
    }

    #[test]
    fn fifty_silent_connections_shut_nobody_out() {
        let mut places = full(50, 1);
        assert_eq!(admit(&mut places, 2), Admission::InPlaceOf { id: 50, gives_way: 0 });
        assert_eq!(admit(&mut places, 2), Admission::InPlaceOf { id: 51, gives_way: 1 });
        // A newcomer of the same address takes the place of one of its own: they are more than a tenth.
        assert_eq!(admit(&mut places, 1), Admission::InPlaceOf { id: 52, gives_way: 2 });
        assert!(!places.stand(2, Standing::Kept), "it has given way");
    }

    #[test]
    fn who_is_logged_in_is_never_displaced() {
        let mut places = full(10, 1);
        assert!((0..10).all(|id| places.stand(id, Standing::Kept)));
        assert_eq!(admit(&mut places, 2), Admission::Full);
        assert!(places.stand(3, Standing::Silent), "its session has expired");
        // One of ten is a tenth, and no more; the address has not more than the newcomer's would.
        assert_eq!(admit(&mut places, 2), Admission::Full);
        assert!(places.stand(4, Standing::Silent));
        assert_eq!(admit(&mut places, 2), Admission::InPlaceOf { id: 10, gives_way: 3 });
        places.leave(10);
        assert_eq!(admit(&mut places, 2), Admission::Free(11));
    }

    #[test]
    fn many_addresses_with_one_connection_each_shut_nobody_out_either() {
        let mut places = Places::new(50);
        for last in 0..50 {
            admit(&mut places, last);
        }
        assert_eq!(admit(&mut places, 200), Admission::InPlaceOf { id: 50, gives_way: 0 });
    }

    #[test]
    fn a_flood_takes_only_places_of_its_own_address() {
        let mut places = Places::new(10);
        admit(&mut places, 2);
        for _ in 1..10 {
            admit(&mut places, 1);
        }
        for _ in 0..30 {
            assert!(matches!(admit(&mut places, 1), Admission::InPlaceOf { gives_way, .. } if gives_way != 0));
        }
        assert!(places.stand(0, Standing::Kept), "it has had the time to log in");
    }

    #[test]
    fn who_waits_for_a_hash_gives_way_last_and_by_chance() {
        let mut places = full(4, 1);
        assert!((0..3).all(|id| places.stand(id, Standing::Waiting)));
        assert_eq!(admit(&mut places, 2), Admission::InPlaceOf { id: 4, gives_way: 3 }, "the silent one first");
        assert!(places.stand(4, Standing::Kept));
        let admitted = places.admit(origin(3), usize::MAX, |waiting| waiting - 1);
        assert_eq!(admitted, Admission::InPlaceOf { id: 5, gives_way: 2 });
    }

    #[test]
    fn an_address_has_a_limit_without_a_login_and_none_with_it() {
        let mut places = Places::new(50);
        for id in 0..3 {
            assert_eq!(places.admit(origin(1), 2, |_| 0), Admission::Free(id));
            assert!(places.stand(id, Standing::Kept));
        }
        for id in 3..5 {
            assert_eq!(places.admit(origin(1), 2, |_| 0), Admission::Free(id));
        }
        assert_eq!(places.admit(origin(1), 2, |_| 0), Admission::TooMany(2));
        assert_eq!(places.admit(origin(2), 2, |_| 0), Admission::Free(5));
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let of = |text: &str| Origin::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever comes and goes: no place too many, nobody logged in loses theirs, an address that has none gets one
        /// wherever another holds two without a login, and only of those that hold the most one gives way.
        #[test]
        fn the_house_is_fair(steps in prop::collection::vec((0u8..6, 0u8..4, any::<usize>()), 0..300)) {
            let mut places = Places::new(8);
            for (last, act, number) in steps {
                let ids: Vec<u64> = places.held.keys().copied().collect();
                let some = ids.get(number % ids.len().max(1)).copied().unwrap_or_default();
                let kept: Vec<u64> = ids.iter().copied().filter(|id| places.held[id].1 == Standing::Kept).collect();
                let (held, without_login) = (places.held.clone(), places.without_login.clone());
                match act {
                    0 => drop(places.stand(some, Standing::Waiting)),
                    1 => drop(places.stand(some, Standing::Kept)),
                    2 => drop(places.leave(some)),
                    _ => {
                        let admission = places.admit(origin(last), 4, |below| number % below);
                        let has_none = !without_login.contains_key(&origin(last));
                        if has_none && without_login.values().any(|count| *count > 1) {
                            prop_assert!(!matches!(admission, Admission::Full | Admission::TooMany(_)));
                        }
                        prop_assert!(kept.iter().all(|id| places.held.contains_key(id)));
                        if let Admission::InPlaceOf { gives_way, .. } = admission {
                            let most = without_login.values().max();
                            prop_assert_eq!(without_login.get(&held[&gives_way].0), most);
                        }
                    }
                }
                prop_assert!(places.held.len() <= 8);
                let mut counted = HashMap::new();
                for (origin, _) in places.held.values().filter(|(_, standing)| *standing != Standing::Kept) {
                    *counted.entry(*origin).or_insert(0usize) += 1;
                }
                prop_assert_eq!(&counted, &places.without_login);
            }
        }
    }
}
