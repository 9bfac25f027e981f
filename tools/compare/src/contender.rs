//! The servers that are compared, each on a port of its own and with its plainest configuration. They end with their
//! values. It knows how they are started, and nothing of what they are asked.

use crate::house::House;
use crate::protocol::{Protocol, Step};
use crate::setting::{CLIENTS, HERE, LIMIT, Program, ROUNDS, Setting, find, free_address, start_quiet};
use peerline::net::Accepts;
use peerline::net::tls::Decrypting;
use peerline::trace;
use peerline_stress::process::{self, Log, Server};
use peerline_stress::wire;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// A program that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours; whether it logs.
    Peerline {
        /// To a file, at its usual level.
        log: bool,
    },
    /// So many of ours that share one house.
    House(usize),
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

enum Running {
    /// With its folder.
    Ours(Server, PathBuf),
    House(House),
    Other(Program),
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

impl Kind {
    /// Its program, when it is not ours.
    fn program(self) -> Option<&'static str> {
        match self {
            Kind::Redis => Some("redis-server"),
            Kind::Nats => Some("nats-server"),
            Kind::Ngircd => Some("ngircd"),
            Kind::Mosquitto => Some("mosquitto"),
            Kind::Peerline { .. } | Kind::House(_) | Kind::Echo => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Peerline { .. } => "peerline",
            Kind::House(_) => "a house",
            Kind::Echo => "echo",
            Kind::Redis => "redis",
            Kind::Nats => "nats",
            Kind::Ngircd => "ngircd",
            Kind::Mosquitto => "mosquitto",
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Kind::Peerline { .. } | Kind::House(_) => Protocol::Peerline,
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
                let data = tempfile::tempdir_in(&setting.folder).map_err(|error| error.to_string())?.keep();
                let copied = fs::copy(&setting.accounts, data.join("users.csv"));
                copied.map_err(|error| format!("the accounts: {error}"))?;
                let server = start_ours(setting, &data, log)?;
                let address = server.address;
                Ok(of(Running::Ours(server, data), address))
            }
            Kind::House(servers) => {
                let house = House::start(setting, servers)?;
                let address = house.address_of(0);
                Ok(of(Running::House(house), address))
            }
            Kind::Echo => {
                let (child, address) = start_own(&["echo"])?;
                Ok(of(Running::Other(Program::of(child)), address))
            }
            _ if self.missing().is_some() => Ok(None),
            _ => {
                let (program, address) = self.start_other(setting)?;
                Ok(of(Running::Other(program), address))
            }
        }
    }

    fn start_other(self, setting: &Setting) -> Result<(Program, SocketAddr), String> {
        let (name, address) = (self.name(), free_address()?);
        let port = address.port();
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
        command.args(options.split(' '));
        start_quiet(name, &mut command, address).map(|program| (program, address))
    }
}

impl Contender {
    /// Of its processes.
    fn ids(&self) -> Vec<u32> {
        match &self.running {
            Running::Ours(server, _) => vec![server.id()],
            Running::House(house) => house.ids().collect(),
            Running::Other(child) => vec![child.id()],
        }
    }

    /// Of its process; of a house, its first server's.
    pub fn id(&self) -> u32 {
        self.ids()[0]
    }

    /// The time of all processors that it has had, in seconds.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<f64, String> {
        let each = self.ids().into_iter().map(process::cpu_of).sum::<io::Result<f64>>();
        each.map_err(|error| format!("{} has ended: {error}", self.name))
    }

    /// Where the client of this number comes: those of a house are spread over its servers.
    pub fn address_of(&self, number: usize) -> SocketAddr {
        match &self.running {
            Running::House(house) => house.address_of(number),
            Running::Ours(..) | Running::Other(_) => self.address,
        }
    }

    /// Ends a server as a crash does; what serves then. Of a house it is the first one, and the others stay; one alone is
    /// started again on its folder.
    ///
    /// # Errors
    /// A sentence, when nobody does.
    pub fn crash(mut self, setting: &Setting) -> Result<Contender, String> {
        match self.running {
            Running::House(ref mut house) => {
                house.crash()?;
                self.address = house.address_of(0);
                Ok(self)
            }
            Running::Ours(server, data) => {
                server.kill();
                let server = start_ours(setting, &data, true)?;
                Ok(Contender { address: server.address, running: Running::Ours(server, data), ..self })
            }
            Running::Other(_) => Err(format!("{} is not ours", self.name)),
        }
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
            Running::Ours(server, _) => server.tls(),
            Running::House(_) | Running::Other(_) => None,
        };
        let met = tls.ok_or_else(|| io::Error::other("there is no port for TLS")).and_then(walk);
        met.map_err(|error| format!("{}: {error}", self.name))
    }

    /// A connection over which these steps were made.
    ///
    /// # Errors
    /// A sentence, when it is refused or an answer does not come.
    pub fn connect(&self, steps: &[Step]) -> Result<TcpStream, String> {
        self.connect_as(0, steps)
    }

    /// The same for the client of this number.
    ///
    /// # Errors
    /// A sentence, when it is refused or an answer does not come.
    pub fn connect_as(&self, number: usize, steps: &[Step]) -> Result<TcpStream, String> {
        let walk = || {
            let mut stream = wire::open(HERE, self.address_of(number))?;
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

fn start_ours(setting: &Setting, data: &Path, log: bool) -> Result<Server, String> {
    let file = data.join("log");
    let log = if log { Log::File(&file) } else { Log::Off };
    let options = ["--tls-port", "0", "--max-clients", CLIENTS, "--rate", "off", "--hash-rounds", ROUNDS];
    Server::start(&setting.server, data, log, &options)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_never_missing() {
        assert_eq!((Kind::Echo.missing(), Kind::Peerline { log: true }.missing()), (None, None));
    }

    #[test]
    fn configurations_hold_the_port() {
        assert!(ngircd(4711).contains("\nPorts = 4711\n") && mosquitto(4711).starts_with("listener 4711 127.0.0.1\n"));
    }
}
