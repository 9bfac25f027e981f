//! The list of who is there, as a client sees it from where it is, and the same for those who watch.

use super::client_map::{ClientMap, SessionKey};
use super::table::{Client, Clients};
use super::viewpoint::Viewpoint;
use super::watch::News;
use crate::dialect::Dialect;
use crate::server::delivery::Mailbox;
use crate::value::Username;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

/// One client in a list. Of a long one it is a part of the work only to touch what a snapshot has.
pub struct Listed {
    /// Its name.
    pub name: Username,
    /// Where it is found.
    pub address: SocketAddr,
    /// The dialect of a guest.
    pub guest: Option<Dialect>,
    /// Since when it is logged in.
    pub since: SystemTime,
    /// It does not want to be disturbed.
    pub dnd: bool,
}

impl ClientMap {
    /// The active clients as a client with this view finds them, by name.
    pub fn list(&self, view: Viewpoint) -> Vec<Listed> {
        let listed = list(&self.lock(), view);
        in_order(listed)
    }

    /// The same, and from this moment on the client is told by `mailbox` who comes and who goes, with nothing missing in
    /// between. The line that asked for it does not count as a message: a client says it by itself at each login, and who
    /// has forgotten it is to be closed all the same.
    pub fn watch(&self, key: &SessionKey, mailbox: Arc<dyn Mailbox>) -> Vec<Listed> {
        let mut clients = self.lock();
        if let Some(client) = clients.get_mut(&key.name).filter(|client| client.id == key.id) {
            client.messages = client.messages.saturating_sub(1);
            clients.watch.begin(key.name.clone(), key.view, mailbox);
        }
        let listed = list(&clients, key.view);
        drop(clients);
        in_order(listed)
    }

    /// Tells the client no more of that.
    pub fn unwatch(&self, key: &SessionKey) {
        let mut clients = self.lock();
        if clients.get(&key.name).is_some_and(|client| client.id == key.id) {
            clients.watch.end(&key.name);
        }
    }

    /// Waits until there is something to tell those who watch; false when nobody is told any more.
    pub fn wait_for_news(&self) -> bool {
        let mut clients = self.lock();
        let wake = Arc::clone(&clients.watch.wake);
        while !clients.watch.has_news() && !clients.watch.has_ended {
            clients.watch.is_waiting = true;
            clients = wake.wait(clients).unwrap_or_else(PoisonError::into_inner);
        }
        !clients.watch.has_ended
    }

    /// What has happened since this was called before, for those who watch.
    pub fn take_news(&self) -> Vec<News> {
        self.lock().take_news()
    }

    /// Ends [`ClientMap::wait_for_news`].
    pub fn end_watch(&self) {
        let mut clients = self.lock();
        clients.watch.has_ended = true;
        clients.watch.wake_up();
    }
}

/// The active clients as a client with this view finds them.
fn list(clients: &Clients, view: Viewpoint) -> Vec<Listed> {
    let entry = |client: &Client| {
        let Client { guest, since, dnd, .. } = *client;
        let address = view.shows(client.address, client.port, client.reach);
        Listed { name: client.name.clone(), address, guest, since, dnd }
    };
    clients.values().filter(|client| client.active).map(|client| entry(client)).collect()
}

/// By name.
fn in_order(mut list: Vec<Listed>) -> Vec<Listed> {
    list.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    list
}
