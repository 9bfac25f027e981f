//! A link to Redis that is reset after each byte of a broadcast's way: of the request, of its answer, and of the reply that
//! brings it back.

use crate::book::{Diary, Fate, faults};
use crate::harness::TestServer;
use crate::harness::house::{in_house, join};
use crate::harness::redis::Redis;
use crate::plain::Plain;
use crate::relay::{Cut, Relay};
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
        let plain = match &mut self.plain {
            Some(plain) => plain,
            none => none.insert(Plain::log_in(self.server, &mut self.diary).expect("logged in")),
        };
        plain.broadcast(&mut self.diary, text).unwrap_or_else(|_| {
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

    fn hear_up_to(&mut self, seq: u64) {
        let plain = match &mut self.plain {
            Some(plain) => plain,
            none => none.insert(Plain::log_in(self.server, &mut self.diary).expect("logged in")),
        };
        plain.hear_up_to(&mut self.diary, seq).expect("it comes");
    }
}

#[test]
fn a_link_that_is_reset_at_any_byte_makes_no_answer_wrong() {
    let redis = Redis::start(&[]);
    let relay = Relay::start(redis.address());
    let url = format!("redis://{}", relay.address);
    let one = TestServer::start_alone(&in_house(&url, "s1"));
    let two = join(&redis, "s2", &[]);
    let (mut alice, mut bob) = (Somebody::new("alice", one.address), Somebody::new("bob", two.address));
    bob.say_surely("hello");
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
    let is_each = std::env::var_os("PEERLINE_FAULTS").is_some();
    for cut in [Cut::Request, Cut::Answer, Cut::Reply] {
        let length = length(&relay, &mut alice, cut);
        let stride = if is_each { 1 } else { (length / SOME).max(1) };
        let first = clock as usize % stride;
        println!("{cut:?}: {length} bytes, one of {stride} from {first} on");
        let mut fates = [0; 3];
        for after in (first..length).step_by(stride) {
            let mark = format!("{cut:?} of {after}.");
            relay.set_trap(&mark, cut, after);
            let fate = alice.say(&mark);
            fates[match fate {
                Fate::Confirmed(_) => 0,
                Fate::Refused => 1,
                Fate::Unknown => 2,
            }] += 1;
            assert!(relay.length().is_some(), "{mark} has not come by");
            let last = alice.say_surely(&format!("behind {mark}"));
            bob.hear_up_to(last);
        }
        println!("{} confirmed, {} refused, {} unknown", fates[0], fates[1], fates[2]);
    }
    let last = bob.say_surely("the end");
    alice.hear_up_to(last);
    bob.hear_up_to(last);
    let wrong = faults(&[alice.diary, bob.diary]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// How long it is where nothing is cut.
fn length(relay: &Relay, alice: &mut Somebody, cut: Cut) -> usize {
    // The number is as long as those that are cut.
    let mark = format!("{cut:?} of 100.");
    relay.set_trap(&mark, cut, usize::MAX);
    assert!(matches!(alice.say(&mark), Fate::Confirmed(_)), "nothing is cut");
    relay.length().expect("it has passed")
}
