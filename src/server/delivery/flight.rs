//! What is under way to one client, and how much may be: congestion control, as RFC 8085, section 3.1, wants it of who
//! sends much by UDP. It is that of TCP (RFC 5681), counted in full datagrams, with the loss of RFC 9002: one is lost
//! when one that was sent later has arrived. It knows no socket, no clock and no text.
//!
//! A client's hello says what it has. A datagram of which it says nothing may be under way still, however long that takes:
//! what would be repeated by time alone would be repeated for nothing where a queue grows. Where nothing arrives any more,
//! the client is asked (`tail_SEQ`), and its answer tells.

use crate::protocol::{ACK_DELAY, BURST, MAX_DATAGRAM, Received};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Full datagrams that may be under way at first (RFC 3390; not the ten of RFC 6928: fifty clients behind one slow link begin
/// at once, and would fill its queue with them).
const FIRST_WINDOW: usize = 4;
/// The most: a default receive buffer of Linux holds some 90 of 1,200 bytes.
const LARGEST_WINDOW: usize = 64;
/// The least time without an arrival until the client is asked. It waits up to [`ACK_DELAY`] for another datagram.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);
/// The same for a client that knows of a gap: it says hello sooner.
const PATIENCE_AT_GAP: Duration = Duration::from_millis(75);
/// The longest round trip that is believed: what takes longer was told by a later hello, as the first one was lost.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(1);
/// How often the patience doubles at most. It stays short, as a tail is small, and finds the way free again.
const DOUBLINGS: u32 = 2;
/// Timeouts in a row after which the window is 1, as the path may be congested so much that nothing gets through.
const CONGESTED: u32 = 2;
/// Ranges that are remembered as lost: eight hellos full of them. A client may take back how far it has told.
const MOST_LOST: usize = 128;
/// Timeouts in a row after which all that is under way counts as lost: the client does not answer a tail.
const GIVEN_UP: u32 = 4;

/// What is under way to one client.
#[derive(Debug)]
pub struct Flight {
    /// In the order of their sending.
    under_way: VecDeque<Sending>,
    /// The first and the last broadcast of each range that is lost, rising: they are sent again before new ones.
    lost: Vec<(u64, u64)>,
    /// Up to here the client has everything, and up to there it has told what it has.
    last_seq: u64,
    top: u64,
    knows_gap: bool,
    congestion_window: usize,
    slow_start_threshold: usize,
    /// Bytes that have arrived since the window grew last.
    grown: usize,
    /// What was sent before this number was under way when the window was made smaller.
    recovery: u64,
    /// The number of the next sending.
    next: u64,
    smoothed_round_trip: Option<Duration>,
    /// The last sending or arrival. (Not the last hello: who says hello again and again though all is lost would put off the
    /// timeout for ever.)
    quiet_since: Instant,
    /// Timeouts in a row.
    timeouts: u32,
}

/// A datagram that is under way.
#[derive(Debug)]
struct Sending {
    number: u64,
    /// The first and the last broadcast of which it tells.
    first: u64,
    last: u64,
    at: Instant,
    what: What,
    bytes: usize,
}

/// What a datagram brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Broadcasts, for the first time.
    New,
    /// Broadcasts that were lost.
    Again,
    /// `tail_SEQ`, and no broadcast.
    Tail,
}

impl Flight {
    /// Nothing is under way, as far as is known, to a client that has told what it has up to `top`.
    pub fn new(top: u64, now: Instant) -> Flight {
        Flight {
            under_way: VecDeque::new(),
            lost: Vec::new(),
            last_seq: 0,
            top,
            knows_gap: false,
            congestion_window: FIRST_WINDOW,
            slow_start_threshold: LARGEST_WINDOW,
            grown: 0,
            recovery: 0,
            next: 0,
            smoothed_round_trip: None,
            quiet_since: now,
            timeouts: 0,
        }
    }

    /// How many datagrams may be sent now. The window counts full ones, as a short one is a small load; but no more than
    /// [`LARGEST_WINDOW`] of any length.
    pub fn room(&self) -> usize {
        let bytes = (self.congestion_window * MAX_DATAGRAM).saturating_sub(self.bytes_under_way());
        bytes.div_ceil(MAX_DATAGRAM).min(LARGEST_WINDOW.saturating_sub(self.under_way.len()))
    }

    /// Whether as much as half of the window may be sent: with less it is not worth to wake up for new broadcasts.
    pub fn has_ample_room(&self) -> bool {
        self.bytes_under_way() * 2 <= self.congestion_window * MAX_DATAGRAM && self.room() > 0
    }

    fn bytes_under_way(&self) -> usize {
        self.under_way.iter().map(|sending| sending.bytes).sum()
    }

    /// The range that is to be sent again first.
    pub fn lost(&self) -> Option<(u64, u64)> {
        self.lost.first().copied()
    }

    /// Whether the client has all that was sent.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.lost.is_empty() && !self.knows_gap
    }

    /// Up to here the client has everything, but for ranges that are lost, and of which `is_to_be_had` says no.
    pub fn has_all_to_be_had(&self, is_to_be_had: impl Fn((u64, u64)) -> bool) -> u64 {
        let wanted = self.lost.iter().copied().find(|range| is_to_be_had(*range)).map(|(first, _)| first);
        let with_lines = self.under_way.iter().filter(|sending| sending.what != What::Tail);
        let until = with_lines.map(|sending| sending.first).chain(wanted).min();
        until.map_or(self.top, |first| self.top.min(first.saturating_sub(1)))
    }

    /// All that is lost up to `last` is on its way, or is not to be had.
    pub fn passes(&mut self, last: u64) {
        self.lost.retain_mut(|range| {
            range.0 = range.0.max(last.saturating_add(1));
            range.0 <= range.1
        });
    }

    /// A datagram of so many bytes is sent. Of a tail `last` is its number, and `first` the one behind it.
    pub fn sends(&mut self, first: u64, last: u64, what: What, bytes: usize, now: Instant) {
        self.under_way.push_back(Sending { number: self.next, first, last, at: now, what, bytes });
        self.next += 1;
        self.quiet_since = now;
    }

    /// The system has not taken the last datagram with these broadcasts: it is to be sent again.
    pub fn was_refused(&mut self, first: u64, last: u64) {
        let sending = self.under_way.iter().rposition(|sending| (sending.first, sending.last) == (first, last));
        if sending.and_then(|at| self.under_way.remove(at)).is_some() {
            self.lose([(first, last)]);
        }
    }

    /// A hello says what has arrived; whether it says anything new. One that was overtaken by another says nothing.
    pub fn hears(&mut self, last_seq: u64, received: &Received, now: Instant) -> bool {
        if last_seq < self.last_seq {
            return false;
        }
        // Not even where there are more ranges than a hello can name the top only grows.
        (self.last_seq, self.top, self.knows_gap) = (last_seq, received.top, !received.missing.is_empty());
        // A window that is not used tells nothing of the path (RFC 9002, section 7.8).
        let was_used = self.bytes_under_way() * 2 >= self.congestion_window * MAX_DATAGRAM;
        let arrived = |sending: &Sending| self.has_arrived(sending, received, now);
        let at = self.under_way.iter().rposition(arrived);
        // With one that came alone the client may have waited for another.
        let before = at.and_then(|at| self.under_way.get(at.checked_sub(1)?)).map(|before| before.at + BURST);
        let may_have_waited =
            |newest: &Sending| newest.number + 1 == self.next && before.is_none_or(|before| before <= newest.at);
        let newest = at.map(|at| &self.under_way[at]).map(|newest| {
            let took = now.saturating_duration_since(newest.at);
            (
                newest.number,
                took.checked_sub(if may_have_waited(newest) { ACK_DELAY } else { Duration::ZERO }),
                newest.what,
            )
        });
        let before = std::mem::take(&mut self.under_way);
        let (mut arrivals, mut lost) = (0, None);
        let mut untold = Vec::new();
        for sending in before {
            if self.has_arrived(&sending, received, now) {
                // What was under way when the window was made smaller says nothing of the smaller one.
                arrivals += if sending.number >= self.recovery { sending.bytes } else { 0 };
            } else if newest.is_some_and(|(newest, ..)| sending.number < newest) && is_told(&sending, received) {
                lost = Some(sending.number);
                untold.push((sending.first.max(received.top + 1), sending.last));
            } else {
                self.under_way.push_back(sending);
            }
        }
        self.note_lost(received, untold);
        if let Some((_, took, what)) = newest {
            (self.quiet_since, self.timeouts) = (now, 0);
            self.measures(took.filter(|_| what == What::New));
        }
        match lost {
            Some(number) if number >= self.recovery => self.halves(),
            None if was_used => self.grows(arrivals),
            _ => {}
        }
        newest.is_some()
    }

    fn has_arrived(&self, sending: &Sending, received: &Received, now: Instant) -> bool {
        // Nothing of a tail is seen in a hello but that it says all up to there, which an earlier one may have said, too.
        let may_be_answered = sending.what != What::Tail
            || now.saturating_duration_since(sending.at) >= self.smoothed_round_trip.unwrap_or_default() / 2;
        // A datagram comes as a whole. Between its lines there may be numbers that are not to be had, and stay missing.
        let is_there = sending.what == What::Tail || !names_any(received, sending.last, sending.last);
        sending.last <= received.top && is_there && may_be_answered
    }

    /// What is missing and not under way is lost; so is what of the lost datagrams the hello does not tell of.
    fn note_lost(&mut self, received: &Received, untold: Vec<(u64, u64)>) {
        let before = std::mem::take(&mut self.lost);
        let beyond = before.into_iter().map(|(first, last)| (first.max(received.top + 1), last));
        let mut missing = received.missing.clone();
        for sending in &self.under_way {
            missing = missing.into_iter().flat_map(|range| without(range, (sending.first, sending.last))).collect();
        }
        self.lose(missing.into_iter().chain(beyond).chain(untold));
    }

    /// Adds ranges to those that are lost, which stay rising and apart. Beyond [`MOST_LOST`] they become one: what the client
    /// has of it is sent again.
    fn lose(&mut self, ranges: impl IntoIterator<Item = (u64, u64)>) {
        self.lost.extend(ranges.into_iter().filter(|(first, last)| first <= last));
        self.lost.sort_unstable();
        self.lost.dedup_by(|next, range| {
            let touches = next.0 <= range.1.saturating_add(1);
            if touches {
                range.1 = range.1.max(next.1);
            }
            touches
        });
        if let (Some(&(_, end)), true) = (self.lost.last(), self.lost.len() > MOST_LOST) {
            self.lost.truncate(MOST_LOST);
            self.lost[MOST_LOST - 1].1 = end;
        }
    }

    /// The window of RFC 5681, section 3.1: below the threshold it grows by one for each full datagram of bytes that arrives
    /// (slow start), beyond it for a whole window of them (congestion avoidance).
    fn grows(&mut self, bytes: usize) {
        self.grown += bytes;
        loop {
            let is_slow_start = self.congestion_window < self.slow_start_threshold;
            let enough = MAX_DATAGRAM * if is_slow_start { 1 } else { self.congestion_window };
            if self.grown < enough {
                break;
            }
            self.grown -= enough;
            self.congestion_window = LARGEST_WINDOW.min(self.congestion_window + 1);
        }
    }

    /// A loss halves the window, once for all that was under way then.
    fn halves(&mut self) {
        self.slow_start_threshold = (self.congestion_window / 2).max(1);
        self.congestion_window = self.slow_start_threshold;
        (self.grown, self.recovery) = (0, self.next);
    }

    /// The round trip by RFC 6298. What was sent twice tells nothing (Karn's algorithm), nor does a tail, which any later
    /// hello seems to answer.
    fn measures(&mut self, measured: Option<Duration>) {
        let Some(measured) = measured.map(|measured| measured.min(LONGEST_ROUND_TRIP)) else { return };
        let smoothed = self.smoothed_round_trip.map_or(measured, |smoothed| (smoothed * 7 + measured) / 8);
        self.smoothed_round_trip = Some(smoothed);
    }

    /// When [`Flight::times_out`]; never while nothing is under way.
    pub fn deadline(&self) -> Option<Instant> {
        let twice = self.smoothed_round_trip.unwrap_or_default() * 2;
        let patience =
            if self.knows_gap { twice.max(PATIENCE_AT_GAP) } else { (twice + ACK_DELAY).max(LEAST_PATIENCE) };
        let deadline = self.quiet_since + patience * (1 << self.timeouts.min(DOUBLINGS));
        Some(deadline).filter(|_| !self.under_way.is_empty())
    }

    /// Nothing has arrived for too long; whether the client is to be asked.
    pub fn times_out(&mut self, now: Instant) -> bool {
        (self.timeouts, self.quiet_since) = (self.timeouts + 1, now);
        if self.timeouts == CONGESTED {
            self.halves();
            self.congestion_window = 1;
        }
        if self.timeouts < GIVEN_UP {
            return true;
        }
        let (under_way, has_all_before) = (std::mem::take(&mut self.under_way), self.last_seq.saturating_add(1));
        self.lose(under_way.into_iter().map(|sending| (sending.first.max(has_all_before), sending.last)));
        false
    }
}

/// Whether a hello tells of a datagram, be it of a part.
fn is_told(sending: &Sending, received: &Received) -> bool {
    sending.last <= received.top || names_any(received, sending.first, sending.last)
}

/// Whether a hello names any of these broadcasts as missing.
fn names_any(received: &Received, from: u64, until: u64) -> bool {
    received.missing.iter().any(|(first, last)| *first <= until && from <= *last)
}

/// What is left of a range without another one.
fn without(range: (u64, u64), other: (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
    let is_touched = other.0 <= range.1 && range.0 <= other.1 && other.0 <= other.1;
    let whole = (!is_touched).then_some(range);
    let before = (is_touched && range.0 < other.0).then(|| (range.0, other.0 - 1));
    let behind = (is_touched && other.1 < range.1).then(|| (other.1 + 1, range.1));
    whole.into_iter().chain(before).chain(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flight and its time in ms; a datagram has one broadcast.
    struct Play {
        flight: Flight,
        began: Instant,
        ms: u64,
        next: u64,
    }

    impl Play {
        fn new() -> Play {
            let began = Instant::now();
            Play { flight: Flight::new(0, began), began, ms: 0, next: 1 }
        }

        fn now(&self) -> Instant {
            self.began + Duration::from_millis(self.ms)
        }

        /// Sends what is lost and then what is new, as many as the window has room for at most; how many.
        fn send(&mut self, most: usize) -> usize {
            let count = self.flight.room().min(most);
            for _ in 0..count {
                let (seq, what) = match self.flight.lost() {
                    Some((first, _)) => (first, What::Again),
                    None => (self.next, What::New),
                };
                self.next = self.next.max(seq + 1);
                self.flight.passes(if what == What::Again { seq } else { 0 });
                self.flight.sends(seq, seq, what, MAX_DATAGRAM, self.now());
            }
            count
        }

        fn hears(&mut self, after: u64, top: u64, missing: &[(u64, u64)]) -> bool {
            self.ms += after;
            let last_seq = missing.first().map_or(top, |(first, _)| first - 1);
            self.flight.hears(last_seq, &Received { top, missing: missing.to_vec() }, self.now())
        }

        fn tail(&mut self) {
            self.flight.sends(self.next, self.next - 1, What::Tail, MAX_DATAGRAM, self.now());
        }

        /// How many ms from now it times out.
        fn patience(&self) -> Option<u128> {
            self.flight.deadline().map(|at| at.saturating_duration_since(self.now()).as_millis())
        }
    }

    #[test]
    fn the_window_doubles_each_round_trip_up_to_its_largest() {
        let mut play = Play::new();
        let windows: Vec<usize> = (0..6)
            .map(|_| {
                let window = play.send(99);
                assert!(play.hears(20, play.next - 1, &[]));
                window
            })
            .collect();
        assert_eq!(windows, [4, 8, 16, 32, 64, 64]);
        assert_eq!((play.flight.under_way.capacity(), play.flight.lost.capacity()), (0, 0), "memory is given back");
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut play = Play::new();
        for _ in 0..100 {
            play.send(1);
            play.hears(20, play.next - 1, &[]);
        }
        assert_eq!(play.flight.room(), FIRST_WINDOW);
    }

    #[test]
    fn what_was_sent_later_and_has_arrived_tells_what_is_lost_and_the_window_halves_once() {
        let mut play = Play::new();
        for _ in 0..2 {
            play.send(99);
            play.hears(20, play.next - 1, &[]);
        }
        // 13 to 28 are under way.
        assert_eq!(play.send(99), 16);
        play.hears(20, 20, &[(14, 15), (20, 20)]);
        assert_eq!((play.flight.lost(), play.flight.congestion_window), (Some((14, 15)), 8));
        // 20 may come yet: nothing that was sent behind it is there. 21 to 28 are under way, too.
        assert_eq!((play.flight.under_way.len(), play.flight.room()), (9, 0));
        play.hears(5, 28, &[(14, 15), (22, 22)]);
        assert_eq!((play.flight.lost.clone(), play.flight.congestion_window), (vec![(14, 15), (22, 22)], 8));
        assert_eq!(play.send(99), 8);
        assert_eq!(play.next, 34, "what was lost goes first");
        // Of them 15 is lost again.
        play.hears(20, 33, &[(15, 15)]);
        assert_eq!((play.flight.lost(), play.flight.congestion_window), (Some((15, 15)), 4));
        for window in [4, 5, 6] {
            assert_eq!(play.send(99), window, "beyond the threshold it grows by one");
            play.hears(20, play.next - 1, &[]);
        }
    }

    #[test]
    fn what_is_sent_again_is_lost_only_when_something_behind_it_arrives() {
        let mut play = Play::new();
        play.send(99);
        play.hears(20, 4, &[(1, 2)]);
        assert_eq!(play.send(2), 2);
        for after in [10, 10, 10] {
            assert!(!play.hears(after, 4, &[(1, 2)]), "the client only says it again");
        }
        assert_eq!((play.flight.under_way.len(), play.flight.lost()), (2, None));
        assert!(play.hears(0, 4, &[(1, 1)]));
        assert_eq!((play.flight.under_way.len(), play.flight.lost()), (0, Some((1, 1))));
        play.send(99);
        play.hears(20, 4, &[]);
        assert!(!play.hears(0, 4, &[(1, 1)]), "another hello has overtaken this one");
        assert_eq!(play.flight.lost(), None);
    }

    #[test]
    fn what_the_client_lacks_and_nobody_sends_is_lost() {
        let mut play = Play::new();
        play.next = 50;
        play.flight.sends(40, 49, What::Again, MAX_DATAGRAM, play.now());
        play.hears(20, 45, &[(3, 9), (11, 11), (41, 42)]);
        assert_eq!(play.flight.lost, [(3, 9), (11, 11)]);
        play.send(1);
        play.hears(20, 45, &[(4, 9), (11, 11), (41, 42)]);
        // Of the one whose end is not told of, all is sent again that may be lost.
        assert_eq!(play.flight.lost, [(4, 9), (11, 11), (41, 42), (46, 49)]);
        assert!(!play.flight.is_idle());
    }

    #[test]
    fn a_client_that_tells_nothing_is_asked_and_its_answer_tells_what_is_lost() {
        let mut play = Play::new();
        play.send(4);
        play.hears(20, 4, &[]);
        assert_eq!(play.patience(), None, "nothing is under way");
        play.send(3);
        assert_eq!(play.patience(), Some(300));
        play.ms += 300;
        assert!(play.flight.times_out(play.now()));
        play.tail();
        assert_eq!(play.patience(), Some(600));
        // It was on its way before the tail was sent.
        assert!(!play.hears(5, 7, &[(5, 7)]));
        assert_eq!(play.patience(), Some(145), "at a gap the patience is shorter");
        assert!(play.hears(15, 7, &[(5, 7)]));
        assert_eq!((play.flight.lost(), play.flight.room(), play.patience()), (Some((5, 7)), 4, None));
    }

    #[test]
    fn timeouts_double_the_patience_and_end_in_sending_all_again_one_by_one() {
        let mut play = Play::new();
        play.send(3);
        let mut waits = Vec::new();
        for is_asked in [true, true, true, false, false] {
            let wait = play.patience().expect("something is under way");
            play.ms += wait as u64;
            assert_eq!(play.flight.times_out(play.now()), is_asked);
            if is_asked {
                play.tail();
            } else {
                assert_eq!((play.flight.lost(), play.flight.room()), (Some((1, 3)), 1));
                play.send(99);
            }
            waits.push(wait);
        }
        assert_eq!(waits, [300, 600, 1200, 1200, 1200]);
        play.hears(20, 3, &[(2, 3)]);
        assert_eq!((play.flight.congestion_window, play.flight.slow_start_threshold), (2, 2));
    }

    #[test]
    fn the_patience_is_twice_the_round_trip() {
        let mut play = Play::new();
        for _ in 0..50 {
            play.send(4);
            play.hears(400, play.next - 1, &[]);
        }
        play.send(1);
        assert_eq!(play.patience(), Some(1000), "and what the client waits with one that came alone");
        // Which is no part of the round trip.
        for _ in 0..50 {
            play.hears(450, play.next - 1, &[]);
            play.send(1);
        }
        assert!(play.patience().is_some_and(|patience| (690..=710).contains(&patience)), "{:?}", play.patience());
    }

    #[test]
    fn short_datagrams_take_little_of_the_window() {
        let mut play = Play::new();
        play.flight.congestion_window = 1;
        for seq in 1..=12 {
            assert_eq!(play.flight.room(), 1);
            play.flight.sends(seq, seq, What::New, MAX_DATAGRAM / 12, play.now());
        }
        assert_eq!(play.flight.room(), 0);
        play.flight.congestion_window = LARGEST_WINDOW;
        for seq in 13..=LARGEST_WINDOW as u64 {
            play.flight.sends(seq, seq, What::New, 50, play.now());
        }
        assert_eq!((play.flight.room(), play.flight.has_ample_room()), (0, false), "a receive buffer holds so many");
    }

    #[test]
    fn who_takes_back_what_it_has_told_fills_no_memory() {
        let mut play = Play::new();
        for top in (1..1000).rev().map(|number| number * 32) {
            let missing: Vec<(u64, u64)> =
                (0..16).map(|number| (top - 31 + 2 * number, top - 31 + 2 * number)).collect();
            play.flight.hears(0, &Received { top, missing }, play.now());
            assert!(play.flight.lost.len() <= MOST_LOST);
        }
        assert_eq!(play.flight.lost.last().map(|(_, last)| *last), Some(999 * 32 - 1), "nothing of it is forgotten");
    }

    #[test]
    fn short_datagrams_that_arrive_widen_the_window_by_their_bytes() {
        let mut play = Play::new();
        for seq in 1..=24 {
            play.flight.sends(seq, seq, What::New, MAX_DATAGRAM / 12, play.now());
        }
        assert!(play.hears(20, 24, &[]));
        assert_eq!(play.flight.congestion_window, FIRST_WINDOW + 2);
    }

    #[test]
    fn a_datagram_with_gaps_between_its_lines_has_arrived_when_its_last_line_has() {
        let mut play = Play::new();
        play.flight.sends(4, 12, What::New, MAX_DATAGRAM, play.now());
        // 4, 8 and 12 are all that is to be had.
        assert!(play.hears(20, 12, &[(5, 7), (9, 11)]));
        assert_eq!((play.flight.under_way.len(), play.flight.lost.clone()), (0, vec![(5, 7), (9, 11)]));
    }

    #[test]
    fn what_the_client_has_is_not_sent_again_though_its_datagram_counts_as_lost() {
        let mut play = Play::new();
        play.flight.sends(1, 9, What::New, MAX_DATAGRAM, play.now());
        assert!(!play.hears(20, 9, &[(6, 9)]));
        for _ in 0..GIVEN_UP {
            play.flight.times_out(play.now());
        }
        assert_eq!(play.flight.lost, [(6, 9)]);
    }

    #[test]
    fn what_the_system_does_not_take_is_sent_again() {
        let mut play = Play::new();
        play.send(4);
        play.flight.was_refused(3, 3);
        play.flight.was_refused(4, 4);
        play.flight.was_refused(9, 9);
        assert_eq!((play.flight.lost.clone(), play.flight.room()), (vec![(3, 4)], 2));
        play.hears(20, 2, &[]);
        assert_eq!(play.flight.lost(), Some((3, 4)), "it was never under way");
    }

    #[test]
    fn what_is_not_to_be_had_is_known_as_far_as_nothing_else_is_missing() {
        let mut play = Play::new();
        play.next = 20;
        play.hears(0, 19, &[(2, 3), (6, 6), (9, 9), (12, 15)]);
        let until = |gone: &[u64]| play.flight.has_all_to_be_had(|(first, _)| !gone.contains(&first));
        assert_eq!((until(&[]), until(&[2]), until(&[2, 6])), (1, 5, 8));
        assert_eq!(until(&[2, 6, 9, 12]), 19);
        play.flight.passes(8);
        assert_eq!(play.flight.lost, [(9, 9), (12, 15)]);
        play.flight.passes(12);
        assert_eq!(play.flight.lost, [(13, 15)]);
    }
}
