//! A terminal that is no screen, in a build without screens too: prompts and lines.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::terminal::{Left, Person};

#[test]
fn a_terminal_that_can_do_nothing_has_a_plain_prompt_and_shows_no_password() {
    let server = TestServer::start(&[]);
    let mut bob = ClientProcess::join(server.address, "bob");
    let variables = [("TERM", "dumb"), ("PEERLINE_PASSWORD", "")];
    let mut alice = Person::start_with(server.address, &[], &variables);
    alice.see_line("login or signup> ");
    alice.say("signup");
    alice.see_line("Username: ");
    alice.say("alice");
    alice.see("New password of alice");
    alice.say("secret-word");
    alice.see_line("The password again: ");
    alice.say("secret-word");
    alice.see("Logged in as alice.");
    alice.see_line("> ");
    assert!(!alice.contents().contains("secret"), "{}", alice.contents());
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see_line("to bob> ");
    alice.say("hi");
    bob.see("alice: hi");
    bob.say("hello");
    alice.see("bob: hello");
    alice.say("!exit");
    bob.see("Chat with alice closed");
    alice.say("quit");
    let Left { code, screen, .. } = alice.leave();
    assert_eq!(code, 0);
    assert!(!screen.contents().contains("secret"), "{}", screen.contents());
}
