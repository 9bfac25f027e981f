//! A connection to a peer that is being made, perhaps before it is known whether it is of use. Nothing is said on it here.

use crate::client::call::{Call, Watch, Woken};
use crate::client::event::{CallError, NoConnection};
use crate::net::tuning;
use crate::trace::{NotMade, Trace, Wire};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For how long a connection may wait for the server's word of whom it leads to: it keeps one of the peer's places.
const QUIET: Duration = Duration::from_secs(2);

/// A connection that was begun.
pub struct Attempt {
    to: SocketAddr,
    stream: TcpStream,
    wire: Wire,
    /// When it is given up if there is nothing to be said on it.
    pub quiet_until: Instant,
}

impl Attempt {
    /// Begins one, and does not wait.
    ///
    /// # Errors
    /// What the system says at once.
    pub fn begin(trace: &Trace, to: SocketAddr) -> io::Result<Attempt> {
        let stream = tuning::begin_to_connect(to).inspect_err(|error| trace.cannot_connect(to, error))?;
        let wire = trace.calls(&stream, to);
        Ok(Attempt { to, stream, wire, quiet_until: Instant::now() + QUIET })
    }

    /// Whether it leads to `to`, and may still be spoken on at `now`: a peer that has waited for long, or has no place any
    /// more, has said so or hung up, and one that did not listen may do so by now.
    fn is_of_use(&self, call: &Call, to: SocketAddr, now: Instant) -> bool {
        let is_quiet = || call.wait_socket(&self.stream, Watch::Readable, now) == Woken::Late;
        self.to == to && now < self.quiet_until && is_quiet()
    }

    /// Waits until it is made, `limit` at most; a cancel ends that at once too. The line `first` is what it is for.
    fn finish(self, call: &Call, first: &str, limit: Duration) -> Result<(TcpStream, Wire), CallError> {
        let Attempt { to, stream, wire, .. } = self;
        wire.asks(first);
        let not_made = |why: NotMade| {
            wire.not_made(why);
            wire.closed();
        };
        let made = match call.wait_socket(&stream, Watch::Writable, Instant::now() + limit) {
            Woken::Socket | Woken::Order(_) => stream.take_error().and_then(|error| error.map_or(Ok(()), Err)),
            Woken::Late => Err(io::ErrorKind::TimedOut.into()),
            Woken::GivenUp => {
                not_made(NotMade::Cancelled);
                return Err(CallError::Cancelled);
            }
        };
        let made = made.and_then(|()| stream.set_nonblocking(false));
        made.inspect_err(|error| not_made(error.into())).map_err(|error| unreachable(to, &error))?;
        Ok((stream, wire))
    }

    /// Closes it without a word.
    pub fn give_up(self) {
        match self.stream.take_error().unwrap_or_else(Some) {
            None if self.stream.peer_addr().is_err() => self.wire.not_made(NotMade::Cancelled),
            // Whoever has hung up before us is recorded so.
            None if matches!(self.stream.peek(&mut [0]), Ok(0)) => self.wire.read(&[]),
            None => {}
            Some(error) if error.kind() == io::ErrorKind::ConnectionReset => self.wire.cut_off(),
            Some(error) => self.wire.not_made((&error).into()),
        }
        self.wire.closed();
    }
}

/// Connects to `to` within `limit`, by the `early` attempt where that is of use. The line `first` is what for.
///
/// # Errors
/// [`CallError::Unreachable`], or [`CallError::Cancelled`].
pub fn connect(
    call: &Call,
    to: SocketAddr,
    first: &str,
    early: Option<Attempt>,
    limit: Duration,
) -> Result<(TcpStream, Wire), CallError> {
    let attempt = match early {
        Some(early) if early.is_of_use(call, to, Instant::now()) => early,
        other => {
            other.into_iter().for_each(Attempt::give_up);
            Attempt::begin(call.trace(), to).map_err(|error| unreachable(to, &error))?
        }
    };
    attempt.finish(call, first, limit)
}

/// What it means for a call that the system said this of a connection to `address`.
pub fn unreachable(address: SocketAddr, error: &io::Error) -> CallError {
    CallError::Unreachable { address, why: no_connection(error) }
}

/// Why no connection could be made.
pub fn no_connection(error: &io::Error) -> NoConnection {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => NoConnection::Refused,
        io::ErrorKind::TimedOut => NoConnection::Silent,
        io::ErrorKind::HostUnreachable => NoConnection::NoHost,
        io::ErrorKind::NetworkUnreachable => NoConnection::NoNetwork,
        _ => NoConnection::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::{self, OrderSender, Signal, Signals};
    use crate::client::event::CallId;
    use crate::trace::{Output, Sinks};
    use socket2::{Domain, SockRef, Socket, Type};
    use std::fs;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::sync::mpsc::Receiver;

    const LIMIT: Duration = Duration::from_secs(30);

    fn call() -> (OrderSender, Call, Receiver<Signal>) {
        let (signals, receiver) = Signals::new(4);
        let (sender, call) = call::new(CallId::Out(1), signals).expect("a pair");
        (sender, call, receiver)
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        SockRef::from(&listener).set_read_timeout(Some(LIMIT)).expect("open");
        let address = listener.local_addr().expect("bound");
        (listener, address)
    }

    /// An attempt, and the peer's end of it.
    fn attempt(listener: &TcpListener) -> (Attempt, TcpStream) {
        let attempt = Attempt::begin(&Trace::default(), listener.local_addr().expect("bound")).expect("begun");
        let peer = listener.accept().expect("somebody connects").0;
        peer.set_read_timeout(Some(LIMIT)).expect("open");
        (attempt, peer)
    }

    /// Waits until something has come of the peer.
    fn hears(call: &Call, attempt: &Attempt) {
        assert_eq!(call.wait_socket(&attempt.stream, Watch::Readable, Instant::now() + LIMIT), Woken::Socket);
    }

    #[test]
    fn one_is_of_use_for_its_address_and_for_a_while_as_long_as_nothing_is_heard() {
        let (_orders, call, _signals) = call();
        let (listener, at) = listener();
        let (early, mut peer) = attempt(&listener);
        let (first, last) = (early.quiet_until - QUIET, early.quiet_until - Duration::from_millis(1));
        assert!(early.is_of_use(&call, at, first) && early.is_of_use(&call, at, last));
        assert!(!early.is_of_use(&call, at, early.quiet_until), "too late");
        assert!(!early.is_of_use(&call, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), first), "another one");
        peer.write_all(b"ERR,Too many connections, try again later\n").expect("written");
        hears(&call, &early);
        assert!(!early.is_of_use(&call, at, first), "there is no place");
        let (early, peer) = attempt(&listener);
        peer.shutdown(Shutdown::Both).expect("open");
        hears(&call, &early);
        assert!(!early.is_of_use(&call, at, first), "it has hung up");
    }

    #[test]
    fn one_that_was_refused_does_not_count_where_somebody_listens_by_now() {
        let (_orders, call, _signals) = call();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        let at = socket.local_addr().expect("bound").as_socket().expect("an address");
        // Some systems say so at once.
        let early = Attempt::begin(&Trace::default(), at).ok();
        early.iter().for_each(|early| hears(&call, early));
        socket.listen(1).expect("bound");
        let (stream, _) = connect(&call, at, "PROBE,alice", early, LIMIT).expect("connected");
        assert_eq!(stream.peer_addr().expect("connected"), at);
    }

    #[test]
    fn the_early_one_is_the_one_that_is_used() {
        let (_orders, call, _signals) = call();
        let (listener, at) = listener();
        let (early, peer) = attempt(&listener);
        let (stream, _) = connect(&call, at, "PROBE,alice", Some(early), LIMIT).expect("connected");
        assert_eq!(stream.local_addr().expect("open"), peer.peer_addr().expect("open"));
        let (early, mut peer) = attempt(&listener);
        let (other, elsewhere) = self::listener();
        let (stream, _) = connect(&call, elsewhere, "PROBE,alice", Some(early), LIMIT).expect("connected");
        assert_eq!(stream.local_addr().expect("open"), other.accept().expect("accepts").1);
        assert_eq!(peer.read(&mut [0]).expect("an end"), 0, "it is closed without a word");
    }

    /// How the trace has the end of one that is given up, and that it is begun once.
    fn recorded(to: SocketAddr, meanwhile: impl FnOnce(&Attempt)) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let file = Some(Output::create(&path).expect("a new file"));
        let trace = Trace::start(Sinks { file, screen: None }).expect("a thread");
        if let Ok(attempt) = Attempt::begin(&trace, to) {
            meanwhile(&attempt);
            attempt.give_up();
        }
        trace.finish();
        let text = fs::read_to_string(&path).expect("text");
        let events = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let words = events.map(|event: serde_json::Value| match event["how"].as_str() {
            Some(how) => how.to_owned(),
            None => event["ev"].as_str().expect("a word").to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_that_is_given_up_is_recorded_as_what_it_was() {
        let (_orders, call, _signals) = call();
        let (listener, at) = listener();
        let made = |attempt: &Attempt| {
            let made = call.wait_socket(&attempt.stream, Watch::Writable, Instant::now() + LIMIT);
            assert_eq!(made, Woken::Socket);
        };
        assert_eq!(recorded(at, made), "connect shut stop");
        drop(listener.accept().expect("accepts"));
        let hung_up = |attempt: &Attempt| {
            drop(listener.accept().expect("accepts"));
            hears(&call, attempt);
        };
        assert_eq!(recorded(at, hung_up), "connect fin stop");
        let cut_off = |attempt: &Attempt| {
            let peer = listener.accept().expect("accepts").0;
            SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("open");
            drop(peer);
            hears(&call, attempt);
        };
        assert_eq!(recorded(at, cut_off), "connect rst stop");
        drop(listener);
        assert_eq!(recorded(at, |attempt| hears(&call, attempt)), "connect refused stop");
        // Whoever accepts nobody, and has a queue for one, lets the next ones wait.
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        full.listen(0).expect("bound");
        let at = full.local_addr().expect("bound").as_socket().expect("an address");
        let first = TcpStream::connect(at).expect("there is room for one");
        assert_eq!(recorded(at, |_| ()), "connect cancelled stop");
        drop(first);
    }
}
