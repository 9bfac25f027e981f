//! A receiver of broadcasts by UDP, as docs/PROTOCOL.md wants it of a client: what arrives once and in order, what is
//! ahead of a gap, and when a hello is due. Reading a line costs as little as it can, as one thread plays all
//! receivers: a datagram whose numbers go on without a gap is counted, only others are read line by line.

use peerline::client::app::acks::Acks;
use peerline::protocol::{FromServer, Hello, MAX_RANGES, Received, TOKEN_LINE};
use peerline::value::Ticket;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// From one hello to the next, when nothing is missing.
const EVERY: Duration = Duration::from_secs(5);
/// The same at a gap: a round trip of this machine is shorter, however busy it is.
const AT_GAP: Duration = Duration::from_millis(20);

/// What has come.
pub struct Inbox {
    token: Ticket,
    token_line: [u8; TOKEN_LINE],
    /// Up to here all is there.
    last: u64,
    /// What is there beyond a gap.
    ahead: BTreeSet<u64>,
    /// Up to here all was sent, as far as the server has told.
    tail: u64,
    /// When what came is to be acknowledged: as a client does it.
    acks: Acks,
    hello_at: Instant,
}

impl Inbox {
    /// Of a session that has said its first hello.
    pub fn new(token: Ticket, now: Instant) -> Inbox {
        let token_line = FromServer::token_line(token);
        let share =
            token_line[TOKEN_LINE - 2].wrapping_mul(31).wrapping_add(token_line[TOKEN_LINE - 3].wrapping_mul(97));
        Inbox { token, token_line, last: 0, ahead: BTreeSet::new(), tail: 0, acks: Acks::new(share), hello_at: now }
    }

    /// Takes a datagram; how many lines are new, up to the first gap.
    pub fn take(&mut self, datagram: &[u8], now: Instant) -> u64 {
        let before = self.last;
        match datagram.strip_prefix(&self.token_line) {
            None => return 0,
            Some(lines) => match numbers(lines) {
                Some((first, last)) if first <= self.last + 1 && self.ahead.is_empty() => {
                    self.last = self.last.max(last);
                    self.acks.arrived(lines.len(), now);
                }
                _ => self.take_lines(datagram, now),
            },
        }
        self.last - before
    }

    fn take_lines(&mut self, datagram: &[u8], now: Instant) {
        let (before, mut brings_any) = (self.last, false);
        let lines = FromServer::parse_datagram(datagram);
        for line in lines.into_iter().flat_map(|(_, lines)| lines) {
            match line {
                FromServer::Broadcast(broadcast) => {
                    brings_any = true;
                    self.ahead.insert(broadcast.seq);
                }
                FromServer::Head(head) => self.last = self.last.max(head),
                FromServer::Tail(tail) => {
                    self.tail = self.tail.max(tail);
                    self.acks.hurry(now);
                }
            }
            while self.ahead.first().is_some_and(|next| *next <= self.last + 1) {
                self.last = self.last.max(self.ahead.pop_first().unwrap_or_default());
            }
        }
        if brings_any || self.last != before {
            self.acks.arrived(datagram.len(), now);
        }
    }

    /// The hello that is due.
    pub fn hello(&mut self, now: Instant) -> Option<String> {
        let has_gap = !self.ahead.is_empty() || self.tail > self.last;
        let next = self.hello_at + if has_gap { AT_GAP } else { EVERY };
        if now < self.acks.due().map_or(next, |due| due.min(next)) {
            return None;
        }
        self.hello_at = now;
        self.acks.said(has_gap);
        Some(Hello { token: self.token, last_seq: self.last, received: Some(self.received()) }.to_string())
    }

    /// What came.
    fn received(&self) -> Received {
        let (mut missing, mut top) = (Vec::new(), self.last);
        // One more than the last that was sent, whether it came or not.
        let end = self.ahead.last().copied().unwrap_or(self.last).max(self.tail) + 1;
        for seq in self.ahead.iter().copied().chain([end]) {
            if seq > top + 1 {
                if missing.len() == MAX_RANGES {
                    break;
                }
                missing.push((top + 1, seq - 1));
            }
            top = seq.min(end - 1);
        }
        Received { top, missing }
    }
}

/// The first and the last number of lines that are all broadcasts and whose numbers go on without a gap.
fn numbers(lines: &[u8]) -> Option<(u64, u64)> {
    let filling = lines.iter().rev().skip(1).take_while(|byte| **byte == b'\n').count();
    let lines = &lines[..lines.len() - filling];
    let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
    let whole = lines.strip_suffix(b"\n")?;
    let start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (first, last) = (number(lines)?, number(&whole[start..])?);
    (last.checked_sub(first)? + 1 == count).then_some((first, last))
}

/// Of a broadcast's line.
fn number(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"bcast_")?;
    let end = rest.iter().position(|byte| *byte == b'_')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(token: Ticket, lines: &[&str]) -> Vec<u8> {
        let mut bytes = FromServer::token_line(token).to_vec();
        lines.iter().for_each(|line| bytes.extend_from_slice(format!("{line}\n").as_bytes()));
        bytes
    }

    fn line(number: u64) -> String {
        format!("bcast_{number}_1700000000_bob_hi")
    }

    #[test]
    fn lines_count_once_and_in_order_whatever_way_they_come() {
        let (token, now) = (Ticket::draw(), Instant::now());
        let mut inbox = Inbox::new(token, now);
        let mut take = |numbers: &[u64]| {
            let lines: Vec<String> = numbers.iter().map(|number| line(*number)).collect();
            inbox.take(&datagram(token, &lines.iter().map(String::as_str).collect::<Vec<_>>()), now)
        };
        assert_eq!(take(&[1, 2, 3]), 3);
        assert_eq!(take(&[3]), 0);
        assert_eq!(take(&[6, 7]), 0);
        assert_eq!(take(&[5]), 0);
        assert_eq!(take(&[4]), 4);
        assert_eq!(take(&[7, 8]), 1);
        assert_eq!(take(&[12, 10, 9]), 2);
        assert_eq!(take(&[11, 12, 13]), 3);
        assert_eq!(inbox.take(&datagram(token, &["head_20", &line(21)]), now), 8);
        assert_eq!(inbox.take(&datagram(Ticket::draw(), &[&line(22)]), now), 0);
    }

    #[test]
    fn a_hello_says_what_is_there_and_comes_sooner_at_a_gap() {
        let (token, now) = (Ticket::draw(), Instant::now());
        let mut inbox = Inbox::new(token, now);
        inbox.take(&datagram(token, &[&line(1), "", ""]), now);
        assert_eq!(inbox.hello(now), Some(format!("hello_{token}_1_1_")), "it is acknowledged");
        assert_eq!(inbox.hello(now + AT_GAP), None);
        assert_eq!(inbox.hello(now + EVERY), Some(format!("hello_{token}_1_1_")));
        let now = now + EVERY;
        inbox.take(&datagram(token, &[&line(3)]), now);
        assert_eq!(inbox.hello(now), Some(format!("hello_{token}_1_3_2-2")));
        assert_eq!(inbox.hello(now), None);
        assert_eq!(inbox.hello(now + AT_GAP), Some(format!("hello_{token}_1_3_2-2")));
        inbox.take(&datagram(token, &[&line(5), &line(7), &line(8), "tail_9"]), now + AT_GAP);
        assert_eq!(inbox.hello(now + AT_GAP), Some(format!("hello_{token}_1_9_2-2,4-4,6-6,9-9")));
    }
}
