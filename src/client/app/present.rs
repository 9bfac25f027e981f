//! Who is there: the server's list, and what it tells of who comes and who goes. A person hears of it quietly, a program of
//! everything.

use super::asks::{Ask, Origin, Purpose};
use super::people::{Watching, Whereabouts};
use super::state::App;
use crate::client::event::{Place, Shown};
use crate::protocol::{MemberRequest, Reply};
use crate::value::Username;
use std::net::SocketAddr;
use std::time::Duration;

/// A person is not told of who is back within this time: each client logs in again from time to time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most people that are known: far more than a server has clients.
const MAX_PEOPLE: usize = 1 << 17;
/// The most who may be back without a word. A person cannot follow so many anyway.
const MAX_GONE: usize = 1024;

impl App {
    /// Has the server tell who comes and who goes, from the login on.
    pub fn watch(&mut self) {
        if self.rules.watching != Watching::Never {
            self.put(Ask::new(Purpose::Watch, MemberRequest::Watch.into(), Origin::nobody()));
        }
    }

    /// The server has told who is there. While there was no session anybody may have come or gone. An older server tells
    /// nothing: the word is a name there, and the answer an introduction, if somebody has it.
    pub fn watched(&mut self, data: Vec<Reply>, end: &Reply) {
        let is_list = data.iter().all(|reply| matches!(reply, Reply::Client { .. }));
        if !matches!(end, Reply::Ok(_)) || !is_list {
            return;
        }
        let mut before = std::mem::take(&mut self.present.people);
        let was_known = std::mem::replace(&mut self.present.is_known, true);
        self.present.is_current = true;
        for reply in data {
            let Reply::Client { name, address, guest } = reply else { continue };
            let known = before.remove(&name);
            let is_new = known.is_none() && was_known;
            self.is_there(name, Whereabouts { address, guest }, known, is_new);
        }
        before.into_keys().for_each(|name| self.is_gone(name));
        self.has_changed();
    }

    /// Somebody has become active, or has another address.
    pub fn joined(&mut self, name: Username, address: SocketAddr, guest: Option<String>) {
        let known = self.present.people.remove(&name);
        let is_new = known.is_none();
        self.is_there(name, Whereabouts { address, guest }, known, is_new);
        self.has_changed();
    }

    /// Somebody is not active any more.
    pub fn left(&mut self, name: Username) {
        if self.present.people.remove(&name).is_some() {
            self.is_gone(name);
            self.has_changed();
        }
    }

    /// What the clock asks: who is not back counts as gone.
    pub fn present_tick(&mut self) {
        let now = self.now.instant;
        let gone: Vec<Username> =
            self.present.gone.iter().filter(|(_, until)| **until <= now).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.present.gone.remove(&name);
            self.shown(Place::Server, Shown::Left { name });
        }
    }

    fn is_there(&mut self, name: Username, at: Whereabouts, known: Option<Whereabouts>, is_new: bool) {
        if self.present.people.len() >= MAX_PEOPLE {
            return;
        }
        if at.address.port() != 0 {
            self.detours.listens_at(&name, at.address);
        }
        let has_changed = known.as_ref() != Some(&at);
        let was_away_briefly = self.present.gone.remove(&name).is_some();
        let is_told = match self.rules.watching {
            Watching::Never => false,
            Watching::ForPeople => is_new && !was_away_briefly && self.name() != Some(&name),
            Watching::ForPrograms => has_changed,
        };
        self.present.people.insert(name.clone(), at.clone());
        if is_told {
            let Whereabouts { address, guest } = at;
            self.shown(Place::Server, Shown::Joined { name, address, guest, new: is_new });
        }
    }

    fn is_gone(&mut self, name: Username) {
        match self.rules.watching {
            Watching::ForPeople if self.name() != Some(&name) && self.present.gone.len() < MAX_GONE => {
                self.present.gone.insert(name, self.now.instant + PATIENCE);
            }
            Watching::ForPrograms => self.shown(Place::Server, Shown::Left { name }),
            Watching::ForPeople | Watching::Never => {}
        }
    }

    fn has_changed(&mut self) {
        if let Some(display) = &mut self.display {
            (self.present.is_stale, display.is_stale) = (true, true);
        }
    }

    /// Has the screen know who is there: once for however many came.
    pub fn know_who_is_there(&mut self) {
        if std::mem::take(&mut self.present.is_stale) {
            self.know_names(self.present.people.keys().map(Username::to_string).collect());
        }
    }
}
