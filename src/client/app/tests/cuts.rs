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
    assert!(play.look().contains(&Effect::Disconnect(LinkId(1))));
    play.after(SECOND);
    assert!(play.look().contains(&Effect::Connect(LinkId(2))));
    play.link = 2;
    play.log_in();
    assert_eq!(play.shown(), ["Logged in again as alice."]);
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
