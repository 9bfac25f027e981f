//! Pictures of the whole screen, as text.

use super::play::{Play, name, person, text, transfer};
use crate::client::event::{Key, Size, Style, Way};
use crate::client::shown::Weight;
use crate::client::windows::bars::With;
use crate::client::windows::cells::width;
use crate::client::windows::view::draw;
use crate::client::windows::window::Place;
use proptest::prelude::*;
use std::time::Duration;

const OFFER: &str = "bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)";
const LONG: &str =
    "yes, and this line is long enough that it goes on in a second row, under the text and not under the time";

/// Five windows, bob's in front with two lines that were unread, and three more below.
fn five(columns: u16, rows: u16) -> Play {
    let mut play = Play::new(columns, rows);
    let bob = person("bob");
    play.scene.with = Some(With { is_verified: true, is_chat: true });
    play.scene.transfers.push(transfer(Way::Fetch, "slides.zip", 51));
    play.after(60);
    play.says(&bob, "bob", "are you there?", Weight::ForYou);
    play.says(&bob, "alice", LONG, Weight::None);
    play.go(3);
    play.paint();
    play.go(1);
    play.after(180);
    play.says(&bob, "bob", "look at this 漢字 👍", Weight::ForYou);
    play.says(&bob, "?", OFFER, Weight::Question);
    play.says(&person("carol"), "?", "carol wants to chat: accept 8 or decline 8", Weight::Question);
    play.windows.set_question_open(&person("carol"), true);
    play.windows.window_of(&name("dave"));
    (0..12).for_each(|_| play.says(&Place::All, "erin", "hello", Weight::Unread));
    play.go(3);
    play.counts(1, 3);
    play.key(Key::AltHome);
    play.type_in("and what I type");
    play
}

#[test]
fn a_person_in_front() {
    five(80, 10).shows(
        "
 1 server  2 all:12  3 bob*  4 carol?  5 dave
12:01 bob    are you there?
12:01 alice  yes, and this line is long enough that it goes on in a second row,
             under the text and not under the time
----------------------------------- 2 unread -----------------------------------
12:04 bob    look at this 漢字 👍
12:04 ?      bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)
 get slides.zip    [#########.........]  51%  12.4 MiB/s  0:41
alice | bob (verified, chat) | online 127.0.0.2 | 3 more below: End
> and what I type_
",
    );
}

#[test]
fn the_same_in_few_columns() {
    five(40, 14).shows(
        "
<3 bob* 4 ca~? 2:12>
12:01 bob   are you there?
12:01 alice yes, and this line is long
            enough that it goes on in a
            second row, under the text
            and not under the time
--------------- 2 unread ---------------
12:04 bob   look at this 漢字 👍
12:04 ?     bob offers notes.pdf, 1.2
            MiB: accept 7 or decline 7
            (52 s)
slides.z~  51% 0:41
alice|bob|online|3 below
> and what I type_
",
    );
}

#[test]
fn the_same_with_names_beside() {
    let mut play = five(132, 13);
    play.windows.set_names(["alice", "bob", "carol", "dave", "erin"].map(str::to_owned).to_vec());
    play.windows.set_talk(&name("bob"), true);
    play.scene.more = vec!["up 0:31".to_owned(), "2 transfers, 14 MiB/s".to_owned()];
    play.shows(
        "
 1 server  2 all:12  3 bob  4 carol?  5 dave                                                                    | active: 5
12:01 bob    are you there?                                                                                     | alice  (you)
12:01 alice  yes, and this line is long enough that it goes on in a second row, under the text and not under    | bob    talk
             the time                                                                                           | carol
-------------------------------------------------- 2 unread --------------------------------------------------- | dave
12:04 bob    look at this 漢字 👍                                                                               | erin
12:04 ?      bob offers notes.pdf, 1.2 MiB: accept 7 or decline 7 (52 s)                                        |
12:04 bob    line 1                                                                                             |
12:04 bob    line 2                                                                                             |
12:04 bob    line 3                                                                                             |
 get slides.zip                        [#########.........]  51%  12.4 MiB/s  0:41                              |
alice | bob (verified, chat) | online 127.0.0.2 | up 0:31 | 2 transfers, 14 MiB/s                               |
> and what I type_
",
    );
    play.windows.show_names(false);
    assert!(!play.picture().contains("active: 5"), "{}", play.picture());
}

#[test]
fn more_names_than_rows() {
    let mut play = Play::new(100, 6);
    play.windows.set_names((0..9).map(|number| format!("person-{number}-long")).collect());
    play.shows(
        "
 1 server  2 all                                                                | active: 9
                                                                                | person-0-lo~
                                                                                | person-1-lo~
                                                                                | +7 more: /list
alice | server | online 127.0.0.2                                               |
> _
",
    );
}

#[test]
fn a_fresh_start() {
    Play::new(80, 24).shows(
        "
 1 server  2 all
alice | server | online 127.0.0.2
> _
",
    );
}

/// Two lines with midnight between them.
fn midnight(columns: u16) -> Play {
    let mut play = Play::new(columns, 8);
    play.says(&Place::Server, "-", "You are alice", Weight::None);
    play.after(24 * 3600 - 60);
    play.says(&Place::Server, "-", "bob is active", Weight::None);
    play.says(&Place::Server, "a-very-long-name", "said", Weight::None);
    play
}

#[test]
fn a_rule_between_two_days() {
    midnight(80).shows(
        "
 1 server  2 all
12:00 -                You are alice
-------------------------- Saturday, 28 November 2026 --------------------------
11:59 -                bob is active
11:59 a-very-long-name said
alice | server | online 127.0.0.2
> _
",
    );
}

#[test]
fn no_days_in_few_columns() {
    midnight(40).shows(
        "
 1 server  2 all
12:00 -        You are alice
11:59 -        bob is active
11:59 a-very-~ said
alice|server|online
> _
",
    );
}

#[test]
fn transfers_of_this_window() {
    let mut play = Play::new(60, 12);
    let files = [("a.txt", 0), ("b.txt", 7), ("a-file-with-a-long-name.tar.gz", 100), ("d", 1), ("e", 2)];
    play.scene.transfers = files.into_iter().map(|(name, percent)| transfer(Way::Give, name, percent)).collect();
    play.shows(
        "
 1 server  2 all
 send a.txt          0%  12.4 MiB/s  0:41
 send b.txt          7%  12.4 MiB/s  0:41
 send a-file-with~ 100%  12.4 MiB/s  0:41
+2 more: /transfers
alice | server | online 127.0.0.2
> _
",
    );
    play.size = Size { columns: 30, rows: 5 };
    play.shows(
        "
 1 server  2 all
a.txt       0% 0:41
alice|server|online
> _
",
    );
}

#[test]
fn the_question_of_the_login() {
    let mut play = Play::new(80, 6);
    (play.scene.me, play.scene.online, play.scene.address) = (String::new(), "connecting".to_owned(), String::new());
    play.windows.set_question(Some(("Password of alice: ".to_owned(), true)));
    play.type_in("abc");
    play.shows(
        "
 1 server  2 all
server | connecting
Password of alice: ***_
",
    );
    play.windows.set_question(None);
    play.type_in("de");
    play.shows(
        "
 1 server  2 all
The question is over: Enter drops what was typed
Password of alice: *****_
",
    );
}

#[test]
fn many_lines_are_pasted() {
    let mut play = Play::new(80, 10);
    play.windows.window_of(&name("bob"));
    play.go(3);
    play.key(Key::Paste((1..=300).map(|number| format!("line {number}\n")).collect()));
    play.key(Key::Enter);
    play.shows(
        "
 1 server  2 all  3 bob
send 300 lines to bob? Enter / Esc
> line 297
  line 298
  line 299
  line 300_
",
    );
}

#[test]
fn candidates_are_listed() {
    let mut play = Play::new(80, 6);
    play.windows.set_names(["bob", "bodo", "carol"].map(str::to_owned).to_vec());
    play.type_in("msg bo");
    play.key(Key::Tab);
    play.shows(
        "
 1 server  2 all
[bob] bodo
> msg bob _
",
    );
    play.key(Key::Tab);
    assert_eq!(play.status(), "bob [bodo]");
}

#[test]
fn a_match_is_reverse() {
    let mut play = Play::new(80, 6);
    play.says(&Place::Server, "-", "Notes and NOTES", Weight::None);
    play.key(Key::Ctrl('f'));
    play.type_in("notes");
    play.shows(
        "
 1 server  2 all
12:00 -      Notes and NOTES
search: Enter or Up earlier, Down later, Esc ends
/ notes_
",
    );
    let rows = draw(&play.windows, &play.scene, play.size).picture.rows;
    let line = rows.iter().find(|row| text(row).contains("Notes")).expect("the line");
    let reverse = line.iter().filter(|piece| piece.style == Style::Reverse).map(|piece| piece.text.as_str());
    assert_eq!(reverse.collect::<Vec<_>>(), ["Notes", "NOTES"]);
}

#[test]
fn a_hint_in_the_status_row_and_an_end_of_it() {
    let mut play = Play::new(30, 5);
    let until = play.now + Duration::from_secs(2);
    play.windows.hint("again to end the chat".to_owned(), until);
    play.shows(
        "
 1 server  2 all
again to end the chat
> _
",
    );
    assert_eq!(play.windows.deadline(), Some(until));
    assert!(!play.windows.tick(play.now) && play.windows.tick(until));
    assert_eq!((play.windows.deadline(), play.status()), (None, "alice|server|online".to_owned()));
}

#[test]
fn a_small_terminal_and_none() {
    five(19, 24).shows(
        "
bob line 3
> and what I type_
",
    );
    five(14, 4).shows(
        "
bob line 3
> ype_
",
    );
    five(3, 24).shows("");
    five(80, 1).shows("");
}

#[test]
fn the_window_in_front_stands_out() {
    let row = draw(&five(80, 24).windows, &five(80, 24).scene, Size { columns: 80, rows: 24 }).picture.rows.remove(0);
    let plain = row.iter().filter(|piece| piece.style == Style::Plain).map(|piece| piece.text.as_str());
    assert_eq!(plain.collect::<Vec<_>>(), ["3 bob"]);
    assert_eq!(row.iter().map(|piece| width(&piece.text)).sum::<usize>(), 80);
}

/// Everything in one play, with texts that are hard to draw.
fn crowded(texts: &[String], input: &str) -> Play {
    let mut play = five(80, 24);
    play.windows.set_names((0..30).map(|number| format!("name{number}")).collect());
    play.scene.transfers.extend(texts.iter().map(|text| transfer(Way::Take, text, 99)));
    for (number, text) in texts.iter().enumerate() {
        play.after(3600 * 9);
        play.says(&person("bob"), &texts[texts.len() - 1 - number], text, Weight::ForYou);
    }
    play.key(Key::Paste(input.to_owned()));
    play
}

fn fits(play: &Play, size: Size) {
    let layout = draw(&play.windows, &play.scene, size);
    assert!(layout.picture.rows.len() <= usize::from(size.rows), "{size:?}");
    for row in &layout.picture.rows {
        let wide: usize = row.iter().map(|piece| width(&piece.text)).sum();
        assert!(wide <= usize::from(size.columns), "{size:?}: {row:?}");
    }
    if let Some((row, column)) = layout.picture.cursor {
        assert!(usize::from(row) < layout.picture.rows.len() && column < size.columns, "{size:?}: {row} {column}");
    }
}

#[test]
fn every_size_has_a_picture() {
    let texts = ["👩\u{200d}🔬🇩🇪 漢字 e\u{301}", "", "a-word-that-is-as-long-as-a-row-of-a-small-terminal", "x y z"];
    let mut plays = vec![crowded(&texts.map(str::to_owned), "one\ntwo 漢字\nthree\nfour\nfive\nsix")];
    plays.push(Play::new(80, 24));
    plays[1].windows.set_question(Some(("A question that is as long as one can think of: ".to_owned(), false)));
    plays[1].key(Key::Paste("an answer".to_owned()));
    for play in &plays {
        for columns in 0..=140 {
            (0..=50).for_each(|rows| fits(play, Size { columns, rows }));
        }
    }
}

proptest! {
    #[test]
    fn odd_texts_have_a_picture(
        texts in prop::collection::vec(super::odd_text(), 1..4),
        input in super::odd_text(),
        columns in 0u16..140,
        rows in 0u16..50,
    ) {
        let mut play = crowded(&texts, &input);
        fits(&play, Size { columns, rows });
        play.windows.search(&texts[0]);
        fits(&play, Size { columns, rows });
    }
}
