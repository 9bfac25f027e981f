//! Whatever a client sends, the server answers it or ends that one session, and the others do not notice.

use crate::harness::{Lines, TestServer};
use proptest::prelude::*;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

#[test]
fn wrong_lines_are_answered_and_the_session_goes_on() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut client = server.connect();
    for (bytes, answer) in [
        (vec![b'x'; 5000], "ERR,Line too long: at most 4096 bytes with its line end"),
        (b"caf\xe9".to_vec(), "ERR,Not UTF-8 text: send text in UTF-8"),
        (b"\x1b[31m".to_vec(), "ERR,Control character \\u{1b} in the line: only TAB may be sent"),
        (b"\0".to_vec(), "ERR,Control character \\u{0} in the line: only TAB may be sent"),
        (b"".to_vec(), "ERR,Empty line: send help for the commands"),
        (b"LOGIN,".to_vec(), "ERR,Invalid credentials"),
        (b"\",\",\"".to_vec(), "ERR,Unknown command: send help for the commands"),
        (b"___".to_vec(), "ERR,Unknown command: send help for the commands"),
        (b"msg___".to_vec(), "ERR,An address is a username, IP:PORT or an IP"),
        (b"INIT,alice,99999999999999999999".to_vec(), "ERR,Log in first: send login or signup"),
    ] {
        client.send_raw([&bytes, b"\n".as_slice()].concat());
        assert_eq!(client.line(), answer);
    }
    assert_eq!(client.ask("help"), "OK,4 commands");
}

#[test]
fn too_many_bytes_without_a_line_end_end_the_session() {
    let server = TestServer::start(&[]);
    let mut client = server.connect();
    client.send_raw(vec![b'x'; (1 << 16) + 8192]);
    assert_eq!(client.line(), "ERR,64 KiB without a line end: not a text protocol");
    client.wait_for_end();
    assert_eq!(server.connect().ask("help"), "OK,4 commands");
    // A file that a member has pasted by mistake is one wrong line.
    let mut alice = server.join("alice");
    alice.send_raw([vec![b'x'; (1 << 16) + 8192], b"\n".to_vec()].concat());
    assert_eq!(alice.line(), "ERR,Line too long: at most 4096 bytes with its line end");
    assert_eq!(alice.ask("whoami"), "OK,alice,127.0.0.2,0");
}

#[test]
fn half_a_command_is_not_carried_out() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let mut alice = server.join("alice");
    alice.send_raw("bcast_half of wh");
    alice.stream().shutdown(std::net::Shutdown::Write).expect("open");
    alice.wait_for_end();
    assert_eq!(bob.ask("bcast_whole"), "OK,Broadcast 1 sent to 1 client");
}

#[test]
fn who_never_reads_does_not_delay_the_others() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = server.join("alice");
    let stuck = server.join("stuck");
    let mut bob = server.join("bob");
    let text = "x".repeat(1000);
    // Loopback buffers some megabytes for the stuck client; then it is closed, and its name is free.
    let mut stuck_is_there = true;
    for seq in 1..30_000 {
        let answer = alice.ask(&format!("bcast_{text}"));
        let reached = if stuck_is_there { 3 } else { 2 };
        if answer != format!("OK,Broadcast {seq} sent to {reached} clients") {
            assert!(stuck_is_there, "{answer}");
            stuck_is_there = false;
        }
        assert!(bob.event().starts_with(&format!("bcast_{seq}_")), "nobody waits");
        if !stuck_is_there && seq % 100 == 0 {
            break;
        }
    }
    assert!(!stuck_is_there, "a client that reads nothing is closed");
    drop(stuck);
}

#[test]
fn a_large_list_reaches_a_reader_that_takes_its_time() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = server.join("alice");
    let names: Vec<String> = (0..9_000).map(|number| format!("a rather long file name, number {number}.txt")).collect();
    assert_eq!(alice.ask("INIT,alice,4401"), "OK");
    for some in names.chunks(60) {
        let quoted: Vec<String> = some.iter().map(|name| format!("\"{name}\"")).collect();
        // The comma at the end names no file.
        assert_eq!(alice.ask(&format!("SHARE,{},", quoted.join(","))), "UP");
    }
    alice.send("GET_AF");
    let listed: Vec<String> = alice
        .answer()
        .iter()
        .filter_map(|line| line.strip_prefix("files_"))
        .flat_map(|line| peerline::value::comma::split(line).into_iter().skip(1))
        .collect();
    assert_eq!(listed, names);
    assert!(alice.ask(&format!("SHARE,{}", "x,".repeat(1_500))).starts_with("ERR,Too many files"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every line of anything gets exactly one answer.
    #[test]
    fn any_bytes_get_an_answer(lines in prop::collection::vec(any_line(), 1..20)) {
        let server = TestServer::start(&["--rate", "off"]);
        let mut client = server.join("alice");
        for line in &lines {
            client.send_raw([line, b"\n".as_slice()].concat());
            // A line that says goodbye ends it.
            if client.answer().last().is_some_and(|answer| answer == "OK,Goodbye") {
                return Ok(());
            }
        }
        client.send("whoami");
        let answer = client.answer().pop().unwrap_or_default();
        prop_assert!(answer.starts_with("OK"), "{}", answer);
        prop_assert_eq!(Lines::connect(server.address).line(), "OK,Welcome to peerline: login or signup");
    }
}

/// Lines near the commands, and far from them.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let word = "(login|signup|LOGIN|SIGNUP|list|1|2|bcast|msg|connect|relay|INIT|SHARE|GET_U|GET_P|GET_UF|GET_AF|active|whoami|help|quit|EXIT)?";
    prop_oneof![
        (word, "[_,\":a-z0-9. \\u{0}-\\u{ff}]{0,40}")
            .prop_map(|(word, rest)| (word + &rest.replace('\n', "")).into_bytes()),
        prop::collection::vec(any::<u8>().prop_filter("no LF", |byte| *byte != b'\n'), 0..200),
    ]
}

#[test]
fn what_a_server_says_at_the_start_is_escaped_on_standard_error() {
    const HIDDEN: &str =
        "\u{3164}\u{2800}\u{a0}\u{3000}\u{200b}\u{feff}\u{ad}\u{61c}\u{e0041}\u{e0101}\u{202e}\u{2066}\u{1160}\u{2028}";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.args(["127.0.0.1", &port, "--user", "alice", "--exec", "list"]).env("PEERLINE_PASSWORD", "secret");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut stream = listener.accept().expect("accepts").0;
    writeln!(stream, "ERR,evil{HIDDEN}evil").expect("sent");
    drop((stream, listener));
    let output = child.wait_with_output().expect("it ends");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(errors.contains("evil\\u{3164}") || said.contains("evil\\u{3164}"), "{errors:?} {said:?}");
    assert!(!errors.contains(|c| HIDDEN.contains(c)) && !said.contains(|c| HIDDEN.contains(c)), "{errors:?} {said:?}");
}
