//! A link to Redis that is reset after each byte of a broadcast's way: of the request, of its answer, and of the reply that
//! brings it back. The same of a message's way from one server to the other, of a sign-up's, and of a login's.

use crate::book::{Diary, Fate, faults};
use crate::harness::house::{in_house, join};
use crate::harness::redis::Redis;
use crate::harness::{TestServer, wait_until};
use crate::plain::Plain;
use crate::relay::{Cut, Relay};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many bytes of each part are played, where not all are.
const SOME: usize = 10;
/// How long the next line may take to be confirmed after a reset.
const LIMIT: Duration = Duration::from_secs(20);

/// Somebody at a server.
struct Somebody {
    server: SocketAddr,
    diary: Diary,
    plain: Option<Plain>,
}

impl Somebody {
    fn new(name: &str, server: SocketAddr) -> Somebody {
        Somebody { server, diary: Diary { name: name.to_owned(), ..Diary::default() }, plain: None }
    }

    fn say(&mut self, text: &str) -> Fate {
        let (plain, diary) = self.logged_in();
        plain.broadcast(diary, text).unwrap_or_else(|_| {
            self.plain = None;
            Fate::Unknown
        })
    }

    /// Says something until it is confirmed.
    fn say_surely(&mut self, what: &str) -> u64 {
        let until = Instant::now() + LIMIT;
        for count in 0.. {
            if let Fate::Confirmed(seq) = self.say(&format!("{what}, {count}")) {
                return seq;
            }
            assert!(Instant::now() < until, "{what}");
        }
        unreachable!("it counts on");
    }

    fn relay(&mut self, text: &str, to: &str) -> Option<bool> {
        let (plain, diary) = self.logged_in();
        plain.relay(diary, text, to).expect("an answer")
    }

    fn hear_up_to(&mut self, seq: u64) {
        let (plain, diary) = self.logged_in();
        plain.hear_up_to(diary, seq).expect("it comes");
    }

    fn logged_in(&mut self) -> (&mut Plain, &mut Diary) {
        let plain = match &mut self.plain {
            Some(plain) => plain,
            none => none.insert(Plain::log_in(self.server, &mut self.diary).expect("logged in")),
        };
        (plain, &mut self.diary)
    }
}

/// Two people, of whom the first one's server reaches Redis by a relay.
struct Pair {
    alice: Somebody,
    bob: Somebody,
    relay: Relay,
    _servers: [TestServer; 2],
    _redis: Redis,
}

impl Pair {
    fn begin() -> Pair {
        let redis = Redis::start(&[]);
        let relay = Relay::start(redis.address());
        let url = format!("redis://{}", relay.address);
        // A message is sent again at once where a link is reset, so lines come fast.
        let one = TestServer::start_alone(&[&in_house(&url, "s1")[..], &["--rate", "off"]].concat());
        let two = join(&redis, "s2", &["--rate", "off"]);
        let (mut alice, mut bob) = (Somebody::new("alice", one.address), Somebody::new("bob", two.address));
        bob.say_surely("bob is here");
        let last = alice.say_surely("alice is here");
        // What is read in one go is shown before the next.
        bob.hear_up_to(last);
        Pair { alice, bob, relay, _servers: [one, two], _redis: redis }
    }

    /// Has `say` say something with a mark again and again, of which such a part is cut behind each of its bytes, or behind
    /// some. What came of it is counted.
    fn cut_each<T: std::fmt::Debug>(
        &mut self,
        cut: Cut,
        mark: impl Fn(usize) -> String,
        mut say: impl FnMut(&mut Pair, &str) -> T,
    ) {
        // It is cut behind none of its bytes.
        self.cut_one(cut, &mark(9999), usize::MAX, &mut say);
        let length = self.relay.length().expect("it has come by");
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
        let is_each = std::env::var_os("PEERLINE_FAULTS").is_some();
        let stride = if is_each { 1 } else { (length / SOME).max(1) };
        let first = clock as usize % stride;
        let mut outcomes = BTreeMap::new();
        for after in (first..length).step_by(stride) {
            let mark = mark(after);
            let outcome = self.cut_one(cut, &mark, after, &mut say);
            *outcomes.entry(format!("{outcome:?}")).or_insert(0) += 1;
            // The server goes on.
            let last = self.alice.say_surely(&format!("behind {mark}"));
            self.bob.hear_up_to(last);
        }
        println!("{cut:?}: {length} bytes, one of {stride} from {first} on: {outcomes:?}");
    }

    /// Has `say` say something with this mark, of which such a part is cut behind so many bytes, and waits until that has come
    /// by.
    fn cut_one<T>(&mut self, cut: Cut, mark: &str, after: usize, mut say: impl FnMut(&mut Pair, &str) -> T) -> T {
        self.relay.set_trap(mark, cut, after);
        let outcome = say(self, mark);
        // The tail may have brought it before it was answered.
        wait_until("it comes by", || self.relay.length().is_some());
        outcome
    }

    /// Whether the other server lists somebody.
    fn lists(&mut self, name: &str) -> bool {
        let (plain, diary) = self.bob.logged_in();
        let list = plain.ask(diary, "list").expect("an answer");
        let row = format!("client_{name}_");
        list.iter().any(|line| line.starts_with(&row))
    }

    /// All that was wrong.
    fn end(mut self) -> [Diary; 2] {
        let last = self.bob.say_surely("the end");
        self.alice.hear_up_to(last);
        self.bob.hear_up_to(last);
        let diaries = [self.alice.diary, self.bob.diary];
        let wrong = faults(&diaries);
        assert!(wrong.is_empty(), "{wrong:#?}");
        diaries
    }
}

/// What somebody may say once.
fn text(cut: Cut) -> impl Fn(usize) -> String {
    move |number| format!("{cut:?} of {number}.")
}

/// What became of what somebody asked who came for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Done,
    NotDone,
    Unknown,
}

/// Somebody new.
struct Newcomer(Diary, Option<Plain>);

impl Newcomer {
    fn at(server: SocketAddr) -> Newcomer {
        let mut diary = Diary::default();
        let (plain, _) = Plain::connect(server, &mut diary).expect("greeted");
        Newcomer(diary, Some(plain))
    }

    fn ask(&mut self, line: &str) -> Came {
        let answer = self.1.as_mut().map(|plain| plain.ask(&mut self.0, line));
        match answer {
            Some(Ok(lines)) => match lines.last() {
                Some(last) if last.starts_with("OK,") => Came::Done,
                Some(last) if last.contains("It is not known") => Came::Unknown,
                _ => Came::NotDone,
            },
            _ => Came::Unknown,
        }
    }
}

#[test]
fn a_link_that_is_reset_at_any_byte_makes_no_answer_wrong() {
    let mut pair = Pair::begin();
    for cut in [Cut::Request, Cut::Answer, Cut::Reply] {
        pair.cut_each(cut, text(cut), |pair, mark| match pair.alice.say(mark) {
            // Each has another number.
            Fate::Confirmed(_) => "confirmed",
            Fate::Refused => "refused",
            Fate::Unknown => "unknown",
        });
    }
    pair.end();
}

#[test]
fn a_message_over_a_link_that_is_reset_at_any_byte_arrives_or_is_refused() {
    let mut pair = Pair::begin();
    let mut confirmed = Vec::new();
    for cut in [Cut::Request, Cut::Answer] {
        pair.cut_each(cut, text(cut), |pair, mark| {
            let outcome = pair.alice.relay(mark, "bob");
            confirmed.extend((outcome == Some(true)).then(|| mark.to_owned()));
            outcome
        });
    }
    pair.cut_each(Cut::Reply, text(Cut::Reply), |pair, mark| {
        let outcome = pair.bob.relay(mark, "alice");
        confirmed.extend((outcome == Some(true)).then(|| mark.to_owned()));
        outcome
    });
    let [alice, bob] = pair.end();
    for text in &confirmed {
        assert!(
            alice.messages.contains(text) || bob.messages.contains(text),
            "{text:?} was confirmed, and is not there"
        );
    }
}

#[test]
fn who_signs_up_or_logs_in_over_a_link_that_is_reset_at_any_byte_has_done_so_or_not_as_it_was_answered() {
    let mut pair = Pair::begin();
    let [here, there] = [pair.alice.server, pair.bob.server];
    for cut in [Cut::Request, Cut::Answer] {
        // What makes the account holds its row. Before it is asked whether there is one.
        let row = |number| format!("{cut:?}{number}s,\"$");
        pair.cut_each(cut, row, |_, mark| {
            let name = mark.trim_end_matches(",\"$");
            let came = Newcomer::at(here).ask(&format!("SIGNUP,{name},password"));
            let is_there = Newcomer::at(there).ask(&format!("LOGIN,{name},password")) == Came::Done;
            assert!(came == Came::Unknown || is_there == (came == Came::Done), "{mark}: {came:?}, and then {is_there}");
            came
        });
    }
    for cut in [Cut::Request, Cut::Answer, Cut::Reply] {
        // What lets somebody in, and tells it, holds where that is.
        let row = |number| format!("{cut:?}{number}l,s1,");
        pair.cut_each(cut, row, |pair, mark| {
            let name = mark.trim_end_matches(",s1,");
            assert_eq!(Newcomer::at(there).ask(&format!("SIGNUP,{name},password")), Came::Done);
            let mut newcomer = Newcomer::at(here);
            let came = newcomer.ask(&format!("LOGIN,{name},password"));
            match came {
                Came::Done => wait_until("it is listed", || pair.lists(name)),
                Came::NotDone => assert!(!pair.lists(name), "{mark}"),
                Came::Unknown => {}
            }
            drop(newcomer);
            wait_until("it is not listed any more", || !pair.lists(name));
            came
        });
    }
    pair.end();
}
