//! Hosts on a network: what loopback cannot show, such as observed addresses, listening on all of them, and what a
//! firewall or a router does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

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

/// The scripts with networks of their own, and how each says what it left out for want of a tool.
const SCRIPTS: [(&str, &str); 5] =
    [("lan", ""), ("reach", ""), ("cut", ""), ("pulled", ""), ("doctor", "doctor: skipped what needs nft")];

/// Each mostly waits, so all of them run at once.
#[test]
fn hosts_on_networks() {
    let play = |(script, skipped): (&'static str, &'static str)| {
        let whole = format!("{}: all of it", script.replace('_', " "));
        let is_skipped = |said: &str| !skipped.is_empty() && said.contains(skipped);
        play(&format!("{script}.sh"), |said| said.contains(&whole) || is_skipped(said));
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let scripts = SCRIPTS.map(|script| (script.0, scope.spawn(move || play(script))));
        scripts.into_iter().filter_map(|(script, thread)| thread.join().is_err().then_some(script)).collect()
    });
    // What each one said stands above.
    assert!(failed.is_empty(), "{failed:?}");
}
