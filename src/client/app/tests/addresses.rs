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

/// Where a call that this line begins is told to connect to before the server has introduced it.
fn likely(play: &mut Play, line: &str, to: &str) -> Option<String> {
    play.typed(line);
    let (call, _) = play.begun();
    play.sent();
    play.news(call, News::Wants(to.parse().expect("an address")));
    assert_eq!(play.sent(), [format!("connect_{to}")]);
    let orders = play.orders(call);
    play.server(&["ERR,Nobody active is that"]);
    play.event(Event::CallEnded { call, end: CallEnd::Message(Err(CallError::NotIntroduced(String::new()))) });
    match orders.as_slice() {
        [] => None,
        [Order::Likely(address)] => Some(address.to_string()),
        other => panic!("{other:?}"),
    }
}

/// Alice is at 10.0.0.7, and told who is there.
fn told(server: &str, list: &[&str]) -> Play {
    let server = server.parse().expect("an address");
    let mut play = Play::new(Rules { server, watching: Watching::ForPeople, ..rules(PERSON) });
    let from = SocketAddr::from(([10, 0, 0, 7], 9));
    play.event(Event::Connected { link: LinkId(1), from });
    play.server(&["ip_10.0.0.7", "OK,Login successful!"]);
    play.event(Event::Listening { at: Ipv4Addr::UNSPECIFIED.into(), port: Ok(4401) });
    play.server(&["OK,"]);
    assert!(play.sent().contains(&"watch".to_owned()));
    play.server(list);
    play.server(&["OK,some active clients"]);
    play.look();
    play
}

#[test]
fn a_call_begins_to_connect_to_where_the_server_has_said_that_somebody_listens() {
    let mut play = told(
        "10.0.0.1:4400",
        &[
            "client_alice_10.0.0.7:4401",
            "client_bob_10.0.0.8:4401",
            "client_carol_10.0.0.9:0",
            "client_dave_10.0.0.7:4402",
            "client_eve_[fe80::9]:4401",
            "client_frank_127.0.0.3:4401",
            "client_grace_10.0.0.10:12000_guest-packet",
        ],
    );
    assert_eq!(likely(&mut play, "msg bob hi", "bob").as_deref(), Some("10.0.0.8:4401"));
    assert_eq!(likely(&mut play, "msg BOB hi", "BOB").as_deref(), Some("10.0.0.8:4401"));
    for (line, to) in [
        ("msg 10.0.0.8:4401 hi", "10.0.0.8:4401"),
        ("msg alice hi", "alice"),
        ("msg carol hi", "carol"),
        ("msg dave hi", "dave"),
        ("msg eve hi", "eve"),
        ("msg frank hi", "frank"),
        ("msg grace hi", "grace"),
        ("msg heidi hi", "heidi"),
    ] {
        assert_eq!(likely(&mut play, line, to), None, "{line}");
    }
    play.server(&["joined_bob_10.0.0.18:4401", "joined_heidi_10.0.0.19:5000"]);
    assert_eq!(likely(&mut play, "msg bob hi", "bob").as_deref(), Some("10.0.0.18:4401"));
    assert_eq!(likely(&mut play, "msg heidi hi", "heidi").as_deref(), Some("10.0.0.19:5000"));
    play.server(&["left_bob"]);
    assert_eq!(likely(&mut play, "msg bob hi", "bob"), None);
}

#[test]
fn nothing_is_begun_before_the_server_is_asked_nor_by_what_it_has_said_before_a_cut() {
    let mut play = told("10.0.0.1:4400", &["client_bob_10.0.0.8:4401"]);
    // The line is taken by another request.
    play.typed("list");
    play.typed("msg bob hi");
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("an address")));
    assert_eq!((play.sent(), play.orders(call)), (vec!["list".to_owned()], Vec::new()));
    play.server(&["OK,"]);
    assert_eq!(play.sent(), ["connect_bob"]);
    let bob = SocketAddr::from(([10, 0, 0, 8], 4401));
    assert_eq!(play.orders(call), [Order::Likely(bob)]);
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.link = 2;
    let from = SocketAddr::from(([10, 0, 0, 7], 9));
    play.event(Event::Connected { link: LinkId(2), from });
    play.server(&["ip_10.0.0.7", "OK,Login successful!", "OK,"]);
    assert!(play.sent().contains(&"connect_bob".to_owned()), "it is asked for again");
    assert_eq!(play.orders(call), []);
}
