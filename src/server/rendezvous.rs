//! What the server does for its clients: the one set of services that the native protocol and every dialect share.
//!
//! A session turns lines into calls of these methods and their results into lines. No socket is known here; what
//! reaches another client goes through its mailbox, after every lock is released.

use super::accounts::{Account, Accounts, NotAdded};
use super::broadcaster::Broadcaster;
use super::config::Config;
use super::history::History;
use super::mailbox::Mailbox;
use super::password::{Busy, Hasher};
use super::roster::{Arrival, Entered, Listed, NotEntered, NotFound, Roster, Seat};
use super::throttle::Throttle;
use crate::protocol::{self, MAX_BROADCAST, Notice, Refusal, Reply};
use crate::value::Address;
use crate::value::Ticket;
use crate::value::Username;
use log::info;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The state of a server.
pub struct Rendezvous {
    /// The options.
    pub config: Config,
    /// Who is logged in.
    pub roster: Roster,
    /// Broadcasts of the last half hour.
    pub history: History,
    /// Who is owed which of them.
    pub broadcaster: Broadcaster,
    accounts: Accounts,
    hasher: Hasher,
    throttle: Throttle,
}

fn speaks_another(name: &Username, dialect: &str) -> Refusal {
    Refusal::OtherDialect { name: name.clone(), dialect: dialect.to_owned() }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Other(why.into()))
}

impl From<Busy> for Refusal {
    fn from(_: Busy) -> Refusal {
        Refusal::BusyWithLogins
    }
}

/// A client that is logged in.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Its place in the client map.
    pub seat: Seat,
    /// What its hello datagrams carry.
    pub token: Ticket,
}

/// What the asker of an introduction gets. The other side has the ticket already.
pub struct Introduction {
    /// The other side.
    pub name: Username,
    /// Where it listens.
    pub address: SocketAddr,
    /// Proves to it who calls.
    pub ticket: Ticket,
}

/// What became of a message.
pub enum Handled {
    /// The asker delivers it.
    Introduced(Introduction),
    /// The server handed it over.
    Relayed(Username),
}

impl Rendezvous {
    /// Opens the data folder.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(config: Config) -> Result<Rendezvous, String> {
        let accounts = Accounts::open(&config.data)?;
        Ok(Rendezvous {
            history: History::open(&config.data, config.history)?,
            hasher: Hasher::new(config.hash_rounds)?,
            config,
            accounts,
            roster: Roster::default(),
            broadcaster: Broadcaster::default(),
            throttle: Throttle::default(),
        })
    }

    /// Makes an account. When this returns, it is on the disk.
    ///
    /// # Errors
    /// A name that is invalid or taken, a password of the wrong length.
    pub fn sign_up(&self, name: &str, password: &str) -> Result<Username, Refusal> {
        let name = self.new_name(name)?;
        protocol::check_password(password).or_else(refuse)?;
        let password_hash = self.hasher.hash(password)?;
        // A guest may have come while the password was hashed; one that comes while the account is written has to go.
        if self.roster.is_guest(&name) {
            return Err(Refusal::NameTaken);
        }
        match self.accounts.add(Account { name: name.clone(), password_hash }, SystemTime::now()) {
            Ok(()) => {
                self.roster.evict_guest(&name);
                Ok(name)
            }
            Err(NotAdded::Taken) => Err(Refusal::NameTaken),
            Err(NotAdded::Full) => refuse("The server has as many accounts as it keeps: ask whoever runs it"),
            Err(NotAdded::File(_)) => refuse("The server cannot write its accounts now: ask whoever runs it"),
        }
    }

    /// Whether a new account can have this name now.
    ///
    /// # Errors
    /// It is no username, or another account has it, or a guest who is here.
    pub fn new_name(&self, name: &str) -> Result<Username, Refusal> {
        let name: Username = name.parse().map_err(|error| Refusal::Other(format!("{error}")))?;
        let taken = self.accounts.find(&name).is_some() || self.roster.is_guest(&name);
        if taken { Err(Refusal::NameTaken) } else { Ok(name) }
    }

    /// Lets a guest in by `enter`, a call of the client map, unless its name is that of an account. Asked before and
    /// after, as an account of that name may be made at the same moment, and it is the guest who goes then.
    ///
    /// # Errors
    /// [`NotEntered`].
    pub fn admit_guest(
        &self,
        name: &Username,
        enter: impl FnOnce() -> Result<Entered, NotEntered>,
    ) -> Result<Entered, NotEntered> {
        if self.accounts.find(name).is_some() {
            return Err(NotEntered::Taken);
        }
        let entered = enter()?;
        if self.accounts.find(name).is_some() {
            self.roster.leave(&entered.seat);
            return Err(NotEntered::Taken);
        }
        Ok(entered)
    }

    /// Checks a name and a password. Takes as long when the name is unknown.
    ///
    /// # Errors
    /// A wrong pair, or too many of them.
    pub fn authenticate(&self, name: &str, password: &str, from: IpAddr) -> Result<Username, Refusal> {
        let Ok(name) = name.parse::<Username>() else { return Err(Refusal::InvalidCredentials) };
        if let Err(wait) = self.throttle.attempt(&name, from, Instant::now()) {
            return Err(Refusal::TooManyWrongPasswords { name, seconds: wait.as_secs() + 1 });
        }
        let account = self.accounts.find(&name);
        let stored = account.as_ref().map(|account| account.password_hash.as_str());
        if !self.hasher.verify(password, stored)? {
            return Err(Refusal::InvalidCredentials);
        }
        self.throttle.succeeded(&name, from);
        Ok(account.map_or(name, |account| account.name))
    }

    /// Logs a client in whose password was checked. An older session of that name is told and closed.
    pub fn enter(&self, name: Username, from: SocketAddr, mailbox: Arc<dyn Mailbox>) -> Presence {
        let arrival = Arrival { name, from, guest: None, mailbox: Arc::clone(&mailbox) };
        let (seat, older) = self.roster.enter(arrival, Instant::now());
        if let Some(older) = older {
            let notice = Notice::TakenOver { name: seat.name.clone(), from: from.ip() };
            older.post(&format!("{}\n", Reply::Notice(notice)));
            older.close();
        }
        // Before the client learns its token: its first hello may come at once.
        let token = Ticket::draw();
        self.broadcaster.join(token, [from.ip(), seat.address], mailbox);
        Presence { seat, token }
    }

    /// Logs a client out. The number of the broadcast that it would have got next.
    pub fn leave(&self, presence: &Presence) -> Option<u64> {
        self.roster.leave(&presence.seat);
        self.broadcaster.leave(presence.token)
    }

    /// Broadcasts to everybody, the sender too. The sequence number, and how many clients that are.
    ///
    /// # Errors
    /// No text or too much of it, or a disk that is full.
    pub fn broadcast(&self, from: &Username, text: &str) -> Result<(u64, usize), Refusal> {
        if text.is_empty() {
            return refuse("Nothing to broadcast: send bcast_TEXT");
        }
        if text.len() > MAX_BROADCAST {
            return refuse(format!("Broadcast too long: {} bytes, at most {MAX_BROADCAST}", text.len()));
        }
        let taken = self.history.append(from, text, SystemTime::now(), Instant::now());
        let seq = taken.map_err(|error| Refusal::Other(format!("The server cannot store the broadcast: {error}")))?;
        self.broadcaster.announce();
        Ok((seq, self.roster.audience()))
    }

    /// Introduces a client to the one that `to` names: the other side gets the ticket first.
    ///
    /// # Errors
    /// Nobody there, or nobody who can be connected to.
    pub fn introduce(&self, asker: &Seat, to: &Address) -> Result<Introduction, Refusal> {
        let target = self.find(asker, to)?;
        if let Some(dialect) = target.guest {
            return Err(speaks_another(&target.name, dialect));
        }
        match self.hand_ticket(asker, &target) {
            Some(introduction) => Ok(introduction),
            None => Err(Refusal::NotListening(target.name)),
        }
    }

    /// Introduces, or hands the text over where the other side does not listen.
    ///
    /// # Errors
    /// As [`Rendezvous::introduce`] and [`Rendezvous::relay`].
    pub fn message(&self, asker: &Seat, text: &str, to: &Address) -> Result<Handled, Refusal> {
        let target = self.find(asker, to)?;
        match self.hand_ticket(asker, &target) {
            Some(introduction) => Ok(Handled::Introduced(introduction)),
            None => self.hand_over(asker, text, &target).map(Handled::Relayed),
        }
    }

    /// Hands a text over to the one that `to` names.
    ///
    /// # Errors
    /// Nobody there, or a dialect in which nothing can be handed over.
    pub fn relay(&self, asker: &Seat, text: &str, to: &Address) -> Result<Username, Refusal> {
        self.hand_over(asker, text, &self.find(asker, to)?)
    }

    fn find(&self, asker: &Seat, to: &Address) -> Result<Listed, Refusal> {
        match self.roster.find(to) {
            Ok(target) if target.name == asker.name => Err(Refusal::Yourself),
            Ok(target) => Ok(target),
            Err(NotFound::Nobody) => Err(Refusal::NobodyThere(to.clone())),
            Err(NotFound::Several(clients)) => Err(Refusal::Ambiguous { clients, at: to.clone() }),
        }
    }

    /// Gives the target a ticket for the asker; nothing when the asker could not reach it: it does not listen, it
    /// is a guest with a dialect of its own, or it is on the server's own machine, whose loopback addresses lead elsewhere from another.
    fn hand_ticket(&self, asker: &Seat, target: &Listed) -> Option<Introduction> {
        let port = target.port?;
        if target.guest.is_some() || (target.address.is_loopback() && !asker.address.is_loopback()) {
            return None;
        }
        let ticket = Ticket::draw();
        let told = target.mailbox.post(&format!("{}\n", Reply::Ticket { name: asker.name.clone(), ticket }));
        let address = SocketAddr::new(target.address, port);
        told.then(|| Introduction { name: target.name.clone(), address, ticket })
    }

    fn hand_over(&self, asker: &Seat, text: &str, target: &Listed) -> Result<Username, Refusal> {
        let line = Reply::Message { from: asker.name.clone(), text: text.to_owned() };
        if target.mailbox.post(&format!("{line}\n")) {
            Ok(target.name.clone())
        } else {
            match target.guest {
                Some(dialect) => Err(speaks_another(&target.name, dialect)),
                None => Err(Refusal::JustLeaving(target.name.clone())),
            }
        }
    }

    /// Applies the inactivity rule; when to do so again.
    pub fn sweep(&self, now: Instant) -> Instant {
        let idle = self.config.idle;
        let sweep = self.roster.sweep(idle, now);
        // Whole milliseconds: the sentence shows nothing finer.
        let warning = Notice::InactiveSoon(Duration::from_millis((idle / 6).as_millis() as u64));
        for mailbox in sweep.warn {
            mailbox.post(&format!("{}\n", Reply::Notice(warning.clone())));
        }
        for (name, mailbox) in sweep.close {
            info!("{name}: inactive for too long, closed");
            mailbox.post(&format!("{}\n", Reply::Notice(Notice::Inactive)));
            mailbox.close();
        }
        sweep.next
    }

    /// Tells everybody that the server stops, and has every session end, those too that wait to log in.
    pub fn say_goodbye(&self) {
        self.hasher.stop();
        let notice = format!("{}\n", Reply::Notice(Notice::ServerStops));
        for mailbox in self.roster.mailboxes() {
            mailbox.post(&notice);
            mailbox.close();
        }
    }
}
