//! How long a lookup takes while others are told much, beside the quiet.

use crate::audience::Audience;
use crate::bench::{Bench, Stage};
use crate::contender::{Contender, Kind};
use crate::protocol::Protocol;
use crate::receiver::Way;
use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};
use peerline_stress::figures::{milliseconds, percentile};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Receivers of what is said.
const RECEIVERS: usize = 1000;
/// Between two broadcasts.
const EVERY: Duration = Duration::from_millis(50);
/// Between two lookups.
const LOOK: Duration = Duration::from_millis(1);

/// A quiet time, 20 broadcasts a second, and as many as go: the time of 99 of 100 lookups.
pub fn lookups(bench: &mut Bench) -> Vec<Row> {
    let ours = Kind::Peerline { log: true };
    let mut stages = [(ours, Way::Tcp), (ours, Way::Udp), (Kind::Redis, Way::Tcp)]
        .map(|(kind, way)| bench.stage(kind, |server| Audience::gather(server, RECEIVERS, way)));
    let time = bench.time;
    let figures = bench.in_turns(&mut stages, |Stage { server, clients, .. }| {
        let quiet = beside(server, || {
            thread::sleep(time);
            Ok(())
        })?;
        let paced = beside(server, || clients.pace(server, EVERY, time).map(|_| ()))?;
        let saturated = beside(server, || clients.saturate(server, time).map(|_| ()))?;
        Ok([quiet, paced, saturated])
    });
    let mut rows = Vec::new();
    for (when, name) in [(1, "20 broadcasts a second"), (2, "as many broadcasts as go")] {
        for (stage, way) in [(0, "TCP"), (1, "UDP")] {
            let mut others = vec![("in quiet".to_owned(), figures[stage][0].clone())];
            let redis: &Rounds = &figures[2][when];
            if !redis.0.is_empty() {
                others.push(("redis beside as much".to_owned(), redis.clone()));
            }
            rows.push(Row {
                work: format!("lookup beside {name} to {RECEIVERS} by {way}, p99"),
                unit: Unit::Milliseconds,
                own: figures[stage][when].clone(),
                others,
                against: Some("in quiet"),
                aim: Some(Aim::AtMost(2.0)),
            });
        }
    }
    rows
}

/// The time of 99 of 100 lookups while something is done, in milliseconds.
fn beside(server: &Contender, act: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let stream = server.connect(&[server.protocol.come(RECEIVERS + 1)])?;
    let (over, question) = (AtomicBool::new(false), question(server.protocol));
    let times = thread::scope(|scope| {
        // Of its own: the thread that plays all receivers is no measure of the server.
        let asking = scope.spawn(|| ask(&stream, question, &over));
        let acted = act();
        over.store(true, Ordering::Relaxed);
        let times = asking.join().map_err(|_| "the thread that asks was lost".to_owned())?;
        acted?;
        times.map_err(|error| format!("a lookup of {}: {error}", server.name))
    })?;
    percentile(&times, 0.99).map(milliseconds).ok_or_else(|| "nothing was asked".to_owned())
}

fn question(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Peerline { "GET_P,m0\n" } else { protocol.ask() }
}

fn ask(stream: &TcpStream, question: &str, over: &AtomicBool) -> io::Result<Vec<Duration>> {
    let (mut reader, mut writer, mut times) = (BufReader::new(stream), stream, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        writer.write_all(question.as_bytes())?;
        let mut line = String::new();
        // Our asker is told what others say, too.
        while !line.starts_with(['O', '+']) {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::Error::other("closed"));
            }
        }
        times.push(begin.elapsed());
        thread::sleep(LOOK);
    }
    Ok(times)
}
