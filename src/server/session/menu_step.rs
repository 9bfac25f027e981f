//! What a session of the menu dialect does next, and what it takes the next message for. No socket is known here.

use crate::dialect::menu::{self, GREETING, MENU};
use crate::server::auth::{Credentials, LoginDialogue};
use crate::server::service::{ClientSnapshot, Rendezvous, SessionKey};
use crate::trace::Expected;
use std::net::SocketAddr;

/// What the loop does after a message.
pub enum Step {
    /// Read on.
    Wait,
    /// Answer, then read on.
    Say(String),
    /// Answer, then send what was broadcast before, and from now on whatever comes.
    CatchUp(String),
    /// Answer with the list, then tell who comes and who goes.
    Watch,
    /// Answer, then close.
    Close(String),
    /// Hash, and make an account.
    SignUp(Credentials),
    /// Hash, and log in.
    LogIn(Credentials),
}

/// What the next message will be taken for.
pub enum Prompt {
    /// Nothing yet: in quiet mode the first line only wakes the server up.
    Anything,
    /// One of two words: `login` or `signup`.
    Option,
    /// The answer to a question of the login or the sign-up.
    Login(LoginDialogue),
    /// A line of the menu.
    Choice,
    /// The text of a broadcast.
    BroadcastText,
}

impl Prompt {
    /// The same, as far as it matters for what a trace may show of that message. It may be the rest of a broadcast.
    pub fn expected(&self, may_be_rest: bool) -> Expected {
        match self {
            Prompt::Login(dialogue) => dialogue.expected(),
            Prompt::BroadcastText => Expected::Member,
            Prompt::Choice if may_be_rest => Expected::Member,
            // What is none of the menu is for nobody: it may be a login that somebody has typed once more.
            Prompt::Anything | Prompt::Option | Prompt::Choice => Expected::Stranger,
        }
    }
}

/// The active clients, at most `limit` bytes: where they listen, or else where their connections come from.
pub fn list(services: &Rendezvous, key: &SessionKey, limit: usize) -> String {
    let address = |client: &ClientSnapshot| client.port.map_or(client.source, |_| client.seen_from(key.view));
    let addresses: Vec<SocketAddr> = services.active().iter().map(address).collect();
    menu::list(&addresses, limit)
}

/// An answer to somebody who is not logged in.
pub fn outside(what: &str) -> Step {
    Step::Say(format!("{what}{GREETING}"))
}

/// An answer to somebody who is.
pub fn inside(what: &str) -> Step {
    Step::Say(format!("{what}{MENU}"))
}
