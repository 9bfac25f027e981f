//! The menu dialect: the C++ originals' clients on their server's side.
//!
//! A message is what comes without a pause. In quiet mode, for S2's client, which sends a line and then takes exactly
//! one `recv` for its answer, the server says nothing until the first line, and then makes one write for each line:
//! what others say meanwhile waits and rides in front of the next answer. `exit` ends that mode.
//!
//! A long line comes in pieces. A client that wants an answer to each sends the rest right behind the answer: it is no
//! command, and what was to be broadcast is broadcast.

use super::logged;
use super::menu_inbox::{MenuInbox, show};
use super::menu_step::{Prompt, Step, inside, list, outside};
use crate::dialect::menu::{self, Choice, GREETING, MAX_WRITE, MENU};
use crate::net::{BurstReader, Place, is_network_loss};
use crate::protocol::{Event, MemberRequest, Refusal, Request, masked_name};
use crate::server::auth::{Credentials, DialogueStep, LoginDialogue};
use crate::server::delivery::{MAX_WRITE as HISTORY_PIECE, Mailbox, Outbox};
use crate::server::service::{LoginState, Rendezvous, SessionKey, TimeIsUp};
use crate::value::BadLine;
use crate::value::sentence::counted;
use log::info;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// In quiet mode, below so many waiting lines, the next broadcast is fetched from the history: there the rest waits.
const FEW_WAITING: usize = 2;

/// One client's side of the conversation.
pub struct MenuSession<'a> {
    services: &'a Rendezvous,
    inbox: Arc<MenuInbox>,
    prompt: Prompt,
    /// The last message was broadcast, so that the rest of it is too.
    has_broadcast: bool,
    /// Who is logged in, and what the time allows.
    pub login: LoginState<'a>,
}

impl<'a> MenuSession<'a> {
    /// A connection from `peer` that has just come to the server's address `reached`.
    pub fn new(
        (services, quiet): (&'a Rendezvous, bool),
        peer: SocketAddr,
        reached: IpAddr,
        place: &'a Place<'a>,
        outbox: Outbox,
    ) -> MenuSession<'a> {
        let inbox = Arc::new(MenuInbox::new(outbox, quiet));
        let mailbox = Arc::clone(&inbox) as Arc<dyn Mailbox>;
        let login = LoginState::new(services, peer, reached, mailbox, place, Instant::now());
        let prompt = if quiet { Prompt::Anything } else { Prompt::Option };
        MenuSession { services, inbox, prompt, has_broadcast: false, login }
    }

    /// What the next message leads to; nothing when the connection is over.
    pub fn read(&mut self, reader: &mut BurstReader) -> Option<Step> {
        let (deadline, now) = (self.login.deadline(), Instant::now());
        // A message that has arrived already would be read without a look at the clock.
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Some(self.time_is_up(now));
        }
        let rest_by = reader.was_whole_pieces().then(|| now + self.services.config.piece_pause);
        reader.set_rate(self.login.read_rate());
        reader.tell(self.login.wire(), || self.prompt.expected(rest_by.is_some() && self.has_broadcast));
        match reader.next_message(deadline) {
            Ok(message) => {
                message.iter().for_each(|_| self.login.wire().line());
                let is_rest = rest_by.is_some_and(|by| reader.began() <= by);
                message.map(|message| self.take(message, is_rest, Instant::now()))
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Some(self.time_is_up(Instant::now())),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Some(Step::Close(self.refuse(&Refusal::Other(error.to_string()))))
            }
            Err(error) => {
                if is_network_loss(&error) {
                    self.login.leave_lost();
                }
                None
            }
        }
    }

    /// Writes an answer; false when the session is over.
    pub fn write(&mut self, step: Step) -> bool {
        let go_on = match step {
            Step::Wait | Step::SignUp(_) | Step::LogIn(_) => true,
            Step::Say(answer) => self.answer(answer),
            // What waits is older than the list, and what comes from now on is newer.
            Step::Watch => self.inbox.outbox.answer_with(|| {
                self.login.watch();
                self.list() + MENU
            }),
            // Nothing rides in front of the answer to a login: a client may look how it begins.
            Step::CatchUp(answer) => self.inbox.outbox.answer(answer.as_bytes()) && self.catch_up(),
            Step::Close(answer) => {
                self.send_owed();
                self.inbox.outbox.answer(answer.as_bytes());
                false
            }
        };
        go_on && !self.inbox.outbox.is_closed()
    }

    /// Answers; in quiet mode with as much of what others have said in front as fits into the same write.
    fn answer(&mut self, answer: String) -> bool {
        if self.inbox.is_quiet() && self.login.current().is_some() {
            while self.inbox.waiting() < FEW_WAITING {
                let broadcasts = self.login.read_broadcasts(1);
                if broadcasts.is_empty() {
                    break;
                }
                let events: Vec<Event> = broadcasts.into_iter().map(Event::Broadcast).collect();
                self.inbox.deliver(&events.into());
            }
        }
        let answer = self.inbox.take_waiting(MAX_WRITE.saturating_sub(answer.len())) + &answer;
        self.inbox.outbox.answer(answer.as_bytes())
    }

    /// Sends what was broadcast in the last half hour, then has the broadcaster send what comes. In quiet mode
    /// broadcasts are fetched with the answers.
    fn catch_up(&mut self) -> bool {
        self.login.deliver_owed();
        if self.inbox.is_quiet() || self.login.current().is_none() {
            return true;
        }
        let sent = self.send_broadcasts();
        self.login.start_broadcasts();
        sent
    }

    fn send_broadcasts(&mut self) -> bool {
        loop {
            let broadcasts = self.login.read_broadcasts(HISTORY_PIECE);
            if broadcasts.is_empty() {
                return true;
            }
            let events: Vec<Event> = broadcasts.into_iter().map(Event::Broadcast).collect();
            let shown: String = show(&events, MAX_WRITE).collect();
            if !self.inbox.outbox.answer(shown.as_bytes()) {
                return false;
            }
        }
    }

    /// Logs out, and sends the broadcasts that were still to come, perhaps the client's own.
    fn send_owed(&mut self) {
        if self.login.leave() && !self.inbox.is_quiet() {
            self.send_broadcasts();
        }
    }

    /// Logs out, and has the last lines leave.
    pub fn finish(&mut self) {
        self.send_owed();
        self.inbox.outbox.finish();
        // At the end, as the last lines may have met nobody too.
        if self.inbox.outbox.has_lost() {
            self.login.leave_lost();
        }
    }

    /// Turns a message into its answer. It may be the rest of the one before, which was answered.
    fn take(&mut self, message: Result<String, BadLine>, is_rest: bool, now: Instant) -> Step {
        let has_broadcast = std::mem::take(&mut self.has_broadcast);
        let bytes = message.as_ref().map_or(0, String::len);
        if let Err(too_fast) = self.login.count_line(bytes, now) {
            let said = self.refuse(&too_fast);
            self.login.wire().decided("", said.trim_end());
            return Step::Say(said);
        }
        let (asked, step) = match message {
            _ if is_rest && !has_broadcast => ("(the rest of a line)".to_owned(), Step::Say(menu::REST.to_owned())),
            Err(bad) => ("(no text)".to_owned(), self.refuse_line(&bad)),
            Ok(message) if is_rest => (format!("({} bytes)", message.len()), self.broadcast(&message)),
            Ok(message) => self.take_text(&message),
        };
        let said = match &step {
            Step::Say(said) | Step::CatchUp(said) | Step::Close(said) => said.lines().next().unwrap_or_default(),
            // What comes of it is logged by its result.
            Step::Wait | Step::SignUp(_) | Step::LogIn(_) => return step,
            Step::Watch => "Active Clients:",
        };
        self.log(&asked, said);
        step
    }

    fn log(&self, asked: &str, said: &str) {
        self.login.wire().decided(asked, said);
        info!("{}: {} -> {}", self.login.who(), logged(asked), logged(said));
    }

    /// The message as it may be logged, and its answer.
    fn take_text(&mut self, message: &str) -> (String, Step) {
        let word = message.trim().to_owned();
        match std::mem::replace(&mut self.prompt, Prompt::Option) {
            Prompt::Anything => (format!("({} bytes)", message.len()), Step::Say(GREETING.to_owned())),
            Prompt::Option => self.take_option(&word),
            Prompt::Login(dialogue) => {
                let asked = if dialogue.is_secret() { "***" } else { masked_name(&word) }.to_owned();
                (asked, self.take_answer(dialogue, message))
            }
            Prompt::Choice => self.choose(message),
            Prompt::BroadcastText => (format!("({} bytes)", message.len()), self.broadcast(message)),
        }
    }

    /// What was to be broadcast and is no text is not; else the same question stands.
    fn refuse_line(&mut self, bad: &BadLine) -> Step {
        let said = menu::tell(&bad.to_string());
        match self.prompt {
            Prompt::BroadcastText => {
                self.prompt = Prompt::Choice;
                inside(&said)
            }
            _ => Step::Say(said),
        }
    }

    /// A refusal in the words of this dialect, counted.
    fn refuse(&self, refusal: &Refusal) -> String {
        self.services.counters.refused(refusal);
        menu::refuse(refusal)
    }

    fn ask(&mut self, question: &str, prompt: Prompt) -> Step {
        self.prompt = prompt;
        Step::Say(question.to_owned())
    }

    /// A client that is not logged in chooses between two words; another may be a password that went astray.
    fn take_option(&mut self, word: &str) -> (String, Step) {
        let step = match word.to_ascii_lowercase().as_str() {
            "login" => self.ask_login(LoginDialogue::LoginName),
            "signup" => self.ask_login(LoginDialogue::SignupName),
            "exit" | "quit" => self.exit(GREETING),
            _ => return ("(not an option)".to_owned(), outside(menu::INVALID_OPTION)),
        };
        (word.to_owned(), step)
    }

    fn ask_login(&mut self, dialogue: LoginDialogue) -> Step {
        let question = match dialogue {
            LoginDialogue::SignupName => menu::SIGNUP_NAME,
            LoginDialogue::SignupPassword { .. } => menu::SIGNUP_PASSWORD,
            LoginDialogue::SignupAgain(_) => menu::SIGNUP_AGAIN,
            LoginDialogue::LoginName => menu::LOGIN_NAME,
            LoginDialogue::LoginPassword { .. } => menu::LOGIN_PASSWORD,
            LoginDialogue::OldPassword | LoginDialogue::NewPassword { .. } | LoginDialogue::NewAgain(_) => {
                return outside(menu::INVALID_OPTION);
            }
        };
        self.ask(question, Prompt::Login(dialogue))
    }

    /// S1 refuses a name that is taken at once, before the passwords.
    fn take_answer(&mut self, dialogue: LoginDialogue, message: &str) -> Step {
        let services = self.services;
        match dialogue.take(message, |name| services.new_name(name).map(drop)) {
            DialogueStep::Ask(dialogue) => self.ask_login(dialogue),
            DialogueStep::SignUp(credentials) => Step::SignUp(credentials),
            DialogueStep::LogIn(credentials) => Step::LogIn(credentials),
            // The menu of the originals has no such choice.
            DialogueStep::ChangePassword(_) => outside(menu::INVALID_OPTION),
            DialogueStep::Refused(refusal) => outside(&self.refuse(&refusal)),
        }
    }

    /// Makes an account.
    pub fn sign_up(&mut self, credentials: &Credentials, has_gone: &dyn Fn() -> bool) -> Step {
        let said = match self.login.sign_up(credentials, has_gone) {
            Ok(_) => menu::SIGNED_UP.to_owned(),
            Err(refusal) => self.refuse(&refusal),
        };
        self.log("***", said.trim_end());
        outside(&said)
    }

    /// Logs in.
    pub fn log_in(&mut self, credentials: &Credentials, has_gone: &dyn Fn() -> bool) -> Step {
        let (said, step) = match self.login.log_in(credentials, has_gone) {
            Ok(_) => {
                self.prompt = Prompt::Choice;
                (menu::LOGGED_IN.to_owned(), Step::CatchUp(format!("{}{MENU}", menu::LOGGED_IN)))
            }
            Err(refusal) => {
                let said = self.refuse(&refusal);
                let step = outside(&said);
                (said, step)
            }
        };
        self.log("***", said.trim_end());
        step
    }

    fn choose(&mut self, message: &str) -> (String, Step) {
        let Some(key) = self.key() else { return (String::new(), outside(menu::INVALID_OPTION)) };
        self.prompt = Prompt::Choice;
        let word = message.trim().to_owned();
        match Choice::parse(message) {
            Choice::List => (word, Step::Say(self.list() + MENU)),
            Choice::Watch => (word, Step::Watch),
            Choice::Unwatch => {
                self.services.unwatch(&key);
                (word, inside(menu::UNWATCHED))
            }
            Choice::Broadcast => (word, self.ask(menu::BROADCAST_TEXT, Prompt::BroadcastText)),
            Choice::Message => self.relay(&key, message),
            Choice::Exit => (word, self.exit(MENU)),
            Choice::Invalid => ("(not an option)".to_owned(), inside(menu::INVALID_OPTION)),
        }
    }

    fn key(&self) -> Option<SessionKey> {
        self.login.current().map(|login| login.key.clone())
    }

    fn list(&self) -> String {
        let limit = if self.inbox.is_quiet() { MAX_WRITE - MENU.len() } else { usize::MAX };
        self.key().map(|key| list(self.services, &key, limit)).unwrap_or_default()
    }

    /// These clients do not listen, nor do they know tickets: the server hands their messages over.
    fn relay(&self, key: &SessionKey, message: &str) -> (String, Step) {
        let request = Request::parse(message);
        let Ok(Request::Member(MemberRequest::Message { text, to })) = &request else {
            let form = "Send msg_yourMessage_address: the address is a username, or IP:PORT as in the list";
            return ("(no message)".to_owned(), inside(&menu::tell(form)));
        };
        let asked = request.as_ref().map(|request| request.masked().to_string()).unwrap_or_default();
        let said = match self.services.relay(key, text, to) {
            Ok(name) => menu::tell(&format!("Message sent to {name}")),
            Err(refusal) => self.refuse(&refusal),
        };
        (asked, inside(&said))
    }

    fn broadcast(&mut self, text: &str) -> Step {
        let Some(key) = self.key() else { return outside(menu::INVALID_OPTION) };
        self.prompt = Prompt::Choice;
        let text = match text.parse() {
            Ok(text) => text,
            Err(invalid) => return inside(&menu::refuse_broadcast(&invalid)),
        };
        match self.services.broadcast(&key, &[text]) {
            Ok(Some((_, clients))) => {
                self.has_broadcast = true;
                inside(&menu::tell(&format!("Broadcast sent to {}", counted(clients, "client"))))
            }
            Ok(None) => Step::Wait,
            Err(refusal) => inside(&self.refuse(&refusal)),
        }
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
                self.inbox.deliver(&Event::Notice(why).into());
                if self.inbox.is_quiet() { Step::Wait } else { Step::Say(GREETING.to_owned()) }
            }
        }
    }
}
