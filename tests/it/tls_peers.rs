//! People by TLS talk, fetch and run commands by TLS; in the clear others are heard at most.

use crate::harness::TestServer;
use crate::harness::by_tls::{join, port, start};
use crate::harness::client::ClientProcess;
use crate::harness::netcat::has_openssl;
use peerline::value::Spoken;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

fn by_tls(server: &TestServer, name: &str, more: &[&str]) -> ClientProcess {
    let key = server.tls.expect("it has the port").1.to_string();
    let options = ["--tls", "--fingerprint", &key, "--user", name, "--signup"];
    let mut client = ClientProcess::start(port(server), &[&options, more].concat());
    client.see(&format!("Logged in as {name}."));
    client
}

/// The beginnings of the tickets that were used up, as a trace tells.
fn redeemed(trace: &str) -> Vec<String> {
    let text = fs::read_to_string(trace).expect("a trace");
    let events = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let of_kind = events.filter(|event: &Value| event["ev"] == "redeem");
    of_kind.map(|event| event["ticket"].as_str().expect("digits").to_owned()).collect()
}

#[test]
fn people_by_tls_do_all_that_others_do() {
    let (server, folder) = (start(&[]), tempfile::tempdir().expect("a folder"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (shared, downloads, log) = (path("shared"), path("downloads"), path("log"));
    [&shared, &downloads].iter().for_each(|name| fs::create_dir(name).expect("made"));
    fs::write(format!("{shared}/a.txt"), "for alice").expect("written");
    let (of_bob, of_alice) = (path("bob.json"), path("alice.json"));
    let options = ["--share", &shared, "--allow-run", "echo hi", "--consent-log", &log, "--trace", &of_bob];
    let mut bob = by_tls(&server, "bob", &options);
    bob.see("Sharing 1 file");
    let mut alice = by_tls(&server, "alice", &["--downloads", &downloads, "--trace", &of_alice]);
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
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
    let (of_bob, of_alice) = (redeemed(&of_bob), redeemed(&of_alice));
    assert_eq!(of_bob.len(), 6, "two messages, a command, a list, a file, a chat");
    assert!(of_bob.iter().all(|ticket| of_alice.contains(ticket)), "{of_bob:?} {of_alice:?}");
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
    if !has_openssl() {
        return;
    }
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

/// The six words in a line that shows them.
fn words(line: &str) -> String {
    let words = line.split_once(": ").and_then(|(_, rest)| rest.split_once(". ")).expect("words").0;
    assert_eq!(words.split(' ').count(), 6, "{line}");
    words.to_owned()
}

#[test]
fn two_people_compare_six_words() {
    let server = start(&[]);
    let (mut bob, mut alice) = (by_tls(&server, "bob", &[]), by_tls(&server, "alice", &[]));
    alice.say("verify bob");
    let shown = words(&alice.see("Six words with bob: "));
    let line = bob.see("Six words with alice: ");
    assert!(words(&line) == shown && line.contains("alice wants to be sure"), "{line}");
    for (one, with) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        one.say(&format!("verify {with} yes"));
        one.see(&format!("{with} is verified by voice"));
    }
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("Chat with bob (verified by voice) opened");
    bob.see("Chat with alice (verified by voice) opened");
    bob.say("!back");
    bob.say("verify alice no");
    bob.see("alice is refused: the words were others");
    alice.see("Chat with bob closed");
    alice.say("!exit");
    alice.say("msg bob hi");
    alice.see("bob does not take it: declined");
    let mut carol = ClientProcess::join(server.address, "carol");
    carol.say("verify bob");
    carol.see("bob cannot be verified: your client speaks in the clear and has no key");
    alice.say("verify carol");
    alice.see("carol has no key, so there is nothing to compare");
}

/// What `docs/PROTOCOL.md` has a reader do by hand.
#[test]
fn openssl_has_the_same_words() {
    if !has_openssl() {
        return;
    }
    let (server, folder) = (start(&[]), tempfile::tempdir().expect("a folder"));
    let mut bob = by_tls(&server, "bob", &[]);
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROTOCOL.md")).expect("text");
    let line = |begin: &str| {
        let found = document.lines().map(str::trim).find(|line| line.starts_with(begin));
        found.unwrap_or_else(|| panic!("{begin} is not told")).to_owned()
    };
    let shell = |command: &str| {
        let mut shell = Command::new("timeout");
        shell.args(["60", "bash", "-c", command]).current_dir(folder.path());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        shell
    };
    assert!(shell(&line("openssl req -x509")).status().expect("openssl runs").success());
    let session = line("openssl s_client -quiet -connect SERVER:TLSPORT -cert");
    let mut session = shell(&session.replace("SERVER:TLSPORT", &port(&server).to_string())).spawn().expect("it runs");
    let mut says = session.stdin.take().expect("piped");
    let mut lines = BufReader::new(session.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    says.write_all(b"SIGNUP,alice,password\nLOGIN,alice,password\nINIT,9\nconnect_bob\n").expect("written");
    let mut field = |word: &str| lines.find_map(|line| line.strip_prefix(word).map(str::to_owned)).expect("it comes");
    let (ticket, peer) = (field("ticket_bob_"), field("peer_"));
    let to_peer = line("openssl s_client -connect IP:PORT -cert").replace("IP:PORT", &peer);
    let mut verify = shell(&to_peer).spawn().expect("it runs");
    let first = format!("VERIFY,alice,{ticket}\n");
    let mut says_to_peer = verify.stdin.take().expect("piped");
    says_to_peer.write_all(first.as_bytes()).expect("written");
    let shown = words(&bob.see("Six words with alice: "));
    let said = String::from_utf8(verify.wait_with_output().expect("it ends").stdout).expect("text");
    assert!(said.lines().any(|line| line == "OK"), "{said}");
    let digits = said.lines().find_map(|line| line.trim().strip_prefix("Keying material: ")).expect("it is shown");
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("digits");
    assert_eq!(Spoken::new(std::array::from_fn(byte)).to_string(), shown);
    says.write_all(b"QUIT\n").expect("written");
    session.wait().expect("it ends with the connection");
}
