//! Where an attack takes place: the server, the addresses and accounts of who is there, and the phase that everybody
//! looks at. It conducts the phases and watches the server through them.

use super::row::Figures;
use crate::process::Server;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The address that attacks come from, if one is enough.
pub const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 1);
/// An address that nothing else comes from.
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 1);
/// Accounts `m0`, `m1` and so on, for attacks from inside.
pub const MEMBERS: usize = 25;
/// The account of the newcomer who comes from the attacker's address.
pub const NEAR: &str = "near";
/// The account of the newcomer who comes from elsewhere.
pub const FAR: &str = "far";
/// An account that attacks may aim at.
pub const VICTIM: &str = "victim";

/// How often the server is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The most that a loop of an attack waits before it looks at the phase again.
const NAP: Duration = Duration::from_millis(50);

/// What time it is in an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The honest clients log in.
    Coming,
    /// All is quiet.
    Before,
    /// The attack.
    During,
    /// All is quiet again.
    After,
    /// Everybody leaves.
    Over,
}

const PHASES: [Phase; 5] = [Phase::Coming, Phase::Before, Phase::During, Phase::After, Phase::Over];

/// An attack's place.
pub struct Scene<'a> {
    server: &'a Server,
    phase: AtomicU8,
    arrived: AtomicUsize,
}

/// How long what takes, and where the server's log is.
pub struct Plan<'a> {
    /// The attack itself.
    pub attack: Duration,
    /// From its end to the last look at the server's memory.
    pub recovery: Duration,
    /// The log, when it is a file.
    pub log: &'a Path,
}

/// What was started with the attack, and what the server needed.
pub struct Watched<T> {
    /// What the attack's begin gave.
    pub started: T,
    /// The server's.
    pub figures: Figures,
}

/// Ends the scene.
pub struct OverWhenDropped<'a>(&'a AtomicU8);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(Phase::Over as u8, Ordering::Relaxed);
    }
}

impl<'a> Scene<'a> {
    /// Nobody has come yet.
    pub fn new(server: &'a Server) -> Scene<'a> {
        Scene { server, phase: AtomicU8::new(Phase::Coming as u8), arrived: AtomicUsize::new(0) }
    }

    /// The main port.
    pub fn main(&self) -> SocketAddr {
        self.server.address
    }

    /// The port of a dialect.
    pub fn dialect(&self, name: &str) -> SocketAddr {
        self.server.dialect(name)
    }

    /// What time it is.
    pub fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Relaxed)).min(PHASES.len() - 1)]
    }

    /// Goes on to the next phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Whether the attack goes on.
    pub fn is_on(&self) -> bool {
        self.phase() == Phase::During
    }

    /// An honest client has logged in.
    pub fn arrive(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have.
    pub fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Everybody leaves when what this gives is dropped.
    pub fn over_when_dropped(&self) -> OverWhenDropped<'_> {
        OverWhenDropped(&self.phase)
    }

    /// Waits until then, or until the attack is over.
    pub fn pause_until(&self, then: Instant) {
        while self.is_on() {
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    /// Waits so long, or until the attack is over.
    pub fn pause(&self, time: Duration) {
        self.pause_until(Instant::now() + time);
    }

    /// Leads through all phases but the last. `begin` starts the attack.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn conduct<T>(&self, plan: &Plan, begin: impl FnOnce() -> T) -> Result<Watched<T>, String> {
        let quiet = (plan.attack / 3).max(Duration::from_secs(2));
        self.enter(Phase::Before);
        self.watch(quiet)?;
        let before = self.server.vitals()?;
        let log_before = size(plan.log);
        self.enter(Phase::During);
        let began = Instant::now();
        let started = begin();
        let most = self.watch(plan.attack)?;
        let (at_end, seconds) = (self.server.vitals()?, began.elapsed().as_secs_f64());
        self.enter(Phase::After);
        let log_grown = size(plan.log).saturating_sub(log_before);
        let later = self.watch(plan.recovery.max(quiet))?;
        let figures = Figures {
            rss: [before.rss, most.max(later), self.server.vitals()?.rss],
            cpu: (at_end.cpu - before.cpu) / seconds,
            log_kib: log_grown as f64 / 1024.0 / seconds,
        };
        Ok(Watched { started, figures })
    }

    /// Watches the server for so long; the most memory that it had.
    fn watch(&self, time: Duration) -> Result<f64, String> {
        let until = Instant::now() + time;
        let mut most: f64 = 0.0;
        while Instant::now() < until {
            most = most.max(self.server.vitals()?.rss);
            thread::sleep(LOOK);
        }
        Ok(most)
    }
}

/// An attacker's address, one of many.
pub fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(ATTACKER) + number as u32)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
