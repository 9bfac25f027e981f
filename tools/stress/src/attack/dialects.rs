//! Attacks on the ports for the originals' clients: no account is needed there.

use super::Attack;
use super::herd::{BREATH, Bytes, Herd, keep, nothing, one_address, workers};
use super::scene::{ATTACKER, ELSEWHERE, Scene};
use crate::random::Xorshift;
use crate::wire::{PATIENCE, hang_up, open};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

/// Bytes of a packet: type, name, text.
const PACKET: usize = 1 + 15 + 2000;
/// Guests of one address: more than there are places.
const GUESTS: usize = 60;
/// From one query of a connection to the next.
const SECOND: Duration = Duration::from_secs(1);

/// These attacks.
pub const ALL: &[Attack] = &[
    Attack::new("packet-silent", "60 connections to the packet port that say nothing", packet_silent),
    Attack::new("dialect-guests", "25 query connections that ask each second, 25 packet guests", dialect_guests),
    Attack::new("query-guests", "60 query guests of one address and one open port", query_guests),
    Attack::new("dialect-noise", "NULs, half packets and bursts to all dialects", dialect_noise),
];

fn packet(kind: u8, name: &str, text: &str) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(16, 0);
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(PACKET, 0);
    bytes
}

fn packet_silent(scene: &Scene) -> Option<String> {
    let to = scene.dialect("packet");
    let closed = keep(scene, &Herd { to, count: GUESTS, from: one_address, opening: nothing, again: None });
    Some(format!("the server closed {closed} of these connections"))
}

fn dialect_guests(scene: &Scene) -> Option<String> {
    let ask: Bytes = |_| b"GET_U".to_vec();
    let query =
        Herd { to: scene.dialect("query"), count: 25, from: one_address, opening: ask, again: Some((SECOND, ask)) };
    let opening = |number| packet(3, &format!("p{number}"), " ");
    let packets = Herd { to: scene.dialect("packet"), count: 25, from: one_address, opening, again: None };
    let closed = thread::scope(|scope| {
        let query = scope.spawn(|| keep(scene, &query));
        [keep(scene, &packets), query.join().unwrap_or_default()]
    });
    Some(format!("the server closed {} packet and {} query connections", closed[0], closed[1]))
}

/// One query on a connection of its own, and its answer.
fn query(scene: &Scene, from: Ipv4Addr, text: &str) -> io::Result<String> {
    let mut stream = open(from, scene.dialect("query"))?;
    stream.write_all(text.as_bytes())?;
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer)?;
    hang_up(stream);
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn query_guests(scene: &Scene) -> Option<String> {
    // The server looks whether the port is open; that nobody accepts does not matter to it.
    let door = TcpListener::bind((ATTACKER, 0)).ok()?;
    let port = door.local_addr().ok()?.port();
    let mut honest = Vec::new();
    while scene.is_on() {
        let answers = (0..GUESTS).map(|guest| query(scene, ATTACKER, &format!("INIT,g{guest},f,{port}")));
        let entered = answers.filter(|answer| answer.as_ref().is_ok_and(|answer| !answer.starts_with("ERR"))).count();
        let other = query(scene, ELSEWHERE, "INIT,zoe,f,4401").unwrap_or_else(|error| error.to_string());
        honest.push(format!("{entered} guests of the attacker, one from elsewhere hears: {other}"));
        scene.pause(PATIENCE);
    }
    honest.pop()
}

/// Six threads, two for each kind of port but the quiet menu, which takes the bursts.
fn dialect_noise(scene: &Scene) -> Option<String> {
    workers(scene, 6, |number, round| {
        let mut random = Xorshift::new((number * 100_000 + round) as u64);
        let (to, pieces) = match number % 4 {
            0 => ("menu", vec![vec![0; 4096], vec![0; 100]]),
            1 => ("packet", vec![packet(3, "half", " ")[..1000].to_vec(), random.bytes(PACKET)]),
            2 => ("query", vec![random.bytes(3000), b"GET_".to_vec(), b"U".to_vec()]),
            _ => ("menu:quiet", vec![b"login\n".repeat(200), b"x".repeat(5000)]),
        };
        let mut stream = open(ATTACKER, scene.dialect(to))?;
        for piece in pieces {
            stream.write_all(&piece)?;
            scene.pause(BREATH);
        }
        hang_up(stream);
        Ok(())
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_its_fields_where_the_originals_look() {
        let bytes = packet(3, "p1", "hi");
        assert_eq!((bytes.len(), bytes[0], &bytes[1..4], &bytes[16..19]), (2016, 3, &b"p1\0"[..], &b"hi\0"[..]));
    }
}
