//! Clients whose server dies, and who come back: all at once, to the servers that are left. One thread plays all of them.
//!
//! A client of ours draws a pause of up to 2 s first. These draw none: it is the servers that are measured.

use crate::askers::wait;
use crate::contender::Contender;
use crate::protocol::name;
use crate::setting::{HERE, LIMIT};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use peerline_stress::wire::{self, PASSWORD, Wire, ends_answer};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A client who was logged in, and may come back.
pub struct Member {
    number: usize,
    stream: TcpStream,
    /// Its session goes on by this, if it was given one: nothing is hashed.
    again: Option<String>,
}

/// What it took until all were back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Back {
    /// From just before the crash until the last was told so.
    pub time: Duration,
    /// How many came by their token, and not by name and password.
    pub by_token: usize,
}

/// So many log in at the first server, as the accounts from 0 on.
///
/// # Errors
/// A sentence.
pub fn log_in(to: &Contender, count: usize) -> Result<Vec<Member>, String> {
    let come = |number| {
        let until = Instant::now() + LIMIT;
        let mut wire = Wire::connect(HERE, to.address, until)?;
        let again = wire.log_in(&name(number), until)?.again;
        Ok(Member { number, stream: wire.into_stream(), again })
    };
    (0..count).map(come).collect::<io::Result<_>>().map_err(|error| format!("{}: {error}", to.name))
}

/// Their server has crashed at `since`: they come to what serves now.
///
/// # Errors
/// A sentence, when one of them cannot.
pub fn come_back(to: &Contender, members: Vec<Member>, since: Instant) -> Result<Back, String> {
    let run = || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let knock = |Member { number, stream, again }| {
            // Its server has closed it.
            drop(stream);
            Returner::knock(to, &epoll, number, again)
        };
        let mut returners = members.into_iter().map(knock).collect::<io::Result<Vec<_>>>()?;
        let (mut left, mut by_token) = (returners.len(), 0);
        let mut events = [EpollEvent::empty(); 512];
        while left > 0 {
            let ready = wait(&epoll, &mut events)?;
            if since.elapsed() > LIMIT {
                return Err(io::Error::other(format!("{left} clients are not back")));
            }
            for event in &events[..ready] {
                let returner = &mut returners[event.data() as usize];
                if returner.step()? {
                    epoll.delete(&returner.stream)?;
                    left -= 1;
                    by_token += usize::from(matches!(returner.state, State::Again));
                }
            }
        }
        let time = since.elapsed();
        returners.into_iter().for_each(|returner| wire::hang_up(returner.stream));
        Ok(Back { time, by_token })
    };
    run().map_err(|error: io::Error| format!("{}: {error}", to.name))
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The greeting.
    Greeting,
    /// The answer to its token.
    Again,
    /// The answer to its name and password.
    Login,
}

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// It says this, and waits for the answer.
    Say(State),
    /// It is back.
    Back,
    /// It is refused.
    Away,
}

/// A client on its way back.
struct Returner {
    stream: TcpStream,
    name: String,
    again: Option<String>,
    state: State,
    heard: Vec<u8>,
}

impl Returner {
    fn knock(to: &Contender, epoll: &Epoll, number: usize, again: Option<String>) -> io::Result<Returner> {
        let stream = wire::open(HERE, to.address_of(number))?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        Ok(Returner { stream, name: name(number), again, state: State::Greeting, heard: Vec::new() })
    }

    /// Reads, and says what is next; whether it is back.
    fn step(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other(format!("{} was closed", self.name))),
            Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.heard[..end]).into_owned();
            self.heard.drain(..=end);
            if !ends_answer(&line) {
                continue;
            }
            match next(self.state, &line, self.again.is_some()) {
                Next::Say(state) => self.say(state)?,
                Next::Back => return Ok(true),
                Next::Away => return Err(io::Error::other(format!("{}: {line}", self.name))),
            }
        }
        Ok(false)
    }

    fn say(&mut self, state: State) -> io::Result<()> {
        self.state = state;
        let line = match (state, &self.again) {
            (State::Again, Some(token)) => format!("AGAIN,{},{token}\n", self.name),
            _ => format!("LOGIN,{},{PASSWORD}\n", self.name),
        };
        self.stream.write_all(line.as_bytes())
    }
}

/// What follows an answer: the token first, and where it is none any more the password. What cannot be done now is asked
/// again.
fn next(state: State, answer: &str, has_token: bool) -> Next {
    let not_now = answer.starts_with("ERR,Not now");
    match (state, answer.starts_with("OK")) {
        (State::Greeting, true) if has_token => Next::Say(State::Again),
        (State::Greeting, true) => Next::Say(State::Login),
        (State::Again | State::Login, true) => Next::Back,
        (State::Again | State::Login, false) if not_now => Next::Say(state),
        (State::Again, false) => Next::Say(State::Login),
        (State::Greeting | State::Login, false) => Next::Away,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_tried_first_and_the_password_where_it_is_none() {
        let ok = "OK,Login successful!";
        assert_eq!(next(State::Greeting, "OK,Welcome", true), Next::Say(State::Again));
        assert_eq!(next(State::Greeting, "OK,Welcome", false), Next::Say(State::Login));
        assert_eq!(next(State::Again, ok, true), Next::Back);
        assert_eq!(next(State::Again, "ERR,Log in with your password", true), Next::Say(State::Login));
        assert_eq!(next(State::Login, ok, true), Next::Back);
    }

    #[test]
    fn what_cannot_be_done_now_is_asked_again_and_a_refusal_is_one() {
        for state in [State::Again, State::Login] {
            assert_eq!(next(state, "ERR,Not now: send it again", true), Next::Say(state));
        }
        assert_eq!(next(State::Login, "ERR,Invalid username or password", false), Next::Away);
        assert_eq!(next(State::Greeting, "ERR,Server full", true), Next::Away);
    }
}
