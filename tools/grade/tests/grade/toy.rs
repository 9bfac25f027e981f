//! A small server of the protocol, such as somebody writes who learns: it passes all checks but those of the house. Each
//! of its switches, named by `TOY_BUG`, breaks one idea.
//!
//! It is this test program itself, started once more.

mod session;
mod member;
mod state;
mod text;
mod udp;

use session::serve;
use socket2::{Domain, Protocol, Socket, Type};
use state::{Shared, State};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

static BUG: OnceLock<String> = OnceLock::new();

/// Whether this idea is broken.
pub fn has(bug: &str) -> bool {
    BUG.get_or_init(|| std::env::var("TOY_BUG").unwrap_or_default()) == bug
}

/// Serves until it is killed.
pub fn run(port: u16, data: PathBuf) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = listen(address);
    let socket = UdpSocket::bind(address).ok();
    let shared = Arc::new(Shared { state: Mutex::new(State::read(data)), socket });
    let at_end = Arc::clone(&shared);
    let on_signal = move || {
        if !has("ignores-sigterm") {
            at_end.lock().say_goodbye(if has("no-last-notice") { None } else { Some("notice_The server stops") });
            // What is queued is written by other threads.
            thread::sleep(Duration::from_millis(100));
            std::process::exit(if has("exit-1") { 1 } else { 0 });
        }
    };
    if has("crashes") {
        std::panic::set_hook(Box::new(|panic| {
            let _ = writeln!(std::io::stderr(), "toy: {panic}");
            std::process::exit(101);
        }));
    }
    ctrlc::set_handler(on_signal).expect("the only handler");
    if shared.socket.is_some() {
        let (receiver, pacer) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || udp::receive(&receiver));
        thread::spawn(move || udp::keep_up(&pacer));
    }
    for stream in listener.incoming().map_while(Result::ok) {
        let shared = Arc::clone(&shared);
        if has("one-at-a-time") {
            serve(stream, &shared);
        } else {
            thread::spawn(move || serve(stream, &shared));
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_reuse_address(!has("no-reuseaddr")).expect("set");
    if has("reuseport") {
        socket.set_reuse_port(true).expect("set");
    }
    if let Err(error) = socket.bind(&address.into()).and_then(|()| socket.listen(64)) {
        let _ = writeln!(std::io::stderr(), "toy: {address}: {error}");
        std::process::exit(1);
    }
    socket.into()
}
