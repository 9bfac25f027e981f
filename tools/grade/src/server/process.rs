//! A server as a process: a group of its own, its output in a file, an end that nothing outlives.

use super::processes::{self, Process};
use crate::interrupt;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
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
/// How often descendants are looked for: each time those that were left may have started others.
const ROUNDS: usize = 10;
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

/// A running server.
pub struct ServerProcess {
    child: Child,
    ended: Option<Ended>,
    /// What marks all that it has started.
    variable: String,
    output: PathBuf,
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
    /// Starts this command. `output` is the file for what it says, `mark` a word that no other server has.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(words: &[String], output: &Path, mark: &str) -> io::Result<ServerProcess> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let file = File::options().create(true).append(true).open(output)?;
        let variable = format!("GRADE_SERVER={mark}");
        let mut command = Command::new(program);
        command.args(arguments).env("GRADE_SERVER", mark).env("PYTHONUNBUFFERED", "1").process_group(0);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = interrupt::start(&mut command)?;
        let took_too_much = Arc::new(AtomicBool::new(false));
        let watch = Some(watch_memory(child.id() as i32, Arc::clone(&took_too_much))?);
        let output = output.to_owned();
        Ok(ServerProcess { child, ended: None, variable, output, watch, took_too_much })
    }

    fn group(&self) -> i32 {
        self.child.id() as i32
    }

    /// Its processes.
    pub fn processes(&self) -> Vec<Process> {
        processes::of_group(self.group())
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

    /// Sends a signal to all of its group.
    pub fn signal(&self, signal: Signal) {
        // It may be over already.
        let _ = killpg(Pid::from_raw(self.group()), signal);
    }

    /// Kills it, without a chance to do anything.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait(LAST_SECOND);
    }

    /// Ends it, and all that it has started: first with a request, then without.
    pub fn stop(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGTERM);
            self.wait(LAST_SECOND);
        }
        self.kill();
        self.kill_strays();
        if let Some((stop, thread)) = self.watch.take() {
            drop(stop);
            // It only looks and ends.
            let _ = thread.join();
        }
        interrupt::forget(self.group());
    }

    /// Kills descendants that have left the group: when their parents are gone the system makes them our children.
    fn kill_strays(&self) {
        let own = std::process::id() as i32;
        for _ in 0..ROUNDS {
            let is_stray = |process: &Process| {
                process.parent == own
                    && process.id != self.group()
                    && processes::has_variable(process.id, &self.variable)
            };
            let strays: Vec<Process> = processes::all().into_iter().filter(is_stray).collect();
            for stray in &strays {
                let id = Pid::from_raw(stray.id);
                let _ = kill(id, Signal::SIGKILL);
                let until = Instant::now() + LAST_SECOND;
                while waitpid(id, Some(WaitPidFlag::WNOHANG)) != Err(Errno::ECHILD) && Instant::now() < until {
                    thread::sleep(POLL);
                }
            }
            if strays.is_empty() {
                return;
            }
        }
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> Vec<String> {
        let text = read_end(&self.output).unwrap_or_default();
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

/// A line that does nothing to a terminal, and is not long.
fn shown(line: &str) -> String {
    let cut: String = line.chars().take(LAST_LENGTH).collect();
    let rest = if cut.len() < line.len() { format!("... ({} bytes)", line.len()) } else { String::new() };
    cut.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"") + &rest
}

/// The last bytes of a file that may be long.
fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
    let mut end = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn watch_memory(group: i32, took_too_much: Arc<AtomicBool>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel::<()>();
    let look = move || {
        while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let memory: u64 = processes::of_group(group).iter().map(|process| process.memory).sum();
            if memory > MOST_MEMORY {
                took_too_much.store(true, Ordering::Relaxed);
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
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
