//! One client: it signs up, logs in, does what is its turn, sees what comes, and comes back when its connection ends.
//! It runs on a small thread of its own, and waits in `poll` alone.

use crate::book::Book;
use crate::class::Class;
use crate::connection::{Connection, LIMIT};
use crate::ledger::{Sent, View, seq_of};
use crate::mark::Mark;
use crate::options::name;
use crate::rules;
use crate::schedule::Turns;
use crate::udp::Udp;
use crate::wait::{Bell, readable};
use peerline::protocol::{Broadcast, Notice, Refusal, Reply};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The most lines that wait for an answer.
const MAX_ASKED: usize = 64;
/// Who is silent for so long says a word: servers close who is idle.
const SILENCE: Duration = Duration::from_secs(300);
/// How long the server may take to close after a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// The first pause before a connection that ended is made anew; it doubles, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How often a first login is tried when the server says that it is busy.
const TRIES: u32 = 5;

/// A client.
pub struct Client<'a> {
    class: &'a Class,
    seat: usize,
    udp: Option<Udp>,
    book: Book,
}

/// What one connection is doing.
struct Session {
    connection: Connection,
    view: View,
    asked: VecDeque<Asked>,
    /// When it said something last.
    said: Instant,
    /// What the server gave as a reason before it closed.
    notice: Option<Notice>,
}

struct Asked {
    what: What,
    /// When it was to be asked.
    due: Instant,
}

enum What {
    Broadcast { number: u64, at: u64 },
    Query,
    Word,
}

/// Why a session is over.
enum End {
    /// The run is over.
    Leave,
    /// It is this client's turn to leave and come back, or to log in anew.
    Return,
    /// It must not come back.
    Away(String),
    /// Not by its own wish.
    Closed(String),
}

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

/// What a client does again and again, when the run has begun.
#[derive(Default)]
struct Plan {
    broadcast: Option<Turns>,
    query: Option<Turns>,
    churn: Option<Turns>,
    is_made: bool,
}

impl Plan {
    fn of(class: &Class, seat: usize, begin: Instant) -> Plan {
        let turns = |pace: crate::options::Pace| {
            pace.0.map(|rate| Turns::new(rate, seat, class.options.clients as usize, begin))
        };
        let options = &class.options;
        Plan {
            broadcast: turns(options.broadcast),
            query: turns(options.queries),
            churn: turns(options.churn),
            is_made: true,
        }
    }

    fn next(&self) -> Option<Instant> {
        [self.broadcast, self.query, self.churn].into_iter().flatten().map(|turns| turns.next()).min()
    }
}

fn take(turns: &mut Option<Turns>, now: Instant) -> Option<Instant> {
    turns.as_mut()?.take(now)
}

impl<'a> Client<'a> {
    /// The client of a seat.
    pub fn new(class: &'a Class, seat: usize) -> Client<'a> {
        Client { class, seat, udp: None, book: Book::default() }
    }

    /// Lives until the class leaves. `entered` is told once, when it is in or cannot come in.
    pub fn live(mut self, entered: impl FnOnce()) -> Book {
        let first = self.first_login();
        entered();
        let mut plan = Plan::default();
        let mut session = first;
        while let Some(mut current) = session.take() {
            self.class.sit_down(self.seat);
            let end = self.play(&mut current, &mut plan);
            self.class.stand_up(self.seat);
            if let Some(udp) = &mut self.udp {
                udp.begin(None);
            }
            session = self.follow(current, end);
        }
        if let Some(udp) = self.udp {
            self.book.udp = udp.counts;
        }
        self.book
    }

    /// What follows the end of a session: another one, or none.
    fn follow(&mut self, mut session: Session, end: End) -> Option<Session> {
        match &end {
            End::Leave => session.view.stayed = !self.class.is_hurried(),
            End::Away(why) | End::Closed(why) => self.book.closed.add(why),
            End::Return => {}
        }
        if matches!(end, End::Leave | End::Return) {
            session.say_goodbye();
        }
        self.book.views.push(session.view);
        match end {
            End::Leave | End::Away(_) => None,
            End::Return => self.come_back(Duration::ZERO),
            End::Closed(_) => self.come_back(FIRST_PAUSE),
        }
    }

    fn first_login(&mut self) -> Option<Session> {
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
    fn come_back(&mut self, mut pause: Duration) -> Option<Session> {
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

    fn refused(&mut self, refusal: &Refusal) {
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

    /// A session from its login to its end.
    fn play(&mut self, session: &mut Session, plan: &mut Plan) -> End {
        loop {
            let step = self.step(session, plan);
            match step {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(error) => {
                    let why = session.notice.take().map_or(error.to_string(), |notice| notice.to_string());
                    return End::Closed(why);
                }
            }
        }
    }

    fn step(&mut self, session: &mut Session, plan: &mut Plan) -> io::Result<Option<End>> {
        let now = Instant::now();
        if self.class.leave.is_rung() {
            return Ok(Some(End::Leave));
        }
        if let Some(end) = self.take_turns(session, plan, now)? {
            return Ok(Some(end));
        }
        if let Some(udp) = &mut self.udp {
            let shown = udp.say(now);
            self.show(&mut session.view, shown);
        }
        if session.asked.front().is_some_and(|asked| asked.due + LIMIT <= now) {
            return Err(io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", LIMIT.as_secs())));
        }
        self.wait(session, plan, now)?;
        while let Some(reply) = session.connection.next()? {
            if let Some(end) = self.take(session, reply) {
                return Ok(Some(end));
            }
        }
        if let Some(udp) = &mut self.udp {
            let shown = udp.arrived();
            self.show(&mut session.view, shown);
        }
        Ok(None)
    }

    fn wait(&self, session: &Session, plan: &Plan, now: Instant) -> io::Result<()> {
        let class = self.class;
        let hello = self.udp.as_ref().and_then(Udp::deadline);
        let answer = session.asked.front().map(|asked| asked.due + LIMIT);
        let turn = if self.is_saying(now) { plan.next() } else { None };
        let word = Some(session.said + SILENCE);
        let until = [hello, answer, turn, word].into_iter().flatten().min().unwrap_or(now);
        let bell: &Bell = if plan.is_made || class.begin.is_rung() { &class.leave } else { &class.begin };
        let sockets = [session.connection.as_fd(), bell.as_fd()];
        match &self.udp {
            Some(udp) => readable(&[sockets[0], sockets[1], udp.as_fd()], until),
            None => readable(&sockets, until),
        }
    }

    /// Whether the run has begun and is not over.
    fn is_saying(&self, now: Instant) -> bool {
        self.class.is_going_on() && self.class.times().is_some_and(|(begin, until)| begin <= now && now < until)
    }

    /// Says what is this client's turn.
    fn take_turns(&mut self, session: &mut Session, plan: &mut Plan, now: Instant) -> io::Result<Option<End>> {
        if now >= session.said + SILENCE {
            self.ask(session, "here", What::Word, now)?;
        }
        let Some((begin, _)) = self.class.times().filter(|_| self.is_saying(now)) else { return Ok(None) };
        if !plan.is_made {
            *plan = Plan::of(self.class, self.seat, begin);
        }
        if let Some(due) = take(&mut plan.broadcast, now) {
            let (number, at) = (self.class.number(), self.class.micros(now));
            let mark = Mark { run: self.class.run, number, at };
            let line = format!("bcast_{}{mark}", self.class.options.say);
            self.ask(session, &line, What::Broadcast { number, at }, due)?;
        }
        if let Some(due) = take(&mut plan.query, now) {
            // The one in the next seat; which one makes no difference to the server.
            let other = (self.seat + 1) % self.class.options.clients as usize;
            self.ask(session, &format!("GET_P,{}", name(&self.class.prefix, other)), What::Query, due)?;
        }
        Ok(take(&mut plan.churn, now).map(|_| End::Return))
    }

    fn ask(&mut self, session: &mut Session, line: &str, what: What, due: Instant) -> io::Result<()> {
        if session.asked.len() >= MAX_ASKED {
            self.book.left_out += 1;
            return Ok(());
        }
        session.asked.push_back(Asked { what, due });
        session.said = Instant::now();
        session.connection.send(line)
    }

    fn take(&mut self, session: &mut Session, reply: Reply) -> Option<End> {
        match reply {
            Reply::Broadcast(broadcast) => self.by_tcp(&mut session.view, broadcast),
            Reply::Notice(Notice::SessionExpired) => return Some(End::Return),
            Reply::Notice(notice) if notice.forbids_return() => return Some(End::Away(notice.to_string())),
            Reply::Notice(notice) => session.notice = Some(notice),
            Reply::Ok(text) => self.answered(session, Ok(&text)),
            Reply::Up => self.answered(session, Ok("")),
            Reply::Err(refusal) => self.answered(session, Err(refusal)),
            // The lines of an answer that nobody here needs, and events of peers.
            _ => {}
        }
        None
    }

    fn answered(&mut self, session: &mut Session, answer: Result<&str, Refusal>) {
        match (session.asked.pop_front(), answer) {
            (None, Ok(_)) => self.book.refused.add("an answer came to nothing that was asked"),
            // A server may not know it.
            (Some(Asked { what: What::Word, .. }), _) => {}
            // Who is looked up may be away for a moment.
            (Some(Asked { what: What::Query, due }), Ok(_) | Err(Refusal::UserNotFound)) => {
                self.book.queries.add(due.elapsed());
            }
            (Some(Asked { what: What::Broadcast { number, at }, .. }), Ok(text)) => {
                let seq = seq_of(text);
                self.class.acknowledge(seq);
                self.book.sent.push(Sent { number, seq, at });
            }
            (_, Err(refusal)) => self.refused(&refusal),
        }
    }

    fn by_tcp(&mut self, view: &mut View, broadcast: Broadcast) {
        let shown = match &mut self.udp {
            Some(udp) => udp.by_tcp(broadcast),
            None => vec![broadcast],
        };
        self.show(view, shown);
    }

    fn show(&mut self, view: &mut View, shown: Vec<Broadcast>) {
        if shown.is_empty() {
            return;
        }
        for broadcast in &shown {
            let mark = Mark::parse(&broadcast.text).filter(|mark| mark.run == self.class.run);
            if view.see(broadcast.seq, mark) {
                self.book.deliveries.add(self.class.since(mark.map_or(0, |mark| mark.at)));
            }
        }
        self.class.see(self.seat, shown.len() as u64, view.last().unwrap_or(0));
    }
}

impl Session {
    /// Leaves, and waits until the server has closed: then the place is free.
    fn say_goodbye(&mut self) {
        let until = Instant::now() + GOODBYE;
        let mut is_open = self.connection.send("quit").is_ok();
        while is_open && Instant::now() < until {
            is_open = match self.connection.next() {
                Ok(Some(_)) => true,
                Ok(None) => readable(&[self.connection.as_fd()], until).is_ok(),
                Err(_) => false,
            };
        }
    }
}
