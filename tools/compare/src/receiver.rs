//! One of those who are told what somebody says: it counts what it gets, by its connection, in the clear or by TLS, or by
//! datagrams.

use crate::contender::Contender;
use crate::datagrams::Inbox;
use crate::protocol::{MARK, Step, name};
use crate::setting::{HERE, LIMIT};
use peerline::net::tls::Decrypting;
use peerline::net::{MAX_SEGMENTS, receive_segments, take_segments};
use peerline::protocol::Hello;
use peerline::value::Ticket;
use peerline_stress::wire::Wire;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer to a hello is waited for.
const ANSWER: Duration = Duration::from_millis(500);

/// How broadcasts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the connection.
    Tcp,
    /// By the connection, encrypted.
    Tls,
    /// By datagrams.
    Udp,
}

/// One of those who are told.
pub struct Receiver {
    /// To the server.
    pub stream: TcpStream,
    /// What decrypts it, if it is encrypted.
    pub tls: Option<Decrypting>,
    /// Where datagrams come, if they do.
    pub udp: Option<(UdpSocket, Inbox)>,
    /// Texts that came.
    pub got: u64,
}

impl Receiver {
    /// One who has come by this connection.
    pub fn over(stream: TcpStream) -> Receiver {
        Receiver { stream, tls: None, udp: None, got: 0 }
    }

    /// It comes.
    ///
    /// # Errors
    /// A sentence.
    pub fn come(to: &Contender, number: usize, way: Way) -> Result<Receiver, String> {
        match way {
            Way::Tcp => {
                let steps = [Some(to.protocol.come(number)), to.protocol.subscribe()];
                let steps: Vec<Step> = steps.into_iter().flatten().collect();
                to.connect_as(number, &steps).map(Receiver::over)
            }
            Way::Tls => {
                let tls = to.connect_tls(&[to.protocol.come(number)])?;
                let stream = tls.channel().stream().try_clone().map_err(|error| format!("{}: {error}", to.name))?;
                Ok(Receiver { stream, tls: Some(tls), udp: None, got: 0 })
            }
            Way::Udp => by_datagrams(to.address, number).map_err(|error| format!("{} by UDP: {error}", to.name)),
        }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// What the system says, and when it was closed.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match (&mut self.udp, &mut self.tls) {
            (None, Some(tls)) => {
                let mut goes_on = true;
                while goes_on {
                    let count = match tls.read(buffer) {
                        Ok(0) => return Err(io::Error::other("a receiver was closed")),
                        Ok(count) => count,
                        // Nothing is there, or half of a record.
                        Err(error) if error.kind() == ErrorKind::TimedOut => 0,
                        Err(error) => return Err(error),
                    };
                    self.got += marks(&buffer[..count]);
                    // What is decrypted already wakes nobody.
                    goes_on = count > 0 && tls.has_more();
                }
            }
            (None, None) => {
                let count = match self.stream.read(buffer) {
                    Ok(0) => return Err(io::Error::other("a receiver was closed")),
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error),
                };
                self.got += marks(&buffer[..count]);
            }
            (Some((socket, inbox)), _) => {
                // One call, as of a connection: what is left wakes us again.
                match receive_segments(socket, buffer) {
                    Ok((_, datagrams)) => {
                        let now = Instant::now();
                        self.got += datagrams.map(|datagram| inbox.take(datagram, now)).sum::<u64>();
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Says the hello that is due.
    ///
    /// # Errors
    /// What the system says.
    pub fn greet(&mut self, now: Instant) -> io::Result<()> {
        let Some((socket, inbox)) = &mut self.udp else { return Ok(()) };
        match inbox.hello(now).map(|hello| socket.send(hello.as_bytes())) {
            Some(Err(error)) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// How many texts begin in these bytes.
fn marks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == MARK).count() as u64
}

/// Logs in, and says hello until it is answered.
fn by_datagrams(to: SocketAddr, number: usize) -> io::Result<Receiver> {
    let until = Instant::now() + LIMIT;
    let mut wire = Wire::connect(HERE, to, until)?;
    let login = wire.log_in(&name(number), until)?;
    let wrong = |what: &str| io::Error::other(format!("the login tells no {what}"));
    let token: Ticket = login.token.parse().map_err(|_| wrong("token"))?;
    let ip: IpAddr = login.ip.parse().map_err(|_| wrong("address"))?;
    let socket = UdpSocket::bind((ip, 0))?;
    socket.connect(to)?;
    // As a client does.
    take_segments(&socket);
    socket.set_read_timeout(Some(ANSWER))?;
    let mut inbox = Inbox::new(token, Instant::now());
    let mut buffer = vec![0; MAX_SEGMENTS];
    while Instant::now() < until {
        socket.send(Hello { token, last_seq: 0, received: None }.to_string().as_bytes())?;
        if let Ok((_, datagrams)) = receive_segments(&socket, &mut buffer) {
            datagrams.for_each(|datagram| _ = inbox.take(datagram, Instant::now()));
            socket.set_nonblocking(true)?;
            return Ok(Receiver { stream: wire.into_stream(), tls: None, udp: Some((socket, inbox)), got: 0 });
        }
    }
    Err(io::Error::other("no hello is answered"))
}
