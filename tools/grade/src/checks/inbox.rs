//! What a client does with datagrams, some of which are lost: it keeps what it has, and asks for the rest.

use crate::conversation::answer::Broadcast;
use crate::conversation::{Client, Datagrams};
use crate::fault::{Fault, Verdict};
use crate::limits::Limits;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a server may take until all are there, losses included.
const IN_TIME: Duration = Duration::from_secs(15);
/// After how much silence a hello is said again.
const AGAIN: Duration = Duration::from_millis(200);

/// What has come.
pub struct Inbox {
    /// All up to this number are there.
    last: u64,
    /// What has come beyond it.
    beyond: BTreeSet<u64>,
    /// The share of datagrams that is thrown away.
    dropped: f64,
    /// xorshift, always from the same number: a check gives the same losses each time.
    random: u64,
    /// How often something was missing.
    gaps: usize,
}

impl Inbox {
    /// The inbox of somebody who has all up to `last`, and throws that share away of what comes.
    pub fn new(last: u64, dropped: f64) -> Inbox {
        Inbox { last, beyond: BTreeSet::new(), dropped, random: 0x9e37_79b9_7f4a_7c15, gaps: 0 }
    }

    fn is_lost(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 11) as f64 / (1_u64 << 53) as f64) < self.dropped
    }

    /// Takes the lines of a datagram, and says whether something before them is missing.
    fn take(&mut self, lines: &[String]) -> bool {
        self.beyond.extend(lines.iter().filter_map(|line| Broadcast::parse(line)).map(|broadcast| broadcast.seq));
        while self.beyond.remove(&(self.last + 1)) {
            self.last += 1;
        }
        let last = self.last;
        self.beyond.retain(|seq| *seq > last);
        let told = lines.iter().filter_map(|line| line.strip_prefix("tail_")).filter_map(|seq| seq.parse::<u64>().ok());
        let is_missing = !self.beyond.is_empty() || told.max().is_some_and(|tail| tail > last);
        self.gaps += usize::from(is_missing);
        is_missing
    }
}

/// Takes datagrams and says hellos until all up to `until` are there; says how often something was missing.
pub fn play_until_all_are_there(
    client: &Client,
    socket: &Datagrams,
    mut inbox: Inbox,
    until: u64,
    limits: Limits,
) -> Verdict<usize> {
    let (began, deadline) = (Instant::now(), limits.after(IN_TIME.max(limits.wait)));
    let (allowed, mut said, mut is_late) = (deadline.saturating_duration_since(began), began, false);
    while inbox.last < until {
        if Instant::now() > deadline && !is_late {
            is_late = true;
            let left = until - inbox.last;
            let seen = format!("{left} of them are missing after {:.0} s", allowed.as_secs_f64());
            socket.mark_missing(&format!("broadcast {until} and all before it: {seen}"));
        }
        if Instant::now() > deadline + limits.grace {
            return Err(Fault::missing("What was lost on the way did not come again."));
        }
        let lines = socket.lines(&client.token, AGAIN)?;
        let is_missing = match &lines {
            Some(lines) if !inbox.is_lost() => inbox.take(lines),
            Some(_) => false,
            None => true,
        };
        if is_missing && said.elapsed() >= AGAIN / 4 {
            socket.send(format!("hello_{}_{}", client.token, inbox.last))?;
            said = Instant::now();
        }
    }
    socket.send(format!("hello_{}_{}", client.token, inbox.last))?;
    if is_late { Err(Fault::late(began.elapsed(), allowed)) } else { Ok(inbox.gaps) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> String {
        format!("bcast_{seq}_1700000000_bob_hi")
    }

    #[test]
    fn a_gap_shows_by_what_is_behind_it_or_by_the_tail() {
        let mut inbox = Inbox::new(4, 0.0);
        assert!(!inbox.take(&[line(5)]));
        assert!(inbox.take(&[line(7), line(8)]));
        assert!(!inbox.take(&[line(6)]) && inbox.last == 8);
        assert!(inbox.take(&["tail_9".to_owned()]));
        assert!(!inbox.take(&[line(9), line(3), "tail_9".to_owned()]));
        assert_eq!((inbox.last, inbox.gaps, inbox.beyond.len()), (9, 2, 0));
    }

    #[test]
    fn the_share_of_the_lost_is_as_said() {
        let mut inbox = Inbox::new(0, 0.3);
        let lost = (0..1000).filter(|_| inbox.is_lost()).count();
        assert!((250..350).contains(&lost), "{lost}");
        let mut careful = Inbox::new(0, 0.0);
        assert!((0..1000).all(|_| !careful.is_lost()));
    }
}
