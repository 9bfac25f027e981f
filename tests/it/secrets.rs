//! Passwords, wherever people put them, stand in neither log nor trace nor on the wall.

use crate::harness::originals::connect;
use crate::harness::{ServerProcess, read};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

/// Four bytes of one of them in a row are a leak.
const PASSWORDS: [&str; 2] = ["Xq7wZvKpJd", "Ym3tRbHcLs"];
/// The bytes of a packet.
const SIZE: usize = 2016;

/// The same in every text: `PW` is the password, and `NEW` another one.
fn filled(text: &str) -> Vec<u8> {
    text.replace("PW", PASSWORDS[0]).replace("NEW", PASSWORDS[1]).into_bytes()
}

/// Says this, each part when something has come in answer to the one before, and takes what comes up to the end.
fn talk(address: SocketAddr, greets: bool, parts: &[Vec<u8>]) {
    let mut stream = connect(address);
    let mut buffer = [0; 4096];
    // Some of them end the connection.
    let mut hears = |mut stream: &std::net::TcpStream| stream.read(&mut buffer).is_ok_and(|count| count > 0);
    let mut goes_on = !greets || hears(&stream);
    for part in parts {
        goes_on = goes_on && stream.write_all(part).is_ok() && hears(&stream);
    }
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The same of texts, once each part by itself and once all together, with line ends or without.
fn talks(address: SocketAddr, greets: bool, end: &str, texts: &[&[&str]]) {
    for parts in texts {
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| filled(&format!("{part}{end}"))).collect();
        talk(address, greets, &parts);
        talk(address, greets, &[parts.join(if end.is_empty() { b"\n".as_slice() } else { b"" })]);
    }
}

fn packet(kind: u8, name: &str, text: &str) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(filled(name));
    bytes.resize(16, 0);
    bytes.extend(filled(text));
    bytes.resize(SIZE, 0);
    bytes
}

/// People at the main port, and at that of the menu; then clients that never log in.
fn all_that_people_do(main: SocketAddr, menus: &[SocketAddr], query: SocketAddr, packets: SocketAddr) {
    let long = "x".repeat(5000);
    let lines: [&[&str]; 17] = [
        &["SIGNUP,alice,PW", "LOGIN,alice,PW", "login", "alice", "PW", "list"],
        &["LOGIN,alice,PW", "signup", "zoe", "PW", "PW", "connect_bob"],
        &["LOGIN,alice,PW", "LOGIN,alice,PW", "SIGNUP,zoe,PW", "PASSWORD,PW,NEW"],
        &["LOGIN,alice,PW", "passwd", "NEW", "PW", "PW", "PASSWD,NEW,PW"],
        &["LOGIN,alice,PW", "passwd\u{a0}", "NEW", "PW", "NEW", "2", "hi"],
        &["login", "alice", "NEW", "login alice PW", "log in,alice,PW"],
        &["login", "al\u{1}ice", "alice", "PW"],
        &["login", &long, "alice", "PW"],
        &["signup", "alice", "PW", "PW", "signup", "eve", "PW", "NEW"],
        &["SIGNUP,eve,\"PW", "SIGNUP,PW!!,eve", "SIGNUP,eve,PW,PW", "SIGNUP,a_b,PW"],
        &["passwd", "PW", "NEW", "NEW", "list PW"],
        &["PW", "login;alice;PW", "(PW)", "\u{feff}login", "alice", "PW"],
        &["LOGIN alice PW", "again,alice,PW", "AGAIN,alice,PW,1,2", "quit PW"],
        &["LOGIN,\"alice\",\"PW\"", "\"PASSWD\",PW,NEW", "help", "passwd PW NEW"],
        &["1 PW", "list PW", "who PW", "\tlogin\t", "alice", "PW"],
        &["LOGIN,alice,PW", "login", "alice", "PW", "login", "alice", "PW", "quit"],
        &["LOGIN,alice,\u{fc}PW\r", "Login\r", "alice\r", "PW\r"],
    ];
    talks(main, true, "\n", &lines);
    talk(main, true, &[b"LOGIN,alice,\xff".iter().copied().chain(filled("PW\n")).collect()]);
    let menu: [&[&str]; 8] = [
        &["signup", "carol", "PW", "PW", "login", "carol", "PW", "1"],
        &["login", "carol", "PW", "login", "carol", "PW", "1"],
        &["login", "carol", "PW", "signup", "dave", "PW", "PW", "exit"],
        &["login", "carol", "PW", "LOGIN,carol,PW", "PW", "passwd", "PW", "NEW", "NEW"],
        &["signup", "alice", "PW", "PW", "login", "alice", "NEW"],
        &["signup", "dave", "PW", "NEW", "PW", "LOGIN,alice,PW"],
        &["login carol PW", "SIGNUP,dave,PW", "login", "ca\u{7}rol", "carol", "PW"],
        &["login", &long, "alice", "PW"],
    ];
    for address in menus {
        talks(*address, *address == menus[0], "", &menu);
    }
    let queries: [&[&str]; 4] = [
        &["LOGIN,alice,PW", "SIGNUP,alice,PW", "PASSWD,PW,NEW"],
        &["login", "alice", "PW", "GET_U"],
        &["PW", "GET_U,PW", "GET_U PW", "GET_P,al ice,PW"],
        &["passwd", "PW", "NEW", "GET_AF", "INIT", "alice", "PW"],
    ];
    talks(query, false, "", &queries);
    talk(packets, false, &[packet(3, "bert", " "), packet(2, "bert", "PW"), packet(1, "bert", "PW")]);
    talk(packets, false, &[packet(3, "bert", "PW"), packet(9, "bert", "PW"), packet(2, "PW", "active")]);
    talk(packets, false, &[packet(2, "PW", "PW"), packet(77, "bert", "LOGIN,bert,PW"), packet(4, "", "LOGIN,bert,PW")]);
    let mut login = filled("LOGIN,alice,PW\nlogin\nalice\nPW\n");
    login.resize(SIZE, b'\n');
    talk(packets, false, &[login]);
}

fn leaks_nothing(text: &str) {
    for line in text.lines() {
        let parts = PASSWORDS.iter().flat_map(|password| (0..=password.len() - 4).map(|at| &password[at..at + 4]));
        assert_eq!(parts.into_iter().find(|part| line.contains(part)), None, "{line}");
    }
}

#[test]
fn no_password_is_in_log_or_trace_whichever_port_is_given_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("server.json");
    let ports = ["--menu-port", "0", "--menu-port", "0:quiet", "--query-port", "0", "--packet-port", "0"];
    let options = ["--rate", "off", "--max-clients", "100", "--trace", trace.to_str().expect("UTF-8")];
    let mut server = ServerProcess::start(folder.path(), &[&ports[..], &options].concat());
    let [menu, quiet, query, packets] = [(); 4].map(|()| server.next_address());
    all_that_people_do(server.address, &[menu, quiet], query, packets);
    let log = server.log.clone();
    assert_eq!(server.end("TERM"), Some(0));
    let (log, trace) = (read(&log), read(&trace));
    leaks_nothing(&log);
    leaks_nothing(&trace);
    // What is no secret is there.
    for said in
        ["LOGIN,alice,***", "(query): (no query) -> ERR,Invalid Request!", "type 2 *** -> type 12", "connect_bob"]
    {
        assert!(log.contains(said), "no {said} in the log");
    }
    for said in ["LOGIN,alice,***", "\"connect_bob\\n\"", "\"GET_AF\"", "login\\nalice\\n***\\n"] {
        assert!(trace.contains(said), "no {said} in the trace");
    }
}

#[test]
fn no_password_is_on_the_wall() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = ["--menu-port", "0", "--query-port", "0", "--packet-port", "0"];
    let mut server = ServerProcess::start(folder.path(), &[&ports[..], &["--rate", "off", "--show"]].concat());
    let [menu, query, packets] = [(); 3].map(|()| server.next_address());
    all_that_people_do(server.address, &[menu], query, packets);
    let log = server.log.clone();
    let shown = server.end_and_read("TERM");
    leaks_nothing(&read(&log));
    leaks_nothing(&shown);
    assert!(shown.contains("That may be a password"), "{shown}");
}
