//! What travels by UDP: `hello_TOKEN_LASTSEQ` from a client, `bcast_` lines and `head_SEQ` from the server.
//!
//! A datagram is one or more whole lines. UDP may lose, repeat and reorder it; the sequence numbers make that
//! harmless: a hello says all it has, and so asks for the rest.

use crate::protocol::Broadcast;
use crate::value::Ticket;
use std::fmt;

/// The most bytes in one datagram: it crosses any path with an MTU of 1,280 (RFC 8200, the smallest) in one piece.
pub const MAX_DATAGRAM: usize = 1200;

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
    /// `head_SEQ`: up to SEQ nothing is to be had that the client has not got; older ones have expired.
    Head(u64),
}

impl FromServer {
    /// The lines of a datagram; what is not understood is left out.
    pub fn parse_all(datagram: &[u8]) -> impl Iterator<Item = FromServer> + '_ {
        let text = std::str::from_utf8(datagram).unwrap_or_default();
        text.lines().filter_map(|line| match line.strip_prefix("head_") {
            Some(seq) => seq.parse().ok().map(FromServer::Head),
            None => Broadcast::parse(line).map(FromServer::Broadcast),
        })
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
        let lines: Vec<_> = FromServer::parse_all(text.as_bytes()).map(|line| line.to_string()).collect();
        assert_eq!(lines, ["head_3", "bcast_4_1700000000_bob_hi", "bcast_5_1700000000_bob_ho"]);
        assert_eq!(FromServer::parse_all(b"\xff").count(), 0);
    }
}
