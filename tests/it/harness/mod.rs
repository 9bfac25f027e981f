//! What the tests share: a server on a port of its own, a client made of lines, real processes. Every wait has a
//! limit, nothing sleeps, and what is started is ended.

#[cfg(feature = "tls")]
pub mod authority;
#[cfg(feature = "tls")]
pub mod by_tls;
pub mod callee;
pub mod client;
pub mod control;
#[cfg(feature = "cluster")]
pub mod house;
#[cfg(feature = "cluster")]
#[path = "../../../src/server/shared/redis_process.rs"]
pub mod redis;
pub mod meddler;
pub mod netcat;
pub mod originals;
pub mod menus;
pub mod process;
#[cfg_attr(not(feature = "screen"), allow(dead_code, reason = "the tests of the screen use the most of it"))]
pub mod terminal;

pub use process::ServerProcess;

use clap::Parser;
use peerline::net::Shutdown;
use peerline::server::Server;
use peerline::server::config::Config;
use peerline::value::Fingerprint;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take: generous, as machines are busy; nothing waits for it when all is well.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A server in this process, on a port that the system chose, with cheap password hashes. With the feature `cluster` and
/// `PEERLINE_TEST_HOUSE=1` there are two that share a Redis of their own: of the connections every second one is with the
/// other server, so what holds for one holds for several.
pub struct TestServer {
    /// Where to connect.
    pub address: SocketAddr,
    /// Where to connect by TLS, and by what the server's key is known.
    pub tls: Option<(SocketAddr, Fingerprint)>,
    dialects: Vec<(SocketAddr, &'static str)>,
    folder: Arc<TempDir>,
    stop: Arc<Shutdown>,
    thread: Option<JoinHandle<()>>,
    #[cfg(feature = "cluster")]
    house: Option<house::House>,
}

impl TestServer {
    /// Starts a server with these options behind the defaults for tests.
    pub fn start(options: &[&str]) -> TestServer {
        #[cfg(feature = "cluster")]
        if house::is_asked_for() {
            return house::start(options);
        }
        Self::start_in(Arc::new(tempfile::tempdir().expect("a folder")), options)
    }

    /// One that is no house's, whatever is asked for, but by its options.
    #[cfg(feature = "cluster")]
    pub fn start_alone(options: &[&str]) -> TestServer {
        Self::start_in(Arc::new(tempfile::tempdir().expect("a folder")), options)
    }

    fn start_in(folder: Arc<TempDir>, options: &[&str]) -> TestServer {
        Self::start_at(folder, 0, options)
    }

    fn start_at(folder: Arc<TempDir>, port: u16, options: &[&str]) -> TestServer {
        let stop = Arc::new(Shutdown::new());
        let config = Config { port, ..config(folder.path(), options) };
        // A process that another test is just starting holds, for a moment, the lock of the folder that was locked before.
        let until = Instant::now() + LIMIT;
        let server = loop {
            match Server::bind(config.clone(), Arc::clone(&stop)) {
                Err(_) if folder.path().join("users.csv").exists() && Instant::now() < until => thread::yield_now(),
                bound => break bound.expect("the server starts"),
            }
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address().port()));
        let (tls, dialects) = (server.tls(), server.dialects().collect());
        let thread = thread::spawn(move || server.run());
        TestServer {
            address,
            tls,
            dialects,
            folder,
            stop,
            thread: Some(thread),
            #[cfg(feature = "cluster")]
            house: None,
        }
    }

    /// Stops the server and starts another in the same data folder, on another port.
    pub fn restart(self, options: &[&str]) -> TestServer {
        self.start_again(0, options)
    }

    /// Stops the server and starts another in the same data folder on the same port, as after an update.
    pub fn come_back(self, options: &[&str]) -> TestServer {
        let port = self.address.port();
        self.start_again(port, options)
    }

    fn start_again(mut self, port: u16, options: &[&str]) -> TestServer {
        self.stop();
        #[cfg(feature = "cluster")]
        if let Some(house) = self.house.take() {
            return house.begin_with(|own| Self::start_at(Arc::clone(&self.folder), port, &[own, options].concat()));
        }
        Self::start_at(Arc::clone(&self.folder), port, options)
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where to connect for a dialect.
    pub fn dialect(&self, name: &str) -> SocketAddr {
        self.dialects.iter().find(|(_, dialect)| *dialect == name).expect("its port is open").0
    }

    /// A new connection, the greeting read.
    pub fn connect(&self) -> Lines {
        #[cfg(feature = "cluster")]
        let address = self.house.as_ref().map_or(self.address, |house| house.next(self.address));
        #[cfg(not(feature = "cluster"))]
        let address = self.address;
        let mut lines = Lines::connect(address);
        assert_eq!(lines.line(), "OK,Welcome to peerline: login or signup");
        lines
    }

    /// A new user, logged in.
    pub fn join(&self, name: &str) -> Lines {
        Self::join_by(self.connect(), name)
    }

    /// A new user, logged in at this address of the server.
    pub fn join_at(&self, ip: &str, name: &str) -> Lines {
        let mut lines = Lines::connect(SocketAddr::new(ip.parse().expect("an address"), self.address.port()));
        assert_eq!(lines.line(), "OK,Welcome to peerline: login or signup");
        Self::join_by(lines, name)
    }

    fn join_by(mut lines: Lines, name: &str) -> Lines {
        lines.ask(&format!("SIGNUP,{name},password"));
        lines.log_in(name);
        lines
    }

    /// Ends the server and waits for its threads.
    pub fn stop(&mut self) {
        self.stop.trigger();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.trigger();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || !matches!(ended, Some(Err(_))), "the server panicked");
    }
}

/// The options of a test's server.
pub fn config(folder: &Path, options: &[&str]) -> Config {
    let data = folder.to_str().expect("a path in UTF-8");
    let fixed = ["server", "--port", "0", "--hash-rounds", "1000", "--data", data];
    let bind = if options.contains(&"--bind") { [].as_slice() } else { &["--bind", "127.0.0.1"] };
    Config::try_parse_from(fixed.iter().chain(bind).chain(options)).expect("valid options")
}

/// A connection that speaks lines, as netcat does.
pub struct Lines {
    reader: BufReader<TcpStream>,
    /// Lines that came before the one that was waited for.
    kept: VecDeque<String>,
    /// The token of the last login.
    pub token: String,
    /// The address that the last login assigned.
    pub ip: String,
}

impl Lines {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Lines {
        Self::over(TcpStream::connect_timeout(&address, LIMIT).expect("connects"))
    }

    /// Connects from this address of loopback.
    pub fn connect_from(ip: &str, address: SocketAddr) -> Lines {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let from = SocketAddr::new(ip.parse().expect("an address"), 0);
        socket.bind(&from.into()).expect("loopback");
        socket.connect_timeout(&address.into(), LIMIT).expect("connects");
        Self::over(socket.into())
    }

    /// Speaks on this connection.
    pub fn over(stream: TcpStream) -> Lines {
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream.set_write_timeout(Some(LIMIT)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Lines { reader: BufReader::new(stream), kept: VecDeque::new(), token: String::new(), ip: String::new() }
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// The server that it is connected with.
    pub fn server(&self) -> SocketAddr {
        self.stream().peer_addr().expect("connected")
    }

    /// What follows the lines read so far, as bytes.
    pub fn rest(&mut self) -> &mut impl Read {
        &mut self.reader
    }

    /// Sends bytes as they are, in one write.
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).expect("the connection is open");
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.send_raw(format!("{line}\n"));
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line within the limit");
        assert!(line.ends_with('\n'), "the connection ended; last came {line:?}");
        line.trim_end().to_owned()
    }

    /// The next event, whatever stands before it, which is kept.
    pub fn event(&mut self) -> String {
        self.take(true)
    }

    /// The next line of an answer; events before it are kept.
    pub fn answer_line(&mut self) -> String {
        self.take(false)
    }

    fn take(&mut self, event: bool) -> String {
        if let Some(at) = self.kept.iter().position(|line| is_event(line) == event) {
            return self.kept.remove(at).expect("just found");
        }
        loop {
            let line = self.line();
            if is_event(&line) == event {
                return line;
            }
            self.kept.push_back(line);
        }
    }

    /// Sends a line and gives the last line of its answer. Events are kept: they can arrive at any time.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.answer().pop().expect("at least one line")
    }

    /// The lines of the next answer.
    pub fn answer(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.answer_line());
            let last = lines.last().expect("just pushed");
            if last.starts_with("OK") || last.starts_with("ERR,") || last == "UP" {
                return lines;
            }
        }
    }

    /// Logs in with the password of [`TestServer::join`].
    pub fn log_in(&mut self, name: &str) {
        self.send(&format!("LOGIN,{name},password"));
        let answer = self.answer();
        assert_eq!(answer.last().map(String::as_str), Some("OK,Login successful!"));
        let field = |start: &str| answer.iter().find_map(|line| line.strip_prefix(start)).expect("there").to_owned();
        (self.token, self.ip) = (field("udp_"), field("ip_"));
    }

    /// The next line of whatever kind; nothing when the other side has closed.
    #[cfg(feature = "cluster")]
    pub fn rest_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// Hangs up so that the other side notices it at once: a plain end may be that of netcat's input alone.
    pub fn hang_up(self) {
        socket2::SockRef::from(self.stream()).set_linger(Some(Duration::ZERO)).expect("open");
    }

    /// Whether the other side has closed; what it still said is passed over.
    pub fn wait_for_end(&mut self) {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "closed within the limit"),
        }
    }
}

/// Whether a line is an event, as far as its first word says it.
pub fn is_event(line: &str) -> bool {
    ["bcast_", "msg_", "notice_", "joined_", "left_"].iter().any(|word| line.starts_with(word))
}

/// A UDP socket on the address that the server assigned.
pub fn udp_at(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("an address of loopback");
    socket.set_read_timeout(Some(LIMIT)).expect("a timeout");
    socket
}

/// The next datagram's text behind the line of the session's token.
pub fn datagram(socket: &UdpSocket) -> String {
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).expect("a datagram within the limit");
    assert!(length <= 1200, "{length} bytes in a datagram");
    let text = String::from_utf8(buffer[..length].to_vec()).expect("text");
    let (first, lines) = text.split_once('\n').expect("a line");
    assert!(first.starts_with("udp_") && first.len() == 36, "{text}");
    lines.to_owned()
}

/// Sends a signal by name to a process that this test started.
pub fn send_signal(id: u32, signal: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status().expect("sh runs");
    assert!(sent.success());
}

/// The exit code of a process that ends by itself.
pub fn wait(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("our child") {
            return status.code();
        }
        thread::yield_now();
    }
    child.kill().expect("running");
    panic!("the process did not end");
}

/// Waits until `done`, which some other thread or process brings about.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < until, "{what} within the limit");
        thread::yield_now();
    }
}

/// Makes a file that its owner alone may write, whatever the umask.
#[cfg(feature = "tls")]
pub fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
}

/// A whole file as text.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
