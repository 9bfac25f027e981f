//! The loop around a native session: it reads, writes, watches the clock, and carries out what the session decided.

use super::native::Session;
use super::native_step::{Next, Work};
use crate::net::listener::{Service, reached_address};
use crate::net::tls::Decrypting;
use crate::net::{DeadlineReader, Input, LineReader, Place, Refused, has_hung_up, is_network_loss};
use crate::protocol::{Event, MAX_LINE, Notice, Refusal, Reply};
use crate::server::allocator::MAPPED;
use crate::server::delivery::{MAX_WRITE, Mailbox, Outbox};
use crate::server::service::{ClientSnapshot, Rendezvous, files_lines, write};
use crate::value::sentence::counted;
use log::info;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long after a login the history waits for the client's first hello, which has it sent by datagrams. What is said
/// meanwhile, such as where the client listens, is answered before it.
const HELLO_WAIT: Duration = Duration::from_millis(300);
/// How long it waits for a hello that acknowledges some of it, as clients say one each 5 s. Else datagrams may get through
/// one way only.
const ACKNOWLEDGEMENT_WAIT: Duration = Duration::from_secs(6);
/// The time between two pieces of it, in which lines are read and answered.
const PIECE_PAUSE: Duration = Duration::from_millis(1);
/// Bytes of room for answers that a client keeps while it says nothing. Taken before a line is looked at: where the answer is
/// written, the stack is deep already.
const KEPT_ANSWER: usize = 128;

/// Serves the main port.
pub struct Native<'a> {
    /// What is done for clients.
    pub services: &'a Rendezvous,
    /// The port on which the same is spoken by TLS.
    pub tls_port: Option<u16>,
}

impl Service for Native<'_> {
    const NAME: &'static str = "client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let Some(mut connection) = Connection::open(self.services, stream, peer, place, None) else { return };
        connection.tls_port = self.tls_port;
        let _counted = self.services.counters.connected(None);
        info!("{peer}: connected");
        connection.talk();
        connection.finish();
    }

    /// One write, which finds the send buffer of a new connection empty.
    fn refuse(&self, mut stream: &TcpStream, why: Refused) {
        let reply = Reply::Err(self.services.not_served(why));
        // A client that has left already need not be told.
        let _ = stream.write_all(format!("{reply}\n").as_bytes());
    }

    fn turn_away(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        self.services.turn_away(peer.ip()).map(|refusal| format!("{}\n", Reply::Err(refusal)).into_bytes())
    }

    fn give_way(&self) -> Option<Vec<u8>> {
        Some(format!("{}\n", Event::Notice(Notice::GivesWay)).into_bytes())
    }
}

/// The conversation of one client.
pub(super) struct Connection<'a> {
    session: Session<'a>,
    stream: &'a Arc<TcpStream>,
    peer: SocketAddr,
    outbox: Arc<Outbox>,
    lines: LineReader<Input>,
    /// What is to be written.
    answer: String,
    history: History,
    /// The port to go to for who begins with TLS here.
    tls_port: Option<u16>,
}

/// What becomes of the broadcasts of the last half hour after a login. No answer waits behind all of them.
#[derive(Clone, Copy)]
enum History {
    /// The client has them, or is sent them by datagrams; the broadcaster sends what comes.
    Over,
    /// A first hello is waited for.
    Hello(Instant),
    /// A hello has come, and one that acknowledges something is waited for.
    Acknowledgement(Instant),
    /// The next piece is to be sent on this connection.
    Piece(Instant),
}

impl History {
    /// When to go on with it.
    fn due(self) -> Option<Instant> {
        match self {
            History::Over => None,
            History::Hello(due) | History::Acknowledgement(due) | History::Piece(due) => Some(due),
        }
    }
}

impl<'a> Connection<'a> {
    /// The connection of a client that has just come, greeted; nothing when it has ended already.
    ///
    /// In a Box, and made out of line: a client that waits is to touch two pages of stack, of which more than half is
    /// taken before its session begins. What follows is out of line where it goes deep and is seldom done, so that the
    /// frame of it does not lie under all that is done otherwise.
    #[inline(never)]
    pub(super) fn open(
        services: &'a Rendezvous,
        stream: &'a Arc<TcpStream>,
        peer: SocketAddr,
        place: &'a Place<'a>,
        tls: Option<Box<Decrypting>>,
    ) -> Option<Box<Connection<'a>>> {
        let outbox = match &tls {
            None => Outbox::new(Arc::clone(stream), place.wire(), &services.counters),
            Some(tls) => Outbox::encrypted(tls.channel(), place.wire(), &services.counters),
        };
        let outbox = Arc::new(outbox.ok()?);
        let mut answer = String::new();
        let mailbox = Arc::clone(&outbox) as Arc<dyn Mailbox>;
        let session =
            Session::new(services, peer, reached_address(stream), mailbox, place, Instant::now(), &mut answer);
        let clear = || Input::clear(DeadlineReader::new(Arc::clone(stream), None).recorded(place.wire()));
        let (lines, history) = (LineReader::new(tls.map_or_else(clear, Input::Tls), MAX_LINE), History::Over);
        Some(Box::new(Connection { session, stream, peer, outbox, answer, lines, history, tls_port: None }))
    }

    /// Talks until the client leaves or is closed.
    pub(super) fn talk(&mut self) {
        let mut next = Next::Read;
        loop {
            next = match next {
                Next::Close => return,
                // Before anything takes time: whether the client is still there shows when it is written to.
                Next::Do(_) if !self.flush() => return,
                Next::Do(work) => match self.carry_out(work) {
                    Some(next) => next,
                    None => return,
                },
                Next::Read => match self.read() {
                    Some(next) => next,
                    None => return,
                },
            };
        }
    }

    /// What the next line leads to; nothing when the connection is over. Answers share a write with those of lines
    /// that have arrived already.
    fn read(&mut self) -> Option<Next> {
        let share = self.lines.has_line() && self.answer.len() < MAX_WRITE;
        if (!share && !self.flush()) || self.outbox.is_closed() {
            return None;
        }
        let (deadline, now) = (self.session.login.deadline(), Instant::now());
        // A line that has arrived already would be read without a look at the clock.
        if deadline.is_some_and(|deadline| deadline <= now) {
            return self.time_is_up(now);
        }
        if !share && self.history.due().is_some_and(|due| due <= now) && !self.go_on(now) {
            return None;
        }
        let until = [deadline, self.history.due()].into_iter().flatten().min();
        self.lines.get_mut().set_deadline(until);
        self.lines.get_mut().set_rate(self.session.login.read_rate());
        self.lines.set_most(self.session.login.most_without_lf());
        let wire = self.session.login.wire();
        wire.expects(|| self.session.expected());
        match self.lines.next_line() {
            Ok(Some(line)) => {
                wire.line();
                self.answer.reserve(KEPT_ANSWER);
                Some(self.session.take(line, Instant::now(), &mut self.answer))
            }
            Ok(None) => None,
            Err(error) if error.kind() == ErrorKind::TimedOut && until != deadline => Some(Next::Read),
            Err(error) if error.kind() == ErrorKind::TimedOut => self.time_is_up(Instant::now()),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                write(&mut self.answer, Reply::Err(Refusal::Other(format!("{error}: not a text protocol"))));
                Some(Next::Close)
            }
            Err(error) => self.is_cut_off(&error),
        }
    }

    /// Nothing can be read any more, or what came is no line of text at all.
    #[inline(never)]
    fn is_cut_off(&mut self, error: &io::Error) -> Option<Next> {
        match error.kind() {
            ErrorKind::Unsupported => {
                let there = self.tls_port.map(|port| format!(": TLS is on port {port}")).unwrap_or_default();
                write(&mut self.answer, Reply::Err(Refusal::Other(format!("This port speaks plain text{there}"))));
                return Some(Next::Close);
            }
            ErrorKind::ConnectionAborted => info!("{}: {error}", self.session.login.who()),
            _ if is_network_loss(error) => self.session.login.leave_lost(),
            _ => {}
        }
        None
    }

    /// What the result leads to; nothing when the connection is over.
    #[inline(never)]
    #[expect(clippy::boxed_local, reason = "it is not to lie on the stack of the loop")]
    fn carry_out(&mut self, work: Box<Work>) -> Option<Next> {
        let stream = Arc::clone(self.stream);
        let has_gone = move || has_hung_up(&stream);
        let (session, answer) = (&mut self.session, &mut self.answer);
        match *work {
            Work::SignUp(credentials) => {
                let result = session.login.sign_up(&credentials, &has_gone);
                Some(session.signed_up(result, answer))
            }
            Work::LogIn(credentials) => {
                let result = session.login.log_in(&credentials, &has_gone);
                Some(session.logged_in(result, answer))
            }
            Work::GoOn(again) => {
                let result = session.login.go_on(&again, &has_gone);
                Some(session.logged_in(result, answer))
            }
            Work::ChangePassword(change) => {
                let result = session.login.change_password(&change, &has_gone);
                Some(session.changed_password(result, answer))
            }
            Work::Probe(probe) => Some(session.probed(probe.run(self.peer), answer)),
            Work::CatchUp => self.catch_up().then_some(Next::Read),
            Work::Files(clients) => self.send_files(&clients).then_some(Next::Read),
            Work::Watch => self.outbox.answer_with(|| session.watch().into_bytes()).then_some(Next::Read),
        }
    }

    /// Writes what is to be written; false when the connection is over.
    fn flush(&mut self) -> bool {
        self.session.commit(&mut self.answer);
        let written = self.answer.is_empty() || self.outbox.answer(self.answer.as_bytes());
        self.answer.clear();
        // What a short answer takes is kept for the next one, and a longer one is given back.
        if self.answer.capacity() > KEPT_ANSWER {
            self.answer = String::new();
        }
        written
    }

    /// Sends what else has waited for the login, and begins with the broadcasts of the last half hour that this
    /// connection was not sent yet; false when it is over.
    #[inline(never)]
    fn catch_up(&mut self) -> bool {
        self.session.servers_since(&mut self.answer);
        if !self.flush() {
            return false;
        }
        self.session.login.deliver_owed();
        if self.session.login.lacks_broadcasts() {
            let now = Instant::now();
            // No hello comes where nobody was told a token.
            self.history =
                if self.outbox.is_encrypted() { History::Piece(now) } else { History::Hello(now + HELLO_WAIT) };
        } else {
            self.session.login.start_broadcasts();
        }
        true
    }

    /// Goes on with the history, whose time has come; false when the connection is over.
    #[inline(never)]
    fn go_on(&mut self, now: Instant) -> bool {
        self.history = match self.history {
            History::Hello(_) if self.session.login.has_said_hello() => {
                History::Acknowledgement(now + ACKNOWLEDGEMENT_WAIT)
            }
            History::Acknowledgement(_) if self.session.login.acknowledges() => History::Over,
            _ => {
                let lines = self.next_piece();
                if lines.is_empty() {
                    self.session.login.start_broadcasts();
                    History::Over
                } else if self.outbox.answer(lines.as_bytes()) {
                    History::Piece(Instant::now() + PIECE_PAUSE)
                } else {
                    return false;
                }
            }
        };
        true
    }

    /// The deadline has come. Who gets broadcasts on this connection has all of them before the login ends.
    #[inline(never)]
    fn time_is_up(&mut self, now: Instant) -> Option<Next> {
        self.session.commit(&mut self.answer);
        let history = std::mem::replace(&mut self.history, History::Over);
        if history.due().is_some() && !self.session.login.has_said_hello() && !self.send_broadcasts() {
            return None;
        }
        Some(self.session.time_is_up(now, &mut self.answer))
    }

    /// Sends all of the broadcasts that the connection was not sent yet; false when it is over.
    #[inline(never)]
    fn send_broadcasts(&mut self) -> bool {
        loop {
            let lines = self.next_piece();
            if lines.is_empty() || !self.outbox.answer(lines.as_bytes()) {
                return lines.is_empty();
            }
        }
    }

    /// The lines of the next broadcasts that the connection was not sent yet; none when it was sent all.
    fn next_piece(&mut self) -> String {
        let mut lines = String::new();
        for broadcast in self.session.login.read_broadcasts(MAX_WRITE) {
            write(&mut lines, Event::Broadcast(broadcast));
        }
        lines
    }

    /// Sends `files_` lines client by client: all of them together may be too much to hold.
    #[inline(never)]
    fn send_files(&mut self, clients: &[ClientSnapshot]) -> bool {
        let mut total = 0;
        // At once, and as what is given back whole: many may ask for all files.
        self.answer.reserve(MAPPED);
        for client in clients {
            let files = match self.session.files(client) {
                Ok(files) => files,
                Err(away) => {
                    write(&mut self.answer, Reply::Err(away.into()));
                    return self.flush();
                }
            };
            total += files.len();
            for line in files_lines(&client.name, &files) {
                write(&mut self.answer, line);
                if self.answer.len() < MAX_WRITE {
                    continue;
                }
                if !self.outbox.answer(self.answer.as_bytes()) {
                    return false;
                }
                self.answer.clear();
                // Whoever asks again and again keeps the processors from nobody.
                thread::sleep(self.session.login.count_piece(Instant::now()));
            }
        }
        write(&mut self.answer, Reply::Ok(counted(total, "file")));
        self.flush()
    }

    /// Logs out and writes the last lines. Whoever broadcasts and leaves at once gets their own line all the same.
    #[inline(never)]
    pub(super) fn finish(&mut self) {
        self.session.commit(&mut self.answer);
        let who = self.session.login.who().to_string();
        let owed = self.session.login.leave();
        if !owed || self.send_broadcasts() {
            self.flush();
        }
        self.outbox.finish();
        // At the end, as the last lines may have met nobody too.
        if self.outbox.has_lost() {
            self.session.login.leave_lost();
        }
        info!("{who}: disconnected");
    }
}
