//! Servers that are none: nothing hangs the grader, and it says what it saw.

use crate::harness::{grade, real, server, text, toy, with_each};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

fn code_and_text(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(output))
}

/// A bug, options, the exit code, and what is said.
const STRANGE: [(&str, &str, i32, &[&str]); 4] = [
    ("mute", "--all", 1, &["FAIL", "OPEN", "The server has sent nothing at all.", "nothing at all in 3 checks"]),
    (
        "dripping",
        "--level 1",
        1,
        &["FAIL", "OPEN", "A line began, and its end did not come.", "and no line end within"],
    ),
    ("flood", "--level 1", 1, &["FAIL", "The server sends without an end."]),
    (
        "crashes",
        "--level 1",
        1,
        &["CRASH", "ended in the middle of it: exit code 101", "last words", "this is the end"],
    ),
];

#[test]
fn a_server_that_is_mute_drips_floods_or_crashes_hangs_nothing() {
    with_each(&STRANGE, |(bug, options, code, said)| {
        let (found, told) = code_and_text(&grade(&format!("--patience 1 {options}"), &toy(bug)));
        let is_right = found == Some(*code) && said.iter().all(|part| told.contains(part));
        (!is_right).then(|| format!("{bug}, exit code {found:?}:\n{told}"))
    });
}

/// A command line, and what is said when it is no server.
const NO_START: [(&str, &str); 6] = [
    ("no/such/program {port}", "no/such/program could not be started"),
    ("sh -c 'echo oh {port} >&2; exit 7'", "It ended before it listened: exit code 7. Its last words:\n  oh "),
    ("sh -c 'setsid env STRAY={port} sleep 600 & exit 0'", "went into the background"),
    ("sh", "has no {port}"),
    ("sh -c 'echo ${port} {print} {port}'", "there is no placeholder {print}"),
    ("sh -c 'port=mine; echo ${port} {{port}} {port} >&2; exit 7'", "Its last words:\n  mine {port} "),
];

#[test]
fn what_does_not_start_is_said_to() {
    with_each(&NO_START, |(line, said)| {
        let (program, rest) = line.split_once(' ').unwrap_or((line, ""));
        let shell = rest.strip_prefix("-c '").and_then(|rest| rest.strip_suffix('\''));
        let rest = shell.map_or(vec![rest], |script| vec!["-c", script]);
        let words: Vec<String> = [vec![program], rest].concat().into_iter().map(str::to_owned).collect();
        let (code, told) = code_and_text(&grade("--patience 1", &words));
        (code != Some(2) || !told.contains(said)).then(|| format!("{line}, exit code {code:?}:\n{told}"))
    });
}

/// Pipes, devices and links among the server's files: none of them is read.
#[test]
fn what_has_no_end_on_the_disk_hangs_nothing() {
    let script = "cd \"$0\" && mkfifo pipe && ln -s . a && ln -s . b && ln -s /dev/zero zero && exec \"$@\"";
    let words = [["sh", "-c", script, "{data}"].map(str::to_owned).to_vec(), toy("")].concat();
    let (code, told) = code_and_text(&grade("--patience 1 --check password-not-in-clear", &words));
    assert_eq!(code, Some(0), "{told}");
}

/// The server's command without what stands before it, and what to type.
const FORGOTTEN: [(&str, &str); 3] = [
    ("python3 server.py {port}", "Put -- before the server's command:\n\n  grade -- python3 server.py {port}\n"),
    ("--level 1 ./server --port {port}", "  grade --level 1 -- ./server --port {port}\n"),
    ("--levle 1", "unexpected argument '--levle'"),
];

#[test]
fn who_forgets_the_two_dashes_is_told_so() {
    with_each(&FORGOTTEN, |(words, said)| {
        let (code, told) = code_and_text(&grade(words, &[]));
        let is_right =
            code == Some(2) && told.contains(said) && told.contains("Put --") != words.starts_with("--levle");
        (!is_right).then(|| format!("{words}, exit code {code:?}:\n{told}"))
    });
}

/// A process that has left its group and its parent, as daemons do.
#[test]
fn what_went_into_the_background_is_killed_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("id");
    let at = file.display();
    let script = format!("setsid sh -c 'echo $$ > {at}; exec sleep 600' & until [ -s {at} ]; do :; done; : {{port}}");
    let (code, told) = code_and_text(&grade("--patience 1", &["sh".to_owned(), "-c".to_owned(), script]));
    assert_eq!(code, Some(2), "{told}");
    let id: u32 = fs::read_to_string(file).expect("it ran").trim().parse().expect("a number");
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "process {id} is still there");
}

#[test]
fn a_server_that_listens_elsewhere_is_told_where() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let elsewhere = server(&["TOY_BUG=".to_owned(), format!("TOY_PORT={free}"), "IGNORED={port}".to_owned()]);
    let (code, told) = code_and_text(&grade("--patience 1", &elsewhere));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains(&format!("It listens on port {free}, not on ")), "{told}");
}

#[test]
fn a_server_that_runs_already_is_neither_started_nor_killed() {
    use peerline::net::Shutdown;
    use peerline::server::{Server, config::Config};
    use std::sync::Arc;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("UTF-8");
    let fixed = ["server", "--port", "0", "--bind", "127.0.0.1", "--no-find", "--hash-rounds", "1000", "--data", data];
    let config = <Config as clap::Parser>::try_parse_from(fixed).expect("valid options");
    let stop = Arc::new(Shutdown::new());
    let server = Server::bind(config, Arc::clone(&stop)).expect("it starts");
    let address = server.address();
    std::thread::scope(|scope| {
        scope.spawn(|| server.run());
        // Twice, as accounts and broadcasts of the first run are there in the second.
        let runs = [(); 2].map(|()| code_and_text(&grade(&format!("--all --connect {address}"), &[])));
        stop.trigger();
        for (code, told) in runs {
            assert_eq!(code, Some(0), "{told}");
            assert!(told.contains("SKIP  9 endings / sigterm"), "{told}");
            assert!(told.contains("SKIP  10 house / idle"), "{told}");
            assert!(told.contains("\nlevel 9 endings        not judged: 4 skipped\n"), "{told}");
        }
    });
}

#[test]
fn the_same_seed_has_the_same_names() {
    let (code, told) = code_and_text(&grade("--check kept-after-kill --seed 7", &real("--port {port} --data {data}")));
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = code_and_text(&grade("--check kept-after-kill", &real("--port {port}")));
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("SKIP  3 accounts / kept-after-kill") && told.contains("does not offer {data}"), "{told}");
}
