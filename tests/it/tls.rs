//! The server's port for TLS: who gets in, and what is said to who does not.

use crate::harness::by_tls::{GREETING, connect, join, openssl, port, start};
use crate::harness::control::Control;
use crate::harness::netcat::has_openssl;
use crate::harness::{LIMIT, Lines, ServerProcess, TestServer, read, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

#[test]
fn who_speaks_something_else_hears_so_in_the_clear() {
    let server = start(&[]);
    let mut netcat = Lines::connect(port(&server));
    netcat.send("LOGIN,alice,password");
    assert_eq!(netcat.line(), "ERR,This port speaks TLS: client --tls, or openssl s_client -quiet");
    netcat.wait_for_end();
    let mut plain = Lines::connect(server.address);
    assert_eq!(plain.line(), GREETING);
    plain.send_raw(b"\x16\x03\x01\x02\x00");
    assert_eq!(plain.line(), format!("ERR,This port speaks plain text: TLS is on port {}", port(&server).port()));
    plain.wait_for_end();
}

#[test]
fn who_speaks_an_older_tls_does_not_get_in() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let (gets_in, said) = openssl(port(&server), &["-tls1_2"]);
    assert!(!gets_in && said.contains("alert protocol version"), "{said}");
    let (gets_in, said) = openssl(port(&server), &["-tls1_3"]);
    assert!(gets_in && said.contains("New, TLSv1.3"), "{said}");
    assert!(!said.contains("Post-Handshake New Session Ticket"), "{said}");
}

/// The place of each is free again, also of one that sends a byte now and then.
#[test]
fn who_stops_in_the_middle_of_a_handshake_has_no_place_beyond_the_deadline() {
    if !has_openssl() {
        return;
    }
    let server = start(&["--login-limit", "300ms", "--max-clients", "3", "--max-per-ip", "3"]);
    let record = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let silent = Lines::connect(port(&server));
    let mut half = Lines::connect(port(&server));
    half.send_raw(record);
    let dripping = TcpStream::connect(port(&server)).expect("connects");
    thread::scope(|scope| {
        let drip = scope.spawn(|| {
            let mut stream = &dripping;
            let mut bytes = record.iter().chain([0; 400].iter());
            // It ends when the server has closed the connection.
            while bytes.next().is_some_and(|byte| stream.write_all(&[*byte]).is_ok()) {
                thread::yield_now();
            }
        });
        for mut lines in [silent, half, Lines::over(dripping.try_clone().expect("a descriptor"))] {
            lines.wait_for_end();
        }
        drip.join().expect("no panic");
    });
    for _ in 0..3 {
        let (mut lines, _running) = connect(port(&server));
        assert_eq!(lines.ask("quit"), "OK,Goodbye");
    }
    let stats = Control::of(&server).ask_all("stats");
    assert!(stats.iter().any(|line| line == "stat_no handshake,3,connections"), "{stats:?}");
}

/// Whoever has begun and not ended, and whoever has not begun, hear nothing: they are no clients yet.
#[test]
fn the_stop_of_the_server_ends_handshakes() {
    if !has_openssl() {
        return;
    }
    let mut server = start(&["--login-limit", "1h"]);
    let silent = TcpStream::connect(port(&server)).expect("connects");
    let half = TcpStream::connect(port(&server)).expect("connects");
    (&half).write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").expect("taken");
    // Those before have their threads by then.
    let (mut last, _running) = connect(port(&server));
    assert_eq!(last.ask("quit"), "OK,Goodbye");
    server.stop();
    for mut stream in [silent, half] {
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("an end");
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn what_is_no_tls_ends_its_connection_with_an_alert() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let mut ends = [
        // A record that says it is longer than one may be; one of an unknown kind; a hello that is none.
        [&b"\x16\x03\x01\xff\xff"[..], &[0; 4096]].concat(),
        b"\x16\x03\x01\x00\x04\x63\x00\x00\x00".to_vec(),
        [&b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c"[..], &[0xff; 28]].concat(),
    ]
    .map(|bytes| {
        let mut stream = TcpStream::connect(port(&server)).expect("connects");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream.write_all(&bytes).expect("taken");
        let mut answer = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    ends.sort();
    // Each is a fatal alert: RFC 8446, 6.
    assert!(ends.iter().all(|answer| answer.starts_with(&[21, 3, 3, 0, 2, 2])), "{ends:?}");
    let (mut lines, _running) = connect(port(&server));
    assert_eq!(lines.ask("quit"), "OK,Goodbye");
}

#[test]
fn a_connection_by_tls_that_gives_way_is_told_so_by_tls() {
    if !has_openssl() {
        return;
    }
    let server = start(&["--max-clients", "2", "--login-limit", "30s"]);
    let (mut silent, _running) = connect(port(&server));
    let (_second, _another) = connect(port(&server));
    assert_eq!(Lines::connect(server.address).line(), GREETING);
    assert_eq!(silent.event(), "notice_The server is full, and you have not logged in");
    silent.wait_for_end();
}

#[test]
fn with_no_plain_nobody_else_reaches_a_port_in_the_clear() {
    if !has_openssl() {
        return;
    }
    let server = TestServer::start(&["--bind", "0.0.0.0", "--tls-port", "0", "--no-plain", "--menu-port", "0"]);
    let (tls, _) = server.tls.expect("it has the port");
    assert!(tls.ip().is_unspecified() && server.dialect("menu").ip().is_loopback());
    // Bound to 127.0.0.1 alone: the other addresses of this machine have nobody there.
    let other = SocketAddr::from(([127, 0, 0, 2], server.address.port()));
    assert!(TcpStream::connect_timeout(&other, LIMIT).is_err());
    let (mut lines, _running) = connect(SocketAddr::from(([127, 0, 0, 2], tls.port())));
    assert_eq!(lines.ask("quit"), "OK,Goodbye");
}

/// The log has addresses and reasons.
#[test]
fn a_handshake_that_failed_is_logged_and_nothing_that_is_secret() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = ServerProcess::start(folder.path(), &["--tls-port", "0"]);
    let address = server.next_address();
    openssl(address, &["-tls1_2"]);
    let (_, _running, _) = join(address, "alice");
    wait_until("both are logged", || {
        let log = read(&server.log);
        log.contains(": no TLS: ") && log.contains("connected by TLS")
    });
    let (log, key) = (read(&server.log), read(&folder.path().join("data/tls_key.pem")));
    assert!(!log.contains(key.lines().nth(1).expect("digits")) && !log.contains("password"), "{log}");
}
