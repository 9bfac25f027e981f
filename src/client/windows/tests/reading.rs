//! What is read, what is marked, and how one goes from window to window.

use super::*;

fn has_rule(play: &Play, text: &str) -> bool {
    play.shown().iter().any(|row| row.starts_with("---") && row.trim_matches('-') == text)
}

fn bar(play: &Play) -> String {
    play.shown()[0].clone()
}

#[test]
fn a_line_is_read_when_it_was_seen_in_focus() {
    let mut play = Play::with_people(80, 24);
    play.key(Key::Focus(false));
    play.add(3, "bob", "hi", Weight::ForYou);
    play.look();
    assert!(bar(&play).contains("3 bob*"));
    assert_eq!(play.draw().title, "peerline alice (1)");
    play.key(Key::Focus(true));
    assert!(has_rule(&play, " 1 unread "));
    play.look();
    assert!(bar(&play).contains("3 bob ") && play.draw().title == "peerline alice");
    // The rule stays until one leaves.
    assert!(has_rule(&play, " 1 unread "));
    play.keys(&[Key::Alt('1'), Key::Alt('3')]);
    assert!(!has_rule(&play, " 1 unread ") && play.shown().contains(&"12:01 bob    hi".to_owned()));
}

#[test]
fn what_was_not_seen_stays_unread() {
    let mut play = Play::with_people(80, 24);
    play.windows.go(2);
    for number in 0..30 {
        play.add(3, "bob", &format!("line {number}"), Weight::Unread);
    }
    play.windows.go(3);
    play.look();
    assert!(bar(&play).contains("3 bob:9"), "{}", bar(&play));
    play.key(Key::Alt('u'));
    assert_eq!(play.shown()[1].trim_matches('-'), " 30 unread ");
    play.look();
    assert!(bar(&play).contains("3 bob "));
}

#[test]
fn a_picture_of_a_window_that_is_gone_reads_nothing() {
    let mut play = Play::with_people(80, 24);
    play.add(3, "bob", "hi", Weight::ForYou);
    let drawn = play.draw();
    assert!(play.windows.close(3));
    let eve = play.windows.number_of(&Place::Person(name("eve")));
    play.add(eve, "eve", "hi", Weight::ForYou);
    play.windows.drawn(&drawn);
    assert!(eve == 3 && bar(&play).contains("3 eve*"));
}

#[test]
fn the_strongest_mark_wins_and_is_gone_to_first() {
    let mut play = Play::with_people(80, 24);
    play.windows.go(1);
    play.add(2, "dave", "hello", Weight::Unread);
    play.add(3, "-", "cannot reach bob", Weight::Failed);
    play.add(4, "carol", "hi", Weight::Unread);
    play.add(4, "carol", "psst", Weight::ForYou);
    let dave = Place::Person(name("dave"));
    play.windows.set_question_open(&dave, true);
    assert_eq!(bar(&play), " 1 server  2 all:1  3 bob!  4 carol*  5 dave?");
    let mut visited = Vec::new();
    for _ in 0..5 {
        play.key(Key::Alt('a'));
        play.look();
        visited.push(play.windows.front().0);
        play.windows.set_question_open(&dave, false);
    }
    assert_eq!(visited, [5, 4, 2, 3, 1]);
}

#[test]
fn bells_are_for_what_is_not_seen_and_not_many() {
    let mut play = Play::with_people(80, 24);
    let mut rings = |window, weight, seconds| {
        play.now += Duration::from_secs(seconds);
        play.add(window, "bob", "hi", weight);
        play.windows.bell(play.now)
    };
    assert!(!rings(3, Weight::ForYou, 0), "it is seen");
    assert!(!rings(2, Weight::Unread, 0), "it is for many");
    assert!(rings(4, Weight::ForYou, 0));
    assert!(!rings(4, Weight::Question, 1), "it is soon");
    assert!(rings(4, Weight::Question, 1));
    play.key(Key::Focus(false));
    play.now += Duration::from_secs(2);
    play.add(3, "bob", "hi", Weight::ForYou);
    assert!(play.windows.bell(play.now));
}

#[test]
fn a_draft_waits_in_its_window() {
    let mut play = Play::with_people(80, 24);
    play.write("for bob");
    play.key(Key::AltRight);
    assert_eq!((play.windows.front().0, play.last().as_str()), (4, "> _"));
    play.key(Key::Ctrl('p'));
    assert_eq!(play.last(), "> for bob_");
    play.windows.go(1);
    play.key(Key::AltLeft);
    assert_eq!(play.windows.front().0, 5, "before the first comes the last");
    play.key(Key::Alt('9'));
    assert_eq!(play.windows.front().0, 5, "there is no such window");
}

#[test]
fn the_65th_window_takes_the_place_of_one_in_which_nothing_waits() {
    let mut play = Play::new(80, 24);
    let person = |number: u32| name(&format!("p{number}"));
    for number in 3..=64 {
        assert_eq!(play.windows.number_of(&Place::Person(person(number))), number);
    }
    play.windows.set_talk(&Place::Person(person(3)), true);
    play.add(4, "p4", "hi", Weight::ForYou);
    play.windows.go(5);
    play.write("half");
    play.windows.go(1);
    assert_eq!(play.windows.number_of(&Place::Person(person(65))), 6);
    assert_eq!(play.windows.find(&Place::Person(person(6))), None);
}

#[test]
fn the_5001st_line_takes_the_place_of_the_first() {
    let mut play = Play::with_people(80, 24);
    for number in 0..5001 {
        play.add(3, "bob", &format!("line {number}"), Weight::Unread);
    }
    play.key(Key::AltHome);
    assert_eq!(play.shown()[1], "12:01 bob    line 1");
    play.windows.go(1);
    assert!(bar(&play).contains("3 bob:5000"));
    // A hundred lines of 64 KiB are more than 4 MiB.
    for _ in 0..100 {
        play.add(3, "bob", &"x".repeat(1 << 16), Weight::Unread);
    }
    assert!(bar(&play).contains("3 bob:64"), "{}", bar(&play));
    play.windows.go(3);
    play.windows.clear();
    assert!(bar(&play).contains("3 bob "));
    play.add(3, "bob", "anew", Weight::Unread);
    assert!(play.shown().contains(&"12:01 bob    anew".to_owned()));
}

#[test]
fn a_search_goes_up_and_down() {
    let mut play = Play::with_people(80, 24);
    for number in 0..60 {
        play.add(3, "bob", if number % 20 == 5 { "a Needle" } else { "hay" }, Weight::None);
    }
    play.key(Key::Ctrl('f'));
    play.write("needle");
    assert!(play.shown().iter().any(|row| row.contains("a Needle")));
    play.keys(&[Key::Enter, Key::Enter]);
    play.keys(&[Key::Down, Key::Escape]);
    assert!(play.status().contains("more below: End"));
}

#[test]
fn hints_are_over_in_time() {
    let mut play = Play::with_people(80, 24);
    let until = play.now + Duration::from_secs(2);
    play.windows.hint("again to end the chat".to_owned(), until);
    assert_eq!((play.status().as_str(), play.windows.deadline()), ("again to end the chat", Some(until)));
    play.windows.tick(until);
    assert_eq!(play.status(), "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31");
    assert_eq!(play.windows.deadline(), None);
}

#[test]
fn closing_goes_back_and_never_closes_the_first_two() {
    let mut play = Play::with_people(80, 24);
    assert!(!play.windows.close(1) && !play.windows.close(2) && !play.windows.close(9));
    assert!(play.windows.close(3));
    assert_eq!((play.windows.front().0, play.windows.find(&Place::Person(name("bob")))), (1, None));
    assert_eq!(play.windows.number_of(&Place::Person(name("eve"))), 3);
}
