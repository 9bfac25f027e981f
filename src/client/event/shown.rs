//! Everything that the client shows, one variant a kind, as values: how it reads for people and for programs is
//! decided elsewhere.

use super::transfer::Step;
use crate::protocol::Broadcast;
use crate::value::{Size, Spoken, Username};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// Who has brought a message here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Its sender, who has proven it.
    Sender,
    /// Somebody whom the server did not introduce, from this address.
    Stranger(IpAddr),
    /// The server. Where people prove themselves by keys its word alone is no proof.
    Server {
        /// Whether it is as good a proof as any here.
        is_proof: bool,
    },
}

impl Bearer {
    /// Whether it is proven whose message it is.
    pub fn is_proof(self) -> bool {
        match self {
            Bearer::Sender => true,
            Bearer::Stranger(_) => false,
            Bearer::Server { is_proof } => is_proof,
        }
    }

    /// The address of who was not introduced.
    pub fn stranger(self) -> Option<IpAddr> {
        if let Bearer::Stranger(address) = self { Some(address) } else { None }
    }

    /// Whether the server carried it.
    pub fn is_server(self) -> bool {
        matches!(self, Bearer::Server { .. })
    }
}

/// One thing that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Shown {
    /// A broadcast; `earlier` ones were sent before this client logged in.
    Broadcast { broadcast: Broadcast, earlier: bool },
    /// A single message.
    Message { from: Username, text: String, bearer: Bearer },
    /// A single message that we sent, as it left.
    Sent { to: Username, text: String },
    /// Somebody asks for a chat; `stranger` is the address of one whom the server did not introduce.
    ChatRequest { question: u64, from: Username, stranger: Option<IpAddr> },
    /// A request that was not answered: its sender hung up, or the time was over. Without a question nobody was asked, as
    /// this person is not to be disturbed. It came at that time (seconds since 1970).
    Missed { question: Option<u64>, from: Username, call: Missed, time: u64 },
    /// We ask somebody for a chat.
    ChatCalling { to: String },
    /// Both sides agreed.
    ChatOpened { with: Username, assurance: Assurance },
    /// No chat, and why.
    ChatRefused { by: String, reason: String },
    /// A line of an open chat; `foreground` when what is typed goes to the same person.
    ChatLine { from: Username, verified: bool, text: String, foreground: bool },
    /// A line of an open chat that we said.
    Said { to: Username, text: String },
    /// The other side of an open chat does not answer for ten seconds, or does so again.
    ChatSilent { with: Username, silent: bool },
    /// A chat is over, and why.
    ChatClosed { with: Username, why: String },
    /// Somebody asks to run a command here.
    RunRequest { question: u64, from: Username, command: String },
    /// A command of somebody else begins to run here.
    RunBegun { from: Username, command: String },
    /// We ask somebody to run a command.
    RunAsking { on: String, command: String },
    /// A line that a command wrote elsewhere, to standard output or to standard error.
    RunLine { by: Username, text: String, error: bool },
    /// A command has ended, here or elsewhere; `limit` when ours was stopped for a limit.
    RunEnded { with: Username, here: bool, command: String, end: String, limit: bool },
    /// A command under way, in the list of connections.
    Running { with: String, here: bool, command: String },
    /// Somebody offers files; `room` is what is free on the disk where they would go.
    Offer { question: u64, from: Username, what: String, count: usize, size: Size, room: Option<Size> },
    /// An open chat, in the list of connections.
    Peer { name: Username, assurance: Assurance, foreground: bool },
    /// The words of a connection, for two people to compare by voice; `asked` where this person asked for them.
    Words { with: Username, words: Spoken, asked: bool },
    /// The person has compared them: they were the same, or others.
    ByVoice { with: Username, were_same: bool },
    /// An active client, in the list of them.
    Client { name: Username, address: SocketAddr, guest: Option<String> },
    /// One of the active clients, in the list of who is there: since when (seconds since 1970), and whether they do not want
    /// to be disturbed.
    Person { name: Username, address: SocketAddr, guest: Option<String>, since: u64, dnd: bool },
    /// Somebody has become active; where they are not `new`, they were there before, perhaps at another address.
    Joined { name: Username, address: SocketAddr, guest: Option<String>, new: bool },
    /// Somebody whom the person has blocked, in the list of them.
    Blocked { name: Username },
    /// Somebody is not active any more.
    Left { name: Username },
    /// An active client's name, in the list of names.
    User { name: String },
    /// A shared file, in the list of them; size and date (seconds since 1970) where its owner told them.
    File { owner: Username, file: String, known: Option<(u64, u64)> },
    /// A step of a transfer.
    Transfer { number: u64, step: Step, rate: Option<u64>, left: Option<Duration> },
    /// The server tells what it is about to do.
    Notice { text: String },
    /// What was asked for is done.
    Done { text: String },
    /// What was asked for is refused; counts for the exit code.
    Refused { text: String },
    /// What was asked for has left, and no answer came: it may have been carried out. Counts for the exit code.
    Perhaps { text: String },
    /// A line of the help.
    Help { text: String },
    /// Something to know that nobody asked for.
    Info { text: String },
}

/// What somebody wanted who got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// To talk.
    Chat,
    /// To run a command here.
    Command,
    /// To give us files.
    Gift,
    /// To compare words.
    Verification,
}

/// How sure it is who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Nobody but they themselves says so.
    Unverified,
    /// The server does.
    Verified,
    /// The person has heard it: nobody stands between, not even the server.
    ByVoice,
}

impl Shown {
    /// Whether something that was asked for was not done, which counts for the exit code.
    pub fn is_error(&self) -> bool {
        match self {
            Shown::Refused { .. }
            | Shown::Perhaps { .. }
            | Shown::ChatRefused { .. }
            | Shown::RunEnded { limit: true, .. } => true,
            Shown::Transfer { step, .. } => step.is_error(),
            _ => false,
        }
    }

    /// Whether it is for this person alone, so that it is shown though nobody asked for it and all is to be quiet.
    pub fn is_for_the_person(&self) -> bool {
        match self {
            Shown::Broadcast { .. } | Shown::Info { .. } | Shown::Joined { .. } | Shown::Left { .. } => false,
            Shown::Transfer { step, .. } => step.way.is_ours(),
            _ => true,
        }
    }
}

/// Where something belongs on a screen with several windows, and whose window it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The session, answers to commands, and notices.
    Server,
    /// Broadcasts.
    All,
    /// What one person says, and what is said to that person.
    Person(Username),
    /// A chat with somebody of whom nobody but they themselves says that this is their name.
    Stranger(Username),
}

impl Place {
    /// What stands in the bar of the windows.
    pub fn title(&self) -> Cow<'_, str> {
        match self {
            Place::Server => "server".into(),
            Place::All => "all".into(),
            Place::Person(name) => name.as_str().into(),
            Place::Stranger(name) => format!("?{name}").into(),
        }
    }

    /// Whose window it is, by the name that they have or claim.
    pub fn name(&self) -> Option<&Username> {
        match self {
            Place::Server | Place::All => None,
            Place::Person(name) | Place::Stranger(name) => Some(name),
        }
    }
}

/// One thing that is shown, with all that one needs to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it belongs.
    pub home: Place,
    /// When it was shown.
    pub time: SystemTime,
    /// What.
    pub shown: Shown,
    /// The number of the request whose answer it is: the first line that was typed is 1.
    pub request: Option<u64>,
}
