//! What travels by UDP: `hello_TOKEN_LASTSEQ` from a client, `bcast_` lines and `head_SEQ` from the server, behind the
//! line `udp_TOKEN` of the session: who cannot read the network cannot put a broadcast on a screen.
//!
//! A datagram is one or more whole lines. UDP may lose, repeat and reorder it; the sequence numbers make that
//! harmless: a hello says all it has, and so asks for the rest.

use crate::protocol::Broadcast;
use crate::value::Ticket;
use std::fmt;

/// The most bytes in one datagram: it crosses any path with an MTU of 1,280 (RFC 8200, the smallest) in one piece.
pub const MAX_DATAGRAM: usize = 1200;

/// The bytes of the line that each datagram from the server begins with: `udp_TOKEN` and its LF.
pub const TOKEN_LINE: usize = 37;

/// `hello_TOKEN_LASTSEQ`: registers the sender's address, keeps it alive, acknowledges every broadcast up to
/// LASTSEQ and asks for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The session's token, from the `udp_` line of its login.
    pub token: Ticket,
    /// The last broadcast that was received together with all before it; 0 for none.
    pub last_seq: u64,
}

impl Hello {
    /// Reads a datagram, with or without a line end.
    pub fn parse(datagram: &[u8]) -> Option<Hello> {
        let line = std::str::from_utf8(datagram).ok()?.trim_end_matches(['\r', '\n']);
        let (token, last_seq) = line.strip_prefix("hello_")?.split_once('_')?;
        Some(Hello { token: token.parse().ok()?, last_seq: last_seq.parse().ok()? })
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hello_{}_{}", self.token, self.last_seq)
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
}

impl FromServer {
    /// The first line of a datagram for the session with this token.
    pub fn token_line(token: Ticket) -> [u8; TOKEN_LINE] {
        let mut line = [0; TOKEN_LINE];
        line.copy_from_slice(format!("udp_{token}\n").as_bytes());
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
        match line.strip_prefix("head_") {
            Some(seq) => seq.parse().ok().map(FromServer::Head),
            None => Broadcast::parse(line).map(FromServer::Broadcast),
        }
    }
}

impl fmt::Display for FromServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FromServer::Broadcast(broadcast) => broadcast.fmt(f),
            FromServer::Head(seq) => write!(f, "head_{seq}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_there_and_back() {
        let hello = Hello { token: Ticket::draw(), last_seq: 42 };
        assert_eq!(Hello::parse(hello.to_string().as_bytes()), Some(hello));
        assert_eq!(Hello::parse(format!("{hello}\r\n").as_bytes()), Some(hello));
        for bad in ["", "hello_", "hello_12_3", &format!("hello_{}_-1", hello.token), &format!("{hello}x")] {
            assert_eq!(Hello::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Hello::parse(b"\xff\xfe"), None);
    }

    #[test]
    fn several_lines_a_datagram() {
        let text = "head_3\nbcast_4_1700000000_bob_hi\nnonsense\nbcast_5_1700000000_bob_ho\n";
        let token = Ticket::draw();
        let datagram = [&FromServer::token_line(token), text.as_bytes()].concat();
        let (told, lines) = FromServer::parse_datagram(&datagram).expect("a token");
        assert_eq!(told, token);
        let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
        assert_eq!(lines, ["head_3", "bcast_4_1700000000_bob_hi", "bcast_5_1700000000_bob_ho"]);
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
