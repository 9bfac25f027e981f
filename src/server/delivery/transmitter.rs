//! Sends the datagrams of a round. It knows what they are made of, and nothing of who is owed what.

use super::round::{Burst, Round};
use crate::net::AddressedSocket;
use crate::protocol::{Broadcast, FromServer, MAX_DATAGRAM, TOKEN_LINE};
use crate::server::counters::Counters;
use crate::trace::Datagram as Recorded;
use crate::trace::{Event, Fate, ServerMask, Trace};
use crate::value::{Ticket, Xorshift};
use log::{debug, info};
use nix::errno::Errno;
use std::io::{ErrorKind, IoSlice, Result};

/// A datagram of so many bytes may have others behind it in one call: they must be of one size, and blank lines fill it up
/// to that. What fills a smaller one would be a load on the network.
const NEARLY_FULL: usize = 1000;
/// The most datagrams in one call: together they are no longer than one datagram may be by its header, which is 64 KiB.
const MAX_SEGMENTS: usize = 50;
/// Blank lines.
const FILLING: [u8; MAX_DATAGRAM] = [b'\n'; MAX_DATAGRAM];

/// What sends them.
pub struct Transmitter<'a> {
    socket: &'a AddressedSocket,
    /// The share of datagrams that is dropped on purpose.
    loss: f64,
    random: Xorshift,
    /// Whether the system takes several datagrams in one call.
    takes_several: bool,
    trace: &'a Trace,
    counters: &'a Counters,
    /// Datagrams that were recorded.
    recorded: u64,
}

/// Broadcasts that the system did not take at the moment: the client, and the first and the last of them.
pub type Refused = (Ticket, u64, u64);

impl<'a> Transmitter<'a> {
    /// Sends from this socket, and drops this share of datagrams.
    pub fn new(socket: &'a AddressedSocket, loss: f64, trace: &'a Trace, counters: &'a Counters) -> Transmitter<'a> {
        Transmitter { socket, loss, random: Xorshift::new(seed()), takes_several: true, trace, counters, recorded: 0 }
    }

    /// Sends all datagrams of a round, and waits for nothing; what was not taken. Whether they are recorded is asked once.
    pub fn send(&mut self, round: &Round) -> Vec<Refused> {
        if self.trace.is_on() { self.send_all::<true>(round) } else { self.send_all::<false>(round) }
    }

    fn send_all<const RECORDED: bool>(&mut self, round: &Round) -> Vec<Refused> {
        let mut refused = Vec::new();
        for burst in &round.by_udp {
            let token_line = FromServer::token_line(burst.token);
            let datagrams = round.order[burst.order.clone()].iter().filter_map(|datagram| {
                let pack = round.datagrams.get(datagram.pack);
                let lines = pack.content.as_deref()?;
                let range = (datagram.first, pack.last);
                let mut whole = Whole { token_line: &token_line, lines, range, number: 0 };
                let is_sent = self.loss == 0.0 || self.random.fraction() >= self.loss;
                if RECORDED {
                    self.recorded += 1;
                    whole.number = self.recorded;
                    let fate = if is_sent { Fate::Sent } else { Fate::Dropped };
                    self.trace.record(|| Event::Datagram(whole.recorded(burst, fate)));
                }
                is_sent.then_some(whole)
            });
            let datagrams: Vec<Whole> = datagrams.collect();
            self.count(&datagrams);
            for run in datagrams.chunk_by(|datagram, _| datagram.len() >= NEARLY_FULL) {
                for some in run.chunks(MAX_SEGMENTS) {
                    self.send_some(burst, some, &mut refused);
                }
            }
        }
        refused
    }

    fn count(&self, datagrams: &[Whole]) {
        self.counters.datagrams.add(datagrams.len() as u64);
        self.counters.datagram_bytes.add(datagrams.iter().map(|datagram| datagram.len() as u64).sum());
        // One without broadcasts tells a number that is below its first.
        let broadcasts = datagrams.iter().map(|datagram| (datagram.range.1 + 1).saturating_sub(datagram.range.0));
        self.counters.deliveries.add(broadcasts.sum());
    }

    /// Sends some datagrams: with one call, which is far less work, if the system takes it.
    fn send_some(&mut self, burst: &Burst, datagrams: &[Whole], refused: &mut Vec<Refused>) {
        if datagrams.len() > 1 && self.takes_several {
            match self.send_at_once(burst, datagrams) {
                Ok(()) => return,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    datagrams.iter().for_each(|datagram| self.lost(burst, datagram));
                    return refused.extend(datagrams.iter().map(|datagram| datagram.refused(burst)));
                }
                // udp(7), UDP_SEGMENT: the network card does not do its part.
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                    self.takes_several = false;
                    info!("the network card does not take several datagrams in one call; they are sent one by one");
                }
                // It is of this way alone: it may be too narrow for them.
                Err(error) => debug!("{} datagrams to {} in one call: {error}", datagrams.len(), burst.to),
            }
        }
        for datagram in datagrams {
            let [token_line, lines, _] = datagram.filled_to(0);
            if let Err(error) = self.socket.send(&[token_line, lines].map(IoSlice::new), burst.from, burst.to) {
                self.lost(burst, datagram);
                if error.kind() == ErrorKind::WouldBlock {
                    refused.push(datagram.refused(burst));
                } else {
                    // UDP promises nothing: it is one more that is lost.
                    debug!("datagram to {}: {error}", burst.to);
                }
            }
        }
    }

    /// Records that the system did not take one that was recorded as sent.
    fn lost(&self, burst: &Burst, datagram: &Whole) {
        self.trace.record(|| Event::Datagram(datagram.recorded(burst, Fate::Lost)));
    }

    fn send_at_once(&self, burst: &Burst, datagrams: &[Whole]) -> Result<()> {
        let size = datagrams.iter().map(Whole::len).max().unwrap_or_default();
        let parts = datagrams.iter().enumerate().flat_map(|(number, datagram)| {
            let is_last = number + 1 == datagrams.len();
            datagram.filled_to(if is_last { 0 } else { size })
        });
        let slices: Vec<IoSlice> = parts.map(IoSlice::new).collect();
        self.socket.send_segments(&slices, size as u16, burst.from, burst.to)
    }
}

/// A datagram as it is sent.
struct Whole<'a> {
    token_line: &'a [u8; TOKEN_LINE],
    /// Packed once for all clients that lack the same.
    lines: &'a str,
    range: (u64, u64),
    /// Its number among those that were recorded.
    number: u64,
}

impl Whole<'_> {
    fn len(&self) -> usize {
        TOKEN_LINE + self.lines.len()
    }

    /// Its parts, the last of which are blank lines up to this size.
    fn filled_to(&self, size: usize) -> [&[u8]; 3] {
        [self.token_line, self.lines.as_bytes(), &FILLING[..size.saturating_sub(self.len())]]
    }

    /// It as it is recorded.
    fn recorded(&self, burst: &Burst, fate: Fate) -> Recorded {
        let first = self.lines.lines().find_map(Broadcast::number);
        let bytes = ServerMask::whole(self.token_line) + self.lines;
        let (d, token, at, seq) = (self.number, burst.token, burst.to, first.map(|first| (first, self.range.1)));
        Recorded { d, token, at, seq, len: self.len(), bytes, fate }
    }

    fn refused(&self, burst: &Burst) -> Refused {
        (burst.token, self.range.0, self.range.1)
    }
}

/// What is lost need not be unguessable, and another each time.
fn seed() -> u64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    nanos as u64
}
