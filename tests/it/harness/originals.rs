//! What the test clients of the dialects have in common: the originals work on bare sockets, send without line ends,
//! and take one `recv` for one message.

use super::{LIMIT, TestServer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

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

/// Sends a message as it stands.
pub fn send(mut stream: &TcpStream, message: impl AsRef<[u8]>) {
    stream.write_all(message.as_ref()).expect("the connection is open");
}

/// Takes one `recv` of `size` bytes; nothing at all is the end of the connection.
pub fn receive(mut stream: &TcpStream, size: usize) -> Vec<u8> {
    let mut buffer = vec![0; size];
    let count = stream.read(&mut buffer).expect("something within the limit");
    buffer.truncate(count);
    buffer
}

/// Takes one `recv` of `size` bytes, which are text.
pub fn receive_text(stream: &TcpStream, size: usize) -> String {
    String::from_utf8(receive(stream, size)).expect("text")
}
