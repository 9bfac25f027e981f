//! Much at once, and a terminal that changes, goes or can do nothing: no key is lost, and the shell gets back what it
//! had.

use super::*;

#[test]
fn a_burst_of_keys_is_read_to_its_end() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    // Fewer bytes than a paste has.
    alice.press("whoami\rall wide 漢字 שלום\r2\r");
    alice.see("alice  wide 漢字");
    alice.press("two lines\rhalf");
    alice.see("alice  two lines");
    alice.see_line("> half");
    alice.go(1);
    alice.see("alice 127.");
    alice.see_line("> ");
}

#[test]
fn a_narrower_terminal_and_back() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.go(2);
    alice.resize(40, 20);
    alice.press("x".repeat(60));
    alice.see(&format!("> {}", "x".repeat(37)));
    assert!(eve.ask("bcast_hello").starts_with("OK"));
    alice.see("eve   hello");
    for (columns, rows) in [(20, 5), (10, 3), (1, 1), (2, 40), (200, 1), (80, 24)] {
        alice.resize(columns, rows);
    }
    alice.see("eve    hello");
    alice.see_line(&format!("> {}", "x".repeat(60)));
    alice.press(ctrl('U'));
    alice.go(1);
    alice.say("whoami");
    alice.see("alice 127.");
}

#[test]
fn pasted_lines_are_lines() {
    let server = TestServer::start(&[]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.press(format!("{}\r", pasted("broadcast one\nbroadcast two\n")));
    assert!(eve.event().ends_with("_alice_one"));
    assert!(eve.event().ends_with("_alice_two"));
    // What a terminal would obey does not even get onto the screen.
    alice.go(2);
    alice.press(format!("{}\r", pasted("a\x1b[2Jb")));
    alice.see("[2Jb");
    alice.see("alice  one");
}

#[test]
fn three_hundred_lines_pasted_into_a_chat_arrive_once_and_in_order() {
    let server = TestServer::start(&["--rate", "off"]);
    let (mut alice, mut bob) = talking(&server);
    let lines: Vec<String> = (0..300).map(|number| format!("quit {number}")).collect();
    alice.press(pasted(&lines.join("\r")));
    alice.press("\r");
    alice.confirm("send 300 lines to bob? Enter / Esc");
    bob.see("alice: quit 299");
    let seen: Vec<&str> = bob.seen.iter().filter_map(|line| line.strip_prefix("alice: ")).collect();
    assert_eq!(seen, lines);
    // A paste that is not meant stays where it can be edited.
    alice.press(format!("{}\r", pasted(&"no\n".repeat(6))));
    alice.see("send 6 lines to bob?");
    alice.press("\x1b");
    alice.see("bob (verified, chat)");
    alice.press(ctrl('C'));
    alice.see_line("> ");
    alice.say("done");
    assert_eq!(bob.see("alice: "), "alice: done");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let server = TestServer::start(&[]);
        let alice = Person::join(server.address, "alice");
        assert!(alice.with_screen(|screen| screen.alternate_screen() && screen.bracketed_paste()));
        send_signal(alice.id(), signal);
        let Left { code, screen, .. } = alice.leave();
        assert_eq!(code, 0, "{signal}");
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor(), "{signal}");
    }
}

#[test]
fn what_was_said_in_an_open_talk_stays_in_the_terminal() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    bob.say("remember this");
    alice.see("bob    remember this");
    alice.say("/quit");
    let Left { code, screen, .. } = alice.leave();
    assert_eq!(code, 0);
    assert!(!screen.alternate_screen() && screen.contents().contains("remember this"), "{}", screen.contents());
}

#[test]
fn it_can_be_put_aside_and_comes_back_as_it_was() {
    let server = TestServer::start(&[]);
    let mut alice = Person::at_a_shell();
    alice.see_line("shell> ");
    let (ip, port) = (server.address.ip(), server.address.port());
    alice.say(&format!("{CLIENT} {ip} {port} --user alice --signup"));
    alice.see("Logged in as alice.");
    alice.press("half");
    alice.see_line("> half");
    alice.press(ctrl('Z'));
    alice.see("Stopped");
    alice.see_line("shell> ");
    // The shell has its own modes back: it shows what is typed.
    alice.say("echo $((6 * 7))");
    alice.see("42");
    alice.say("fg");
    alice.see_line("> half");
    alice.see("Logged in as alice.");
    alice.press(format!("{}quit\r", ctrl('U')));
    alice.see_line("shell> ");
    assert!(!alice.with_screen(vt100::Screen::alternate_screen));
    alice.say("exit");
    assert_eq!(alice.finish(), 0);
}

#[test]
fn a_lost_server_is_told_and_come_back_to() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = talking(&server);
    alice.press("half");
    alice.see_line("> half");
    let _server = server.come_back(&[]);
    alice.see_bar("1 server:");
    alice.see_status("online");
    alice.see_line("> half");
    alice.say(" a line");
    bob.see("alice: half a line");
    alice.go(1);
    alice.see("The server is gone");
    alice.see("Logged in again as alice.");
}

#[test]
fn a_flood_while_one_types() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    alice.go(2);
    alice.press("half");
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

#[test]
fn a_thousand_pasted_lines_while_much_arrives() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = Person::join(server.address, "alice");
    let mut eve = server.join("eve");
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2000).for_each(|number| eve.send(&format!("bcast_number {number}"))));
        alice.press(pasted(&"peers\n".repeat(1000)));
        alice.press("\r");
        alice.confirm("do 1000 lines, each a command?");
    });
    alice.say("msg eve after all of it");
    while eve.event() != "msg_alice_after all of it" {}
    alice.say("quit");
    assert_eq!(alice.finish(), 0);
}
