//! People who are not who they say, and threads that end without a word: nobody is deceived, and nothing stays for ever.

use super::talks::proven;
use super::*;
use crate::client::event::Place;

const NOBODYS: &str = "ffffffffffffffffffffffffffffffff";

/// Another machine.
fn elsewhere(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

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
    let stranger = play.knock(1, "CHAT,carol", None);
    play.press("chat carol\r");
    assert_eq!(play.orders(stranger), []);
    assert!(matches!(play.begun(), (_, Work::Talk { .. })), "the real one is asked");
    let real = proven(&mut play, 2, "CHAT,dave,TICKET", "dave");
    play.press("/chat dave\r");
    assert_eq!(play.orders(real), [Order::Accept]);
}

#[test]
fn one_person_leaves_places_for_the_others() {
    let mut play = Play::script();
    let draw = |play: &mut Play, number: u64, who: &str| proven(play, number, &format!("LIST,{who},TICKET"), who);
    let calls: Vec<CallId> = (1..=17).map(|number| draw(&mut play, number, "eve")).collect();
    let kept =
        |play: &mut Play| play.pick(|effect| if let Effect::KeepPlace(call) = effect { Some(*call) } else { None });
    assert_eq!(kept(&mut play), calls[..16]);
    assert!(matches!(play.orders(calls[16]).as_slice(), [Order::Refuse(PeerRefusal::Busy(_))]));
    let bob = draw(&mut play, 18, "bob");
    assert_eq!(kept(&mut play), [bob]);
    play.event(Event::CallEnded { call: calls[3], end: CallEnd::Over });
    let again = draw(&mut play, 19, "eve");
    assert_eq!(kept(&mut play), [again]);
}

#[test]
fn who_shows_the_digits_of_somebody_takes_nothing_of_their_share() {
    let mut play = Play::script();
    play.server(&[&format!("ticket_alice_{TICKET}")]);
    let shown = format!("LIST,alice,{}", &TICKET[..12]);
    let prove = || Order::Prove(TICKET.parse().expect("a ticket"));
    for number in 1..=16 {
        let call = play.knock(number, &shown, None);
        let order = if number <= 2 { prove() } else { Order::Refuse(PeerRefusal::TooManyConnections) };
        assert_eq!(play.orders(call), [order]);
    }
    for number in 21..=36 {
        let real = proven(&mut play, number, "LIST,alice,TICKET", "alice");
        assert!(play.done.contains(&Effect::KeepPlace(real)), "the {number}th has a place");
    }
    // One of the two has left, and another may try; its proof is worth no place beyond the sixteen.
    play.event(Event::CallEnded { call: CallId::In(1), end: CallEnd::Over });
    let another = play.knock(41, &shown, None);
    assert_eq!(play.orders(another), [prove()]);
    play.knock_with(HERE, 41, &shown, None, Some(TICKET));
    assert!(matches!(play.orders(another).as_slice(), [Order::Refuse(PeerRefusal::Busy(_))]));
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
    let eve = play.knock(1, "CHAT,eve", None);
    assert_eq!(play.orders(eve), [], "she waits for her answer");
    let another = play.knock_from(elsewhere(1), 2, "CHAT,carol", None);
    assert_eq!(play.orders(another), [Order::Refuse(PeerRefusal::busy())], "one at a time");
    for number in 0..16 {
        let who = format!("name{number}");
        let opening = if number % 2 == 0 { format!("RUN,{who},TICKET,uptime") } else { format!("CHAT,{who},TICKET") };
        let real = proven(&mut play, 10 + number, &opening, &who);
        assert_eq!(play.orders(real), [], "{who} waits for an answer");
    }
    let real_eve = proven(&mut play, 30, "CHAT,eve,TICKET", "eve");
    assert_eq!(play.orders(real_eve), [Order::Refuse(PeerRefusal::busy())], "sixteen wait");
}

#[test]
fn a_stranger_who_hangs_up_waits_before_asking_again() {
    let mut play = Play::script();
    let busy = |text: &str| Order::Refuse(PeerRefusal::Busy(text.to_owned()));
    let too_often = busy("without a ticket you may ask once a minute, and all others three times");
    let eve = play.knock(1, "CHAT,eve", None);
    play.news(eve, News::HungUp);
    let again = play.knock(2, "CHAT,mallory", None);
    assert_eq!(play.orders(again), std::slice::from_ref(&too_often));
    for number in 1..=2 {
        let other = play.knock_from(elsewhere(number), 2 + u64::from(number), "CHAT,eve", None);
        assert_eq!(play.orders(other), []);
        play.news(other, News::HungUp);
    }
    let fourth = play.knock_from(elsewhere(3), 5, "CHAT,eve", None);
    assert_eq!(play.orders(fourth), [too_often]);
    let real = proven(&mut play, 6, "CHAT,eve,TICKET", "eve");
    assert_eq!(play.orders(real), [], "the real one is asked about");
    play.after(Duration::from_secs(60));
    let again = play.knock(7, "CHAT,mallory", None);
    assert_eq!(play.orders(again), []);
}

#[test]
fn a_flood_of_messages_leaves_the_screen_to_the_others() {
    let mut play = Play::script();
    play.look();
    let shown_of = |play: &mut Play| play.shown().iter().filter(|shown| shown.starts_with("msg eve")).count();
    let calls: Vec<CallId> = (1..=100).map(|number| play.knock(number, "MSG,eve", Some("buy"))).collect();
    assert_eq!(shown_of(&mut play), 5);
    assert_eq!(play.orders(calls[4]), [Order::Accept]);
    let why = PeerRefusal::Busy("without a ticket you may send 5 messages, then one every 10 s".to_owned());
    assert_eq!(play.orders(calls[5]), [Order::Refuse(why)]);
    let long = play.knock_from(elsewhere(1), 101, "MSG,eve", Some(&"x".repeat(501)));
    assert!(matches!(play.orders(long).as_slice(), [Order::Refuse(PeerRefusal::Other(_))]));
    proven(&mut play, 102, "MSG,bob,TICKET", "bob");
    assert_eq!(play.shown(), ["msg bob  true false"]);
    play.after(Duration::from_secs(61));
    let told = "95 messages of people whom the server did not introduce: not shown, as there were too many";
    assert_eq!(play.shown(), [told]);
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
    assert_eq!(play.shown(), ["perhaps: bob perhaps ran sleep 8: closed without an answer"]);
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
