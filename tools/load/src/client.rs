//! One client: it signs up, logs in, does what is its turn, sees what comes, and comes back when its connection ends.
//! It runs on a small thread of its own, and waits in `poll` alone.

mod session;
mod login;

use crate::book::Book;
use crate::class::Class;
use crate::connection::LIMIT;
use crate::ledger::{Sent, View, seq_of};
use crate::mark::Mark;
use crate::options::name;
use crate::udp::Udp;
use crate::wait::{Bell, readable};
use login::FIRST_PAUSE;
use peerline::protocol::{Broadcast, Notice, Refusal, Reply};
use session::{Asked, Plan, Session, What};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long it takes until what has happened is told, and a little more.
const TOLD: Duration = Duration::from_millis(300);
/// After so many lists that differ from what was told it is wrong.
const MAX_TRIES: u32 = 10;
/// The most lines that wait for an answer.
const MAX_ASKED: usize = 64;
/// Who is silent for so long says a word: servers close who is idle.
const SILENCE: Duration = Duration::from_secs(300);
/// A client.
pub struct Client<'a> {
    class: &'a Class,
    seat: usize,
    udp: Option<Udp>,
    book: Book,
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
            End::Leave => {
                session.view.stayed = !self.class.is_hurried();
                self.book.lists += u64::from(self.class.watches(self.seat));
                self.book.right_lists += u64::from(session.people.is_right);
            }
            End::Away(why) | End::Closed(why) => self.book.closed.add(why),
            End::Return => {}
        }
        if matches!(end, End::Leave | End::Return) {
            session.say_goodbye();
        }
        self.book.told.joined += session.people.counts.joined;
        self.book.told.left += session.people.counts.left;
        self.book.views.push(session.view);
        match end {
            End::Leave | End::Away(_) => None,
            End::Return => self.come_back(Duration::ZERO),
            End::Closed(_) => self.come_back(FIRST_PAUSE),
        }
    }

    /// A session from its login to its end.
    fn play(&mut self, session: &mut Session, plan: &mut Plan) -> End {
        let mut begun = self.watch(session);
        plan.is_inactive = false;
        loop {
            let step = std::mem::replace(&mut begun, Ok(())).and_then(|()| self.step(session, plan));
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

    fn watch(&mut self, session: &mut Session) -> io::Result<()> {
        if !self.class.watches(self.seat) {
            return Ok(());
        }
        self.ask(session, "watch", What::Watch, Instant::now())
    }

    /// Asks for the list when nothing happens any more, and again as long as it differs from what was told.
    fn compare(&mut self, session: &mut Session, now: Instant) -> io::Result<()> {
        let over = self.class.times().filter(|_| self.class.watches(self.seat) && !self.class.is_decided(self.seat));
        let Some((_, until)) = over else { return Ok(()) };
        let lists_at = *session.lists_at.get_or_insert(until + TOLD);
        if now < lists_at {
            return Ok(());
        }
        session.lists_at = Some(now + TOLD);
        self.ask(session, "list", What::List, now)
    }

    fn step(&mut self, session: &mut Session, plan: &mut Plan) -> io::Result<Option<End>> {
        let now = Instant::now();
        if self.class.leave.is_rung() {
            return Ok(Some(End::Leave));
        }
        if let Some(end) = self.take_turns(session, plan, now)? {
            return Ok(Some(end));
        }
        self.compare(session, now)?;
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
        let list = session.lists_at.filter(|_| !self.class.is_decided(self.seat));
        let until = [hello, answer, turn, word, list].into_iter().flatten().min().unwrap_or(now);
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
        if let Some(due) = plan.broadcast.as_mut().and_then(|turns| turns.take(now)) {
            let (number, at) = (self.class.number(), self.class.micros(now));
            let mark = Mark { run: self.class.run, number, at };
            let line = format!("bcast_{}{mark}", self.class.options.say);
            self.ask(session, &line, What::Broadcast { number, at }, due)?;
        }
        if let Some(due) = plan.query.as_mut().and_then(|turns| turns.take(now)) {
            // The one in the next seat; which one makes no difference to the server.
            let other = (self.seat + 1) % self.class.options.clients as usize;
            self.ask(session, &format!("GET_P,{}", name(&self.class.prefix, other)), What::Query, due)?;
        }
        if plan.flip.as_mut().and_then(|turns| turns.take(now)).is_some() {
            plan.is_inactive = !plan.is_inactive;
            let line = if plan.is_inactive { "inactive" } else { "active" };
            self.ask(session, line, What::Flip, now)?;
        }
        Ok(plan.churn.as_mut().and_then(|turns| turns.take(now)).map(|_| End::Return))
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
            // Of the others nobody here needs to know.
            reply => session.people.take(reply),
        }
        None
    }

    fn answered(&mut self, session: &mut Session, answer: Result<&str, Refusal>) {
        match (session.asked.pop_front(), answer) {
            (None, Ok(_)) => self.book.refused.add("an answer came to nothing that was asked"),
            // A server may not know it.
            (Some(Asked { what: What::Word, .. }), _) | (Some(Asked { what: What::Flip, .. }), Ok(_)) => {}
            (Some(Asked { what: What::Watch, .. }), Ok(_)) => session.people.begin(),
            (Some(Asked { what: What::List, .. }), Ok(_)) => {
                session.people.compare();
                if session.people.is_right || session.people.tries >= MAX_TRIES {
                    self.class.decide(self.seat);
                }
            }
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
