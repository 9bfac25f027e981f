//! Several servers: which is tried, and when.

use super::*;
use crate::client::event::ServerAt;

pub(super) fn at(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 4400))
}

/// The rules of a client that is given these servers.
pub(super) fn given(numbers: &[u8], face: Face) -> Rules {
    let mut servers = numbers.iter().map(|number| at(*number));
    let server = servers.next().expect("a first one");
    Rules { server, also: servers.collect(), ..rules(face) }
}

/// Logged in at the first of these servers, where others are told of these lines besides.
pub(super) fn online(rules: Rules, told: &[&str]) -> Play {
    let mut play = Play::new(rules);
    answer_login(&mut play, told);
    play.look();
    play
}

/// The connection is made, and the login is answered with these lines too.
pub(super) fn answer_login(play: &mut Play, told: &[&str]) {
    play.event(Event::Connected { link: LinkId(play.link), from: "10.0.0.99:9".parse().expect("an address") });
    play.server(&["udp_00112233445566778899aabbccddeeff", "ip_10.0.0.99", "name_alice"]);
    play.server(told);
    play.server(&["OK,Login successful!"]);
    let any = IpAddr::from([0, 0, 0, 0]);
    if play.done.contains(&Effect::Listen(any)) {
        play.event(Event::Listening { at: any, port: Ok(4401) });
    }
    play.server(&["OK,"]);
}

/// The connection is lost.
pub(super) fn lose(play: &mut Play) {
    play.event(Event::LinkLost { link: LinkId(play.link) });
    play.link += 1;
}

/// Lets time pass until the next connection begins: to which server, if it is another than before, and after how long.
pub(super) fn next(play: &mut Play) -> (Option<ServerAt>, Duration) {
    let begun = play.now.instant;
    loop {
        let done = play.pick(|effect| match effect {
            Effect::TurnTo(_) | Effect::Connect(_) => Some(effect.clone()),
            _ => None,
        });
        if let Some((Effect::Connect(link), turned)) = done.split_last() {
            assert_eq!(*link, LinkId(play.link));
            let mut turned = turned.iter().map(|effect| match effect {
                Effect::TurnTo(server) => server.clone(),
                other => panic!("{other:?}"),
            });
            return (turned.next_back(), play.now.instant - begun);
        }
        let deadline = play.app.deadline().expect("another try");
        play.go_to(deadline);
    }
}

pub(super) fn not_there(play: &mut Play) {
    let why = LinkError::Connect(NoConnection::Refused);
    play.event(Event::NotConnected { link: LinkId(play.link), why });
    play.link += 1;
}

pub(super) fn clear(number: u8) -> ServerAt {
    ServerAt { address: at(number), key: None }
}

#[test]
fn when_a_connection_ends_the_others_are_tried_each_once_after_pauses_that_are_drawn() {
    let mut play = online(given(&[1, 2, 3], SCRIPT), &[]);
    lose(&mut play);
    let (mut tried, mut pauses) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (server, pause) = next(&mut play);
        tried.push(server.expect("another one").address);
        pauses.push(pause.as_millis());
        not_there(&mut play);
    }
    assert_eq!(tried[2], at(1), "the one that went away comes last");
    tried.sort();
    assert_eq!(tried, [at(1), at(2), at(3)]);
    assert!(pauses[0] <= 2_000 && (1_000..=2_000).contains(&pauses[1]) && (2_000..=4_000).contains(&pauses[2]));
    assert_eq!(play.shown(), ["The server is gone; open chats go on. Trying to come back..."], "once");
    let (server, pause) = next(&mut play);
    let server = server.expect("the next round begins with another").address;
    assert!((4_000..=8_000).contains(&pause.as_millis()), "{pause:?}");
    answer_login(&mut play, &[]);
    assert_eq!(play.shown(), [format!("Logged in again as alice at {server}.")]);
    // From here on it is as at first, and nobody is told where they are when they stay.
    lose(&mut play);
    assert!(next(&mut play).1 <= Duration::from_secs(2));
}

#[test]
fn who_is_told_of_no_other_server_comes_back_as_ever() {
    let mut play = online(given(&[1], SCRIPT), &[]);
    lose(&mut play);
    let tries: Vec<_> = (0..3).map(|_| (next(&mut play), not_there(&mut play)).0).collect();
    assert_eq!(tries, [500, 1000, 2000].map(|millis| (None, Duration::from_millis(millis))));
}

#[test]
fn at_the_start_each_is_tried_at_once_and_then_it_is_over() {
    let mut play = Play::new(given(&[1, 2], SCRIPT));
    assert_eq!(play.look(), [Effect::Connect(LinkId(1))]);
    not_there(&mut play);
    assert_eq!(play.shown(), ["10.0.0.1:4400: connection refused. Trying the next server..."]);
    assert_eq!(play.look(), [Effect::TurnTo(clear(2)), Effect::Connect(LinkId(2))]);
    not_there(&mut play);
    assert!(matches!(play.look().last(), Some(Effect::End(End::Failed(why))) if why.contains("10.0.0.2:4400")));
    // It is lost before the first login is complete.
    let mut play = Play::new(given(&[1, 2], SCRIPT));
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.look();
    lose(&mut play);
    assert_eq!(next(&mut play), (Some(clear(2)), Duration::ZERO));
    answer_login(&mut play, &[]);
    assert!(play.sent().contains(&"LOGIN,alice,correct horse".to_owned()));
    // But no account is made twice.
    let signup = Credentials { name: name("alice"), password: Some("correct horse".to_owned()), signup: true };
    let mut play = Play::new(Rules { credentials: Some(signup), ..given(&[1, 2], SCRIPT) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["SIGNUP,alice,correct horse"]);
    lose(&mut play);
    assert!(matches!(play.look().last(), Some(Effect::End(End::Failed(_)))));
}

#[test]
fn behind_a_full_server_the_next_is_tried_at_once_and_all_of_them_only_once() {
    let mut play = online(given(&[1, 2, 3], SCRIPT), &[]);
    lose(&mut play);
    next(&mut play);
    for _ in 0..2 {
        let why = LinkError::Full("Server full (50 clients): try again later".to_owned());
        play.event(Event::NotConnected { link: LinkId(play.link), why });
        play.link += 1;
        let (server, pause) = next(&mut play);
        assert!(server.is_some() && pause.is_zero());
    }
    let why = LinkError::Full("Server full (50 clients): try again later".to_owned());
    play.event(Event::NotConnected { link: LinkId(play.link), why });
    play.link += 1;
    assert!(next(&mut play).1 >= Duration::from_secs(1), "all are full");
}

#[test]
fn who_was_sent_away_is_not_brought_to_another_server() {
    for notice in [
        "Inactive for too long, terminating connection",
        "alice has logged in from 10.0.0.7, terminating this \
        connection",
    ] {
        let token = "again_00112233445566778899aabbccddeeff";
        let mut play = online(given(&[1, 2], SCRIPT), &[token]);
        play.server(&[&format!("notice_{notice}")]);
        lose(&mut play);
        play.after(Duration::from_secs(600));
        assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))));
        play.typed("reconnect");
        assert_eq!(next(&mut play), (None, Duration::ZERO), "to the one where they were");
        play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
        assert_eq!(play.sent(), ["LOGIN,alice,correct horse"], "the token is none any more");
    }
}

#[test]
fn who_asks_to_come_back_while_it_is_tried_gets_the_next_one_at_once() {
    let mut play = online(given(&[1, 2, 3], SCRIPT), &[]);
    lose(&mut play);
    let first = next(&mut play).0.expect("another one");
    not_there(&mut play);
    play.typed("reconnect");
    let (second, pause) = next(&mut play);
    assert!(pause.is_zero() && second.is_some_and(|second| second.address != first.address && second.address != at(1)));
}

#[test]
fn a_server_with_another_key_is_left_out_and_the_last_one_is_not_come_back_to() {
    let mut play = online(Rules { tls: true, ..given(&[1, 2], SCRIPT) }, &[]);
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(2)));
    let why = || LinkError::OtherKey("the key of 10.0.0.2:4400 is not that of known_servers, line 3".to_owned());
    play.event(Event::NotConnected { link: LinkId(play.link), why: why() });
    play.link += 1;
    let shown = play.shown();
    assert!(shown[1].starts_with("refused: Left out: the key of 10.0.0.2:4400 is not"), "{shown:?}");
    for _ in 0..5 {
        next(&mut play);
        assert_eq!(play.app.servers.present(), at(1));
        not_there(&mut play);
    }
    next(&mut play);
    play.event(Event::NotConnected { link: LinkId(play.link), why: why() });
    play.after(Duration::from_secs(600));
    assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))), "no other is left");
}
