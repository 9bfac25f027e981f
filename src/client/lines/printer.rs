//! The thread that writes what is shown, line by line: output to standard output, refusals to standard error.

use crate::client::event::{Line, Shown, Stage};
use crate::client::shown;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Lines that wait to be written. Whoever shows one more comes again: a slow reader of our output so slows the
/// server's lines down, instead of filling memory.
const QUEUE: usize = 1024;
/// Bytes written together, about.
const MAX_BATCH: usize = 16 * 1024;
/// How long nobody may read at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of text each; refusals apart, on standard error.
    Plain {
        /// Whether the way of a transfer is told at each tenth of it.
        progress: bool,
    },
    /// A JSON object in a line each.
    Json,
}

/// The way to the thread.
pub struct Printer {
    format: Format,
    zone: TimeZone,
    /// The tenth that was last told of each transfer that is under way.
    tenths: BTreeMap<u64, u64>,
    queue: SyncSender<Output>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

/// What is written.
enum Output {
    Line {
        text: String,
        apart: bool,
    },
    Prompt(String),
    /// The person has answered the prompt with Enter.
    Answered,
}

impl Printer {
    /// Begins. `gone` is called once when nobody reads standard output any more.
    ///
    /// # Errors
    /// There is no thread.
    pub fn start(format: Format, zone: TimeZone, gone: impl FnOnce() + Send + 'static) -> io::Result<Printer> {
        let (queue, outputs) = sync_channel(QUEUE);
        let (end, ended) = sync_channel(1);
        let thread = thread::Builder::new().name("printer".to_owned()).spawn(move || {
            write_all(&outputs, io::stdout(), io::stderr(), gone);
            // Nobody may wait for it.
            let _ = end.try_send(());
        })?;
        Ok(Printer { format, zone, tenths: BTreeMap::new(), queue, ended, thread })
    }

    /// Has a line written, soon; false when there is no room, and it is to be shown again a little later.
    pub fn print(&mut self, line: &Line) -> bool {
        if !self.is_wanted(line) {
            return true;
        }
        let text = match self.format {
            Format::Json => shown::object(line),
            Format::Plain { .. } => shown::text(&line.shown, &self.zone),
        };
        let is_error = matches!(line.shown, Shown::RunLine { error: true, .. }) || line.shown.is_error();
        let apart = self.format != Format::Json && is_error;
        self.queue.try_send(Output::Line { text, apart }).is_ok()
    }

    /// Shows a prompt; what is written from now on stands on lines of its own, and the prompt behind it again. Another
    /// prompt before the answer takes its place, on a line of its own.
    pub fn prompt(&self, prompt: String) {
        // Without room there is more to read than a prompt.
        let _ = self.queue.try_send(Output::Prompt(prompt));
    }

    /// What the thread of the input calls when a prompt was answered: what is written from then on needs no line of
    /// its own. It must be gone before [`Printer::end`].
    pub fn answered(&self) -> impl Fn() + Send + 'static {
        let queue = self.queue.clone();
        move || drop(queue.try_send(Output::Answered))
    }

    /// Progress that was not asked for is for programs; for people only each tenth, where they want it.
    fn is_wanted(&mut self, line: &Line) -> bool {
        let (Format::Plain { progress }, Shown::Transfer { number, step, .. }) = (self.format, &line.shown) else {
            return true;
        };
        match step.stage {
            Stage::Stalled { .. } if line.request.is_none() => progress,
            Stage::Progress { done, size, .. } if line.request.is_none() => {
                let tenth = shown::percent(done, size) / 10;
                let is_new = self.tenths.insert(*number, tenth).is_none_or(|before| before < tenth);
                progress && is_new && tenth > 0
            }
            _ => {
                if step.stage.is_end() {
                    self.tenths.remove(number);
                }
                true
            }
        }
    }

    /// Waits until all is written, but not for long when nobody reads.
    pub fn end(self) {
        drop(self.queue);
        if self.ended.recv_timeout(LAST_LINES).is_ok() {
            // A panic was printed when it happened.
            let _ = self.thread.join();
        }
    }
}

/// Writes until the other end of the queue is gone. When standard output is closed, nobody is left to talk to: the
/// rest is dropped.
fn write_all(outputs: &Receiver<Output>, mut stdout: impl Write, mut stderr: impl Write, gone: impl FnOnce()) {
    let mut gone = Some(gone);
    let mut prompt: Option<String> = None;
    while let Ok(first) = outputs.recv() {
        // What has come together is written together, each kind in its order.
        let (mut lines, mut errors) = (String::new(), String::new());
        let mut next = Some(first);
        while let Some(output) = next.take() {
            let apart = matches!(output, Output::Line { apart: true, .. });
            add(output, &mut prompt, &mut lines, &mut errors);
            if !apart && lines.len() <= MAX_BATCH {
                next = outputs.try_recv().ok();
            }
        }
        if gone.is_some() {
            let written = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
            if written.is_err() {
                gone.take().into_iter().for_each(|gone| gone());
            }
        }
        // Nobody may listen to our errors.
        let _ = stderr.write_all(errors.as_bytes());
    }
}

fn add(output: Output, prompt: &mut Option<String>, lines: &mut String, errors: &mut String) {
    match output {
        Output::Line { text, apart } => {
            let into = if apart { errors } else { lines };
            if let Some(prompt) = prompt {
                into.push_str(&format!("\n{text}\n{prompt}"));
            } else {
                into.push_str(&text);
                into.push('\n');
            }
        }
        Output::Prompt(text) => {
            if prompt.is_some() {
                lines.push('\n');
            }
            lines.push_str(&text);
            *prompt = Some(text);
        }
        Output::Answered => *prompt = None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Place, Step, Way};
    use std::cell::Cell;
    use std::time::SystemTime;

    /// Nobody reads.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(text: &str, apart: bool) -> Output {
        Output::Line { text: text.to_owned(), apart }
    }

    fn written(outputs: Vec<Output>) -> (String, String) {
        let (queue, receiver) = sync_channel(QUEUE);
        outputs.into_iter().for_each(|output| queue.send(output).expect("open"));
        drop(queue);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write_all(&receiver, &mut out, &mut err, || panic!("it is read"));
        (String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
    }

    #[test]
    fn refusals_stand_apart_and_all_keep_their_order() {
        let (out, err) = written(vec![line("one", false), line("no", true), line("two", false)]);
        assert_eq!((out.as_str(), err.as_str()), ("one\ntwo\n", "no\n"));
    }

    #[test]
    fn what_arrives_while_somebody_types_stands_on_a_line_of_its_own() {
        let outputs = vec![Output::Prompt("> ".to_owned()), line("bob: hi", false), Output::Answered, line("x", false)];
        assert_eq!(written(outputs).0, "> \nbob: hi\n> x\n");
    }

    #[test]
    fn a_closed_output_is_told_once() {
        let (queue, receiver) = sync_channel(QUEUE);
        let told = Cell::new(0);
        queue.send(line("one", false)).expect("open");
        queue.send(line("no", true)).expect("open");
        queue.send(line("two", false)).expect("open");
        drop(queue);
        write_all(&receiver, Closed, Closed, || told.set(told.get() + 1));
        assert_eq!(told.get(), 1);
    }

    #[test]
    fn progress_is_told_in_tenths_to_people_who_want_it() {
        let lines = |format, request| {
            let mut printer = Printer::start(format, TimeZone::UTC, || ()).expect("a thread");
            let wanted = (0..=20).filter(|twentieth| {
                let stage = Stage::Progress { done: twentieth * 5, size: 100, file: 1, count: 1 };
                let step = Step { way: Way::Fetch, with: "bob".parse().expect("valid"), what: "a".to_owned(), stage };
                let shown = Shown::Transfer { number: 1, step, rate: None, left: None };
                printer.is_wanted(&Line { home: Place::Server, time: SystemTime::UNIX_EPOCH, shown, request })
            });
            let count = wanted.count();
            printer.end();
            count
        };
        assert_eq!(lines(Format::Plain { progress: true }, None), 10);
        assert_eq!(lines(Format::Plain { progress: false }, None), 0);
        assert_eq!(lines(Format::Plain { progress: false }, Some(3)), 21, "the answer to transfers");
        assert_eq!(lines(Format::Json, None), 21);
    }
}
