//! What the threads of a client share: the way to the server, to the screen and to the person, and what is known.

use super::chat::Chats;
use super::consent::RunOptions;
use super::consent_log::ConsentLog;
use super::crew::Crew;
use super::event::Event;
use super::files::Files;
use super::inbox::{Inbox, Way};
use super::jobs::Jobs;
use super::link::{Answer, Link, LinkError};
use super::options::Options;
use super::question::Questions;
use super::screen::Screen;
use super::tickets::Tickets;
use super::waker::Waker;
use crate::net::listener::Connections;
use crate::net::shutdown::{self, Shutdown};
use crate::protocol::{Broadcast, Refusal, Reply, Request};
use crate::value::Ticket;
use crate::value::Username;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most connections of others at a time.
const MAX_PEERS: usize = 64;
/// How long a request waits that the server cannot take just now, and how often.
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: u32 = 50;

/// One for a client.
pub struct Desk {
    /// The server's main port.
    pub server: SocketAddr,
    /// Where everything is shown.
    pub screen: Screen,
    /// Tickets of those who are on their way.
    pub tickets: Tickets,
    /// Open chats.
    pub chats: Chats,
    /// What somebody asks of us.
    pub questions: Questions,
    /// What others may run here.
    pub run: RunOptions,
    /// Who wanted to run what.
    pub consent_log: ConsentLog,
    /// Commands under way, here and elsewhere.
    pub jobs: Jobs,
    /// Connections that others made to us.
    pub connections: Connections,
    /// What we share and fetch.
    pub files: Files,
    /// Our threads.
    pub crew: Crew,
    /// The end of the client.
    pub end: Shutdown,
    /// Wakes the thread that waits for the person.
    pub waker: Waker,
    /// How long the person has to answer a request for a chat.
    pub answer_limit: Duration,
    inbox: Mutex<Inbox>,
    session: Mutex<Session>,
    trouble: Condvar,
    udp: OnceLock<SocketAddr>,
}

/// What holds from one login to the next.
#[derive(Default)]
struct Session {
    link: Option<Arc<Link>>,
    token: Option<Ticket>,
    name: Option<Username>,
    /// When this client first logged in, in seconds since 1970.
    since: Option<u64>,
    trouble: Option<Trouble>,
    /// Whether to come back is for the person to decide.
    away: bool,
    /// Whether the person does not want to be found, which every server must be told anew.
    hidden: bool,
    needs_password: bool,
}

/// What ended a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server asks for the password again.
    Expired,
    /// The connection is gone.
    Lost,
}

impl Desk {
    /// A desk for a client with these options.
    pub fn new(options: &Options, screen: Screen, waker: Waker, files: Files) -> Desk {
        let run = options.run.clone();
        Desk {
            server: options.server,
            answer_limit: options.answer_limit,
            screen,
            tickets: Tickets::default(),
            chats: Chats::default(),
            questions: Questions::default(),
            consent_log: ConsentLog::new(run.log.clone()),
            run,
            jobs: Jobs::default(),
            connections: Connections::new(MAX_PEERS),
            files,
            crew: Crew::default(),
            end: Shutdown::new(),
            waker,
            inbox: Mutex::default(),
            session: Mutex::default(),
            trouble: Condvar::new(),
            udp: OnceLock::new(),
        }
    }

    /// Ends the client: whatever waits returns.
    pub fn stop(&self) {
        self.end.trigger();
        let link = self.session().link.clone();
        if let Some(link) = link {
            link.close();
        }
        self.files.close();
        self.trouble.notify_all();
        self.waker.wake();
    }

    /// Something ended the login.
    pub fn report(&self, trouble: Trouble) {
        let mut session = self.session();
        session.token = None;
        session.trouble = Some(trouble).filter(|_| !session.away);
        drop(session);
        self.trouble.notify_all();
    }

    /// Leaves the server without leaving the client: it is for the person to come back.
    pub fn stay_away(&self) {
        let mut session = self.session();
        session.away = true;
        session.token = None;
        session.needs_password = false;
        let link = session.link.take();
        drop(session);
        if let Some(link) = link {
            link.close();
        }
        self.screen.info("Type reconnect to come back, or quit.");
    }

    /// Has the keeper connect and log in again; false when there is no need.
    pub fn come_back(&self) -> bool {
        let mut session = self.session();
        let needed = session.link.is_none() && !session.needs_password;
        session.away &= !needed;
        drop(session);
        if needed {
            self.report(Trouble::Lost);
        }
        needed
    }

    /// Waits for trouble; `None` at the end of the client.
    pub fn next_trouble(&self) -> Option<Trouble> {
        let mut session = self.session();
        loop {
            if self.end.is_triggered() {
                return None;
            }
            // A person may ask to come back while we are on the way: once there, that is no loss.
            let connected = session.link.is_some();
            if let Some(trouble) = session.trouble.take_if(|trouble| *trouble == Trouble::Expired || !connected) {
                return Some(trouble);
            }
            session.trouble = None;
            session = self.trouble.wait(session).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the person must be asked for the password, as nobody else knows it.
    pub fn needs_password(&self) -> bool {
        self.session().needs_password
    }

    /// Has the person be asked for the password, until a login or until they leave.
    pub fn need_password(&self) {
        self.session().needs_password = true;
        self.waker.wake();
    }

    /// Whether the person wants not to be found, after the next login too.
    pub fn set_hidden(&self, hidden: bool) {
        self.session().hidden = hidden;
    }

    /// Whether the person does not want to be found.
    pub fn is_hidden(&self) -> bool {
        self.session().hidden
    }

    /// The connection to the server is this one now.
    pub fn set_link(&self, link: Arc<Link>) {
        self.session().link = Some(Arc::clone(&link));
        // Whoever ended the client a moment ago found no connection to close.
        if self.end.is_triggered() {
            link.close();
        }
    }

    /// Whether there is a connection to the server.
    pub fn is_connected(&self) -> bool {
        self.session().link.is_some()
    }

    /// This connection has ended; false when it was given up before that.
    pub fn unlink(&self, link: &Arc<Link>) -> bool {
        let mut session = self.session();
        session.link.take_if(|present| Arc::ptr_eq(present, link)).is_some()
    }

    /// A login succeeded: who we are, and what the hellos must carry.
    pub fn logged_in(&self, name: Username, token: Option<Ticket>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut session = self.session();
        session.name = Some(name);
        session.token = token;
        session.since.get_or_insert(now);
        session.needs_password = false;
        drop(session);
        self.inbox().log_in();
        self.say_hello();
    }

    /// The socket of the hellos, to be woken when one is due.
    pub fn set_udp(&self, bound: SocketAddr) {
        let _ = self.udp.set(shutdown::reachable(bound));
    }

    fn say_hello(&self) {
        if let Some(socket) = self.udp.get() {
            // Without this knock the hello goes out with the next heartbeat.
            let _ = shutdown::knock_udp(*socket);
        }
    }

    /// Our own name; before the login nobody asks for it.
    pub fn name(&self) -> Option<Username> {
        self.session().name.clone()
    }

    /// What the hellos of this session carry.
    pub fn token(&self) -> Option<Ticket> {
        self.session().token
    }

    /// Asks the server. A script that is too fast for it is slowed down, not refused, and one that comes between the
    /// end of a session and the next login waits for that.
    ///
    /// # Errors
    /// As [`Link::request`]; without a connection [`LinkError::Lost`].
    pub fn request(&self, request: &Request) -> Result<Answer, LinkError> {
        for _ in 1..PATIENCE {
            let answer = self.request_once(request)?;
            let Reply::Err(why) = &answer.end else { return Ok(answer) };
            let later = match why {
                Refusal::TooFast(_) => true,
                Refusal::LogInFirst => self.name().is_some(),
                _ => false,
            };
            if !later || self.end.wait(PAUSE) {
                return Ok(answer);
            }
        }
        self.request_once(request)
    }

    fn request_once(&self, request: &Request) -> Result<Answer, LinkError> {
        let link = self.session().link.clone();
        link.ok_or(LinkError::Lost)?.request(request)
    }

    /// The broadcasts.
    pub fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a broadcast and those that waited for it, once and in order.
    pub fn take_broadcast(&self, broadcast: Broadcast, way: Way) {
        let gap_before = self.show_in_order(|inbox| inbox.accept(broadcast, way));
        if way == Way::Tcp && !gap_before && self.inbox().has_gap() {
            self.say_hello();
        }
    }

    /// Up to `seq` nothing is missing, says the server.
    pub fn take_head(&self, seq: u64) {
        self.show_in_order(|inbox| inbox.head(seq));
    }

    /// Nothing comes by UDP here.
    pub fn give_up_gaps(&self) {
        self.show_in_order(Inbox::give_up_gaps);
    }

    /// The order on the screen is that in which the inbox gives them out, so both happen under its lock; showing
    /// only puts an event into a queue. Returns whether there was a gap before.
    fn show_in_order(&self, change: impl FnOnce(&mut Inbox) -> Vec<Broadcast>) -> bool {
        let since = self.session().since.unwrap_or(u64::MAX);
        let mut inbox = self.inbox();
        let gap_before = inbox.has_gap();
        for broadcast in change(&mut inbox) {
            let earlier = broadcast.unix_time < since;
            self.screen.show(Event::Broadcast { broadcast, earlier });
        }
        gap_before
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
