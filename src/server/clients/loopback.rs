//! Addresses of 127/8 for clients on the server's own machine: one each, so that all can listen on the same port (S4).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// The first that is handed out; 127.0.0.1 is everybody's.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The last.
const LAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 254);

/// Hands addresses out in turn, so that one that has become free is not soon another's.
pub struct LoopbackAddresses {
    next: AtomicU32,
    /// Where it begins anew, and up to where it goes.
    first: AtomicU32,
    last: AtomicU32,
}

impl Default for LoopbackAddresses {
    fn default() -> Self {
        let (first, last) = (FIRST.to_bits(), LAST.to_bits());
        LoopbackAddresses { next: first.into(), first: first.into(), last: last.into() }
    }
}

impl LoopbackAddresses {
    /// From now on it hands out those of 127.NUMBER.0.0/16 alone.
    #[cfg(feature = "cluster")]
    pub fn draw_from(&self, number: u8) {
        let first = FIRST.to_bits().max(Ipv4Addr::new(127, number, 0, 1).to_bits());
        self.first.store(first, Ordering::Relaxed);
        self.last.store(Ipv4Addr::new(127, number, 255, 254).to_bits(), Ordering::Relaxed);
        self.next.store(first, Ordering::Relaxed);
    }

    /// The next address that is not `taken`. There are at least 65,000, far more than there can be clients.
    pub fn draw(&self, taken: impl Fn(IpAddr) -> bool) -> IpAddr {
        loop {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            if next > self.last.load(Ordering::Relaxed) {
                self.next.store(self.first.load(Ordering::Relaxed), Ordering::Relaxed);
                continue;
            }
            let next = Ipv4Addr::from_bits(next);
            // Not the .0 and .255 that look like a network and its broadcast address.
            let usable = !matches!(next.octets()[3], 0 | 255);
            if usable && !taken(next.into()) {
                return next.into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_turn_without_the_odd_ones_and_round_at_the_end() {
        let addresses = LoopbackAddresses::default();
        let drawn: Vec<_> = (0..600).map(|_| addresses.draw(|_| false)).collect();
        assert_eq!(drawn[0], IpAddr::from(FIRST));
        assert!(drawn.iter().is_sorted());
        assert!(!drawn.contains(&[127, 0, 0, 255].into()) && !drawn.contains(&[127, 0, 1, 0].into()));
        addresses.next.store(u32::from(Ipv4Addr::new(127, 255, 255, 255)), Ordering::Relaxed);
        assert_eq!(addresses.draw(|ip| ip == IpAddr::from(FIRST)), IpAddr::from([127, 0, 0, 3]));
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn a_server_of_several_has_a_slice() {
        let addresses = LoopbackAddresses::default();
        for (number, first, last) in [(0, [127, 0, 0, 2], [127, 0, 255, 254]), (7, [127, 7, 0, 1], [127, 7, 255, 254])]
        {
            addresses.draw_from(number);
            assert_eq!(addresses.draw(|_| false), IpAddr::from(first));
            addresses.next.store(u32::from(Ipv4Addr::from(last)), Ordering::Relaxed);
            assert_eq!(addresses.draw(|_| false), IpAddr::from(last));
            assert_eq!(addresses.draw(|_| false), IpAddr::from(first));
        }
    }
}
