//! Attacks by UDP: hellos that belong to nobody, and those that ask for all there is.

use super::Attack;
use super::herd::members;
use super::scene::{ATTACKER, Scene, attacker};
use crate::random::Xorshift;
use crate::wire::{Login, Wire};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// From one burst to the next.
const TICK: Duration = Duration::from_millis(2);

/// These attacks.
pub const ALL: &[Attack] = &[
    Attack::new("hellos", "10,000 hellos a second with wrong tokens, from one address", hellos),
    Attack::new("hellos-many", "the same from 50 addresses", hellos_many),
    Attack::new("hellos-own", "10 members say 500 times a second that they have no broadcast yet", hellos_own),
];

fn hellos(scene: &Scene) -> Option<String> {
    wrong_tokens(scene, &[ATTACKER])
}

fn hellos_many(scene: &Scene) -> Option<String> {
    let from: Vec<Ipv4Addr> = (0..50).map(attacker).collect();
    wrong_tokens(scene, &from)
}

fn wrong_tokens(scene: &Scene, from: &[Ipv4Addr]) -> Option<String> {
    const A_BURST: usize = 20;
    let opened: io::Result<Vec<UdpSocket>> = from.iter().map(|ip| UdpSocket::bind((*ip, 0))).collect();
    let Ok(sockets) = opened else { return Some("no socket for hellos".to_owned()) };
    let mut random = Xorshift::new(1);
    let (mut due, mut sent) = (Instant::now(), 0_usize);
    while scene.is_on() {
        for _ in 0..A_BURST {
            let hello = format!("hello_{:016x}{:016x}_0", random.next(), random.next());
            // What the system has no room for is lost, as datagrams are.
            sent += usize::from(sockets[sent % sockets.len()].send_to(hello.as_bytes(), scene.main()).is_ok());
        }
        due += TICK;
        scene.pause_until(due);
    }
    Some(format!("{sent} hellos"))
}

fn hellos_own(scene: &Scene) -> Option<String> {
    members(scene, 10, |number, mut wire, login| {
        if number == 0 && fill_history(&mut wire).is_err() {
            return;
        }
        // An error is the end of the connection: then the member comes again.
        let _ = ask_for_all(scene, &mut wire, &login);
    });
    None
}

/// Broadcasts for which it is worth asking.
fn fill_history(wire: &mut Wire) -> io::Result<()> {
    for number in 0..40 {
        wire.ask(&format!("bcast_{number} {}", "x".repeat(1000)), Instant::now() + Duration::from_secs(5))?;
    }
    Ok(())
}

fn ask_for_all(scene: &Scene, wire: &mut Wire, login: &Login) -> io::Result<()> {
    let socket = UdpSocket::bind((login.ip.as_str(), 0))?;
    socket.set_nonblocking(true)?;
    let hello = format!("hello_{}_0", login.token);
    let mut buffer = [0; 2048];
    let mut due = Instant::now();
    while scene.is_on() {
        let _ = socket.send_to(hello.as_bytes(), scene.main());
        while socket.recv(&mut buffer).is_ok() {}
        due += TICK;
        match wire.line(due) {
            Err(error) if error.kind() != io::ErrorKind::TimedOut => return Err(error),
            _ => {}
        }
        scene.pause_until(due);
    }
    Ok(())
}
