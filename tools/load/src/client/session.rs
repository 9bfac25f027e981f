//! What one connection is doing: what it was asked, what it has seen, and what is its turn next.

use crate::class::Class;
use crate::connection::Connection;
use crate::ledger::View;
use crate::options::Pace;
use crate::people::People;
use crate::schedule::Turns;
use crate::wait::readable;
use peerline::protocol::Notice;
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long the server may take to close after a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// What one connection is doing.
pub struct Session {
    /// The connection.
    pub connection: Connection,
    /// What it has seen.
    pub view: View,
    /// The lines that wait for their answers, in order.
    pub asked: VecDeque<Asked>,
    /// When it said something last.
    pub said: Instant,
    /// Who is there, for one that watches.
    pub people: People,
    /// When it is to ask for the list, at the end.
    pub lists_at: Option<Instant>,
    /// What the server gave as a reason before it closed.
    pub notice: Option<Notice>,
}

/// A line that waits for its answer.
pub struct Asked {
    /// Which kind.
    pub what: What,
    /// When it was to be asked.
    pub due: Instant,
}

/// What such a line is.
pub enum What {
    /// A broadcast, with the number of the class's and when it was sent.
    Broadcast { number: u64, at: u64 },
    /// A lookup.
    Query,
    /// To become inactive or active.
    Flip,
    /// To be told who comes and who goes.
    Watch,
    /// Who is there, to see whether what was told is right.
    List,
    /// Only so that the server hears something.
    Word,
}

/// What a client does again and again, when the run has begun.
#[derive(Default)]
pub struct Plan {
    /// To broadcast.
    pub broadcast: Option<Turns>,
    /// To look somebody up.
    pub query: Option<Turns>,
    /// To leave and come back.
    pub churn: Option<Turns>,
    /// To become inactive, or active again.
    pub flip: Option<Turns>,
    /// Whether it is inactive.
    pub is_inactive: bool,
    /// Whether the run has begun.
    pub is_made: bool,
}

impl Plan {
    /// The plan of the client in this seat.
    pub fn of(class: &Class, seat: usize, begin: Instant) -> Plan {
        let turns = |pace: Pace| pace.0.map(|rate| Turns::new(rate, seat, class.options.clients as usize, begin));
        let options = &class.options;
        let watch = options.watch as usize;
        let others = options.clients as usize - watch;
        let flip = |rate| seat.checked_sub(watch).map(|seat| Turns::new(rate, seat, others, begin));
        Plan {
            broadcast: turns(options.broadcast),
            query: turns(options.queries),
            churn: turns(options.churn),
            flip: options.flips.0.and_then(flip),
            is_inactive: false,
            is_made: true,
        }
    }

    /// When the next turn is.
    pub fn next(&self) -> Option<Instant> {
        [self.broadcast, self.query, self.churn, self.flip].into_iter().flatten().map(|turns| turns.next()).min()
    }
}

impl Session {
    /// Leaves, and waits until the server has closed: then the place is free.
    pub fn say_goodbye(&mut self) {
        let until = Instant::now() + GOODBYE;
        let mut is_open = self.connection.send("quit").is_ok();
        while is_open && Instant::now() < until {
            is_open = match self.connection.next() {
                Ok(Some(_)) => true,
                Ok(None) => readable(&[self.connection.as_fd()], until).is_ok(),
                Err(_) => false,
            };
        }
    }
}
