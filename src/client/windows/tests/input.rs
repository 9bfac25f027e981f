//! What is typed: what is sent and what is asked before.

use super::*;

#[test]
fn a_line_is_sent_and_remembered() {
    let mut play = Play::with_people(80, 24);
    let begun = play.now + Duration::from_millis(200);
    play.write("hi");
    let line = Act::Line { window: 3, text: "hi".to_owned(), plain: false, begun: Some(begun) };
    assert_eq!(play.key(Key::Enter), [Act::Remember("hi".to_owned()), line]);
    assert_eq!(play.key(Key::Enter), []);
    play.key(Key::Up);
    assert_eq!(play.last(), ("> hi_"));
    play.keys(&[Key::Down]);
    assert_eq!(play.last(), ("> _"));
}

#[test]
fn a_long_paste_where_lines_are_commands_says_so() {
    let mut play = Play::with_people(80, 24);
    play.windows.go(1);
    play.windows.key(Key::Paste("1\n2\n3\n4\n5\n6\n".to_owned()), play.now);
    assert_eq!(play.windows.key(Key::Enter, play.now), []);
    assert_eq!(play.status(), "do 6 lines, each a command? Enter / Esc");
}

#[test]
fn a_long_paste_is_asked_about_and_an_enter_behind_it_is_no_answer() {
    let mut play = Play::with_people(80, 24);
    play.windows.key(Key::Paste("1\n2\n3\n4\n5\n6\n".to_owned()), play.now);
    // These three Enters were in the clipboard.
    for _ in 0..3 {
        assert_eq!(play.windows.key(Key::Enter, play.now), []);
    }
    play.shows(&[
        " 1 server  2 all  3 bob  4 carol  5 dave",
        "(18 empty)",
        "send 6 lines to bob? Enter / Esc",
        "> 3",
        "  4",
        "  5",
        "  6_",
    ]);
    let sent = play.sent(&[Key::Enter]);
    assert_eq!(sent.len(), 6);
    assert_eq!((sent[0].clone(), sent[5].clone()), ((3, "1".to_owned(), true), (3, "6".to_owned(), true)));
}

#[test]
fn escape_keeps_what_was_pasted_and_typing_goes_on() {
    let mut play = Play::with_people(80, 24);
    play.paste("1\n2\n3\n4\n5\n6");
    play.keys(&[Key::Enter, Key::Escape]);
    assert!(!play.status().contains("send"));
    play.key(Key::Enter);
    play.write("x");
    assert_eq!(play.last(), ("  6x_"));
    assert_eq!(play.sent(&[Key::Ctrl('c'), Key::Enter]), []);
}

#[test]
fn a_few_lines_and_a_pasted_command_are_text() {
    let mut play = Play::with_people(80, 24);
    play.paste("/quit");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "/quit".to_owned(), true)]);
    play.paste("a\n/quit\n");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "a".to_owned(), true), (3, "/quit".to_owned(), true)]);
    // What is typed again after that is typed.
    play.write("/quit");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "/quit".to_owned(), false)]);
    // A word that is pasted behind a command is a part of it.
    play.write("/get bob ");
    play.paste("/a b");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "/get bob /a b".to_owned(), false)]);
}

#[test]
fn a_slash_behind_a_blank_is_asked_about() {
    let mut play = Play::with_people(80, 24);
    play.write(" /quit");
    assert_eq!(play.sent(&[Key::Enter]), []);
    assert_eq!(play.status(), "send as text? Enter / Esc");
    assert_eq!(play.sent(&[Key::Enter]), [(3, " /quit".to_owned(), true)]);
    play.write("    /code");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "    /code".to_owned(), true)]);
}

#[test]
fn much_for_everybody_is_asked_about() {
    let mut play = Play::with_people(80, 24);
    play.windows.go(2);
    play.paste(&"x".repeat(1025));
    assert_eq!(play.sent(&[Key::Enter]), []);
    assert_eq!(play.status(), "send a line of 1025 bytes to all? Enter / Esc");
    assert_eq!(play.sent(&[Key::Enter]).len(), 1);
}

#[test]
fn keys_that_leave() {
    let mut play = Play::with_people(80, 24);
    play.write("half");
    assert_eq!(play.key(Key::Ctrl('c')), []);
    assert_eq!(play.key(Key::Ctrl('c')), [Act::Cancel]);
    assert_eq!(play.key(Key::Ctrl('d')), [Act::End]);
    play.write("half");
    let keys = [Key::Ctrl('x'), Key::Ctrl('z'), Key::Ctrl('l'), Key::Ctrl('d')];
    assert_eq!(play.keys(&keys), [Act::Leave, Act::Suspend, Act::Redraw]);
    assert_eq!(play.last(), ("> half_"));
}

#[test]
fn the_history_of_all_windows_is_searched() {
    let mut play = Play::with_people(80, 24);
    for (window, text) in [(3, "hello bob"), (2, "hello all"), (3, "bye")] {
        play.windows.go(window);
        play.write(text);
        play.key(Key::Enter);
    }
    play.key(Key::Ctrl('r'));
    play.write("hello");
    assert_eq!((play.status().as_str(), play.last().as_str()), ("Enter takes: hello bob", "? hello_"));
    play.keys(&[Key::Ctrl('r'), Key::Ctrl('r')]);
    assert_eq!(play.status(), "Enter takes: hello all");
    assert_eq!(play.key(Key::Enter), []);
    assert_eq!(play.last(), "> hello all_");
}

#[test]
fn a_half_typed_password_is_dropped_with_the_window_and_stays_hidden() {
    let mut play = Play::with_people(80, 24);
    play.windows.go(1);
    let asked = || Some(("Password of alice: ".to_owned(), true));
    play.windows.set_question(asked());
    play.write("half");
    assert_eq!(play.last(), "Password of alice: ****_");
    play.key(Key::Alt('3'));
    assert_eq!(play.last(), "> _");
    play.write("hi bob");
    assert_eq!(play.sent(&[Key::Enter]), [(3, "hi bob".to_owned(), false)]);
    play.key(Key::Alt('1'));
    play.windows.set_question(asked());
    assert_eq!(play.last(), "Password of alice: _");
    play.write("half");
    play.windows.set_question(None);
    play.write("more");
    assert_eq!(play.last(), "Password of alice: ********_");
    assert_eq!(play.key(Key::Enter), []);
    play.keys(&[Key::Up, Key::Ctrl('y')]);
    assert_eq!(play.last(), "> _");
}

#[test]
fn a_password_is_an_answer_and_in_no_history() {
    let mut play = Play::new(80, 24);
    play.windows.set_question(Some(("Password of alice: ".to_owned(), true)));
    play.write("secret");
    play.shows(&[
        " 1 server  2 all",
        "(21 empty)",
        "alice | server | online 127.0.0.2 | up 0:31",
        "Password of alice: ******_",
    ]);
    assert_eq!(play.key(Key::Enter), [Act::Answer("secret".to_owned())]);
    play.windows.set_question(None);
    play.keys(&[Key::Up, Key::Ctrl('y')]);
    assert_eq!(play.last(), "> _");
}

#[test]
fn tab_goes_through_names_and_shows_them() {
    let mut play = Play::with_people(80, 24);
    play.windows.set_names(["bob", "bobby", "carol"].map(str::to_owned).to_vec());
    play.write("/msg b");
    play.key(Key::Tab);
    play.shows(&[" 1 server  2 all  3 bob  4 carol  5 dave", "(21 empty)", "[bob] bobby", "> /msg bob _"]);
    play.key(Key::Tab);
    assert_eq!(play.last(), "> /msg bobby _");
    play.key(Key::BackTab);
    assert_eq!(play.last(), "> /msg bob _");
    play.key(Key::Ctrl('u'));
    play.write("msg b");
    play.key(Key::Tab);
    assert_eq!(play.last(), "> msg b_", "text is no command");
}

#[test]
fn paths_come_later_or_too_late() {
    let mut play = Play::with_people(80, 24);
    play.write("/send bob a");
    assert_eq!(play.key(Key::Tab), [Act::AskPaths { ask: 1, begin: "a".to_owned() }]);
    play.windows.paths(1, vec!["'a b.txt'".to_owned()]);
    assert_eq!(play.last(), "> /send bob 'a b.txt'_");
    play.write(" c");
    assert_eq!(play.key(Key::Tab), [Act::AskPaths { ask: 2, begin: "c".to_owned() }]);
    play.write("x");
    play.windows.paths(2, vec!["cat".to_owned()]);
    assert_eq!(play.last(), "> /send bob 'a b.txt' cx_");
}
