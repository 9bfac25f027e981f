//! Six words that two people compare by voice.

mod compared;

use super::*;
use crate::client::event::{Assurance, Place};
use crate::value::{Fingerprint, Spoken};

const OTHER_TICKET: &str = "00112233445566778899aabbccddee00";

fn words(byte: u8) -> Spoken {
    Spoken::new([byte; Spoken::BYTES])
}

fn key(byte: u8) -> Fingerprint {
    Fingerprint([byte; 32])
}

/// Alice, by TLS, with somebody's key known.
fn play(face: Face) -> Play {
    let mut play = Play::online(Rules { tls: true, ..rules(face) });
    play.look();
    play
}

/// The call for words that was begun last is introduced: the key is this one.
fn leaves(play: &mut Play, with: &str, byte: u8) -> CallId {
    let (call, work) = play.begun();
    assert_eq!(work, Work::Verify { with: name(with) });
    play.news(call, News::Wants(with.parse().expect("an address")));
    play.server(&[&format!("key_{with}_{}", key(byte)), &format!("ticket_{with}_{OTHER_TICKET}")]);
    play.server(&["peer_127.0.0.3:4401", "OK,"]);
    assert!(matches!(play.orders(call).pop(), Some(Order::Introduced(Ok(_)))));
    call
}

/// Somebody with this key asks for words: what they are answered.
fn asks(play: &mut Play, number: u64, from: &str, byte: u8) -> Vec<Order> {
    play.server(&[&format!("key_{from}_{}", key(byte)), &format!("ticket_{from}_{TICKET}")]);
    let opening = Opening::parse(&format!("VERIFY,{from},{TICKET}")).expect("valid");
    let peer = SocketAddr::from((HERE, 5000));
    let knock = Knock { from: peer, opening, key: Some(key(byte)), proven: None, text: None, room: None };
    play.news(CallId::In(number), News::Knock(knock));
    play.orders(CallId::In(number))
}

/// Whoever has asked has these words now, and so have we.
fn serves(play: &mut Play, number: u64, byte: u8) {
    play.news(CallId::In(number), News::Words(words(byte)));
    play.event(Event::CallEnded { call: CallId::In(number), end: CallEnd::Over });
}

fn ends(play: &mut Play, call: CallId, end: Result<u8, CallError>, with: &str) {
    let end = CallEnd::Words(end.map(|byte| (name(with), words(byte))));
    play.event(Event::CallEnded { call, end });
}

fn refused(why: PeerRefusal) -> Result<u8, CallError> {
    Err(CallError::Refused(why))
}

/// All that was shown since the last look.
fn lines(play: &mut Play) -> Vec<Shown> {
    play.pick(|effect| if let Effect::Show(line) = effect { Some(line.shown.clone()) } else { None })
}

fn six(with: &str, byte: u8, asked: bool) -> Shown {
    Shown::Words { with: name(with), words: words(byte), asked }
}

fn by_voice(with: &str, were_same: bool) -> Shown {
    Shown::ByVoice { with: name(with), were_same }
}

/// Alice and bob have the words, as she has asked.
fn compared(face: Face) -> Play {
    let mut play = play(face);
    play.typed("verify bob");
    let call = leaves(&mut play, "bob", 1);
    ends(&mut play, call, Ok(7), "bob");
    play
}

#[test]
fn whoever_hears_the_same_words_says_yes() {
    let mut play = compared(SCRIPT);
    assert_eq!(lines(&mut play), [six("bob", 7, true)]);
    play.typed("peers");
    assert_eq!(lines(&mut play), [six("bob", 7, true)], "they are up");
    play.typed("verify bob yes");
    assert!(matches!(&lines(&mut play)[..], [by, Shown::Done { .. }] if *by == by_voice("bob", true)));
    play.typed("peers");
    assert_eq!(lines(&mut play), [by_voice("bob", true)]);
    play.typed("verify bob yes");
    assert!(play.shown()[0].starts_with("refused: There are no words to compare with bob: verify bob brings some"));
}

#[test]
fn whoever_was_asked_says_yes_on_their_side_too() {
    let mut play = play(SCRIPT);
    assert_eq!(asks(&mut play, 1, "bob", 1), [Order::Accept]);
    assert_eq!(lines(&mut play), [], "there are no words yet");
    serves(&mut play, 1, 7);
    assert_eq!(lines(&mut play), [six("bob", 7, false)]);
    play.typed("verify bob yes");
    assert_eq!(lines(&mut play)[0], by_voice("bob", true));
    // Other words with bob take the place of these; those with carol stand beside them.
    for (number, from, byte) in [(2, "bob", 8), (3, "carol", 9), (4, "bob", 10)] {
        assert_eq!(asks(&mut play, number, from, byte.min(1)), [Order::Accept]);
        serves(&mut play, number, byte);
    }
    lines(&mut play);
    play.typed("peers");
    assert_eq!(lines(&mut play), [by_voice("bob", true), six("carol", 9, false), six("bob", 10, false)]);
}

#[test]
fn another_key_voids_what_was_heard_and_says_so() {
    let mut play = compared(SCRIPT);
    play.typed("verify bob yes");
    lines(&mut play);
    play.server(&[&format!("key_bob_{}", key(1)), &format!("ticket_bob_{TICKET}")]);
    assert_eq!(lines(&mut play), [], "it is the same");
    play.server(&[&format!("key_bob_{}", key(2)), &format!("ticket_bob_{TICKET}")]);
    let said = play.shown();
    assert!(said.len() == 1 && said[0].starts_with("bob has another key than before"), "{said:?}");
    assert!(said[0].ends_with("nothing goes there until you compare new words: verify bob"), "{said:?}");
    play.typed("peers");
    assert!(!lines(&mut play).contains(&by_voice("bob", true)));
    // Nor do words of the former key count.
    let mut play = compared(SCRIPT);
    play.server(&[&format!("key_bob_{}", key(2)), &format!("ticket_bob_{TICKET}")]);
    lines(&mut play);
    play.typed("verify bob yes");
    assert!(play.shown()[0].starts_with("refused: There are no words to compare with bob"));
}

#[test]
fn whoever_hears_other_words_ends_all_with_them() {
    let mut play = compared(SCRIPT);
    play.typed("chat bob");
    let (talk, _) = play.begun();
    play.news(talk, News::Opened { with: name("bob") });
    play.typed("!back");
    play.typed("msg bob hi");
    let (message, _) = play.begun();
    play.look();
    play.typed("verify bob no");
    for call in [talk, message] {
        assert!(play.done.contains(&Effect::HangUp(call)), "{call:?}");
    }
    assert!(lines(&mut play).contains(&by_voice("bob", false)));
    // Nothing comes from there, and nothing goes there.
    for (number, opening) in [(8, "CHAT"), (9, "MSG"), (10, "VERIFY"), (11, "LIST")] {
        let call = play.knock(number, &format!("{opening},bob"), Some("hi"));
        assert_eq!(play.orders(call), [Order::Refuse(PeerRefusal::Declined)], "{opening}");
    }
    let run = play.knock(12, &format!("RUN,bob,{TICKET},date"), None);
    play.server(&[&format!("ticket_bob_{TICKET}")]);
    let Some(Order::Refuse(_) | Order::Decide { decision: Decision::Declined, .. }) = play.orders(run).pop() else {
        panic!("it runs");
    };
    play.server(&["msg_bob_relayed", "bcast_7_1700000000_bob_to all"]);
    assert_eq!(lines(&mut play), []);
    play.typed("verify bob");
    assert!(play.shown()[0].starts_with("refused: your words with bob were others: nothing goes there in this run"));
    play.typed("run bob date");
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("an address")));
    play.server(&[&format!("key_bob_{}", key(3)), &format!("ticket_bob_{OTHER_TICKET}"), "peer_127.0.0.3:4401", "OK,"]);
    let Some(Order::Introduced(Err(why))) = play.orders(call).pop() else { panic!("it goes on") };
    assert!(why.to_string().starts_with("your words with bob were others"), "{why}");
    play.look();
    play.typed("verify carol no");
    assert!(play.shown()[0].starts_with("refused: No key of carol is known in this run; block carol"));
}

#[test]
fn a_message_does_not_go_round_to_whom_is_refused() {
    let mut play = compared(SCRIPT);
    play.typed("verify bob no");
    play.look();
    play.typed("relay_hi_bob");
    assert!(play.shown()[0].starts_with("refused: Not sent: your words with bob were others"));
    assert_eq!(play.sent(), Vec::<String>::new());
}

#[test]
fn an_open_talk_is_by_voice_if_it_has_the_key_that_was_compared() {
    let mut play = compared(SCRIPT);
    play.typed("chat bob");
    let (talk, _) = play.begun();
    play.news(talk, News::Wants("bob".parse().expect("an address")));
    play.server(&[&format!("key_bob_{}", key(1)), &format!("ticket_bob_{OTHER_TICKET}"), "peer_127.0.0.3:4401", "OK,"]);
    play.news(talk, News::Opened { with: name("bob") });
    play.typed("!back");
    let opened = |play: &mut Play| {
        play.typed("peers");
        lines(play).into_iter().find_map(|shown| match shown {
            Shown::Peer { assurance, .. } => Some(assurance),
            _ => None,
        })
    };
    assert_eq!(opened(&mut play), Some(Assurance::Verified));
    play.typed("verify bob yes");
    assert_eq!(opened(&mut play), Some(Assurance::ByVoice));
    play.server(&[&format!("key_bob_{}", key(2)), &format!("ticket_bob_{TICKET}")]);
    assert_eq!(opened(&mut play), Some(Assurance::Verified));
}

#[test]
fn both_call_and_both_show_the_words_of_one_call() {
    // Alice is the smaller name: hers is kept.
    let mut play = play(SCRIPT);
    play.typed("verify bob");
    let ours = leaves(&mut play, "bob", 1);
    assert_eq!(asks(&mut play, 1, "bob", 1), [Order::Refuse(PeerRefusal::busy())]);
    ends(&mut play, ours, Ok(7), "bob");
    assert_eq!(lines(&mut play), [six("bob", 7, true)]);
    assert_eq!(asks(&mut play, 2, "bob", 1), [Order::Refuse(PeerRefusal::busy())], "it has crossed ours");
    // Aaron's is kept. It comes before the refusal of ours, or behind it.
    for is_before in [true, false] {
        play.typed("verify aaron");
        let ours = leaves(&mut play, "aaron", 2);
        if is_before {
            assert_eq!(asks(&mut play, 3, "aaron", 2), [Order::Accept]);
        }
        ends(&mut play, ours, refused(PeerRefusal::busy()), "aaron");
        if !is_before {
            assert_eq!(asks(&mut play, 3, "aaron", 2), [Order::Accept]);
        }
        serves(&mut play, 3, 8);
        assert_eq!(lines(&mut play), [six("aaron", 8, true)], "{is_before}");
    }
}

#[test]
fn a_call_that_has_not_left_is_not_made_where_theirs_has_come() {
    for with in ["bob", "aaron"] {
        let mut play = play(SCRIPT);
        play.typed(&format!("verify {with}"));
        let (ours, _) = play.begun();
        assert_eq!(asks(&mut play, 1, with, 1), [Order::Accept]);
        assert!(play.done.contains(&Effect::HangUp(ours)));
        ends(&mut play, ours, Err(CallError::Cancelled), with);
        serves(&mut play, 1, 7);
        assert_eq!(lines(&mut play), [six(with, 7, true)]);
    }
}

#[test]
fn one_at_a_time_and_a_refusal_says_why() {
    let mut play = play(SCRIPT);
    play.typed("verify bob");
    assert_eq!(asks(&mut play, 1, "carol", 3), [Order::Refuse(PeerRefusal::busy())]);
    play.typed("verify carol");
    assert_eq!(play.shown(), ["refused: The words with bob are on their way: wait a moment"]);
    let call = leaves(&mut play, "bob", 1);
    ends(&mut play, call, refused(PeerRefusal::DoNotDisturb), "bob");
    assert_eq!(play.shown(), ["refused: No words with bob: does not want to be disturbed"]);
    // Busy with somebody else, as it seems: their call does not come.
    play.typed("verify aaron");
    let call = leaves(&mut play, "aaron", 2);
    ends(&mut play, call, refused(PeerRefusal::busy()), "aaron");
    assert_eq!(play.shown(), Vec::<String>::new());
    play.after(Duration::from_secs(5));
    assert!(play.shown().contains(&"refused: No words with aaron: busy".to_owned()));
    // A peer that leaves before it has the answer.
    assert_eq!(asks(&mut play, 2, "carol", 3), [Order::Accept]);
    play.event(Event::CallEnded { call: CallId::In(2), end: CallEnd::Over });
    assert_eq!((asks(&mut play, 3, "carol", 3), play.shown()), (vec![Order::Accept], Vec::new()));
}

#[test]
fn where_there_is_no_key_it_is_said_why_and_what_to_do() {
    let mut plain = Play::script();
    plain.look();
    plain.typed("verify bob");
    let said = plain.shown().remove(0);
    let expected =
        "bob cannot be verified: your client speaks in the clear and has no key (start it with --tls IP PORT";
    assert!(said.starts_with(&format!("refused: {expected}, and have bob do so too)")), "{said}");
    let mut without = Play::online(Rules { has_tls: false, ..rules(SCRIPT) });
    without.look();
    without.typed("verify bob");
    let said = without.shown().remove(0);
    assert!(said.contains("built without TLS (build it with the feature `tls`"), "{said}");
    let mut play = play(SCRIPT);
    play.typed("verify alice");
    assert_eq!(play.shown(), ["refused: That is yourself"]);
    play.typed("verify bob");
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("an address")));
    play.server(&[&format!("ticket_bob_{TICKET}"), "peer_127.0.0.3:4401", "OK,"]);
    let Some(Order::Introduced(Err(why))) = play.orders(call).pop() else { panic!("it goes on") };
    assert!(why.to_string().starts_with("bob has no key, so there is nothing to compare (have bob start"), "{why}");
    assert!(!why.to_string().contains("clear-peers"));
    // Nobody verifies in the clear: not with a ticket, and not without one.
    plain.server(&[&format!("ticket_bob_{TICKET}")]);
    let call = plain.knock(1, &format!("VERIFY,bob,{TICKET}"), None);
    assert_eq!(plain.orders(call), [Order::Refuse(PeerRefusal::NotInTheClear)]);
    let call = plain.knock(2, "VERIFY,bob", None);
    assert_eq!(plain.orders(call), [Order::Refuse(PeerRefusal::NotIntroduced)]);
}

#[test]
fn whoever_is_not_to_be_disturbed_shows_no_words_unless_they_asked_for_them() {
    let mut play = play(SCRIPT);
    play.typed("dnd on");
    play.look();
    assert_eq!(asks(&mut play, 1, "aaron", 1), [Order::Refuse(PeerRefusal::DoNotDisturb)]);
    assert!(play.shown()[0].starts_with("aaron wanted to verify at"));
    play.typed("verify aaron");
    let (_ours, _) = play.begun();
    assert_eq!(asks(&mut play, 2, "aaron", 1), [Order::Accept]);
}

#[test]
fn on_a_screen_the_words_are_a_question_and_the_window_says_what_was_heard() {
    let mut play = play(Face::Screen);
    assert_eq!(asks(&mut play, 1, "bob", 1), [Order::Accept]);
    serves(&mut play, 1, 1);
    assert!(play.has_row("3 bob*"), "the bar marks the window: {:#?}", play.rows());
    play.app.bring(Some(name("bob")));
    assert_eq!(
        play.rows(),
        [
            " 1 server  2 all  3 bob",
            "----------------------------------- 1 unread -----------------------------------",
            "?      Six words with bob: absurd amount doctor acoustic avoid letter. bob",
            "             wants to be sure that nobody stands between you, not even the",
            "             server. Have bob read theirs to you, on the phone or face to face,",
            "             by a voice that you know. All the same: /verify bob yes. Any other:",
            "             /verify bob no",
            "alice | bob (message) | online 127.0.0.2",
            ">",
        ]
    );
    play.press("/verify bob yes\r");
    assert!(play.has_row("bob is verified by voice"), "{:#?}", play.rows());
    assert!(play.has_row("bob (verified by voice, message)"), "{:#?}", play.rows());
    assert_eq!(play.app.front_place(), Place::Person(name("bob")));
}
