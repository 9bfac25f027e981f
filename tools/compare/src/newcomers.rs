//! Clients that come: some at a time who go again, and many at once. One thread plays all and waits for all at once.

use crate::askers::{Done, wait};
use crate::contender::Contender;
use crate::protocol::Step;
use crate::receiver::{Receiver, Way};
use crate::setting::{HERE, LIMIT};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use peerline_stress::wire::{self, PASSWORD};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Accounts that come and go: a name comes again long after its last owner has left.
pub const NAMES: usize = 500;

/// Where clients come from.
struct Street<'a> {
    to: &'a Contender,
    epoll: Epoll,
    /// What each says, by its number.
    step: &'a dyn Fn(usize) -> Step,
    came: usize,
}

/// A client on its way in.
struct Newcomer {
    stream: TcpStream,
    until: &'static [u8],
    heard: Vec<u8>,
}

/// Clients come and go, some at a time, for so long, with the accounts from `first` on; how many came.
///
/// # Errors
/// A sentence.
pub fn come_and_go(to: &Contender, first: usize, at_a_time: usize, time: Duration) -> Result<Done, String> {
    come_with(to, &|came| to.protocol.come(first + came % NAMES), at_a_time, time)
}

/// The same of ours who make accounts, which nobody has yet: `n` and the numbers from `first` on.
///
/// # Errors
/// A sentence.
pub fn sign_up_and_go(to: &Contender, first: usize, at_a_time: usize, time: Duration) -> Result<Done, String> {
    let sign_up = |came| Step { say: format!("SIGNUP,n{},{PASSWORD}\n", first + came).into(), until: b"\nOK,Signup" };
    come_with(to, &sign_up, at_a_time, time)
}

fn come_with(to: &Contender, step: &dyn Fn(usize) -> Step, at_a_time: usize, time: Duration) -> Result<Done, String> {
    let run = || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Street { to, epoll, step, came: 0 }.open(at_a_time, time)
    };
    run().map_err(|error| format!("newcomers of {}: {error}", to.name))
}

/// The same of ours in this way, with a thread for each place, as a handshake has several steps.
///
/// # Errors
/// A sentence.
pub fn come_and_go_by(way: Way, to: &Contender, at_a_time: usize, time: Duration) -> Result<Done, String> {
    let begin = Instant::now();
    let place = |place: usize| {
        let mut came = 0;
        while begin.elapsed() < time {
            // Each has names of its own.
            let number = place + at_a_time * (came % (NAMES / at_a_time));
            wire::hang_up(Receiver::come(to, number, way)?.stream);
            came += 1;
        }
        Ok(came)
    };
    let came = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_a_time).map(|number| scope.spawn(move || place(number))).collect();
        let lost = |_| Err("a thread was lost".to_owned());
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).sum::<Result<usize, String>>()
    })?;
    Ok(Done { times: came as f64, seconds: begin.elapsed().as_secs_f64() })
}

impl Street<'_> {
    fn open(mut self, at_a_time: usize, time: Duration) -> io::Result<Done> {
        let (begin, mut times) = (Instant::now(), 0);
        let mut places = (0..at_a_time).map(|place| self.enter(place).map(Some)).collect::<io::Result<Vec<_>>>()?;
        let mut events = [EpollEvent::empty(); 64];
        while places.iter().any(Option::is_some) {
            let count = wait(&self.epoll, &mut events)?;
            let now = Instant::now();
            if now > begin + time + LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            for event in &events[..count] {
                let place = event.data() as usize;
                let Some(mut newcomer) = places[place].take() else { continue };
                if !newcomer.hear()? {
                    places[place] = Some(newcomer);
                    continue;
                }
                times += 1;
                // By a reset: a port that waits for a minute would be missing soon.
                wire::hang_up(newcomer.stream);
                if now < begin + time {
                    places[place] = Some(self.enter(place)?);
                }
            }
        }
        Ok(Done { times: f64::from(times), seconds: begin.elapsed().as_secs_f64() })
    }

    fn enter(&mut self, place: usize) -> io::Result<Newcomer> {
        let step = (self.step)(self.came);
        let mut stream = wire::open(HERE, self.to.address_of(self.came))?;
        self.came += 1;
        stream.write_all(&step.say)?;
        stream.set_nonblocking(true)?;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, place as u64))?;
        Ok(Newcomer { stream, until: step.until, heard: Vec::new() })
    }
}

impl Newcomer {
    /// Reads; whether the answer is there.
    fn hear(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other(String::from_utf8_lossy(&self.heard).into_owned())),
            Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let has = |part: &[u8]| self.heard.windows(part.len()).any(|heard| heard == part);
        if has(b"\nERR,") {
            return Err(io::Error::other(String::from_utf8_lossy(&self.heard).into_owned()));
        }
        Ok(has(self.until))
    }
}

/// So many connect at once; how long it takes until the last one has had the first bytes of an answer. Without a
/// question the server speaks first.
///
/// # Errors
/// A sentence.
pub fn at_once(to: &Contender, count: usize, question: &str) -> Result<Duration, String> {
    let run = || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let begin = Instant::now();
        let connect = |number| connect(to, &epoll, number, !question.is_empty());
        let mut streams = (0..count as u64).map(connect).collect::<io::Result<Vec<_>>>()?;
        let (mut left, mut events) = (count, [EpollEvent::empty(); 512]);
        while left > 0 {
            let ready = wait(&epoll, &mut events)?;
            if begin.elapsed() > LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            for event in &events[..ready] {
                let is_greeted = meet(&epoll, &mut streams[event.data() as usize], *event, question)?;
                left -= usize::from(is_greeted);
            }
        }
        let time = begin.elapsed();
        streams.into_iter().for_each(wire::hang_up);
        Ok(time)
    };
    run().map_err(|error: io::Error| format!("{count} connects to {}: {error}", to.name))
}

/// Begins to connect, and watches for the answer, or for the moment to ask.
fn connect(to: &Contender, epoll: &Epoll, number: u64, asks: bool) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let begun = socket.connect(&to.address.into());
    begun.or_else(|error| if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) { Ok(()) } else { Err(error) })?;
    let stream = TcpStream::from(socket);
    let wanted = if asks { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
    epoll.add(&stream, EpollEvent::new(wanted, number))?;
    Ok(stream)
}

/// Asks, or takes the answer; whether that was it.
fn meet(epoll: &Epoll, stream: &mut TcpStream, event: EpollEvent, question: &str) -> io::Result<bool> {
    if event.events().contains(EpollFlags::EPOLLOUT) {
        stream.write_all(question.as_bytes())?;
        epoll.modify(&*stream, &mut EpollEvent::new(EpollFlags::EPOLLIN, event.data()))?;
        return Ok(false);
    }
    if stream.read(&mut [0; 4096])? == 0 {
        return Err(io::Error::other("a client was closed"));
    }
    epoll.delete(&*stream)?;
    Ok(true)
}
