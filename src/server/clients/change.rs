//! What a session says of itself: where it listens, what it shares, whether it is listed.

use super::client_map::{ClientMap, SessionKey};
use super::file_names::FileNames;
use super::table::Client;
use std::sync::Arc;

/// What changes in the entry of a session.
#[derive(Debug)]
pub enum Change<'a> {
    /// It listens on this port and shares these files: is it an update, or had it told no port before?
    Listens {
        /// The port.
        port: u16,
        /// The files, instead of those before.
        files: FileNames,
    },
    /// It listens for other machines on this port; 0 takes it back: does it listen at all?
    Reach(u16),
    /// It shares these files too: were they not too many? If they were, it shares none.
    Shares(&'a [String]),
    /// It is listed, or is not: was it otherwise before?
    Active(bool),
    /// It does not want to be disturbed, or does not mind: is it here?
    Dnd(bool),
}

impl ClientMap {
    /// Changes the entry of this very session; the answer to what is asked with each [`Change`], and false where another
    /// session has taken the name over.
    pub fn apply(&self, key: &SessionKey, change: Change<'_>) -> bool {
        match change {
            Change::Listens { port, files } => self.set_listening(key, port, files),
            Change::Reach(port) => self.set_reach(key, port),
            Change::Shares(more) => self.add_files(key, more),
            Change::Active(active) => self.set_active(key, active),
            Change::Dnd(dnd) => self.set_dnd(key, dnd),
        }
    }

    /// Notes the port on which a client listens and the files it shares; true when it had told a port before.
    pub fn set_listening(&self, key: &SessionKey, port: u16, files: FileNames) -> bool {
        let files = Arc::new(files);
        self.change_seen(key, |client| {
            client.files = files;
            client.port.replace(port).is_some()
        })
        .unwrap_or(false)
    }

    /// Notes the port on which a client of the server's machine listens for others; port 0 takes it back. False for a
    /// client that does not listen at all.
    pub fn set_reach(&self, key: &SessionKey, port: u16) -> bool {
        let change = |client: &mut Client| {
            let listens = client.port.is_some();
            client.reach = Some(port).filter(|port| *port != 0 && listens);
            listens
        };
        self.change_seen(key, change).unwrap_or(false)
    }

    /// Adds to the files of a client; false when they would be too many: then it has none.
    pub fn add_files(&self, key: &SessionKey, more: &[String]) -> bool {
        self.change(key, |client| {
            let fits = Arc::make_mut(&mut client.files).add(more.iter().map(String::as_str));
            if !fits {
                client.files = Arc::default();
            }
            fits
        })
        .unwrap_or(false)
    }

    /// Lists a client and lets others reach it, or not; true when that is a change.
    pub fn set_active(&self, key: &SessionKey, active: bool) -> bool {
        self.change_seen(key, |client| std::mem::replace(&mut client.active, active) != active).unwrap_or(false)
    }

    /// Notes whether a client wants not to be disturbed; whether it is here. As with [`ClientMap::watch`], the line does
    /// not count.
    pub fn set_dnd(&self, key: &SessionKey, dnd: bool) -> bool {
        let change = |client: &mut Client| {
            client.dnd = dnd;
            client.messages = client.messages.saturating_sub(1);
        };
        self.change(key, change).is_some()
    }
}
