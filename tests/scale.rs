//! A thousand clients: one thread and one descriptor each, and a broadcast reaches them all.

#[allow(dead_code, reason = "it uses a part")]
#[path = "it/harness/mod.rs"]
mod harness;

use harness::{Lines, ServerProcess};
use std::fs;

/// The resident KiB of a client's stack after its sign-up and login, at the most: three pages with the log on, and more
/// where nothing is optimised. A hash alone takes as much again.
const STACK: usize = if cfg!(debug_assertions) { 24 } else { 12 };

#[test]
fn a_thousand_clients_on_a_thread_and_a_descriptor_each() {
    const CLIENTS: usize = 1000;
    let files = |limits: &str| -> Option<usize> {
        limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
    };
    // Both ends of every connection are on this machine, and this process has the other ends.
    let limit = fs::read_to_string("/proc/self/limits").ok().and_then(|limits| files(&limits)).unwrap_or(0);
    let clients = CLIENTS.min(limit.saturating_sub(100));
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &["--max-clients", &clients.to_string()]);
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", server.id())).expect("running").count();
    let greeted = || {
        let mut client = Lines::connect(server.address);
        assert_eq!(client.line(), "OK,Welcome to peerline: login or signup");
        client
    };
    let mut all = vec![greeted()];
    let (threads, descriptors) = (count("task") - 1, count("fd") - 1);
    all.extend((1..clients).map(|_| greeted()));
    for (number, client) in all.iter_mut().enumerate() {
        client.send(&format!("SIGNUP,user{number},password\nLOGIN,user{number},password"));
    }
    for client in &mut all {
        assert!(client.answer_line().starts_with("OK,Signup successful"));
        assert_eq!(client.answer().pop().unwrap_or_default(), "OK,Login successful!");
    }
    assert_eq!(count("task") - threads, clients, "one thread a client");
    assert_eq!(count("fd") - descriptors, clients, "one descriptor a client");
    let (stacks, each) = stacks(server.id());
    assert!(stacks >= clients && each <= STACK, "{stacks} stacks of {each} KiB each");
    let answer = all[0].ask("bcast_hello, thousand");
    assert_eq!(answer, format!("OK,Broadcast 1 sent to {clients} clients"));
    for client in &mut all[1..] {
        assert!(client.event().ends_with("_user0_hello, thousand"));
    }
    assert_eq!(server.end("TERM"), Some(0), "every thread is joined");
}

/// The resident bytes of the stacks of a process' threads, in KiB a stack, and how many such stacks there are. Only those
/// of connections are of 64 KiB.
fn stacks(process: u32) -> (usize, usize) {
    let maps = fs::read_to_string(format!("/proc/{process}/smaps")).expect("running");
    let (mut number, mut resident, mut is_stack) = (0, 0, false);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (what, kib) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse::<usize>().ok()));
        match (what, kib) {
            ("Size:", Some(size)) => is_stack = size == 64,
            ("Anonymous:", Some(kib)) if is_stack && kib > 0 => (number, resident) = (number + 1, resident + kib),
            _ => {}
        }
    }
    (number, resident / number.max(1))
}
