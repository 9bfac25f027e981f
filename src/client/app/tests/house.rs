//! Servers of one house: by what a session goes on at another one, and which of them are believed in.

use super::several::{answer_login, at, clear, given, lose, next, not_there, online};
use super::*;
use crate::client::event::ServerAt;
use crate::protocol::Broadcast;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const EPOCH: &str = "ffeeddccbbaa99887766554433221100";

/// What is told of servers in the clear.
fn house(servers: &str) -> Vec<String> {
    vec![format!("epoch_{EPOCH}"), format!("again_{TOKEN}"), format!("servers_{servers}")]
}

fn as_lines(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

fn broadcast(seq: u64) -> String {
    let text = format!("text {seq}");
    Broadcast { seq, unix_time: 1_700_000_000 + seq, from: name("bob"), text }.to_string()
}

#[test]
fn a_session_goes_on_at_another_server_by_its_token_and_with_its_broadcasts() {
    let told = house("10.0.0.1:4400,10.0.0.2:4400");
    let mut play = online(given(&[1], SCRIPT), &as_lines(&told));
    play.server(&[&broadcast(41), &broadcast(42)]);
    play.look();
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(2)));
    let other = format!("again_{}", TOKEN.to_uppercase().replace('0', "1"));
    answer_login(&mut play, &[&format!("epoch_{EPOCH}"), &other, "servers_10.0.0.2:4400"]);
    let sent = play.sent();
    assert_eq!(sent, [&format!("AGAIN,alice,{TOKEN},{EPOCH},42"), "INIT,alice,4401"]);
    assert_eq!(play.shown()[1..], ["Logged in again as alice at 10.0.0.2:4400."]);
    // The new token counts, and the new list beside what the options say.
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(1)));
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    let sent = play.sent();
    assert!(sent[0].starts_with("AGAIN,alice,1123456789abcdef"), "{sent:?}");
}

#[test]
fn who_is_told_to_log_in_with_the_password_does_so() {
    for refusal in ["Log in with your password", "Unknown command: send help for the commands"] {
        let mut play = online(given(&[1, 2], SCRIPT), &as_lines(&house("10.0.0.1:4400,10.0.0.2:4400")));
        lose(&mut play);
        next(&mut play);
        play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
        assert_eq!(play.sent(), [format!("AGAIN,alice,{TOKEN},{EPOCH},0")]);
        play.server(&[&format!("ERR,{refusal}")]);
        assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
        // It is not said a second time.
        lose(&mut play);
        next(&mut play);
        play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
        assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
    }
}

#[test]
fn a_person_who_has_typed_the_password_is_asked_only_when_the_token_is_none() {
    let mut rules = given(&[1, 2], PERSON);
    rules.credentials = rules.credentials.map(|who| Credentials { password: None, ..who });
    let mut play = Play::new(rules);
    play.event(Event::Connected { link: LinkId(1), from: "10.0.0.99:9".parse().expect("an address") });
    play.typed("correct horse");
    let told = house("10.0.0.1:4400,10.0.0.2:4400");
    play.server(&["ip_10.0.0.99"]);
    play.server(&as_lines(&told));
    play.server(&["OK,Login successful!"]);
    play.event(Event::Listening { at: [0, 0, 0, 0].into(), port: Ok(4401) });
    play.server(&["OK,"]);
    play.look();
    lose(&mut play);
    next(&mut play);
    answer_login(&mut play, &as_lines(&told));
    let shown = play.shown();
    assert_eq!(shown.last().map(String::as_str), Some("Logged in again at 10.0.0.2:4400."), "nobody was asked");
    play.look();
    lose(&mut play);
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    play.look();
    play.server(&["ERR,Log in with your password"]);
    assert!(play.app.login.is_asking());
    assert_eq!(play.shown(), ["The server is back."]);
}

#[test]
fn a_server_that_cannot_just_now_is_left_for_the_next_one_with_the_same_token() {
    let told = house("10.0.0.1:4400,10.0.0.2:4400");
    let mut play = online(given(&[1], SCRIPT), &as_lines(&told));
    lose(&mut play);
    let again = format!("AGAIN,alice,{TOKEN},{EPOCH},0");
    for _ in 0..2 {
        next(&mut play);
        play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
        assert_eq!(play.sent(), std::slice::from_ref(&again));
        play.server(&["ERR,Not now: the directory does not answer, nothing was done; send it again"]);
        assert!(play.look().contains(&Effect::Disconnect(LinkId(play.link))));
        play.link += 1;
    }
    // A password is not thrown away either.
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    play.server(&["ERR,Log in with your password", "ERR,The server is busy with other logins: try again in a minute"]);
    play.link += 1;
    next(&mut play);
    play.look();
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
    // A ban is for all of them.
    play.server(&["ERR,Banned by the house until further notice: too loud"]);
    play.look();
    play.after(Duration::from_secs(600));
    assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))));
}

#[test]
fn a_server_alone_that_is_busy_is_come_back_to_by_the_person() {
    let mut play = online(given(&[1], SCRIPT), &[]);
    lose(&mut play);
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    play.server(&["ERR,Not now: something"]);
    assert!(play.shown().contains(&"refused: Not logged in again: Not now: something".to_owned()));
    play.after(Duration::from_secs(600));
    assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))));
}

#[test]
fn another_house_is_told_once_and_its_broadcasts_begin_anew() {
    const TOLD: &str = "This is another house than before: its broadcasts have other numbers, and begin with the last half \
                        hour.";
    let mut play = online(given(&[1, 2], SCRIPT), &as_lines(&house("10.0.0.1:4400")));
    play.server(&[&broadcast(41)]);
    play.look();
    for (epoch, is_other) in
        [(EPOCH.to_owned(), false), (EPOCH.replace('f', "0"), true), (EPOCH.replace('f', "0"), false)]
    {
        lose(&mut play);
        next(&mut play);
        play.look();
        answer_login(&mut play, &[&format!("epoch_{epoch}")]);
        assert_eq!(play.shown().iter().filter(|line| *line == TOLD).count(), usize::from(is_other), "{epoch}");
        let expected = if is_other || epoch != EPOCH { 0 } else { 41 };
        assert_eq!(play.app.inbox.last(), expected);
    }
    play.server(&[&broadcast(3)]);
    assert_eq!(play.shown(), ["bob text 3 false"], "a lower number is another one");
    // A server alone counts on its own, too.
    lose(&mut play);
    next(&mut play);
    answer_login(&mut play, &[]);
    assert!(play.shown().contains(&TOLD.to_owned()));
    lose(&mut play);
    next(&mut play);
    answer_login(&mut play, &[]);
    assert!(!play.shown().contains(&TOLD.to_owned()), "what two servers alone are, they do not tell");
}

#[test]
fn who_has_left_and_who_comes_late_logs_in_with_the_password() {
    let told = house("10.0.0.1:4400,10.0.0.2:4400");
    let mut play = online(given(&[1], SCRIPT), &as_lines(&told));
    play.typed("disconnect");
    play.link += 1;
    play.typed("reconnect");
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
    let mut play = online(given(&[1], SCRIPT), &as_lines(&told));
    lose(&mut play);
    let begun = play.now.instant;
    while play.now.instant < begun + Duration::from_secs(90) {
        next(&mut play);
        not_there(&mut play);
    }
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse"], "the token serves no more");
}

#[test]
fn an_expired_session_and_another_password_end_the_token() {
    let mut play = online(given(&[1], SCRIPT), &as_lines(&house("10.0.0.1:4400,10.0.0.2:4400")));
    play.server(&["notice_Session expired, please log in again"]);
    assert_eq!(play.sent(), ["LOGIN,alice,correct horse"]);
    let mut play = online(given(&[1], PERSON), &as_lines(&house("10.0.0.1:4400,10.0.0.2:4400")));
    play.typed("passwd");
    for line in ["correct horse", "battery staple", "battery staple"] {
        play.typed(line);
    }
    for answer in ["OK,Old password:", "OK,New password:", "OK,New password again:", "OK,Password changed"] {
        play.server(&[answer]);
    }
    play.look();
    lose(&mut play);
    next(&mut play);
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["LOGIN,alice,battery staple"]);
}

#[test]
fn a_token_is_shown_to_nobody_wherever_it_stands() {
    let mut play = online(given(&[1], SCRIPT), &as_lines(&house("10.0.0.1:4400")));
    play.server(&[&format!("again_{TOKEN}"), &format!("again_{TOKEN}!")]);
    play.typed("list");
    play.server(&[&format!("again_{TOKEN}"), &format!("again_{TOKEN}!"), "OK,0 active clients"]);
    let all = format!("{:?}", play.look());
    assert!(!all.contains(&TOKEN[..12]), "{all}");
    assert!(!format!("{:?}", play.app.house).contains(&TOKEN[..12]));
}

#[test]
fn servers_come_as_an_event_between_the_lines_of_an_answer_too() {
    let mut play = online(given(&[1], SCRIPT), &as_lines(&house("10.0.0.1:4400")));
    play.typed("list");
    play.server(&["client_bob_10.0.0.3:4401", "servers_10.0.0.1:4400,10.0.0.7:4400", "OK,1 active client"]);
    assert_eq!(play.shown(), ["Client", "1 active client"]);
    play.look();
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(7)));
}

#[test]
fn an_address_of_loopback_that_is_told_from_elsewhere_is_nobody() {
    let told = house("10.0.0.1:4400,127.0.0.1:4400,0.0.0.0:4400,10.0.0.2:4400");
    let mut play = online(given(&[1], SCRIPT), &as_lines(&told));
    assert_eq!(play.app.servers.told(), [clear(1), clear(2)]);
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(2)));
}

#[test]
fn what_was_encrypted_before_is_not_in_the_clear_because_a_server_says_so() {
    let encrypted: Vec<IpAddr> = vec![[10, 0, 0, 2].into()];
    // An address is the same one in its other spelling.
    for second in ["10.0.0.2:4400", "[::ffff:10.0.0.2]:4400"] {
        let told = house(&format!("10.0.0.1:4400,{second},10.0.0.3:4400"));
        let play = online(Rules { encrypted: encrypted.clone(), ..given(&[1], SCRIPT) }, &as_lines(&told));
        assert_eq!(play.app.servers.told(), [clear(1), clear(3)], "{second}");
        // Of its host the person was asked at the start.
        let play = online(Rules { encrypted: encrypted.clone(), ..given(&[1, 2], SCRIPT) }, &as_lines(&told));
        assert_eq!(play.app.servers.told(), [clear(1), clear(2), clear(3)], "{second}");
    }
}

#[test]
fn by_tls_a_server_is_used_with_the_key_that_was_told_and_with_no_other() {
    let key = |byte| Fingerprint([byte; 32]);
    let line = |number, byte| format!("serverkey_{}_{}", at(number), key(byte));
    let told = [line(1, 1), line(2, 2), line(3, 3), format!("again_{TOKEN}"), format!("epoch_{EPOCH}")];
    let list = "servers_10.0.0.1:4400,10.0.0.2:4400,10.0.0.3:4400,10.0.0.4:4400".to_owned();
    let lines: Vec<&str> = told.iter().chain([&list]).map(String::as_str).collect();
    let known = vec![(at(3), key(9)), (at(2), key(8)), (at(2), key(2))];
    let mut play = online(Rules { tls: true, known, ..given(&[1], SCRIPT) }, &lines);
    let with_key = |number, byte| ServerAt { address: at(number), key: Some(key(byte)) };
    assert_eq!(play.app.servers.told(), [with_key(1, 1), with_key(2, 2)], "3 is known by another key, 4 by none");
    lose(&mut play);
    assert_eq!(next(&mut play).0, Some(with_key(2, 2)));
    not_there(&mut play);
    assert_eq!(next(&mut play).0, Some(clear(1)), "what the options say of it counts");
    // Keys of an older list are none of the next one.
    answer_login(&mut play, &[&list]);
    assert_eq!(play.app.servers.told(), []);
}

#[test]
fn a_server_has_its_keys_in_each_spelling_of_its_address() {
    let key = |byte| Fingerprint([byte; 32]);
    let keys = [format!("serverkey_[::ffff:10.0.0.2]:4400_{}", key(2)), format!("serverkey_{}_{}", at(3), key(3))];
    let list = "servers_10.0.0.1:4400,10.0.0.2:4400,[::ffff:10.0.0.3]:4400";
    let told = |known: Vec<(SocketAddr, Fingerprint)>| {
        let rules = Rules { tls: true, known, ..given(&[1], SCRIPT) };
        online(rules, &[&keys[0], &keys[1], list]).app.servers.told().to_vec()
    };
    let with_key = |number| ServerAt { address: at(number), key: Some(key(number)) };
    assert_eq!(told(Vec::new()), [with_key(2), with_key(3)]);
    assert_eq!(told(vec![(at(2), key(8)), (at(3), key(9))]), [], "they are known by other keys");
}
