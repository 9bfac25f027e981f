//! `client doctor`: is the way to the server and back open, and what is to be changed if not.

use super::desk::Desk;
use super::event::Event;
use super::udp;
use crate::protocol::{FromServer, Hello, MAX_DATAGRAM, MemberRequest, Reply, Request};
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

/// How often a hello is sent before UDP is given up, and how long each waits for its answer.
const HELLOS: u32 = 10;
const HELLO_WAIT: Duration = Duration::from_millis(300);

/// Examines the way to the server of a client that has logged in and announced itself, and shows a line for each
/// check. What fails is shown as refused.
pub fn examine(desk: &Desk) {
    let server = desk.server;
    desk.screen.show(Event::Done { text: format!("TCP to {server}: fine, logged in") });
    let udp = match hear_by_udp(desk) {
        Ok(true) => Ok("UDP both ways: fine".to_owned()),
        Ok(false) => Err(format!(
            "UDP: no answer from {server} to {HELLOS} datagrams. Broadcasts come by TCP instead. Open UDP port {} in \
             the firewalls of the server's machine and of this one",
            server.port()
        )),
        Err(error) => Err(format!("UDP: {error}. Broadcasts come by TCP instead")),
    };
    show(desk, udp);
    let peers = match desk.request(&Request::Member(MemberRequest::Probe)).map(|answer| answer.end) {
        Ok(Reply::Ok(text)) => Ok(format!("Peers: fine. {text}")),
        Ok(Reply::Err(why)) => Err(format!(
            "Peers: {why}. Chats that others ask for fail and messages are relayed. Open that TCP port in this \
             machine's firewall, choose another with --listen, or set the VM's network to bridged instead of NAT"
        )),
        Ok(other) => Err(format!("Peers: the server answers {other}")),
        Err(error) => Err(format!("Peers: {error}")),
    };
    show(desk, peers);
}

fn show(desk: &Desk, result: Result<String, String>) {
    desk.screen.show(match result {
        Ok(text) => Event::Done { text },
        Err(text) => Event::Refused { text },
    });
}

/// Whether any of some hellos is answered.
fn hear_by_udp(desk: &Desk) -> io::Result<bool> {
    let Some(token) = desk.token() else { return Ok(false) };
    let socket: UdpSocket = udp::bind(desk.server)?;
    socket.set_read_timeout(Some(HELLO_WAIT))?;
    let hello = Hello { token, last_seq: desk.inbox().last() }.to_string();
    let mut datagram = [0; MAX_DATAGRAM];
    for _ in 0..HELLOS {
        socket.send_to(hello.as_bytes(), desk.server)?;
        let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
        if udp::is_server(desk.server, from) && FromServer::parse_all(&datagram[..length]).next().is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
