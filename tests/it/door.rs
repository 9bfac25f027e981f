//! A client's door, at which strangers, peers and a hostile server try to use it up: the introduced are served at once.

use crate::harness::client::ClientProcess;
use crate::harness::{Lines, TestServer, read};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Where a client listens.
fn door_of(server: &TestServer, name: &str) -> SocketAddr {
    let answer = server.join("looker").ask(&format!("GET_P,{name}"));
    let fields: Vec<&str> = answer.split(',').collect();
    format!("{}:{}", fields[1], fields[2]).parse().expect("an address")
}

/// Alice with a folder for what she fetches, and bob, who shares a file and lets one command run.
struct Two {
    server: TestServer,
    folder: tempfile::TempDir,
    alice: ClientProcess,
    bob: ClientProcess,
}

impl Two {
    fn meet(options: &[&str]) -> Two {
        let (server, folder) = (TestServer::start(&[]), tempfile::tempdir().expect("a folder"));
        let path = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("made");
            path.display().to_string()
        };
        let (shared, fetched) = (path("shared"), path("fetched"));
        fs::write(format!("{shared}/notes.txt"), "some notes").expect("written");
        let log = folder.path().join("consent.csv").display().to_string();
        let own = ["--user", "bob", "--signup", "--share", &shared, "--allow-run", "echo there", "--consent-log", &log];
        let mut bob = ClientProcess::start(server.address, &[&own, options].concat());
        bob.see("Logged in as bob.");
        let own = ["--user", "alice", "--signup", "--downloads", &fetched];
        let mut alice = ClientProcess::start(server.address, &own);
        alice.see("Logged in as alice.");
        Two { server, folder, alice, bob }
    }
}

#[test]
fn silent_strangers_do_not_keep_the_introduced_out() {
    let Two { server, folder, mut alice, mut bob } = Two::meet(&[]);
    let door = door_of(&server, "bob");
    let mut silent: Vec<Lines> = (0..64).map(|_| Lines::connect(door)).collect();
    assert_eq!(silent[0].line(), "ERR,Too many connections, try again later");
    silent[0].wait_for_end();
    alice.say("msg bob hi");
    bob.see("alice: hi");
    alice.say("run bob echo there");
    alice.see("there");
    alice.say("get bob notes.txt");
    alice.see("Fetched notes.txt from bob");
    assert_eq!(read(&folder.path().join("fetched/notes.txt")), "some notes");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept 1");
    alice.see("Chat with bob opened");
    // Who is introduced stays, however many come.
    let _more: Vec<Lines> = (0..64).map(|_| Lines::connect(door)).collect();
    alice.say("still here?");
    bob.see("still here?");
    alice.say("!exit");
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
}

/// Connects to bob's door with a ticket that the server gave to `session`.
fn introduced(session: &mut Lines) -> (Lines, String) {
    session.send("connect_bob");
    let answer = session.answer();
    let ticket = answer[0].strip_prefix("ticket_bob_").expect("a ticket").to_owned();
    let at = answer[1].strip_prefix("peer_").expect("an address").parse().expect("an address");
    (Lines::connect(at), ticket)
}

#[test]
fn a_file_that_is_read_for_its_hash_keeps_nobody_waiting() {
    const SIZE: u64 = 200 << 30;
    let Two { server, folder, mut alice, mut bob } = Two::meet(&["--upload-slots", "1"]);
    let sparse = fs::File::create(folder.path().join("shared/big")).expect("made");
    sparse.set_len(SIZE).expect("a sparse file");
    // Two who want the hash alone, for which bob reads all of the file.
    let ask = |name: &str| {
        let (mut peer, ticket) = introduced(&mut server.join(name));
        peer.send(&format!("FILE,big,{name},{ticket},{SIZE}"));
        assert_eq!(peer.line(), format!("OK,{SIZE}"));
        peer
    };
    let hashed = [ask("carol"), ask("dave")];
    alice.say("get bob notes.txt");
    alice.see("Fetched notes.txt from bob");
    hashed.into_iter().for_each(Lines::hang_up);
    bob.see("the other side has left");
    bob.see("the other side has left");
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
}

/// A server that lets anybody in, and whose answer to `list` has no end.
fn answer_without_end(stream: TcpStream, line: &str) {
    let mut out = stream.try_clone().expect("open");
    let mut say = |text: &str| out.write_all(text.as_bytes()).is_ok();
    say("OK,Welcome to peerline: login or signup\n");
    for request in BufReader::new(stream).lines().map_while(Result::ok) {
        match request.as_str() {
            "list" => while say(line) {},
            _ => drop(say("OK\n")),
        }
    }
}

/// The most memory that a process has had so far, in KiB.
fn most_memory(id: u32) -> u64 {
    let status = read(std::path::Path::new(&format!("/proc/{id}/status")));
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_server_cannot_fill_the_memory_of_a_client() {
    let long = format!("files_bob,{}\n", "x".repeat(1_000_000));
    let many = format!("files_bob{}\n", ",x".repeat(100_000));
    let small = "client_bob_127.0.0.3:4401\n".to_owned();
    for line in [long, many, small] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        // It ends with the test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let line = line.clone();
                thread::spawn(move || answer_without_end(stream, &line));
            }
        });
        let mut alice = ClientProcess::start(address, &["--user", "alice"]);
        alice.see("Logged in as alice.");
        alice.say("list");
        // Before it has no end it may be late, on a busy machine; the words are tested without a socket.
        alice.see("Trying to come back...");
        alice.see("Logged in again as alice.");
        let memory = most_memory(alice.id());
        assert!(memory < 100 << 10, "{memory} KiB");
        alice.say("quit!");
        alice.finish();
    }
}

#[test]
fn a_stranger_who_asks_keeps_nobody_from_asking() {
    let Two { server, mut alice, mut bob, folder: _folder } = Two::meet(&[]);
    let door = door_of(&server, "bob");
    let mut eve = Lines::connect(door);
    eve.send("CHAT,eve");
    bob.see("eve (unverified) wants to chat: accept 1");
    let mut another = Lines::connect_from("127.0.9.9", door);
    another.send("CHAT,mallory");
    assert_eq!(another.line(), "ERR,busy");
    alice.say("run bob date");
    bob.see("alice asks to run here: date");
    bob.say("decline 2");
    alice.see("declined");
    alice.say("chat bob");
    bob.see("alice wants to chat: accept 3");
    bob.say("accept 3");
    alice.see("Chat with bob opened");
    bob.say("!back");
    bob.say("decline 1");
    assert_eq!(eve.line(), "ERR,declined");
    alice.say("!exit");
    assert_eq!((alice.finish(), bob.finish()), (Some(1), Some(0)));
}

#[test]
fn messages_of_strangers_beyond_a_few_are_refused_with_the_reason() {
    let Two { server, mut alice, mut bob, folder: _folder } = Two::meet(&[]);
    let door = door_of(&server, "bob");
    let say = |text: &str| {
        let mut eve = Lines::connect(door);
        eve.send_raw(format!("MSG,eve\n{text}\n"));
        eve.line()
    };
    (0..5).for_each(|number| assert_eq!(say(&format!("buy {number}")), "OK"));
    assert_eq!(say("buy 5"), "ERR,busy: without a ticket you may send 5 messages, then one every 10 s");
    let long = "ERR,A message of more than 500 bytes needs a ticket: send connect_NAME to the server for one";
    assert_eq!(say(&"x".repeat(501)), long);
    alice.say("msg bob hi");
    bob.see("[message] alice: hi");
    assert!(bob.seen.iter().all(|line| !line.contains("buy 5")));
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
}
