//! What was confirmed is there after a crash; what the files say wrong is said at the start; signals end in order.

use crate::harness::{LIMIT, Lines, ServerProcess, read, send_signal, wait, wait_until};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Signs up `prefix0`, `prefix1`, ... until the server is gone; the names that were confirmed.
fn sign_up_until_the_crash(address: std::net::SocketAddr, prefix: &str, confirmed: &AtomicUsize) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(mut stream) = TcpStream::connect_timeout(&address, LIMIT) else { return names };
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let mut answers = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
    answers.next();
    for number in 0..10_000 {
        let name = format!("{prefix}{number}");
        if writeln!(stream, "SIGNUP,{name},password").is_err() {
            break;
        }
        match answers.next() {
            Some(Ok(answer)) if answer.starts_with("OK,Signup successful") => names.push(name),
            _ => break,
        }
        confirmed.fetch_add(1, Ordering::Relaxed);
    }
    names
}

#[test]
fn a_crash_during_sign_ups_loses_none_that_was_confirmed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &["--rate", "off"]);
    let address = server.address;
    let confirmed = AtomicUsize::new(0);
    let names: Vec<String> = thread::scope(|scope| {
        let confirmed = &confirmed;
        let writers: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|prefix| scope.spawn(move || sign_up_until_the_crash(address, prefix, confirmed)))
            .collect();
        while confirmed.load(Ordering::Relaxed) < 100 {
            assert!(!writers.iter().all(|writer| writer.is_finished()), "sign-ups go on");
            thread::yield_now();
        }
        server.crash();
        writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect()
    });
    assert!(names.len() >= 100);
    let server = ServerProcess::start(folder.path(), &["--rate", "off"]);
    let mut client = Lines::connect(server.address);
    client.line();
    for name in names {
        assert_eq!(client.ask(&format!("SIGNUP,{name},password")), "ERR,Username not available", "{name} is lost");
    }
}

#[test]
fn a_crash_loses_no_broadcast() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = Lines::connect(server.address);
    alice.line();
    alice.ask("SIGNUP,alice,password");
    alice.log_in("alice");
    assert_eq!(alice.ask("bcast_before the crash"), "OK,Broadcast 1 sent to 1 client");
    server.crash();
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = Lines::connect(server.address);
    alice.line();
    alice.log_in("alice");
    assert!(alice.event().ends_with("_alice_before the crash"));
    assert_eq!(alice.ask("bcast_after"), "OK,Broadcast 2 sent to 1 client");
}

#[test]
fn a_torn_row_is_set_aside_with_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("made");
    fs::write(data.join("users.csv"), "username,password_hash,created_at\nalice,$pbkdf").expect("written");
    let server = ServerProcess::start(folder.path(), &[]);
    assert!(read(&server.log).contains("users.csv:2: the last row is incomplete; it was moved to "), "said");
    assert_eq!(read(&data.join("users.csv.torn")), "alice,$pbkdf\n");
    let mut alice = Lines::connect(server.address);
    alice.line();
    assert!(alice.ask("SIGNUP,alice,password").starts_with("OK,Signup successful"), "the name is free");
}

#[test]
fn a_file_of_accounts_that_is_gone_is_told_to_the_log_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("data/users.csv");
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = Lines::connect(server.address);
    alice.line();
    alice.ask("SIGNUP,alice,password");
    let text = read(&users);
    fs::remove_file(&users).expect("removed");
    let told = "users.csv: No such file or directory (os error 2); the accounts stay as they were";
    let times = || read(&server.log).matches(told).count();
    let mut bob = Lines::connect(server.address);
    bob.line();
    bob.send("SIGNUP,bob,password");
    assert!(alice.ask("SIGNUP,carol,password").starts_with("ERR,Not now: "));
    assert!(bob.answer_line().starts_with("ERR,Not now: "));
    wait_until(told, || times() > 0);
    fs::write(&users, text).expect("written");
    assert!(bob.ask("SIGNUP,bob,password").starts_with("OK,Signup successful"));
    wait_until("the file is had again", || read(&server.log).contains("it was read anew: 1 account, "));
    assert_eq!(times(), 1);
}

#[test]
fn files_that_an_editor_replaces_while_the_server_runs_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("data/users.csv");
    let broadcasts = folder.path().join("data/broadcasts.log");
    let replace = |path: &Path, text: String| {
        let other = path.with_extension("other");
        fs::write(&other, text).expect("written");
        fs::rename(other, path).expect("renamed");
    };
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = Lines::connect(server.address);
    alice.line();
    alice.ask("SIGNUP,alice,password");
    let old_users = read(&users);
    alice.ask("SIGNUP,bob,password");
    alice.log_in("alice");
    alice.ask("bcast_one");
    replace(&users, old_users.clone() + "eve,secret,1\n");
    replace(&broadcasts, String::new());
    let mut bob = Lines::connect(server.address);
    bob.line();
    let refusal = bob.ask("SIGNUP,carol,password");
    assert!(
        refusal.starts_with("ERR,Not now: ") && refusal.contains("users.csv:3: the password hash of eve"),
        "{refusal}"
    );
    bob.log_in("bob");
    replace(&users, old_users);
    let mut carol = Lines::connect(server.address);
    carol.line();
    assert_eq!(carol.ask("SIGNUP,carol,password"), "OK,Signup successful, carol: please log in");
    assert_eq!(alice.ask("bcast_two"), "OK,Broadcast 2 sent to 2 clients");
    for said in
        ["users.csv was replaced; it was read anew: 2 accounts, 1", "broadcasts.log was replaced; it was written"]
    {
        // The log is written by a thread of its own.
        wait_until(said, || read(&server.log).contains(said));
    }
    server.crash();
    let server = ServerProcess::start(folder.path(), &[]);
    for name in ["alice", "bob", "carol"] {
        let mut client = Lines::connect(server.address);
        client.line();
        client.log_in(name);
        assert!(client.event().ends_with("_alice_one") && client.event().ends_with("_alice_two"));
    }
}

#[test]
fn signals_end_the_server_in_order() {
    for signal in ["INT", "TERM"] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = ServerProcess::start(folder.path(), &[]);
        let mut alice = Lines::connect(server.address);
        alice.line();
        alice.ask("SIGNUP,alice,password");
        alice.log_in("alice");
        let log = server.log.clone();
        let idle = Lines::connect(server.address);
        assert_eq!(server.end(signal), Some(0), "{signal}");
        assert_eq!(alice.event(), "notice_The server stops, terminating connection");
        alice.wait_for_end();
        drop(idle);
        assert!(read(&log).ends_with("stopped\n"), "{}", read(&log));
        let users = fs::metadata(folder.path().join("data/users.csv")).expect("there");
        assert_eq!(users.permissions().mode() & 0o777, 0o600);
    }
}

/// What a server says that cannot start; it must end by itself with code 2.
fn complaint(options: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_server")).args(options).stdin(Stdio::null()).output().expect("runs");
    assert_eq!(output.status.code(), Some(2), "{options:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_set_up_that_cannot_work_is_one_sentence_and_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let data = folder.path().join("data").display().to_string();
    let other = folder.path().join("other").display().to_string();
    let port = server.address.port().to_string();
    let said = complaint(&["--port", "0", "--data", &data]);
    assert_eq!(
        said,
        format!("server: {data}: another server uses this data folder; stop it or choose another with --data\n")
    );
    let said = complaint(&["--bind", "127.0.0.1", "--port", &port, "--data", &other]);
    assert!(said.contains(&format!("127.0.0.1:{port}: Address already in use")) && said.contains("--port"), "{said}");
    let said = complaint(&["--port", "0", "--data", "/dev/null/data"]);
    assert!(said.starts_with("server: /dev/null/data: "), "{said}");
    let said = complaint(&["--port", "0", "--data", &other, "--max-clients", "1000000000"]);
    assert!(said.starts_with("server: --max-clients 1000000000: this system can hold "), "{said}");
    assert!(complaint(&["--idle", "soon"]).contains("30m"));
}

#[test]
fn every_port_takes_some_of_the_open_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let most = |dialects: &str| {
        let command = format!("ulimit -n 64; exec \"$0\" --port 0 --data \"$1\" --max-clients 41 {dialects}");
        let output = Command::new("sh").args(["-c", &command, env!("CARGO_BIN_EXE_server"), &data]).output();
        let output = output.expect("sh runs");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).expect("text");
        said.split("can hold ").nth(1).and_then(|rest| rest.split(',').next()).map(str::to_owned).expect("a number")
    };
    assert_eq!(most(""), "40");
    assert_eq!(most("--menu-port 0 --menu-port 0:quiet --query-port 0 --packet-port 0"), "28");
    // A soft limit alone is raised.
    let command = "ulimit -S -n 32; exec \"$0\" --bind 127.0.0.1 --port 0 --data \"$1\" --max-clients 60";
    let mut server = Command::new("sh");
    let server = server.args(["-c", command, env!("CARGO_BIN_EXE_server"), &data]).stdout(Stdio::piped());
    let mut server = server.stderr(Stdio::null()).spawn().expect("sh runs");
    let mut first = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut first).expect("readable");
    server.kill().expect("ours");
    server.wait().expect("ended");
    assert!(first.starts_with("listening on "), "{first:?}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["--bind", "127.0.0.1", "--port", "0", "--rate", "off", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server runs");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said).expect("a line");
    let address = said.trim().strip_prefix("listening on ").and_then(|address| address.parse().ok());
    let mut client = Lines::connect(address.expect("an address"));
    client.line();
    // A pipe holds 64 KiB.
    (0..2000).for_each(|_| assert_eq!(client.ask("help"), "OK,4 commands"));
    send_signal(child.id(), "TERM");
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn a_client_cannot_flood_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &["--rate", "off"]);
    let began = Instant::now();
    let mut client = Lines::connect(server.address);
    client.line();
    // Who has not logged in is read at a pace.
    client.ask("SIGNUP,alice,password");
    client.log_in("alice");
    for _ in 0..30 {
        client.send_raw(format!("GET_P,{}\n", "x".repeat(4000)).repeat(100));
        (0..100).for_each(|_| assert_eq!(client.answer(), ["ERR,User not found!"]));
    }
    let log = server.log.clone();
    assert_eq!(server.end("TERM"), Some(0));
    let log = read(&log);
    let longest = log.lines().map(str::len).max().unwrap_or_default();
    assert!((200..400).contains(&longest), "{longest} bytes in a line");
    // 256 KiB at once, and 64 KiB a second.
    let most = (5 + began.elapsed().as_secs()) * 64 * 1024;
    assert!(log.len() as u64 <= most, "{} bytes, at most {most}", log.len());
}
