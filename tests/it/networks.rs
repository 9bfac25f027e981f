//! Bad networks, and those that change: the cases of `tests/networks.sh`. A case mostly waits, so all of them run at
//! once, each with networks of its own.

use crate::lan::in_a_network;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// Functions of that script.
const CASES: [&str; 14] = [
    "black_hole",
    "udp",
    "incoming",
    "narrow",
    "cut",
    "address_change",
    "lost",
    "router",
    "families",
    "second_address",
    "link_local",
    "two_links",
    "handed_on",
    "router_client",
];

/// The program of tools/switch, which cargo builds for no test of this package; beside it that of tools/load.
fn switch() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_server")).ancestors().nth(2).expect("a folder of cargo");
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut build = Command::new(cargo);
    let programs = ["-p", "peerline-switch", "-p", "peerline-load"];
    build.args(["build", "--quiet", "--locked"]).args(programs).arg("--target-dir").arg(target);
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug/peerline-switch")
}

#[test]
fn bad_networks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/networks.sh");
    let (script, switch) = (script.to_str().expect("UTF-8"), switch());
    let programs = [env!("CARGO_BIN_EXE_server"), env!("CARGO_BIN_EXE_client"), switch.to_str().expect("UTF-8")];
    let play = |case| {
        let said = in_a_network("", &[script, programs[0], programs[1], programs[2], case]);
        said.is_none_or(|said| said.contains(&format!("{case} held")) || said.contains("skipped what needs nft"))
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let cases = CASES.map(|case| (case, scope.spawn(move || play(case))));
        cases.into_iter().filter_map(|(case, thread)| (!thread.join().unwrap_or(false)).then_some(case)).collect()
    });
    // What each one said stands above.
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn every_case_is_played() {
    let text = include_str!("../networks.sh");
    let (_, cases) = text.split_once("# ---- ").expect("a line before the cases");
    for name in cases.lines().filter_map(|line| line.strip_suffix("() {")).filter(|line| !line.starts_with(' ')) {
        assert!(CASES.contains(&name), "{name}");
    }
}
