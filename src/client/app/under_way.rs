//! What is under way with peers: chats, messages, commands, and who stands at the door.

use super::asks::Origin;
use crate::client::event::{CallError, CallId, Knock, LinkError, LinkId, Place};
use crate::value::{Address, Ticket, Username};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// The most calls of one person at a time: a quarter of the places for connections.
pub const MAX_CALLS: usize = 16;

/// The most calls at a time that are still to prove that they have one and the same ticket. Whoever it is for makes one.
const MAX_PROVING: usize = 2;

/// Chats that are open, and our own requests that wait for an answer.
pub type Talks = BTreeMap<CallId, Talk>;
/// Messages of ours on their way.
pub type Deliveries = BTreeMap<CallId, Delivery>;
/// Commands that we have others run, and those that others have us run.
pub type Jobs = BTreeMap<CallId, Job>;

/// Servers that the doctor tries, each by a connection of its own: how it went, once that is known.
pub type Trials = BTreeMap<LinkId, (SocketAddr, Option<Result<(), LinkError>>)>;

/// One chat, or one that we ask for.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Whom we asked for, as it was typed.
    pub asked: String,
    /// Who is on the other side; nobody yet while we ask.
    pub with: Option<Username>,
    /// Whether the server introduced them.
    pub verified: bool,
    /// Where the request came from.
    pub origin: Origin,
    /// Lines that the call was given and has not written yet.
    pub undrained: usize,
    /// Lines that were said and are for the call when it has room: a paste has more of them than a call takes.
    pub backlog: VecDeque<String>,
}

impl Talk {
    /// Whose window it has: whoever is not proven to be somebody has one beside that person's. Nobody's while we ask.
    pub fn place(&self) -> Option<Place> {
        let place = if self.verified { Place::Person } else { Place::Stranger };
        self.with.clone().map(place)
    }

    /// Where what is said in it belongs.
    pub fn home(&self) -> Place {
        self.place().unwrap_or(Place::Server)
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// To whom: as it was typed, and by name once the server has told it.
    pub to: Address,
    /// What it says.
    pub text: String,
    /// Where it was typed.
    pub origin: Origin,
    /// Whether its call has begun: a message waits for the one before it to the same person.
    pub begun: bool,
}

/// A command under way.
#[derive(Clone, Debug)]
pub struct Job {
    /// The other side: as it was typed, until the server has told the name.
    pub with: String,
    /// Their name, once it is known.
    pub name: Option<Username>,
    /// Whether it runs on this machine.
    pub here: bool,
    /// What runs.
    pub command: String,
    /// Where it was typed.
    pub origin: Origin,
    /// Whether the person has stopped it.
    pub stopped: bool,
}

/// The calls of peers whom the server has introduced, from the moment they are let in. There are never more than places
/// for connections.
#[derive(Debug, Default)]
pub struct Inside(Vec<(CallId, Username)>);

impl Inside {
    /// Lets a call in, unless this person has [`MAX_CALLS`] here: one person must not take the places of all others.
    pub fn enter(&mut self, call: CallId, name: &Username) -> bool {
        let has_room = self.0.iter().filter(|(_, other)| other == name).count() < MAX_CALLS;
        if has_room {
            self.0.push((call, name.clone()));
        }
        has_room
    }

    /// The call is over.
    pub fn leave(&mut self, call: CallId) {
        self.0.retain(|(inside, _)| *inside != call);
    }
}

/// The calls that show the start of a ticket, and are still to prove that they have it all. They are nobody's yet: who
/// has seen a first line can show the same as the one who wrote it, and takes none of that person's places by it.
#[derive(Debug, Default)]
pub struct Proving(Vec<(CallId, Ticket)>);

impl Proving {
    /// Has a call prove that it has this ticket, unless `MAX_PROVING` do so with it already.
    pub fn begin(&mut self, call: CallId, ticket: Ticket) -> bool {
        let has_room = self.0.iter().filter(|(_, other)| *other == ticket).count() < MAX_PROVING;
        if has_room {
            self.0.push((call, ticket));
        }
        has_room
    }

    /// The call has proven it, or is over.
    pub fn leave(&mut self, call: CallId) {
        self.0.retain(|(proving, _)| *proving != call);
    }
}

/// Peers that showed a ticket that is not announced yet, and until when they may wait for it.
#[derive(Debug, Default)]
pub struct AtTheDoor(pub Vec<(CallId, Knock, Instant)>);

impl AtTheDoor {
    /// When a ticket has been waited for long enough.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|(_, _, until)| *until).min()
    }
}

/// How far `client doctor` is.
#[derive(Debug, Default)]
pub enum Doctor {
    /// The client is no doctor.
    #[default]
    None,
    /// The login is not complete yet.
    Waiting,
    /// So many hellos were sent; the next is due then.
    Hellos(u32, Instant),
    /// So many of the lines of each size were answered; the next answer must be there by then.
    Sizes(usize, Instant),
    /// The server probes, or has done so.
    Probing,
    /// These others are tried.
    Trying(BTreeMap<CallId, Other>),
}

/// Somebody whom the doctor tries to reach.
#[derive(Debug)]
pub struct Other {
    pub(super) name: Username,
    pub(super) address: SocketAddr,
    /// `None` while it is tried.
    pub(super) outcome: Option<Result<(), CallError>>,
}

impl Doctor {
    /// When the next hello is due, or an answer.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Doctor::Hellos(_, due) => Some(*due),
            Doctor::Sizes(_, due) => Some(*due),
            Doctor::None | Doctor::Waiting | Doctor::Probing | Doctor::Trying(_) => None,
        }
    }
}

/// Where a question or a message belongs: whoever is not proven to be somebody does not get into that person's window.
pub fn home_of(name: &Username, verified: bool) -> Place {
    if verified { Place::Person(name.clone()) } else { Place::Server }
}
