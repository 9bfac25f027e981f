//! Long lines of the menu dialect: what the originals' `fgets` gives comes in pieces of 255 bytes, with their pauses.

use crate::harness::menus::{Asks, MENU, Shows, quiet_server, server};
use crate::harness::originals;

/// The server waits as long as it takes for the next piece.
const PATIENT: [&str; 2] = ["--piece-pause", "30s"];

#[test]
fn a_long_line_of_s1_comes_in_pieces_and_is_one_message() {
    let (_server, menus) = server(&PATIENT);
    let mut alice = Shows::join(menus, "alice");
    let mut bob = Shows::join(menus, "bob");
    let confirmed = format!("Broadcast sent to 2 clients\n{MENU}");
    // What follows the first 255 bytes would be a choice of the menu, and leave.
    let texts =
        [format!("{:x<255}exit", ""), format!("{:x<510}2", ""), "msg_hi_bob ".repeat(60), "0123456789".repeat(60)];
    for text in texts {
        alice.ask("2", "Enter the message to broadcast:\n");
        originals::send_in_pieces(&alice.stream, &text);
        assert!(alice.has(&confirmed));
        for client in [&mut alice, &mut bob] {
            assert_eq!(client.hears("alice", text.len()), text);
        }
    }
    alice.ask("2", "Enter the message to broadcast:\n");
    originals::send_in_pieces(&alice.stream, &"exit ".repeat(206));
    alice.sees(&format!("Broadcast too long: 1030 bytes, at most 1024\n{MENU}"));
    alice.ask("2", "Enter the message to broadcast:\n");
    originals::send_in_pieces(&alice.stream, &"exit ".repeat(1000));
    alice.sees(&format!("Line too long: at most 4096 bytes with its line end\n{MENU}"));
    originals::send_in_pieces(&alice.stream, &format!("msg_{:x<300}_bob", ""));
    alice.sees(&format!("Message sent to bob\n{MENU}"));
    alice.ask("7", &format!("Invalid option\n{MENU}"));
}

#[test]
fn a_line_of_exactly_one_piece_is_answered() {
    let (_server, menus) = server(&["--piece-pause", "100ms"]);
    let mut alice = Shows::join(menus, "alice");
    alice.ask("2", "Enter the message to broadcast:\n");
    alice.send(&"x".repeat(255));
    assert!(alice.has(&format!("Broadcast sent to 1 client\n{MENU}")));
    assert_eq!(alice.hears("alice", 255), "x".repeat(255));
}

#[test]
fn a_client_that_wants_an_answer_to_each_piece_gets_it_and_the_rest_is_no_command() {
    let (_server, menus) = quiet_server(&["--piece-pause", "1s"]);
    let mut alice = Asks::join(menus, "alice");
    // S2 sends a piece and takes one answer, then the next piece at once.
    let ask_in_pieces = |client: &mut Asks, line: &str| -> Vec<String> {
        line.as_bytes().chunks(255).map(|piece| client.ask(std::str::from_utf8(piece).expect("text"))).collect()
    };
    assert_eq!(alice.ask("2"), "Enter the message to broadcast:\n");
    let answers = ask_in_pieces(&mut alice, &format!("{:x<255}exit", ""));
    assert!(
        answers.iter().all(|answer| answer.ends_with(&format!("Broadcast sent to 1 client\n{MENU}"))),
        "{answers:?}"
    );
    let answers = ask_in_pieces(&mut alice, &format!("{:x<255}exit", ""));
    assert!(answers[0].ends_with(&format!("Invalid option\n{MENU}")), "{answers:?}");
    assert!(
        answers[1..].iter().all(|answer| answer.ends_with("The rest of that long line was left out\n")),
        "{answers:?}"
    );
    assert_eq!(alice.ask("msg_hi_bob").lines().last(), MENU.lines().last(), "still quiet, still inside");
}
