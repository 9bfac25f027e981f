//! The least that a server with a thread a connection does, and the least that two programs do which talk with each
//! other: what sockets and threads of std can do here. Both are started as programs of their own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Of a thread: as much as a session of ours has.
const STACK: usize = 64 << 10;

/// Sends back what comes, a thread a connection, until the process is ended. Tells on standard output where.
///
/// # Errors
/// What the system says.
pub fn serve() -> io::Result<()> {
    // std's backlog of 128 would let 1,000 connects at once wait for a second.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    let listener: TcpListener = socket.into();
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        let builder = thread::Builder::new().name("echo".to_owned()).stack_size(STACK);
        // It ends with its connection.
        builder.spawn(move || answer(stream))?;
    }
    Ok(())
}

/// A read and a write a line, and nothing between them.
fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 2048];
    if stream.set_nodelay(true).is_err() {
        return;
    }
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Copies standard input into a connection, and the connection to standard output. Without an address it waits for who
/// connects, and tells on standard output where.
///
/// # Errors
/// What the system says.
pub fn relay(to: Option<SocketAddr>) -> io::Result<()> {
    let stream = match to {
        Some(address) => TcpStream::connect(address)?,
        None => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            println!("{}", listener.local_addr()?);
            listener.accept()?.0
        }
    };
    stream.set_nodelay(true)?;
    let writer = stream.try_clone()?;
    thread::Builder::new().name("typed".to_owned()).spawn(move || copy(io::stdin().lock(), writer))?;
    copy(stream, io::stdout());
    Ok(())
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut buffer = [0; 2048];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}
