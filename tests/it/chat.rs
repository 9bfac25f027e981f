//! Two clients, each a process of its own, and people with netcat: messages and chats.

use crate::harness::client::ClientProcess;
use crate::harness::{Lines, ServerProcess, TestServer};
use std::net::SocketAddr;

fn open_chat(asking: &mut ClientProcess, asked: &mut ClientProcess, names: [&str; 2]) {
    let [asker, other] = names;
    asking.say(&format!("chat {other}"));
    asked.see(&format!("{asker} wants to chat"));
    // By name: without one a script answers its first question only, as others may have come meanwhile.
    asked.say(&format!("accept {asker}"));
    asking.see(&format!("Chat with {other} opened"));
    asked.see(&format!("Chat with {asker} opened"));
}

/// Where a client listens.
fn address_of(server: &TestServer, name: &str) -> SocketAddr {
    let answer = server.join("looker").ask(&format!("GET_P,{name}"));
    let mut fields = answer.split(',').skip(1);
    let (ip, port) = (fields.next().expect("an IP"), fields.next().expect("a port"));
    format!("{ip}:{port}").parse().expect("an address")
}

#[test]
fn a_chat_outlives_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    open_chat(&mut alice, &mut bob, ["alice", "bob"]);
    alice.say("hi bob");
    bob.see("alice: hi bob");
    server.crash();
    alice.see("The server is gone");
    bob.see("The server is gone");
    bob.say("still here");
    alice.see("bob: still here");
    alice.say("me too");
    bob.see("alice: me too");
    alice.say("!exit");
    bob.see("Chat with alice closed: the other side left");
    bob.say("!exit");
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
}

#[test]
fn two_requests_wait_at_once_and_a_third_from_one_of_them_finds_somebody_busy() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut carol = ClientProcess::join(server.address, "carol");
    alice.say("chat bob");
    bob.see("alice wants to chat: accept 1 or decline 1?");
    carol.say("chat bob");
    bob.see("carol wants to chat: accept 2 or decline 2?");
    let door = address_of(&server, "bob");
    let mut carol_too = Lines::connect(door);
    carol_too.send("CHAT,carol");
    assert_eq!(carol_too.line(), "ERR,busy");
    bob.say("accept");
    bob.see("Which? accept 1 (alice: a chat), accept 2 (carol: a chat)");
    bob.say("decline 1");
    alice.see("No chat with bob: declined");
    bob.say("accept 2");
    carol.see("Chat with bob opened");
    bob.see("Chat with carol opened");
    carol.say("!exit");
    bob.see("Chat with carol closed");
    bob.say("!exit");
    alice.say("chat nobody");
    alice.see("No chat with nobody: User not found!");
    assert_eq!((alice.finish(), bob.finish(), carol.finish()), (Some(1), Some(1), Some(0)));
}

#[test]
fn several_chats_are_open_and_one_is_in_the_foreground() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut carol = ClientProcess::join(server.address, "carol");
    open_chat(&mut bob, &mut alice, ["bob", "alice"]);
    alice.say("!back");
    alice.say("whoami");
    alice.see("alice 127.");
    open_chat(&mut carol, &mut alice, ["carol", "alice"]);
    bob.say("are you there?");
    alice.see("[chat] bob: are you there?");
    alice.say("hi carol");
    carol.see("alice: hi carol");
    alice.say("!back");
    alice.say("chat bob");
    alice.say("yes, here");
    bob.see("alice: yes, here");
    alice.say("!back");
    alice.say("peers");
    alice.see("bob");
    alice.see("carol");
    alice.say("close carol");
    carol.see("Chat with alice closed");
    alice.say("close carol");
    alice.see("No open connection with carol");
    assert_eq!((alice.finish(), bob.finish()), (Some(1), Some(0)));
}

#[test]
fn text_for_somebody_who_left_is_no_command() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    open_chat(&mut alice, &mut bob, ["alice", "bob"]);
    bob.say("!exit");
    alice.see("Chat with bob closed");
    alice.say("quit");
    alice.see("Not sent");
    alice.say("!exit");
    alice.say("whoami");
    alice.see("alice 127.");
    assert_eq!(alice.finish(), Some(1));
}

#[test]
fn a_slip_after_an_exclamation_mark_is_not_sent() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    open_chat(&mut alice, &mut bob, ["alice", "bob"]);
    alice.say("!exti");
    alice.see("Not sent: after ! comes exit, back");
    alice.say("! exti");
    alice.say("!!exti");
    bob.see("alice: ! exti");
    bob.see("alice: !exti");
    assert!(!bob.seen[..bob.seen.len() - 2].iter().any(|line| line.contains("exti")), "{:#?}", bob.seen);
    alice.say("!exit");
    bob.see("Chat with alice closed");
    bob.say("!exit");
    assert_eq!((alice.finish(), bob.finish()), (Some(1), Some(0)));
}

#[test]
fn messages_go_directly_and_to_netcat_by_way_of_the_server() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut eve = server.join("eve");
    alice.say("msg bob snake_case, too");
    bob.see("[message] alice: snake_case, too");
    alice.see("Delivered to bob");
    alice.say("msg_hi there_eve");
    alice.see("Relayed to eve");
    assert_eq!(eve.event(), "msg_alice_hi there");
    assert_eq!(eve.ask("relay_hello_alice"), "OK,Relayed to alice");
    alice.see("[message, relayed by the server] eve: hello");
    // As a person with two netcats: ask where bob is, then deliver the text there.
    eve.send("msg_direct_bob");
    let ticket = eve.answer_line().replace("ticket_bob_", "");
    let peer = eve.answer_line().replace("peer_", "").parse().expect("an address");
    let mut direct = Lines::connect(peer);
    direct.send_raw(format!("MSG,eve,{ticket}\ndirect\n"));
    assert_eq!(direct.line(), "OK");
    bob.see("[message] eve: direct");
    // The same ticket again is refused; only without any ticket somebody is unverified.
    let mut again = Lines::connect(peer);
    again.send_raw(format!("MSG,eve,{ticket}\nagain\n"));
    assert!(again.line().starts_with("ERR,Not introduced"));
    let mut stranger = Lines::connect(peer);
    stranger.send_raw("MSG,eve,\nit is me\n");
    assert_eq!(stranger.line(), "OK");
    bob.see("[message] eve (unverified): it is me");
    assert!(bob.seen.iter().all(|line| !line.contains("again")));
    assert_eq!((alice.finish(), bob.finish()), (Some(0), Some(0)));
}

#[test]
fn a_message_to_somebody_who_cannot_be_reached_is_relayed() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut eve = server.join("eve");
    // Nothing listens there.
    assert_eq!(eve.ask("INIT,eve,1"), "OK");
    alice.say("msg eve hi");
    alice.see("Relayed to eve");
    assert_eq!(eve.event(), "msg_alice_hi");
    assert_eq!(alice.finish(), Some(0));
}

#[test]
fn netcat_at_a_clients_door() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let door = address_of(&server, "alice");
    let mut eve = Lines::connect(door);
    eve.send_raw("MSG,eve\nhello \x1b[2J\nhello\n");
    assert_eq!(eve.line(), "ERR,Control character \\u{1b} in the line: only TAB may be sent");
    eve.wait_for_end();
    let mut eve = Lines::connect(door);
    eve.send_raw("CHAT,eve\nalready talking\n");
    alice.see("eve (unverified) wants to chat");
    alice.say("accept");
    assert_eq!(eve.line(), "OK");
    alice.see("eve (unverified): already talking");
    alice.say("hi");
    assert_eq!(eve.line(), "hi");
    eve.send("bye");
    alice.see("eve (unverified): bye");
    drop(eve);
    alice.see("Chat with eve closed");
    for (first, answer) in [("GET / HTTP/1.1", "ERR,The first line must begin with"), ("CHAT,a_b", "ERR,A username")] {
        let mut stranger = Lines::connect(door);
        stranger.send(first);
        assert!(stranger.line().starts_with(answer));
        stranger.wait_for_end();
    }
    let mut soon = Lines::connect(door);
    soon.send("CHAT,eve");
    assert_eq!(soon.line(), "ERR,busy: without a ticket you may ask once a minute, and all others three times");
    let mut gone = Lines::connect_from("127.0.9.9", door);
    gone.send("CHAT,eve");
    alice.say("!exit");
    alice.see("eve (unverified) wants to chat");
    gone.hang_up();
    alice.see("eve called at ");
    assert_eq!(alice.finish(), Some(0));
}

#[test]
fn talking_to_peers_after_leaving_the_server() {
    let server = TestServer::start(&["--rate", "off"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut bob = ClientProcess::join(server.address, "bob");
    let mut looker = server.join("looker");
    alice.say("chat bob");
    bob.say("accept");
    alice.see("Chat with bob opened");
    alice.say("!back");
    alice.say("disconnect");
    alice.see("You have left the server");
    alice.see("Type reconnect to come back");
    // The server notices the end of the connection on a thread of its own.
    let gone = (0..10_000).any(|_| looker.ask("GET_P,alice") == "ERR,User not found!");
    assert!(gone);
    bob.say("still here?");
    alice.see("[chat] bob: still here?");
    alice.say("chat bob");
    alice.say("yes");
    bob.see("alice: yes");
    alice.say("!back");
    alice.say("list");
    alice.see("You are not logged in: type reconnect");
    alice.say("reconnect");
    alice.see("Logged in again as alice");
    alice.say("whoami");
    alice.see("alice 127.");
    alice.say("peers");
    alice.see("bob");
    alice.say("close bob");
    bob.see("Chat with alice closed: the other side left");
    alice.say("inactive");
    alice.see("inactive");
    assert_eq!(looker.ask("GET_P,alice"), "ERR,User not found!");
    alice.say("active");
    alice.see("active");
    assert!(looker.ask("GET_P,alice").starts_with("OK,127."));
    bob.say("!exit");
    assert_eq!((alice.finish(), bob.finish()), (Some(1), Some(0)));
}
