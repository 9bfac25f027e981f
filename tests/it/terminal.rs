//! The client in a pseudo-terminal: what a person types is never torn, and every key does what it should.

mod login;
mod trouble;

use crate::harness::callee::prove;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{CLIENT, Left, Person, ctrl};
use crate::harness::{Lines, TestServer, send_signal};
use sha2::Digest;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

const TAB: char = '\t';

/// Two people who talk; alice is in the terminal.
fn talking(server: &TestServer) -> (Person, ClientProcess) {
    let mut alice = Person::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    talk(&mut alice, &mut bob);
    (alice, bob)
}

fn talk(alice: &mut Person, bob: &mut ClientProcess) {
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("Chat with bob opened");
    alice.see_status("bob (verified, chat)");
    alice.see_line("> ");
}

/// Text that a terminal says was pasted.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

#[test]
fn what_arrives_does_not_tear_the_line() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.go(2);
    alice.press("half");
    alice.see_line("> half");
    for number in 0..50 {
        assert!(eve.ask(&format!("bcast_number {number}")).starts_with("OK"));
        alice.press('x');
    }
    alice.see("eve    number 49");
    alice.see_line(&format!("> half{}", "x".repeat(50)));
    assert!(alice.is_coloured("number 49"));
    // In the middle of the line, and longer than the terminal is wide.
    alice.press(format!("{}{}", ctrl('A'), ctrl('K')));
    let long = "grüße 漢字 ".repeat(12);
    alice.press(format!("/msg eve {long}"));
    assert!(eve.ask("relay_in between_alice").starts_with("OK"));
    alice.see_bar("eve*");
    alice.press("\r");
    let message = std::iter::repeat_with(|| eve.event()).find(|event| event.starts_with("msg_"));
    assert_eq!(message, Some(format!("msg_alice_{}", long.trim_end())));
    alice.see("Relayed to eve");
    alice.go(3);
    alice.see("in between (through the server)");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn wide_letters_are_edited_as_what_they_are() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.go(2);
    alice.press("漢字👍🏽e\u{301}!");
    // Before the last one; then two are deleted, each of several characters.
    alice.press("\x1b[D");
    alice.press("\x7f\x7f");
    alice.see("> 漢字!");
    alice.press("\r");
    alice.see("alice  漢字!");
}

#[test]
fn escape_sequences_are_shown_and_never_obeyed() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    assert!(eve.ask("bcast_txt\u{202e}exe").starts_with("OK"));
    alice.go(2);
    alice.see("eve    txt\\u{202e}exe");
    alice.see_line("> ");
}

#[test]
fn no_colour_for_those_who_want_none() {
    let server = TestServer::start(&[]);
    let mut eve = server.join("eve");
    let mut alice = Person::start_with(server.address, &["--user", "alice", "--signup"], &[("NO_COLOR", "1")]);
    alice.see("Logged in as alice.");
    assert!(eve.ask("bcast_plain").starts_with("OK"));
    alice.go(2);
    alice.see("eve    plain");
    assert!(!alice.is_coloured("eve    plain"));
}

#[test]
fn ctrl_c_ends_the_innermost_thing_and_never_the_client() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("half a line");
    alice.see_line("> half a line");
    alice.press(ctrl('C'));
    alice.see_line("> ");
    alice.press(ctrl('C'));
    alice.see_status("again to end the chat");
    alice.press(ctrl('C'));
    bob.see("Chat with alice closed");
    bob.say("!exit");
    alice.see_status("bob (message)");
    alice.press(ctrl('C'));
    alice.see_status("/quit or Ctrl-X leaves");
    alice.go(1);
    alice.say("chat bob");
    bob.see("alice wants to chat");
    alice.see("Asking bob for a chat... Ctrl-C cancels");
    // While bob thinks, all else goes on.
    alice.say("/whoami");
    alice.see("alice 127.");
    alice.press(ctrl('C'));
    alice.see_status("Cancelled.");
    bob.see("alice called at ");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn ctrl_x_leaves_when_no_chat_is_open_and_says_so_when_one_is() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press(format!("still{}", ctrl('X')));
    alice.see_status("the chat with bob is open: /close bob ends it");
    alice.see_line("> still");
    alice.say(" here");
    bob.see("alice: still here");
    alice.press(ctrl('D'));
    alice.see_status("again to end the chat");
    alice.press(ctrl('D'));
    bob.see("Chat with alice closed");
    alice.see_status("(message)");
    alice.press(ctrl('X'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn ctrl_d_leaves_from_the_first_window() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    alice.press(format!("half{}", ctrl('D')));
    alice.see_line("> half");
    alice.press(format!("{}{}", ctrl('U'), ctrl('D')));
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
    alice.see_bar("3 bob?");
    alice.see_line("> all hel");
    alice.say("lo");
    bob.see("alice: hello");
    alice.say("decline");
    bob.see("No chat with alice: declined");
    alice.see_bar("3 bob");
    alice.go(3);
    alice.see("bob wants to chat: /accept 1 or /decline 1");
    bob.say("chat alice");
    alice.see("bob wants to chat: /accept 2 or /decline 2");
    alice.say("/accept 2");
    alice.see_status("bob (verified, chat)");
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
    alice.see_bar("3 bob");
    bob.see("No chat with alice: no answer");
    alice.go(3);
    alice.see("bob called at ");
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
    // Wide enough for every result in one row.
    person.resize(160, 40);
    let both = ["users", "peers", "address alice", "active", "dance", "msg alice", "close eve", "GET_P,eve"];
    for command in both {
        script.say(command);
        person.enter(command);
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
    let server = TestServer::start(&["--rate", "off"]);
    let (mut alice, mut bob) = talking(&server);
    let mut eve = server.join("eve");
    alice.press("quit and");
    alice.see_line("> quit and");
    bob.say("!exit");
    alice.see_status("bob (message)");
    alice.see_line("> quit and");
    alice.say(" think");
    bob.see("[message] alice: quit and think");
    for number in 0..20 {
        alice.enter(&format!("broadcast {number}"));
    }
    alice.enter("quit");
    for number in 0..20 {
        bob.see(&format!("alice: broadcast {number}"));
    }
    bob.see("[message] alice: quit");
    alice.go(2);
    alice.say("the only one");
    assert!(eve.event().ends_with("_alice_the only one"));
    alice.say("/quit");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_line_that_is_too_long_for_a_chat_is_not_sent() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press(format!("{}\r", pasted(&"x".repeat(4096))));
    alice.see("Not sent: ");
    alice.press(format!("{}\r", pasted(&"x".repeat(4095))));
    let line = bob.see("alice: x");
    assert!(line.ends_with(&format!(": {}", "x".repeat(4095))), "{}", line.len());
    assert!(!bob.seen.iter().any(|line| line.contains("not shown")), "the longer one was sent");
}

#[test]
fn tab_completes_commands_and_names_and_never_waits() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let _bob = server.join("roberta");
    alice.say("list");
    alice.see("2 active clients");
    // Nobody answers any more: what Tab offers is known already.
    drop(server);
    alice.see("The server is gone");
    alice.press(format!("ms{TAB}"));
    alice.see_line("> msg ");
    alice.press(format!("RO{TAB}"));
    alice.see_line("> msg roberta ");
    alice.press(format!("{}whoa{TAB}", ctrl('U')));
    alice.see_line("> whoami ");
    alice.press(format!("{}w{TAB}", ctrl('U')));
    alice.see_status("whoami");
    alice.see_status("wait");
    alice.press(format!("{}/msg ro{TAB}", ctrl('U')));
    alice.see_line("> /msg roberta ");
}

/// Eve is a client that sends half of a file, and the rest when she likes.
struct Sender {
    eve: Lines,
    listener: TcpListener,
    content: Vec<u8>,
}

impl Sender {
    fn new(server: &TestServer) -> Sender {
        let mut eve = server.join("eve");
        let listener = TcpListener::bind((eve.ip.as_str(), 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        assert_eq!(eve.ask(&format!("INIT,eve,{port},two words.txt")), "OK");
        Sender { eve, listener, content: b"eight by".repeat(1000) }
    }

    fn half(&mut self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().expect("alice comes");
        let opening = prove(&mut self.eve, &stream);
        assert!(opening.starts_with("FILE,two words.txt,alice,"), "{opening}");
        stream.write_all(b"OK,8000\n").expect("sent");
        stream.write_all(&self.content[..4000]).expect("sent");
        stream
    }

    fn rest(&self, mut stream: TcpStream) {
        stream.write_all(&self.content[4000..]).expect("sent");
        let hash: String = sha2::Sha256::digest(&self.content).iter().map(|byte| format!("{byte:02x}")).collect();
        stream.write_all(format!("sha256_{hash}\n").as_bytes()).expect("sent");
    }
}

#[test]
fn one_goes_on_typing_below_the_row_of_a_transfer() {
    let server = TestServer::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--user", "alice", "--signup", "--downloads", folder.path().to_str().expect("UTF-8")];
    let mut alice = Person::start(server.address, &options);
    alice.see("Logged in as alice.");
    let mut sender = Sender::new(&server);
    alice.press("get eve two words.txt\rhalf a line");
    let stream = sender.half();
    alice.see(" get two words.txt [#########.........]  50%");
    alice.see_status("1 transfer");
    alice.see_line("> half a line");
    assert!(sender.eve.ask("bcast_meanwhile").starts_with("OK"));
    alice.see_bar("2 all:1");
    alice.see_line("> half a line");
    alice.resize(40, 20);
    alice.see("two word~  50%");
    alice.see_line("> half a line");
    alice.resize(80, 24);
    sender.rest(stream);
    alice.see("Fetched two words.txt from eve");
    alice.see_no_more("###");
    alice.see_line("> half a line");
    assert_eq!(std::fs::read(folder.path().join("two words.txt")).expect("fetched"), sender.content);
}
