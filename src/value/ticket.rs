//! Tickets: 128 random bits, written as 32 hexadecimal digits.
//!
//! The server draws one for every introduction and gives it to both sides; whoever shows it to a peer, or proves to
//! have it, is the one that the server introduced. The token that a `hello_` datagram carries is made the same way.

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

    /// Its digits, for who has no room for more.
    pub fn digits(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().flat_map(hex::digits)
    }

    /// The part of it that may be shown.
    pub fn start(self) -> TicketStart {
        let [a, b, c, d, e, f, ..] = self.0;
        TicketStart([a, b, c, d, e, f])
    }
}

/// The first 12 of a ticket's 32 digits: enough to find it among those that a peer knows, and no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketStart([u8; 6]);

impl FromStr for TicketStart {
    type Err = NotATicket;

    fn from_str(text: &str) -> Result<Self, NotATicket> {
        hex::parse(text).map(TicketStart).ok_or(NotATicket)
    }
}

impl fmt::Display for TicketStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl FromStr for Ticket {
    type Err = NotATicket;

    fn from_str(text: &str) -> Result<Self, NotATicket> {
        hex::parse(text).map(Ticket).ok_or(NotATicket)
    }
}

/// A text that is not 32 hexadecimal digits, or not 12 for the start of a ticket.
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
    fn the_start_has_twelve_digits() {
        let ticket: Ticket = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
        assert_eq!(ticket.start().to_string(), "001122334455");
        assert_eq!("001122334455".parse(), Ok(ticket.start()));
        for bad in ["", "00112233445", "0011223344556", "00112233445g"] {
            assert_eq!(bad.parse::<TicketStart>(), Err(NotATicket), "{bad:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "12", &"g".repeat(32), &"0".repeat(33), &"é".repeat(16), "+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"] {
            assert_eq!(bad.parse::<Ticket>(), Err(NotATicket), "{bad:?}");
        }
    }
}
