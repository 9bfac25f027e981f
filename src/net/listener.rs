//! Accepting connections: one thread each, never more than agreed, every one closed and joined at the end. A thread
//! whose connection has ended waits for the next one.
//!
//! The loop knows nothing of what is said on a connection. It serves the main port, the dialect ports and the
//! client's own port for peers.

use crate::net::Shutdown;
use crate::net::connections::{Connections, LINGER, Open, Place, Refused, Speech, Verdict};
use crate::net::spare_threads::SpareThreads;
use crate::net::tuning::{self, Whose, tune};
use crate::trace::Event;
use crate::value::canonical;
use log::warn;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown as Direction, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the kernel holds until they are accepted. The 128 of std make the SYNs of a class of students
/// that starts at once wait a second each; a server for thousands wants thousands.
const BACKLOG: i32 = 4096;
/// The stack of a connection's thread, in bytes: 10,000 of them fit a small machine. Less saves nothing, as only
/// touched pages are resident, and overflows while a panic is being printed. Whoever reads an answer of Redis goes deeper:
/// without optimization the crate takes some 10 KiB for each list, and 62 KiB of 64 were touched.
pub const STACK: usize = if cfg!(feature = "cluster") { 96 } else { 64 } * 1024;
/// Refused connections that are kept for a second each, so that their peers can read why; more end the oldest.
const REFUSED: usize = 64;
/// The pause after an `accept` that failed, most likely for want of descriptors, and where there is no thread.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a listening socket with a long backlog, and `SO_REUSEADDR`, so that a restart need not wait for the old
/// connections' TIME_WAIT. It is tuned before it listens: each connection has what its listener had when it came, also one
/// that waits to be accepted.
///
/// # Errors
/// What the system says: address in use, not ours, or not permitted.
pub fn bind(address: SocketAddr, whose: Whose) -> io::Result<TcpListener> {
    let socket = tuning::socket(address)?;
    socket.set_reuse_address(true)?;
    if let Err(error) = tune(&socket, whose) {
        warn!("the listener is not tuned: {error}");
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
    // On the heap: a thread that ends here would touch one page of its stack more than any other.
    let mut sink = vec![0; 4096];
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

/// Connections that were refused: closed a second later, so that the peer can read why. They need no thread.
#[derive(Default)]
struct Lingering(VecDeque<(Instant, Arc<TcpStream>)>);

impl Lingering {
    fn push(&mut self, stream: Arc<TcpStream>) {
        // An error says that the connection has ended already.
        let _ = stream.shutdown(Direction::Write);
        if self.0.len() >= REFUSED {
            self.0.pop_front();
        }
        self.0.push_back((Instant::now(), stream));
    }

    /// Waits for a connection, and closes those whose second is over meanwhile. False: there is none yet.
    fn wait(&mut self, listener: &TcpListener) -> bool {
        let Some((since, _)) = self.0.front() else { return true };
        let left = LINGER.saturating_sub(since.elapsed());
        // An error can only be a signal: the next look tells more.
        let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let ready = poll(&mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)], limit).unwrap_or(0) > 0;
        while self.0.front().is_some_and(|(since, _)| since.elapsed() >= LINGER) {
            if let Some((_, stream)) = self.0.pop_front() {
                read_away(&stream);
            }
        }
        ready
    }
}

/// Reads away what has arrived: closing with unread bytes would reset the connection, and lose the last line.
fn read_away(stream: &TcpStream) {
    let mut sink = [0; 4096];
    if stream.set_nonblocking(true).is_ok() {
        // A peer that goes on sending is cut off.
        for _ in 0..16 {
            if !matches!((&mut &*stream).read(&mut sink), Ok(1..)) {
                return;
            }
        }
    }
}

/// What a listener does with its connections.
pub trait Service: Sync {
    /// The name of the connections' threads.
    const NAME: &'static str;

    /// Talks with one peer until the conversation ends; the connection is closed afterwards.
    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>);

    /// Tells a peer why it is not served, in one write that does not wait.
    fn refuse(&self, stream: &TcpStream, why: Refused);

    /// What a peer is told, in one write that does not wait, from whose address nobody is served; nothing: it is served.
    fn turn_away(&self, _peer: SocketAddr) -> Option<Vec<u8>> {
        None
    }

    /// What a peer is told whose connection gives way to another.
    fn give_way(&self) -> Option<Vec<u8>> {
        None
    }
}

/// Accepts connections until `stop`, each on a thread of its own while it lasts, and returns when the last of them has ended.
/// Whoever triggers `stop` also calls [`Connections::close_all`].
pub fn run<S: Service>(listener: &TcpListener, connections: &Connections, stop: &Shutdown, service: &S) {
    if let Ok(address) = listener.local_addr() {
        stop.wake_listener(address);
    }
    let (mut refused, spares) = (Lingering::default(), SpareThreads::new());
    thread::scope(|scope| {
        let _closing = spares.close_at_end();
        while !stop.is_triggered() {
            if !refused.wait(listener) {
                continue;
            }
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
            // An IPv4 client of an IPv6 listener is shown, and compared, as the IPv4 client that it is.
            let peer = canonical(peer);
            let stream = Arc::new(stream);
            if let Some(why) = service.turn_away(peer) {
                connections.trace().record(|| Event::Refused { from: peer, why: "Banned".to_owned() });
                if stream.set_nonblocking(true).is_ok() {
                    // A peer that has left already need not be told.
                    let _ = (&*stream).write_all(&why);
                    refused.push(stream);
                }
                continue;
            }
            let id = match connections.admit(&stream, peer.ip()) {
                Verdict::Serve { id, gives_way } => {
                    gives_way.iter().for_each(|other| send_away(other, service));
                    id
                }
                Verdict::Refuse(why) => {
                    connections.trace().record(|| Event::Refused { from: peer, why: why.to_string() });
                    if stream.set_nonblocking(true).is_ok() {
                        service.refuse(&stream, why);
                        refused.push(stream);
                    }
                    continue;
                }
                Verdict::Drop => continue,
            };
            let place = connections.place(id).recorded(&stream, peer, S::NAME);
            let newcomer = Box::new(Newcomer { stream, peer, place });
            let Err(newcomer) = spares.give(newcomer) else { continue };
            let spares = &spares;
            let talk = move || {
                let _running = connections.trace().thread(S::NAME);
                let mut next = Some(newcomer);
                while let Some(newcomer) = next {
                    converse(&newcomer, service);
                    // Its place is another's now.
                    drop(newcomer);
                    next = spares.wait();
                }
            };
            let named = thread::Builder::new().name(S::NAME.to_owned()).stack_size(STACK);
            if let Err(error) = named.spawn_scoped(scope, talk) {
                warn!("no thread for {peer}: {error}");
                stop.wait(ACCEPT_PAUSE);
            }
        }
    });
}

/// Ends a connection whose place another one takes. Its thread sees the end of its input.
fn send_away(open: &Open, service: &impl Service) {
    // One that is over has its last line already.
    if let (false, Some(words)) = (open.is_over, service.give_way()) {
        match &open.speech {
            Speech::Clear => say_at_once(&open.stream, &words),
            Speech::None => {}
            Speech::Tls(channel) => channel.say_last(&words),
        }
    }
    open.wire.shut();
    // An error says that the connection has ended already.
    let _ = open.stream.shutdown(Direction::Both);
}

/// Says something in one write that does not wait. A peer that does not read need not be told.
pub fn say_at_once(stream: &TcpStream, words: &[u8]) {
    let _ = SockRef::from(stream).send_with_flags(words, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
}

/// A connection that has a place. On the heap, as whatever lies at the bottom of a thread's stack moves all of it down.
struct Newcomer<'a> {
    stream: Arc<TcpStream>,
    peer: SocketAddr,
    place: Place<'a>,
}

fn converse<S: Service>(Newcomer { stream, peer, place }: &Newcomer<'_>, service: &S) {
    service.serve(stream, *peer, place);
    place.over();
    close_gently(stream);
}
