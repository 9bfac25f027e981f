//! Guests of the originals' dialects in a house: who is listed everywhere, and what is their own server's alone.

use super::wait_until;
use crate::harness::house::join;
use crate::harness::originals::{connect, receive, send};
use crate::harness::redis::Redis;
use std::net::TcpStream;

/// The answer to a packet of this client: its type, and its text.
fn ask(stream: &TcpStream, name: &str, kind: u8, text: &str) -> (u8, String) {
    let mut bytes = vec![0; 2016];
    bytes[0] = kind;
    bytes[1..=name.len()].copy_from_slice(name.as_bytes());
    bytes[16..16 + text.len()].copy_from_slice(text.as_bytes());
    send(stream, bytes);
    let answer = receive(stream, 2048);
    (answer[0], String::from_utf8_lossy(&answer[16..]).trim_end_matches('\0').to_owned())
}

#[test]
fn a_packet_guest_of_another_server_is_listed_and_not_found_as_it_cannot_be_called() {
    let redis = Redis::start(&[]);
    let servers = ["s1", "s2"].map(|name| join(&redis, name, &["--packet-port", "0"]));
    let names = ["ann", "bea"];
    let guests = [0, 1].map(|number| {
        let guest = connect(servers[number].dialect("packet"));
        assert_eq!(ask(&guest, names[number], 3, " ").0, 3);
        assert_eq!(ask(&guest, names[number], 2, "active"), (12, "Success _ You are activated".to_owned()));
        guest
    });
    for (guest, name) in guests.iter().zip(names) {
        wait_until(|| ask(guest, name, 1, " "), |answer| *answer == (10, "2 _ ann _ bea".to_owned()));
        assert_eq!(ask(guest, name, 4, name).0, 11);
        let other = if name == "ann" { "bea" } else { "ann" };
        assert_eq!(ask(guest, name, 4, other), (12, "The username entered is not active".to_owned()));
    }
}
