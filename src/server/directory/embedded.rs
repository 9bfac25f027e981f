//! The directory of a server alone: CSV and files in its data folder, and the client map itself for who is here.
//!
//! The stores and the map have a lock each, and none is held while another is taken. So what is one moment for those
//! who call is two here: a change is made first, and then it is looked what else has happened.

use super::{Away, ComesBy, Directory, Ended, EnteredClient, Failed, NAME_IS_TAKEN, NotChanged, NotWelcome};
use crate::net::{Shutdown, Workers};
use crate::protocol::{Ban, BroadcastText, Notice};
use crate::server::clients::{
    Change, ClientMap, ClientSnapshot, EnteredGuest, FileNames, Letter, NewClient, NewGuest, NotEntered, NotHanded,
    SessionKey,
};
use crate::server::config::GuestShare;
use crate::server::delivery::Broadcaster;
use crate::server::store::{Account, Accounts, Banned, Bans, BroadcastLog, History, NotStored};
use crate::value::{Username, text};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often broadcasts are synced to disk: a power cut takes no more of them.
const SYNC_EACH: Duration = Duration::from_secs(1);

/// Bytes of what is wrong with a file, in an answer: it may quote the file.
const MAX_REASON: usize = 300;

/// CSV and files in a folder.
pub struct Embedded {
    clients: ClientMap,
    broadcaster: Arc<Broadcaster>,
    log: BroadcastLog,
    bans: Bans,
    accounts: Arc<Accounts>,
    /// Changes accounts, a try at a time: a file is deeper than a session's stack is to be, and one is written at a time
    /// anyway.
    filing: Workers,
}

impl Embedded {
    /// Opens a data folder. It changes `clients` from now on, and has `history`, which is empty, begin with what was
    /// broadcast.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(
        folder: &Path,
        clients: ClientMap,
        history: &Arc<History>,
        broadcaster: Arc<Broadcaster>,
    ) -> Result<Embedded, String> {
        // They keep every other server out of the folder.
        let accounts = Arc::new(Accounts::open(folder)?);
        let filing = Workers::start("accounts", 1).map_err(|error| format!("no thread for accounts: {error}"))?;
        let bans = Bans::open(folder)?;
        let log = BroadcastLog::open(folder, history)?;
        Ok(Embedded { clients, broadcaster, log, bans, accounts, filing })
    }

    /// Has the thread for accounts try a change of them. While the file is perhaps being saved, it is this thread that
    /// waits between two tries: the thread for accounts is there for whoever else wants a change.
    fn store(
        &self,
        change: impl Fn(&Accounts) -> Result<(), NotStored> + Send + Sync + 'static,
    ) -> Result<(), Failed<NotChanged>> {
        let change = Arc::new(change);
        let one_try = || {
            let (accounts, change) = (Arc::clone(&self.accounts), Arc::clone(&change));
            self.filing.run(move || change(&accounts)).unwrap_or(Err(NotStored::NotTried))
        };
        self.accounts.try_while_saved(one_try).map_err(|why| {
            Failed::Refused(match why {
                NotStored::Taken => NotChanged::Taken,
                NotStored::Unknown => NotChanged::Unknown,
                NotStored::Full => NotChanged::Full,
                NotStored::File => NotChanged::File,
                NotStored::NotTried => NotChanged::NotTried,
                NotStored::Unfit(unfit) => {
                    return Failed::Away(Away(text::escape(text::cut(&unfit.into_sentence(), MAX_REASON))));
                }
            })
        })
    }

    #[inline(never)]
    fn still_holds(&self, checked: &Account, from: IpAddr) -> Result<(), Failed<NotWelcome>> {
        if let Some(ban) = self.ban_of(Some(&checked.name), from) {
            return Err(Failed::Refused(NotWelcome::Banned(ban)));
        }
        let now = self.accounts.find(&checked.name);
        let is_same = now.is_some_and(|now| now.password_hash == checked.password_hash);
        if is_same { Ok(()) } else { Err(Failed::Refused(NotWelcome::Changed)) }
    }

    /// Ends a guest's session, which is told why where its dialect can say it.
    fn send_away(&self, guest: &ClientSnapshot, why: &str) {
        // It is out of the map, told or not.
        let _ = self.hand(Letter::End(Notice::Other(why.to_owned())), guest);
    }
}

impl Directory for Embedded {
    fn sign_up(&self, account: Account) -> Result<(), Failed<NotChanged>> {
        let name = account.name.clone();
        self.store(move |accounts| accounts.add(account.clone()))?;
        // A guest that comes into the map behind this looks at the accounts then.
        if let Some(guest) = self.clients.evict_guest(&name) {
            self.send_away(&guest, NAME_IS_TAKEN);
        }
        Ok(())
    }

    fn account(&self, name: &Username) -> Result<Option<Account>, Away> {
        Ok(self.accounts.find(name))
    }

    fn count_accounts(&self) -> Result<usize, Away> {
        Ok(self.accounts.count())
    }

    fn set_password(
        &self,
        name: &Username,
        instead_of: Option<&str>,
        new_hash: &str,
        _ends: Option<&Notice>,
    ) -> Result<(), Failed<NotChanged>> {
        let (name, instead_of, new_hash) = (name.clone(), instead_of.map(str::to_owned), new_hash.to_owned());
        self.store(move |accounts| accounts.set_password(&name, instead_of.as_deref(), &new_hash))
    }

    fn end_account(&self, name: &Username, _why: &Notice) -> Result<(), Failed<NotChanged>> {
        let name = name.clone();
        self.store(move |accounts| accounts.remove(&name))
    }

    fn ban(&self, who: &Banned, ban: &Ban) -> Result<(), String> {
        self.bans.ban(who.clone(), ban.clone(), SystemTime::now())
    }

    fn lift_ban(&self, who: &Banned) -> Result<bool, String> {
        self.bans.lift(who, SystemTime::now())
    }

    fn ban_of(&self, name: Option<&Username>, from: IpAddr) -> Option<Ban> {
        let now = SystemTime::now();
        name.and_then(|name| self.bans.of_name(name, now)).or_else(|| self.bans.of_address(from, now))
    }

    fn bans(&self) -> Vec<(Banned, Ban)> {
        self.bans.list(SystemTime::now())
    }

    fn enter(
        &self,
        client: NewClient,
        by: &ComesBy<'_>,
    ) -> (Option<Box<ClientSnapshot>>, Result<EnteredClient, Failed<NotWelcome>>) {
        // A server alone has given nobody a token.
        if by.shows.is_some() {
            return (None, Err(Failed::Refused(NotWelcome::WrongToken)));
        }
        let from = client.from.ip();
        let (key, older) = self.clients.enter(client, Instant::now());
        let holds = self.still_holds(by.account, from);
        if holds.is_err() {
            self.clients.leave(&key);
        }
        (older, holds.map(|()| EnteredClient { key, lasts: by.lasts }))
    }

    fn enter_guest(
        &self,
        guest: NewGuest,
        mut names: Vec<Username>,
        share: GuestShare,
    ) -> Result<EnteredGuest, Failed<NotEntered>> {
        names.retain(|name| self.accounts.find(name).is_none());
        // By none of them, or who is banned under the name that was the nearest one would be given the next.
        if let Some(ban) = names.iter().find_map(|name| self.ban_of(Some(name), guest.from.ip())) {
            return Err(Failed::Refused(NotEntered::Banned(ban)));
        }
        let entered = self.clients.enter_guest(guest, &names, share, Instant::now(), SystemTime::now());
        let entered = entered.map_err(Failed::Refused)?;
        if let Some(other) = &entered.gives_way {
            self.send_away(other, "The server is full of guests, and your address has the most of them");
        }
        let name = &entered.key.name;
        let refused = match self.accounts.find(name) {
            Some(_) => Some(NotEntered::Taken),
            None => self.ban_of(Some(name), entered.key.address).map(NotEntered::Banned),
        };
        match refused {
            Some(why) => {
                self.clients.leave(&entered.key);
                Err(Failed::Refused(why))
            }
            None => Ok(entered),
        }
    }

    fn change(&self, key: &SessionKey, change: Change<'_>) -> Result<bool, Away> {
        Ok(self.clients.apply(key, change))
    }

    fn files(&self, of: &ClientSnapshot) -> Result<Arc<FileNames>, Away> {
        Ok(Arc::clone(&of.files))
    }

    fn leave(&self, key: &SessionKey) {
        self.clients.leave(key);
    }

    fn hand(&self, letter: Letter, to: &ClientSnapshot) -> Result<(), Failed<NotHanded>> {
        self.clients.hand(letter, to).map_err(Failed::Refused)
    }

    fn end(&self, notice: &Notice, clients: &[ClientSnapshot]) -> Vec<Ended> {
        let end = |client| self.clients.hand(Letter::End(notice.clone()), client);
        clients.iter().map(|client| if end(client).is_ok() { Ended::Told } else { Ended::NotTold }).collect()
    }

    fn tell_everybody(&self, notice: Notice) -> Result<usize, String> {
        Ok(self.clients.tell_everybody_here(notice, Instant::now()))
    }

    fn append(&self, from: &Username, texts: &[BroadcastText]) -> Result<u64, Failed<io::Error>> {
        let appended = self.log.append(from, texts, SystemTime::now(), Instant::now());
        let first = appended.map_err(Failed::Refused)?;
        self.broadcaster.announce();
        Ok(first)
    }

    /// Has the disk keep what was broadcast.
    fn run(&self, stop: &Shutdown) {
        while !stop.wait(SYNC_EACH) {
            self.log.sync();
        }
    }

    fn stop(&self) {
        self.filing.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::net::PerAddress;
    use crate::server::clients::Viewpoint;
    use crate::server::delivery::Nobody;
    use std::fs;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    const SHARE: GuestShare = GuestShare { all: 10, per_address: PerAddress { public: 10, private: 10 } };

    fn open(folder: &Path) -> Embedded {
        let history = Arc::new(History::new(Duration::from_secs(1800)));
        Embedded::open(folder, ClientMap::default(), &history, Arc::default()).expect("opens")
    }

    fn account(name: &str) -> Account {
        let password_hash = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$".to_owned() + &"a".repeat(43);
        Account { name: name.parse().expect("a name"), password_hash, created_at: 0 }
    }

    fn client(account: &Account) -> NewClient {
        NewClient {
            name: account.name.clone(),
            from: ([10, 0, 0, 7], 50_000).into(),
            view: Viewpoint::ThisMachine,
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    fn by_password(account: &Account) -> ComesBy<'_> {
        ComesBy { account, shows: None, given: None, lasts: None }
    }

    fn guest(name: &Username) -> NewGuest {
        NewGuest {
            dialect: Dialect::Packet,
            spelling: name.to_string(),
            from: ([127, 0, 0, 1], 50_000).into(),
            port: 12_000,
            files: FileNames::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    /// Does `one`, and meanwhile `other` again and again, until that says that it is over. It is told whether `one` is.
    fn race<A: Send>(one: impl FnOnce() -> A + Send, mut other: impl FnMut(bool) -> bool) -> A {
        let (start, is_done) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            let one = scope.spawn(|| {
                start.wait();
                let outcome = one();
                is_done.store(true, Ordering::SeqCst);
                outcome
            });
            start.wait();
            while !other(is_done.load(Ordering::SeqCst)) {}
            one.join().expect("no panic")
        })
    }

    #[test]
    fn a_guest_and_a_new_account_do_not_share_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = open(folder.path());
        for round in 0..50 {
            let alice = account(&format!("alice{round}"));
            let mut key = None;
            let signed_up = race(
                || directory.sign_up(alice.clone()),
                |is_done| {
                    // Until an account has the name, the guest comes and goes.
                    if let Some(key) = key.take_if(|_| !is_done) {
                        directory.leave(&key);
                    } else if !is_done {
                        let entered = directory.enter_guest(guest(&alice.name), vec![alice.name.clone()], SHARE);
                        assert!(!matches!(entered, Err(ref why) if *why != Failed::Refused(NotEntered::Taken)));
                        key = entered.ok().map(|entered| entered.key);
                    }
                    is_done
                },
            );
            assert!(signed_up.is_ok() && directory.clients.find_any(&alice.name).is_none(), "the guest has to go");
        }
    }

    #[test]
    fn a_member_whose_account_ends_is_found_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = open(folder.path());
        for round in 0..50 {
            let bob = account(&format!("bob{round}"));
            directory.sign_up(bob.clone()).expect("a new name");
            let mut key = None;
            let is_found = race(
                || {
                    directory.end_account(&bob.name, &Notice::Inactive).expect("it was there");
                    directory.clients.find_any(&bob.name).is_some()
                },
                |is_done| {
                    if let Some(key) = key.take_if(|_| !is_done) {
                        directory.leave(&key);
                    } else if !is_done {
                        key = directory.enter(client(&bob), &by_password(&bob)).1.ok().map(|entered| entered.key);
                    }
                    is_done
                },
            );
            assert!(is_found || directory.clients.find_any(&bob.name).is_none());
            assert_eq!(directory.enter(client(&bob), &by_password(&bob)).1, Err(Failed::Refused(NotWelcome::Changed)));
        }
    }

    #[test]
    fn a_letter_that_ends_a_guest_takes_out_nobody_else_of_that_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = open(folder.path());
        let carol: Username = "carol".parse().expect("a name");
        let enter = || directory.enter_guest(guest(&carol), vec![carol.clone()], SHARE).expect("free").key;
        let end = |client: &ClientSnapshot| directory.hand(Letter::End(Notice::Inactive), client);
        let first = enter();
        let seen = directory.clients.find_any(&carol).expect("here");
        directory.leave(&first);
        enter();
        assert_eq!(end(&seen), Ok(()));
        let seen = directory.clients.find_any(&carol).expect("another one");
        assert_eq!(end(&seen), Ok(()));
        assert!(directory.clients.find_any(&carol).is_none());
    }

    /// Plays while alice signs up, and `users.csv` is perhaps being saved: it is empty instead of what `play` is given.
    /// What became of it.
    fn sign_up_while_saved(play: impl FnOnce(&Embedded, &Path, Vec<u8>)) -> Result<(), Failed<NotChanged>> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut directory = open(folder.path());
        Arc::get_mut(&mut directory.accounts).expect("nobody else's").set_saving(Duration::from_secs(60));
        let file = folder.path().join("users.csv");
        let text = fs::read(&file).expect("read");
        fs::write(&file, "").expect("cut");
        thread::scope(|scope| {
            let signing_up = scope.spawn(|| directory.sign_up(account("alice")));
            directory.accounts.wait_until_unfit();
            play(&directory, &file, text);
            signing_up.join().expect("no panic")
        })
    }

    #[test]
    fn who_waits_for_a_file_that_is_being_saved_keeps_nobody_waiting() {
        let result = sign_up_while_saved(|directory, file, text| {
            let file = file.to_owned();
            let saves = move || fs::write(file, text).is_ok();
            assert_eq!(directory.filing.run(saves), Some(true), "the thread for accounts is free");
        });
        assert!(result.is_ok(), "{result:?}");
    }

    #[test]
    fn who_waits_for_a_file_that_is_being_saved_does_not_hold_the_end_up() {
        let result = sign_up_while_saved(|directory, _, _| directory.stop());
        assert_eq!(result, Err(Failed::Refused(NotChanged::NotTried)));
    }
}
