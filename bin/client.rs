//! The client: options, logging, signals, exit code.

use clap::Parser;
use peerline::client::login::Credentials;
use peerline::client::{self, Options, Stop};
use peerline::name::Username;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

/// Meet people on a peerline server, then talk with them directly.
#[derive(Parser)]
#[command(name = "client", version, max_term_width = 100)]
struct Arguments {
    /// The server's address: an IP, or a host name
    #[arg(value_name = "IP")]
    host: String,

    /// The server's port
    port: u16,

    /// Log in under this name; the password comes from --password-file, PEERLINE_PASSWORD or a question
    #[arg(long, value_name = "NAME")]
    user: Option<Username>,

    /// Make the account first
    #[arg(long, requires = "user")]
    signup: bool,

    /// The file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// Listen for other clients on this port
    #[arg(long, value_name = "PORT")]
    listen: Option<u16>,

    /// Carry out these commands, divided by ; (\; is a ;), and leave
    #[arg(long, value_name = "COMMANDS")]
    exec: Option<String>,

    /// Write one JSON object an event, for programs (docs/JSON.md)
    #[arg(long)]
    json: bool,
}

/// The exit code when something was asked for and refused.
const REFUSED: u8 = 1;
/// The exit code for a set-up that cannot work: no server, a wrong password in the options, a port that is taken.
const SETUP_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(sentence) => {
            eprintln!("client: {sentence}");
            ExitCode::from(SETUP_ERROR)
        }
    }
}

fn run(arguments: Arguments) -> Result<bool, String> {
    let options = Options {
        server: resolve(&arguments.host, arguments.port)?,
        credentials: credentials(&arguments)?,
        listen: arguments.listen,
        exec: arguments.exec,
        json: arguments.json,
    };
    let stop = Stop::default();
    let on_signal = stop.clone();
    // Before the line editor is made, which takes Ctrl-C over where there is a terminal.
    ctrlc::set_handler(move || on_signal.stop()).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))?;
    client::run(&options, &stop)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?.collect::<Vec<_>>();
    // A server listens on IPv4 unless told otherwise.
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().ok_or_else(|| format!("{host}: no such address"))
}

fn credentials(arguments: &Arguments) -> Result<Option<Credentials>, String> {
    let Some(name) = arguments.user.clone() else { return Ok(None) };
    let password = match &arguments.password_file {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Some(text.lines().next().unwrap_or_default().to_owned())
        }
        None => std::env::var("PEERLINE_PASSWORD").ok(),
    };
    Ok(Some(Credentials { name, password, signup: arguments.signup }))
}
