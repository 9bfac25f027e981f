//! Test clients of the menu dialect that do what the C++ originals do: S1's shows whatever comes, 255 bytes at a time;
//! S2's sends a line and takes one `recv` of 256 bytes for its answer. None sends line ends.

use super::TestServer;
use super::originals::{self, connect, receive_text, send};
use std::net::{SocketAddr, TcpStream};

/// What stands at the beginning.
pub const GREETING: &str = "Please choose an option: login or signup\n";
/// What stands behind each action.
pub const MENU: &str =
    "1. List of active clients\n2. Broadcast a message\n3. Message a client: msg_yourMessage_address\n";

/// S1's client.
pub struct Shows {
    pub stream: TcpStream,
    shown: String,
}

impl Shows {
    pub fn connect(address: SocketAddr) -> Shows {
        Shows { stream: connect(address), shown: String::new() }
    }

    pub fn send(&mut self, message: &str) {
        send(&self.stream, message);
    }

    /// The next thing that is shown is this.
    pub fn sees(&mut self, expected: &str) {
        while self.shown.len() < expected.len() {
            assert!(self.take_chunk(), "the connection ended; {expected:?} did not come, but {:?}", self.shown);
        }
        let rest = self.shown.split_off(expected.len());
        assert_eq!(std::mem::replace(&mut self.shown, rest), expected);
    }

    /// Whatever else is shown, this is among it; what comes behind it is kept.
    pub fn sees_somewhere(&mut self, expected: &str) {
        loop {
            if let Some(at) = self.shown.find(expected) {
                self.shown.drain(..at + expected.len());
                return;
            }
            assert!(self.take_chunk(), "the connection ended; {expected:?} did not come, but {:?}", self.shown);
        }
    }

    /// Whether this is shown, in any order with other things; it is taken out.
    pub fn has(&mut self, part: &str) -> bool {
        while !self.shown.contains(part) {
            if !self.take_chunk() {
                return false;
            }
        }
        self.shown = self.shown.replacen(part, "", 1);
        true
    }

    /// What this user says next, so many bytes of it; it is taken out of what is shown.
    pub fn hears(&mut self, from: &str, length: usize) -> String {
        let (head, mut said) = (format!("{from}: "), String::new());
        while said.len() < length {
            while !self.shown.contains('\n') {
                assert!(self.take_chunk(), "the connection ended behind {said:?}");
            }
            let line = self.shown.drain(..=self.shown.find('\n').expect("a line")).collect::<String>();
            said.push_str(line.strip_prefix(&head).expect("the name is in front").trim_end_matches('\n'));
        }
        said
    }

    /// Takes what the original takes at a time; it does not survive what begins with that word.
    pub fn take_chunk(&mut self) -> bool {
        let chunk = receive_text(&self.stream, 255);
        assert_ne!(chunk.split('_').next(), Some("peer"), "{chunk}");
        assert!(!chunk.contains('\0'));
        self.shown.push_str(&chunk);
        !chunk.is_empty()
    }

    /// Sends a message and sees its answer.
    pub fn ask(&mut self, message: &str, answer: &str) {
        self.send(message);
        self.sees(answer);
    }

    pub fn sign_up(&mut self, name: &str) {
        self.ask("signup", "Please enter a new username:\n");
        self.ask(name, "Please enter a new password:\n");
        self.ask("password", "Re-enter your password:\n");
        self.ask("password", &format!("Successful.Please login\n{GREETING}"));
    }

    pub fn log_in(&mut self, name: &str) {
        self.ask("login", "Username:\n");
        self.ask(name, "Password:\n");
        self.ask("password", &format!("Login successful!\n{MENU}"));
    }

    /// A new user, logged in.
    pub fn join(address: SocketAddr, name: &str) -> Shows {
        let mut client = Shows::connect(address);
        client.sees(GREETING);
        client.sign_up(name);
        client.log_in(name);
        client
    }

    pub fn source(&self) -> SocketAddr {
        self.stream.local_addr().expect("connected")
    }
}

/// S2's client.
pub struct Asks(pub TcpStream);

impl Asks {
    /// Sends a line and takes one `recv` for its answer.
    pub fn ask(&mut self, line: &str) -> String {
        send(&self.0, line);
        self.receive()
    }

    pub fn receive(&mut self) -> String {
        let answer = receive_text(&self.0, 256);
        assert!(answer.len() < 256, "a longer answer is torn");
        answer
    }

    /// A new user, logged in.
    pub fn join(address: SocketAddr, name: &str) -> Asks {
        let mut client = Asks(connect(address));
        assert_eq!(client.ask("hello"), GREETING);
        assert_eq!(client.ask("signup"), "Please enter a new username:\n");
        assert_eq!(client.ask(name), "Please enter a new password:\n");
        assert_eq!(client.ask("password"), "Re-enter your password:\n");
        assert_eq!(client.ask("password"), format!("Successful.Please login\n{GREETING}"));
        client.log_in(name);
        client
    }

    pub fn log_in(&mut self, name: &str) {
        assert_eq!(self.ask("login"), "Username:\n");
        assert_eq!(self.ask(name), "Password:\n");
        assert_eq!(self.ask("password"), format!("Login successful!\n{MENU}"));
    }
}

/// A server with a menu port, and where that is.
pub fn server(options: &[&str]) -> (TestServer, SocketAddr) {
    originals::server(["--menu-port", "0"], "menu", options)
}

/// The same, where it is quiet.
pub fn quiet_server(options: &[&str]) -> (TestServer, SocketAddr) {
    originals::server(["--menu-port", "0:quiet"], "menu:quiet", options)
}
