//! Where a client's session is: on this server, or on another one of the house.

use crate::server::delivery::{Mailbox, Presence};
use crate::value::{Fingerprint, ServerName};
use std::sync::Arc;

/// Where a session is. One that is elsewhere has no mailbox here: a mailbox never waits, and what goes there has to.
#[derive(Clone)]
pub enum Whereabouts {
    /// On this server.
    Here {
        /// What is heard of it.
        presence: Arc<Presence>,
        /// How to reach it.
        mailbox: Arc<dyn Mailbox>,
    },
    /// On another server.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone knows no other"))]
    There(Arc<Elsewhere>),
}

/// A session on another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The name of that server.
    pub server: ServerName,
    /// Which start of that server it is.
    pub generation: u64,
    /// Its number there.
    pub session: u64,
    /// Whether nobody on the way can read what is handed over.
    pub is_encrypted: bool,
    /// The key of its client, who has proven to have it.
    pub key: Option<Fingerprint>,
}

impl Whereabouts {
    /// How to reach a session on this server.
    pub fn mailbox(&self) -> Option<&Arc<dyn Mailbox>> {
        match self {
            Whereabouts::Here { mailbox, .. } => Some(mailbox),
            Whereabouts::There(_) => None,
        }
    }

    /// What is heard of a session on this server.
    pub fn presence(&self) -> Option<&Arc<Presence>> {
        match self {
            Whereabouts::Here { presence, .. } => Some(presence),
            Whereabouts::There(_) => None,
        }
    }

    /// Whether nobody on the way can read what is handed over.
    pub fn is_encrypted(&self) -> bool {
        match self {
            Whereabouts::Here { mailbox, .. } => mailbox.is_encrypted(),
            Whereabouts::There(there) => there.is_encrypted,
        }
    }

    /// The key of its client, who has proven to have it.
    pub fn key(&self) -> Option<Fingerprint> {
        match self {
            Whereabouts::Here { mailbox, .. } => mailbox.key(),
            Whereabouts::There(there) => there.key,
        }
    }
}
