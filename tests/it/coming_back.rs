//! Clients whose server goes away at a bad moment, forgets what it knew, or comes back just when they leave.

use crate::harness::client::ClientProcess;
use crate::harness::{LIMIT, TestServer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a server that is played does on one connection.
struct Act {
    /// How long it keeps a client waiting for the greeting.
    late: Duration,
    /// How many lines it agrees to, and then hears without an answer, before it closes the connection.
    answers: usize,
    hears: usize,
}

/// A server that agrees to everything, a connection after the other.
fn play(acts: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let playing = thread::spawn(move || {
        for Act { late, answers, hears } in acts {
            let (mut stream, _) = listener.accept().expect("a client");
            if !late.is_zero() {
                // A client says nothing before it was greeted.
                stream.set_read_timeout(Some(late)).expect("a timeout");
                assert!(stream.read(&mut [0; 1]).is_err());
            }
            stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
            stream.write_all(b"OK,Welcome\n").expect("written");
            let mut lines = BufReader::new(&stream).lines();
            for _ in 0..answers {
                let Some(Ok(line)) = lines.next() else { break };
                let data = if line.starts_with("LOGIN") { "ip_127.0.0.9\n" } else { "" };
                (&stream).write_all(format!("{data}OK,fine\n").as_bytes()).expect("written");
            }
            lines.take(hears).for_each(|line| assert!(line.is_ok()));
        }
    });
    (address, playing)
}

const AT_ONCE: Duration = Duration::ZERO;

#[test]
fn a_server_that_comes_back_while_the_client_leaves_does_not_keep_it() {
    let late = Duration::from_millis(300);
    let acts = vec![Act { late: AT_ONCE, answers: 2, hears: 0 }, Act { late, answers: usize::MAX, hears: 0 }];
    let (address, playing) = play(acts);
    let mut alice = ClientProcess::start(address, &["--user", "alice"]);
    alice.see("Trying to come back");
    // The first pause is as long, so that it connects, or is about to, when it is told to leave.
    alice.say("wait 600ms");
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    playing.join().expect("no panic");
}

#[test]
fn a_server_that_goes_away_right_after_the_login_is_come_back_to() {
    let act = |answers| Act { late: AT_ONCE, answers, hears: 0 };
    let (address, playing) = play(vec![act(2), act(1), act(usize::MAX)]);
    let mut alice = ClientProcess::start(address, &["--user", "alice"]);
    alice.see("Trying to come back");
    alice.see("Logged in again as alice.");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    playing.join().expect("no panic");
}

#[test]
fn asking_to_come_back_while_it_is_tried_costs_no_second_connection() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let _server = server.come_back(&[]);
    alice.see("The server is gone");
    alice.say("reconnect");
    alice.see("Logged in again as alice.");
    alice.say("wait 300ms");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    assert_eq!(alice.seen.iter().filter(|line| line.contains("The server is gone")).count(), 1, "{:#?}", alice.seen);
}

#[test]
fn a_script_that_leaves_and_comes_back_is_refused_nothing() {
    let server = TestServer::start(&[]);
    let script = "disconnect; reconnect; list; disconnect; reconnect; broadcast hello; whoami";
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--exec", script]);
    alice.see("1 active client");
    alice.see("alice 127.");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
}

#[test]
fn a_broadcast_whose_answer_is_lost_is_perhaps_sent_and_no_success() {
    let act = |answers, hears| Act { late: AT_ONCE, answers, hears };
    // To the login, to INIT, and to `watch`, which a program's client says.
    let (address, playing) = play(vec![act(3, 1), act(usize::MAX, 0)]);
    let mut alice = ClientProcess::start(address, &["--user", "alice", "--json", "--exec", "broadcast hello; whoami"]);
    let told = alice.see("\"perhaps\"");
    assert!(told.contains("\"id\":1") && told.contains("Perhaps sent: the connection to the server is lost"), "{told}");
    assert!(alice.see("\"id\":2").contains("\"done\""), "the next line waits for the next session");
    assert_eq!(alice.finish(), Some(1), "{:#?}", alice.seen);
    playing.join().expect("no panic");
}

/// The kernel of a server that stands still takes all that comes, as a network does that loses it.
#[test]
fn who_is_inactive_stays_so_when_the_server_comes_back() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("inactive");
    alice.say("users");
    alice.say("whoami");
    alice.see("alice 127.");
    let server = server.come_back(&[]);
    alice.see("Logged in again as alice.");
    let mut eve = server.join("eve");
    assert_eq!(eve.ask("GET_U"), "OK,eve");
    assert_eq!(alice.finish(), Some(0));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn a_server_that_has_lost_its_history_is_heard_again() {
    let mut server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut eve = server.join("eve");
    for text in ["one", "two", "three"] {
        assert!(eve.ask(&format!("bcast_{text}")).starts_with("OK"));
    }
    alice.see("eve: three");
    // Their times are in whole seconds.
    let sent = now();
    while now() == sent {
        eve.ask("whoami");
        thread::yield_now();
    }
    server.stop();
    std::fs::remove_file(server.folder().join("broadcasts.log")).expect("it kept them");
    let server = server.come_back(&[]);
    alice.see("Logged in again as alice.");
    let mut eve = server.connect();
    eve.log_in("eve");
    for (seq, text) in [(1, "anew"), (2, "and more")] {
        assert!(eve.ask(&format!("bcast_{text}")).starts_with(&format!("OK,Broadcast {seq} ")));
        alice.see(&format!("eve: {text}"));
    }
    assert_eq!(alice.finish(), Some(0));
    assert_eq!(alice.seen.iter().filter(|line| line.contains("eve: ")).count(), 5, "{:#?}", alice.seen);
}

#[test]
fn leaving_while_many_files_are_told_is_no_refusal() {
    let server = TestServer::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..600 {
        std::fs::write(folder.path().join(format!("{number:0200}")), "").expect("written");
    }
    let share = folder.path().to_str().expect("UTF-8");
    let options = ["--user", "alice", "--signup", "--share", share, "--exec", "list; quit"];
    let mut alice = ClientProcess::start(server.address, &options);
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
}
