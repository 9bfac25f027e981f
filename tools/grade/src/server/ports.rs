//! Ports for servers: free for TCP and UDP, no other grader's, and never the same twice, as connections of an earlier server
//! may still be known to the system.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the system gives to whoever connects, above those of services that are known.
const FIRST: u32 = 10_240;
const COUNT: u32 = 20_000;

/// The ports of a run.
pub struct Ports(AtomicU32);

/// A port that no other grader of this machine takes while this is kept. Between the look whether it is free and the start of
/// the server another one could take it else, and be graded in the place of ours.
pub struct Port {
    pub number: u16,
    /// A name that only one socket can have at a time, where the ports are.
    _claim: UnixDatagram,
}

impl Ports {
    /// Two runs at a time begin at different ports, as a rule.
    pub fn new() -> Ports {
        Ports(AtomicU32::new(std::process::id().wrapping_mul(977) % COUNT))
    }

    /// The next one that is free.
    ///
    /// # Errors
    /// A sentence when there is none.
    pub fn next(&self) -> Result<Port, String> {
        for _ in 0..COUNT {
            let number = (FIRST + self.0.fetch_add(1, Ordering::Relaxed) % COUNT) as u16;
            let Ok(claim) = claim(number) else { continue };
            let at = (Ipv4Addr::UNSPECIFIED, number);
            if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
                return Ok(Port { number, _claim: claim });
            }
        }
        Err("no port is free".to_owned())
    }
}

fn claim(port: u16) -> io::Result<UnixDatagram> {
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(format!("peerline-grade-{port}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_do_not_take_one_port() {
        let [one, two] = [12_000, 12_000].map(|start| Ports(AtomicU32::new(start)));
        let ports: Vec<Port> = [&one, &two].repeat(20).iter().map(|ports| ports.next().expect("a port")).collect();
        let mut numbers: Vec<u16> = ports.iter().map(|port| port.number).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len(), "{numbers:?}");
        // What is not kept is free again.
        let first = numbers[0];
        assert!(claim(first).is_err());
        drop(ports);
        assert!(claim(first).is_ok());
    }
}
