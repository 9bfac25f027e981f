//! The key that the server must have, and what is said where there is none, or another one.

use crate::client::event::LinkError;
use crate::client::peer::no_connection;
use crate::net::{Accepts, Mistrust, NoTls};
use crate::protocol::Reply;
use crate::value::{Fingerprint, Moment, plainly_within, text};
use std::fmt::Write;
use std::io::ErrorKind;

/// The most columns of what somebody says in the clear.
const MAX_SAID: usize = 300;

/// The key of a server, and whence it is known.
#[derive(Debug)]
pub struct Pin {
    /// What the connection takes.
    pub(super) accepts: Accepts,
    place: String,
    known: Vec<Fingerprint>,
    /// As in "its key is not that of FILE".
    pub(super) whence: String,
}

impl Pin {
    /// The server at `place` has one of these keys, which `whence` says, as in "not that of FILE, line 3".
    pub fn new(place: &str, known: &[Fingerprint], whence: &str) -> Pin {
        let (known, place, whence) = (known.to_vec(), place.to_owned(), whence.to_owned());
        Pin { accepts: Accepts::These(known.clone()), place, known, whence }
    }

    /// The server at `place` has a certificate for `name`, of an authority that the system trusts: `accepts` says it.
    pub fn named(place: &str, name: &str, accepts: Accepts) -> Pin {
        let whence = format!("that of a certificate for {name}, for which an authority of this system vouches");
        Pin { accepts, place: place.to_owned(), known: Vec::new(), whence }
    }

    /// Why there is no connection.
    pub(super) fn error(&self, why: NoTls) -> LinkError {
        match why {
            NoTls::OtherKey(shown) => LinkError::OtherKey(self.other_key(shown)),
            NoTls::NotTrusted(why) => LinkError::NotTrusted(self.not_trusted(&why)),
            NoTls::Failed(error) if is_of_the_way(error.kind()) => LinkError::Connect(no_connection(&error)),
            NoTls::InTheClear(_) => LinkError::InTheClear(no_tls(&why)),
            why => LinkError::NoTls(no_tls(&why)),
        }
    }

    fn not_trusted(&self, why: &Mistrust) -> String {
        format!("the certificate of {} {}. Nothing was sent there", self.place, mistrust(why))
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
        NoTls::NotTrusted(why) => format!("its certificate {}", mistrust(why)),
        NoTls::InTheClear(said) => in_the_clear(said),
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

/// What somebody says in the clear where TLS should begin, as far as it is shown. It may be why there is no connection, as a
/// ban; and it proves nothing.
fn in_the_clear(said: &str) -> String {
    let said = match Reply::parse(said) {
        Reply::Err(why) => why.to_string(),
        _ => said.to_owned(),
    };
    let said = plainly_within(&said, MAX_SAID);
    format!("it says in the clear, which anybody on the way can say and which proves nothing: {said}")
}

/// What is wrong with a certificate and what to do, behind its name.
fn mistrust(why: &Mistrust) -> String {
    match why {
        Mistrust::Expired(time) => format!(
            "ended at {}, or one did that vouches for it: ask whoever runs the server for a new one, or set this machine's \
             clock right",
            Moment::of(*time)
        ),
        Mistrust::NotYetValid(time) => {
            format!("counts from {} on: set this machine's clock right, or wait", Moment::of(*time))
        }
        Mistrust::OtherNames(names) if names.is_empty() => {
            "bears no name that counts (a host name or an address as its subjectAltName, and behind a * two words): ask \
             whoever runs the server for one that does"
                .to_owned()
        }
        Mistrust::OtherNames(names) => format!(
            "is for {}: give a name of these with --tls-name where it is the server that you mean{}",
            text::escape(&names.join(", ")),
            if names.iter().any(|name| name.starts_with('*')) { ", with its own word for the *" } else { "" }
        ),
        Mistrust::SelfSigned => {
            "hangs on itself alone (it is self-signed, or an authority's own), so nobody vouches for it: do \
                                 without --tls-name, and compare the server's key"
                .to_owned()
        }
        Mistrust::UnknownAuthority => {
            "hangs on an authority that this system does not trust: install the certificate of that \
                                       authority in the system, or do without --tls-name, and compare the server's key"
                .to_owned()
        }
        Mistrust::Other(why) => {
            format!("is not taken: {}. Ask whoever runs the server for another one", text::escape(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

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
        assert!(matches!(&pin.accepts, Accepts::These(known) if *known == [one]));
    }

    #[test]
    fn what_is_said_in_the_clear_is_shown_as_what_proves_nothing() {
        let pin = Pin::new("10.0.0.1:4403", &[Fingerprint([1; 32])], "known");
        let told = |said: &str| match pin.error(NoTls::InTheClear(said.to_owned())) {
            LinkError::InTheClear(told) => told,
            other => panic!("{other:?}"),
        };
        let ban = "Banned by the house until 2026-11-28 19:05 UTC: flood";
        let start = "it says in the clear, which anybody on the way can say and which proves nothing: ";
        assert_eq!(told(&format!("ERR,{ban}")), format!("{start}{ban}"));
        assert_eq!(told("220 mail\u{202e}"), format!("{start}220 mail\\u{{202e}}"));
        assert!(told(&format!("ERR,{}", "x".repeat(4000))).len() < start.len() + 2 * MAX_SAID, "it is bounded");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_with_what_to_do() {
        let pin = Pin::named("10.0.0.1:4403", "chat.example", Accepts::Any);
        let told = |why| match pin.error(NoTls::NotTrusted(why)) {
            LinkError::NotTrusted(told) => told,
            other => panic!("{other:?}"),
        };
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        for (why, part) in [
            (Mistrust::Expired(time), "of 10.0.0.1:4403 ended at 2023-11-14 22:13 UTC, or one"),
            (Mistrust::NotYetValid(time), "counts from 2023-11-14 22:13 UTC on: set this machine's clock right"),
            (Mistrust::OtherNames(Vec::new()), "bears no name"),
            (Mistrust::OtherNames(vec!["a.example".into(), "\u{1b}[2J".into()]), "is for a.example, \\u{1b}[2J: give"),
            (
                Mistrust::OtherNames(vec!["*.b.example".into()]),
                "is for *.b.example: give a name of these with --tls-name where it is the server that you mean, with its own \
                 word for the *. Nothing",
            ),
            (Mistrust::SelfSigned, "hangs on itself alone"),
            (Mistrust::UnknownAuthority, "does not trust: install"),
            (
                Mistrust::Other("bad".into()),
                "is not taken: bad. Ask whoever runs the server for another one. Nothing was sent there",
            ),
        ] {
            let told = told(why);
            assert!(told.contains(part), "{told}");
        }
    }
}
