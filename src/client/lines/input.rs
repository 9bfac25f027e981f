//! The thread that reads one line for each that is wanted.

use super::source::{Next, Source};
use crate::client::call::Signals;
use crate::client::event::Event;
use crate::protocol::MAX_LINE;
use crate::terminal::ask_hidden;
use crate::value::BadLine;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the thread may take to end.
const END: Duration = Duration::from_secs(1);

/// The input of the line mode.
pub struct Input {
    wanted: SyncSender<Wanted>,
    /// Its end cuts a wait short.
    wake: UnixStream,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

struct Wanted {
    prompt: String,
    hidden: bool,
}

impl Input {
    /// Reads standard input, or what stands in `commands`; tells each line as `Event::Typed`, the end as
    /// `Event::InputEnded`. `answered` is called as soon as a line has come, before anybody decides what follows.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(commands: Option<&str>, answered: impl Fn() + Send + 'static, signals: Signals) -> io::Result<Input> {
        let (wake, woken) = UnixStream::pair()?;
        let source = match commands {
            Some(text) => Source::commands(text, woken),
            None => Source::stdin(woken)?,
        };
        // One is wanted at a time.
        let (wanted, receiver) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let thread = thread::Builder::new().name("input".to_owned()).spawn(move || {
            read(source, &receiver, answered, &signals);
            // Nobody may wait for it.
            let _ = end.try_send(());
        })?;
        Ok(Input { wanted, wake, ended, thread })
    }

    /// Has the next line read. A hidden one is asked for at the terminal with `prompt`, wherever standard input leads;
    /// where there is no terminal, it is the next line of the input.
    pub fn want(&self, prompt: String, hidden: bool) {
        // The next is wanted only when this one was told.
        let _ = self.wanted.try_send(Wanted { prompt, hidden });
    }

    /// Ends the thread, and waits for it, but not for long: standard input may be shared, and when another program
    /// takes what a poll has seen there, our read waits for more, which nothing cuts short.
    pub fn end(self) {
        drop(self.wanted);
        drop(self.wake);
        if self.ended.recv_timeout(END) != Err(RecvTimeoutError::Timeout) {
            // A panic was printed when it happened.
            let _ = self.thread.join();
        }
    }
}

fn read(mut source: Source, wanted: &Receiver<Wanted>, answered: impl Fn(), signals: &Signals) {
    while let Ok(Wanted { prompt, hidden }) = wanted.recv() {
        let asked = if hidden { ask(&prompt, &source) } else { None };
        let event = match asked {
            Some(event) => event,
            None => match source.line() {
                Next::Line(line) => Event::Typed(Ok(line)),
                Next::NoLine(bad) => Event::Typed(Err(bad)),
                Next::End => Event::InputEnded,
                Next::Woken => return,
            },
        };
        answered();
        if !signals.event(event) {
            return;
        }
    }
}

/// What was answered at the terminal, where there is one.
fn ask(prompt: &str, source: &Source) -> Option<Event> {
    match ask_hidden([prompt], source.wake().as_fd()) {
        Ok(Some([answer])) => Some(Event::Typed(Ok(answer))),
        Ok(None) => Some(Event::InputEnded),
        // The next line of this terminal would be shown as it is typed.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Some(Event::Typed(Err(BadLine::TooLong(MAX_LINE))))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::Signal;
    use std::sync::mpsc::channel;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn one_line_for_each_that_is_wanted() {
        let (signals, receiver) = Signals::new(4);
        let input = Input::start(Some("list;quit"), || (), signals).expect("a thread");
        let told = || {
            input.want(String::new(), false);
            match receiver.recv_timeout(LIMIT) {
                Ok(Signal::Event(event)) => event,
                _ => panic!("nothing is told"),
            }
        };
        assert_eq!(told(), Event::Typed(Ok("list".to_owned())));
        assert_eq!(told(), Event::Typed(Ok("quit".to_owned())));
        assert_eq!(told(), Event::InputEnded);
        input.end();
    }

    #[test]
    fn a_thread_that_is_held_up_does_not_hold_up_the_end() {
        let (signals, _receiver) = Signals::new(4);
        let ((holds, held), (go_on, going_on), (done, over)) = (channel(), channel::<()>(), channel());
        // As a read does that finds nothing where a poll saw something.
        let wait = move || {
            holds.send(()).expect("the test listens");
            let _ = going_on.recv();
        };
        let input = Input::start(Some("list"), wait, signals).expect("a thread");
        input.want(String::new(), false);
        held.recv_timeout(LIMIT).expect("it is held up");
        let ending = thread::spawn(move || {
            input.end();
            done.send(()).expect("the test listens");
        });
        over.recv_timeout(LIMIT).expect("an end in time");
        drop(go_on);
        ending.join().expect("no panic");
    }
}
