//! What the server says unasked: the lines that can come at any time, between the lines of an answer too.

use super::{Broadcast, Notice, Reply, ServerList};
use crate::value::{Fingerprint, Ticket, Username};
use std::fmt;
use std::net::SocketAddr;

/// An event. `Display` is its line, without the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Event {
    /// `bcast_SEQ_UNIXTIME_FROM_TEXT`.
    Broadcast(Broadcast),
    /// `msg_FROM_TEXT`: a message that the server relayed.
    Message { from: Username, text: String },
    /// `ticket_NAME_HEX`: NAME was introduced, and is about to connect.
    Ticket { name: Username, ticket: Ticket },
    /// `key_NAME_sha256:HEX`: the key of NAME, whose ticket is the next line.
    Key { name: Username, key: Fingerprint },
    /// `notice_TEXT`: the server is about to do something to this client.
    Notice(Notice),
    /// `joined_NAME_IP:PORT`: NAME has become active, or has another address than before. To who watches.
    Joined { name: Username, address: SocketAddr, guest: Option<String> },
    /// `left_NAME`: NAME is not active any more. To who watches.
    Left(Username),
    /// `serverkey_IP:PORT_sha256:HEX`: the key of a server of the next `servers_` line.
    ServerKey { server: SocketAddr, key: Fingerprint },
    /// `servers_IP:PORT,IP:PORT...`: where the servers are now that share a directory.
    Servers(ServerList),
}

impl From<Event> for Reply {
    fn from(event: Event) -> Reply {
        match event {
            Event::Broadcast(broadcast) => Reply::Broadcast(broadcast),
            Event::Message { from, text } => Reply::Message { from, text },
            Event::Ticket { name, ticket } => Reply::Ticket { name, ticket },
            Event::Key { name, key } => Reply::Key { name, key },
            Event::Notice(notice) => Reply::Notice(notice),
            Event::Joined { name, address, guest } => Reply::Joined { name, address, guest },
            Event::Left(name) => Reply::Left(name),
            Event::ServerKey { server, key } => Reply::ServerKey { server, key },
            Event::Servers(servers) => Reply::Servers(servers),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The one that comes in thousands is not copied first.
            Event::Broadcast(broadcast) => broadcast.fmt(f),
            other => Reply::from(other.clone()).fmt(f),
        }
    }
}
