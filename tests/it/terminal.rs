//! The client in a pseudo-terminal: what a person types is never torn, and every key does what it should.

use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Person, ctrl};
use crate::harness::{TestServer, send_signal};
use sha2::Digest;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

const TAB: char = '\t';
/// Alt with a digit goes to the window of this number.
const SERVER: &str = "\x1b1";
const ALL: &str = "\x1b2";
const FIRST_PERSON: &str = "\x1b3";

/// Two people who talk; alice is in the terminal, in bob's window.
fn talking(server: &TestServer) -> (Person, ClientProcess) {
    let mut alice = Person::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("Chat with bob opened");
    alice.see("bob (verified, chat)");
    (alice, bob)
}

#[test]
fn what_arrives_does_not_tear_the_line() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press(format!("{ALL}half"));
    alice.see_line("> half");
    for number in 0..50 {
        assert!(eve.ask(&format!("bcast_number {number}")).starts_with("OK"));
        alice.press('x');
    }
    alice.see("number 49");
    alice.see_line(&format!("> half{}", "x".repeat(50)));
    assert!(alice.is_coloured("number 49"));
    // In the middle of the line, and longer than the terminal is wide.
    alice.press(format!("{}{}", ctrl('A'), ctrl('K')));
    let long = "grüße 漢字 ".repeat(12);
    alice.press(format!("/msg eve {long}"));
    assert!(eve.ask("bcast_in between").starts_with("OK"));
    alice.see("in between");
    alice.press("\r");
    let message = std::iter::repeat_with(|| eve.event()).find(|event| event.starts_with("msg_"));
    assert_eq!(message, Some(format!("msg_alice_{}", long.trim_end())));
    alice.see("Relayed to eve");
    alice.press(format!("{SERVER}{}", ctrl('D')));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn escape_sequences_are_shown_and_never_obeyed() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press(ALL);
    assert!(eve.ask("bcast_txt\u{202e}exe").starts_with("OK"));
    alice.see("txt\\u{202e}exe");
    alice.see_line("> ");
}

#[test]
fn ctrl_c_ends_the_innermost_thing_and_nothing_else() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("half a line");
    alice.see_line("> half a line");
    alice.press(ctrl('C'));
    alice.see_line("> ");
    alice.press(ctrl('C'));
    alice.see("again to end the chat");
    alice.press(ctrl('C'));
    bob.see("Chat with alice closed");
    bob.say("!exit");
    alice.press(SERVER);
    alice.see("| server |");
    alice.press(ctrl('C'));
    alice.see("/quit or Ctrl-X leaves");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    alice.press(ctrl('C'));
    alice.see("Cancelled.");
    bob.see("alice no longer waits");
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
    alice.see("the chat with bob is open");
    alice.say("still here");
    bob.see("alice: still here");
    alice.press(ctrl('D'));
    alice.see("again to end the chat");
    alice.press(ctrl('D'));
    bob.see("Chat with alice closed");
    alice.see("Chat with bob closed");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_request_is_accepted_or_declined_without_stealing_the_line() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    alice.press("all hel");
    alice.see_line("> all hel");
    bob.say("chat alice");
    alice.see("3 bob?");
    alice.see_line("> all hel");
    alice.say("lo");
    bob.see("alice: hello");
    alice.press(FIRST_PERSON);
    alice.see("bob wants to chat");
    alice.say("/decline");
    bob.see("No chat with alice: declined");
    alice.see("Declined bob.");
    bob.say("chat alice");
    alice.see("accept 2");
    alice.say("/accept 2");
    alice.see("bob (verified, chat)");
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
    bob.see("No chat with alice: no answer");
    alice.see("3 bob");
    alice.press(FIRST_PERSON);
    alice.see("bob no longer waits");
    alice.say("/accept");
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
        // Lines that come all at once would be a paste.
        person.press(command);
        person.see_line(&format!("> {command}"));
        person.press('\r');
        person.see_line("> ");
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
fn a_line_begun_for_somebody_who_left_is_no_command() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("quit and");
    alice.see_line("> quit and");
    bob.say("!exit");
    alice.see("Chat with bob closed");
    alice.see("bob (verified, message)");
    alice.say(" think");
    bob.see("[message] alice: quit and think");
    alice.say("whoami");
    bob.see("[message] alice: whoami");
    alice.say("/quit");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn three_hundred_pasted_lines_go_to_one_person_in_order() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    let lines: Vec<String> = (0..300).map(|number| format!("line {number}")).collect();
    alice.press(format!("\x1b[200~{}\x1b[201~", lines.join("\n")));
    alice.see("line 299");
    alice.press("\r");
    let question = "send 300 lines to bob? Enter / Esc";
    alice.see(question);
    // An Enter right behind the question could belong to the paste, and does not count: the person reads first.
    bob.say("!wait 1s");
    bob.say("read it?");
    alice.see("read it?");
    alice.press("\r");
    bob.see("alice: line 299");
    let said: Vec<&String> = bob.seen.iter().filter(|line| line.starts_with("alice: line")).collect();
    let expected: Vec<String> = lines.iter().map(|line| format!("alice: {line}")).collect();
    assert_eq!(said, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_line_that_is_too_long_for_a_chat_is_not_sent() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press(format!("\x1b[200~{}\x1b[201~\r", "x".repeat(4096)));
    alice.see("Not sent");
    alice.press(format!("\x1b[200~{}\x1b[201~\r", "y".repeat(4095)));
    let line = bob.see("alice: y");
    assert!(line.ends_with(&format!(": {}", "y".repeat(4095))), "{}", line.len());
    assert!(!bob.seen.iter().any(|line| line.contains("not shown")), "the longer one was sent");
}

#[test]
fn tab_completes_commands_and_names_that_are_known_and_never_asks_the_server() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let _bob = server.join("roberta");
    alice.say("list");
    alice.see("2 active clients");
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
    alice.press("get eve two words.txt\rhalf a line");
    let (mut sender, _) = listener.accept().expect("alice comes");
    let mut opening = String::new();
    BufReader::new(&sender).read_line(&mut opening).expect("a line");
    assert!(opening.starts_with("FILE,two words.txt,alice,"), "{opening}");
    let content = b"eight by".repeat(1000);
    sender.write_all(b"OK,8000\n").expect("sent");
    sender.write_all(&content[..4000]).expect("sent");
    alice.see("get two words.txt");
    alice.see_line("> half a line");
    alice.resize(40);
    alice.see("two words.txt");
    alice.see_line("> half a line");
    alice.resize(80);
    sender.write_all(&content[4000..]).expect("sent");
    let hash: String = sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    sender.write_all(format!("sha256_{hash}\n").as_bytes()).expect("sent");
    alice.see("Fetched two words.txt from eve");
    alice.see_no_more("get two words.txt");
    alice.see_line("> half a line");
    assert_eq!(std::fs::read(folder.path().join("two words.txt")).expect("fetched"), content);
}

#[test]
fn a_burst_of_keys_is_read_to_its_end() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press(format!("whoami\rall wide 漢字 and שלום\r{ALL}two lines\rhalf"));
    alice.see("wide 漢字 and שלום");
    alice.see("two lines");
    alice.see_line("> half");
    alice.press(SERVER);
    alice.see("alice 127.");
}

#[test]
fn a_narrower_terminal_and_back() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press("x".repeat(70));
    alice.resize(40);
    alice.see(&"x".repeat(38));
    alice.resize(80);
    alice.see_line(&format!("> {}", "x".repeat(70)));
    alice.press(ctrl('U'));
    alice.say("whoami");
    alice.see("alice 127.");
}

#[test]
fn pasted_lines_are_lines() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press("\x1b[200~all one\nall two\n\x1b[201~");
    alice.see("all two");
    alice.press("\r");
    alice.see("Broadcast 2 sent");
    // What a terminal would obey does not even get into the line.
    alice.press(format!("{ALL}\x1b[200~a\x1b[2Jb\x1b[201~"));
    alice.see("two");
    alice.see("a[2Jb");
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
    alice.see_line("> half");
    let _server = server.come_back(&[]);
    alice.press(SERVER);
    alice.see("The server is gone");
    alice.see("Logged in again as alice.");
    alice.press(FIRST_PERSON);
    alice.see_line("> half");
    alice.say(" a line");
    bob.see("alice: half a line");
}

#[test]
fn a_flood_while_one_types() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press(format!("{ALL}half"));
    for number in 0..1000 {
        eve.send(&format!("bcast_{}{number}", "flood ".repeat(20)));
        if number % 20 == 0 {
            alice.press('x');
        }
    }
    alice.see("flood 999");
    alice.see_line(&format!("> half{}", "x".repeat(50)));
    alice.press(ctrl('U'));
    alice.say("/quit");
    assert_eq!(alice.finish(), 0);
}
