//! Whole screens at 80x24 and 132x40.

use super::*;

const LONG: &str =
    "yes, and this line is long enough that it goes on in a second row, under the text and not under the time";

fn slides() -> Transfer {
    Transfer {
        way: Way::Fetch,
        name: "slides.zip".to_owned(),
        done: 51,
        size: 100,
        rate: Some(13_002_342),
        left: Some(Duration::from_secs(41)),
        is_stalled: false,
    }
}

/// What a person sees who comes back to a talk.
fn talk(columns: u16, rows: u16) -> Play {
    let mut play = Play::with_people(columns, rows);
    play.add(3, "bob", "are you there?", Weight::ForYou);
    play.add(3, "alice", LONG, Weight::None);
    play.look();
    play.windows.go(2);
    play.clock = 240;
    play.add(3, "bob", "look at this 漢字 👍", Weight::ForYou);
    play.add(3, "?", "bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)", Weight::Question);
    play.windows.go(3);
    for number in 0..12 {
        play.add(2, "carol", &format!("hello {number}"), Weight::Unread);
    }
    play.windows.set_question_open(&Place::Person(name("carol")), true);
    play.scene.transfers = vec![slides()];
    play.write("and what I type");
    play
}

/// The rows of [`talk`] without the names beside them, around those that the width decides.
fn without_names([empty, said, divider, transfer]: [&str; 4]) -> Vec<&str> {
    let above = [" 1 server  2 all:12  3 bob  4 carol?  5 dave", empty, "12:01 bob    are you there?"];
    let below = [
        divider,
        "12:04 bob    look at this 漢字 👍",
        "12:04 ?      bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)",
        transfer,
        "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31",
        "> and what I type_",
    ];
    above.into_iter().chain(said.lines()).chain(below).collect()
}

#[test]
fn a_talk() {
    talk(80, 24).shows(&without_names([
        "(14 empty)",
        "12:01 alice  yes, and this line is long enough that it goes on in a second row,\n             under the text and not under the time",
        "----------------------------------- 2 unread -----------------------------------",
        " get slides.zip    [#########.........]  51%  12.4 MiB/s  0:41",
    ]));
}

#[test]
fn a_talk_on_a_wide_screen() {
    let mut play = talk(132, 40);
    play.windows.set_names(["alice", "bob", "carol"].map(str::to_owned).to_vec());
    play.shows(&[
        " 1 server  2 all:12  3 bob  4 carol?  5 dave                                                                    | active: 3",
        "                                                                                                                | alice  (you)",
        "                                                                                                                | bob    talk",
        "                                                                                                                | carol",
        "(27 empty)",
        "12:01 bob    are you there?                                                                                     |",
        "12:01 alice  yes, and this line is long enough that it goes on in a second row, under the text and not under    |",
        "             the time                                                                                           |",
        "-------------------------------------------------- 2 unread --------------------------------------------------- |",
        "12:04 bob    look at this 漢字 👍                                                                               |",
        "12:04 ?      bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)                                        |",
        " get slides.zip                        [#########.........]  51%  12.4 MiB/s  0:41                              |",
        "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31                                                       |",
        "> and what I type_",
    ]);
    play.windows.show_names(false);
    play.shows(&without_names([
        "(31 empty)",
        "12:01 alice  yes, and this line is long enough that it goes on in a second row, under the text and not under the time",
        "------------------------------------------------------------- 2 unread -------------------------------------------------------------",
        " get slides.zip                        [#########.........]  51%  12.4 MiB/s  0:41",
    ]));
}

#[test]
fn days_are_divided() {
    let mut play = Play::new(80, 24);
    play.add(1, "-", "connected", Weight::None);
    play.clock += 24 * 3600;
    play.add(1, "-", "connected again", Weight::None);
    play.shows(&[
        " 1 server  2 all",
        "(18 empty)",
        "12:01 -      connected",
        "-------------------------- Saturday, 28 November 2026 --------------------------",
        "12:01 -      connected again",
        "alice | server | online 127.0.0.2 | up 0:31",
        "> _",
    ]);
}

#[test]
fn scrolled_it_says_how_many_are_below() {
    let mut play = Play::with_people(80, 24);
    for number in 0..40 {
        play.add(3, "bob", &format!("line {number}"), Weight::ForYou);
    }
    play.key(Key::PageUp);
    let before = play.shown();
    assert_eq!(before[1], "12:01 bob    line 0");
    // Neither a new line nor another height moves the first one.
    play.add(3, "bob", "one more", Weight::ForYou);
    assert_eq!(play.shown()[1], before[1]);
    assert_eq!(play.status(), "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31 | 20 more below: End");
    play.resize(80, 20);
    assert_eq!(play.shown()[1], before[1]);
    play.key(Key::End);
    assert_eq!(play.shown()[17], "12:01 bob    one more");
}

#[test]
fn many_transfers_are_counted() {
    let mut play = Play::with_people(80, 24);
    play.scene.transfers = vec![slides(); 5];
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(17 empty)",
        " get slides.zip    [#########.........]  51%  12.4 MiB/s  0:41",
        " get slides.zip    [#########.........]  51%  12.4 MiB/s  0:41",
        " get slides.zip    [#########.........]  51%  12.4 MiB/s  0:41",
        "+2 more: /transfers",
        "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31",
        "> _",
    ]);
}

#[test]
fn names_in_their_column_only_grow() {
    let mut play = Play::with_people(80, 24);
    play.add(3, "bob", "short", Weight::None);
    play.add(3, "a-long-username", "long", Weight::None);
    play.add(3, "?a-long-username", "longest", Weight::None);
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(18 empty)",
        "12:01 bob              short",
        "12:01 a-long-username  long",
        "12:01 ?a-long-username longest",
        "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31",
        "> _",
    ]);
}

#[test]
fn verified_stands_beside_an_open_chat_and_what_was_heard_always() {
    for (assurance, is_chat, how) in [
        (Assurance::ByVoice, true, "verified by voice, chat"),
        (Assurance::ByVoice, false, "verified by voice, message"),
        (Assurance::Verified, true, "verified, chat"),
        (Assurance::Verified, false, "message"),
        (Assurance::Unverified, true, "unverified, chat"),
        (Assurance::Unverified, false, "unverified, chat over"),
    ] {
        let mut play = Play::with_people(80, 24);
        play.scene.with = Some(With { assurance, is_chat });
        assert_eq!(play.status(), format!("alice | bob ({how}) | online 127.0.0.2 | up 0:31"));
    }
}

#[test]
fn more_windows_than_the_bar_has_room_for() {
    let mut play = Play::with_people(80, 24);
    for number in 0..20 {
        play.windows.number_of(&Place::Person(name(&format!("person{number}"))));
    }
    play.add(9, "person3", "hi", Weight::ForYou);
    play.windows.set_question_open(&Place::Person(name("person14")), true);
    play.shows(&[
        "<3 bob 20 pe~? 9 pe~*>",
        "(21 empty)",
        "alice | bob (verified, chat) | online 127.0.0.2 | up 0:31",
        "> _",
    ]);
}

#[test]
fn only_bars_and_matches_are_reversed() {
    let mut play = Play::with_people(80, 24);
    play.add_as(3, "bob", "Hello hello", Weight::None, Style::Colour(32));
    play.add_as(3, "-", "the chat is over", Weight::None, Style::Dim);
    play.key(Key::Ctrl('f'));
    play.write("hello");
    let picture = play.draw().picture;
    let styles =
        |row: usize| picture.rows[row].iter().map(|piece| (piece.style, piece.text.as_str())).collect::<Vec<_>>();
    use Style::{Colour, Dim, Plain, Reverse};
    assert_eq!(
        styles(20),
        [(Dim, "12:01 "), (Colour(32), "bob   "), (Plain, " "), (Reverse, "Hello"), (Plain, " "), (Reverse, "hello")]
    );
    assert_eq!(styles(21)[3], (Dim, "the chat is over"));
    assert!(styles(0).contains(&(Plain, "3 bob")) && styles(0).contains(&(Reverse, "4 carol")));
    assert!(picture.rows[22].iter().all(|piece| piece.style == Reverse));
}
