//! The client in a pseudo-terminal: what a person types is never torn, and every key does what it should.

use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Person, ctrl};
use crate::harness::{TestServer, send_signal};
use sha2::Digest;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

const TAB: char = '\t';

/// Two people who talk; alice is in the terminal.
fn talking(server: &TestServer) -> (Person, ClientProcess) {
    let mut alice = Person::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("Chat with bob opened");
    alice.see_line("bob> ");
    (alice, bob)
}

#[test]
fn what_arrives_does_not_tear_the_line() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press("msg eve half");
    alice.see_line("> msg eve half");
    for number in 0..50 {
        assert!(eve.ask(&format!("bcast_number {number}")).starts_with("OK"));
        alice.press('x');
    }
    alice.see("eve: number 49");
    alice.see_line(&format!("> msg eve half{}", "x".repeat(50)));
    assert!(alice.is_coloured("number 49"));
    // In the middle of the line, and longer than the terminal is wide.
    alice.press(format!("{}{}", ctrl('A'), ctrl('K')));
    let long = "grüße 漢字 ".repeat(12);
    alice.press(format!("msg eve {long}"));
    assert!(eve.ask("relay_in between_alice").starts_with("OK"));
    alice.see("eve: in between");
    alice.press("\r");
    let message = std::iter::repeat_with(|| eve.event()).find(|event| event.starts_with("msg_"));
    assert_eq!(message, Some(format!("msg_alice_{}", long.trim_end())));
    alice.see("Relayed to eve");
    alice.press(ctrl('D'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn escape_sequences_are_shown_and_never_obeyed() {
    let server = TestServer::start(&[]);
    let alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    assert!(eve.ask("bcast_txt\u{202e}exe").starts_with("OK"));
    alice.see("eve: txt\\u{202e}exe");
    alice.see_line("> ");
}

#[test]
fn no_colour_for_those_who_want_none() {
    let server = TestServer::start(&[]);
    let mut eve = server.join("eve");
    let alice = Person::start_with(server.address, &["--user", "alice", "--signup"], &[("NO_COLOR", "1")]);
    alice.see_line("> ");
    assert!(eve.ask("bcast_plain").starts_with("OK"));
    alice.see("eve: plain");
    assert!(!alice.is_coloured("eve: plain"));
}

#[test]
fn ctrl_c_ends_the_innermost_thing_and_nothing_else() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press(ctrl('C'));
    bob.see("Chat with alice closed");
    bob.say("!exit");
    alice.see_line("> ");
    alice.press("half a line");
    alice.see_line("> half a line");
    alice.press(ctrl('C'));
    alice.see_line("> ");
    alice.press(ctrl('C'));
    alice.see("Type quit or press Ctrl-X to leave.");
    alice.say("2");
    alice.see_line("text> ");
    alice.press(ctrl('C'));
    alice.see("Not sent.");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    alice.see_line("(Ctrl-C cancels) ");
    alice.press(ctrl('C'));
    alice.see("Cancelled.");
    bob.see("alice no longer waits");
    alice.see_line("> ");
    alice.say("whoami");
    alice.see("alice 127.");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn ctrl_x_leaves_when_no_chat_is_open_and_says_so_when_one_is() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press(ctrl('X'));
    alice.see("The chat with bob is open");
    alice.say("still here");
    bob.see("alice: still here");
    alice.press(ctrl('D'));
    bob.see("Chat with alice closed");
    alice.see_line("> ");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_request_is_accepted_or_declined_without_stealing_the_line() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    alice.press("broadcast hel");
    alice.see_line("> broadcast hel");
    bob.say("chat alice");
    alice.see("bob wants to chat: y or n?");
    alice.see_line("> broadcast hel");
    alice.say("lo");
    bob.see("alice: hello");
    alice.say("n");
    bob.see("No chat with alice: declined");
    alice.see("Declined bob.");
    alice.press(ctrl('L'));
    alice.see_no_more("wants to chat");
    bob.say("chat alice");
    alice.see("wants to chat");
    alice.say("y");
    alice.see_line("bob> ");
    bob.see("Chat with alice opened");
    bob.say("!exit");
    alice.see("Chat with bob closed: the other side left");
    alice.see_line("> ");
}

#[test]
fn a_request_that_nobody_answers() {
    let server = TestServer::start(&[]);
    let mut alice = Person::start(server.address, &["--user", "alice", "--signup", "--answer-limit", "300ms"]);
    alice.see("Logged in as alice.");
    let mut bob = ClientProcess::join(server.address, "bob");
    bob.say("chat alice");
    alice.see("bob wants to chat");
    bob.see("No chat with alice: no answer");
    alice.see("bob no longer waits");
    alice.say("y");
    alice.see("Nobody asks you anything now");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 1);
}

#[test]
fn a_pipe_and_a_terminal_give_the_same_results() {
    let server = TestServer::start(&[]);
    let mut script = ClientProcess::join(server.address, "alice");
    let mut person = Person::join(server.address, "bobby");
    let both = ["users", "peers", "address alice", "active", "dance", "msg alice", "close eve", "GET_P,eve"];
    for command in both {
        script.say(command);
        person.say(command);
    }
    script.say("whoami");
    person.say("whoami");
    script.see("alice 127.");
    person.see("bobby 127.");
    script.finish();
    let results = script.seen.iter().skip_while(|line| !line.starts_with("Logged in")).skip(1);
    let results: Vec<_> = results.filter(|line| !line.starts_with("alice 127.")).collect();
    assert!(results.len() > both.len(), "{results:#?}");
    for result in results {
        person.see(result);
    }
}

#[test]
fn the_prompt_follows_while_one_types() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("half");
    alice.see_line("bob> half");
    bob.say("!exit");
    alice.see("Chat with bob closed");
    alice.see_line("> half");
    alice.press(ctrl('U'));
    alice.see_line("> ");
}

#[test]
fn a_line_begun_for_somebody_who_left_is_no_command() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("quit and");
    alice.see_line("bob> quit and");
    bob.say("!exit");
    alice.see_line("> quit and");
    alice.say(" think");
    alice.see("Not sent: the chat with bob is over");
    alice.see_line("> ");
    alice.say("whoami");
    alice.see("alice 127.");
    for (begun, rest, text) in [("!ex", "it", None), ("half", "", Some("2 active clients"))] {
        alice.say("chat bob");
        bob.see("alice wants to chat");
        bob.say("accept");
        alice.see_line("bob> ");
        alice.press(begun);
        alice.see_line(&format!("bob> {begun}"));
        bob.say("!exit");
        alice.see_line(&format!("> {begun}"));
        match text {
            None => alice.say(rest),
            Some(text) => {
                // A line that is emptied begins anew.
                alice.press(ctrl('U'));
                alice.see_line("> ");
                alice.say("list");
                alice.see(text);
            }
        }
        alice.see_line("> ");
    }
    assert!(alice.contents().matches("Not sent").count() < 2, "{}", alice.contents());
    alice.say("quit");
    assert_eq!(alice.finish(), 1);
}

#[test]
fn a_line_that_is_too_long_for_a_chat_is_not_sent() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    for length in [4096, 4095] {
        alice.press(format!("\x1b[200~{}\x1b[201~\r", "x".repeat(length)));
    }
    let line = bob.see("alice: x");
    assert!(line.ends_with(&format!(": {}", "x".repeat(4095))), "{}", line.len());
    assert!(!bob.seen.iter().any(|line| line.contains("not shown")), "the longer one was sent");
}

#[test]
fn tab_completes_commands_and_names() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let _bob = server.join("roberta");
    alice.press(format!("ms{TAB}"));
    alice.see_line("> msg ");
    alice.press(format!("RO{TAB}"));
    alice.see_line("> msg roberta ");
    alice.say("hi");
    alice.see("Relayed to roberta");
    alice.press(format!("w{TAB}{TAB}"));
    alice.see("whoami");
    alice.see("wait");
}

#[test]
fn one_goes_on_typing_below_a_progress_bar() {
    let server = TestServer::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--user", "alice", "--signup", "--downloads", folder.path().to_str().expect("UTF-8")];
    let mut alice = Person::start(server.address, &options);
    alice.see("Logged in as alice.");
    // Eve is a client that sends half of a file, and the rest when she likes.
    let mut eve = server.join("eve");
    let listener = TcpListener::bind((eve.ip.as_str(), 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    assert_eq!(eve.ask(&format!("INIT,eve,{port},two words.txt")), "OK");
    alice.press(format!("get e{TAB}tw{TAB}"));
    alice.see_line("> get eve two words.txt");
    alice.press("\rhalf a line");
    let (mut sender, _) = listener.accept().expect("alice comes");
    let mut opening = String::new();
    BufReader::new(&sender).read_line(&mut opening).expect("a line");
    assert!(opening.starts_with("FILE,two words.txt,alice,"), "{opening}");
    let content = b"eight by".repeat(1000);
    sender.write_all(b"OK,8000\n").expect("sent");
    sender.write_all(&content[..4000]).expect("sent");
    alice.see("two words.txt            [");
    alice.see("of 7.8 KiB");
    alice.see_line("> half a line");
    assert!(eve.ask("bcast_meanwhile").starts_with("OK"));
    alice.see("eve: meanwhile");
    alice.see_line("> half a line");
    sender.write_all(&content[4000..]).expect("sent");
    let hash: String = sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    sender.write_all(format!("sha256_{hash}\n").as_bytes()).expect("sent");
    alice.see("Fetched two words.txt from eve");
    alice.see_no_more("two words.txt            [");
    alice.see_line("> half a line");
    assert_eq!(std::fs::read(folder.path().join("two words.txt")).expect("fetched"), content);
}

#[test]
fn a_burst_of_keys_is_read_to_its_end() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press("whoami\rbroadcast wide 漢字 and שלום\r2\rtwo lines\rhalf");
    alice.see("alice 127.");
    alice.see("wide 漢字 and שלום");
    alice.see("alice: two lines");
    alice.see_line("> half");
}

#[test]
fn a_narrower_terminal_and_back() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.resize(40);
    alice.press("x".repeat(60));
    alice.see(&"x".repeat(38));
    assert!(eve.ask("bcast_hello").starts_with("OK"));
    alice.see("eve: hello");
    alice.resize(80);
    alice.press(ctrl('U'));
    alice.say("whoami");
    alice.see("alice 127.");
}

#[test]
fn pasted_lines_are_lines() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press("\x1b[200~broadcast one\nbroadcast two\n\x1b[201~\r");
    alice.see("alice: one");
    alice.see("alice: two");
    // What a terminal would obey does not even get into the line.
    alice.press("\x1b[200~broadcast a\x1b[2Jb\x1b[201~\r");
    alice.see("alice: ab");
    alice.see("alice: one");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let server = TestServer::start(&[]);
    let alice = Person::join(server.address, "alice");
    send_signal(alice.id(), "TERM");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_lost_server_is_told_and_come_back_to() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("half");
    alice.see_line("bob> half");
    let _server = server.come_back(&[]);
    alice.see("The server is gone");
    alice.see("Logged in again as alice.");
    alice.see_line("bob> half");
    alice.say(" a line");
    bob.see("alice: half a line");
}

#[test]
fn a_flood_while_one_types() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press("half");
    for number in 0..1000 {
        eve.send(&format!("bcast_{}{number}", "flood ".repeat(20)));
        if number % 20 == 0 {
            alice.press('x');
        }
    }
    alice.see("flood 999");
    alice.see_line(&format!("> half{}", "x".repeat(50)));
    alice.press(ctrl('U'));
    alice.say("quit");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_thousand_pasted_lines_while_much_arrives() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2000).for_each(|number| eve.send(&format!("bcast_number {number}"))));
        (0..1000).for_each(|_| alice.press("peers\r"));
    });
    alice.say("msg eve after all of it");
    while eve.event() != "msg_alice_after all of it" {}
    alice.say("quit");
    assert_eq!(alice.finish(), 0);
}
