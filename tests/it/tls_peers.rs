//! People by TLS talk, fetch and run commands by TLS; in the clear others are heard at most.

use crate::harness::TestServer;
use crate::harness::by_tls::{join, port, start};
use crate::harness::client::ClientProcess;
use std::fs;

fn by_tls(server: &TestServer, name: &str, more: &[&str]) -> ClientProcess {
    let key = server.tls.expect("it has the port").1.to_string();
    let options = ["--tls", "--fingerprint", &key, "--user", name, "--signup"];
    let mut client = ClientProcess::start(port(server), &[&options, more].concat());
    client.see(&format!("Logged in as {name}."));
    client
}

#[test]
fn people_by_tls_do_all_that_others_do() {
    let (server, folder) = (start(&[]), tempfile::tempdir().expect("a folder"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (shared, downloads, log) = (path("shared"), path("downloads"), path("log"));
    [&shared, &downloads].iter().for_each(|name| fs::create_dir(name).expect("made"));
    fs::write(format!("{shared}/a.txt"), "for alice").expect("written");
    let mut bob = by_tls(&server, "bob", &["--share", &shared, "--allow-run", "echo hi", "--consent-log", &log]);
    bob.see("Sharing 1 file");
    let mut alice = by_tls(&server, "alice", &["--downloads", &downloads]);
    alice.say("msg bob hello");
    bob.see("[message] alice: hello");
    bob.say("msg alice and back");
    alice.see("[message] bob: and back");
    alice.say("run bob echo hi");
    alice.see("[run] bob: hi");
    alice.say("files bob");
    alice.see("bob a.txt  (9 bytes");
    alice.say("get bob a.txt");
    alice.see("verified, saved as");
    assert_eq!(fs::read_to_string(format!("{downloads}/a.txt")).expect("fetched"), "for alice");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    bob.say("in a talk");
    alice.see("bob: in a talk");
    assert!(!bob.seen.iter().any(|line| line.contains("unverified")), "{:#?}", bob.seen);
}

#[test]
fn whoever_comes_in_the_clear_is_heard_and_gets_nothing() {
    let (server, folder) = (start(&[]), tempfile::tempdir().expect("a folder"));
    fs::write(folder.path().join("a.txt"), "for nobody").expect("written");
    let shared = folder.path().display().to_string();
    let mut bob = by_tls(&server, "bob", &["--share", &shared, "--allow-run", "echo hi"]);
    bob.see("Sharing 1 file");
    let mut carol = ClientProcess::join(server.address, "carol");
    carol.say("msg bob hello");
    bob.see("[message] carol (unverified): hello");
    for request in ["get bob a.txt", "run bob echo hi"] {
        carol.say(request);
        carol.see("not in the clear");
    }
    bob.say("msg carol a secret");
    bob.see("carol has no key, so it would go out in the clear: nothing was sent");
    let mut dave = by_tls(&server, "dave", &["--clear-peers"]);
    dave.say("msg carol no secret");
    dave.see("In the clear: carol has no key");
    carol.see("[message] dave: no secret");
    assert!(!carol.seen.iter().any(|line| line.contains("a secret")), "{:#?}", carol.seen);
}

/// Both sides of an introduction, or neither.
#[test]
fn a_key_is_told_to_who_has_one() {
    let server = start(&[]);
    let mut bob = by_tls(&server, "bob", &[]);
    let (mut alice, _running, _) = join(port(&server), "alice");
    let mut carol = server.join("carol");
    for asker in [&mut alice, &mut carol] {
        asker.send("connect_bob");
        let answer = asker.answer();
        assert!(answer.len() == 3 && !answer.iter().any(|line| line.starts_with("key_")), "{answer:?}");
    }
    bob.say("quit");
    assert_eq!(bob.finish(), Some(0));
}
