//! When to acknowledge what came: often enough for the server to see what the path takes, and seldom enough not to be a
//! load itself. It knows no datagram and no session.

use crate::protocol::ACK_DELAY;
use std::time::{Duration, Instant};

/// The most datagrams for one hello: half of what a server has under way at the most.
const MOST: u32 = 32;
/// Hellos in a row for one datagram each after a loss: the server's window may be so small that it waits for each of them.
const ONE_BY_ONE: u32 = 32;
/// The same at first.
const FIRST: u32 = 8;
/// Datagrams that come within so long of each other are of one burst, and it ends when none comes for so long.
const BURST: Duration = Duration::from_millis(20);

/// What came since the last hello.
#[derive(Debug)]
pub struct Acks {
    count: u32,
    /// How many datagrams make a hello due: half of what the server has under way, as far as that is to be seen.
    enough: u32,
    /// Hellos for which one is enough.
    one_by_one: u32,
    /// When the last one came, and whether soon after the one before.
    last: Option<Instant>,
    is_burst: bool,
    due: Option<Instant>,
    /// When it is due at the latest.
    latest: Option<Instant>,
    /// How long to wait with a datagram that comes alone.
    wait: Duration,
}

impl Acks {
    /// Nothing has come yet. `share` spreads the clients: they all get a broadcast at the same moment, and are not to
    /// answer at the same moment, in the midst of the next one.
    pub fn new(share: u8) -> Acks {
        let wait = ACK_DELAY - ACK_DELAY / 2 * u32::from(share) / 256;
        Acks { count: 0, enough: 1, one_by_one: FIRST, last: None, is_burst: false, due: None, latest: None, wait }
    }

    /// A datagram with broadcasts has come.
    pub fn arrived(&mut self, now: Instant) {
        self.is_burst = self.last.is_some_and(|last| now.saturating_duration_since(last) < BURST);
        let latest = *self.latest.get_or_insert(now + self.wait);
        self.count += 1;
        self.last = Some(now);
        self.due = Some(match self.is_burst {
            _ if self.is_enough() => now,
            true => latest.min(now + BURST),
            false => latest,
        });
    }

    fn is_enough(&self) -> bool {
        self.one_by_one > 0 || self.count >= self.enough
    }

    /// The server wants to know what is there.
    pub fn hurry(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// When a hello is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// A hello is said; `tells_loss`: it names something that was not named before.
    pub fn said(&mut self, tells_loss: bool) {
        match tells_loss {
            true => (self.enough, self.one_by_one) = (1, ONE_BY_ONE),
            false if self.one_by_one > 0 => self.one_by_one -= 1,
            // The server's window grows.
            false if self.count >= self.enough => self.enough = MOST.min(self.enough * 2),
            // It was smaller, and the server had to wait for the end of the burst.
            false if self.is_burst => self.enough = (self.count / 2).max(1),
            false => {}
        }
        (self.count, self.due, self.latest) = (0, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When hellos are said, in ms, where datagrams come at these.
    fn said(acks: &mut Acks, began: Instant, arrivals: &[u64]) -> Vec<u64> {
        let mut said = Vec::new();
        for ms in 0..2000 {
            let now = began + Duration::from_millis(ms);
            arrivals.iter().filter(|at| **at == ms).for_each(|_| acks.arrived(now));
            if acks.due().is_some_and(|due| due <= now) {
                acks.said(false);
                said.push(ms);
            }
        }
        said
    }

    #[test]
    fn more_datagrams_are_acknowledged_at_once_each_time() {
        let (mut acks, began) = (Acks::new(0), Instant::now());
        let arrivals: Vec<u64> = (0..200).collect();
        let expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 22, 38, 70, 102, 134, 166, 198, 199 + 20];
        assert_eq!(said(&mut acks, began, &arrivals), expected);
        acks.said(true);
        assert_eq!(said(&mut acks, began, &[500, 540, 580]), [500, 540, 580], "after a loss");
    }

    /// After many datagrams.
    fn later(share: u8) -> Acks {
        Acks { enough: MOST, one_by_one: 0, ..Acks::new(share) }
    }

    #[test]
    fn what_comes_alone_waits_and_a_burst_has_an_end() {
        let said = |arrivals: &[u64]| said(&mut later(0), Instant::now(), arrivals);
        assert_eq!(said(&[0, 50, 100, 150, 199, 250]), [200, 450]);
        assert_eq!(said(&[0, 1, 2, 100]), [22, 100], "the server may wait for it");
        let steady: Vec<u64> = (0..21).map(|number| 19 * number).collect();
        assert_eq!(said(&steady), [200, 285, 400]);
    }

    #[test]
    fn clients_are_spread() {
        let now = Instant::now();
        for (share, wait) in [(0, 200), (128, 150), (255, 100)] {
            let mut acks = later(share);
            acks.arrived(now);
            assert_eq!(acks.due().map(|due| due.saturating_duration_since(now).as_millis()), Some(wait), "{share}");
        }
    }
}
