//! The client by TLS: whose key it takes, and what it says where it does not.

use crate::harness::by_tls::{port, start};
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Left, Person};
use crate::harness::{LIMIT, TestServer, read, write_private};
use crate::tls_talk::tap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

fn key(server: &TestServer) -> String {
    server.tls.expect("it has the port").1.to_string()
}

/// What a client says that does not get in, and that it leaves nothing behind.
fn refused(home: &Path, server: &TestServer, options: &[&str]) -> String {
    let options = [&["--tls", "--user", "alice"], options].concat();
    let mut client = ClientProcess::start_at_home(home, port(server), &options);
    assert_eq!(client.finish(), Some(2), "{:?}", client.seen);
    client.seen.join("\n")
}

#[test]
fn a_person_is_asked_once() {
    let server = start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("peerline/known_servers");
    let options = ["--tls", "--plain", "--known-servers", file.to_str().expect("UTF-8")];
    let mut person = Person::start_with(port(&server), &options, &[("TERM", "dumb")]);
    person.see("is new to this machine");
    person.see_line("Is it the same? Type yes, no, or the key that you were told: ");
    person.say("y");
    person.see_rows("Is it the same?", 2);
    assert!(!file.exists());
    person.say("yes");
    person.see_line("login or signup> ");
    person.say("quit");
    let Left { code, screen, .. } = person.leave();
    assert_eq!(code, 0, "{}", screen.contents());
    let line = read(&file);
    assert!(line.starts_with(&format!("{} {} 20", port(&server), key(&server))) && line.lines().count() == 1, "{line}");
    let mut person = Person::start_with(port(&server), &options, &[("TERM", "dumb")]);
    person.see_line("login or signup> ");
    assert!(!person.contents().contains("Is it the same?"), "{}", person.contents());
    person.say("quit");
    assert_eq!(person.leave().code, 0);
}

#[test]
fn who_says_no_or_was_told_another_key_does_not_get_in() {
    let server = start(&[]);
    let other = format!("sha256:{}", "ab".repeat(32));
    for (answer, code, says) in [("no", 0, "Is it the same?"), (other.as_str(), 2, "another key than you were told")] {
        let mut person = Person::start_with(port(&server), &["--tls", "--plain"], &[("TERM", "dumb")]);
        person.see("Is it the same?");
        person.say(answer);
        let Left { code: ended, screen, .. } = person.leave();
        assert!(ended == code && screen.contents().contains(says), "{answer}: {ended} {}", screen.contents());
    }
}

#[test]
fn a_script_takes_no_key_that_nobody_has_given_it() {
    let (server, home) = (start(&[]), tempfile::tempdir().expect("a folder"));
    let said = refused(home.path(), &server, &["--signup"]);
    assert!(said.contains(&format!("no key of {} is known", port(&server))), "{said}");
    let (right, wrong) = (key(&server), format!("sha256:{}", "ab".repeat(32)));
    let said = refused(home.path(), &server, &["--signup", "--fingerprint", &wrong]);
    for part in ["is not that of --fingerprint", &format!("known: {wrong}"), &format!("shown: {right}")] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let options = ["--tls", "--user", "alice", "--signup", "--fingerprint", &right];
    let mut alice = ClientProcess::start_at_home(home.path(), port(&server), &options);
    alice.see("people who use TLS too");
    alice.see("Logged in as alice.");
    let mut bob = server.join("bob");
    alice.say("all hello");
    assert!(bob.event().ends_with("_alice_hello"));
    assert!(bob.ask("bcast_and back").starts_with("OK,"));
    alice.see("and back");
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0));
    assert!(!home.path().join("peerline/known_servers").exists(), "nothing is remembered");
}

#[test]
fn another_key_than_the_known_one_is_refused_with_file_and_line() {
    let (server, home) = (start(&[]), tempfile::tempdir().expect("a folder"));
    let file = home.path().join("peerline/known_servers");
    fs::create_dir(home.path().join("peerline")).expect("made");
    let (place, known) = (port(&server), format!("sha256:{}", "ab".repeat(32)));
    write_private(&file, &format!("# a class\n{place} {known} 2026-01-31\n"));
    let said = refused(home.path(), &server, &["--signup"]);
    let shown = key(&server);
    for part in
        [&format!("not that of {}, line 2", file.display()), &format!("known: {known}"), &format!("shown: {shown}")]
    {
        assert!(said.contains(part.as_str()), "{part}: {said}");
    }
    // A change that was announced.
    fs::write(&file, format!("{place} {known} 2026-01-31\n{place} {shown} 2026-02-01\n")).expect("written");
    let mut alice = ClientProcess::start_at_home(home.path(), place, &["--tls", "--user", "alice", "--signup"]);
    alice.see("Logged in as alice.");
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0));
    fs::write(&file, format!("{place} {shown} 2026-01-31\n{place} sha256:1\n")).expect("written");
    let said = refused(home.path(), &server, &[]);
    assert!(said.contains(&format!("{}:2: expected", file.display())), "{said}");
}

#[test]
fn whoever_keeps_every_byte_of_a_client_has_nothing_of_it() {
    let server = start(&[]);
    let key = key(&server);
    let (address, seen) = tap(port(&server));
    let options = ["--tls", "--fingerprint", &key, "--user", "alice", "--signup"];
    let mut alice = ClientProcess::start(address, &options);
    alice.see("Logged in as alice.");
    alice.say("all what nobody reads");
    alice.see("what nobody reads");
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0));
    let seen = seen.lock().expect("no panic");
    assert!(seen.len() > 1000);
    for word in ["password", "alice", "what nobody reads", "Welcome"] {
        assert!(!seen.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word}");
    }
}

#[test]
fn what_is_no_tls_is_told_in_the_words_that_were_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let says = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream.write_all(b"ERR,Server full\n").expect("taken");
        let mut hello = Vec::new();
        // What comes is a hello, and nothing of the person's.
        stream.read_to_end(&mut hello).expect("an end");
        hello
    });
    let key = format!("sha256:{}", "ab".repeat(32));
    let mut client = ClientProcess::start(address, &["--tls", "--fingerprint", &key, "--user", "alice"]);
    assert_eq!(client.finish(), Some(2));
    let said = client.seen.join("\n");
    let told = "it says in the clear, which anybody on the way can say and which proves nothing: Server full";
    assert!(said.contains(told), "{said}");
    let hello = says.join().expect("no panic");
    assert!(hello.starts_with(&[22, 3, 1]) && !hello.windows(5).any(|piece| piece == b"alice"));
}

#[test]
fn a_doctor_examines_the_way_by_tls() {
    let server = start(&[]);
    server.join("alice");
    let key = key(&server);
    let mut doctor = ClientProcess::doctor_with(port(&server), "alice", &["--tls", "--fingerprint", &key]);
    doctor.see(&format!("TLS to {}: fine, logged in", port(&server)));
    doctor.see("Encryption: TLS 1.3, TLS_");
    doctor.see(&format!("Key: {key} is that of --fingerprint"));
    doctor.see("Broadcasts: by TLS as well");
    doctor.see("Peers by TLS: fine. By 127.");
    assert_eq!(doctor.finish(), Some(0), "{:?}", doctor.seen);
    // Where nobody is asked, and the key is not known, it is told.
    let mut doctor = ClientProcess::doctor_with(port(&server), "alice", &["--tls", "--known-servers", "/dev/null"]);
    assert_eq!(doctor.finish(), Some(2));
    let said = doctor.seen.join("\n");
    assert!(said.contains(&format!("works, and its key is {key}; but no key of {} is known", port(&server))), "{said}");
}
