//! What servers that share a house do, one, two and three of them, beside one that has its accounts and broadcasts in its
//! own folder; and how long its people are away when one of them dies.

use crate::audience::Audience;
use crate::bench::{Bench, Stage};
use crate::contender::{Contender, Kind};
use crate::newcomers::{come_and_go, sign_up_and_go};
use crate::receiver::Way;
use crate::returners::{Back, come_back, log_in};
use crate::rounds::Rounds;
use crate::table::{Row, Unit};
use peerline_stress::figures::{milliseconds, percentile};
use std::time::{Duration, Instant};

/// Clients of the server that dies; so many accounts there are.
pub const CLIENTS: usize = 1000;
/// Houses of so many servers.
const SERVERS: [usize; 3] = [1, 2, 3];
/// Those who listen to broadcasts, over all servers: so few that it is the way of a broadcast which is measured, and not the
/// writing to each.
const RECEIVERS: usize = 60;
/// Those who broadcast, over all servers: each has its share of what is under way.
const SPEAKERS: usize = 12;
/// Between two broadcasts that are paced.
const EVERY: Duration = Duration::from_millis(10);
/// Clients that come at a time.
const AT_A_TIME: usize = 8;
/// A server alone: with the accounts in a file, and broadcasts that are synced once a second.
const EMBEDDED: Kind = Kind::Peerline { log: true };

/// All rows.
pub fn houses(bench: &mut Bench) -> Vec<Row> {
    eprintln!("== Broadcasts");
    let mut rows = broadcasts(bench);
    eprintln!("== Logins and sign-ups");
    rows.extend(arrivals(bench));
    eprintln!("== A server dies");
    rows.extend(returns(bench));
    rows
}

/// A server alone, and then a house of each size.
fn stages<T>(bench: &mut Bench, gather: impl Fn(&Contender) -> Result<T, String>) -> Vec<Option<Stage<T>>> {
    let kinds = [EMBEDDED].into_iter().chain(SERVERS.map(Kind::House));
    kinds.map(|kind| bench.stage(kind, &gather)).collect()
}

/// As many as are taken, and some hundred a second: half of all deliveries, and 99 of 100, are there in this time.
fn broadcasts(bench: &mut Bench) -> Vec<Row> {
    let mut stages = stages(bench, |server| Audience::gather_around(server, RECEIVERS, Way::Tcp, SPEAKERS));
    let time = bench.time;
    let figures = bench.in_turns(&mut stages, |stage| {
        let Stage { server, clients, .. } = stage;
        let fan_out = clients.saturate(server, time)?;
        let times = clients.pace(server, EVERY, 2 * time)?;
        let share = |share| percentile(&times, share).map(milliseconds).ok_or("nothing was said".to_owned());
        Ok([fan_out.rate / RECEIVERS as f64, share(0.5)?, share(0.99)?])
    });
    let each = 1000 / EVERY.as_millis();
    let rate = format!("broadcasts to {RECEIVERS} by {SPEAKERS}, as many as go");
    let paced = |share| format!("{each} a second to {RECEIVERS}, {share}");
    rows(&[(rate, Unit::Rate), (paced("p50"), Unit::Milliseconds), (paced("p99"), Unit::Milliseconds)], figures)
}

/// Clients that come and go, and names that are made accounts.
fn arrivals(bench: &mut Bench) -> Vec<Row> {
    let mut stages = stages(bench, |_| Ok(0));
    let time = bench.time;
    let figures = bench.in_turns(&mut stages, |stage| {
        let Stage { server, clients: names, .. } = stage;
        let logins = come_and_go(server, 0, AT_A_TIME, time)?;
        let sign_ups = sign_up_and_go(server, *names, AT_A_TIME, time)?;
        // Some were on their way when the time was over.
        *names += sign_ups.times as usize + AT_A_TIME;
        Ok([logins.rate(), sign_ups.rate()])
    });
    let work = |what| format!("{what}, {AT_A_TIME} at a time");
    rows(&[(work("logins"), Unit::Rate), (work("sign-ups"), Unit::Rate)], figures)
}

/// Figure by figure, a row for each size of a house, beside the server alone.
fn rows<const N: usize>(works: &[(String, Unit); N], figures: Vec<[Rounds; N]>) -> Vec<Row> {
    let Some((alone, houses)) = figures.split_first() else { return Vec::new() };
    let of = |figure: usize, (work, unit): &(String, Unit)| {
        let each = SERVERS.iter().zip(houses);
        let row = |(servers, house): (&usize, &[Rounds; N])| {
            let work = format!("{work}, {servers} {}", if *servers == 1 { "server" } else { "servers" });
            row(work, *unit, &house[figure], "a server alone", &alone[figure])
        };
        each.map(row).collect::<Vec<_>>()
    };
    works.iter().enumerate().flat_map(|(figure, work)| of(figure, work)).collect()
}

fn row(work: String, unit: Unit, own: &Rounds, name: &str, alone: &Rounds) -> Row {
    let others = vec![(name.to_owned(), alone.clone())];
    Row { work, unit, own: own.clone(), others, against: None, aim: None }
}

/// One of three servers is killed; beside it, a server alone that is started again at once.
fn returns(bench: &mut Bench) -> Vec<Row> {
    let mut figures: [Rounds; 2] = Default::default();
    let mut by_token = 0;
    for _round in 0..bench.rounds {
        for (kind, rounds) in [Kind::House(3), EMBEDDED].into_iter().zip(&mut figures) {
            // Each is fresh: who has died is not there in the next round.
            let Some(stage) = bench.stage(kind, |server| log_in(server, CLIENTS)) else { continue };
            let since = Instant::now();
            let back = stage.server.crash(&bench.setting).and_then(|server| come_back(&server, stage.clients, since));
            match back {
                Ok(Back { time, by_token: by }) => {
                    rounds.0.push(milliseconds(time));
                    by_token += by;
                }
                Err(sentence) => _ = bench.note::<()>(sentence),
            }
        }
    }
    let [house, alone] = figures;
    let work = format!("1 of 3 servers killed, until its {CLIENTS} clients are back {}", way(by_token, house.0.len()));
    vec![row(work, Unit::Milliseconds, &house, "alone, killed and started again, by password", &alone)]
}

/// How they came back in so many rounds.
fn way(by_token: usize, rounds: usize) -> String {
    match by_token {
        0 => "by password".to_owned(),
        all if all == rounds * CLIENTS => "by token".to_owned(),
        some => format!("({some} of {} by token)", rounds * CLIENTS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_a_row_for_each_house_beside_the_server_alone() {
        let one = |rate: f64, time: f64| [Rounds(vec![rate]), Rounds(vec![time])];
        let works = [("a".to_owned(), Unit::Rate), ("b".to_owned(), Unit::Milliseconds)];
        let rows = rows(&works, vec![one(8.0, 1.0), one(4.0, 2.0), one(2.0, 3.0), one(1.0, 4.0)]);
        let told: Vec<_> = rows.iter().map(|row| (row.work.as_str(), row.ratio().median())).collect();
        let expected = [
            ("a, 1 server", Some(0.5)),
            ("a, 2 servers", Some(0.25)),
            ("a, 3 servers", Some(0.125)),
            ("b, 1 server", Some(2.0)),
            ("b, 2 servers", Some(3.0)),
            ("b, 3 servers", Some(4.0)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn it_is_told_how_they_came_back() {
        assert_eq!(way(0, 3), "by password");
        assert_eq!(way(3 * CLIENTS, 3), "by token");
        assert_eq!(way(CLIENTS, 3), "(1000 of 3000 by token)");
    }
}
