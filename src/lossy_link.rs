//! Broadcasts through a link that loses and reorders, in a time that is only counted: the rules of server and client for
//! what is missing, played together. No socket and no clock is known here.

use crate::client::app::hellos::Hellos;
use crate::client::app::inbox::{Inbox, Route};
use crate::net::Arrival;
use crate::protocol::{FromServer, Hello};
use crate::server::delivery::{Broadcaster, Mailbox, Parcel};
use crate::server::store::History;
use crate::value::Ticket;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Broadcasts of one run, and the mean time between two of them: five people say five a second each.
const BROADCASTS: u64 = 500;
const PACE_MS: u64 = 40;
/// The same where each is alone.
const ALONE: u64 = 200;
const ALONE_MS: u64 = 1500;
/// When a run has failed.
const LIMIT_MS: u64 = 2 * ALONE * ALONE_MS;
/// The address of the client, and of the server.
const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Marsaglia's xorshift, from a seed.
struct Random(u64);

impl Random {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// One way of a link.
struct Link {
    delay_ms: u64,
    /// The most that comes to the delay by chance, and whether one datagram may so overtake another.
    jitter_ms: u64,
    overtakes: bool,
    lost_of_1000: u64,
    /// Of what takes the delay twice.
    reordered_of_1000: u64,
    /// How many broadcasts are said, and the mean time between two of them.
    broadcasts: u64,
    pace_ms: u64,
}

/// What is on its way, by the time of its arrival and a number.
struct Way<T> {
    flying: BTreeMap<(u64, u64), T>,
    count: u64,
    latest: u64,
}

impl<T> Way<T> {
    fn new() -> Way<T> {
        Way { flying: BTreeMap::new(), count: 0, latest: 0 }
    }

    fn send(&mut self, link: &Link, random: &mut Random, ms: u64, what: T) {
        self.count += 1;
        if random.below(1000) < link.lost_of_1000 {
            return;
        }
        let mut at = ms + link.delay_ms + random.below(link.jitter_ms + 1);
        if !link.overtakes {
            at = at.max(self.latest);
            self.latest = at;
        }
        if random.below(1000) < link.reordered_of_1000 {
            at += link.delay_ms;
        }
        self.flying.insert((at, self.count), what);
    }

    fn arrived(&mut self, ms: u64) -> impl Iterator<Item = T> {
        let later = self.flying.split_off(&(ms + 1, 0));
        std::mem::replace(&mut self.flying, later).into_values()
    }
}

/// Nobody reads it: all goes by datagrams.
struct NoMailbox;

impl Mailbox for NoMailbox {
    fn deliver(&self, _: &Parcel) -> bool {
        true
    }

    fn close(&self) {}
}

/// What came of a run.
#[derive(Debug, Default)]
struct Outcome {
    /// How long each broadcast took until it was shown, in ms.
    delays: Vec<u64>,
    sent_lines: u64,
}

impl Outcome {
    fn repeats_percent(&self) -> f64 {
        let shown = self.delays.len() as f64;
        (self.sent_lines as f64 - shown) * 100.0 / self.sent_lines as f64
    }

    fn percentile(&mut self, part: f64) -> u64 {
        self.delays.sort_unstable();
        self.delays[((self.delays.len() - 1) as f64 * part) as usize]
    }
}

/// One client of one server behind the link.
fn play(link: &Link, seed: u64, outcome: &mut Outcome) {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), Duration::from_secs(1800)).expect("opens");
    let (name, texts) = ("bob".parse().expect("a name"), ["x".repeat(200).parse().expect("a text")]);
    let (broadcaster, token, mut random) = (Broadcaster::default(), Ticket::draw(), Random(seed));
    let (mut hellos, mut inbox) = (Hellos::default(), Inbox::default());
    let (mut there, mut back) = (Way::<Hello>::new(), Way::<String>::new());
    broadcaster.join(token, [IP; 2], Arc::new(NoMailbox), Arc::default());
    hellos.begin(Some(token));
    let (began, mut said, mut next) = (Instant::now(), HashMap::new(), 1000);
    for ms in 0..LIMIT_MS {
        let now = began + Duration::from_millis(ms);
        if ms == next && history.head() < link.broadcasts {
            history.append(&name, &texts, SystemTime::UNIX_EPOCH, now).expect("written");
            said.insert(history.head(), ms);
            broadcaster.announce();
            next += 1 + random.below(2 * link.pace_ms);
        }
        for hello in there.arrived(ms) {
            let arrival = Arrival { length: 0, from: SocketAddr::new(IP, 5000), to: IP };
            assert!(broadcaster.hello(hello, arrival, history.head(), now));
        }
        for datagram in broadcaster.datagrams(&history, now) {
            outcome.sent_lines += datagram.lines().filter(|line| line.starts_with("bcast_")).count() as u64;
            back.send(link, &mut random, ms, datagram);
        }
        for datagram in back.arrived(ms) {
            let (_, lines) = FromServer::parse_datagram(datagram.as_bytes()).expect("a token");
            let answers_hello = hellos.answered(now).is_some();
            for line in lines {
                let shown = match line {
                    FromServer::Broadcast(broadcast) => inbox.accept(broadcast, Route::Udp),
                    FromServer::Head(seq) => inbox.head(seq, answers_hello),
                    FromServer::Tail(seq) => {
                        inbox.tail(seq);
                        Vec::new()
                    }
                };
                let took = shown.iter().filter_map(|broadcast| said.remove(&broadcast.seq)).map(|then| ms - then);
                outcome.delays.extend(took);
            }
        }
        if let Some(hello) = hellos.due(&inbox, now) {
            there.send(link, &mut random, ms, hello);
        }
        assert!(!hellos.is_hopeless(&inbox, now), "UDP works");
        if history.head() == link.broadcasts && said.is_empty() {
            return;
        }
    }
    panic!("not shown: {said:?}");
}

fn play_all(link: &Link) -> Outcome {
    let mut outcome = Outcome::default();
    (1..=5u64).for_each(|seed| play(link, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), &mut outcome));
    assert_eq!(outcome.delays.len() as u64, 5 * link.broadcasts);
    outcome
}

fn assert_bad_wifi_is_bearable(overtakes: bool) {
    let link = Link {
        delay_ms: 10,
        jitter_ms: 15,
        overtakes,
        lost_of_1000: 50,
        reordered_of_1000: 20,
        broadcasts: BROADCASTS,
        pace_ms: PACE_MS,
    };
    let mut outcome = play_all(&link);
    let (p99, repeats) = (outcome.percentile(0.99), outcome.repeats_percent());
    assert!(p99 <= 400, "{p99} ms");
    assert!((4.0..9.0).contains(&repeats), "{repeats} %");
}

#[test]
fn bad_wifi_is_bearable() {
    assert_bad_wifi_is_bearable(false);
}

#[test]
fn bad_wifi_where_datagrams_overtake_each_other_is_bearable() {
    assert_bad_wifi_is_bearable(true);
}

#[test]
fn a_broadcast_alone_that_is_lost_is_there_in_a_fraction_of_a_second() {
    let (lost_of_1000, broadcasts, pace_ms) = (50, ALONE, ALONE_MS);
    let link =
        Link { delay_ms: 10, jitter_ms: 15, overtakes: true, lost_of_1000, reordered_of_1000: 20, broadcasts, pace_ms };
    let mut outcome = play_all(&link);
    assert!(outcome.percentile(0.99) <= 500, "{} ms", outcome.percentile(0.99));
    assert!(outcome.repeats_percent() < 9.0, "{} %", outcome.repeats_percent());
}

#[test]
fn where_nothing_is_lost_nothing_is_repeated_though_it_is_overtaken() {
    let link = Link {
        delay_ms: 10,
        jitter_ms: 9,
        overtakes: true,
        lost_of_1000: 0,
        reordered_of_1000: 0,
        broadcasts: BROADCASTS,
        pace_ms: PACE_MS,
    };
    let mut outcome = play_all(&link);
    assert!(outcome.repeats_percent() < 1.0, "{} %", outcome.repeats_percent());
    assert!(outcome.percentile(1.0) <= 40);
}
