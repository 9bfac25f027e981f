//! Hosts on a network: what loopback cannot show, such as observed addresses, listening on all of them, and what a
//! firewall or a router does.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether this machine lets a test make network namespaces; many containers do not.
pub fn can_make_networks() -> bool {
    let tried = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "sh", "-c", "mount -t tmpfs none /run && ip netns add probe"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Plays a script of `tests` with networks of its own, or says why not; what it said.
fn play(script: &str) -> Option<String> {
    if !can_make_networks() {
        println!("skipped: no network namespaces here (needs unshare, ip, and the right to use them)");
        return None;
    }
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script))
        .args([env!("CARGO_BIN_EXE_server"), env!("CARGO_BIN_EXE_client")])
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    println!("{said}");
    Some(said)
}

#[test]
fn three_hosts_on_a_network() {
    play("lan.sh").into_iter().for_each(|said| assert!(said.contains("lan: all of it"), "{said}"));
}

#[test]
fn everybody_reaches_everybody() {
    play("reach.sh").into_iter().for_each(|said| assert!(said.contains("reach: all of it"), "{said}"));
}

#[test]
fn the_doctor_says_what_is_wrong_with_a_network() {
    let all = |said: &str| said.contains("doctor: all of it") || said.contains("doctor: skipped what needs nft");
    play("doctor.sh").into_iter().for_each(|said| assert!(all(&said), "{said}"));
}
