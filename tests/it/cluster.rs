//! Several servers that share one house on a Redis: what is so beyond that which holds for a server alone. All other tests of
//! what people see play with two servers too: `PEERLINE_TEST_HOUSE=1`.

mod ends;
mod guests;
mod start;

use super::harness::control;
use super::harness::house::{in_house, join, url};
use super::harness::redis::Redis;
use super::harness::{LIMIT, Lines, ServerProcess, TestServer, send_signal};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A Redis and two servers.
fn two() -> (Redis, TestServer, TestServer) {
    let redis = Redis::start(&[]);
    let (one, two) = (join(&redis, "s1", &[]), join(&redis, "s2", &[]));
    (redis, one, two)
}

fn list(lines: &mut Lines) -> Vec<String> {
    lines.send("list");
    lines.answer()
}

/// Asks until the answer is as it is to be: what a server tells of others comes to it a moment later.
fn wait_until<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, is_meant: impl Fn(&T) -> bool) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        let answer = ask();
        if is_meant(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "{answer:?}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Logs in to a server, with an account that there is.
fn log_in(address: SocketAddr, name: &str) -> Lines {
    let mut lines = Lines::connect(address);
    lines.line();
    lines.log_in(name);
    lines
}

#[test]
fn people_on_two_servers_find_each_other_talk_and_hear_the_same() {
    let (_redis, one, two) = two();
    let (mut alice, mut bob) = (one.join("alice"), two.join("bob"));
    assert_eq!(bob.ask("INIT,bob,4401,a.txt,b.txt"), "OK");
    let seen = wait_until(|| list(&mut alice), |seen| seen.len() == 3 && seen[1].ends_with(":4401"));
    assert_eq!(list(&mut bob), seen);
    assert_eq!(alice.ask("GET_U"), "OK,alice,bob");
    alice.send("GET_UF,bob");
    assert_eq!(alice.answer(), ["files_bob,a.txt,b.txt", "OK,2 files"]);
    // The ticket is there before the answer.
    alice.send("connect_bob");
    let answer = alice.answer();
    let ticket = answer[0].strip_prefix("ticket_bob_").expect("a ticket");
    assert_eq!(bob.line(), format!("ticket_alice_{ticket}"));
    assert_eq!(alice.ask("relay_hello there_bob"), "OK,Relayed to bob");
    assert_eq!(bob.event(), "msg_alice_hello there");
    let broadcast = |number: u64, speaker: &mut Lines, other: &mut Lines| {
        assert_eq!(speaker.ask(&format!("bcast_line {number}")), format!("OK,Broadcast {number} sent to 2 clients"));
        let heard = other.event();
        assert!(heard.starts_with(&format!("bcast_{number}_")) && speaker.event() == heard, "{heard}");
    };
    broadcast(1, &mut alice, &mut bob);
    broadcast(2, &mut bob, &mut alice);
    // Who comes later gets what was said, wherever.
    let mut carol = two.join("carol");
    assert!(carol.event().ends_with("_alice_line 1") && carol.event().ends_with("_bob_line 2"));
}

#[test]
fn a_name_has_one_session_whichever_server_it_is_on() {
    let (_redis, one, two) = two();
    let (mut first, mut bob) = (one.join("alice"), two.join("bob"));
    let mut stranger = two.connect();
    assert_eq!(stranger.ask("SIGNUP,ALICE,password"), "ERR,Username not available");
    let mut second = log_in(two.address, "alice");
    assert_eq!(first.event(), "notice_alice has logged in from 127.0.0.1, terminating this connection");
    first.wait_for_end();
    assert_eq!(list(&mut bob).len(), 3);
    assert_eq!(bob.ask("relay_to the second_alice"), "OK,Relayed to alice");
    assert_eq!(second.event(), "msg_bob_to the second");
    second.ask("quit");
    wait_until(|| list(&mut bob), |seen| seen.len() == 2);
    assert_eq!(bob.ask("relay_x_alice"), "ERR,User not found! Nobody active is alice: send list");
}

#[test]
fn two_logins_of_a_name_at_once_leave_one_session() {
    let (_redis, one, two) = two();
    let mut watcher = one.join("watcher");
    one.join("alice").ask("quit");
    for _ in 0..20 {
        let sessions = thread::scope(|scope| {
            let both = [&one, &two].map(|server| scope.spawn(|| log_in(server.address, "alice")));
            both.map(|login| login.join().expect("no panic"))
        });
        // The one whose server holds the name answers, the other one ends.
        let mut open = 0;
        for mut session in sessions {
            session.send("whoami");
            let mut line = session.rest_line();
            while line.as_ref().is_some_and(|line| !line.starts_with("OK")) {
                line = session.rest_line();
            }
            open += usize::from(line.is_some());
        }
        assert!(open <= 1 || list(&mut watcher).len() <= 3, "{open}");
        wait_until(|| list(&mut watcher), |seen| seen.len() == 2);
    }
}

#[test]
fn a_ban_ends_a_session_that_comes_in_elsewhere_at_the_same_moment() {
    let (_redis, one, two) = two();
    two.join("carol").ask("quit");
    let mut watcher = one.join("watcher");
    for _ in 0..20 {
        let mut carol = two.connect();
        thread::scope(|scope| {
            scope.spawn(|| carol.send("LOGIN,carol,password"));
            assert!(control::ask(&one, "ban carol").starts_with("OK,"));
        });
        // Refused, or in and then out.
        while !carol.rest_line().expect("it is told").contains("Banned by the house") {}
        wait_until(|| list(&mut watcher), |seen| seen.len() == 2);
        assert!(control::ask(&one, "unban carol").starts_with("OK,"));
    }
}

#[test]
fn what_whoever_runs_the_house_says_is_heard_on_all_servers() {
    let (_redis, one, two) = two();
    let mut people = [one.join("alice"), two.join("bob")];
    assert_eq!(control::ask(&one, "notice save your work"), "OK,Said to 2 clients");
    for lines in &mut people {
        assert_eq!(lines.event(), "notice_From the house: save your work");
        assert!(lines.ask("whoami").starts_with("OK,"), "once");
    }
}

#[test]
fn what_is_said_just_when_the_house_opens_again_is_heard() {
    let (mut redis, one, two) = two();
    let mut people = [one.join("alice"), two.join("bob")];
    for text in ["one", "two", "three"] {
        redis.kill();
        thread::scope(|scope| {
            let said = scope.spawn(|| control::ask(&one, &format!("notice {text}")));
            redis.restart();
            assert_eq!(said.join().expect("no panic"), "OK,Said to 2 clients");
        });
        for lines in &mut people {
            assert_eq!(lines.event(), format!("notice_From the house: {text}"));
        }
    }
}

#[test]
fn a_redis_that_stays_away_sends_everybody_away_and_lets_them_back_in_later() {
    let (mut redis, one, _two) = two();
    let mut alice = one.join("alice");
    redis.kill();
    assert_eq!(alice.event(), "notice_This server was away, come back");
    alice.wait_for_end();
    let mut early = one.connect();
    let refused = early.ask("LOGIN,alice,password");
    assert_eq!(refused, "ERR,Not now: the directory does not answer, nothing was done; send it again");
    redis.restart();
    let log_in = || {
        let mut lines = Lines::connect(one.address);
        lines.line();
        lines.ask("LOGIN,alice,password")
    };
    wait_until(log_in, |answer| answer == "OK,Login successful!");
    let mut alice = one.connect();
    alice.log_in("alice");
    let answer = alice.ask("bcast_back");
    assert!(answer.starts_with("OK,Broadcast "), "{answer}");
}

/// What Redis is asked, as it tells whoever watches it, up to the first line that is meant.
fn watch_until(monitor: &mut Lines, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut seen, until) = (Vec::new(), Instant::now() + LIMIT);
    while !seen.last().is_some_and(|line: &String| is_meant(line)) {
        assert!(Instant::now() < until, "{:#?}", seen.last());
        seen.push(monitor.line());
    }
    seen
}

#[test]
fn a_name_has_one_turn_for_passwords_on_all_servers_and_rests_everywhere_after_a_wrong_one() {
    let (redis, one, two) = two();
    one.join("alice").ask("quit");
    let (mut tell, mut monitor) = (Lines::connect(redis.address()), Lines::connect(redis.address()));
    // As if a server had just checked a wrong one.
    tell.send("SET \"{peerline}:turn:alice 127.0.0.1\" rests PX 3600000");
    assert_eq!(tell.line(), "+OK");
    monitor.send("MONITOR");
    assert_eq!(monitor.line(), "+OK");
    let (mut wrong, mut right) = (one.connect(), two.connect());
    wrong.send("LOGIN,alice,wrong word");
    right.send("LOGIN,Alice,password");
    // Each asks again and again, and nobody takes the turn.
    let asks =
        |line: &str, server: &str| line.contains("\"alice 127.0.0.1\"") && line.contains(&format!("\"{server}\""));
    let takes = |line: &str| line.contains("lua] \"SET\" \"{peerline}:turn:alice 127.0.0.1\"");
    let mut seen = Vec::new();
    for server in ["s1", "s2", "s1", "s2", "s1", "s2"] {
        seen.extend(watch_until(&mut monitor, |line| asks(line, server)));
    }
    assert!(!seen.iter().any(|line| takes(line)), "{seen:#?}");
    tell.send("DEL \"{peerline}:turn:alice 127.0.0.1\"");
    assert_eq!(tell.line(), ":1");
    assert_eq!(wrong.answer(), ["ERR,Invalid credentials"]);
    assert_eq!(right.answer().pop().expect("an answer"), "OK,Login successful!");
    tell.send("ECHO over");
    let seen = watch_until(&mut monitor, |line| line.contains("\"ECHO\" \"over\""));
    // The wrong one's turn, and the rest behind it for both servers; and the turn of the right one, before or behind that.
    let mut turns: Vec<&str> = seen
        .iter()
        .filter(|line| takes(line))
        .map(|line| line.rsplit("127.0.0.1\" ").next().unwrap_or_default())
        .collect();
    let rest = turns.iter().position(|turn| *turn == "\"rests\" \"PX\" \"1000\"").expect("it rests");
    assert!(turns.remove(rest - 1).ends_with("\"PX\" \"10000\""), "{seen:#?}");
    assert_eq!(turns.len(), 2, "{seen:#?}");
}

/// A server as a process, in the house of this Redis.
fn process(folder: &Path, redis: &Redis, name: &str) -> ServerProcess {
    ServerProcess::start(folder, &in_house(&url(redis), name))
}

/// The same, and alice, who is logged in to it.
fn process_with_alice(folder: &Path, redis: &Redis) -> (ServerProcess, Lines) {
    let one = process(folder, redis, "s1");
    let mut alice = Lines::connect(one.address);
    alice.line();
    alice.ask("SIGNUP,alice,password");
    alice.log_in("alice");
    (one, alice)
}

#[test]
fn who_was_on_a_server_that_died_is_nowhere() {
    let redis = Redis::start(&[]);
    let two = join(&redis, "s2", &[]);
    let mut bob = two.join("bob");
    let folder = TempDir::new().expect("a folder");
    let (one, _alice) = process_with_alice(folder.path(), &redis);
    wait_until(|| list(&mut bob), |seen| seen.len() == 3);
    assert_eq!(bob.ask("watch"), "OK,2 active clients");
    one.crash();
    assert_eq!(bob.event(), "left_alice");
    assert_eq!(list(&mut bob).len(), 2);
    // It comes back under its name, and the house is as it was.
    let one = process(folder.path(), &redis, "s1");
    let mut alice = log_in(one.address, "alice");
    assert!(bob.event().starts_with("joined_alice_"));
    assert_eq!(alice.ask("relay_back_bob"), "OK,Relayed to bob");
}

#[test]
fn a_server_that_slept_sends_everybody_away_before_it_says_anything_else() {
    let redis = Redis::start(&[]);
    let two = join(&redis, "s2", &[]);
    let mut bob = two.join("bob");
    let folder = TempDir::new().expect("a folder");
    let (one, mut alice) = process_with_alice(folder.path(), &redis);
    wait_until(|| list(&mut bob), |seen| seen.len() == 3);
    send_signal(one.id(), "STOP");
    wait_until(|| list(&mut bob), |seen| seen.len() == 2);
    let mut elsewhere = log_in(two.address, "alice");
    alice.send("list");
    send_signal(one.id(), "CONT");
    let mut said = Vec::new();
    while let Some(line) = alice.rest_line() {
        said.push(line);
    }
    let is_away = |line: &String| line == "notice_This server was away, come back" || line.starts_with("ERR,Not now:");
    assert!(said.iter().all(is_away) && said.iter().any(|line| line.starts_with("notice_")), "{said:?}");
    assert_eq!(elsewhere.ask("relay_still here_bob"), "OK,Relayed to bob");
    // Soon it serves again.
    wait_until(|| Lines::connect(one.address).line(), |line| line.starts_with("OK,Welcome"));
}

#[test]
fn a_redis_that_is_killed_closes_nobody_and_what_was_confirmed_is_heard_once_by_all() {
    let (mut redis, one, two) = two();
    let (mut alice, mut bob) = (one.join("alice"), two.join("bob"));
    let mut confirmed = Vec::new();
    for round in 0..4 {
        assert_eq!(
            alice.ask(&format!("bcast_before {round}")),
            format!("OK,Broadcast {} sent to 2 clients", confirmed.len() + 1)
        );
        confirmed.push(format!("before {round}"));
        redis.kill();
        // Said while it is away, and answered when it is back: it was taken, or never will be.
        bob.send(&format!("bcast_between {round}"));
        redis.restart();
        let answer = bob.answer_line();
        if answer == format!("OK,Broadcast {} sent to 2 clients", confirmed.len() + 1) {
            confirmed.push(format!("between {round}"));
        } else {
            assert_eq!(answer, "ERR,Not now: the directory does not answer, nothing was done; send it again");
        }
        wait_until(|| alice.ask("relay_and now_bob"), |answer| answer == "OK,Relayed to bob");
    }
    assert!(alice.ask("bcast_the end").starts_with("OK"));
    confirmed.push("the end".to_owned());
    for (lines, sender) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|text| text != "the end") {
            let event = lines.event();
            if event.starts_with("bcast_") {
                heard.push(event.rsplit('_').next().expect("a text").to_owned());
            }
        }
        assert_eq!(heard, confirmed, "beside {sender}");
    }
}

#[test]
fn the_demonstration_ends_well() {
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster"))
        .env("PEERLINE_SERVER", env!("CARGO_BIN_EXE_server"))
        .env("PEERLINE_CLIENT", env!("CARGO_BIN_EXE_client"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.contains("alice sees:  Logged in again as alice") && said.trim_end().ends_with("== The end"),
        "{said}"
    );
}
