//! Nothing that others wrote reaches a terminal as it is, in whatever it stands.

use super::*;
use std::net::SocketAddr;

/// What must not reach a terminal as it is: what is not seen, what turns the direction of writing, what it obeys.
const HIDDEN: &str = "\u{3164}\u{2800}\u{a0}\u{3000}\u{200b}\u{feff}\u{ad}\u{61c}\u{e0041}\u{e0101}\u{202e}\u{2066}\u{1160}\u{2028}\u{e000}\u{9b}";

/// Everything that can be shown and holds what others wrote, with `text` in the place of that.
fn with_text(text: &str) -> Vec<Shown> {
    let (bob, text) = (name("bob"), text.to_owned());
    let step = |stage| Shown::Transfer {
        number: 1,
        step: Step { way: Way::Fetch, with: name("bob"), what: text.clone(), stage },
        rate: Some(1),
        left: None,
    };
    let broadcast = |earlier| Shown::Broadcast {
        broadcast: Broadcast { seq: 1, unix_time: 0, from: name("bob"), text: text.clone() },
        earlier,
    };
    let mut all = vec![
        broadcast(true),
        broadcast(false),
        Shown::Message { from: bob.clone(), text: text.clone(), bearer: Bearer::Stranger(LOCALHOST) },
        Shown::Message { from: bob.clone(), text: text.clone(), bearer: Bearer::Server { is_proof: true } },
        Shown::Sent { to: bob.clone(), text: text.clone() },
        Shown::ChatCalling { to: text.clone() },
        Shown::ChatRefused { by: text.clone(), reason: text.clone() },
        Shown::ChatLine { from: bob.clone(), verified: false, text: text.clone(), foreground: true },
        Shown::Said { to: bob.clone(), text: text.clone() },
        Shown::ChatClosed { with: bob.clone(), why: text.clone() },
        Shown::RunRequest { question: 1, from: bob.clone(), command: text.clone() },
        Shown::RunBegun { from: bob.clone(), command: text.clone() },
        Shown::RunAsking { on: text.clone(), command: text.clone() },
        Shown::RunLine { by: bob.clone(), text: text.clone(), error: true },
        Shown::RunEnded { with: bob.clone(), here: true, command: text.clone(), end: text.clone(), limit: false },
        Shown::Running { with: text.clone(), here: false, command: text.clone() },
        Shown::Offer { question: 1, from: bob.clone(), what: text.clone(), count: 1, size: Size(1), room: None },
        Shown::Client { name: bob.clone(), address: SocketAddr::from(([127, 0, 0, 2], 1)), guest: Some(text.clone()) },
        Shown::User { name: text.clone() },
        Shown::File { owner: bob, file: text.clone(), known: Some((1, 1)) },
        Shown::Notice { text: text.clone() },
        Shown::Done { text: text.clone() },
        Shown::Refused { text: text.clone() },
        Shown::Help { text: text.clone() },
        Shown::Info { text: text.clone() },
    ];
    let (why, saved) = (text.clone(), PathBuf::from(&text));
    all.extend([
        step(Stage::Begun { size: 2, offset: 0 }),
        step(Stage::Progress { done: 1, size: 2, file: 1, count: 1 }),
        step(Stage::Again { why: why.clone() }),
        step(Stage::Whole { size: 1, there: 0, took: Duration::from_secs(1), saved: Some(saved.clone()) }),
        step(Stage::There { saved }),
        step(Stage::Refused { why: why.clone() }),
        step(Stage::Failed { why: why.clone(), done: 1 }),
        step(Stage::LeftOut { file: why.clone(), why, missed: true }),
    ]);
    all
}

#[test]
fn no_text_of_others_reaches_a_terminal_as_it_is() {
    let is_hidden = |text: &str| text.contains(|c| HIDDEN.contains(c) || c == '\x1b');
    for shown in with_text(&format!("a{HIDDEN}\x1b[2Jb")) {
        let line = text(&shown, &TimeZone::UTC);
        assert!(!is_hidden(&line), "{line:?}");
        let look = look(&shown, "alice", &TimeZone::UTC, |_| true);
        assert!(!is_hidden(&look.text) && !is_hidden(&look.name), "{look:?}");
        let json = object(&Line { home: Place::All, time: SystemTime::UNIX_EPOCH, shown, request: None });
        assert!(!is_hidden(&json), "{json:?}");
    }
}

#[test]
fn a_program_reads_the_whole_command() {
    let command = format!("sh -c 'rm {}{HIDDEN}\u{301}\u{301} x'", "x".repeat(3600));
    let shown = Shown::RunRequest { question: 1, from: name("bob"), command: command.clone() };
    assert!(text(&shown, &TimeZone::UTC).chars().count() <= 240, "six rows of 40 columns");
    let json = object(&Line { home: Place::All, time: SystemTime::UNIX_EPOCH, shown, request: None });
    let object: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(object["command"], command);
    assert!(json.is_ascii(), "{json}");
}
