//! What keys do to the line that is typed, and what they leave to the owner.

use super::play::{Play, name, person};
use crate::client::event::Key;
use crate::client::shown::Weight;
use crate::client::windows::keys::Act;
use crate::client::windows::window::Place;
use crate::protocol::MAX_BROADCAST;

/// With bob's window in front.
fn with_bob() -> Play {
    let mut play = Play::new(80, 10);
    play.windows.window_of(&name("bob"));
    play.go(3);
    play
}

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

fn sent(lines: &[&str], plain: bool) -> Vec<(String, bool)> {
    lines.iter().map(|line| ((*line).to_owned(), plain)).collect()
}

#[test]
fn enter_sends_with_the_time_of_the_first_key() {
    let mut play = with_bob();
    play.type_in("h");
    let begun = Some(play.now);
    play.type_in("i");
    let line = Act::Line { window: 3, text: "hi".to_owned(), plain: false, begun };
    assert_eq!(play.key(Key::Enter), [Act::Remember("hi".to_owned()), line]);
    play.type_in("  ");
    assert_eq!(play.key(Key::Enter), []);
    assert!(play.picture().ends_with("> _\n"), "{}", play.picture());
}

#[test]
fn few_pasted_lines_are_sent_one_by_one() {
    let mut play = with_bob();
    play.key(Key::Paste("/quit\n\nls\n".to_owned()));
    assert_eq!(play.sent(Key::Enter), sent(&["/quit", "ls"], true));
    play.key(Key::Paste("/list\n".to_owned()));
    assert_eq!(play.sent(Key::Enter), sent(&["/list"], false));
    play.go(1);
    play.key(Key::Paste("list\nfiles\n".to_owned()));
    assert_eq!(play.sent(Key::Enter), sent(&["list", "files"], false));
}

#[test]
fn many_pasted_lines_are_sent_after_a_second_enter_at_another_time() {
    let mut play = with_bob();
    play.key(Key::Paste(lines(6)));
    assert_eq!(play.sent(Key::Enter), []);
    assert_eq!(play.status(), "send 6 lines to bob? Enter / Esc");
    assert_eq!(play.windows.key(Key::Enter, play.now), []);
    assert_eq!(play.status(), "send 6 lines to bob? Enter / Esc");
    play.key(Key::Escape);
    assert_eq!(play.status(), "alice | bob | online 127.0.0.2");
    assert_eq!(play.sent(Key::Enter), []);
    // What is pasted then belongs to the line, and the Enter behind it asks again.
    play.key(Key::Paste("more".to_owned()));
    assert_eq!(play.status(), "alice | bob | online 127.0.0.2");
    assert_eq!(play.sent(Key::Enter), []);
    assert_eq!(play.sent(Key::Enter).len(), 6);
    assert!(play.picture().ends_with("> _\n"), "{}", play.picture());
}

#[test]
fn a_long_line_for_everybody_asks() {
    let mut play = with_bob();
    let long = "x".repeat(MAX_BROADCAST + 1);
    play.key(Key::Paste(long.clone()));
    assert_eq!(play.sent(Key::Enter), sent(&[&long], false));
    play.go(2);
    play.key(Key::Paste(long.clone()));
    assert_eq!(play.sent(Key::Enter), []);
    assert_eq!(play.status(), "send a line of 1025 bytes to all? Enter / Esc");
    assert_eq!(play.sent(Key::Enter), sent(&[&long], false));
}

#[test]
fn a_slash_behind_blanks_asks() {
    let mut play = with_bob();
    for (typed, asks) in [(" /w 1", true), ("  /w 1", true), ("   /w 1", false), ("/w 1", false), ("a /b", false)] {
        play.type_in(typed);
        if asks {
            assert_eq!(play.sent(Key::Enter), [], "{typed:?}");
            assert_eq!(play.status(), "send as text? Enter / Esc");
        }
        assert_eq!(play.sent(Key::Enter), sent(&[typed], asks), "{typed:?}");
    }
    play.go(1);
    play.type_in(" /list");
    assert_eq!(play.sent(Key::Enter), sent(&[" /list"], false));
}

#[test]
fn a_hidden_answer_is_no_line() {
    let mut play = with_bob();
    play.type_in("draft");
    play.windows.set_question(Some(("Password of alice: ".to_owned(), true)));
    play.type_in("secret");
    assert!(!play.picture().contains("secret"), "{}", play.picture());
    assert_eq!(play.key(Key::Enter), [Act::Answer("secret".to_owned())]);
    assert_eq!(play.key(Key::Ctrl('c')), [Act::Cancel]);
    assert_eq!(play.key(Key::Ctrl('d')), [Act::End]);
    play.type_in("sec");
    assert!(play.windows.set_question(None) && !play.windows.set_question(None));
    play.type_in("ret");
    assert_eq!(play.key(Key::Enter), []);
    assert!(play.picture().ends_with("> draft_\n"), "{}", play.picture());
    play.key(Key::Ctrl('c'));
    play.key(Key::Up);
    assert!(!play.picture().contains("secret"), "{}", play.picture());
}

#[test]
fn keys_for_the_owner() {
    let mut play = with_bob();
    for (key, act) in [
        (Key::Ctrl('c'), Act::Cancel),
        (Key::Ctrl('d'), Act::End),
        (Key::Ctrl('x'), Act::Leave),
        (Key::Ctrl('z'), Act::Suspend),
        (Key::Ctrl('l'), Act::Redraw),
    ] {
        assert_eq!(play.key(key.clone()), [act], "{key:?}");
    }
    play.type_in("ab");
    play.key(Key::Left);
    assert_eq!(play.key(Key::Ctrl('d')), []);
    assert!(play.picture().ends_with("> a_\n"), "{}", play.picture());
    assert_eq!(play.key(Key::Ctrl('c')), []);
    assert!(play.picture().ends_with("> _\n"), "{}", play.picture());
}

#[test]
fn a_draft_and_its_history_belong_to_their_window() {
    let mut play = with_bob();
    play.type_in("to bob");
    play.key(Key::Enter);
    play.type_in("half");
    play.key(Key::Alt('2'));
    play.key(Key::Up);
    assert!(play.picture().ends_with("> _\n"), "{}", play.picture());
    play.key(Key::Alt('3'));
    assert!(play.picture().ends_with("> half_\n"), "{}", play.picture());
    play.key(Key::Up);
    assert!(play.picture().ends_with("> to bob_\n"), "{}", play.picture());
    play.key(Key::Down);
    assert!(play.picture().ends_with("> half_\n"), "{}", play.picture());
}

#[test]
fn the_history_of_all_windows_is_searched() {
    let mut play = with_bob();
    for (window, line) in [(1, "list all"), (3, "hello Bob"), (3, "hello all")] {
        play.go(window);
        play.type_in(line);
        play.key(Key::Enter);
    }
    play.windows.remember("former ALL");
    play.key(Key::Ctrl('r'));
    play.type_in("all");
    let mut found = vec![play.status()];
    for _ in 0..3 {
        play.key(Key::Ctrl('r'));
        found.push(play.status());
    }
    let expected = ["hello all", "former ALL", "list all", "list all"];
    assert_eq!(found, expected.map(|line| format!("Enter takes: {line}")));
    assert_eq!(play.key(Key::Enter), []);
    assert!(play.picture().ends_with("> list all_\n"), "{}", play.picture());
}

#[test]
fn tab_asks_for_own_paths_and_drops_a_late_answer() {
    let mut play = Play::new(80, 10);
    play.windows.set_names(vec!["Bob".to_owned()]);
    play.windows.set_files(&name("bob"), vec!["two words.txt".to_owned()]);
    play.type_in("get b");
    play.key(Key::Tab);
    play.type_in("two");
    play.key(Key::Tab);
    assert!(play.picture().ends_with("> get Bob two words.txt_\n"), "{}", play.picture());
    play.key(Key::Ctrl('c'));
    play.type_in("send bob no");
    let asked = play.key(Key::Tab);
    let [Act::AskPaths { ask, begin }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(begin, "no");
    play.type_in("t");
    play.windows.paths(*ask, vec!["notes.pdf ".to_owned()]);
    assert!(play.picture().ends_with("> send bob not_\n"), "{}", play.picture());
    let asked = play.key(Key::Tab);
    let [Act::AskPaths { ask, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    play.windows.paths(*ask, vec!["notes.pdf ".to_owned()]);
    assert!(play.picture().ends_with("> send bob notes.pdf _\n"), "{}", play.picture());
}

#[test]
fn a_search_goes_up_and_down_and_stays_where_it_ends() {
    let mut play = with_bob();
    for number in 0..100 {
        let text = if number % 30 == 0 { format!("Needle {number}") } else { format!("line {number}") };
        play.says(&person("bob"), "bob", &text, Weight::None);
    }
    play.key(Key::Ctrl('f'));
    play.type_in("needle");
    let mut seen = Vec::new();
    let mut note = |play: &Play| {
        let found =
            play.picture().lines().find_map(|row| row.split_once("Needle ").map(|(_, number)| number.to_owned()));
        seen.push(found);
    };
    note(&play);
    for key in [Key::Enter, Key::Up, Key::Up, Key::Down] {
        play.key(key);
        note(&play);
    }
    assert_eq!(seen, ["90", "60", "30", "0", "30"].map(|number| Some(number.to_owned())));
    play.type_in("x");
    assert_eq!(play.status(), "search: not found");
    play.key(Key::Escape);
    assert!(play.picture().contains("Needle 30"), "{}", play.picture());
    assert!(play.status().ends_with("more below: End"));
    play.key(Key::End);
    play.windows.search("line 5");
    assert!(play.picture().contains("line 59"), "{}", play.picture());
}

#[test]
fn other_keys_end_a_search_and_are_done() {
    let mut play = with_bob();
    play.key(Key::Ctrl('f'));
    play.type_in("x");
    play.key(Key::Alt('2'));
    assert_eq!(play.windows.front(), (2, &Place::All));
    play.type_in("y");
    assert!(play.picture().ends_with("> y_\n"), "{}", play.picture());
}
