//! Broadcasts through a link that loses and reorders, in a time that is only counted: the rules of server and client for
//! what is missing, played together. No socket and no clock is known here.

use crate::client::app::hellos::Hellos;
use crate::client::app::inbox::Inbox;
use crate::net::Arrival;
use crate::protocol::{Broadcast, FromServer, Hello};
use crate::server::delivery::{Broadcaster, Mailbox, Parcel};
use crate::server::store::History;
use crate::value::{Ticket, Username};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Broadcasts of one run.
const BROADCASTS: u64 = 500;
/// The same where each is alone, and the mean time between two of them.
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

/// A link.
#[derive(Clone, Copy)]
struct Link {
    delay_ms: u64,
    /// The most that comes to the delay by chance, and whether one datagram may so overtake another.
    jitter_ms: u64,
    overtakes: bool,
    lost_of_1000: u64,
    /// Of hellos, which go the other way.
    lost_there_of_1000: u64,
    /// Of what takes the delay twice.
    reordered_of_1000: u64,
    /// Bytes a millisecond that get through to the clients, and how many of them wait before that.
    rate: Option<u64>,
    queue: u64,
    /// How many broadcasts are said, and the mean time between two of them, in µs.
    broadcasts: u64,
    pace_us: u64,
    clients: usize,
}

/// Nothing is lost and nothing overtakes, and five people say five a second each, to one client.
const FINE: Link = Link {
    delay_ms: 10,
    jitter_ms: 15,
    overtakes: false,
    lost_of_1000: 0,
    lost_there_of_1000: 0,
    reordered_of_1000: 0,
    rate: None,
    queue: 0,
    broadcasts: BROADCASTS,
    pace_us: 40_000,
    clients: 1,
};

/// What is on its way, by the time of its arrival and a number.
struct Way<T> {
    flying: BTreeMap<(u64, u64), T>,
    count: u64,
    latest: u64,
    /// Bytes that wait, and since when.
    waiting: (u64, u64),
}

/// Of IPv4, UDP and Ethernet.
const HEADERS: u64 = 42;

impl<T> Way<T> {
    fn new() -> Way<T> {
        Way { flying: BTreeMap::new(), count: 0, latest: 0, waiting: (0, 0) }
    }

    /// When what is sent now is through the narrow place; not at all when its queue is full.
    fn queued(&mut self, link: &Link, bytes: u64, ms: u64) -> Option<u64> {
        let Some(rate) = link.rate else { return Some(ms) };
        let left = self.waiting.0.saturating_sub((ms - self.waiting.1) * rate);
        self.waiting = (left, ms);
        if left + bytes > link.queue {
            return None;
        }
        self.waiting.0 += bytes + HEADERS;
        Some(ms + self.waiting.0 / rate)
    }

    fn send(&mut self, link: &Link, random: &mut Random, ms: u64, bytes: usize, what: T) {
        self.count += 1;
        let queued = self.queued(link, bytes as u64, ms);
        let (false, Some(through)) = (random.below(1000) < link.lost_of_1000, queued) else { return };
        let mut at = through + link.delay_ms + random.below(link.jitter_ms + 1);
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
    /// Lines that came though they were there.
    again: u64,
    /// When all was shown, in ms.
    end: u64,
}

impl Outcome {
    fn repeats_percent(&self) -> f64 {
        let shown = self.delays.len() as f64;
        (self.sent_lines as f64 - shown) * 100.0 / self.sent_lines as f64
    }

    fn again_percent(&self) -> f64 {
        self.again as f64 * 100.0 / self.delays.len() as f64
    }

    fn percentile(&mut self, part: f64) -> u64 {
        self.delays.sort_unstable();
        self.delays[((self.delays.len() - 1) as f64 * part) as usize]
    }
}

/// One of those who are told.
struct Client {
    token: Ticket,
    hellos: Hellos,
    inbox: Inbox,
}

/// Clients of one server, behind one link.
fn play(link: &Link, seed: u64, outcome: &mut Outcome) {
    let history = History::new(Duration::from_secs(1800));
    let (from, text): (Username, _) = ("bob".parse().expect("a name"), "x".repeat(200));
    let (broadcaster, mut random) = (Broadcaster::default(), Random(seed));
    let (mut there, mut back) = (Way::<Hello>::new(), Way::<(Ticket, String)>::new());
    let mut clients = Vec::new();
    for number in 0..link.clients {
        let token = format!("{:032x}", number * 7).parse().expect("a token");
        broadcaster.join(token, [IP; 2], Arc::new(NoMailbox), Arc::default());
        let mut hellos = Hellos::default();
        hellos.begin(Some(token));
        clients.push(Client { token, hellos, inbox: Inbox::default() });
    }
    let way_there = Link { rate: None, lost_of_1000: link.lost_there_of_1000, ..*link };
    let (began, mut said, mut next, mut shown) = (Instant::now(), Vec::new(), 1_000_000, 0);
    for ms in 0..LIMIT_MS {
        let now = began + Duration::from_millis(ms);
        while ms * 1000 >= next && history.head() < link.broadcasts {
            let seq = history.head() + 1;
            history.take([Broadcast { seq, unix_time: 0, from: from.clone(), text: text.clone() }], now);
            said.push(ms);
            broadcaster.announce();
            next += 1 + random.below(2 * link.pace_us);
        }
        for hello in there.arrived(ms) {
            let arrival = Arrival { length: 0, from: SocketAddr::new(IP, 5000), to: IP };
            assert!(broadcaster.hello(hello, arrival, history.head(), now));
        }
        for (token, datagram) in broadcaster.datagrams(&history, now) {
            outcome.sent_lines += datagram.lines().filter(|line| line.starts_with("bcast_")).count() as u64;
            back.send(link, &mut random, ms, datagram.len(), (token, datagram));
        }
        for (token, datagram) in back.arrived(ms) {
            let client = clients.iter_mut().find(|client| client.token == token).expect("one of them");
            let (_, lines) = FromServer::parse_datagram(datagram.as_bytes()).expect("a token");
            let lines: Vec<FromServer> = lines.collect();
            let is_there =
                |line: &FromServer| matches!(line, FromServer::Broadcast(line) if client.inbox.has(line.seq));
            outcome.again += lines.iter().filter(|line| is_there(line)).count() as u64;
            let (broadcasts, _) = client.hellos.take(lines, &mut client.inbox, now);
            outcome.delays.extend(broadcasts.iter().map(|broadcast| ms - said[broadcast.seq as usize - 1]));
            shown += broadcasts.len() as u64;
        }
        for client in &mut clients {
            if let Some(hello) = client.hellos.due(&client.inbox, now) {
                there.send(&way_there, &mut random, ms, 0, hello);
            }
            assert!(!client.hellos.is_hopeless(&client.inbox, now), "UDP works");
        }
        if shown == link.broadcasts * link.clients as u64 {
            outcome.end = outcome.end.max(ms);
            return;
        }
    }
    panic!("{shown} were shown");
}

fn play_all(link: &Link) -> Outcome {
    let mut outcome = Outcome::default();
    (1..=5u64).for_each(|seed| play(link, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), &mut outcome));
    assert_eq!(outcome.delays.len() as u64, 5 * link.broadcasts * link.clients as u64);
    outcome
}

fn assert_bad_wifi_is_bearable(overtakes: bool) {
    let mut outcome =
        play_all(&Link { overtakes, lost_of_1000: 50, lost_there_of_1000: 50, reordered_of_1000: 20, ..FINE });
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
    let link = Link { overtakes: true, lost_of_1000: 50, lost_there_of_1000: 50, reordered_of_1000: 20, ..FINE };
    let mut outcome = play_all(&Link { broadcasts: ALONE, pace_us: 1000 * ALONE_MS, ..link });
    assert!(outcome.percentile(0.99) <= 500, "{} ms", outcome.percentile(0.99));
    assert!(outcome.repeats_percent() < 9.0, "{} %", outcome.repeats_percent());
}

#[test]
fn where_nothing_is_lost_nothing_is_repeated_though_it_is_overtaken() {
    let mut outcome = play_all(&Link { jitter_ms: 9, overtakes: true, ..FINE });
    assert!(outcome.repeats_percent() < 1.0, "{} %", outcome.repeats_percent());
    assert!(outcome.percentile(1.0) <= 40);
}

#[test]
fn of_a_third_that_is_lost_nothing_more_is_repeated() {
    let mut outcome = play_all(&Link { lost_of_1000: 300, lost_there_of_1000: 0, pace_us: 20_000, ..FINE });
    assert!((28.0..36.0).contains(&outcome.repeats_percent()), "{} %", outcome.repeats_percent());
    assert!(outcome.again_percent() < 1.0, "{} %", outcome.again_percent());
    assert!(outcome.percentile(0.5) < 10_000 && outcome.end < 40_000, "{} {}", outcome.percentile(0.5), outcome.end);
}

#[test]
fn where_hellos_are_lost_too_all_arrives() {
    let outcome = play_all(&Link { lost_of_1000: 300, lost_there_of_1000: 300, pace_us: 20_000, ..FINE });
    assert!(outcome.again_percent() < 6.0, "{} %", outcome.again_percent());
}

/// Twenty clients behind 10 Mbit/s, who are told twice as much as that.
fn play_narrow(queue: u64) -> Outcome {
    play_all(&Link { rate: Some(1250), queue, jitter_ms: 0, broadcasts: 400, pace_us: 2_000, clients: 20, ..FINE })
}

#[test]
fn a_narrow_link_is_full_and_nothing_is_repeated_for_nothing() {
    for queue in [125_000, 1_000_000] {
        let outcome = play_narrow(queue);
        assert_eq!(outcome.again, 0);
        assert!(outcome.repeats_percent() < 20.0, "{} %", outcome.repeats_percent());
        // The wire alone takes 1.7 s, from the first second on.
        assert!(outcome.end < 4_000, "{} ms", outcome.end);
    }
}
