//! The faults, while people speak.

use crate::fleet::{Fleet, SERVERS};
use crate::relay::Manner;
use std::time::Duration;

/// How often each is played; `PEERLINE_FAULTS` says so.
fn times() -> usize {
    std::env::var("PEERLINE_FAULTS").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// It ends in a failure where anything is wrong; what is, it has said.
fn end(fleet: Fleet) {
    let wrong = fleet.end(false);
    assert!(wrong.is_empty(), "{} faults, of which the first is: {}", wrong.len(), wrong[0]);
}

#[test]
fn a_server_that_is_killed_or_sleeps_takes_nothing_with_it() {
    let mut fleet = Fleet::begin(false);
    for round in 0..times() {
        fleet.play("kill -9 of a server", |fleet| fleet.kill_server(round % SERVERS));
    }
    for round in 0..times() {
        fleet
            .play("a server stopped for 8 s", |fleet| fleet.stop_server((round + 1) % SERVERS, Duration::from_secs(8)));
    }
    end(fleet);
}

#[test]
fn a_redis_that_is_killed_sleeps_or_forgets_loses_nothing_and_closes_nobody() {
    let mut fleet = Fleet::begin(false);
    for _ in 0..times() {
        fleet.play_for_all("kill -9 of Redis", |fleet| fleet.kill_redis(0, Duration::ZERO));
    }
    for _ in 0..times() {
        let bytes = 1 + fleet.below(60_000) as u64;
        fleet.play_for_all("the tail of the append-only file cut", |fleet| fleet.kill_redis(bytes, Duration::ZERO));
    }
    for _ in 0..times() {
        fleet.play_for_all("Redis stopped for 5 s", |fleet| fleet.stop_redis(Duration::from_secs(5)));
    }
    end(fleet);
}

#[test]
fn what_dies_at_once_or_stays_away_for_long_loses_nothing_either() {
    let mut fleet = Fleet::begin(false);
    for round in 0..times() {
        fleet.play("kill -9 of Redis and a server", |fleet| fleet.kill_with_redis(&[round % SERVERS]));
        fleet.play("kill -9 of Redis and all servers", |fleet| fleet.kill_with_redis(&[0, 1, 2]));
        let (long, bytes) = (Duration::from_secs(12), 1 + fleet.below(60_000) as u64);
        fleet.play("Redis stopped for 12 s", |fleet| fleet.stop_redis(long));
        fleet.play("Redis away for 12 s, its tail cut", |fleet| fleet.kill_redis(bytes, long));
    }
    end(fleet);
}

#[test]
fn a_replica_that_was_behind_takes_over_and_gets_back_what_it_lacks() {
    let mut fleet = Fleet::begin(true);
    for _ in 0..times() {
        fleet.play_for_all("a stale replica promoted", Fleet::promote_a_stale_replica);
    }
    assert!(fleet.lost.iter().any(|lines| *lines > 0), "it lacked nothing");
    end(fleet);
}

#[test]
fn links_that_are_half_open_or_slow_are_left_and_no_answer_is_wrong() {
    let mut fleet = Fleet::begin(true);
    let all: Vec<usize> = (0..SERVERS).collect();
    let first = fleet.below(3);
    for round in first..first + times() {
        let (requests, replies) = [(true, false), (false, true), (true, true)][round % 3];
        let (half, slow) = (Manner::Swallow { requests, replies }, Manner::Drip);
        let (one, time) = ([round % SERVERS], Duration::from_secs(3));
        fleet.play_for_all("old links of a server half open", |fleet| fleet.meddle(&one, half, true, time));
        fleet.play_for_all("all links half open for 3 s", |fleet| fleet.meddle(&all, half, false, time));
        fleet.play_for_all("all links slow for 3 s", |fleet| fleet.meddle(&all, slow, false, time));
        // The others take it for dead.
        fleet.play("links of a server slow for 8 s", |fleet| fleet.meddle(&one, slow, false, Duration::from_secs(8)));
    }
    end(fleet);
}

/// The control: what must not be is seen where it is.
#[test]
fn where_nobody_meets_the_loss_is_found() {
    let mut fleet = Fleet::begin(true);
    fleet.play("a loss without a meeting", Fleet::lose_without_meeting);
    let wrong = fleet.end(true);
    let is_lost = |line: &String| line.contains("has not heard") && line.contains("was confirmed as");
    assert!(wrong.iter().any(is_lost), "what Redis has lost is lost, and nobody has seen it: {wrong:?}");
    assert!(wrong.iter().any(|line| line.contains(" for p")), "no number means two lines: {wrong:?}");
}
