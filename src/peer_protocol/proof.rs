//! The line by which a peer proves that it has a ticket, without showing it.
//!
//! The address in it is that of the called side. So whoever got a line of it by mistake, and passes it on, proves
//! nothing: the right person's proof names another address.

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

/// `proof_HEX`: the first 20 hexadecimal digits of the SHA-256 of `caller TICKET IP:PORT` or `callee TICKET IP:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof([u8; 10]);

/// A line that is not `proof_` and 20 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAProof;

impl Proof {
    /// What `side` says when the callee's end of the connection is `callee`: an IPv4 address is written as one, also
    /// where a socket has it in the form of IPv6, and an IPv6 address without its scope, which each machine counts for
    /// itself.
    pub fn of(side: Side, ticket: Ticket, callee: SocketAddr) -> Proof {
        let side = match side {
            Side::Caller => "caller",
            Side::Callee => "callee",
        };
        let address = SocketAddr::new(callee.ip().to_canonical(), callee.port());
        let hash = Sha256::digest(format!("{side} {ticket} {address}"));
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

    fn proof(side: Side, callee: &str) -> String {
        let ticket = "00112233445566778899AABBCCDDEEFF".parse().expect("a ticket");
        Proof::of(side, ticket, callee.parse().expect("an address")).to_string()
    }

    /// As `printf 'callee %s %s' TICKET IP:PORT | sha256sum` tells, with the digits of the ticket in lower case.
    #[test]
    fn the_digits_are_those_of_sha256sum() {
        assert_eq!(proof(Side::Callee, "127.0.0.3:4401"), "proof_be638060c2cbb9eb6394");
        assert_eq!(proof(Side::Caller, "127.0.0.3:4401"), "proof_5abced80414baa12ddc2");
        assert_eq!(proof(Side::Callee, "[::ffff:127.0.0.3]:4401"), "proof_be638060c2cbb9eb6394");
        assert_eq!(proof(Side::Callee, "[fe80::1]:4401"), "proof_45a2db66e8e90587069b");
        assert_eq!(proof(Side::Caller, "[fe80::1]:4401"), "proof_4936288c4218f5dffeb0");
        let ticket = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
        let scoped = SocketAddrV6::new("fe80::1".parse().expect("an address"), 4401, 7, 3).into();
        assert_eq!(Proof::of(Side::Callee, ticket, scoped).to_string(), "proof_45a2db66e8e90587069b");
    }

    #[test]
    fn a_proof_there_and_back() {
        let line = "proof_be638060c2cbb9eb6394";
        assert_eq!(line.parse::<Proof>().map(|proof| proof.to_string()).as_deref(), Ok(line));
        for bad in ["", "proof_", "proof_be638060c2cbb9eb639", "proof_be638060c2cbb9eb63940", "be638060c2cbb9eb6394"] {
            assert_eq!(bad.parse::<Proof>(), Err(NotAProof), "{bad:?}");
        }
    }
}
