//! What somebody who is logged in may say.

use super::has;
use super::session::Connection;
use super::state::{State, let_others_in, random};
use super::text::quoted;
use std::sync::MutexGuard;

impl<'s> Connection<'s> {
    pub(super) fn member(&mut self, name: &str, line: &str, fields: &[String]) -> bool {
        let mut state = self.shared.lock();
        let active = |state: &State| {
            let sessions = state.sessions.values().filter(|session| session.is_active);
            sessions.map(|session| (session.name.clone(), session.port)).collect::<Vec<_>>()
        };
        let field = |number: usize| fields.get(number).map(String::as_str).unwrap_or_default();
        let key = name.to_lowercase();
        let answer: Vec<String> = match (line, field(0)) {
            ("whoami", _) => vec![format!("OK,{name}")],
            ("list", _) => {
                let mut there = active(&state);
                let count = there.len();
                if has("list-forgets") {
                    there.pop();
                }
                let lines = there.iter().map(|(name, port)| format!("client_{name}_127.0.0.1:{port}"));
                lines.chain([format!("OK,{count} active clients")]).collect()
            }
            ("get_u", _) => {
                let names: String = active(&state).into_iter().map(|(name, _)| format!(",{name}")).collect();
                vec![format!("OK{names}")]
            }
            ("active" | "inactive", _) => {
                state.sessions.get_mut(&key).expect("logged in").is_active = line == "active";
                vec!["OK".to_owned()]
            }
            (_, "get_p") => match state.find(field(1)) {
                Some(session) => vec![format!("OK,127.0.0.1,{}", session.port)],
                None => vec!["ERR,User not found!".to_owned()],
            },
            (_, "get_uf") => match state.find(field(1)).and_then(|session| session.files.clone()) {
                Some(files) => {
                    let names: String = files.iter().map(|file| format!(",{}", quoted(file))).collect();
                    vec![format!("files_{name}{names}"), format!("OK,{} files", files.len())]
                }
                None => vec!["OK,0 files".to_owned()],
            },
            (_, "init") => {
                let port = match field(2).parse::<u16>() {
                    Ok(0) | Err(_) if has("port-without-check") => {
                        // The thread is gone, and nobody closes the connection.
                        drop(state);
                        panic!("{:?}", field(2).parse::<u16>())
                    }
                    Ok(0) | Err(_) => None,
                    Ok(port) => Some(port),
                };
                let session = state.sessions.get_mut(&key).expect("logged in");
                let Some(port) = port else {
                    drop(state);
                    return self.ok_or(false, "", "The port is a number from 1 to 65535");
                };
                session.port = port;
                let is_new = session.files.replace(fields.iter().skip(3).cloned().collect()).is_none();
                vec![if is_new || has("init-is-ok") { "OK" } else { "UP" }.to_owned()]
            }
            (_, "share") => {
                let files = state.sessions.get_mut(&key).expect("logged in").files.get_or_insert_default();
                files.extend(fields.iter().skip(1).cloned());
                vec!["UP".to_owned()]
            }
            _ => return self.talk_to(state, name, line),
        };
        drop(state);
        answer.iter().for_each(|line| self.say(line));
        true
    }

    fn talk_to(&self, mut state: MutexGuard<'s, State>, name: &str, line: &str) -> bool {
        if let Some(text) = line.strip_prefix("bcast_") {
            if text.len() > 1024 || text.is_empty() {
                drop(state);
                return self.ok_or(false, "", "A broadcast has 1 to 1024 bytes");
            }
            if has("one-order-each") {
                // The sender's own line is on its screen before the server has given it a number.
                let seq = state.history.len() + 1;
                self.outbox.say(&format!("bcast_{seq}_1700000000_{name}_{text}"));
                drop(state);
                let_others_in();
                state = self.shared.lock();
            }
            let (seq, count) = state.broadcast(name, text, self.shared.socket.as_ref());
            drop(state);
            return self.ok_or(true, &format!("OK,Broadcast {seq} sent to {count} clients"), "");
        }
        let (word, rest) = line.split_once('_').unwrap_or(("connect", line));
        let cut = if has("cut-at-every-underscore") { rest.split_once('_') } else { rest.rsplit_once('_') };
        if has("text-without-check") && cut.is_none() && word != "connect" {
            // The thread is gone, and nobody closes the connection.
            drop(state);
            panic!("{line}")
        }
        let (text, to) = if word == "connect" { ("", rest) } else { cut.unwrap_or_default() };
        let Some(session) = state.find(to) else {
            drop(state);
            return self.ok_or(false, "", "User not found!");
        };
        let (to, port, outbox) = (session.name.clone(), session.port, session.outbox.clone());
        drop(state);
        if word == "relay" || (word == "msg" && port == 0) {
            outbox.say(&format!("msg_{name}_{text}"));
            return self.ok_or(true, &format!("OK,Relayed to {to}"), "");
        }
        let ticket = if has("same-ticket") { "0".repeat(32) } else { format!("{:016x}{:016x}", random(), random()) };
        let ticket = if has("upper-ticket") { ticket.replace(|c: char| c > '9', "F") } else { ticket };
        let event = format!("ticket_{name}_{ticket}");
        if !has("ticket-after-answer") {
            outbox.say(&event);
            outbox.wait_until_written();
        }
        for line in [format!("ticket_{to}_{ticket}"), format!("peer_127.0.0.1:{port}"), "OK,Go".to_owned()] {
            self.say(&line);
        }
        if has("ticket-after-answer") {
            let_others_in();
            outbox.say(&event);
        }
        true
    }
}
