//! The native protocol: one client's conversation with the server, from greeting to goodbye.
//!
//! `Session` decides: a line goes in, answer lines come out, no socket is touched. `run` is the loop around it that
//! reads, writes and watches the clock; it fits a screen.

use super::broadcaster::MAX_WRITE;
use super::login::{Login, TimeIsUp};
use super::mailbox::Mailbox;
use super::member::{self, MENU, Said, is, say};
use super::outbox::Outbox;
use super::rendezvous::Rendezvous;
use super::roster::Listed;
use crate::net::DeadlineReader;
use crate::net::LineReader;
use crate::protocol::{BadRequest, MAX_LINE, Refusal, Reply, Request};
use crate::value::BadLine;
use crate::value::sentence::counted;
use crate::value::text;
use log::{debug, info};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

const GREETING: &str = "Welcome to peerline: login or signup";
/// Bytes of one answer in the log.
const LOGGED: usize = 200;

const MENU_OUTSIDE: [&str; 4] = [
    "login: log in (then name and password, a line each)",
    "signup: make an account (then name, password and password again, a line each)",
    "LOGIN,name,password and SIGNUP,name,password: the same in one line",
    "quit: leave",
];

/// Talks with one client until it leaves or is closed.
pub fn run(house: &Rendezvous, stream: &Arc<TcpStream>, peer: SocketAddr) {
    let Ok(outbox) = Outbox::new(Arc::clone(stream)) else { return };
    let mut session = Session::new(house, peer, Arc::new(outbox), Instant::now());
    let mut lines = LineReader::new(DeadlineReader::new(Arc::clone(stream), session.login.deadline()), MAX_LINE);
    let mut answer = format!("{}\n", Reply::Ok(GREETING.to_owned()));
    let mut next = Next::Go;
    info!("{peer}: connected");
    while session.carry_out(next, &mut answer, lines.has_line()) {
        lines.get_mut().set_deadline(session.login.deadline());
        next = match lines.next_line() {
            Ok(Some(line)) => session.take(line, Instant::now(), &mut answer),
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::TimedOut => session.time_is_up(Instant::now(), &mut answer),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                say(&mut answer, Reply::Err(Refusal::Other(format!("{error}: not a text protocol"))));
                Next::Close
            }
            Err(_) => break,
        };
    }
    session.outbox.finish();
    info!("{}: disconnected", session.login.who());
}

/// What the loop does after a line.
enum Next {
    /// Read on.
    Go,
    /// Somebody has just logged in: send what was broadcast before.
    CatchUp,
    /// Send these clients' file names, then read on.
    Files(Vec<Listed>),
    /// Close.
    Close,
}

/// What the next line will be taken for.
enum Prompt {
    Command,
    SignupName,
    SignupPassword { name: String },
    SignupAgain { name: String, password: String },
    LoginName,
    LoginPassword { name: String },
    BroadcastText,
}

struct Session<'a> {
    house: &'a Rendezvous,
    outbox: Arc<Outbox>,
    prompt: Prompt,
    login: Login<'a>,
}

impl<'a> Session<'a> {
    fn new(house: &'a Rendezvous, peer: SocketAddr, outbox: Arc<Outbox>, now: Instant) -> Session<'a> {
        let login = Login::new(house, peer, Arc::clone(&outbox) as Arc<dyn Mailbox>, now);
        Session { house, outbox, prompt: Prompt::Command, login }
    }

    /// Writes what is to be written, unless a further line has arrived whose answer can share the write; false when
    /// the session is over.
    fn carry_out(&mut self, next: Next, answer: &mut String, more: bool) -> bool {
        let go_on = match next {
            Next::Go if more && answer.len() < MAX_WRITE => return !self.outbox.is_closed(),
            Next::Go => self.flush(answer),
            Next::CatchUp => self.flush(answer) && self.catch_up(),
            Next::Files(clients) => self.send_files(&clients, answer),
            Next::Close => {
                self.flush(answer);
                false
            }
        };
        go_on && !self.outbox.is_closed()
    }

    fn flush(&self, answer: &mut String) -> bool {
        let written = answer.is_empty() || self.outbox.answer(answer.as_bytes());
        answer.clear();
        answer.shrink_to(1024);
        written
    }

    /// Sends the broadcasts of the last half hour that this connection was not sent yet, then has the broadcaster
    /// send what comes.
    fn catch_up(&mut self) -> bool {
        let mut lines = String::new();
        while self.login.read_broadcasts(MAX_WRITE, &mut lines) {
            if !self.flush(&mut lines) {
                return false;
            }
        }
        self.login.deliver();
        true
    }

    /// Sends `files_` lines client by client: all of them together may be too much to hold.
    fn send_files(&self, clients: &[Listed], answer: &mut String) -> bool {
        let mut total = 0;
        for client in clients {
            total += client.files.len();
            for line in member::files_lines(client) {
                say(answer, line);
                if answer.len() >= MAX_WRITE && !self.flush(answer) {
                    return false;
                }
            }
        }
        say(answer, Reply::Ok(counted(total, "file")));
        self.flush(answer)
    }

    /// Turns a line into its answer.
    fn take(&mut self, line: Result<&str, BadLine>, now: Instant, answer: &mut String) -> Next {
        if let Err(too_fast) = self.login.count_line(now) {
            debug!("{}: too fast", self.login.who());
            say(answer, Reply::Err(too_fast));
            return Next::Go;
        }
        let began = answer.len();
        let (asked, next) = match line {
            Err(bad) => {
                say(answer, Reply::Err(Refusal::Other(bad.to_string())));
                ("(no line)".to_owned(), Next::Go)
            }
            Ok(line) => self.take_line(line, answer),
        };
        // Lists of files are sent by the loop, and not logged.
        let last = answer[began..].lines().last().unwrap_or("OK");
        info!("{}: {} -> {}", self.login.who(), text::escape(&asked), text::escape(text::cut(last, LOGGED)));
        next
    }

    /// The line as it may be logged, and what comes next.
    fn take_line(&mut self, line: &str, answer: &mut String) -> (String, Next) {
        let logged = |what: &str| what.to_owned();
        match std::mem::replace(&mut self.prompt, Prompt::Command) {
            Prompt::Command => self.take_command(line, answer),
            Prompt::SignupName => {
                self.ask("Password:", Prompt::SignupPassword { name: line.trim().to_owned() }, answer);
                (line.to_owned(), Next::Go)
            }
            Prompt::SignupPassword { name } => {
                let password = line.to_owned();
                self.ask("Password again:", Prompt::SignupAgain { name, password }, answer);
                (logged("***"), Next::Go)
            }
            Prompt::SignupAgain { name, password } => {
                if line == password {
                    self.sign_up(&name, &password, answer);
                } else {
                    say(answer, Reply::Err(Refusal::PasswordsDoNotMatch));
                }
                (logged("***"), Next::Go)
            }
            Prompt::LoginName => {
                self.ask("Password:", Prompt::LoginPassword { name: line.trim().to_owned() }, answer);
                (line.to_owned(), Next::Go)
            }
            Prompt::LoginPassword { name } => (logged("***"), self.log_in(&name, line, answer)),
            Prompt::BroadcastText => {
                let text = Request::Broadcast(line.to_owned());
                (line.to_owned(), self.carry_request(text, answer))
            }
        }
    }

    fn take_command(&mut self, line: &str, answer: &mut String) -> (String, Next) {
        match Request::parse(line) {
            Ok(request) => (request.masked(), self.carry_request(request, answer)),
            Err(bad) => {
                // What was meant as a password may end here, on a line of its own.
                let secret = self.login.presence().is_none() || matches!(bad, BadRequest::Form(_));
                say(answer, Reply::Err(bad.into()));
                (if secret { "(not a command)".to_owned() } else { line.to_owned() }, Next::Go)
            }
        }
    }

    /// What everybody may ask.
    fn carry_request(&mut self, request: Request, answer: &mut String) -> Next {
        match (request, self.login.presence()) {
            (Request::Help, presence) => {
                let menu = if presence.is_some() { MENU.as_slice() } else { MENU_OUTSIDE.as_slice() };
                menu.iter().for_each(|line| say(answer, Reply::Menu((*line).to_owned())));
                say(answer, Reply::Ok(format!("{} commands", menu.len())));
            }
            (Request::Quit(Some(name)), Some(presence)) if !is(&presence.seat.name, &name) => {
                say(answer, Reply::Err(Refusal::Other(format!("You are {}, not {name}", presence.seat.name))));
            }
            (Request::Quit(_), _) => {
                say(answer, Reply::Ok("Goodbye".to_owned()));
                return Next::Close;
            }
            (
                Request::LoginDialogue | Request::SignupDialogue | Request::Login { .. } | Request::Signup { .. },
                Some(presence),
            ) => {
                let sentence = format!("You are logged in as {}: send quit first", presence.seat.name);
                say(answer, Reply::Err(Refusal::Other(sentence)));
            }
            (Request::SignupDialogue, None) => self.ask("Username:", Prompt::SignupName, answer),
            (Request::LoginDialogue, None) => self.ask("Username:", Prompt::LoginName, answer),
            (Request::Signup { name, password }, None) => self.sign_up(&name, &password, answer),
            (Request::Login { name, password }, None) => return self.log_in(&name, &password, answer),
            (_, None) => say(answer, Reply::Err(Refusal::LogInFirst)),
            (Request::BroadcastDialogue, Some(_)) => self.ask("Message:", Prompt::BroadcastText, answer),
            (request, Some(presence)) => match member::answer(self.house, &presence.seat, request, answer) {
                Said::Reply(reply) => say(answer, reply),
                Said::Files(clients) => return Next::Files(clients),
            },
        }
        Next::Go
    }

    fn ask(&mut self, question: &str, prompt: Prompt, answer: &mut String) {
        self.prompt = prompt;
        say(answer, Reply::Ok(question.to_owned()));
    }

    fn sign_up(&self, name: &str, password: &str, answer: &mut String) {
        say(
            answer,
            match self.house.sign_up(name, password) {
                Ok(name) => Reply::Ok(format!("Signup successful, {name}: please log in")),
                Err(refusal) => Reply::Err(refusal),
            },
        );
    }

    fn log_in(&mut self, name: &str, password: &str, answer: &mut String) -> Next {
        let presence = match self.login.enter(name, password) {
            Ok(presence) => presence,
            Err(refusal) => {
                say(answer, Reply::Err(refusal));
                return Next::Go;
            }
        };
        say(answer, Reply::Udp(presence.token));
        say(answer, Reply::Ip(presence.seat.address));
        MENU.iter().for_each(|line| say(answer, Reply::Menu((*line).to_owned())));
        say(answer, Reply::Ok("Login successful!".to_owned()));
        Next::CatchUp
    }

    fn time_is_up(&mut self, now: Instant, answer: &mut String) -> Next {
        match self.login.time_is_up(now) {
            TimeIsUp::Close(why) => {
                say(answer, Reply::Notice(why));
                Next::Close
            }
            TimeIsUp::LogInAgain(why) => {
                self.prompt = Prompt::Command;
                say(answer, Reply::Notice(why));
                Next::Go
            }
        }
    }
}

/// Tells a client that there is no room for it: one write, which finds the send buffer of a new connection empty.
pub fn refuse(mut stream: &TcpStream, max_clients: usize) {
    let reply = Reply::Err(Refusal::ServerFull(max_clients));
    // Who has left already need not be told.
    let _ = stream.write_all(format!("{reply}\n").as_bytes());
}
