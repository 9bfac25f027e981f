//! Chats, questions, tickets, and who gets the next line.

use super::*;
use crate::client::event::Place;

#[test]
fn broadcasts_by_both_ways_are_shown_once_and_in_order() {
    let mut play = Play::script();
    play.look();
    let parse = |text: &str| {
        let datagram = format!("udp_{TICKET}\n{text}");
        FromServer::parse_datagram(datagram.as_bytes()).expect("a token").1.collect::<Vec<_>>()
    };
    play.event(Event::Datagram(parse("bcast_2_1700000000_bob_two")));
    play.server(&["bcast_1_1700000000_bob_one", "bcast_2_1700000000_bob_two", "bcast_3_1700000000_bob_three"]);
    play.event(Event::Datagram(parse("bcast_3_1700000000_bob_three")));
    assert_eq!(play.shown(), ["bob one false", "bob two false", "bob three false"]);
}

#[test]
fn earlier_broadcasts_are_kept_for_who_wants_quiet() {
    let mut play = Play::online(Rules { quiet: true, ..rules(SCRIPT) });
    play.server(&["bcast_1_1600000000_bob_old", "bcast_2_1700000001_bob_new"]);
    assert_eq!(play.shown(), [""; 0]);
    play.typed("earlier");
    assert_eq!(play.shown(), ["bob old true"]);
}

#[test]
fn a_chat_goes_on_without_the_server_and_a_script_stays_with_who_left() {
    let mut play = Play::script();
    let call = play.chatting();
    play.event(Event::LinkLost { link: LinkId(1) });
    play.news(call, News::Line("hello".to_owned()));
    assert!(play.shown().contains(&"line bob hello true".to_owned()));
    play.event(Event::CallEnded { call, end: CallEnd::Talk(Ok(TalkEnd::TheyLeft)) });
    play.look();
    play.typed("quit");
    assert_eq!(play.shown(), ["refused: Not sent: the chat with bob is over (!exit for the menu)"]);
    play.typed("!exit");
    play.look();
    play.event(Event::InputEnded);
    assert!(matches!(play.look().last(), Some(Effect::End(End::Left))));
}

#[test]
fn several_talks_at_once_and_a_second_caller_is_not_told_busy() {
    let mut play = Play::script();
    let bob = play.chatting();
    let carol = proven(&mut play, 1, "CHAT,carol,TICKET", "carol");
    let dave = proven(&mut play, 2, "CHAT,dave,TICKET", "dave");
    assert_eq!(play.shown(), ["ChatRequest", "ChatRequest"]);
    play.typed("/accept dave");
    assert_eq!(play.orders(dave), [Order::Accept]);
    play.typed("hello dave");
    assert_eq!(play.orders(dave), [Order::Say("hello dave".to_owned())]);
    play.typed("/accept carol");
    assert_eq!(play.orders(carol), [Order::Accept]);
    play.news(bob, News::Line("and me?".to_owned()));
    assert_eq!(play.shown(), ["ChatOpened", "ChatOpened", "line bob and me? false"]);
    play.typed("/close bob");
    assert!(play.look().contains(&Effect::HangUp(bob)));
}

#[test]
fn a_question_that_was_exchanged_is_not_answered_by_a_bare_yes() {
    let mut play = Play::online(rules(PERSON));
    let eve = proven(&mut play, 1, "CHAT,eve,TICKET", "eve");
    play.after(Duration::from_secs(10));
    play.news(eve, News::HungUp);
    proven(&mut play, 2, "CHAT,mallory,TICKET", "mallory");
    play.look();
    play.typed("accept");
    let shown = play.shown();
    assert!(shown[0].starts_with("refused: Which? accept 2 (mallory"), "{shown:?}");
    play.typed("accept 2");
    assert_eq!(play.orders(CallId::In(2)), [Order::Accept]);
}

#[test]
fn a_script_waits_for_who_asks() {
    let mut play = Play::script();
    play.look();
    play.typed("accept");
    assert!(!play.is_asked());
    let call = play.knock(1, "CHAT,bob", None);
    assert!(play.is_asked());
    assert_eq!(play.orders(call), [Order::Accept]);
    play.typed("!exit");
    play.look();
    play.typed("allow");
    play.after(Duration::from_secs(61));
    assert!(play.is_asked());
    assert_eq!(play.shown(), ["refused: Nobody asks you anything now"]);
}

#[test]
fn a_question_ends_when_nobody_answers() {
    let mut play = Play::script();
    let call = play.knock(1, "CHAT,bob", None);
    play.look();
    play.after(Duration::from_secs(61));
    assert_eq!(play.orders(call), [Order::Refuse(PeerRefusal::NoAnswer)]);
}

#[test]
fn who_waits_for_an_answer_is_told_when_the_client_ends() {
    let mut play = Play::script();
    let chat = play.knock(1, "CHAT,bob", None);
    play.server(&[&format!("ticket_carol_{TICKET}")]);
    let run = play.knock(2, &format!("RUN,carol,{TICKET},id"), None);
    play.look();
    play.event(Event::Stop);
    assert_eq!(play.orders(chat), [Order::Refuse(PeerRefusal::NoAnswer)]);
    assert_eq!(play.orders(run), [Order::Decide { decision: Decision::NoAnswer, me: name("alice") }]);
    assert_eq!(play.look(), [Effect::End(End::Left)]);
}

#[test]
fn a_ticket_may_come_behind_its_bearer_and_proves_a_name_once() {
    let mut play = Play::script();
    play.look();
    let msg = format!("MSG,bob,{TICKET}");
    play.knock(1, &msg, Some("hi"));
    assert_eq!(play.shown(), [""; 0]);
    play.server(&[&format!("ticket_bob_{TICKET}")]);
    assert_eq!(play.shown(), ["msg bob hi true false"]);
    let used_up = play.knock(2, &msg, Some("again"));
    play.after(Duration::from_secs(3));
    assert_eq!(play.shown(), [""; 0]);
    assert_eq!(play.orders(used_up), [Order::Refuse(PeerRefusal::NotIntroduced)]);
}

/// What is meant for another person comes with a ticket of theirs, and is not shown to us.
#[test]
fn a_ticket_that_is_shown_and_not_known_is_refused_and_nothing_is_shown() {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    play.server(&[&format!("ticket_carol_{}", "f".repeat(32))]);
    play.look();
    let start = &TICKET[..12];
    for ticket in [start, TICKET, &TICKET[..31], "nonsense"] {
        for opening in [
            "CHAT,bob,TICKET",
            "MSG,bob,TICKET",
            "FILE,a.txt,bob,TICKET",
            "RUN,bob,TICKET,date",
            "LIST,bob,TICKET",
            "PROBE,bob,TICKET",
        ] {
            let call = play.knock(1, &opening.replace("TICKET", ticket), Some("for carol alone"));
            assert_eq!(play.orders(call), [], "it may be on its way");
            play.after(Duration::from_secs(2));
            assert_eq!(play.orders(call), [Order::Refuse(PeerRefusal::NotIntroduced)], "{opening} {ticket}");
        }
    }
    // Neither does another's ticket.
    let call = play.knock(1, &format!("MSG,bob,{}", "f".repeat(32)), Some("hi"));
    play.after(Duration::from_secs(2));
    assert_eq!(play.orders(call), [Order::Refuse(PeerRefusal::NotIntroduced)]);
    assert_eq!(play.shown(), [""; 0]);
}

#[test]
fn who_shows_the_start_of_a_ticket_is_asked_for_the_rest_before_anything_is_shown() {
    let mut play = Play::script();
    play.look();
    let (chat, ticket) = (format!("CHAT,bob,{}", &TICKET[..12]), TICKET.parse().expect("a ticket"));
    let first = play.knock(1, &chat, None);
    assert_eq!(play.orders(first), [], "it is not announced yet");
    play.server(&[&format!("ticket_bob_{TICKET}")]);
    let second = play.knock(2, &chat, None);
    for call in [first, second] {
        assert_eq!(play.orders(call), [Order::Prove(ticket)]);
    }
    assert!(!play.done.iter().any(|effect| matches!(effect, Effect::KeepPlace(_))), "nobody is proven yet");
    assert_eq!(play.shown(), [""; 0]);
    // The first who completes it is served.
    play.knock_with(HERE, 2, &chat, None, Some(TICKET));
    assert_eq!(play.shown(), ["ChatRequest"]);
    assert!(play.done.contains(&Effect::KeepPlace(second)));
    play.knock_with(HERE, 1, &chat, None, Some(TICKET));
    assert_eq!(play.orders(first), [Order::Refuse(PeerRefusal::NotIntroduced)]);
    play.typed("accept bob");
    assert_eq!(play.orders(second), [Order::Accept]);
}

#[test]
fn a_probe_shows_nothing_and_is_for_the_introduced() {
    let mut play = Play::script();
    play.look();
    let stranger = play.knock(1, "PROBE,bob,", None);
    assert_eq!(play.orders(stranger), [Order::Refuse(PeerRefusal::NotIntroduced)]);
    play.server(&[&format!("ticket_alice_{TICKET}")]);
    let probe = format!("PROBE,alice,{}", &TICKET[..12]);
    let server = play.knock(2, &probe, None);
    assert_eq!(play.orders(server), [Order::Prove(TICKET.parse().expect("a ticket"))]);
    play.knock_with(HERE, 2, &probe, None, Some(TICKET));
    assert_eq!(play.orders(server), [Order::Accept]);
    assert_eq!(play.shown(), [""; 0]);
}

/// The relays that were sent to the server, which has answered each.
pub(super) fn relays(play: &mut Play) -> Vec<String> {
    let sent = play.sent();
    sent.iter().for_each(|_| play.server(&["OK,Relayed to bob"]));
    sent
}

#[test]
fn who_cannot_be_reached_or_proves_nothing_gets_messages_through_the_server_for_a_minute() {
    let address = SocketAddr::from(([10, 0, 0, 7], 4401));
    let why = NoConnection::Silent;
    for error in [
        CallError::Unreachable { address, why },
        CallError::NotProven { name: name("bob"), address, why: NoProof::Stranger },
        CallError::NotProven { name: name("bob"), address, why: NoProof::NotIntroduced },
        CallError::NotProven { name: name("bob"), address, why: NoProof::NoPlace },
    ] {
        let mut play = Play::script();
        let fail = |play: &mut Play| {
            let (call, _) = play.begun();
            play.event(Event::CallEnded { call, end: CallEnd::Message(Err(error.clone())) });
        };
        play.look();
        play.typed("msg bob one");
        play.typed("msg bob two");
        fail(&mut play);
        assert_eq!(relays(&mut play), ["relay_one_bob"]);
        assert_eq!(relays(&mut play), ["relay_two_bob"], "at once");
        let told = format!("{error}; for a minute messages to bob go through the server at once");
        assert_eq!(play.shown(), [told.as_str(), "Relayed to bob", "Relayed to bob"]);
        play.after(Duration::from_secs(59));
        play.typed("msg bob three");
        assert_eq!(relays(&mut play), ["relay_three_bob"]);
        play.after(Duration::from_secs(1));
        play.typed("msg bob four");
        fail(&mut play);
        assert_eq!(relays(&mut play), ["relay_four_bob"]);
        // A list that shows another address is a reason to try it.
        play.typed("list");
        play.sent();
        play.server(&["client_bob_10.0.0.8:4401", "OK,1 active client"]);
        play.typed("msg bob five");
        assert!(matches!(play.begun(), (_, Work::Message { text, .. }) if text == "five"));
        let mut play = Play::online(Rules { relay: false, ..rules(SCRIPT) });
        play.look();
        play.typed("msg bob one");
        fail(&mut play);
        assert_eq!((play.shown(), play.sent()), (vec![format!("refused: {error}")], Vec::new()));
    }
}

#[test]
fn files_and_commands_want_a_ticket() {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    let file = play.knock(1, "FILE,a.txt,bob,", None);
    assert_eq!(play.orders(file), [Order::Refuse(PeerRefusal::TicketNeeded)]);
    let run = play.knock(2, "RUN,bob,,date", None);
    assert_eq!(play.orders(run), [Order::Refuse(PeerRefusal::NotIntroduced)]);
    let give = play.knock(3, "GIVE,a.txt,1,1,bob,", None);
    assert_eq!(play.orders(give), [Order::Refuse(PeerRefusal::NotIntroduced)]);
}

pub(super) fn proven(play: &mut Play, number: u64, opening: &str, who: &str) -> CallId {
    play.server(&[&format!("ticket_{who}_{TICKET}")]);
    play.knock(number, &opening.replace("TICKET", TICKET), None)
}

#[test]
fn a_gift_is_asked_about_taken_from_who_is_trusted_and_refused_without_room() {
    let mut play = Play::script();
    let bob = proven(&mut play, 1, "GIVE,a.txt,5,1,bob,TICKET", "bob");
    assert!(play.shown().contains(&"Offer".to_owned()));
    play.typed("accept bob elsewhere");
    assert_eq!(play.orders(bob), [Order::Take(PathBuf::from("elsewhere"))]);
    let why = "elsewhere: No such file or directory".to_owned();
    play.news(bob, News::NotTaken { refusal: PeerRefusal::NotTakenHere, why: why.clone() });
    assert!(play.shown().contains(&format!("refused: {why}. bob still waits: accept 1 DIR, or decline 1")));
    play.typed("accept 1");
    assert_eq!(play.orders(bob), [Order::Take(PathBuf::from("."))]);
    let carol = proven(&mut play, 2, "GIVE,a.txt,5,1,carol,TICKET", "carol");
    assert_eq!(play.orders(carol), [Order::Take(PathBuf::from("."))]);
    let large = proven(&mut play, 3, "GIVE,a.txt,2000000,1,bob,TICKET", "bob");
    assert_eq!(play.orders(large), [Order::Refuse(PeerRefusal::NoRoom)]);
    let mut play = Play::online(Rules { gifts: false, ..rules(SCRIPT) });
    let bob = proven(&mut play, 1, "GIVE,a.txt,5,1,bob,TICKET", "bob");
    assert_eq!(play.orders(bob), [Order::Refuse(PeerRefusal::NotTakenHere)]);
}

#[test]
fn a_command_of_the_list_runs_and_another_is_asked_about() {
    let mut play = Play::script();
    play.look();
    let listed = proven(&mut play, 1, "RUN,bob,TICKET,date", "bob");
    assert!(
        matches!(play.orders(listed).as_slice(), [Order::Decide { decision, .. }] if decision.word() == "on the list")
    );
    let asked = proven(&mut play, 2, "RUN,bob,TICKET,uptime", "bob");
    assert_eq!(play.shown(), ["RunRequest"]);
    play.news(asked, News::HungUp);
    assert!(matches!(play.orders(asked).as_slice(), [Order::Decide { decision, .. }] if decision.word() == "hung up"));
}

#[test]
fn uploads_take_turns_and_who_has_left_holds_nobody_up() {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    let calls: Vec<CallId> = (1..=3).map(|number| proven(&mut play, number, "FILE,a.txt,bob,TICKET", "bob")).collect();
    assert_eq!(play.orders(calls[0]), [Order::Accept]);
    play.news(calls[1], News::HungUp);
    play.event(Event::CallEnded { call: calls[1], end: CallEnd::Over });
    play.event(Event::CallEnded { call: calls[0], end: CallEnd::Over });
    assert_eq!(play.orders(calls[2]), [Order::Accept]);
}

#[test]
fn three_hundred_pasted_lines_leave_in_order_and_what_has_not_left_is_told() {
    let mut play = Play::online(rules(PERSON));
    let call = play.chatting();
    for number in 0..300 {
        play.typed(&format!("line {number}"));
    }
    let mut said = play.orders(call);
    assert_eq!(said.len(), MAX_ORDERS - 1, "as many as the call takes");
    for _ in 0..25 {
        play.news(call, News::Drained(8));
    }
    said.extend(play.orders(call));
    let expected: Vec<Order> = (0..said.len()).map(|number| Order::Say(format!("line {number}"))).collect();
    assert_eq!((said.len(), said == expected), (263, true));
    play.event(Event::CallEnded { call, end: CallEnd::Talk(Ok(TalkEnd::TheyLeft)) });
    assert_eq!(play.shown(), ["refused: Not sent: the last 37 lines to bob", "ChatClosed"]);
}

#[test]
fn a_broadcast_that_comes_before_the_login_is_complete_is_none_of_before() {
    let mut play = Play::new(rules(SCRIPT));
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.server(&["ip_127.0.0.2", "OK,Login successful!"]);
    play.server(&["bcast_1_1699999999_bob_before", "bcast_2_1700000000_bob_now"]);
    assert_eq!(play.shown(), ["bob before true", "bob now false"]);
}

#[test]
fn what_was_lost_on_the_way_is_told_where_it_was_said() {
    let mut play = Play::script();
    play.look();
    play.server(&["notice_Not delivered: bob was lost at 14:05"]);
    let place = |effect: &Effect| if let Effect::Show(line) = effect { Some(line.home.clone()) } else { None };
    assert_eq!(play.done.iter().find_map(place), Some(Place::Person(name("bob"))));
    assert_eq!(play.shown(), ["Not delivered: bob was lost at 14:05 (UTC)"]);
}

#[test]
fn who_does_not_answer_in_a_chat_is_told_there_and_the_chat_goes_on() {
    let mut play = Play::script();
    let call = play.chatting();
    play.look();
    play.news(call, News::Silent(true));
    assert_eq!(play.shown(), ["bob is silent: true"]);
    play.typed("still there?");
    assert_eq!(play.orders(call), [Order::Say("still there?".to_owned())]);
    play.news(call, News::Silent(false));
    assert_eq!(play.shown(), ["bob is silent: false"]);
}
