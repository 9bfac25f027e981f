//! `--trace` and `--show`, of programs as people run them.

use crate::harness::client::ClientProcess;
use crate::harness::{Lines, ServerProcess, read, send_signal, wait_until};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const PASSWORD: &str = "Xq7w-Zk9";

/// The events of a trace.
fn events(path: &Path) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    read(path).lines().map(parse).collect()
}

/// Those of a kind of which this holds.
fn of_kind<'a>(events: &'a [Value], ev: &str, holds: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ev"] == ev && holds(event)).collect()
}

/// No part of a secret is in the file, which only its owner may read.
fn keeps_secrets(path: &Path, secrets: &[&str]) {
    let text = read(path);
    for secret in secrets {
        // Fewer digits of a token may stand in a time by chance.
        let length = if *secret == PASSWORD { 4 } else { secret.len().min(12) };
        let mut parts = (0..=secret.len() - length).map(|at| &secret[at..at + length]);
        assert_eq!(parts.find(|part| text.contains(part)), None, "of {secret}");
    }
    assert_eq!(std::fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
}

/// Somebody who signs up in a dialogue, and logs in by a line that comes in two reads.
fn join(server: &ServerProcess, trace: &Path, name: &str) -> Lines {
    let mut lines = Lines::connect(server.address);
    lines.line();
    for said in ["signup", name, PASSWORD] {
        assert!(lines.ask(said).starts_with("OK,"));
    }
    assert!(lines.ask(PASSWORD).starts_with("OK,Signup successful"));
    let (first, rest) = PASSWORD.split_at(5);
    lines.send_raw(format!("LOGIN,{name},{first}"));
    wait_until("the first read", || read(trace).contains(&format!("LOGIN,{name},***")));
    lines.send_raw(format!("{rest}\n"));
    let answer = lines.answer();
    assert_eq!(answer.last().map(String::as_str), Some("OK,Login successful!"));
    let field = |start: &str| answer.iter().find_map(|line| line.strip_prefix(start)).expect("there").to_owned();
    (lines.token, lines.ip) = (field("udp_"), field("ip_"));
    lines
}

#[test]
fn a_server_records_what_happens_at_its_sockets() {
    const BROADCASTS: u64 = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.json");
    let options = ["--udp-loss", "0.5", "--rate", "off", "--trace", path.to_str().expect("UTF-8")];
    let server = ServerProcess::start(folder.path(), &options);
    let mut alice = ClientProcess::join(server.address, "alice");
    let (mut bob, mut eve) = (join(&server, &path, "bob"), join(&server, &path, "eve"));
    let mut astray = Lines::connect(server.address);
    astray.line();
    assert!(astray.ask(PASSWORD).starts_with("ERR,"));
    wait_until("a hello", || read(&path).contains("\"ev\":\"acked\""));
    for number in 1..=BROADCASTS {
        assert_eq!(bob.ask(&format!("bcast_text {number}")), format!("OK,Broadcast {number} sent to 3 clients"));
        eve.event();
    }
    alice.see(&format!("text {BROADCASTS}"));
    wait_until("an acknowledgement", || read(&path).contains(&format!("\"acked\":{BROADCASTS}")));
    bob.send("connect_alice");
    let answer = bob.answer();
    let ticket = answer.iter().find_map(|line| line.strip_prefix("ticket_alice_")).expect("a ticket");
    assert_eq!(bob.ask("quit"), "OK,Goodbye");
    bob.wait_for_end();
    assert_eq!(alice.finish(), Some(0));
    eve.stream().shutdown(Shutdown::Write).expect("open");
    wait_until("the end of eve's connection", || read(&path).contains("\"how\":\"fin\""));
    let log = server.log.clone();
    assert_eq!(server.end("TERM"), Some(0));
    keeps_secrets(&path, &[PASSWORD, &bob.token, &eve.token, ticket]);
    assert!(!read(&log).contains(PASSWORD), "nor in the log");

    let events = events(&path);
    assert!((1..).zip(&events).all(|(n, event)| event["n"] == n), "nothing was dropped");
    assert_eq!((&events[0]["ev"], &events[0]["who"]), (&json!("start"), &json!("server")));
    assert_eq!(events.last().map(|last| &last["ev"]), Some(&json!("stop")));
    let of_eve = of_kind(&events, "name", |event| event["name"] == "eve")[0]["c"].clone();
    let read_of = |n: &Value| &events[n.as_u64().expect("a number") as usize - 1];
    let login = of_kind(&events, "line", |event| event["c"] == of_eve && event["line"] == "LOGIN,eve,******")[0];
    let took: Vec<&Value> = login["took"].as_array().expect("reads").iter().map(read_of).collect();
    assert_eq!(took.iter().map(|read| &read["bytes"]).collect::<Vec<_>>(), ["LOGIN,eve,***", "***\n"]);
    assert_eq!(took[0]["len"], 15, "as it is");
    assert_eq!(took[1]["off"], took[0]["off"].as_u64().expect("a number") + 15);
    let decided = of_kind(&events, "decide", |event| event["name"] == "eve" && event["verb"] == "LOGIN")[0];
    assert_eq!((&decided["says"], &decided["why"]), (&json!("OK"), &json!("Login successful!")));
    let notices = of_kind(&events, "notice", |event| event["c"] == of_eve);
    assert!(notices.iter().any(|event| event["line"].as_str().is_some_and(|line| line.ends_with("_bob_text 1"))));
    assert_eq!(
        of_kind(&events, "ticket", |event| event["for"] == "bob" && event["to"] == "alice")[0]["ticket"],
        ticket[..4]
    );
    assert!(!of_kind(&events, "close", |event| event["how"] == "fin").is_empty());
    assert_eq!(of_kind(&events, "thread+", |event| event["thread"] == "broadcaster").len(), 1);

    let dropped = of_kind(&events, "dropped", |event| event["to"] == "alice" && event["why"] == "--udp-loss");
    let again = of_kind(&events, "again", |event| event["to"] == "alice");
    assert!(!dropped.is_empty() && !again.is_empty(), "{} dropped, {} again", dropped.len(), again.len());
    for event in &again {
        let first = events.iter().find(|other| other["d"] == event["of"]).expect("the first try");
        assert!(first["n"].as_u64() < event["n"].as_u64() && !first["seq"].is_null());
    }
    let has = |event: &Value, number| {
        event["seq"][0].as_u64().is_some_and(|first| first <= number) && event["seq"][1].as_u64() >= Some(number)
    };
    for number in 1..=BROADCASTS {
        let sent = |event: &Value| ["datagram", "again"].iter().any(|ev| event["ev"] == *ev) && has(event, number);
        assert!(events.iter().any(sent), "broadcast {number}");
    }
}

#[test]
fn a_connection_that_the_server_ends_is_ended_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.json");
    let server = ServerProcess::start(folder.path(), &["--trace", path.to_str().expect("UTF-8")]);
    let mut older = join(&server, &path, "alice");
    let mut newer = Lines::connect(server.address);
    newer.line();
    newer.send(&format!("LOGIN,alice,{PASSWORD}"));
    assert_eq!(newer.answer().last().map(String::as_str), Some("OK,Login successful!"));
    older.wait_for_end();
    let mut stranger = Lines::connect(server.address);
    stranger.line();
    assert_eq!(server.end("TERM"), Some(0));
    let ends: Vec<Value> =
        of_kind(&events(&path), "close", |_| true).iter().map(|event| event["how"].clone()).collect();
    assert_eq!(ends, ["shut"; 3]);
}

#[test]
fn each_line_of_a_menu_client_is_decided_also_one_that_comes_too_fast() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.json");
    let options = ["--menu-port", "0", "--rate", "1", "--trace", path.to_str().expect("UTF-8")];
    let mut server = ServerProcess::start(folder.path(), &options);
    let mut menu = TcpStream::connect(server.next_address()).expect("it listens");
    menu.write_all("help\n".repeat(20).as_bytes()).expect("open");
    let count = |ev: &str| of_kind(&events(&path), ev, |_| true).len();
    wait_until("the lines", || read(&path).ends_with('\n') && count("line") == 20);
    assert_eq!(server.end("TERM"), Some(0));
    assert_eq!(count("decide"), 20);
    let too_fast = |event: &Value| event["why"].as_str().is_some_and(|why| why.contains("fast"));
    assert!(!of_kind(&events(&path), "decide", too_fast).is_empty());
}

#[test]
fn a_class_sees_rows_and_no_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &["--show"]);
    let mut alice = Lines::connect(server.address);
    alice.line();
    alice.ask("SIGNUP,alice,password");
    alice.log_in("alice");
    assert_eq!(alice.ask("bcast_hi all"), "OK,Broadcast 1 sent to 1 client");
    assert_eq!(alice.ask("quit"), "OK,Goodbye");
    alice.wait_for_end();
    let log = server.log.clone();
    let shown = server.end_and_read("TERM");
    for row in [
        " (new)           connect    127.0.0.1:",
        " (new)           SIGNUP     Signup successful, alice: please log in\n",
        " alice           LOGIN      is 127.0.0.2\n",
        " alice           bcast      #1 \"hi all\" to 1 client\n",
        " (server)        → tcp      #1 to 1: alice\n",
        " alice           quit       Goodbye\n",
        " (server)        stops\n",
    ] {
        assert!(shown.contains(row), "no {row:?} in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}') && !shown.contains("password"), "{shown}");
    assert_eq!(read(&log), "", "of the log only warnings");
}

#[test]
fn a_trace_that_cannot_be_written_is_a_wrong_option() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("notes.txt");
    std::fs::write(&other, "mine\n").expect("room");
    let start = |program: &str, options: &[&str]| {
        let output = Command::new(program).args(options).arg("--trace").arg(&other).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let data = folder.path().join("data");
    let server = ["--port", "0", "--data", data.to_str().expect("UTF-8")];
    let (code, said) = start(env!("CARGO_BIN_EXE_server"), &server);
    let sentence = format!("server: {} is there and is no trace: choose another file with --trace\n", other.display());
    assert_eq!((code, said), (Some(2), sentence.clone()));
    let (code, said) = start(env!("CARGO_BIN_EXE_client"), &["127.0.0.1", "1"]);
    assert_eq!((code, said), (Some(2), sentence.replacen("server:", "client:", 1)));
    assert_eq!(read(&other), "mine\n");
}

#[test]
fn two_clients_record_a_chat_that_outlives_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(format!("{name}.json"));
    let server = ServerProcess::start(folder.path(), &[]);
    let join = |name: &str| {
        let trace = path(name);
        let options = ["--user", name, "--signup", "--trace", trace.to_str().expect("UTF-8")];
        let mut client = ClientProcess::start(server.address, &options);
        client.see(&format!("Logged in as {name}."));
        client
    };
    let (mut alice, mut bob) = (join("alice"), join("bob"));
    wait_until("a hello", || read(&path("bob")).contains("\"ev\":\"hello\""));
    alice.say("all hi");
    bob.see("hi");
    alice.say("chat bob");
    bob.see("accept");
    bob.say("accept");
    alice.see("bob");
    assert_eq!(server.end("TERM"), Some(0));
    wait_until("the end of the server", || read(&path("bob")).contains("\"ev\":\"close\""));
    bob.say("still here");
    alice.see("still here");
    wait_until("the line", || read(&path("alice")).contains("still here"));
    send_signal(alice.id(), "TERM");
    send_signal(bob.id(), "TERM");
    alice.finish();
    bob.finish();
    for name in ["alice", "bob"] {
        keeps_secrets(&path(name), &["password"]);
    }
    let (of_alice, of_bob) = (events(&path("alice")), events(&path("bob")));
    let one = |events: &[Value], ev: &str| of_kind(events, ev, |_| true)[0].clone();
    let (start, stop) = (&of_alice[0], of_alice.last().expect("events"));
    assert_eq!((&start["who"], &stop["ev"]), (&json!("client"), &json!("stop")));
    assert_eq!(
        (one(&of_alice, "name")["name"].as_str(), one(&of_bob, "name")["name"].as_str()),
        (Some("alice"), Some("bob"))
    );
    let (calls, called) = (one(&of_alice, "peer"), one(&of_bob, "peer"));
    assert_eq!((&calls["verb"], &calls["with"]), (&json!("CHAT"), &json!("bob")));
    assert_eq!((&called["verb"], &called["with"]), (&json!("CHAT"), &json!("alice")));
    assert_eq!(one(&of_alice, "redeem")["ticket"], one(&of_bob, "redeem")["ticket"]);
    let of_peer = |events: &[Value], ev: &str, peer: &Value| {
        let said = of_kind(events, ev, |event| event["c"] == peer["c"] && event["bytes"] == "still here\n");
        said.first().map(|said| (said["off"].clone(), said["len"].clone()))
    };
    assert_eq!(of_peer(&of_bob, "write", &called), of_peer(&of_alice, "read", &calls), "by `off` the two are the same");
    assert!(of_peer(&of_bob, "write", &called).is_some());
    let datagrams = of_kind(&of_bob, "datagram", |event| event["seq"] == json!([1, 1]));
    assert_eq!(datagrams.first().map(|event| &event["shown"]), Some(&json!([1, 1])));
}

#[test]
fn a_client_records_that_a_connection_was_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alice.json");
    // Nobody listens there any more.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("free").port();
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"));
    client.args(["127.0.0.1", &port.to_string(), "--exec", "list", "--trace", path.to_str().expect("UTF-8")]);
    assert_eq!(client.output().expect("it runs").status.code(), Some(2));
    let events = events(&path);
    let of = |ev: &str| of_kind(&events, ev, |_| true);
    assert_eq!((of("connect").len(), of("close").len()), (1, 1), "{events:?}");
    assert_eq!((&of("close")[0]["c"], &of("close")[0]["how"]), (&of("connect")[0]["c"], &json!("refused")));
}

#[test]
fn a_client_records_that_a_peer_has_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alice.json");
    let server = ServerProcess::start(folder.path(), &[]);
    let mut bob = Lines::connect(server.address);
    bob.line();
    bob.ask("SIGNUP,bob,password");
    bob.log_in("bob");
    // He says that he listens, and does not.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("free").port();
    assert!(bob.ask(&format!("INIT,bob,{port}")).starts_with("OK"));
    let options = ["--user", "alice", "--signup", "--trace", path.to_str().expect("UTF-8")];
    let mut alice = ClientProcess::start(server.address, &options);
    alice.see("Logged in as alice");
    alice.say("msg bob hi");
    assert_eq!(bob.event(), "msg_alice_hi");
    assert_eq!(alice.finish(), Some(0));
    let events = events(&path);
    let refused = of_kind(&events, "close", |event| event["how"] == "refused");
    let called =
        of_kind(&events, "connect", |event| event["at"].as_str().is_some_and(|at| at.ends_with(&format!(":{port}"))));
    assert_eq!((refused.len(), called.len(), &refused[0]["c"]), (1, 1, &called[0]["c"]), "{events:?}");
}
