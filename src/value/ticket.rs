//! Tickets: 128 random bits, written as 32 hexadecimal digits.
//!
//! The server draws one for every introduction and gives it to both sides; whoever shows it to a peer is the one
//! that the server introduced. The token that a `hello_` datagram carries is made the same way.

use crate::value::hex;
use std::fmt;
use std::str::FromStr;

/// An unguessable value that proves an introduction (or, as a UDP token, a session).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket([u8; 16]);

impl Ticket {
    /// Draws a new ticket from the operating system's random source.
    ///
    /// # Panics
    /// When the system has no randomness to give, which Linux only does before it has finished booting.
    pub fn draw() -> Ticket {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
        Ticket(bytes)
    }
}

impl FromStr for Ticket {
    type Err = NotATicket;

    fn from_str(text: &str) -> Result<Self, NotATicket> {
        hex::parse(text).map(Ticket).ok_or(NotATicket)
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATicket;

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

/// Shows no digits: a ticket is a secret, and `Debug` output ends in logs.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip() {
        let ticket = Ticket::draw();
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
        assert_eq!(ticket.to_string().to_uppercase().parse(), Ok(ticket));
        assert_ne!(ticket, Ticket::draw());
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "12", &"g".repeat(32), &"0".repeat(33), &"é".repeat(16), "+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"] {
            assert_eq!(bad.parse::<Ticket>(), Err(NotATicket), "{bad:?}");
        }
    }
}
