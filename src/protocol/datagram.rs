//! What travels by UDP: `hello_TOKEN_LASTSEQ`, perhaps with what lies behind a gap, from a client; `bcast_` lines,
//! `head_SEQ` and `tail_SEQ` from the server, behind the line `udp_TOKEN` of the session: who cannot read the network
//! cannot put a broadcast on a screen.
//!
//! A datagram is one or more whole lines. UDP may lose, repeat and reorder it; the sequence numbers make that
//! harmless: a hello says all it has, and so asks for the rest.

use crate::protocol::Broadcast;
use crate::value::Ticket;
use std::fmt;
use std::time::Duration;

/// The most bytes in one datagram: it crosses any path with an MTU of 1,280 (RFC 8200, the smallest) in one piece.
pub const MAX_DATAGRAM: usize = 1200;

/// The bytes of the line that each datagram from the server begins with: `udp_TOKEN` and its LF.
pub const TOKEN_LINE: usize = 37;

/// The longest that a client waits until it acknowledges a datagram with broadcasts, when no others come.
pub const ACK_DELAY: Duration = Duration::from_millis(200);

/// Datagrams that come within so long of each other are of one burst, and it ends when none comes for so long.
pub const BURST: Duration = Duration::from_millis(20);

/// The most ranges in one hello.
pub const MAX_RANGES: usize = 16;
/// The most bytes in one hello.
pub const MAX_HELLO: usize = 1000;

/// `hello_TOKEN_LASTSEQ`: registers the sender's address, keeps it alive, acknowledges every broadcast up to
/// LASTSEQ and asks for all after it. `hello_TOKEN_LASTSEQ_TOP_RANGES` says what came behind LASTSEQ too, and asks for
/// nothing: the server knows what is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The session's token, from the `udp_` line of its login.
    pub token: Ticket,
    /// The last broadcast that was received together with all before it; 0 for none.
    pub last_seq: u64,
    /// What was received behind it. Who says this says it often enough for the server to adapt its pace.
    pub received: Option<Received>,
}

/// What was received: everything up to `top`, but not what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The last broadcast of which this tells anything.
    pub top: u64,
    /// The first and the last broadcast of each range that is missing: at most [`MAX_RANGES`], rising, apart, behind the
    /// LASTSEQ and not behind `top`.
    pub missing: Vec<(u64, u64)>,
}

impl Hello {
    /// Reads a datagram, with or without a line end.
    pub fn parse(datagram: &[u8]) -> Option<Hello> {
        let line = std::str::from_utf8(datagram).ok()?.trim_end_matches(['\r', '\n']);
        let (token, numbers) = line.strip_prefix("hello_")?.split_once('_')?;
        let token = token.parse().ok()?;
        let Some((last_seq, received)) = numbers.split_once('_') else {
            return Some(Hello { token, last_seq: numbers.parse().ok()?, received: None });
        };
        let last_seq = last_seq.parse().ok()?;
        Some(Hello { token, last_seq, received: Some(Received::parse(received, last_seq)?) })
    }
}

impl Received {
    /// Reads `TOP_RANGES`.
    fn parse(text: &str, last_seq: u64) -> Option<Received> {
        let (top, ranges) = text.split_once('_')?;
        let top = top.parse().ok().filter(|top| *top >= last_seq)?;
        let (mut missing, mut end) = (Vec::new(), last_seq);
        for range in ranges.split(',').filter(|_| !ranges.is_empty()) {
            let (first, last) = range.split_once('-')?;
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            // Two that touch are one.
            let is_apart = first > end && (missing.is_empty() || first - end > 1);
            if !is_apart || first > last || last > top || missing.len() == MAX_RANGES {
                return None;
            }
            missing.push((first, last));
            end = last;
        }
        Some(Received { top, missing })
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hello_{}_{}", self.token, self.last_seq)?;
        let Some(Received { top, missing }) = &self.received else { return Ok(()) };
        let ranges: Vec<String> = missing.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        write!(f, "_{top}_{}", ranges.join(","))
    }
}

/// A line of a server's datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromServer {
    /// The next of the broadcasts, or one that arrived already.
    Broadcast(Broadcast),
    /// `head_SEQ`: up to SEQ nothing is to be had that the client has not got; the others have expired, or had to make
    /// room.
    Head(u64),
    /// `tail_SEQ`: up to SEQ all was sent. So a client notices that the last one was lost.
    Tail(u64),
}

impl FromServer {
    /// The first line of a datagram for the session with this token.
    pub fn token_line(token: Ticket) -> [u8; TOKEN_LINE] {
        let mut line = [b'\n'; TOKEN_LINE];
        line.iter_mut().zip(b"udp_".iter().copied().chain(token.digits())).for_each(|(to, byte)| *to = byte);
        line
    }

    /// The token of a datagram, and the lines behind it; what is not understood of them is left out. Nothing when it
    /// does not begin with the line of a token.
    pub fn parse_datagram(datagram: &[u8]) -> Option<(Ticket, impl Iterator<Item = FromServer> + '_)> {
        let mut lines = std::str::from_utf8(datagram).ok()?.lines();
        let token = lines.next()?.strip_prefix("udp_")?.parse().ok()?;
        Some((token, lines.filter_map(FromServer::parse)))
    }

    /// Reads a line.
    pub fn parse(line: &str) -> Option<FromServer> {
        if let Some(seq) = line.strip_prefix("head_") {
            return seq.parse().ok().map(FromServer::Head);
        }
        match line.strip_prefix("tail_") {
            Some(seq) => seq.parse().ok().map(FromServer::Tail),
            None => Broadcast::parse(line).map(FromServer::Broadcast),
        }
    }
}

impl fmt::Display for FromServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FromServer::Broadcast(broadcast) => broadcast.fmt(f),
            FromServer::Head(seq) => write!(f, "head_{seq}"),
            FromServer::Tail(seq) => write!(f, "tail_{seq}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_there_and_back() {
        let hello = Hello { token: Ticket::draw(), last_seq: 42, received: None };
        assert_eq!(Hello::parse(hello.to_string().as_bytes()), Some(hello.clone()));
        assert_eq!(Hello::parse(format!("{hello}\r\n").as_bytes()), Some(hello.clone()));
        for bad in ["", "hello_", "hello_12_3", &format!("hello_{}_-1", hello.token), &format!("{hello}x")] {
            assert_eq!(Hello::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Hello::parse(b"\xff\xfe"), None);
    }

    #[test]
    fn a_hello_names_what_is_missing() {
        let token = Ticket::draw();
        let parse = |numbers: &str| Hello::parse(format!("hello_{token}_{numbers}\n").as_bytes());
        let received = |top, missing: &[(u64, u64)]| Some(Received { top, missing: missing.to_vec() });
        for (numbers, expected) in [
            ("5_12_6-8,11-11", received(12, &[(6, 8), (11, 11)])),
            ("5_9_6-9", received(9, &[(6, 9)])),
            ("5_5_", received(5, &[])),
        ] {
            let hello = Hello { token, last_seq: 5, received: expected };
            assert_eq!(parse(numbers), Some(hello.clone()));
            assert_eq!(hello.to_string(), format!("hello_{token}_{numbers}"));
        }
        let many = |count: u64| (1..=count).map(|n| format!("{0}-{0}", 2 * n)).collect::<Vec<_>>().join(",");
        assert!(parse(&format!("1_99_{}", many(16))).is_some());
        let too_many = format!("1_99_{}", many(17));
        for bad in
            ["5_9", "5_4_", "5_9_5-6", "5_9_8-7", "5_9_6-10", "5_9_6-7,8-9", "5_9_8-8,6-6", "5_9_6", "5_9_,", &too_many]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_hello_fits() {
        let missing = (1..=MAX_RANGES as u64).rev().map(|n| u64::MAX - 3 * n).map(|seq| (seq, seq + 1)).collect();
        let received = Some(Received { top: u64::MAX, missing });
        let hello = Hello { token: Ticket::draw(), last_seq: u64::MAX - 99, received };
        assert_eq!(Hello::parse(hello.to_string().as_bytes()), Some(hello.clone()));
        assert!(hello.to_string().len() <= MAX_HELLO);
    }

    #[test]
    fn several_lines_a_datagram() {
        let text = "head_3\nbcast_4_1700000000_bob_hi\nnonsense\nbcast_5_1700000000_bob_ho\ntail_5\n";
        let token = Ticket::draw();
        let datagram = [&FromServer::token_line(token), text.as_bytes()].concat();
        let (told, lines) = FromServer::parse_datagram(&datagram).expect("a token");
        assert_eq!(told, token);
        let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
        assert_eq!(lines, ["head_3", "bcast_4_1700000000_bob_hi", "bcast_5_1700000000_bob_ho", "tail_5"]);
    }

    #[test]
    fn a_datagram_without_a_token_is_none() {
        let token = Ticket::draw();
        for text in
            ["", "head_3\n", "udp_12\nhead_3\n", &format!("\nudp_{token}\nhead_3\n"), &format!("udp_{token}x\n")]
        {
            assert!(FromServer::parse_datagram(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(FromServer::parse_datagram(b"\xff").is_none());
    }
}
