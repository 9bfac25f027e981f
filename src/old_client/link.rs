//! The connection to the server: one thread reads it and sorts answers from events; any thread may ask.

use crate::net::DeadlineReader;
use crate::net::LineReader;
use crate::net::listener;
use crate::protocol::{EntryRequest, MAX_SERVER_LINE, MemberRequest, Reply, Request};
use crate::value::BadLine;
use crate::value::text;
use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown as Direction, SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long connecting may take, and then the greeting, however slowly its bytes come.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the answer to a password may take: the server hashes it, one after the other when many log in.
const HASHED_ANSWER: Duration = Duration::from_secs(60);
/// How long a line may take to leave.
const WRITE: Duration = Duration::from_secs(10);
/// The most data lines of an answer: far more than a server has clients.
const MAX_ANSWER: usize = 1 << 17;

/// What the server answered: its data lines, and the line that ended them.
#[derive(Debug)]
pub struct Answer {
    /// In the order in which they came.
    pub data: Vec<Reply>,
    /// `OK`, `ERR` or `UP`.
    pub end: Reply,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum LinkError {
    /// The connection is closed, or was never there.
    Lost,
    /// The server did not answer in time; the connection is given up, as a late answer could be taken for
    /// another's.
    Silent,
    /// The connection could not be made.
    Connect(io::Error),
    /// Somebody took the connection and did not greet in time.
    NoGreeting,
    /// The server answered the connection with a refusal.
    Refused(String),
    /// The request holds something that a line cannot; nothing was sent.
    NoLine(BadLine),
}

/// One connection to the server.
pub struct Link {
    stream: Arc<TcpStream>,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    asking: Option<Asking>,
    /// Whether a request is under way, from its start to its answer: there is one at a time.
    taken: bool,
    lost: bool,
}

/// A request that waits for its answer.
struct Asking {
    introduces: bool,
    data: Vec<Reply>,
    answer: SyncSender<Answer>,
}

/// The reading half, for the thread that calls [`Link::read`].
pub struct Reader(LineReader<DeadlineReader>);

impl Link {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// [`LinkError::Connect`], [`LinkError::NoGreeting`] after 5 s, or [`LinkError::Refused`] with what the server said.
    pub fn connect(server: SocketAddr) -> Result<(Link, Reader), LinkError> {
        let stream = TcpStream::connect_timeout(&server, CONNECT).map_err(LinkError::Connect)?;
        let set_up = listener::tune(&stream).and_then(|()| stream.set_write_timeout(Some(WRITE)));
        set_up.map_err(LinkError::Connect)?;
        let stream = Arc::new(stream);
        let timed = DeadlineReader::new(Arc::clone(&stream), Some(Instant::now() + CONNECT));
        let mut reader = Reader(LineReader::new(timed, MAX_SERVER_LINE));
        let greeting = reader.0.next_line().map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => LinkError::NoGreeting,
            _ => LinkError::Connect(error),
        });
        match greeting? {
            Some(Ok(line)) => match Reply::parse(line) {
                Reply::Ok(_) => {}
                Reply::Err(why) => return Err(LinkError::Refused(why.to_string())),
                _ => return Err(LinkError::Refused(format!("this is no peerline server, it says: {line}"))),
            },
            Some(Err(bad)) => return Err(LinkError::Refused(format!("this is no peerline server: {bad}"))),
            None => return Err(LinkError::Lost),
        }
        reader.0.get_mut().set_deadline(None);
        Ok((Link { stream, state: Mutex::default(), free: Condvar::new() }, reader))
    }

    /// The address from which this client talks.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Asks the server and waits for its answer: 10 s, or 60 s where it must hash a password. Requests of several
    /// threads take turns.
    ///
    /// # Errors
    /// [`LinkError::Lost`], [`LinkError::Silent`] or [`LinkError::NoLine`].
    pub fn request(&self, request: &Request) -> Result<Answer, LinkError> {
        let limit = match request {
            Request::Entry(EntryRequest::Login { .. }) | Request::Entry(EntryRequest::Signup { .. }) => HASHED_ANSWER,
            _ => ANSWER,
        };
        let line = request.to_string();
        if let Some(c) = text::first_forbidden(&line) {
            return Err(LinkError::NoLine(BadLine::Control(c)));
        }
        let (answer, answered) = sync_channel(1);
        let introduces = matches!(
            request,
            Request::Member(MemberRequest::Connect(_)) | Request::Member(MemberRequest::Message { .. })
        );
        self.take_turn(Asking { introduces, data: Vec::new(), answer })?;
        let sent = (&*self.stream).write_all(format!("{line}\n").as_bytes());
        let result = match sent.map(|()| answered.recv_timeout(limit)) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RecvTimeoutError::Timeout)) => Err(LinkError::Silent),
            Ok(Err(RecvTimeoutError::Disconnected)) | Err(_) => Err(LinkError::Lost),
        };
        if result.is_err() {
            self.close();
        }
        self.lock().taken = false;
        self.free.notify_one();
        result
    }

    fn take_turn(&self, asking: Asking) -> Result<(), LinkError> {
        let until = Instant::now() + HASHED_ANSWER;
        let mut state = self.lock();
        while state.taken && !state.lost {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LinkError::Silent);
            }
            state = self.free.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.lost {
            return Err(LinkError::Lost);
        }
        state.taken = true;
        state.asking = Some(asking);
        Ok(())
    }

    /// Ends the connection: the reader returns, requests fail.
    pub fn close(&self) {
        // An error says that it has ended already.
        let _ = self.stream.shutdown(Direction::Both);
    }

    /// Reads until the connection ends; every line that belongs to no answer goes to `on_event`.
    pub fn read(&self, reader: Reader, on_event: impl FnMut(Reply)) {
        self.read_lines(reader, on_event);
        let mut state = self.lock();
        state.lost = true;
        state.asking = None;
        drop(state);
        self.free.notify_all();
        self.close();
    }

    fn read_lines(&self, Reader(mut lines): Reader, mut on_event: impl FnMut(Reply)) {
        // A ticket that belongs to the answer if the next line is its `peer_` line, and is an event otherwise.
        let mut held: Option<Reply> = None;
        while let Ok(Some(line)) = lines.next_line() {
            let reply = match line {
                Ok(line) => Reply::parse(line),
                Err(bad) => Reply::Other(bad.to_string()),
            };
            if let Some(ticket) = held.take() {
                if !matches!(reply, Reply::Peer(_)) {
                    on_event(ticket);
                } else if let Some(stray) = self.sort(ticket) {
                    on_event(stray);
                }
            }
            if matches!(reply, Reply::Ticket { .. }) {
                if self.awaits_introduction() { held = Some(reply) } else { on_event(reply) }
            } else if matches!(reply, Reply::Broadcast(_) | Reply::Message { .. } | Reply::Notice(_)) {
                on_event(reply);
            } else if let Some(stray) = self.sort(reply) {
                on_event(stray);
            }
        }
    }

    /// Whether the request under way has a ticket in its answer. Only then may a ticket wait for the next line, as
    /// only then one is sure to come soon.
    fn awaits_introduction(&self) -> bool {
        self.lock().asking.as_ref().is_some_and(|asking| asking.introduces)
    }

    /// Adds a line to the answer that is awaited, and hands that over at its end; gives back what nobody awaits.
    fn sort(&self, reply: Reply) -> Option<Reply> {
        let mut state = self.lock();
        let Some(asking) = &mut state.asking else { return Some(reply) };
        if !reply.is_final() {
            if asking.data.len() < MAX_ANSWER {
                asking.data.push(reply);
            }
            return None;
        }
        let asking = state.asking.take()?;
        drop(state);
        // The asker may have given up.
        let _ = asking.answer.try_send(Answer { data: asking.data, end: reply });
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Lost => f.write_str("the connection to the server is lost"),
            LinkError::Silent => f.write_str("the server does not answer"),
            LinkError::Connect(error) => write!(f, "{error}"),
            LinkError::NoGreeting => f.write_str("something listens there but does not greet"),
            LinkError::Refused(why) => f.write_str(why),
            LinkError::NoLine(bad) => write!(f, "{bad}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;
    use std::thread;

    /// Plays a server that greets, then sends `lines` when it has read one line, and closes.
    fn played(lines: &str, ask: &Request) -> (Result<Answer, LinkError>, Vec<String>) {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("bound");
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = server.accept().expect("a client");
                stream.write_all(b"OK,Welcome\n").expect("written");
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).expect("a line");
                stream.write_all(lines.as_bytes()).expect("written");
            });
            let (link, reader) = Link::connect(address).expect("greeted");
            let link = Arc::new(link);
            let reading = scope.spawn({
                let link = Arc::clone(&link);
                move || {
                    let mut events = Vec::new();
                    link.read(reader, |event| events.push(event.to_string()));
                    events
                }
            });
            let answer = link.request(ask);
            (answer, reading.join().expect("no panic"))
        })
    }

    fn data(answer: &Answer) -> Vec<String> {
        answer.data.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn events_between_the_lines_of_an_answer() {
        let lines = "client_a_127.0.0.2:1\nbcast_1_1_bob_hi\nmsg_bob_hi\nclient_b_127.0.0.3:1\nOK,2\nnotice_bye\n";
        let (answer, events) = played(lines, &Request::Member(MemberRequest::List));
        assert_eq!(data(&answer.expect("answered")), ["client_a_127.0.0.2:1", "client_b_127.0.0.3:1"]);
        assert_eq!(events, ["bcast_1_1_bob_hi", "msg_bob_hi", "notice_bye"]);
    }

    #[test]
    fn a_ticket_belongs_to_the_answer_only_before_its_peer() {
        let [one, two] = ["ticket_eve_00112233445566778899aabbccddeeff", "ticket_bob_ff112233445566778899aabbccddeeff"];
        let lines = format!("{one}\n{two}\npeer_127.0.0.2:4401\n{one}\nOK,\n");
        let (answer, events) = played(&lines, &Request::Member(MemberRequest::Connect("bob".parse().expect("valid"))));
        assert_eq!(data(&answer.expect("answered")), [two, "peer_127.0.0.2:4401"]);
        assert_eq!(events, [one, one]);
        let (_, events) = played(&format!("{one}\nOK,\n"), &Request::Member(MemberRequest::Whoami));
        assert_eq!(events, [one]);
    }

    #[test]
    fn a_lost_server_fails_the_request() {
        assert!(matches!(
            played("client_a_127.0.0.2:1\n", &Request::Member(MemberRequest::List)).0,
            Err(LinkError::Lost)
        ));
    }

    #[test]
    fn a_full_server_says_so() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("bound");
        thread::scope(|scope| {
            scope.spawn(|| server.accept().expect("a client").0.write_all(b"ERR,Server full\n"));
            assert!(matches!(Link::connect(address), Err(LinkError::Refused(why)) if why == "Server full"));
        });
    }

    #[test]
    fn a_greeting_that_drips_is_not_waited_for() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("bound");
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = server.accept().expect("a client");
                // Until the client has given up: each wait ends with its timeout, or with the end of the connection.
                stream.set_read_timeout(Some(CONNECT / 10)).expect("a timeout");
                while stream.write_all(b"x").is_ok() && stream.read(&mut [0; 1]).is_err() {}
            });
            assert!(matches!(Link::connect(address), Err(LinkError::NoGreeting)));
        });
    }
}
