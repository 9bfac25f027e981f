//! Questions of one line: clients that ask and wait for the answer.

use crate::askers::Askers;
use crate::bench::Bench;
use crate::contender::Kind;
use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};

/// Questions that are sent together.
const TOGETHER: usize = 16;
/// The first account's address.
const LOOKUP: &str = "GET_P,m0\n";
/// The number of clients that the aims are for.
const AIMED: usize = 50;

/// Of 1, 50 and 1,000 clients.
pub fn queries(bench: &mut Bench) -> Vec<Row> {
    [1, AIMED, 1000].into_iter().flat_map(|clients| of(bench, clients)).collect()
}

fn of(bench: &mut Bench, clients: usize) -> Vec<Row> {
    let kinds = [Kind::Peerline { log: true }, Kind::Peerline { log: false }, Kind::Echo, Kind::Redis];
    let gather = |kind| bench.stage(kind, |server| Askers::gather(server, 0, clients));
    let mut stages: Vec<_> = kinds.into_iter().map(gather).collect();
    let time = bench.time;
    // One question, another one, and the first one many times.
    let figures: Vec<[Rounds; 3]> = bench.in_turns(&mut stages, |stage| {
        let ask = stage.server.protocol.ask();
        let other = if stage.server.name == "peerline" { LOOKUP } else { ask };
        let many = ask.repeat(TOGETHER);
        Ok([
            stage.clients.ask(ask, 1, time)?.rate(),
            stage.clients.ask(other, 1, time)?.rate(),
            if clients == AIMED { stage.clients.ask(&many, TOGETHER, time)?.rate() * TOGETHER as f64 } else { 0.0 },
        ])
    });
    let others = |what: usize| {
        let of = |name: &str, stage: usize, figure: usize| (name.to_owned(), figures[stage][figure].clone());
        let redis = stages[3].as_ref().map(|_| of("redis PING", 3, what));
        [Some(of("echo", 2, 0)), redis].into_iter().flatten().collect::<Vec<_>>()
    };
    let row = |what: String, stage: usize, figure: usize, aim: f64| {
        let log = ["with log", "without log"][stage];
        let noun = if clients == 1 { "client" } else { "clients" };
        Row {
            work: format!("{what}, {clients} {noun}, {log}"),
            unit: Unit::Rate,
            own: figures[stage][figure].clone(),
            others: others(figure),
            against: Some("echo"),
            aim: (clients == AIMED).then_some(Aim::AtLeast(aim)),
        }
    };
    let mut rows = Vec::new();
    for (stage, aim) in [(0, 0.8), (1, 0.9)] {
        rows.push(row("`whoami`".to_owned(), stage, 0, aim));
        rows.push(row("`GET_P,name`".to_owned(), stage, 1, aim));
        if clients == AIMED {
            rows.push(row(format!("{TOGETHER} `whoami` at once"), stage, 2, 3.0));
        }
    }
    rows
}
