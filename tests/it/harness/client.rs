//! A client as a script runs it: a process whose input is typed and whose output is watched, line by line.

use super::{LIMIT, wait};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// A running client.
pub struct ClientProcess {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<(Stream, String)>,
    readers: Vec<JoinHandle<()>>,
    /// Lines that came and that no test has waited for yet, a queue a stream: between two there is no order.
    ahead: [VecDeque<String>; 2],
    /// Every line so far, of standard output and standard error as they came.
    pub seen: Vec<String>,
}

/// Standard output is 0, standard error 1.
type Stream = usize;

impl ClientProcess {
    /// Starts a client with these options behind the server's address.
    pub fn start(server: SocketAddr, options: &[&str]) -> ClientProcess {
        Self::run(&[], &[], server, options)
    }

    /// The same, with what is kept between runs in this folder.
    pub fn start_at_home(home: &Path, server: SocketAddr, options: &[&str]) -> ClientProcess {
        Self::start_in(&[("XDG_STATE_HOME", home)], server, options)
    }

    /// The same, with these variables in its environment.
    pub fn start_in(variables: &[(&str, &Path)], server: SocketAddr, options: &[&str]) -> ClientProcess {
        Self::run(&[], variables, server, options)
    }

    /// Starts `client doctor` for a user who has an account.
    pub fn doctor(server: SocketAddr, name: &str) -> ClientProcess {
        Self::run(&["doctor"], &[], server, &["--user", name])
    }

    /// The same with more options.
    pub fn doctor_with(server: SocketAddr, name: &str, options: &[&str]) -> ClientProcess {
        Self::run(&["doctor"], &[], server, &[&["--user", name], options].concat())
    }

    /// The same with these variables in its environment.
    #[cfg(feature = "tls")]
    pub fn doctor_in(variables: &[(&str, &Path)], server: SocketAddr, name: &str, options: &[&str]) -> ClientProcess {
        Self::run(&["doctor"], variables, server, &[&["--user", name], options].concat())
    }

    fn run(before: &[&str], variables: &[(&str, &Path)], server: SocketAddr, options: &[&str]) -> ClientProcess {
        let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
            // Not what whoever runs the tests has there.
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .envs(variables.iter().copied())
            .args(before)
            .args([server.ip().to_string(), server.port().to_string()])
            .args(options)
            .env("PEERLINE_PASSWORD", "password")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client runs");
        let (sender, lines) = channel();
        let output = child.stdout.take().expect("a pipe");
        let errors = child.stderr.take().expect("a pipe");
        let readers = vec![forward(0, output, sender.clone()), forward(1, errors, sender)];
        ClientProcess { input: child.stdin.take(), child, lines, readers, ahead: Default::default(), seen: Vec::new() }
    }

    /// Starts a client that makes its account, and waits until it is logged in.
    pub fn join(server: SocketAddr, name: &str) -> ClientProcess {
        let mut client = Self::start(server, &["--user", name, "--signup"]);
        client.see(&format!("Logged in as {name}."));
        client
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("not closed");
        input.write_all(format!("{line}\n").as_bytes()).expect("the client reads");
    }

    /// Waits for a line that holds `text`, and gives it; those before it on the same stream are passed over.
    pub fn see(&mut self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            for stream in &mut self.ahead {
                if let Some(at) = stream.iter().position(|line| line.contains(text)) {
                    stream.drain(..at);
                    return stream.pop_front().expect("just found");
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok((stream, line)) = self.lines.recv_timeout(left) else { panic!("no {text:?} in {:#?}", self.seen) };
            self.seen.push(line.clone());
            self.ahead[stream].push_back(line);
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes its input and waits for its end; gives the exit code.
    pub fn finish(&mut self) -> Option<i32> {
        self.input = None;
        let code = wait(&mut self.child);
        self.readers.drain(..).for_each(|reader| reader.join().expect("no panic"));
        self.seen.extend(self.lines.try_iter().map(|(_, line)| line));
        code
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(stream: Stream, from: impl Read + Send + 'static, lines: Sender<(Stream, String)>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // The test may have seen enough.
            let _ = lines.send((stream, line));
        }
    })
}
