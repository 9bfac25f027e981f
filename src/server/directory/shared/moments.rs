//! Each method of the directory, as one moment of the house.

use super::records::{lines_of, record};
use super::state::{NotMade, SETTLE, Shared, away};
use crate::dialect::Dialect;
use crate::net::Shutdown;
use crate::protocol::{Ban, BroadcastText, Event, Notice};
use crate::server::auth::{Try, Turn};
use crate::server::clients::{
    Change, ClientSnapshot, EnteredGuest, FileNames, Letter, NewClient, NewGuest, NotEntered, NotHanded, SessionKey,
    Whereabouts,
};
use crate::server::config::GuestShare;
use crate::server::delivery::Mailbox;
use crate::server::directory::{
    Away, ComesBy, Directory, Ended, EnteredClient, Failed, NAME_IS_TAKEN, NotChanged, NotWelcome, Ports,
};
use crate::server::shared::{
    self, Banning, Entered, EntersBy, Falls, GuestEntered, Link, Member, NotSaid, SignedUp, ban_field, read_ban,
};
use crate::server::store::{Account, Banned, ban_holds, bans_in_order};
use crate::value::{Epoch, Ticket, Username, network_of};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a session that has come in waits until this server shows it.
const SHOWN: Duration = Duration::from_secs(2);
/// What it is told where that takes longer.
const NOT_SHOWN: &str = "It is not known whether you are logged in: try again";

/// By what somebody of this name, who comes from there, may be banned.
fn fields(name: &Username, from: IpAddr) -> [String; 2] {
    [ban_field(&Banned::Name(name.clone())), ban_field(&Banned::Network(network_of(from)))]
}

/// The ban of a row.
fn ban_of_row(row: &str) -> Ban {
    let read = read_ban("name:x", row).map(|(_, ban)| ban);
    // What cannot be read keeps out all the same.
    read.unwrap_or(Ban { until: None, why: String::new() })
}

impl Directory for Shared {
    fn sign_up(&self, account: Account) -> Result<(), Failed<NotChanged>> {
        let why = Notice::Other(NAME_IS_TAKEN.to_owned()).to_string();
        let made = self.make(|link, who, deadline| shared::sign_up(link, who, deadline, &account, &why));
        match made {
            Ok(SignedUp::Ok) => Ok(()),
            Ok(SignedUp::Taken) => Err(Failed::Refused(NotChanged::Taken)),
            Ok(SignedUp::Full) => Err(Failed::Refused(NotChanged::Full)),
            Err(why) => Err(why.into_failed("It is not known whether the account was made: try to log in")),
        }
    }

    fn account(&self, name: &Username) -> Result<Option<Account>, Away> {
        self.ask(|link, who| shared::account(link, who, name))
    }

    fn count_accounts(&self) -> Result<usize, Away> {
        self.ask(shared::count)
    }

    fn set_password(
        &self,
        name: &Username,
        instead_of: Option<&str>,
        new_hash: &str,
        ends: Option<&Notice>,
    ) -> Result<(), Failed<NotChanged>> {
        let set = |link: &mut Link, who: &Member, deadline| {
            shared::set_password(link, who, deadline, name, instead_of, new_hash, ends)
        };
        self.change_account(set, "It is not known which password holds: try both")?;
        self.catch_up();
        Ok(())
    }

    fn end_account(&self, name: &Username, why: &Notice) -> Result<(), Failed<NotChanged>> {
        let account = self.account(name).map_err(Failed::Away)?;
        let account = account.ok_or(Failed::Refused(NotChanged::Unknown))?;
        let end = |link: &mut Link, who: &Member, deadline| shared::end_account(link, who, deadline, &account, why);
        self.change_account(end, "It is not known whether the account was ended: look once more")?;
        self.catch_up();
        Ok(())
    }

    fn ban(&self, who: &Banned, ban: &Ban) -> Result<(), String> {
        let now = SystemTime::now();
        match self.make(|link, by, deadline| shared::ban(link, by, deadline, who, ban, now)) {
            Ok(Banning::Ok) => {
                // Who asks now is kept out, also before the news tell of it.
                self.banned().insert(who.clone(), ban.clone());
                self.catch_up();
                Ok(())
            }
            Ok(Banning::Full) => Err("There are as many bans as are kept: lift some".to_owned()),
            Err(why) => Err(why.into_sentence("It is not known whether the ban holds: look at the bans")),
        }
    }

    fn lift_ban(&self, who: &Banned) -> Result<bool, String> {
        let (id, now) = (Ticket::draw().to_string(), SystemTime::now());
        let lifted = self.make(|link, by, deadline| shared::lift(link, by, deadline, who, &id, now));
        let lifted =
            lifted.map_err(|why| why.into_sentence("It is not known whether the ban was lifted: look at them"))?;
        self.banned().remove(who);
        Ok(lifted)
    }

    fn ban_of(&self, name: Option<&Username>, from: IpAddr) -> Option<Ban> {
        let (bans, now) = (self.banned(), SystemTime::now());
        let of = |who: Banned| bans.get(&who).filter(|ban| ban_holds(ban, now)).cloned();
        name.and_then(|name| of(Banned::Name(name.clone()))).or_else(|| of(Banned::Network(network_of(from))))
    }

    fn bans(&self) -> Vec<(Banned, Ban)> {
        bans_in_order(&self.banned(), SystemTime::now())
    }

    fn enter(
        &self,
        client: NewClient,
        by: &ComesBy<'_>,
    ) -> (Option<Box<ClientSnapshot>>, Result<EnteredClient, Failed<NotWelcome>>) {
        let (life, from, is_encrypted) = (self.life(), client.from.ip(), client.mailbox.is_encrypted());
        let key = self.clients.prepare(client, Instant::now());
        let Some(prepared) = self.clients.session(&key.name, key.id) else { return (None, Err(Failed::Away(away()))) };
        let record = record(&prepared, &life.who, &self.about.machine);
        // What the older session is told where it is on another server, which knows whether that was encrypted.
        let notice = Notice::TakenOver { name: key.name.clone(), from, in_the_clear: !is_encrypted };
        let (row, fields) = (by.account.to_string(), fields(&key.name, from));
        let falls = Falls { under: &[&fields[0], &fields[1]], now: SystemTime::now() };
        let by = EntersBy { checked: Some(row.trim_end()), shows: by.shows, given: by.given, lasts: by.lasts };
        life.expect(key.id);
        let entered = self.make(|link, _, deadline| shared::enter(link, deadline, &record, &notice, &by, &falls));
        let refused = match entered {
            Ok(Entered::Ok { older, lasts }) => {
                let older = older.filter(|older| older.at == life.who);
                let older = older.and_then(|older| self.clients.session(&older.name, older.session)).map(Box::new);
                // From then on the map shows it, or whoever has taken its name over since.
                if life.wait_for(key.id, Instant::now() + SHOWN) && !life.has_ended() {
                    return (older, Ok(EnteredClient { key, lasts }));
                }
                // It went with all that this server had in the house; or when its news come, it is told that it has gone.
                self.clients.leave(&key);
                return (older, Err(Failed::Unknown(NOT_SHOWN.to_owned())));
            }
            Ok(Entered::Changed) => Failed::Refused(NotWelcome::Changed),
            Ok(Entered::WrongToken) => Failed::Refused(NotWelcome::WrongToken),
            Ok(Entered::Banned(row)) => Failed::Refused(NotWelcome::Banned(ban_of_row(&row))),
            // Should it be in all the same, the news tell of a session that has ended.
            Err(why) => why.into_failed(NOT_SHOWN),
        };
        life.wait_for(key.id, Instant::now());
        self.clients.leave(&key);
        (None, Err(refused))
    }

    fn enter_guest(
        &self,
        guest: NewGuest,
        mut names: Vec<Username>,
        share: GuestShare,
    ) -> Result<EnteredGuest, Failed<NotEntered>> {
        let (life, from) = (self.life(), guest.from.ip());
        names.retain(|name| self.clients.find_any(name).is_none_or(|client| client.guest.is_some()));
        let entered = self.clients.enter_guest(guest, &names, share, Instant::now(), SystemTime::now());
        let entered = entered.map_err(Failed::Refused)?;
        if let Some(other) = &entered.gives_way {
            let why = "The server is full of guests, and your address has the most of them";
            // It is out of the map, told or not.
            let _ = self.clients.hand(Letter::End(Notice::Other(why.to_owned())), other);
        }
        let key = &entered.key;
        let Some(prepared) = self.clients.session(&key.name, key.id) else { return Err(Failed::Away(away())) };
        let record = record(&prepared, &life.who, &self.about.machine);
        let again = life.session(&key.name).filter(|_| entered.again).map(|session| (&key.name, session));
        let fields = fields(&key.name, from);
        let falls = Falls { under: &[&fields[0], &fields[1]], now: SystemTime::now() };
        let names = std::slice::from_ref(&key.name);
        let files = lines_of(&prepared.files);
        life.expect(key.id);
        let done = self.make(|link, who, deadline| {
            let entered = shared::enter_guest(link, deadline, &record, names, again, &falls)?;
            if matches!(entered, GuestEntered::Ok(_)) && !files.is_empty() {
                shared::set_files(link, who, deadline, &record.name, record.session, &files)?;
            }
            Ok(entered)
        });
        let shown = if matches!(done, Ok(GuestEntered::Ok(_))) { SHOWN } else { Duration::ZERO };
        let is_shown = life.wait_for(key.id, Instant::now() + shown);
        let refused = match done {
            Ok(GuestEntered::Ok(_)) if is_shown => return Ok(entered),
            Ok(GuestEntered::Ok(_)) => Failed::Unknown(NOT_SHOWN.to_owned()),
            Ok(GuestEntered::Taken) => Failed::Refused(NotEntered::Taken),
            Ok(GuestEntered::Banned(row)) => Failed::Refused(NotEntered::Banned(ban_of_row(&row))),
            Err(why) => why.into_failed(NOT_SHOWN),
        };
        self.clients.leave(key);
        Err(refused)
    }

    fn change(&self, key: &SessionKey, change: Change<'_>) -> Result<bool, Away> {
        let Some(before) = self.clients.session(&key.name, key.id) else { return Ok(false) };
        let answer = self.clients.apply(key, change);
        let Some(after) = self.clients.session(&key.name, key.id) else { return Ok(false) };
        let record = record(&after, &self.life().who, &self.about.machine);
        let has_files = !Arc::ptr_eq(&before.files, &after.files);
        let files = if has_files { lines_of(&after.files) } else { String::new() };
        // The house has the row, and perhaps not the files.
        let mut is_half_done = false;
        let changed = self.make(|link, who, deadline| {
            is_half_done = shared::change(link, deadline, &record)? && has_files;
            if is_half_done {
                shared::set_files(link, who, deadline, &record.name, record.session, &files)?;
            }
            Ok(())
        });
        changed.map(|()| answer).map_err(|why| {
            self.clients.put_back(before);
            // By then nothing of it is on its way any more, so it is as if nothing was done.
            if is_half_done || matches!(why, NotMade::Unknown) {
                self.life().is_unsure_of(&key.name, key.id);
            }
            away()
        })
    }

    fn files(&self, of: &ClientSnapshot) -> Result<Arc<FileNames>, Away> {
        if let Whereabouts::Here { .. } = of.whereabouts() {
            return Ok(Arc::clone(&of.files));
        }
        let names = self.ask(|link, who| shared::files(link, who, 0, &of.name))?;
        Ok(Arc::new(FileNames::new(names.lines()).unwrap_or_default()))
    }

    fn leave(&self, key: &SessionKey) {
        // Of others only their server knows whether they are gone.
        if self.clients.session(&key.name, key.id).is_some() {
            self.clients.leave(key);
            self.wake.wake();
        }
    }

    fn hand(&self, letter: Letter, to: &ClientSnapshot) -> Result<(), Failed<NotHanded>> {
        match to.whereabouts() {
            Whereabouts::Here { .. } => self.clients.hand(letter, to).map_err(Failed::Refused),
            Whereabouts::There(at) => self.hand_across(letter, &to.name, at),
        }
    }

    fn end(&self, notice: &Notice, clients: &[ClientSnapshot]) -> Vec<Ended> {
        self.end_sessions(notice, clients)
    }

    fn tell_everybody(&self, notice: Notice) -> Result<usize, String> {
        let id = Ticket::draw().to_string();
        let said = self.make(|link, who, deadline| shared::say(link, who, deadline, &notice, &id));
        said.map_err(|why| why.into_sentence("It is not known whether it was said: ask somebody"))?;
        // It comes by the news, also to who is here.
        self.catch_up();
        Ok(self.clients.all().iter().filter(|client| client.guest != Some(Dialect::Query)).count())
    }

    fn append(&self, from: &Username, texts: &[BroadcastText]) -> Result<u64, Failed<io::Error>> {
        self.life().sequencer.say(from, texts, Instant::now() + SETTLE).map_err(|why| match why {
            NotSaid::Refused(why) => Failed::Away(Away(why)),
            NotSaid::Unknown => Failed::Unknown("it is not known whether a broadcast was taken".to_owned()),
        })
    }

    fn take_turn(&self, one: &Try<'_>) -> Result<Turn, Away> {
        // Whether it was taken or not, nothing was checked.
        self.make(|link, who, deadline| shared::take_turn(link, who, deadline, one)).map_err(|_| away())
    }

    fn end_turn(&self, one: &Try<'_>, rests: Duration) {
        let _ = self.make(|link, who, deadline| shared::checked(link, who, deadline, one, rests));
    }

    fn may_speak(&self) -> Result<(), Away> {
        if self.lease.runs(Instant::now()) { Ok(()) } else { Err(away()) }
    }

    fn epoch(&self) -> Option<Epoch> {
        Some(self.about.epoch)
    }

    fn servers(&self, to: &dyn Mailbox) -> Vec<Event> {
        self.told_to(to)
    }

    fn is_bound(&self, ports: Ports) {
        // It is called once.
        let _ = self.ports.set(ports);
    }

    fn run(&self, stop: &Shutdown) {
        self.live(stop);
    }

    fn stop(&self) {
        self.pool.close();
        self.wake.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::super::coming::open;
    use super::*;
    use crate::server::clients::{ClientMap, Viewpoint};
    use crate::server::config::Config;
    use crate::server::delivery::Nobody;
    use crate::server::shared::OwnRedis;
    use crate::server::store::History;
    use clap::Parser;
    use std::thread;
    use tempfile::TempDir;

    /// A server of this name in the house. It hears of nothing until it lives.
    fn server(redis: &OwnRedis, name: &str) -> Shared {
        let (folder, url) = (TempDir::new().expect("a folder"), format!("redis://{}", redis.address()));
        let data = folder.path().to_str().expect("UTF-8");
        let config = Config::parse_from(["server", "--name", name, "--data", data]);
        let history = Arc::new(History::new(config.history));
        open(&config, &url, ClientMap::default(), &history, Arc::default()).expect("it comes in")
    }

    fn client(name: &Username) -> NewClient {
        NewClient {
            name: name.clone(),
            from: ([10, 0, 0, 7], 50_000).into(),
            view: Viewpoint::ThisMachine,
            since: SystemTime::UNIX_EPOCH,
            presence: Arc::default(),
            mailbox: Arc::new(Nobody),
        }
    }

    #[test]
    fn whoever_bans_knows_afterwards_of_each_session_that_came_in_before() {
        let redis = OwnRedis::start();
        let (one, two, stop) = (server(&redis, "s1"), server(&redis, "s2"), Shutdown::new());
        let carol = Account {
            name: "carol".parse().expect("a name"),
            password_hash: "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$".to_owned() + &"a".repeat(43),
            created_at: 0,
        };
        let ban = Ban { until: None, why: "loud".to_owned() };
        let by_password = ComesBy { account: &carol, shows: None, given: None, lasts: None };
        thread::scope(|scope| {
            scope.spawn(|| two.live(&stop));
            two.sign_up(carol.clone()).expect("nobody has the name");
            two.enter(client(&carol.name), &by_password).1.expect("she is in");
            let banning = scope.spawn(|| {
                one.ban(&Banned::Name(carol.name.clone()), &ban).expect("it holds");
                one.clients.find_any(&carol.name).is_some()
            });
            while two.ban_of(Some(&carol.name), [10, 0, 0, 7].into()).is_none() {
                thread::yield_now();
            }
            assert!(one.clients.find_any(&carol.name).is_none(), "it has heard of nothing yet");
            scope.spawn(|| one.live(&stop));
            let knows = banning.join().expect("no panic");
            one.stop();
            two.stop();
            stop.trigger();
            assert!(knows);
        });
    }

    #[test]
    fn of_a_change_that_is_half_done_the_house_is_told_how_it_was() {
        let redis = OwnRedis::start();
        let (one, stop) = (server(&redis, "s1"), Shutdown::new());
        let dave = Account { name: "dave".parse().expect("a name"), password_hash: String::new(), created_at: 0 };
        redis.tell(&["HSET", "{peerline}:accounts", "dave", &dave.to_string()]);
        let row = || redis.ask::<String>(&["HGET", "{peerline}:who", "dave"]);
        thread::scope(|scope| {
            scope.spawn(|| one.live(&stop));
            let by_password = ComesBy { account: &dave, shows: None, given: None, lasts: None };
            let key = one.enter(client(&dave.name), &by_password).1.expect("he is in").key;
            let before = row();
            redis.tell(&["ACL", "SETUSER", "default", "-set"]);
            let files = FileNames::new(["a.txt"]).expect("few");
            let changed = one.change(&key, Change::Listens { port: 4401, files });
            let end = Instant::now() + Duration::from_secs(20);
            while row() != before && Instant::now() < end {
                thread::park_timeout(Duration::from_millis(20));
            }
            let after = row();
            one.stop();
            stop.trigger();
            assert_eq!((changed, after), (Err(away()), before));
        });
    }
}
