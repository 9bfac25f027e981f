//! The server's options. Every duration of the house rules is one, so a 30-minute rule can be proven in milliseconds.

use super::task::Task;
use crate::net::PerAddress;
use crate::value::{ServerName, duration};
use clap::Parser;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A rendezvous server: people sign up, log in, see who is active and broadcast to everybody; then they talk, send
/// files and run agreed commands directly with each other.
#[derive(Clone, Debug, Parser)]
#[command(name = "server", version, max_term_width = 80, args_conflicts_with_subcommands = true)]
pub struct Config {
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "0.0.0.0", value_parser = parse_bind)]
    pub bind: IpAddr,

    /// TCP and UDP port; 0 lets the system choose, the same number for both
    #[arg(long, default_value_t = 4400)]
    pub port: u16,

    /// A port for the same by TLS 1.3, so that nobody on the way can read it; 0 lets the system choose. The server's key is
    /// made at the first start
    #[arg(long, value_name = "PORT")]
    pub tls_port: Option<u16>,

    /// Listen in the clear on loopback only: on the main port, TCP and UDP, and on those of the original clients
    #[arg(long, requires = "tls_port")]
    pub no_plain: bool,

    /// A certificate of one's own, with those behind it that vouch for it, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls_port", "tls_key"])]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM; nobody else may read the file
    #[arg(long, value_name = "FILE", requires_all = ["tls_port", "tls_cert"])]
    pub tls_key: Option<PathBuf>,

    /// Folder of the accounts and the broadcasts; one server at a time can use it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,

    /// The most clients connected at a time; guests, who have no account, are at most half as many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    pub max_clients: usize,

    /// Clients that send fewer than 2 messages in this time are told and closed
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::parse)]
    pub idle: Duration,

    /// How long after a login the password is asked for again, or never
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_relogin)]
    pub relogin: Relogin,

    /// How long a broadcast is kept for those who come online later; servers that share a directory have the same
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::parse)]
    pub history: Duration,

    /// A port for the original menu clients, who send no line ends; with :quiet behind it one that speaks only when
    /// spoken to. May be given several times
    #[arg(long = "menu-port", value_name = "PORT[:quiet]", value_parser = parse_menu_port)]
    pub menu_ports: Vec<MenuPort>,

    /// A port for the original clients of comma queries
    #[arg(long, value_name = "PORT")]
    pub query_port: Option<u16>,

    /// A port, on 127.0.0.1 only, for the original clients of 2,016-byte packets
    #[arg(long, value_name = "PORT")]
    pub packet_port: Option<u16>,

    /// The most connections of one address that have not logged in [default: half of --max-clients, at least 4, for a
    /// public address; all for loopback and private ones]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_per_ip: Option<usize>,

    /// Accounts that one address may make in an hour, or off; loopback may make any number
    #[arg(long, value_name = "N", default_value = "200", value_parser = parse_signups)]
    pub signups: Signups,

    /// How often it is looked whether packet guests are still there, and a third as often whether query guests are
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse, hide = true)]
    pub guest_probe: Duration,

    /// How long the next piece of a long line of those menu clients is waited for
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = duration::parse, hide = true)]
    pub piece_pause: Duration,

    /// How long a connection may stay without a login
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    pub login_limit: Duration,

    /// Lines a second that one client may send (twice as many in a burst), or off
    #[arg(long, value_name = "N", default_value = "20", value_parser = parse_rate)]
    pub rate: Rate,

    /// Rounds of PBKDF2-HMAC-SHA-256 for new passwords
    #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub hash_rounds: u32,

    /// Share of UDP datagrams to drop on purpose, from 0 to 1: a lesson in what UDP may do
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_share)]
    pub udp_loss: f64,

    /// Record what happens at the sockets, as lines of JSON: docs/TRACE.md. Passwords and tickets are hidden
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Show what happens, for a class: a row an event, and of the log only warnings
    #[arg(long)]
    pub show: bool,

    /// Share accounts, presence and broadcasts with all servers of this Redis: redis://HOST:PORT. Also from
    /// PEERLINE_DIRECTORY
    #[arg(long, value_name = "URL")]
    pub directory: Option<String>,

    /// How much of what was confirmed that Redis may lose
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub directory_loss: Option<Duration>,

    /// Where clients reach this server, as all servers of the directory tell them; with port 0 at the port that it
    /// listens on
    #[arg(long, value_name = "IP:PORT", value_parser = parse_advertise)]
    pub advertise: Option<SocketAddr>,

    /// What this server is called where clients look for one, and among those that share a directory [default: the name of
    /// this host]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ServerName>,

    /// Do not answer clients that ask the network for servers (UDP port 4402)
    #[arg(long)]
    pub no_find: bool,

    /// Instead of serving.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// How many guests of the dialects there may be.
#[derive(Clone, Copy, Debug)]
pub struct GuestShare {
    /// Of all dialects and addresses together.
    pub all: usize,
    /// Of one address.
    pub per_address: PerAddress,
}

/// `--relogin`: a time, or `None` for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relogin(pub Option<Duration>);

/// `--rate`: lines a second, or `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Option<u32>);

/// `--signups`: sign-ups of one address an hour, or `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signups(pub Option<u32>);

/// `--menu-port`: `PORT` or `PORT:quiet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MenuPort {
    /// 0 lets the system choose.
    pub port: u16,
    /// Silent until the first line, then one write for each.
    pub quiet: bool,
}

impl Config {
    /// What this server is called.
    pub fn server_name(&self) -> ServerName {
        let host = || nix::unistd::gethostname().map(|host| host.to_string_lossy().into_owned()).unwrap_or_default();
        self.name.clone().unwrap_or_else(|| ServerName::of_host(&host()))
    }

    /// How many connections without a login one address may have.
    pub fn per_address(&self) -> PerAddress {
        match self.max_per_ip {
            Some(most) => PerAddress { public: most, private: most },
            None => PerAddress { public: (self.max_clients / 2).max(4), private: usize::MAX },
        }
    }

    /// The address on which the server listens in the clear.
    pub fn plain_bind(&self) -> IpAddr {
        match self.bind {
            bind if !self.no_plain => bind,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        }
    }

    /// How many guests there may be: half as many as clients, and of one public address a quarter, but at least 4.
    pub fn guests(&self) -> GuestShare {
        let all = (self.max_clients / 2).max(1);
        let per_address = PerAddress { public: (self.max_clients / 4).max(4).min(all), private: all };
        GuestShare { all, per_address }
    }

    /// The options' defaults.
    pub fn defaults() -> Config {
        Config::parse_from(["server"])
    }
}

fn parse_relogin(text: &str) -> Result<Relogin, String> {
    duration::parse_or_never(text).map(Relogin)
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("off", _) => Ok(Rate(None)),
        (_, Ok(lines @ 1..=1_000_000)) => Ok(Rate(Some(lines))),
        _ => Err("expected a number of lines a second from 1 to 1000000, or off".to_owned()),
    }
}

fn parse_signups(text: &str) -> Result<Signups, String> {
    match (text, text.parse()) {
        ("off", _) => Ok(Signups(None)),
        (_, Ok(number @ 1..)) => Ok(Signups(Some(number))),
        _ => Err("expected a number of sign-ups an hour from 1, or off".to_owned()),
    }
}

fn parse_menu_port(text: &str) -> Result<MenuPort, String> {
    let (port, quiet) = text.strip_suffix(":quiet").map_or((text, false), |port| (port, true));
    match port.parse() {
        Ok(port) => Ok(MenuPort { port, quiet }),
        Err(_) => Err("expected a port such as 4400, or 6405:quiet".to_owned()),
    }
}

/// An IPv4 address that is written as IPv6 is an IPv4 address.
fn parse_bind(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    text.parse().map(|ip: IpAddr| ip.to_canonical())
}

/// An address at which somebody is.
fn parse_advertise(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "expected IP:PORT, such as 10.0.0.1:4400".to_owned())?;
    let ip = address.ip();
    let is_nobody = ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    if is_nobody { Err(format!("{ip} is no address that a client can connect to")) } else { Ok(address) }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1, such as 0.3".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected a whole number from 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_rules_of_the_house() {
        let config = Config::defaults();
        assert_eq!((config.port, config.max_clients, config.hash_rounds), (4400, 50, 600_000));
        let half_an_hour = Duration::from_secs(1800);
        assert_eq!((config.idle, config.relogin.0, config.history), (half_an_hour, Some(half_an_hour), half_an_hour));
        assert_eq!(config.rate.0, Some(20));
        let guests = config.guests();
        assert_eq!((guests.all, guests.per_address), (25, PerAddress { public: 12, private: 25 }));
        // A packet client that leaves without a word is noticed within 6 s.
        assert_eq!((config.guest_probe, config.piece_pause), (Duration::from_secs(5), Duration::from_millis(300)));
    }

    #[test]
    fn nonsense_is_refused() {
        let shapes = [["--idle", "5"], ["--rate", "0"], ["--udp-loss", "2"], ["--max-clients", "0"]];
        let more =
            [["--port", "70000"], ["--menu-port", "4400:loud"], ["--name", "room.12"], ["--tls-cert", "cert.pem"]];
        let nobody = ["0.0.0.0:4400", "[::]:4400", "224.0.0.1:4400", "[ff02::1]:4400", "255.255.255.255:1", "one:4400"];
        for bad in shapes.into_iter().chain(more).chain(nobody.map(|address| ["--advertise", address])) {
            assert!(Config::try_parse_from(["server"].into_iter().chain(bad)).is_err(), "{bad:?}");
        }
        assert!(Config::try_parse_from(["server", "--no-plain"]).is_err(), "nobody else could connect");
        let secret = ["server", "--tls-port", "0", "--no-plain", "--bind"];
        let plain_bind = |bind| Config::try_parse_from(secret.iter().chain([&bind])).expect("valid").plain_bind();
        assert_eq!(["10.0.0.1", "::"].map(plain_bind), [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()]);
        let never = Config::try_parse_from(["server", "--relogin", "never", "--rate", "off"]).expect("valid");
        assert_eq!((never.relogin.0, never.rate.0), (None, None));
        let menus = Config::try_parse_from(["server", "--menu-port", "4400", "--menu-port", "6405:quiet"]);
        let expected = [MenuPort { port: 4400, quiet: false }, MenuPort { port: 6405, quiet: true }];
        assert_eq!(menus.expect("valid").menu_ports, expected);
    }
}
