//! What all clients of a run share: when it begins and ends, and the figures that a line of progress shows. It knows no
//! connection.

use crate::options::Options;
use crate::wait::Bell;
use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What stands in the seat of a client that is out, which need not catch up with anything.
const OUT: u64 = u64::MAX;

/// A run.
pub struct Class {
    /// What was asked for.
    pub options: Options,
    /// The server.
    pub server: SocketAddr,
    /// Which run it is: no other one has this number, but by chance.
    pub run: u32,
    /// What the names begin with.
    pub prefix: String,
    start: Instant,
    times: OnceLock<(Instant, Instant)>,
    /// Rings when all are in.
    pub begin: Bell,
    /// Rings when all have to leave.
    pub leave: Bell,
    stopped: AtomicBool,
    hurried: AtomicBool,
    numbers: AtomicU64,
    /// The highest number that the server has acknowledged.
    newest: AtomicU64,
    /// Broadcasts that the server has acknowledged.
    acknowledged: AtomicU64,
    /// Broadcasts that were seen, by all clients.
    seen: AtomicU64,
    /// Of those who watch, whether it is known if what each was told of the others is right.
    decided: Vec<AtomicBool>,
    /// The last broadcast that each client has seen, or [`OUT`].
    seats: Vec<AtomicU64>,
}

/// The figures of a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Clients that are logged in.
    pub inside: usize,
    /// Broadcasts that the server has acknowledged.
    pub acknowledged: u64,
    /// Broadcasts that were seen, by all clients.
    pub seen: u64,
}

impl Class {
    /// A run that has not begun.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(options: Options, server: SocketAddr, run: u32) -> io::Result<Class> {
        Ok(Class {
            prefix: options.prefix(run),
            server,
            run,
            start: Instant::now(),
            times: OnceLock::new(),
            begin: Bell::new()?,
            leave: Bell::new()?,
            stopped: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            numbers: AtomicU64::new(0),
            newest: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            decided: (0..options.watch).map(|_| AtomicBool::new(false)).collect(),
            seats: (0..options.clients).map(|_| AtomicU64::new(OUT)).collect(),
            options,
        })
    }

    /// Microseconds from the start.
    pub fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_micros() as u64
    }

    /// How long ago that was, in microseconds from the start.
    pub fn since(&self, micros: u64) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_micros(micros))
    }

    /// All are in: what was asked for begins. Gives when it ends.
    pub fn begin(&self) -> Instant {
        let now = Instant::now();
        let (_, until) = *self.times.get_or_init(|| (now, now + self.options.length));
        self.begin.ring();
        until
    }

    /// From when to when something is said, once all are in.
    pub fn times(&self) -> Option<(Instant, Instant)> {
        self.times.get().copied()
    }

    /// Nothing new is said from now on.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether something new may be said.
    pub fn is_going_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Everybody leaves, also if something is still on its way.
    pub fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
    }

    /// Whether what is on its way is not waited for.
    pub fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Relaxed)
    }

    /// A number for a broadcast.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The server has acknowledged a broadcast.
    pub fn acknowledge(&self, seq: Option<u64>) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.newest.fetch_max(seq.unwrap_or(0), Ordering::Relaxed);
    }

    /// So many broadcasts were seen by the client of this seat, which has all up to this number.
    pub fn see(&self, seat: usize, broadcasts: u64, last: u64) {
        self.seen.fetch_add(broadcasts, Ordering::Relaxed);
        self.seats[seat].fetch_max(last, Ordering::Relaxed);
    }

    /// The client of this seat is logged in: it need not see what was acknowledged before.
    pub fn sit_down(&self, seat: usize) {
        self.seats[seat].store(self.newest.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The client of this seat is out.
    pub fn stand_up(&self, seat: usize) {
        self.seats[seat].store(OUT, Ordering::Relaxed);
    }

    /// The figures of this moment.
    pub fn figures(&self) -> Figures {
        Figures {
            inside: self.seats.iter().filter(|seat| seat.load(Ordering::Relaxed) != OUT).count(),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            seen: self.seen.load(Ordering::Relaxed),
        }
    }

    /// Whether the client of this seat watches who comes and who goes.
    pub fn watches(&self, seat: usize) -> bool {
        seat < self.decided.len()
    }

    /// Whether the client of this seat, which watches, was told right is known.
    pub fn decide(&self, seat: usize) {
        if let Some(decided) = self.decided.get(seat) {
            decided.store(true, Ordering::Relaxed);
        }
    }

    /// Whether that was said.
    pub fn is_decided(&self, seat: usize) -> bool {
        self.decided.get(seat).is_some_and(|decided| decided.load(Ordering::Relaxed))
    }

    /// Whether everybody who is in has seen what the server has acknowledged, and of those who watch all is known.
    pub fn is_caught_up(&self) -> bool {
        let newest = self.newest.load(Ordering::Relaxed);
        let is_in = |seat: usize| self.seats[seat].load(Ordering::Relaxed) != OUT;
        self.seats.iter().all(|seat| seat.load(Ordering::Relaxed) >= newest)
            && (0..self.decided.len()).all(|seat| self.is_decided(seat) || !is_in(seat))
    }
}
