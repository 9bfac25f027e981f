//! The entries of the client map by name, and what is known of them without a walk through all: how many have an
//! account, who the guests are, and which addresses of loopback are taken.

use super::file_names::FileNames;
use super::viewpoint::Viewpoint;
use super::watch::{News, Sight, Watch};
use super::whereabouts::Whereabouts;
use crate::dialect::Dialect;
use crate::server::delivery::Mailbox;
use crate::value::Username;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// One client.
pub struct Client {
    pub id: u64,
    pub name: Username,
    /// The address under which others find the client: where it came from, or its own of 127/8.
    pub address: IpAddr,
    /// See [`super::SessionKey::link`].
    pub link: Option<u32>,
    /// The other end of its connection.
    pub source: SocketAddr,
    /// The port on which it listens for peers; none with netcat.
    pub port: Option<u16>,
    /// The port on which it listens for peers from other machines, where its address is of the loopback network.
    pub reach: Option<u16>,
    pub view: Viewpoint,
    pub active: bool,
    /// It does not want to be disturbed.
    pub dnd: bool,
    /// Since when it is logged in.
    pub since: SystemTime,
    /// Where the current window of the inactivity rule began: at first the join time.
    pub joined: Instant,
    pub messages: u32,
    pub warned: bool,
    /// The inactivity rule has demanded its end.
    pub closing: bool,
    pub files: Arc<FileNames>,
    /// The dialect of a guest, who has no account.
    pub guest: Option<Dialect>,
    /// A guest's name as its dialect spells it.
    pub spelling: Option<Arc<str>>,
    pub whereabouts: Whereabouts,
}

/// All clients. Name, address and dialect of one that is entered stay as they are.
#[derive(Default)]
pub struct Clients {
    /// Each in a Box: a table has room for up to twice as many as are in it.
    by_name: HashMap<Username, Box<Client>>,
    /// Which of them are guests.
    guests: HashSet<Username>,
    /// How many of them have each address of 127/8.
    at_loopback: HashMap<Ipv4Addr, u32>,
    /// Those who watch the others.
    pub watch: Watch,
    /// Sessions of this server, by their number, whose names are others' as far as is known.
    pub aside: HashMap<u64, Box<Client>>,
}

impl Clients {
    /// Enters a client; gives the one that had its name.
    pub fn insert(&mut self, client: Box<Client>) -> Option<Box<Client>> {
        let older = self.remove(&client.name);
        if client.active {
            self.watch.note(&client.name, None);
        }
        if client.guest.is_some() {
            self.guests.insert(client.name.clone());
        }
        if let Some(address) = loopback(client.address) {
            *self.at_loopback.entry(address).or_default() += 1;
        }
        self.by_name.insert(client.name.clone(), client);
        older
    }

    /// Takes the client of this name out.
    pub fn remove(&mut self, name: &Username) -> Option<Box<Client>> {
        let client = self.by_name.remove(name)?;
        self.watch.end(name);
        if let Some(sight) = client.sight() {
            self.watch.note(name, Some(sight));
        }
        if client.guest.is_some() {
            self.guests.remove(name);
        }
        if let Some(address) = loopback(client.address) {
            match self.at_loopback.get_mut(&address) {
                Some(count @ 2..) => *count -= 1,
                _ => drop(self.at_loopback.remove(&address)),
            }
        }
        Some(client)
    }

    /// Takes the guests of this server out that are meant.
    pub fn remove_guests(&mut self, is_meant: impl Fn(&Client) -> bool) {
        let meant = self.guests_here().filter(|guest| is_meant(guest)).map(|one| one.name.clone());
        let meant: Vec<Username> = meant.collect();
        meant.iter().for_each(|name| drop(self.remove(name)));
    }

    /// Changes the guests of this server that are meant.
    pub fn change_guests(&mut self, is_meant: impl Fn(&Client) -> bool, change: impl Fn(&mut Client)) {
        let Clients { by_name, guests, .. } = self;
        for name in &*guests {
            let guest = by_name.get_mut(name).filter(|guest| guest.is_here() && is_meant(guest));
            guest.into_iter().for_each(|guest| change(guest));
        }
    }

    /// The guests among them.
    pub fn guests(&self) -> impl Iterator<Item = &Client> {
        self.guests.iter().filter_map(|name| self.by_name.get(name)).map(|client| &**client)
    }

    /// How many are no guests.
    pub fn members(&self) -> usize {
        self.by_name.len() - self.guests.len()
    }

    /// Whether a client has this address of 127/8.
    pub fn is_taken(&self, address: IpAddr) -> bool {
        loopback(address).is_some_and(|address| self.at_loopback.contains_key(&address))
    }

    /// Changes a client in a way that those who watch may see.
    pub fn change_seen<T>(
        &mut self,
        name: &Username,
        is_meant: impl Fn(&Client) -> bool,
        change: impl FnOnce(&mut Client) -> T,
    ) -> Option<T> {
        let client = self.by_name.get_mut(name).filter(|client| is_meant(client))?;
        let before = client.sight();
        let changed = change(client);
        if client.sight() != before {
            self.watch.note(name, before);
        }
        Some(changed)
    }

    /// What those who watch are to be told.
    pub fn take_news(&mut self) -> Vec<News> {
        let Clients { by_name, watch, .. } = self;
        watch.take(|name| by_name.get(name).and_then(|client| Some((client.name.clone(), client.sight()?))))
    }

    /// The client of this name, to be changed where nobody sees it.
    pub fn get_mut(&mut self, name: &Username) -> Option<&mut Client> {
        self.by_name.get_mut(name).map(|client| &mut **client)
    }

    /// Those whose sessions are on this server.
    pub fn here(&self) -> impl Iterator<Item = &Client> {
        self.by_name.values().map(|client| &**client).filter(|client| client.is_here())
    }

    /// The same, to be changed where nobody sees it.
    pub fn here_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.by_name.values_mut().map(|client| &mut **client).filter(|client| client.is_here())
    }

    /// The guests of this server.
    pub fn guests_here(&self) -> impl Iterator<Item = &Client> {
        self.guests().filter(|guest| guest.is_here())
    }
}

impl Client {
    /// Whether its session is on this server.
    pub fn is_here(&self) -> bool {
        self.whereabouts.mailbox().is_some()
    }

    /// How to reach its session, if that is on this server.
    pub fn mailbox(&self) -> Option<&Arc<dyn Mailbox>> {
        self.whereabouts.mailbox()
    }

    /// How it is seen; nothing where it is not listed.
    pub fn sight(&self) -> Option<Sight> {
        let Client { address, port, reach, guest, .. } = *self;
        self.active.then_some(Sight { address, port, reach, guest })
    }
}

/// One of 127/8.
fn loopback(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(ip) if ip.is_loopback() => Some(ip),
        _ => None,
    }
}

/// To be read.
impl Deref for Clients {
    type Target = HashMap<Username, Box<Client>>;

    fn deref(&self) -> &Self::Target {
        &self.by_name
    }
}
