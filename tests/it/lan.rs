//! Three hosts on a network: what loopback cannot show, such as observed addresses and listening on all of them.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether this machine lets a test make network namespaces; many containers do not.
fn can_make_networks() -> bool {
    let tried = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "sh", "-c", "mount -t tmpfs none /run && ip netns add probe"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

#[test]
fn three_hosts_on_a_network() {
    if !can_make_networks() {
        println!("skipped: no network namespaces here (needs unshare, ip, and the right to use them)");
        return;
    }
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lan.sh"))
        .args([env!("CARGO_BIN_EXE_server"), env!("CARGO_BIN_EXE_client")])
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("lan: all of it"), "{said}");
}
