//! What a thread does with one peer, from its first to its last word: what it is told to do, and what it tells.
//!
//! Each such thread is a *call*: a chat, a message, a command, a file, a gift, whichever side began it. It does one
//! thing in straight-line code. It knows its own connection and nothing of the App.

use super::link::NoConnection;
use super::transfer::Step;
use crate::peer_protocol::{Opening, PeerRefusal, SharedFile, Status, TicketField};
use crate::value::BadLine;
use crate::value::{Address, Apart, FileName, Fingerprint, Spoken, Ticket, Username};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Names one call. The App draws the numbers of those that it begins, the runner those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallId {
    /// Begun by us.
    Out(u64),
    /// Begun by a peer.
    In(u64),
}

/// The most orders that a call has not taken yet: the lines of a chat, for the most part.
pub const MAX_ORDERS: usize = 64;

/// What a call that we begin is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Work {
    /// Ask for a chat, wait `answer` at most for a yes, then talk.
    Talk { to: Address, answer: Duration },
    /// Deliver one line.
    Message { to: Address, text: String },
    /// Have a command run there; `answer` is the most that its end may take.
    Run { on: Address, command: String, answer: Duration },
    /// Fetch a file that the peer shares into the downloads folder.
    Fetch { from: Username, file: FileName },
    /// Offer files and folders, as the person typed them, and send them.
    Give { to: Username, paths: Vec<PathBuf>, answer: Duration },
    /// Ask which files the peer shares, with their sizes.
    Files { of: Username },
    /// Have both sides show the words of a connection that is made for it.
    Verify { with: Username },
    /// See whether this person can be reached.
    Reach { to: Username },
    /// See whether we can be reached by TLS at this address, where others are told that we, `me`, listen.
    ReachOurselves { me: Username, at: SocketAddr },
}

/// What a call is told while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Where the peer most likely listens: a connection may be begun there while the server is asked. Nothing is said on it
    /// before [`Order::Introduced`] has named the same address.
    Likely(SocketAddr),
    /// The answer to [`News::Wants`].
    Introduced(Result<Introduced, CallError>),
    /// The peer shows the start of this ticket: both sides are to prove that they have it all, and then the call knocks
    /// again.
    Prove(Ticket),
    /// Yes: the chat is open, the message was shown, the file may be sent now that it is its turn.
    Accept,
    /// No: answer with this, and close.
    Refuse(PeerRefusal),
    /// A line of an open chat, to be sent.
    Say(String),
    /// What was decided about a command: it is recorded in any case, as asked of `me`, and run or refused.
    Decide {
        /// What.
        decision: Decision,
        /// Our own name, for the record.
        me: Username,
    },
    /// Take what is offered, into this folder.
    Take(PathBuf),
    /// The names and sizes of all shared files may be told.
    List,
    /// The way is free again: to try again at once, rather than after the pause.
    Redial,
}

/// What is decided about a command that a peer wants to run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is on the list of `--allow-run`.
    Listed,
    /// The owner says yes.
    Allowed,
    /// The owner says no.
    Declined,
    /// The owner says nothing in time.
    NoAnswer,
    /// The owner does not want to be asked at present.
    DoNotDisturb,
    /// The asker did not wait for the decision.
    HungUp,
    /// Another question of the same peer waits, or too many commands run.
    Busy,
    /// Nothing may run here.
    Never,
}

/// What a call tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum News {
    /// It wants to be introduced to a peer, and waits for [`Order::Introduced`].
    Wants(Address),
    /// A peer has connected to us and said what for. The call waits for an order. Where the peer shows the start of a
    /// ticket the call tells it twice: before the proofs and behind them.
    Knock(Knock),
    /// The peer that asked us has not waited for the answer.
    HungUp,
    /// The chat that we asked for is open.
    Opened { with: Username },
    /// A line of an open chat.
    Line(String),
    /// Bytes in a chat that are no line; they were skipped.
    Garbled(BadLine),
    /// Nothing has been heard of the other side of an open chat for ten seconds, though it was asked; or it is there
    /// again (false).
    Silent(bool),
    /// So many [`Order::Say`] were written since this was told last: a quarter of [`MAX_ORDERS`], as nobody needs to know
    /// of each.
    Drained(usize),
    /// The peer of a command, a gift or a fetch is known by this name, and asked.
    Asked { name: Username },
    /// The command begins to run here.
    Begun,
    /// A line that a command wrote elsewhere, to standard output or to standard error. Already fit to be shown.
    Output { text: String, error: bool },
    /// A step of a file or gift on its way.
    Transfer(Step),
    /// The words of this connection, which the peer makes up for itself: it gets its answer next.
    Words(Spoken),
    /// All bytes of a file that a peer fetches are sent; it is still to be read for its hash.
    BytesSent,
    /// The folder into which a gift was to go cannot take it, and why: another order is waited for, or `refusal`.
    NotTaken { refusal: PeerRefusal, why: String },
    /// Something that the person must know, such as a consent log that cannot be written.
    Trouble(String),
}

/// What a peer wants that has connected to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    /// From where.
    pub from: SocketAddr,
    /// The first line.
    pub opening: Opening,
    /// The key that the peer has proven to have; nothing in the clear.
    pub key: Option<Fingerprint>,
    /// The ticket of which the peer has shown the start, and proven to have it all.
    pub proven: Option<Ticket>,
    /// The line behind a `MSG`, or behind its proof.
    pub text: Option<String>,
    /// The room where gifts go, behind a `GIVE`; `None` where the system does not know.
    pub room: Option<Room>,
}

/// The room for a gift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The bytes that are free.
    pub free: u64,
    /// Whether the gift may fit: what of it is there already needs no room.
    pub fits: bool,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// There is nothing more to say about it.
    Over,
    /// The chat is over, and why.
    Talk(Result<TalkEnd, CallError>),
    /// The message.
    Message(Result<Username, CallError>),
    /// The command that we asked for.
    Ran(Result<Status, CallError>),
    /// The command that ran here; the error says why it did not. `None`: its asker hung up, or we stopped it.
    Served(Result<Option<Status>, String>),
    /// The files that a peer shares.
    Files(Result<Vec<SharedFile>, CallError>),
    /// Whether a connection could be made.
    Reached(Result<(), CallError>),
    /// The words that the peer shows too.
    Words(Result<(Username, Spoken), CallError>),
}

/// How a chat ended that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TalkEnd {
    /// The other side closed it.
    TheyLeft,
    /// The network did, or our own line could not be sent.
    Lost(String),
}

/// A peer that was told that we come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduced {
    /// Our own name.
    pub me: Username,
    /// The peer's.
    pub name: Username,
    /// Our proof.
    pub ticket: Ticket,
    /// The peer's key, where both sides have one: then it is spoken with by TLS, and nobody who has another key is.
    pub key: Option<Fingerprint>,
    /// Where the peer listens.
    pub address: SocketAddr,
    /// Where the server sees us.
    pub seen_as: Option<IpAddr>,
}

impl Introduced {
    /// A failure to reach the peer, with what the addresses of both say of it.
    pub fn explain(&self, error: CallError) -> CallError {
        let apart = self.seen_as.and_then(|own| Apart::of(own, self.address.ip()));
        let (CallError::Unreachable { address, why }, Some(apart)) = (&error, apart) else { return error };
        let reason = match apart {
            Apart::OneAddress(ip) => {
                format!("the server sees you both at {ip}: if that is a router, run a server inside its network")
            }
            Apart::TwoFamilies => {
                let [peer, own] = if address.is_ipv6() { ["IPv6", "IPv4"] } else { ["IPv4", "IPv6"] };
                format!(
                    "{} has come to the server by {peer}, and you by {own}: both are to come by the same (a server with \
                     --bind :: takes either)",
                    self.name
                )
            }
        };
        CallError::Unreachable { address: *address, why: NoConnection::Other(format!("{why}; {reason}")) }
    }

    /// What our first line shows of the ticket: all of it, where the keys prove who reads it.
    pub fn ticket_field(&self) -> TicketField {
        match self.key {
            Some(_) => TicketField::Whole(self.ticket),
            None => TicketField::Start(self.ticket.start()),
        }
    }
}

/// How a peer has failed to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoProof {
    /// It has said something else than the proof, or nothing.
    Stranger,
    /// It says that it knows nothing of our ticket.
    NotIntroduced,
    /// It has this key, and not that of the introduction.
    OtherKey(Fingerprint),
    /// No handshake came to its end.
    NoTls,
    /// It says that it has no place for us. That may be true of who is meant, or not.
    NoPlace,
}

/// Why a call that we began came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The server did not introduce us: nobody of that name, a guest, not listening.
    NotIntroduced(String),
    /// The peer does not listen, but the server can hand a message over.
    DoesNotListen(String),
    /// The server does not answer, or is gone.
    NoServer(String),
    /// No connection could be made; nothing has left.
    Unreachable {
        /// Where to.
        address: SocketAddr,
        /// As far as this end can tell.
        why: NoConnection,
    },
    /// Who listens there has not proven to be `name`; nothing but the first line has left.
    NotProven {
        /// Who was to be there.
        name: Username,
        /// Where.
        address: SocketAddr,
        /// What came instead.
        why: NoProof,
    },
    /// The peer said no.
    Refused(PeerRefusal),
    /// The connection ended, or nothing came in time, after the first line had left: the peer may have done it all the
    /// same.
    Perhaps(String),
    /// Our own side cannot: a line that is too long, a file that cannot be read.
    Ours(String),
    /// We gave it up.
    Cancelled,
}

/// For people, behind a colon.
impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::NotIntroduced(why)
            | CallError::DoesNotListen(why)
            | CallError::NoServer(why)
            | CallError::Perhaps(why)
            | CallError::Ours(why) => f.write_str(why),
            CallError::Unreachable { address, why } => write!(f, "not reachable at {address}: {why}"),
            CallError::NotProven { name, address, why: NoProof::Stranger } => {
                write!(f, "{address}: that is not {name}, or a client older than 0.2")
            }
            CallError::NotProven { name, address, why: NoProof::NotIntroduced } => {
                write!(f, "{address}: that is not {name}, or one whom the server has not told that we come")
            }
            CallError::NotProven { name, address, why: NoProof::OtherKey(shown) } => {
                write!(f, "{address}: that is not {name}, whose key the server has told: {shown} is shown there")
            }
            CallError::NotProven { name, address, why: NoProof::NoTls } => {
                write!(
                    f,
                    "{address}: no encrypted connection there: that is not {name}, or their client has just ended"
                )
            }
            CallError::NotProven { address, why: NoProof::NoPlace, .. } => {
                write!(f, "whoever is at {address} has no place for us now (try again later)")
            }
            CallError::Refused(refusal) => refusal.fmt(f),
            CallError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl Decision {
    /// Whether the command runs.
    pub fn is_yes(self) -> bool {
        matches!(self, Decision::Listed | Decision::Allowed)
    }

    /// In the consent log.
    pub fn word(self) -> &'static str {
        match self {
            Decision::Listed => "on the list",
            Decision::Allowed => "allowed",
            Decision::Declined => "declined",
            Decision::NoAnswer => "no answer",
            Decision::DoNotDisturb => "not to be disturbed",
            Decision::HungUp => "hung up",
            Decision::Busy => "busy",
            Decision::Never => "not allowed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_reached_may_be_behind_the_same_router_or_of_the_other_family() {
        let explained = |own: Option<&str>, peer: &str| {
            let address: SocketAddr = peer.parse().expect("an address");
            let introduced = Introduced {
                me: "alice".parse().expect("a name"),
                name: "bob".parse().expect("a name"),
                ticket: Ticket::draw(),
                key: None,
                address,
                seen_as: own.map(|own| own.parse().expect("an address")),
            };
            introduced.explain(CallError::Unreachable { address, why: NoConnection::Refused }).to_string()
        };
        let plain = "not reachable at 10.0.0.9:4401: connection refused";
        assert_eq!(explained(None, "10.0.0.9:4401"), plain);
        assert_eq!(explained(Some("10.0.0.7"), "10.0.0.9:4401"), plain);
        let router = "the server sees you both at 10.0.0.9: if that is a router, run a server inside its network";
        assert_eq!(explained(Some("10.0.0.9"), "10.0.0.9:4401"), format!("{plain}; {router}"));
        let family = "bob has come to the server by IPv4, and you by IPv6: both are to come by the same";
        assert!(explained(Some("fd00::7"), "10.0.0.9:4401").starts_with(&format!("{plain}; {family}")));
        assert!(explained(Some("10.0.0.7"), "[fd00::9]:4401").contains("by IPv6, and you by IPv4"));
    }
}
