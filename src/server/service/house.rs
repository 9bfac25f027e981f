//! What whoever runs the server does with it. No socket is known here, and not who asks.

use super::rendezvous::{Rendezvous, not_hashed};
use super::sign_up::not_changed;
use crate::dialect::Dialect;
use crate::net::Patience;
use crate::protocol::{self, Ban, Notice, Refusal};
use crate::server::clients::ClientSnapshot;
use crate::server::counters::{Counter, KINDS, REFUSALS};
use crate::server::delivery::Mailbox;
use crate::server::directory::{Ended, NotChanged};
use crate::server::store::{Account, Banned};
use crate::value::{Moment, Username};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a new password waits for its turn to be hashed, behind those who log in.
const HASH_LIMIT: Duration = Duration::from_secs(60);

/// One number since the start: what it is, how much, if that is known, and its unit.
pub type Statistic = (String, Option<u64>, &'static str);

/// Sessions that end with what was done: how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// They are closed.
    pub now: usize,
    /// Their servers have not answered, and close them as soon as they read of it.
    pub later: usize,
}

impl Closed {
    /// Of one at the most. Its server is told of it with what was done, whatever else is known.
    fn of(ended: Option<Ended>) -> Closed {
        match ended {
            None => Closed::default(),
            Some(Ended::Told | Ended::NotTold) => Closed { now: 1, later: 0 },
            Some(Ended::Later | Ended::No(_)) => Closed { now: 0, later: 1 },
        }
    }
}

fn no_account(name: &Username) -> Refusal {
    Refusal::Other(format!("There is no account {name}"))
}

/// Why an account was not changed, for who has no password to it.
fn not_changed_of(name: &Username, why: NotChanged) -> Refusal {
    if why == NotChanged::Unknown { no_account(name) } else { not_changed(why) }
}

impl Rendezvous {
    /// Says this to everybody: to how many at once, and how many guests will see it in the next list that they ask for.
    ///
    /// # Errors
    /// One sentence.
    pub fn tell_everybody(&self, text: &str) -> Result<(usize, usize), String> {
        let told = self.directory.tell_everybody(Notice::House(text.to_owned()))?;
        let guests = self.clients.all().iter().filter(|client| client.guest == Some(Dialect::Query)).count();
        Ok((told, guests))
    }

    /// What was said so in the last minutes, for who could not be told.
    pub fn notice_on_board(&self) -> Option<String> {
        self.clients.notice_on_board(Instant::now())
    }

    /// Everybody who is here, active or not, by name.
    pub fn everybody(&self) -> Vec<ClientSnapshot> {
        self.clients.all()
    }

    /// Ends the session of this name, if there is one: what became of it.
    pub fn kick(&self, name: &Username, why: &str) -> Option<Ended> {
        self.end_session(name, &Notice::Removed(why.to_owned()))
    }

    /// Ends the session of this name, unless it is the one with this mailbox.
    pub fn kick_other(&self, name: &Username, own: &Arc<dyn Mailbox>, why: &str) {
        if let Some(client) = self.clients.find_any(name).filter(|client| !client.is_reached_by(own)) {
            self.directory.end(&Notice::Removed(why.to_owned()), &[client]);
        }
    }

    /// Bans, and ends the sessions that this concerns: the ban as they are told of it, and how many are closed, and how many
    /// will be, as soon as their servers read of it. On return it is on the disk.
    ///
    /// # Errors
    /// A sentence; nothing was done.
    pub fn ban(&self, who: &Banned, time: Option<Duration>, why: &str) -> Result<(Ban, Closed), String> {
        if self.is_mistyped(who) {
            return Err(format!(
                "{who} is no address: it has 4 numbers from 0 to 255, without a 0 before another digit"
            ));
        }
        let until = time.map(|time| Moment::at_or_after(SystemTime::now() + time));
        let ban = Ban { until, why: why.to_owned() };
        // Those who are here when it comes, though they may have left when it is known; and who came in meanwhile.
        let mut meant = self.whom(who);
        self.directory.ban(who, &ban)?;
        let later = self.whom(who).into_iter().filter(|client| meant.iter().all(|other| other.id() != client.id()));
        meant.extend(later.collect::<Vec<_>>());
        let ended = self.directory.end(&Notice::Banned(ban.clone()), &meant);
        let closed = ended.iter().filter(|ended| matches!(ended, Ended::Told | Ended::NotTold)).count();
        // The house has the ban: the others read of it, too.
        Ok((ban, Closed { now: closed, later: ended.len() - closed }))
    }

    fn whom(&self, banned: &Banned) -> Vec<ClientSnapshot> {
        let mut all = self.clients.all();
        all.retain(|client| banned.meets(&client.name, client.source.ip()));
        all
    }

    /// Whether a name is more likely an address with a mistake in it: nobody has it.
    fn is_mistyped(&self, who: &Banned) -> bool {
        let Banned::Name(name) = who else { return false };
        let parts = name.as_str().split('.');
        let looks_so = parts.clone().count() == 4 && parts.flat_map(str::bytes).all(|byte| byte.is_ascii_digit());
        looks_so && self.directory.account(name) == Ok(None) && self.clients.find_any(name).is_none()
    }

    /// Lifts a ban; false when there was none.
    ///
    /// # Errors
    /// A sentence; nothing was done.
    pub fn lift_ban(&self, who: &Banned) -> Result<bool, String> {
        self.directory.lift_ban(who)
    }

    /// Who is banned now.
    pub fn list_bans(&self) -> Vec<(Banned, Ban)> {
        self.directory.bans()
    }

    /// Gives an account another password, and ends its session. On return it is on the disk. It hashes. Whether the session
    /// is closed, or will be as soon as its server reads that it is to.
    ///
    /// # Errors
    /// As [`Rendezvous::change_password`], and an account that there is not.
    pub fn set_password(&self, name: &Username, password: &str) -> Result<Closed, Refusal> {
        protocol::check_password(password).map_err(Refusal::Other)?;
        let patience = Patience::lasting(HASH_LIMIT);
        let new_hash = self.hasher.hash(password, &patience).map_err(not_hashed)?;
        let why = Notice::Removed("your password was changed by whoever runs the server".to_owned());
        let changed = self.directory.set_password(name, None, &new_hash, Some(&why));
        changed.map_err(|why| why.into_refusal(|why| not_changed_of(name, why)))?;
        Ok(Closed::of(self.end_session(name, &why)))
    }

    /// Ends an account, and its session, as above. On return it is on the disk.
    ///
    /// # Errors
    /// An account that there is not, or a file that cannot be written.
    pub fn remove_account(&self, name: &Username) -> Result<Closed, Refusal> {
        let why = Notice::Removed("your account was ended".to_owned());
        let ended = self.directory.end_account(name, &why);
        ended.map_err(|why| why.into_refusal(|why| not_changed_of(name, why)))?;
        Ok(Closed::of(self.end_session(name, &why)))
    }

    /// Adds an account that another server had. On return it is on the disk.
    ///
    /// # Errors
    /// A name that is taken, or a file that cannot be written.
    pub fn add_account(&self, account: Account) -> Result<(), Refusal> {
        self.directory.sign_up(account).map_err(|why| why.into_refusal(not_changed))
    }

    /// Whether a name is that of no account, so it may be mistyped. A directory that cannot be asked says nothing of it.
    pub fn is_nobodys(&self, who: &Banned) -> bool {
        matches!(who, Banned::Name(name) if self.directory.account(name) == Ok(None))
    }

    /// Whether there is such an account.
    ///
    /// # Errors
    /// There is none.
    pub fn account_of(&self, name: &Username) -> Result<Account, Refusal> {
        self.directory.account(name)?.ok_or_else(|| no_account(name))
    }

    fn end_session(&self, name: &Username, notice: &Notice) -> Option<Ended> {
        let client = self.clients.find_any(name)?;
        self.directory.end(notice, &[client]).pop()
    }

    /// What has happened since the start, in the order in which it is shown.
    pub fn statistics(&self) -> Vec<Statistic> {
        let counters = &*self.counters;
        let mut all: Vec<Statistic> = vec![
            ("since start".to_owned(), Some(self.started.elapsed().as_secs()), "s"),
            ("accounts".to_owned(), self.directory.count_accounts().ok().map(|count| count as u64), "accounts"),
            ("logged in".to_owned(), Some(self.clients.count_here() as u64), "clients"),
        ];
        for (kind, name) in KINDS.iter().enumerate() {
            let (came, went) = (counters.came[kind].get(), counters.went[kind].get());
            all.push((format!("{name} now"), Some(came.saturating_sub(went)), "connections"));
            all.push((format!("{name} since start"), Some(came), "connections"));
        }
        all.push(("logins in line".to_owned(), Some(self.hasher.waiting() as u64), "logins"));
        let counted: [(&str, &Counter, &'static str); 18] = [
            ("logins", &counters.logins, "logins"),
            ("sign-ups", &counters.sign_ups, "accounts"),
            ("passwords changed", &counters.passwords, "passwords"),
            ("read", &counters.lines, "lines"),
            ("read in bytes", &counters.bytes_in, "bytes"),
            ("written in bytes", &counters.bytes_out, "bytes"),
            ("broadcasts", &counters.broadcasts, "broadcasts"),
            ("deliveries", &counters.deliveries, "broadcasts"),
            ("datagrams", &counters.datagrams, "datagrams"),
            ("datagrams in bytes", &counters.datagram_bytes, "bytes"),
            ("repairs", &counters.repairs, "datagrams"),
            ("hellos", &counters.hellos, "datagrams"),
            ("tickets", &counters.tickets, "introductions"),
            ("relayed", &counters.relayed, "texts"),
            ("slow consumers closed", &counters.slow, "connections"),
            ("no place", &counters.no_place, "connections"),
            ("banned address", &counters.banned_address, "connections"),
            ("no handshake", &counters.no_handshake, "connections"),
        ];
        all.extend(counted.map(|(what, counter, unit)| (what.to_owned(), Some(counter.get()), unit)));
        let refusals = REFUSALS.iter().zip(&counters.refusals);
        all.extend(refusals.map(|(kind, counter)| (format!("refused: {kind}"), Some(counter.get()), "refusals")));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::{Session, enter, open};
    use super::*;
    use crate::server::auth::Credentials;
    use crate::server::clients::Viewpoint;

    fn name(text: &str) -> Username {
        text.parse().expect("a name")
    }

    fn of_bob(password: &str) -> Credentials {
        Credentials { name: "BOB".to_owned(), password: password.to_owned() }
    }

    /// One whose password was checked, and who comes into the map now.
    fn come(services: &Rendezvous, checked: &Account) -> Result<(), Refusal> {
        let (from, view) = (([10, 0, 0, 8], 50_000).into(), Viewpoint::ThisMachine);
        let login = services.enter(checked, from, view, Arc::<Session>::default())?;
        services.leave(&login);
        Ok(())
    }

    #[test]
    fn a_ban_is_told_to_who_is_here_and_to_who_knows_the_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(HASH_LIMIT);
        let here = [10, 0, 0, 8].into();
        services.sign_up(&of_bob("password"), here, &patient).expect("signed up");
        let checked = services.authenticate(&of_bob("password"), here, &patient).expect("right");
        let ((_, bob), (_, carol)) = (enter(&services, "bob", 8), enter(&services, "carol", 9));
        let (ban, ended) = services.ban(&Banned::Name(name("Bob")), None, "too loud").expect("banned");
        let one = Closed { now: 1, later: 0 };
        assert_eq!((ban.to_string().as_str(), ended), ("Banned by the house until further notice: too loud", one));
        assert_eq!((bob.take(), carol.take()), (format!("notice_{ban}\n"), String::new()));
        let refused = Refusal::Banned(ban);
        assert_eq!(services.authenticate(&of_bob("password"), here, &patient).err(), Some(refused.clone()));
        assert_eq!(come(&services, &checked), Err(refused));
        assert_eq!(services.lift_ban(&Banned::Name(name("bob"))), Ok(true));
        assert_eq!(come(&services, &checked), Ok(()));
        let mistyped = services.ban(&Banned::Name(name("10.0.0.09")), None, "flood").expect_err("nobody has that name");
        assert!(mistyped.starts_with("10.0.0.09 is no address"), "{mistyped}");
        let (_, odd) = enter(&services, "10.0.0.010", 10);
        assert!(services.ban(&Banned::Name(name("10.0.0.010")), None, "flood").is_ok() && !odd.take().is_empty());
        services.ban(&"10.0.0.9".parse().expect("an address"), None, "flood").expect("banned");
        assert!(carol.take().starts_with("notice_Banned by the house until further notice: flood"));
        assert!(services.turn_away([10, 0, 0, 9].into()).is_some() && services.turn_away(here).is_none());
        assert!(matches!(
            services.sign_up(&of_bob("password"), [10, 0, 0, 9].into(), &patient),
            Err(Refusal::Banned(_))
        ));
    }

    #[test]
    fn another_password_and_the_end_of_an_account_end_its_session() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(HASH_LIMIT);
        let here = [10, 0, 0, 8].into();
        services.sign_up(&of_bob("password"), here, &patient).expect("signed up");
        let checked = services.authenticate(&of_bob("password"), here, &patient).expect("right");
        let (_, bob) = enter(&services, "bob", 8);
        assert_eq!(services.set_password(&name("eve"), "password"), Err(Refusal::other("There is no account eve")));
        assert!(services.set_password(&name("bob"), "short").is_err());
        let closed = Ok(Closed { now: 1, later: 0 });
        assert_eq!(
            (services.set_password(&name("bob"), "another word"), bob.take().is_empty()),
            (closed.clone(), false)
        );
        assert_eq!(come(&services, &checked), Err(Refusal::InvalidCredentials));
        let checked = services.authenticate(&of_bob("another word"), here, &patient).expect("right");
        let (_, bob) = enter(&services, "bob", 8);
        assert_eq!((services.remove_account(&name("bob")), bob.take().is_empty()), (closed, false));
        assert_eq!(come(&services, &checked), Err(Refusal::InvalidCredentials));
        assert_eq!(services.add_account(checked.clone()), Ok(()));
        assert_eq!(services.add_account(checked), Err(Refusal::NameTaken));
        assert_eq!(services.authenticate(&of_bob("another word"), here, &patient).map(|_| ()), Ok(()));
    }

    #[test]
    fn everybody_is_told_and_who_is_kicked_hears_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let ((_, bob), (_, carol)) = (enter(&services, "bob", 8), enter(&services, "carol", 9));
        assert_eq!(services.tell_everybody("save your work"), Ok((2, 0)));
        assert_eq!(services.notice_on_board().as_deref(), Some("From the house: save your work"));
        let told = "notice_From the house: save your work\n";
        assert_eq!((bob.take().as_str(), carol.take().as_str()), (told, told));
        assert_eq!(services.kick(&name("BOB"), "too loud"), Some(Ended::Told));
        assert_eq!(services.kick(&name("eve"), "too loud"), None);
        assert_eq!((bob.take(), carol.take()), ("notice_Removed by the house: too loud\n".to_owned(), String::new()));
    }
}
