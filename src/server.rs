//! The rendezvous server as a whole: its sockets, its threads, and their ordered end.

pub mod allocator;
pub mod task;
pub mod config;
mod limits;
mod counters;
mod auth;
pub(crate) mod store;
#[cfg(feature = "cluster")]
mod shared;
pub(crate) mod delivery;
mod clients;
mod directory;
mod service;
mod find;
mod session;
mod control;
pub mod ctl;

use crate::dialect::Dialect;
use crate::net::listener;
use crate::net::tls::Identity;
use crate::net::tuning::Whose;
use crate::net::{AddressedSocket, Connections, Shutdown};
use crate::program::{LogWriter, is_plain};
use crate::protocol::{FIND_PORT, Hello, MAX_HELLO};
use crate::trace::{Event, Output, Projector, ServerMask, Sinks, Trace};
use crate::value::Fingerprint;
use config::Config;
use control::{ControlSocket, Desk};
use directory::Ports;
use find::{Responder, Told};
use log::{debug, warn};
use service::Rendezvous;
use session::{Menus, Native, NativeTls, Packets, Queries, probe_guests};
use std::io::{self, ErrorKind, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};
use store::open_identity;

/// How often the system is asked for a port that is free for TCP and UDP both.
const PORT_TRIES: usize = 20;

/// A server whose sockets are bound: clients can connect already.
pub struct Server {
    services: Rendezvous,
    listener: TcpListener,
    datagrams: AddressedSocket,
    responder: Option<Responder>,
    address: SocketAddr,
    tls: Option<TlsPort>,
    dialects: Vec<Port>,
    control: Option<ControlSocket>,
    connections: Connections,
    stop: Arc<Shutdown>,
}

/// The bound port for TLS.
struct TlsPort {
    listener: TcpListener,
    address: SocketAddr,
    identity: Identity,
}

/// A bound port of one of the originals' dialects.
struct Port {
    listener: TcpListener,
    address: SocketAddr,
    dialect: Dialect,
}

/// The option that opens a dialect's port.
fn option(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Menu { .. } => "--menu-port",
        Dialect::Query => "--query-port",
        Dialect::Packet => "--packet-port",
    }
}

impl Server {
    /// Checks the limits, opens the data folder, binds the port.
    ///
    /// # Errors
    /// One sentence that names what is wrong and what to change.
    pub fn bind(config: Config, stop: Arc<Shutdown>) -> Result<Server, String> {
        let dialect_ports = config.menu_ports.len() + config.query_port.iter().len() + config.packet_port.iter().len();
        limits::check(config.max_clients, dialect_ports + usize::from(config.tls_port.is_some()))?;
        let trace = start_trace(&config)?;
        // Its thread is joined also where nothing else can be had.
        Server::bind_recorded(config, stop, &trace).inspect_err(|_| trace.finish())
    }

    fn bind_recorded(config: Config, stop: Arc<Shutdown>, trace: &Trace) -> Result<Server, String> {
        let services = Rendezvous::open(config, trace.clone())?;
        let identity = services.config.tls_port.map(|_| open_identity(&services.config)).transpose()?;
        let wanted = SocketAddr::new(services.config.plain_bind(), services.config.port);
        let (listener, datagrams) = bind_both(wanted).map_err(|error| not_bound(wanted, &error, "--port"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let tls = identity.map(|identity| bind_tls(&services.config, identity)).transpose()?;
        let by_tls = tls.as_ref().map(|tls| (tls.address.port(), tls.identity.fingerprint()));
        services.is_bound(Ports { clear: address.port(), tls: by_tls });
        let dialects = bind_dialects(&services.config)?;
        let connections = Connections::with_login(services.config.max_clients, services.config.per_address())
            .recorded(&services.trace);
        let responder = bind_responder(&services.config, address, tls.as_ref().map(|tls| tls.address));
        let control = bind_control(&services.config);
        Ok(Server { services, listener, datagrams, responder, address, tls, dialects, control, connections, stop })
    }

    /// The address of the main port, TCP and UDP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the port for TLS, and by what the server's key is known.
    pub fn tls(&self) -> Option<(SocketAddr, Fingerprint)> {
        self.tls.as_ref().map(|tls| (tls.address, tls.identity.fingerprint()))
    }

    /// The addresses of the dialects' ports, each with the dialect's name.
    pub fn dialects(&self) -> impl Iterator<Item = (SocketAddr, &'static str)> {
        self.dialects.iter().map(|port| (port.address, port.dialect.name()))
    }

    /// Serves until the stop is triggered, then tells everybody, closes every connection and joins every thread.
    pub fn run(&self) {
        self.services.trace.record(|| Event::Start { who: "server", at: Some(self.address) });
        self.stop.wake_receiver(self.address);
        let desk = Desk { services: &self.services, stop: &self.stop };
        thread::scope(|scope| {
            self.spawn(scope, "broadcaster", || self.services.send_broadcasts(&self.datagrams, &self.stop));
            self.spawn(scope, "history", || self.services.run_directory(&self.stop));
            self.spawn(scope, "datagrams", || self.receive_hellos());
            if let Some(responder) = &self.responder {
                self.spawn(scope, "find", || responder.run(|| self.services.client_count(), &self.stop));
            }
            if let Some(control) = &self.control {
                self.spawn(scope, "control", || control.run(&desk));
            }
            self.spawn(scope, "sweeper", || self.sweep());
            self.spawn(scope, "presence", || self.services.tell_watchers(&self.stop));
            self.spawn(scope, "end", || self.end_when_stopped());
            if self.dialects.iter().any(|port| port.dialect == Dialect::Query) {
                self.spawn(scope, "guest probe", || probe_guests(&self.services, &self.stop));
            }
            for port in &self.dialects {
                self.spawn(scope, &format!("port {}", port.dialect), || self.serve_dialect(port));
            }
            if let Some(tls) = &self.tls {
                self.spawn(scope, "port tls", || self.serve_tls(tls));
            }
            let tls_port = self.tls.as_ref().map(|tls| tls.address.port());
            let native = Native { services: &self.services, tls_port };
            listener::run(&self.listener, &self.connections, &self.stop, &native);
        });
        self.services.trace.finish();
    }

    /// Starts one of the server's own threads. A server that lacks one of them is none: it ends at once.
    fn spawn<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, name: &str, run: impl FnOnce() + Send + 'scope) {
        let named = name.to_owned();
        let run = move || {
            let _running = self.services.trace.thread(&named);
            run();
        };
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run) {
            warn!("no thread {name:?}: {error}; the server ends");
            self.stop.trigger();
            self.end();
        }
    }

    fn serve_tls(&self, tls: &TlsPort) {
        let native = NativeTls::new(&self.services, &tls.identity);
        listener::run(&tls.listener, &self.connections, &self.stop, &native);
    }

    fn serve_dialect(&self, port: &Port) {
        let (services, connections, stop) = (&self.services, &self.connections, &self.stop);
        match port.dialect {
            Dialect::Menu { quiet } => listener::run(&port.listener, connections, stop, &Menus { services, quiet }),
            Dialect::Query => listener::run(&port.listener, connections, stop, &Queries(services)),
            Dialect::Packet => {
                let packets = Packets { services, port: port.address.port() };
                listener::run(&port.listener, connections, stop, &packets);
            }
        }
    }

    /// Takes the clients' hello datagrams.
    fn receive_hellos(&self) {
        let mut buffer = [0; MAX_HELLO];
        while !self.stop.is_triggered() {
            let arrival = match self.datagrams.receive(&mut buffer) {
                Ok(arrival) => arrival,
                Err(error) => {
                    // Linux reports here that an earlier datagram found no receiver: that client is gone.
                    debug!("receiving a datagram: {error}");
                    continue;
                }
            };
            let bytes = &buffer[..arrival.length];
            let counts = Hello::parse(bytes).is_some_and(|hello| {
                self.services.trace.record(|| acked(&hello, arrival.from, bytes));
                self.services.hello(hello, arrival)
            });
            if !counts && arrival.length > 0 {
                debug!("{}: a datagram that is no hello of a session there", arrival.from);
            }
        }
    }

    /// Applies the inactivity rule whenever it may demand something.
    fn sweep(&self) {
        let mut next = Instant::now();
        while !self.stop.wait(next.saturating_duration_since(Instant::now())) {
            next = self.services.sweep(Instant::now());
        }
    }

    /// Waits for the end, and wakes all that are blocked: the sessions in their reads, the broadcaster in its wait.
    fn end_when_stopped(&self) {
        while !self.stop.wait(Duration::from_secs(3600)) {}
        self.end();
    }

    fn end(&self) {
        if let Some(control) = &self.control {
            control.close();
        }
        self.services.say_goodbye();
        self.connections.close_all();
        self.services.stop_broadcasts();
        self.services.end_watch();
    }
}

/// Starts what records, if something does.
fn start_trace(config: &Config) -> Result<Trace, String> {
    let file = config.trace.as_deref().map(Output::create).transpose()?;
    let start = || {
        let is_terminal = io::stdout().is_terminal();
        let projector = Projector::new(is_terminal && !is_plain());
        let projector = if is_terminal { projector.for_terminal(terminal_columns) } else { projector };
        LogWriter::start(io::stdout()).map(|screen| (projector, screen))
    };
    let screen = config.show.then(start).transpose().map_err(|error| format!("no thread for --show: {error}"))?;
    Trace::start(Sinks { file, screen })
}

/// The columns of the terminal that standard output is, where they are known.
fn terminal_columns() -> Option<usize> {
    #[cfg(feature = "screen")]
    return terminal_size::terminal_size_of(io::stdout()).map(|(columns, _)| columns.0.into()).filter(|n| *n > 0);
    #[cfg(not(feature = "screen"))]
    None
}

/// A hello as it is recorded.
fn acked(hello: &Hello, from: SocketAddr, bytes: &[u8]) -> Event {
    let received = hello.received.as_ref();
    Event::Acked {
        token: hello.token,
        from,
        upto: hello.last_seq,
        top: received.map(|received| received.top),
        missing: received.map(|received| received.missing.clone()).unwrap_or_default(),
        bytes: ServerMask::whole(bytes),
    }
}

/// Binds the ports of the dialects that the options ask for.
fn bind_dialects(config: &Config) -> Result<Vec<Port>, String> {
    // A packet client listens on this port number at its own address of 127/8, which "any address" would take away.
    let packet = config.packet_port.map(|port| (Dialect::Packet, IpAddr::from(Ipv4Addr::LOCALHOST), port));
    let query = config.query_port.map(|port| (Dialect::Query, config.plain_bind(), port));
    let menus =
        config.menu_ports.iter().map(|menu| (Dialect::Menu { quiet: menu.quiet }, config.plain_bind(), menu.port));
    let wanted = menus.chain(query).chain(packet);
    let bind = |(dialect, ip, port): (Dialect, IpAddr, u16)| {
        let (address, listener) = bind_port(SocketAddr::new(ip, port), option(dialect))?;
        Ok(Port { listener, address, dialect })
    };
    wanted.map(bind).collect()
}

/// Binds the port for TLS.
fn bind_tls(config: &Config, identity: Identity) -> Result<TlsPort, String> {
    let wanted = SocketAddr::new(config.bind, config.tls_port.unwrap_or_default());
    let (address, listener) = bind_port(wanted, "--tls-port")?;
    Ok(TlsPort { listener, address, identity })
}

/// Binds a port that this option has asked for.
fn bind_port(wanted: SocketAddr, option: &str) -> Result<(SocketAddr, TcpListener), String> {
    let bound = listener::bind(wanted, Whose::Server).and_then(|listener| Ok((listener.local_addr()?, listener)));
    bound.map_err(|error| not_bound(wanted, &error, option))
}

/// Why a port is not to be had, and what helps.
fn not_bound(wanted: SocketAddr, error: &io::Error, option: &str) -> String {
    let helps = match error.kind() {
        ErrorKind::AddrNotAvailable => "this machine has no such address: give one of its own with --bind".to_owned(),
        ErrorKind::PermissionDenied => {
            format!("a port below 1024 needs root: choose another with {option}")
        }
        ErrorKind::AddrInUse => format!("stop what uses the port or choose another with {option}"),
        _ => format!("choose another with --bind or {option}"),
    };
    format!("{wanted}: {error}; {helps}")
}

/// The socket by which whoever runs the server speaks with it. Where there can be none, signals stop it all the same.
fn bind_control(config: &Config) -> Option<ControlSocket> {
    let bound = ControlSocket::bind(&config.data);
    bound.inspect_err(|error| warn!("{}/control.sock: {error}; `server ctl` is not served", config.data.display())).ok()
}

/// The socket by which clients find this server. Who knows its address can do without.
fn bind_responder(config: &Config, main: SocketAddr, tls: Option<SocketAddr>) -> Option<Responder> {
    if config.no_find {
        return None;
    }
    let name = config.server_name();
    let bound = Responder::bind(FIND_PORT, Told { name, main, tls, max_clients: config.max_clients });
    bound.inspect_err(|error| warn!("UDP port {FIND_PORT}: {error}; clients must be given this server's address")).ok()
}

/// Binds TCP and UDP to the same port number; with port 0 the system chooses one that is free for both.
fn bind_both(wanted: SocketAddr) -> io::Result<(TcpListener, AddressedSocket)> {
    let mut tries = 0;
    loop {
        let listener = listener::bind(wanted, Whose::Server)?;
        match AddressedSocket::bind(listener.local_addr()?) {
            Ok(datagrams) => return Ok((listener, datagrams)),
            Err(error) if wanted.port() == 0 && tries < PORT_TRIES => {
                warn!("UDP port: {error}; trying another");
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_against_a_port_that_is_not_to_be_had() {
        let wanted = SocketAddr::from(([10, 0, 0, 1], 80));
        for (kind, helps) in [
            (ErrorKind::AddrInUse, "stop what uses the port or choose another with --query-port"),
            (ErrorKind::AddrNotAvailable, "this machine has no such address: give one of its own with --bind"),
            (ErrorKind::PermissionDenied, "a port below 1024 needs root: choose another with --query-port"),
        ] {
            let said = not_bound(wanted, &kind.into(), "--query-port");
            assert!(said.starts_with("10.0.0.1:80: ") && said.ends_with(&format!("; {helps}")), "{said}");
        }
    }
}
