//! A client's life on the server: broadcasts, logging in again, coming back, what a script sees.

use crate::harness::client::ClientProcess;
use crate::harness::{TestServer, send_signal};
use std::net::TcpListener;

#[test]
fn every_broadcast_once_and_in_order_though_udp_loses_a_third() {
    let server = TestServer::start(&["--udp-loss", "0.3", "--rate", "off"]);
    let mut eve = server.join("eve");
    (0..20).for_each(|number| assert!(eve.ask(&format!("bcast_before {number}")).starts_with("OK")));
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    for number in 0..300 {
        assert!(eve.ask(&format!("bcast_after {number}")).starts_with("OK"));
    }
    for client in [&mut alice, &mut bob] {
        client.see("eve: after 299");
        assert_eq!(client.finish(), Some(0));
        let shown = client.seen.iter().filter_map(|line| line.split_once("eve: ")).map(|(_, text)| text.to_owned());
        let sent = (0..20).map(|number| format!("before {number}")).chain((0..300).map(|n| format!("after {n}")));
        assert_eq!(shown.collect::<Vec<_>>(), sent.collect::<Vec<_>>());
    }
}

#[test]
fn a_client_comes_back_with_the_server_and_misses_nothing() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    bob.say("broadcast one");
    alice.see("bob: one");
    let server = server.come_back(&[]);
    let mut eve = server.join("eve");
    assert!(eve.ask("bcast_two").starts_with("OK"));
    alice.see("The server is gone");
    alice.see("Logged in again as alice.");
    bob.see("Logged in again as bob.");
    alice.say("msg bob hello again");
    bob.see("alice: hello again");
    bob.say("broadcast three");
    alice.see("bob: three");
    let code = alice.finish();
    assert_eq!(code, Some(0), "{:#?}", alice.seen);
    let shown: Vec<_> = alice.seen.iter().filter(|line| line.contains("broadcast ")).collect();
    assert_eq!(shown.len(), 3, "{:#?}", alice.seen);
    let code = bob.finish();
    assert_eq!(code, Some(0), "{:#?}", bob.seen);
}

#[test]
fn a_session_that_expires_is_renewed() {
    let server = TestServer::start(&["--relogin", "300ms"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.see("Session expired");
    alice.see("Logged in again as alice.");
    alice.see("Session expired");
    alice.see("Logged in again as alice.");
    assert_eq!(alice.finish(), Some(0));
}

#[test]
fn whom_another_login_replaced_does_not_fight_back() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut second = ClientProcess::start(server.address, &["--user", "alice"]);
    second.see("Logged in as alice.");
    alice.see("Type reconnect to come back");
    alice.say("reconnect");
    alice.see("Logged in again as alice.");
    second.see("Type reconnect to come back");
    alice.say("whoami");
    alice.see("alice 127.");
    assert_eq!((alice.finish(), second.finish()), (Some(0), Some(0)));
}

#[test]
fn whom_nobody_missed_is_told_and_decides() {
    let server = TestServer::start(&["--idle", "700ms", "--rate", "off"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.see("Inactive for too long");
    alice.see("Type reconnect to come back");
    alice.say("list");
    alice.see("You are not logged in: type reconnect");
    alice.say("reconnect");
    alice.see("Logged in again as alice.");
    assert_eq!(alice.finish(), Some(1));
}

#[test]
fn the_dialogue_reads_as_with_netcat() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::start(server.address, &[]);
    for line in ["signup", "alice", "secret-word", "secret-word", "login", "alice", "wrong-word"] {
        alice.say(line);
    }
    alice.see("Invalid credentials");
    for line in ["login", "alice", "secret-word", "2", "hello_all", "list", "dance", "quit"] {
        alice.say(line);
    }
    alice.see("Logged in as alice.");
    alice.see("sent to 1 client");
    alice.see("1 active client");
    alice.see("\"dance\" is no command");
    assert_eq!(alice.finish(), Some(1));
}

#[test]
fn what_cannot_work_ends_with_a_sentence_and_code_2() {
    let mut server = TestServer::start(&["--max-clients", "1"]);
    for (options, sentence) in [
        (&["--user", "nobody"][..], "client: Invalid credentials"),
        (&["--user", "a_b"], "A username has 1 to 15 letters"),
        (&["--user", "alice", "--password-file", "/nowhere"], "client: /nowhere: No such file"),
        (&["--signup"], "required"),
    ] {
        let mut client = ClientProcess::start(server.address, options);
        client.see(sentence);
        assert_eq!(client.finish(), Some(2), "{options:?}");
    }
    let _only = server.join("eve");
    let mut second = ClientProcess::start(server.address, &["--user", "alice"]);
    second.see("says: Server full (1 client)");
    assert_eq!(second.finish(), Some(2));
    server.stop();
    let mut late = ClientProcess::start(server.address, &["--user", "alice"]);
    late.see("client: no server at 127.0.0.1");
    assert_eq!(late.finish(), Some(2));
}

#[test]
fn a_port_that_does_not_greet_is_perhaps_another() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut alice = ClientProcess::start(silent.local_addr().expect("bound"), &["--user", "alice"]);
    alice.see("another program listens at");
    assert_eq!(alice.finish(), Some(2));
}

#[test]
fn a_signal_ends_a_client_in_order() {
    let server = TestServer::start(&[]);
    let mut eve = server.join("eve");
    let alice = &mut ClientProcess::join(server.address, "alice");
    assert_eq!(eve.ask("GET_U"), "OK,alice,eve");
    send_signal(alice.id(), "TERM");
    assert_eq!(alice.finish(), Some(0));
    assert_eq!(eve.ask("GET_U"), "OK,eve");
}

#[test]
fn commands_may_be_given_as_an_option() {
    let server = TestServer::start(&[]);
    let commands = r"whoami; broadcast a\; b; wait 10s; quit";
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--exec", commands]);
    alice.see("alice 127.");
    alice.see("alice: a; b");
    send_signal(alice.id(), "TERM");
    assert_eq!(alice.finish(), Some(0));
}

#[test]
fn programs_get_an_object_an_event() {
    let server = TestServer::start(&[]);
    let mut eve = server.join("eve");
    assert!(eve.ask("bcast_before").starts_with("OK"));
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--json"]);
    alice.see(r#""text":"before""#);
    assert!(eve.ask("bcast_\"quoted\"").starts_with("OK"));
    alice.see(r#""text":"\"quoted\"""#);
    alice.say("list");
    alice.see(r#""name":"alice""#);
    alice.say("dance");
    alice.see(r#""event":"refused""#);
    assert_eq!(alice.finish(), Some(1));
    let objects: Vec<serde_json::Value> =
        alice.seen.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut earlier = objects.iter().filter(|object| object["event"] == "broadcast").map(|object| &object["earlier"]);
    // The first may have been sent in the second of the login.
    assert_eq!(earlier.next_back(), Some(&serde_json::Value::Bool(false)));
    assert!(objects.iter().all(|object| object["event"].is_string()));
}

#[test]
fn a_script_is_not_too_fast_for_the_server() {
    let server = TestServer::start(&["--rate", "50"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    (0..130).for_each(|_| alice.say("whoami"));
    assert_eq!(alice.finish(), Some(0));
    assert_eq!(alice.seen.iter().filter(|line| line.starts_with("alice 127.")).count(), 130);
}
