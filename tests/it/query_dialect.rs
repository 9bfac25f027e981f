//! The query dialect, spoken by test clients that do what S3's original does: a connection for each query, no line
//! end, one `recv` of 1,000 bytes for the answer, and a listening socket for chats and files.

use crate::harness::originals::{self, connect, receive_text, send};
use crate::harness::{LIMIT, TestServer};
use std::io::Read;
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
    leaving.shutdown(Shutdown::Write).expect("open");
    assert_eq!(receive(&leaving), "", "EXIT has no answer");
    assert_eq!(ask(queries, "GET_U"), "OK,bob");
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
    assert!(ask(queries, "INIT,not_a_name,5000").starts_with("ERR,A username has"));
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
    assert_eq!(server.connect().ask("SIGNUP,ann,password"), "ERR,Username not available");
}

#[test]
fn there_is_an_end_to_guests() {
    let (_server, queries) = server(&["--max-clients", "20"]);
    let stream = connect(queries);
    for number in 0..20 {
        send(&stream, format!("INIT,guest-{number},5000"));
        assert_eq!(receive(&stream), "OK");
    }
    assert_eq!(ask(queries, "INIT,guest-20,5000"), "ERR,Server full (20 guests): try again later");
}

#[test]
fn the_query_port_counts_among_all_connections() {
    let (server, queries) = server(&["--max-clients", "1"]);
    let _native = server.join("dave");
    assert_eq!(receive(&connect(queries)), "ERR,Server full (1 client): try again later");
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
