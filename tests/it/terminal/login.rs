//! Logging in at a terminal: the dialogue of a newcomer, and passwords that are asked for again.

use super::*;

/// Alice, who typed her password. The account is there already.
fn alice_by_hand(server: &TestServer) -> Person {
    server.join("alice").ask("quit");
    let mut alice = Person::start(server.address, &[]);
    alice.see_line("login or signup> ");
    alice.press("login\ralice\rpassword\r");
    alice.see("Logged in as alice.");
    alice.see_line("> ");
    alice
}

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
    alice.see_line("Username: ");
    alice.say("alice");
    alice.see_line("New password of alice: ");
    alice.say("short");
    alice.see("8 to 128 characters");
    alice.see_line("New password of alice: ");
    alice.say("secret-word");
    alice.see_line("The password again: ");
    alice.press("secret");
    alice.see_line("The password again: ******");
    alice.say("-word");
    alice.see("Logged in as alice.");
    alice.see("chat NAME");
    alice.say("1");
    alice.see("2 active clients");
    talk(&mut alice, &mut bob);
    alice.say("hi");
    bob.see("alice: hi");
    alice.say("!exit");
    bob.see("Chat with alice closed");
    alice.go(1);
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
    alice.say("quit");
    let left = alice.leave();
    assert_eq!(left.history.lines().collect::<Vec<_>>(), ["1", "chat bob", "hi", "!exit", "quit"]);
    assert_eq!(left.code, 1, "a short password was refused");
}

#[test]
fn a_new_password_is_asked_for_twice() {
    let server = TestServer::start(&[]);
    let options = ["--user", "alice", "--signup"];
    let mut alice = Person::start_with(server.address, &options, &[("PEERLINE_PASSWORD", "")]);
    alice.see_line("New password of alice: ");
    alice.say("secret-word");
    alice.see_line("The password again: ");
    alice.say("secret-wrod");
    alice.see("The passwords do not match.");
    alice.see_line("New password of alice: ");
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
    alice.see_line("Password of alice: ");
    alice.press("secret");
    alice.see_line("Password of alice: ******");
    alice.press(ctrl('C'));
    alice.see_line("Password of alice: ");
    alice.press(ctrl('C'));
    alice.see_line("login or signup> ");
    alice.press(ctrl('C'));
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_wrong_password_is_asked_for_again() {
    let server = TestServer::start(&[]);
    server.join("alice").ask("quit");
    let mut alice = Person::start_with(server.address, &["--user", "alice"], &[("PEERLINE_PASSWORD", "")]);
    alice.see_line("Password of alice: ");
    alice.say("passwort");
    alice.see("Invalid credentials");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in as alice.");
}

#[test]
fn a_session_that_expires_asks_for_the_password_that_was_typed() {
    let server = TestServer::start(&["--relogin", "1s"]);
    let mut alice = alice_by_hand(&server);
    alice.see("Session expired");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}

#[test]
fn a_password_waits_for_the_line_and_never_the_other_way_round() {
    let server = TestServer::start(&[]);
    let mut alice = alice_by_hand(&server);
    let mut bob = ClientProcess::join(server.address, "bob");
    talk(&mut alice, &mut bob);
    alice.go(1);
    alice.press("msg bob half");
    alice.see_line("> msg bob half");
    let _server = server.come_back(&[]);
    bob.see("Logged in again as bob.");
    alice.see_status("password wanted: clear the line");
    alice.see_line("> msg bob half");
    alice.press(ctrl('C'));
    alice.see_line("Password of alice: ");
    alice.press("passw");
    alice.see_line("Password of alice: *****");
    bob.say("are you there?");
    alice.see_bar("3 bob*");
    alice.see_line("Password of alice: *****");
    alice.press("ord\r");
    alice.see("Logged in again.");
    alice.see_line("> ");
    alice.say("msg bob whole");
    bob.see("alice: whole");
    assert!(!alice.contents().contains("passw"));
    alice.press(ctrl('X'));
    alice.see_status("the chat with bob is open");
    alice.say("quit!");
    let history = alice.leave().history;
    assert!(history.contains("msg bob whole\n") && !history.contains("passw"), "{history:?}");
}

#[test]
fn nobody_is_asked_for_a_password_in_a_chat() {
    let server = TestServer::start(&[]);
    let mut alice = alice_by_hand(&server);
    let mut bob = ClientProcess::join(server.address, "bob");
    talk(&mut alice, &mut bob);
    alice.press("half");
    alice.see_line("> half");
    let _server = server.come_back(&[]);
    alice.see_status("password wanted: /w 1");
    alice.see_line("> half");
    alice.say(" a line");
    bob.see("alice: half a line");
    alice.go(1);
    for wrong in 0..3 {
        alice.see_rows("Invalid credentials", wrong);
        alice.see_line("Password of alice: ");
        alice.say("passwort");
    }
    alice.see("Not logged in again: Invalid credentials");
    alice.see("Type /reconnect to come back");
    alice.see_line("> ");
    alice.go(3);
    alice.say("another");
    bob.see("alice: another");
    alice.go(1);
    alice.say("reconnect");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}

#[test]
fn a_line_for_somebody_who_left_does_not_become_a_password() {
    let server = TestServer::start(&[]);
    let mut alice = alice_by_hand(&server);
    let mut bob = ClientProcess::join(server.address, "bob");
    talk(&mut alice, &mut bob);
    alice.press("half");
    let _server = server.come_back(&[]);
    alice.see_status("password wanted: /w 1");
    bob.say("!exit");
    alice.see("Chat with bob closed");
    alice.see_line("> half");
    alice.say(" a line");
    alice.see_line("Password of alice: ");
    alice.see("!      ");
    alice.say("password");
    alice.see_status("online");
    // What could not be sent is in the history of its window.
    alice.press("\x1b[A");
    alice.see_line("> half a line");
}

#[test]
fn a_password_may_take_longer_than_the_server_waits() {
    let server = TestServer::start(&["--relogin", "1s", "--login-limit", "500ms"]);
    let mut alice = alice_by_hand(&server);
    alice.see("Not logged in within 500ms");
    alice.see_line("Password of alice: ");
    alice.say("password");
    alice.see("Logged in again.");
}
