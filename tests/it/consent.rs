//! Remote commands at a terminal: the question does not touch what is being typed, and no key says yes by mistake.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Person, ctrl};
use tempfile::TempDir;

/// Somebody at a terminal whose machine may be asked to run something.
fn owner(server: &TestServer, name: &str) -> (Person, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let log = log.to_str().expect("a path in UTF-8");
    let person = Person::start(server.address, &["--user", name, "--signup", "--consent-log", log]);
    person.see(&format!("Logged in as {name}."));
    person.see_line("> ");
    (person, folder)
}

#[test]
fn the_question_leaves_the_line_alone_and_takes_no_other_yes() {
    let server = TestServer::start(&["--rate", "off"]);
    let (mut bob, _folder) = owner(&server, "bob");
    let mut alice = ClientProcess::join(server.address, "alice");
    bob.press("msg alice half");
    bob.see_line("> msg alice half");
    alice.say("run bob echo 'one  word'");
    bob.see_bar("3 alice?");
    bob.see_line("> msg alice half");
    bob.press(" a line\r");
    alice.see("half a line");
    bob.go(3);
    bob.see("alice asks to run here: echo 'one  word'   /allow 1 or /decline 1?");
    assert!(bob.is_coloured("?      alice asks to run"));
    // A word alone is a text here.
    bob.say("allow");
    alice.see("[message] bob: allow");
    bob.go(1);
    for yes in ["y", "yes", "accept", "accept alice"] {
        bob.say(yes);
        bob.see("alice asks to run a command: allow or decline");
    }
    // It must have been there for a second, so that what is allowed is what was read.
    let mut carol = ClientProcess::join(server.address, "carol");
    carol.say("wait 1s");
    carol.say("whoami");
    carol.see("carol 127.");
    bob.say("allow");
    bob.go(3);
    bob.see("alice runs here: echo 'one  word'");
    alice.see("[run] bob: one  word");
    bob.see("alice ran here: echo 'one  word': exit 0");
    bob.say("/allow");
    bob.see("Nobody asks you anything now");
    bob.press(ctrl('X'));
    assert_eq!(bob.finish(), 1);
}

#[test]
fn a_person_goes_on_typing_while_a_command_runs_and_ctrl_c_stops_it() {
    let server = TestServer::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let log = log.to_str().expect("a path in UTF-8");
    let list = "echo hi,sleep 1000";
    let mut bob =
        ClientProcess::start(server.address, &["--user", "bob", "--signup", "--consent-log", log, "--allow-run", list]);
    bob.see("Logged in as bob.");
    let mut alice = Person::join(server.address, "alice");
    alice.say("run bob sleep 1000");
    bob.see("alice runs here: sleep 1000");
    alice.see("Asking bob to run sleep 1000... Ctrl-C cancels");
    alice.see_line("> ");
    alice.say("run bob echo hi");
    alice.see("bob ran: echo hi: exit 0");
    alice.say("peers");
    alice.see("bob runs for you: sleep 1000");
    alice.press("half");
    alice.see_line("> half");
    alice.press(ctrl('C'));
    alice.see_line("> ");
    alice.press(ctrl('C'));
    alice.see_status("Cancelled.");
    bob.see("alice ran here: sleep 1000: hung up");
    alice.say("peers");
    alice.see("No open connections with anybody");
    alice.press(ctrl('D'));
    assert_eq!((alice.finish(), bob.finish()), (0, Some(0)));
}
