//! A newcomer who logs in each second of an attack, and leaves again.

use super::scene::Scene;
use crate::figures::Tries;
use crate::wire::Wire;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Who is not in by then gives up this try.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the server may take to close when the newcomer leaves.
const LEAVING: Duration = Duration::from_secs(1);

/// Tries to get in, each second, from an address.
pub fn keep_coming(scene: &Scene, from: Ipv4Addr, name: &str) -> Tries {
    let mut tries = Tries::default();
    let start = Instant::now();
    while scene.is_on() {
        let began = Instant::now();
        let entered = enter(scene, from, name, began + LIMIT);
        let ended = start.elapsed();
        let (wire, outcome) = match entered {
            Ok(wire) => (Some(wire), Ok(())),
            Err(error) => (None, Err(sentence(&error))),
        };
        tries.tried(began - start, ended, outcome);
        if let Some(wire) = wire {
            // It is in already: how it leaves does not count.
            let _ = wire.quit(Instant::now() + LEAVING);
        }
        scene.pause_until(began + Duration::from_secs(1));
    }
    tries
}

fn enter(scene: &Scene, from: Ipv4Addr, name: &str, until: Instant) -> io::Result<Wire> {
    let mut wire = Wire::connect(from, scene.main(), until)?;
    wire.log_in(name, until)?;
    Ok(wire)
}

fn sentence(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => format!("nothing in {} s", LIMIT.as_secs()),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "closed".to_owned(),
        _ => error.to_string(),
    }
}
