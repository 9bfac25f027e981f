//! The load of a round, each part on a thread of its own, until the server is gone: sign-ups, broadcasts, logins, and
//! somebody who looks on. What the server acknowledges goes into the ledger before anything else is asked.

use super::ledger::{Ledger, View};
use crate::wire::{Wire, acknowledged, broadcast, hang_up};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sign-ups of one thread in a round: the accounts of a thousand rounds must fit into one server.
const SIGN_UPS: usize = 10;
/// Broadcasts that are sent before the first of them is answered.
const PIPED: usize = 4;
/// From one such piece to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// How long an answer may take. The machine may be busy.
pub const ANSWER: Duration = Duration::from_secs(10);

/// A round's load.
pub struct Load<'a> {
    /// The server's main port.
    pub server: SocketAddr,
    /// The round's number, which makes names and texts different from those of others.
    pub round: u32,
    /// The books, which all parts write.
    pub ledger: &'a Mutex<Ledger>,
    /// When the run began.
    pub start: Instant,
    /// Whether the server is about to be gone: from then on nobody comes again.
    pub over: AtomicBool,
}

/// Connects from an address of this part's own, and logs in.
fn enter(server: SocketAddr, part: u8, name: &str) -> io::Result<Wire> {
    let until = Instant::now() + ANSWER;
    let mut wire = Wire::connect(Ipv4Addr::new(127, 3, 0, part), server, until)?;
    wire.log_in(name, until)?;
    Ok(wire)
}

/// Logs in once, and leaves.
pub fn visit(server: SocketAddr, name: &str) -> io::Result<()> {
    enter(server, 9, name).map(|wire| hang_up(wire.into_stream()))
}

/// Sees all broadcasts that the server keeps, up to one of its own, whose number it gives.
pub fn look_back(server: SocketAddr, marker: &str, seen: &mut dyn FnMut(u64, &str)) -> io::Result<u64> {
    let mut wire = enter(server, 8, "watch")?;
    let until = Instant::now() + ANSWER;
    wire.send(&format!("bcast_{marker}"))?;
    let (mut own, mut number) = (None, None);
    while own.is_none() || number.is_none() {
        let line = wire.line(until)?;
        number = number.or(acknowledged(&line));
        if let Some((at, text)) = broadcast(&line) {
            seen(at, text);
            own = own.or((text == marker).then_some(at));
        } else if line.starts_with("ERR,") {
            return Err(io::Error::other(line));
        }
    }
    match (own, number) {
        (Some(own), Some(number)) if own == number => Ok(number),
        _ => {
            Err(io::Error::other(format!("the broadcast {marker} was acknowledged as {number:?} and seen as {own:?}")))
        }
    }
}

impl Load<'_> {
    /// The books. A thread that failed has left them as they are after each line.
    pub fn books(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Makes accounts, one after the other, until the server is gone.
    pub fn sign_up(&self, part: u8) -> io::Result<()> {
        let until = Instant::now() + ANSWER;
        let mut wire = Wire::connect(Ipv4Addr::new(127, 3, 0, part), self.server, until)?;
        for number in 0..SIGN_UPS {
            let name = format!("r{}-{part}-{number}", self.round);
            let answer = wire.ask(&format!("SIGNUP,{name},{}", crate::wire::PASSWORD), until)?;
            match answer.starts_with("OK,Signup successful") {
                true => self.books().account(name),
                false => self.books().violation(format!("the sign-up of {name} was answered with {answer}")),
            }
        }
        Ok(())
    }

    /// Broadcasts until the server is gone, a few lines at a time.
    pub fn broadcast(&self, part: u8) -> io::Result<()> {
        let mut wire = enter(self.server, part, &format!("talker{part}"))?;
        let mut view = View::default();
        for sent in 0.. {
            let text = |at: usize| format!("r{}-{part}-{}", self.round, PIPED * sent + at);
            let lines: Vec<String> = (0..PIPED).map(|at| format!("bcast_{}", text(at))).collect();
            wire.send(&lines.join("\n"))?;
            for at in 0..PIPED {
                let seen = |line: &str| self.see(&mut view, line);
                let answer = wire.answer(Instant::now() + ANSWER, seen)?;
                match acknowledged(&answer) {
                    Some(number) => self.books().acknowledge(number, &text(at), self.start.elapsed()),
                    None => self.books().violation(format!("the broadcast {} was answered with {answer}", text(at))),
                }
            }
            self.look_on_until(&mut wire, &mut view, Instant::now() + PAUSE)?;
        }
        Ok(())
    }

    /// Sees what others broadcast, until the server is gone.
    pub fn look_on(&self) -> io::Result<()> {
        let mut wire = enter(self.server, 7, "reader")?;
        let mut view = View::default();
        while !self.is_over() {
            self.look_on_until(&mut wire, &mut view, Instant::now() + ANSWER)?;
        }
        Ok(())
    }

    fn look_on_until(&self, wire: &mut Wire, view: &mut View, then: Instant) -> io::Result<()> {
        loop {
            match wire.line(then) {
                Ok(line) => self.see(view, &line),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Logs in and out until the server is gone.
    pub fn come_and_go(&self) -> io::Result<()> {
        while !self.is_over() {
            visit(self.server, "visitor")?;
        }
        Ok(())
    }

    fn see(&self, view: &mut View, line: &str) {
        if let Some((number, text)) = broadcast(line) {
            self.books().see(view, number, text);
        }
    }
}
