//! One connection to the server: lines out, replies in, without ever waiting for one. It knows no command.

use nix::sys::socket::{MsgFlags, recv};
use peerline::net::LineReader;
use peerline::protocol::Reply;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// How long a connection may take to be made, a line to be taken, an answer to come.
pub const LIMIT: Duration = Duration::from_secs(30);
/// What the longest line may have that is asked for here: `bcast_` lines, addresses, the menu.
const MAX_LINE: usize = 8 << 10;

/// A connection.
pub struct Connection {
    lines: LineReader<Arrived>,
}

/// What has arrived of a stream: reading it never waits.
struct Arrived(TcpStream);

impl Read for Arrived {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT)?)
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(server: SocketAddr, limit: Duration) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&server, limit)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Connection { lines: LineReader::new(Arrived(stream), MAX_LINE) })
    }

    /// Sends a line.
    ///
    /// # Errors
    /// What the system says; a server that does not read for [`LIMIT`], too.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        self.lines.get_mut().0.write_all(format!("{line}\n").as_bytes())
    }

    /// The next line that has arrived; `None` when there is none yet.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] when the server has closed; a line that no server may send; what the system says.
    pub fn next(&mut self) -> io::Result<Option<Reply>> {
        match self.lines.next_line() {
            Ok(Some(Ok(line))) => Ok(Some(Reply::parse(line))),
            Ok(Some(Err(bad))) => {
                Err(io::Error::new(ErrorKind::InvalidData, format!("the server sent a bad line: {bad}")))
            }
            Ok(None) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.get_ref().0.as_fd()
    }
}
