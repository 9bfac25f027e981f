//! A network that cuts connections between peers, and holds them up: a client believes that a meddler is its server,
//! and connects to its peers through it. As the meddler sees the tickets on their way, it can prove what it likes.

use super::LIMIT;
use super::callee::{read_line, shown_in};
use peerline::net::listener::{Service, run};
use peerline::net::{Connections, Place, Refused, Shutdown};
use peerline::peer_protocol::{Proof, Side};
use peerline::value::Ticket;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown as Direction, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What becomes of what a peer sends on one connection.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// All of it passes.
    Pass,
    /// So many bytes pass, then the connection is closed.
    Cut(u64),
    /// So many bytes pass, then nothing more.
    Hold(u64),
}

/// The next connection's fate.
pub type Fates = Box<dyn FnMut() -> Fate + Send>;

/// A listener with a service, until it is dropped.
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    connections: Arc<Connections>,
    stop: Arc<Shutdown>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Listens on a free port of `ip`.
    pub fn start<S: Service + Send + 'static>(ip: &str, service: S) -> Listening {
        Listening::on(TcpListener::bind((ip, 0)).expect("an address of loopback"), service)
    }

    /// Listens here.
    pub fn on<S: Service + Send + 'static>(listener: TcpListener, service: S) -> Listening {
        let address = listener.local_addr().expect("bound");
        let (connections, stop) = (Arc::new(Connections::new(100)), Arc::new(Shutdown::new()));
        let (open, end) = (Arc::clone(&connections), Arc::clone(&stop));
        let thread = Some(thread::spawn(move || run(&listener, &open, &end, &service)));
        Listening { address, connections, stop, thread }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.trigger();
        self.connections.close_all();
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Stands between one client and everybody else.
pub struct Meddler {
    /// What the client is told to be the server.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _listening: [Listening; 2],
}

struct Shared {
    server: SocketAddr,
    target: Mutex<Option<SocketAddr>>,
    tickets: Mutex<Vec<Ticket>>,
    fates: Mutex<Fates>,
    passed: AtomicU64,
}

/// The way to the server, on which the addresses of peers are replaced by ours.
struct ToServer {
    shared: Arc<Shared>,
    peers: SocketAddr,
}

/// The way to peers.
struct ToPeer(Arc<Shared>);

impl Meddler {
    /// Meddles with the connections to peers as `fates` says, one after the other.
    pub fn start(server: SocketAddr, fates: Fates) -> Meddler {
        let (target, tickets, passed) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { server, target, tickets, fates: Mutex::new(fates), passed });
        let peers = Listening::start("127.0.0.1", ToPeer(Arc::clone(&shared)));
        let front = Listening::start("127.0.0.1", ToServer { shared: Arc::clone(&shared), peers: peers.address });
        Meddler { address: front.address, shared, _listening: [front, peers] }
    }

    /// How many bytes of peers have passed so far.
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

/// Copies until one side ends, `wanted` bytes at the most.
fn copy(mut from: &TcpStream, mut to: &TcpStream, mut wanted: u64, count: impl Fn(u64)) {
    let mut buffer = vec![0; 1 << 16];
    while wanted > 0 {
        let room = usize::try_from(wanted).unwrap_or(buffer.len()).min(buffer.len());
        let Ok(read @ 1..) = from.read(&mut buffer[..room]) else { return };
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
        count(read as u64);
        wanted -= read as u64;
    }
}

impl Shared {
    /// Passes the first line and the proofs on, each with the address that its reader expects.
    fn prove(&self, mut client: &TcpStream, mut peer: &TcpStream, target: SocketAddr) {
        let first = read_line(client);
        let ticket = shown_in(&first, self.tickets.lock().expect("no panic").iter()).expect("an introduction");
        let own = client.local_addr().expect("connected");
        let line = |side, callee| format!("{}\n", Proof::of(side, ticket, callee, first.trim_end()));
        peer.write_all(first.as_bytes()).expect("sent");
        let proof = read_line(peer);
        let is_proven = proof == line(Side::Callee, target);
        let passed = if is_proven { line(Side::Callee, own) } else { proof };
        // An error says that the client has left.
        let sent = client.write_all(passed.as_bytes());
        if is_proven && sent.is_ok() && read_line(client) == line(Side::Caller, own) {
            peer.write_all(line(Side::Caller, target).as_bytes()).expect("sent");
        }
    }
}

impl Service for ToServer {
    const NAME: &'static str = "meddler to the server";

    fn serve(&self, client: &Arc<TcpStream>, _: SocketAddr, _: &Place<'_>) {
        let server = TcpStream::connect_timeout(&self.shared.server, LIMIT).expect("the server is there");
        thread::scope(|scope| {
            scope.spawn(|| {
                copy(client, &server, u64::MAX, |_| {});
                let _ = server.shutdown(Direction::Both);
            });
            for line in BufReader::new(&server).lines().map_while(Result::ok) {
                if let Some((_, hex)) = line.strip_prefix("ticket_").and_then(|rest| rest.split_once('_')) {
                    self.shared.tickets.lock().expect("no panic").push(hex.parse().expect("a ticket"));
                }
                let line = match line.strip_prefix("peer_").and_then(|address| address.parse().ok()) {
                    Some(address) => {
                        *self.shared.target.lock().expect("no panic") = Some(address);
                        format!("peer_{}", self.peers)
                    }
                    None => line,
                };
                if (&**client).write_all(format!("{line}\n").as_bytes()).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Direction::Both);
        });
    }

    fn refuse(&self, _: &TcpStream, _: Refused) {}
}

impl Service for ToPeer {
    const NAME: &'static str = "meddler to a peer";

    fn serve(&self, client: &Arc<TcpStream>, _: SocketAddr, _: &Place<'_>) {
        // First, as it may take a while: a peer that is connected sends as much as the system takes.
        let fate = self.0.fates.lock().expect("no panic")();
        let target = self.0.target.lock().expect("no panic").expect("an introduction");
        // It may have left meanwhile.
        let Ok(peer) = TcpStream::connect_timeout(&target, LIMIT) else { return };
        self.0.prove(client, &peer, target);
        let passed = |read| {
            self.0.passed.fetch_add(read, Ordering::SeqCst);
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                copy(client, &peer, u64::MAX, |_| {});
                let _ = peer.shutdown(Direction::Both);
            });
            match fate {
                Fate::Pass => copy(&peer, client, u64::MAX, passed),
                Fate::Cut(bytes) => copy(&peer, client, bytes, passed),
                // Until the client gives up, which the copier above sees.
                Fate::Hold(bytes) => return copy(&peer, client, bytes, passed),
            }
            let _ = client.shutdown(Direction::Both);
        });
    }

    fn refuse(&self, _: &TcpStream, _: Refused) {}
}
