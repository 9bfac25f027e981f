//! The client's options, as people type them.

use super::consent::{AllowList, RunOptions};
use super::files::FileOptions;
use super::login::Credentials;
use crate::program::Manual;
use crate::value::Username;
use crate::value::duration;
use clap::{Args, Parser, Subcommand};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  client 127.0.0.1 4400
      asks whether to log in or sign up, then shows a menu
  client 127.0.0.1 4400 --user alice --password-file ~/.peerline
  echo 'msg bob see you at six' | client 127.0.0.1 4400 --user alice
  client 127.0.0.1 4400 --user alice --json --exec 'list; wait 10s'
  client doctor 127.0.0.1 4400 --user alice

Exit codes: 0 fine, 1 something was refused, 2 it could not start.";

/// Meet people on a peerline server, then talk with them directly.
#[derive(Debug, Parser)]
#[command(name = "client", version, max_term_width = 100, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    session: Option<Session>,
}

/// Everything but a session.
#[derive(Debug, Subcommand)]
enum Other {
    /// Check the way to the server and back: TCP, UDP, and whether other clients could reach this one
    Doctor(Box<Session>),
    #[command(flatten)]
    Manual(Manual),
}

#[derive(Args, Debug)]
struct Session {
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

    /// Share the files in this folder: its regular files, without subfolders and hidden ones
    #[arg(long, value_name = "DIR")]
    share: Option<PathBuf>,

    /// Where fetched files go; by default into the shared folder, or else into the current one
    #[arg(long, value_name = "DIR")]
    downloads: Option<PathBuf>,

    /// Send at most so many files at a time; others wait in line
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=64))]
    upload_slots: u16,

    /// How long no byte of a file may move
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse, hide = true)]
    stall: Duration,

    /// How long a request for a chat waits for its answer
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse, hide = true)]
    answer_limit: Duration,

    /// Carry out these commands, divided by ; (\; is a ;), and leave
    #[arg(long, value_name = "COMMANDS")]
    exec: Option<String>,

    /// Write one JSON object an event, for programs (docs/JSON.md)
    #[arg(long)]
    json: bool,

    /// Commands that others may run here without a question, such as "uptime,df -h"
    #[arg(long, value_name = "LIST", conflicts_with = "no_run")]
    allow_run: Option<AllowList>,

    /// Refuse every command that others want to run here, without a question
    #[arg(long)]
    no_run: bool,

    /// Who wanted to run what here [default: peerline/consent.csv in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE")]
    consent_log: Option<PathBuf>,

    /// How long a command may run here
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10s", hide = true)]
    run_time: Duration,

    /// How long the question about a command waits for its answer
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s", hide = true)]
    run_question: Duration,
}

/// What a client is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// To do what the person types.
    Menu,
    /// To check the network.
    Doctor,
}

/// What the options say.
pub struct Options {
    /// What for.
    pub task: Task,
    /// The server's main port.
    pub server: SocketAddr,
    /// Who logs in, unless it is asked.
    pub credentials: Option<Credentials>,
    /// The port for peers, where the person insists on one.
    pub listen: Option<u16>,
    /// What is shared, and where what is fetched goes.
    pub files: FileOptions,
    /// How long the person has to answer a request for a chat.
    pub answer_limit: Duration,
    /// Commands to carry out instead of reading any, divided by `;` or line ends.
    pub exec: Option<String>,
    /// Whether output is for programs.
    pub json: bool,
    /// What others may run here.
    pub run: RunOptions,
}

/// What is to be done.
pub enum Wanted {
    /// Be a client.
    Client(Box<Options>),
    /// Tell about the options.
    Manual(Manual),
}

impl Arguments {
    /// What the options ask for.
    ///
    /// # Errors
    /// A sentence that names the host or the file that is not to be had.
    pub fn wanted(self) -> Result<Wanted, String> {
        let (session, task) = match (self.other, self.session) {
            (Some(Other::Manual(manual)), _) => return Ok(Wanted::Manual(manual)),
            (Some(Other::Doctor(session)), _) => (*session, Task::Doctor),
            (None, Some(session)) => (session, Task::Menu),
            (None, None) => return Err("which server? Give its IP and port".to_owned()),
        };
        Ok(Wanted::Client(Box::new(Options {
            task,
            server: resolve(&session.host, session.port)?,
            credentials: session.credentials()?,
            listen: session.listen,
            answer_limit: session.answer_limit,
            run: session.run(),
            files: FileOptions {
                share: session.share,
                downloads: session.downloads,
                upload_slots: usize::from(session.upload_slots),
                stall: session.stall,
            },
            exec: session.exec,
            json: session.json,
        })))
    }
}

impl Session {
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        let Some(name) = self.user.clone() else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
            None => std::env::var("PEERLINE_PASSWORD").ok(),
        };
        Ok(Some(Credentials { name, password, signup: self.signup }))
    }

    fn run(&self) -> RunOptions {
        RunOptions {
            allowed: self.allow_run.clone().unwrap_or_default(),
            never: self.no_run,
            log: self.consent_log.clone(),
            time: self.run_time,
            question: self.run_question,
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found: Vec<_> = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?.collect();
    // A server listens on IPv4 unless told otherwise.
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().ok_or_else(|| format!("{host}: no such address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_session_and_everything_else() {
        let wanted = |line: &str| Arguments::try_parse_from(line.split(' ')).map(Arguments::wanted);
        let Ok(Ok(Wanted::Client(options))) = wanted("client 127.0.0.1 4400 --user alice") else { panic!("a session") };
        assert_eq!((options.task, options.server.port()), (Task::Menu, 4400));
        let Ok(Ok(Wanted::Client(options))) = wanted("client doctor ::1 4400") else { panic!("a doctor") };
        assert_eq!((options.task, options.server.is_ipv6()), (Task::Doctor, true));
        assert!(matches!(wanted("client man"), Ok(Ok(Wanted::Manual(Manual::Man)))));
        assert!(matches!(wanted("client completions fish"), Ok(Ok(Wanted::Manual(Manual::Completions { .. })))));
        for bad in ["client", "client 127.0.0.1", "client 127.0.0.1 x", "client 127.0.0.1 4400 --signup"] {
            assert!(wanted(bad).is_err(), "{bad}");
        }
    }
}
