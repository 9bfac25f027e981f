//! One connection: its lines, and what they mean.

use super::has;
use super::state::{Outbox, Shared, let_others_in};
use super::text::{is_name, is_password, is_text, split};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const MAX_LINE: usize = 4096;
const MAX_WITHOUT_LF: usize = 64 * 1024;

/// How a server may begin that is none: what it sends again and again.
const GREETINGS: [(&str, &str); 5] =
    [("mute", ""), ("dripping", "O"), ("flood", "menu_all of it\n"), ("two-greetings", "OK,Hello\n"), ("crashes", "")];

fn strange(bug: &str, greeting: &str, mut stream: &TcpStream) {
    match bug {
        "two-greetings" => drop(stream.write_all(greeting.as_bytes())),
        "crashes" => panic!("this is the end"),
        "mute" => while matches!(stream.read(&mut [0]), Ok(1)) {},
        "flood" => while stream.write_all(greeting.repeat(1000).as_bytes()).is_ok() {},
        _ => {
            while stream.write_all(greeting.as_bytes()).is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// What the next line is an answer to.
enum Prompt {
    None,
    Dialogue { is_signup: bool, said: Vec<String> },
}

pub(super) struct Connection<'a> {
    pub(super) shared: &'a Shared,
    pub(super) outbox: Outbox,
    stream: Arc<TcpStream>,
    prompt: Prompt,
    /// Name and token, once logged in.
    login: Option<(String, String)>,
    wrong: u32,
    commands: u32,
    /// Nothing is answered any more.
    is_silent: bool,
    /// What was typed ahead is thrown away, as TCSAFLUSH does.
    is_flushed: bool,
}

/// Talks until the client leaves.
pub fn serve(stream: TcpStream, shared: &Shared) {
    let stream = Arc::new(stream);
    let mut connection = Connection {
        shared,
        outbox: Outbox::new(&stream),
        stream: Arc::clone(&stream),
        prompt: Prompt::None,
        login: None,
        wrong: 0,
        commands: 0,
        is_silent: false,
        is_flushed: false,
    };
    for (bug, greeting) in GREETINGS.iter().filter(|(bug, _)| has(bug)) {
        strange(bug, greeting, &stream);
    }
    if has("wrong-greeting") {
        connection.outbox.answer("Hello, and welcome to this server, which is glad that you are here");
    } else if !has("no-greeting") {
        connection.outbox.answer("OK,Welcome: login or signup");
    }
    connection.talk();
    if let Some((name, token)) = connection.login.take() {
        shared.lock().leave(&name, &token);
    }
    if has("never-closed") {
        std::mem::forget(Arc::clone(&stream));
    } else if has("goodbye-by-reset") {
        thread::sleep(Duration::from_millis(50));
        let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        return;
    }
    connection.outbox.close();
}

impl Connection<'_> {
    /// Cuts what is read into lines.
    fn talk(&mut self) {
        let (mut held, mut skipped) = (Vec::new(), 0);
        let mut buffer = [0; 4096];
        loop {
            let count = match (&*self.stream).read(&mut buffer) {
                Ok(0) if has("eof-not-seen") => continue,
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            if has("decodes-each-read") {
                held.extend(String::from_utf8_lossy(&buffer[..count]).bytes());
            } else {
                held.extend_from_slice(&buffer[..count]);
            }
            if has("one-read-one-message") {
                let line = String::from_utf8_lossy(&held).trim_end().to_owned();
                held.clear();
                if !self.take(&line) {
                    return;
                }
                continue;
            }
            while let Some(lf) = held.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = held.drain(..=lf).collect();
                let cap = if has("cap-off-by-one") { MAX_LINE + 1 } else { MAX_LINE };
                let is_long = skipped + line.len() > cap;
                line.pop();
                if line.ends_with(b"\r") && !has("cr-kept") {
                    line.pop();
                }
                if is_long && !(has("tail-is-command") && skipped > 0) {
                    skipped = 0;
                    self.say("ERR,Line too long");
                    continue;
                }
                skipped = 0;
                let goes_on = match String::from_utf8(line) {
                    Ok(line) => self.take(&line),
                    Err(error) if has("no-utf8-check") => {
                        let line = String::from_utf8_lossy(error.as_bytes()).into_owned();
                        self.take(&line)
                    }
                    Err(_) => {
                        self.say("ERR,Not UTF-8");
                        true
                    }
                };
                if has("rest-thrown-away") || std::mem::take(&mut self.is_flushed) {
                    held.clear();
                }
                if !goes_on {
                    return;
                }
            }
            // The LF of a line of that length would be one byte too many.
            if held.len() >= MAX_LINE && !has("no-cap") && !(has("cap-off-by-one") && held.len() == MAX_LINE) {
                if has("tail-is-command") {
                    self.say("ERR,Line too long");
                }
                skipped += held.len();
                held.clear();
            }
            if skipped > MAX_WITHOUT_LF {
                return;
            }
        }
        if has("answers-at-eof") {
            // It takes the end for an empty line, again and again.
            (0..200_000).for_each(|_| self.say("ERR,What?"));
        }
        if has("half-line-in-silence") {
            self.is_silent = true;
        }
        if (has("half-line-at-eof") || has("half-line-in-silence")) && !held.is_empty() {
            let line = String::from_utf8_lossy(&held).into_owned();
            self.take(&line);
        }
        if has("eof-drops-answers") {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn say(&self, line: &str) {
        if !self.is_silent {
            self.outbox.answer(line);
        }
    }

    pub(super) fn ok_or(&self, holds: bool, ok: &str, err: &str) -> bool {
        self.say(&if holds { ok.to_owned() } else { format!("ERR,{err}") });
        true
    }

    /// What a line leads to; false at the end.
    fn take(&mut self, line: &str) -> bool {
        if has("eof-drops-answers") {
            // It answers when it has time, and looks whether somebody is there before.
            thread::sleep(Duration::from_millis(100));
            let is_over = matches!(self.stream.peek(&mut [0]), Ok(0));
            if is_over {
                return false;
            }
        }
        if !is_text(line) {
            self.say("ERR,Control character");
            return true;
        }
        match std::mem::replace(&mut self.prompt, Prompt::None) {
            Prompt::None => self.command(line),
            Prompt::Dialogue { is_signup, said } => self.dialogue(is_signup, said, line),
        }
    }

    fn dialogue(&mut self, is_signup: bool, mut said: Vec<String>, line: &str) -> bool {
        said.push(line.to_owned());
        match (is_signup, said.as_slice()) {
            (false, [name, password]) => self.log_in(name, password),
            (true, [name, password, again]) if password == again || has("second-ignored") => {
                self.sign_up(name, password)
            }
            (true, [_, _, _]) => self.ok_or(false, "", "Passwords do not match"),
            _ => {
                self.say("OK,Next:");
                self.prompt = Prompt::Dialogue { is_signup, said };
                self.is_flushed = has("input-flushed");
                true
            }
        }
    }

    fn sign_up(&mut self, name: &str, password: &str) -> bool {
        if has("no-signup") || !is_name(name) || !is_password(password) {
            return self.ok_or(false, "", "Not a name or a password");
        }
        let mut state = self.shared.lock();
        let mut is_free = state.is_free(name);
        if has("check-then-act") {
            drop(state);
            let_others_in();
            state = self.shared.lock();
        } else {
            is_free &= state.is_free(name);
        }
        if is_free {
            state.add(name, password);
        }
        drop(state);
        self.ok_or(is_free, &format!("OK,Signup successful, {name}: please log in"), "Username not available")
    }

    fn log_in(&mut self, name: &str, password: &str) -> bool {
        if self.wrong > 0 && !has("guesses-freely") {
            thread::sleep(Duration::from_secs(1));
        }
        let mut state = self.shared.lock();
        let name = match state.check(name, password) {
            Ok(name) => name,
            Err(why) => {
                self.wrong += 1;
                drop(state);
                return self.ok_or(false, "", why);
            }
        };
        let token = state.log_in(&name, &self.outbox);
        let history: Vec<String> = state.history.clone();
        if has("upper-token") {
            self.outbox.say(&format!("udp_{}", token.to_uppercase()));
        } else if !has("no-token") {
            self.outbox.say(&format!("udp_{token}"));
        }
        for line in ["ip_127.0.0.1", &format!("name_{name}"), "OK,Login successful!"] {
            self.outbox.say(line);
        }
        if !has("no-history") {
            history.iter().for_each(|line| self.outbox.say(&format!("bcast_{line}")));
        }
        self.login = Some((name, token));
        true
    }

    fn command(&mut self, line: &str) -> bool {
        let line = if has("case-counts") { line.to_owned() } else { lower_word(line) };
        let fields = split(&line);
        let field = |number: usize| fields.get(number).map(String::as_str).unwrap_or_default();
        self.commands += 1;
        match (line.as_str(), field(0)) {
            _ if has("never-refills") && self.commands > 42 => self.ok_or(false, "", "Too fast"),
            ("help", _) => {
                if has("slow-help") {
                    // Longer than an answer may take, and not so long that it counts as missing.
                    thread::sleep(Duration::from_secs(6));
                }
                self.say("menu_help: this");
                has("help-without-end") || self.ok_or(true, "OK,1 command", "")
            }
            ("quit", _) => {
                if !has("no-goodbye") {
                    self.say("OK,Goodbye");
                }
                false
            }
            ("crash", _) => std::process::abort(),
            ("signup" | "login", word) if self.login.is_none() => {
                self.say("OK,Username:");
                self.prompt = Prompt::Dialogue { is_signup: word == "signup", said: Vec::new() };
                true
            }
            (_, "signup") if has("fields-without-check") && fields.len() < 3 => {
                // The thread is gone, and with it the connection.
                panic!("{fields:?}")
            }
            (_, "signup") if self.login.is_none() => self.sign_up(field(1), field(2)),
            (_, "login") if self.login.is_none() => self.log_in(field(1), field(2)),
            _ => match self.login.clone() {
                Some((name, _)) => self.member(&name, &line, &fields),
                None => {
                    self.say("ERR,Log in first: send login or signup");
                    !has("closes-on-unknown")
                }
            },
        }
    }
}

/// The command word in lower case, all behind it as it is.
fn lower_word(line: &str) -> String {
    let end = line.find([',', '_', ' ']).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    // GET_P and its like hold the character that ends other words.
    match line.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("GET_") => {
            let end = line.find(',').unwrap_or(line.len());
            line[..end].to_ascii_lowercase() + &line[end..]
        }
        _ => word.to_ascii_lowercase() + rest,
    }
}
