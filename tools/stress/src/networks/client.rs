//! Client programs on hosts of their own, with what they say and when.

use crate::process::end;
use crate::wire::PASSWORD;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What anything may take.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Lines that may wait to be looked at.
const WAITING: usize = 10_000;

/// A line of a client, as it came.
pub struct Said {
    /// Which client, from 0 on.
    pub who: usize,
    /// When it was read.
    pub at: Instant,
    /// An event: an object of JSON.
    pub line: String,
}

impl Said {
    /// Whether it is an event of this kind.
    pub fn is(&self, event: &str) -> bool {
        field(&self.line, "event") == Some(event)
    }
}

/// A field of an object, as it is written. Texts of ours have nothing in them that is escaped.
pub fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!("\"{name}\":"))?.1;
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}']).next(),
    }
}

struct Client {
    process: Child,
    keys: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
    /// Lines that were typed.
    typed: u64,
}

/// All of them. They end with their value.
pub struct Clients {
    clients: Vec<Client>,
    sender: SyncSender<Said>,
    events: Receiver<Said>,
}

impl Drop for Clients {
    fn drop(&mut self) {
        // A reader that waits for room does not wait any more.
        self.events = sync_channel(0).1;
        for client in &mut self.clients {
            end(&mut client.process);
            // It ends with the output that it reads.
            _ = client.reader.take().map(JoinHandle::join);
        }
    }
}

impl Clients {
    /// None yet.
    pub fn new() -> Clients {
        let (sender, events) = sync_channel(WAITING);
        Clients { clients: Vec::new(), sender, events }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.clients.len()
    }

    /// Starts the next one, on the host that is called c and its number, with an account of that name; how long it took
    /// until it was logged in.
    ///
    /// # Errors
    /// A sentence.
    pub fn enter(&mut self, program: &Path, server: &str, options: &[&OsStr]) -> Result<Duration, String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.next_name()]).arg(program);
        self.start(command, server, options)
    }

    /// The same, on this host.
    ///
    /// # Errors
    /// A sentence.
    pub fn enter_here(&mut self, program: &Path, server: &str, options: &[&OsStr]) -> Result<Duration, String> {
        self.start(Command::new(program), server, options)
    }

    fn next_name(&self) -> String {
        format!("c{}", self.clients.len() + 1)
    }

    fn start(&mut self, mut command: Command, server: &str, options: &[&OsStr]) -> Result<Duration, String> {
        let (who, begin) = (self.clients.len(), Instant::now());
        command.args([server, "--json", "--signup", "--user", &self.next_name()]);
        command.args(options).env("PEERLINE_PASSWORD", PASSWORD);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(|error| format!("c{} does not start: {error}", who + 1))?;
        let (keys, output) = (process.stdin.take(), process.stdout.take());
        let sender = self.sender.clone();
        let read = move || {
            let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
            for line in lines.map_while(Result::ok) {
                if sender.send(Said { who, at: Instant::now(), line }).is_err() {
                    return;
                }
            }
        };
        let reader = Some(thread::spawn(read));
        self.clients.push(Client { process, keys, reader, typed: 0 });
        let said = self.wait(who, |said| said.line.contains("Logged in as"))?;
        Ok(said.at - begin)
    }

    /// Types a line; its number.
    ///
    /// # Errors
    /// A sentence, when the client has ended.
    pub fn type_line(&mut self, who: usize, line: &str) -> Result<u64, String> {
        let client = &mut self.clients[who];
        let written = client.keys.as_mut().map(|keys| keys.write_all(format!("{line}\n").as_bytes()));
        if !matches!(written, Some(Ok(()))) {
            return Err(format!("c{} has ended", who + 1));
        }
        client.typed += 1;
        Ok(client.typed)
    }

    /// The next event of anybody; `None` when there is none in time.
    pub fn next(&self, until: Instant) -> Option<Said> {
        self.events.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }

    /// Waits for an event of one client. Others before it are passed over.
    ///
    /// # Errors
    /// A sentence, when it does not come in time.
    pub fn wait(&self, who: usize, is_meant: impl Fn(&Said) -> bool) -> Result<Said, String> {
        let until = Instant::now() + LIMIT;
        while let Some(said) = self.next(until) {
            if said.who == who && is_meant(&said) {
                return Ok(said);
            }
        }
        Err(format!("c{} does not say what it should", who + 1))
    }

    /// Waits until each of these has said such an event, in any order.
    ///
    /// # Errors
    /// A sentence, when one does not in time.
    pub fn wait_for_all(&self, mut who: Vec<usize>, event: &str) -> Result<(), String> {
        let until = Instant::now() + LIMIT;
        while !who.is_empty() {
            let said = self.next(until).ok_or_else(|| format!("not everybody says {event}"))?;
            who.retain(|one| *one != said.who || !said.is(event));
        }
        Ok(())
    }

    /// Types a command and waits for the last event of its answer, of this kind; how long it took.
    ///
    /// # Errors
    /// A sentence, when it is refused or nothing comes.
    pub fn ask(&mut self, who: usize, command: &str, last: &str) -> Result<Duration, String> {
        let begin = Instant::now();
        let number = self.type_line(who, command)?.to_string();
        let is_answer = |said: &Said| field(&said.line, "id") == Some(&number) && (said.is(last) || said.is("refused"));
        let said = self.wait(who, is_answer)?;
        if said.is("refused") { Err(format!("{command}: {}", said.line)) } else { Ok(said.at - begin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_written() {
        let line = r#"{"earlier":false,"event":"broadcast","from":"c1","seq":12,"text":"0.7.x","window":"all"}"#;
        assert_eq!(field(line, "event"), Some("broadcast"));
        assert_eq!((field(line, "seq"), field(line, "earlier")), (Some("12"), Some("false")));
        assert_eq!((field(line, "text"), field(line, "id")), (Some("0.7.x"), None));
        assert_eq!(field(r#"{"id":3}"#, "id"), Some("3"));
    }
}
