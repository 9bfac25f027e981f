//! Conversations by TLS, through the tool that docs/PROTOCOL.md tells.

use super::netcat::{Running, Tool};
use super::{Lines, TestServer};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// What the server says first.
pub const GREETING: &str = "OK,Welcome to peerline: login or signup";

/// A server with a port for TLS.
pub fn start(options: &[&str]) -> TestServer {
    TestServer::start(&[&["--tls-port", "0"], options].concat())
}

/// Where that is.
pub fn port(server: &TestServer) -> SocketAddr {
    server.tls.expect("it has the port").0
}

/// A connection by TLS, the greeting read.
pub fn connect(address: SocketAddr) -> (Lines, Running) {
    let (mut lines, running) = Tool::tls().connect(address);
    assert_eq!(lines.line(), GREETING);
    (lines, running)
}

/// A new user, logged in by TLS: what the answer to the login says.
pub fn join(address: SocketAddr, name: &str) -> (Lines, Running, Vec<String>) {
    let (mut lines, running) = connect(address);
    lines.ask(&format!("SIGNUP,{name},password"));
    lines.send(&format!("LOGIN,{name},password"));
    let answer = lines.answer();
    assert_eq!(answer.last().map(String::as_str), Some("OK,Login successful!"));
    (lines, running, answer)
}

/// What openssl says of a connection that ends at once.
pub fn openssl(address: SocketAddr, options: &[&str]) -> (bool, String) {
    let connect = format!("{}:{}", address.ip(), address.port());
    let done = Command::new("timeout")
        .args(["30", "openssl", "s_client", "-connect", &connect])
        .args(options)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}
