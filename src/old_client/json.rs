//! Events for programs: one JSON object each, described in `docs/JSON.md`.

use super::event::Event;
use super::transfer::{Stage, Step, Way};
use serde_json::{Value, json};

/// The object of an event, in one line. Every object has an `event` that names its kind.
pub fn object(event: &Event) -> String {
    value(event).to_string()
}

fn value(event: &Event) -> Value {
    match event {
        Event::Broadcast { broadcast, earlier } => json!({
            "event": "broadcast", "seq": broadcast.seq, "time": broadcast.unix_time,
            "from": broadcast.from.as_str(), "text": broadcast.text, "earlier": earlier,
        }),
        Event::Message { from, text, verified, relayed } => json!({
            "event": "message", "from": from.as_str(), "text": text, "verified": verified, "relayed": relayed,
        }),
        Event::ChatRequest { from, verified } => {
            json!({"event": "chat_request", "from": from.as_str(), "verified": verified})
        }
        Event::ChatMissed { from } => json!({"event": "chat_missed", "from": from.as_str()}),
        Event::ChatCalling { to } => json!({"event": "chat_calling", "to": to}),
        Event::ChatOpened { with, verified } => {
            json!({"event": "chat_opened", "with": with.as_str(), "verified": verified})
        }
        Event::ChatRefused { by, reason } => json!({"event": "chat_refused", "by": by, "reason": reason}),
        Event::ChatLine { from, verified, text, foreground } => json!({
            "event": "chat_line", "from": from.as_str(), "verified": verified, "text": text, "foreground": foreground,
        }),
        Event::ChatClosed { with, why } => json!({"event": "chat_closed", "with": with.as_str(), "why": why}),
        Event::RunRequest { from, command } => {
            json!({"event": "run_request", "from": from.as_str(), "command": command})
        }
        Event::RunBegun { from, command } => json!({"event": "run_begun", "from": from.as_str(), "command": command}),
        Event::RunLine { by, text, error } => {
            json!({"event": "run_line", "by": by.as_str(), "text": text, "error": error})
        }
        Event::RunEnded { with, here, command, end, limit } => json!({
            "event": "run_ended", "with": with.as_str(), "here": here, "command": command, "end": end, "limit": limit,
        }),
        Event::Running { with, here, command } => {
            json!({"event": "running", "with": with, "here": here, "command": command})
        }
        Event::Peer { name, verified, foreground } => json!({
            "event": "peer", "name": name.as_str(), "verified": verified, "foreground": foreground,
        }),
        Event::Client { name, address, guest } => json!({
            "event": "client", "name": name.as_str(), "ip": address.ip().to_string(), "port": address.port(),
            "guest": guest,
        }),
        Event::User { name } => json!({"event": "user", "name": name}),
        Event::File { owner, file } => json!({"event": "file", "owner": owner.as_str(), "file": file}),
        Event::Transfer(step) => transfer(step),
        Event::Notice { text } => json!({"event": "notice", "text": text}),
        Event::Done { text } => json!({"event": "done", "text": text}),
        Event::Refused { text } => json!({"event": "refused", "text": text}),
        Event::Help { text } => json!({"event": "help", "text": text}),
        Event::Info { text } => json!({"event": "info", "text": text}),
    }
}

fn transfer(step: &Step) -> Value {
    let (stage, more) = match &step.stage {
        Stage::Waiting { before } => ("waiting", json!({"before": before})),
        Stage::Begun { size, offset } => ("begun", json!({"size": size, "offset": offset})),
        Stage::Progress { done, size, .. } => ("progress", json!({"size": size, "done": done})),
        Stage::Whole { size, took, saved } => {
            // A folder's name may be no UTF-8, which JSON must be.
            let saved = saved.as_ref().map(|path| path.to_string_lossy());
            ("whole", json!({"size": size, "seconds": took.as_secs_f64(), "saved": saved}))
        }
        Stage::Cancelled { done } => ("cancelled", json!({"done": done})),
        Stage::Failed { why } => ("failed", json!({"why": why})),
    };
    let mut object = json!({
        "event": match step.way { Way::Fetch => "fetch", Way::Send => "send" },
        "stage": stage, "with": step.with.as_str(), "file": step.file.as_str(),
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;
    use std::time::Duration;

    #[test]
    fn one_line_an_event_whatever_others_write() {
        let from = "eve".parse().expect("valid");
        let event = Event::Message { from, text: "a \"b\"\n\x1b".to_owned(), verified: false, relayed: true };
        let line = object(&event);
        assert!(!line.contains(['\n', '\x1b']));
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["text"], "a \"b\"\n\x1b");
        assert_eq!(read["event"], "message");
    }

    #[test]
    fn a_folder_whose_name_is_no_utf_8_is_shown_all_the_same() {
        let saved = PathBuf::from(OsString::from_vec(b"caf\xe9/a.txt".to_vec()));
        let stage = Stage::Whole { size: 1, took: Duration::ZERO, saved: Some(saved) };
        let (with, file) = ("bob".parse().expect("valid"), "a.txt".parse().expect("valid"));
        let line = object(&Event::Transfer(Step { way: Way::Fetch, with, file, stage }));
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["saved"], "caf\u{fffd}/a.txt");
    }
}
