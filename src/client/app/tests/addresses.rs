//! Whom an address means: one that was typed, and one that the server tells.

use super::talks::relays;
use super::*;

/// The server introduces this person, who has the address that was typed.
fn introduced(play: &mut Play, call: CallId, who: &str) -> Result<String, CallError> {
    play.news(call, News::Wants("10.0.0.7:4401".parse().expect("an address")));
    play.sent();
    play.server(&[&format!("ticket_{who}_{TICKET}"), "peer_10.0.0.7:4401", "OK,"]);
    match play.orders(call).pop() {
        Some(Order::Introduced(outcome)) => outcome.map(|to| to.name.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_had_the_address_when_it_was_typed_gets_the_message_however_it_goes() {
    let address = SocketAddr::from(([10, 0, 0, 7], 4401));
    let mut play = Play::online(Rules { server: SocketAddr::from(([10, 0, 0, 1], 4400)), ..rules(PERSON) });
    play.look();
    let message = |play: &mut Play, text: &str| {
        play.typed(&format!("msg 10.0.0.7:4401 {text}"));
        play.begun().0
    };
    let one = message(&mut play, "one");
    play.typed("msg 10.0.0.7:4401 two");
    assert_eq!(introduced(&mut play, one, "bob"), Ok("bob".to_owned()));
    let unreachable = CallError::Unreachable { address, why: NoConnection::Silent };
    let fail = |play: &mut Play, call, why| play.event(Event::CallEnded { call, end: CallEnd::Message(Err(why)) });
    fail(&mut play, one, unreachable);
    assert_eq!(relays(&mut play), ["relay_one_bob"]);
    assert_eq!(relays(&mut play), ["relay_two_bob"], "it was typed for the same person");
    let three = message(&mut play, "three");
    let why = introduced(&mut play, three, "bob").expect_err("through the server");
    fail(&mut play, three, why);
    assert_eq!(relays(&mut play), ["relay_three_bob"]);
    let four = message(&mut play, "four");
    assert_eq!(introduced(&mut play, four, "carol"), Ok("carol".to_owned()), "the address is another's");
    fail(&mut play, four, CallError::NotProven { name: name("carol"), address, why: NoProof::Stranger });
    assert_eq!(relays(&mut play), ["relay_four_carol"]);
    let five = message(&mut play, "five");
    play.news(five, News::Wants("10.0.0.7:4401".parse().expect("an address")));
    play.sent();
    play.server(&["ERR,dave accepts no connections: send relay_TEXT_dave"]);
    assert!(matches!(play.orders(five).as_slice(), [Order::Introduced(Err(CallError::DoesNotListen(_)))]));
    fail(&mut play, five, CallError::DoesNotListen("dave accepts no connections".to_owned()));
    assert_eq!(relays(&mut play), ["relay_five_dave"]);
}

#[test]
fn all_lines_behind_an_address_go_to_whoever_had_it_first() {
    let mut play = Play::script();
    play.typed("msg 10.0.0.7:4401 -");
    play.typed("one");
    let (one, _) = play.begun();
    assert_eq!(introduced(&mut play, one, "bob"), Ok("bob".to_owned()));
    play.event(Event::CallEnded { call: one, end: CallEnd::Message(Ok(name("bob"))) });
    play.typed("two");
    assert!(matches!(play.begun(), (_, Work::Message { to, .. }) if to.to_string() == "bob"));
}

/// Where a message goes when the server says that bob is at `peer`: the server is at `server`, our end of the connection
/// is `own`, and `seen` is what the server sees of it.
fn dialled(server: &str, own: &str, seen: &str, peer: &str) -> Result<String, CallError> {
    let mut play = Play::new(Rules { server: server.parse().expect("an address"), ..rules(SCRIPT) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::new(own.parse().expect("an address"), 9) });
    play.server(&[&format!("ip_{seen}"), "OK,Login successful!"]);
    play.event(Event::Listening { at: HERE, port: Ok(4401) });
    play.server(&["OK,"]);
    play.typed("msg bob hello");
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("an address")));
    play.server(&[&format!("ticket_bob_{TICKET}"), &format!("peer_{peer}"), "OK,"]);
    match play.orders(call).pop() {
        Some(Order::Introduced(outcome)) => outcome.map(|to| to.address.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_of_loopback_is_believed_of_a_server_on_this_machine_alone() {
    let bob = "127.0.0.3:4401";
    for (server, own, seen) in [
        ("127.0.0.1:4400", "127.0.0.1", "127.0.0.2"),
        ("[::1]:4400", "::1", "127.0.0.2"),
        ("10.0.0.1:4400", "10.0.0.1", "10.0.0.1"),
        ("[::ffff:10.0.0.1]:4400", "10.0.0.1", "10.0.0.1"),
    ] {
        assert_eq!(dialled(server, own, seen, bob).as_deref(), Ok(bob), "{server} {own} {seen}");
    }
    for (server, own, seen) in [
        ("10.0.0.1:4400", "10.0.0.7", "10.0.0.7"),
        // A guest of the server's machine, for which its host connects.
        ("10.0.0.1:4400", "10.0.2.15", "10.0.0.1"),
        // A tunnel that ends on another machine than the server's.
        ("127.0.0.1:4400", "127.0.0.1", "10.0.0.8"),
    ] {
        for peer in [bob, "[::1]:4401", "[::ffff:127.0.0.3]:4401", "0.0.0.0:4401", "[::]:4401"] {
            let why = dialled(server, own, seen, peer).expect_err(peer).to_string();
            assert_eq!(
                why,
                format!("not reachable at {peer}: that is this machine itself, and the server is on another one")
            );
        }
        assert_eq!(dialled(server, own, seen, "10.0.0.9:4401").as_deref(), Ok("10.0.0.9:4401"));
    }
}

#[test]
fn a_link_local_address_is_of_the_servers_network_as_this_machine_counts_it() {
    let (server, own) = ("[fe80::1%5]:4400", "fe80::7");
    assert_eq!(dialled(server, own, own, "[fe80::9]:4401").as_deref(), Ok("[fe80::9%5]:4401"));
    assert_eq!(dialled(server, own, own, "[fd00::9]:4401").as_deref(), Ok("[fd00::9]:4401"));
}
