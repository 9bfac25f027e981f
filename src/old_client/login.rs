//! Signing up and logging in: with what the options gave, or in a dialogue.

use super::desk::Desk;
use super::input::Input;
use super::link::{Answer, LinkError};
use super::terminal::Typed;
use crate::protocol::{self, EntryRequest, Reply, Request};
use crate::value::Ticket;
use crate::value::{InvalidUsername, Username};
use std::net::IpAddr;

/// Who logs in.
#[derive(Clone)]
pub struct Credentials {
    /// The account.
    pub name: Username,
    /// Its password, where one was given. One that a person typed is not kept.
    pub password: Option<String>,
    /// Whether the account is to be made first.
    pub signup: bool,
}

/// Who logs in again without being asked.
pub struct Known {
    /// The account.
    pub name: Username,
    /// Its password, unless only the person knows it.
    pub password: Option<String>,
}

/// What the server says of a session.
pub struct Welcome {
    /// What hellos must carry.
    pub token: Option<Ticket>,
    /// Where others will look for this client.
    pub address: Option<IpAddr>,
}

/// Why nobody is logged in.
pub enum NotLoggedIn {
    /// The server said no, and why.
    Refused(String),
    /// No answer.
    Lost(LinkError),
    /// The person left, or gave up the question.
    Left,
}

impl From<LinkError> for NotLoggedIn {
    fn from(error: LinkError) -> Self {
        NotLoggedIn::Lost(error)
    }
}

/// Makes an account; returns what the server said.
///
/// # Errors
/// [`NotLoggedIn::Refused`] or [`NotLoggedIn::Lost`].
pub fn sign_up(desk: &Desk, name: &Username, password: &str) -> Result<String, NotLoggedIn> {
    let request = Request::Entry(EntryRequest::Signup { name: name.to_string(), password: password.to_owned() });
    match desk.request(&request)?.end {
        Reply::Ok(text) => Ok(text),
        end => Err(refusal(end)),
    }
}

/// Logs in on the present connection.
///
/// # Errors
/// [`NotLoggedIn::Refused`] or [`NotLoggedIn::Lost`].
pub fn log_in(desk: &Desk, name: &Username, password: &str) -> Result<Welcome, NotLoggedIn> {
    let request = Request::Entry(EntryRequest::Login { name: name.to_string(), password: password.to_owned() });
    let Answer { data, end } = desk.request(&request)?;
    if !matches!(end, Reply::Ok(_)) {
        return Err(refusal(end));
    }
    let mut welcome = Welcome { token: None, address: None };
    for reply in data {
        match reply {
            Reply::Udp(token) => welcome.token = Some(token),
            Reply::Ip(address) => welcome.address = Some(address),
            _ => {}
        }
    }
    desk.logged_in(name.clone(), welcome.token);
    Ok(welcome)
}

fn refusal(end: Reply) -> NotLoggedIn {
    match end {
        Reply::Err(why) => NotLoggedIn::Refused(why.to_string()),
        other => NotLoggedIn::Refused(other.to_string()),
    }
}

/// Asks who it is until the server agrees: `login` or `signup`, name, password (twice for a new account), as lines
/// of a script may give them too.
///
/// # Errors
/// [`NotLoggedIn::Left`] or [`NotLoggedIn::Lost`]; refusals are shown, and asked again.
pub fn dialogue(desk: &Desk, input: &mut Input) -> Result<(Known, Welcome), NotLoggedIn> {
    desk.screen.info("Welcome to peerline. Type login, or signup for a new account.");
    loop {
        let word = ask(desk, input, "login or signup> ", false)?;
        let done = match word.trim().to_ascii_lowercase().as_str() {
            "login" => log_in_by_hand(desk, input),
            "signup" => sign_up_by_hand(desk, input),
            "quit" | "exit" => return Err(NotLoggedIn::Left),
            "" => continue,
            _ => Err(NotLoggedIn::Refused("Type login, signup or quit.".to_owned())),
        };
        match done {
            Ok(Some(welcome)) => return Ok(welcome),
            Ok(None) => {}
            Err(NotLoggedIn::Refused(why)) => desk.screen.refuse(why),
            // Ctrl-C at a name or a password goes back to the first question; there it leaves.
            Err(NotLoggedIn::Left) if input.is_terminal() && !desk.end.is_triggered() => {}
            Err(other) => return Err(other),
        }
    }
}

fn log_in_by_hand(desk: &Desk, input: &mut Input) -> Result<Option<(Known, Welcome)>, NotLoggedIn> {
    let name = ask_name(desk, input)?;
    let password = ask(desk, input, "Password: ", true)?;
    log_in(desk, &name, &password).map(|welcome| Some((known(input, name, password), welcome)))
}

/// A script is not there to be asked for its password again, a person is.
fn known(input: &Input, name: Username, password: String) -> Known {
    Known { name, password: (!input.is_terminal()).then_some(password) }
}

/// A new account is logged in at once on a terminal; a script types `login` next, as with netcat.
fn sign_up_by_hand(desk: &Desk, input: &mut Input) -> Result<Option<(Known, Welcome)>, NotLoggedIn> {
    let name = ask_name(desk, input)?;
    let password = ask_new_password(desk, input)?;
    let done = sign_up(desk, &name, &password)?;
    desk.screen.info(done);
    if !input.is_terminal() {
        return Ok(None);
    }
    log_in(desk, &name, &password).map(|welcome| Some((known(input, name, password), welcome)))
}

/// Asks twice, as nobody sees what is typed. A person whose password cannot do need not type it again; the lines of
/// a script hold it twice in any case.
fn ask_new_password(desk: &Desk, input: &mut Input) -> Result<String, NotLoggedIn> {
    let password = ask(desk, input, "Password (8 characters or more): ", true)?;
    if input.is_terminal() {
        protocol::check_password(&password).map_err(NotLoggedIn::Refused)?;
    }
    if ask(desk, input, "The password again: ", true)? != password {
        return Err(NotLoggedIn::Refused("The passwords do not match.".to_owned()));
    }
    Ok(password)
}

fn ask_name(desk: &Desk, input: &mut Input) -> Result<Username, NotLoggedIn> {
    let name = ask(desk, input, "Username: ", false)?;
    name.trim().parse().map_err(|invalid: InvalidUsername| NotLoggedIn::Refused(format!("{invalid}.")))
}

/// Asks for one line.
fn ask(desk: &Desk, input: &mut Input, prompt: &str, hidden: bool) -> Result<String, NotLoggedIn> {
    loop {
        let typed = if hidden { input.hidden(prompt) } else { input.next(prompt) };
        match typed {
            Typed::Line(line) => return Ok(line),
            Typed::NoLine(bad) => return Err(NotLoggedIn::Refused(bad.to_string())),
            Typed::Woken if !desk.end.is_triggered() => {}
            _ => return Err(NotLoggedIn::Left),
        }
    }
}

/// Asks for the password of an account.
///
/// # Errors
/// [`NotLoggedIn::Left`].
pub fn ask_password(desk: &Desk, input: &mut Input, name: &Username) -> Result<String, NotLoggedIn> {
    ask(desk, input, &format!("Password of {name}: "), true)
}

/// Asks for the password of a new account until it can be one.
fn insist_on_password(desk: &Desk, input: &mut Input, name: &Username) -> Result<String, NotLoggedIn> {
    desk.screen.info(format!("Choose a password for {name}."));
    loop {
        match ask_new_password(desk, input) {
            Err(NotLoggedIn::Refused(why)) => desk.screen.refuse(why),
            done => return done,
        }
    }
}

/// Logs in with what the options gave; asks a person for a password that is missing, twice for a new account.
///
/// # Errors
/// As [`log_in`], and [`NotLoggedIn::Left`].
pub fn with_credentials(desk: &Desk, input: &mut Input, who: &Credentials) -> Result<Welcome, NotLoggedIn> {
    let password = match &who.password {
        Some(password) => password.clone(),
        None if input.is_terminal() && who.signup => insist_on_password(desk, input, &who.name)?,
        None if input.is_terminal() => ask_password(desk, input, &who.name)?,
        None => {
            let how = "give the password by --password-file or PEERLINE_PASSWORD";
            return Err(NotLoggedIn::Refused(format!("no password for {}: {how}", who.name)));
        }
    };
    if who.signup {
        let done = sign_up(desk, &who.name, &password)?;
        desk.screen.info(done);
    }
    log_in(desk, &who.name, &password)
}
