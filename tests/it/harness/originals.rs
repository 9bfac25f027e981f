//! What the test clients of the dialects have in common: the originals work on bare sockets, send without line ends,
//! and take one `recv` for one message.

use super::{LIMIT, TestServer};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// A server that has a port for a dialect too, and where that port is.
pub fn server(port_option: [&str; 2], dialect: &str, options: &[&str]) -> (TestServer, SocketAddr) {
    let server = TestServer::start(&[&port_option, options].concat());
    let address = server.dialect(dialect);
    (server, address)
}

/// Connects.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, LIMIT).expect("connects");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Connects from this address of the machine.
pub fn connect_from(from: IpAddr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(from, 0).into()).expect("an address of ours");
    socket.connect(&address.into()).expect("connects");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// Sends a message as it stands.
pub fn send(mut stream: &TcpStream, message: impl AsRef<[u8]>) {
    stream.write_all(message.as_ref()).expect("the connection is open");
}

/// What the server may take for the pause behind a message, unless it knows better: it is 20 ms.
const PAUSE: Duration = Duration::from_millis(60);

/// Sends a line as a program does whose `fgets` has a buffer of 256: 255 bytes at a time, each piece later than what
/// ends other messages, as on a busy machine. No piece but the last is answered.
pub fn send_in_pieces(stream: &TcpStream, line: &str) {
    let mut pieces = line.as_bytes().chunks(255).peekable();
    while let Some(piece) = pieces.next() {
        send(stream, piece);
        if pieces.peek().is_some() {
            expect_silence(stream);
        }
    }
}

/// Nothing comes within a pause.
fn expect_silence(stream: &TcpStream) {
    stream.set_read_timeout(Some(PAUSE)).expect("a timeout");
    let early = (&mut &*stream).read(&mut [0; 256]);
    assert!(early.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{early:?}: too early");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
}

/// Takes one `recv` of `size` bytes; nothing at all is the end of the connection.
pub fn receive(mut stream: &TcpStream, size: usize) -> Vec<u8> {
    let mut buffer = vec![0; size];
    let count = stream.read(&mut buffer).expect("something within the limit");
    buffer.truncate(count);
    buffer
}

/// Takes as many bytes, in however many pieces they come.
pub fn receive_exact(mut stream: &TcpStream, size: usize) -> Vec<u8> {
    let mut buffer = vec![0; size];
    stream.read_exact(&mut buffer).expect("as many within the limit");
    buffer
}

/// Takes one `recv` of `size` bytes, which are text.
pub fn receive_text(stream: &TcpStream, size: usize) -> String {
    String::from_utf8(receive(stream, size)).expect("text")
}
