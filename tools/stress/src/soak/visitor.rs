//! One of the clients that come and go: what it does, and what it sees of the broadcasts.

use super::table::{Seen, View};
use crate::random::Xorshift;
use crate::wire::{Wire, broadcast};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// From one line of a client to the next, in milliseconds, from and to.
const PACE: (u64, u64) = (300, 1500);
/// How many lines a client says before it goes, from and to.
const LINES: (u64, u64) = (5, 30);
/// How long it stays away, in milliseconds, from and to.
const AWAY: (u64, u64) = (0, 2000);
/// How long an answer may take. The machine may be busy.
const ANSWER: Duration = Duration::from_secs(20);

/// Where they come from and go to.
pub struct Street {
    server: SocketAddr,
    clients: usize,
    inside: AtomicUsize,
    /// Whether all are to leave.
    pub over: AtomicBool,
}

impl Street {
    /// Nobody is inside.
    pub fn new(server: SocketAddr, clients: usize) -> Street {
        Street { server, clients, inside: AtomicUsize::new(0), over: AtomicBool::new(false) }
    }

    /// How many are logged in.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// The account of a client.
pub fn name(number: usize) -> String {
    format!("u{number}")
}

/// What a client says next.
fn line(random: &mut Xorshift, clients: usize, number: usize) -> String {
    let other = name(random.between(0, clients as u64) as usize);
    match random.between(0, 20) {
        0 => format!("bcast_said by {number}"),
        1..=4 => format!("relay_a word to you_{other}"),
        5..=7 => "list".to_owned(),
        8..=9 => "GET_U".to_owned(),
        10 => "GET_AF".to_owned(),
        11..=13 => format!("GET_UF,{other}"),
        14..=15 => format!("GET_P,{other}"),
        16 => format!("connect_{other}"),
        17 => format!("INIT,{},4401,a.txt,b.txt,c{}.txt", name(number), random.between(0, 1000)),
        18 => format!("SHARE,d{}.txt", random.between(0, 1000)),
        _ => "whoami".to_owned(),
    }
}

/// Comes and goes until all is over.
pub fn live(street: &Street, number: usize) -> Seen {
    let mut random = Xorshift::new(number as u64 + 1);
    let mut seen = Seen::default();
    while !street.is_over() {
        thread::sleep(Duration::from_millis(random.between(AWAY.0, AWAY.1)));
        let mut view = View::default();
        match stay(street, number, &mut random, &mut view) {
            Ok(()) => seen.visits += 1,
            Err(error) => seen.failed(&error.to_string()),
        }
        seen.end(&view);
    }
    seen
}

/// One visit, from the connection to the goodbye.
fn stay(street: &Street, number: usize, random: &mut Xorshift, view: &mut View) -> io::Result<()> {
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 4, 0, 1)) + number as u32);
    let until = Instant::now() + ANSWER;
    let mut wire = Wire::connect(from, street.server, until)?;
    wire.log_in(&name(number), until)?;
    street.inside.fetch_add(1, Ordering::Relaxed);
    let talked = talk(street, number, random, &mut wire, view);
    street.inside.fetch_sub(1, Ordering::Relaxed);
    talked?;
    // Some hang up as who pulls the plug does.
    if random.one_in(5) { Ok(()) } else { wire.quit(until + ANSWER) }
}

fn talk(street: &Street, number: usize, random: &mut Xorshift, wire: &mut Wire, view: &mut View) -> io::Result<()> {
    for _ in 0..random.between(LINES.0, LINES.1) {
        if street.is_over() {
            break;
        }
        let next = Instant::now() + Duration::from_millis(random.between(PACE.0, PACE.1));
        wire.send(&line(random, street.clients, number))?;
        wire.answer(Instant::now() + ANSWER, |line| take(view, line))?;
        loop {
            match wire.line(next) {
                Ok(line) => take(view, &line),
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn take(view: &mut View, line: &str) {
    if let Some((number, _)) = broadcast(line) {
        view.see(number);
    }
}
