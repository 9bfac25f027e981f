//! What waits for the person's yes or no: a chat that somebody asks for, or a command that they want to run here.
//!
//! There is one question at a time, so a yes can only mean what was shown last. The connection's thread puts it and
//! waits; the person answers on another thread, and what is being typed meanwhile is not touched.

use super::chat::Chat;
use super::hangup;
use crate::value::Username;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What somebody asks for.
pub enum Wish {
    /// A chat, which a yes opens.
    Chat(Chat),
    /// To run a command here.
    Command,
}

/// The answers that can be given. A yes to a chat is never one to a command: a question may have been replaced by
/// another while somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes to a chat.
    Accept,
    /// Yes to a command.
    Allow,
    /// No to either.
    Decline,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The person agrees.
    Yes,
    /// They do not.
    No,
    /// They said nothing in time.
    NoAnswer,
    /// The asker did not wait.
    HungUp,
}

/// The place for the question.
#[derive(Default)]
pub struct Questions {
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    drawn: u64,
    question: Option<Question>,
}

struct Question {
    id: u64,
    since: Instant,
    asked: Asked,
}

/// A question that the person has taken up; whoever holds it owes the answer.
pub struct Asked {
    /// Who asks.
    pub from: Username,
    /// For what.
    pub wish: Wish,
    /// The way to the asking thread.
    pub reply: ReplyPipe,
}

/// Carries the answer to the thread that waits for it.
pub struct ReplyPipe(UnixStream);

/// The asking thread's end of a question.
pub struct Waiting<'a> {
    questions: &'a Questions,
    id: u64,
    answer: UnixStream,
}

impl Answer {
    fn fits(self, wish: &Wish) -> bool {
        match self {
            Answer::Accept => matches!(wish, Wish::Chat(_)),
            Answer::Allow => matches!(wish, Wish::Command),
            Answer::Decline => true,
        }
    }
}

impl Questions {
    /// Puts a question, which is then to be shown; `None` when another waits already.
    pub fn put(&self, from: Username, wish: Wish) -> Option<Waiting<'_>> {
        // Without descriptors for the pipe we are as good as busy.
        let (answer, writer) = UnixStream::pair().inspect_err(|error| log::warn!("no pipe: {error}")).ok()?;
        let mut pending = self.lock();
        if pending.question.is_some() {
            return None;
        }
        pending.drawn += 1;
        let id = pending.drawn;
        let asked = Asked { from, wish, reply: ReplyPipe(writer) };
        pending.question = Some(Question { id, since: Instant::now(), asked });
        Some(Waiting { questions: self, id, answer })
    }

    /// Whether a question waits that `answer` fits, of `from` where a name is given.
    pub fn waits_for(&self, answer: Answer, from: Option<&Username>) -> bool {
        self.lock().question.as_ref().is_some_and(|question| question.is_for(answer, from))
    }

    /// Whether any question waits.
    pub fn is_pending(&self) -> bool {
        self.lock().question.is_some()
    }

    /// Takes the question up that `answer` fits, of `from` where a name is given, if it is at least `age` old.
    ///
    /// # Errors
    /// A sentence: there is no such question, what to type instead, or that it is too new to have been read.
    pub fn take(&self, answer: Answer, from: Option<&Username>, age: Duration) -> Result<Asked, String> {
        let mut pending = self.lock();
        let Some(question) = &pending.question else { return Err("Nobody asks you anything now".to_owned()) };
        if !question.is_for(answer, from) {
            return Err(match question.asked.wish {
                Wish::Chat(_) => format!("{} asks for a chat: accept or decline", question.asked.from),
                Wish::Command => format!("{} asks to run a command: allow or decline", question.asked.from),
            });
        }
        if question.since.elapsed() < age {
            return Err("This question has only just come: read it, then answer again".to_owned());
        }
        pending.question.take().map(|question| question.asked).ok_or_else(String::new)
    }

    fn withdraw(&self, id: u64) -> bool {
        self.lock().question.take_if(|question| question.id == id).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    fn is_for(&self, answer: Answer, from: Option<&Username>) -> bool {
        answer.fits(&self.asked.wish) && from.is_none_or(|from| self.asked.from == *from)
    }
}

impl ReplyPipe {
    /// Gives the answer; without one the pipe's end is a no.
    pub fn send(mut self, yes: bool) {
        // Nobody reads it any more when the client ends.
        let _ = self.0.write_all(&[u8::from(yes)]);
    }
}

impl Waiting<'_> {
    /// Waits for the person, `limit` at the longest, or until `asker` hangs up. What `asker` sends meanwhile stays
    /// unread.
    pub fn wait(mut self, asker: &TcpStream, limit: Duration) -> Verdict {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut ends = [hangup::watch(asker), PollFd::new(self.answer.as_fd(), PollFlags::POLLIN)];
            // An error can only be a signal: then nothing is raised, and the wait goes on.
            let raised = poll(&mut ends, timeout).unwrap_or(0) > 0;
            let answered = raised && ends[1].any().unwrap_or(true);
            let hung_up = raised && hangup::has_hung_up(&ends[0]);
            if answered {
                return self.read();
            }
            if hung_up || left.is_zero() {
                // Whoever took it up in this moment will say so.
                let in_time = !self.questions.withdraw(self.id);
                return match (in_time, hung_up) {
                    (true, _) => self.read(),
                    (false, true) => Verdict::HungUp,
                    (false, false) => Verdict::NoAnswer,
                };
            }
        }
    }

    fn read(&mut self) -> Verdict {
        let mut answer = [0];
        match self.answer.read_exact(&mut answer) {
            Ok(()) if answer == [1] => Verdict::Yes,
            _ => Verdict::No,
        }
    }
}

/// A question whose asking thread is gone is no question.
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.questions.withdraw(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener};
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(30);

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        (caller, listener.accept().expect("accepts").0)
    }

    #[test]
    fn one_at_a_time_and_each_answer_to_its_kind() {
        let questions = Questions::default();
        let (_caller, asker) = connection();
        let waiting = questions.put(name("alice"), Wish::Command).expect("no other");
        assert!(questions.put(name("bob"), Wish::Command).is_none());
        let refused = questions.take(Answer::Accept, None, Duration::ZERO).err();
        assert_eq!(refused.as_deref(), Some("alice asks to run a command: allow or decline"));
        assert!(questions.take(Answer::Allow, Some(&name("bob")), Duration::ZERO).is_err());
        assert!(questions.take(Answer::Allow, None, LIMIT).is_err_and(|why| why.contains("just come")));
        thread::scope(|scope| {
            let verdict = scope.spawn(|| waiting.wait(&asker, LIMIT));
            questions.take(Answer::Allow, Some(&name("Alice")), Duration::ZERO).expect("waits").reply.send(true);
            assert_eq!(verdict.join().expect("no panic"), Verdict::Yes);
        });
        assert!(!questions.is_pending());
    }

    #[test]
    fn no_answer_and_no_asker() {
        let questions = Questions::default();
        let (caller, asker) = connection();
        let waiting = questions.put(name("alice"), Wish::Command).expect("no other");
        assert_eq!(waiting.wait(&asker, Duration::from_millis(1)), Verdict::NoAnswer);
        let waiting = questions.put(name("alice"), Wish::Command).expect("withdrawn");
        caller.shutdown(Shutdown::Both).expect("open");
        assert_eq!(waiting.wait(&asker, LIMIT), Verdict::HungUp);
        assert!(questions.take(Answer::Decline, None, Duration::ZERO).is_err());
    }
}
