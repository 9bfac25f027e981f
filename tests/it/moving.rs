//! Servers of a house that take each other's people: by a token in the place of the password, with the broadcasts that were
//! missed, and with the list of where to go.

use super::harness::client::ClientProcess;
use super::harness::control;
use super::harness::house::{in_house, join, url};
use super::harness::redis::Redis;
use super::harness::{LIMIT, Lines, ServerProcess, TestServer, read};
#[cfg(feature = "tls")]
use super::harness::{by_tls, netcat::Running};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Clients are told of it where it is bound.
const ADVERTISED: [&str; 2] = ["--advertise", "127.0.0.1:0"];
const WITH_PASSWORD: &str = "ERR,Log in with your password";

/// What the answer to a login says of the house.
#[derive(Debug)]
struct Welcome {
    epoch: String,
    token: String,
    servers: String,
}

/// The welcome in this answer.
fn welcome(answer: &[String]) -> Welcome {
    assert_eq!(answer.last().map(String::as_str), Some("OK,Login successful!"), "{answer:?}");
    let field = |start: &str| answer.iter().find_map(|line| line.strip_prefix(start)).expect("there").to_owned();
    Welcome { epoch: field("epoch_"), token: field("again_"), servers: field("servers_") }
}

/// Says this on a new connection: its answer, and the connection.
fn enter(address: SocketAddr, line: &str) -> (Vec<String>, Lines) {
    let mut lines = Lines::connect(address);
    lines.line();
    lines.send(line);
    (lines.answer(), lines)
}

fn log_in(address: SocketAddr, name: &str) -> (Welcome, Lines) {
    let (answer, lines) = enter(address, &format!("LOGIN,{name},password"));
    (welcome(&answer), lines)
}

fn go_on(address: SocketAddr, name: &str, token: &str) -> (Welcome, Lines) {
    let (answer, lines) = enter(address, &format!("AGAIN,{name},{token}"));
    (welcome(&answer), lines)
}

/// The last line of what is answered to a token.
fn try_again(address: SocketAddr, name: &str, token: &str) -> String {
    enter(address, &format!("AGAIN,{name},{token}")).0.pop().expect("one line at least")
}

fn list(servers: &[SocketAddr]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Waits until a server tells of these, itself first: it hears of others a moment after they are there.
fn wait_for_list(servers: &[SocketAddr], name: &str) {
    let until = Instant::now() + LIMIT;
    loop {
        let told = log_in(servers[0], name).0.servers;
        if told == list(servers) {
            return;
        }
        assert!(Instant::now() < until, "{told}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until a server knows that somebody is here.
fn wait_until_listed(server: &TestServer, name: &str) {
    let until = Instant::now() + LIMIT;
    while !control::Control::of(server).ask_all("list").iter().any(|line| line.contains(name)) {
        assert!(Instant::now() < until, "{name} is not listed");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// A Redis and two servers that are told of, each of which knows the other; alice has an account, and so has `looker`.
fn two(options: &[&str]) -> (Redis, TestServer, TestServer) {
    let redis = Redis::start(&[]);
    let options = [&ADVERTISED, options].concat();
    let (one, two) = (join(&redis, "s1", &options), join(&redis, "s2", &options));
    for name in ["alice", "looker"] {
        assert!(one.connect().ask(&format!("SIGNUP,{name},password")).starts_with("OK"));
    }
    wait_for_list(&[one.address, two.address], "looker");
    wait_for_list(&[two.address, one.address], "looker");
    (redis, one, two)
}

#[test]
fn a_session_goes_on_at_another_server_with_what_it_has_missed() {
    let (_redis, one, two) = two(&[]);
    let mut bob = two.join("bob");
    let (first, alice) = log_in(one.address, "alice");
    for number in 1..=3 {
        assert!(bob.ask(&format!("bcast_line {number}")).starts_with(&format!("OK,Broadcast {number} ")));
    }
    alice.hang_up();
    let (answer, mut alice) =
        enter(two.address, &format!("AGAIN,ALICE,{},{},1", first.token.to_uppercase(), first.epoch));
    let second = welcome(&answer);
    assert_eq!((&second.epoch, &second.servers), (&first.epoch, &list(&[two.address, one.address])));
    assert_ne!(second.token, first.token);
    assert!(answer.contains(&"name_alice".to_owned()), "{answer:?}");
    assert!(alice.event().ends_with("_bob_line 2") && alice.event().ends_with("_bob_line 3"));
    assert_eq!(bob.ask("relay_there_alice"), "OK,Relayed to alice");
    assert_eq!(alice.event(), "msg_bob_there");
    // Each serves once; a wrong one changes nothing.
    assert_eq!(try_again(one.address, "alice", &first.token), WITH_PASSWORD);
    assert_eq!(try_again(one.address, "bob", &second.token), WITH_PASSWORD);
    assert_eq!(try_again(one.address, "nobody", &second.token), WITH_PASSWORD);
    assert!(alice.ask("whoami").starts_with("OK,alice,"));
    // It need not have ended. Of another sequence all is sent again.
    let (answer, mut third) = enter(one.address, &format!("AGAIN,alice,{},{},3", second.token, "0".repeat(32)));
    let token = welcome(&answer).token;
    assert_eq!(alice.event(), "notice_alice has logged in from 127.0.0.1, terminating this connection");
    alice.wait_for_end();
    for number in 1..=3 {
        assert!(third.event().ends_with(&format!("_bob_line {number}")));
    }
    // After the login it is no command, and changes nothing.
    assert!(third.ask(&format!("AGAIN,alice,{token}")).starts_with("ERR,You are logged in as alice"));
    assert_eq!(third.ask("quit"), "OK,Goodbye");
    go_on(two.address, "alice", &token);
}

#[test]
fn who_is_sent_away_comes_back_by_the_password_alone() {
    let (_redis, one, two) = two(&[]);
    let mut address = one.address;
    let mut begin = || {
        // Here and there.
        address = if address == one.address { two.address } else { one.address };
        let session = log_in(address, "alice");
        wait_until_listed(&one, "alice");
        session
    };
    // At its own server, and at the other one.
    for _ in 0..2 {
        let (welcome, mut alice) = begin();
        assert_eq!(control::ask(&one, "kick alice why"), "OK,alice was told why, and the session is closed");
        alice.wait_for_end();
        assert_eq!(try_again(two.address, "alice", &welcome.token), WITH_PASSWORD);
    }
    let (welcome, mut alice) = begin();
    assert!(control::ask(&one, "ban alice").starts_with("OK"));
    alice.wait_for_end();
    assert_eq!(try_again(two.address, "alice", &welcome.token), WITH_PASSWORD);
    assert!(control::ask(&one, "unban alice").starts_with("OK"));
    assert_eq!(try_again(two.address, "alice", &welcome.token), WITH_PASSWORD);
    let (welcome, mut alice) = begin();
    assert_eq!(alice.ask("PASSWD,password,another word"), "OK,Password changed");
    assert_eq!(try_again(two.address, "alice", &welcome.token), WITH_PASSWORD);
    let (answer, mut alice) = enter(two.address, "LOGIN,alice,another word");
    let token = answer.iter().find_map(|line| line.strip_prefix("again_")).expect("a token");
    assert!(control::ask(&one, "remove alice").starts_with("OK"));
    alice.wait_for_end();
    assert_eq!(try_again(two.address, "alice", token), WITH_PASSWORD);
}

#[test]
fn where_the_servers_are_is_told_when_that_changes() {
    let (redis, one, two) = two(&[]);
    let mut bob = two.join("bob");
    let (_, mut alice) = log_in(one.address, "alice");
    // A server that nobody is told of changes no list.
    let _silent = join(&redis, "s4", &[]);
    let folder = TempDir::new().expect("a folder");
    let third = process(folder.path(), &redis, "s3");
    // What was told just before the login may be told once more.
    let next = |lines: &mut Lines, before: &[SocketAddr], then: &[SocketAddr]| {
        let mut told = lines.line();
        while told == format!("servers_{}", list(before)) {
            told = lines.line();
        }
        assert_eq!(told, format!("servers_{}", list(then)));
    };
    let (one, two, three) = (one.address, two.address, third.address);
    next(&mut alice, &[one, two], &[one, two, three]);
    next(&mut bob, &[two, one], &[two, three, one]);
    third.crash();
    next(&mut alice, &[one, two, three], &[one, two]);
    next(&mut bob, &[two, three, one], &[two, one]);
}

/// A server as a process, of which the others tell.
fn process(folder: &Path, redis: &Redis, name: &str) -> ServerProcess {
    let folder = folder.join(name);
    fs::create_dir(&folder).expect("a folder");
    let url = url(redis);
    ServerProcess::start(&folder, &[in_house(&url, name).as_slice(), &ADVERTISED].concat())
}

#[test]
fn a_client_goes_on_at_a_server_that_it_was_told_of_without_its_password() {
    let redis = Redis::start(&[]);
    let folder = TempDir::new().expect("a folder");
    let (one, two) = (process(folder.path(), &redis, "s1"), process(folder.path(), &redis, "s2"));
    let sign_up = |name: &str| assert!(enter(two.address, &format!("SIGNUP,{name},password")).0[0].starts_with("OK"));
    ["alice", "bob", "looker"].into_iter().for_each(sign_up);
    wait_for_list(&[one.address, two.address], "looker");
    let mut alice = ClientProcess::start(one.address, &["--user", "alice"]);
    alice.see("Logged in as alice.");
    let (_, mut bob) = log_in(two.address, "bob");
    assert!(bob.ask("bcast_before").starts_with("OK"));
    alice.see("bob: before");
    one.crash();
    assert!(bob.ask("bcast_meanwhile").starts_with("OK"));
    alice.see(&format!("Logged in again as alice at {}.", two.address));
    assert!(bob.ask("bcast_after").starts_with("OK"));
    alice.see("bob: after");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    let heard = alice.seen.iter().filter_map(|line| line.split_once("bob: ")).map(|(_, text)| text);
    assert_eq!(heard.collect::<Vec<_>>(), ["before", "meanwhile", "after"], "{:#?}", alice.seen);
    // No password was said there, and no token is told.
    let log = read(&two.log);
    assert!(log.contains("AGAIN,alice,*** -> OK,Login successful!") && !log.contains("LOGIN,alice"), "{log}");
    assert!(!log.contains("again_"), "{log}");
}

#[test]
fn no_trace_and_no_log_of_a_server_has_a_token() {
    let redis = Redis::start(&[]);
    let folder = TempDir::new().expect("a folder");
    let trace = folder.path().join("trace");
    let url = url(&redis);
    let options = [in_house(&url, "s1").as_slice(), &ADVERTISED, &["--trace", trace.to_str().expect("UTF-8")]].concat();
    let server = ServerProcess::start(folder.path(), &options);
    enter(server.address, "SIGNUP,alice,password");
    let (first, _alice) = log_in(server.address, "alice");
    let (second, mut alice) = go_on(server.address, "alice", &first.token);
    let wrong = "00112233445566778899aabbccddeeff";
    assert_eq!(try_again(server.address, "alice", wrong), WITH_PASSWORD);
    assert_eq!(alice.ask("quit"), "OK,Goodbye");
    let log = server.log.clone();
    assert_eq!(server.end("TERM"), Some(0));
    let (trace, log) = (read(&trace), read(&log));
    assert!(trace.contains("again_") && trace.contains("AGAIN,alice,***") && log.contains("AGAIN,alice,***"));
    for token in [&first.token, &second.token, wrong] {
        assert!(!trace.contains(&token[..12]) && !log.contains(&token[..12]), "{trace}{log}");
    }
}

/// A session that goes on by TLS: what is answered.
#[cfg(feature = "tls")]
fn by_tls_again(address: SocketAddr, name: &str, token: &str) -> (Vec<String>, Lines, Running) {
    let (mut lines, running) = by_tls::connect(address);
    lines.send(&format!("AGAIN,{name},{token}"));
    (lines.answer(), lines, running)
}

#[cfg(feature = "tls")]
#[test]
fn by_tls_a_session_hears_of_ports_for_tls_alone_and_of_their_keys() {
    let (_redis, one, two) = two(&["--tls-port", "0"]);
    let (at_one, at_two) = (by_tls::port(&one), by_tls::port(&two));
    let keys = [&one, &two]
        .map(|server| server.tls.expect("it has the port"))
        .map(|(at, key)| format!("serverkey_{at}_{key}"));
    let (_alice, _running, answer) = by_tls::join(at_one, "anna");
    let told: Vec<_> = answer.iter().filter(|line| line.starts_with("server")).cloned().collect();
    assert_eq!(told, [keys[0].clone(), keys[1].clone(), format!("servers_{}", list(&[at_one, at_two]))]);
    let token = welcome(&answer).token;
    // What came by TLS is not taken in the clear.
    assert_eq!(try_again(two.address, "anna", &token), WITH_PASSWORD);
    let (answer, _anna, _running) = by_tls_again(at_two, "anna", &token);
    assert_eq!(welcome(&answer).servers, list(&[at_two, at_one]));
    // What came in the clear may be said by TLS.
    let (in_the_clear, _alice) = log_in(one.address, "alice");
    let (answer, _alice, _running) = by_tls_again(at_two, "alice", &in_the_clear.token);
    let token = welcome(&answer).token;
    assert_eq!(try_again(one.address, "alice", &token), WITH_PASSWORD);
}

#[cfg(feature = "tls")]
#[test]
fn by_tls_a_client_goes_on_by_tls_at_the_server_whose_key_it_was_told() {
    let (_redis, mut one, two) = two(&["--tls-port", "0"]);
    let folder = TempDir::new().expect("a folder");
    let known = folder.path().join("known");
    let (at_one, key) = one.tls.expect("it has the port");
    super::harness::write_private(&known, &format!("{at_one} {key} 2026-01-31\n"));
    let options = ["--tls", "--known-servers", known.to_str().expect("UTF-8"), "--user", "alice"];
    let mut alice = ClientProcess::start(at_one, &options);
    alice.see("Logged in as alice.");
    one.stop();
    alice.see(&format!("Logged in again as alice at {}.", by_tls::port(&two)));
    let mut bob = two.join("bob");
    assert_eq!(bob.ask("GET_U"), "OK,alice,bob");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
}
