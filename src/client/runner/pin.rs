//! The key that the server must have, and what is said where there is none, or another one.

use crate::client::event::LinkError;
use crate::client::peer::no_connection;
use crate::net::{Accepts, NoTls};
use crate::value::Fingerprint;
use std::fmt::Write;
use std::io::ErrorKind;

/// The key of a server, and whence it is known.
#[derive(Debug)]
pub struct Pin {
    /// What the connection takes.
    pub(super) accepts: Accepts,
    place: String,
    known: Vec<Fingerprint>,
    whence: String,
}

impl Pin {
    /// The server at `place` has one of these keys, which `whence` says, as in "not that of FILE, line 3".
    pub fn new(place: &str, known: &[Fingerprint], whence: &str) -> Pin {
        let (known, place, whence) = (known.to_vec(), place.to_owned(), whence.to_owned());
        Pin { accepts: Accepts::These(known.clone()), place, known, whence }
    }

    /// Why there is no connection.
    pub(super) fn error(&self, why: NoTls) -> LinkError {
        match why {
            NoTls::OtherKey(shown) => LinkError::OtherKey(self.other_key(shown)),
            NoTls::Failed(error) if is_of_the_way(error.kind()) => LinkError::Connect(no_connection(&error)),
            why => LinkError::NoTls(no_tls(&why)),
        }
    }

    fn other_key(&self, shown: Fingerprint) -> String {
        let Pin { place, known, whence, .. } = self;
        let mut text = format!("the key of {place} is not {whence}. Nothing was sent there.\n");
        for key in known {
            // A String takes whatever is written.
            let _ = writeln!(text, "  known: {key}");
        }
        text + &format!(
            "  shown: {shown}\nEither the server has a new key, as after a new installation: ask whoever runs it, and delete \
             what is out of date then. Or somebody stands between you and it"
        )
    }
}

/// Whether it tells of the network, and not of who is at its other end.
fn is_of_the_way(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::ConnectionRefused)
}

/// Why there is no encrypted connection, for people.
pub fn no_tls(why: &NoTls) -> String {
    match why {
        NoTls::OtherKey(shown) => format!("it has another key: {shown}"),
        NoTls::InTheClear(said) => format!("it says in the clear, whoever answers there: {said}"),
        NoTls::Failed(error) => match error.kind() {
            ErrorKind::TimedOut => {
                "nobody speaks TLS there: is it the port that --tls-port gave the server?".to_owned()
            }
            ErrorKind::UnexpectedEof => "the connection was closed before it was encrypted".to_owned(),
            ErrorKind::Unsupported => error.to_string(),
            _ => format!("no TLS: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_is_told_with_both_and_whence() {
        let [one, two] = [1, 2].map(|byte| Fingerprint([byte; 32]));
        let pin = Pin::new("10.0.0.1:4403", &[one], "that of known_servers, line 3");
        let LinkError::OtherKey(told) = pin.error(NoTls::OtherKey(two)) else { panic!("another key") };
        let start = format!(
            "the key of 10.0.0.1:4403 is not that of known_servers, line 3. Nothing was sent there.\n  known: {one}\n  \
             shown: {two}\nEither the server has a new key"
        );
        assert!(told.starts_with(&start), "{told}");
        assert!(!pin.accepts.takes(two) && pin.accepts.takes(one));
    }
}
