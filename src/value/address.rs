//! ADDR: how a line names another client: by username, by `IP:PORT`, or by an IP alone where it names one client.

use crate::value::Username;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The ADDR at the end of `msg_TEXT_ADDR`, `relay_TEXT_ADDR` and `connect_ADDR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A username, the identity that survives a change of address.
    Name(Username),
    /// The address and port on which one client listens.
    Socket(SocketAddr),
    /// An address that may belong to several clients behind one router.
    Ip(IpAddr),
}

/// A text that is neither a username nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(socket) = text.parse() {
            Ok(Address::Socket(socket))
        } else if let Ok(ip) = text.parse() {
            Ok(Address::Ip(ip))
        } else {
            text.parse().map(Address::Name).map_err(|_| InvalidAddress)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Name(name) => name.fmt(f),
            Address::Socket(socket) => socket.fmt(f),
            Address::Ip(ip) => ip.fmt(f),
        }
    }
}

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("An address is a username, IP:PORT or an IP")
    }
}

/// "Any address of this machine" in the family of `address`, to bind a socket that talks with it.
pub fn any_like(address: SocketAddr) -> IpAddr {
    if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// An IPv4 address that is written as IPv6 as the IPv4 address that it is, anything else as it stands: a link-local
/// address is of use with its scope alone.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}

/// A link-local address with the scope of `near`, an address of the same network as it must be; anything else as it
/// stands. Each machine counts its networks for itself, so an address that another one tells has no scope.
pub fn with_scope_of(address: SocketAddr, near: SocketAddr) -> SocketAddr {
    match (address, near) {
        (SocketAddr::V6(mut address), SocketAddr::V6(near))
            if address.ip().is_unicast_link_local() && address.scope_id() == 0 =>
        {
            address.set_scope_id(near.scope_id());
            address.into()
        }
        _ => address,
    }
}

/// The network of a link-local address of IPv6, as this machine counts them; `None` for any other address. On another
/// network the same address may be somebody else's.
pub fn link_of(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => Some(address.scope_id()),
        _ => None,
    }
}

/// The one address that stands for all that count as one: an IPv4 address for itself, an IPv6 address for the /64 that
/// one customer of a network has (RFC 6177).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) >> 64 << 64).to_be_bytes()),
        ipv4 => ipv4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_takes_the_scope_of_another() {
        let scoped = |address: &str, near: &str| {
            let read = |text: &str| text.parse::<SocketAddr>().expect("an address");
            with_scope_of(read(address), read(near)).to_string()
        };
        assert_eq!(scoped("[fe80::1]:4401", "[fe80::2%3]:4400"), "[fe80::1%3]:4401");
        assert_eq!(scoped("[fe80::1%5]:4401", "[fe80::2%3]:4400"), "[fe80::1%5]:4401");
        assert_eq!(scoped("[fd09::1]:4401", "[fe80::2%3]:4400"), "[fd09::1]:4401");
        assert_eq!(scoped("[fe80::1]:4401", "10.0.0.1:4400"), "[fe80::1]:4401");
    }

    #[test]
    fn only_what_is_mapped_is_changed() {
        for (written, is) in [
            ("[::ffff:10.0.0.7]:9", "10.0.0.7:9"),
            ("10.0.0.7:9", "10.0.0.7:9"),
            ("[fd00::7]:9", "[fd00::7]:9"),
            ("[fe80::7%2]:9", "[fe80::7%2]:9"),
        ] {
            assert_eq!(canonical(written.parse().expect("an address")).to_string(), is);
        }
    }

    #[test]
    fn the_three_forms() {
        for text in ["bob", "127.0.0.2:4401", "127.0.0.2", "[::1]:4401", "::1"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
        assert!(matches!("10.0.0.7".parse(), Ok(Address::Ip(_))));
        for bad in ["", "bob:4401", "127.0.0.2:99999", "two words"] {
            assert_eq!(bad.parse::<Address>(), Err(InvalidAddress), "{bad:?}");
        }
    }
}
