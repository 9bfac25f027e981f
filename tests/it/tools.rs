//! What surrounds the client: the doctor, completions, manual pages.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use std::path::Path;
use std::process::{Command, Output};

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
            (&["--version"], "0.2.0"),
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

#[cfg(feature = "screen")]
#[test]
fn no_line_of_the_help_is_longer_than_80_columns() {
    let (client, server) = (env!("CARGO_BIN_EXE_client"), env!("CARGO_BIN_EXE_server"));
    for (program, of) in [(server, None), (client, None), (client, Some("doctor")), (client, Some("find"))] {
        let mut help = Command::new(program);
        help.args(of).arg("--help").stdin(std::process::Stdio::null()).env("COLUMNS", "200");
        let text = String::from_utf8(help.output().expect("it runs").stdout).expect("text");
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(text.lines().count() > 5 && long.is_empty(), "{long:#?}");
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

/// Runs scripts/install with these arguments, into a folder in front of the prefix.
fn install(dest: &Path, arguments: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install");
    let output = Command::new(script).args(arguments).env("DESTDIR", dest).env("HOME", "/home/alice").output();
    output.expect("it runs")
}

/// All files below a folder, by their paths from there.
fn files_below(folder: &Path) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("below").to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[test]
fn what_is_installed_has_its_own_names_and_can_be_removed() {
    let built = Path::new(env!("CARGO_BIN_EXE_client")).parent().expect("a folder").to_str().expect("UTF-8");
    for (prefix, unit, verify) in [
        ("/home/alice/.local", "share/systemd/user/peerline-server.service", "--user"),
        ("/usr/local", "lib/systemd/system/peerline-server.service", "--system"),
        ("/opt/50% of a|b & c", "lib/systemd/system/peerline-server.service", "--system"),
    ] {
        let dest = tempfile::tempdir().expect("a folder");
        let output = install(dest.path(), &["--built", built, prefix]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("enable --now peerline-server"), "{said}");
        assert_eq!(said.contains("systemctl --user"), verify == "--user", "{said}");
        let ctl = match verify {
            "--user" => "    peerline-server ctl --data ~/.local/state/peerline-server list\n",
            _ => "    sudo peerline-server ctl --data /var/lib/peerline list\n",
        };
        assert!(said.contains(ctl), "{said}");
        let root = dest.path().join(&prefix[1..]);
        let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("installed");
        assert!(read("share/man/man1/peerline.1").contains("peerline [OPTIONS] [IP] [PORT]"));
        assert!(read("share/bash-completion/completions/peerline-server").contains("-o default peerline-server\n"));
        assert!(read("share/zsh/site-functions/_peerline").contains("#compdef peerline"));
        assert!(read(unit).contains(&format!("ExecStart=\"{}/bin/peerline-server\" ", prefix.replace('%', "%%"))));
        verify_unit(&root.join(unit), &root.join("bin/peerline-server"), prefix, verify);
        let output = install(dest.path(), &["--remove", prefix]);
        assert!(output.status.success() && files_below(dest.path()).is_empty(), "{:?}", files_below(dest.path()));
    }
    let output = install(Path::new("/nonexistent"), &["relative"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PREFIX must be an absolute path: relative"));
}

/// Has systemd look at a unit, where it is installed.
fn verify_unit(unit: &Path, program: &Path, prefix: &str, whose: &str) {
    let text = std::fs::read_to_string(unit).expect("installed");
    // The program must be where the unit says.
    let here =
        text.replace(&format!("{}/bin/peerline-server", prefix.replace('%', "%%")), program.to_str().expect("UTF-8"));
    std::fs::write(unit, here).expect("written");
    let runtime = tempfile::tempdir().expect("a folder");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", whose]).arg(unit).env("XDG_RUNTIME_DIR", runtime.path());
    match verify.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("NOT CHECKED: the unit, as there is no systemd-analyze here: {error}"),
    }
}
