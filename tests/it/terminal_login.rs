//! Logging in at a terminal: the dialogue of a newcomer, and passwords that are asked for again.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Person, ctrl};

#[test]
fn a_newcomer_gets_to_a_chat_with_the_menu_alone() {
    let server = TestServer::start(&[]);
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    alice.see("Type login, or signup for a new account");
    alice.say("log in");
    alice.see("Type login, signup or quit.");
    alice.say("signup");
    alice.see_line("Username: ");
    alice.say("a_b");
    alice.see("A username has 1 to 15 letters");
    alice.say("signup");
    alice.say("alice");
    alice.see("Password (8 characters or more)");
    alice.say("short");
    alice.see("8 to 128 characters");
    assert!(!alice.contents().contains("again: "), "{}", alice.contents());
    alice.say("signup");
    alice.say("alice");
    alice.say("secret-word");
    alice.say("secret-word");
    alice.see("Logged in as alice.");
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
    alice.see("chat NAME");
    alice.say("1");
    alice.see("2 active clients");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    alice.see_line("(Ctrl-C cancels) ");
    bob.say("accept");
    alice.see_line("bob> ");
    alice.say("hi");
    bob.see("alice: hi");
    alice.say("!exit");
    alice.see_line("> ");
    alice.say("quit");
    assert_eq!(alice.finish(), 1, "a short password was refused");
}

#[test]
fn a_new_password_is_asked_for_twice() {
    let server = TestServer::start(&[]);
    let options = ["--user", "alice", "--signup"];
    let mut alice = Person::start_with(server.address, &options, &[("PEERLINE_PASSWORD", "")]);
    alice.see_line("Password (8 characters or more): ");
    alice.say("short");
    alice.see("8 to 128 characters");
    alice.say("secret-word");
    alice.see_line("The password again: ");
    alice.say("secret-wrod");
    alice.see("The passwords do not match.");
    alice.say("secret-word");
    alice.see_line("The password again: ");
    alice.say("secret-word");
    alice.see("Logged in as alice.");
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
}

#[test]
fn ctrl_c_before_the_login() {
    let server = TestServer::start(&[]);
    let mut alice = Person::start(server.address, &[]);
    alice.see_line("login or signup> ");
    alice.say("login");
    alice.see_line("Username: ");
    alice.press(ctrl('C'));
    alice.see_line("login or signup> ");
    alice.press("login\ralice\r");
    alice.see_line("Password: ");
    alice.press(format!("secret{}", ctrl('X')));
    alice.see_line("login or signup> ");
    alice.press(ctrl('C'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_session_that_expires_asks_for_the_password_that_was_typed() {
    let server = TestServer::start(&["--relogin", "1s"]);
    server.join("alice").ask("quit");
    let mut alice = Person::start(server.address, &[]);
    alice.see_line("login or signup> ");
    alice.say("login");
    alice.say("alice");
    alice.see("Password: ");
    alice.say("password");
    alice.see("Session expired");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}

#[test]
fn the_line_comes_back_after_a_password_and_never_the_other_way_round() {
    let server = TestServer::start(&["--relogin", "4s"]);
    server.join("alice").ask("quit");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    alice.see_line("login or signup> ");
    alice.say("login");
    alice.say("alice");
    alice.say("password");
    alice.see_line("> ");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_line("bob> ");
    alice.say("!back");
    alice.see_line("> ");
    alice.press("msg bob half");
    alice.see_line("Password of alice: ");
    alice.press("passw");
    alice.see_line("Password of alice: *****");
    bob.say("are you there?");
    alice.see("bob: are you there?");
    alice.see_line("Password of alice: *****");
    alice.press("ord\r");
    alice.see_line("> msg bob half");
    alice.press("\r");
    bob.see("alice: half");
    assert!(!alice.contents().contains("passw"));
}

#[test]
fn nobody_is_asked_for_a_password_in_a_chat() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    alice.press("login\ralice\rpassword\r");
    alice.see("Logged in as alice.");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_line("bob> ");
    alice.press("half");
    alice.see_line("bob> half");
    let _server = server.come_back(&[]);
    alice.see("you are asked for it in the menu");
    alice.see_line("bob> half");
    alice.say(" a line");
    bob.see("alice: half a line");
    alice.say("!back");
    alice.see_line("Password of alice: ");
    alice.say("passwort");
    alice.see("Invalid credentials");
    alice.see("Type reconnect to come back");
    alice.see_line("> ");
    alice.say("chat bob");
    alice.see_line("bob> ");
    alice.say("another");
    bob.see("alice: another");
    alice.say("!back");
    alice.say("reconnect");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}

#[test]
fn a_line_for_somebody_who_left_does_not_become_a_password() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut alice = Person::start(server.address, &[]);
    alice.press("login\ralice\rpassword\r");
    alice.see("Logged in as alice.");
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_line("bob> ");
    alice.press("half");
    let _server = server.come_back(&[]);
    alice.see("you are asked for it in the menu");
    bob.say("!exit");
    alice.see_line("> half");
    alice.say(" a line");
    alice.see("Not sent: the chat with bob is over");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}

#[test]
fn a_password_may_take_longer_than_the_server_waits() {
    let server = TestServer::start(&["--relogin", "1s", "--login-limit", "500ms"]);
    server.join("alice").ask("quit");
    let mut alice = Person::start(server.address, &[]);
    alice.see_line("login or signup> ");
    alice.press("login\ralice\rpassword\r");
    alice.see("Logged in as alice.");
    alice.see("Not logged in within 500ms");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}
