//! When to acknowledge what came: often enough for the server to see what the path takes, and seldom enough not to be a
//! load itself. It knows no datagram and no session.

use crate::protocol::{ACK_DELAY, BURST};
use std::time::{Duration, Instant};

/// The most datagrams for one hello: half of what a server has under way at the most.
const MOST: u32 = 32;
/// Hellos in a row for one datagram each after a loss: the server's window may be so small that it waits for each of them.
const ONE_BY_ONE: u32 = 32;
/// The same at first.
const FIRST: u32 = 8;
/// What may come one by one without a hello, as long as the next comes soon: so many bytes of text, which is with all that
/// stands around it less than the first window, and for so long.
const MOST_TEXT: usize = 1200;
const FLOW: Duration = Duration::from_secs(1);

/// What came since the last hello.
#[derive(Debug)]
pub struct Acks {
    count: u32,
    /// Bytes of text.
    text: usize,
    /// How many datagrams make a hello due: half of what the server has under way, as far as that is to be seen.
    enough: u32,
    /// Hellos for which one is enough.
    one_by_one: u32,
    /// When the last one came, and whether soon after the one before.
    last: Option<Instant>,
    is_burst: bool,
    due: Option<Instant>,
    /// From when on the next datagram makes a hello due.
    latest: Option<Instant>,
    /// How long to wait for another datagram behind one that comes alone, and with a flow of such.
    wait: Duration,
    flow: Duration,
}

impl Acks {
    /// Nothing has come yet. `share` spreads the clients: they all get a broadcast at the same moment, and are not to
    /// answer at the same moment, in the midst of the next one.
    pub fn new(share: u8) -> Acks {
        let spread = |longest: Duration| longest - longest / 2 * u32::from(share) / 256;
        let (wait, flow) = (spread(ACK_DELAY), spread(FLOW));
        let (last, due, latest) = (None, None, None);
        Acks { count: 0, text: 0, enough: 1, one_by_one: FIRST, last, is_burst: false, due, latest, wait, flow }
    }

    /// A datagram with broadcasts has come, with so many bytes of text.
    pub fn arrived(&mut self, text: usize, now: Instant) {
        self.is_burst = self.last.is_some_and(|last| now.saturating_duration_since(last) < BURST);
        let latest = *self.latest.get_or_insert(now + self.flow);
        self.count += 1;
        self.text += text;
        self.last = Some(now);
        self.due = Some(match self.is_burst {
            _ if self.one_by_one > 0 || self.count >= self.enough || now >= latest => now,
            true => now + BURST,
            false if self.text >= MOST_TEXT => now,
            false => now + self.wait,
        });
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
        (self.count, self.text, self.due, self.latest) = (0, 0, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When hellos are said, in ms, where datagrams come at these.
    fn said(acks: &mut Acks, text: usize, began: Instant, arrivals: &[u64]) -> Vec<u64> {
        let mut said = Vec::new();
        for ms in 0..2000 {
            let now = began + Duration::from_millis(ms);
            arrivals.iter().filter(|at| **at == ms).for_each(|_| acks.arrived(text, now));
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
        assert_eq!(said(&mut acks, 10, began, &arrivals), expected);
        acks.said(true);
        assert_eq!(said(&mut acks, 10, began, &[500, 540, 580]), [500, 540, 580], "after a loss");
    }

    /// After many datagrams.
    fn later(share: u8) -> Acks {
        Acks { enough: MOST, one_by_one: 0, ..Acks::new(share) }
    }

    #[test]
    fn what_comes_alone_waits_and_a_burst_has_an_end() {
        let said = |arrivals: &[u64]| said(&mut later(0), 10, Instant::now(), arrivals);
        assert_eq!(said(&[0, 201]), [200, 401]);
        assert_eq!(said(&[0, 1, 2, 100]), [22, 100], "the server may wait for it");
        assert_eq!(said(&[0, 1, 2, 100, 200]), [22, 100, 400]);
    }

    #[test]
    fn a_flow_of_single_ones_is_acknowledged_by_one_that_comes() {
        let arrivals: Vec<u64> = (0..31).map(|number| 50 * number).collect();
        let said = |text| said(&mut later(0), text, Instant::now(), &arrivals);
        assert_eq!(said(10), [1000, 1500 + 200]);
        assert_eq!(said(200), [250, 550, 850, 1150, 1450, 1500 + 200], "the window has room");
        assert_eq!(said(MOST_TEXT), arrivals);
    }

    #[test]
    fn clients_are_spread() {
        let now = Instant::now();
        for (share, wait) in [(0, 200), (128, 150), (255, 100)] {
            let mut acks = later(share);
            acks.arrived(10, now);
            assert_eq!(acks.due().map(|due| due.saturating_duration_since(now).as_millis()), Some(wait), "{share}");
        }
    }
}
