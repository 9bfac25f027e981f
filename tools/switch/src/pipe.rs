//! One direction of a link: what becomes of a frame, and when it is through. Pure: `now` is passed in.

use crate::frame::Kind;
use crate::random::Xorshift;
use std::time::{Duration, Instant};

/// How much waits where a rate is too low for what comes; what comes then is lost, as at a usual router.
const QUEUE: Duration = Duration::from_millis(150);
/// Frames that may be on their way, whatever the rate is.
const MOST: usize = 10_000;
/// All of it, in the unit of `loss` and `reorder`.
pub const MILLION: u64 = 1_000_000;

/// How a direction of a link is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// What each frame takes.
    pub delay: Duration,
    /// What it takes longer at the most, by chance. Frames stay in order.
    pub jitter: Duration,
    /// So many of a million are lost.
    pub loss: u64,
    /// So many of a million take the delay twice, and others pass them.
    pub reorder: u64,
    /// Bits a second.
    pub rate: Option<u64>,
    /// Longer packets vanish, and nobody is told. Bytes, without the frame around them.
    pub mtu: Option<usize>,
    /// What vanishes.
    pub drops: Drops,
}

/// Which kinds of frames vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drops {
    /// Datagrams.
    pub udp: bool,
    /// What asks for a connection of TCP.
    pub syn: bool,
    /// All: the cable is pulled.
    pub all: bool,
}

/// A direction of a link.
#[derive(Default)]
pub struct Pipe {
    /// How it is now. What is on its way stays as it was.
    pub quality: Quality,
    /// When the last bit is sent of what waits.
    busy_until: Option<Instant>,
    /// When the last one is through that keeps the order.
    last_through: Option<Instant>,
    /// How many are on their way.
    under_way: usize,
}

impl Pipe {
    /// Takes a packet of so many bytes: when it is through, or `None` when it is lost. Who gets a time calls
    /// [`Pipe::through`] then.
    pub fn take(&mut self, kind: Kind, size: usize, now: Instant, random: &mut Xorshift) -> Option<Instant> {
        let Quality { delay, jitter, loss, reorder, rate, mtu, drops } = &self.quality;
        let is_dropped = drops.all || (drops.udp && kind == Kind::Udp) || (drops.syn && kind == Kind::Syn);
        let begin = self.busy_until.map_or(now, |busy| busy.max(now));
        if is_dropped || mtu.is_some_and(|mtu| size > mtu) || begin > now + QUEUE || self.under_way >= MOST {
            return None;
        }
        let sent = rate.map_or(now, |rate| begin + Duration::from_secs_f64(size as f64 * 8.0 / rate as f64));
        self.busy_until = rate.map(|_| sent);
        // What is lost on the air was sent, and took its time.
        let chance = |of_million: u64, random: &mut Xorshift| of_million > 0 && random.between(0, MILLION) < of_million;
        if chance(*loss, random) {
            return None;
        }
        let longer = match u64::try_from(jitter.as_nanos()) {
            Ok(jitter) if jitter > 0 => Duration::from_nanos(random.between(0, jitter)),
            _ => Duration::ZERO,
        };
        let mut through = sent + *delay + longer;
        if chance(*reorder, random) {
            through += *delay;
        } else {
            through = self.last_through.map_or(through, |last| last.max(through));
            self.last_through = Some(through);
        }
        self.under_way += 1;
        Some(through)
    }

    /// A frame is through.
    pub fn through(&mut self) {
        self.under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pipe(quality: Quality) -> (Pipe, Xorshift, Instant) {
        (Pipe { quality, ..Pipe::default() }, Xorshift::new(1), Instant::now())
    }

    #[test]
    fn a_rate_has_a_queue_that_ends() {
        // 1,000 bytes take 8 ms.
        let (mut pipe, mut random, now) = pipe(Quality { rate: Some(1_000_000), delay: 5 * MS, ..Quality::default() });
        let mut take = |now| pipe.take(Kind::Other, 1000, now, &mut random).map(|through| through - now);
        assert_eq!((take(now), take(now)), (Some(13 * MS), Some(21 * MS)));
        let kept = (0..100).filter_map(|_| take(now)).count();
        // What begins within 150 ms is kept: 19 of them, 2 before.
        assert_eq!(kept, 17);
        assert_eq!(take(now + 50 * MS), Some((19 * 8 - 50 + 13) * MS));
        assert_eq!(take(now + 1000 * MS), Some(13 * MS));
    }

    #[test]
    fn without_a_rate_what_is_under_way_is_bounded() {
        let (mut pipe, mut random, now) = pipe(Quality { delay: MS, ..Quality::default() });
        assert_eq!((0..2 * MOST).filter(|_| pipe.take(Kind::Udp, 1, now, &mut random).is_some()).count(), MOST);
        pipe.through();
        assert_eq!(pipe.take(Kind::Udp, 1, now, &mut random), Some(now + MS));
        assert_eq!(pipe.take(Kind::Udp, 1, now, &mut random), None);
    }

    #[test]
    fn a_share_is_lost_and_a_seed_says_which() {
        let lost = |seed| {
            let (mut pipe, _, now) = pipe(Quality { loss: MILLION / 20, ..Quality::default() });
            let mut random = Xorshift::new(seed);
            (0..9000).map(|_| pipe.take(Kind::Udp, 100, now, &mut random).is_none()).collect::<Vec<bool>>()
        };
        let count = lost(1).into_iter().filter(|is_lost| *is_lost).count();
        assert!((350..550).contains(&count), "{count}");
        assert!(lost(1) == lost(1) && lost(1) != lost(2));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let order = |reorder| {
            let quality = Quality { delay: 10 * MS, jitter: 15 * MS, reorder, ..Quality::default() };
            let (mut pipe, mut random, now) = pipe(quality);
            let take = |at: u32| {
                let begin = now + at * MS;
                let through = pipe.take(Kind::Udp, 100, begin, &mut random).expect("nothing is lost");
                assert!(through >= begin + 10 * MS && through < begin + 45 * MS);
                through
            };
            let times: Vec<Instant> = (0..1000).map(take).collect();
            times.windows(2).filter(|pair| pair[1] < pair[0]).count()
        };
        assert_eq!(order(0), 0);
        assert!((2..50).contains(&order(MILLION / 50)));
    }

    #[test]
    fn kinds_and_sizes_vanish() {
        let (mut pipe, mut random, now) = pipe(Quality { mtu: Some(1280), ..Quality::default() });
        let mut passes = |drops, kind, size| {
            pipe.quality.drops = drops;
            pipe.take(kind, size, now, &mut random).is_some()
        };
        let none = Drops::default();
        assert!(passes(none, Kind::Udp, 1280) && !passes(none, Kind::Udp, 1281));
        let udp = Drops { udp: true, ..none };
        assert!(!passes(udp, Kind::Udp, 9) && passes(udp, Kind::Syn, 9) && passes(udp, Kind::Other, 9));
        let syn = Drops { syn: true, ..none };
        assert!(passes(syn, Kind::Udp, 9) && !passes(syn, Kind::Syn, 9) && passes(syn, Kind::Other, 9));
        let all = Drops { all: true, ..none };
        assert!(!passes(all, Kind::Udp, 9) && !passes(all, Kind::Syn, 9) && !passes(all, Kind::Other, 9));
    }
}
