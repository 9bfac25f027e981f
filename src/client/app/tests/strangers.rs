//! People who are not who they say, and threads that end without a word: nobody is deceived, and nothing stays for ever.

use super::talks::proven;
use super::*;
use crate::client::event::Place;

const NOBODYS: &str = "ffffffffffffffffffffffffffffffff";

impl Play {
    fn hangs_up(&mut self) -> Vec<CallId> {
        self.pick(|effect| if let Effect::HangUp(call) = effect { Some(*call) } else { None })
    }
}

#[test]
fn who_leaves_before_being_let_in_holds_no_thread() {
    let mut play = Play::script();
    play.look();
    let call = play.knock(1, &format!("RUN,eve,{NOBODYS},id"), None);
    play.news(call, News::HungUp);
    assert_eq!(play.hangs_up(), [call], "its thread waits for what is decided");
}

#[test]
fn who_asks_for_a_chat_by_name_does_not_get_a_stranger_of_that_name() {
    let mut play = Play::screen();
    play.look();
    let stranger = play.knock(1, &format!("CHAT,carol,{NOBODYS}"), None);
    play.after(Duration::from_secs(3));
    play.press("chat carol\r");
    assert_eq!(play.orders(stranger), []);
    assert!(matches!(play.begun(), (_, Work::Talk { .. })), "the real one is asked");
    let real = proven(&mut play, 2, "CHAT,dave,TICKET", "dave");
    play.press("/chat dave\r");
    assert_eq!(play.orders(real), [Order::Accept]);
}

#[test]
fn a_yes_by_name_is_not_for_a_question_that_was_exchanged() {
    let mut play = Play::screen();
    let first = proven(&mut play, 1, "RUN,alice,TICKET,uptime", "alice");
    play.after(Duration::from_secs(1));
    play.press("/allow ali");
    play.after(Duration::from_secs(1));
    play.news(first, News::HungUp);
    let second = proven(&mut play, 2, "RUN,alice,TICKET,touch X", "alice");
    play.press("ce\r");
    assert_eq!(play.orders(second), []);
    play.after(Duration::from_secs(1));
    play.press("/allow alice\r");
    assert!(matches!(play.orders(second).as_slice(), [Order::Decide { decision: Decision::Allowed, .. }]));
}

#[test]
fn a_script_that_says_yes_by_name_asks_back_after_an_exchange() {
    let mut play = Play::script();
    let first = proven(&mut play, 1, "RUN,eve,TICKET,uptime", "eve");
    play.news(first, News::HungUp);
    let second = proven(&mut play, 2, "RUN,eve,TICKET,\"echo 'x), allow 9 (carol: uptime'\"", "eve");
    play.shown();
    play.typed("allow eve");
    assert_eq!(play.orders(second), []);
    assert_eq!(play.shown(), ["refused: Which? allow 2 (eve: \"echo 'x), allow 9 (carol: uptime'\")"]);
}

#[test]
fn strangers_do_not_take_the_place_of_those_who_are_proven() {
    let mut play = Play::screen();
    let calls: Vec<CallId> = (1..=5).map(|at| play.knock(at, &format!("CHAT,name{at},{NOBODYS}"), None)).collect();
    play.after(Duration::from_secs(3));
    assert_eq!(play.orders(calls[3]), []);
    assert_eq!(play.orders(calls[4]), [Order::Refuse(PeerRefusal::busy())]);
    let real = proven(&mut play, 9, "RUN,name1,TICKET,uptime", "name1");
    assert_eq!(play.orders(real), [], "it waits for its answer");
}

#[test]
fn a_command_that_cannot_be_recorded_is_not_under_way() {
    let mut play = Play::script();
    for number in 1..=20 {
        let call = proven(&mut play, number, "RUN,bob,TICKET,date", "bob");
        assert!(matches!(play.orders(call).as_slice(), [Order::Decide { decision: Decision::Listed, .. }]), "{number}");
        play.event(Event::CallEnded { call, end: CallEnd::Over });
    }
}

#[test]
fn whatever_waits_for_a_call_ends_with_it() {
    let mut play = Play::script();
    play.look();
    for line in ["msg bob hi", "run bob uptime", "chat bob", "files bob", "get bob a.txt"] {
        play.typed(line);
        let (call, _) = play.begun();
        play.event(Event::CallEnded { call, end: CallEnd::Over });
        assert!(play.app.is_idle(), "{line}");
        assert!(!play.shown().is_empty(), "{line}");
    }
    assert_eq!(play.sent(), [""; 0], "what may have arrived is not sent a second way");
}

#[test]
fn a_command_that_may_have_run_is_not_told_as_refused() {
    let mut play = Play::script();
    play.look();
    play.typed("run bob sleep 8");
    let (call, _) = play.begun();
    let end = CallEnd::Ran(Err(CallError::Perhaps("closed without an answer".to_owned())));
    play.event(Event::CallEnded { call, end });
    assert_eq!(play.shown(), ["refused: bob perhaps ran sleep 8: closed without an answer"]);
}

#[test]
fn two_who_ask_each_other_have_one_chat() {
    for (with, stays) in [("bob", "ours"), ("aaron", "theirs")] {
        let mut play = Play::screen();
        play.press(&format!("chat {with}\r"));
        let (ours, _) = play.begun();
        let theirs = proven(&mut play, 1, &format!("CHAT,{with},TICKET"), with);
        play.press("/accept 1\r");
        play.news(ours, News::Opened { with: name(with) });
        let (kept, second) = if stays == "ours" { (ours, theirs) } else { (theirs, ours) };
        assert_eq!(play.hangs_up(), [second], "{with}");
        assert_eq!(play.app.talk_in(&Place::Person(name(with))), Some(kept));
        play.event(Event::CallEnded { call: second, end: CallEnd::Talk(Ok(TalkEnd::TheyLeft)) });
        assert_eq!(play.app.talk_in(&Place::Person(name(with))), Some(kept));
    }
}

#[test]
fn a_doctor_whose_server_goes_away_has_an_end() {
    let mut play = Play::online(Rules { doctor: true, ..rules(SCRIPT) });
    play.event(Event::LinkLost { link: LinkId(1) });
    let ends = play.pick(|effect| if let Effect::End(end) = effect { Some(end.clone()) } else { None });
    assert_eq!(ends, [End::Left]);
    assert!(play.app.was_refused());
}
