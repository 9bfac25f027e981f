//! Clients that come: logins, many connects at once, and what those who stay take of memory.

use crate::bench::{Bench, Stage, named};
use crate::contender::{Contender, Kind};
use crate::newcomers::{at_once, come_and_go, come_and_go_by};
use crate::protocol::Protocol;
use crate::receiver::{Receiver, Way};
use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};
use peerline_stress::figures::milliseconds;
use peerline_stress::wire;
use std::fs;

/// Clients that log in at a time.
const AT_A_TIME: usize = 8;
/// Connects at once.
const AT_ONCE: usize = 1000;
const OURS: Kind = Kind::Peerline { log: true };

/// Logins a second, beside a connect and a PING; and by TLS, beside those in the clear.
pub fn logins(bench: &mut Bench) -> Vec<Row> {
    let mut stages = [OURS, Kind::Redis].map(|kind| bench.stage(kind, |_| Ok(())));
    let time = bench.time;
    let rates = bench.in_turns(&mut stages, |stage| Ok([come_and_go(&stage.server, 0, AT_A_TIME, time)?.rate()]));
    let mut by_thread = [Way::Tls, Way::Tcp].map(|way| bench.stage(OURS, |_| Ok(way)));
    let of_threads = bench
        .in_turns(&mut by_thread, |stage| Ok([come_and_go_by(stage.clients, &stage.server, AT_A_TIME, time)?.rate()]));
    let [Some([by_tls]), Some([by_tcp])] = [of_threads.first(), of_threads.get(1)] else { return Vec::new() };
    vec![
        row(&stages, rates, format!("logins, {AT_A_TIME} at a time"), Unit::Rate, Aim::AtLeast(0.6)),
        beside_plain(format!("logins by TLS, {AT_A_TIME} threads"), Unit::Rate, by_tls, by_tcp, None),
    ]
}

/// Many connects at once, until the last has heard something.
pub fn connects(bench: &mut Bench) -> Vec<Row> {
    let mut stages = [OURS, Kind::Redis, Kind::Echo].map(|kind| bench.stage(kind, |_| Ok(())));
    let times = bench.in_turns(&mut stages, |stage| {
        // Our server speaks first.
        let protocol = stage.server.protocol;
        let question = if protocol == Protocol::Peerline { "" } else { protocol.ask() };
        Ok([milliseconds(at_once(&stage.server, AT_ONCE, question)?)])
    });
    let work = format!("{AT_ONCE} connects at once, until the last is greeted");
    vec![row(&stages, times, work, Unit::Milliseconds, Aim::Value(150.0))]
}

/// What a client that stays takes of the server's memory: what the system counts for it, and what of it is no file.
pub fn memory(bench: &mut Bench) -> Vec<Row> {
    let counts: Vec<usize> = [1000, 10_000].into_iter().filter(|count| *count <= bench.most).collect();
    let mut rows: Vec<Row> = counts.into_iter().flat_map(|count| memory_of(bench, count)).collect();
    rows.push(memory_by_tls(bench));
    rows
}

/// The same by TLS, beside that in the clear.
fn memory_by_tls(bench: &mut Bench) -> Row {
    let count = 1000;
    let mut figures: [Rounds; 2] = Default::default();
    for _round in 0..bench.rounds {
        for (way, rounds) in [Way::Tls, Way::Tcp].into_iter().zip(&mut figures) {
            let come = |server: &Contender, number| Receiver::come(server, number, way);
            let stage = bench.stage(OURS, |server| a_client(server, count, |number| come(server, number)));
            stage.into_iter().for_each(|Stage { clients: [resident, _], .. }| rounds.0.push(resident));
        }
    }
    let work = format!("memory a client by TLS, {count} logged in, resident");
    beside_plain(work, Unit::Kibibytes, &figures[0], &figures[1], Some(Aim::Value(40.0)))
}

fn beside_plain(work: String, unit: Unit, by_tls: &Rounds, by_tcp: &Rounds, aim: Option<Aim>) -> Row {
    let others = vec![("in the clear".to_owned(), by_tcp.clone())];
    Row { work, unit, own: by_tls.clone(), others, against: None, aim }
}

fn memory_of(bench: &mut Bench, count: usize) -> Vec<Row> {
    let rounds = bench.rounds;
    let mut figures: [[Rounds; 2]; 2] = Default::default();
    for _round in 0..rounds {
        for (kind, figures) in [OURS, Kind::Redis].into_iter().zip(&mut figures) {
            // A server whose clients have left keeps what it had: each is measured fresh.
            let Some(Stage { clients, .. }) = bench.stage(kind, |server| {
                let come = |number| server.connect(&[server.protocol.come(number)]);
                a_client(server, count, |number| come(number).map(Receiver::over))
            }) else {
                continue;
            };
            figures.iter_mut().zip(clients).for_each(|(rounds, kibibytes)| rounds.0.push(kibibytes));
        }
    }
    let [ours, redis] = figures;
    let row = |figure: usize, name: &str, aim| Row {
        work: format!("memory a client, {count} logged in, {name}"),
        unit: Unit::Kibibytes,
        own: ours[figure].clone(),
        others: Some(("redis".to_owned(), redis[figure].clone()))
            .filter(|(_, rounds)| !rounds.0.is_empty())
            .into_iter()
            .collect(),
        against: None,
        aim,
    };
    let aim = (count == 10_000).then_some(Aim::Value(12.0));
    vec![row(0, "resident", aim), row(1, "of it anonymous", None)]
}

/// KiB a client who comes in this way: resident, and anonymous of it.
fn a_client(
    server: &Contender,
    count: usize,
    come: impl Fn(usize) -> Result<Receiver, String>,
) -> Result<[f64; 2], String> {
    // The first one brings what all share.
    let _first = come(count)?;
    let before = resident(server)?;
    let clients = (0..count).map(come).collect::<Result<Vec<_>, String>>()?;
    let after = resident(server)?;
    clients.into_iter().for_each(|client| wire::hang_up(client.stream));
    Ok([0, 1].map(|figure| (after[figure] - before[figure]) / count as f64))
}

/// KiB that are resident, and anonymous of it.
fn resident(server: &Contender) -> Result<[f64; 2], String> {
    let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.id()));
    let text = text.map_err(|error| format!("{} has ended: {error}", server.name))?;
    let of = |name| kibibytes(&text, name).ok_or(format!("/proc says nothing of {name}"));
    Ok([of("Rss:")?, of("Anonymous:")?])
}

fn kibibytes(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

fn row(stages: &[Option<Stage<()>>], figures: Vec<[Rounds; 1]>, work: String, unit: Unit, aim: Aim) -> Row {
    let figures: Vec<Rounds> = figures.into_iter().map(|[rounds]| rounds).collect();
    let (own, others) = (figures[0].clone(), named(&stages[1..], &figures[1..]));
    Row { work, unit, own, others, against: Some("redis"), aim: Some(aim) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_proc() {
        let text = "55d0-7ffd ---p 00000000 00:00 0  [rollup]\nRss:    2048 kB\nPss:  1 kB\nAnonymous:   1024 kB\n";
        assert_eq!((kibibytes(text, "Rss:"), kibibytes(text, "Anonymous:")), (Some(2048.0), Some(1024.0)));
        assert_eq!(kibibytes(text, "Swap:"), None);
    }
}
