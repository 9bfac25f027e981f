//! Hosts on a network: what loopback cannot show, such as observed addresses, listening on all of them, and what a
//! firewall or a router does.

use std::path::Path;
use std::process::{Command, Stdio};

/// Seconds that a script may take.
const LIMIT: &str = "300";

/// What a script has for itself. With processes of its own, its end is that of all that it began, however it ends.
const NAMESPACES: [&str; 6] = ["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];

/// Whether this machine lets a test make network namespaces; many containers do not.
fn can_make_networks() -> bool {
    let tried = Command::new("unshare")
        .args(NAMESPACES)
        .args(["sh", "-c", "mount -t tmpfs none /run && ip netns add probe"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Runs a program in a network of its own, where the shell commands of `setup` come first, and tells what it said; or
/// says why not.
pub fn in_a_network(setup: &str, program: &[&str]) -> Option<String> {
    if !can_make_networks() {
        println!("skipped: no network namespaces here (needs unshare, ip, and the right to use them)");
        return None;
    }
    let setup = format!("{setup}exec \"$@\"");
    let output = Command::new("timeout")
        .args([LIMIT, "unshare"])
        .args(NAMESPACES)
        .args(["sh", "-c", &setup, "sh"])
        .args(program)
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
    Some(said)
}

/// Where 10.9.0.0/16 is this machine too, and so are two addresses of IPv6.
const MANY_ADDRESSES: &str = "ip link set lo up && ip route add local 10.9.0.0/16 dev lo && \
    ip address add fd09::5/64 dev lo nodad && ip address add fd09::6/64 dev lo nodad && ";

/// Runs one of the ignored tests of this program in a network of its own.
pub fn run_inside(test: &str) {
    let tests = std::env::current_exe().expect("this program");
    let said = in_a_network(MANY_ADDRESSES, &[tests.to_str().expect("UTF-8"), "--ignored", "--exact", test]);
    said.into_iter().for_each(|said| assert!(said.contains("1 passed"), "{said}"));
}

/// Plays a script of `tests` with networks of its own.
pub fn play(script: &str, is_played: impl Fn(&str) -> bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let programs = [env!("CARGO_BIN_EXE_server"), env!("CARGO_BIN_EXE_client")];
    let said = in_a_network("", &[path.to_str().expect("UTF-8"), programs[0], programs[1]]);
    said.into_iter().for_each(|said| assert!(is_played(&said), "{said}"));
}

#[test]
fn three_hosts_on_a_network() {
    play("lan.sh", |said| said.contains("lan: all of it"));
}

#[test]
fn who_is_cut_off_leaves_the_list() {
    play("cut.sh", |said| said.contains("cut: all of it"));
}

#[test]
fn who_cannot_be_introduced_is_told_why() {
    play("apart.sh", |said| said.contains("apart: all of it") || said.contains("apart: skipped"));
}

#[test]
fn everybody_reaches_everybody() {
    play("reach.sh", |said| said.contains("reach: all of it"));
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_network() {
    play("doctor.sh", |said| said.contains("doctor: all of it") || said.contains("doctor: skipped what needs nft"));
}

#[test]
fn what_swallows_large_packets_is_crossed() {
    play("black_hole.sh", |said| said.contains("black hole: all of it") || said.contains("black hole: skipped"));
}

#[test]
fn a_chat_and_a_fetch_go_on_after_a_cut() {
    play("pulled.sh", |said| said.contains("pulled: all of it"));
}

#[test]
fn a_cable_without_a_router_is_enough() {
    play("link_local.sh", |said| said.contains("link local: all of it") || said.contains("link local: skipped"));
}
