//! One connection to the Redis. What is said and answered on it has one limit together, however slowly the bytes come: the
//! crate's own connection limits each read alone.
//!
//! After any error a connection is of no use: a reply that comes late would be taken for that of the next command.

use super::url::DirectoryUrl;
use crate::net::DeadlineReader;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use redis::{Cmd, ConnectionLike, ErrorKind, Parser, RedisError, RedisResult, Value};
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a command and its answer may take.
pub const LIMIT: Duration = Duration::from_secs(2);

/// The words by which Redis refuses changes of all kinds. In the middle of a script, behind its first change, it does not.
const REFUSALS: [&str; 7] = ["OOM", "NOREPLICAS", "MISCONF", "READONLY", "LOADING", "MASTERDOWN", "BUSY"];

/// Why something was not done by Redis, or perhaps not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The connection could not be made, or is lost: what was under way on it was done or was not.
    Lost(String),
    /// Redis answers, and cannot. What was sent in one command was not done; of a script it may be that a part was.
    Cannot(String),
    /// It takes no changes at present: it is still loading, is a replica or has none, has no memory or no room. Nothing was
    /// done: of a script it refuses the first change with these words, or none.
    Refused(String),
    /// It is another run of Redis than the one for which the house was opened: it may have lost something. Nothing was done.
    Loss,
    /// This server was taken for dead, and is out of the house. Nothing was done.
    Buried,
    /// The deadline had passed when Redis came to it. Nothing was done.
    Late,
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotDone::Lost(why) => write!(f, "the directory does not answer ({why})"),
            NotDone::Cannot(why) | NotDone::Refused(why) => write!(f, "the directory cannot do it ({why})"),
            NotDone::Loss => f.write_str("the directory was started anew and is not open yet"),
            NotDone::Buried => f.write_str("this server was taken for dead"),
            NotDone::Late => f.write_str("the directory answers too late"),
        }
    }
}

impl From<RedisError> for NotDone {
    fn from(error: RedisError) -> NotDone {
        // What somebody says who is no Redis has several lines.
        let why = error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(", ");
        match error.kind() {
            _ if error.code().is_some_and(|code| REFUSALS.contains(&code)) => NotDone::Refused(why),
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => NotDone::Cannot(why),
            _ => NotDone::Lost(why),
        }
    }
}

/// A connection, and the run of Redis that is at its other end.
pub struct Link {
    stream: Arc<TcpStream>,
    reader: DeadlineReader,
    parser: Parser,
    run: String,
    limit: Duration,
    is_open: bool,
}

impl Link {
    /// Connects, says who it is, and asks which run of Redis it talks to: so whoever sends knows.
    ///
    /// # Errors
    /// [`NotDone::Lost`] or [`NotDone::Cannot`].
    pub fn open(url: &DirectoryUrl) -> Result<Link, NotDone> {
        let until = Instant::now() + LIMIT;
        let stream = Arc::new(connect(url, until).map_err(|error| NotDone::Lost(error.to_string()))?);
        let reader = DeadlineReader::new(Arc::clone(&stream), None);
        let mut link = Link { stream, reader, parser: Parser::new(), run: String::new(), limit: LIMIT, is_open: true };
        if let Some(password) = &url.password {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &url.user {
                auth.arg(user);
            }
            auth.arg(password).exec(&mut link)?;
        }
        if url.db != 0 {
            redis::cmd("SELECT").arg(url.db).exec(&mut link)?;
        }
        let about: String = redis::cmd("INFO").arg("server").query(&mut link)?;
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:"));
        link.run = run.ok_or_else(|| NotDone::Cannot("it does not say its run_id".to_owned()))?.to_owned();
        Ok(link)
    }

    /// One life of one Redis process.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// From now on a command and its answer may take so much longer than [`LIMIT`]: what blocks in Redis needs it.
    pub fn wait_longer(&mut self, longer: Duration) {
        self.limit = LIMIT + longer;
    }

    /// The socket, for a test that breaks it.
    #[cfg(test)]
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether nothing went wrong on it so far, and Redis has not ended it: what is sent on it may be carried out.
    pub fn is_usable(&self) -> bool {
        self.is_open && is_silent(&self.stream)
    }

    fn talk(&mut self, said: &[u8], answers: usize) -> RedisResult<Vec<Value>> {
        if !self.is_open {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        }
        let until = Instant::now() + self.limit;
        // What ends in the middle, by an error, is of no use any more.
        self.is_open = false;
        write_until(&self.stream, said, until)?;
        self.reader.set_deadline(Some(until));
        let answers = (0..answers).map(|_| self.parser.parse_value(&mut self.reader)).collect::<RedisResult<_>>()?;
        self.is_open = true;
        Ok(answers)
    }
}

/// What the scripts and the pipelines of the crate talk by.
impl ConnectionLike for Link {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        let value = self.talk(command, 1)?.pop().unwrap_or_default();
        value.extract_error()
    }

    fn req_packed_commands(&mut self, commands: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        let mut values = self.talk(commands, offset + count)?;
        Ok(values.split_off(offset))
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        Cmd::new().arg("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}

/// Whether nothing lies there to be read, nor the end: Redis says nothing unasked but that it is over.
fn is_silent(stream: &TcpStream) -> bool {
    let mut readable = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    poll(&mut readable, PollTimeout::ZERO) == Ok(0)
}

fn connect(url: &DirectoryUrl, until: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            // A command is one segment, and waits for nothing behind it.
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Writes all of it by then: the socket's own timeout begins anew with each write.
fn write_until(mut stream: &TcpStream, mut said: &[u8], until: Instant) -> io::Result<()> {
    while !said.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(said) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => said = &said[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::own_redis::OwnRedis;
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_connection_knows_which_run_it_talks_to_and_takes_errors_for_answers() {
        let redis = OwnRedis::start();
        let (mut one, other) = (redis.link(), redis.link());
        assert_eq!((one.run().len(), one.run()), (40, other.run()));
        let wrong = redis::cmd("NOSUCH").exec(&mut one).map_err(NotDone::from);
        assert!(matches!(wrong, Err(NotDone::Cannot(_))), "{wrong:?}");
        assert!(one.is_usable() && one.check_connection(), "it was an answer");
        let answers: (i64, i64) = redis::pipe().incr("a", 1).incr("a", 1).query(&mut one).expect("answered");
        assert_eq!(answers, (1, 2));
    }

    #[test]
    fn a_password_is_said_first() {
        let redis = OwnRedis::start_with(&["--requirepass", "p@ss/w:rd"]);
        let at = redis.address();
        let open = |login: &str| Link::open(&format!("redis://{login}{at}").parse().expect("an address"));
        assert!(matches!(open("").err(), Some(NotDone::Cannot(why)) if why.contains("NOAUTH")));
        assert!(matches!(open(":wrong@").err(), Some(NotDone::Cannot(_))));
        let mut link = open(":p@ss/w:rd@").expect("right");
        assert!(link.check_connection());
    }

    /// Reads a command, and sends an answer one byte each now and then: never silent for the time of a read.
    #[test]
    fn an_answer_that_drips_has_no_more_time_than_any_other() {
        let redis = OwnRedis::start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("redis://{}", listener.local_addr().expect("bound")).parse().expect("an address");
        let to = redis.address();
        thread::spawn(move || {
            let (mut caller, _) = listener.accept().expect("a caller");
            let mut redis = TcpStream::connect(to).expect("it listens");
            let (mut back, mut from) = (caller.try_clone().expect("open"), redis.try_clone().expect("open"));
            thread::spawn(move || io::copy(&mut caller, &mut redis));
            let mut byte = [0];
            for passed in 0.. {
                if from.read(&mut byte).ok() != Some(1) || back.write_all(&byte).is_err() {
                    break;
                }
                // What INFO says is hundreds of bytes.
                if passed > 20 {
                    thread::park_timeout(Duration::from_millis(100));
                }
            }
        });
        let failed = Link::open(&url).err();
        assert!(matches!(failed, Some(NotDone::Lost(_))), "{failed:?}");
    }

    #[test]
    fn a_connection_that_redis_has_ended_is_of_no_use() {
        let mut redis = OwnRedis::start();
        let (mut link, other) = (redis.link(), redis.link());
        assert!(link.check_connection() && link.is_usable() && other.is_usable());
        redis.kill();
        let end = Instant::now() + Duration::from_secs(20);
        while other.is_usable() {
            assert!(Instant::now() < end, "it is dead");
            thread::yield_now();
        }
        redis.restart();
        assert!(!link.is_usable() && redis.link().is_usable());
    }

    #[test]
    fn after_an_error_a_connection_is_of_no_use() {
        let redis = OwnRedis::start();
        let mut link = redis.link();
        link.socket().shutdown(std::net::Shutdown::Both).expect("open");
        for _ in 0..2 {
            let lost = redis::cmd("PING").exec(&mut link).map_err(NotDone::from);
            assert!(matches!(lost, Err(NotDone::Lost(_))), "{lost:?}");
            assert!(!link.is_usable());
        }
        drop(redis);
        assert!(matches!(Link::open(&"redis://127.0.0.1:1".parse().expect("an address")), Err(NotDone::Lost(_))));
    }
}
