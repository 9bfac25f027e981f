//! Broadcasts arrive: once, in order, by UDP with loss and by TCP, for those who come later too.

use crate::harness::client::ClientProcess;
use crate::harness::{LIMIT, Lines, TestServer, datagram, udp_at};
use crate::lan::run_inside;
use peerline::protocol::{FromServer, Hello};
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn hello(token: &str, last_seq: u64) -> String {
    Hello { token: token.parse().expect("a token"), last_seq, received: None }.to_string()
}

#[test]
fn netcat_gets_them_on_its_connection_the_sender_too() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    assert_eq!(alice.ask("bcast_snake_case_rocks"), "OK,Broadcast 1 sent to 2 clients");
    for client in [&mut alice, &mut bob] {
        let line = client.event();
        assert!(line.starts_with("bcast_1_") && line.ends_with("_alice_snake_case_rocks"), "{line}");
    }
    assert_eq!(alice.ask(&format!("bcast_{}", "x".repeat(1025))), "ERR,Broadcast too long: 1025 bytes, at most 1024");
}

#[test]
fn lines_that_come_together_are_answered_in_order() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send_raw("bcast_one\nbcast_two\nhere\nbcast_three\nbcast_\n2\nfour\nbcast_five\nquit\n");
    let mut said = String::new();
    alice.rest().read_to_string(&mut said).expect("lines");
    let (events, answers): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("bcast_"));
    assert_eq!(
        answers,
        [
            "OK,Broadcast 1 sent to 1 client",
            "OK,Broadcast 2 sent to 1 client",
            "OK",
            "OK,Broadcast 3 sent to 1 client",
            "ERR,Nothing to broadcast: send bcast_TEXT",
            "OK,Message:",
            "OK,Broadcast 4 sent to 1 client",
            "OK,Broadcast 5 sent to 1 client",
            "OK,Goodbye"
        ]
    );
    let said: Vec<Option<&str>> = events.iter().map(|line| line.rsplit('_').next()).collect();
    assert_eq!(said, ["one", "two", "three", "four", "five"].map(Some));
}

#[test]
fn lines_that_cannot_be_stored_are_refused_each() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let aside = server.folder().with_extension("aside");
    std::fs::rename(server.folder(), &aside).expect("renamed");
    alice.send_raw("bcast_one\nbcast_two\n");
    for _ in 0..2 {
        let refused = alice.answer_line();
        assert!(refused.starts_with("ERR,The server cannot store the broadcast: "), "{refused}");
    }
    std::fs::rename(&aside, server.folder()).expect("renamed");
    alice.send_raw("bcast_one\nbcast_two\n");
    assert_eq!(alice.answer_line(), "OK,Broadcast 1 sent to 1 client");
    assert_eq!(alice.answer_line(), "OK,Broadcast 2 sent to 1 client");
}

#[test]
fn who_comes_later_gets_them_also_after_a_restart_and_only_once() {
    let server = TestServer::start(&["--relogin", "200ms"]);
    let mut alice = server.join("alice");
    alice.ask("bcast_one");
    alice.ask("bcast_two");
    let server = server.restart(&["--relogin", "200ms"]);
    let mut bob = server.join("bob");
    assert!(bob.event().starts_with("bcast_1_"));
    assert!(bob.event().starts_with("bcast_2_"));
    assert_eq!(bob.event(), "notice_Session expired, please log in again");
    bob.log_in("bob");
    assert_eq!(bob.ask("bcast_three"), "OK,Broadcast 3 sent to 1 client");
    assert!(bob.event().starts_with("bcast_3_"), "the first two came before");
}

#[test]
fn answers_do_not_wait_for_the_history() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = server.join("alice");
    let text = "x".repeat(1000);
    // More than the buffers of a connection hold.
    for _ in 0..8000 {
        alice.send(&format!("bcast_{text}"));
        assert!(alice.answer_line().starts_with("OK,Broadcast "));
        alice.event();
    }
    let mut bob = server.connect();
    bob.ask("SIGNUP,bob,password");
    bob.send_raw("LOGIN,bob,password\nINIT,bob,4401\nlist\n");
    let lines: Vec<String> =
        std::iter::repeat_with(|| bob.line()).take_while(|line| !line.starts_with("bcast_")).collect();
    let ends: Vec<&String> = lines.iter().filter(|line| line.starts_with("OK")).collect();
    assert_eq!(ends, ["OK,Login successful!", "OK", "OK,2 active clients"]);
    // Whoever leaves before it is due, or all of it is there, gets it before the goodbye.
    bob.send("quit");
    let rest: Vec<String> = std::iter::repeat_with(|| bob.line()).take_while(|line| line != "OK,Goodbye").collect();
    assert_eq!(rest.len(), 8000 - 1);
    let mut bob = server.connect();
    bob.send_raw("LOGIN,bob,password\nquit\n");
    let lines: Vec<String> = std::iter::repeat_with(|| bob.line()).take_while(|line| line != "OK,Goodbye").collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("bcast_")).count(), 8000);
}

#[test]
fn after_the_window_they_are_gone() {
    let server = TestServer::start(&["--history", "100ms"]);
    let mut alice = server.join("alice");
    alice.ask("bcast_early");
    let began = Instant::now();
    // The clock is the server's own: ask it until the window has passed.
    while began.elapsed() < Duration::from_millis(150) {
        alice.ask("whoami");
        std::thread::yield_now();
    }
    let mut bob = server.join("bob");
    assert_eq!(bob.ask("bcast_late"), "OK,Broadcast 2 sent to 2 clients");
    assert!(bob.event().starts_with("bcast_2_"));
}

#[test]
fn udp_registers_acknowledges_and_repairs() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let socket = udp_at(&alice.ip);
    let token = alice.token.clone();
    let say = |last_seq| socket.send_to(hello(&token, last_seq).as_bytes(), server.address).expect("sent");
    say(0);
    assert_eq!(datagram(&socket), "head_0\n");
    alice.send("bcast_one");
    assert!(datagram(&socket).starts_with("bcast_1_"));
    assert_eq!(alice.answer_line(), "OK,Broadcast 1 sent to 1 client");
    say(0);
    assert!(datagram(&socket).starts_with("bcast_1_"), "asked for again");
    say(1);
    assert_eq!(datagram(&socket), "head_1\n");
    assert_eq!(alice.ask("GET_U"), "OK,alice");
    // Registered by UDP, so nothing came by TCP: the answer to this is the next line there.
    alice.send("whoami");
    assert!(alice.line().starts_with("OK,alice"));
}

#[test]
fn a_hello_counts_only_from_the_sessions_address() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let stranger = udp_at("127.9.9.9");
    stranger.send_to(hello(&alice.token, 0).as_bytes(), server.address).expect("sent");
    stranger.send_to(b"hello_nonsense", server.address).expect("sent");
    stranger.send_to(&[0xff; 100], server.address).expect("sent");
    alice.send("bcast_one");
    assert!(alice.event().starts_with("bcast_1_"), "TCP is still her way");
    stranger.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    assert!(stranger.recv(&mut [0; 64]).is_err(), "nothing is sent to a stranger");
}

/// Shows what arrives as a client does: in order, once, and asks for the rest.
fn receive_all(socket: &UdpSocket, token: &str, server: std::net::SocketAddr, count: u64) -> Vec<String> {
    let mut texts = Vec::new();
    let mut last = 0;
    let until = Instant::now() + LIMIT;
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    while last < count {
        assert!(Instant::now() < until, "{last} of {count} within the limit");
        socket.send_to(hello(token, last).as_bytes(), server).expect("sent");
        let mut buffer = [0; 2048];
        while let Ok(length) = socket.recv(&mut buffer) {
            let (told, lines) = FromServer::parse_datagram(&buffer[..length]).expect("a token");
            assert_eq!(told.to_string(), token);
            for line in lines {
                match line {
                    FromServer::Broadcast(broadcast) if broadcast.seq == last + 1 => {
                        last = broadcast.seq;
                        texts.push(broadcast.text);
                    }
                    FromServer::Head(seq) => last = last.max(seq),
                    FromServer::Broadcast(_) | FromServer::Tail(_) => {}
                }
            }
        }
    }
    texts
}

#[test]
fn a_third_of_the_datagrams_lost_loses_nothing() {
    const COUNT: u64 = 300;
    let server = TestServer::start(&["--udp-loss", "0.3", "--rate", "off"]);
    let mut alice = server.join("alice");
    let bob = server.join("bob");
    let socket = udp_at(&bob.ip);
    let sent: Vec<String> =
        (0..COUNT).map(|number| format!("number_{number}_{}", "x".repeat(number as usize))).collect();
    std::thread::scope(|scope| {
        let received = scope.spawn(|| receive_all(&socket, &bob.token, bob.server(), COUNT));
        for text in &sent {
            assert!(alice.ask(&format!("bcast_{text}")).starts_with("OK,Broadcast"));
        }
        assert_eq!(received.join().expect("no panic"), sent);
    });
}

#[test]
fn a_fresh_client_gets_the_history_by_udp_too() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = server.join("alice");
    for number in 0..500 {
        alice.ask(&format!("bcast_number {number}"));
    }
    let bob = server.join("bob");
    let texts = receive_all(&udp_at(&bob.ip), &bob.token, bob.server(), 500);
    assert_eq!(texts.len(), 500);
    assert_eq!(texts[499], "number 499");
}

/// Between these lines of others, those of somebody who said too much had to make room.
fn make_gaps(server: &TestServer) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
    let lines = (1..=60u64).map(|seq| format!("bcast_{}_{now}_eve_number {seq}\nhead_{}\n", 3 * seq, 3 * seq + 2));
    std::fs::write(server.folder().join("broadcasts.log"), lines.collect::<String>()).expect("written");
}

#[test]
fn gaps_in_the_history_keep_nothing_waiting() {
    let mut server = TestServer::start(&[]);
    let mut eve = server.join("eve");
    eve.ask("quit");
    server.stop();
    make_gaps(&server);
    let server = server.come_back(&["--udp-loss", "0.3"]);
    // By UDP alone, as a client does it, through loss.
    let mut bob = server.join("bob");
    let socket = udp_at(&bob.ip);
    let expected: Vec<String> = (1..=60).map(|number| format!("number {number}")).collect();
    assert_eq!(receive_all(&socket, &bob.token, bob.server(), 182), expected);
    assert_eq!(bob.ask("bcast_and now"), "OK,Broadcast 183 sent to 1 client", "the numbers go on");
    // By TCP.
    let mut netcat = server.connect();
    netcat.log_in("eve");
    for seq in 1..=60u64 {
        let line = netcat.event();
        assert!(line.starts_with(&format!("bcast_{}_", 3 * seq)), "{line}");
    }
    assert!(netcat.event().starts_with("bcast_183_"));
    // The client.
    let mut carol = ClientProcess::join(server.address, "carol");
    carol.see("bob: and now");
    assert_eq!(carol.finish(), Some(0));
    let said = carol.seen.iter().filter_map(|line| line.split_once("] eve: ").map(|(_, text)| text.to_owned()));
    assert_eq!(said.collect::<Vec<_>>(), expected);
}

/// Says hello to this address of the server, and looks from which the answer and a later broadcast come.
fn hears_from(server: &TestServer, client: &mut Lines, called: &str) {
    let socket = udp_at(&client.ip);
    let called = SocketAddr::new(called.parse().expect("an address"), server.address.port());
    socket.send_to(hello(&client.token, 0).as_bytes(), called).expect("sent");
    let from = || socket.recv_from(&mut [0; 2048]).expect("a datagram within the limit").1;
    assert_eq!(from(), called, "the answer");
    client.send("bcast_to all");
    assert_eq!(from(), called, "the broadcast");
}

#[test]
fn they_come_from_the_address_that_was_called() {
    let server = TestServer::start(&["--bind", "0.0.0.0"]);
    let mut alice = server.join("alice");
    hears_from(&server, &mut alice, "127.0.0.5");
    hears_from(&server, &mut alice, "127.0.0.6");
    let server = TestServer::start(&["--bind", "::"]);
    hears_from(&server, &mut server.join("alice"), "127.0.0.5");
}

#[test]
fn they_come_from_the_ipv6_address_that_was_called() {
    run_inside("broadcasts::two_addresses_of_ipv6");
}

#[test]
#[ignore = "in a network of its own"]
fn two_addresses_of_ipv6() {
    let server = TestServer::start(&["--bind", "::"]);
    let mut alice = server.join_at("fd09::5", "alice");
    hears_from(&server, &mut alice, "fd09::5");
    hears_from(&server, &mut alice, "fd09::6");
}
