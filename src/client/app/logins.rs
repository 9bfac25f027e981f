//! Who logs in: what the options gave, what the person is asked for, and what is kept for the next time.

use super::rules::Credentials;
use crate::value::Username;
use std::collections::VecDeque;

/// A login that is complete: it only has to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account.
    pub name: Username,
    /// Its password.
    pub password: String,
    /// Whether the account is to be made first.
    pub signup: bool,
}

/// What the person is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Prompt {
    /// `login` or `signup`.
    Word,
    /// The name of the account.
    Name { signup: bool },
    /// Its password.
    Password { name: Username, signup: bool },
    /// The password of a new account once more.
    Again { name: Username, password: String },
    /// The password that there is, of who wants another.
    OldPassword,
    /// The one that is wanted.
    NewPassword { old: String },
    /// That one once more.
    NewAgain { old: String, new: String },
}

/// A change that is being told to the server.
#[derive(Debug)]
pub struct Change {
    /// What the server has still to ask, and what is answered then.
    pub(super) answers: VecDeque<(&'static str, String)>,
    /// The password that is wanted.
    pub(super) new: String,
}

/// What is known of who logs in.
#[derive(Debug, Default)]
pub struct Logins {
    /// What the person is asked for now.
    pub(super) prompt: Option<Prompt>,
    /// What is to be sent when there is a connection, or was sent and not answered.
    pub(super) pending: Option<Login>,
    /// The change of the password that is being told to the server.
    pub(super) change: Option<Change>,
    /// The account of the options, or of the last login.
    pub(super) name: Option<Username>,
    /// Its password, where an option or a script gave it. One that a person typed is not kept.
    pub(super) password: Option<String>,
    /// Whether the account is still to be made.
    pub(super) signup: bool,
    /// Whether the present login's password was typed by a person.
    pub(super) typed: bool,
    pub(super) wrong: u32,
}

impl Prompt {
    /// The question.
    pub fn text(&self) -> String {
        match self {
            Prompt::Word => "login or signup> ".to_owned(),
            Prompt::Name { .. } => "Username: ".to_owned(),
            Prompt::Password { name, signup: true } => format!("New password of {name}: "),
            Prompt::Password { name, signup: false } => format!("Password of {name}: "),
            Prompt::Again { .. } => "The password again: ".to_owned(),
            Prompt::OldPassword => "Old password: ".to_owned(),
            Prompt::NewPassword { .. } => "New password: ".to_owned(),
            Prompt::NewAgain { .. } => "The new password again: ".to_owned(),
        }
    }

    /// Whether the answer must not be seen.
    pub fn is_hidden(&self) -> bool {
        !matches!(self, Prompt::Word | Prompt::Name { .. })
    }

    /// Whether it is for another password, and not for a login.
    pub fn is_change(&self) -> bool {
        matches!(self, Prompt::OldPassword | Prompt::NewPassword { .. } | Prompt::NewAgain { .. })
    }
}

impl Logins {
    /// Nobody has logged in yet.
    pub fn new(options: Option<&Credentials>) -> Logins {
        Logins {
            name: options.map(|who| who.name.clone()),
            password: options.and_then(|who| who.password.clone()),
            signup: options.is_some_and(|who| who.signup),
            ..Logins::default()
        }
    }

    /// The account of the options, or of the last login.
    pub fn name(&self) -> Option<&Username> {
        self.name.as_ref()
    }

    /// Whether the person is being asked for something.
    pub fn is_asking(&self) -> bool {
        self.prompt.is_some()
    }

    /// Whether an account is being made.
    pub fn is_signing_up(&self) -> bool {
        self.pending.as_ref().is_some_and(|login| login.signup)
    }

    /// Whether the last login was typed by a person.
    pub fn by_hand(&self) -> bool {
        self.typed
    }

    /// Forgets what was being asked or is to be sent.
    pub fn give_up(&mut self) {
        (self.prompt, self.pending, self.wrong) = (None, None, 0);
    }

    /// A login succeeded.
    pub fn succeeded(&mut self, login: Login) {
        self.password = Some(login.password).filter(|_| !self.typed);
        self.name = Some(login.name);
        self.signup = false;
        self.give_up();
    }
}
