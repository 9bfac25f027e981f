//! The dialogue of a login, of a sign-up and of another password, one line an answer: the native protocol and the menu
//! dialect share it.
//!
//! It knows the order of the questions and not their wording, and no account.

use crate::protocol::{EntryRequest, MemberRequest, Refusal, Request};
use crate::trace::Expected;

/// A question that was asked; the next line is its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginDialogue {
    /// Which name a new account is to have.
    SignupName,
    /// Its password.
    SignupPassword {
        /// The answer to the question before.
        name: String,
    },
    /// Its password again.
    SignupAgain(Credentials),
    /// Who logs in.
    LoginName,
    /// The password of whoever logs in.
    LoginPassword {
        /// The answer to the question before.
        name: String,
    },
    /// The password that somebody has, who wants another.
    OldPassword,
    /// The one that they want.
    NewPassword {
        /// The answer to the question before.
        old: String,
    },
    /// That one again.
    NewAgain(PasswordChange),
}

/// What follows an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialogueStep {
    /// The next question.
    Ask(LoginDialogue),
    /// The dialogue is over: make this account.
    SignUp(Credentials),
    /// The dialogue is over: log in.
    LogIn(Credentials),
    /// The dialogue is over: change the password of who is logged in.
    ChangePassword(PasswordChange),
    /// The dialogue is over, and nothing comes of it.
    Refused(Refusal),
}

/// A name and a password, as they were typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name; whether it is one is not known yet.
    pub name: String,
    /// The password.
    pub password: String,
}

/// A password and the one that is to follow it, as they were typed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordChange {
    /// The one that there is; whether it is right is not known yet.
    pub old: String,
    /// The one that is wanted.
    pub new: String,
}

impl LoginDialogue {
    /// Takes the answer to this question. A dialect that refuses a name at once, and not only with the passwords,
    /// says so by `check_name`.
    pub fn take(self, line: &str, check_name: impl FnOnce(&str) -> Result<(), Refusal>) -> DialogueStep {
        match self {
            LoginDialogue::SignupName => {
                let name = line.trim().to_owned();
                match check_name(&name) {
                    Ok(()) => DialogueStep::Ask(LoginDialogue::SignupPassword { name }),
                    Err(refusal) => DialogueStep::Refused(refusal),
                }
            }
            LoginDialogue::SignupPassword { name } => {
                DialogueStep::Ask(LoginDialogue::SignupAgain(Credentials { name, password: line.to_owned() }))
            }
            LoginDialogue::SignupAgain(first) if first.password != line => {
                DialogueStep::Refused(Refusal::PasswordsDoNotMatch)
            }
            LoginDialogue::SignupAgain(first) => DialogueStep::SignUp(first),
            LoginDialogue::LoginName => {
                DialogueStep::Ask(LoginDialogue::LoginPassword { name: line.trim().to_owned() })
            }
            LoginDialogue::LoginPassword { name } => {
                DialogueStep::LogIn(Credentials { name, password: line.to_owned() })
            }
            LoginDialogue::OldPassword => DialogueStep::Ask(LoginDialogue::NewPassword { old: line.to_owned() }),
            LoginDialogue::NewPassword { old } => {
                DialogueStep::Ask(LoginDialogue::NewAgain(PasswordChange { old, new: line.to_owned() }))
            }
            LoginDialogue::NewAgain(change) if change.new != line => {
                DialogueStep::Refused(Refusal::PasswordsDoNotMatch)
            }
            LoginDialogue::NewAgain(change) => DialogueStep::ChangePassword(change),
        }
    }

    /// What a trace may show of the answer, and of those behind it.
    pub fn expected(&self) -> Expected {
        match self {
            LoginDialogue::SignupName => Expected::Name(2),
            LoginDialogue::SignupPassword { .. } => Expected::Secret(2),
            LoginDialogue::LoginName => Expected::Name(1),
            LoginDialogue::OldPassword => Expected::Secret(3),
            LoginDialogue::NewPassword { .. } => Expected::Secret(2),
            LoginDialogue::SignupAgain(_) | LoginDialogue::LoginPassword { .. } | LoginDialogue::NewAgain(_) => {
                Expected::Secret(1)
            }
        }
    }

    /// Whether the answer is a password, which no log shows.
    pub fn is_secret(&self) -> bool {
        match self {
            LoginDialogue::SignupName | LoginDialogue::LoginName => false,
            LoginDialogue::SignupPassword { .. }
            | LoginDialogue::SignupAgain(_)
            | LoginDialogue::LoginPassword { .. }
            | LoginDialogue::OldPassword
            | LoginDialogue::NewPassword { .. }
            | LoginDialogue::NewAgain(_) => true,
        }
    }
}

/// Lines that may be the answers to questions which nobody has asked: somebody who is logged in sends the words of a dialogue
/// once more, as a script does that knows no better, and one of them is a password.
#[derive(Debug, Default)]
pub struct Astray(u8);

impl Astray {
    /// What may follow a request that was not carried out.
    pub fn behind(request: &Request) -> Astray {
        Astray(match request {
            Request::Entry(EntryRequest::LoginDialogue) => 2,
            Request::Entry(EntryRequest::SignupDialogue) | Request::Member(MemberRequest::PasswordDialogue) => 3,
            _ => 0,
        })
    }

    /// A line came too fast to be carried out; what follows it may come all the same.
    pub fn see(&mut self, line: &str) {
        if let Some(astray) = Request::parse(line).ok().as_ref().map(Astray::behind).filter(Astray::may_come) {
            *self = astray;
        }
    }

    /// Whether the next line may be one.
    pub fn may_come(&self) -> bool {
        self.0 > 0
    }

    /// The same, of the line that has come.
    pub fn take(&mut self) -> bool {
        let may_be_one = self.may_come();
        self.0 = self.0.saturating_sub(1);
        may_be_one
    }
}

/// Shows no password: `Debug` output ends in logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.name)
    }
}

/// Shows none of them.
impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these answers; each but the last leads to a further question.
    fn talk(mut dialogue: LoginDialogue, answers: &[&str]) -> DialogueStep {
        let (last, first) = answers.split_last().expect("one answer");
        for answer in first {
            let DialogueStep::Ask(next) = dialogue.take(answer, |_| Ok(())) else { panic!("{answer} ended it") };
            dialogue = next;
        }
        dialogue.take(last, |_| Ok(()))
    }

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials { name: name.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn as_many_lines_may_be_answers_as_the_dialogue_has_questions() {
        for (word, lines) in [("login", 2), ("Signup", 3), ("passwd", 3), ("list", 0), ("LOGIN,alice,secret", 0)] {
            let mut astray = Astray::behind(&Request::parse(word).expect("a request"));
            assert_eq!((0..5).filter(|_| astray.take()).count(), lines, "{word}");
            assert!(!astray.may_come());
        }
        let mut astray = Astray::default();
        ["passwd", "secret", "list"].iter().for_each(|line| astray.see(line));
        assert!(astray.take() && astray.take() && astray.take() && !astray.take());
    }

    #[test]
    fn names_lose_blanks_and_passwords_keep_them() {
        let expected = DialogueStep::LogIn(credentials("alice", " pass word "));
        assert_eq!(talk(LoginDialogue::LoginName, &[" alice ", " pass word "]), expected);
        let expected = DialogueStep::SignUp(credentials("alice", "password "));
        assert_eq!(talk(LoginDialogue::SignupName, &["alice", "password ", "password "]), expected);
    }

    #[test]
    fn two_passwords_that_differ_make_no_account() {
        let refused = DialogueStep::Refused(Refusal::PasswordsDoNotMatch);
        assert_eq!(talk(LoginDialogue::SignupName, &["alice", "password", "password "]), refused);
    }

    #[test]
    fn another_password_is_asked_for_twice_and_the_old_one_first() {
        let change = |new: &str| PasswordChange { old: "old word".to_owned(), new: new.to_owned() };
        let answers = ["old word", "new word ", "new word "];
        assert_eq!(talk(LoginDialogue::OldPassword, &answers), DialogueStep::ChangePassword(change("new word ")));
        let refused = DialogueStep::Refused(Refusal::PasswordsDoNotMatch);
        assert_eq!(talk(LoginDialogue::OldPassword, &["old word", "new word", "new word "]), refused);
        assert!(LoginDialogue::OldPassword.is_secret() && LoginDialogue::NewAgain(change("new")).is_secret());
        assert!(!format!("{:?}", change("new-word")).contains("new-word"));
    }

    #[test]
    fn a_name_can_be_refused_before_the_passwords() {
        let taken = |name: &str| if name == "alice" { Err(Refusal::NameTaken) } else { Ok(()) };
        assert_eq!(LoginDialogue::SignupName.take("alice", taken), DialogueStep::Refused(Refusal::NameTaken));
        assert!(matches!(LoginDialogue::SignupName.take("bob", taken), DialogueStep::Ask(_)));
        assert!(
            matches!(LoginDialogue::LoginName.take("alice", taken), DialogueStep::Ask(_)),
            "a login wants a taken name"
        );
    }

    #[test]
    fn passwords_are_secret_and_names_are_not() {
        let name = || "alice".to_owned();
        assert!(!LoginDialogue::SignupName.is_secret() && !LoginDialogue::LoginName.is_secret());
        assert!(LoginDialogue::LoginPassword { name: name() }.is_secret());
        assert!(LoginDialogue::SignupPassword { name: name() }.is_secret());
        assert!(LoginDialogue::SignupAgain(credentials("alice", "secret-word")).is_secret());
        assert!(!format!("{:?}", credentials("alice", "secret-word")).contains("secret-word"));
    }
}
