//! What is shown, for programs: one JSON object a line, described in `docs/JSON.md`. A person may see it too, on a
//! terminal that must obey no peer.

use crate::client::event::{Assurance, Line, Missed, Shown, Stage, Step, Way};
use crate::value::text::is_plain;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The object of a line. Every object has an `event` that names its kind; the answer to a request has its `id`.
pub fn object(line: &Line) -> String {
    let mut object = value(&line.shown);
    if let Some(id) = line.request {
        add(&mut object, json!({ "id": id }));
    }
    add(&mut object, json!({ "window": line.home.title() }));
    safe(&object.to_string())
}

/// JSON in which what is not plainly seen on a terminal is escaped, of which `serde_json` leaves most as it is. It stands
/// in strings alone, so the values are the same.
fn safe(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if !is_plain(c) {
            safe.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    safe
}

fn add(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend::<Map<String, Value>>(more);
    }
}

fn value(shown: &Shown) -> Value {
    match shown {
        Shown::Broadcast { broadcast, earlier } => json!({
            "event": "broadcast", "seq": broadcast.seq, "time": broadcast.unix_time,
            "from": broadcast.from.as_str(), "text": broadcast.text, "earlier": earlier,
        }),
        Shown::Message { from, text, bearer } => json!({
            "event": "message", "from": from.as_str(), "text": text, "verified": bearer.is_proof(),
            "address": bearer.stranger(), "relayed": bearer.is_server(),
        }),
        Shown::Sent { to, text } => json!({"event": "sent", "to": to.as_str(), "text": text}),
        Shown::ChatRequest { question, from, stranger } => json!({
            "event": "chat_request", "question": question, "from": from.as_str(), "verified": stranger.is_none(),
            "address": stranger,
        }),
        Shown::Missed { question, from, call, time } => {
            let what = match call {
                Missed::Chat => "chat",
                Missed::Command => "command",
                Missed::Gift => "files",
                Missed::Verification => "verify",
            };
            json!({"event": "chat_missed", "question": question, "from": from.as_str(), "what": what, "time": time})
        }
        Shown::ChatCalling { to } => json!({"event": "chat_calling", "to": to}),
        Shown::ChatOpened { with, assurance } => json!({
            "event": "chat_opened", "with": with.as_str(), "verified": is_verified(*assurance),
            "by_voice": is_by_voice(*assurance),
        }),
        Shown::ChatRefused { by, reason } => json!({"event": "chat_refused", "by": by, "reason": reason}),
        Shown::ChatLine { from, verified, text, foreground } => json!({
            "event": "chat_line", "from": from.as_str(), "verified": verified, "text": text, "foreground": foreground,
        }),
        Shown::Said { to, text } => json!({"event": "said", "to": to.as_str(), "text": text}),
        Shown::ChatSilent { with, silent } => json!({"event": "chat_silent", "with": with.as_str(), "silent": silent}),
        Shown::ChatClosed { with, why } => json!({"event": "chat_closed", "with": with.as_str(), "why": why}),
        Shown::RunRequest { question, from, command } => {
            json!({"event": "run_request", "question": question, "from": from.as_str(), "command": command})
        }
        Shown::RunBegun { from, command } => json!({"event": "run_begun", "from": from.as_str(), "command": command}),
        Shown::RunAsking { on, command } => json!({"event": "run_asking", "on": on, "command": command}),
        Shown::RunLine { by, text, error } => {
            json!({"event": "run_line", "by": by.as_str(), "text": text, "error": error})
        }
        Shown::RunEnded { with, here, command, end, limit } => json!({
            "event": "run_ended", "with": with.as_str(), "here": here, "command": command, "end": end, "limit": limit,
        }),
        Shown::Running { with, here, command } => {
            json!({"event": "running", "with": with, "here": here, "command": command})
        }
        Shown::Offer { question, from, what, count, size, room } => json!({
            "event": "offer", "question": question, "from": from.as_str(), "verified": true, "name": what,
            "count": count, "size": size.0, "room": room.map(|room| room.0),
        }),
        Shown::Words { with, words, asked } => json!({
            "event": "words", "with": with.as_str(), "words": words.words(), "asked": asked,
        }),
        Shown::ByVoice { with, were_same } => json!({
            "event": "verified", "with": with.as_str(), "by_voice": were_same,
        }),
        Shown::Peer { name, assurance, foreground } => json!({
            "event": "peer", "name": name.as_str(), "verified": is_verified(*assurance),
            "by_voice": is_by_voice(*assurance), "foreground": foreground,
        }),
        Shown::Client { name, address, guest } => json!({
            "event": "client", "name": name.as_str(), "ip": address.ip().to_string(), "port": address.port(),
            "guest": guest,
        }),
        Shown::Person { name, address, guest, since, dnd } => json!({
            "event": "person", "name": name.as_str(), "ip": address.ip().to_string(), "port": address.port(),
            "guest": guest, "since": since, "dnd": dnd,
        }),
        Shown::Joined { name, address, guest, new } => json!({
            "event": "joined", "name": name.as_str(), "ip": address.ip().to_string(), "port": address.port(),
            "guest": guest, "new": new,
        }),
        Shown::Left { name } => json!({"event": "left", "name": name.as_str()}),
        Shown::Blocked { name } => json!({"event": "blocked", "name": name.as_str()}),
        Shown::User { name } => json!({"event": "user", "name": name}),
        Shown::File { owner, file, known } => {
            let (size, modified) = (known.map(|known| known.0), known.map(|known| known.1));
            json!({"event": "file", "owner": owner.as_str(), "file": file, "size": size, "modified": modified})
        }
        Shown::Transfer { number, step, rate, left } => transfer(*number, step, *rate, *left),
        Shown::Notice { text } => json!({"event": "notice", "text": text}),
        Shown::Done { text } => json!({"event": "done", "text": text}),
        Shown::Perhaps { text } => json!({"event": "perhaps", "text": text}),
        Shown::Refused { text } => json!({"event": "refused", "text": text}),
        Shown::Help { text } => json!({"event": "help", "text": text}),
        Shown::Info { text } => json!({"event": "info", "text": text}),
    }
}

fn is_verified(assurance: Assurance) -> bool {
    assurance != Assurance::Unverified
}

fn is_by_voice(assurance: Assurance) -> bool {
    assurance == Assurance::ByVoice
}

fn transfer(number: u64, step: &Step, rate: Option<u64>, left: Option<Duration>) -> Value {
    let (stage, more) = stage(&step.stage);
    let (event, direction) = match step.way {
        Way::Fetch => ("fetch", "in"),
        Way::Send => ("send", "out"),
        Way::Give => ("transfer", "out"),
        Way::Take => ("transfer", "in"),
    };
    let mut object = json!({
        "event": event, "transfer": number, "direction": direction, "stage": stage, "with": step.with.as_str(),
        "file": step.what, "rate": rate, "left": left.map(|left| left.as_secs()),
    });
    add(&mut object, more);
    object
}

fn stage(stage: &Stage) -> (&'static str, Value) {
    // A folder's name may be no UTF-8, which JSON must be.
    match stage {
        Stage::Waiting { before } => ("waiting", json!({ "before": before })),
        Stage::Begun { size, offset } => ("begun", json!({"size": size, "offset": offset})),
        Stage::Progress { done, size, file, count } => {
            ("progress", json!({"size": size, "done": done, "number": file, "count": count}))
        }
        Stage::Stalled { done, size } => ("stalled", json!({"size": size, "done": done})),
        Stage::Again { why } => ("again", json!({ "why": why })),
        Stage::Away => ("away", json!({})),
        Stage::Whole { size, there, took, saved } => {
            let saved = saved.as_ref().map(|path| path.to_string_lossy());
            ("whole", json!({"size": size, "there": there, "seconds": took.as_secs_f64(), "saved": saved}))
        }
        Stage::There { saved } => ("there", json!({ "saved": saved.to_string_lossy() })),
        Stage::Cancelled { done } => ("cancelled", json!({ "done": done })),
        Stage::Refused { why } => ("refused", json!({ "why": why })),
        Stage::Failed { why, done } => ("failed", json!({"why": why, "done": done})),
        Stage::LeftOut { file, why, missed } => ("left_out", json!({"path": file, "why": why, "missed": missed})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Place;
    use std::time::SystemTime;

    fn read(home: Place, shown: Shown, request: Option<u64>) -> Value {
        let line = Line { home, time: SystemTime::UNIX_EPOCH, shown, request };
        serde_json::from_str(&object(&line)).expect("valid")
    }

    #[test]
    fn an_answer_carries_the_number_of_its_request_and_where_it_belongs() {
        let done = Shown::Done { text: "a \"b\"\n".to_owned() };
        let expected = json!({"event": "done", "text": "a \"b\"\n", "id": 3, "window": "server"});
        assert_eq!(read(Place::Server, done, Some(3)), expected);
        let bob = Place::Person("bob".parse().expect("valid"));
        let line = Shown::Said { to: "bob".parse().expect("valid"), text: "hi".to_owned() };
        assert_eq!(read(bob, line, None), json!({"event": "said", "to": "bob", "text": "hi", "window": "bob"}));
    }

    #[test]
    fn a_terminal_obeys_nothing_and_a_program_reads_all() {
        let text: String = ('\0'..='\u{ffff}').filter(|&c| !is_plain(c)).chain("a\\ü🎉".chars()).collect();
        let shown = Shown::Info { text: text.clone() };
        let line = Line { home: Place::Server, time: SystemTime::UNIX_EPOCH, shown: shown.clone(), request: None };
        let json = object(&line);
        assert_eq!(json.chars().find(|&c| !is_plain(c)), None, "{json:?}");
        assert!(json.contains("\\u007f") && json.contains("\\u009b") && json.contains("\\u202e"), "{json}");
        assert_eq!(read(Place::Server, shown, None)["text"], text);
    }

    #[test]
    fn a_gift_is_a_transfer_with_a_direction() {
        let stage = Stage::Progress { done: 1, size: 4, file: 2, count: 3 };
        let step = Step { way: Way::Give, with: "bob".parse().expect("valid"), what: "dir/".to_owned(), stage };
        let shown = Shown::Transfer { number: 9, step, rate: Some(2), left: Some(Duration::from_secs(1)) };
        let expected = json!({
            "event": "transfer", "transfer": 9, "direction": "out", "stage": "progress", "with": "bob",
            "file": "dir/", "rate": 2, "left": 1, "done": 1, "size": 4, "number": 2, "count": 3, "window": "all",
        });
        assert_eq!(read(Place::All, shown, None), expected);
    }
}
