//! The scripts that people run.

use std::path::Path;
use std::process::{Command, Stdio};

fn run(script: &str) -> String {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script))
        .env("PEERLINE_SERVER", env!("CARGO_BIN_EXE_server"))
        .env("PEERLINE_CLIENT", env!("CARGO_BIN_EXE_client"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn smoke() {
    let said = run("smoke");
    for tool in ["/dev/tcp", "nc", "ncat", "socat"] {
        let is_here =
            Command::new("bash").args(["-c", &format!("type {tool}")]).output().is_ok_and(|it| it.status.success());
        if is_here || tool == "/dev/tcp" {
            assert!(said.contains(&format!("sign-up, login, list, broadcast, message: right, by {tool}\n")), "{said}");
        } else {
            println!("skipped: no {tool} here");
        }
    }
}

#[test]
fn demo() {
    let said = run("demo");
    assert!(said.contains("alice sees:  bob: still here, alice?"), "{said}");
    assert!(said.trim_end().ends_with("== The end"), "{said}");
}
