//! The menu dialect, spoken by test clients that do what the C++ originals do: S1's shows whatever comes, 255 bytes at
//! a time; S2's sends a line and takes one `recv` of 256 bytes for its answer; S0's speaks first. None sends line ends.

use crate::harness::menus::{Asks, GREETING, MENU, Shows, quiet_server, server};
use crate::harness::originals::{connect, send};

#[test]
fn two_of_s1_sign_up_list_broadcast_message_and_leave() {
    let (_server, menus) = server(&[]);
    let mut alice = Shows::connect(menus);
    alice.sees(GREETING);
    alice.ask("signup", "Please enter a new username:\n");
    alice.ask("alice", "Please enter a new password:\n");
    alice.ask("password", "Re-enter your password:\n");
    alice.ask("passwort", &format!("Passwords do not match.\n{GREETING}"));
    alice.sign_up("alice");
    alice.ask("signup", "Please enter a new username:\n");
    alice.ask("alice", &format!("username not available.Enter different username.\n{GREETING}"));
    alice.ask("login", "Username:\n");
    alice.ask("alice", "Password:\n");
    alice.ask("wrong", &format!("invalid credentials. \n{GREETING}"));
    alice.ask("what", &format!("Invalid option\n{GREETING}"));
    alice.log_in("alice");
    let mut bob = Shows::join(menus, "bob");
    let clients = format!("Client 1 : {}\nClient 2 : {}\n", alice.source(), bob.source());
    bob.ask("1", &format!("Active Clients:\n{clients}{MENU}"));
    alice.ask("7", &format!("Invalid option\n{MENU}"));
    alice.ask("2", "Enter the message to broadcast:\n");
    alice.send("hello_to all");
    bob.sees("alice: hello_to all\n");
    let both = ["alice: hello_to all\n", &format!("Broadcast sent to 2 clients\n{MENU}")];
    both.iter().for_each(|part| assert!(alice.has(part)));
    alice.ask(&format!("msg_snake_case_{}", bob.source()), &format!("Message sent to bob\n{MENU}"));
    bob.sees("alice to you: snake_case\n");
    bob.ask("msg_hi_ALICE", &format!("Message sent to alice\n{MENU}"));
    alice.sees("bob to you: hi\n");
    alice.ask("msg_hi_127.0.0.1:1", &format!("User not found! Nobody active is 127.0.0.1:1: send list\n{MENU}"));
    bob.ask("Exit", "Goodbye\n");
    assert!(!bob.take_chunk(), "closed");
    alice.ask("1", &format!("Active Clients:\nClient 1 : {}\n{MENU}", alice.source()));
}

#[test]
fn bytes_without_a_pause_end_the_session() {
    let (_server, menus) = server(&[]);
    let mut flood = Shows::connect(menus);
    flood.sees(GREETING);
    flood.send(&"x".repeat((1 << 16) + 8192));
    flood.sees("64 KiB without a pause\n");
    assert!(!flood.take_chunk(), "closed");
}

#[test]
fn two_of_s2_get_one_answer_a_line() {
    let (_server, menus) = quiet_server(&[]);
    let mut alice = Asks::join(menus, "alice");
    let mut bob = Asks::join(menus, "bob");
    assert_eq!(alice.ask("2"), "Enter the message to broadcast:\n");
    let sent = alice.ask("hello all");
    assert_eq!(sent, format!("alice: hello all\nBroadcast sent to 2 clients\n{MENU}"), "echo and confirmation");
    let source = |client: &Asks| client.0.local_addr().expect("connected");
    let listed = format!("Active Clients:\nClient 1 : {}\nClient 2 : {}\n{MENU}", source(&alice), source(&bob));
    assert_eq!(bob.ask("1"), format!("alice: hello all\n{listed}"), "in front of the next answer");
    assert_eq!(bob.ask(&format!("msg_hi_{}", source(&alice))), format!("Message sent to alice\n{MENU}"));
    assert_eq!(alice.ask("9"), format!("bob to you: hi\nInvalid option\n{MENU}"));
    assert_eq!(alice.ask("2"), "Enter the message to broadcast:\n");
    let long = "x".repeat(1000);
    assert!(alice.ask(&long).ends_with(MENU));
    // Its parts come with the answers of both.
    for client in [&mut alice, &mut bob] {
        let answers: String = (0..20).map(|_| client.ask("?")).collect();
        let said: usize = answers.lines().filter_map(|line| line.strip_prefix("alice: ")).map(str::len).sum();
        assert!((890..=1000).contains(&said), "{said}: the first part may have come before");
    }
    // What was said before a login comes after its answer.
    let mut carol = Asks::join(menus, "carol");
    assert!(carol.ask("?").starts_with("alice: hello all\n"));
    // From now on whatever comes is shown as it comes.
    assert_eq!(bob.ask("exit"), MENU);
    assert_eq!(alice.ask("2"), "Enter the message to broadcast:\n");
    alice.ask("now");
    assert_eq!(bob.receive(), "alice: now\n");
}

#[test]
fn s0_speaks_first_and_writes_its_words_with_a_capital() {
    let (_server, menus) = server(&[]);
    let mut carol = Shows::connect(menus);
    carol.sees(GREETING);
    carol.ask("any first line", &format!("Invalid option\n{GREETING}"));
    carol.ask("Signup", "Please enter a new username:\n");
    carol.ask("carol", "Please enter a new password:\n");
    carol.ask("password", "Re-enter your password:\n");
    carol.ask("password", &format!("Successful.Please login\n{GREETING}"));
    carol.ask("Login", "Username:\n");
    carol.ask("carol", "Password:\n");
    carol.ask("password", &format!("Login successful!\n{MENU}"));
}

#[test]
fn messages_arrive_in_pieces_and_lines_together() {
    let (_server, menus) = server(&[]);
    let mut alice = Shows::connect(menus);
    alice.sees(GREETING);
    "signup".bytes().for_each(|byte| send(&alice.stream, [byte]));
    alice.sees("Please enter a new username:\n");
    alice.send("alice\r\npassword\r\npassword\nlogin\nalice\npassword\n");
    alice.sees("Please enter a new password:\nRe-enter your password:\n");
    alice.sees(&format!("Successful.Please login\n{GREETING}Username:\nPassword:\nLogin successful!\n{MENU}"));
    alice.ask("\0", "Control character \\u{0} in the line: only TAB may be sent\n");
    alice.ask(&"x".repeat(5000), "Line too long: at most 4096 bytes with its line end\n");
    alice.ask("1", &format!("Active Clients:\nClient 1 : {}\n{MENU}", alice.source()));
}

#[test]
fn native_clients_and_these_are_one_company() {
    let (server, menus) = server(&[]);
    let mut alice = Shows::join(menus, "alice");
    let mut dave = server.join("dave");
    dave.ask("INIT,dave,4401");
    dave.send("list");
    assert_eq!(dave.answer()[0], "client_alice_127.0.0.2:0");
    alice.ask("1", &format!("Active Clients:\nClient 1 : {}\nClient 2 : 127.0.0.3:4401\n{MENU}", alice.source()));
    alice.ask("msg_hi_there_127.0.0.3:4401", &format!("Message sent to dave\n{MENU}"));
    assert_eq!(dave.line(), "msg_alice_hi_there");
    assert_eq!(dave.ask("msg_hi_alice"), "OK,Relayed to alice");
    alice.sees("dave to you: hi\n");
    assert_eq!(dave.ask("connect_alice"), "ERR,alice accepts no connections: send relay_TEXT_alice");
    dave.ask("bcast_hello");
    alice.sees("dave: hello\n");
    // Later comers get it too, and no ticket has been shown.
    let mut bob = Shows::join(menus, "bob");
    bob.sees("dave: hello\n");
    alice.ask(
        "3",
        &format!("Send msg_yourMessage_address: the address is a username, or IP:PORT as in the list\n{MENU}"),
    );
}

#[test]
fn the_word_that_kills_a_client_never_begins_what_it_gets() {
    let (server, menus) = server(&["--rate", "off"]);
    let mut alice = Shows::join(menus, "alice");
    let mut peer = server.join("peer");
    // A hundred at once arrive merged, and are cut anywhere.
    let nasty: String = (0..100).map(|number| format!("bcast_{}peer_127.0.0.1:1\n", "peer_".repeat(number))).collect();
    peer.send_raw(&nasty);
    peer.send("msg_peer_alice");
    alice.sees_somewhere("peer to you: peer\n");
    alice.send("1");
    alice.sees_somewhere(MENU);
}

#[test]
fn the_rules_of_the_house_hold() {
    let (_server, menus) = server(&["--max-clients", "2"]);
    let _inside = ["alice", "carol"].map(|name| Shows::join(menus, name));
    let mut third = Shows::connect(menus);
    third.sees("Server full (2 clients): try again later\n");
    assert!(!third.take_chunk(), "closed");
    let (_server, menus) = server(&[]);
    let mut alice = Shows::join(menus, "alice");
    let mut again = Shows::connect(menus);
    again.sees(GREETING);
    again.log_in("alice");
    alice.sees("alice has logged in from 127.0.0.1, terminating this connection\n");
    assert!(!alice.take_chunk(), "closed");
    let (_server, menus) = server(&["--idle", "6s"]);
    let mut bob = Shows::join(menus, "bob");
    bob.sees("Inactive: send something within 1s or the connection is terminated\n");
    bob.sees("Inactive for too long, terminating connection\n");
    assert!(!bob.take_chunk(), "closed");
}

#[test]
fn a_session_expires_and_a_quiet_one_says_so_with_its_next_answer() {
    let (_server, menus) = server(&["--relogin", "300ms"]);
    let mut alice = Shows::join(menus, "alice");
    alice.sees(&format!("Session expired, please log in again\n{GREETING}"));
    alice.log_in("alice");
    let (_server, menus) = quiet_server(&["--relogin", "300ms", "--rate", "off"]);
    let mut bob = Asks::join(menus, "bob");
    let inside = format!("Invalid option\n{MENU}");
    let expired = std::iter::repeat_with(|| bob.ask("?")).find(|answer| *answer != inside);
    assert_eq!(expired, Some(format!("Session expired, please log in again\nInvalid option\n{GREETING}")));
    bob.log_in("bob");
}

#[test]
fn wrong_passwords_are_late_and_haste_is_refused() {
    let (_server, menus) = server(&[]);
    let mut alice = Shows::connect(menus);
    alice.sees(GREETING);
    for _ in 0..2 {
        // The second one is answered a second later.
        alice.send("login\nalice\nwrong-password\n");
        alice.sees(&format!("Username:\nPassword:\ninvalid credentials. \n{GREETING}"));
    }
    alice.send(&"no\n".repeat(100));
    alice.sees_somewhere("Too fast: at most 20 lines a second; wait and send it again\n");
}

#[test]
fn the_quiet_are_told_why_they_are_closed() {
    let (mut server, menus) = quiet_server(&[]);
    let mut alice = Asks::join(menus, "alice");
    let mut bob = Asks::join(menus, "bob");
    let mut again = Asks(connect(menus));
    again.ask("hello");
    again.log_in("bob");
    assert_eq!(bob.receive(), "bob has logged in from 127.0.0.1, terminating this connection\n");
    assert_eq!(bob.receive(), "", "closed");
    server.stop();
    assert_eq!(alice.receive(), "The server stops, terminating connection\n");
}
