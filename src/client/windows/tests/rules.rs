//! What is read, where one is, and which windows there are.

use super::play::{Play, name, person};
use crate::client::event::{Key, Size};
use crate::client::shown::Weight;
use crate::client::windows::set::MAX_WINDOWS;
use crate::client::windows::view::draw;
use crate::client::windows::window::{MAX_LINES, Place};
use std::time::Duration;

#[test]
fn a_line_is_read_when_it_was_painted_in_front_with_the_focus() {
    let mut play = Play::new(80, 10);
    play.counts(1, 2);
    play.paint();
    assert_eq!(play.bar(), " 1 server  2 all  3 bob*");
    play.go(3);
    assert!(play.picture().contains(" 2 unread "), "{}", play.picture());
    // A picture that shows all tells no mark: nothing has to be painted again.
    assert_eq!(draw(&play.windows, &play.scene, play.size).title, "peerline alice");
    assert_eq!(play.bar(), " 1 server  2 all  3 bob");
    assert!(!play.paint());
    assert_eq!(play.windows.window().tally().lines, 0);
    // The rule stays until one leaves.
    assert!(play.picture().contains(" 2 unread "), "{}", play.picture());
    play.go(1);
    play.go(3);
    assert!(!play.picture().contains("unread"), "{}", play.picture());
    play.key(Key::Focus(false));
    play.counts(3, 3);
    play.paint();
    assert_eq!(play.bar(), " 1 server  2 all  3 bob*");
    play.key(Key::Focus(true));
    assert!(play.picture().contains(" 1 unread "), "{}", play.picture());
    play.paint();
    assert_eq!(play.bar(), " 1 server  2 all  3 bob");
}

#[test]
fn what_was_not_painted_stays_unread() {
    let mut play = Play::new(80, 8);
    play.counts(1, 20);
    play.go(3);
    play.key(Key::AltHome);
    // Rows 1 to 5 are the rule and four lines.
    assert!(play.paint());
    let title = draw(&play.windows, &play.scene, play.size).title;
    assert_eq!((play.bar(), title), (" 1 server  2 all  3 bob*".to_owned(), "peerline alice (1)".to_owned()));
    assert_eq!(play.status(), "alice | bob | online 127.0.0.2 | 16 more below: End");
    play.key(Key::End);
    play.paint();
    assert_eq!(
        (play.bar(), play.status()),
        (" 1 server  2 all  3 bob".to_owned(), "alice | bob | online 127.0.0.2".to_owned())
    );
    assert_eq!(draw(&play.windows, &play.scene, play.size).title, "peerline alice");
    play.key(Key::Alt('u'));
    assert!(play.picture().lines().nth(1).is_some_and(|row| row.contains(" 20 unread ")), "{}", play.picture());
}

#[test]
fn a_picture_of_another_window_reads_nothing() {
    let mut play = Play::new(80, 8);
    play.counts(1, 1);
    play.go(3);
    let layout = draw(&play.windows, &play.scene, play.size);
    play.go(1);
    assert!(!play.windows.drawn(&layout));
    assert_eq!(play.bar(), " 1 server  2 all  3 bob*");
}

#[test]
fn the_next_unread_is_the_strongest_and_then_where_one_was() {
    let mut play = Play::new(80, 8);
    let people = ["bob", "carol", "dave", "erin", "fred"].map(person);
    people.iter().for_each(|person| play.says(person, "x", "hello", Weight::None));
    play.says(&people[0], "!", "failed", Weight::Failed);
    play.says(&people[1], "carol", "hello", Weight::ForYou);
    play.says(&people[2], "dave", "hello", Weight::ForYou);
    play.says(&Place::All, "x", "hello", Weight::Unread);
    play.windows.set_question_open(&people[4], true);
    play.go(6);
    assert_eq!(play.bar(), " 1 server  2 all:1  3 bob!  4 carol*  5 dave*  6 erin  7 fred?");
    let mut went = Vec::new();
    for _ in 0..7 {
        play.key(Key::Alt('a'));
        play.paint();
        went.push(play.windows.front().0);
    }
    // The question waits on, so the next round begins with it.
    assert_eq!(went, [7, 4, 5, 2, 3, 6, 7]);
}

#[test]
fn scrolled_text_stays_while_lines_come_and_the_size_changes() {
    let mut play = Play::new(80, 8);
    play.counts(1, 40);
    play.go(3);
    play.paint();
    play.key(Key::PageUp);
    let rows = |play: &Play| play.picture().lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&play), ["12:00 bob    line 33", "12:00 bob    line 34"]);
    play.counts(41, 50);
    assert_eq!(rows(&play), ["12:00 bob    line 33", "12:00 bob    line 34"]);
    for (columns, rows_now) in [(70, 6), (132, 12), (80, 8)] {
        play.size = Size { columns, rows: rows_now };
        play.windows.resize(play.size);
        play.paint();
        assert!(rows(&play)[0].starts_with("12:00 bob    line 33"), "{}", play.picture());
    }
    play.key(Key::AltDown);
    assert_eq!(rows(&play)[0], "12:00 bob    line 36");
    play.key(Key::AltUp);
    play.key(Key::AltEnd);
    play.counts(51, 51);
    assert!(play.picture().contains("line 51"));
    play.size = Size { columns: 80, rows: 6 };
    play.windows.resize(play.size);
    assert!(play.picture().contains("line 51"));
}

#[test]
fn a_row_within_a_line_is_kept() {
    let mut play = Play::new(40, 6);
    play.says(&Place::Server, "-", &"word ".repeat(60), Weight::None);
    (0..9).for_each(|_| play.says(&Place::Server, "-", "short", Weight::None));
    play.key(Key::AltHome);
    play.paint();
    play.key(Key::AltDown);
    let first = |play: &Play| play.picture().lines().nth(1).map(str::to_owned);
    assert_eq!(first(&play).as_deref(), Some("            word word word word word"));
    play.windows.resize(Size { columns: 132, rows: 6 });
    play.windows.resize(play.size);
    assert_eq!(first(&play).as_deref(), Some("            word word word word word"));
}

#[test]
fn the_oldest_line_goes() {
    let mut play = Play::new(80, 8);
    play.counts(1, MAX_LINES);
    play.go(3);
    play.key(Key::AltHome);
    play.counts(MAX_LINES + 1, MAX_LINES + 1);
    assert!(play.picture().contains("bob    line 2\n"), "{}", play.picture());
    assert!(!play.picture().contains("line 1\n"), "{}", play.picture());
    assert_eq!(play.windows.window().tally().lines, MAX_LINES);
}

#[test]
fn the_window_that_is_missed_least_closes() {
    let mut play = Play::new(80, 24);
    let people: Vec<_> = (3..=MAX_WINDOWS).map(|number| name(&format!("p{number}"))).collect();
    for (person, number) in people.iter().zip(3..) {
        assert_eq!(play.windows.window_of(person), number);
    }
    play.windows.set_talk(&people[0], true);
    play.go(4);
    play.type_in("draft");
    play.says(&person("p5"), "p5", "hello", Weight::ForYou);
    play.go(6);
    play.go(1);
    assert_eq!(play.windows.window_of(&name("new")), 7);
    assert_eq!(play.windows.place_of(7), Some(&person("new")));
    for number in [1, 2, 3, 4, 5, 6] {
        assert!(play.windows.place_of(number).is_some_and(|place| *place != person("new")), "{number}");
    }
    assert_eq!(play.windows.window_of(&name("NEW")), 7);
}

#[test]
fn numbers_are_kept_and_the_first_two_windows_stay() {
    let mut play = Play::new(80, 24);
    assert_eq!(["bob", "carol", "dave"].map(|person| play.windows.window_of(&name(person))), [3, 4, 5]);
    play.go(4);
    assert!(play.windows.close(4) && !play.windows.close(4) && !play.windows.close(1) && !play.windows.close(2));
    assert_eq!(play.windows.front(), (1, &Place::Server));
    assert_eq!((play.windows.place_of(4), play.windows.place_of(5)), (None, Some(&person("dave"))));
    assert!(!play.windows.go(4));
    assert_eq!(play.windows.window_of(&name("erin")), 4);
    let mut went = Vec::new();
    for key in [Key::AltRight, Key::Ctrl('n'), Key::AltLeft, Key::Ctrl('p'), Key::AltLeft, Key::AltRight, Key::Alt('4')]
    {
        play.key(key);
        went.push(play.windows.front().0);
    }
    assert_eq!(went, [2, 3, 2, 1, 5, 1, 4]);
}

#[test]
fn clear_takes_the_lines_and_not_the_numbers() {
    let mut play = Play::new(80, 8);
    play.counts(1, 20);
    play.go(3);
    play.key(Key::AltHome);
    play.windows.clear();
    play.counts(21, 21);
    assert!(play.picture().contains("line 21"), "{}", play.picture());
    assert_eq!((play.windows.window().first(), play.windows.window().end()), (20, 21));
}

#[test]
fn the_bell_rings_once_and_not_for_what_one_sees() {
    let mut play = Play::new(80, 8);
    assert!(!play.windows.bell(play.now));
    play.says(&Place::All, "bob", "hello", Weight::Unread);
    assert!(!play.windows.bell(play.now));
    play.counts(1, 2);
    assert!(play.windows.bell(play.now) && !play.windows.bell(play.now));
    play.counts(3, 3);
    assert!(!play.windows.bell(play.now + Duration::from_secs(1)));
    play.go(3);
    play.counts(4, 4);
    assert!(!play.windows.bell(play.now + Duration::from_secs(5)));
    play.windows.focus(false);
    play.counts(5, 5);
    assert!(play.windows.bell(play.now + Duration::from_secs(5)));
}
