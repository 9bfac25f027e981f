//! What a server has of its house, and how it has something changed there.

use super::life::Life;
use super::pool::Pool;
use crate::protocol::Ban;
use crate::server::clients::ClientMap;
use crate::server::delivery::Broadcaster;
use crate::server::directory::{Away, Failed, NotChanged, Ports};
use crate::server::shared::{self, Alive, Changed, Deadline, DirectoryUrl, Lease, Link, Member, NotDone};
use crate::server::store::{Banned, FolderLock, History};
use crate::value::{Epoch, ServerName};
use log::warn;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a change waits until it is known what became of it. Then nobody can say.
pub const SETTLE: Duration = Duration::from_secs(10);

/// What is said where nothing was done.
const NOT_NOW: &str = "the directory does not answer, nothing was done; send it again";

/// A server's part of the house.
pub struct Shared {
    pub clients: ClientMap,
    pub history: Arc<History>,
    pub broadcaster: Arc<Broadcaster>,
    pub about: About,
    pub pool: Pool,
    pub lease: Lease,
    /// The present life. Held for a look or a change, as each lock here is.
    pub life: Mutex<Arc<Life>>,
    /// The servers that are alive.
    pub alive: Mutex<Vec<Alive>>,
    /// They are others than before.
    pub changed: Wake,
    /// What this server is reached by, once that is bound.
    pub ports: OnceLock<Ports>,
    /// Who is banned, as the news say.
    pub bans: Mutex<HashMap<Banned, Ban>>,
    /// A session has ended, of which the house is to hear.
    pub wake: Wake,
    /// What was handed to other servers so far.
    pub handovers: AtomicU64,
    /// No other server has the data folder meanwhile.
    pub _folder: FolderLock,
}

/// Wakes a thread of the directory.
#[derive(Default)]
pub struct Wake {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    /// Wakes it.
    pub fn wake(&self) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it is woken, or until then: whether it was.
    pub fn wait(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = self.changed.wait_timeout_while(is_woken, left, |is_woken| !*is_woken);
        std::mem::take(&mut *woken.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Why a change was not made.
pub enum NotMade {
    /// It was not, and never will be.
    Not,
    /// It is not known.
    Unknown,
}

impl NotMade {
    /// The same as whoever calls the directory is told.
    pub fn into_failed<E>(self, unknown: &str) -> Failed<E> {
        match self {
            NotMade::Not => Failed::Away(away()),
            NotMade::Unknown => Failed::Unknown(unknown.to_owned()),
        }
    }

    /// The same for who is told a sentence.
    pub fn into_sentence(self, unknown: &str) -> String {
        match self {
            NotMade::Not => NOT_NOW.to_owned(),
            NotMade::Unknown => unknown.to_owned(),
        }
    }
}

/// Nothing was done.
pub fn away() -> Away {
    Away(NOT_NOW.to_owned())
}

/// Nothing in here can panic while a lock is held, so a poisoned one holds good data.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The present life.
    pub fn life(&self) -> Arc<Life> {
        Arc::clone(&lock(&self.life))
    }

    /// Who is banned.
    pub fn banned(&self) -> MutexGuard<'_, HashMap<Banned, Ban>> {
        lock(&self.bans)
    }

    /// Has Redis change something: with the same deadline and the same arguments, until it is known what became of it.
    pub fn make<T>(
        &self,
        mut change: impl FnMut(&mut Link, &Member, Deadline) -> Result<T, NotDone>,
    ) -> Result<T, NotMade> {
        let (now, life) = (Instant::now(), self.life());
        let deadline = self.lease.deadline(now, shared::LIMIT);
        let done = self.pool.work(now + shared::LIMIT, now + SETTLE, |link| change(link, &life.who, deadline));
        done.map_err(|why| if matches!(why, NotDone::Lost(_)) { NotMade::Unknown } else { NotMade::Not })
    }

    /// Has Redis tell something.
    pub fn ask<T>(&self, mut ask: impl FnMut(&mut Link, &Member) -> Result<T, NotDone>) -> Result<T, Away> {
        let life = self.life();
        let until = Instant::now() + shared::LIMIT;
        self.pool.work(until, until, |link| ask(link, &life.who)).map_err(|_| away())
    }

    /// Waits until this server knows all that the house knows now: so whoever has changed what sessions may be finds those
    /// that came in before.
    pub fn catch_up(&self) {
        let (life, until) = (self.life(), Instant::now() + shared::LIMIT);
        let is_known = self.ask(shared::last_news).is_ok_and(|last| life.wait_for_news(last, until));
        if !is_known {
            warn!("A session that has just come in may have been missed");
        }
    }

    /// Has an account changed; `unknown` is what is said where nobody knows whether it was.
    pub fn change_account(
        &self,
        change: impl FnMut(&mut Link, &Member, Deadline) -> Result<Changed, NotDone>,
        unknown: &str,
    ) -> Result<(), Failed<NotChanged>> {
        match self.make(change) {
            Ok(Changed::Ok) => Ok(()),
            Ok(Changed::Unknown) => Err(Failed::Refused(NotChanged::Unknown)),
            Err(why) => Err(why.into_failed(unknown)),
        }
    }
}

/// What does not change while a server runs.
pub struct About {
    /// Where the Redis is.
    pub url: DirectoryUrl,
    /// The name of the server.
    pub server: ServerName,
    /// Drawn for this start.
    pub start: String,
    /// Of the machine: its loopback addresses lead to the same clients.
    pub machine: String,
    /// How long a broadcast is kept.
    pub window: Duration,
    /// Where clients reach this server, if that is one address. Port 0 is the one that is bound.
    pub address: Option<SocketAddr>,
    /// Only this machine's reach it in the clear.
    pub no_plain: bool,
    /// The house.
    pub epoch: Epoch,
}
