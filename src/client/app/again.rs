//! Going on at another server of the same house: by a token in place of the password, and with the broadcasts behind the last
//! one. And which servers those are, as far as a server is believed that tells it.

use super::asks::{Ask, Origin, Purpose};
use super::session::Session;
use super::state::App;
use crate::client::event::{Effect, LinkId, Place, ServerAt};
use crate::protocol::{EntryRequest, Refusal, Reply, ServerList};
use crate::value::{Epoch, Fingerprint, Ticket, canonical};
use std::net::SocketAddr;

impl App {
    /// Whether the login that comes next needs no password: the last server has given a token.
    pub(super) fn has_token(&self) -> bool {
        self.house.token(self.now.instant).is_some() && self.login.name.is_some() && self.login.pending.is_none()
    }

    /// Asks to go on with the last session. False where there is nothing to go on by.
    pub(super) fn come_again(&mut self) -> bool {
        let token = self.house.token(self.now.instant);
        let (Some(token), Some(name)) = (token, &self.login.name) else { return false };
        let since = self.house.epoch.map(|epoch| (epoch, self.inbox.last()));
        let request = EntryRequest::Again { name: name.to_string(), token, since };
        self.asks.put_first(Ask::new(Purpose::GoOn, request.into(), Origin::nobody()));
        true
    }

    /// The server has answered that.
    pub fn answered_again(&mut self, link: LinkId, data: &[Reply], end: &Reply) {
        match (end, self.login.name.clone()) {
            (Reply::Ok(_), Some(name)) => self.logged_in(link, name, data),
            (Reply::Err(why), _) if is_passing(why) => self.come_later(why),
            // With the password it would be the same.
            (Reply::Err(why @ (Refusal::Banned(_) | Refusal::TooManyWrongPasswords { .. })), _) => {
                self.house.forget_token();
                self.not_again(&why.to_string());
            }
            _ => {
                self.house.forget_token();
                self.tell_back();
                self.log_in();
            }
        }
    }

    /// Says that the server is there where the person is about to be asked for the password.
    pub(super) fn tell_back(&mut self) {
        if self.life.was_online && self.login.pending.is_none() && self.login.password.is_none() {
            self.info(Place::Server, "The server is back.");
        }
    }

    /// Whether a login that is refused for `why` is tried again by itself. A server alone is come back to by the person.
    pub(super) fn may_come_later(&self, why: &Refusal) -> bool {
        let is_house = self.house.epoch.is_some() || self.servers.are_several();
        self.life.was_online && is_house && is_passing(why)
    }

    /// The server cannot let us in just now: another one can, or this one later.
    pub(super) fn come_later(&mut self, why: &Refusal) {
        if let Some(link) = self.session.link() {
            self.out.push(Effect::Disconnect(link));
        }
        self.forget_link();
        self.come_back(&format!("Not logged in again yet: {why}. Trying to come back..."));
    }

    /// A login is complete: notes by what it goes on at another server. Broadcasts of another sequence count anew.
    pub(super) fn enter_house(&mut self, token: Option<Ticket>, epoch: Option<Epoch>) {
        let is_first = self.life.since.is_none();
        if self.house.enter(token, epoch) && !is_first {
            let shown = self.inbox.forget();
            self.show_broadcasts(shown);
            self.info(
                Place::Server,
                "This is another house than before: its broadcasts have other numbers, and begin with the last half hour.",
            );
        }
    }

    /// The server tells which servers there are.
    pub fn servers_told(&mut self, list: ServerList) {
        self.servers.list_told(list);
        if matches!(self.session, Session::Online { .. }) {
            self.know_servers();
        }
    }

    /// Looks at the servers that were told: during a login our own address is not known, by which some are judged.
    pub(super) fn know_servers(&mut self) {
        let Some(heard) = self.servers.take_heard() else { return };
        let Some(list) = heard.list else { return };
        let told = list.addresses().iter().filter_map(|told| {
            // One of loopback is of the server's machine.
            let address = canonical(self.to_dial(*told).ok()?);
            let key = heard.keys.get(&canonical(*told)).copied().filter(|_| self.rules.tls);
            self.may_be_told(address, key).then_some(ServerAt { address, key })
        });
        let told = told.collect();
        self.servers.know(canonical(list.itself()), told);
    }

    /// Whether a server may be used because another one tells of it. What was encrypted does not become clear, and a key that is
    /// remembered is not replaced. The address is canonical: one that is written otherwise is no other.
    fn may_be_told(&self, address: SocketAddr, key: Option<Fingerprint>) -> bool {
        match key {
            Some(key) => {
                let known = self.rules.known.iter().filter(|(server, _)| canonical(*server) == address);
                let keys: Vec<_> = known.map(|(_, key)| *key).collect();
                keys.is_empty() || keys.contains(&key)
            }
            // Of a host that the options name, the person was asked before all else.
            None if self.servers.is_given(address.ip()) => !self.rules.tls,
            None => !self.rules.tls && self.rules.encrypted.iter().all(|ip| ip.to_canonical() != address.ip()),
        }
    }
}

/// Whether the server may let us in a moment later.
fn is_passing(why: &Refusal) -> bool {
    matches!(why, Refusal::NotNow(_) | Refusal::BusyWithLogins | Refusal::TooFast(_))
}
