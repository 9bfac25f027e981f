//! What the options say about how the client behaves.

use super::people::Watching;
use crate::client::run::RunOptions;
use crate::value::{Fingerprint, Username};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Who logs in, as the options say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub name: Username,
    /// Its password, where one was given.
    pub password: Option<String>,
    /// Whether the account is to be made first.
    pub signup: bool,
}

/// How the client meets its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// The full screen.
    Screen,
    /// Line by line.
    Lines {
        /// Whether a person types them.
        typed: bool,
        /// Whether there is a terminal at which a password can be asked for.
        terminal: bool,
    },
}

/// What the options say.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The server's main port.
    pub server: SocketAddr,
    /// Other servers that are used in its place when it is not there, each known as the first one is.
    pub also: Vec<SocketAddr>,
    /// The keys of servers that are remembered, of those that are known by their address.
    pub known: Vec<(SocketAddr, Fingerprint)>,
    /// Where servers are, or were, whose keys are remembered.
    pub encrypted: Vec<IpAddr>,
    /// What decides in which order and after which pauses several servers are tried: another number for each client.
    pub seed: u64,
    /// Whether this client can speak TLS at all.
    pub has_tls: bool,
    /// Whether what is said to the server is encrypted.
    pub tls: bool,
    /// Whether chats and messages may go in the clear where the other side has no key.
    pub clear_peers: bool,
    /// How the client meets its person.
    pub face: Face,
    /// Who logs in, unless it is asked.
    pub credentials: Option<Credentials>,
    /// How long a question about a chat or a gift waits for its answer, and how long we wait for one.
    pub answer_limit: Duration,
    /// What others may run here.
    pub run: RunOptions,
    /// The folder that is shared, as it was typed.
    pub share: Option<PathBuf>,
    /// Where gifts go.
    pub downloads: PathBuf,
    /// Files and gifts that are sent at a time.
    pub upload_slots: usize,
    /// Whose gifts are taken without a question.
    pub take: Vec<Username>,
    /// Whether gifts are taken at all.
    pub gifts: bool,
    /// Whether the server carries a message that cannot be delivered directly.
    pub relay: bool,
    /// Who is told of who comes and who goes.
    pub watching: Watching,
    /// Whom the person does not want to hear.
    pub blocked: BTreeSet<Username>,
    /// Whether only clients on this machine may connect.
    pub local: bool,
    /// Whether the client only checks the way to the server and back.
    pub doctor: bool,
    /// The zone of the times on a screen.
    pub zone: TimeZone,
    /// Whether talks are written to files.
    pub logs: bool,
    /// Whether only what was asked for is shown, and what is for the person.
    pub quiet: bool,
}

impl Face {
    /// Whether the full screen is drawn.
    pub fn is_screen(self) -> bool {
        self == Face::Screen
    }

    /// Whether a person is there to be asked again.
    pub fn is_person(self) -> bool {
        matches!(self, Face::Screen | Face::Lines { typed: true, .. })
    }

    /// Whether a person can be asked for a password.
    pub fn has_terminal(self) -> bool {
        matches!(self, Face::Screen | Face::Lines { typed: true, .. } | Face::Lines { terminal: true, .. })
    }
}
