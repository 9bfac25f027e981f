//! A network that is gone without a word, and what was on its way then.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const GONE: &str = "The server does not answer; open chats go on. Trying to come back...";

/// The server answers a hello.
fn answer_hello(play: &mut Play) {
    play.event(Event::Datagram(vec![FromServer::Head(0)]));
}

/// Logged in, with a hello that was answered just now, and no other from now on.
fn heard() -> Play {
    let mut play = Play::script();
    answer_hello(&mut play);
    play.answers_hellos = false;
    play.look();
    play
}

#[test]
fn who_only_reads_is_told_within_20_seconds_of_a_cut_and_the_connection_is_made_anew() {
    let mut play = heard();
    play.after(16 * SECOND);
    assert_eq!((play.sent(), play.shown()), (vec!["here".to_owned()], vec![]));
    play.after(3 * SECOND);
    assert_eq!(play.shown(), [GONE]);
    assert!(play.look().contains(&Effect::Abort(LinkId(1))));
    play.after(SECOND);
    assert!(play.look().contains(&Effect::Connect(LinkId(2))));
    play.link = 2;
    play.log_in();
    assert_eq!(play.shown(), ["Logged in again as alice."]);
}

#[test]
fn a_connection_that_the_system_gives_up_is_silent() {
    let mut play = heard();
    play.event(Event::LinkSilent { link: LinkId(1) });
    assert_eq!(play.shown(), [GONE]);
}

#[test]
fn a_server_whose_datagrams_do_not_arrive_is_asked_once_for_each_silence() {
    let mut play = heard();
    for _ in 0..2 {
        play.after(16 * SECOND);
        assert_eq!(play.sent(), ["here"]);
        play.server(&["OK,"]);
        play.after(3600 * SECOND);
        assert_eq!((play.sent(), play.shown()), (vec![], vec![]), "it is there");
        answer_hello(&mut play);
        play.after(5 * SECOND);
        answer_hello(&mut play);
    }
}

#[test]
fn a_request_on_its_way_is_the_question_and_any_line_the_answer() {
    let mut play = heard();
    play.after(15 * SECOND);
    play.typed("files");
    assert_eq!(play.sent(), ["GET_AF"]);
    play.after(3 * SECOND);
    play.server(&["files_bob,a.txt"]);
    play.after(2 * SECOND);
    assert_eq!(play.sent(), [""; 0], "the answer comes, slowly");
    assert_eq!(play.shown(), [""; 0]);
    play.server(&["OK,1 file"]);
    let mut play = heard();
    play.after(15 * SECOND);
    play.typed("files");
    play.after(4 * SECOND);
    assert_eq!(play.shown().last().map(String::as_str), Some(GONE), "sooner than 10 s after the request");
    let mut play = heard();
    play.after(15 * SECOND);
    play.typed("probe");
    play.after(4 * SECOND);
    play.server(&["OK,Others can reach you at 127.0.0.2:4401"]);
    assert_eq!(play.shown(), ["Others can reach you at 127.0.0.2:4401"], "it takes the server some seconds");
}

#[test]
fn an_address_that_has_changed_is_announced_anew() {
    let mut play = heard();
    play.after(20 * SECOND);
    play.look();
    let now = IpAddr::from([127, 0, 0, 7]);
    play.event(Event::Connected { link: LinkId(2), from: SocketAddr::from((now, 9)) });
    play.link = 2;
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
    play.server(&["udp_ff112233445566778899aabbccddeeff", "ip_127.0.0.7", "OK,Login successful!"]);
    let done = play.look();
    assert!(done.contains(&Effect::Listen(now)), "{done:?}");
    let hello = done.iter().find_map(|effect| if let Effect::Hello(hello) = effect { Some(hello) } else { None });
    assert!(hello.is_some_and(|hello| hello.to_string().starts_with("hello_ff11")), "{done:?}");
    play.event(Event::Listening { at: now, port: Ok(4401) });
    assert_eq!(play.sent(), ["INIT,alice,4401"]);
    play.server(&["UP"]);
    assert_eq!(play.shown(), ["Logged in again as alice."]);
    // Elsewhere it listens on all addresses, and tells its port.
    let mut play = Play::new(rules(SCRIPT));
    for (link, last) in [(1, 2), (2, 7)] {
        let from = IpAddr::from([10, 0, 0, last]);
        play.event(Event::Connected { link: LinkId(link), from: SocketAddr::from((from, 9)) });
        play.link = link;
        play.server(&["udp_ff112233445566778899aabbccddeeff", &format!("ip_{from}"), "OK,Login successful!"]);
        let any = IpAddr::from([0, 0, 0, 0]);
        let listens = play.look().contains(&Effect::Listen(any));
        assert_eq!(listens, link == 1);
        if listens {
            play.event(Event::Listening { at: any, port: Ok(4402) });
            assert_eq!(play.sent(), ["INIT,alice,4402"]);
            play.server(&["OK,"]);
            play.after(20 * SECOND);
        }
    }
}

/// A fetch from bob that has begun, at a server whose hellos are answered no more.
fn fetching() -> (Play, CallId) {
    let mut play = heard();
    play.typed("get bob notes.txt");
    let (call, _) = play.begun();
    stage(&mut play, call, Stage::Begun { size: 10_000, offset: 0 });
    stage(&mut play, call, Stage::Progress { done: 1000, size: 10_000, file: 1, count: 1 });
    assert_eq!(play.sent(), ["here"]);
    play.server(&["OK,"]);
    play.look();
    (play, call)
}

fn stage(play: &mut Play, call: CallId, stage: Stage) {
    let step = Step { way: Way::Fetch, with: name("bob"), what: "notes.txt".to_owned(), stage };
    play.news(call, News::Transfer(step));
}

/// The stages that were shown.
fn stages(play: &mut Play) -> Vec<Stage> {
    play.pick(|effect| match effect {
        Effect::Show(line) => match &line.shown {
            Shown::Transfer { step, .. } => Some(step.stage.clone()),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_fetch_that_stands_still_goes_on_when_hellos_are_answered_again() {
    let (mut play, call) = fetching();
    play.after(12 * SECOND);
    let hellos = play.look().into_iter().filter(|effect| matches!(effect, Effect::Hello(_))).count();
    assert_eq!(hellos, 8, "one at 5 s, when nothing had come for so long, and then each second");
    answer_hello(&mut play);
    assert_eq!(play.look(), [Effect::Redial(call)]);
    // Bytes come, or the way was free all the time: its owner is the one that is gone.
    stage(&mut play, call, Stage::Progress { done: 2000, size: 10_000, file: 1, count: 1 });
    play.answers_hellos = true;
    play.after(30 * SECOND);
    let done = play.look();
    assert!(!done.iter().any(|effect| matches!(effect, Effect::Redial(_))), "{done:?}");
}

#[test]
fn a_fetch_waits_for_the_session_and_is_tried_at_once_when_it_is_back() {
    let (mut play, call) = fetching();
    stage(&mut play, call, Stage::Again { why: "the connection has ended".to_owned() });
    play.event(Event::LinkLost { link: LinkId(1) });
    play.look();
    play.news(call, News::Wants("bob".parse().expect("valid")));
    play.event(Event::NotConnected { link: LinkId(2), why: LinkError::Connect(NoConnection::Silent) });
    play.after(300 * SECOND);
    assert_eq!(play.orders(call), [], "it is not told that there is no server");
    assert_eq!(stages(&mut play), [Stage::Away], "the person is told once");
    play.link = play.app.life.links;
    play.log_in();
    assert!(play.sent().contains(&"connect_bob".to_owned()));
    assert!(play.look().contains(&Effect::Redial(call)));
    // Where nobody comes back by itself it does not wait.
    play.typed("disconnect");
    play.news(call, News::Wants("bob".parse().expect("valid")));
    let away = CallError::NoServer("not logged in".to_owned());
    assert!(play.orders(call).contains(&Order::Introduced(Err(away))));
}

#[test]
fn a_fetch_whose_introduction_is_on_its_way_when_the_session_ends_waits_too() {
    let (mut play, call) = fetching();
    play.news(call, News::Wants("bob".parse().expect("valid")));
    assert_eq!(play.sent(), ["connect_bob"]);
    play.event(Event::LinkLost { link: LinkId(1) });
    assert_eq!(stages(&mut play), [Stage::Away]);
    play.after(20 * SECOND);
    assert_eq!(play.orders(call), []);
}

/// The connection ends, and a new one is made and logged in.
fn come_back(play: &mut Play) {
    play.event(Event::LinkLost { link: LinkId(play.link) });
    play.after(SECOND);
    play.link += 1;
    play.log_in();
}

#[test]
fn what_was_sent_and_not_answered_is_perhaps_carried_out() {
    for (typed, told) in [
        ("all hello", "perhaps: Perhaps sent: the connection to the server is lost"),
        ("inactive", "perhaps: Perhaps carried out: the connection to the server is lost"),
        ("list", "perhaps: Not answered: the connection to the server is lost"),
    ] {
        let mut play = Play::script();
        play.look();
        play.typed(typed);
        play.event(Event::LinkLost { link: LinkId(1) });
        assert_eq!(play.shown()[0], told);
        assert!(play.app.was_refused(), "this is no success");
    }
}

#[test]
fn a_broadcast_whose_answer_was_lost_is_told_when_it_has_arrived() {
    let mut play = Play::script();
    play.look();
    play.typed("all hello");
    come_back(&mut play);
    play.look();
    play.server(&["bcast_7_1700000000_bob_hello", "bcast_8_1700000000_alice_hello"]);
    assert_eq!(play.shown(), ["bob hello false", "alice hello false", "It has arrived after all"]);
    assert!(play.app.was_refused(), "it was not sure");
    let mut play = Play::script();
    play.look();
    play.typed("all hello");
    play.server(&["bcast_8_1700000000_alice_hello"]);
    play.event(Event::LinkLost { link: LinkId(1) });
    let sure = "Sent, and only the answer is lost: the connection to the server is lost";
    assert_eq!(play.shown()[..2], ["alice hello false", sure]);
    assert!(!play.app.was_refused());
}

#[test]
fn what_was_not_sent_is_sent_after_coming_back() {
    let mut play = Play::screen();
    play.look();
    play.press("list\rall hello\rmsg bob see you\r");
    assert_eq!(play.sent(), ["list"]);
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("valid")));
    come_back(&mut play);
    play.server(&["OK,Broadcast 1 sent to 1 clients"]);
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse", "INIT,alice,4401", "bcast_hello", "connect_bob"]);
}

#[test]
fn what_was_not_sent_is_told_as_not_sent_when_there_is_no_session_in_time() {
    let mut play = Play::script();
    play.look();
    play.typed("msg bob see you");
    let (call, _) = play.begun();
    play.event(Event::LinkLost { link: LinkId(1) });
    play.look();
    play.news(call, News::Wants("bob".parse().expect("valid")));
    play.after(9 * SECOND);
    assert_eq!(play.orders(call), []);
    play.after(SECOND);
    let Some(Order::Introduced(Err(why))) = play.orders(call).pop() else { panic!("not introduced") };
    play.event(Event::CallEnded { call, end: CallEnd::Message(Err(why)) });
    assert_eq!(play.shown(), ["refused: Not sent: there was no session with the server for 10 s"]);
}

#[test]
fn what_waits_is_not_sent_by_somebody_else() {
    let mut play = Play::online(rules(PERSON));
    play.event(Event::LinkLost { link: LinkId(1) });
    play.typed("all hello");
    for line in ["login", "bob", "another horse"] {
        play.look();
        play.typed(line);
    }
    let shown = play.shown();
    assert!(shown.contains(&"refused: Not sent: you log in as somebody else".to_owned()), "{shown:?}");
}

#[test]
fn a_script_waits_for_the_reconnect_that_it_asks_for() {
    let mut play = Play::script();
    for line in ["disconnect", "reconnect"] {
        play.look();
        play.typed(line);
    }
    let done = play.look();
    assert!(done.contains(&Effect::Connect(LinkId(2))), "at once: {done:?}");
    play.done = done;
    assert!(!play.is_asked());
    play.link = 2;
    play.event(Event::Connected { link: LinkId(2), from: SocketAddr::from((HERE, 9)) });
    play.server(&["ip_127.0.0.2", "OK,Login successful!"]);
    assert!(!play.is_asked(), "not before the INIT is answered");
    play.server(&["UP"]);
    assert!(play.is_asked());
    play.typed("list");
    assert_eq!(play.sent().last().map(String::as_str), Some("list"));
    assert!(!play.app.was_refused());
}
