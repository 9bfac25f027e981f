//! Each thing that is shown, as text, as JSON and as a look.

mod hidden;

use super::{Weight, look, object, text};
use crate::client::event::{Assurance, Bearer, Line, Missed, Place, Shown, Stage, Step, Way};
use crate::protocol::Broadcast;
use crate::value::{Size, Spoken, Username};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const STRANGER: Option<IpAddr> = Some(LOCALHOST);

const ESC: &str = "a \x1b\"b";

fn name(text: &str) -> Username {
    text.parse().expect("valid")
}

fn esc() -> String {
    ESC.to_owned()
}

/// Shown to alice as `says`, as an object with these fields at least, with this name beside it and this weight.
fn check(shown: Shown, says: &str, fields: Value, beside: &str, weight: Weight) {
    assert_eq!(text(&shown, &TimeZone::UTC), says);
    let look = look(&shown, "alice", &TimeZone::UTC, |_| true);
    assert_eq!((look.name.as_str(), look.weight), (beside, weight), "{says}");
    assert!(!look.text.contains(char::is_control) && !look.text.is_empty(), "{says}");
    assert_eq!(shown.is_error(), weight == Weight::Failed);
    let line = Line { home: Place::Person(name("bob")), time: SystemTime::UNIX_EPOCH, shown, request: Some(4) };
    let written = object(&line);
    assert!(!written.contains(['\n', '\x1b']), "{written}");
    let object: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!((&object["window"], &object["id"]), (&json!("bob"), &json!(4)));
    for (field, value) in fields.as_object().expect("an object") {
        assert_eq!(&object[field], value, "{field} of {written}");
    }
}

/// The same, of our own words to bob.
fn check_ours(shown: Shown, says: &str, event: &str) {
    check(shown, says, json!({"event": event, "to": "bob", "text": ESC}), "alice", Weight::None);
}

#[test]
fn broadcasts_and_messages() {
    let broadcast = |from, text: &str| Broadcast { seq: 7, unix_time: 3600, from: name(from), text: text.to_owned() };
    check(
        Shown::Broadcast { broadcast: broadcast("bob", ESC), earlier: false },
        "[broadcast 01:00] bob: a \\u{1b}\"b",
        json!({"event": "broadcast", "seq": 7, "time": 3600, "from": "bob", "text": ESC, "earlier": false}),
        "bob",
        Weight::Unread,
    );
    check(
        Shown::Broadcast { broadcast: broadcast("Alice", "hi"), earlier: true },
        "[earlier broadcast 01:00] Alice: hi",
        json!({"earlier": true}),
        "alice",
        Weight::None,
    );
    check(
        Shown::Message { from: name("bob"), text: esc(), bearer: Bearer::Server { is_proof: true } },
        "[message, relayed by the server] bob: a \\u{1b}\"b",
        json!({"event": "message", "from": "bob", "text": ESC, "verified": true, "relayed": true}),
        "bob",
        Weight::ForYou,
    );
    check(
        Shown::Message { from: name("bob"), text: esc(), bearer: Bearer::Stranger(LOCALHOST) },
        "[message] bob (unverified): a \\u{1b}\"b",
        json!({"verified": false, "relayed": false, "address": "127.0.0.1"}),
        "?bob",
        Weight::ForYou,
    );
    check(
        Shown::Message { from: name("bob"), text: esc(), bearer: Bearer::Server { is_proof: false } },
        "[message, relayed by the server] bob (unverified): a \\u{1b}\"b",
        json!({"verified": false, "relayed": true, "address": null}),
        "bob",
        Weight::ForYou,
    );
    check_ours(Shown::Sent { to: name("bob"), text: esc() }, "[message] to bob: a \\u{1b}\"b", "sent");
}

#[test]
fn chats() {
    check(
        Shown::ChatRequest { question: 3, from: name("bob"), stranger: STRANGER },
        "bob (unverified) wants to chat: accept 3 or decline 3?",
        json!({"event": "chat_request", "question": 3, "from": "bob", "verified": false, "address": "127.0.0.1"}),
        "?",
        Weight::Question,
    );
    check(
        Shown::Missed { question: Some(3), from: name("bob"), call: Missed::Chat, time: 43_440 },
        "bob called at 12:04",
        json!({"event": "chat_missed", "question": 3, "from": "bob", "what": "chat", "time": 43_440}),
        "-",
        Weight::Unread,
    );
    check(
        Shown::ChatCalling { to: esc() },
        "Asking a \\u{1b}\"b for a chat...",
        json!({"event": "chat_calling", "to": ESC}),
        "-",
        Weight::None,
    );
    check(
        Shown::ChatOpened { with: name("bob"), assurance: Assurance::ByVoice },
        "Chat with bob (verified by voice) opened; !exit ends it, !back leaves it open",
        json!({"event": "chat_opened", "with": "bob", "verified": true, "by_voice": true}),
        "-",
        Weight::Unread,
    );
    check(
        Shown::ChatRefused { by: "bob".to_owned(), reason: esc() },
        "No chat with bob: a \\u{1b}\"b",
        json!({"event": "chat_refused", "by": "bob", "reason": ESC}),
        "!",
        Weight::Failed,
    );
    check(
        Shown::ChatLine { from: name("bob"), verified: true, text: esc(), foreground: false },
        "[chat] bob: a \\u{1b}\"b",
        json!({"event": "chat_line", "from": "bob", "verified": true, "text": ESC, "foreground": false}),
        "bob",
        Weight::ForYou,
    );
    check_ours(Shown::Said { to: name("bob"), text: esc() }, "to bob: a \\u{1b}\"b", "said");
    for (silent, text) in [(true, "bob does not answer"), (false, "bob is there again")] {
        let json = json!({"event": "chat_silent", "with": "bob", "silent": silent});
        check(Shown::ChatSilent { with: name("bob"), silent }, text, json, "-", Weight::Unread);
    }
    check(
        Shown::ChatClosed { with: name("bob"), why: esc() },
        "Chat with bob closed: a \\u{1b}\"b",
        json!({"event": "chat_closed", "with": "bob", "why": ESC}),
        "-",
        Weight::Unread,
    );
}

#[test]
fn commands() {
    check(
        Shown::RunRequest { question: 2, from: name("bob"), command: "echo '\u{a0}'".to_owned() },
        "bob asks to run here: echo '\\u{a0}'   allow 2 or decline 2? (bob asks)",
        json!({"event": "run_request", "question": 2, "from": "bob", "command": "echo '\u{a0}'"}),
        "?",
        Weight::Question,
    );
    check(
        Shown::RunBegun { from: name("bob"), command: esc() },
        "bob runs here: a \\u{1b}\"b",
        json!({"event": "run_begun", "from": "bob", "command": ESC}),
        "-",
        Weight::Unread,
    );
    check(
        Shown::RunAsking { on: "bob".to_owned(), command: esc() },
        "Asking bob to run a \\u{1b}\"b...",
        json!({"event": "run_asking", "on": "bob", "command": ESC}),
        "-",
        Weight::None,
    );
    for (error, begin, beside) in [(false, "run", ""), (true, "run, error", "!")] {
        check(
            Shown::RunLine { by: name("bob"), text: esc(), error },
            &format!("[{begin}] bob: a \\u{{1b}}\"b"),
            json!({"event": "run_line", "by": "bob", "text": ESC, "error": error}),
            beside,
            Weight::None,
        );
    }
    let ended = |here, limit| {
        let end = "exit 0".to_owned();
        Shown::RunEnded { with: name("bob"), here, command: esc(), end, limit }
    };
    let fields = json!({"event": "run_ended", "with": "bob", "here": true, "command": ESC, "end": "exit 0"});
    check(ended(true, false), "bob ran here: a \\u{1b}\"b: exit 0", fields, "", Weight::None);
    check(ended(false, false), "bob ran: a \\u{1b}\"b: exit 0", json!({"limit": false}), "", Weight::None);
    check(ended(false, true), "bob ran: a \\u{1b}\"b: exit 0", json!({"limit": true}), "!", Weight::Failed);
    check(
        Shown::Running { with: "bob".to_owned(), here: true, command: esc() },
        "bob runs here: a \\u{1b}\"b",
        json!({"event": "running", "with": "bob", "here": true, "command": ESC}),
        "",
        Weight::None,
    );
}

#[test]
fn words_to_compare() {
    const WORDS: &str = "abandon abandon abandon abandon abandon ability";
    let words = Spoken::new([0, 0, 0, 0, 0, 0, 0, 0, 0x40]);
    let how = "Have bob read theirs to you, on the phone or face to face, by a voice that you know. All the same: verify \
               bob yes. Any other: verify bob no";
    let spoken: Vec<&str> = WORDS.split(' ').collect();
    check(
        Shown::Words { with: name("bob"), words, asked: true },
        &format!(
            "Six words with bob: {WORDS}. The same ones on both sides mean that nobody stands between you, not even the server. \
             {how}"
        ),
        json!({"event": "words", "with": "bob", "words": spoken, "asked": true}),
        "?",
        Weight::Question,
    );
    check(
        Shown::Words { with: name("bob"), words, asked: false },
        &format!(
            "Six words with bob: {WORDS}. bob wants to be sure that nobody stands between you, not even the server. {how}"
        ),
        json!({"event": "words", "with": "bob", "words": spoken, "asked": false}),
        "?",
        Weight::Question,
    );
    for (were_same, says, beside) in
        [(true, "bob is verified by voice", "-"), (false, "bob is refused: the words were others", "!")]
    {
        let shown = Shown::ByVoice { with: name("bob"), were_same };
        check(shown, says, json!({"event": "verified", "with": "bob", "by_voice": were_same}), beside, Weight::None);
    }
    let missed = Shown::Missed { question: None, from: name("bob"), call: Missed::Verification, time: 3600 };
    check(
        missed,
        "bob wanted to verify at 01:00",
        json!({"event": "chat_missed", "what": "verify"}),
        "-",
        Weight::Unread,
    );
}

#[test]
fn lists() {
    check(
        Shown::Peer { name: name("bob"), assurance: Assurance::Unverified, foreground: true },
        "bob (unverified), in the foreground",
        json!({"event": "peer", "name": "bob", "verified": false, "by_voice": false, "foreground": true}),
        "",
        Weight::None,
    );
    let client = |port, guest: Option<&str>| Shown::Client {
        name: name("bob"),
        address: ([127, 0, 0, 2], port).into(),
        guest: guest.map(str::to_owned),
    };
    let fields = json!({"event": "client", "name": "bob", "ip": "127.0.0.2", "port": 4401, "guest": null});
    check(client(4401, None), "bob 127.0.0.2:4401", fields, "", Weight::None);
    check(client(0, None), "bob 127.0.0.2 (messages only)", json!({"port": 0}), "", Weight::None);
    check(client(0, Some("menu")), "bob 127.0.0.2 (menu)", json!({"guest": "menu"}), "", Weight::None);
    check(Shown::User { name: esc() }, "a \\u{1b}\"b", json!({"event": "user", "name": ESC}), "", Weight::None);
    let file = |known| Shown::File { owner: name("bob"), file: " a.txt".to_owned(), known };
    let fields = json!({"event": "file", "owner": "bob", "file": " a.txt", "size": null});
    check(file(None), "bob \" a.txt\"", fields, "", Weight::None);
    check(
        file(Some((2048, 86_400))),
        "bob \" a.txt\"  (2.0 KiB, 1970-01-02 00:00)",
        json!({"size": 2048, "modified": 86_400}),
        "",
        Weight::None,
    );
}

#[test]
fn sentences() {
    let all = [
        (Shown::Notice { text: esc() }, "notice", "-", Weight::Unread),
        (Shown::Done { text: esc() }, "done", "", Weight::None),
        (Shown::Refused { text: esc() }, "refused", "!", Weight::Failed),
        (Shown::Perhaps { text: esc() }, "perhaps", "!", Weight::Failed),
        (Shown::Help { text: esc() }, "help", "", Weight::None),
        (Shown::Info { text: esc() }, "info", "-", Weight::None),
    ];
    for (shown, event, beside, weight) in all {
        let begin = if event == "notice" { "[server] " } else { "" };
        let says = format!("{begin}a \\u{{1b}}\"b");
        check(shown, &says, json!({"event": event, "text": ESC}), beside, weight);
    }
}

#[test]
fn offers() {
    let offer = |what: &str, count, room| Shown::Offer {
        question: 7,
        from: name("bob"),
        what: what.to_owned(),
        count,
        size: Size(1_258_291),
        room,
    };
    check(
        offer("a\u{200b}.pdf", 1, Some(Size(2048))),
        "bob offers a\\u{200b}.pdf, 1.2 MiB (2.0 KiB free): accept 7 or decline 7?",
        json!({"event": "offer", "question": 7, "from": "bob", "verified": true, "name": "a\u{200b}.pdf",
            "count": 1, "size": 1_258_291, "room": 2048}),
        "?",
        Weight::Question,
    );
    check(
        offer("dir/", 14, None),
        "bob offers dir/, 14 files, 1.2 MiB: accept 7 or decline 7?",
        json!({"name": "dir/", "count": 14, "room": null}),
        "?",
        Weight::Question,
    );
}

fn transfer(way: Way, stage: Stage, rate: Option<u64>) -> Shown {
    let step = Step { way, with: name("bob"), what: "big".to_owned(), stage };
    Shown::Transfer { number: 3, step, rate, left: rate.filter(|rate| *rate > 0).map(|_| Duration::from_secs(41)) }
}

#[test]
fn transfers_under_way() {
    let again = Stage::Again { why: esc() };
    let cases = [
        (Way::Fetch, Stage::Waiting { before: 0 }, "[3] Fetching big from bob: waiting", "waiting"),
        (Way::Fetch, Stage::Waiting { before: 3 }, "[3] Fetching big from bob: waiting for 3 others", "waiting"),
        (Way::Give, Stage::Waiting { before: 0 }, "[3] Offering big to bob...", "waiting"),
        (Way::Send, Stage::Begun { size: 1, offset: 0 }, "Sending big to bob: 1 byte", "begun"),
        (
            Way::Fetch,
            Stage::Begun { size: 2048, offset: 1024 },
            "Fetching big from bob: 2.0 KiB, of which 1.0 KiB are there",
            "begun",
        ),
        (
            Way::Take,
            Stage::Stalled { done: 1, size: 4 },
            "[3] Taking big from bob: 25 % of 4 bytes, stalled",
            "stalled",
        ),
        (Way::Fetch, Stage::Away, "big from bob: waiting until the server is back", "away"),
        (Way::Take, again, "big from bob: a \\u{1b}\"b; trying again", "again"),
    ];
    for (way, stage, says, word) in cases {
        let fields = json!({"transfer": 3, "with": "bob", "file": "big", "stage": word});
        check(transfer(way, stage, None), says, fields, "", Weight::None);
    }
    let progress = Stage::Progress { done: 512, size: 1024, file: 2, count: 3 };
    check(
        transfer(Way::Give, progress, Some(1024)),
        "[3] Giving big to bob: 50 % of 1.0 KiB, file 2 of 3, 1.0 KiB/s, 0:41 left",
        json!({"event": "transfer", "direction": "out", "stage": "progress", "done": 512, "size": 1024,
            "rate": 1024, "left": 41, "number": 2, "count": 3}),
        "",
        Weight::None,
    );
}

#[test]
fn transfers_that_end() {
    let saved = PathBuf::from(OsString::from_vec(b"caf\xe9/big".to_vec()));
    let took = Duration::from_millis(1500);
    let whole = |saved| Stage::Whole { size: 1024, there: 0, took, saved };
    check(
        transfer(Way::Fetch, whole(Some(saved.clone())), None),
        "Fetched big from bob: 1.0 KiB in 1.5 s, verified, saved as caf\u{fffd}/big",
        json!({"event": "fetch", "stage": "whole", "size": 1024, "seconds": 1.5, "saved": "caf\u{fffd}/big",
            "direction": "in"}),
        "",
        Weight::None,
    );
    let fields = json!({"event": "send", "stage": "whole", "saved": null});
    check(transfer(Way::Send, whole(None), None), "Sent big to bob: 1.0 KiB in 1.5 s", fields, "", Weight::None);
    check(
        transfer(Way::Take, Stage::There { saved }, None),
        "big from bob: the same file is there already: caf\u{fffd}/big",
        json!({"event": "transfer", "stage": "there", "saved": "caf\u{fffd}/big"}),
        "",
        Weight::None,
    );
    let stopped = "big from bob: stopped at 10 bytes; get it again to go on";
    let fields = json!({"stage": "cancelled", "done": 10});
    check(transfer(Way::Fetch, Stage::Cancelled { done: 10 }, None), stopped, fields, "", Weight::None);
    let refused = Stage::Refused { why: "declined".to_owned() };
    let fields = json!({"event": "transfer", "stage": "refused", "why": "declined"});
    check(transfer(Way::Give, refused, None), "big to bob: not taken: declined", fields, "!", Weight::Failed);
    let failed = Stage::Failed { why: esc(), done: 0 };
    let fields = json!({"stage": "failed", "why": ESC, "done": 0});
    check(transfer(Way::Fetch, failed.clone(), None), "big from bob: a \\u{1b}\"b", fields, "!", Weight::Failed);
    // What somebody fetches from us is not ours to count.
    let fields = json!({"event": "send"});
    check(transfer(Way::Send, failed, None), "big to bob: a \\u{1b}\"b", fields, "", Weight::None);
    let left_out = Stage::LeftOut { file: "b".to_owned(), why: "no room".to_owned(), missed: true };
    let fields = json!({"stage": "left_out", "path": "b", "why": "no room"});
    check(transfer(Way::Give, left_out, None), "big to bob: b is left out: no room", fields, "!", Weight::Failed);
}
