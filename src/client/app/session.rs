//! The session with the server: one state, from the first connection to the last, and the way from each to the next.

use crate::client::event::{LinkId, Secured};
use crate::value::Username;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Where we stand with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Session {
    /// No connection. The next try is at `until`; without one it is for the person to come back.
    Offline { until: Option<Instant> },
    /// On the way to a connection.
    Connecting { link: LinkId },
    /// Connected and greeted; the login is asked for, or under way.
    LoggingIn { link: LinkId },
    /// Logged in. `ready`: the server knows where we listen. `others`: where clients of other machines connect to us, if
    /// they need a place of their own.
    Online { link: LinkId, me: Username, ready: bool, others: Option<IpAddr> },
    /// We have said goodbye, and wait for the answer until then.
    Leaving { link: LinkId, until: Instant },
    /// The client is over.
    Over,
}

/// What outlives a session.
#[derive(Debug, Default)]
pub struct Life {
    pub(super) links: u64,
    /// What the person was told of a server that is away, since the last login that was complete.
    pub(super) told: Told,
    /// Whether this client was ever complete: logged in, and known to listen.
    pub was_online: bool,
    /// When the server first took its login, in seconds since 1970: broadcasts come from then on.
    pub since: Option<u64>,
    /// Whether the person does not want to be found, which every server must be told anew.
    pub hidden: bool,
    /// Whether the server closes the connection because of what we did: to come back unasked would make two clients
    /// of one name throw each other out for ever.
    pub(super) sent_away: bool,
    /// Where the server is at which we were ready last.
    pub(super) last_at: Option<SocketAddr>,
    /// By what the connection is encrypted.
    pub(super) secured: Option<Secured>,
    /// Where we listen for peers: the address that was wanted, and the port.
    pub listening: Option<(IpAddr, u16)>,
    /// Where we listen for other machines.
    pub(super) reach: Reach,
    /// Our own end of the connection.
    pub(super) own_end: Option<IpAddr>,
    /// Our address as the server told it at the login.
    pub(super) seen_as: Option<IpAddr>,
}

/// What a person was told of a server that is away; more comes later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// That it is away.
    Away,
    /// What is said in its place in the clear, too. It is shown once, as whoever is on the way can say as much as they like.
    SaidInTheClear,
}

/// Where we listen for other machines.
#[derive(Debug, Default)]
pub struct Reach {
    /// The unspecified address and the port on which we listen.
    pub(super) listening: Option<(IpAddr, u16)>,
    /// The port of which the person was told.
    pub(super) said: Option<u16>,
}

impl Session {
    /// The connection, if there is one.
    pub fn link(&self) -> Option<LinkId> {
        match self {
            Session::LoggingIn { link } | Session::Online { link, .. } | Session::Leaving { link, .. } => Some(*link),
            Session::Offline { .. } | Session::Connecting { .. } | Session::Over => None,
        }
    }

    /// Whether anything may be asked of the server.
    pub fn is_online(&self) -> bool {
        matches!(self, Session::Online { .. } | Session::Leaving { .. })
    }

    /// Whether the client is over, or says goodbye.
    pub fn is_over(&self) -> bool {
        matches!(self, Session::Over | Session::Leaving { .. })
    }

    /// Whether it is on its way to be online by itself.
    pub fn is_on_its_way(&self) -> bool {
        match self {
            Session::Connecting { .. } | Session::LoggingIn { .. } | Session::Online { ready: false, .. } => true,
            Session::Offline { until } => until.is_some(),
            Session::Online { ready: true, .. } | Session::Leaving { .. } | Session::Over => false,
        }
    }

    /// When something is to be done without an event.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Session::Offline { until } => *until,
            Session::Leaving { until, .. } => Some(*until),
            _ => None,
        }
    }
}
