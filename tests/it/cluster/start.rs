//! Who comes into a house and who does not: what the start of a server asks of the Redis, of its folder, and of the others.

use super::{process, two};
use crate::harness::control::{self, Control};
use crate::harness::house::{in_house, join, url};
use crate::harness::redis::Redis;
use crate::harness::{Lines, ServerProcess, config, read};
use peerline::net::Shutdown;
use peerline::server::Server;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// Why a server with these options does not start.
fn refused(folder: &Path, options: &[&str]) -> String {
    let started = Server::bind(config(folder, options), Arc::new(Shutdown::new()));
    let why = started.err().expect("it does not start");
    assert!(!why.contains('\n'), "{why}");
    why
}

/// The program as a person types it, with nothing of the environment.
fn run(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    let (task, rest) = arguments.split_first().expect("a task");
    command.env_remove("PEERLINE_DIRECTORY").arg(task).arg("--data").arg(data).args(rest);
    command.stdin(Stdio::null()).output().expect("it runs")
}

#[test]
fn the_folder_of_a_server_in_a_house_is_no_other_server_s() {
    let (redis, one, _two) = two();
    let url = url(&redis);
    for options in [&in_house(&url, "s3")[..], &[]] {
        let other = refused(one.folder(), options);
        let why = "another server uses this data folder; stop it or choose another with --data";
        assert!(other.contains(why), "{other}");
    }
    assert!(control::ask(&one, "list").starts_with("OK"), "its control socket is still its own");
}

#[test]
fn a_stop_of_a_server_in_a_house_returns_when_it_has_ended() {
    let (redis, folder) = (Redis::start(&[]), TempDir::new().expect("a folder"));
    let data = folder.path().join("data");
    for _ in 0..3 {
        let one = process(folder.path(), &redis, "s1");
        let stopped = run(&["ctl", "stop"], &data);
        assert_eq!(String::from_utf8_lossy(&stopped.stdout), "The server has stopped\n");
        assert!(!data.join("control.sock").exists());
        drop(one);
    }
}

#[test]
fn a_folder_of_a_house_is_not_served_alone_nor_is_an_address_that_is_empty() {
    let (redis, folder) = (Redis::start(&[]), TempDir::new().expect("a folder"));
    let of_house = config(folder.path(), &in_house(&url(&redis), "s1"));
    drop(Server::bind(of_house, Arc::new(Shutdown::new())).expect("a house is made"));
    let alone = refused(folder.path(), &[]);
    assert!(
        alone.contains("house says that this folder belongs to a house") && alone.contains("--directory"),
        "{alone}"
    );
    assert!(!folder.path().join("data/users.csv").exists() && !folder.path().join("users.csv").exists());
    let other = TempDir::new().expect("a folder");
    let empty = refused(other.path(), &["--directory", ""]);
    assert_eq!(empty, "--directory is empty: give the address of the Redis, or leave the option out");
    // Nor are accounts moved that are not there.
    let data = config(folder.path(), &[]).data;
    for direction in ["export", "import"] {
        let moved = run(&["accounts", direction, "users.csv"], &data);
        let why = String::from_utf8_lossy(&moved.stderr).into_owned();
        assert_eq!((moved.status.code(), why.lines().count()), (Some(2), 1), "{why}");
        assert!(why.contains("belongs to a house"), "{why}");
    }
}

#[test]
fn accounts_of_a_folder_that_a_house_does_not_use_are_told_of_in_the_log() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let alone = ServerProcess::start(folder.path(), &[]);
    let mut ann = Lines::connect(alone.address);
    ann.line();
    assert!(ann.ask("SIGNUP,ann,password").starts_with("OK"));
    assert_eq!(alone.end("TERM"), Some(0));
    let redis = Redis::start(&[]);
    let one = process(folder.path(), &redis, "s1");
    let log = read(&one.log);
    let import = format!("`server accounts --directory {} import {}/users.csv`", url(&redis), data.display());
    assert!(log.contains("has 1 account, which the house does not use") && log.contains(&import), "{log}");
}

#[test]
fn a_house_keeps_broadcasts_for_one_time_and_its_names_differ_without_capitals() {
    let redis = Redis::start(&[]);
    let (url, folder) = (url(&redis), TempDir::new().expect("a folder"));
    let with = |name, more: &[&'static str]| [&in_house(&url, name)[..], more].concat();
    let mut one = join(&redis, "two", &["--history", "10m"]);
    let why = refused(folder.path(), &with("s2", &[]));
    let theirs = "the servers of this house keep broadcasts for 10m, and this one would for 30m: give it --history 10m";
    assert!(why.contains(theirs), "{why}");
    let why = refused(folder.path(), &with("TWO", &["--history", "10m"]));
    assert!(why.contains("there is a server TWO already: choose another name with --name"), "{why}");
    drop(join(&redis, "s2", &["--history", "10m"]));
    // When all have stopped it may be another time.
    one.stop();
    drop(join(&redis, "s2", &["--history", "1h"]));
}

#[test]
fn who_is_no_redis_is_told_in_one_sentence() {
    let (_redis, one, _two) = two();
    let (folder, address): (_, SocketAddr) = (TempDir::new().expect("a folder"), one.address);
    let why = refused(folder.path(), &in_house(&format!("redis://{address}"), "s3"));
    assert!(why.contains("the directory does not answer") && why.contains("--directory"), "{why}");
}

#[test]
fn how_many_accounts_there_are_is_not_known_while_the_directory_is_away() {
    let (mut redis, one, _two) = two();
    let accounts = || Control::of(&one).ask_all("stats").into_iter().find(|line| line.starts_with("stat_accounts,"));
    assert_eq!(accounts().as_deref(), Some("stat_accounts,0,accounts"));
    redis.kill();
    assert_eq!(accounts().as_deref(), Some("stat_accounts,not known,accounts"));
}

#[test]
fn a_broadcast_that_a_full_directory_refuses_is_answered_at_once() {
    let (redis, one, _two) = two();
    let mut alice = one.join("alice");
    let mut tell = Lines::connect(redis.address());
    tell.send("CONFIG SET maxmemory 1");
    assert_eq!(tell.line(), "+OK");
    let refused = "ERR,Not now: the directory takes nothing at present, nothing was done; send it again";
    assert_eq!(alice.ask("bcast_hello"), refused);
    tell.send("CONFIG SET maxmemory 0");
    assert_eq!(tell.line(), "+OK");
    assert_eq!(alice.ask("bcast_again"), "OK,Broadcast 1 sent to 1 client");
}

#[test]
fn a_house_that_would_lose_something_is_not_entered() {
    let refused = |redis: &Redis, folder: &Path| refused(folder, &in_house(&url(redis), "s1"));
    let folder = TempDir::new().expect("a folder");
    let redis = Redis::start(&["--appendfsync", "everysec"]);
    assert!(refused(&redis, folder.path()).contains("appendfsync"), "{}", refused(&redis, folder.path()));
    // Nobody is there.
    let mut gone = Redis::start(&[]);
    gone.kill();
    let why = refused(&gone, folder.path());
    assert!(why.contains(&url(&gone)) && why.contains("--directory"), "{why}");
    // A folder belongs to one house: an emptied Redis is not taken for a new one, nor another house for its own.
    let (one, other) = (Redis::start(&[]), Redis::start(&[]));
    let config = config(folder.path(), &in_house(&url(&one), "s1"));
    drop(Server::bind(config, Arc::new(Shutdown::new())).expect("a house is made"));
    let why = refused(&other, folder.path());
    assert!(why.contains("is empty") && why.contains("house"), "{why}");
    join(&other, "s2", &[]);
    assert!(refused(&other, folder.path()).contains("belongs to the house"));
    // Nor are two servers one.
    let _first = join(&one, "s1", &[]);
    assert!(refused(&one, folder.path()).contains("there is a server s1 already: choose another name with --name"));
}

#[test]
fn a_directory_that_the_environment_names_goes_with_all_options_of_a_house() {
    let folder = TempDir::new().expect("a folder");
    let refused = |directory: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--advertise", "10.0.0.1:4400", "--directory-loss", "2s", "--data"])
            .arg(folder.path())
            .env("PEERLINE_DIRECTORY", directory)
            .stdin(Stdio::null())
            .output()
            .expect("the server runs");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // Nobody is there, which it finds out only when its options are right.
    let mut gone = Redis::start(&[]);
    gone.kill();
    let why = refused(&url(&gone));
    assert!(why.contains(&format!("{}: the directory does not answer", url(&gone))), "{why}");
    let why = refused("");
    assert!(why.contains("--advertise is for servers that share a directory"), "{why}");
}
