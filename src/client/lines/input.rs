//! The thread that reads one line for each that is wanted.

use super::source::{Next, Source};
use crate::client::call::Signals;
use crate::client::event::Event;
use crate::client::screen::ask_hidden;
use crate::protocol::MAX_LINE;
use crate::value::BadLine;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The input of the line mode.
pub struct Input {
    wanted: SyncSender<Wanted>,
    /// Its end cuts a wait short.
    wake: UnixStream,
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
        let thread = thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || read(source, &receiver, answered, &signals))?;
        Ok(Input { wanted, wake, thread })
    }

    /// Has the next line read. A hidden one is asked for at the terminal with `prompt`, wherever standard input leads;
    /// where there is no terminal, it is the next line of the input.
    pub fn want(&self, prompt: String, hidden: bool) {
        // The next is wanted only when this one was told.
        let _ = self.wanted.try_send(Wanted { prompt, hidden });
    }

    /// Ends the thread, and waits for it.
    pub fn end(self) {
        drop(self.wanted);
        drop(self.wake);
        // A panic was printed when it happened.
        let _ = self.thread.join();
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
    match ask_hidden(prompt, source.wake().as_fd()) {
        Ok(Some(answer)) => Some(Event::Typed(Ok(answer))),
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
    use std::time::Duration;

    #[test]
    fn one_line_for_each_that_is_wanted() {
        let (signals, receiver) = Signals::new(4);
        let input = Input::start(Some("list;quit"), || (), signals).expect("a thread");
        let told = || {
            input.want(String::new(), false);
            match receiver.recv_timeout(Duration::from_secs(10)) {
                Ok(Signal::Event(event)) => event,
                _ => panic!("nothing is told"),
            }
        };
        assert_eq!(told(), Event::Typed(Ok("list".to_owned())));
        assert_eq!(told(), Event::Typed(Ok("quit".to_owned())));
        assert_eq!(told(), Event::InputEnded);
        input.end();
    }
}
