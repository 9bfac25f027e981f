//! The native protocol by TLS: the handshake, and then the same conversation as in the clear.

use super::native_loop::{Connection, Native};
use crate::net::listener::{Service, say_at_once};
use crate::net::tls::{Decrypting, Identity};
use crate::net::{DeadlineReader, Origin, PerAddress, Place, Refused, STRANGER_RATE, TLS_HELLO, first_byte};
use crate::protocol::{Refusal, Reply};
use crate::server::service::Rendezvous;
use log::info;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a handshake may take, from the connection on; no longer than a login.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Handshakes of one public address at a time. Those of loopback and of private networks have the share of connections
/// without a login alone.
const HANDSHAKES: PerAddress = PerAddress { public: 16, private: usize::MAX };
/// What somebody hears who speaks something else.
const NO_TLS: &str = "This port speaks TLS: client --tls, or openssl s_client -quiet";

/// Serves the port for TLS.
pub struct NativeTls<'a> {
    native: Native<'a>,
    identity: &'a Identity,
    handshakes: Handshakes,
}

impl<'a> NativeTls<'a> {
    /// The server is known by `identity`.
    pub fn new(services: &'a Rendezvous, identity: &'a Identity) -> NativeTls<'a> {
        NativeTls { native: Native { services, tls_port: None }, identity, handshakes: Handshakes::default() }
    }

    /// The reading side of a connection whose handshake is over; nothing where there is none: the other side was told why.
    ///
    /// Out of line, and in a Box: what a handshake has on the stack does not lie under the conversation.
    #[inline(never)]
    fn shake_hands(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) -> Option<Box<Decrypting>> {
        let Some(_counted) = self.handshakes.begin(peer.ip()) else {
            self.refuse(stream, Refused::TooManyWithoutLogin(HANDSHAKES.of(peer.ip())));
            return None;
        };
        let until = Instant::now() + HANDSHAKE_LIMIT.min(self.native.services.config.login_limit);
        if !begins_with_tls(stream, until) {
            self.failed(peer, "it does not begin as TLS does");
            return None;
        }
        let mut input = DeadlineReader::new(Arc::clone(stream), Some(until));
        input.set_rate(Some(STRANGER_RATE));
        match Decrypting::accept(self.identity, stream, input, place.wire()) {
            Ok(decrypting) => Some(Box::new(decrypting)),
            Err(error) => {
                self.failed(peer, &in_words(&error));
                None
            }
        }
    }

    fn failed(&self, peer: SocketAddr, why: &str) {
        info!("{peer}: no TLS: {why}");
        self.native.services.counters.no_handshake.add(1);
    }
}

/// How many handshakes of each address are under way. Locked for a look.
#[derive(Default)]
struct Handshakes(Mutex<HashMap<Origin, usize>>);

impl Handshakes {
    /// Counts a handshake until the value is dropped; nothing where the address has its share.
    fn begin(&self, from: IpAddr) -> Option<UnderWay<'_>> {
        let origin = Origin::of(from);
        let mut under_way = self.lock();
        let count = under_way.get(&origin).copied().unwrap_or_default();
        if count >= HANDSHAKES.of(from) {
            return None;
        }
        under_way.insert(origin, count + 1);
        Some(UnderWay { of: self, origin })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handshake that is under way.
struct UnderWay<'a> {
    of: &'a Handshakes,
    origin: Origin,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = self.of.lock();
        match under_way.get(&self.origin).map_or(0, |count| count.saturating_sub(1)) {
            0 => drop(under_way.remove(&self.origin)),
            left => drop(under_way.insert(self.origin, left)),
        }
    }
}

/// Whether a connection begins as TLS does. What begins otherwise, or does not begin at all, is a person who waits for a
/// greeting, and is told.
fn begins_with_tls(stream: &TcpStream, until: Instant) -> bool {
    match first_byte(stream, until) {
        Ok(TLS_HELLO) => return true,
        // Whoever has hung up, or was hung up on at the end of the server, was not waiting for this.
        Err(error) if error.kind() != ErrorKind::TimedOut => {}
        Ok(_) | Err(_) => {
            say_at_once(stream, format!("{}\n", Reply::Err(Refusal::Other(NO_TLS.to_owned()))).as_bytes());
        }
    }
    false
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => "the handshake took too long".to_owned(),
        ErrorKind::UnexpectedEof => "hung up before the end of the handshake".to_owned(),
        _ => error.to_string(),
    }
}

impl Service for NativeTls<'_> {
    const NAME: &'static str = "tls client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        place.shakes_hands();
        let Some(decrypting) = self.shake_hands(stream, peer, place) else { return };
        place.speaks_by(decrypting.channel());
        let services = self.native.services;
        let Some(mut connection) = Connection::open(services, stream, peer, place, Some(decrypting)) else { return };
        let _counted = services.counters.connected_by_tls();
        info!("{peer}: connected by TLS");
        connection.talk();
        connection.finish();
    }

    /// In the clear, as there was no handshake.
    fn refuse(&self, stream: &TcpStream, why: Refused) {
        self.native.refuse(stream, why);
    }

    fn turn_away(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        self.native.turn_away(peer)
    }

    fn give_way(&self) -> Option<Vec<u8>> {
        self.native.give_way()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_has_its_share_of_handshakes_and_others_are_not_concerned() {
        let handshakes = Handshakes::default();
        let (one, other) = (IpAddr::from([203, 0, 113, 7]), IpAddr::from([203, 0, 113, 8]));
        let mut held: Vec<_> = (0..16).map(|_| handshakes.begin(one).expect("its share")).collect();
        assert!(handshakes.begin(one).is_none());
        assert!(handshakes.begin(other).is_some());
        held.pop();
        held.extend(handshakes.begin(one));
        assert!(held.len() == 16 && handshakes.begin(one).is_none());
        // A class behind one router, or on one machine.
        let class: Vec<_> = (0..100).filter_map(|_| handshakes.begin([10, 0, 0, 1].into())).collect();
        assert_eq!(class.len(), 100);
        drop((held, class));
        assert!(handshakes.lock().is_empty(), "nothing is kept of who has gone");
    }
}
