//! Addresses of 127/8 for clients on the server's own machine: one each, so that all can listen on the same port (S4).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// The first that is handed out; 127.0.0.1 is everybody's.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Hands addresses out in turn, so that one that has become free is not soon another's.
pub struct LoopbackAddresses {
    next: AtomicU32,
}

impl Default for LoopbackAddresses {
    fn default() -> Self {
        LoopbackAddresses { next: AtomicU32::new(FIRST.to_bits()) }
    }
}

impl LoopbackAddresses {
    /// The next address that is not `taken`. There are 16 million, far more than there can be clients.
    pub fn draw(&self, taken: impl Fn(IpAddr) -> bool) -> IpAddr {
        loop {
            let next = Ipv4Addr::from_bits(self.next.fetch_add(1, Ordering::Relaxed));
            if !next.is_loopback() {
                self.next.store(FIRST.to_bits(), Ordering::Relaxed);
                continue;
            }
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
}
