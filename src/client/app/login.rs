//! Logging in: with what the options gave, or by asking.

use super::asks::{Ask, Origin, Purpose};
use super::link::ToldAtLogin;
use super::logins::{Login, Prompt};
use super::session::Session;
use super::state::App;
use crate::client::command::{self};
use crate::client::event::{Effect, End, LinkId, Place, Shown};
use crate::protocol::{self, EntryRequest, Refusal, Reply};
use crate::value::{InvalidUsername, Username};
use std::net::IpAddr;

/// How often a person may mistype a password.
const TRIES: u32 = 3;

impl App {
    /// Connected: sends the login that is complete, or has the person asked for what is missing.
    pub fn log_in(&mut self) {
        if self.login.prompt.is_some() {
            return;
        }
        if self.login.pending.is_some() {
            return self.send_login();
        }
        if self.come_again() {
            return;
        }
        let Some(name) = self.login.name.clone() else {
            self.info(Place::Server, "Welcome to peerline. Type login, or signup for a new account.");
            return self.ask(Prompt::Word);
        };
        let signup = self.login.signup;
        match self.login.password.clone() {
            Some(password) => {
                self.login.pending = Some(Login { name, password, signup });
                self.send_login();
            }
            None if self.asks_at_terminal() => {
                if signup {
                    self.ask_to_choose(&name);
                }
                self.ask(Prompt::Password { name, signup });
            }
            None => {
                let how = "give the password by --password-file or PEERLINE_PASSWORD";
                self.over(End::Failed(format!("no password for {name}: {how}")));
            }
        }
    }

    /// What the person is asked for now, and whether the answer is hidden. Who talks with somebody is not disturbed:
    /// the next line is meant for them.
    pub fn question_of_login(&self) -> Option<(String, bool)> {
        let prompt = self.login.prompt.as_ref()?;
        let is_free = self.script.front().is_none();
        is_free.then(|| (prompt.text(), prompt.is_hidden() && self.asks_at_terminal()))
    }

    /// Whether a question is asked at the terminal. A script that logs in by the dialogue has the answers among its
    /// lines.
    pub fn asks_at_terminal(&self) -> bool {
        self.rules.face.is_person() || (self.rules.credentials.is_some() && self.rules.face.has_terminal())
    }

    /// Logs in as somebody else, or with a new account, because the person asks for it.
    pub fn log_in_anew(&mut self, signup: bool) {
        self.login.name = None;
        self.login.password = None;
        self.house.forget_token();
        self.ask(Prompt::Name { signup });
    }

    /// What is typed while the server looks at a password is hidden too: it may be the next try.
    pub fn is_checking(&self) -> bool {
        self.login.typed && self.login.pending.is_some()
    }

    fn ask_to_choose(&mut self, name: &Username) {
        self.info(Place::Server, format!("Choose a password for {name}, of 8 characters or more."));
    }

    fn ask(&mut self, prompt: Prompt) {
        self.login.prompt = Some(prompt);
    }

    fn send_login(&mut self) {
        let Some(login) = &self.login.pending else { return };
        let (name, password) = (login.name.to_string(), login.password.clone());
        let (purpose, request) = if login.signup {
            (Purpose::SignUp, EntryRequest::Signup { name, password })
        } else {
            (Purpose::LogIn, EntryRequest::Login { name, password })
        };
        self.asks.put_first(Ask::new(purpose, request.into(), Origin::nobody()));
    }

    /// The person has answered what they were asked.
    pub fn answer_prompt(&mut self, text: &str) {
        let Some(prompt) = self.login.prompt.take() else { return };
        let next = match prompt {
            Prompt::OldPassword | Prompt::NewPassword { .. } | Prompt::NewAgain { .. } => {
                return self.answer_change(prompt, text);
            }
            Prompt::Word => self.answer_word(text),
            Prompt::Name { signup } => match text.trim().parse() {
                Ok(name) => {
                    if signup && self.asks_at_terminal() {
                        self.ask_to_choose(&name);
                    }
                    Prompt::Password { name, signup }
                }
                Err(invalid @ InvalidUsername) => self.once_more(Prompt::Name { signup }, &format!("{invalid}.")),
            },
            Prompt::Password { name, signup: false } => {
                return self.complete(Login { name, password: text.to_owned(), signup: false });
            }
            Prompt::Password { name, signup: true } => match protocol::check_password(text) {
                // The lines of a script hold it twice in any case.
                Err(why) if self.asks_at_terminal() => {
                    self.once_more(Prompt::Password { name, signup: true }, &format!("{why}."))
                }
                _ => Prompt::Again { name, password: text.to_owned() },
            },
            Prompt::Again { name, password } if password == text => {
                return self.complete(Login { name, password, signup: true });
            }
            Prompt::Again { name, .. } => {
                self.once_more(Prompt::Password { name, signup: true }, "The passwords do not match.")
            }
        };
        if self.session != Session::Over && !matches!(self.session, Session::Leaving { .. }) {
            self.ask(next);
        }
    }

    fn answer_word(&mut self, text: &str) -> Prompt {
        match text.trim().to_ascii_lowercase().as_str() {
            "login" => return Prompt::Name { signup: false },
            "signup" => return Prompt::Name { signup: true },
            "quit" | "exit" => self.leave(),
            "" => {}
            _ => self.refuse(&Origin::nobody(), "Type login, signup or quit."),
        }
        Prompt::Word
    }

    /// A person is asked the same again. A script's lines are a fixed sequence: it begins with the first question.
    fn once_more(&mut self, same: Prompt, why: &str) -> Prompt {
        self.refuse(&Origin::nobody(), why);
        if self.asks_at_terminal() { same } else { Prompt::Word }
    }

    /// The person gave the question up. In the dialogue it begins anew, and at its first question they leave.
    pub fn give_up_prompt(&mut self) {
        match self.login.prompt.take() {
            Some(prompt) if prompt.is_change() => self.info(Place::Server, "Your password stays as it is."),
            Some(Prompt::Word) => self.leave(),
            Some(_) if self.life.was_online => self.stay_away(),
            Some(_) if self.rules.credentials.is_none() => self.ask(Prompt::Word),
            Some(_) => self.leave(),
            None => {}
        }
    }

    fn complete(&mut self, login: Login) {
        self.login.typed = self.asks_at_terminal();
        let is_other = self.login.name() != Some(&login.name);
        self.login.pending = Some(login);
        match self.session {
            Session::LoggingIn { .. } => self.send_login(),
            Session::Offline { .. } => self.connect(),
            // As somebody else: the server knows one name a connection.
            Session::Online { link, .. } => {
                self.out.push(Effect::Disconnect(link));
                self.forget_link();
                self.connect();
            }
            Session::Connecting { .. } | Session::Leaving { .. } | Session::Over => {}
        }
        if is_other {
            self.send_nothing("you log in as somebody else");
        }
    }

    /// The server has answered the sign-up.
    pub fn signed_up(&mut self, end: &Reply) {
        let Some(mut login) = self.login.pending.take() else { return };
        login.signup = false;
        match end {
            Reply::Err(Refusal::NameTaken) if self.rules.face.is_person() && self.rules.credentials.is_none() => {
                self.refuse(&Origin::nobody(), Refusal::NameTaken.to_string());
                self.ask(Prompt::Name { signup: true });
            }
            Reply::Err(why) => self.login_refused(login, why),
            Reply::Ok(text) => {
                self.info(Place::Server, text.clone());
                let script = self.rules.credentials.is_none() && !self.rules.face.is_person();
                if script {
                    // A script types `login` next, as with netcat.
                    self.ask(Prompt::Word);
                } else {
                    self.login.pending = Some(login);
                    self.send_login();
                }
            }
            other => self.login_refused(login, &Refusal::other(other.to_string())),
        }
    }

    /// The server has answered the login.
    pub fn answered_login(&mut self, link: LinkId, data: &[Reply], end: &Reply) {
        let Some(login) = self.login.pending.take() else { return };
        match end {
            Reply::Ok(_) => {
                let name = login.name.clone();
                self.login.succeeded(login);
                self.logged_in(link, name, data);
            }
            Reply::Err(why) if self.may_come_later(why) => {
                // It is sent on the next connection, also where a person has typed it.
                self.login.pending = Some(login);
                self.come_later(why);
            }
            Reply::Err(why) => self.login_refused(login, why),
            other => self.login_refused(login, &Refusal::other(other.to_string())),
        }
    }

    /// The server has let us in under this name, and has told this.
    pub(super) fn logged_in(&mut self, link: LinkId, name: Username, data: &[Reply]) {
        let others: IpAddr = if data.contains(&Reply::ReachIpv6) { [0u16; 8].into() } else { [0u8; 4].into() };
        let told = ToldAtLogin {
            token: data.iter().find_map(|reply| if let Reply::Udp(token) = reply { Some(*token) } else { None }),
            address: data.iter().find_map(|reply| if let Reply::Ip(address) = reply { Some(*address) } else { None }),
            others: data.contains(&Reply::ReachAll).then_some(others),
            again: data.iter().find_map(|reply| if let Reply::Again(token) = reply { Some(*token) } else { None }),
            epoch: data.iter().find_map(|reply| if let Reply::Epoch(epoch) = reply { Some(*epoch) } else { None }),
        };
        // The account may have been signed up in other letters.
        let own = data.iter().find_map(|reply| if let Reply::Name(name) = reply { Some(name.clone()) } else { None });
        self.online(link, own.unwrap_or(name), told);
    }

    fn login_refused(&mut self, login: Login, why: &Refusal) {
        let wrong = *why == Refusal::InvalidCredentials && self.login.typed;
        self.login.wrong += 1;
        let dialogue = self.rules.credentials.is_none() && !self.life.was_online;
        if wrong && self.login.wrong < TRIES {
            self.refuse(&Origin::nobody(), why.to_string());
            self.ask(Prompt::Password { name: login.name, signup: false });
        } else if dialogue {
            self.login.wrong = 0;
            self.refuse(&Origin::nobody(), why.to_string());
            self.ask(Prompt::Word);
        } else if !self.life.was_online {
            self.over(End::Failed(why.to_string()));
        } else {
            self.not_again(&why.to_string());
        }
    }

    /// The next login was refused.
    pub fn not_again(&mut self, why: &str) {
        self.refuse(&Origin::nobody(), format!("Not logged in again: {why}"));
        self.stay_away();
    }

    /// Somebody who was asked who they are may be here for the first time.
    pub fn greet(&mut self) {
        if self.rules.credentials.is_none() && self.rules.face.is_person() {
            for text in command::short_menu(self.columns()) {
                self.shown(Place::Server, Shown::Help { text });
            }
        }
    }
}
