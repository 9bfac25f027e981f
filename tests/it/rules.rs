//! The rules of the house, each 30-minute one in milliseconds.

use crate::harness::{Lines, TestServer};
use std::io::Read;
use std::thread;

#[test]
fn the_fifty_first_client_is_told_and_closed() {
    let server = TestServer::start(&[]);
    let clients: Vec<Lines> = (0..50).map(|number| server.join(&format!("client{number}"))).collect();
    let mut next = Lines::connect(server.address);
    assert_eq!(next.line(), "ERR,Server full (50 clients): try again later");
    next.wait_for_end();
    drop(clients);
    // The places are free again as soon as the threads have seen the ends.
    let greeting = (0..1000).map(|_| Lines::connect(server.address).line()).find(|line| line.starts_with("OK,Welcome"));
    assert!(greeting.is_some());
}

#[test]
fn fifty_silent_connections_shut_nobody_out() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut silent: Vec<Lines> = (0..49).map(|_| server.connect()).collect();
    for name in ["bob", "carol", "dave"] {
        let mut newcomer = server.join(name);
        let mut first = silent.remove(0);
        assert_eq!(first.event(), "notice_The server is full, and you have not logged in", "the oldest gives way");
        first.wait_for_end();
        assert!(newcomer.ask("whoami").starts_with(&format!("OK,{name},")));
        silent.push(server.connect());
        newcomer.ask("quit");
        newcomer.wait_for_end();
    }
    assert!(alice.ask("whoami").starts_with("OK,alice,"), "who is logged in stays");
}

#[test]
fn an_address_has_a_limit_without_a_login() {
    let server = TestServer::start(&["--max-per-ip", "2"]);
    let clients = ["alice", "bob", "carol"].map(|name| server.join(name));
    let _silent = [server.connect(), server.connect()];
    let mut next = Lines::connect(server.address);
    let refusal = "ERR,2 connections of your address have not logged in, which is the most: log in with one of them, or \
                   try again later";
    assert_eq!(next.line(), refusal);
    next.wait_for_end();
    drop(clients);
}

#[test]
fn who_does_not_log_in_is_closed() {
    let server = TestServer::start(&["--login-limit", "50ms"]);
    let mut client = server.connect();
    client.send("login");
    assert_eq!(client.line(), "OK,Username:");
    assert_eq!(client.event(), "notice_Not logged in within 50ms, terminating connection");
    client.wait_for_end();
}

#[test]
fn the_quiet_are_warned_then_closed_and_the_busy_stay() {
    // Both are to be done within the second between warning and end, also on a busy machine.
    let server = TestServer::start(&["--idle", "6s", "--rate", "off"]);
    let mut busy = server.join("busy");
    let mut quiet = server.join("quiet");
    let shown = format!("OK,quiet,{},0", quiet.ip);
    assert_eq!(quiet.ask("whoami"), shown, "one message is too few");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            assert_eq!(quiet.event(), "notice_Inactive: send something within 1s or the connection is terminated");
            assert_eq!(quiet.event(), "notice_Inactive for too long, terminating connection");
            quiet.wait_for_end();
        });
        while !waiting.is_finished() {
            assert!(busy.ask("whoami").starts_with("OK,busy"));
        }
    });
    assert_eq!(busy.ask("GET_U"), "OK,busy");
}

#[test]
fn the_quiet_are_closed_though_their_session_expires_at_the_same_time() {
    let server = TestServer::start(&["--idle", "300ms", "--relogin", "300ms"]);
    let mut quiet = server.join("quiet");
    let mut told = quiet.event();
    // On a busy machine the warning, 50 ms before, may come too late to be given.
    if told == "notice_Inactive: send something within 50ms or the connection is terminated" {
        told = quiet.event();
    }
    assert_eq!(told, "notice_Inactive for too long, terminating connection");
    quiet.wait_for_end();
}

#[test]
fn a_session_expires_and_a_login_brings_it_back() {
    let server = TestServer::start(&["--relogin", "100ms"]);
    let mut alice = server.join("alice");
    assert_eq!(alice.event(), "notice_Session expired, please log in again");
    assert_eq!(alice.ask("list"), "ERR,Log in first: send login or signup");
    alice.log_in("alice");
    assert_eq!(alice.ask("GET_U"), "OK,alice");
    assert_eq!(alice.event(), "notice_Session expired, please log in again");
}

#[test]
fn never_means_never() {
    let server = TestServer::start(&["--relogin", "never"]);
    let mut alice = server.join("alice");
    assert_eq!(alice.ask("GET_U"), "OK,alice");
}

#[test]
fn a_new_login_takes_over() {
    let server = TestServer::start(&[]);
    let mut old = server.join("alice");
    let mut new = server.connect();
    new.log_in("ALICE");
    assert_eq!(old.event(), "notice_alice has logged in from 127.0.0.1, terminating this connection");
    old.wait_for_end();
    assert_eq!(new.ask("GET_U"), "OK,alice");
}

#[test]
fn forty_lines_at_once_then_the_client_is_too_fast() {
    let server = TestServer::start(&[]);
    let mut client = server.connect();
    client.send_raw("help\n".repeat(60));
    let refused =
        (0..60).filter(|_| client.answer().last().is_some_and(|line| line.starts_with("ERR,Too fast"))).count();
    assert!((1..=20).contains(&refused), "{refused} lines refused");
}

#[test]
fn a_connection_that_pipes_wrong_passwords_has_one_a_second_checked() {
    let server = TestServer::start(&["--login-limit", "900ms"]);
    let mut guesser = server.connect();
    guesser.send_raw("LOGIN,alice,wrong-password\n".repeat(40));
    let mut said = String::new();
    guesser.rest().read_to_string(&mut said).expect("text, and the end");
    assert_eq!(said.matches("ERR,Invalid credentials\n").count(), 1, "{said}");
    assert!(said.ends_with("notice_Not logged in within 900ms, terminating connection\n"), "{said}");
}

#[test]
fn wrong_passwords_of_others_at_the_same_address_lock_nobody_out() {
    let server = TestServer::start(&[]);
    let alice = server.join("alice");
    let mut guessers: Vec<Lines> = (0..6).map(|_| server.connect()).collect();
    for guesser in &mut guessers {
        guesser.send_raw("LOGIN,alice,wrong-password\n".repeat(6));
    }
    // Each of them has had one checked, or waits for its turn before her.
    assert_eq!(guessers[0].answer(), ["ERR,Invalid credentials"]);
    drop(alice);
    let mut again = server.connect();
    again.log_in("alice");
    assert_eq!(again.ask("GET_U"), "OK,alice");
}

#[test]
fn the_end_does_not_wait_for_logins_that_wait_for_their_turn() {
    let mut server = TestServer::start(&[]);
    let mut guesser = server.connect();
    guesser.send_raw("LOGIN,alice,wrong-password\n".repeat(6));
    assert_eq!(guesser.answer(), ["ERR,Invalid credentials"]);
    server.stop();
    guesser.wait_for_end();
}

#[test]
fn two_sign_ups_of_one_name_at_the_same_moment() {
    let server = TestServer::start(&[]);
    let answers: Vec<String> = thread::scope(|scope| {
        let sign_up = || server.connect().ask("SIGNUP,alice,password");
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(sign_up)).collect();
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    });
    let count = |start: &str| answers.iter().filter(|answer| answer.starts_with(start)).count();
    assert_eq!((count("OK,Signup successful"), count("ERR,Username not available")), (1, 7), "{answers:?}");
}
