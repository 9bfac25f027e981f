//! Where peers connect to us: one listener, and a second one for other machines where ours has an address of loopback.
//! Each connection has a thread. It knows no App and does not look at what is said.

use super::panic_told::PanicTold;
use super::threads::Threads;
use crate::client::call::{self, Signal, Signals};
use crate::client::dispatch::{self, Doorway, Means};
use crate::client::event::{CallEnd, CallId, Event};
use crate::net::listener::{self, Service};
use crate::net::tls::Channel;
use crate::net::tuning::Whose;
use crate::net::{Connections, Place, Refused, Shutdown, Standing};
use crate::peer_protocol::{Answer, PeerRefusal};
use crate::value::with_scope_of;
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Shutdown as Direction, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// The port on which clients listen, each on an address of its own. Not 4400: Linux refuses it to any address while
/// a server listens on 0.0.0.0:4400.
const PEER_PORT: u16 = 4401;

/// The listeners, and the connections of peers.
pub struct Incoming {
    /// Where the server is: a link-local address of ours is of its network.
    server: SocketAddr,
    /// The port on which the person insists.
    port: Option<u16>,
    peers: Arc<Peers>,
    /// Over all addresses where we have listened.
    connections: Arc<Connections>,
    own: Option<Listening>,
    /// For clients of other machines, where our own address is of the loopback network.
    wide: Option<Listening>,
}

/// Where we listen, and what ends it.
struct Listening {
    at: IpAddr,
    port: u16,
    listener: Arc<TcpListener>,
    stop: Arc<Shutdown>,
}

impl Incoming {
    /// Nobody listens yet.
    pub fn new(server: SocketAddr, port: Option<u16>, signals: Signals, means: Arc<Means>) -> Incoming {
        let peers = Arc::new(Peers { signals, means });
        let connections = Arc::new(Connections::with_introduction());
        Incoming { server, port, peers, connections, own: None, wide: None }
    }

    /// The server is here from now on.
    pub fn turn_to(&mut self, server: SocketAddr) {
        self.server = server;
    }

    /// Listens at `at`; gives `Event::Listening`. When that is another address than before, the old listener takes no
    /// more, and its connections go on.
    pub fn listen(&mut self, at: IpAddr, threads: &mut Threads) -> Event {
        if let Some(present) = self.own.as_ref().filter(|present| present.at == at) {
            return Event::Listening { at, port: Ok(present.port) };
        }
        // First, so that the new one may have the old one's port.
        self.own.take().into_iter().for_each(Listening::end);
        let bound = bind(at, self.port, self.server).map_err(|(port, error)| format!("port {port} on {at}: {error}"));
        let started = bound.and_then(|listener| self.accept(at, listener, threads).map_err(|error| error.to_string()));
        let port = started.as_ref().map(|listening| listening.port).map_err(Clone::clone);
        self.own = started.ok();
        Event::Listening { at, port }
    }

    /// Listens for clients of other machines on any port of `at` too, instead of where it did so before; gives
    /// `Event::ListeningWide`.
    pub fn listen_wide(&mut self, at: Option<IpAddr>, threads: &mut Threads) -> Option<Event> {
        self.wide.take().into_iter().for_each(Listening::end);
        let at = at?;
        let bound = listener::bind(SocketAddr::new(at, 0), Whose::Peers);
        let started = bound.and_then(|listener| self.accept(at, listener, threads));
        let port =
            started.as_ref().map(|listening| listening.port).map_err(|error| format!("no port on {at}: {error}"));
        self.wide = started.ok();
        Some(Event::ListeningWide { at, port })
    }

    fn accept(&self, at: IpAddr, listener: TcpListener, threads: &mut Threads) -> io::Result<Listening> {
        let port = listener.local_addr()?.port();
        let stop = Arc::new(Shutdown::new());
        let listener = Arc::new(listener);
        let (accepting, ended) = (Arc::clone(&listener), Arc::clone(&stop));
        let (peers, connections) = (Arc::clone(&self.peers), Arc::clone(&self.connections));
        threads.start("incoming", move || listener::run(&accepting, &connections, &ended, &*peers))?;
        Ok(Listening { at, port, listener, stop })
    }

    /// Lets the peer of this call keep its place. One that has ended needs none.
    pub fn keep_place(&self, call: CallId) {
        if let CallId::In(place) = call {
            self.connections.stand(place, Standing::Kept);
        }
    }

    /// Takes no more connections.
    pub fn stop(&mut self) {
        [self.own.take(), self.wide.take()].into_iter().flatten().for_each(Listening::end);
    }

    /// Ends the connections that are left, in two seconds at most.
    pub fn close_all(&self) {
        self.connections.close_all();
    }
}

impl Listening {
    fn end(self) {
        self.stop.trigger();
        // The thread goes on with its connections, for hours perhaps: who connects meanwhile must be told that
        // nobody accepts, and the port be free at once. An error says that the listener is gone already.
        let _ = SockRef::from(&*self.listener).shutdown(Direction::Both);
    }
}

/// `at` with the port that was asked for; else with the usual one, or any if that is taken.
fn bind(at: IpAddr, port: Option<u16>, server: SocketAddr) -> Result<TcpListener, (u16, io::Error)> {
    let address = |port| with_scope_of(SocketAddr::new(at, port), server);
    let on = |port| listener::bind(address(port), Whose::Peers).map_err(|error| (port, error));
    match port {
        Some(port) => on(port),
        None => on(PEER_PORT).or_else(|_| on(0)),
    }
}

/// What is done with the connections of peers.
struct Peers {
    signals: Signals,
    means: Arc<Means>,
}

impl Service for Peers {
    const NAME: &'static str = "peer";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let id = CallId::In(place.id());
        let (orders, call) = match call::new(id, self.signals.clone()) {
            Ok(ends) => ends,
            Err(error) => return log::warn!("peer {peer}: {error}"),
        };
        if self.signals.send(Signal::Incoming(id, orders, Arc::clone(stream))) {
            let end = Event::CallEnded { call: id, end: CallEnd::Over };
            let _told = PanicTold { event: end, signals: self.signals.clone() };
            let opens = || place.stand(Standing::Waiting);
            let encrypts = |channel: Option<&Arc<Channel>>| match channel {
                Some(channel) => place.speaks_by(channel),
                None => place.shakes_hands(),
            };
            let doorway = Doorway {
                is_hurried: place.is_hurried(),
                opens: &opens,
                shows: &|| place.shows(),
                encrypts: &encrypts,
            };
            dispatch::serve(call, Arc::clone(stream), peer, &doorway, &self.means);
        }
    }

    fn refuse(&self, stream: &TcpStream, _: Refused) {
        listener::say_at_once(stream, &refusal());
    }

    fn give_way(&self) -> Option<Vec<u8>> {
        Some(refusal())
    }
}

/// What one is told for whom there is no room.
fn refusal() -> Vec<u8> {
    format!("{}\n", Answer::Refused(PeerRefusal::TooManyConnections)).into_bytes()
}
