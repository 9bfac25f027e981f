//! Logging in at a terminal: the dialogue of a newcomer, and passwords that are asked for again.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Person, ctrl};

/// Answers a question of the login once it is there.
fn answer(person: &mut Person, question: &str, text: &str) {
    person.see_line(question);
    person.say(text);
}

#[test]
fn a_newcomer_gets_to_a_chat_with_the_menu_alone() {
    let server = TestServer::start(&[]);
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    alice.see("Type login, or signup for a new account");
    answer(&mut alice, "login or signup> ", "log in");
    alice.see("Type login, signup or quit.");
    answer(&mut alice, "login or signup> ", "signup");
    answer(&mut alice, "Username: ", "a_b");
    alice.see("A username has 1 to 15 letters");
    // The same question again, not the first one.
    answer(&mut alice, "Username: ", "alice");
    answer(&mut alice, "New password of alice: ", "short");
    alice.see("8 to 128 characters");
    answer(&mut alice, "New password of alice: ", "secret-word");
    answer(&mut alice, "The password again: ", "secret-word");
    alice.see("Logged in as alice.");
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
    alice.see("chat NAME");
    alice.say("1");
    alice.see("2 active clients");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("bob (verified, chat)");
    alice.say("hi");
    bob.see("alice: hi");
    alice.say("!exit");
    alice.see("Chat with bob closed");
    alice.say("/quit");
    assert_eq!(alice.finish(), 1, "a short password was refused");
}

#[test]
fn a_new_password_is_asked_for_twice() {
    let server = TestServer::start(&[]);
    let options = ["--user", "alice", "--signup"];
    let mut alice = Person::start_with(server.address, &options, &[("PEERLINE_PASSWORD", "")]);
    let question = "New password of alice: ";
    answer(&mut alice, question, "secret-word");
    answer(&mut alice, "The password again: ", "secret-wrod");
    alice.see("The passwords do not match.");
    answer(&mut alice, question, "secret-word");
    answer(&mut alice, "The password again: ", "secret-word");
    alice.see("Logged in as alice.");
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
}

#[test]
fn a_password_is_asked_again_when_it_was_mistyped() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut alice = Person::start_with(server.address, &["--user", "alice"], &[("PEERLINE_PASSWORD", "")]);
    answer(&mut alice, "Password of alice: ", "passwort");
    alice.see("Invalid credentials");
    alice.see_line("Password of alice: ");
    alice.press("passw");
    alice.see_line("Password of alice: *****");
    alice.say("ord");
    alice.see("Logged in as alice.");
}

#[test]
fn ctrl_c_before_the_login() {
    let server = TestServer::start(&[]);
    let mut alice = Person::start(server.address, &[]);
    answer(&mut alice, "login or signup> ", "login");
    alice.see_line("Username: ");
    alice.press(ctrl('C'));
    answer(&mut alice, "login or signup> ", "quit");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_session_that_expires_asks_for_the_password_that_was_typed() {
    let server = TestServer::start(&["--relogin", "1s"]);
    server.join("alice").ask("quit");
    let mut alice = Person::start(server.address, &[]);
    answer(&mut alice, "login or signup> ", "login");
    answer(&mut alice, "Username: ", "alice");
    answer(&mut alice, "Password of alice: ", "password");
    alice.see("Session expired");
    answer(&mut alice, "Password of alice: ", "password");
    alice.see("Logged in again.");
}

#[test]
fn nobody_is_asked_for_a_password_in_a_chat_or_amid_a_line() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    answer(&mut alice, "login or signup> ", "login");
    answer(&mut alice, "Username: ", "alice");
    answer(&mut alice, "Password of alice: ", "password");
    alice.see("Logged in as alice.");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("bob (verified, chat)");
    alice.press("half");
    alice.see_line("> half");
    let _server = server.come_back(&[]);
    alice.see("password wanted: /w 1");
    alice.see_line("> half");
    alice.say(" a line");
    bob.see("alice: half a line");
    alice.say("!back");
    answer(&mut alice, "Password of alice: ", "password");
    alice.see("Logged in again.");
}
