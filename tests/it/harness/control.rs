//! Whoever runs a server, at its control socket.

use super::{LIMIT, TestServer};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A conversation on the control socket, as `nc -U` has one.
pub struct Control(BufReader<UnixStream>);

impl Control {
    /// With this server.
    pub fn of(server: &TestServer) -> Control {
        Control::at(&server.folder().join("control.sock"))
    }

    /// At this socket.
    pub fn at(path: &Path) -> Control {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        Control(BufReader::new(stream))
    }

    /// What else comes; the end may be a reset, where not all was read.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        let _ = self.0.read_to_string(&mut rest);
        rest
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        // What is refused in the middle is closed.
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line within the limit");
        line.trim_end().to_owned()
    }

    /// The lines of an answer.
    pub fn ask_all(&mut self, line: &str) -> Vec<String> {
        self.send(format!("{line}\n").as_bytes());
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.starts_with("OK") || line.starts_with("ERR,")) {
            lines.push(self.line());
        }
        lines
    }

    /// The last line of an answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.ask_all(line).pop().expect("one line at least")
    }
}

/// The last line of the answer to one line.
pub fn ask(server: &TestServer, line: &str) -> String {
    Control::of(server).ask(line)
}

/// The lines of the answer to one line but for the last, each as its fields.
pub fn rows(server: &TestServer, line: &str) -> Vec<Vec<String>> {
    let lines = Control::of(server).ask_all(line);
    lines[..lines.len() - 1].iter().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
