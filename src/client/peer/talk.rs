//! A chat, whichever side asked for it: one thread reads and writes. It knows no screen and no other chat.

use super::connection::{NoLine, PeerConnection, WRITE};
use super::dial;
use super::knock;
use crate::client::call::{Call, Watch, Woken};
use crate::client::event::{CallEnd, CallError, Introduced, MAX_ORDERS, News, Order, TalkEnd};
use crate::net::tuning;
use crate::peer_protocol::{Answer, Opening};
use crate::value::Address;
use socket2::SockRef;
use std::io;
use std::time::{Duration, Instant};

/// After how long without a sign of the other side's kernel it is silent.
const SILENCE: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After how many lines that were written it is told. Those that are not told of take room from others.
const DRAINED: usize = MAX_ORDERS / 4;

/// Asks for a chat, waits `answer` at most for a yes, and talks.
pub fn ask(call: Call, to: Address, answer: Duration) {
    let opening = |to: &Introduced| Ok(Opening::Chat { name: to.me.clone(), ticket: to.ticket_field() });
    let (introduced, mut connection, _) = match dial::call(&call, to, opening, "", answer) {
        Ok(answered) => answered,
        Err(error) => return call.end(CallEnd::Talk(Err(error))),
    };
    call.tell(News::Opened { with: introduced.name });
    let end = talk(&call, &mut connection);
    call.end(end);
    connection.close_gently();
}

/// Serves a request for a chat that came at `since`, and of which the App knows. Lines that were said before the yes
/// are read after it.
pub fn serve(call: &Call, mut connection: PeerConnection, since: Instant) -> CallEnd {
    let Some(Order::Accept) = knock::accepted(call, &connection, since) else { return CallEnd::Over };
    connection.answer(&Answer::Ok(String::new()));
    talk(call, &mut connection)
}

fn talk(call: &Call, connection: &mut PeerConnection) -> CallEnd {
    connection.set_limit(None);
    let end = match SockRef::from(&*connection).set_nonblocking(true) {
        Ok(()) => exchange(call, connection),
        Err(error) => Some(TalkEnd::Lost(error.to_string())),
    };
    // For the last moments of the connection; an error says that it is gone.
    let _ = SockRef::from(&*connection).set_nonblocking(false);
    match end {
        // The runner may have closed the stream before it rang.
        Some(end) if !call.is_given_up() => CallEnd::Talk(Ok(end)),
        _ => CallEnd::Talk(Err(CallError::Cancelled)),
    }
}

/// Reads and writes until one side ends the chat; `None` when it is the runner.
fn exchange(call: &Call, connection: &mut PeerConnection) -> Option<TalkEnd> {
    let (mut outgoing, mut answers, mut drained) = (Outgoing::default(), Answers::new(Instant::now()), 0);
    loop {
        let read = match connection.line() {
            Ok(text) => call.tell(News::Line(text)),
            Err(NoLine::Bad(bad)) => call.tell(News::Garbled(bad)),
            Err(NoLine::Late) => false,
            Err(NoLine::End) => return Some(TalkEnd::TheyLeft),
            Err(other) => return Some(TalkEnd::Lost(other.to_string())),
        };
        // Behind one line there may be another, for which no socket wakes us.
        let now = (read && connection.may_have_line()).then(Instant::now);
        let woken = match outgoing.until {
            // While a line waits to be written no other order is taken, so that their number stays bounded.
            Some(until) => call.wait_socket(connection, Watch::Writable, now.unwrap_or(until.min(answers.due))),
            None => call.wait(Some((connection, Watch::Readable)), Some(now.unwrap_or(answers.due))),
        };
        if let Some(is_silent) = answers.look(Instant::now(), || tuning::silence(connection)) {
            call.tell(News::Silent(is_silent));
        }
        match woken {
            Woken::Order(Order::Say(text)) => outgoing.set(&text),
            Woken::GivenUp => return None,
            Woken::Order(_) | Woken::Socket | Woken::Late => {}
        }
        match outgoing.write(connection) {
            Ok(true) => drained += 1,
            Ok(false) => {}
            Err(error) => return Some(TalkEnd::Lost(error.to_string())),
        }
        if drained == DRAINED {
            call.tell(News::Drained(std::mem::take(&mut drained)));
        }
    }
}

/// Whether the other side's machine answers: with an acknowledgement of what we have said, or, where nobody says
/// anything, of what the kernel asks. A person who types nothing is no silence.
struct Answers {
    /// When it is looked at again.
    due: Instant,
    is_silent: bool,
}

impl Answers {
    fn new(now: Instant) -> Answers {
        Answers { due: now + LOOK, is_silent: false }
    }

    /// What has changed since the last look: true where the other side has fallen silent.
    fn look(&mut self, now: Instant, silence: impl FnOnce() -> Option<Duration>) -> Option<bool> {
        if now < self.due {
            return None;
        }
        self.due = now + LOOK;
        let is_silent = silence().is_some_and(|silence| silence >= SILENCE);
        let has_changed = is_silent != self.is_silent;
        self.is_silent = is_silent;
        has_changed.then_some(is_silent)
    }
}

/// The line that is being written.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    /// When the peer must have taken something; `None` while there is no line.
    until: Option<Instant>,
}

impl Outgoing {
    fn set(&mut self, text: &str) {
        self.bytes = format!("{text}\n").into_bytes();
        self.written = 0;
        self.until = Some(Instant::now() + WRITE);
    }

    /// Writes what the peer takes; true when that was the end of a line.
    fn write(&mut self, connection: &PeerConnection) -> io::Result<bool> {
        let Some(until) = self.until else { return Ok(false) };
        let wire = connection.wire();
        let at = wire.stamp();
        match connection.write_some(&self.bytes[self.written..]) {
            Ok(length) => {
                at.into_iter().for_each(|at| wire.wrote(at, &self.bytes[self.written..self.written + length]));
                self.written += length;
                let is_whole = self.written == self.bytes.len();
                self.until = (!is_whole).then(|| Instant::now() + WRITE);
                Ok(is_whole)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the other side does not read"))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_so_is_its_end() {
        let start = Instant::now();
        let mut answers = Answers::new(start);
        let mut look = |second: u32, silence: Option<u64>| {
            answers.look(start + LOOK * second, || silence.map(Duration::from_secs))
        };
        let looks = [None, Some(9), Some(10), Some(11), None, None, Some(10)];
        let told: Vec<Option<bool>> = (1..).zip(looks).map(|(second, silence)| look(second, silence)).collect();
        assert_eq!(told, [None, None, Some(true), None, Some(false), None, Some(true)]);
        assert_eq!(look(7, None), None, "it is too early for another look");
    }
}
