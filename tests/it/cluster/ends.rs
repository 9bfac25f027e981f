//! What reaches somebody on another server although a connection, or that server, was away at that moment: above all the end
//! of a session, which whoever runs the house is told of as it is.

use super::{list, log_in, process_with_alice, two, wait_until};
use crate::harness::control::{self, Control};
use crate::harness::house::join;
use crate::harness::redis::Redis;
use crate::harness::{Lines, ServerProcess, TestServer, send_signal};
use tempfile::TempDir;

/// Has the Redis end all connections but this one's.
fn cut_all(redis: &Redis) {
    let mut tell = Lines::connect(redis.address());
    tell.send("CLIENT KILL TYPE normal SKIPME yes");
    assert!(tell.line().starts_with(':'));
}

#[test]
fn the_first_thing_that_is_handed_over_behind_a_lost_connection_arrives() {
    let (redis, one, two) = two();
    let (mut alice, mut bob) = (one.join("alice"), two.join("bob"));
    wait_until(|| list(&mut alice), |seen| seen.len() == 3);
    assert_eq!(bob.ask("INIT,bob,4401"), "OK");
    for round in 0..3 {
        assert_eq!(alice.ask(&format!("relay_{round}_bob")), "OK,Relayed to bob");
        assert_eq!(bob.event(), format!("msg_alice_{round}"));
        assert!(alice.ask("connect_bob").starts_with("OK"));
        assert!(bob.answer_line().starts_with("ticket_alice_"));
        cut_all(&redis);
    }
    assert_eq!(control::ask(&one, "kick bob loud"), "OK,bob was told why, and the session is closed");
    assert_eq!(bob.event(), "notice_Removed by the house: loud");
    bob.wait_for_end();
}

/// What is said of a session whose server stands still.
const LATER: &str = "; 1 session will be closed as soon as its server, which has not answered, reads of it";

/// While alice's server stands still, whoever runs the house has `act` done at another one; then she is told, and closed.
fn while_it_stands_still(one: &ServerProcess, alice: &mut Lines, told: &str, act: impl FnOnce()) {
    send_signal(one.id(), "STOP");
    act();
    send_signal(one.id(), "CONT");
    assert_eq!(alice.event(), format!("notice_{told}"));
    alice.wait_for_end();
}

/// She is on a server that is a process, and others on the second one know it.
fn alice_apart() -> (Redis, TestServer, TempDir, ServerProcess, Lines) {
    let redis = Redis::start(&[]);
    let two = join(&redis, "s2", &[]);
    let folder = TempDir::new().expect("a folder");
    let (one, alice) = process_with_alice(folder.path(), &redis);
    wait_until(|| control::ask(&two, "list"), |answer| answer == "OK,1 client");
    (redis, two, folder, one, alice)
}

/// She comes once more, and the second server knows it.
fn come_back(one: &ServerProcess, two: &TestServer) -> Lines {
    wait_until(|| control::ask(two, "list"), |answer| answer == "OK,0 clients");
    let alice = log_in(one.address, "alice");
    wait_until(|| control::ask(two, "list"), |answer| answer == "OK,1 client");
    alice
}

#[test]
fn a_ban_and_a_kick_end_a_session_also_where_its_server_stands_still() {
    let (_redis, two, _folder, one, mut alice) = alice_apart();
    while_it_stands_still(&one, &mut alice, "Banned by the house until further notice: loud", || {
        let said = control::ask(&two, "ban alice loud");
        assert_eq!(said, format!("OK,alice is banned until further notice; 0 sessions closed{LATER}"));
    });
    assert_eq!(control::ask(&two, "unban alice"), "OK,alice is not banned any more");
    let mut alice = come_back(&one, &two);
    while_it_stands_still(&one, &mut alice, "Banned by the house until further notice: flood", || {
        let said = control::ask(&two, "ban 10.9.9.9 flood");
        assert_eq!(said, "OK,10.9.9.9 is banned until further notice; 0 sessions closed");
        assert_eq!(
            control::ask(&two, "ban alice flood"),
            format!("OK,alice is banned until further notice; 0 sessions closed{LATER}")
        );
    });
    assert_eq!(control::ask(&two, "unban alice"), "OK,alice is not banned any more");
    let mut alice = come_back(&one, &two);
    while_it_stands_still(&one, &mut alice, "Removed by the house: go", || {
        assert_eq!(control::ask(&two, "kick alice go"), format!("OK,alice is not closed yet{LATER}"));
    });
}

#[test]
fn another_password_and_the_end_of_an_account_end_a_session_also_where_its_server_stands_still() {
    let (_redis, two, _folder, one, mut alice) = alice_apart();
    let why = "Removed by the house: your password was changed by whoever runs the server";
    while_it_stands_still(&one, &mut alice, why, || {
        let mut control = Control::of(&two);
        assert_eq!(control.ask("passwd alice"), "OK,Password:");
        assert_eq!(control.ask("password of hers"), format!("OK,alice has another password{LATER}"));
        // As she had it.
        assert_eq!(control.ask("passwd alice"), "OK,Password:");
        assert!(control.ask("password").starts_with("OK,alice has another password"));
    });
    let mut alice = come_back(&one, &two);
    while_it_stands_still(&one, &mut alice, "Removed by the house: your account was ended", || {
        assert_eq!(control::ask(&two, "remove alice"), format!("OK,The account alice is ended{LATER}"));
    });
}

#[test]
fn a_ban_ends_who_is_on_a_server_that_has_missed_the_news() {
    let redis = Redis::start(&[]);
    let two = join(&redis, "s2", &[]);
    let folder = TempDir::new().expect("a folder");
    let (_one, mut alice) = process_with_alice(folder.path(), &redis);
    wait_until(|| control::ask(&two, "list"), |answer| answer == "OK,1 client");
    // It is told of the ban by what it reads of the house alone.
    let mut tell = Lines::connect(redis.address());
    tell.send("HSET \"{peerline}:bans\" name:alice \",loud\"");
    assert_eq!(tell.line(), ":1");
    for command in [
        "XTRIM \"{peerline}:news\" MAXLEN 0",
        "XADD \"{peerline}:news\" * k other",
        "XTRIM \"{peerline}:news\" MAXLEN 0",
    ] {
        tell.send(command);
        tell.line();
    }
    cut_all(&redis);
    assert_eq!(alice.event(), "notice_Banned by the house until further notice: loud");
    alice.wait_for_end();
}

#[test]
fn a_ban_that_is_lifted_or_over_by_the_time_a_server_reads_of_it_ends_nobody() {
    let (redis, one, two) = two();
    let mut alice = one.join("alice");
    let mut tell = Lines::connect(redis.address());
    let mut news = |row: &str| {
        tell.send(&format!("XADD \"{{peerline}}:news\" * k ban who name:alice row \"{row}\""));
        tell.line();
        tell.line();
    };
    news(",loud");
    news("2020-01-01 00:00 UTC,loud");
    assert!(control::ask(&two, "notice hello").starts_with("OK"));
    assert_eq!(alice.event(), "notice_From the house: hello");
    let mut tell = Lines::connect(redis.address());
    tell.send("HSET \"{peerline}:bans\" name:alice \",loud\"");
    assert_eq!(tell.line(), ":1");
    news(",loud");
    assert_eq!(alice.event(), "notice_Banned by the house until further notice: loud");
    alice.wait_for_end();
}
