//! Who comes and who goes, as those see it who watch.

use crate::harness::callee::{prove, read_line};
use crate::harness::client::ClientProcess;
use crate::harness::menus::{Asks, MENU, Shows, quiet_server, server};
use crate::harness::{LIMIT, Lines, ServerProcess, TestServer, send_signal};
use socket2::SockRef;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;

/// The answer to `watch`.
fn watch(lines: &mut Lines) -> Vec<String> {
    lines.send("watch");
    lines.answer()
}

#[test]
fn who_watches_hears_of_everybody_who_comes_or_goes() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    assert_eq!(watch(&mut alice), ["client_alice_127.0.0.2:0", "OK,1 active client"]);
    let mut bob = server.join("bob");
    assert_eq!(alice.event(), format!("joined_bob_{}:0", bob.ip));
    assert_eq!(bob.ask("INIT,bob,4401"), "OK");
    assert_eq!(alice.event(), format!("joined_bob_{}:4401", bob.ip));
    // A new session of the same name, with another address.
    let mut again = server.connect();
    again.log_in("bob");
    assert_eq!(alice.event(), format!("joined_bob_{}:0", again.ip));
    again.hang_up();
    assert_eq!(alice.event(), "left_bob");
    assert_eq!(alice.ask("inactive"), "OK,You are inactive now");
    assert_eq!(alice.event(), "left_alice", "of oneself, too");
    assert_eq!(alice.ask("unwatch"), "OK");
    let mut carol = server.join("carol");
    assert_eq!(watch(&mut carol).len(), 2);
    let dave = server.join("dave");
    assert!(carol.event().starts_with("joined_dave_"));
    dave.hang_up();
    assert_eq!(carol.event(), "left_dave");
    // Whatever alice was sent would stand before this answer.
    alice.send("here");
    assert_eq!(alice.line(), "OK");
}

#[test]
fn a_list_that_follows_the_events_is_the_servers_list() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut watcher = server.join("watcher");
    let mut members: Vec<Lines> = (0..20).map(|number| server.join(&format!("m{number}"))).collect();
    // Between these changes, in whatever round they fall.
    for (number, member) in members.iter_mut().enumerate() {
        member.send("inactive");
        member.send(&format!("INIT,m{number},{}", 5000 + number));
    }
    let known = |line: &str| line.split_once('_').map(|(_, rest)| rest.to_owned());
    let mut seen: BTreeSet<String> = watch(&mut watcher).iter().filter_map(|line| known(line)).collect();
    for member in members.iter_mut().step_by(2) {
        member.send("active");
    }
    drop(members.split_off(15));
    members.push(server.join("last"));
    let mut list = || {
        watcher.send("list");
        let mut lines = Vec::new();
        loop {
            let line = watcher.line();
            if line.starts_with("OK,") {
                return lines;
            }
            lines.push(line);
        }
    };
    // The end of each list comes behind the events before it.
    loop {
        let (listed, events): (Vec<String>, Vec<String>) =
            list().into_iter().partition(|line| line.starts_with("client_"));
        for event in events {
            let rest = known(&event).expect("an event");
            let name = rest.split('_').next().expect("a name").to_owned() + "_";
            seen.retain(|one| !one.starts_with(&name));
            if event.starts_with("joined_") {
                seen.insert(rest);
            }
        }
        let listed: BTreeSet<String> = listed.iter().filter_map(|line| known(line)).collect();
        if listed == seen
            && listed.iter().any(|one| one.starts_with("last_"))
            && !listed.iter().any(|one| one.starts_with("m16_"))
        {
            break;
        }
    }
}

#[test]
fn who_tells_since_when_and_who_is_not_to_be_disturbed() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    assert_eq!(bob.ask("dnd_on"), "OK");
    let mut who = || {
        alice.send("who");
        alice.answer()
    };
    let lines = who();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let time: u64 = lines[0].split('_').nth(3).and_then(|time| time.parse().ok()).expect("a time");
    assert!(time > 1_700_000_000 && lines[0] == format!("person_alice_127.0.0.2:0_{time}_-"), "{lines:?}");
    assert!(lines[1].starts_with(&format!("person_bob_{}:0_", bob.ip)) && lines[1].ends_with("_dnd"), "{lines:?}");
    assert_eq!(bob.ask("dnd_off"), "OK");
    assert!(who()[1].ends_with("_-"));
    assert_eq!(bob.ask("dnd"), "ERR,Send dnd_on or dnd_off");
}

#[test]
fn a_client_of_s1_may_watch_too() {
    let (server, menus) = server(&[]);
    let mut alice = Shows::join(menus, "alice");
    alice.ask("watch", &format!("Active Clients:\nClient 1 : {}\n{MENU}", alice.source()));
    let mut peer = server.join("peer");
    alice.sees(" peer is here\n");
    assert_eq!(peer.ask("INIT,peer,4401"), "OK");
    alice.sees(" peer is here: 127.0.0.3:4401\n");
    peer.hang_up();
    alice.sees(" peer has left\n");
    alice.ask("unwatch", &format!("You hear no more of who comes and who goes\n{MENU}"));
}

#[test]
fn a_client_of_s2_hears_of_it_with_its_next_answers() {
    let (server, menus) = quiet_server(&[]);
    let mut alice = Asks::join(menus, "alice");
    let source = alice.0.local_addr().expect("connected");
    let mut bob = server.join("bob");
    let others = bob.stream().local_addr().expect("connected");
    let list = format!("Active Clients:\nClient 1 : {source}\nClient 2 : {others}\n{MENU}");
    assert_eq!(alice.ask("watch"), list);
    watch(&mut bob);
    let carol = server.join("carol");
    assert!(bob.event().starts_with("joined_carol_"));
    carol.hang_up();
    assert_eq!(bob.event(), "left_carol");
    // Both hear of it in the same rounds.
    let mut seen = String::new();
    while !seen.contains("carol has left\n") {
        seen.push_str(&alice.ask("what"));
    }
    assert!(seen.starts_with("carol is here\n"), "{seen}");
}

#[test]
fn a_program_reads_who_comes_and_who_goes() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--json"]);
    alice.see("\"event\":\"joined\",\"guest\":null,\"ip\":\"127.0.0.2\",\"name\":\"alice\",\"new\":false");
    let bob = server.join("bob");
    alice.see("\"event\":\"joined\",\"guest\":null,\"ip\":\"127.0.0.3\",\"name\":\"bob\",\"new\":true,\"port\":0");
    bob.hang_up();
    alice.see("\"event\":\"left\",\"name\":\"bob\"");
    alice.say("who");
    alice.see("\"dnd\":false,\"event\":\"person\"");
    assert_eq!(alice.finish(), Some(0));
}

#[test]
fn who_is_blocked_stays_so_in_the_next_run() {
    let server = TestServer::start(&[]);
    let home = tempfile::tempdir().expect("a folder");
    let at_home = |options: &[&str]| ClientProcess::start_at_home(home.path(), server.address, options);
    let mut alice = at_home(&["--user", "alice", "--signup"]);
    alice.see("Logged in as alice.");
    alice.say("block bob");
    alice.see("Nothing of bob reaches you any more");
    assert_eq!(alice.finish(), Some(0));
    let mut alice = at_home(&["--user", "alice"]);
    alice.see("Logged in as alice.");
    let mut bob = ClientProcess::join(server.address, "bob");
    bob.say("msg alice hello");
    bob.see("declined");
    bob.say("chat alice");
    bob.see("No chat with alice: declined");
    bob.say("all anybody there?");
    bob.see("Broadcast 1 sent to 2 clients");
    // In order: what bob said stands before this, and was not shown.
    let mut carol = server.join("carol");
    assert!(carol.ask("bcast_is it quiet here?").starts_with("OK,Broadcast 2 sent"));
    alice.see("carol: is it quiet here?");
    alice.say("blocked");
    alice.see("bob");
    alice.say("unblock bob");
    alice.see("You hear bob again");
    bob.say("msg alice hello again");
    alice.see("hello again");
    assert_eq!(alice.finish(), Some(0));
    assert!(!alice.seen.iter().any(|line| line.contains("anybody") || line.ends_with(": hello")), "{:?}", alice.seen);
    std::fs::write(home.path().join("peerline/blocked"), "no name at all\n").expect("written");
    let mut alice = at_home(&["--user", "alice"]);
    alice.see("peerline/blocked:1: A username has");
    assert_eq!(alice.finish(), Some(2));
}

#[test]
fn whoever_is_known_to_listen_is_connected_to_while_the_server_is_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--json"]);
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    SockRef::from(&listener).set_read_timeout(Some(LIMIT)).expect("open");
    let port = listener.local_addr().expect("bound").port();
    let mut bob = Lines::connect(server.address);
    bob.line();
    bob.ask("SIGNUP,bob,password");
    bob.log_in("bob");
    assert_eq!(bob.ask(&format!("INIT,bob,{port}")), "OK");
    alice.see(&format!("\"port\":{port}"));
    send_signal(server.id(), "STOP");
    alice.say("msg bob hi");
    let early = listener.accept().expect("the server has said nothing").0;
    send_signal(server.id(), "CONT");
    early.set_read_timeout(Some(LIMIT)).expect("open");
    // On a busy machine the server may be too late for that one.
    let is_used = early.peek(&mut [0]).expect("a line, or the end") > 0;
    let stream = if is_used { early } else { listener.accept().expect("another one").0 };
    assert!(prove(&mut bob, &stream).starts_with("MSG,alice,"));
    assert_eq!(read_line(&stream), "hi\n");
    (&stream).write_all(b"OK\n").expect("sent");
    assert_eq!(alice.finish(), Some(0));
}
