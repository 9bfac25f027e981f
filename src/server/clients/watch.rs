//! Who watches, and what they were not told yet of who came and went. It is a part of the client map, under its lock.
//!
//! A change is noted with what was to be seen before it; what is to be seen now stands in the map. So of whatever happens
//! between two rounds a watcher is told the sum: nothing of who left and came back.

use super::viewpoint::Viewpoint;
use crate::dialect::Dialect;
use crate::protocol::Event;
use crate::server::delivery::{Mailbox, Parcel};
use crate::value::Username;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar};

/// What a list shows of an active client, from wherever one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    pub address: IpAddr,
    pub port: Option<u16>,
    pub reach: Option<u16>,
    /// The dialect of a guest.
    pub guest: Option<Dialect>,
}

/// How a client was seen before, and how it is now; nothing where it was not, or is not, active.
#[derive(Clone, Debug)]
pub struct Change {
    name: Username,
    before: Option<Sight>,
    now: Option<Sight>,
}

/// What some watchers are to be told, all of them the same but for the addresses, which depend on from where they look.
pub struct News {
    /// In the order in which it began.
    pub changes: Vec<Change>,
    /// To whom.
    pub to: HashMap<Viewpoint, Vec<Arc<Listener>>>,
}

/// Who is told, for as long as they watch on from the list that they were given: what is behind that is old for the next
/// one, and would stay wrong in it.
pub struct Listener {
    mailbox: Arc<dyn Mailbox>,
    has_ended: AtomicBool,
}

impl Listener {
    /// Whether it was handed over: not to who has ceased to watch, or was given a newer list, since the news was taken.
    pub fn deliver(&self, parcel: &Parcel) -> bool {
        !self.has_ended.load(Ordering::Acquire) && self.mailbox.deliver(parcel)
    }
}

struct Watcher {
    view: Viewpoint,
    listener: Arc<Listener>,
    /// How many of the changes stand in the list that it was given.
    knows: usize,
}

/// Who watches, and what happened since the last round.
#[derive(Default)]
pub struct Watch {
    watchers: HashMap<Username, Watcher>,
    /// Who, and how they were seen before.
    changes: Vec<(Username, Option<Sight>)>,
    /// Of whom there is a change that the newest watcher does not know: one more of them says nothing new.
    noted: HashSet<Username>,
    /// Something has changed, or is to end.
    pub wake: Arc<Condvar>,
    /// A thread waits for that. To wake it up is a system call.
    pub is_waiting: bool,
    /// Nobody is told any more.
    pub has_ended: bool,
}

impl Watch {
    /// Has a client watch, who is given a list at this very moment.
    pub fn begin(&mut self, name: Username, view: Viewpoint, mailbox: Arc<dyn Mailbox>) {
        let listener = Arc::new(Listener { mailbox, has_ended: AtomicBool::new(false) });
        let watcher = Watcher { view, listener, knows: self.changes.len() };
        if let Some(older) = self.watchers.insert(name, watcher) {
            older.end();
        }
        self.noted.clear();
    }

    /// Has this client watch no longer.
    pub fn end(&mut self, name: &Username) {
        let Some(watcher) = self.watchers.remove(name) else { return };
        watcher.end();
        if self.watchers.is_empty() {
            (self.changes, self.noted) = Default::default();
        }
    }

    /// Notes a change of how this client is seen.
    pub fn note(&mut self, name: &Username, before: Option<Sight>) {
        if self.watchers.is_empty() || !self.noted.insert(name.clone()) {
            return;
        }
        self.changes.push((name.clone(), before));
        self.wake_up();
    }

    /// Has the thread look that waits for a change.
    pub fn wake_up(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.wake.notify_one();
        }
    }

    /// Whether there is something to be told.
    pub fn has_news(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What is to be told, and to whom: whoever began to watch meanwhile is told what their list does not have.
    pub fn take(&mut self, now: impl Fn(&Username) -> Option<(Username, Sight)>) -> Vec<News> {
        let changes = std::mem::take(&mut self.changes);
        self.noted.clear();
        let mut by_list: BTreeMap<usize, HashMap<Viewpoint, Vec<Arc<Listener>>>> = BTreeMap::new();
        for watcher in self.watchers.values_mut() {
            let to = by_list.entry(std::mem::take(&mut watcher.knows)).or_default();
            to.entry(watcher.view).or_default().push(Arc::clone(&watcher.listener));
        }
        let news = |(knows, to)| {
            let mut seen = HashSet::new();
            let rest = changes[knows..].iter().filter(|(name, _)| seen.insert(name));
            let change = |(name, before): &(Username, Option<Sight>)| match now(name) {
                // In its own letters: another may have had the name before.
                Some((name, sight)) => Change { name, before: *before, now: Some(sight) },
                None => Change { name: name.clone(), before: *before, now: None },
            };
            News { changes: rest.map(change).collect(), to }
        };
        by_list.into_iter().map(news).collect()
    }
}

impl Watcher {
    fn end(self) {
        self.listener.has_ended.store(true, Ordering::Release);
    }
}

impl Sight {
    /// Where a client with this view finds the one that is seen so.
    pub fn from(self, view: Viewpoint) -> SocketAddr {
        view.shows(self.address, self.port, self.reach)
    }
}

impl Change {
    /// What a watcher with this view is told; nothing where they see the same as before.
    pub fn event(&self, view: Viewpoint) -> Option<Event> {
        let seen = |sight: Option<Sight>| sight.map(|sight| (sight.from(view), sight.guest));
        let (before, now) = (seen(self.before), seen(self.now));
        match now {
            _ if before == now => None,
            Some((address, guest)) => {
                let guest = guest.map(Dialect::guest);
                Some(Event::Joined { name: self.name.clone(), address, guest })
            }
            None => Some(Event::Left(self.name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientMap, FileNames, NewClient, SessionKey};
    use super::*;
    use crate::server::delivery::Nobody;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::time::{Instant, SystemTime};

    /// What a watcher knows, from the list and the events behind it.
    #[derive(Default)]
    struct Screen(Mutex<BTreeMap<String, String>>);

    impl Screen {
        fn take_list(&self, clients: &ClientMap, key: &SessionKey, own: &Arc<Screen>) {
            let list = clients.watch(key, Arc::clone(own) as Arc<dyn Mailbox>);
            *self.0.lock().expect("no panic") =
                list.into_iter().map(|one| (one.name.to_string(), one.address.to_string())).collect();
        }

        fn shows(&self) -> String {
            let list = self.0.lock().expect("no panic");
            list.iter().map(|(name, address)| format!("{name}={address}")).collect::<Vec<_>>().join(" ")
        }
    }

    impl Mailbox for Screen {
        fn deliver(&self, parcel: &Parcel) -> bool {
            let mut list = self.0.lock().expect("no panic");
            for event in parcel.events() {
                match event {
                    Event::Joined { name, address, .. } => {
                        list.retain(|known, _| !known.eq_ignore_ascii_case(name.as_str()));
                        list.insert(name.to_string(), address.to_string());
                    }
                    Event::Left(name) => list.retain(|known, _| !known.eq_ignore_ascii_case(name.as_str())),
                    other => panic!("{other}"),
                }
            }
            true
        }

        fn close(&self) {}
    }

    fn enter(clients: &ClientMap, name: &str, host: u8) -> SessionKey {
        let ip: IpAddr = if host == 0 { [127, 0, 0, 1].into() } else { [10, 0, 0, host].into() };
        let client = NewClient {
            name: name.parse().expect("a name"),
            from: (ip, 50_000).into(),
            view: Viewpoint::of(ip, [10, 0, 0, 1].into()),
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        };
        clients.enter(client, Instant::now()).0
    }

    /// The lines of a round, for each of those to whom something is told.
    fn round(clients: &ClientMap) -> Vec<String> {
        let mut told = Vec::new();
        for news in clients.take_news() {
            for (view, to) in &news.to {
                let lines: Vec<String> =
                    news.changes.iter().filter_map(|one| Some(one.event(*view)?.to_string())).collect();
                to.iter().filter(|_| !lines.is_empty()).for_each(|_| told.push(lines.join(" ")));
            }
        }
        told.sort_unstable();
        told
    }

    #[test]
    fn a_watcher_is_told_the_sum_of_what_happened() {
        let clients = ClientMap::default();
        let alice = enter(&clients, "alice", 7);
        assert_eq!(round(&clients), [""; 0], "nobody watches");
        let screen = Arc::<Screen>::default();
        screen.take_list(&clients, &alice, &screen);
        assert_eq!(screen.shows(), "alice=10.0.0.7:0");
        let (bob, carol) = (enter(&clients, "bob", 8), enter(&clients, "carol", 9));
        clients.leave(&carol);
        assert_eq!(round(&clients), ["joined_bob_10.0.0.8:0"], "carol has come and gone");
        clients.set_listening(&bob, 4401, FileNames::default());
        assert_eq!(round(&clients), ["joined_bob_10.0.0.8:4401"]);
        clients.set_active(&bob, false);
        clients.set_active(&bob, true);
        clients.set_listening(&bob, 4401, FileNames::default());
        clients.set_dnd(&bob, true);
        assert_eq!(round(&clients), [""; 0], "it is as before");
        let bob = enter(&clients, "bob", 18);
        assert_eq!(round(&clients), ["joined_bob_10.0.0.18:0"], "a takeover");
        clients.set_active(&bob, false);
        assert_eq!(round(&clients), ["left_bob"]);
        clients.leave(&bob);
        clients.unwatch(&alice);
        enter(&clients, "dave", 10);
        assert_eq!(round(&clients), [""; 0]);
        assert!(!clients.lock().watch.has_news(), "nothing is kept for nobody");
    }

    #[test]
    fn a_guest_is_told_as_one_and_an_address_as_the_watcher_sees_it() {
        let clients = ClientMap::default();
        let (near, far) = (enter(&clients, "near", 0), enter(&clients, "far", 7));
        for key in [&near, &far] {
            let screen = Arc::<Screen>::default();
            screen.take_list(&clients, key, &screen);
        }
        let tutor = enter(&clients, "tutor", 0);
        clients.set_listening(&tutor, 4401, FileNames::default());
        assert_eq!(round(&clients), ["joined_tutor_10.0.0.1:0", "joined_tutor_127.0.0.3:4401"]);
        clients.set_reach(&tutor, 5000);
        assert_eq!(round(&clients), ["joined_tutor_10.0.0.1:5000"], "on the server's machine nothing has changed");
    }

    #[test]
    fn who_watches_ends_with_the_session() {
        let clients = ClientMap::default();
        let old = enter(&clients, "alice", 7);
        let screen = Arc::<Screen>::default();
        screen.take_list(&clients, &old, &screen);
        let new = enter(&clients, "Alice", 7);
        enter(&clients, "bob", 8);
        assert_eq!(round(&clients), [""; 0], "the new session has not asked");
        screen.take_list(&clients, &old, &screen);
        enter(&clients, "carol", 9);
        assert_eq!(round(&clients), [""; 0], "the old one is over");
        screen.take_list(&clients, &new, &screen);
        clients.unwatch(&old);
        enter(&clients, "dave", 10);
        assert_eq!(round(&clients), ["joined_dave_10.0.0.10:0"]);
    }

    #[test]
    fn what_was_taken_before_is_not_told_behind_a_newer_list() {
        let clients = ClientMap::default();
        let alice = enter(&clients, "alice", 7);
        let screen = Arc::<Screen>::default();
        screen.take_list(&clients, &alice, &screen);
        let bob = enter(&clients, "bob", 8);
        clients.take_news();
        clients.leave(&bob);
        let late = clients.take_news();
        enter(&clients, "bob", 8);
        screen.take_list(&clients, &alice, &screen);
        for listener in late.iter().flat_map(|news| news.to.values().flatten()) {
            assert!(!listener.deliver(&Event::Left(bob.name.clone()).into()));
        }
        assert_eq!(screen.shows(), "alice=10.0.0.7:0 bob=10.0.0.8:0");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever comes, goes and watches, whenever: behind each round every watcher's list is the server's.
        #[test]
        fn the_list_of_each_watcher_is_the_servers(
            steps in prop::collection::vec((0u8..8, 0usize..5, 0u8..3), 1..120),
        ) {
            let clients = ClientMap::default();
            let mut keys: HashMap<&str, SessionKey> = HashMap::new();
            let mut screens: HashMap<u64, (SessionKey, Arc<Screen>)> = HashMap::new();
            for (act, who, how) in steps.into_iter().chain([(7, 0, 0)]) {
                let name = ["alice", "ALICE", "bob", "carol", "dave"][who];
                let key = keys.get(name).cloned();
                match (act, key) {
                    (0, _) => {
                        keys.retain(|known, _| !known.eq_ignore_ascii_case(name));
                        keys.insert(name, enter(&clients, name, how));
                    }
                    (1, Some(key)) => {
                        clients.leave(&key);
                        keys.remove(name);
                    }
                    (2, Some(key)) => drop(clients.set_active(&key, how > 0)),
                    (3, Some(key)) => drop(clients.set_listening(&key, 4400 + u16::from(how), FileNames::default())),
                    (4, Some(key)) => drop(clients.set_reach(&key, 5000 + u16::from(how))),
                    (5 | 6, Some(key)) => {
                        let screen = Arc::<Screen>::default();
                        screen.take_list(&clients, &key, &screen);
                        screens.insert(key.id, (key, screen));
                    }
                    (7, _) => {
                        for news in clients.take_news() {
                            for (view, to) in &news.to {
                                let events: Vec<Event> =
                                    news.changes.iter().filter_map(|change| change.event(*view)).collect();
                                assert!(to.iter().all(|mailbox| mailbox.deliver(&events.clone().into())));
                            }
                        }
                        screens.retain(|id, _| keys.values().any(|key| key.id == *id));
                        for (key, screen) in screens.values() {
                            let lower = |text: String| text.to_lowercase();
                            let list = clients.list(key.view).into_iter();
                            let now: BTreeSet<String> =
                                list.map(|one| lower(format!("{}={}", one.name, one.address))).collect();
                            let shown: BTreeSet<String> =
                                screen.shows().split_whitespace().map(|one| lower(one.to_owned())).collect();
                            prop_assert_eq!(shown, now);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
