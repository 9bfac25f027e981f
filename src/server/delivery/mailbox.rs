//! What the rest of the server may do to a session: hand it events, or end it. Neither ever waits; who
//! promises somebody else that an event is on its way asks for that, and waits for a moment at the most.

use crate::protocol::Event;
use crate::value::Fingerprint;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// Events on their way to sessions, and beside them their lines in the native protocol: written once, however many
/// sessions they go to. A dialect words the events itself.
#[derive(Clone, Debug)]
pub struct Parcel {
    events: Arc<[Event]>,
    lines: Arc<str>,
}

/// A session, as seen by the others. Each dialect has its own.
pub trait Mailbox: Send + Sync {
    /// Hands events over. False when the session has ended, or is ended now because it does not read what it is sent.
    fn deliver(&self, parcel: &Parcel) -> bool;

    /// Waits until what was handed over is on its way, a tenth of a second at the most: another thread may have been
    /// about to write it.
    fn settle(&self) {}

    /// Ends the session; what was handed over before is still sent.
    fn close(&self);

    /// Whether nobody on the way can read what is handed over.
    fn is_encrypted(&self) -> bool {
        false
    }

    /// The key of its client, who has proven to have it.
    fn key(&self) -> Option<Fingerprint> {
        None
    }

    /// By which address of this server its client has come. None for a dialect in which nobody can be told where other servers
    /// are, and go on there.
    fn reached(&self) -> Option<SocketAddr> {
        None
    }

    /// Says whether nothing is heard of the session's client: then its connection is given up sooner for want of an
    /// answer.
    fn suspect(&self, _is_silent: bool) {}
}

/// The session of a test that looks at other things: it takes what comes.
#[cfg(test)]
pub struct Nobody;

#[cfg(test)]
impl Mailbox for Nobody {
    fn deliver(&self, _: &Parcel) -> bool {
        true
    }

    fn close(&self) {}
}

impl Parcel {
    /// What happened.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The same as lines of the native protocol, each with its LF.
    pub fn lines(&self) -> &str {
        &self.lines
    }
}

impl From<Vec<Event>> for Parcel {
    fn from(events: Vec<Event>) -> Parcel {
        let mut lines = String::new();
        for event in &events {
            // A String takes every write.
            let _ = writeln!(lines, "{event}");
        }
        Parcel { events: events.into(), lines: lines.into() }
    }
}

impl From<Event> for Parcel {
    fn from(event: Event) -> Parcel {
        vec![event].into()
    }
}
