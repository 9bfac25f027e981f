//! The client's loop with all its threads and sockets: the test plays the App, the person, the server and the peers.

#[path = "event_loop/calls.rs"]
mod calls;
#[path = "event_loop/fetching.rs"]
mod fetching;
#[path = "event_loop/played.rs"]
mod played;
#[path = "event_loop/seen.rs"]
mod seen;
#[path = "event_loop/server.rs"]
mod server;
#[path = "event_loop/whole.rs"]
mod whole;

use peerline::client::call::Signals;
use peerline::client::event::{Effect, End, Event, Key};
use played::{App, LIMIT, Played, paths};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn ten_thousand_events_through_a_channel_of_one() {
    const EACH: u64 = 2500;
    let played = Played::with_room(1);
    let senders: Vec<_> = (0..4)
        .map(|who| {
            let signals = played.signals.clone();
            thread::spawn(move || (0..EACH).all(|number| signals.event(paths(who * EACH + number))))
        })
        .collect();
    let mut next = [0, EACH, 2 * EACH, 3 * EACH];
    for _ in 0..4 * EACH {
        let Event::Paths { ask, .. } = played.event() else { panic!("something else") };
        let next = &mut next[usize::try_from(ask / EACH).expect("small")];
        assert_eq!(ask, *next, "what one thread sends stays in order");
        *next += 1;
    }
    senders.into_iter().for_each(|sender| assert!(sender.join().expect("no panic")));
    assert_eq!(played.end(), End::Left);
}

#[test]
fn who_waits_for_room_is_told_of_the_end() {
    let (signals, receiver) = Signals::new(1);
    let senders: Vec<_> = (0..8)
        .map(|number| {
            let signals = signals.clone();
            thread::spawn(move || while signals.event(paths(number)) {})
        })
        .collect();
    let why = End::Failed("the port is taken".to_owned());
    let played = Played::start(App::new(vec![Effect::End(why.clone())]), signals, receiver);
    assert_eq!(played.over(), why);
    senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
}

#[test]
fn effects_are_carried_out_in_order_and_none_after_the_end() {
    let played = Played::new();
    let lines = played.lines();
    let shown = |text: &str| Effect::Show(played::line(text));
    played.carry_out(vec![shown("one"), shown("two"), Effect::End(End::Left), shown("three")]);
    assert_eq!(played.over(), End::Left);
    assert_eq!(lines.shown(), ["one", "two"]);
}

/// The channel is full, and stays so until the stop is told.
#[test]
fn a_stop_finds_room_where_there_is_none() {
    let (signals, receiver) = Signals::new(1);
    assert!(signals.event(paths(1)));
    let (sender, told) = channel();
    let played = Played::start(App { stops: Some(sender), ..App::new(Vec::new()) }, signals, receiver);
    let flood = played.signals.clone();
    let flood = thread::spawn(move || while flood.event(Event::Key(Key::Enter)) {});
    played.stop.stop();
    played.stop.stop();
    told.recv_timeout(LIMIT).expect("a stop");
    told.recv_timeout(LIMIT).expect("and another");
    assert_eq!(played.end(), End::Left);
    flood.join().expect("no panic");
    assert!(told.try_recv().is_err(), "each stop is told once");
}

#[test]
fn the_deadline_calls_the_app_and_nothing_else_does() {
    let (sender, told) = channel();
    let (signals, receiver) = Signals::new(16);
    let deadline = Instant::now() + Duration::from_millis(20);
    let app = App { deadline: Some(deadline), ticks: Some(sender), ..App::new(Vec::new()) };
    let played = Played::start(app, signals, receiver);
    assert!(told.recv_timeout(LIMIT).expect("a tick") >= deadline);
    // An event that is handled afterwards brings no second one.
    played.signals.event(paths(1));
    assert_eq!(played.event(), paths(1));
    assert_eq!(played.end(), End::Left);
    assert!(told.try_recv().is_err());
}

#[test]
fn files_are_touched_by_another_thread() {
    let mut played = Played::new();
    let scribe = played.scribe.take().expect("there");
    played.carry_out(vec![Effect::Remember("hi".to_owned()), Effect::AskPaths { ask: 7, begin: "no".to_owned() }]);
    assert_eq!(played.event(), Event::Paths { ask: 7, found: vec!["notes".to_owned()] });
    assert_eq!(scribe.recv_timeout(LIMIT).as_deref(), Ok("hi"));
    assert_eq!(played.end(), End::Left);
}

#[test]
fn a_disk_that_stands_still_holds_up_nothing() {
    let mut played = Played::new();
    let scribe = played.scribe.take().expect("there");
    let remember = |text: &str| Effect::Remember(text.to_owned());
    played.carry_out(vec![remember("wait")]);
    assert_eq!(scribe.recv_timeout(LIMIT).as_deref(), Ok("wait"));
    played.carry_out(vec![remember("hi"); 1100]);
    played.carry_out(vec![Effect::AskPaths { ask: 7, begin: "no".to_owned() }]);
    assert_eq!(played.event(), Event::Paths { ask: 7, found: Vec::new() });
    assert_eq!(played.end(), End::Left);
    // Those for which there was room are written though the client is over.
    assert_eq!(scribe.try_iter().count(), 1024);
}
