//! What one says, all get: as fast as it goes, by TLS too, and 20 times a second.

use crate::audience::Audience;
use crate::bench::{Bench, Stage, named};
use crate::contender::Kind;
use crate::receiver::Way;
use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};
use peerline_stress::figures::{milliseconds, percentile};
use std::time::Duration;

/// Between two broadcasts that are paced.
const EVERY: Duration = Duration::from_millis(50);
const OURS: Kind = Kind::Peerline { log: true };
const SILENT: Kind = Kind::Peerline { log: false };

/// Rows for each number of receivers: by TCP, by UDP, what the log costs, and what TLS costs.
pub fn saturated(bench: &mut Bench) -> Vec<Row> {
    let aims = [(50, [1.5, 1.0]), (1000, [3.0, 1.5])];
    aims.into_iter().flat_map(|(receivers, aims)| saturated_to(bench, receivers, aims)).collect()
}

fn saturated_to(bench: &mut Bench, receivers: usize, aims: [f64; 2]) -> Vec<Row> {
    let kinds = [
        (OURS, Way::Tcp),
        (OURS, Way::Udp),
        (SILENT, Way::Tcp),
        (OURS, Way::Tls),
        (Kind::Redis, Way::Tcp),
        (Kind::Nats, Way::Tcp),
        (Kind::Ngircd, Way::Tcp),
        (Kind::Mosquitto, Way::Tcp),
    ];
    let mut stages = stages(bench, &kinds, receivers);
    let time = bench.time;
    let rates = bench.in_turns(&mut stages, |stage| {
        let Stage { server, clients, .. } = stage;
        clients.saturate(server, time).map(|fan_out| [fan_out.rate])
    });
    let rates: Vec<Rounds> = rates.into_iter().map(|[rate]| rate).collect();
    let peers = named(&stages[4..], &rates[4..]);
    let row = |way: &str, own: &Rounds, others, aim: Option<f64>| Row {
        work: format!("fan-out to {receivers} by {way}"),
        unit: Unit::Rate,
        own: own.clone(),
        others,
        against: None,
        aim: aim.map(Aim::AtLeast),
    };
    let by_tcp = vec![("by TCP".to_owned(), rates[0].clone())];
    let silent = vec![("without log".to_owned(), rates[2].clone())];
    vec![
        row("TCP", &rates[0], peers.clone(), Some(aims[0])),
        row("UDP", &rates[1], peers, Some(aims[1])),
        row("TCP, with log", &rates[0], silent, Some(0.85)),
        row("TLS", &rates[3], by_tcp, None),
    ]
}

/// To 1,000, 20 times a second: half of all deliveries, and 99 of 100, are there in this time.
pub fn paced(bench: &mut Bench) -> Vec<Row> {
    let receivers = 1000;
    let kinds = [(OURS, Way::Tcp), (OURS, Way::Udp), (Kind::Redis, Way::Tcp), (Kind::Nats, Way::Tcp)];
    let mut stages = stages(bench, &kinds, receivers);
    let time = 2 * bench.time;
    let times = bench.in_turns(&mut stages, |stage| {
        let Stage { server, clients, .. } = stage;
        let times = clients.pace(server, EVERY, time)?;
        let share = |share| percentile(&times, share).map(milliseconds).ok_or("nothing was said".to_owned());
        Ok([share(0.5)?, share(0.99)?])
    });
    let mut rows = Vec::new();
    for (own, way, aim) in [(0, "TCP", 1.0), (1, "UDP", 0.6)] {
        for (figure, name) in ["p50", "p99"].into_iter().enumerate() {
            let all: Vec<Rounds> = times.iter().map(|figures| figures[figure].clone()).collect();
            rows.push(Row {
                work: format!("20 a second to {receivers} by {way}, {name}"),
                unit: Unit::Milliseconds,
                own: all[own].clone(),
                others: named(&stages[2..], &all[2..]),
                against: None,
                aim: Some(Aim::AtMost(aim)),
            });
        }
    }
    rows
}

fn stages(bench: &mut Bench, kinds: &[(Kind, Way)], receivers: usize) -> Vec<Option<Stage<Audience>>> {
    let stage = |(kind, way): &(Kind, Way)| bench.stage(*kind, |server| Audience::gather(server, receivers, *way));
    kinds.iter().map(stage).collect()
}
