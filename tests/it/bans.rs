//! Bans: whoever is not wanted does not get in, however it is tried, and hears why and until when.

use crate::harness::control::ask;
use crate::harness::menus::{GREETING, Shows};
use crate::harness::{Lines, TestServer, originals, wait_until};

#[test]
fn a_ban_of_a_name_holds_in_every_spelling_from_every_address_and_in_every_dialect() {
    let server = TestServer::start(&["--menu-port", "0", "--query-port", "0", "--packet-port", "0"]);
    let mut bob = server.join("bob");
    let answer = ask(&server, "ban Bob 2h too loud");
    let until = answer.strip_prefix("OK,Bob is banned until ").and_then(|rest| rest.strip_suffix("; 1 session closed"));
    let until = until.unwrap_or_else(|| panic!("{answer}")).to_owned();
    let told = format!("Banned by the house until {until}: too loud");
    assert_eq!(bob.event(), format!("notice_{told}"));
    bob.wait_for_end();
    for (from, name) in [("127.0.0.1", "bob"), ("127.0.0.9", "BOB"), ("127.9.9.9", "bOb")] {
        let mut lines = Lines::connect_from(from, server.address);
        assert_eq!(lines.line(), "OK,Welcome to peerline: login or signup");
        assert_eq!(lines.ask(&format!("LOGIN,{name},password")), format!("ERR,{told}"));
        // Nobody hears of it who does not know the password; and it comes back as often as it likes.
        assert_eq!(lines.ask(&format!("LOGIN,{name},passwort")), "ERR,Invalid credentials");
    }
    let mut loops = server.connect();
    assert!((0..5).all(|_| loops.ask("LOGIN,bob,password") == format!("ERR,{told}")), "a loop gets no further");
    assert!(!server.join("alice").ask("list").contains("2 active"), "nobody got in");
    let mut menu = Shows::connect(server.dialect("menu"));
    menu.ask("login", &format!("{GREETING}Username:\n"));
    menu.ask("bob", "Password:\n");
    menu.send("password");
    menu.sees_somewhere(&format!("Banned by the house until {until}"));
    // A guest is banned by the name under which others see it.
    let expected = "OK,my-user is banned until further notice; 0 sessions closed; nobody has an account of that name";
    assert_eq!(ask(&server, "ban my-user"), expected);
    let query = originals::connect(server.dialect("query"));
    originals::send(&query, "INIT,my_user,5000,a.txt");
    assert!(originals::receive_text(&query, 1000).contains("Banned by the house until further notice"));
    let server = server.restart(&[]);
    assert_eq!(server.connect().ask("LOGIN,bob,password"), format!("ERR,{told}"), "a restart lifts nothing");
    assert_eq!(ask(&server, "unban BOB"), "OK,BOB is not banned any more");
    let_in(&server, "bob");
}

/// Logs in whose ban was lifted: with several servers each hears of that in a moment.
fn let_in(server: &TestServer, name: &str) -> Lines {
    let mut lines = server.connect();
    wait_until("who is not banned any more is let in", || {
        lines = server.connect();
        lines.ask(&format!("LOGIN,{name},password")) == "OK,Login successful!"
    });
    lines
}

#[test]
fn a_banned_name_takes_nothing_over() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    assert!(ask(&server, "ban bob").starts_with("OK,"));
    bob.wait_for_end();
    assert!(ask(&server, "unban bob").starts_with("OK,"));
    let mut bob = let_in(&server, "bob");
    assert!(ask(&server, "ban alice").starts_with("OK,"), "there is no such account");
    assert!(server.connect().ask("SIGNUP,alice,password").starts_with("OK,"));
    assert!(server.connect().ask("LOGIN,alice,password").starts_with("ERR,Banned by the house"));
    assert!(bob.ask("whoami").starts_with("OK,bob,"), "bob is not concerned");
    assert_eq!(
        ask(&server, "ban 127.0.0.1"),
        "ERR,127.0.0.1 is where everybody on this machine or link comes from: ban the name instead"
    );
}
