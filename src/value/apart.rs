//! What may keep two clients apart, by the addresses from which both have come to a server.

use std::net::IpAddr;

/// Why there may be no direct way between two clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Both come from this address: of one machine, or of a router.
    OneAddress(IpAddr),
    /// One has come by IPv4, the other by IPv6. Either may have both.
    TwoFamilies,
}

impl Apart {
    /// What keeps two clients apart that come from these addresses; nothing where one is on the server's own machine.
    pub fn of(one: IpAddr, other: IpAddr) -> Option<Apart> {
        match (one, other) {
            _ if one.is_loopback() || other.is_loopback() => None,
            _ if one == other => Some(Apart::OneAddress(one)),
            _ if one.is_ipv4() != other.is_ipv4() => Some(Apart::TwoFamilies),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_router_or_two_families_keep_clients_apart() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let router = Some(Apart::OneAddress(ip("10.9.0.254")));
        for (one, other, apart) in [
            ("10.9.0.254", "10.9.0.254", router),
            ("10.9.0.254", "10.9.0.7", None),
            ("10.9.0.7", "fd00::7", Some(Apart::TwoFamilies)),
            ("fd00::7", "fd00::8", None),
            ("127.0.0.2", "127.0.0.2", None),
            ("127.0.0.2", "fd00::7", None),
        ] {
            assert_eq!(Apart::of(ip(one), ip(other)), apart, "{one} {other}");
            assert_eq!(Apart::of(ip(other), ip(one)), apart, "{other} {one}");
        }
    }
}
