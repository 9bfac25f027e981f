//! How a client comes in: sign-up, login, and what it does when it is not let in. It waits with a limit, and never longer
//! than the class is there.

use super::Client;
use super::session::Session;
use crate::connection::{Connection, LIMIT};
use crate::ledger::View;
use crate::options::name;
use crate::people::People;
use crate::rules;
use crate::udp::Udp;
use crate::wait::readable;
use peerline::protocol::{Notice, Refusal, Reply};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The first pause before a connection that ended is made anew; it doubles, up to the longest.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How often a first login is tried when the server says that it is busy.
const TRIES: u32 = 5;

/// Why a login failed.
enum Failure {
    Refused(Refusal),
    /// The connection was closed, and this was said before.
    Closed(Notice),
    Broken(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Broken(error)
    }
}

impl Client<'_> {
    /// The first login, with a sign-up; `None`, and the reason in the book, when it cannot come in.
    pub(super) fn first_login(&mut self) -> Option<Session> {
        if self.class.options.udp {
            match Udp::new(self.class.server) {
                Ok(udp) => self.udp = Some(udp),
                Err(error) => {
                    self.book.kept_out.add(&format!("no socket for datagrams: {error}"));
                    return None;
                }
            }
        }
        for tried in 1.. {
            let why = match self.log_in(true) {
                Ok(session) => return Some(session),
                Err(Failure::Refused(Refusal::BusyWithLogins)) if tried < TRIES => {
                    self.pause(FIRST_PAUSE * tried);
                    continue;
                }
                Err(failure) => self.words(failure),
            };
            if !self.class.leave.is_rung() {
                self.book.kept_out.add(&why);
            }
            break;
        }
        None
    }

    /// Logs in again, as often as it takes, until the run is over.
    pub(super) fn come_back(&mut self, mut pause: Duration) -> Option<Session> {
        loop {
            self.pause(pause);
            let is_over = self.class.times().is_some_and(|(_, until)| Instant::now() >= until);
            if self.class.leave.is_rung() || !self.class.is_going_on() || is_over {
                return None;
            }
            match self.log_in(false) {
                Ok(session) => return Some(session),
                Err(Failure::Refused(refusal)) => self.refused(&refusal),
                // It was told when the connection ended.
                Err(Failure::Broken(_) | Failure::Closed(_)) => {}
            }
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        }
    }

    /// Waits, but for no run that is over.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.class.leave.is_rung() {
            if readable(&[self.class.leave.as_fd()], until).is_err() {
                break;
            }
        }
    }

    fn words(&self, failure: Failure) -> String {
        match failure {
            Failure::Refused(refusal) => {
                format!("{refusal}\n    {}", rules::of_refusal(&refusal, self.class.options.clients))
            }
            Failure::Closed(notice) => {
                let advice = rules::of_notice(&notice, self.class.options.clients);
                advice.map_or(notice.to_string(), |advice| format!("{notice}\n    {advice}"))
            }
            Failure::Broken(error) => error.to_string(),
        }
    }

    /// The server did not carry something out.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        let words = self.words(Failure::Refused(refusal.clone()));
        self.book.refused.add(&words);
    }

    fn log_in(&mut self, sign_up: bool) -> Result<Session, Failure> {
        let options = &self.class.options;
        let (name, password) = (name(&self.class.prefix, self.seat), &options.password);
        let mut session = Session {
            connection: Connection::open(self.class.server, LIMIT)?,
            view: View::new(),
            asked: VecDeque::new(),
            said: Instant::now(),
            people: People::default(),
            lists_at: None,
            notice: None,
        };
        self.await_answer(&mut session, &mut |_| {})?;
        if sign_up {
            session.connection.send(&format!("SIGNUP,{name},{password}"))?;
            match self.await_answer(&mut session, &mut |_| {}) {
                // From an earlier run: its password will do, or the login says so.
                Ok(()) | Err(Failure::Refused(Refusal::NameTaken)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut token = None;
        let asked = Instant::now();
        session.connection.send(&format!("LOGIN,{name},{password}"))?;
        self.await_answer(&mut session, &mut |reply| {
            if let Reply::Udp(told) = reply {
                token = Some(*told);
            }
        })?;
        let now = Instant::now();
        self.book.logins.add(now - asked);
        session.view.log_in(self.class.micros(now));
        session.said = now;
        if let Some(udp) = &mut self.udp {
            // A server that tells no token has no datagrams: all comes by the connection then.
            udp.begin(token);
        }
        Ok(session)
    }

    /// Waits for the end of an answer; what stands before it goes to `data`.
    fn await_answer(&mut self, session: &mut Session, data: &mut dyn FnMut(&Reply)) -> Result<(), Failure> {
        let until = Instant::now() + LIMIT;
        loop {
            let next = match session.connection.next() {
                Err(error) => return Err(session.notice.take().map_or(Failure::Broken(error), Failure::Closed)),
                Ok(next) => next,
            };
            match next {
                Some(Reply::Ok(_) | Reply::Up) => return Ok(()),
                Some(Reply::Err(refusal)) => return Err(Failure::Refused(refusal)),
                Some(Reply::Broadcast(broadcast)) => self.by_tcp(&mut session.view, broadcast),
                Some(Reply::Notice(notice)) => session.notice = Some(notice),
                Some(reply) => data(&reply),
                None if self.class.leave.is_rung() => return Err(io::Error::other("the run is over").into()),
                None if Instant::now() >= until => {
                    let why = format!("the server did not answer within {} s", LIMIT.as_secs());
                    return Err(io::Error::new(ErrorKind::TimedOut, why).into());
                }
                None => readable(&[session.connection.as_fd(), self.class.leave.as_fd()], until)?,
            }
        }
    }
}
