//! The query dialect, spoken by test clients that do what S3's original does: a connection for each query, no line
//! end, one `recv` of 1,000 bytes for the answer, and a listening socket for chats and files.

use crate::harness::originals::{self, connect, receive_text, send};
use crate::harness::{LIMIT, TestServer};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

/// Takes one `recv` for one message, as the original does.
fn receive(stream: &TcpStream) -> String {
    receive_text(stream, 1000)
}

/// One query, as the original asks it.
fn ask(server: SocketAddr, query: &str) -> String {
    let stream = connect(server);
    send(&stream, query);
    receive(&stream)
}

/// Asks until the answer is this: what a probe finds, it finds a moment later.
fn wait_for(server: SocketAddr, query: &str, answer: &str) {
    let until = Instant::now() + LIMIT;
    while ask(server, query) != answer {
        assert!(Instant::now() < until, "{query} was not answered by {answer:?}");
    }
}

/// A socket as the original opens it for its peers, and its port.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn server(options: &[&str]) -> (TestServer, SocketAddr) {
    originals::server(["--query-port", "0"], "query", options)
}

#[test]
fn two_clients_register_chat_fetch_and_leave() {
    let (_server, queries) = server(&[]);
    assert_eq!(ask(queries, "GET_U"), "OK,");
    let (ann, ann_port) = listen();
    let (bob, bob_port) = listen();
    assert_eq!(ask(queries, &format!("INIT,ann,shared,{ann_port},a.txt,b.txt")), "OK");
    assert_eq!(ask(queries, &format!("INIT,bob,{bob_port},c.txt")), "OK", "as the README has it");
    assert_eq!(ask(queries, "GET_U"), "OK,ann,bob");
    assert_eq!(ask(queries, "GET_AF"), "OK,ann: a.txt,b.txt\nbob: c.txt");
    assert_eq!(ask(queries, "GET_UF,ann"), "OK,a.txt,b.txt");
    let answer = ask(queries, "GET_P,bob");
    assert_eq!(answer, format!("OK,127.0.0.1,{bob_port}"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (chat, _) = bob.accept().expect("ann calls");
            assert_eq!(receive(&chat), "CHAT,ann");
            send(&chat, "hello ann");
            assert_eq!(receive(&chat), "hello bob");
            drop(chat);
            let (fetch, _) = bob.accept().expect("ann fetches");
            assert_eq!(receive(&fetch), "FILE,c.txt");
            send(&fetch, "the file");
        });
        let to_bob = SocketAddr::from(([127, 0, 0, 1], bob_port));
        let chat = connect(to_bob);
        send(&chat, "CHAT,ann");
        assert_eq!(receive(&chat), "hello ann");
        send(&chat, "hello bob");
        let fetch = connect(to_bob);
        send(&fetch, "FILE,c.txt");
        assert_eq!(receive(&fetch), "the file");
    });
    assert_eq!(ask(queries, &format!("INIT,ann,shared,{ann_port},a.txt,b.txt,c.txt")), "UP");
    assert_eq!(ask(queries, "GET_UF,ann"), "OK,a.txt,b.txt,c.txt");
    let leaving = connect(queries);
    send(&leaving, "EXIT,ann");
    // It does not wait for an answer, and there is none.
    leaving.shutdown(Shutdown::Both).expect("open");
    wait_for(queries, "GET_U", "OK,bob");
    assert_eq!(ask(queries, "GET_P,ann"), "ERR,User not found!");
    assert_eq!(ask(queries, "GET_UF,ann"), "ERR,User not found!");
    drop(ann);
}

#[test]
fn what_the_server_does_not_understand() {
    let (_server, queries) = server(&[]);
    for query in ["hello", "\0", "\u{fffd}\u{1b}", "GET_P", "INIT", "INIT,eve,shared,port", "GET_U GET_U", "\n"] {
        assert_eq!(ask(queries, query), "ERR,Invalid Request!", "{query:?}");
    }
    assert_eq!(ask(queries, &"x".repeat(100_000)), "ERR,Invalid Request!");
    // A client takes two fields that begin with ERR for a refusal, and any other answer for its registration.
    for name in ["", "a\u{200b}", &"x".repeat(65)] {
        assert_eq!(ask(queries, &format!("INIT,{name},shared,5000")), "ERR,A name has 1 to 64 bytes of text");
    }
    let stream = connect(queries);
    send(&stream, b"GET_U\xff");
    assert_eq!(receive(&stream), "ERR,Invalid Request!");
}

#[test]
fn queries_arrive_split_merged_and_one_after_the_other() {
    let (_server, queries) = server(&[]);
    let (_ann, port) = listen();
    let stream = connect(queries);
    format!("INIT,ann,{port},a.txt").bytes().for_each(|byte| send(&stream, [byte]));
    assert_eq!(receive(&stream), "OK");
    for (query, answer) in [("GET_U", "OK,ann"), ("GET_AF\r\n", "OK,ann: a.txt"), ("GET_UF,ann\n", "OK,a.txt")] {
        query.bytes().for_each(|byte| send(&stream, [byte]));
        assert_eq!(receive(&stream), answer);
    }
    send(&stream, "GET_U\nGET_UF,ann\n");
    let mut both = [0; "OK,annOK,a.txt".len()];
    (&stream).read_exact(&mut both).expect("two answers");
    assert_eq!(&both, b"OK,annOK,a.txt");
    let files = (0..5000).map(|number| format!(",file-{number}")).collect::<String>();
    assert_eq!(ask(queries, &format!("INIT,ann,shared,{port}{files}")), "UP", "longer than any segment");
    let listed = ask(queries, "GET_UF,ann");
    assert!(listed.len() <= 999 && listed.starts_with("OK,file-0,file-1,"), "{listed}");
    assert!(files.contains(&format!(",{},", listed.rsplit(',').next().expect("a name"))), "cut at a whole name");
}

#[test]
fn who_has_gone_without_a_word_is_found_out() {
    let (_server, queries) = server(&["--guest-probe", "50ms"]);
    let (ann, ann_port) = listen();
    let (bob, bob_port) = listen();
    assert_eq!(ask(queries, &format!("INIT,ann,{ann_port},a.txt")), "OK");
    assert_eq!(ask(queries, &format!("INIT,bob,{bob_port},b.txt")), "OK");
    let (probe, _) = bob.accept().expect("the server knocks");
    assert_eq!(receive(&probe), "", "and goes at once");
    drop(ann);
    wait_for(queries, "GET_U", "OK,bob");
    assert_eq!(ask(queries, "GET_P,ann"), "ERR,User not found!");
}

#[test]
fn a_name_belongs_to_one() {
    let (server, queries) = server(&[]);
    let mut carol = server.join("carol");
    carol.ask("quit");
    let _dave = server.join("dave");
    for taken in ["carol", "DAVE"] {
        assert_eq!(ask(queries, &format!("INIT,{taken},5000")), "ERR,Username not available");
    }
    assert_eq!(ask(queries, "INIT,ann,5000"), "OK");
    // An account goes before a guest.
    let mut ann = server.join("ann");
    assert_eq!(ask(queries, "INIT,ann,5000"), "ERR,Username not available");
    assert_eq!(ask(queries, "GET_P,ann"), "ERR,User not found!");
    ann.send("list");
    let seen = format!("client_ann_{}:0", ann.ip);
    assert_eq!(ann.answer()[0], seen, "no guest any more");
}

#[test]
fn names_in_their_own_spelling_work_among_the_clients_of_this_dialect() {
    let (server, queries) = server(&[]);
    let (user, port) = listen();
    let (other, other_port) = listen();
    let long = "somebody with a long name";
    assert_eq!(ask(queries, &format!("INIT,my_user,shared,{port},a.txt")), "OK");
    assert_eq!(ask(queries, &format!("INIT,{long},shared,{other_port},b.txt")), "OK");
    // The client looks itself and others up in this answer, letter by letter.
    assert_eq!(ask(queries, "GET_U"), format!("OK,my_user,{long}"));
    assert_eq!(ask(queries, "GET_AF"), format!("OK,my_user: a.txt\n{long}: b.txt"));
    assert_eq!(ask(queries, "GET_P,my_user"), format!("OK,127.0.0.1,{port}"));
    assert_eq!(ask(queries, &format!("GET_UF,{long}")), "OK,b.txt");
    assert_eq!(ask(queries, &format!("INIT,my_user,shared,{port},c.txt")), "UP");
    let mut dave = server.join("dave");
    dave.send("list");
    let listed = dave.answer();
    assert_eq!(listed[1], format!("client_my-user_127.0.0.1:{port}_guest-query"));
    assert_eq!(listed[2], format!("client_somebody-with-a_127.0.0.1:{other_port}_guest-query"));
    assert_eq!(ask(queries, "GET_U"), format!("OK,dave,my_user,{long}"), "a native name as it is");
    let leaving = connect(queries);
    send(&leaving, "EXIT,my_user");
    leaving.shutdown(Shutdown::Both).expect("open");
    wait_for(queries, "GET_U", &format!("OK,dave,{long}"));
    drop((user, other));
}

#[test]
fn a_name_that_a_comma_has_torn_is_not_offered() {
    let (_server, queries) = server(&[]);
    let (_ann, port) = listen();
    assert_eq!(ask(queries, &format!("INIT,ann,shared,{port},a b.txt,Smith, John.pdf,c.txt")), "OK");
    assert_eq!(ask(queries, "GET_AF"), "OK,ann: a b.txt,c.txt");
}

#[test]
fn guests_have_half_of_the_places_and_yield_to_other_addresses_and_to_accounts() {
    let (server, queries) = server(&["--max-clients", "20", "--guest-probe", "1h"]);
    let stream = connect(queries);
    for number in 0..10 {
        send(&stream, format!("INIT,g{number},{}", 5000 + number));
        assert_eq!(receive(&stream), "OK");
    }
    assert_eq!(ask(queries, "INIT,g10,5010"), "ERR,Your address has 10 guests already: try again later");
    assert_eq!(ask(queries, "INIT,g9,5009,a.txt"), "UP", "no newcomer");
    // A program that listens where another did has taken its place.
    assert_eq!(ask(queries, "INIT,h9,5009"), "OK");
    assert_eq!(ask(queries, "GET_P,g9"), "ERR,User not found!");
    let elsewhere = originals::connect_from([127, 0, 0, 77].into(), queries);
    send(&elsewhere, "INIT,ann,5000,a.txt");
    assert_eq!(receive(&elsewhere), "OK", "of another address");
    assert_eq!(ask(queries, "GET_P,g0"), "ERR,User not found!", "the oldest has given way");
    assert_eq!(ask(queries, "GET_P,g1"), "OK,127.0.0.1,5001");
    server.join("g1");
    assert_eq!(ask(queries, "GET_P,g1"), "ERR,User not found!");
}

#[test]
fn a_connection_ends_however_much_it_asks() {
    let (server, queries) = server(&["--login-limit", "700ms", "--rate", "off", "--guest-probe", "1h"]);
    let mut native = server.join("dave");
    let stream = connect(queries);
    send(&stream, "INIT,ann,5000");
    assert_eq!(receive(&stream), "OK");
    let until = Instant::now() + LIMIT;
    while (&stream).write_all(b"GET_U\n").is_ok() && matches!((&stream).read(&mut [0; 1000]), Ok(1..)) {
        assert!(Instant::now() < until, "it goes on asking");
    }
    assert_eq!(native.ask("GET_U"), "OK,ann,dave", "the guest stays, and so does who is logged in");
}

#[test]
fn a_guest_who_says_nothing_for_long_is_taken_out() {
    let (server, queries) = server(&["--idle", "500ms", "--rate", "off"]);
    let (_ann, port) = listen();
    assert_eq!(ask(queries, &format!("INIT,ann,{port}")), "OK");
    // Any query from there would say that somebody is there.
    let mut native = server.join("dave");
    let until = Instant::now() + LIMIT;
    while native.ask("GET_U") != "OK,dave" {
        assert!(Instant::now() < until, "ann is still listed");
    }
}

#[test]
fn the_query_port_counts_among_all_connections() {
    let (server, queries) = server(&["--max-clients", "1"]);
    let _native = server.join("dave");
    assert_eq!(receive(&connect(queries)), "ERR,Server full (1 client): try again later");
    let (_server, queries) = self::server(&["--max-per-ip", "1"]);
    let _first = connect(queries);
    assert_eq!(receive(&connect(queries)), "ERR,Your address has 1 connection already: try again later");
}

#[test]
fn a_native_user_sees_a_guest_and_is_told_why_it_cannot_connect() {
    let (server, queries) = server(&[]);
    let (ann, port) = listen();
    assert_eq!(ask(queries, &format!("INIT,ann,{port},a.txt")), "OK");
    let mut dave = server.join("dave");
    dave.ask("INIT,dave,4401,secret.txt");
    dave.send("list");
    assert_eq!(dave.answer()[0], format!("client_ann_127.0.0.1:{port}_guest-query"));
    let told = "ERR,ann is a guest who speaks the query dialect: only clients of that dialect can talk to ann";
    for line in ["connect_ann", "msg_hi_ann", "relay_hi_ann", &format!("connect_127.0.0.1:{port}")] {
        assert_eq!(dave.ask(line), told, "{line}");
    }
    assert_eq!(ask(queries, "GET_U"), "OK,ann,dave");
    // What only a native client could use is not shown.
    assert_eq!(ask(queries, "GET_P,dave"), "ERR,User not found!");
    assert_eq!(ask(queries, "GET_AF"), "OK,ann: a.txt");
    ann.set_nonblocking(true).expect("an open socket");
    assert!(ann.accept().is_err(), "nobody has called ann");
}
