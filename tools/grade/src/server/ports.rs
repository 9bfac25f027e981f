//! Ports for servers: free for TCP and UDP, and never the same twice, as connections of an earlier server may still be
//! known to the system.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the system gives to whoever connects, above those of services that are known.
const FIRST: u32 = 10_240;
const COUNT: u32 = 20_000;

/// The ports of a run.
pub struct Ports(AtomicU32);

impl Ports {
    /// Two runs at a time begin at different ports.
    pub fn new() -> Ports {
        Ports(AtomicU32::new(std::process::id().wrapping_mul(977) % COUNT))
    }

    /// The next one that is free.
    ///
    /// # Errors
    /// A sentence when there is none.
    pub fn next(&self) -> Result<u16, String> {
        for _ in 0..COUNT {
            let port = (FIRST + self.0.fetch_add(1, Ordering::Relaxed) % COUNT) as u16;
            let at = (Ipv4Addr::UNSPECIFIED, port);
            if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
                return Ok(port);
            }
        }
        Err("no port is free".to_owned())
    }
}
