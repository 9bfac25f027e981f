//! A server that is a process of its own, as people run it.

use super::{read, send_signal, wait};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server as people run it: a process of its own.
pub struct ServerProcess {
    child: Child,
    /// Where to connect.
    pub address: SocketAddr,
    output: BufReader<ChildStdout>,
    /// Where it writes its log.
    pub log: PathBuf,
}

impl ServerProcess {
    /// Starts one in `folder`, whose log goes to a file beside its data.
    pub fn start(folder: &Path, options: &[&str]) -> ServerProcess {
        let log = folder.join("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--bind", "127.0.0.1", "--port", "0", "--hash-rounds", "1000", "--data"])
            .arg(folder.join("data"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).expect("a log file"))
            .spawn()
            .expect("the server runs");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = listening(&mut output).unwrap_or_else(|| panic!("no address: {}", read(&log)));
        ServerProcess { child, address, output, log }
    }

    /// The address of its next port, in the order in which it says them.
    pub fn next_address(&mut self) -> SocketAddr {
        listening(&mut self.output).expect("one more port")
    }

    /// The next line of its standard output.
    #[cfg(feature = "tls")]
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a chance to clean up, as a crash does.
    pub fn crash(mut self) {
        self.child.kill().expect("running");
        self.child.wait().expect("ends");
    }

    /// Sends a signal by name, and gives what else it has written to its standard output.
    pub fn end_and_read(mut self, signal: &str) -> String {
        send_signal(self.id(), signal);
        let mut output = String::new();
        self.output.read_to_string(&mut output).expect("text");
        wait(&mut self.child);
        output
    }

    /// Sends a signal by name, and gives the exit code.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        send_signal(self.id(), signal);
        wait(&mut self.child)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the next line in which a server says where it listens.
fn listening(output: &mut impl BufRead) -> Option<SocketAddr> {
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    line.trim().strip_prefix("listening on ")?.split(' ').next()?.parse().ok()
}
