//! Many receivers of what one client says to all, played by one thread that waits for all of them at once: so the
//! driver costs little of the machine that it shares with the server.

use crate::contender::Contender;
use crate::protocol::text;
use crate::receiver::{Receiver, Way};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use peerline_stress::wire;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Texts under way at first.
const FIRST: u64 = 16;
/// The most of them: many enough that a server can gather them, and no more than buffers of sockets hold.
const FEW: (usize, u64) = (100, 512);
/// The same for more receivers than that.
const MANY: u64 = 256;
/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;
/// How long a wait for sockets may take: something else may be due.
const LOOK: u8 = 20;
/// After so long all have acknowledged what they have got by datagrams.
const REST: Duration = Duration::from_millis(250);
/// How long nothing may come before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(8);

/// One who speaks.
struct Publisher {
    stream: TcpStream,
    /// What the socket has not taken yet.
    unsent: Vec<u8>,
}

/// All of them, and who speaks.
pub struct Audience {
    epoll: Epoll,
    receivers: Vec<Receiver>,
    /// They speak in turn.
    publishers: Vec<Publisher>,
    message: Vec<u8>,
    said: u64,
    buffer: Vec<u8>,
}

/// What came of much that was said as fast as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FanOut {
    /// Deliveries a second, to the last one.
    pub rate: f64,
    /// Of the server's processors for each delivery, in microseconds.
    pub cpu: f64,
}

impl Audience {
    /// So many receivers come, and one who speaks.
    ///
    /// # Errors
    /// A sentence.
    pub fn gather(to: &Contender, count: usize, way: Way) -> Result<Audience, String> {
        Audience::gather_around(to, count, way, 1)
    }

    /// The same with so many who speak. At a house all are spread over its servers.
    ///
    /// # Errors
    /// A sentence.
    pub fn gather_around(to: &Contender, count: usize, way: Way, speakers: usize) -> Result<Audience, String> {
        let receivers = (0..count).map(|number| Receiver::come(to, number, way)).collect::<Result<Vec<_>, String>>()?;
        let speak = |number| {
            let mut steps = vec![to.protocol.come(number)];
            if to.protocol.publisher_subscribes() {
                steps.extend(to.protocol.subscribe());
            }
            let stream = to.connect_as(number, &steps)?;
            Ok(Publisher { stream, unsent: Vec::new() })
        };
        let publishers = (count..count + speakers).map(speak).collect::<Result<Vec<_>, String>>()?;
        let message = to.protocol.publish(&text());
        let ready = Audience::watch(receivers, publishers, message);
        ready.map_err(|error| format!("{} clients of {}: {error}", count, to.name))
    }

    fn watch(receivers: Vec<Receiver>, publishers: Vec<Publisher>, message: Vec<u8>) -> io::Result<Audience> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let event = |number: usize| EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
        for (number, receiver) in receivers.iter().enumerate() {
            receiver.stream.set_nonblocking(true)?;
            match &receiver.udp {
                Some((socket, _)) => epoll.add(socket, event(number))?,
                None => epoll.add(&receiver.stream, event(number))?,
            }
        }
        for (number, publisher) in publishers.iter().enumerate() {
            publisher.stream.set_nonblocking(true)?;
            epoll.add(&publisher.stream, event(receivers.len() + number))?;
        }
        let buffer = vec![0; BUFFER];
        let mut audience = Audience { epoll, receivers, publishers, message, said: 0, buffer };
        // What came while others joined.
        while audience.take(Duration::ZERO, |_, _| {})? > 0 {}
        Ok(audience)
    }

    /// Says as much as is taken, for so long.
    ///
    /// # Errors
    /// A sentence, when something was lost.
    pub fn saturate(&mut self, server: &Contender, time: Duration) -> Result<FanOut, String> {
        let most = if self.receivers.len() <= FEW.0 { FEW.1 } else { MANY };
        // It doubles as the texts come through, so that a slow server has no long queue at the end.
        let (mut window, mut grows_at) = (FIRST, FIRST);
        self.begin().map_err(|error| format!("{}: {error}", server.name))?;
        let (begin, cpu) = (Instant::now(), server.cpu()?);
        let (mut heard_at, mut slowest) = (begin, 0);
        loop {
            let now = Instant::now();
            if now < begin + time {
                while self.said < slowest + window {
                    self.say();
                }
            } else if slowest == self.said {
                break;
            }
            if self.step().map_err(|error| format!("{}: {error}", server.name))? > 0 {
                heard_at = now;
            } else if now > heard_at + SILENCE {
                return Err(self.missing(server));
            }
            slowest = self.slowest();
            if slowest >= grows_at {
                window = most.min(2 * window);
                grows_at = slowest + window;
            }
        }
        let deliveries = (self.said * self.receivers.len() as u64) as f64;
        let cpu = (server.cpu()? - cpu) * 1e6 / deliveries;
        let rate = deliveries / begin.elapsed().as_secs_f64();
        self.rest().map_err(|error| format!("{}: {error}", server.name))?;
        Ok(FanOut { rate, cpu })
    }

    /// Says something from time to time; how long each delivery took.
    ///
    /// # Errors
    /// A sentence, when something was lost.
    pub fn pace(&mut self, server: &Contender, every: Duration, time: Duration) -> Result<Vec<Duration>, String> {
        self.begin().map_err(|error| format!("{}: {error}", server.name))?;
        let begin = Instant::now();
        let (mut due, mut said_at) = (begin, Vec::new());
        let mut times = Vec::new();
        loop {
            let now = Instant::now();
            if due < begin + time && now >= due {
                said_at.push(now);
                self.say();
                due += every;
            } else if due >= begin + time && self.slowest() == self.said {
                self.rest().map_err(|error| format!("{}: {error}", server.name))?;
                return Ok(times);
            } else if now > due + SILENCE {
                return Err(self.missing(server));
            }
            let left = due.saturating_duration_since(now);
            let hear = |from: u64, to: u64| {
                let now = Instant::now();
                times.extend((from..to).filter_map(|number| Some(now - *said_at.get(number as usize)?)));
            };
            self.take(left, hear).map_err(|error| format!("{}: {error}", server.name))?;
        }
    }

    /// Says the hellos that are due: acknowledges what has come before others have their turn.
    fn rest(&mut self) -> io::Result<()> {
        let until = Instant::now() + REST;
        while Instant::now() < until {
            self.take(Duration::from_millis(LOOK.into()), |_, _| {})?;
        }
        Ok(())
    }

    /// Says something when all have had what was said before; how long each took until all had it.
    ///
    /// # Errors
    /// A sentence, when something was lost.
    pub fn one_by_one(&mut self, server: &Contender, time: Duration) -> Result<Vec<Duration>, String> {
        self.begin().map_err(|error| format!("{}: {error}", server.name))?;
        let (begin, mut times) = (Instant::now(), Vec::new());
        while begin.elapsed() < time || times.len() < 3 {
            let said_at = Instant::now();
            self.say();
            while self.slowest() < self.said {
                self.step().map_err(|error| format!("{}: {error}", server.name))?;
                if said_at.elapsed() > SILENCE {
                    return Err(self.missing(server));
                }
            }
            times.push(said_at.elapsed());
        }
        Ok(times)
    }

    /// Says hello again, as nobody did while others had their turn, and counts from zero.
    fn begin(&mut self) -> io::Result<()> {
        self.rest()?;
        self.said = 0;
        self.receivers.iter_mut().for_each(|receiver| receiver.got = 0);
        Ok(())
    }

    fn say(&mut self) {
        let speaker = self.said as usize % self.publishers.len();
        self.publishers[speaker].unsent.extend_from_slice(&self.message);
        self.said += 1;
    }

    fn has_said_all(&self) -> bool {
        self.publishers.iter().all(|publisher| publisher.unsent.is_empty())
    }

    fn slowest(&self) -> u64 {
        self.receivers.iter().map(|receiver| receiver.got).min().unwrap_or(self.said)
    }

    fn missing(&self, server: &Contender) -> String {
        let all = self.said * self.receivers.len() as u64;
        let got: u64 = self.receivers.iter().map(|receiver| receiver.got).sum();
        format!("{} lost {} of {all} deliveries", server.name, all.saturating_sub(got))
    }

    fn step(&mut self) -> io::Result<usize> {
        let wait = if self.has_said_all() { Duration::from_millis(LOOK.into()) } else { Duration::ZERO };
        self.take(wait, |_, _| {})
    }

    /// Sends what waits, waits so long at most, and reads what has come: `heard` is told what a receiver had and has
    /// then. How many sockets had something.
    fn take(&mut self, wait: Duration, mut heard: impl FnMut(u64, u64)) -> io::Result<usize> {
        self.publishers.iter_mut().try_for_each(Publisher::send)?;
        let wait = if self.has_said_all() { wait } else { wait.min(Duration::from_millis(1)) };
        let milliseconds = wait.as_micros().div_ceil(1000).min(LOOK.into()) as u8;
        let mut events = [EpollEvent::empty(); 512];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(milliseconds)) {
            Err(nix::errno::Errno::EINTR) => 0,
            count => count?,
        };
        for event in &events[..count] {
            let number = event.data() as usize;
            let Some(receiver) = self.receivers.get_mut(number) else {
                drain(&mut self.publishers[number - self.receivers.len()].stream, &mut self.buffer)?;
                continue;
            };
            let before = receiver.got;
            receiver.read(&mut self.buffer)?;
            heard(before, receiver.got);
        }
        let now = Instant::now();
        self.receivers.iter_mut().try_for_each(|receiver| receiver.greet(now))?;
        Ok(count)
    }
}

impl Publisher {
    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => _ = self.unsent.drain(..count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Audience {
    /// By a reset: tens of thousands of connections would else keep their ports for a minute.
    fn drop(&mut self) {
        for receiver in self.receivers.drain(..) {
            wire::hang_up(receiver.stream);
        }
    }
}

/// Reads and forgets what has come.
fn drain(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    match stream.read(buffer) {
        Ok(0) => Err(io::Error::other("who speaks was closed")),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}
