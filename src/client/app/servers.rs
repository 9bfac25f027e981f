//! Which server is spoken with, which is the next one, and how long a client waits before it tries it. It knows no session.
//!
//! Several servers are tried in random order and after random pauses, so that the clients of one that fails do not come to
//! another one all at once. A server that is the only one is come back to after pauses that people know.

use crate::client::event::ServerAt;
use crate::protocol::{MAX_SERVERS, ServerList};
use crate::value::{Fingerprint, Xorshift, canonical};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The first pause before coming back to a server that is the only one; each further one is twice as long.
const ALONE: Duration = Duration::from_millis(500);
/// The longest first pause where there are several, and what the next one is drawn from; then it is twice as long each time.
const SEVERAL: Duration = Duration::from_secs(2);
/// What no pause exceeds.
const LONGEST: Duration = Duration::from_secs(30);
/// The most servers that are left out; of more, the first ones are tried again.
const MAX_LEFT_OUT: usize = 64;

/// The servers that this client knows, and where it stands among them.
#[derive(Debug)]
pub struct Servers {
    /// Those of the options.
    given: Vec<SocketAddr>,
    /// Those that the present server, or the last one, has told.
    told: Vec<ServerAt>,
    /// What that one calls itself among them, which may be another address than the one by which we came.
    itself: Option<SocketAddr>,
    /// What is told and not looked at yet: keys, and the list of which they are.
    heard: Heard,
    present: ServerAt,
    /// Those that have not proven to be what they are to be.
    left_out: VecDeque<ServerAt>,
    /// Those that are to be tried before any is tried again.
    untried: VecDeque<ServerAt>,
    /// Tries since a login was complete.
    tries: u32,
    random: Xorshift,
}

/// A `servers_` line, once it has come, and the `serverkey_` lines before it.
#[derive(Debug, Default)]
pub struct Heard {
    /// The keys, each of one server; its address is canonical.
    pub(super) keys: BTreeMap<SocketAddr, Fingerprint>,
    /// The servers.
    pub(super) list: Option<ServerList>,
}

impl Servers {
    /// The servers of the options: the first one is the first that is tried, the others come in an order that `seed` decides.
    pub fn new(first: SocketAddr, also: &[SocketAddr], seed: u64) -> Servers {
        let mut given = vec![first];
        for server in also {
            if !given.contains(server) {
                given.push(*server);
            }
        }
        let present = ServerAt { address: first, key: None };
        let (told, heard, random) = (Vec::new(), Heard::default(), Xorshift::new(seed));
        let (itself, left_out, untried) = (None, VecDeque::new(), VecDeque::new());
        let mut servers = Servers { given, told, itself, heard, present, left_out, untried, tries: 0, random };
        let others = servers.shuffled().into_iter().filter(|server| server.address != first);
        servers.untried = others.collect();
        servers
    }

    /// Where the server is that is spoken with, or tried.
    pub fn present(&self) -> SocketAddr {
        self.present.address
    }

    /// Those that the server has told last.
    pub fn told(&self) -> &[ServerAt] {
        &self.told
    }

    /// Whether this is the server that is spoken with, by whichever of its addresses.
    pub fn is_present(&self, server: SocketAddr) -> bool {
        server == self.present.address || Some(server) == self.itself
    }

    /// Whether the options name a server of this host.
    pub fn is_given(&self, host: IpAddr) -> bool {
        self.given.iter().any(|server| server.ip().to_canonical() == host.to_canonical())
    }

    /// All but the present one.
    pub fn others(&self) -> Vec<ServerAt> {
        self.all().into_iter().filter(|server| !self.is_present(server.address)).collect()
    }

    /// Whether another one than the present one can be tried.
    pub fn are_several(&self) -> bool {
        self.all().len() > 1
    }

    /// Whether one is left that was not tried since the last connection, or since all were.
    pub fn has_untried(&self) -> bool {
        !self.untried.is_empty()
    }

    /// Turns to the one that is to be tried next. `None` when it stays with the present one.
    pub fn turn(&mut self) -> Option<ServerAt> {
        if self.untried.is_empty() {
            // The one that has just failed comes last, whichever of its addresses it has.
            let (last, mut order): (Vec<_>, Vec<_>) =
                self.shuffled().into_iter().partition(|server| self.is_present(server.address));
            order.extend(last);
            self.untried = order.into();
        }
        let next = self.untried.pop_front()?;
        (std::mem::replace(&mut self.present, next.clone()) != next).then_some(next)
    }

    /// How long to wait before the next try. Each call is one more that came to nothing.
    pub fn pause(&mut self) -> Duration {
        let tries = self.tries;
        self.tries = tries.saturating_add(1);
        let doubled = |first: Duration, times: u32| first.saturating_mul(1 << times.min(31));
        if !self.are_several() {
            return LONGEST.min(doubled(ALONE, tries));
        }
        match tries.checked_sub(1) {
            None => SEVERAL.mul_f64(self.random.fraction()),
            Some(times) => LONGEST.min(doubled(SEVERAL, times)).mul_f64(0.5 + self.random.fraction() / 2.0),
        }
    }

    /// The next pause is the first again; the others of this round are still to be tried.
    pub fn hurry(&mut self) {
        self.tries = 0;
    }

    /// A login is complete, or the person comes back to where they were: the next end of a connection is the first.
    pub fn begin_anew(&mut self) {
        self.hurry();
        self.untried.clear();
    }

    /// The present one is not tried again, as it has not proven to be it. False when it is the only one, which stays.
    pub fn leave_out(&mut self) -> bool {
        let left = self.present.clone();
        if self.all().iter().all(|server| *server == left) {
            return false;
        }
        if self.left_out.len() == MAX_LEFT_OUT {
            self.left_out.pop_front();
        }
        self.untried.retain(|server| *server != left);
        self.left_out.push_back(left);
        true
    }

    /// A key that belongs to a server of the next list. No more are kept than a list has servers.
    pub fn key_told(&mut self, server: SocketAddr, key: Fingerprint) {
        if self.heard.list.take().is_some() {
            self.heard.keys.clear();
        }
        if self.heard.keys.len() < MAX_SERVERS {
            self.heard.keys.insert(canonical(server), key);
        }
    }

    /// A list of servers, which ends the keys before it.
    pub fn list_told(&mut self, list: ServerList) {
        if self.heard.list.replace(list).is_some() {
            // Those before the last list are not of this one.
            self.heard.keys.clear();
        }
    }

    /// Takes out what was told and not looked at yet: nothing while its list is still to come.
    pub fn take_heard(&mut self) -> Option<Heard> {
        self.heard.list.is_some().then(|| std::mem::take(&mut self.heard))
    }

    /// What was told on a connection that has ended is not looked at any more.
    pub fn forget_heard(&mut self) {
        self.heard = Heard::default();
    }

    /// These are the servers now; the present one calls `itself` so.
    pub fn know(&mut self, itself: SocketAddr, told: Vec<ServerAt>) {
        (self.itself, self.told) = (Some(itself), told);
    }

    /// Each server once. What the options say of one counts more than what a server tells.
    fn all(&self) -> Vec<ServerAt> {
        let given = self.given.iter().map(|address| ServerAt { address: *address, key: None });
        let mut all: Vec<ServerAt> = Vec::new();
        for server in given.chain(self.told.iter().cloned()).chain([self.present.clone()]) {
            if !all.iter().any(|known| known.address == server.address) {
                all.push(server);
            }
        }
        all.retain(|server| !self.left_out.contains(server));
        all
    }

    fn shuffled(&mut self) -> Vec<ServerAt> {
        let mut all = self.all();
        for at in (1..all.len()).rev() {
            // Below 1, so it is one of those up to here.
            let other = (self.random.fraction() * (at + 1) as f64) as usize;
            all.swap(at, other);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 4400))
    }

    fn told(numbers: &[u8]) -> Vec<ServerAt> {
        numbers.iter().map(|number| ServerAt { address: at(*number), key: None }).collect()
    }

    /// Seeds as they are drawn: of all bits.
    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn is_between(pause: Duration, least: u64, most: u64) -> bool {
        (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&pause)
    }

    #[test]
    fn pauses_are_drawn_and_double_up_to_half_a_minute() {
        let mut first = BTreeSet::new();
        for seed in 1..200 {
            let mut servers = Servers::new(at(1), &[at(2)], spread(seed));
            let pauses: Vec<_> = (0..8).map(|_| servers.pause()).collect();
            assert!(is_between(pauses[0], 0, 2_000), "{pauses:?}");
            first.insert(pauses[0].as_millis() / 500);
            for (pause, most) in pauses[1..].iter().zip([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]) {
                assert!(is_between(*pause, most / 2, most), "{pauses:?}");
            }
            servers.begin_anew();
            assert!(is_between(servers.pause(), 0, 2_000));
        }
        assert_eq!(first.len(), 4, "they are spread over the two seconds");
    }

    #[test]
    fn a_server_that_is_the_only_one_has_the_same_pauses_each_time() {
        let mut servers = Servers::new(at(1), &[at(1)], 7);
        let pauses: Vec<_> = (0..9).map(|_| servers.pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(servers.turn(), None);
        for _ in 0..100 {
            servers.pause();
        }
        assert_eq!(servers.pause(), LONGEST);
    }

    #[test]
    fn each_is_tried_once_a_round_and_the_one_that_failed_last() {
        let mut orders = BTreeSet::new();
        for seed in 1..100 {
            let mut servers = Servers::new(at(1), &[at(2), at(3)], spread(seed));
            servers.begin_anew();
            let mut order = Vec::new();
            for _ in 0..3 {
                servers.turn();
                order.push(servers.present());
            }
            assert_eq!(order[2], at(1), "{order:?}");
            assert!(!servers.has_untried());
            orders.insert(order);
            assert_ne!(servers.turn().map(|server| server.address), Some(at(1)), "it was the last");
        }
        assert_eq!(orders.len(), 2, "both orders of the others");
    }

    #[test]
    fn at_the_start_the_first_one_is_the_first_and_then_the_others_are_left() {
        let mut servers = Servers::new(at(1), &[at(2), at(1), at(2)], 7);
        assert_eq!(servers.present(), at(1));
        assert!(servers.has_untried());
        assert_eq!(servers.turn().map(|server| server.address), Some(at(2)));
        assert!(!servers.has_untried());
        assert!(!Servers::new(at(1), &[], 7).has_untried());
    }

    #[test]
    fn what_is_told_is_added_and_replaced_as_a_whole() {
        let mut servers = Servers::new(at(1), &[], 7);
        servers.know(at(1), told(&[1, 2, 3]));
        assert!(servers.are_several());
        servers.know(at(1), told(&[1, 4]));
        servers.begin_anew();
        assert_eq!(servers.turn().map(|server| server.address), Some(at(4)));
        // The server that told is known by another address as well: both come last.
        servers.know(at(9), told(&[9, 5, 6]));
        servers.begin_anew();
        let order: Vec<_> = (0..5).map(|_| servers.turn().map(|server| server.address)).collect();
        assert!(order[..3].iter().all(|server| ![Some(at(4)), Some(at(9))].contains(server)), "{order:?}");
    }

    #[test]
    fn one_that_has_not_proven_to_be_it_is_left_out_unless_it_is_the_only_one() {
        let mut servers = Servers::new(at(1), &[at(2)], 7);
        assert!(servers.leave_out());
        for _ in 0..3 {
            servers.turn();
            assert_eq!(servers.present(), at(2));
        }
        assert!(!servers.leave_out() && !servers.are_several());
        // One that has another key is another one.
        let mut servers = Servers::new(at(2), &[], 7);
        let with_key = |byte| ServerAt { address: at(3), key: Some(Fingerprint([byte; 32])) };
        for byte in 0..=u8::MAX {
            servers.know(at(2), vec![with_key(byte)]);
            servers.begin_anew();
            assert_eq!(servers.turn(), Some(with_key(byte)));
            assert!(servers.leave_out() && !servers.are_several());
            servers.turn();
        }
        assert_eq!(servers.left_out.len(), MAX_LEFT_OUT);
    }

    #[test]
    fn a_host_is_given_in_each_spelling() {
        let host = |text: &str| text.parse().expect("an address");
        for given in [at(2), SocketAddr::new(host("::ffff:10.0.0.2"), 4400)] {
            let servers = Servers::new(at(1), &[given], 7);
            assert!(servers.is_given(host("10.0.0.2")) && servers.is_given(host("::ffff:10.0.0.2")));
            assert!(!servers.is_given(host("::10.0.0.2")));
        }
    }

    #[test]
    fn keys_belong_to_the_list_behind_them() {
        let (one, two) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        let list = |text: &str| text.parse::<ServerList>().expect("a list");
        let mut servers = Servers::new(at(1), &[], 7);
        servers.key_told(at(1), one);
        assert!(servers.take_heard().is_none(), "its list is still to come");
        servers.list_told(list("10.0.0.1:4400"));
        servers.key_told(at(2), two);
        servers.list_told(list("10.0.0.2:4400"));
        let heard = servers.take_heard().expect("a list");
        assert_eq!((heard.keys.len(), heard.keys.get(&at(2))), (1, Some(&two)));
        servers.list_told(list("10.0.0.1:4400"));
        servers.list_told(list("10.0.0.2:4400"));
        assert!(servers.take_heard().is_some_and(|heard| heard.keys.is_empty()));
        for number in 0..=u8::MAX {
            servers.key_told(at(number), one);
        }
        assert_eq!(servers.heard.keys.len(), MAX_SERVERS);
        servers.forget_heard();
        servers.list_told(list("10.0.0.1:4400"));
        assert!(servers.take_heard().is_some_and(|heard| heard.keys.is_empty()));
    }
}
