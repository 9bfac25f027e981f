//! What stands on the screen, and what its keys do.

use super::talks::proven;
use super::*;
use crate::client::event::{Place, Row, Size};
use crate::value::comma;

impl Play {
    fn resize(&mut self, columns: u16, rows: u16) {
        self.event(Event::Resized(Size { columns, rows }));
    }

    /// The rows of the screen that are not empty, without blanks at their ends and without their times.
    pub(super) fn rows(&mut self) -> Vec<String> {
        self.app.draw_again();
        let picture = self.app.picture().expect("it is drawn again").picture;
        self.app.painted();
        let text = |row: &Row| row.iter().map(|piece| piece.text.as_str()).collect();
        let rows: Vec<String> = picture.rows.iter().map(text).collect();
        let rows = rows.iter().map(|row| row.trim_end().trim_start_matches("22:13 ").to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }
}

#[test]
fn the_help_is_as_wide_as_the_window() {
    for (columns, expected) in
        [(80, "         quit!                 leave at once"), (40, "        quit!: leave at once")]
    {
        let mut play = Play::screen();
        play.resize(columns, 24);
        play.press("/help\r");
        let rows = play.rows();
        assert!(rows.iter().any(|row| row == expected), "{rows:#?}");
        assert!(!rows.iter().any(|row| row == "does"), "a row of one word: {rows:#?}");
    }
}

#[test]
fn a_question_in_a_persons_window_is_answered_with_a_slash() {
    let mut play = Play::screen();
    play.server(&[&format!("ticket_bob_{TICKET}")]);
    let call = play.knock(1, &format!("CHAT,bob,{TICKET}"), None);
    play.event(Event::Key(Key::Alt('3')));
    let rows = play.rows();
    assert!(rows.iter().any(|row| row == "?      bob wants to chat: /accept 1 or /decline 1"), "{rows:#?}");
    play.press("accept 1\r");
    assert_eq!(play.orders(call), []);
    let (_, work) = play.begun();
    assert!(matches!(&work, Work::Message { text, .. } if text == "accept 1"), "a word is a text there: {work:?}");
    play.press("/accept 1\r");
    assert_eq!(play.orders(call), [Order::Accept]);
}

#[test]
fn what_one_says_in_a_persons_window_stands_there_once() {
    let mut play = Play::screen();
    for (window, typed) in [('1', "msg bob one\r"), ('3', "two\r")] {
        play.event(Event::Key(Key::Alt(window)));
        play.press(typed);
        let (call, _) = play.begun();
        play.event(Event::CallEnded { call, end: CallEnd::Message(Ok(name("bob"))) });
    }
    let is_told = |rows: &[String]| rows.iter().any(|row| row.ends_with("Delivered to bob"));
    let rows = play.rows();
    assert_eq!(rows[1..3], ["alice  one", "alice  two"]);
    assert!(!is_told(&rows), "{rows:#?}");
    play.event(Event::Key(Key::Alt('1')));
    assert!(is_told(&play.rows()));
}

#[test]
fn what_waits_for_the_server_is_seen_where_it_was_typed_and_when_it_is_not_sent() {
    let mut play = Play::screen();
    play.resize(99, 24);
    for (window, typed) in [('1', "msg bob one\r"), ('3', "two\r"), ('2', "three\r")] {
        if window == '3' {
            let (call, _) = play.begun();
            play.event(Event::CallEnded { call, end: CallEnd::Message(Ok(name("bob"))) });
            play.event(Event::LinkLost { link: LinkId(1) });
        }
        play.event(Event::Key(Key::Alt(window)));
        play.press(typed);
        let waits = format!("The server is away, and this waits for it: {}", typed.trim_end());
        assert_eq!(play.has_row(&waits), window != '1', "{:#?}", play.rows());
    }
    // The message is on its way to be introduced.
    let (call, _) = play.begun();
    play.news(call, News::Wants("bob".parse().expect("valid")));
    play.after(Duration::from_secs(10));
    let why = "Not sent: there was no session with the server for 10 s; you typed:";
    assert!(play.has_row(&format!("{why} three")), "{:#?}", play.rows());
    let Some(Order::Introduced(Err(none))) = play.orders(call).pop() else { panic!("not introduced") };
    play.event(Event::CallEnded { call, end: CallEnd::Message(Err(none)) });
    play.event(Event::Key(Key::Alt('3')));
    assert!(play.has_row(&format!("{why} two")), "{:#?}", play.rows());
    play.press("/disconnect\rfour\r");
    assert!(play.has_row("You are not logged in: type /reconnect; you typed: four"), "{:#?}", play.rows());
}

#[test]
fn a_long_question_is_whole_where_there_is_room() {
    let mut play = Play::new(Rules { credentials: None, ..rules(Face::Screen) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.press("signup\rabcdefghijklmno\rsecret");
    let last = |play: &mut Play| play.rows().pop().expect("a row");
    play.resize(56, 24);
    assert_eq!(last(&mut play), "New password of abcdefghijklmno: ******");
    play.resize(40, 24);
    assert_eq!(last(&mut play), "New password of abc~******");
    assert_eq!(play.sent(), [""; 0]);
}

#[test]
fn a_password_waits_for_the_half_line_and_says_so() {
    let mut play = Play::new(Rules { credentials: None, ..rules(Face::Screen) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.press("login\ralice\rcorrect horse\r");
    play.log_in();
    play.press("msg bob half");
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.event(Event::Connected { link: LinkId(2), from: SocketAddr::from((HERE, 9)) });
    let rows = play.rows();
    assert_eq!(rows.last().map(String::as_str), Some("> msg bob half"));
    assert!(rows[rows.len() - 2].contains("password wanted: clear the line"), "{rows:#?}");
    play.event(Event::Key(Key::Ctrl('c')));
    assert_eq!(play.rows().last().map(String::as_str), Some("Password of alice:"));
}

impl Play {
    /// The calls that were given up since the last look.
    fn hung_up(&mut self) -> Vec<CallId> {
        self.pick(|effect| if let Effect::HangUp(call) = effect { Some(*call) } else { None })
    }

    /// The rows of the question in the window of who asks.
    fn question_rows(&mut self, size: (u16, u16), asker: &str, command: &str) -> Vec<String> {
        self.resize(size.0, size.1);
        let command = comma::join([command]);
        proven(self, 1, &format!("RUN,{asker},TICKET,{command}"), asker);
        self.event(Event::Key(Key::Alt('3')));
        let rows = self.rows();
        let begin = rows.iter().position(|row| row.starts_with("?    ")).unwrap_or_else(|| panic!("{rows:#?}"));
        let end = rows.iter().rposition(|row| row.ends_with("asks)")).expect("who asks stands last");
        rows[begin..=end].to_vec()
    }

    pub(super) fn has_row(&mut self, text: &str) -> bool {
        self.rows().iter().any(|row| row.contains(text))
    }
}

#[test]
fn what_one_asks_for_is_answered_also_where_all_is_quiet() {
    let mut play = Play::screen();
    play.server(&["bcast_1_1_bob_before"]);
    play.press("/quiet on\r/earlier\r/transfers\r");
    let rows = play.rows();
    for answer in ["Only what you ask for is shown", "before", "No files on their way"] {
        assert!(rows.iter().any(|row| row.contains(answer)), "{answer}: {rows:#?}");
    }
    play.app.info(Place::Server, "nobody asked");
    assert!(!play.has_row("nobody asked"));
}

#[test]
fn ctrl_c_leaves_alone_what_was_begun_elsewhere() {
    let mut play = Play::screen();
    play.press("run bob sleep 60\r");
    let (job, _) = play.begun();
    play.press("chat carol\r");
    let (talk, _) = play.begun();
    play.event(Event::Key(Key::Alt('2')));
    play.event(Event::Key(Key::Ctrl('c')));
    assert_eq!(play.hung_up(), []);
    for (window, begun) in [('3', talk), ('1', job)] {
        play.event(Event::Key(Key::Alt(window)));
        play.event(Event::Key(Key::Ctrl('c')));
        assert_eq!(play.hung_up(), [begun]);
    }
    assert!(!play.done.iter().any(|effect| matches!(effect, Effect::End(_))));
}

#[test]
fn who_asks_for_a_chat_is_in_its_window_at_once() {
    let mut play = Play::screen();
    play.press("chat carol\r");
    let (call, _) = play.begun();
    assert!(play.has_row("Asking carol for a chat"));
    play.event(Event::CallEnded { call, end: CallEnd::Talk(Err(CallError::NotIntroduced("nobody".to_owned()))) });
    assert!(play.has_row("No chat with carol: nobody"), "and there is the answer");
}

#[test]
fn a_broadcast_of_before_has_the_time_when_it_was_said() {
    let mut play = Play::screen();
    play.server(&["bcast_1_1699996320_bob_before", "bcast_2_18446744073709551615_bob_never"]);
    play.event(Event::Key(Key::Alt('2')));
    assert!(play.has_row("21:12 bob    before"), "{:#?}", play.rows());
}

#[test]
fn ctrl_d_leaves_from_the_window_of_the_server_alone() {
    let mut play = Play::screen();
    play.look();
    play.event(Event::Key(Key::Alt('2')));
    play.event(Event::Key(Key::Ctrl('d')));
    assert_eq!(play.sent(), [""; 0]);
    assert!(play.has_row("/quit or Ctrl-X leaves"));
    play.event(Event::Key(Key::Alt('1')));
    play.event(Event::Key(Key::Ctrl('d')));
    assert_eq!(play.sent(), ["quit"]);
}

#[test]
fn a_stranger_has_a_window_beside_the_person_of_that_name() {
    let mut play = Play::screen();
    play.server(&[&format!("ticket_bob_{TICKET}")]);
    play.knock(1, &format!("MSG,bob,{TICKET}"), Some("it is me"));
    let call = play.knock(2, "CHAT,bob", None);
    play.after(Duration::from_secs(3));
    assert!(play.has_row("bob (unverified, from 127.0.0.2) wants to chat: /accept 1"), "{:#?}", play.rows());
    play.press("/accept 1\r");
    assert_eq!(play.orders(call), [Order::Accept]);
    play.news(call, News::Line("trust me".to_owned()));
    let rows = play.rows();
    assert!(rows[0].contains("3 bob*  4 ?bob"), "{rows:#?}");
    assert!(rows.iter().any(|row| row == "?bob   trust me"), "{rows:#?}");
    assert!(rows.iter().any(|row| row.contains("?bob (unverified, chat)")), "{rows:#?}");
    play.press("what do you want\r");
    assert_eq!(play.orders(call), [Order::Say("what do you want".to_owned())]);
    // What is said in the window of the person goes to the person.
    play.event(Event::Key(Key::Alt('3')));
    play.press("is it you\r");
    assert!(matches!(play.begun(), (_, Work::Message { text, .. }) if text == "is it you"));
    assert_eq!(play.orders(call), []);
    play.event(Event::Key(Key::Alt('4')));
    play.event(Event::CallEnded { call, end: CallEnd::Talk(Ok(TalkEnd::TheyLeft)) });
    assert!(play.has_row("?bob (unverified, chat over)"));
    play.press("still there\r");
    assert!(play.has_row("Not sent: the chat with ?bob is over"));
}

#[test]
fn what_is_typed_while_a_password_is_looked_at_is_not_seen() {
    let mut play = Play::new(Rules { credentials: None, ..rules(Face::Screen) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.press("login\ralice\rcorect horse\r");
    play.press("correct");
    assert_eq!(play.rows().last().map(String::as_str), Some("Checking the password...*******"));
    play.server(&["ERR,Invalid credentials"]);
    play.press(" horse");
    assert!(!play.has_row("orse"), "{:#?}", play.rows());
    assert!(play.has_row("The question is over: Enter drops what was typed"));
    play.press("\r");
    assert_eq!(play.rows().last().map(String::as_str), Some("Password of alice:"));
}

#[test]
fn a_line_of_the_log_stands_in_the_first_window() {
    let mut play = Play::screen();
    play.event(Event::Logged("WARN: \u{1b}[2Jdisk full".to_owned()));
    assert!(play.has_row("WARN: \\u{1b}[2Jdisk full"), "{:#?}", play.rows());
}

/// What misled the eye: characters that are not seen, and texts that look like something else.
fn misleading() -> Vec<String> {
    let hidden = [
        "\u{3164}",
        "\u{2800}",
        "\u{a0}",
        "\u{3000}",
        "\u{200b}",
        "\u{feff}",
        "\u{ad}",
        "\u{61c}",
        "\u{e0041}",
        "\u{e0101}",
        "\u{202e}",
        "\u{2066}",
        "\u{1160}",
        "\u{2028}",
        "\u{e000}",
        "\u{fe0f}",
        "\u{200d}",
    ];
    let mut all: Vec<String> = hidden.iter().map(|one| format!("sh -c 'rm x{one}{one}y'")).collect();
    all.extend(hidden.iter().map(|one| format!("sh -c 'rm {}'", one.repeat(500))));
    all.push(format!("sh -c '{}; rm x'", "x".repeat(3600)));
    all.push(format!("sh -c 'true;{}rm x'", " ".repeat(1500)));
    all.push(format!("sh -c 'true; e{} rm x'", "\u{301}".repeat(200)));
    all.push(format!("sh -c 'rm {}'", "漢".repeat(900)));
    let other = "uptime   /allow 1 or /decline 1? (carol asks)";
    all.push(format!("sh -c 'rm x; {other}{}carol asks to run here: {other}'", " ".repeat(60)));
    // Rows that are as short as they can be.
    all.push(format!("sh -c 'rm {}'", format!("a {} ", "b".repeat(26)).repeat(40)));
    all.push(format!("sh -c 'rm {}'", format!("a {} ", "b".repeat(65)).repeat(40)));
    all
}

#[test]
fn no_command_misleads_who_is_asked() {
    let commands = misleading();
    let asked = commands.iter().flat_map(|command| ["bob", "abcdefghijklmno"].map(|asker| (command, asker)));
    for ((command, asker), size) in asked.flat_map(|asked| [(80, 24), (40, 24)].map(|size| (asked, size))) {
        let rows = Play::screen().question_rows(size, asker, command);
        let text = rows.iter().map(|row| row.trim_start()).collect::<Vec<_>>().join(" ");
        assert!(rows.len() <= 6, "{size:?} {command:?}: {rows:#?}");
        let text = text.trim_start_matches(['?', ' ']);
        assert!(text.starts_with(&format!("{asker} asks to run here: sh -c '")), "{rows:#?}");
        assert!(text.ends_with(&format!("? ({asker} asks)")), "{rows:#?}");
        assert!(text.chars().all(|c| c.is_ascii_graphic() || c == ' ' || c == '漢'), "{rows:#?}");
        assert!(!text.contains("    "), "no blank rows: {rows:#?}");
        let is_short = command.chars().count() < 40;
        assert!(!is_short || !text.contains("characters in all"), "{size:?} {command:?}: {rows:#?}");
    }
}

#[test]
fn what_is_typed_before_the_first_login_is_refused_with_what_it_waits_for() {
    let mut play = Play::new(rules(Face::Screen));
    play.resize(100, 24);
    let said = |play: &mut Play, text: &str| play.rows().iter().any(|row| row.contains(text));
    play.press("list\r");
    assert!(said(&mut play, "The connection to the server is being made: wait a moment"));
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.press("list\r");
    assert!(said(&mut play, "The login is under way: wait a moment"));
}
