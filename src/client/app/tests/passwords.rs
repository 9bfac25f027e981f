//! Another password, and who is not wanted any more.

use super::*;

impl Play {
    /// Types a line where one is asked for; whether it is shown.
    fn answers(&mut self, line: &str) -> bool {
        let hidden = self.look().into_iter().any(|effect| matches!(effect, Effect::NextLine { hidden: true, .. }));
        self.typed(line);
        !hidden
    }

    /// Asks for another password, up to the last answer of the person.
    fn asks_for_another(&mut self, new: &str) {
        self.typed("passwd");
        for line in ["correct horse", new, new] {
            assert!(!self.answers(line), "{line} is not shown");
        }
    }
}

#[test]
fn a_password_is_changed_word_by_word_and_used_at_the_next_login() {
    let mut play = Play::online(rules(PERSON));
    play.look();
    play.asks_for_another("battery staple");
    assert_eq!(play.sent(), ["passwd"]);
    for (asks, answer) in [
        ("OK,Old password:", "correct horse"),
        ("OK,New password:", "battery staple"),
        ("OK,New password again:", "battery staple"),
    ] {
        play.server(&[asks]);
        assert_eq!(play.sent(), [answer]);
    }
    play.server(&["OK,Password changed"]);
    assert_eq!(play.shown().last().map(String::as_str), Some("Password changed"));
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.sent();
    play.event(Event::Connected { link: LinkId(2), from: SocketAddr::from((HERE, 9)) });
    assert_eq!(play.sent(), ["LOGIN,alice,battery staple"]);
}

#[test]
fn an_older_server_is_sent_no_password() {
    // One has a user of that name, and introduces them.
    let introduced =
        &[&format!("ticket_passwd_{TICKET}"), "peer_127.0.0.9:4401", "OK,Connect to passwd at 127.0.0.9:4401"];
    for answer in [
        &["ERR,Unknown command: send help for the commands"][..],
        &["ERR,User not found! Nobody active is passwd: send list"],
        introduced,
    ] {
        let mut play = Play::online(rules(PERSON));
        play.look();
        play.asks_for_another("battery staple");
        assert_eq!(play.sent(), ["passwd"]);
        play.server(answer);
        assert_eq!(play.sent(), [""; 0]);
        assert!(play.shown().iter().any(|text| text.starts_with("refused: This server is older")), "{answer:?}");
    }
}

#[test]
fn a_new_password_that_is_none_is_asked_for_again() {
    let mut play = Play::online(rules(PERSON));
    play.look();
    play.typed("passwd");
    for line in ["correct horse", "short", "battery staple", "battery stable", "battery staple", "battery staple"] {
        assert!(!play.answers(line), "{line} is not shown");
    }
    assert_eq!(play.sent(), ["passwd"]);
    // The person gives it up.
    let mut play = Play::online(rules(PERSON));
    play.look();
    play.typed("passwd");
    play.look();
    play.event(Event::InputEnded);
    assert_eq!(play.shown(), ["Your password stays as it is."]);
    assert_eq!(play.sent(), [""; 0]);
    assert!(play.is_asked(), "for the next line, as before");
}

#[test]
fn a_change_ends_with_its_session() {
    let mut play = Play::online(rules(PERSON));
    play.look();
    play.asks_for_another("battery staple");
    play.server(&["OK,Old password:"]);
    play.event(Event::LinkLost { link: LinkId(1) });
    assert!(play.shown().contains(&"perhaps: Your password was not changed: the session is over".to_owned()));
    play.sent();
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.log_in();
    let sent = play.sent();
    assert!(sent.iter().all(|line| !line.contains("battery") && line != "passwd"), "{sent:?}");
}

#[test]
fn who_was_removed_or_banned_does_not_come_back() {
    let removed = "notice_Removed by the house: too loud";
    for notice in [removed, "notice_Banned by the house until 2026-11-28 19:05 UTC: too loud"] {
        let mut play = Play::script();
        play.server(&[notice]);
        play.event(Event::LinkLost { link: LinkId(1) });
        play.look();
        play.after(Duration::from_secs(60));
        assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))), "{notice}");
    }
    // One whose address was banned while the server was away, and one whose server has come back with another key.
    for (why, says) in [
        (LinkError::Banned as fn(_) -> _, "Banned by the house until further notice: flood"),
        (LinkError::OtherKey, "the key of 10.0.0.1:4403 is not that of known_servers, line 3"),
        (LinkError::NotTrusted, "the certificate of 10.0.0.1:4403 ended at 2026-01-31 12:00 UTC"),
    ] {
        let mut play = Play::script();
        play.event(Event::LinkLost { link: LinkId(1) });
        play.after(Duration::from_secs(1));
        assert!(play.look().contains(&Effect::Connect(LinkId(2))));
        play.event(Event::NotConnected { link: LinkId(2), why: why(says.to_owned()) });
        assert!(play.shown().iter().any(|text| text.contains(says)));
        play.after(Duration::from_secs(60));
        assert!(!play.look().iter().any(|effect| matches!(effect, Effect::Connect(_))));
    }
}

#[test]
fn what_is_said_in_the_clear_is_shown_once_and_believed_by_nobody() {
    let mut play = Play::online(Rules { tls: true, ..rules(SCRIPT) });
    play.event(Event::LinkLost { link: LinkId(1) });
    play.look();
    let said = "it says in the clear, which proves nothing: Banned by the house until further notice: flood";
    for link in 2..6 {
        play.after(Duration::from_secs(60));
        assert!(play.look().contains(&Effect::Connect(LinkId(link))), "it is no end");
        play.event(Event::NotConnected { link: LinkId(link), why: LinkError::InTheClear(said.to_owned()) });
        let told = format!("No connection to the server: {said}. Trying to come back...");
        let shown = play.shown();
        assert_eq!(shown, if link == 2 { vec![told] } else { Vec::new() });
    }
}

#[test]
fn another_key_is_told_in_one_line_to_who_was_here() {
    let mut play = Play::online(Rules { tls: true, ..rules(SCRIPT) });
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.look();
    let why = "the key is not that of known_servers. Nothing was sent there.\n  known: a\n  shown: b\nEither it has a new one";
    play.event(Event::NotConnected { link: LinkId(2), why: LinkError::OtherKey(why.to_owned()) });
    let told = "refused: Not logged in again: the key is not that of known_servers. Nothing was sent there. known: a, shown: b. \
                Either it has a new one";
    assert_eq!(play.shown()[0], told);
}
