//! The servers that are compared, each on a port of its own and with its plainest configuration. They end with their
//! values. It knows how they are started, and nothing of what they are asked.

use crate::protocol::{Protocol, Step};
use peerline::net::Accepts;
use peerline::net::tls::Decrypting;
use peerline::trace;
use peerline_stress::process::{self, Log, Server};
use peerline_stress::wire::{self, Wire};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// What anything may take before it counts as failed. Other programs may keep the machine busy.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Where everybody comes from.
pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Clients that a server must bear.
const CLIENTS: usize = 10_500;
/// Where distributions keep servers that are not in everybody's path.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// A program that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours; whether it logs.
    Peerline {
        /// To a file, at its usual level.
        log: bool,
    },
    /// redis-server.
    Redis,
    /// nats-server.
    Nats,
    /// ngircd.
    Ngircd,
    /// mosquitto.
    Mosquitto,
    /// A thread a connection, which sends back what comes.
    Echo,
}

/// What servers are started with.
pub struct Setting {
    /// Our server.
    pub server: PathBuf,
    /// Our client.
    pub client: PathBuf,
    /// Of this run.
    pub folder: PathBuf,
    /// Accounts `m0`, `m1` and so on: the file of a server that made them.
    pub accounts: PathBuf,
}

enum Running {
    Ours(Server),
    Other(Child),
}

/// A server that runs.
pub struct Contender {
    /// How it is called in tables.
    pub name: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: SocketAddr,
    running: Running,
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Running::Other(child) = &mut self.running {
            process::end(child);
        }
    }
}

impl Kind {
    /// Its program, when it is not ours.
    fn program(self) -> Option<&'static str> {
        match self {
            Kind::Redis => Some("redis-server"),
            Kind::Nats => Some("nats-server"),
            Kind::Ngircd => Some("ngircd"),
            Kind::Mosquitto => Some("mosquitto"),
            Kind::Peerline { .. } | Kind::Echo => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Peerline { .. } => "peerline",
            Kind::Echo => "echo",
            Kind::Redis => "redis",
            Kind::Nats => "nats",
            Kind::Ngircd => "ngircd",
            Kind::Mosquitto => "mosquitto",
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Kind::Peerline { .. } => Protocol::Peerline,
            Kind::Echo => Protocol::Echo,
            Kind::Redis => Protocol::Redis,
            Kind::Nats => Protocol::Nats,
            Kind::Ngircd => Protocol::Irc,
            Kind::Mosquitto => Protocol::Mqtt,
        }
    }

    /// Its program, when that is not installed.
    pub fn missing(self) -> Option<&'static str> {
        self.program().filter(|program| find(program).is_none())
    }

    /// Starts it; nothing when it is not installed.
    ///
    /// # Errors
    /// A sentence, when it does not listen in time.
    pub fn start(self, setting: &Setting) -> Result<Option<Contender>, String> {
        let of = |running, address| Some(Contender { name: self.name(), protocol: self.protocol(), address, running });
        match self {
            Kind::Peerline { log } => {
                let server = start_ours(setting, log)?;
                let address = server.address;
                Ok(of(Running::Ours(server), address))
            }
            Kind::Echo => {
                let (child, address) = start_own(&["echo"])?;
                Ok(of(Running::Other(child), address))
            }
            _ if self.missing().is_some() => Ok(None),
            _ => {
                let (child, address) = self.start_other(setting)?;
                Ok(of(Running::Other(child), address))
            }
        }
    }

    fn start_other(self, setting: &Setting) -> Result<(Child, SocketAddr), String> {
        let port = free_port().map_err(|error| format!("no port is free: {error}"))?;
        let (name, address) = (self.name(), SocketAddr::from((HERE, port)));
        let program = self.program().and_then(find);
        let mut command = Command::new(program.ok_or_else(|| format!("{name} is not installed"))?);
        let options = match self {
            Kind::Redis => format!(
                "--port {port} --bind {HERE} --save  --appendonly no --maxclients {CLIENTS} --tcp-backlog 4096 --dir {}",
                setting.folder.display()
            ),
            Kind::Nats => format!("-a {HERE} -p {port}"),
            Kind::Ngircd => format!("-n -f {}", configure(setting, "ngircd.conf", &ngircd(port))?),
            _ => format!("-c {}", configure(setting, "mosquitto.conf", &mosquitto(port))?),
        };
        // An empty word is one as well: `--save ''`.
        command.args(options.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        let until = Instant::now() + LIMIT;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > until || !matches!(child.try_wait(), Ok(None)) {
                process::end(&mut child);
                return Err(format!("{name} does not listen on {address}"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok((child, address))
    }
}

impl Contender {
    /// Of its process.
    pub fn id(&self) -> u32 {
        match &self.running {
            Running::Ours(server) => server.id(),
            Running::Other(child) => child.id(),
        }
    }

    /// The time of all processors that it has had, in seconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<f64, String> {
        process::cpu_of(self.id()).map_err(|error| format!("{} has ended: {error}", self.name))
    }

    /// A connection to ours by TLS, over which these steps were made. Any key will do.
    ///
    /// # Errors
    /// A sentence, when it is refused or an answer does not come.
    pub fn connect_tls(&self, steps: &[Step]) -> Result<Decrypting, String> {
        let walk = |tls: SocketAddr| {
            let stream = Arc::new(wire::open(HERE, tls)?);
            let until = Instant::now() + LIMIT;
            let met = Decrypting::connect(None, &Accepts::Any, &stream, until, &trace::Wire::default());
            let mut met = met.map_err(|why| io::Error::other(format!("no TLS: {why:?}")))?;
            met.set_deadline(Some(until));
            for step in steps {
                met.channel().send_at_once(&step.say)?;
                hear(&mut met, step.until)?;
            }
            met.set_deadline(None);
            Ok(met)
        };
        let tls = match &self.running {
            Running::Ours(server) => server.tls(),
            Running::Other(_) => None,
        };
        let met = tls.ok_or_else(|| io::Error::other("there is no port for TLS")).and_then(walk);
        met.map_err(|error| format!("{}: {error}", self.name))
    }

    /// A connection over which these steps were made.
    ///
    /// # Errors
    /// A sentence, when it is refused or an answer does not come.
    pub fn connect(&self, steps: &[Step]) -> Result<TcpStream, String> {
        let walk = || {
            let mut stream = wire::open(HERE, self.address)?;
            stream.set_read_timeout(Some(LIMIT))?;
            for step in steps {
                stream.write_all(&step.say)?;
                hear(&mut stream, step.until)?;
            }
            Ok(stream)
        };
        walk().map_err(|error: io::Error| format!("{}: {error}", self.name))
    }
}

/// Reads until the answer is there.
fn hear(stream: &mut impl Read, until: &[u8]) -> io::Result<()> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned())),
            count => answer.extend_from_slice(&buffer[..count]),
        }
        if answer.windows(until.len()).any(|part| part == until) {
            return Ok(());
        }
    }
}

fn start_ours(setting: &Setting, log: bool) -> Result<Server, String> {
    let data = tempfile::tempdir_in(&setting.folder).map_err(|error| error.to_string())?.keep();
    fs::copy(&setting.accounts, data.join("users.csv")).map_err(|error| format!("the accounts: {error}"))?;
    let file = data.join("log");
    let log = if log { Log::File(&file) } else { Log::Off };
    let clients = CLIENTS.to_string();
    let options = ["--tls-port", "0", "--max-clients", &clients, "--rate", "off", "--hash-rounds", "1000"];
    Server::start(&setting.server, &data, log, &options)
}

/// This program with these words, and the address that it tells first.
///
/// # Errors
/// A sentence.
pub fn start_own(words: &[&str]) -> Result<(Child, SocketAddr), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{words:?} does not start: {error}"))?;
    let mut line = String::new();
    // Byte by byte: what is behind the line is for others.
    let told = child.stdout.as_mut().map(|output| BufReader::with_capacity(1, output).read_line(&mut line));
    match (told, line.trim_end().parse()) {
        (Some(Ok(_)), Ok(address)) => Ok((child, address)),
        _ => {
            process::end(&mut child);
            Err(format!("{words:?} does not say where it listens"))
        }
    }
}

/// Makes accounts, by a server of their own; its file of them.
///
/// # Errors
/// A sentence.
pub fn make_accounts(server: &Path, folder: &Path, count: usize) -> Result<PathBuf, String> {
    let data = folder.join("accounts");
    let server = Server::start(server, &data, Log::Off, &["--rate", "off", "--hash-rounds", "1000"])?;
    let sign_up = |from: usize| {
        let until = Instant::now() + 10 * LIMIT;
        let mut wire = Wire::connect(HERE, server.address, until)?;
        (from..count).step_by(SIGNERS).try_for_each(|number| wire.sign_up(&crate::protocol::name(number), until))
    };
    // On a disk each of them waits until an account is written down; together they wait less.
    let made = thread::scope(|scope| {
        let threads: Vec<_> = (0..SIGNERS).map(|from| scope.spawn(move || sign_up(from))).collect();
        let lost = |_| Err(io::Error::other("a thread was lost"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect::<io::Result<Vec<()>>>()
    });
    made.map_err(|error| format!("an account cannot be made: {error}"))?;
    Ok(data.join("users.csv"))
}

/// Connections that make accounts at a time.
const SIGNERS: usize = 8;

fn configure(setting: &Setting, name: &str, text: &str) -> Result<String, String> {
    let path = setting.folder.join(name);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.display().to_string())
}

/// Without what would hold back who says much, and without questions to other services.
fn ngircd(port: u16) -> String {
    format!(
        "[Global]\nName = irc.compared.here\nInfo = compared\nListen = {HERE}\nPorts = {port}\nMotdPhrase = hello\n\
         [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxNickLength = 16\nMaxPenaltyTime = 0\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\n"
    )
}

fn mosquitto(port: u16) -> String {
    format!("listener {port} {HERE}\nallow_anonymous true\nlog_type none\npersistence false\n")
}

/// Where a program is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((HERE, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_or_named_as_missing() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-as-this"), None);
        assert_eq!((Kind::Echo.missing(), Kind::Peerline { log: true }.missing()), (None, None));
    }

    #[test]
    fn configurations_hold_the_port() {
        assert!(ngircd(4711).contains("\nPorts = 4711\n") && mosquitto(4711).starts_with("listener 4711 127.0.0.1\n"));
    }
}
