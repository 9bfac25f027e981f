//! The native protocol: what one client's lines mean, and what is answered.
//!
//! [`Session`] decides: a line goes in, answer lines come out into a `String`, and what takes time (hashing, probing,
//! the history, long lists) comes out as a value that the loop in `native_loop` carries out. No socket is known here.

use super::logged;
use super::native_step::{Next, Work};
use super::native_welcome::{MENU_OUTSIDE, write_menu, write_welcome};
use crate::net::Place;
use crate::protocol::{
    BroadcastText, EntryRequest, Event, MemberRequest, PASSWORD_QUESTIONS, Refusal, Reply, Request, masked_name,
};
use crate::server::auth::{Astray, Credentials, DialogueStep, LoginDialogue};
use crate::server::delivery::Mailbox;
use crate::server::service::{
    self, Again, Answered, Away, ClientSnapshot, FileNames, Login, LoginState, MENU, Rendezvous, TimeIsUp, is, write,
};
use crate::trace::Expected;
use crate::value::{BadLine, Username};
use log::{Level, debug, info, log_enabled};
use std::fmt::{Display, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

const GREETING: &str = "Welcome to peerline: login or signup";

/// The answer to a word that is perhaps the answer to a question of a dialogue.
const MAY_BE_PASSWORD: &str = "That may be a password, and nothing was done: to be connected, send connect_ADDR";

/// Bytes that are kept for the note of the next line: of nearly every one.
const MAX_NOTED: usize = 128;

/// What the next line will be taken for.
enum Prompt {
    Command,
    Login(LoginDialogue),
    BroadcastText,
}

/// One client's side of the conversation.
pub struct Session<'a> {
    services: &'a Rendezvous,
    /// Who is logged in, and what the time allows.
    pub login: LoginState<'a>,
    prompt: Prompt,
    /// Texts of the lines before, which one write stores together: see [`Session::commit`].
    texts: Vec<BroadcastText>,
    /// The line whose answer is not complete, as it may be logged; nothing where nothing is logged.
    asked: String,
    /// Answers to questions that were not asked.
    astray: Astray,
    /// Where the servers are, as the answer to the login tells it that has not left yet.
    servers: Vec<Event>,
}

impl<'a> Session<'a> {
    /// A connection from `peer` that has just come to the server's address `reached`. The greeting goes into `answer`.
    pub fn new(
        services: &'a Rendezvous,
        peer: SocketAddr,
        reached: IpAddr,
        mailbox: Arc<dyn Mailbox>,
        place: &'a Place<'a>,
        now: Instant,
        answer: &mut String,
    ) -> Session<'a> {
        write(answer, Reply::Ok(GREETING.to_owned()));
        let login = LoginState::new(services, peer, reached, mailbox, place, now);
        let (texts, asked, astray, servers) = (Vec::new(), String::new(), Astray::default(), Vec::new());
        Session { services, login, prompt: Prompt::Command, texts, asked, astray, servers }
    }

    /// Turns a line into its answer. That of a line that broadcasts comes with [`Session::commit`], which is called before
    /// an answer is written.
    ///
    /// Out of line: its frame is not to lie under what the loop carries out.
    #[inline(never)]
    pub fn take(&mut self, line: Result<&str, BadLine>, now: Instant, answer: &mut String) -> Next {
        let bytes = line.as_ref().map_or(0, |line| line.len() + 1);
        if let Err(refusal) = self.login.count_line(bytes, now) {
            debug!("{}: {refusal}", self.login.who());
            self.commit(answer);
            // What follows it comes all the same.
            line.iter().filter(|_| self.login.current().is_some()).for_each(|line| self.astray.see(line));
            self.services.counters.refused(&refusal);
            let reply = Reply::Err(refusal);
            self.login.wire().decided("", &reply);
            write(answer, reply);
            return Next::Read;
        }
        let began = answer.len();
        let next = match line {
            Err(bad) => {
                self.commit(answer);
                self.note("(no line)");
                write(answer, Reply::Err(Refusal::Other(bad.to_string())));
                Next::Read
            }
            Ok(line) => self.take_line(line, answer),
        };
        match &next {
            // Their results are logged.
            Next::Do(work) if work.is_logged_by_result() => {}
            // It broadcasts, and is answered and logged with those behind it that do.
            Next::Read if answer.len() == began => {}
            // Lists of files are sent by the loop, and not logged.
            _ => self.log(last_line(&answer[began..]).unwrap_or("OK")),
        }
        next
    }

    /// What the next line will be taken for, as far as that matters for what may be shown of it.
    pub fn expected(&self) -> Expected {
        match &self.prompt {
            Prompt::Login(dialogue) => dialogue.expected(),
            Prompt::Command if self.astray.may_come() => Expected::Stranger,
            Prompt::Command | Prompt::BroadcastText if self.login.current().is_some() => Expected::Member,
            Prompt::Command | Prompt::BroadcastText => Expected::Stranger,
        }
    }

    fn take_line(&mut self, line: &str, answer: &mut String) -> Next {
        match std::mem::replace(&mut self.prompt, Prompt::Command) {
            Prompt::Command => self.take_command(line, answer),
            Prompt::Login(dialogue) => {
                self.note(if dialogue.is_secret() { "***" } else { masked_name(line) });
                // A name that is taken is refused with the passwords: a script has sent them already, and they would
                // be taken for commands.
                match dialogue.take(line, |_| Ok(())) {
                    DialogueStep::Ask(dialogue) => self.ask(dialogue, answer),
                    DialogueStep::SignUp(credentials) => return Work::SignUp(credentials).into(),
                    DialogueStep::LogIn(credentials) => return Work::LogIn(credentials).into(),
                    DialogueStep::ChangePassword(change) => return Work::ChangePassword(change).into(),
                    DialogueStep::Refused(refusal) => write(answer, Reply::Err(refusal)),
                }
                Next::Read
            }
            Prompt::BroadcastText => {
                self.note(format_args!("({} bytes)", line.len()));
                match line.parse::<BroadcastText>() {
                    Ok(text) => self.take_request(MemberRequest::Broadcast(text).into(), answer),
                    Err(invalid) => {
                        write(answer, Reply::Err(Refusal::Other(invalid.to_string())));
                        Next::Read
                    }
                }
            }
        }
    }

    /// Broadcasts what the lines before were about to, and answers them.
    pub fn commit(&mut self, answer: &mut String) {
        let texts = std::mem::take(&mut self.texts);
        let Some(key) = self.login.current().map(|login| login.key.clone()).filter(|_| !texts.is_empty()) else {
            return;
        };
        for (text, reply) in texts.iter().zip(service::broadcast(self.services, &key, &texts)) {
            self.note(format_args!("bcast_({} bytes)", text.as_str().len()));
            let began = answer.len();
            write(answer, reply);
            self.log(answer[began..].trim_end());
        }
    }

    fn take_command(&mut self, line: &str, answer: &mut String) -> Next {
        let request = Request::parse(line);
        if !matches!(request, Ok(Request::Member(MemberRequest::Broadcast(_)))) {
            self.commit(answer);
        }
        let may_be_answer = self.astray.take() && self.login.current().is_some() && !line.contains('_');
        match request {
            // Nor is it told back: it stands in no log then, and on no wall.
            Ok(Request::Member(MemberRequest::Connect(_))) if may_be_answer => {
                self.note("***");
                write(answer, Reply::Err(Refusal::other(MAY_BE_PASSWORD)));
                Next::Read
            }
            Ok(request) => {
                match &request {
                    // One word is whom to connect to, or a password that went astray.
                    Request::Member(MemberRequest::Connect(_)) if self.login.current().is_none() => {
                        self.note("connect_***");
                    }
                    request => self.note(request.masked()),
                }
                self.take_request(request, answer)
            }
            Err(bad) => {
                // What was meant as a password or a message may end here.
                self.note("(not a command)");
                write(answer, Reply::Err(bad.into()));
                Next::Read
            }
        }
    }

    fn take_request(&mut self, request: Request, answer: &mut String) -> Next {
        match (request, self.login.current()) {
            (Request::Help, login) => {
                let menu = if login.is_some() { MENU.as_slice() } else { MENU_OUTSIDE.as_slice() };
                write_menu(menu, answer);
                write(answer, Reply::Ok(format!("{} commands", menu.len())));
            }
            (Request::Quit(Some(ref name)), Some(login)) if !is(&login.key.name, name) => {
                let sentence = format!("You are {}, not {name}", login.key.name);
                write(answer, Reply::Err(Refusal::Other(sentence)));
            }
            (Request::Quit(_), _) => {
                write(answer, Reply::Ok("Goodbye".to_owned()));
                return Next::Close;
            }
            // No line is read as one.
            (Request::Answer(_), _) => write(answer, Reply::Err(Refusal::UnknownCommand)),
            (Request::Entry(entry), None) => return self.take_entry(entry, answer),
            (Request::Entry(entry), Some(login)) => {
                self.astray = Astray::behind(&entry.into());
                let sentence = format!("You are logged in as {}: send quit first", login.key.name);
                write(answer, Reply::Err(Refusal::Other(sentence)));
            }
            (Request::Member(_), None) => write(answer, Reply::Err(Refusal::LogInFirst)),
            (Request::Member(request), Some(login)) => {
                let answered = service::answer(self.services, &login.key, request, answer);
                return self.take_answered(answered, answer);
            }
        }
        Next::Read
    }

    #[inline(never)]
    fn take_entry(&mut self, entry: EntryRequest, answer: &mut String) -> Next {
        match entry {
            EntryRequest::SignupDialogue => self.ask(LoginDialogue::SignupName, answer),
            EntryRequest::LoginDialogue => self.ask(LoginDialogue::LoginName, answer),
            EntryRequest::Signup { name, password } => return Work::SignUp(Credentials { name, password }).into(),
            EntryRequest::Login { name, password } => return Work::LogIn(Credentials { name, password }).into(),
            EntryRequest::Again { name, token, since } if self.services.epoch().is_some() => {
                return Work::GoOn(Again { name, token, since }).into();
            }
            // A server alone has given nobody a token.
            EntryRequest::Again { .. } => write(answer, Reply::Err(Refusal::LogInWithPassword)),
        }
        Next::Read
    }

    #[inline(never)]
    fn take_answered(&mut self, answered: Answered, answer: &mut String) -> Next {
        match answered {
            Answered::Reply(reply) => write(answer, reply),
            Answered::Written => {}
            Answered::Broadcast(text) => self.texts.push(text),
            Answered::AskForBroadcast => {
                self.prompt = Prompt::BroadcastText;
                write(answer, Reply::Ok("Message:".to_owned()));
            }
            Answered::Files(clients) => return Work::Files(clients).into(),
            Answered::Probe(probe) => return Work::Probe(probe).into(),
            Answered::Watch => return Work::Watch.into(),
            Answered::AskForPassword => self.ask(LoginDialogue::OldPassword, answer),
            Answered::ChangePassword(change) => return Work::ChangePassword(change).into(),
        }
        Next::Read
    }

    #[inline(never)]
    fn ask(&mut self, dialogue: LoginDialogue, answer: &mut String) {
        let question = match dialogue {
            LoginDialogue::SignupName | LoginDialogue::LoginName => "Username:",
            LoginDialogue::SignupPassword { .. } | LoginDialogue::LoginPassword { .. } => "Password:",
            LoginDialogue::SignupAgain(_) => "Password again:",
            LoginDialogue::OldPassword => PASSWORD_QUESTIONS[0],
            LoginDialogue::NewPassword { .. } => PASSWORD_QUESTIONS[1],
            LoginDialogue::NewAgain(_) => PASSWORD_QUESTIONS[2],
        };
        self.prompt = Prompt::Login(dialogue);
        write(answer, Reply::Ok(question.to_owned()));
    }

    /// The answer to `watch`. It is called when nobody else can write to the connection until the answer has left: what
    /// happens from now on comes behind it.
    #[inline(never)]
    pub fn watch(&self) -> String {
        let mut answer = String::new();
        let end = service::write_list(self.login.watch(), &mut answer);
        self.log(&end.to_string());
        write(&mut answer, end);
        answer
    }

    /// The names of a client's files.
    ///
    /// # Errors
    /// [`Away`].
    pub fn files(&self, of: &ClientSnapshot) -> Result<Arc<FileNames>, Away> {
        self.services.files(of)
    }

    /// The account was made, or not.
    #[inline(never)]
    pub fn signed_up(&self, result: Result<Username, Refusal>, answer: &mut String) -> Next {
        self.finish(
            match result {
                Ok(name) => Reply::Ok(format!("Signup successful, {name}: please log in")),
                Err(refusal) => Reply::Err(refusal),
            },
            answer,
        )
    }

    /// The password was changed, or not.
    #[inline(never)]
    pub fn changed_password(&self, result: Result<(), Refusal>, answer: &mut String) -> Next {
        self.finish(result.map_or_else(Reply::Err, |()| Reply::Ok("Password changed".to_owned())), answer)
    }

    /// The login succeeded, or not.
    #[inline(never)]
    pub fn logged_in(&mut self, result: Result<Login, Refusal>, answer: &mut String) -> Next {
        match result {
            // One after the other, as all that is written, and the log, goes deep into the stack.
            Ok(login) => {
                self.servers = self.login.servers();
                write_welcome(self.services, &self.login, &login, &self.servers, answer);
            }
            Err(refusal) => return self.finish(Reply::Err(refusal), answer),
        }
        self.finish(Reply::Ok("Login successful!".to_owned()), answer);
        Work::CatchUp.into()
    }

    /// Tells where the servers are when that has changed while the answer to the login was on its way: the event may have left
    /// before it.
    #[inline(never)]
    pub fn servers_since(&mut self, answer: &mut String) {
        let told = std::mem::take(&mut self.servers);
        if !told.is_empty() {
            let now = self.login.servers();
            now.iter().filter(|_| now != told).for_each(|line| write(answer, line));
        }
    }

    /// Others can connect to the client, or not.
    pub fn probed(&self, reply: Reply, answer: &mut String) -> Next {
        self.finish(reply, answer)
    }

    fn finish(&self, reply: Reply, answer: &mut String) -> Next {
        self.log(&reply.to_string());
        write(answer, reply);
        Next::Read
    }

    /// Notes a line, as it may be logged.
    fn note(&mut self, asked: impl Display) {
        self.asked.clear();
        self.asked.shrink_to(MAX_NOTED);
        if log_enabled!(Level::Info) || self.login.wire().is_on() {
            // A String takes every write.
            let _ = write!(self.asked, "{asked}");
        }
    }

    /// Tells the log, and who records, what came of a line.
    fn log(&self, last: &str) {
        if let Some(refusal) = last.strip_prefix("ERR,") {
            self.services.counters.refused(&Refusal::parse(refusal));
        }
        self.login.wire().decided(&self.asked, last);
        info!("{}: {} -> {}", self.login.who(), logged(&self.asked), logged(last));
    }

    /// The deadline of [`LoginState::deadline`] has come.
    #[inline(never)]
    pub fn time_is_up(&mut self, now: Instant, answer: &mut String) -> Next {
        match self.login.time_is_up(now) {
            TimeIsUp::Close(why) => {
                write(answer, Reply::Notice(why));
                Next::Close
            }
            TimeIsUp::LogInAgain(why) => {
                write(answer, Reply::Notice(why));
                // An answer that is on its way would be taken for a command, and a password is not to be logged.
                match std::mem::replace(&mut self.prompt, Prompt::Command) {
                    Prompt::Login(dialogue) if dialogue.is_secret() => Next::Close,
                    _ => Next::Read,
                }
            }
        }
    }
}

/// The last of some lines; looked for from their end, as a list may be long.
fn last_line(lines: &str) -> Option<&str> {
    lines.strip_suffix('\n')?.rsplit('\n').next()
}
