//! Accepting connections: one thread each, never more than agreed, every one closed and joined at the end.
//!
//! The loop knows nothing of what is said on a connection. It serves the main port, the dialect ports and the
//! client's own port for peers.

use crate::net::Shutdown;
use log::warn;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, Shutdown as Direction, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the kernel holds until they are accepted. The 128 of std make the SYNs of a class of students
/// that starts at once wait a second each; a server for thousands wants thousands.
const BACKLOG: i32 = 4096;
/// The stack of a connection's thread, in bytes: 10,000 of them fit a small machine. Less saves nothing, as only
/// touched pages are resident, and overflows while a panic is being printed.
pub const STACK: usize = 64 * 1024;
/// Connections over the maximum that are told so at the same time; more are closed without a word.
const REFUSALS: usize = 8;
/// A refused or ended peer gets this long to read its last line.
const LINGER: Duration = Duration::from_secs(1);
/// The pause after an `accept` that failed, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a listening socket with a long backlog, and `SO_REUSEADDR`, so that a restart need not wait for the old
/// connections' TIME_WAIT.
///
/// # Errors
/// What the system says: address in use, not ours, or not permitted.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Has the kernel find a dead peer within two minutes, and send small lines at once (Nagle's algorithm off).
///
/// # Errors
/// What the system says; a connection that is closed already says so here.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.set_nodelay(true)
}

/// The address of this machine that the other end of a connection has reached, IPv4 as IPv4; an unspecified one if the
/// connection has ended.
pub fn reached_address(stream: &TcpStream) -> IpAddr {
    stream.local_addr().map_or(IpAddr::from([0; 4]), |address| address.ip().to_canonical())
}

/// Ends a connection so that the last line arrives: says that no more comes, then reads away what the peer still
/// sends, for a second at the most. Closing with unread bytes would reset the connection and lose the line.
pub fn close_gently(stream: &TcpStream) {
    let until = Instant::now() + LINGER;
    let mut sink = [0; 4096];
    let mut read_on = || {
        let left = until.saturating_duration_since(Instant::now());
        !left.is_zero()
            && stream.set_read_timeout(Some(left)).is_ok()
            && matches!((&mut &*stream).read(&mut sink), Ok(1..))
    };
    if stream.shutdown(Direction::Write).is_ok() {
        while read_on() {}
    }
}

/// The open connections of a program, over all its listeners: at most `max` at a time.
pub struct Connections {
    max: usize,
    state: Mutex<State>,
    /// A connection has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    next_id: u64,
    open: HashMap<u64, Arc<TcpStream>>,
    refusing: usize,
    closed: bool,
}

/// What becomes of a new connection.
enum Verdict {
    Serve(u64),
    Refuse(u64),
    Drop,
}

impl Connections {
    /// Room for `max` connections.
    pub fn new(max: usize) -> Connections {
        Connections { max, state: Mutex::default(), ended: Condvar::new() }
    }

    /// The most connections at a time.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Ends every connection, now and from now on. Their reads end at once, so that their threads can still write
    /// what is on its way; who takes longer than a moment for that is cut off.
    pub fn close_all(&self) {
        let mut state = self.lock();
        state.closed = true;
        for direction in [Direction::Read, Direction::Both] {
            let open: Vec<_> = state.open.values().cloned().collect();
            drop(state);
            for stream in open {
                // An error says that the connection has ended already.
                let _ = stream.shutdown(direction);
            }
            let waited = self.ended.wait_timeout_while(self.lock(), LINGER, |state| !state.open.is_empty());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn admit(&self, stream: &Arc<TcpStream>) -> Verdict {
        let mut state = self.lock();
        if state.closed {
            return Verdict::Drop;
        }
        let serving = state.open.len() - state.refusing;
        let id = state.next_id;
        let verdict = if serving < self.max {
            Verdict::Serve(id)
        } else if state.refusing < REFUSALS {
            state.refusing += 1;
            Verdict::Refuse(id)
        } else {
            return Verdict::Drop;
        };
        state.next_id += 1;
        state.open.insert(id, Arc::clone(stream));
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the place back when the connection's thread ends, also by a panic.
struct Place<'a> {
    connections: &'a Connections,
    id: u64,
    refused: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.open.remove(&self.id);
        state.refusing -= usize::from(self.refused);
        self.connections.ended.notify_all();
    }
}

/// What a listener does with its connections.
pub trait Service: Sync {
    /// The name of the connections' threads.
    const NAME: &'static str;

    /// Talks with one peer until the conversation ends; the connection is closed afterwards.
    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr);

    /// Tells a peer that there is no room, in one write that does not wait.
    fn refuse(&self, stream: &TcpStream);
}

/// Accepts connections until `stop`, each on a thread of its own, and returns when the last of them has ended.
/// Whoever triggers `stop` also calls [`Connections::close_all`].
pub fn run<S: Service>(listener: &TcpListener, connections: &Connections, stop: &Shutdown, service: &S) {
    if let Ok(address) = listener.local_addr() {
        stop.wake_listener(address);
    }
    thread::scope(|scope| {
        while !stop.is_triggered() {
            let accepted = listener.accept();
            // What came is the wake-up, or the error of a listener that was shut down so that its port is free while
            // the last ones still talk.
            if stop.is_triggered() {
                break;
            }
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!("accept: {error}");
                    stop.wait(ACCEPT_PAUSE);
                    continue;
                }
            };
            let stream = Arc::new(stream);
            let (id, refused) = match connections.admit(&stream) {
                Verdict::Serve(id) => (id, false),
                Verdict::Refuse(id) => (id, true),
                Verdict::Drop => continue,
            };
            let place = Place { connections, id, refused };
            let talk = move || converse(&stream, peer, &place, service);
            let named = thread::Builder::new().name(S::NAME.to_owned()).stack_size(STACK);
            if let Err(error) = named.spawn_scoped(scope, talk) {
                warn!("no thread for {peer}: {error}");
            }
        }
    });
}

fn converse(stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>, service: &impl Service) {
    // An IPv4 client of an IPv6 listener is shown, and compared, as the IPv4 client that it is.
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if tune(stream).is_err() {
        return;
    }
    if place.refused {
        service.refuse(stream)
    } else {
        service.serve(stream, peer)
    }
    close_gently(stream);
}
