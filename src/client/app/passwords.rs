//! Another password: asked for at the terminal, and then said to the server by its dialogue. A server that is older knows
//! not even the first word of that, and is sent no password.

use super::asks::{Ask, Origin, Purpose};
use super::logins::{Change, Prompt};
use super::state::App;
use crate::client::event::{Place, Shown};
use crate::protocol::{self, MemberRequest, PASSWORD_QUESTIONS, Refusal, Reply, Request};

const OLDER: &str = "This server is older, and changes no passwords: nothing was sent";

impl App {
    /// Asks the person for the old password and for a new one.
    pub fn change_password(&mut self, origin: &Origin) {
        if !self.may_ask(origin) {
            return;
        }
        if self.me().is_none() || self.login.change.is_some() {
            return self.refuse(origin, "Your password cannot be changed now: wait a moment");
        }
        self.login.prompt = Some(Prompt::OldPassword);
    }

    /// The person has answered a question of it.
    pub fn answer_change(&mut self, prompt: Prompt, text: &str) {
        let text = text.to_owned();
        self.login.prompt = match prompt {
            Prompt::NewPassword { old } => match protocol::check_password(&text) {
                // The lines of a script hold it twice in any case.
                Err(why) if self.asks_at_terminal() => {
                    self.refuse(&Origin::nobody(), format!("{why}."));
                    Some(Prompt::NewPassword { old })
                }
                _ => Some(Prompt::NewAgain { old, new: text }),
            },
            Prompt::NewAgain { old, new } if new == text => return self.tell_change(old, new),
            Prompt::NewAgain { old, .. } => {
                self.refuse(&Origin::nobody(), "The passwords do not match.");
                self.asks_at_terminal().then_some(Prompt::NewPassword { old })
            }
            _ => Some(Prompt::NewPassword { old: text }),
        };
    }

    fn tell_change(&mut self, old: String, new: String) {
        let answers = PASSWORD_QUESTIONS.into_iter().zip([old, new.clone(), new.clone()]).collect();
        self.login.change = Some(Change { answers, new });
        self.asks.put_first(Ask::new(
            Purpose::ChangePassword,
            MemberRequest::PasswordDialogue.into(),
            Origin::nobody(),
        ));
    }

    /// The server has answered a line of the dialogue.
    pub fn password_answered(&mut self, origin: &Origin, end: Reply) {
        let Some(change) = &mut self.login.change else { return };
        let is_first = change.answers.len() == PASSWORD_QUESTIONS.len();
        match (end, change.answers.pop_front()) {
            (Reply::Ok(asked), Some((question, answer))) if asked == question => {
                self.asks.put_first(Ask::new(Purpose::ChangePassword, Request::Answer(answer), origin.clone()));
                return;
            }
            (end @ Reply::Ok(_), None) => {
                // Where an option or a script gave the old one, the next login is with the new one.
                if self.login.password.is_some() {
                    self.login.password = Some(change.new.clone());
                }
                // It ends with the old one.
                self.house.forget_token();
                self.show_end(origin, end);
            }
            (Reply::Err(Refusal::UnknownCommand | Refusal::NobodyThere(_)) | Reply::Ok(_) | Reply::Up, _)
                if is_first =>
            {
                self.refuse(origin, OLDER);
            }
            (end, _) => self.show_end(origin, end),
        }
        self.login.change = None;
    }

    /// The session is over: what was asked for is not said any more, and what was said may have been carried out.
    pub fn forget_change(&mut self) {
        if self.login.prompt.as_ref().is_some_and(Prompt::is_change) {
            self.login.prompt = None;
            self.info(Place::Server, "Your password stays as it is: the session is over.");
        }
        self.asks.withdraw(|ask| ask.purpose == Purpose::ChangePassword);
        let Some(change) = self.login.change.take() else { return };
        let text = match change.answers.is_empty() {
            true => "Your password was perhaps changed: try the new one first",
            false => "Your password was not changed: the session is over",
        };
        self.show(&Origin::nobody(), Shown::Perhaps { text: text.to_owned() });
    }
}
