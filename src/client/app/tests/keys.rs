//! Where we speak TLS: who has a key is spoken with by it alone, and who has none in the clear at most.

use super::*;
use crate::value::{Address, BadLine, Fingerprint};

fn by_tls(clear_peers: bool) -> Play {
    Play::online(Rules { tls: true, clear_peers, share: Some(PathBuf::from("shared")), ..rules(SCRIPT) })
}

fn key(byte: u8) -> Fingerprint {
    Fingerprint([byte; 32])
}

/// What becomes of the introduction for what is typed, where the server answers so.
fn introduced(play: &mut Play, typed: &str, answer: &[&str]) -> Result<Introduced, CallError> {
    play.typed(typed);
    let (call, work) = play.begun();
    play.news(call, News::Wants(Address::Name(name("bob"))));
    play.server(answer);
    play.server(&["peer_127.0.0.3:4401", "OK,"]);
    let order = play.orders(call).pop();
    // It ends, so that the next one to the same person begins.
    let end = match work {
        Work::Talk { .. } => CallEnd::Talk(Err(CallError::Cancelled)),
        Work::Run { .. } => CallEnd::Ran(Err(CallError::Cancelled)),
        _ => CallEnd::Message(Err(CallError::Cancelled)),
    };
    play.event(Event::CallEnded { call, end });
    match order {
        Some(Order::Introduced(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_has_a_key_is_called_by_it() {
    let (mut play, [line, ticket]) = (by_tls(false), [format!("key_bob_{}", key(1)), format!("ticket_bob_{TICKET}")]);
    let bob = introduced(&mut play, "msg bob hi", &[&line, &ticket]).expect("introduced");
    assert_eq!((bob.key, bob.ticket_field().to_string().as_str()), (Some(key(1)), TICKET));
    // It belongs to the next line alone, and to the same person.
    for between in [vec!["notice_hello"], vec!["ticket_carol_00112233445566778899aabbccddee00"]] {
        let lines = [vec![line.as_str()], between, vec![&ticket]].concat();
        let none = introduced(&mut play, "msg bob hi", &lines).expect_err("it has no key");
        assert!(none.to_string().starts_with("bob had a key before, and none now: nothing was sent"), "{none}");
    }
}

#[test]
fn a_key_belongs_to_the_ticket_right_behind_it_alone() {
    let [key, ticket] = [format!("key_bob_{}", key(1)), format!("ticket_bob_{TICKET}")];
    // One of somebody else, or of another ticket of bob's, behind a whole introduction.
    for name in ["carol", "bob"] {
        let (mut play, other) = (by_tls(false), key.replace("bob", name));
        let behind = format!("ticket_{name}_00112233445566778899aabbccddee00");
        let lines = [&ticket, "peer_127.0.0.3:4401", &other, &behind];
        let none = introduced(&mut play, "msg bob hi", &lines).expect_err("it has no key");
        assert!(none.to_string().starts_with("bob has no key"), "{name}: {none}");
    }
    let mut play = by_tls(false);
    play.server(&[&key]);
    play.event(Event::FromServer { link: LinkId(1), reply: Err(BadLine::NotUtf8) });
    play.server(&[&ticket]);
    play.look();
    assert_eq!(knocks(&mut play, 1, &format!("MSG,bob,{TICKET}"), None), [Order::Accept], "it is for nobody's key");
    assert_eq!(play.shown(), ["msg bob hi false false"]);
}

#[test]
fn whoever_has_none_is_not_spoken_to_unless_the_options_say_so() {
    let ticket = format!("ticket_bob_{TICKET}");
    for (typed, is_said) in [("msg bob hi", true), ("chat bob", true), ("run bob date", false)] {
        let mut play = by_tls(false);
        let none = introduced(&mut play, typed, &[&ticket]).expect_err("in the clear");
        assert!(none.to_string().contains("nothing was sent"), "{typed}: {none}");
        assert_eq!(none.to_string().contains("--clear-peers"), is_said, "{typed}: {none}");
        let mut play = by_tls(true);
        play.look();
        let outcome = introduced(&mut play, typed, &[&ticket]);
        assert_eq!(outcome.map(|bob| bob.key).ok(), is_said.then_some(None), "{typed}");
        assert_eq!(
            play.shown().iter().any(|text| text.starts_with("In the clear: bob has no key")),
            is_said,
            "{typed}"
        );
        // Whoever had a key is not spoken to without it, whatever the options say.
        let line = format!("key_bob_{}", key(1));
        assert!(introduced(&mut play, typed, &[&line, &ticket]).is_ok(), "{typed}");
        assert!(introduced(&mut play, typed, &[&ticket]).is_err(), "{typed}");
    }
    let mut plain = Play::script();
    assert!(introduced(&mut plain, "run bob date", &[&ticket]).is_ok(), "a client in the clear is as ever");
}

/// A peer says this, and has proven to have this key.
fn knocks(play: &mut Play, number: u64, opening: &str, key: Option<Fingerprint>) -> Vec<Order> {
    let opening = Opening::parse(opening).expect("valid");
    let text = matches!(opening, Opening::Message { .. }).then(|| "hi".to_owned());
    let from = SocketAddr::from((HERE, 5000));
    let call = CallId::In(number);
    play.news(call, News::Knock(Knock { from, opening, key, proven: None, text, room: None }));
    play.orders(call)
}

#[test]
fn the_ticket_of_who_has_a_key_is_for_that_key_alone() {
    let mut play = by_tls(false);
    play.server(&[&format!("key_bob_{}", key(1)), &format!("ticket_bob_{TICKET}")]);
    play.look();
    let message = format!("MSG,bob,{TICKET}");
    for (number, shown, how) in [(1, None, "in the clear"), (2, Some(key(2)), "with another key")] {
        assert_eq!(knocks(&mut play, number, &message, shown), [Order::Refuse(PeerRefusal::AnotherKey)]);
        let told = format!("Somebody at 127.0.0.2 shows a ticket of bob {how}: refused");
        assert!(play.shown().iter().any(|text| text.starts_with(&told)), "{told}");
        // It is told once a minute, however often a ticket is shown.
        assert_eq!(knocks(&mut play, number + 10, &message, shown), [Order::Refuse(PeerRefusal::AnotherKey)]);
        assert_eq!(play.shown(), [""; 0]);
        play.now.instant += Duration::from_secs(60);
        play.server(&[&format!("key_bob_{}", key(1)), &format!("ticket_bob_{TICKET}")]);
    }
    let start = format!("MSG,bob,{}", &TICKET[..12]);
    assert_eq!(knocks(&mut play, 3, &start, None), [Order::Refuse(PeerRefusal::AnotherKey)]);
    play.look();
    assert_eq!(knocks(&mut play, 4, &message, Some(key(1))), [Order::Accept], "it was not used up");
    assert_eq!(play.shown(), ["msg bob hi true false"]);
    play.server(&[&format!("key_bob_{}", key(3)), &format!("ticket_bob_{TICKET}")]);
    assert!(play.shown().iter().any(|text| text.starts_with("bob has another key than before")));
}

#[test]
fn in_the_clear_a_person_is_heard_and_given_nothing() {
    let mut play = by_tls(false);
    for (number, opening, order) in [
        (1, "MSG,carol,TICKET", Order::Accept),
        (2, "FILE,a.txt,carol,TICKET", Order::Refuse(PeerRefusal::NotInTheClear)),
        (3, "RUN,carol,TICKET,date", Order::Refuse(PeerRefusal::NotInTheClear)),
        (4, "LIST,carol,TICKET", Order::Refuse(PeerRefusal::NotInTheClear)),
        (5, "GIVE,a.txt,6,1,carol,TICKET", Order::Refuse(PeerRefusal::NotInTheClear)),
        (6, "PROBE,carol,TICKET", Order::Accept),
    ] {
        play.server(&[&format!("ticket_carol_{TICKET}")]);
        play.look();
        assert_eq!(knocks(&mut play, number, &opening.replace("TICKET", TICKET), None), [order], "{opening}");
        let shown: &[&str] = if number == 1 { &["msg carol hi false false"] } else { &[] };
        assert_eq!(play.shown(), shown, "{opening}");
    }
    play.server(&[&format!("key_carol_{}", key(1)), "ticket_carol_00112233445566778899aabbccddee00"]);
    play.server(&[&format!("ticket_carol_{TICKET}")]);
    let refused = [Order::Refuse(PeerRefusal::NotInTheClear)];
    assert_eq!(knocks(&mut play, 7, &format!("MSG,carol,{TICKET}"), None), refused, "carol had a key");
}
