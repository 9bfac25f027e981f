//! Clients that are given several servers, or are told of them: where they go on when one ends.

#[cfg(feature = "tls")]
use crate::harness::by_tls::{port, start};
use crate::harness::client::ClientProcess;
use crate::harness::{LIMIT, TestServer, read};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

const EPOCH: &str = "ffeeddccbbaa99887766554433221100";

/// A server, and alice's account there.
fn with_alice(server: TestServer) -> TestServer {
    assert!(server.connect().ask("SIGNUP,alice,password").starts_with("OK"));
    server
}

#[test]
fn a_client_goes_on_at_another_server_when_the_first_stops() {
    let (mut one, two) = (with_alice(TestServer::start(&[])), with_alice(TestServer::start(&[])));
    let also = two.address.to_string();
    let mut alice = ClientProcess::start(one.address, &["--user", "alice", "--also", &also]);
    alice.see("Logged in as alice.");
    let mut bob = two.join("bob");
    assert_eq!(bob.ask("GET_U"), "OK,bob");
    one.stop();
    alice.see("The server is gone");
    alice.see(&format!("Logged in again as alice at {also}."));
    assert_eq!(bob.ask("GET_U"), "OK,alice,bob");
    assert!(bob.ask("bcast_hello").starts_with("OK"));
    alice.see("bob: hello");
    alice.say("whoami");
    alice.see("alice 127.");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
}

/// An address of loopback at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound")
}

#[test]
fn a_client_whose_first_server_is_not_there_begins_at_another_and_ends_where_none_is() {
    let server = with_alice(TestServer::start(&[]));
    let (gone, also) = (nobody(), server.address.to_string());
    let mut alice = ClientProcess::start(gone, &["--user", "alice", "--also", &also]);
    alice.see(&format!("{gone}: connection refused. Trying the next server..."));
    alice.see("Logged in as alice.");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    let other = nobody().to_string();
    let mut alice = ClientProcess::start(gone, &["--user", "alice", "--also", &other]);
    alice.see(&format!("no server at {other}"));
    assert_eq!(alice.finish(), Some(2), "{:#?}", alice.seen);
}

#[test]
fn a_doctor_names_the_servers_and_tries_the_others() {
    let (one, two) = (with_alice(TestServer::start(&[])), TestServer::start(&[]));
    let (there, gone) = (two.address.to_string(), nobody().to_string());
    let mut doctor = ClientProcess::doctor_with(one.address, "alice", &["--also", &there, "--also", &gone]);
    assert_eq!(doctor.finish(), Some(1), "{:#?}", doctor.seen);
    let said = |start: &str, parts: [&str; 2]| {
        let is_it = |line: &&String| line.contains(start) && parts.iter().all(|part| line.contains(part));
        assert_eq!(doctor.seen.iter().filter(is_it).count(), 1, "{start}: {:#?}", doctor.seen);
    };
    said(&format!("Servers: {} is this one; the others are ", one.address), [&there, &gone]);
    said(&format!("Server {there}: "), ["fine", "it greets"]);
    said(&format!("Server {gone}: "), ["connection refused", "see that it runs"]);
}

/// Takes a connection, answers each line that begins as is expected, and ends it. What was said.
fn converse(listener: &TcpListener, answers: &[(&str, String)]) -> Vec<String> {
    let (stream, _) = listener.accept().expect("a client");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    (&stream).write_all(b"OK,Welcome\n").expect("written");
    let mut lines = BufReader::new(&stream).lines();
    let mut said = Vec::new();
    for (begin, answer) in answers {
        let line = lines.next().expect("a line").expect("within the limit");
        assert!(line.starts_with(begin), "{line}, and not {begin}");
        said.push(line);
        (&stream).write_all(answer.as_bytes()).expect("written");
    }
    said
}

/// What a server says to a login that gives this token and names these servers.
fn welcome(token: &str, servers: &[SocketAddr]) -> String {
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    format!("epoch_{EPOCH}\nagain_{token}\nservers_{}\nip_127.0.0.9\nOK,Login successful!\n", servers.join(","))
}

#[test]
fn a_session_goes_on_at_the_server_that_was_told_by_a_token_that_nobody_sees() {
    const TOKENS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "89abcdef0123456789abcdef01234567"];
    let bound = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (one, two) = (bound(), bound());
    let [first, second] = [&one, &two].map(|listener| listener.local_addr().expect("bound"));
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let broadcast = |seq| format!("OK\nbcast_{seq}_1700000000_bob_text {seq}\n");
    let playing = thread::spawn(move || {
        let login = ("LOGIN,alice,password", welcome(TOKENS[0], &[first, second]));
        converse(&one, &[login, ("INIT,alice,", broadcast(41))]);
        let again =
            converse(&two, &[("AGAIN,alice,", welcome(TOKENS[1], &[second, first])), ("INIT,alice,", broadcast(42))]);
        let refused = converse(
            &one,
            &[
                ("AGAIN,alice,", "ERR,Log in with your password\n".to_owned()),
                ("LOGIN,alice,password", "ip_127.0.0.9\nOK,Login successful!\n".to_owned()),
                ("INIT,alice,", "OK\n".to_owned()),
                ("quit", "OK,Goodbye\n".to_owned()),
            ],
        );
        [again[0].clone(), refused[0].clone()]
    });
    let options = ["--user", "alice", "--trace", trace.to_str().expect("UTF-8")];
    let mut alice = ClientProcess::start_at_home(folder.path(), first, &options);
    alice.see(&format!("Logged in again as alice at {second}."));
    alice.see("bob: text 42");
    alice.see("This is another house than before");
    alice.see(&format!("Logged in again as alice at {first}."));
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    let said = playing.join().expect("no panic");
    assert_eq!(
        said,
        [format!("AGAIN,alice,{},{EPOCH},41", TOKENS[0]), format!("AGAIN,alice,{},{EPOCH},42", TOKENS[1])]
    );
    let trace = read(&trace);
    assert!(trace.contains("AGAIN,alice,***") && trace.contains("again_0123..."), "{trace}");
    for token in TOKENS {
        assert!(!trace.contains(&token[..12]), "{trace}");
        assert!(!alice.seen.iter().any(|line| line.contains(&token[..12])), "{:#?}", alice.seen);
    }
}

/// A file of servers whose keys are known, each with the key that it shall have.
#[cfg(feature = "tls")]
fn known_servers(folder: &std::path::Path, known: &[(SocketAddr, String)]) -> String {
    let path = folder.join("known");
    let lines: String = known.iter().map(|(server, key)| format!("{server} {key} 2026-01-31\n")).collect();
    crate::harness::write_private(&path, &lines);
    path.to_str().expect("UTF-8").to_owned()
}

#[cfg(feature = "tls")]
#[test]
fn by_tls_a_client_goes_on_where_the_key_is_the_known_one_alone() {
    let key = |server: &TestServer| server.tls.expect("it has the port").1.to_string();
    for is_known in [true, false] {
        let (mut one, two) = (with_alice(start(&[])), with_alice(start(&[])));
        let folder = tempfile::tempdir().expect("a folder");
        let of_two = if is_known { key(&two) } else { format!("sha256:{}", "ab".repeat(32)) };
        let known = known_servers(folder.path(), &[(port(&one), key(&one)), (port(&two), of_two)]);
        let also = port(&two).to_string();
        let options = ["--tls", "--known-servers", &known, "--user", "alice", "--also", &also];
        let mut alice = ClientProcess::start(port(&one), &options);
        alice.see("Logged in as alice.");
        let mut bob = two.join("bob");
        one.stop();
        if is_known {
            alice.see(&format!("Logged in again as alice at {also}."));
            assert_eq!(bob.ask("GET_U"), "OK,alice,bob");
        } else {
            alice.see(&format!("Left out: the key of {also} is not that of {known}, line 2"));
            assert_eq!(bob.ask("GET_U"), "OK,bob");
        }
        alice.say("quit!");
        assert_eq!(alice.finish(), Some(i32::from(!is_known)), "{:#?}", alice.seen);
    }
}

/// Nobody is asked, so each of them must be known before anything is sent to any.
#[cfg(feature = "tls")]
#[test]
fn by_tls_a_server_that_is_unknown_is_no_other_one() {
    let (one, two) = (start(&[]), start(&[]));
    let folder = tempfile::tempdir().expect("a folder");
    let known = known_servers(folder.path(), &[(port(&one), one.tls.expect("it has the port").1.to_string())]);
    let also = port(&two).to_string();
    let options = ["--tls", "--known-servers", &known, "--user", "alice", "--also", &also];
    let mut alice = ClientProcess::start(port(&one), &options);
    alice.see(&format!("no key of {also} is known, and nobody can be asked"));
    assert_eq!(alice.finish(), Some(2), "{:#?}", alice.seen);
}
