//! The UDP socket to the server: hellos out, broadcasts in. It knows no session, and no order of broadcasts.

use super::panic_told::PanicTold;
use super::threads::Threads;
use crate::client::call::Signals;
use crate::client::event::Event;
use crate::net::{MAX_SEGMENTS, Shutdown, receive_segments, take_segments};
use crate::protocol::{FromServer, Hello, MAX_DATAGRAM};
use crate::trace::{self, ServerMask, Trace};
use crate::value::{Ticket, any_like};
use nix::libc;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The pause after a receive that failed, so that a socket that fails for ever costs nothing to speak of.
const PAUSE: Duration = Duration::from_millis(500);

/// The token of the session whose datagrams count: that of the last hello.
type Token = Arc<Mutex<Option<Ticket>>>;

/// The socket.
pub struct Datagrams {
    socket: Arc<UdpSocket>,
    token: Token,
    server: SocketAddr,
    end: Arc<Shutdown>,
    trace: Trace,
}

impl Datagrams {
    /// Binds the socket, and begins to tell `Event::Datagram`. It is bound to any address of this machine, which
    /// survives a change of the network, and takes datagrams from any: what bears the token is the server's, and a server
    /// with several addresses may answer from another one than was called.
    ///
    /// # Errors
    /// What the system says; broadcasts come by TCP then.
    pub fn start(server: SocketAddr, signals: Signals, threads: &mut Threads) -> io::Result<Datagrams> {
        let socket = Arc::new(UdpSocket::bind((any_like(server), 0))?);
        let end = Arc::new(Shutdown::new());
        take_segments(&socket);
        end.wake_receiver(socket.local_addr()?);
        let (token, trace) = (Token::default(), signals.trace().clone());
        let (receiving, expected, ended) = (Arc::clone(&socket), Arc::clone(&token), Arc::clone(&end));
        threads.start("datagrams", move || receive(&receiving, &expected, &ended, &signals))?;
        Ok(Datagrams { socket, token, server, end, trace })
    }

    /// Sends to this server from now on. False when the socket cannot: it is of the other family.
    pub fn turn_to(&mut self, server: SocketAddr) -> bool {
        let can = self.server.is_ipv4() == server.is_ipv4();
        if can {
            self.server = server;
        }
        can
    }

    /// Sends a hello. One that cannot be sent is as one that was lost: the next one says the same.
    pub fn say(&self, hello: &Hello) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(hello.token);
        let said = hello;
        let hello = said.to_string();
        self.trace.record(|| hello_event(said, self.server, &self.socket, &hello));
        let _ =
            SockRef::from(&*self.socket).send_to_with_flags(hello.as_bytes(), &self.server.into(), libc::MSG_DONTWAIT);
    }

    /// Ends the thread.
    pub fn end(&self) {
        self.end.trigger();
    }
}

fn receive(socket: &UdpSocket, expected: &Token, end: &Shutdown, signals: &Signals) {
    let event = Event::NoDatagrams("its thread has failed".to_owned());
    let _told = PanicTold { event, signals: signals.clone() };
    let mut buffer = vec![0; MAX_SEGMENTS];
    while !end.is_triggered() {
        match receive_segments(socket, &mut buffer) {
            Ok((from, datagrams)) => datagrams.for_each(|datagram| match lines(datagram, expected) {
                // What finds no room leaves a gap, which a hello repairs.
                Some(lines) => {
                    signals.trace().record(|| received(datagram, &lines, from));
                    signals.event_if_room(Event::Datagram(lines));
                }
                None => log::debug!("{from}: a datagram that is not of this session"),
            }),
            Err(error) => {
                // Such as an ICMP message of a server that is not there at the moment.
                log::info!("UDP: {error}");
                end.wait(PAUSE);
            }
        }
    }
}

/// A hello as it is recorded.
fn hello_event(hello: &Hello, at: SocketAddr, socket: &UdpSocket, bytes: &str) -> trace::Event {
    let port = socket.local_addr().ok().map(|own| own.port());
    let received = hello.received.as_ref();
    let (top, missing) = (received.map(|it| it.top), received.map(|it| it.missing.clone()).unwrap_or_default());
    trace::Event::Hello { at, port, upto: hello.last_seq, top, missing, bytes: ServerMask::whole(bytes.as_bytes()) }
}

/// A datagram of the session as it is recorded.
fn received(datagram: &[u8], lines: &[FromServer], from: SocketAddr) -> trace::Event {
    let number = |line: &FromServer| match line {
        FromServer::Broadcast(broadcast) => Some(broadcast.seq),
        FromServer::Head(_) | FromServer::Tail(_) => None,
    };
    let numbers = lines.iter().filter_map(number).collect();
    trace::Event::Received { from, numbers, len: datagram.len(), bytes: ServerMask::whole(datagram.trim_ascii_end()) }
}

/// The lines of a datagram of the session.
fn lines(datagram: &[u8], expected: &Token) -> Option<Vec<FromServer>> {
    if datagram.len() > MAX_DATAGRAM {
        return None;
    }
    let (token, lines) = FromServer::parse_datagram(datagram)?;
    let is_ours = *expected.lock().unwrap_or_else(PoisonError::into_inner) == Some(token);
    is_ours.then(|| lines.collect())
}
