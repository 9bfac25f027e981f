//! A connection to the server that speaks lines, from an address of loopback that the caller chooses. It knows the
//! form of an answer and of an event, and no command but those to come.

use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a connection or a write may take. The server is on this machine.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// More than the longest line of a server.
const MAX_LINE: usize = 2 << 20;
/// The password of every account that these programs make.
pub const PASSWORD: &str = "password";

/// A connection.
pub struct Wire {
    reader: BufReader<TcpStream>,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
}

/// What the answer to a login says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// For hellos.
    pub token: String,
    /// Where hellos may come from.
    pub ip: String,
    /// By which the session goes on at another server, if there is one.
    pub again: Option<String>,
}

/// Connects from an address of loopback.
pub fn open(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    open_narrow(from, to, None)
}

/// The same with a receive buffer of so many bytes: the other side soon sees that nobody reads.
pub fn open_narrow(from: Ipv4Addr, to: SocketAddr, receive_buffer: Option<usize>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream: TcpStream = socket.into();
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Closes so that the other side hears of it at once and nothing stays behind: a reset.
pub fn hang_up(stream: TcpStream) {
    // When it cannot be set, the connection is closed in the plain way.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Whether a line is the last of an answer.
pub fn ends_answer(line: &str) -> bool {
    line == "OK" || line == "UP" || line.starts_with("OK,") || line.starts_with("ERR,")
}

/// The number and the text of a broadcast's line.
pub fn broadcast(line: &str) -> Option<(u64, &str)> {
    let mut fields = line.strip_prefix("bcast_")?.splitn(4, '_');
    let number = fields.next()?.parse().ok()?;
    Some((number, fields.nth(2)?))
}

/// The number that an acknowledged broadcast was given.
pub fn acknowledged(answer: &str) -> Option<u64> {
    answer.strip_prefix("OK,Broadcast ")?.split(' ').next()?.parse().ok()
}

impl Wire {
    /// Speaks on a connection.
    pub fn over(stream: TcpStream) -> Wire {
        Wire { reader: BufReader::new(stream), partial: Vec::new() }
    }

    /// Connects, and takes the greeting.
    pub fn connect(from: Ipv4Addr, to: SocketAddr, until: Instant) -> io::Result<Wire> {
        let mut wire = Wire::over(open(from, to)?);
        let greeting = wire.answer(until, |_| {})?;
        if greeting.starts_with("OK") { Ok(wire) } else { Err(io::Error::other(greeting)) }
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) -> io::Result<()> {
        self.stream().write_all(format!("{line}\n").as_bytes())
    }

    /// The next line. What has come of one when the time is over stays for the next call.
    pub fn line(&mut self, until: Instant) -> io::Result<String> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            // A socket takes no shorter limit than this.
            self.stream().set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.reader.read_until(b'\n', &mut self.partial) {
                Ok(_) if self.partial.ends_with(b"\n") => {
                    let line = String::from_utf8_lossy(&self.partial).trim_end_matches(['\r', '\n']).to_owned();
                    self.partial.clear();
                    return Ok(line);
                }
                Ok(_) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
            if self.partial.len() > MAX_LINE {
                return Err(io::Error::other("a line without an end"));
            }
        }
    }

    /// The last line of the next answer. All others, events among them, go to `seen`.
    pub fn answer(&mut self, until: Instant, mut seen: impl FnMut(&str)) -> io::Result<String> {
        loop {
            let line = self.line(until)?;
            if ends_answer(&line) {
                return Ok(line);
            }
            seen(&line);
        }
    }

    /// Sends a line and waits for the last line of its answer.
    pub fn ask(&mut self, line: &str, until: Instant) -> io::Result<String> {
        self.send(line)?;
        self.answer(until, |_| {})
    }

    /// Makes an account. A refusal is an error with the server's sentence.
    pub fn sign_up(&mut self, name: &str, until: Instant) -> io::Result<()> {
        let answer = self.ask(&format!("SIGNUP,{name},{PASSWORD}"), until)?;
        if answer.starts_with("OK") { Ok(()) } else { Err(io::Error::other(answer)) }
    }

    /// Logs in. A refusal is an error with the server's sentence.
    pub fn log_in(&mut self, name: &str, until: Instant) -> io::Result<Login> {
        let mut login = Login::default();
        self.send(&format!("LOGIN,{name},{PASSWORD}"))?;
        let answer = self.answer(until, |line| {
            if let Some(token) = line.strip_prefix("udp_") {
                login.token = token.to_owned();
            } else if let Some(ip) = line.strip_prefix("ip_") {
                login.ip = ip.to_owned();
            } else if let Some(again) = line.strip_prefix("again_") {
                login.again = Some(again.to_owned());
            }
        })?;
        if answer.starts_with("OK") { Ok(login) } else { Err(io::Error::other(answer)) }
    }

    /// Leaves, and waits until the server has closed: the place is free then.
    pub fn quit(mut self, until: Instant) -> io::Result<()> {
        self.send("quit")?;
        while let Ok(_line) = self.line(until) {}
        Ok(())
    }

    /// Gives the connection back.
    pub fn into_stream(self) -> TcpStream {
        self.reader.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn answers_end_with_their_last_line_only() {
        for line in ["OK", "UP", "OK,3 files", "ERR,no"] {
            assert!(ends_answer(line), "{line}");
        }
        for line in ["bcast_1_2_a_OK", "msg_bob_OK", "client_OK_1:2", "OKAY", "UPPER", ""] {
            assert!(!ends_answer(line), "{line}");
        }
    }

    #[test]
    fn a_broadcast_has_a_number_and_a_text_with_any_number_of_underscores() {
        assert_eq!(broadcast("bcast_12_1700000000_alice_hi_all_"), Some((12, "hi_all_")));
        assert_eq!(broadcast("bcast_x_1_alice_hi"), None);
        assert_eq!(broadcast("bcast_1_2"), None);
        assert_eq!(broadcast("msg_alice_hi"), None);
        assert_eq!(acknowledged("OK,Broadcast 7 sent to 1 client"), Some(7));
        assert_eq!(acknowledged("OK,Relayed to bob"), None);
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_one_line() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let from = Ipv4Addr::new(127, 9, 9, 9);
        let stream = open(from, listener.local_addr().expect("bound")).expect("connected");
        let (mut server, peer) = listener.accept().expect("accepted");
        assert_eq!(peer.ip(), from);
        let mut wire = Wire::over(stream);
        server.write_all(b"msg_x\nOK,ha").expect("written");
        let none = wire.answer(Instant::now() + Duration::from_millis(20), |_| {}).expect_err("no end yet");
        assert_eq!(none.kind(), ErrorKind::TimedOut);
        server.write_all(b"lf\r\n").expect("written");
        assert_eq!(wire.line(Instant::now() + Duration::from_secs(30)).expect("a line"), "OK,half");
        drop(server);
        let ended = wire.line(Instant::now() + Duration::from_secs(30)).expect_err("closed");
        assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
    }
}
