//! Messages, files and gifts on their way, and what a script waits for.

use super::*;

#[test]
fn a_message_that_could_not_leave_is_relayed_and_one_that_may_have_arrived_is_not() {
    let unreachable = CallError::Unreachable { address: SocketAddr::from((HERE, 4401)), why: NoConnection::NoHost };
    for (error, relayed) in [
        (unreachable, true),
        (CallError::DoesNotListen("bob accepts no connections".to_owned()), true),
        (CallError::Perhaps("no answer".to_owned()), false),
        (CallError::NotIntroduced("User not found!".to_owned()), false),
    ] {
        let mut play = Play::script();
        play.look();
        play.typed("msg bob see you at six");
        let (call, _) = play.begun();
        play.event(Event::CallEnded { call, end: CallEnd::Message(Err(error)) });
        assert_eq!(play.sent() == ["relay_see you at six_bob"], relayed);
        play.server(&["OK,Relayed to bob"]);
    }
}

#[test]
fn messages_to_one_person_arrive_in_the_order_of_typing() {
    let mut play = Play::screen();
    play.press("msg bob one\rmsg carol else\rmsg bob two\rmsg bob three\r");
    let mut texts = Vec::new();
    for _ in 0..3 {
        let mut begun = play.pick(|effect| match effect {
            Effect::Call { call, work: Work::Message { to, text } } if to.to_string() == "bob" => {
                Some((*call, text.clone()))
            }
            _ => None,
        });
        let (call, text) = begun.pop().expect("a message");
        assert_eq!(begun, [], "one at a time");
        texts.push(text);
        play.event(Event::CallEnded { call, end: CallEnd::Message(Ok(name("bob"))) });
    }
    assert_eq!(texts, ["one", "two", "three"]);
    let (_, work) = play.begun();
    assert!(matches!(work, Work::Message { text, .. } if text == "else"), "carol waits for nobody");
}

#[test]
fn a_call_is_introduced_also_after_the_session_was_lost() {
    let mut play = Play::script();
    play.look();
    play.typed("get bob notes.txt");
    let (call, _) = play.begun();
    play.event(Event::LinkLost { link: LinkId(1) });
    play.news(call, News::Wants("bob".parse().expect("valid")));
    assert_eq!(play.orders(call), []);
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.log_in();
    assert!(play.sent().contains(&"connect_bob".to_owned()));
    play.server(&[&format!("ticket_bob_{TICKET}"), "peer_127.0.0.3:4401", "OK,"]);
    let orders = play.orders(call);
    assert!(matches!(orders.as_slice(), [Order::Introduced(Ok(Introduced { name, .. }))] if name.as_str() == "bob"));
}

fn step(way: Way, stage: Stage) -> News {
    News::Transfer(Step { way, with: name("bob"), what: "notes.txt".to_owned(), stage })
}

#[test]
fn a_script_that_quits_finishes_what_it_began() {
    let mut play = Play::script();
    play.look();
    play.typed("get bob notes.txt");
    let (call, work) = play.begun();
    assert!(matches!(work, Work::Fetch { .. }));
    play.typed("quit");
    play.after(Duration::from_secs(3600));
    assert!(!play.done.iter().any(|effect| matches!(effect, Effect::End(_))));
    let whole = Stage::Whole { size: 1, there: 0, took: Duration::ZERO, saved: None };
    play.news(call, step(Way::Fetch, whole));
    play.event(Event::CallEnded { call, end: CallEnd::Over });
    assert_eq!(play.sent(), ["quit"]);
    play.look();
    play.server(&["OK,Goodbye"]);
    assert_eq!(play.look(), [Effect::End(End::Left)]);
}

#[test]
fn three_fetches_at_a_time_and_the_others_in_line() {
    let mut play = Play::script();
    play.look();
    for number in 0..5 {
        play.typed(&format!("get bob {number}.txt"));
    }
    let begun = play.look().into_iter().filter(|effect| matches!(effect, Effect::Call { .. })).count();
    assert_eq!(begun, 3);
    play.typed("cancel 4.txt");
    assert!(matches!(play.shown().as_slice(), [cancelled] if cancelled == "Transfer"));
    play.event(Event::CallEnded { call: CallId::Out(1), end: CallEnd::Over });
    assert!(matches!(play.begun(), (_, Work::Fetch { file, .. }) if file.as_str() == "3.txt"));
}

#[test]
fn rate_and_time_left_are_those_of_the_last_seconds() {
    let mut play = Play::script();
    play.look();
    play.typed("get bob notes.txt");
    let (call, _) = play.begun();
    play.news(call, step(Way::Fetch, Stage::Begun { size: 10_000, offset: 0 }));
    for second in 1..=4 {
        play.after(Duration::from_secs(1));
        play.look();
        let done = second * 1000;
        play.news(call, step(Way::Fetch, Stage::Progress { done, size: 10_000, file: 1, count: 1 }));
    }
    let pace = |effect| match effect {
        Effect::Show(line) => match line.shown {
            Shown::Transfer { rate, left, .. } => Some((rate, left)),
            _ => None,
        },
        _ => None,
    };
    let paces: Vec<_> = play.look().into_iter().filter_map(pace).collect();
    assert_eq!(paces, [(Some(1000), Some(Duration::from_secs(6)))]);
}

#[test]
fn who_talks_with_a_peer_is_not_idle() {
    let mut play = Play::script();
    play.chatting();
    play.look();
    play.typed("one");
    assert_eq!(play.sent(), ["here"]);
    play.server(&["OK,"]);
    play.typed("two");
    assert_eq!(play.sent(), [""; 0], "at most once in 10 s");
    play.after(Duration::from_secs(3600));
    assert_eq!(play.sent(), [""; 0], "never by a timer alone");
    play.typed("three");
    assert_eq!(play.sent(), ["here"]);
}

#[test]
fn shared_files_are_told_and_told_again_when_they_change() {
    use crate::client::event::Shares;
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    let shares = |names: &[&str]| {
        let names = names.iter().map(|name| name.parse().expect("valid")).collect();
        Event::Shares(Shares { names, ..Shares::default() })
    };
    play.look();
    play.event(shares(&["a.txt"]));
    assert_eq!(play.sent(), ["INIT,alice,4401,a.txt"]);
    play.server(&["UP"]);
    assert_eq!(play.shown(), ["Sharing 1 file in shared."]);
    play.event(shares(&["a.txt", "b.txt"]));
    assert_eq!(play.sent(), ["SHARE,b.txt"]);
    play.server(&["UP"]);
    play.event(shares(&["b.txt"]));
    assert_eq!(play.sent(), ["INIT,alice,4401,b.txt"]);
    play.server(&["UP"]);
    assert_eq!(play.sent(), [""; 0]);
}

#[test]
fn a_stopped_client_is_over_and_wants_nothing_more() {
    let mut play = Play::script();
    play.look();
    play.event(Event::Stop);
    assert_eq!(play.look(), [Effect::End(End::Left)]);
    play.server(&["notice_hello"]);
    assert_eq!((play.look(), play.app.deadline()), (vec![], None));
}

#[test]
fn a_transfer_of_which_nothing_comes_is_stalled_until_something_does() {
    let mut play = Play::script();
    play.look();
    play.typed("get bob notes.txt");
    let (call, _) = play.begun();
    let stage = |play: &mut Play| {
        let stages = play.pick(|effect| match effect {
            Effect::Show(line) => match &line.shown {
                Shown::Transfer { step, .. } => Some((step.stage.clone(), line.request)),
                _ => None,
            },
            _ => None,
        });
        stages.into_iter().next_back()
    };
    let progress = |done| Stage::Progress { done, size: 10_000, file: 1, count: 1 };
    play.news(call, step(Way::Fetch, Stage::Begun { size: 10_000, offset: 0 }));
    play.news(call, step(Way::Fetch, progress(1000)));
    play.look();
    play.after(Duration::from_secs(4));
    assert_eq!(stage(&mut play), None);
    play.after(Duration::from_secs(1));
    assert_eq!(stage(&mut play), Some((Stage::Stalled { done: 1000, size: 10_000 }, None)));
    play.after(Duration::from_secs(60));
    assert_eq!(stage(&mut play), None, "told once");
    play.news(call, step(Way::Fetch, progress(2000)));
    assert_eq!(stage(&mut play), Some((progress(2000), None)));
}

#[test]
fn who_takes_next_to_nothing_makes_room_for_who_waits() {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    let slow = super::talks::proven(&mut play, 1, "FILE,a.txt,eve,TICKET", "eve");
    let step = |stage| News::Transfer(Step { way: Way::Send, with: name("eve"), what: "a.txt".to_owned(), stage });
    play.news(slow, step(Stage::Begun { size: 1 << 40, offset: 0 }));
    for second in 1..=60 {
        play.after(Duration::from_secs(1));
        play.news(slow, step(Stage::Progress { done: second * 1000, size: 1 << 40, file: 1, count: 1 }));
    }
    play.look();
    let waits = super::talks::proven(&mut play, 2, "FILE,a.txt,bob,TICKET", "bob");
    assert!(
        play.shown().contains(&"eve takes a.txt too slowly while others wait: stopped, it can go on later".to_owned())
    );
    assert!(play.look().contains(&Effect::HangUp(slow)));
    play.event(Event::CallEnded { call: slow, end: CallEnd::Over });
    assert_eq!(play.orders(waits), [Order::Accept]);
}

#[test]
fn a_file_that_is_read_for_its_hash_takes_no_slot() {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules(SCRIPT) });
    let hashes = super::talks::proven(&mut play, 1, "FILE,a.txt,eve,TICKET,5", "eve");
    let waits = super::talks::proven(&mut play, 2, "FILE,b.txt,bob,TICKET", "bob");
    assert_eq!((play.orders(hashes), play.orders(waits)), (vec![Order::Accept], vec![]));
    play.news(hashes, News::BytesSent);
    assert_eq!(play.orders(waits), [Order::Accept]);
}

#[test]
fn one_person_gives_four_things_at_a_time() {
    let mut play = Play::script();
    let give = |play: &mut Play, number| {
        let call = super::talks::proven(play, number, "GIVE,a.txt,1,1,carol,TICKET", "carol");
        let step = Step {
            way: Way::Take,
            with: name("carol"),
            what: "a.txt".to_owned(),
            stage: Stage::Begun { size: 1, offset: 0 },
        };
        let orders = play.orders(call);
        if orders == [Order::Take(PathBuf::from("."))] {
            play.news(call, News::Transfer(step));
            return true;
        }
        assert_eq!(orders, [Order::Refuse(PeerRefusal::busy())]);
        false
    };
    assert_eq!((1..=8).filter(|number| give(&mut play, *number)).count(), 4);
}
