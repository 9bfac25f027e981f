//! The loop around a native session: it reads, writes, watches the clock, and carries out what the session decided.

use super::native::{Next, Session, Work};
use crate::net::listener::{Service, reached_address};
use crate::net::{DeadlineReader, LineReader, Place, Refused, has_hung_up, is_network_loss};
use crate::protocol::{Event, MAX_LINE, Notice, Refusal, Reply};
use crate::server::delivery::{MAX_WRITE, Mailbox, Outbox};
use crate::server::service::{ClientSnapshot, Rendezvous, files_lines, reach, write};
use crate::value::sentence::counted;
use log::info;
use nix::libc;
use socket2::SockRef;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Serves the main port.
pub struct Native<'a>(pub &'a Rendezvous);

impl Service for Native<'_> {
    const NAME: &'static str = "client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let Ok(outbox) = Outbox::new(Arc::clone(stream)) else { return };
        let (outbox, mut answer) = (Arc::new(outbox), String::new());
        let mailbox = Arc::clone(&outbox) as Arc<dyn Mailbox>;
        let session = Session::new(self.0, peer, reached_address(stream), mailbox, place, Instant::now(), &mut answer);
        let reader = DeadlineReader::new(Arc::clone(stream), None);
        let mut connection = Connection { session, stream, outbox, answer, lines: LineReader::new(reader, MAX_LINE) };
        info!("{peer}: connected");
        connection.talk();
        let who = connection.session.login.who();
        connection.finish();
        info!("{who}: disconnected");
    }

    /// One write, which finds the send buffer of a new connection empty.
    fn refuse(&self, mut stream: &TcpStream, why: Refused) {
        let reply = Reply::Err(self.0.not_served(why));
        // A client that has left already need not be told.
        let _ = stream.write_all(format!("{reply}\n").as_bytes());
    }

    fn give_way(&self, stream: &TcpStream) {
        let notice = format!("{}\n", Event::Notice(Notice::GivesWay));
        // A client that does not read need not be told.
        let _ = SockRef::from(stream).send_with_flags(notice.as_bytes(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    }
}

struct Connection<'a> {
    session: Session<'a>,
    stream: &'a Arc<TcpStream>,
    outbox: Arc<Outbox>,
    lines: LineReader<DeadlineReader>,
    /// What is to be written.
    answer: String,
}

impl Connection<'_> {
    /// Talks until the client leaves or is closed.
    fn talk(&mut self) {
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
            return Some(self.session.time_is_up(now, &mut self.answer));
        }
        self.lines.get_mut().set_deadline(deadline);
        match self.lines.next_line() {
            Ok(Some(line)) => Some(self.session.take(line, Instant::now(), &mut self.answer)),
            Ok(None) => None,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Some(self.session.time_is_up(Instant::now(), &mut self.answer))
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                write(&mut self.answer, Reply::Err(Refusal::Other(format!("{error}: not a text protocol"))));
                Some(Next::Close)
            }
            Err(error) => {
                if is_network_loss(&error) {
                    self.session.login.leave_lost();
                }
                None
            }
        }
    }

    /// What the result leads to; nothing when the connection is over.
    fn carry_out(&mut self, work: Work) -> Option<Next> {
        let stream = Arc::clone(self.stream);
        let has_gone = move || has_hung_up(&stream);
        let (session, answer) = (&mut self.session, &mut self.answer);
        match work {
            Work::SignUp(credentials) => {
                let result = session.login.sign_up(&credentials, &has_gone);
                Some(session.signed_up(result, answer))
            }
            Work::LogIn(credentials) => {
                let result = session.login.log_in(&credentials, &has_gone);
                Some(session.logged_in(result, answer))
            }
            Work::Probe(address) => Some(session.probed(reach(address), answer)),
            Work::CatchUp => self.catch_up().then_some(Next::Read),
            Work::Files(clients) => self.send_files(&clients).then_some(Next::Read),
        }
    }

    /// Writes what is to be written; false when the connection is over.
    fn flush(&mut self) -> bool {
        let written = self.answer.is_empty() || self.outbox.answer(self.answer.as_bytes());
        self.answer.clear();
        self.answer.shrink_to(1024);
        written
    }

    /// Sends the broadcasts of the last half hour that this connection was not sent yet, then has the broadcaster
    /// send what comes.
    fn catch_up(&mut self) -> bool {
        let sent = self.send_broadcasts();
        self.session.login.start_broadcasts();
        sent
    }

    fn send_broadcasts(&mut self) -> bool {
        loop {
            let broadcasts = self.session.login.read_broadcasts(MAX_WRITE);
            if broadcasts.is_empty() {
                return true;
            }
            let lines: String = broadcasts.into_iter().map(|one| format!("{}\n", Event::Broadcast(one))).collect();
            if !self.outbox.answer(lines.as_bytes()) {
                return false;
            }
        }
    }

    /// Sends `files_` lines client by client: all of them together may be too much to hold.
    fn send_files(&mut self, clients: &[ClientSnapshot]) -> bool {
        let mut total = 0;
        for client in clients {
            total += client.files.len();
            for line in files_lines(client) {
                write(&mut self.answer, line);
                if self.answer.len() < MAX_WRITE {
                    continue;
                }
                if !self.flush() {
                    return false;
                }
                // Whoever asks again and again keeps the processors from nobody.
                thread::sleep(self.session.login.count_piece(Instant::now()));
            }
        }
        write(&mut self.answer, Reply::Ok(counted(total, "file")));
        self.flush()
    }

    /// Logs out and writes the last lines. Whoever broadcasts and leaves at once gets their own line all the same.
    fn finish(&mut self) {
        if self.outbox.has_lost() {
            self.session.login.leave_lost();
        }
        let owed = self.session.login.leave();
        if !owed || self.send_broadcasts() {
            self.flush();
        }
        self.outbox.finish();
    }
}
