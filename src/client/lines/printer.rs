//! The thread that writes what is shown, line by line: output to standard output, refusals to standard error.

use crate::client::event::{Line, Shown, Stage};
use crate::client::shown;
use jiff::tz::TimeZone;
use nix::libc;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Lines, or pieces of some, that wait to be written, and the bytes in them. Whoever shows one more comes again: a slow
/// reader of our output so slows the server's lines down, instead of filling memory.
const QUEUE: usize = 1024;
const MAX_WAITING: usize = 1 << 20;
/// Bytes written together, about.
const MAX_BATCH: usize = 16 * 1024;
/// Bytes that a pipe takes whole or not at all (PIPE_BUF of pipe(7)).
const PIPE_PIECE: usize = 4096;
/// How long nobody may read at the end.
const LAST_LINES: Duration = Duration::from_secs(2);
/// How often there is looked for room then.
const LOOK: Duration = Duration::from_millis(20);

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
    /// Standard output, where it is a pipe that takes what fits and makes nobody wait.
    pipe: Option<File>,
    /// What was printed and has not left: only with `pipe`.
    lines: String,
    queue: Queue,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

/// What waits for the thread.
#[derive(Clone)]
struct Queue {
    outputs: SyncSender<Output>,
    /// How many bytes of it are not written yet.
    unwritten: Arc<AtomicUsize>,
}

impl Queue {
    /// False: there is no room.
    fn put(&self, output: Output) -> bool {
        let bytes = output.bytes();
        let is_put =
            self.unwritten.fetch_add(bytes, Ordering::Relaxed) <= MAX_WAITING && self.outputs.try_send(output).is_ok();
        if !is_put {
            self.unwritten.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_put
    }
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

impl Output {
    /// With its LF.
    fn bytes(&self) -> usize {
        match self {
            Output::Line { text, .. } | Output::Prompt(text) => text.len() + 1,
            Output::Answered => 1,
        }
    }
}

impl Printer {
    /// Begins. `gone` is called once when nobody reads standard output any more. With `prompts` [`Printer::prompt`] may be
    /// called.
    ///
    /// # Errors
    /// There is no thread.
    pub fn start(
        format: Format,
        zone: TimeZone,
        prompts: bool,
        gone: impl FnOnce() + Send + 'static,
    ) -> io::Result<Printer> {
        let (outputs, receiver) = sync_channel(QUEUE);
        let queue = Queue { outputs, unwritten: Arc::default() };
        let (end, ended) = sync_channel(1);
        let unwritten = Arc::clone(&queue.unwritten);
        let thread = thread::Builder::new().name("printer".to_owned()).spawn(move || {
            write_all(&receiver, &unwritten, io::stdout(), io::stderr(), gone);
            // Nobody may wait for it.
            let _ = end.try_send(());
        })?;
        // Where there are prompts, the thread knows where they stand.
        let pipe = if prompts { None } else { as_pipe(&io::stdout()) };
        Ok(Printer { format, zone, tenths: BTreeMap::new(), pipe, lines: String::new(), queue, ended, thread })
    }

    /// Has a line written, soon, or when [`Printer::flush`] is called; false when there is no room, and it is to be shown
    /// again a little later.
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
        if self.pipe.is_none() {
            return self.queue.put(Output::Line { text, apart });
        }
        // What is apart has its place behind what was printed before.
        if (apart || self.lines.len() > MAX_BATCH) && !self.hand_over() {
            return false;
        }
        if apart {
            return self.queue.put(Output::Line { text, apart });
        }
        self.lines.push_str(&text);
        self.lines.push('\n');
        true
    }

    /// What was printed leaves, when all that follows from an event is printed: into a pipe that takes it at once, as no
    /// thread need be woken for that, or by the thread. False when there is no room, and it is to be called again.
    pub fn flush(&mut self) -> bool {
        let is_next = self.lines.len() <= PIPE_PIECE && self.queue.unwritten.load(Ordering::Acquire) == 0;
        let pipe = self.pipe.as_mut().filter(|_| is_next && !self.lines.is_empty());
        if pipe.is_some_and(|pipe| pipe.write(self.lines.as_bytes()).is_ok()) {
            self.lines.clear();
        }
        // The thread finds out whether nobody reads any more.
        self.hand_over()
    }

    /// Gives what was printed to the thread; false when there is no room.
    fn hand_over(&mut self) -> bool {
        let Some(lines) = self.lines.strip_suffix('\n') else { return true };
        let is_put = self.queue.put(Output::Line { text: lines.to_owned(), apart: false });
        if is_put {
            self.lines.clear();
        }
        is_put
    }

    /// Shows a prompt; what is written from now on stands on lines of its own, and the prompt behind it again. Another
    /// prompt before the answer takes its place, on a line of its own.
    pub fn prompt(&self, prompt: String) {
        // Without room there is more to read than a prompt.
        let _ = self.queue.put(Output::Prompt(prompt));
    }

    /// What the thread of the input calls when a prompt was answered: what is written from then on needs no line of
    /// its own. It must be gone before [`Printer::end`].
    pub fn answered(&self) -> impl Fn() + Send + 'static {
        let queue = self.queue.clone();
        move || _ = queue.put(Output::Answered)
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
    pub fn end(mut self) {
        let until = Instant::now() + LAST_LINES;
        while !self.flush() && Instant::now() < until {
            thread::sleep(LOOK);
        }
        drop(self.queue);
        if self.ended.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {
            // A panic was printed when it happened.
            let _ = self.thread.join();
        }
    }
}

/// The same pipe, opened again: that nobody waits for it holds for this end of it alone, and not for other programs that
/// have it too. `None` where it is no pipe, or the system does not open it.
fn as_pipe(output: &impl AsFd) -> Option<File> {
    let path = format!("/proc/self/fd/{}", output.as_fd().as_raw_fd());
    let is_pipe = std::fs::metadata(&path).is_ok_and(|file| file.file_type().is_fifo());
    if !is_pipe {
        return None;
    }
    OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path).ok()
}

/// Writes until the other end of the queue is gone. When standard output is closed, nobody is left to talk to: the
/// rest is dropped.
fn write_all(
    outputs: &Receiver<Output>,
    unwritten: &AtomicUsize,
    mut stdout: impl Write,
    mut stderr: impl Write,
    gone: impl FnOnce(),
) {
    let mut gone = Some(gone);
    let mut prompt: Option<String> = None;
    while let Ok(first) = outputs.recv() {
        // What has come together is written together, each kind in its order.
        let (mut lines, mut errors) = (String::new(), String::new());
        let (mut next, mut taken) = (Some(first), 0);
        while let Some(output) = next.take() {
            taken += output.bytes();
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
        unwritten.fetch_sub(taken, Ordering::Release);
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
        let unwritten = AtomicUsize::new(outputs.iter().map(Output::bytes).sum());
        outputs.into_iter().for_each(|output| queue.send(output).expect("open"));
        drop(queue);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write_all(&receiver, &unwritten, &mut out, &mut err, || panic!("it is read"));
        assert_eq!(unwritten.into_inner(), 0);
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
    fn a_pipe_takes_what_fits_and_the_thread_has_the_rest_in_order() {
        let (reader, writer) = nix::unistd::pipe().expect("a pipe");
        let (mut reader, (outputs, receiver), (_, ended)) = (File::from(reader), sync_channel(8), sync_channel(1));
        let queue = Queue { outputs, unwritten: Arc::default() };
        let pipe = Some(as_pipe(&writer).expect("a pipe that can be opened"));
        let (format, zone, thread) = (Format::Plain { progress: false }, TimeZone::UTC, thread::spawn(|| ()));
        let (tenths, lines) = (BTreeMap::new(), String::new());
        let mut printer = Printer { format, zone, tenths, pipe, lines, queue, ended, thread };
        let print = |printer: &mut Printer, shown: Shown| {
            let line = Line { home: Place::Server, time: SystemTime::UNIX_EPOCH, shown, request: None };
            assert!(printer.print(&line) && printer.flush());
            printer.queue.unwritten.load(Ordering::Acquire)
        };
        let info = |text: &str| Shown::Info { text: text.to_owned() };
        assert_eq!(print(&mut printer, info("one")), 0);
        let mut buffer = [0; 4096];
        assert_eq!(io::Read::read(&mut reader, &mut buffer).expect("open"), 4);
        assert!(buffer.starts_with(b"one\n"));
        // A refusal is for the thread, and what comes behind it must not overtake it.
        assert_eq!(print(&mut printer, Shown::Refused { text: "no".to_owned() }), 3);
        assert_eq!(print(&mut printer, info("two")), 7);
        printer.queue.unwritten.store(0, Ordering::Release);
        let mut filled = 0;
        while filled == 0 {
            filled = print(&mut printer, info(&"x".repeat(4000)));
        }
        assert_eq!(receiver.try_iter().count(), 3, "nobody reads the pipe any more");
        printer.end();
    }

    #[test]
    fn what_nobody_reads_is_bounded() {
        let (outputs, _receiver) = sync_channel(QUEUE);
        let queue = Queue { outputs, unwritten: Arc::default() };
        let piece = "x".repeat(MAX_BATCH);
        let put = (0..QUEUE).filter(|_| queue.put(line(&piece, false))).count();
        assert!((MAX_WAITING / MAX_BATCH..MAX_WAITING / MAX_BATCH + 2).contains(&put), "{put}");
        queue.unwritten.store(0, Ordering::Release);
        assert!(queue.put(line(&piece, false)), "there is room again");
        (0..2 * QUEUE).for_each(|_| _ = queue.put(Output::Answered));
        assert!(queue.unwritten.load(Ordering::Acquire) <= MAX_BATCH + 1 + QUEUE);
    }

    #[test]
    fn a_closed_output_is_told_once() {
        let (queue, receiver) = sync_channel(QUEUE);
        let told = Cell::new(0);
        queue.send(line("one", false)).expect("open");
        queue.send(line("no", true)).expect("open");
        queue.send(line("two", false)).expect("open");
        drop(queue);
        write_all(&receiver, &AtomicUsize::new(11), Closed, Closed, || told.set(told.get() + 1));
        assert_eq!(told.get(), 1);
    }

    #[test]
    fn progress_is_told_in_tenths_to_people_who_want_it() {
        let lines = |format, request| {
            let mut printer = Printer::start(format, TimeZone::UTC, false, || ()).expect("a thread");
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
