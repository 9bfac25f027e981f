//! The memory of a server: what clients took of it is the system's again when they have gone.

use crate::harness::{Lines, ServerProcess, read, wait_until};
use std::path::{Path, PathBuf};

/// A file that tells of a process.
fn proc(id: u32, name: &str) -> PathBuf {
    Path::new("/proc").join(id.to_string()).join(name)
}

/// What a process holds, in KiB.
fn held(id: u32) -> u64 {
    let status = read(&proc(id, "status"));
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
#[cfg(target_env = "gnu")]
fn the_allocator_is_set_in_the_process_that_was_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let environment = read(&proc(server.id(), "environ"));
    // Some versions of glibc put an end behind each of the settings.
    let own = "GLIBC_TUNABLES=glibc.malloc.tcache_count=0";
    assert!(environment.split('\0').any(|variable| variable.starts_with(own)));
    assert_eq!(read(&proc(server.id(), "comm")), "server\n");
    assert_eq!(server.end("TERM"), Some(0));
}

#[test]
fn names_of_files_are_given_back_when_who_shared_them_has_left() {
    // Nearly as many as are allowed.
    const LINES: usize = 256;
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &["--rate", "off"]);
    let before = held(server.id());
    let share = |name: &str| {
        let mut member = Lines::connect(server.address);
        assert_eq!(member.line(), "OK,Welcome to peerline: login or signup");
        member.ask(&format!("SIGNUP,{name},password"));
        member.log_in(name);
        assert_eq!(member.ask(&format!("INIT,{name},4401")), "OK");
        for line in 0..LINES {
            let names: String = (0..39).map(|number| format!(",{:0>100}", line * 39 + number)).collect();
            assert_eq!(member.ask(&format!("SHARE{names}")), "UP");
        }
        member
    };
    let members: Vec<Lines> = ["alice", "bob", "carol", "dave"].into_iter().map(share).collect();
    let all = held(server.id());
    assert!(all > before + 3 * 1024, "{before} KiB before, {all} with 4 MiB of names");
    members.into_iter().for_each(Lines::hang_up);
    wait_until("the memory is given back", || held(server.id()) < before + 2 * 1024);
}
