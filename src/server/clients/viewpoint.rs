//! From where a client sees the others. An address of 127/8 is good on the server's own machine alone: from another
//! machine it leads to that machine itself.

use std::net::{IpAddr, SocketAddr};

/// From where a client sees the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewpoint {
    /// From the server's own machine.
    ThisMachine,
    /// From this address of the server's machine, which it reached: from that machine, or from a guest of it whose
    /// connections the host makes in its own name (NAT). The loopback addresses of such a guest are its own.
    OwnAddress(IpAddr),
    /// From another machine, whose connection reached the server at this address of the server's.
    Elsewhere(IpAddr),
}

impl Viewpoint {
    /// Of a client that came from `peer` and reached the server at its address `reached`.
    pub fn of(peer: IpAddr, reached: IpAddr) -> Viewpoint {
        match peer {
            loopback if loopback.is_loopback() => Viewpoint::ThisMachine,
            own if own == reached => Viewpoint::OwnAddress(reached),
            _ => Viewpoint::Elsewhere(reached),
        }
    }

    /// Where a client is found that has this address, listens on `port` there, and on `reach` for other machines.
    /// Port 0 says that nothing listens that could be reached.
    pub fn shows(self, address: IpAddr, port: Option<u16>, reach: Option<u16>) -> SocketAddr {
        match (self, reach) {
            (Viewpoint::Elsewhere(server), _) if address.is_loopback() => SocketAddr::new(server, reach.unwrap_or(0)),
            (Viewpoint::OwnAddress(server), Some(reach)) if address.is_loopback() => SocketAddr::new(server, reach),
            _ => SocketAddr::new(address, port.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_shown_on_its_own_machine_alone() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let seen = |peer, reached, address, reach| {
            Viewpoint::of(ip(peer), ip(reached)).shows(ip(address), Some(4401), reach).to_string()
        };
        assert_eq!(seen("127.0.0.1", "127.0.0.1", "127.0.0.2", Some(5000)), "127.0.0.2:4401");
        assert_eq!(seen("10.0.0.1", "10.0.0.1", "127.0.0.2", Some(5000)), "10.0.0.1:5000", "perhaps a guest");
        assert_eq!(seen("10.0.0.1", "10.0.0.1", "127.0.0.2", None), "127.0.0.2:4401", "what else");
        assert_eq!(seen("10.0.0.7", "10.0.0.1", "127.0.0.2", Some(5000)), "10.0.0.1:5000");
        assert_eq!(seen("10.0.0.7", "10.0.0.1", "127.0.0.2", None), "10.0.0.1:0");
        assert_eq!(seen("10.0.0.7", "10.0.0.1", "10.0.0.8", Some(5000)), "10.0.0.8:4401");
        assert_eq!(seen("fd00::7", "fd00::1", "127.0.0.2", Some(5000)), "[fd00::1]:5000");
    }
}
