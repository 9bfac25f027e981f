//! What surrounds the client: the doctor, completions, manual pages.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use std::process::Command;

#[test]
fn the_doctor_finds_a_healthy_network() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut doctor = ClientProcess::doctor(server.address, "alice");
    doctor.see("TCP to 127.0.0.1");
    doctor.see("UDP both ways: fine");
    doctor.see("Peers: fine. Others can reach you at 127.0.0.");
    assert_eq!(doctor.finish(), Some(0));
}

#[test]
fn the_doctor_says_what_does_not_work() {
    // Every datagram of the server is lost.
    let server = TestServer::start(&["--udp-loss", "1"]);
    server.join("alice").ask("quit");
    let mut doctor = ClientProcess::doctor(server.address, "alice");
    doctor.see(&format!("Open UDP port {}", server.address.port()));
    assert_eq!(doctor.finish(), Some(1));
    let mut nobody = ClientProcess::doctor(server.address, "nobody");
    nobody.see("client: Invalid credentials");
    assert_eq!(nobody.finish(), Some(2));
}

#[test]
fn broadcasts_come_by_tcp_where_udp_does_not_work() {
    let server = TestServer::start(&["--udp-loss", "1"]);
    let mut eve = server.join("eve");
    let mut alice = ClientProcess::join(server.address, "alice");
    // It takes the server a while to notice that UDP works one way only; a session that begins anew need not wait.
    assert!(eve.ask("bcast_lost").starts_with("OK"));
    let server = server.come_back(&["--udp-loss", "1"]);
    alice.see("eve: lost");
    drop(server);
}

#[test]
fn both_programs_write_completions_and_manual_pages() {
    for program in [env!("CARGO_BIN_EXE_client"), env!("CARGO_BIN_EXE_server")] {
        for (arguments, sign) in [
            (&["completions", "bash"][..], "complete -F"),
            (&["completions", "zsh"], "#compdef"),
            (&["completions", "fish"], "complete -c"),
            (&["man"], ".SH SYNOPSIS\n.nf\n"),
            (&["man"], ".SH OPTIONS"),
            (&["--version"], "0.1.0"),
            (&["--help"], "Usage:"),
        ] {
            let output = Command::new(program).args(arguments).output().expect("it runs");
            assert!(output.status.success(), "{program} {arguments:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains(sign), "{program} {arguments:?}");
        }
    }
    let page = Command::new(env!("CARGO_BIN_EXE_client")).arg("man").output().expect("it runs").stdout;
    let page = String::from_utf8(page).expect("text");
    for part in [".SH COMMANDS", "\\fBmsg NAME TEXT\\fR", ".SH KEYS", "\\fBCtrl\\-Z\\fR", ".SH EXAMPLES"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[test]
fn the_documented_commands_and_keys_are_those_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLIENT.md");
    let text = std::fs::read_to_string(path).expect("the manual");
    let documented = text.split("```").nth(1).expect("a list").trim_start_matches("text\n");
    let table: String = peerline::client::command::menu(132).into_iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(documented, table, "copy what `help` shows into docs/CLIENT.md");
    let rows = peerline::client::windows::KEYS.iter().map(|(key, does)| format!("| {key} | {does} |\n"));
    let keys = format!("| key | does |\n| --- | --- |\n{}\n", rows.collect::<String>());
    assert!(text.contains(&keys), "copy KEYS into docs/CLIENT.md:\n{keys}");
}
