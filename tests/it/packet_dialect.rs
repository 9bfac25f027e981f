//! The packet dialect, spoken by test clients that do what S4's original does: one `recv` of 2,048 bytes a packet, a
//! listening socket on the server's port number at one's own address, and no goodbye to the server.

use crate::harness::originals::{self, connect, send};
use crate::harness::{LIMIT, TestServer};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: usize = 2016;

/// A packet byte for byte.
fn packet(kind: u8, name: &str, text: &str) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    bytes[0] = kind;
    bytes[1..1 + name.len()].copy_from_slice(name.as_bytes());
    bytes[16..16 + text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// Takes one `recv` for one packet, as the original does.
fn receive(stream: &TcpStream) -> Vec<u8> {
    originals::receive(stream, 2048)
}

/// The original client.
struct Original {
    server: TcpStream,
    name: &'static str,
    address: SocketAddr,
    listener: TcpListener,
}

impl Original {
    fn register(server: SocketAddr, name: &'static str) -> Original {
        let stream = connect(server);
        send(&stream, packet(3, name, " "));
        let answer = receive(&stream);
        let end = answer[16..].iter().position(|&byte| byte == 0).expect("filled with NUL");
        let ip = std::str::from_utf8(&answer[16..16 + end]).expect("text").to_owned();
        assert_eq!(answer, packet(3, "Server", &ip));
        let address = SocketAddr::new(ip.parse().expect("an address"), server.port());
        assert!(address.ip().is_loopback() && address.ip() != server.ip());
        let listener = TcpListener::bind(address).expect("the server leaves this port free at all but its own address");
        Original { server: stream, name, address, listener }
    }

    /// Sends a packet and expects this answer.
    fn ask(&self, kind: u8, text: &str, answer_kind: u8, answer: &str) {
        send(&self.server, packet(kind, self.name, text));
        assert_eq!(receive(&self.server), packet(answer_kind, "Server", answer), "type {kind} {text:?}");
    }
}

fn server(options: &[&str]) -> (TestServer, SocketAddr) {
    originals::server(["--packet-port", "0"], "packet", options)
}

#[test]
fn two_clients_meet_run_a_command_and_leave() {
    let (_server, packets) = server(&[]);
    let alice = Original::register(packets, "alice");
    let bob = Original::register(packets, "bob");
    assert_ne!(alice.address, bob.address);
    alice.ask(1, " ", 10, "0 _ ");
    alice.ask(2, "active", 12, "Success _ You are activated");
    alice.ask(2, "active", 12, "You were already in the list of active clients");
    alice.ask(4, "bob", 12, "The username entered is not active");
    bob.ask(2, "active", 12, "Success _ You are activated");
    alice.ask(1, " ", 10, "2 _ alice _ bob");
    alice.ask(4, "bob", 11, &bob.address.ip().to_string());
    thread::scope(|scope| {
        scope.spawn(|| {
            let (call, _) = bob.listener.accept().expect("alice calls");
            assert_eq!(receive(&call), packet(3, "alice", " "));
            send(&call, packet(12, "bob", "Success _ You have successfully connected to client bob"));
            assert_eq!(receive(&call), packet(9, "alice", "echo hi /// 7"));
            send(&call, packet(8, "bob", "hi\n"));
        });
        let call = connect(bob.address);
        send(&call, packet(3, "alice", " "));
        assert_eq!(receive(&call), packet(12, "bob", "Success _ You have successfully connected to client bob"));
        send(&call, packet(9, "alice", "echo hi /// 7"));
        assert_eq!(receive(&call), packet(8, "bob", "hi\n"));
    });
    alice.ask(2, "inactivate", 12, "Success _ You have been deactivated");
    alice.ask(2, "inactivate", 12, "You are not active to become inactive");
    bob.ask(1, " ", 10, "1 _ bob");
}

#[test]
fn who_has_left_without_a_word_is_found_out() {
    let (server, packets) = server(&["--guest-probe", "300ms"]);
    let bob = Original::register(packets, "bob");
    send(&bob.server, packet(2, "bob", "active"));
    assert_eq!(whole(&bob.server), packet(12, "Server", "Success _ You are activated"));
    let mut dave = server.join("dave");
    assert_eq!(dave.ask("GET_U"), "OK,bob,dave");
    // Bob leaves as the original does: its connection stays open until a packet comes, which is a type 0 one.
    assert_eq!(whole(&bob.server), packet(0, "Server", ""));
    assert_eq!(dave.ask("GET_U"), "OK,bob,dave");
    drop(bob);
    let until = Instant::now() + LIMIT;
    while dave.ask("GET_U") != "OK,dave" {
        assert!(Instant::now() < until, "bob is still listed");
    }
}

/// A packet, however it arrives: two may come together when this thread does not run for a while.
fn whole(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    stream.read_exact(&mut bytes).expect("a packet within the limit");
    bytes
}

#[test]
fn what_the_server_does_not_understand() {
    let (_server, packets) = server(&[]);
    let stream = connect(packets);
    let failed = packet(12, "Server", "Failed _ The received message was incorrect");
    for kind in [1, 0, 12, 200] {
        send(&stream, packet(kind, "eve", " "));
        assert_eq!(receive(&stream), failed, "type {kind} before a name was told");
    }
    for name in ["", "Server", "server", "a _ b", "\u{1b}[31m"] {
        send(&stream, packet(3, name, " "));
        assert_eq!(receive(&stream), packet(3, "Server", "Failed"), "{name:?}");
    }
    let eve = Original::register(packets, "fifteen-letters");
    for kind in [0, 3, 8, 9, 10, 11, 12, 127, 255] {
        eve.ask(kind, " ", 12, "Failed _ The received message was incorrect");
    }
    eve.ask(2, "activate", 12, "The command was wrong");
    eve.ask(4, "\u{1b}[31m", 12, "The username entered is not active");
}

#[test]
fn packets_arrive_split_and_merged() {
    let (_server, packets) = server(&[]);
    let alice = Original::register(packets, "alice");
    let active = packet(2, "alice", "active");
    active.iter().for_each(|byte| send(&alice.server, [*byte]));
    assert_eq!(receive(&alice.server), packet(12, "Server", "Success _ You are activated"));
    let list = packet(1, "alice", " ");
    send(&alice.server, [list.clone(), list.clone(), list[..1000].to_vec()].concat());
    for _ in 0..2 {
        assert_eq!(whole(&alice.server), packet(10, "Server", "1 _ alice"));
    }
    send(&alice.server, &list[1000..]);
    assert_eq!(receive(&alice.server), packet(10, "Server", "1 _ alice"));
}

/// A client takes one `recv` for one packet: two that arrive together are torn.
#[test]
fn two_packets_to_one_client_are_20_ms_apart() {
    let (_server, packets) = server(&[]);
    let alice = Original::register(packets, "alice");
    let begun = Instant::now();
    send(&alice.server, packet(1, "alice", " ").repeat(6));
    for _ in 0..6 {
        assert_eq!(whole(&alice.server), packet(10, "Server", "0 _ "));
    }
    // However slow this machine is, they cannot come sooner.
    assert!(begun.elapsed() >= 5 * Duration::from_millis(20), "{:?}", begun.elapsed());
}

#[test]
fn a_name_belongs_to_one() {
    let (server, packets) = server(&[]);
    let mut carol = server.join("carol");
    carol.ask("quit");
    let mut dave = server.join("dave");
    let alice = Original::register(packets, "alice");
    let stream = connect(packets);
    for taken in ["carol", "DAVE", "alice"] {
        send(&stream, packet(3, taken, " "));
        assert_eq!(receive(&stream), packet(3, "Server", "Failed"), "{taken} is an account, online, a guest");
    }
    assert_eq!(dave.ask("SIGNUP,alice,password"), "ERR,You are logged in as dave: send quit first");
    drop(alice);
    let again = (0..1000).find(|_| {
        send(&stream, packet(3, "alice", " "));
        receive(&stream) != packet(3, "Server", "Failed")
    });
    assert!(again.is_some(), "the name is free when its guest has left");
    // An account goes before a guest, who is told why.
    server.join("alice");
    assert_eq!(whole(&stream), packet(12, "Server", "Your name is an account's now: choose another"));
    assert!(receive(&stream).is_empty(), "closed");
}

#[test]
fn names_in_their_own_spelling_work_among_the_clients_of_this_dialect() {
    let (server, packets) = server(&[]);
    let user = Original::register(packets, "my_user");
    let spaced = Original::register(packets, "two words");
    for guest in [&user, &spaced] {
        guest.ask(2, "active", 12, "Success _ You are activated");
    }
    let mut dave = server.join("dave");
    user.ask(1, " ", 10, "3 _ dave _ my_user _ two words");
    spaced.ask(4, "my_user", 11, &user.address.ip().to_string());
    user.ask(4, "two words", 11, &spaced.address.ip().to_string());
    dave.send("list");
    let listed = dave.answer();
    assert_eq!(listed[1], format!("client_my-user_{}_guest-packet", user.address));
    assert_eq!(listed[2], format!("client_two-words_{}_guest-packet", spaced.address));
    let stream = connect(packets);
    send(&stream, packet(3, "My_User", " "));
    assert_eq!(receive(&stream), packet(3, "Server", "Failed"), "the same name");
}

#[test]
fn guests_have_half_of_the_places() {
    let (_server, packets) = server(&["--max-clients", "6"]);
    let _guests = ["one", "two", "three"].map(|name| Original::register(packets, name));
    let stream = connect(packets);
    send(&stream, packet(3, "four", " "));
    assert_eq!(receive(&stream), packet(3, "Server", "Failed"));
}

#[test]
fn a_guest_who_says_nothing_for_long_is_sent_away() {
    let (_server, packets) = server(&["--idle", "500ms"]);
    let guest = Original::register(packets, "one");
    assert_eq!(whole(&guest.server), packet(12, "Server", "Inactive for too long, terminating connection"));
    assert!(receive(&guest.server).is_empty(), "closed");
}

#[test]
fn guests_and_queries_never_keep_a_newcomer_out() {
    let (server, packets) = server(&["--max-clients", "10", "--query-port", "0"]);
    let _guests = ["a", "b", "c", "d", "e"].map(|name| Original::register(packets, name));
    let queries = server.dialect("query");
    let asking = [(); 5].map(|()| connect(queries));
    for query in &asking {
        send(query, "GET_U");
        assert_eq!(originals::receive_text(query, 1000), "OK,");
    }
    // A tenth of the places may always be held without a login.
    let mut natives: Vec<_> = (0..9).map(|number| server.join(&format!("native{number}"))).collect();
    assert_eq!(natives[8].ask("whoami").split(',').nth(1), Some("native8"));
}

#[test]
fn a_native_user_sees_a_guest_and_is_told_why_it_cannot_connect() {
    let (server, packets) = server(&[]);
    let alice = Original::register(packets, "alice");
    alice.ask(2, "active", 12, "Success _ You are activated");
    let mut dave = server.join("dave");
    dave.ask(&format!("INIT,dave,{}", 4401));
    dave.send("list");
    assert_eq!(dave.answer()[0], format!("client_alice_{}_guest-packet", alice.address));
    let told = "ERR,alice is a guest who speaks the packet dialect: only clients of that dialect can talk to alice";
    for line in ["connect_alice", "msg_hi_alice", "relay_hi_alice", "alice"] {
        assert_eq!(dave.ask(line), told, "{line}");
    }
    alice.ask(1, " ", 10, "2 _ alice _ dave");
    alice.ask(4, "dave", 12, "The username entered is not active");
    dave.ask("bcast_hello everybody");
    // No ticket, message or broadcast has come in between.
    alice.ask(2, "inactivate", 12, "Success _ You have been deactivated");
}

#[test]
fn the_packet_port_counts_among_all_connections() {
    let (server, packets) = server(&["--max-clients", "1"]);
    let _native = server.join("dave");
    let refused = connect(packets);
    assert_eq!(receive(&refused), packet(3, "Server", "Failed"));
    assert!(receive(&refused).is_empty(), "closed");
}
