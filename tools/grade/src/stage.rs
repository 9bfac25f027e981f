//! Where a check is played: its server, its clients, and the record of what they said.

use crate::check::{Check, Step};
use crate::conversation::{Answer, Client, Datagrams, Record};
use crate::fault::{Because, Fault, FaultKind, Verdict};
use crate::limits::Limits;
use crate::server::command_line::Filling;
use crate::server::{Ended, Ending, Port, ServerProcess, listening, process, processes};
use crate::setup::{Setup, Target, name_suffix};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The password of all accounts, where the check is not about passwords.
pub const PASSWORD: &str = "correct horse";
/// How long a server may take from its start until it listens, on a machine whose patience is 1.
const START: Duration = Duration::from_secs(10);
/// How often it is tried.
const TRY: Duration = Duration::from_millis(20);
/// What is waited for the end of a process after its connections have ended: a crash closes them before.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The stage of one check.
pub struct Stage<'a> {
    setup: &'a Setup,
    check: &'a Check,
    pub record: Arc<Record>,
    pub limits: Limits,
    /// What its own server leaves on the disk.
    pub data: PathBuf,
    output: PathBuf,
    server: Option<ServerProcess>,
    /// The port that is kept for the server, where it is ours.
    claimed: Option<Port>,
    address: SocketAddr,
    /// The connection that has shown that the server listens: the first client's.
    first: Option<TcpStream>,
    clients: usize,
    suffix: String,
    /// What has worked of what the check is not about.
    done: Vec<Step>,
    /// Whether the server ends because of the check.
    pub ends: bool,
    /// Why the server could not be started.
    pub no_start: Option<String>,
    /// Whether it has listened once: then it can be started, and not again.
    pub has_listened: bool,
    /// The first step to which nothing came.
    pub silent: Option<Step>,
}

impl<'a> Stage<'a> {
    /// A stage without a server.
    ///
    /// # Errors
    /// When there is no room for its files.
    pub fn new(setup: &'a Setup, check: &'a Check) -> Verdict<Stage<'a>> {
        let folder = setup.folder.join(check.name);
        let data = folder.join("data");
        std::fs::create_dir_all(&data).map_err(|error| Fault::grader("make a folder", error))?;
        let address = match setup.target {
            Target::Running(address) => address,
            Target::Command(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let suffix = name_suffix(setup, check.name);
        let (record, limits) = (Arc::new(Record::new()), Limits::new(setup.patience));
        let (output, server, first, no_start) = (folder.join("output"), None, None, None);
        let (clients, done, ends) = (0, Vec::new(), false);
        Ok(Stage {
            setup,
            check,
            record,
            limits,
            data,
            output,
            server,
            claimed: None,
            address,
            first,
            clients,
            suffix,
            done,
            ends,
            no_start,
            has_listened: false,
            silent: None,
        })
    }

    // The server.

    /// Starts the server on a new port, with the check's data; nothing where it runs already.
    pub fn start(&mut self) -> Verdict {
        if let Target::Running(_) = self.setup.target {
            return Ok(());
        }
        match self.start_somewhere() {
            // Another program was faster.
            Err(_) if self.says_that_the_port_is_taken() => self.start_somewhere(),
            started => started,
        }
    }

    /// Whether its last words are those of a system at which an address is in use.
    pub fn says_that_the_port_is_taken(&self) -> bool {
        self.last_words().iter().any(|line| process::is_about_a_taken_port(line))
    }

    fn start_somewhere(&mut self) -> Verdict {
        let port = self.setup.ports.next().map_err(|sentence| Fault::grader("find a port", sentence))?;
        let number = port.number;
        self.claimed = Some(port);
        self.start_at(number)
    }

    /// Starts it once more on the port that it had.
    pub fn start_again_at_once(&mut self) -> Verdict {
        self.start_at(self.address.port())
    }

    fn start_at(&mut self, port: u16) -> Verdict {
        let Target::Command(_) = self.setup.target else { return Ok(()) };
        self.server = None;
        self.address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let data = self.data.clone();
        let mut server =
            self.spawn(port, &data, &self.output).inspect_err(|fault| self.no_start = Some(fault.sentence.clone()))?;
        let until = Instant::now() + START * self.setup.patience;
        let reason = loop {
            if let Some(ended) = server.ended() {
                break match ended {
                    Ended::Code(0) => "It ended before it listened, or went into the background: a server that is \
                                       graded stays in the foreground."
                        .to_owned(),
                    ended => format!("It ended before it listened: {ended}."),
                };
            }
            if let Ok(stream) = TcpStream::connect_timeout(&self.address, self.limits.soon) {
                (self.first, self.server, self.has_listened) = (Some(stream), Some(server), true);
                // That of a former try, whose port was taken.
                self.no_start = None;
                return Ok(());
            }
            if Instant::now() >= until {
                break listening::mistake(&server.processes(), port);
            }
            thread::sleep(TRY);
        };
        let reason = if self.has_listened { format!("It does not start again. {reason}") } else { reason };
        self.record.happened("", "(the server does not listen)");
        self.record.mark("", &format!("it listens on 127.0.0.1:{port}"));
        self.no_start = Some(reason.clone());
        self.server = Some(server);
        Err(Fault::closed(reason))
    }

    /// Starts a server with this data, whose words go into that file, and does not wait until it listens.
    pub fn spawn(&self, port: u16, data: &Path, output: &Path) -> Verdict<ServerProcess> {
        let Target::Command(line) = &self.setup.target else {
            return Err(Fault::grader("start a server", "it runs already"));
        };
        let folder = self.setup.submission.as_deref();
        let words = line.fill(&Filling { port, data, folder, house: self.check.house });
        let program = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        ServerProcess::start(&words, output, &self.setup.mark(), folder)
            .map_err(|error| Fault::closed(format!("{program} could not be started: {error}.")))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether the grader has started it, and can look at it.
    pub fn is_own(&self) -> bool {
        self.server.is_some()
    }

    /// Kills the server, as a power cut would.
    pub fn kill(&mut self) {
        self.ends = true;
        self.first = None;
        self.record.note("", "(the server is killed: SIGKILL)");
        if let Some(server) = &mut self.server {
            server.kill();
        }
    }

    /// Asks the server to end.
    pub fn terminate(&mut self) {
        self.ends = true;
        self.record.note("", "(SIGTERM)");
        let port = self.port();
        if let Some(server) = &mut self.server {
            server.terminate(port);
        }
    }

    /// How the server has ended that was asked to, within this time.
    pub fn wait_for_end(&mut self, limit: Duration) -> Option<Ending> {
        self.server.as_mut()?.ending(limit)
    }

    /// How it has ended by itself, if it has; where connections have ended, it gets a moment for it.
    pub fn crash(&mut self, is_suspected: bool) -> Option<Ended> {
        let server = self.server.as_mut().filter(|_| !self.ends)?;
        server.wait(if is_suspected { LAST_MOMENT } else { Duration::ZERO })
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> Vec<String> {
        self.server.as_ref().map(ServerProcess::last_words).unwrap_or_default()
    }

    /// Whether it was killed because of its memory.
    pub fn took_too_much(&self) -> bool {
        self.server.as_ref().is_some_and(ServerProcess::took_too_much)
    }

    /// The memory of the server's processes, in bytes; 0 where it is not ours.
    pub fn memory(&self) -> u64 {
        self.processes().iter().map(|process| process.memory).sum()
    }

    /// Their processor time so far.
    pub fn cpu(&self) -> Duration {
        self.processes().iter().map(|process| process.cpu).sum()
    }

    /// Whether one of their threads runs or is in line for a processor.
    pub fn is_busy(&self) -> bool {
        processes::is_any_running(&self.processes())
    }

    /// Their open files.
    pub fn open_files(&self) -> usize {
        processes::open_files(&self.processes())
    }

    fn processes(&self) -> Vec<processes::Process> {
        self.server.as_ref().map(ServerProcess::processes).unwrap_or_default()
    }

    // The clients.

    /// A connection to the server, of which nothing was read yet.
    pub fn connect(&mut self) -> Verdict<Client> {
        let who = label(self.clients);
        self.clients += 1;
        let stream = match self.first.take() {
            Some(stream) => Ok(stream),
            None => self.open(),
        };
        self.record.note(&who, "(connects)");
        let stream = stream.map_err(|error| self.not_connected(&who, &error))?;
        let mut client = Client::new(who, stream, Arc::clone(&self.record), self.limits, !self.setup.is_unpaced())?;
        client.own = self.suffix.clone();
        Ok(client)
    }

    fn open(&self) -> io::Result<TcpStream> {
        TcpStream::connect_timeout(&self.address, self.limits.wait + self.limits.grace)
    }

    /// A connection that was greeted, and that the record does not show: one of many.
    pub fn unseen_visitor(&self) -> Verdict<Client> {
        let stream = self.open().map_err(|error| self.not_connected("", &error))?;
        let mut client = Client::new(String::new(), stream, Arc::new(Record::new()), self.limits, false)?;
        client.takes_ok("the connection").because("A newcomer was not greeted.")?;
        Ok(client)
    }

    fn not_connected(&self, who: &str, error: &io::Error) -> Fault {
        let is_refused = error.kind() == io::ErrorKind::ConnectionRefused;
        self.record.happened(who, if is_refused { "(connection refused)" } else { "(no connection)" });
        self.record.mark(who, "a connection");
        if is_refused {
            Fault::closed("The server does not listen any more.")
        } else {
            Fault::missing("The server takes no more connections.")
        }
    }

    /// What the check does before what it is about. Where that does not work at its first time there is nothing to judge;
    /// later on it did work, and what the check has done meanwhile may be why it does not any more.
    pub fn step<T>(&mut self, step: Step, verdict: Verdict<T>) -> Verdict<T> {
        let worked = self.done.contains(&step);
        let is_own = self.check.name == step.check() || worked;
        if matches!(&verdict, Err(fault) if fault.kind == FaultKind::Missing) && !worked {
            self.silent = Some(step);
        }
        let is_wrong = |fault: &Fault| !matches!(fault.kind, FaultKind::Late | FaultKind::Grader);
        match verdict {
            Ok(value) => {
                self.done.push(step);
                Ok(value)
            }
            Err(fault) if !is_own && is_wrong(&fault) => Err(Fault { step: Some(step), ..fault }),
            Err(fault) => Err(fault),
        }
    }

    /// A connection that was greeted.
    pub fn visitor(&mut self) -> Verdict<Client> {
        let mut client = self.connect()?;
        let greeted = client.takes_ok("the connection").because("The server does not greet a newcomer with OK,...");
        self.step(Step::Greeting, greeted)?;
        Ok(client)
    }

    /// An account's name: new in this check.
    pub fn name(&self, base: &str) -> String {
        format!("{base}{}", self.suffix)
    }

    /// A client that has signed up and logged in.
    pub fn member(&mut self, base: &str) -> Verdict<Client> {
        let mut client = self.visitor()?;
        self.sign_up(&mut client, base)?;
        self.log_in(&mut client, base)?;
        Ok(client)
    }

    /// Several of them.
    pub fn members(&mut self, bases: &[&str]) -> Verdict<Vec<Client>> {
        bases.iter().map(|base| self.member(base)).collect()
    }

    /// Makes an account.
    pub fn sign_up(&mut self, client: &mut Client, base: &str) -> Verdict<Answer> {
        let answer = client.ok(&format!("SIGNUP,{},{PASSWORD}", self.name(base)));
        self.step(Step::SignUp, answer.because("The answer to SIGNUP,name,password is not OK."))
    }

    /// Logs in somebody who has an account.
    pub fn log_in(&mut self, client: &mut Client, base: &str) -> Verdict<Answer> {
        let name = self.name(base);
        let answer = client.ok(&format!("LOGIN,{name},{PASSWORD}"));
        let answer = self.step(Step::LogIn, answer.because("The answer to LOGIN,name,password is not OK."))?;
        client.token = answer.after("udp_").unwrap_or_default().to_owned();
        client.name = name;
        Ok(answer)
    }

    /// Says where this client can be found.
    pub fn init(&mut self, client: &mut Client) -> Verdict<Answer> {
        let answer = client.ok(&format!("INIT,{},4401", client.name));
        self.step(Step::Init, answer.because("The answer to INIT,name,port is not OK."))
    }

    /// The first of these says something to all, which they get.
    pub fn broadcast(&mut self, clients: &mut [Client]) -> Verdict {
        let talk = |clients: &mut [Client]| {
            clients[0].ok("bcast_hello").because("The answer to bcast_TEXT is not OK.")?;
            clients.iter_mut().try_for_each(|client| client.broadcast("the broadcast").map(drop))
        };
        let heard = talk(clients);
        self.step(Step::Broadcast, heard)
    }

    /// A UDP socket of a client's.
    pub fn datagrams(&self, client: &Client) -> Verdict<Datagrams> {
        self.datagrams_at(client, client.local()?)
    }

    /// The same at this address of the grader's machine.
    pub fn datagrams_at(&self, client: &Client, at: IpAddr) -> Verdict<Datagrams> {
        Datagrams::new(&client.who, at, client.server()?, Arc::clone(&self.record), self.limits)
    }

    /// A fault of the server as a whole, with a mark at the last note about it.
    pub fn want(&self, holds: bool, seen: &str, expected: &str, sentence: &str) -> Verdict {
        if holds {
            return Ok(());
        }
        self.record.happened("", format!("({seen})"));
        self.record.mark("", expected);
        Err(Fault::wrong(sentence))
    }

    /// Stops the server, and removes what it has left on the disk.
    pub fn clear(&mut self) {
        self.first = None;
        if let Some(server) = &mut self.server {
            server.stop();
        }
        // What cannot be removed now is tried once more at the end of the run.
        let _ = self.output.parent().map(std::fs::remove_dir_all);
    }
}

/// A, B, ... Z, A1, B1, ...
fn label(number: usize) -> String {
    let letter = (b'A' + (number % 26) as u8) as char;
    if number < 26 { letter.to_string() } else { format!("{letter}{}", number / 26) }
}
