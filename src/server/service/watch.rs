//! Who watches the others: the list, and then the events. What is sent costs one write a watcher and round, whatever
//! has happened in it.

use super::rendezvous::Rendezvous;
use crate::net::Shutdown;
use crate::server::clients::{Listed, News, SessionKey};
use crate::server::delivery::{Mailbox, Parcel};
use std::sync::Arc;
use std::time::Duration;

/// What happens within this time is told together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Between two watchers who are told of it, where there are few: each of them then has the cores for itself for a moment,
/// and who asks the server something meanwhile does not stand behind all of them.
const APART: Duration = Duration::from_millis(2);
/// In how long all of them are told.
const ROUND: Duration = Duration::from_millis(100);

impl Rendezvous {
    /// The active clients, by name; from this moment on the client is told by `mailbox` who comes and who goes. The
    /// caller sees to it that the list gets there first.
    pub fn watch(&self, key: &SessionKey, mailbox: Arc<dyn Mailbox>) -> Vec<Listed> {
        self.clients.watch(key, mailbox)
    }

    /// Tells the client no more of that. What is on its way may still come.
    pub fn unwatch(&self, key: &SessionKey) {
        self.clients.unwatch(key);
    }

    /// Tells those who watch, until [`Rendezvous::end_watch`] or `stop`.
    pub fn tell_watchers(&self, stop: &Shutdown) {
        while self.clients.wait_for_news() && !stop.wait(TOGETHER) {
            let all = self.clients.take_news();
            let watchers: usize = all.iter().flat_map(|news| news.to.values()).map(Vec::len).sum();
            let apart = APART.min(ROUND / watchers.max(1) as u32);
            all.iter().for_each(|news| tell(news, apart, stop));
        }
    }

    /// Ends [`Rendezvous::tell_watchers`].
    pub fn end_watch(&self) {
        self.clients.end_watch();
    }
}

/// The lines are made once for all who look from the same place. Of a session that has ended nobody need be told.
fn tell(news: &News, apart: Duration, stop: &Shutdown) {
    for (view, listeners) in &news.to {
        let events: Vec<_> = news.changes.iter().filter_map(|change| change.event(*view)).collect();
        if events.is_empty() {
            continue;
        }
        let parcel = Parcel::from(events);
        for listener in listeners {
            listener.deliver(&parcel);
            if stop.wait(apart) {
                return;
            }
        }
    }
}
