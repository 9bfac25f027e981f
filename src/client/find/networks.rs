//! The networks that this machine is on: where a question for servers goes, and which addresses are our own.

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use std::io;
use std::net::Ipv4Addr;

/// The most interfaces that are looked at.
const MAX_INTERFACES: usize = 256;

/// What the interfaces say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// The addresses of this machine.
    pub own: Vec<Ipv4Addr>,
    /// Where a datagram reaches everybody: this machine, and each network that it is on.
    pub broadcast: Vec<Ipv4Addr>,
}

impl Networks {
    /// Those of the interfaces that are up.
    ///
    /// # Errors
    /// What the system says.
    pub fn now() -> io::Result<Networks> {
        let mut networks = Networks { own: Vec::new(), broadcast: vec![Ipv4Addr::new(127, 255, 255, 255)] };
        let is_up = |interface: &InterfaceAddress| interface.flags.contains(InterfaceFlags::IFF_UP);
        for interface in getifaddrs()?.filter(is_up).take(MAX_INTERFACES) {
            let Some(address) = ipv4(interface.address) else { continue };
            networks.own.push(address);
            if interface.flags.contains(InterfaceFlags::IFF_BROADCAST) {
                let broadcast = broadcast_of(address, ipv4(interface.broadcast), ipv4(interface.netmask));
                networks.broadcast.extend(broadcast.filter(|ip| !networks.broadcast.contains(ip)));
            }
        }
        if networks.broadcast.len() == 1 {
            networks.broadcast.push(Ipv4Addr::BROADCAST);
        }
        Ok(networks)
    }
}

fn ipv4(address: Option<SockaddrStorage>) -> Option<Ipv4Addr> {
    let ip = address?.as_sockaddr_in()?.ip();
    Some(ip).filter(|ip| !ip.is_unspecified())
}

/// The broadcast address of an interface: the one that it was given, or else the last one of its network. `ip address
/// add` gives none unless asked to, and the C library then tells the interface's own address instead. A network of one
/// or two addresses has none.
fn broadcast_of(address: Ipv4Addr, told: Option<Ipv4Addr>, mask: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let hosts = || Some(!u32::from(mask?)).filter(|hosts| *hosts > 1);
    let last = || Some(Ipv4Addr::from(u32::from(address) | hosts()?));
    told.filter(|told| *told != address).or_else(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_of_a_network_is_for_everybody() {
        let own = Ipv4Addr::new(10, 77, 0, 1);
        for (told, mask, expected) in [
            (None, [255, 255, 255, 0], Some([10, 77, 0, 255])),
            (Some([10, 77, 0, 1]), [255, 255, 255, 0], Some([10, 77, 0, 255])),
            (Some([10, 77, 0, 1]), [255, 255, 255, 252], Some([10, 77, 0, 3])),
            (Some([10, 77, 255, 255]), [255, 255, 255, 0], Some([10, 77, 255, 255])),
            (None, [255, 255, 255, 254], None),
            (Some([10, 77, 0, 1]), [255, 255, 255, 255], None),
        ] {
            let broadcast = broadcast_of(own, told.map(Ipv4Addr::from), Some(mask.into()));
            assert_eq!(broadcast, expected.map(Ipv4Addr::from), "{told:?} {mask:?}");
        }
    }

    #[test]
    fn this_machine_is_always_asked_and_never_alone() {
        let networks = Networks::now().expect("interfaces");
        assert_eq!(networks.broadcast[0], Ipv4Addr::new(127, 255, 255, 255));
        assert!(networks.broadcast.len() > 1, "{networks:?}");
    }
}
