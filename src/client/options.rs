//! The client's options, as people type them.

use super::app::Credentials;
use super::files::FileOptions;
use super::find::{Search, Target};
use super::run::{AllowList, RunOptions};
use super::server_arguments::{SearchArguments, others, refuse_joined, resolve};
use super::tls_arguments::TlsArguments;
use super::trust::TlsOptions;
use crate::program::Manual;
use crate::value::Username;
use crate::value::duration;
use clap::{Args, Parser, Subcommand};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// The server's main port.
const PORT: u16 = 4400;

const EXAMPLES: &str = "\
Examples:
  client
      looks for servers on the network, and asks which one
  client 127.0.0.1 4400
      asks whether to log in or sign up
  client 127.0.0.1 4400 --user alice --password-file ~/.peerline
  echo 'msg bob see you at six' | client 127.0.0.1 4400 --user alice
  (echo 'msg bob -'; cat notes.txt) | client 127.0.0.1 4400 --user alice
      sends each further line as a message; all - is the same for everybody
  client 127.0.0.1 4400 --user alice --json --exec 'list; wait 10s'
  client doctor 127.0.0.1 4400 --user alice

Exit codes: 0 fine, 1 something was refused, 2 it could not start.";

/// Meet people on a peerline server, then talk with them directly.
#[derive(Debug, Parser)]
#[command(name = "client", version, max_term_width = 80, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    session: Session,
}

/// Everything but a session.
#[derive(Debug, Subcommand)]
enum Other {
    /// Check the way to the server and back: TCP, UDP, and whether other clients could reach this one
    Doctor(Box<Session>),
    /// List the servers that answer on the networks of this machine: found, not proven
    Find(Find),
    #[command(flatten)]
    Manual(Manual),
}

#[derive(Args, Debug)]
struct Find {
    #[command(flatten)]
    search: SearchArguments,

    /// Write one JSON object a server, for programs (docs/JSON.md)
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Session {
    /// The server's address: an IP, or a host name; without it servers are looked for on the network
    #[arg(value_name = "IP")]
    host: Option<String>,

    /// The server's port; 4400 unless it is given, and to be given with TLS
    port: Option<u16>,

    /// What is too much: without a place for it, it would be taken for a subcommand.
    #[arg(hide = true)]
    more: Option<String>,

    /// Another server that has the same accounts: it is tried when the first one is not there, or goes away. May be given several
    /// times
    #[arg(long, value_name = "IP:PORT", requires = "host")]
    also: Vec<String>,

    #[command(flatten)]
    search: SearchArguments,

    #[command(flatten)]
    tls: TlsArguments,

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

    /// Where fetched files and gifts go; by default into the shared folder, or else into the current one
    #[arg(long, value_name = "DIR")]
    downloads: Option<PathBuf>,

    /// Send at most so many files at a time; others wait in line
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=64))]
    upload_slots: u16,

    /// Take what these people give without a question, such as "bob,carol"
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "no_give")]
    take: Vec<Username>,

    /// Take nothing that others give, without a question
    #[arg(long)]
    no_give: bool,

    /// How long no byte of a file may move
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse, hide = true)]
    stall: Duration,

    /// Record what happens at the sockets, as lines of JSON: docs/TRACE.md. Passwords and tickets are hidden, files left out
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Carry out these commands, divided by ; (\; is a ;), and leave
    #[arg(long, value_name = "COMMANDS")]
    exec: Option<String>,

    /// Write one JSON object an event, for programs (docs/JSON.md)
    #[arg(long)]
    json: bool,

    /// Show only what was asked for, and what is for you: no broadcasts
    #[arg(long)]
    quiet: bool,

    /// Tell the way of each file at every tenth of it, where there is no screen
    #[arg(long)]
    progress: bool,

    /// Line by line, also at a terminal
    #[arg(long)]
    plain: bool,

    /// Write each talk to a file of its own in this folder
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,

    /// Refuse messages that cannot be delivered directly, instead of having the server carry them
    #[arg(long)]
    no_relay: bool,

    /// On the server's own machine: let only others on this machine connect
    #[arg(long)]
    local: bool,

    /// How long a request for a chat or a gift waits for its answer
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse, hide = true)]
    answer_limit: Duration,

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

/// How the client shows what happens, and what it reads.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Commands to carry out instead of reading any, divided by `;` or line ends.
    pub exec: Option<String>,
    /// Whether output is for programs.
    pub json: bool,
    /// Whether only what was asked for is shown, and what is for the person.
    pub quiet: bool,
    /// Whether the way of each transfer is told in the line mode.
    pub progress: bool,
    /// Whether the line mode is wanted also at a terminal.
    pub plain: bool,
    /// Where talks are written.
    pub logs: Option<PathBuf>,
}

/// What a client is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// To do what the person types.
    Menu,
    /// To check the network.
    Doctor,
}

impl Task {
    /// What is typed for it.
    pub fn command(self) -> &'static str {
        match self {
            Task::Menu => "client",
            Task::Doctor => "client doctor",
        }
    }
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerPlace {
    /// At this port.
    At(Target),
    /// Not known: it is to be found, so.
    ToFind(Search),
}

/// What the options say.
#[derive(Debug)]
pub struct Options {
    /// What for.
    pub task: Task,
    /// Where the server is.
    pub server: ServerPlace,
    /// Where others are, which are used in its place.
    pub also: Vec<Target>,
    /// Whether TLS has to be spoken with it, and whose key it must have.
    pub tls: TlsOptions,
    /// Who logs in, unless it is asked.
    pub credentials: Option<Credentials>,
    /// The port for peers, where the person insists on one.
    pub listen: Option<u16>,
    /// What is shared, and where what is fetched goes.
    pub files: FileOptions,
    /// Files and gifts that are sent at a time.
    pub upload_slots: usize,
    /// Whose gifts are taken without a question.
    pub take: Vec<Username>,
    /// Whether gifts are taken at all.
    pub gifts: bool,
    /// Whether the server may carry messages.
    pub relay: bool,
    /// Whether only clients on this machine may connect.
    pub local: bool,
    /// How long the person has to answer a request for a chat.
    pub answer_limit: Duration,
    /// What others may run here.
    pub run: RunOptions,
    /// What is read and how it is shown.
    pub output: Output,
    /// Where what happens is recorded.
    pub trace: Option<PathBuf>,
}

/// What is to be done.
pub enum Wanted {
    /// Be a client.
    Client(Box<Options>),
    /// List the servers that are found.
    Find {
        /// Where they are looked for.
        search: Search,
        /// Whether the list is for programs.
        json: bool,
    },
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
            (Some(Other::Find(find)), _) => {
                return Ok(Wanted::Find { search: find.search.resolve()?, json: find.json });
            }
            (Some(Other::Doctor(session)), _) => (*session, Task::Doctor),
            (None, session) => (session, Task::Menu),
        };
        let (tls, credentials) = (session.tls.options(), session.credentials()?);
        session.exec.as_deref().map_or(Ok(()), answers_follow)?;
        Ok(Wanted::Client(Box::new(Options {
            task,
            server: session.server(tls.only, task)?,
            also: others(&session.also, tls.only)?,
            tls,
            credentials,
            listen: session.listen,
            files: FileOptions { share: session.share, downloads: session.downloads, stall: session.stall },
            upload_slots: usize::from(session.upload_slots),
            take: session.take,
            gifts: !session.no_give,
            relay: !session.no_relay,
            local: session.local,
            answer_limit: session.answer_limit,
            run: RunOptions {
                allowed: session.allow_run.unwrap_or_default(),
                never: session.no_run,
                log: session.consent_log,
                time: session.run_time,
                question: session.run_question,
            },
            output: Output {
                exec: session.exec,
                json: session.json,
                quiet: session.quiet,
                progress: session.progress,
                plain: session.plain,
                logs: session.logs,
            },
            trace: session.trace,
        })))
    }
}

impl Output {
    /// Whether a person types and looks at it.
    pub fn is_typed(&self) -> bool {
        self.exec.is_none() && !self.json && io::stdin().is_terminal() && io::stdout().is_terminal()
    }
}

impl Session {
    /// Where the server is.
    fn server(&self, by_tls: bool, task: Task) -> Result<ServerPlace, String> {
        let Some(host) = &self.host else { return Ok(ServerPlace::ToFind(self.search.resolve()?)) };
        let command = format!("{}{}", task.command(), if by_tls { " --tls" } else { "" });
        refuse_joined(host, self.more.as_deref(), &command)?;
        if !self.search.is_empty() {
            return Err(format!("--find-at is for a server that is to be found, and {host} is given"));
        }
        let port = match self.port {
            None if by_tls => {
                return Err(format!("give the port that the server has for TLS: {command} {host} PORT"));
            }
            port => port.unwrap_or(PORT),
        };
        Ok(ServerPlace::At(Target { address: resolve(host, port)?, host: host.clone(), by_tls }))
    }

    fn credentials(&self) -> Result<Option<Credentials>, String> {
        let Some(name) = self.user.clone() else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
                let first = text.lines().next().filter(|line| !line.is_empty());
                Some(
                    first
                        .ok_or_else(|| {
                            format!("{}: its first line is empty: write the password there", file.display())
                        })?
                        .to_owned(),
                )
            }
            None => match std::env::var("PEERLINE_PASSWORD") {
                Ok(password) => Some(password),
                Err(std::env::VarError::NotPresent) => None,
                Err(error) => return Err(format!("PEERLINE_PASSWORD: {error}")),
            },
        };
        Ok(Some(Credentials { name, password, signup: self.signup }))
    }
}

/// Refuses commands of which the last one would wait for the name that is behind it.
fn answers_follow(commands: &str) -> Result<(), String> {
    let last = commands.rsplit([';', '\n']).next().unwrap_or_default().trim().trim_start_matches('/');
    match last {
        "login" | "signup" => Err(format!(
            "--exec {last}: the name and the password have to follow, each as a command of its own; or give --user NAME"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn the_definition_holds() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_session_and_everything_else() {
        let wanted = |line: &str| Arguments::try_parse_from(line.split(' ')).map(Arguments::wanted);
        let Ok(Ok(Wanted::Client(options))) = wanted("client 127.0.0.1 4400 --user alice") else { panic!("a session") };
        let at = |text: &str| {
            let address: SocketAddr = text.parse().expect("an address");
            ServerPlace::At(Target { address, host: address.ip().to_string(), by_tls: false })
        };
        assert_eq!((options.task, options.server), (Task::Menu, at("127.0.0.1:4400")));
        let Ok(Ok(Wanted::Client(options))) = wanted("client doctor ::1 4400") else { panic!("a doctor") };
        assert_eq!((options.task, options.server), (Task::Doctor, at("[::1]:4400")));
        let Ok(Ok(Wanted::Client(options))) = wanted("client 127.0.0.1") else { panic!("a session") };
        assert_eq!(options.server, at("127.0.0.1:4400"));
        let Ok(Ok(Wanted::Client(options))) = wanted("client ::1 4400 --take bob,carol --no-relay") else {
            panic!("a session")
        };
        assert_eq!((options.take.len(), options.gifts, options.relay), (2, true, false));
        let switches = "client ::1 4400 --no-give --quiet --progress --plain --logs talks";
        let Ok(Ok(Wanted::Client(options))) = wanted(switches) else { panic!("a session") };
        let Output { quiet, progress, plain, logs, .. } = &options.output;
        assert!(!options.gifts && options.relay && *quiet && *progress && *plain);
        assert_eq!(logs.as_deref(), Some(std::path::Path::new("talks")));
        assert!(matches!(wanted("client man"), Ok(Ok(Wanted::Manual(Manual::Man)))));
        assert!(matches!(wanted("client completions fish"), Ok(Ok(Wanted::Manual(Manual::Completions { .. })))));
        let key = "sha256:".to_owned() + &"0a".repeat(32);
        let Ok(Ok(Wanted::Client(options))) = wanted(&format!("client --tls FE80::1 4403 --fingerprint {key}")) else {
            panic!("a session")
        };
        let ServerPlace::At(target) = &options.server else { panic!("an address") };
        assert_eq!((target.host.as_str(), target.by_tls), ("FE80::1", true));
        assert_eq!((options.tls.only, options.tls.fingerprint), (true, key.parse().ok()));
        // Whoever tells a key does not speak in the clear.
        for line in
            [format!("client ::1 4403 --fingerprint {key}"), "client ::1 4403 --tls-name chat.example".to_owned()]
        {
            let Ok(Ok(Wanted::Client(options))) = wanted(&line) else { panic!("a session") };
            assert!(
                options.tls.only && matches!(options.server, ServerPlace::At(Target { by_tls: true, .. })),
                "{line}"
            );
        }
        let Ok(Ok(Wanted::Client(options))) = wanted("client --tls") else { panic!("a session") };
        assert!(options.tls.only && options.server == ServerPlace::ToFind(Search::default()));
        for bad in ["client --tls ::1", "client ::1 4403 --fingerprint sha256:1 --tls"] {
            assert!(!matches!(wanted(bad), Ok(Ok(_))), "{bad}");
        }
        let bad = ["client 127.0.0.1 x", "client 127.0.0.1 4400 --signup", "client 127.0.0.1 --find-at 127.0.0.2"];
        for bad in bad.into_iter().chain(["client ::1 1 --take b_b", "client ::1 1 --take bob --no-give"]) {
            assert!(!matches!(wanted(bad), Ok(Ok(_))), "{bad}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_to_type() {
        let empty = tempfile::NamedTempFile::new().expect("a file");
        let empty = empty.path().to_str().expect("UTF-8");
        let told = |line: &str| {
            let arguments = Arguments::try_parse_from(line.split(' ')).expect("valid");
            arguments.wanted().err().unwrap_or_else(|| panic!("{line}: taken"))
        };
        for (line, end) in [
            ("client 127.0.0.1:4400", "a blank between the IP and the port: client 127.0.0.1 4400"),
            ("client doctor [::1]:4400", "a blank between the IP and the port: client doctor ::1 4400"),
            ("client --tls lab.test:4403", "a blank between the IP and the port: client --tls lab.test 4403"),
            ("client doctor --tls ::1", "client doctor --tls ::1 PORT"),
            ("client 127.0.0.1 4400 4401", "4401 is one too many: give client IP PORT, and options"),
            ("client ::1 --exec login", "or give --user NAME"),
            ("client ::1 --exec list;/signup", "or give --user NAME"),
            (&format!("client ::1 --user alice --password-file {empty}"), "is empty: write the password there"),
        ] {
            assert!(told(line).ends_with(end), "{}", told(line));
        }
        let line = ["client", "::1", "--exec", "login; alice; correct horse; list"];
        assert!(Arguments::try_parse_from(line).expect("valid").wanted().is_ok());
    }

    #[test]
    fn others_are_given_with_their_ports() {
        let wanted = |more: &[&str]| {
            let arguments = ["client"].iter().chain(more);
            Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?.wanted()
        };
        let line = ["127.0.0.1", "4400", "--also", "127.0.0.2:4401", "--also", "[::1]:4402", "--user", "alice"];
        let Ok(Wanted::Client(options)) = wanted(&line) else { panic!("a session") };
        let also: Vec<_> = options.also.iter().map(|also| (also.address.to_string(), also.host.as_str())).collect();
        assert_eq!(also, [("127.0.0.2:4401".to_owned(), "127.0.0.2"), ("[::1]:4402".to_owned(), "::1")]);
        assert!(options.also.iter().all(|also| !also.by_tls));
        let Ok(Wanted::Client(options)) = wanted(&["--tls", "::1", "4403", "--also", "[::1]:4404"]) else {
            panic!("a session")
        };
        assert!(options.also[0].by_tls, "as the first one");
        for bad in ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "::1:4400", ":4400", "[127.0.0.1]:4400", "[::1:4400"] {
            assert!(wanted(&["::1", "4400", "--also", bad]).is_err(), "{bad}");
        }
        assert!(wanted(&["--also", "127.0.0.1:4400"]).is_err(), "none is searched for then");
        let others = |count| [&["127.0.0.1"][..], &vec!["--also=127.0.0.2:4400"; count]].concat();
        assert!(wanted(&others(15)).is_ok() && wanted(&others(16)).is_err());
    }

    #[test]
    fn a_server_is_given_or_to_be_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "secret-word\n").expect("written");
        let file = file.path().to_str().expect("UTF-8");
        let wanted = |more: &[&str]| {
            let arguments = ["client"].iter().chain(more);
            Arguments::try_parse_from(arguments).expect("valid").wanted().expect("there")
        };
        let Wanted::Client(options) = wanted(&["--user", "alice", "--password-file", file, "--find-at", "127.0.0.7"])
        else {
            panic!("a session")
        };
        let search = Search { at: vec![[127, 0, 0, 7].into()] };
        assert_eq!(options.server, ServerPlace::ToFind(search.clone()));
        let Wanted::Client(options) = wanted(&[]) else { panic!("a session") };
        assert_eq!(options.server, ServerPlace::ToFind(Search::default()));
        let Wanted::Client(options) = wanted(&["127.0.0.1", "--user", "alice", "--password-file", file]) else {
            panic!("a session")
        };
        assert_eq!(options.credentials.and_then(|who| who.password).as_deref(), Some("secret-word"));
        let Wanted::Find { search: at, json } = wanted(&["find", "--json", "--find-at", "127.0.0.7"]) else {
            panic!("a list")
        };
        assert_eq!((at, json), (search, true));
        let ipv6 = Arguments::try_parse_from(["client", "find", "--find-at", "::1"]).expect("valid").wanted();
        assert!(ipv6.is_err_and(|why| why.contains("IPv4 alone")));
    }
}
