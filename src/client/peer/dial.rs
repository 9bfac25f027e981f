//! The one place where we call a peer: be introduced, connect, send the first line, read the first answer. What comes
//! after it differs, and is not known here.

use super::connection::{NoLine, PeerConnection};
use crate::client::call::{Call, Watch, Woken};
use crate::client::event::{CallError, Introduced, NoConnection};
use crate::net::tuning::keep_segments_small;
use crate::peer_protocol::{Answer, Opening};
use crate::value::Address;
use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The same for [`reach`]: a system that finds no machine of that address says so after three seconds.
const REACH: Duration = Duration::from_secs(5);

/// Asks `to` for something and waits `answer_limit` at most for a yes, whose fields behind `OK` are returned. `more`
/// is sent right behind the first line, in one write with it.
///
/// # Errors
/// [`CallError::Unreachable`] as long as nothing has left, and [`CallError::Perhaps`] from then on.
pub fn call(
    call: &Call,
    to: Address,
    opening: impl FnOnce(&Introduced) -> Result<Opening, CallError>,
    more: &str,
    answer_limit: Duration,
) -> Result<(Introduced, PeerConnection, String), CallError> {
    let (introduced, mut connection) = open(call, to, opening, more)?;
    let fields = answer(call, &mut connection, answer_limit)?;
    Ok((introduced, connection, fields))
}

/// The first half of [`call`]: the first line has left.
///
/// # Errors
/// As [`call`].
pub fn open(
    call: &Call,
    to: Address,
    opening: impl FnOnce(&Introduced) -> Result<Opening, CallError>,
    more: &str,
) -> Result<(Introduced, PeerConnection), CallError> {
    let introduced = call.introduce(to)?;
    let first = format!("{}\n{more}", opening(&introduced)?);
    let address = introduced.address;
    let unreachable = |error: io::Error| CallError::Unreachable { address, why: no_connection(&error) };
    let stream = Arc::new(connect(call, address, CONNECT).map_err(|error| introduced.explain(error))?);
    call.attach(&stream);
    let connection = PeerConnection::new(Arc::clone(&stream)).map_err(unreachable)?;
    (&*stream).write_all(first.as_bytes()).map_err(|error| lost(call, &error))?;
    Ok((introduced, connection))
}

/// The second half of [`call`]: waits for the first answer. A cancel ends it at once.
///
/// # Errors
/// As [`call`].
pub fn answer(call: &Call, connection: &mut PeerConnection, limit: Duration) -> Result<String, CallError> {
    let line = connection.line_or_end(call, limit).map_err(|none| match none {
        NoLine::GivenUp => {
            reset(connection.stream());
            CallError::Cancelled
        }
        other => CallError::Perhaps(other.to_string()),
    })?;
    match Answer::parse(&line) {
        Answer::Ok(fields) => Ok(fields),
        Answer::Refused(refusal) => Err(CallError::Refused(refusal)),
        Answer::Unknown(line) => Err(CallError::Perhaps(format!("no answer but {line}"))),
    }
}

/// Has the end of the connection be a reset. The end of our sending side alone would be that of a script's input, and
/// the peer would go on asking its person. An error says that the connection is gone.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// What a failure is once something may have left.
pub fn lost(call: &Call, error: &io::Error) -> CallError {
    if call.is_given_up() { CallError::Cancelled } else { CallError::Perhaps(error.to_string()) }
}

/// Connects to `at`, and closes again.
///
/// # Errors
/// [`CallError::Unreachable`], or a cancel.
pub fn reach(call: &Call, at: SocketAddr) -> Result<(), CallError> {
    connect(call, at, REACH).map(drop)
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

/// Connects within `limit`; a cancel ends that at once too.
fn connect(call: &Call, to: SocketAddr, limit: Duration) -> Result<TcpStream, CallError> {
    let unreachable = |error: io::Error| CallError::Unreachable { address: to, why: no_connection(&error) };
    let started = || -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        keep_segments_small(&socket, to.ip())?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
            _ => Ok(socket.into()),
        }
    };
    let stream = started().map_err(&unreachable)?;
    match call.wait_socket(&stream, Watch::Writable, Instant::now() + limit) {
        Woken::Socket | Woken::Order(_) => {}
        Woken::Late => return Err(unreachable(io::ErrorKind::TimedOut.into())),
        Woken::GivenUp => return Err(CallError::Cancelled),
    }
    let outcome = stream.take_error().and_then(|error| error.map_or(Ok(()), Err));
    outcome.and_then(|()| stream.set_nonblocking(false)).map_err(&unreachable)?;
    Ok(stream)
}
