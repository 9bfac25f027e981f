//! A server as a process, with all that it starts: a group of its own, its output in a file, an end that nothing outlives.

use super::processes::{self, Process};
use super::{family, listening};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The most memory of all its processes.
const MOST_MEMORY: u64 = 2 << 30;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is asked whether a process has ended.
const POLL: Duration = Duration::from_millis(5);
/// What a server has for its end before it is killed.
const LAST_SECOND: Duration = Duration::from_secs(1);
/// What a starter that has got SIGTERM has to end, or to hand it on to the server, until that gets it too.
const STARTER: Duration = Duration::from_secs(1);
/// How much of the output are the last words.
const LAST_LINES: usize = 10;
const LAST_BYTES: u64 = 8 * 1024;
/// The most characters of one of these lines that are shown.
const LAST_LENGTH: usize = 160;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
}

/// The end of a server that was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub ended: Ended,
    /// It is that of a script, or the like, which had started the server: that of the server itself only the script knew.
    pub is_starters: bool,
}

/// A running server.
pub struct ServerProcess {
    child: Child,
    ended: Option<Ended>,
    /// The process that listened when it was asked to end, where it is not the first one.
    listener: Option<i32>,
    output: PathBuf,
    /// Where in it its words begin: before them are those of the one that was killed.
    from: u64,
    watch: Option<(Sender<()>, JoinHandle<()>)>,
    took_too_much: Arc<AtomicBool>,
}

/// What servers inherit: few files, no endless ones, no core dumps.
pub fn limit_resources() {
    for (resource, most) in
        [(Resource::RLIMIT_NOFILE, 1_024), (Resource::RLIMIT_FSIZE, 256 << 20), (Resource::RLIMIT_CORE, 0)]
    {
        if let Ok((soft, hard)) = getrlimit(resource) {
            // A system that does not allow it has limits of its own.
            let _ = setrlimit(resource, most.min(soft), hard);
        }
    }
}

impl ServerProcess {
    /// Starts this command, in `folder` if there is one. `output` is the file for what it says, `mark` a word that no other
    /// server has.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(words: &[OsString], output: &Path, mark: &str, folder: Option<&Path>) -> io::Result<ServerProcess> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let file = File::options().create(true).append(true).open(output)?;
        let from = file.metadata()?.len();
        let variable = format!("GRADE_SERVER={mark}");
        let mut command = Command::new(program);
        command.args(arguments).env("GRADE_SERVER", mark).env("PYTHONUNBUFFERED", "1").process_group(0);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let child = family::start(&mut command, &variable)?;
        let took_too_much = Arc::new(AtomicBool::new(false));
        let output = output.to_owned();
        let mut server = ServerProcess { child, ended: None, listener: None, output, from, watch: None, took_too_much };
        match watch_memory(server.first(), Arc::clone(&server.took_too_much)) {
            Ok(watch) => server.watch = Some(watch),
            Err(error) => {
                // Nobody else would end it.
                server.kill();
                family::forget(server.first());
                return Err(error);
            }
        }
        Ok(server)
    }

    /// The one that was started; others are what it has started.
    fn first(&self) -> i32 {
        self.child.id() as i32
    }

    /// Its processes.
    pub fn processes(&self) -> Vec<Process> {
        family::of(self.first())
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<Ended> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten().map(Ended::from);
        }
        self.ended
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Option<Ended> {
        let until = Instant::now() + limit;
        while self.ended().is_none() && Instant::now() < until {
            thread::sleep(POLL);
        }
        self.ended
    }

    /// Asks it to end: all its processes, those first that have started the one which listens at this port. Its exit status
    /// is then the grader's to know, and not that of a script, which would end by the signal itself.
    pub fn terminate(&mut self, port: u16) {
        let (own, all) = (std::process::id() as i32, self.processes());
        self.listener = listening::holder(&all, port).filter(|id| *id != self.first());
        let open = listening::open_at(port);
        let mut starters = Vec::new();
        let mut next = self.listener;
        while let Some(process) = all.iter().find(|process| Some(process.id) == next) {
            next = Some(process.parent).filter(|parent| !starters.contains(parent));
            starters.extend(next.filter(|parent| *parent != own));
        }
        send(Signal::SIGTERM, starters.iter().copied());
        // A starter that goes on may hand the signal on, and a second one would break off what the first has begun.
        let is_held = |id| processes::read(id).is_some_and(|process| process.parent != own && !process.is_over);
        let closes = || listening::open_at(port) < open;
        let until = Instant::now() + STARTER;
        while self.listener.is_some_and(is_held) && !closes() && Instant::now() < until {
            thread::sleep(POLL);
        }
        let has_heard = self.listener.is_some_and(is_held) && closes();
        let is_told = |id: &i32| starters.contains(id) || (has_heard && self.listener == Some(*id));
        send(Signal::SIGTERM, all.iter().map(|process| process.id).filter(|id| !is_told(id)));
    }

    /// How it has ended after it was asked to, within this time: it, and whatever has started it.
    pub fn ending(&mut self, limit: Duration) -> Option<Ending> {
        let until = Instant::now() + limit;
        let first = self.wait(limit)?;
        let Some(listener) = self.listener else { return Some(Ending { ended: first, is_starters: false }) };
        loop {
            // In this order: who has ended between the two would be gone, and its end not known yet. One that is over may
            // still have threads, and nobody is told its end before they have ended.
            let is_gone = processes::read(listener).is_none();
            if let Some(ended) = family::end_of(listener) {
                return Some(Ending { ended, is_starters: false });
            }
            if is_gone {
                return Some(Ending { ended: first, is_starters: true });
            }
            if Instant::now() >= until {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// Kills it, without a chance to do anything, and all that it has started.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            // All of its group at one moment, as a rule all there is. It may be over already.
            let _ = killpg(Pid::from_raw(self.first()), Signal::SIGKILL);
        }
        self.wait(LAST_SECOND);
        let until = Instant::now() + LAST_SECOND;
        loop {
            // Each time those that were left may have started others.
            let left = self.processes();
            if left.is_empty() || Instant::now() >= until {
                return;
            }
            send(Signal::SIGKILL, left.iter().map(|process| process.id));
            thread::sleep(POLL);
        }
    }

    /// Ends it, and all that it has started: first with a request, then without.
    pub fn stop(&mut self) {
        send(Signal::SIGTERM, self.processes().iter().map(|process| process.id));
        let until = Instant::now() + LAST_SECOND;
        self.wait(LAST_SECOND);
        while Instant::now() < until && !self.processes().is_empty() {
            thread::sleep(POLL);
        }
        self.kill();
        if let Some((stop, thread)) = self.watch.take() {
            drop(stop);
            // It only looks and ends.
            let _ = thread.join();
        }
        family::forget(self.first());
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> Vec<String> {
        let text = read_end(&self.output, self.from).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter().map(|line| shown(line)).collect()
    }

    /// Whether it was killed because of its memory.
    pub fn took_too_much(&self) -> bool {
        self.took_too_much.load(Ordering::Relaxed)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.watch.is_some() {
            self.stop();
        }
    }
}

/// Sends a signal to each of these; who is over already does not get it.
fn send(signal: Signal, processes: impl Iterator<Item = i32>) {
    for id in processes {
        let _ = kill(Pid::from_raw(id), signal);
    }
}

/// A line that does nothing to a terminal, and is not long.
fn shown(line: &str) -> String {
    let cut: String = line.chars().take(LAST_LENGTH).collect();
    let rest = if cut.len() < line.len() { format!("... ({} bytes)", line.len()) } else { String::new() };
    cut.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"") + &rest
}

/// Whether a server says here that another one has its port, as systems say it.
pub fn is_about_a_taken_port(line: &str) -> bool {
    let line = line.to_lowercase();
    let is_about_ports = ["address", "port", "bind"].iter().any(|word| line.contains(word));
    line.contains("eaddrinuse") || (line.contains("in use") && is_about_ports)
}

/// The last bytes of what stands from there on in a file that may be long.
fn read_end(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES).max(from)))?;
    let mut end = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn watch_memory(first: i32, took_too_much: Arc<AtomicBool>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel::<()>();
    let look = move || {
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let all = family::of(first);
            if all.iter().map(|process| process.memory).sum::<u64>() > MOST_MEMORY {
                took_too_much.store(true, Ordering::Relaxed);
                send(Signal::SIGKILL, all.iter().map(|process| process.id));
            }
        }
    };
    thread::Builder::new().name("memory".to_owned()).spawn(look).map(|thread| (stop, thread))
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Ended {
        match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Code(code),
            (None, signal) => Ended::Signal(signal.unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ended::Code(code) => write!(f, "exit code {code}"),
            Ended::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "signal {number}, {signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_those_of_the_last_start() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "of the first\nof the second\n").expect("written");
        assert_eq!(read_end(file.path(), 13).expect("read"), "of the second\n");
    }

    #[test]
    fn a_lock_is_no_port() {
        for taken in ["OSError: [Errno 98] Address already in use", "listen EADDRINUSE: :::1", "Port 80 is in use"] {
            assert!(is_about_a_taken_port(taken), "{taken}");
        }
        assert!(!is_about_a_taken_port("stale lock file: is another server running?"));
        assert!(!is_about_a_taken_port("the database is in use"));
    }
}
