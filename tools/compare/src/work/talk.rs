//! A line to a peer and one back, between two programs that are typed to through pipes: two clients of ours that have a
//! chat, two that only copy between pipes and a socket, and nc. And without pipes, two bare sockets.

use crate::bench::Bench;
use crate::contender::{self, Contender, Kind};
use crate::piped::Piped;
use crate::protocol::name;
use crate::rounds::Rounds;
use crate::setting::{LIMIT, find};
use crate::table::{Aim, Row, Unit};
use peerline_stress::figures::{milliseconds, percentile};
use peerline_stress::wire::PASSWORD;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Names of those who are compared.
const SOCKETS: &str = "bare sockets and pipes";
const ALONE: &str = "bare sockets without pipes";

/// Two that talk.
enum Pair {
    Piped([Piped; 2]),
    /// Two sockets; the thread at the second ends with the first.
    Bare(TcpStream),
}

/// The median of a round trip.
pub fn talk(bench: &mut Bench) -> Vec<Row> {
    let server = bench.stage(Kind::Peerline { log: true }, |_| Ok(()));
    let clients = server.as_ref().map(|stage| clients(bench, &stage.server));
    let pairs = [
        ("peerline", clients.unwrap_or_else(|| Err(io::Error::other("the server does not start")))),
        (SOCKETS, relays()),
        (ALONE, bare()),
    ];
    let mut pairs: Vec<(&str, Pair)> = pairs
        .into_iter()
        .filter_map(|(name, pair)| match pair {
            Ok(pair) => Some((name, pair)),
            Err(error) => bench.note(format!("round trip, {name}: {error}")),
        })
        .collect();
    if let Some(program) = netcat() {
        match netcats(program) {
            Ok(pair) => pairs.push(("nc", pair)),
            Err(error) => _ = bench.note::<()>(format!("round trip, nc: {error}")),
        }
    }
    let mut figures: Vec<(String, Rounds)> =
        pairs.iter().map(|(name, _)| ((*name).to_owned(), Rounds::default())).collect();
    for _round in 0..bench.rounds {
        for ((_, pair), (name, rounds)) in pairs.iter_mut().zip(&mut figures) {
            match pair.round_trips(bench.time) {
                Ok(times) => rounds.0.extend(percentile(&times, 0.5).map(milliseconds)),
                Err(error) => _ = bench.note::<()>(format!("round trip, {name}: {error}")),
            }
        }
    }
    let ours = figures.iter().position(|(name, _)| name == "peerline").map(|at| figures.remove(at).1);
    vec![Row {
        work: "a line of a chat and one back, p50".to_owned(),
        unit: Unit::Milliseconds,
        own: ours.unwrap_or_default(),
        others: figures,
        against: Some(SOCKETS),
        aim: Some(Aim::AtMost(1.1)),
    }]
}

impl Pair {
    fn round_trips(&mut self, time: Duration) -> io::Result<Vec<Duration>> {
        let (begin, mut times) = (Instant::now(), Vec::new());
        while begin.elapsed() < time {
            let said_at = Instant::now();
            match self {
                Pair::Piped([one, other]) => {
                    for (from, to) in [(0, 1), (1, 0)] {
                        let line = format!("line {} of {from}.", times.len());
                        let until = said_at + LIMIT;
                        let [speaker, listener] =
                            if from < to { [&mut *one, &mut *other] } else { [&mut *other, &mut *one] };
                        speaker.type_line(&line)?;
                        listener.wait_for(&line, until)?;
                    }
                }
                Pair::Bare(stream) => {
                    stream.write_all(b"a line of a chat\n")?;
                    stream.read_exact(&mut [0; 17])?;
                }
            }
            times.push(said_at.elapsed());
        }
        Ok(times)
    }
}

/// Two clients with an open chat.
fn clients(bench: &Bench, server: &Contender) -> io::Result<Pair> {
    let until = Instant::now() + LIMIT;
    let start = |number: usize| {
        let port = server.address.port().to_string();
        let mut command = Command::new(&bench.setting.client);
        command.args(["127.0.0.1", &port, "--user", &name(number), "--consent-log"]);
        command.arg(bench.setting.folder.join("consent.csv")).env("PEERLINE_PASSWORD", PASSWORD);
        let mut client = Piped::start(&mut command)?;
        client.wait_for("Logged in as", until)?;
        io::Result::Ok(client)
    };
    let (mut one, mut other) = (start(0)?, start(1)?);
    // It waits until somebody asks.
    other.type_line("accept")?;
    one.type_line(&format!("chat {}", name(1)))?;
    one.wait_for("opened", until)?;
    other.wait_for("opened", until)?;
    Ok(Pair::Piped([one, other]))
}

/// Two programs that only copy.
fn relays() -> io::Result<Pair> {
    let (listener, address) = contender::start_own(&["relay"]).map_err(io::Error::other)?;
    let own = std::env::current_exe()?;
    let caller = Piped::start(Command::new(own).args(["relay", &address.to_string()]))?;
    Ok(Pair::Piped([caller, Piped::of(listener)]))
}

/// Two sockets in two threads.
fn bare() -> io::Result<Pair> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    for socket in [&stream, &other] {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LIMIT))?;
    }
    thread::Builder::new().name("answers".to_owned()).spawn(move || {
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = other.read(&mut buffer) {
            if other.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    })?;
    Ok(Pair::Bare(stream))
}

/// One that listens when it is told `-l` and an address.
fn netcat() -> Option<PathBuf> {
    find("nc.openbsd")
}

fn netcats(program: PathBuf) -> io::Result<Pair> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let port = port.to_string();
    let listener = Piped::start(Command::new(&program).args(["-l", "127.0.0.1", &port]))?;
    let until = Instant::now() + LIMIT;
    // A connection to try it would be the only one that it takes: so the caller comes again until it is heard.
    let mut pair = [Piped::start(Command::new(&program).args(["127.0.0.1", &port]))?, listener];
    while Instant::now() < until {
        let heard = pair[0].type_line("hello").and_then(|()| pair[1].wait_for("hello", Instant::now() + TRY));
        if heard.is_ok() {
            return Ok(Pair::Piped(pair));
        }
        pair[0] = Piped::start(Command::new(&program).args(["127.0.0.1", &port]))?;
    }
    Err(io::Error::other("it does not listen"))
}

/// How long a caller is waited for.
const TRY: Duration = Duration::from_millis(300);
