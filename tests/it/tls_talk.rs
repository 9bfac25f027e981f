//! What is said by TLS: it is whole and in order, and nobody on the way has it.

use crate::harness::Lines;
use crate::harness::by_tls::{GREETING, connect, join, port, start};
use crate::harness::control::Control;
use crate::harness::netcat::Tool;
use crate::harness::netcat::has_openssl;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// An answer to a new key stands before whatever is said next.
#[test]
fn whoever_takes_a_new_key_goes_on() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    // At the beginning of a line `K` is for openssl: a new key, and the wish for one of the other side.
    let connect = format!("exec openssl s_client -connect {} 2>&1", port(&server));
    let mut talk = Command::new("timeout")
        .args(["30", "bash", "-c", &connect])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash runs");
    let mut input = talk.stdin.take().expect("a pipe");
    let mut output = BufReader::new(talk.stdout.take().expect("a pipe"));
    let mut wait_for = |start: &str| {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(output.read_line(&mut line).expect("text") > 0, "the end came before {start}");
        }
    };
    wait_for(GREETING);
    for _ in 0..5 {
        input.write_all(b"K\n").expect("it reads");
        wait_for("KEYUPDATE");
        input.write_all(b"help\n").expect("it reads");
        wait_for("OK,4 commands");
    }
    drop(input);
    talk.wait().expect("it ends");
}

#[test]
fn whoever_runs_the_server_sees_who_speaks_by_tls() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let (_alice, _running, _) = join(port(&server), "alice");
    let _bob = server.join("bob");
    let mut control = Control::of(&server);
    let list = control.ask_all("list");
    let kinds: Vec<&str> = list.iter().filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(kinds[..2], ["account-tls", "account"], "{list:?}");
    let stats = control.ask_all("stats");
    for row in ["stat_tls now,1,connections", "stat_native now,1,connections", "stat_no handshake,0,connections"] {
        assert!(stats.iter().any(|line| line == row), "{row}: {stats:?}");
    }
}

#[test]
fn who_is_taken_over_in_the_clear_is_told_so() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let (mut first, _running, _) = join(port(&server), "alice");
    let (mut second, _another) = connect(port(&server));
    second.ask("LOGIN,alice,password");
    assert_eq!(first.event(), "notice_alice has logged in from 127.0.0.1, terminating this connection");
    first.wait_for_end();
    let mut clear = server.connect();
    clear.ask("LOGIN,alice,password");
    assert_eq!(second.event(), "notice_alice has logged in from 127.0.0.1 in the clear, terminating this connection");
    let (mut third, _one_more) = connect(port(&server));
    third.ask("LOGIN,alice,password");
    assert_eq!(clear.event(), "notice_alice has logged in from 127.0.0.1, terminating this connection");
}

#[test]
fn broadcasts_come_on_the_connection_and_nobody_is_told_a_token() {
    if !has_openssl() {
        return;
    }
    let server = start(&["--rate", "off"]);
    let mut carol = server.join("carol");
    assert!(carol.ask("bcast_before").starts_with("OK,"));
    let (mut alice, _running, answer) = join(port(&server), "alice");
    assert!(answer.iter().any(|line| line.starts_with("ip_")) && !answer.iter().any(|line| line.starts_with("udp_")));
    assert!(alice.event().ends_with("_carol_before"));
    for number in 0..300 {
        assert!(carol.ask(&format!("bcast_{number} {}", "x".repeat(1000))).starts_with("OK,"));
    }
    for number in 0..300 {
        let event = alice.event();
        assert!(event.contains(&format!("_carol_{number} x")), "{number}: {event}");
    }
    assert!(alice.ask("bcast_and_back").starts_with("OK,Broadcast 302 sent to 2 clients"));
}

/// Whoever encrypts is the next one to write: else a record could not be decrypted, and the connection would end.
#[test]
fn lines_of_many_threads_come_whole_and_in_order() {
    if !has_openssl() {
        return;
    }
    const LINES: usize = 200;
    let server = start(&["--rate", "off"]);
    let (mut alice, _running, _) = join(port(&server), "alice");
    let mut others: Vec<Lines> = (0..4).map(|number| server.join(&format!("other{number}"))).collect();
    thread::scope(|scope| {
        for (thread, other) in others.iter_mut().enumerate() {
            scope.spawn(move || {
                for number in 0..LINES {
                    let text = format!("{thread} {number} {}", "x".repeat(1 + number % 300));
                    assert_eq!(other.ask(&format!("relay_{text}_alice")), "OK,Relayed to alice");
                }
            });
        }
        for _ in 0..LINES {
            assert!(alice.ask("whoami").starts_with("OK,alice,"));
        }
    });
    let mut next = [0; 4];
    for _ in 0..4 * LINES {
        let event = alice.event();
        let (_, text) = event.strip_prefix("msg_other").and_then(|rest| rest.split_once('_')).expect("a message");
        let fields: Vec<&str> = text.split(' ').collect();
        let (thread, number): (usize, usize) = (fields[0].parse().expect("one"), fields[1].parse().expect("one"));
        assert_eq!((number, fields[2].len()), (next[thread], 1 + number % 300), "in order, and whole");
        next[thread] += 1;
    }
}

/// More than all buffers on the way hold: records leave in parts.
#[test]
fn an_answer_that_no_buffer_holds_is_complete() {
    if !has_openssl() {
        return;
    }
    const LINES: usize = 20_000;
    let server = start(&["--rate", "off"]);
    let (mut alice, _running, _) = join(port(&server), "alice");
    alice.send_raw("help\n".repeat(LINES));
    let menu = alice.answer();
    assert!(menu.len() > 5);
    for _ in 1..LINES {
        assert_eq!(alice.answer(), menu);
    }
    assert_eq!(alice.ask("quit"), "OK,Goodbye");
}

#[test]
fn what_came_by_tls_is_not_handed_over_in_the_clear() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let mut carol = server.join("carol");
    let (mut alice, _running, _) = join(port(&server), "alice");
    let (mut bob, _another, _) = join(port(&server), "bob");
    for line in ["msg_a secret_carol", "relay_a secret_carol"] {
        assert_eq!(alice.ask(line), "ERR,carol listens in the clear");
    }
    assert_eq!(alice.ask("relay_a secret_bob"), "OK,Relayed to bob");
    assert_eq!(bob.event(), "msg_alice_a secret");
    assert_eq!(carol.ask("relay_hello_alice"), "OK,Relayed to alice");
    assert_eq!(alice.event(), "msg_carol_hello");
}

#[test]
fn the_last_line_is_there_before_the_end() {
    if !has_openssl() {
        return;
    }
    let mut server = start(&[]);
    let (mut alice, _running, _) = join(port(&server), "alice");
    let (mut quits, _another) = connect(port(&server));
    assert_eq!(quits.ask("quit"), "OK,Goodbye");
    quits.wait_for_end();
    server.stop();
    assert_eq!(alice.event(), "notice_The server stops, terminating connection");
    alice.wait_for_end();
}

/// A relay that keeps every byte of both directions.
pub fn tap(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let (listener, seen) = (TcpListener::bind("127.0.0.1:0").expect("a free port"), Arc::<Mutex<Vec<u8>>>::default());
    let (address, kept) = (listener.local_addr().expect("bound"), Arc::clone(&seen));
    thread::spawn(move || {
        let near = listener.accept().expect("a client").0;
        let far = TcpStream::connect(to).expect("the server");
        let pass = |mut from: &TcpStream, mut to: &TcpStream| {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                kept.lock().expect("no panic").extend_from_slice(&buffer[..count]);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            // An error says that it has ended already.
            let _ = to.shutdown(Shutdown::Write);
        };
        thread::scope(|scope| {
            scope.spawn(|| pass(&near, &far));
            pass(&far, &near);
        });
    });
    (address, seen)
}

#[test]
fn whoever_keeps_every_byte_has_no_password_no_text_and_no_ticket() {
    if !has_openssl() {
        return;
    }
    let server = start(&[]);
    let words = ["correct horse", "what nobody reads", "alice", "Welcome", "ticket_"];
    let talk = |lines: &mut Lines| {
        assert_eq!(lines.line(), GREETING);
        lines.ask("SIGNUP,alice,correct horse");
        assert_eq!(lines.ask("LOGIN,alice,correct horse"), "OK,Login successful!");
        assert!(lines.ask("bcast_what nobody reads").starts_with("OK,"));
        lines.ask("probe");
        assert_eq!(lines.ask("quit"), "OK,Goodbye");
        lines.wait_for_end();
    };
    let found = |seen: &Mutex<Vec<u8>>| {
        let seen = seen.lock().expect("no panic");
        words.iter().filter(|word| seen.windows(word.len()).any(|piece| piece == word.as_bytes())).count()
    };
    let (address, seen) = tap(port(&server));
    let (mut lines, _running) = Tool::tls().connect(address);
    talk(&mut lines);
    assert!(seen.lock().expect("no panic").len() > 1000);
    assert_eq!(found(&seen), 0);
    // The same in the clear: the tap does see what is said.
    let (address, seen) = tap(server.address);
    talk(&mut Lines::connect(address));
    assert!(found(&seen) >= 4);
}
