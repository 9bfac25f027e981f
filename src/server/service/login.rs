//! What holds for every connection of somebody with an account, whichever dialect they speak: the login and its end,
//! the time each may take, the rate of lines, and the broadcasts that the connection was not sent yet.
//!
//! It decides, and touches no socket; the session around it says it in the words of its dialect.

use super::again::Again;
use super::enter::Newcomer;
use super::rendezvous::{Login, Rendezvous};
use crate::net::{MAX_OF_MEMBERS, MAX_WITHOUT_LF, Patience, Place, STRANGER_RATE, Standing, TokenBucket};
use crate::protocol::{Broadcast, Event, MAX_LINE, Notice, Refusal};
use crate::server::auth::{Credentials, OwnTurns, PasswordChange};
use crate::server::clients::{Listed, Viewpoint};
use crate::server::delivery::Mailbox;
use crate::server::store::Account;
use crate::trace::Wire;
use crate::value::Username;
use log::info;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a hash may wait for a core. A class of 1,000 that logs in at once on two cores needs about a minute.
const HASH_LIMIT: Duration = Duration::from_secs(60);

/// The login of one connection; over the time of the connection there may be several.
pub struct LoginState<'a> {
    services: &'a Rendezvous,
    peer: SocketAddr,
    view: Viewpoint,
    mailbox: Arc<dyn Mailbox>,
    place: &'a Place<'a>,
    current: Option<Login>,
    /// The last login, while nothing was heard since its end; and whether it was cut off then. What was handed over to it
    /// may still be lost with the connection.
    ended: Option<(Login, bool)>,
    bucket: TokenBucket,
    /// Pieces of long answers, at the same rate: no line is too fast because of them.
    pieces: TokenBucket,
    own_turns: OwnTurns,
    /// The first broadcast that this connection was not sent yet, over all its logins.
    next_broadcast: u64,
    /// When to log in at the latest, or again; nothing with `--relogin never`.
    deadline: Option<Instant>,
}

/// The deadline has passed; the client is told so.
#[derive(Debug, PartialEq, Eq)]
pub enum TimeIsUp {
    /// Of the login, or of a session in which nothing was said: the connection ends.
    Close(Notice),
    /// Of the session: the login is over, and another may follow.
    LogInAgain(Notice),
}

impl<'a> LoginState<'a> {
    /// A connection from `peer` that has just come and reached the server at its address `reached`, whose session
    /// others reach by `mailbox`.
    pub fn new(
        services: &'a Rendezvous,
        peer: SocketAddr,
        reached: IpAddr,
        mailbox: Arc<dyn Mailbox>,
        place: &'a Place<'a>,
        now: Instant,
    ) -> LoginState<'a> {
        LoginState {
            services,
            peer,
            view: Viewpoint::of(peer.ip(), reached),
            mailbox,
            place,
            current: None,
            ended: None,
            bucket: TokenBucket::new(services.config.rate.0, now),
            pieces: TokenBucket::new(services.config.rate.0, now),
            own_turns: OwnTurns::default(),
            next_broadcast: 0,
            deadline: Some(now + services.config.login_limit),
        }
    }

    /// What records the connection.
    pub fn wire(&self) -> &'a Wire {
        self.place.wire()
    }

    /// The login that holds now.
    pub fn current(&self) -> Option<&Login> {
        self.current.as_ref()
    }

    /// When to call [`LoginState::time_is_up`].
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How many bytes a second to read: of a member as many as the longest lines have at the rate of lines, of others
    /// what suffices for a login.
    pub fn read_rate(&self) -> Option<u32> {
        match self.current {
            Some(_) => {
                self.services.config.rate.0.map(|lines| lines.saturating_mul(MAX_LINE as u32).max(STRANGER_RATE))
            }
            None => Some(STRANGER_RATE),
        }
    }

    /// After how many bytes without a line end the session ends.
    pub fn most_without_lf(&self) -> usize {
        if self.current.is_some() { MAX_OF_MEMBERS } else { MAX_WITHOUT_LF }
    }

    /// Counts a line of so many bytes, against the rate and for the inactivity rule.
    ///
    /// # Errors
    /// [`Refusal::TooFast`] or [`Refusal::NotNow`]: the line is not to be carried out.
    pub fn count_line(&mut self, bytes: usize, now: Instant) -> Result<(), Refusal> {
        self.ended = None;
        self.services.counters.line(bytes);
        if !self.bucket.take(now) {
            return Err(Refusal::TooFast(self.services.config.rate.0.unwrap_or_default()));
        }
        if let Some(login) = &self.current {
            self.services.clients.count_message(&login.key);
            login.presence.line(now);
        }
        Ok(self.services.may_speak()?)
    }

    /// A piece of a long answer has left: how long it takes until the next may leave, which is a second at the most
    /// (with one line a second).
    pub fn count_piece(&mut self, now: Instant) -> Duration {
        self.pieces.take_ahead(now)
    }

    /// Makes an account. It waits for its turn to hash, but not for a client that `has_gone`.
    ///
    /// # Errors
    /// As [`Rendezvous::sign_up`].
    pub fn sign_up(&self, credentials: &Credentials, has_gone: &dyn Fn() -> bool) -> Result<Username, Refusal> {
        let on_turn = || {
            self.place.stand(Standing::Kept);
        };
        self.place.stand(Standing::Waiting);
        let result = self.services.sign_up(
            credentials,
            self.peer.ip(),
            &Patience { until: self.hash_by(), has_gone, on_turn: &on_turn },
        );
        self.place.stand(Standing::Silent);
        result
    }

    /// Logs in. It waits for its turn to hash, after wrong passwords of this connection for longer, but not for a client
    /// that `has_gone`.
    ///
    /// # Errors
    /// As [`Rendezvous::authenticate`].
    pub fn log_in(&mut self, credentials: &Credentials, has_gone: &dyn Fn() -> bool) -> Result<Login, Refusal> {
        // One after the other, not one in the other: each goes deep into the stack.
        let account = self.check(credentials, has_gone)?;
        let login = self.enter(&account)?;
        self.services.counters.logins.add(1);
        Ok(login)
    }

    /// Goes on with a session of another server, by the token that it was given. A wrong token makes the next try wait as a wrong
    /// password does.
    ///
    /// # Errors
    /// As [`Rendezvous::go_on`].
    #[inline(never)]
    pub fn go_on(&mut self, again: &Again, has_gone: &dyn Fn() -> bool) -> Result<Login, Refusal> {
        let patience = Patience { until: self.hash_by(), has_gone, on_turn: &|| {} };
        self.own_turns.wait(&patience).map_err(|_| Refusal::BusyWithLogins)?;
        self.place.stand(Standing::Waiting);
        let newcomer = Newcomer { from: self.peer, view: self.view, mailbox: Arc::clone(&self.mailbox) };
        // A connection that has given way is over: its token may serve on another one.
        let stands = || self.place.stand(Standing::Kept);
        let came = self.services.go_on(again, newcomer, &patience, &stands);
        match &came {
            Ok(_) => self.own_turns.was_right(),
            Err(Refusal::LogInWithPassword) => self.own_turns.was_wrong(Instant::now()),
            Err(_) => {}
        }
        let login = came.inspect_err(|_| {
            self.place.stand(Standing::Silent);
        })?;
        self.next_broadcast = again.next(self.services.epoch());
        self.services.counters.logins.add(1);
        Ok(self.begin(login))
    }

    /// Whose name and password these are, once they were checked.
    #[inline(never)]
    fn check(&mut self, credentials: &Credentials, has_gone: &dyn Fn() -> bool) -> Result<Account, Refusal> {
        let on_turn = || {
            self.place.stand(Standing::Kept);
        };
        let patience = Patience { until: self.hash_by(), has_gone, on_turn: &on_turn };
        // Meanwhile it is a connection that has sent no login.
        self.own_turns.wait(&patience).map_err(|_| Refusal::BusyWithLogins)?;
        self.place.stand(Standing::Waiting);
        let checked = self.services.authenticate(credentials, self.peer.ip(), &patience);
        match &checked {
            Ok(_) => self.own_turns.was_right(),
            Err(Refusal::InvalidCredentials) => self.own_turns.was_wrong(Instant::now()),
            Err(_) => {}
        }
        let stands = self.place.stand(if checked.is_ok() { Standing::Kept } else { Standing::Silent });
        // A connection that has given way is over; an older session of that name stays.
        if stands { checked } else { checked.and(Err(Refusal::BusyWithLogins)) }
    }

    /// Changes the password of who is logged in. It waits for its turns as [`LoginState::log_in`] does, and a wrong password
    /// makes it wait longer.
    ///
    /// # Errors
    /// As [`Rendezvous::change_password`].
    #[inline(never)]
    pub fn change_password(&mut self, change: &PasswordChange, has_gone: &dyn Fn() -> bool) -> Result<(), Refusal> {
        let Some(name) = self.current.as_ref().map(|login| login.key.name.clone()) else {
            return Err(Refusal::LogInFirst);
        };
        let patience = Patience { until: self.hash_by(), has_gone, on_turn: &|| {} };
        self.own_turns.wait(&patience).map_err(|_| Refusal::BusyWithLogins)?;
        let changed = self.services.change_password(&name, change, self.peer.ip(), &patience);
        match &changed {
            Ok(()) => {
                self.own_turns.was_right();
                // One that came by the old password while the new one was hashed, and took this session's place.
                self.services.kick_other(&name, &self.mailbox, "that password is none any more");
            }
            Err(Refusal::InvalidCredentials) => self.own_turns.was_wrong(Instant::now()),
            Err(_) => {}
        }
        changed
    }

    #[inline(never)]
    fn enter(&mut self, account: &Account) -> Result<Login, Refusal> {
        let entered = self.services.enter(account, self.peer, self.view, Arc::clone(&self.mailbox));
        let login = entered.inspect_err(|_| {
            self.place.stand(Standing::Silent);
        })?;
        Ok(self.begin(login))
    }

    fn begin(&mut self, login: Login) -> Login {
        self.place.wire().logged_in(&login.key.name, login.key.address, login.token);
        self.current = Some(login.clone());
        // From now on, not from the line on whose password has waited to be hashed: as the inactivity rule counts.
        self.deadline = login.lasts.map(|limit| Instant::now() + limit);
        login
    }

    /// What the client hears of where the servers of the house are.
    pub fn servers(&self) -> Vec<Event> {
        self.services.servers(&*self.mailbox)
    }

    fn hash_by(&self) -> Instant {
        let limit = Instant::now() + HASH_LIMIT;
        self.deadline.map_or(limit, |deadline| deadline.min(limit))
    }

    /// Broadcasts of the last half hour that this connection was not sent yet: at most `limit` bytes of lines, but one
    /// broadcast at the least; none when there are none left.
    pub fn read_broadcasts(&mut self, limit: usize) -> Vec<Broadcast> {
        let (broadcasts, range) = self.services.history.read(self.next_broadcast, limit, Instant::now());
        self.next_broadcast = range.next;
        self.services.counters.deliveries.add(broadcasts.len() as u64);
        broadcasts
    }

    /// Whether there are broadcasts that this connection was not sent yet.
    pub fn lacks_broadcasts(&mut self) -> bool {
        let (broadcasts, range) = self.services.history.read(self.next_broadcast, 1, Instant::now());
        if broadcasts.is_empty() {
            // Nothing before the next one is kept.
            self.next_broadcast = range.next;
        }
        !broadcasts.is_empty()
    }

    /// Whether nobody on the way can read what is said.
    pub fn is_encrypted(&self) -> bool {
        self.mailbox.is_encrypted()
    }

    /// Whether the client has said a hello: then it is sent broadcasts by datagrams.
    pub fn has_said_hello(&self) -> bool {
        self.current.as_ref().is_some_and(|login| login.presence.has_said_hello())
    }

    /// Whether a hello has acknowledged a broadcast: then datagrams are enough.
    pub fn acknowledges(&self) -> bool {
        self.current.as_ref().is_some_and(|login| self.services.acknowledges(login))
    }

    /// Has the broadcaster send all broadcasts that this connection was not sent yet, and those to come.
    pub fn start_broadcasts(&self) {
        if let Some(login) = &self.current {
            self.services.start_broadcasts(login, self.next_broadcast);
        }
    }

    /// Ends whatever the deadline was for.
    pub fn time_is_up(&mut self, now: Instant) -> TimeIsUp {
        let limit = self.services.config.login_limit;
        let Some(login) = &self.current else { return TimeIsUp::Close(Notice::NotLoggedIn(limit)) };
        // Both times are half an hour by default: a client that sent nothing is not asked for a password, but closed.
        if self.services.clients.is_inactive(&login.key, self.services.config.idle, now) {
            info!("{}: inactive for too long, closed", self.who());
            return TimeIsUp::Close(Notice::Inactive);
        }
        info!("{}: session expired", self.who());
        self.leave();
        self.deadline = Some(now + limit);
        TimeIsUp::LogInAgain(Notice::SessionExpired)
    }

    /// Ends the login. True when its broadcasts go over this connection: then those that were not sent yet, perhaps the
    /// client's own, are to be read by [`LoginState::read_broadcasts`] before the end.
    pub fn leave(&mut self) -> bool {
        self.place.stand(Standing::Silent);
        let Some(login) = self.current.take() else { return false };
        let left = self.services.leave(&login);
        self.place.wire().logged_out(login.token);
        let was_cut_off = login.presence.was_cut_off(Instant::now());
        self.ended = Some((login, was_cut_off));
        if let Some(left) = left {
            self.next_broadcast = left.next;
        }
        left.is_none_or(|left| !left.by_datagrams)
    }

    /// Ends the login of a client that the network has lost, or that did not read what it was sent: who had a text handed
    /// over that it may not have got is told.
    pub fn leave_lost(&mut self) {
        self.leave();
        if let Some((login, _)) = self.ended.take() {
            info!("{} at {}: lost", login.key.name, self.peer);
            self.services.was_lost(&login.key.name, &login.presence);
            // Its member may be back on another connection.
            self.services.deliver_owed(&login.key.name);
        }
    }

    /// The active clients, by name; from this moment on the client is told who comes and who goes.
    pub fn watch(&self) -> Vec<Listed> {
        let watch = |login: &Login| self.services.watch(&login.key, Arc::clone(&self.mailbox));
        self.current.as_ref().map(watch).unwrap_or_default()
    }

    /// Tells the client of messages that were lost while its member was not logged in; after the answer to the login.
    pub fn deliver_owed(&self) {
        if let Some(login) = &self.current {
            self.services.deliver_owed(&login.key.name);
        }
    }

    /// Whether this client shares the server's machine and others may come from elsewhere: then it can be reached from
    /// there on another port than that of its loopback address.
    pub fn may_reach_all(&self) -> bool {
        self.peer.ip().is_loopback() && !self.services.config.bind.is_loopback()
    }

    /// How this client is called in the log.
    pub fn who(&self) -> impl fmt::Display + '_ {
        Who { name: self.current.as_ref().map(|login| &login.key.name), peer: self.peer }
    }
}

struct Who<'a> {
    name: Option<&'a Username>,
    peer: SocketAddr,
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "{name} at {}", self.peer),
            None => self.peer.fmt(f),
        }
    }
}

/// However the conversation ends, the client map is told. Of one that was cut off nobody knows what arrived: it is lost,
/// also where the server ends the connection before the network does.
impl Drop for LoginState<'_> {
    fn drop(&mut self) {
        self.leave();
        if self.ended.as_ref().is_some_and(|(_, was_cut_off)| *was_cut_off) {
            self.leave_lost();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::{Session, account, enter, open};
    use super::*;
    use crate::net::{Connections, PerAddress};
    use crate::value::Ticket;

    const ALICE: [u8; 4] = [10, 0, 0, 7];
    const BOB: [u8; 4] = [10, 0, 0, 8];

    /// What the sender of a text hears that was handed over to bob `silence` before `then` is done with bob's login.
    fn told_after(silence: Duration, then: impl FnOnce(&mut LoginState<'_>)) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let connections = Connections::with_login(1, PerAddress { public: 1, private: 1 });
        let (place, mailbox) = (connections.place(0), Arc::<Session>::default());
        let now = Instant::now();
        let mut bob = LoginState::new(&services, (BOB, 1).into(), [10, 0, 0, 1].into(), mailbox.clone(), &place, now);
        let (login, _) = enter(&services, "bob", BOB[3]);
        login.presence.hello(now.checked_sub(silence).expect("the machine runs for longer"));
        bob.current = Some(login);
        let (alice, reads) = enter(&services, "alice", ALICE[3]);
        services.relay(&alice.key, "hello", &"bob".parse().expect("an address")).expect("handed over");
        then(&mut bob);
        drop(bob);
        reads.take()
    }

    #[test]
    fn what_was_handed_over_is_not_forgotten_when_the_session_expires() {
        let expire = |bob: &mut LoginState<'_>| {
            assert_eq!(bob.time_is_up(Instant::now()), TimeIsUp::LogInAgain(Notice::SessionExpired));
        };
        let told = told_after(Duration::ZERO, |bob| {
            expire(bob);
            bob.leave_lost();
        });
        assert!(told.starts_with("notice_Not delivered: bob was lost at ") && told.lines().count() == 1, "{told}");
        let heard = told_after(Duration::ZERO, |bob| {
            expire(bob);
            bob.count_line(5, Instant::now()).expect("not too fast");
            bob.leave_lost();
        });
        assert_eq!(heard, "");
        assert_eq!(told_after(Duration::ZERO, expire), "", "nothing says that it was lost");
    }

    #[test]
    fn who_came_by_the_old_password_while_it_was_changed_is_sent_away_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let bob = Credentials { name: "bob".to_owned(), password: "password".to_owned() };
        services.sign_up(&bob, BOB.into(), &Patience::lasting(HASH_LIMIT)).expect("signed up");
        let connections = Connections::with_login(1, PerAddress { public: 1, private: 1 });
        let (place, mailbox) = (connections.place(0), Arc::<Session>::default());
        let reached = [10, 0, 0, 1].into();
        let mut login = LoginState::new(&services, (BOB, 1).into(), reached, mailbox.clone(), &place, Instant::now());
        login.enter(&account(&services, "bob")).expect("welcome");
        let change = |old: &str, new: &str| PasswordChange { old: old.to_owned(), new: new.to_owned() };
        assert_eq!(login.change_password(&change("password", "second-word"), &|| false), Ok(()));
        assert_eq!(mailbox.take(), "", "its own session goes on");
        let (_, thief) = enter(&services, "bob", ALICE[3]);
        mailbox.take();
        assert_eq!(login.change_password(&change("second-word", "third-word"), &|| false), Ok(()));
        assert_eq!(thief.take(), "notice_Removed by the house: that password is none any more\n");
    }

    #[test]
    fn a_wrong_token_makes_the_connection_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let connections = Connections::with_login(1, PerAddress { public: 1, private: 1 });
        let (place, mailbox) = (connections.taken(), Arc::<Session>::default());
        let reached = [10, 0, 0, 1].into();
        let mut login = LoginState::new(&services, (BOB, 1).into(), reached, mailbox, &place, Instant::now());
        // Each of another name: so it is the connection that waits.
        let mut go_on = |number: u32, has_gone: &dyn Fn() -> bool| {
            let again = Again { name: format!("n{number}"), token: Ticket::draw(), since: None };
            login.go_on(&again, has_gone).map(|_| ())
        };
        // Where the machine has stood still meanwhile, the next turn has come, which tells nothing.
        let mut next_at_once = |number: u32| {
            assert_eq!(go_on(2 * number, &|| false), Err(Refusal::LogInWithPassword));
            let since = Instant::now();
            let next = go_on(2 * number + 1, &|| true);
            (since.elapsed() < Duration::from_secs(1)).then_some(next)
        };
        assert_eq!((0..8).find_map(&mut next_at_once), Some(Err(Refusal::BusyWithLogins)));
    }

    #[test]
    fn who_was_cut_off_when_the_session_ended_is_lost_whatever_ended_it() {
        assert!(told_after(Duration::from_secs(12), |_| {}).starts_with("notice_Not delivered: bob"));
        assert_eq!(told_after(Duration::ZERO, |_| {}), "");
    }
}
