//! The line by which a peer proves that it has a ticket, without showing it.
//!
//! In it is the address of the called side: whoever got the first line by mistake, and passes it on, proves nothing, as
//! the right person's proof names another address. An address of a private network can exist twice, so the first line is
//! in it too: what was asked for is what is answered, or nothing.

use crate::value::{Ticket, hex};
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Who proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Whoever has connected.
    Caller,
    /// Whoever was connected to.
    Callee,
}

/// `proof_HEX`: the first 20 hexadecimal digits of the SHA-256 of `caller TICKET IP:PORT FIRST-LINE` or
/// `callee TICKET IP:PORT FIRST-LINE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof([u8; 10]);

/// A line that is not `proof_` and 20 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAProof;

impl Proof {
    /// What `side` says when the callee's end of the connection is `callee`: an IPv4 address is written as one, also
    /// where a socket has it in the form of IPv6, and an IPv6 address without its scope, which each machine counts for
    /// itself. `first` is the first line of the connection as it was sent, without its line end.
    pub fn of(side: Side, ticket: Ticket, callee: SocketAddr, first: &str) -> Proof {
        let side = match side {
            Side::Caller => "caller",
            Side::Callee => "callee",
        };
        let address = SocketAddr::new(callee.ip().to_canonical(), callee.port());
        let hash = Sha256::digest(format!("{side} {ticket} {address} {first}"));
        let mut digits = [0; 10];
        digits.iter_mut().zip(hash).for_each(|(digit, byte)| *digit = byte);
        Proof(digits)
    }
}

impl FromStr for Proof {
    type Err = NotAProof;

    fn from_str(line: &str) -> Result<Self, NotAProof> {
        line.strip_prefix("proof_").and_then(hex::parse).map(Proof).ok_or(NotAProof)
    }
}

/// The line: the mirror of its parser.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("proof_")?;
        hex::write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddrV6;

    const FIRST: &str = "MSG,alice,001122334455";

    fn proof(side: Side, callee: &str, first: &str) -> String {
        let ticket = "00112233445566778899AABBCCDDEEFF".parse().expect("a ticket");
        Proof::of(side, ticket, callee.parse().expect("an address"), first).to_string()
    }

    /// As `printf 'callee %s %s %s' TICKET IP:PORT FIRST-LINE | sha256sum` tells, with the digits of the ticket in lower
    /// case.
    #[test]
    fn the_digits_are_those_of_sha256sum() {
        assert_eq!(proof(Side::Callee, "127.0.0.3:4401", FIRST), "proof_1ab98aba916f12350821");
        assert_eq!(proof(Side::Caller, "127.0.0.3:4401", FIRST), "proof_801d89b0f07935b645c0");
        assert_eq!(proof(Side::Callee, "[::ffff:127.0.0.3]:4401", FIRST), "proof_1ab98aba916f12350821");
        assert_eq!(proof(Side::Callee, "[fe80::1]:4401", FIRST), "proof_608a3eeb83d21536f2da");
        assert_eq!(proof(Side::Caller, "[fe80::1]:4401", FIRST), "proof_da4c413c2b4baf1844b9");
        assert_eq!(proof(Side::Callee, "127.0.0.3:4401", "CHAT,alice,001122334455"), "proof_d49e031630acd09fc95c");
        let ticket = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
        let scoped = SocketAddrV6::new("fe80::1".parse().expect("an address"), 4401, 7, 3).into();
        assert_eq!(Proof::of(Side::Callee, ticket, scoped, FIRST).to_string(), "proof_608a3eeb83d21536f2da");
    }

    #[test]
    fn a_proof_there_and_back() {
        let line = "proof_1ab98aba916f12350821";
        assert_eq!(line.parse::<Proof>().map(|proof| proof.to_string()).as_deref(), Ok(line));
        for bad in ["", "proof_", "proof_1ab98aba916f1235082", "proof_1ab98aba916f123508210", "1ab98aba916f12350821"] {
            assert_eq!(bad.parse::<Proof>(), Err(NotAProof), "{bad:?}");
        }
    }
}
