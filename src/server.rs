//! The rendezvous server as a whole: its sockets, its threads, and their ordered end.

// Set-up.
pub mod config;
pub mod limits;

// State, each with its lock inside.
pub mod password;
pub mod throttle;
pub mod rate;
pub mod accounts;
pub mod history;
pub mod mailbox;
pub mod loopback;
pub mod roster;

// Behaviour.
pub mod outbox;
pub mod broadcaster;
pub mod rendezvous;
pub mod login;
pub mod probe;
pub mod member;
pub mod session;
pub mod menu_session;
pub mod packet_session;
pub mod comma_session;

use crate::net::Shutdown;
use crate::net::listener::{self, Connections, Service};
use crate::protocol::Hello;
use comma_session::Queries;
use config::Config;
use log::{debug, warn};
use menu_session::Menus;
use packet_session::Packets;
use rendezvous::Rendezvous;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// How often the system is asked for a port that is free for TCP and UDP both.
const PORT_TRIES: usize = 20;
/// A datagram from a client is one short line; what is longer is none of ours.
const MAX_HELLO: usize = 128;

/// A server whose sockets are bound: clients can connect already.
pub struct Server {
    house: Rendezvous,
    listener: TcpListener,
    datagrams: UdpSocket,
    address: SocketAddr,
    dialects: Vec<Door>,
    connections: Connections,
    stop: Arc<Shutdown>,
}

/// A bound port of one of the originals' dialects.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    dialect: Dialect,
}

/// Which of them.
#[derive(Clone, Copy)]
enum Dialect {
    Menu { quiet: bool },
    Query,
    Packet,
}

impl Dialect {
    /// As printed at the start.
    fn name(self) -> &'static str {
        match self {
            Dialect::Menu { quiet: false } => "menu",
            Dialect::Menu { quiet: true } => "menu:quiet",
            Dialect::Query => "query",
            Dialect::Packet => "packet",
        }
    }

    /// The option that opens its port.
    fn option(self) -> &'static str {
        match self {
            Dialect::Menu { .. } => "--menu-port",
            Dialect::Query => "--query-port",
            Dialect::Packet => "--packet-port",
        }
    }
}

impl Server {
    /// Checks the limits, opens the data folder, binds the port.
    ///
    /// # Errors
    /// One sentence that names what is wrong and what to change.
    pub fn bind(config: Config, stop: Arc<Shutdown>) -> Result<Server, String> {
        let dialect_ports = config.menu_ports.len() + config.query_port.iter().len() + config.packet_port.iter().len();
        limits::check(config.max_clients, dialect_ports)?;
        let house = Rendezvous::open(config)?;
        let wanted = SocketAddr::new(house.config.bind, house.config.port);
        let (listener, datagrams) = bind_both(wanted)
            .map_err(|error| format!("{wanted}: {error}; stop what uses the port or choose another with --port"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let dialects = bind_dialects(&house.config)?;
        let connections = Connections::new(house.config.max_clients);
        Ok(Server { house, listener, datagrams, address, dialects, connections, stop })
    }

    /// The address of the main port, TCP and UDP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses of the dialects' ports, each with the dialect's name.
    pub fn dialects(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> {
        self.dialects.iter().map(|door| (door.address, door.dialect.name()))
    }

    /// Serves until the stop is triggered, then tells everybody, closes every connection and joins every thread.
    pub fn run(&self) {
        self.stop.wake_receiver(self.address);
        thread::scope(|scope| {
            scope.spawn(|| {
                self.house.broadcaster.run(&self.house.history, &self.datagrams, self.house.config.udp_loss, &self.stop)
            });
            scope.spawn(|| self.receive_hellos());
            scope.spawn(|| self.sweep());
            scope.spawn(|| self.end_when_stopped());
            for door in &self.dialects {
                scope.spawn(|| self.serve_dialect(door));
            }
            listener::run(&self.listener, &self.connections, &self.stop, &Native(&self.house));
        });
    }

    fn serve_dialect(&self, door: &Door) {
        let (house, connections, stop) = (&self.house, &self.connections, &self.stop);
        match door.dialect {
            Dialect::Menu { quiet } => listener::run(&door.listener, connections, stop, &Menus { house, quiet }),
            Dialect::Query => thread::scope(|scope| {
                scope.spawn(|| comma_session::probe_guests(house, stop));
                listener::run(&door.listener, connections, stop, &Queries(house));
            }),
            Dialect::Packet => {
                listener::run(&door.listener, connections, stop, &Packets { house, port: door.address.port() });
            }
        }
    }

    /// Takes the clients' hello datagrams.
    fn receive_hellos(&self) {
        let mut buffer = [0; MAX_HELLO];
        while !self.stop.is_triggered() {
            let (length, from) = match self.datagrams.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) => {
                    // Linux reports here that an earlier datagram found no receiver: that client is gone.
                    debug!("receiving a datagram: {error}");
                    continue;
                }
            };
            let from = SocketAddr::new(from.ip().to_canonical(), from.port());
            let head = self.house.history.head();
            let counts = Hello::parse(&buffer[..length])
                .is_some_and(|hello| self.house.broadcaster.hello(hello, from, head, Instant::now()));
            if !counts && length > 0 {
                debug!("{from}: a datagram that is no hello of a session there");
            }
        }
    }

    /// Applies the inactivity rule whenever it may demand something.
    fn sweep(&self) {
        let mut next = Instant::now();
        while !self.stop.wait(next.saturating_duration_since(Instant::now())) {
            next = self.house.sweep(Instant::now());
        }
    }

    /// Waits for the end and wakes whoever is blocked: the sessions in their reads, the broadcaster in its wait.
    fn end_when_stopped(&self) {
        while !self.stop.wait(std::time::Duration::from_secs(3600)) {}
        self.house.say_goodbye();
        self.connections.close_all();
        self.house.broadcaster.stop();
    }
}

/// The main port's protocol.
struct Native<'a>(&'a Rendezvous);

impl Service for Native<'_> {
    const NAME: &'static str = "client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr) {
        session::run(self.0, stream, peer);
    }

    fn refuse(&self, stream: &TcpStream) {
        session::refuse(stream, self.0.config.max_clients);
    }
}

/// Binds the ports of the dialects that the options ask for.
fn bind_dialects(config: &Config) -> Result<Vec<Door>, String> {
    // A packet client listens on this port number at its own address of 127/8, which "any address" would take away.
    let packet = config.packet_port.map(|port| (Dialect::Packet, IpAddr::from(Ipv4Addr::LOCALHOST), port));
    let query = config.query_port.map(|port| (Dialect::Query, config.bind, port));
    let menus = config.menu_ports.iter().map(|menu| (Dialect::Menu { quiet: menu.quiet }, config.bind, menu.port));
    let wanted = menus.chain(query).chain(packet);
    let bind = |(dialect, ip, port): (Dialect, IpAddr, u16)| {
        let address = SocketAddr::new(ip, port);
        let bound = listener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| {
            format!("{address}: {error}; stop what uses the port or choose another with {}", dialect.option())
        })?;
        Ok(Door { listener, address, dialect })
    };
    wanted.map(bind).collect()
}

/// Binds TCP and UDP to the same port number; with port 0 the system chooses one that is free for both.
fn bind_both(wanted: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        let listener = listener::bind(wanted)?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(datagrams) => return Ok((listener, datagrams)),
            Err(error) if wanted.port() == 0 && tries < PORT_TRIES => {
                warn!("UDP port: {error}; trying another");
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
