//! The facts that servers may share: who has an account, who is banned, who is here, what was broadcast.
//!
//! Whoever wants to know who is here, or what was said, looks into the client map and the history, which are in memory.
//! Whatever changes them goes through a [`Directory`]. Each of its methods is one moment: however many ask for it at once,
//! they come one after the other, and nobody need look a second time.

mod embedded;
#[cfg_attr(not(feature = "cluster"), path = "directory/shared/absent.rs")]
mod shared;
mod choice;

pub use choice::{address, is_no_house, open};
pub use shared::HouseAccounts;

use super::auth::{Try, Turn};
use super::clients::{
    Change, ClientSnapshot, EnteredGuest, FileNames, Letter, NewClient, NewGuest, NotEntered, NotHanded, SessionKey,
};
use super::config::GuestShare;
use super::delivery::Mailbox;
use super::store::{Account, Banned};
use crate::net::Shutdown;
use crate::protocol::{Ban, BroadcastText, Event, Notice, Refusal};
use crate::value::{Epoch, Fingerprint, Ticket, Username};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a guest is told whose name signs up.
const NAME_IS_TAKEN: &str = "Your name is an account's now: choose another";

/// The most broadcasts that get their numbers together.
pub const MAX_TOGETHER: usize = 128;

/// Where a server has those facts: in its folder, or in a house that it shares. Neither knows a password, or the words of a
/// dialect, and whoever calls holds no lock: some wait for a disk.
pub trait Directory: Send + Sync {
    /// Makes an account: of several with one name there is one winner. A guest of that name is told, and taken out. On
    /// return it is kept.
    ///
    /// # Errors
    /// [`NotChanged`].
    fn sign_up(&self, account: Account) -> Result<(), Failed<NotChanged>>;

    /// The account of a name.
    ///
    /// # Errors
    /// [`Away`].
    fn account(&self, name: &Username) -> Result<Option<Account>, Away>;

    /// How many accounts there are.
    ///
    /// # Errors
    /// [`Away`].
    fn count_accounts(&self) -> Result<usize, Away>;

    /// Gives an account another password. With `instead_of`, the hash that was checked, only if it is still that: of two
    /// changes at once the second is of a password that is none any more. On return it is kept. `ends` is what the session of
    /// the name is told where it is on another server, which ends it; whoever changes the password ends it, too, afterwards.
    ///
    /// # Errors
    /// [`NotChanged`].
    fn set_password(
        &self,
        name: &Username,
        instead_of: Option<&str>,
        new_hash: &str,
        ends: Option<&Notice>,
    ) -> Result<(), Failed<NotChanged>>;

    /// Ends an account. On return it is kept that it is none. `why` is what its session is told, as above.
    ///
    /// # Errors
    /// [`NotChanged`].
    fn end_account(&self, name: &Username, why: &Notice) -> Result<(), Failed<NotChanged>>;

    /// Bans, or changes a ban. Other servers end the sessions there that it meets; whoever bans ends all of them, too,
    /// afterwards.
    ///
    /// # Errors
    /// A sentence; nothing was done.
    fn ban(&self, who: &Banned, ban: &Ban) -> Result<(), String>;

    /// Lifts a ban; false when there was none.
    ///
    /// # Errors
    /// A sentence; nothing was done.
    fn lift_ban(&self, who: &Banned) -> Result<bool, String>;

    /// The ban of an account or a guest of this name, or else of this address. It is asked at each connection: it waits for
    /// nothing.
    fn ban_of(&self, name: Option<&Username>, from: IpAddr) -> Option<Ban>;

    /// Who is banned now: names first, in order.
    fn bans(&self) -> Vec<(Banned, Ban)>;

    /// Enters a client into the map: only if it may come in by what it has, and there is no ban. It gives an older session of
    /// that name too, which has left the map, whatever became of the new one: it is to be told and closed.
    ///
    /// Whoever changes an account or bans does so first, and ends the sessions afterwards. So they find this one, or it is
    /// refused.
    ///
    /// # Errors
    /// [`NotWelcome`].
    fn enter(
        &self,
        client: NewClient,
        by: &ComesBy<'_>,
    ) -> (Option<Box<ClientSnapshot>>, Result<EnteredClient, Failed<NotWelcome>>);

    /// Enters a guest into the map, under the first of `names` that nobody has, with an account or here, unless one of them
    /// is banned. A guest that gives way for it is told, and taken out.
    ///
    /// # Errors
    /// [`NotEntered`].
    fn enter_guest(
        &self,
        guest: NewGuest,
        names: Vec<Username>,
        share: GuestShare,
    ) -> Result<EnteredGuest, Failed<NotEntered>>;

    /// Changes what a session says of itself; the answer to what is asked with each [`Change`].
    ///
    /// # Errors
    /// [`Away`].
    fn change(&self, key: &SessionKey, change: Change<'_>) -> Result<bool, Away>;

    /// The names of a client's files.
    ///
    /// # Errors
    /// [`Away`].
    fn files(&self, of: &ClientSnapshot) -> Result<Arc<FileNames>, Away>;

    /// Takes a session out of the map, unless another one has taken its name over.
    fn leave(&self, key: &SessionKey);

    /// Hands a client what is for it, wherever its session is. It is the only way from one client to another. What
    /// goes to all of this server, and the broadcasts, have theirs.
    ///
    /// # Errors
    /// [`NotHanded`].
    fn hand(&self, letter: Letter, to: &ClientSnapshot) -> Result<(), Failed<NotHanded>>;

    /// Ends sessions, wherever they are, and tells each why; what became of each, in order.
    fn end(&self, notice: &Notice, clients: &[ClientSnapshot]) -> Vec<Ended>;

    /// Says something to everybody in the house, on all its servers: to how many at once.
    ///
    /// # Errors
    /// A sentence.
    fn tell_everybody(&self, notice: Notice) -> Result<usize, String>;

    /// Gives broadcasts of one sender, at most [`MAX_TOGETHER`], the next numbers, the first of which it returns. Then the
    /// history has them, and the broadcaster knows.
    ///
    /// # Errors
    /// What the disk says: there is none of them, and there never will be.
    fn append(&self, from: &Username, texts: &[BroadcastText]) -> Result<u64, Failed<io::Error>>;

    /// Takes the turn of a name at a network to have a password checked, where it is free: several servers share the turns.
    ///
    /// # Errors
    /// [`Away`].
    fn take_turn(&self, _one: &Try<'_>) -> Result<Turn, Away> {
        Ok(Turn::Yours)
    }

    /// Ends such a turn; from now on nobody has it for this time. One that cannot be ended ends by itself in a while.
    fn end_turn(&self, _one: &Try<'_>, _rests: Duration) {}

    /// Whether this server may say what it knows: of several that share a house one that was taken for dead may not. It
    /// is asked at each line.
    ///
    /// # Errors
    /// [`Away`].
    fn may_speak(&self) -> Result<(), Away> {
        Ok(())
    }

    /// The sequence in which broadcasts are numbered, where it is that of several servers.
    fn epoch(&self) -> Option<Epoch> {
        None
    }

    /// What a client is told of where the servers are that share a house: nothing where there is none, or a dialect has no
    /// words for it. When that changes it is told by an event.
    fn servers(&self, _to: &dyn Mailbox) -> Vec<Event> {
        Vec::new()
    }

    /// The ports are bound, by which clients reach this server. It is called once, before [`Directory::run`].
    fn is_bound(&self, _ports: Ports) {}

    /// What is to be done all the while, until `stop`, by a thread of its own.
    fn run(&self, stop: &Shutdown);

    /// Begins no change any more: whoever waits for one gets [`NotChanged::NotTried`].
    fn stop(&self);
}

/// What became of a session that was to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told why, and is closed.
    Told,
    /// It could not be told why, and is not here any more.
    NotTold,
    /// Its server has not answered, and closes it as soon as it reads that it is to.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone has all sessions"))]
    Later,
    /// Nothing was done, or it is not known: a sentence.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone has all sessions"))]
    No(String),
}

/// By what a client comes in.
#[derive(Clone, Copy, Debug)]
pub struct ComesBy<'a> {
    /// The account as the password was checked against it, or as it is found now where a token stands for the password.
    pub account: &'a Account,
    /// The token that it shows in the place of the password.
    pub shows: Option<Ticket>,
    /// The token that it is given, by which it goes on at another server.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone has nowhere to go on"))]
    pub given: Option<Ticket>,
    /// How long a login lasts, if there is an end to it.
    pub lasts: Option<Duration>,
}

/// A client that has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnteredClient {
    /// Its entry in the map.
    pub key: SessionKey,
    /// How long the login lasts, if there is an end to it: by a token no longer than the one that it goes on with.
    pub lasts: Option<Duration>,
}

/// The ports of this server for the native protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// In the clear.
    pub clear: u16,
    /// By TLS, and by what the server's key is known.
    pub tls: Option<(u16, Fingerprint)>,
}

/// Where the facts are, nothing can be had now: nothing was done, and nothing will be. A sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away(pub String);

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed<E> {
    /// It may not be, as the facts are.
    Refused(E),
    /// See [`Away`].
    Away(Away),
    /// It is not known whether it was done. A sentence without its end.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "a server alone knows what it has done"))]
    Unknown(String),
}

/// In the words of the protocol.
impl From<Away> for Refusal {
    fn from(Away(why): Away) -> Refusal {
        Refusal::NotNow(why)
    }
}

impl<E> Failed<E> {
    /// The same, with the words for what may not be.
    pub fn into_refusal(self, words: impl FnOnce(E) -> Refusal) -> Refusal {
        match self {
            Failed::Refused(why) => words(why),
            Failed::Away(away) => away.into(),
            Failed::Unknown(why) => Refusal::Other(why),
        }
    }
}

/// Why an account was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotChanged {
    /// An account has the name.
    Taken,
    /// There is no such account, or its password is another one by now.
    Unknown,
    /// There are as many accounts as are kept.
    Full,
    /// The file could not be written.
    File,
    /// The server is stopping.
    NotTried,
}

/// Why a client may not enter after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWelcome {
    /// Whoever runs the server does not want it.
    Banned(Ban),
    /// The account is not as it was when the password was checked: it has another one, or has ended.
    Changed,
    /// The token is none, or not any more.
    WrongToken,
}
