//! Whole screens at 40x20 and below.

use super::*;

#[test]
fn a_talk() {
    let mut play = Play::with_people(40, 20);
    play.add(3, "bob", "are you there?", Weight::ForYou);
    play.add(3, "alice", "yes, and this line is long enough that it goes on", Weight::None);
    play.clock += 24 * 3600;
    play.add(3, "a-long-username", "who are you?", Weight::None);
    play.add(2, "carol", "hello", Weight::Unread);
    play.windows.set_question_open(&Place::Person(name("carol")), true);
    let left = Some(Duration::from_secs(41));
    let name = "slides-of-the-lecture.zip".to_owned();
    let row = Transfer { way: Way::Fetch, name, done: 51, size: 100, rate: Some(13_002_342), left, is_stalled: false };
    play.scene.transfers = vec![row];
    play.write("and what I type");
    play.shows(&[
        "<3 bob 4 ca~? 2:1>",
        "(11 empty)",
        "12:01 bob      are you there?",
        "12:01 alice    yes, and this line is",
        "               long enough that it goes",
        "               on",
        "12:01 a-long-~ who are you?",
        "slides-o~  51% 0:41",
        "alice|bob|online",
        "> and what I type_",
    ]);
}

#[test]
fn what_is_typed_grows_and_then_scrolls() {
    let mut play = Play::with_people(40, 20);
    play.write("one two three four five six seven eight nine ten");
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(16 empty)",
        "alice|bob|online",
        "> one two three four five six seven eigh",
        "  t nine ten_",
    ]);
    play.write(&" and more".repeat(20));
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(14 empty)",
        "alice|bob|online",
        "> d more and more and more and more and",
        "  more and more and more and more and mo",
        "  re and more and more and more and more",
        "  _",
    ]);
    play.key(Key::Home);
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(14 empty)",
        "alice|bob|online",
        "> _one two three four five six seven eigh",
        "  t nine ten and more and more and more",
        "  and more and more and more and more an",
        "  d more and more and more and more and",
    ]);
}

#[test]
fn below_20x5_there_is_only_the_last_line() {
    let mut play = Play::with_people(19, 4);
    play.add(3, "bob", "the first", Weight::None);
    play.add(3, "bob", "the last line of all", Weight::None);
    play.write("hi");
    play.shows(&["bob the last line ~", "> hi_"]);
    play.resize(4, 2);
    play.shows(&["bob~", "> _"]);
    play.resize(3, 24);
    assert_eq!(play.draw().picture, crate::client::event::Picture::default());
}

#[test]
fn at_20x5_all_is_there() {
    let mut play = Play::with_people(20, 5);
    play.add(3, "bob", "hello there you", Weight::None);
    play.shows(&["<3 bob>", "            there", "            you", "alice|bob|online", "> _"]);
}
