//! What holds for somebody whose words were compared: one key, and nothing by the server.

use super::*;
use crate::client::event::NoConnection;

/// What is typed is introduced, with this key: whether it goes there.
fn goes(play: &mut Play, typed: &str, byte: u8) -> Result<(), String> {
    play.typed(typed);
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("an address")));
    play.server(&[
        &format!("key_bob_{}", key(byte)),
        &format!("ticket_bob_{OTHER_TICKET}"),
        "peer_127.0.0.3:4401",
        "OK,",
    ]);
    let Some(Order::Introduced(outcome)) = play.orders(call).pop() else { panic!("{typed}: no introduction") };
    play.event(Event::CallEnded { call, end: CallEnd::Message(Err(CallError::Cancelled)) });
    outcome.map(drop).map_err(|why| why.to_string())
}

#[test]
fn another_key_than_that_which_was_compared_is_not_spoken_to() {
    let mut play = compared(SCRIPT);
    play.typed("verify bob yes");
    assert_eq!(goes(&mut play, "msg bob hi", 1), Ok(()));
    play.look();
    // The server exchanges it by the very answer to what is to be sent.
    for (typed, byte) in [("msg bob a secret", 2), ("msg bob a secret", 2), ("msg bob a secret", 1)] {
        let why = goes(&mut play, typed, byte).expect_err("nothing goes there");
        assert!(
            why.starts_with("bob has another key than the one of which you compared words: nothing was sent"),
            "{why}"
        );
    }
    play.look();
    // What they may do is to say something, and to compare words.
    for (number, opening) in [(5, "CHAT,bob,TICKET"), (6, "LIST,bob,TICKET"), (7, "RUN,bob,TICKET,date")] {
        play.server(&[&format!("key_bob_{}", key(1)), &format!("ticket_bob_{TICKET}")]);
        let opening = Opening::parse(&opening.replace("TICKET", TICKET)).expect("valid");
        let from = SocketAddr::from((HERE, 5000));
        let knock = Knock { from, opening, key: Some(key(1)), proven: None, text: None, room: None };
        play.news(CallId::In(number), News::Knock(knock));
        assert_eq!(play.orders(CallId::In(number)), [Order::Refuse(PeerRefusal::Declined)]);
        let told = play.shown().iter().any(|text| text.starts_with("bob has called with another key"));
        assert_eq!(told, number == 5, "once a minute");
    }
    play.typed("verify bob");
    let call = leaves(&mut play, "bob", 2);
    ends(&mut play, call, Ok(9), "bob");
    assert!(goes(&mut play, "msg bob hi", 2).is_err(), "they have not been compared yet");
    play.typed("verify bob yes");
    assert_eq!(goes(&mut play, "msg bob hi", 2), Ok(()));
}

#[test]
fn a_yes_is_not_taken_for_words_that_took_the_place_of_those_that_were_compared() {
    let mut play = play(SCRIPT);
    assert_eq!(asks(&mut play, 1, "bob", 1), [Order::Accept]);
    serves(&mut play, 1, 7);
    // While the two read them aloud others come, of another key.
    assert_eq!(asks(&mut play, 2, "bob", 2), [Order::Accept]);
    serves(&mut play, 2, 8);
    play.look();
    play.typed("verify bob yes");
    let said = play.shown();
    assert!(
        said[0].starts_with("refused: bob has another key by now, and others have asked for these words"),
        "{said:?}"
    );
    // Other words of the same key are as good as the first.
    let mut play = compared(SCRIPT);
    assert_eq!(asks(&mut play, 1, "bob", 1), [Order::Refuse(PeerRefusal::busy())], "it has crossed ours");
    play.after(Duration::from_secs(2));
    assert_eq!(asks(&mut play, 2, "bob", 1), [Order::Accept]);
    serves(&mut play, 2, 8);
    lines(&mut play);
    play.typed("verify bob yes");
    assert_eq!(lines(&mut play)[0], by_voice("bob", true));
}

#[test]
fn what_is_for_somebody_whose_words_were_compared_is_not_handed_to_the_server() {
    let address = "127.0.0.3:4401".parse().expect("an address");
    let unreachable = CallError::Unreachable { address, why: NoConnection::Refused };
    for why in [unreachable, CallError::DoesNotListen("bob does not listen".to_owned())] {
        for is_compared in [false, true] {
            let mut play = compared(SCRIPT);
            if is_compared {
                play.typed("verify bob yes");
            }
            play.look();
            play.typed("msg bob a secret");
            let (call, _) = play.begun();
            play.event(Event::CallEnded { call, end: CallEnd::Message(Err(why.clone())) });
            let sent: &[&str] = if is_compared { &[] } else { &["relay_a secret_bob"] };
            assert_eq!(play.sent(), sent, "{why:?}");
            let refused = "nothing was sent, as the server would read it (you compared words with bob)";
            assert_eq!(play.shown().iter().any(|text| text.contains(refused)), is_compared, "{why:?}");
        }
    }
    // Whoever wants that says so.
    let mut play = compared(SCRIPT);
    play.typed("verify bob yes");
    play.look();
    play.typed("relay_no secret_bob");
    assert_eq!(play.sent(), ["relay_no secret_bob"]);
}

#[test]
fn a_message_that_the_server_carries_is_no_proof_where_there_are_keys() {
    let mut play = compared(SCRIPT);
    play.typed("verify bob yes");
    play.look();
    play.server(&["msg_bob_send me the password"]);
    assert_eq!(play.shown(), ["msg bob send me the password false true"]);
    let mut plain = Play::script();
    plain.look();
    plain.server(&["msg_bob_hi"]);
    assert_eq!(plain.shown(), ["msg bob hi true true"], "there the server's word is all that there is");
}
