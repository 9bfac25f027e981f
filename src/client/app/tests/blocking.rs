//! Who is kept away: those who are blocked, and everybody who wants not to be disturbed.

use super::talks::proven;
use super::*;

/// What bob may want.
const WANTS: [&str; 5] = [
    "CHAT,bob,TICKET",
    "MSG,bob,TICKET",
    "FILE,notes.txt,bob,TICKET",
    "LIST,bob,TICKET",
    "GIVE,notes.txt,6,1,bob,TICKET",
];

fn sharing(rules: Rules) -> Play {
    let mut play = Play::online(Rules { share: Some(PathBuf::from("shared")), ..rules });
    play.look();
    play
}

fn refused(play: &mut Play, call: CallId) -> Option<PeerRefusal> {
    match play.orders(call).as_slice() {
        [Order::Refuse(why)] => Some(why.clone()),
        _ => None,
    }
}

#[test]
fn nothing_comes_of_who_is_blocked() {
    let mut play = sharing(Rules { blocked: [name("Bob")].into(), ..rules(SCRIPT) });
    for (number, want) in (1..).zip(WANTS) {
        let call = proven(&mut play, number, want, "bob");
        assert_eq!(refused(&mut play, call), Some(PeerRefusal::Declined), "{want}");
    }
    for command in ["date", "id"] {
        let call = proven(&mut play, 9, &format!("RUN,bob,TICKET,{command}"), "bob");
        let declined = [Order::Decide { decision: Decision::Declined, me: name("alice") }];
        assert_eq!(play.orders(call), declined, "{command} has a row in the log");
    }
    let stranger = play.knock(10, "CHAT,bob", None);
    assert_eq!(refused(&mut play, stranger), Some(PeerRefusal::Declined), "who only says so, too");
    play.server(&["msg_bob_hello", "bcast_1_1700000001_bob_one", "bcast_2_1700000001_carol_two"]);
    assert_eq!(play.shown(), ["carol two false"], "the number of the first one counts");
    play.typed("unblock bob");
    play.look();
    play.server(&["msg_bob_hello"]);
    assert_eq!(play.shown(), ["msg bob hello true true"]);
}

#[test]
fn what_is_open_ends_when_somebody_is_blocked_and_it_is_kept() {
    let mut play = sharing(rules(SCRIPT));
    let talk = play.chatting();
    play.typed("!back");
    play.typed("get bob notes.txt");
    let (fetch, _) = play.begun();
    play.typed("chat bob");
    let asks = proven(&mut play, 1, "GIVE,notes.txt,6,1,bob,TICKET", "bob");
    play.look();
    play.typed("/block bob");
    assert!(play.done.contains(&Effect::Block { name: name("bob"), is_blocked: true }));
    assert!(play.done.contains(&Effect::HangUp(talk)) && play.done.contains(&Effect::HangUp(fetch)));
    assert_eq!(refused(&mut play, asks), Some(PeerRefusal::Declined));
    play.look();
    for (line, shown) in [
        ("block bob", "bob was blocked already"),
        ("block alice", "refused: That is yourself"),
        ("blocked", "Blocked"),
        ("unblock Bob", "You hear Bob again"),
        ("unblock bob", "refused: bob is not blocked"),
        ("blocked", "Nobody is blocked"),
    ] {
        play.typed(line);
        assert_eq!(play.shown(), [shown], "{line}");
    }
    assert_eq!(play.done.iter().filter(|effect| matches!(effect, Effect::Block { .. })).count(), 1);
}

#[test]
fn who_does_not_want_to_be_disturbed_is_asked_nothing_and_hears_who_called() {
    let mut play = sharing(rules(SCRIPT));
    play.typed("dnd on");
    assert_eq!(play.sent(), ["dnd_on"]);
    play.server(&["OK"]);
    play.look();
    let chat = proven(&mut play, 1, "CHAT,bob,TICKET", "bob");
    assert_eq!(refused(&mut play, chat), Some(PeerRefusal::DoNotDisturb));
    assert_eq!(play.shown(), ["bob called at 22:13"]);
    let gift = proven(&mut play, 2, "GIVE,notes.txt,6,1,bob,TICKET", "bob");
    assert_eq!(refused(&mut play, gift), Some(PeerRefusal::DoNotDisturb));
    assert_eq!(play.shown(), [""; 0], "once a minute");
    let run = proven(&mut play, 3, "RUN,dave,TICKET,id", "dave");
    assert_eq!(play.orders(run), [Order::Decide { decision: Decision::DoNotDisturb, me: name("alice") }]);
    assert_eq!(play.shown(), ["dave asked to run a command at 22:13"]);
    let message = proven(&mut play, 4, "MSG,bob,TICKET", "bob");
    assert_eq!(play.orders(message), [Order::Accept], "a message is no question");
    let listed = proven(&mut play, 5, "RUN,dave,TICKET,date", "dave");
    assert_eq!(play.orders(listed), [Order::Decide { decision: Decision::Listed, me: name("alice") }]);
    let given = proven(&mut play, 6, "GIVE,notes.txt,6,1,carol,TICKET", "carol");
    assert!(matches!(play.orders(given)[..], [Order::Take(_)]), "carol need not ask");
    play.after(Duration::from_secs(60));
    play.look();
    let again = proven(&mut play, 7, "CHAT,bob,TICKET", "bob");
    assert_eq!(refused(&mut play, again), Some(PeerRefusal::DoNotDisturb));
    assert_eq!(play.shown(), ["bob called at 22:14"]);
    // It is said again after the next login.
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.log_in();
    assert!(play.sent().contains(&"dnd_on".to_owned()));
    play.server(&["OK"]);
    play.typed("dnd off");
    assert!(play.sent().contains(&"dnd_off".to_owned()));
    play.look();
    let asks = proven(&mut play, 8, "CHAT,bob,TICKET", "bob");
    assert_eq!(play.orders(asks), []);
    assert_eq!(play.shown(), ["ChatRequest"]);
}

#[test]
fn a_caller_who_finds_somebody_busy_is_told_what_helps() {
    for (why, shown) in [
        ("busy", "No chat with bob: busy; msg bob TEXT leaves a message"),
        ("no answer", "No chat with bob: no answer; msg bob TEXT leaves a message"),
        (
            "does not want to be disturbed",
            "No chat with bob: does not want to be disturbed; msg bob TEXT leaves a message",
        ),
        ("declined", "No chat with bob: declined"),
    ] {
        let mut play = Play::script();
        play.typed("chat bob");
        let (call, _) = play.begun();
        play.look();
        let refused = CallError::Refused(PeerRefusal::parse(why));
        play.event(Event::CallEnded { call, end: CallEnd::Talk(Err(refused)) });
        let told = |effect: &Effect| if let Effect::Show(line) = effect { Some(line.shown.clone()) } else { None };
        let lines: Vec<String> =
            play.pick(told).iter().map(|shown| crate::client::shown::text(shown, &jiff::tz::TimeZone::UTC)).collect();
        assert_eq!(lines, [shown]);
    }
}
