//! Many clients that ask and wait for the answer: played by one thread, which waits for all at once.

use crate::contender::Contender;
use crate::setting::LIMIT;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a wait for sockets may take.
const LOOK: u8 = 100;

/// Waits for sockets, not for long; how many have something.
///
/// # Errors
/// What the system says.
pub fn wait(epoll: &Epoll, events: &mut [EpollEvent]) -> io::Result<usize> {
    match epoll.wait(events, EpollTimeout::from(LOOK)) {
        Err(nix::errno::Errno::EINTR) => Ok(0),
        count => Ok(count?),
    }
}

/// How often something was done, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Done {
    /// How often.
    pub times: f64,
    /// In seconds.
    pub seconds: f64,
}

impl Done {
    /// A second.
    pub fn rate(self) -> f64 {
        self.times / self.seconds
    }
}

/// Clients that ask.
pub struct Askers {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    question: Vec<u8>,
    /// Lines of an answer to it.
    lines: usize,
    /// Of each asker: lines that are still to come.
    open: Vec<usize>,
    buffer: Vec<u8>,
}

impl Askers {
    /// So many come, as the accounts from `first` on.
    ///
    /// # Errors
    /// A sentence.
    pub fn gather(to: &Contender, first: usize, count: usize) -> Result<Askers, String> {
        let come = |number| to.connect(&[to.protocol.come(number)]);
        let streams = (first..first + count).map(come).collect::<Result<Vec<_>, String>>()?;
        let watch = || {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            for (number, stream) in streams.iter().enumerate() {
                stream.set_nonblocking(true)?;
                epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            }
            io::Result::Ok(epoll)
        };
        let epoll = watch().map_err(|error| format!("{count} clients: {error}"))?;
        let open = vec![0; count];
        Ok(Askers { epoll, streams, question: Vec::new(), lines: 1, open, buffer: vec![0; 1 << 20] })
    }

    /// All ask this, again and again, for so long; how often it was answered. The answer has so many lines; the question
    /// may be several, and the answers to them then count as one.
    ///
    /// # Errors
    /// A sentence.
    pub fn ask(&mut self, question: &str, lines: usize, time: Duration) -> Result<Done, String> {
        (self.question, self.lines) = (question.as_bytes().to_vec(), lines);
        self.ask_all(time).map_err(|error| format!("{:?}: {error}", question.lines().next().unwrap_or_default()))
    }

    fn ask_all(&mut self, time: Duration) -> io::Result<Done> {
        let begin = Instant::now();
        for number in 0..self.streams.len() {
            self.send(number)?;
        }
        let (mut answers, mut open) = (0_u64, self.streams.len());
        let mut events = [EpollEvent::empty(); 512];
        while open > 0 {
            let now = Instant::now();
            if now > begin + time + LIMIT {
                return Err(ErrorKind::TimedOut.into());
            }
            let count = wait(&self.epoll, &mut events)?;
            for event in &events[..count] {
                let number = event.data() as usize;
                if !self.hear(number)? {
                    continue;
                }
                answers += 1;
                if now < begin + time {
                    self.send(number)?;
                } else {
                    open -= 1;
                }
            }
        }
        Ok(Done { times: answers as f64, seconds: begin.elapsed().as_secs_f64() })
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        self.open[number] = self.lines;
        // A question is much shorter than the buffer of a socket in which nothing waits.
        self.streams[number].write_all(&self.question)
    }

    /// Reads; whether the answer is whole.
    fn hear(&mut self, number: usize) -> io::Result<bool> {
        let count = match self.streams[number].read(&mut self.buffer) {
            Ok(0) => return Err(io::Error::other("a client was closed")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let ends = self.buffer[..count].iter().filter(|byte| **byte == b'\n').count();
        let open = &mut self.open[number];
        *open = open.saturating_sub(ends);
        Ok(*open == 0)
    }
}
