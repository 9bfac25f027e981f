//! Who takes the events of all threads, and the one thread that writes them down.
//!
//! Whoever records never waits for the disk or a terminal: events wait in a queue that is bounded, and what finds no room
//! is dropped. Each has a number, so that whoever reads the trace sees a hole.

use super::event::{Event, Number, Recorded, Stamp};
use super::json;
use super::known::Known;
use super::output::Output;
use super::projector::Projector;
use crate::program::LogWriter;
use log::warn;
use std::io::Write;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// Bytes of events that wait to be written, about. As many more may be on their way.
const MAX_WAITING: usize = 8 << 20;
/// The room that is kept for the next ones, in events.
const KEPT: usize = 1024;
/// So long after the last event all is written out.
const IDLE: Duration = Duration::from_millis(50);
/// So long after the last time all is written out, also where events go on and on.
const AT_LEAST: Duration = Duration::from_secs(1);
/// How long the end of the program waits for what is left: a disk may be slow, and a pipe may have no reader.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How long it waits for who reads the rows.
const SCREEN_LIMIT: Duration = Duration::from_secs(1);

/// What records; clones record to the same. Off by default, and then nothing is made of an event.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Recorder>>);

/// Where events go.
#[derive(Default)]
pub struct Sinks {
    /// As lines of JSON.
    pub file: Option<Output>,
    /// As rows for a class.
    pub screen: Option<(Projector, LogWriter)>,
}

struct Recorder {
    started: Instant,
    connections: AtomicU64,
    queue: Mutex<Queue>,
    /// There are events to be written, or no more come.
    work: Condvar,
    /// All is written.
    ended: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    /// The number of the last event.
    n: u64,
    waiting: Vec<Recorded>,
    /// Their bytes, about.
    bytes: usize,
    is_ending: bool,
    has_ended: bool,
}

impl Trace {
    /// Starts the thread that writes; off where nothing is to be written to.
    ///
    /// # Errors
    /// One sentence: there is no thread to be had.
    pub fn start(sinks: Sinks) -> Result<Trace, String> {
        if sinks.file.is_none() && sinks.screen.is_none() {
            return Ok(Trace::default());
        }
        let recorder = Arc::new(Recorder {
            started: Instant::now(),
            connections: AtomicU64::new(0),
            queue: Mutex::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
            thread: Mutex::default(),
        });
        let writes = Arc::clone(&recorder);
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || writes.write_to(sinks));
        let thread = thread.map_err(|error| format!("no thread for the trace: {error}"))?;
        *recorder.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Trace(Some(recorder)))
    }

    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records what happens now; the event is made only where it is recorded.
    pub fn record(&self, event: impl FnOnce() -> Event) {
        if let Some(recorder) = &self.0 {
            recorder.record(recorder.stamp(), event());
        }
    }

    /// Records what happened at `at`; its number, 0 where nothing is recorded.
    pub fn record_at(&self, at: Stamp, event: Event) -> u64 {
        self.0.as_ref().map_or(0, |recorder| recorder.record(at, event))
    }

    /// The time, for what is recorded when it is over; nothing where nothing is recorded.
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().map(|recorder| recorder.stamp())
    }

    /// The number of the next connection.
    pub fn next_connection(&self) -> Number {
        self.0.as_ref().map_or(0, |recorder| recorder.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A thread begins that ends with the returned value.
    pub fn thread(&self, name: &str) -> RunningThread {
        self.record(|| Event::Thread { name: name.to_owned(), begins: true });
        RunningThread(self.is_on().then(|| (self.clone(), name.to_owned())))
    }

    /// Writes what is left, and ends the thread that writes: five seconds at the longest. What is recorded later is lost.
    pub fn finish(&self) {
        let Some(recorder) = &self.0 else { return };
        let at = recorder.stamp();
        let mut queue = recorder.lock();
        // However many wait: the last line says that nothing is missing behind it. What has not begun does not stop.
        if !queue.is_ending && queue.n > 0 {
            queue.add(at, Event::Stop);
        }
        queue.is_ending = true;
        recorder.work.notify_one();
        let waited = recorder.ended.wait_timeout_while(queue, END_LIMIT, |queue| !queue.has_ended);
        let has_ended = waited.unwrap_or_else(PoisonError::into_inner).0.has_ended;
        let thread = recorder.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread {
            // A panic was told already.
            Some(thread) if has_ended => drop(thread.join()),
            Some(_) => warn!("the end of the trace is lost: it could not be written in {} s", END_LIMIT.as_secs()),
            None => {}
        }
    }
}

/// See [`Trace::thread`].
pub struct RunningThread(Option<(Trace, String)>);

impl Drop for RunningThread {
    fn drop(&mut self) {
        if let Some((trace, name)) = self.0.take() {
            trace.record(|| Event::Thread { name, begins: false });
        }
    }
}

impl Recorder {
    fn stamp(&self) -> Stamp {
        Stamp { wall: SystemTime::now(), since_start: self.started.elapsed() }
    }

    fn record(&self, at: Stamp, event: Event) -> u64 {
        let mut queue = self.lock();
        if queue.is_ending || queue.bytes + event.size() > MAX_WAITING {
            queue.n += 1;
            return queue.n;
        }
        queue.add(at, event);
        if queue.waiting.len() == 1 {
            self.work.notify_one();
        }
        queue.n
    }

    fn write_to(&self, mut sinks: Sinks) {
        let mut known = Known::default();
        let (mut events, mut flushed) = (Vec::new(), Instant::now());
        while self.next(&mut events, &mut sinks) {
            for recorded in events.drain(..) {
                write(&recorded, &mut known, &mut sinks);
            }
            events.shrink_to(KEPT);
            if flushed.elapsed() >= AT_LEAST {
                sinks.flush();
                flushed = Instant::now();
            }
        }
        sinks.flush();
        if let Some((_, screen)) = &sinks.screen {
            screen.drain(SCREEN_LIMIT);
        }
        self.lock().has_ended = true;
        self.ended.notify_all();
    }

    /// Waits for events and takes them all, in exchange for an empty buffer; false when no more come. When none come for a
    /// moment, what the sinks hold is written out.
    fn next(&self, events: &mut Vec<Recorded>, sinks: &mut Sinks) -> bool {
        let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.is_ending;
        let waited = self.work.wait_timeout_while(self.lock(), IDLE, is_idle);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if is_idle(&mut queue) {
            drop(queue);
            sinks.flush();
            queue = self.work.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        }
        queue.bytes = 0;
        mem::swap(&mut queue.waiting, events);
        !events.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Puts an event behind the others.
    fn add(&mut self, at: Stamp, event: Event) {
        self.n += 1;
        self.bytes += event.size();
        self.waiting.push(Recorded { n: self.n, at, event });
    }
}

/// Writes an event to all sinks.
fn write(recorded: &Recorded, known: &mut Known, sinks: &mut Sinks) {
    known.take(&recorded.event);
    let again = match &recorded.event {
        Event::Datagram(datagram) => known.again(datagram),
        _ => None,
    };
    if let Some(file) = &mut sinks.file {
        file.write(&json::line(recorded, known, again));
    }
    if let Some((projector, screen)) = &mut sinks.screen {
        show(&projector.take(recorded, known, again), screen);
    }
    known.forget(&recorded.event);
}

/// Shows rows; the writer never fails.
fn show(rows: &str, screen: &mut LogWriter) {
    if !rows.is_empty() {
        let _ = screen.write_all(rows.as_bytes());
    }
}

impl Sinks {
    fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
        if let Some((projector, screen)) = &mut self.screen {
            show(&projector.idle(), screen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_finds_no_room_is_a_hole_in_the_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let file = Some(Output::create(&path).expect("a new file"));
        let trace = Trace::start(Sinks { file, screen: None }).expect("a thread");
        let recorder = trace.0.clone().expect("it is on");
        let event = |length: usize| Event::Notice { c: 1, line: "x".repeat(length) };
        trace.record(|| event(1));
        // Larger than all the room there is.
        assert_eq!(trace.record_at(recorder.stamp(), event(MAX_WAITING)), 2);
        assert_eq!(trace.record_at(recorder.stamp(), event(2)), 3);
        trace.finish();
        let text = fs::read_to_string(&path).expect("text");
        let number = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value["n"].as_u64().expect("a number")
        };
        assert_eq!(text.lines().map(number).collect::<Vec<_>>(), [1, 3, 4], "{text}");
        assert!(text.lines().last().is_some_and(|line| line.ends_with(",\"n\":4,\"ev\":\"stop\"}")));
        trace.record(|| event(1));
        trace.finish();
        assert!(recorder.lock().waiting.len() <= 1, "what comes later is not kept");
    }

    #[test]
    fn the_last_line_says_stop_also_where_there_is_no_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let file = Some(Output::create(&path).expect("a new file"));
        let trace = Trace::start(Sinks { file, screen: None }).expect("a thread");
        trace.record(|| Event::Notice { c: 1, line: String::new() });
        trace.0.as_ref().expect("it is on").lock().bytes = MAX_WAITING;
        trace.finish();
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.ends_with(",\"n\":2,\"ev\":\"stop\"}\n"), "{text}");
    }

    #[test]
    fn what_has_recorded_nothing_ends_without_a_word() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let file = Some(Output::create(&path).expect("a new file"));
        let trace = Trace::start(Sinks { file, screen: None }).expect("a thread");
        trace.finish();
        let recorder = trace.0.as_ref().expect("it is on");
        assert!(recorder.thread.lock().unwrap_or_else(PoisonError::into_inner).is_none(), "its thread is joined");
        assert_eq!(fs::read_to_string(&path).expect("text"), "");
    }

    #[test]
    fn what_is_off_makes_no_event() {
        let trace = Trace::start(Sinks::default()).expect("nothing is started");
        trace.record(|| panic!("it is made"));
        assert!(!trace.is_on() && trace.stamp().is_none());
        trace.finish();
    }
}
