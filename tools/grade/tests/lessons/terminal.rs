//! A terminal with a shell: commands go in, and what is typed; lines come out.

use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Carries out one command after the other, each with what is typed as its input, and marks its end. `$?` is that of the
/// command before. Ctrl-C ends a command, and not the shell.
const SHELL: &str = r#"trap : INT
while IFS= read -r -d "" command; do
    eval "(exit $code)
$command" <"$KEYS"
    code=$?
    printf '\036\n'
done"#;
/// What marks the end of a command.
const END: char = '\u{1e}';

/// What a terminal has to say.
#[derive(Debug, PartialEq)]
pub enum Event {
    Line(String),
    /// The command is over.
    End,
    /// Nothing came in time.
    Nothing,
}

/// A terminal. What runs in it ends with it.
pub struct Terminal {
    shell: Child,
    commands: ChildStdin,
    keys: File,
    output: UnixStream,
    /// What has come, and is no whole line yet.
    rest: Vec<u8>,
    /// The mark stood behind a line without an end.
    has_ended: bool,
    pub is_running: bool,
}

impl Terminal {
    /// Opens one. Its files are in `folder`, where temporary ones go too, and programs are looked for first.
    pub fn open(name: &str, folder: &Path, root: &Path) -> Terminal {
        let keys = folder.join(format!("keys.{name}"));
        mkfifo(&keys, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe with a name");
        let (output, theirs) = UnixStream::pair().expect("sockets");
        let errors = theirs.try_clone().expect("a descriptor");
        let programs = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["--norc", "-c", SHELL]).current_dir(root).process_group(0);
        command.env("KEYS", &keys).env("PATH", programs).env("TMPDIR", folder).env("LC_ALL", "C.UTF-8");
        command.env("code", "0").env("PYTHONDONTWRITEBYTECODE", "1").env_remove("BASH_ENV").env_remove("LESSON");
        command.stdin(Stdio::piped()).stdout(OwnedFd::from(theirs)).stderr(OwnedFd::from(errors));
        let mut shell = command.spawn().expect("bash is everywhere");
        let commands = shell.stdin.take().expect("a pipe");
        // Open for reading too: it is never at its end, as the keyboard is not.
        let keys = OpenOptions::new().read(true).write(true).open(&keys).expect("the pipe");
        Terminal { shell, commands, keys, output, rest: Vec::new(), has_ended: false, is_running: false }
    }

    pub fn run(&mut self, command: &str) {
        self.is_running = true;
        self.commands.write_all(format!("{command}\0").as_bytes()).expect("the shell reads");
    }

    pub fn type_line(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).expect("the pipe is open");
    }

    pub fn press_ctrl_c(&mut self) {
        self.signal(Signal::SIGINT);
    }

    fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.shell.id()).expect("an id"));
        let _ = killpg(group, signal);
    }

    /// What comes next, within this time.
    pub fn next(&mut self, limit: Duration) -> Event {
        let until = Instant::now() + limit;
        loop {
            if std::mem::take(&mut self.has_ended) {
                return self.end();
            }
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                match line.strip_suffix(END) {
                    None => return Event::Line(line.trim_end().to_owned()),
                    Some("") => return self.end(),
                    Some(last) => {
                        self.has_ended = true;
                        return Event::Line(last.trim_end().to_owned());
                    }
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            self.output.set_read_timeout(Some(left.max(Duration::from_millis(1)))).expect("a time");
            let mut piece = [0; 4096];
            match self.output.read(&mut piece) {
                Ok(0) => return self.end(),
                Ok(length) => self.rest.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Event::Nothing,
            }
        }
    }

    fn end(&mut self) -> Event {
        self.is_running = false;
        Event::End
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What is stopped gets it too.
        self.signal(Signal::SIGKILL);
        let _ = self.shell.wait();
    }
}
