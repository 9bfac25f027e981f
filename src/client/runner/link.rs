//! One connection to the server: a thread connects, reads the greeting, and then each line. It does not know what is
//! asked, nor which line belongs to which answer.
//!
//! Nothing here waits but that thread. A request leaves in one `send` that does not wait, so no thread of its own
//! writes: one request is on the wire at a time, 4 KiB at most, and a socket's buffer that does not take it belongs
//! to a server that has not read for long. Such a connection is given up.

use super::panic_told::PanicTold;
use super::pin::Pin;
use super::threads::Threads;
use crate::client::call::Signals;
use crate::client::event::{Event, LinkError, LinkId, Secured};
use crate::client::peer::no_connection;
use crate::net::tls::{Channel, Decrypting, Identity};
use crate::net::tuning::{self, Whose};
use crate::net::{Accepts, DeadlineReader, Input, LineReader};
use crate::protocol::{MAX_LINE, MAX_SERVER_LINE, Refusal, Reply, Request};
use crate::trace::{self, Wire};
use crate::value::{BadLine, text};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use std::io;
use std::net::{Shutdown as Direction, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long connecting may take, and then the greeting, however slowly its bytes come.
const CONNECT: Duration = Duration::from_secs(5);

/// The most bytes of a line that is no list: twice those of a client's line.
const SHORT: usize = 2 * MAX_LINE;

/// The runner's end of a connection.
pub struct Link {
    id: LinkId,
    stream: Arc<TcpStream>,
    /// By which is sent what is encrypted, once it can be.
    channel: Arc<OnceLock<Arc<Channel>>>,
    wire: Wire,
}

impl Link {
    /// Begins to connect; by TLS, where the server's key is known, and then with our `own`. What becomes of it is told by
    /// `Connected`, `NotConnected`, and then by the others of this link.
    ///
    /// # Errors
    /// [`LinkError::Connect`] when it cannot even begin; then nothing else is told.
    pub fn start(
        id: LinkId,
        server: SocketAddr,
        pin: Option<Arc<Pin>>,
        own: Option<Arc<Identity>>,
        signals: Signals,
        threads: &mut Threads,
    ) -> Result<Link, LinkError> {
        // It does not wait, so that [`Link::close`] has something to close.
        let begun = tuning::begin_to_connect(server);
        let begun = begun.inspect_err(|error| signals.trace().cannot_connect(server, error));
        let stream = Arc::new(begun.map_err(connect_error)?);
        let reading = Arc::clone(&stream);
        let wire = signals.trace().connected(&stream, server);
        let recorded = wire.clone();
        let channel = Arc::<OnceLock<Arc<Channel>>>::default();
        let way = Way { stream: reading, pin, own, channel: Arc::clone(&channel) };
        let work = move || {
            run(id, &way, &signals, &recorded);
            recorded.closed();
        };
        threads.start("link", work).map_err(connect_error)?;
        Ok(Link { id, stream, channel, wire })
    }

    /// Which one it is.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Sends a request. One that cannot be sent ends the connection, which `LinkLost` tells. One that is no line is
    /// not sent, and the refusal is given back as if the server had said it.
    pub fn send(&self, request: &Request) -> Option<Event> {
        let line = request.to_string();
        if let Some(c) = text::first_forbidden(&line) {
            let refusal = Refusal::parse(&BadLine::Control(c).to_string());
            return Some(Event::FromServer { link: self.id, reply: Ok(Reply::Err(refusal)) });
        }
        let line = format!("{line}\n");
        let at = self.wire.stamp();
        let result = self.send_at_once(line.as_bytes());
        let is_lost = result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
        let sent = result.unwrap_or_default();
        if let Some(at) = at.filter(|_| sent > 0) {
            self.wire.wrote(at, &line.as_bytes()[..sent]);
        }
        if sent != line.len() {
            self.wire.write_failed(!is_lost);
            self.close();
        }
        None
    }

    /// How many of these bytes were sent; where they are encrypted, all or none.
    fn send_at_once(&self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(channel) = self.channel.get() {
            return channel.send_at_once(bytes).map(|()| bytes.len());
        }
        SockRef::from(&*self.stream).send_with_flags(bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    }

    /// Ends the connection, also one that is still being made.
    pub fn close(&self) {
        self.wire.shut();
        self.channel.get().into_iter().for_each(|channel| channel.leave());
        // An error says that it has ended already.
        let _ = self.stream.shutdown(Direction::Both);
    }

    /// Ends the connection, and what the system has not brought to the server yet with it: the person is told that it was
    /// perhaps sent, and may say it again.
    pub fn abort(self) {
        // An error says that it has ended already.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        self.close();
    }
}

fn connect_error(error: io::Error) -> LinkError {
    LinkError::Connect(no_connection(&error))
}

/// What the thread of a connection has of it.
struct Way {
    stream: Arc<TcpStream>,
    pin: Option<Arc<Pin>>,
    own: Option<Arc<Identity>>,
    channel: Arc<OnceLock<Arc<Channel>>>,
}

impl Way {
    /// By what it is encrypted.
    fn secured(&self) -> Option<Secured> {
        let (pin, channel) = (self.pin.as_ref()?, self.channel.get()?);
        let counts = channel.validity().filter(|_| matches!(pin.accepts, Accepts::Named { .. }));
        Some(Secured { suite: channel.suite(), key: channel.key()?, whence: pin.whence.clone(), counts })
    }
}

fn run(link: LinkId, way: &Way, signals: &Signals, wire: &Wire) {
    let event = Event::NotConnected { link, why: LinkError::Lost };
    let mut told = PanicTold { event, signals: signals.clone() };
    let event = match greeted(way, wire) {
        Ok((from, lines)) => {
            told.event = Event::LinkLost { link };
            if let Some(by) = way.secured() {
                signals.event(Event::Secured { link, by: Box::new(by) });
            }
            if !signals.event(Event::Connected { link, from }) {
                return;
            }
            let Some(end) = read(link, lines, signals) else { return };
            end
        }
        Err(why) => Event::NotConnected { link, why },
    };
    // The server must not take one for present that the App takes for gone.
    let _ = way.stream.shutdown(Direction::Both);
    signals.event(event);
}

/// Waits for the connection and for the greeting; gives our own address, and what comes behind.
fn greeted(way: &Way, wire: &Wire) -> Result<(SocketAddr, LineReader<Input>), LinkError> {
    let stream = &way.stream;
    connected(stream).inspect_err(|error| wire.not_made(error.into())).map_err(connect_error)?;
    let from = stream.local_addr().map_err(connect_error)?;
    let input = match &way.pin {
        None => Input::clear(DeadlineReader::new(Arc::clone(stream), None).recorded(wire)),
        Some(pin) => {
            let made = Decrypting::connect(way.own.as_deref(), &pin.accepts, stream, Instant::now() + CONNECT, wire);
            let decrypting = made.map_err(|why| pin.error(why))?;
            // Only this thread sets it.
            let _ = way.channel.set(Arc::clone(decrypting.channel()));
            Input::Tls(Box::new(decrypting))
        }
    };
    let mut lines = LineReader::new(input, MAX_SERVER_LINE);
    lines.get_mut().set_deadline(Some(Instant::now() + CONNECT));
    let greeting = lines.next_line().map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => LinkError::NoGreeting,
        _ => connect_error(error),
    })?;
    match greeting {
        Some(Ok(line)) => match Reply::parse(line) {
            Reply::Ok(_) => {}
            Reply::Err(why @ Refusal::Banned(_)) => return Err(LinkError::Banned(why.to_string())),
            Reply::Err(why @ Refusal::ServerFull(_)) => return Err(LinkError::Full(why.to_string())),
            Reply::Err(why) => return Err(LinkError::Refused(why.to_string())),
            _ => return Err(LinkError::Refused(format!("this is no peerline server, it says: {line}"))),
        },
        Some(Err(bad)) => return Err(LinkError::Refused(format!("this is no peerline server: {bad}"))),
        None => return Err(LinkError::Lost),
    }
    lines.get_mut().set_deadline(None);
    Ok((from, lines))
}

fn connected(stream: &TcpStream) -> io::Result<()> {
    let until = Instant::now() + CONNECT;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut ends = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
        let limit = PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
        // An error can only be a signal: then nothing is raised, and the wait goes on.
        if poll(&mut ends, limit).unwrap_or(0) > 0 {
            break;
        }
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out"));
        }
    }
    stream.take_error()?.map_or(Ok(()), Err)?;
    stream.set_nonblocking(false)?;
    tuning::tune(stream, Whose::Client)
}

/// Reads until the connection ends, and says how; `None` when the client does.
fn read(link: LinkId, mut lines: LineReader<Input>, signals: &Signals) -> Option<Event> {
    loop {
        let line = match lines.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => return Some(Event::LinkLost { link }),
            Err(error) => return Some(lost(link, &error)),
        };
        let line = line.and_then(|line| if is_list(line) { Ok(line) } else { short(line) });
        let is_long = line.as_ref().is_ok_and(|line| line.len() > SHORT);
        let reply = line.map(Reply::parse);
        if let Ok(Reply::Name(name)) = &reply {
            signals.trace().record(|| trace::Event::Name { c: None, name: name.clone(), ip: None, token: None });
        }
        let told = signals.event(Event::FromServer { link, reply });
        // The runner has room for many lines, and not for many long ones.
        if !told || (is_long && !signals.catch_up()) {
            return None;
        }
    }
}

/// The end of a connection. Without a way to the server it may be well, and only unheard.
fn lost(link: LinkId, error: &io::Error) -> Event {
    match error.kind() {
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => Event::LinkSilent { link },
        _ => Event::LinkLost { link },
    }
}

/// Whether it may be a list of names, which has no limit but that of all lines of the server.
fn is_list(line: &str) -> bool {
    line.starts_with("files_") || line.starts_with("OK,")
}

/// Any other line: what somebody has said, at most, and who it was.
fn short(line: &str) -> Result<&str, BadLine> {
    if line.len() <= SHORT { Ok(line) } else { Err(BadLine::TooLong(SHORT)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::Signal;
    use nix::errno::Errno;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn what_a_silent_server_has_not_got_dies_with_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = Arc::new(TcpStream::connect(listener.local_addr().expect("bound")).expect("connects"));
        let mut server = listener.accept().expect("accepts").0;
        let reading = Arc::clone(&stream);
        let reader = thread::spawn(move || (&*reading).read(&mut [0; 1]).ok());
        let mut sent = 0;
        while let Ok(more) = SockRef::from(&*stream).send_with_flags(&[b'x'; 1 << 16], libc::MSG_DONTWAIT) {
            sent += more;
        }
        Link { id: LinkId(1), stream, channel: Arc::default(), wire: Wire::default() }.abort();
        assert_eq!(reader.join().expect("no panic"), Some(0), "its thread sees the end");
        let (mut got, mut buffer) = (0, vec![0; 1 << 16]);
        while let Ok(read @ 1..) = server.read(&mut buffer) {
            got += read;
        }
        assert!(got < sent, "{got} of {sent} bytes");
    }

    /// The runner has at most one long line to take, however fast a server sends them.
    #[test]
    fn a_long_line_is_taken_before_the_next_one_is_read() {
        const LINES: usize = 40;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut server = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let stream = Arc::new(listener.accept().expect("accepts").0);
        let sends = move || {
            let line = format!("files_bob,{}\n", "x".repeat(MAX_SERVER_LINE / 2));
            (0..LINES).for_each(|_| server.write_all(line.as_bytes()).expect("taken"));
            server.write_all(format!("notice_{}\n", "x".repeat(SHORT)).as_bytes()).expect("taken");
        };
        let server = thread::spawn(sends);
        let (signals, receiver) = Signals::new(1024);
        let lines = LineReader::new(Input::clear(DeadlineReader::new(stream, None)), MAX_SERVER_LINE);
        let reader = thread::spawn(move || read(LinkId(1), lines, &signals));
        for number in 0..LINES {
            let Ok(Signal::Event(Event::FromServer { reply: Ok(_), .. })) = receiver.recv() else { panic!("a line") };
            let Ok(Signal::Mark(mark)) = receiver.recv() else { panic!("a mark behind line {number}") };
            assert!(receiver.try_recv().is_err(), "line {number} is not taken yet");
            drop(mark);
        }
        let Ok(Signal::Event(Event::FromServer { reply, .. })) = receiver.recv() else { panic!("a line") };
        assert_eq!(reply, Err(BadLine::TooLong(SHORT)), "nobody says so much");
        server.join().expect("no panic");
        let end = reader.join().expect("no panic");
        assert_eq!(end, Some(Event::LinkLost { link: LinkId(1) }), "the server has closed it");
    }

    #[test]
    fn a_way_that_is_gone_is_no_server_that_is_gone() {
        let link = LinkId(1);
        for (error, end) in [
            (Errno::ETIMEDOUT, Event::LinkSilent { link }),
            (Errno::EHOSTUNREACH, Event::LinkSilent { link }),
            (Errno::ECONNRESET, Event::LinkLost { link }),
        ] {
            assert_eq!(lost(link, &error.into()), end, "{error}");
        }
    }
}
