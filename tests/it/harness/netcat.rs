//! The tools with which people talk without a client, with the command lines that docs/PROTOCOL.md tells: a changed
//! line of its table is what the tests type from then on.

use super::{LIMIT, Lines, send_signal, wait};
use std::fs::File;
use std::io::{Read, Seek};
#[cfg(feature = "tls")]
use std::io::{Write, stderr};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A command that connects its input and its output with an address.
#[derive(Debug)]
pub struct Tool {
    /// As the document tells it, with `IP` and `PORT`.
    pub command: String,
    /// At the end of its input it says so to the other side.
    pub closes_its_half: bool,
}

/// Whether this machine has openssl, by which tests speak TLS without a client; what is skipped is said.
#[cfg(feature = "tls")]
pub fn has_openssl() -> bool {
    let is_here = Tool::tls().is_here();
    if !is_here {
        // Not by a macro: what these print is not shown of a test that passes.
        let words = "A TEST OF TLS WAS SKIPPED, as openssl is not installed\n";
        stderr().write_all(words.as_bytes()).expect("standard error");
    }
    is_here
}

/// A tool, or a line of the shell, at work.
pub struct Running {
    child: Child,
    output: Option<File>,
}

impl Tool {
    /// Those of the table that this machine has; what is skipped is printed.
    pub fn all() -> Vec<Tool> {
        let (here, missing): (Vec<_>, Vec<_>) = Self::told().into_iter().partition(Tool::is_here);
        missing.iter().for_each(|tool| println!("skipped: `{}`, as this machine does not have it", tool.command));
        assert!(!here.is_empty(), "bash at least runs the tests");
        here
    }

    /// The rows of the document's table whose second cell is a command line.
    fn told() -> Vec<Tool> {
        let document = super::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md"));
        let rows = document.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let tools: Vec<_> = rows
            .filter_map(|row| match row[..] {
                ["", _, command, end, ""] if command.contains("IP") && command.contains("PORT") => {
                    let command = command.strip_prefix('`')?.strip_suffix('`')?.to_owned();
                    Some(Tool { command, closes_its_half: end.starts_with("closes its half") })
                }
                _ => None,
            })
            .collect();
        assert!(tools.len() >= 4, "the table of tools in docs/PROTOCOL.md has {} rows", tools.len());
        tools
    }

    /// That of docs/PROTOCOL.md for a port that speaks TLS, which asks nobody whether the key is right.
    #[cfg(feature = "tls")]
    pub fn tls() -> Tool {
        let document = super::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md"));
        let line = document.lines().find_map(|line| line.trim().strip_prefix("openssl s_client "));
        Tool {
            command: format!("openssl s_client {} 2>/dev/null", line.expect("the document tells it")),
            closes_its_half: false,
        }
    }

    fn is_here(&self) -> bool {
        let mut words = self.command.trim_start_matches('(').split(' ');
        let program = words.next().expect("a word");
        let knows = words.next().is_some_and(|word| program == "nc" && word.starts_with('-'));
        // The others that are called nc have other options.
        let check = format!("type {program} && {{ [ {knows} = false ] || nc -h 2>&1 | grep -q OpenBSD; }}");
        Command::new("bash")
            .args(["-c", &check])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The command line for this address.
    pub fn at(&self, address: SocketAddr) -> String {
        self.command.replace("PORT", &address.port().to_string()).replace("IP", &address.ip().to_string())
    }

    /// Talks through the tool, as at a terminal.
    pub fn connect(&self, address: SocketAddr) -> (Lines, Running) {
        let between = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let ours = TcpStream::connect(between.local_addr().expect("bound")).expect("connects");
        let theirs = between.accept().expect("connected").0;
        let again = theirs.try_clone().expect("a descriptor");
        let child = shell(&self.at(address), OwnedFd::from(theirs).into(), OwnedFd::from(again).into());
        (Lines::over(ours), Running { child, output: None })
    }
}

impl Running {
    /// Runs a line of the shell that gets nothing on its standard input.
    pub fn shell(line: &str) -> Running {
        let output = tempfile::tempfile().expect("a file");
        let writing = output.try_clone().expect("a descriptor");
        Running { child: shell(line, Stdio::null(), writing.into()), output: Some(output) }
    }

    /// Waits for its end; gives the exit code and what it has written.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let code = wait(&mut self.child);
        let mut text = String::new();
        if let Some(mut output) = self.output.take() {
            output.rewind().expect("a file");
            output.read_to_string(&mut text).expect("text");
        }
        (code, text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // All that the line has started ends with it.
        if matches!(self.child.try_wait(), Ok(None)) {
            send_signal(self.child.id(), "TERM");
            let _ = self.child.wait();
        }
    }
}

/// Starts a line of bash that ends by force after [`LIMIT`], and with all that it has started.
fn shell(line: &str, input: Stdio, output: Stdio) -> Child {
    let limit = LIMIT.as_secs().to_string();
    let mut command = Command::new("timeout");
    command.args(["-k", "5", &limit, "bash", "-c", line]).stdin(input).stdout(output);
    command.spawn().expect("timeout and bash are everywhere")
}
