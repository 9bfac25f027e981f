//! The menu dialect: the C++ originals' clients on their server's side.
//!
//! A message is what comes without a pause. In quiet mode, for S2's client, which sends a line and then takes exactly
//! one `recv` for its answer, the server says nothing until the first line, and then makes one write for each line:
//! what others say meanwhile waits and rides in front of the next answer. `exit` ends that mode.

mod inbox;

use super::broadcaster::MAX_WRITE as HISTORY_PIECE;
use super::login::{Login, TimeIsUp};
use super::mailbox::Mailbox;
use super::outbox::Outbox;
use super::rendezvous::Rendezvous;
use super::roster::{Listed, Seat};
use crate::dialect::menu::{self, Choice, GREETING, MAX_WRITE, MENU};
use crate::net::BurstReader;
use crate::net::listener::Service;
use crate::protocol::{MAX_LINE, Refusal, Reply, Request};
use crate::value::BadLine;
use crate::value::sentence::counted;
use crate::value::text;
use inbox::{Inbox, show};
use log::info;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

/// In quiet mode, below so many waiting lines, the next broadcast is fetched from the history: there the rest waits.
const FEW_WAITING: usize = 2;
/// Bytes of one message or answer in the log.
const LOGGED: usize = 200;

/// Serves a menu port.
pub struct Menus<'a> {
    /// The services.
    pub house: &'a Rendezvous,
    /// Whether the port is for clients that take one answer a line.
    pub quiet: bool,
}

impl Service for Menus<'_> {
    const NAME: &'static str = "menu client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr) {
        let Ok(outbox) = Outbox::in_pieces(Arc::clone(stream), menu::write_length) else { return };
        let mut session = Session::new(self, peer, outbox);
        let mut reader = BurstReader::new(Arc::clone(stream), MAX_LINE);
        let mut step = if self.quiet { Step::Wait } else { Step::Say(GREETING.to_owned()) };
        info!("{peer}: connected (menu)");
        while session.carry_out(step) {
            step = match reader.next_message(session.login.deadline()) {
                Ok(Some(message)) => session.take(message, Instant::now()),
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::TimedOut => session.time_is_up(Instant::now()),
                Err(_) => break,
            };
        }
        session.inbox.outbox.finish();
        info!("{}: disconnected", session.login.who());
    }

    fn refuse(&self, mut stream: &TcpStream) {
        let refusal = Refusal::ServerFull(self.house.config.max_clients);
        // Who has left already need not be told.
        let _ = stream.write_all(menu::tell(&refusal.to_string()).as_bytes());
    }
}

/// What the loop does after a message.
enum Step {
    /// Read on.
    Wait,
    /// Answer, then read on.
    Say(String),
    /// Answer, then send what was broadcast before, and from now on whatever comes.
    CatchUp(String),
    /// Answer, then close.
    Close(String),
}

/// What the next message will be taken for.
enum Prompt {
    /// Nothing yet: in quiet mode the first line only wakes the server up.
    Anything,
    Option,
    SignupName,
    SignupPassword {
        name: String,
    },
    SignupAgain {
        name: String,
        password: String,
    },
    LoginName,
    LoginPassword {
        name: String,
    },
    Choice,
    BroadcastText,
}

struct Session<'a> {
    house: &'a Rendezvous,
    inbox: Arc<Inbox>,
    prompt: Prompt,
    login: Login<'a>,
}

impl<'a> Session<'a> {
    fn new(menus: &Menus<'a>, peer: SocketAddr, outbox: Outbox) -> Session<'a> {
        let inbox = Arc::new(Inbox::new(outbox, menus.quiet));
        let login = Login::new(menus.house, peer, Arc::clone(&inbox) as Arc<dyn Mailbox>, Instant::now());
        let prompt = if menus.quiet { Prompt::Anything } else { Prompt::Option };
        Session { house: menus.house, inbox, prompt, login }
    }

    /// Writes an answer; false when the session is over.
    fn carry_out(&mut self, step: Step) -> bool {
        let go_on = match step {
            Step::Wait => true,
            Step::Say(answer) => self.say(answer),
            // Nothing rides in front of the answer to a login: a client may look how it begins.
            Step::CatchUp(answer) => self.inbox.outbox.answer(answer.as_bytes()) && self.catch_up(),
            Step::Close(answer) => {
                self.inbox.outbox.answer(answer.as_bytes());
                false
            }
        };
        go_on && !self.inbox.outbox.is_closed()
    }

    /// Answers; in quiet mode with as much of what others have said in front as fits into the same write.
    fn say(&mut self, answer: String) -> bool {
        if self.inbox.is_quiet() && self.login.presence().is_some() {
            let mut lines = String::new();
            while self.inbox.waiting() < FEW_WAITING && self.login.read_broadcasts(1, &mut lines) {
                self.inbox.post(&std::mem::take(&mut lines));
            }
        }
        let answer = self.inbox.take_waiting(MAX_WRITE.saturating_sub(answer.len())) + &answer;
        self.inbox.outbox.answer(answer.as_bytes())
    }

    /// Sends what was broadcast in the last half hour, then has the broadcaster send what comes. In quiet mode
    /// broadcasts are fetched with the answers.
    fn catch_up(&mut self) -> bool {
        if self.inbox.is_quiet() || self.login.presence().is_none() {
            return true;
        }
        let mut lines = String::new();
        while self.login.read_broadcasts(HISTORY_PIECE, &mut lines) {
            if !self.inbox.outbox.answer(show(&lines, MAX_WRITE).collect::<String>().as_bytes()) {
                return false;
            }
            lines.clear();
        }
        self.login.deliver();
        true
    }

    /// Turns a message into its answer.
    fn take(&mut self, message: Result<String, BadLine>, now: Instant) -> Step {
        if let Err(too_fast) = self.login.count_line(now) {
            return Step::Say(menu::tell(&too_fast.to_string()));
        }
        let (asked, step) = match message {
            Err(bad) => ("(no text)".to_owned(), Step::Say(menu::tell(&bad.to_string()))),
            Ok(message) => self.take_text(&message),
        };
        let (Step::Say(said) | Step::CatchUp(said) | Step::Close(said)) = &step else { return step };
        let first = said.lines().next().unwrap_or_default();
        info!("{}: {} -> {}", self.login.who(), text::escape(text::cut(&asked, LOGGED)), text::escape(first));
        step
    }

    /// The message as it may be logged, and its answer.
    fn take_text(&mut self, message: &str) -> (String, Step) {
        let word = message.trim().to_owned();
        let secret = || "***".to_owned();
        match std::mem::replace(&mut self.prompt, Prompt::Option) {
            Prompt::Anything => (word, Step::Say(GREETING.to_owned())),
            Prompt::Option => self.take_option(&word),
            Prompt::SignupName => (word.clone(), self.take_new_name(word)),
            Prompt::SignupPassword { name } => {
                let password = message.to_owned();
                (secret(), self.ask(menu::SIGNUP_AGAIN, Prompt::SignupAgain { name, password }))
            }
            Prompt::SignupAgain { name, password } => (secret(), self.sign_up(&name, &password, message)),
            Prompt::LoginName => (word.clone(), self.ask(menu::LOGIN_PASSWORD, Prompt::LoginPassword { name: word })),
            Prompt::LoginPassword { name } => (secret(), self.log_in(&name, message)),
            Prompt::Choice => (word, self.choose(message)),
            Prompt::BroadcastText => (word, self.broadcast(message)),
        }
    }

    fn ask(&mut self, question: &str, prompt: Prompt) -> Step {
        self.prompt = prompt;
        Step::Say(question.to_owned())
    }

    /// Whoever is not logged in chooses between two words; another may be a password that went astray.
    fn take_option(&mut self, word: &str) -> (String, Step) {
        let step = match word.to_ascii_lowercase().as_str() {
            "login" => self.ask(menu::LOGIN_NAME, Prompt::LoginName),
            "signup" => self.ask(menu::SIGNUP_NAME, Prompt::SignupName),
            "exit" | "quit" => self.exit(GREETING),
            _ => return ("(not an option)".to_owned(), outside(menu::INVALID_OPTION)),
        };
        (word.to_owned(), step)
    }

    fn take_new_name(&mut self, name: String) -> Step {
        match self.house.new_name(&name) {
            Ok(_) => self.ask(menu::SIGNUP_PASSWORD, Prompt::SignupPassword { name }),
            Err(refusal) => outside(&refused(&refusal)),
        }
    }

    fn sign_up(&self, name: &str, password: &str, again: &str) -> Step {
        if password != again {
            return outside(menu::MISMATCH);
        }
        match self.house.sign_up(name, password) {
            Ok(_) => outside(menu::SIGNED_UP),
            Err(refusal) => outside(&refused(&refusal)),
        }
    }

    fn log_in(&mut self, name: &str, password: &str) -> Step {
        match self.login.enter(name, password) {
            Ok(_) => {
                self.prompt = Prompt::Choice;
                Step::CatchUp(format!("{}{MENU}", menu::LOGGED_IN))
            }
            Err(refusal) => outside(&refused(&refusal)),
        }
    }

    fn choose(&mut self, message: &str) -> Step {
        let Some(seat) = self.seat() else { return outside(menu::INVALID_OPTION) };
        self.prompt = Prompt::Choice;
        match Choice::parse(message) {
            Choice::List => Step::Say(self.list() + MENU),
            Choice::Broadcast => self.ask(menu::BROADCAST_TEXT, Prompt::BroadcastText),
            Choice::Message => inside(&self.relay(&seat, message)),
            Choice::Exit => self.exit(MENU),
            Choice::Invalid => inside(menu::INVALID_OPTION),
        }
    }

    fn seat(&self) -> Option<Seat> {
        self.login.presence().map(|presence| presence.seat.clone())
    }

    /// Where others listen, or else where their connections come from.
    fn list(&self) -> String {
        let clients = self.house.roster.active();
        let address = |client: &Listed| client.port.map_or(client.source, |_| client.socket());
        let addresses: Vec<SocketAddr> = clients.iter().map(address).collect();
        let limit = if self.inbox.is_quiet() { MAX_WRITE - MENU.len() } else { usize::MAX };
        menu::list(&addresses, limit)
    }

    /// These clients do not listen, nor do they know tickets: the server hands their messages over.
    fn relay(&self, seat: &Seat, message: &str) -> String {
        match Request::parse(message) {
            Ok(Request::Message { text, to }) => match self.house.relay(seat, &text, &to) {
                Ok(name) => menu::tell(&format!("Message sent to {name}")),
                Err(refusal) => menu::tell(&refusal.to_string()),
            },
            _ => menu::tell("Send msg_yourMessage_address: the address is a username, or IP:PORT as in the list"),
        }
    }

    fn broadcast(&mut self, text: &str) -> Step {
        let Some(seat) = self.seat() else { return outside(menu::INVALID_OPTION) };
        self.prompt = Prompt::Choice;
        if text.trim().is_empty() {
            return inside(&menu::tell("Nothing to broadcast"));
        }
        inside(&match self.house.broadcast(&seat.name, text) {
            Ok((_, clients)) => menu::tell(&format!("Broadcast sent to {}", counted(clients, "client"))),
            Err(refusal) => menu::tell(&refusal.to_string()),
        })
    }

    /// In quiet mode the client only says that it can take whatever comes, from now on.
    fn exit(&mut self, prompt: &str) -> Step {
        if !self.inbox.is_quiet() {
            return Step::Close(menu::GOODBYE.to_owned());
        }
        let waiting = self.inbox.end_quiet();
        Step::CatchUp(waiting + prompt)
    }

    fn time_is_up(&mut self, now: Instant) -> Step {
        match self.login.time_is_up(now) {
            TimeIsUp::Close(why) => Step::Close(menu::tell(&why.to_string())),
            TimeIsUp::LogInAgain(why) => {
                self.prompt = Prompt::Option;
                self.inbox.post(&format!("{}\n", Reply::Notice(why)));
                if self.inbox.is_quiet() { Step::Wait } else { Step::Say(GREETING.to_owned()) }
            }
        }
    }
}

/// An answer to somebody who is not logged in.
fn outside(what: &str) -> Step {
    Step::Say(format!("{what}{GREETING}"))
}

/// An answer to somebody who is.
fn inside(what: &str) -> Step {
    Step::Say(format!("{what}{MENU}"))
}

fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidCredentials => menu::WRONG_CREDENTIALS.to_owned(),
        Refusal::NameTaken => menu::NAME_TAKEN.to_owned(),
        other => menu::tell(&other.to_string()),
    }
}
