//! Clients that are given several servers, or are told of them: where they go on when one ends.

use crate::harness::TestServer;
#[cfg(feature = "tls")]
use crate::harness::by_tls::{port, start};
use crate::harness::client::ClientProcess;
use std::net::{SocketAddr, TcpListener};

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

/// A file of servers whose keys are known, each with the key that it shall have.
#[cfg(feature = "tls")]
fn known_servers(folder: &std::path::Path, known: &[(SocketAddr, String)]) -> String {
    let path = folder.join("known");
    let lines: String = known.iter().map(|(server, key)| format!("{server} {key} 2026-01-31\n")).collect();
    std::fs::write(&path, lines).expect("written");
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
