//! What a login, a lookup, a list and a broadcast cost the server with ever more clients in it.

use crate::askers::Askers;
use crate::audience::Audience;
use crate::bench::{Bench, Stage};
use crate::contender::{Contender, Kind};
use crate::newcomers::come_and_go;
use crate::protocol::name;
use crate::receiver::Way;
use peerline_stress::figures::{milliseconds, percentile};
use std::fmt::Write;

/// Clients that ask.
const ASKERS: usize = 4;

/// What it costs with so many clients, in microseconds of the server's processors; the last one in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    clients: usize,
    login: f64,
    lookup: f64,
    list: f64,
    broadcast: f64,
    until_all: f64,
}

/// With 10, 100, 1,000 and 10,000.
pub fn growth(bench: &mut Bench) -> Vec<Costs> {
    let counts: Vec<usize> = [10, 100, 1000, 10_000].into_iter().filter(|count| *count <= bench.most).collect();
    let time = bench.time;
    let mut all = Vec::new();
    for clients in counts {
        let silent = Kind::Peerline { log: false };
        let stage = bench.stage(silent, |server| Audience::gather(server, clients, Way::Tcp));
        let Some(Stage { server, clients: mut audience, .. }) = stage else { continue };
        let mut measure = || {
            let (times, broadcast) = cost(&server, || {
                let times = audience.one_by_one(&server, time)?;
                Ok((times.len() as f64, times))
            })?;
            let until_all = percentile(&times, 0.5).map(milliseconds).unwrap_or_default();
            let mut askers = Askers::gather(&server, clients + 1, ASKERS)?;
            let mut ask = |question: &str, lines| cost(&server, || Ok((askers.ask(question, lines, time)?.times, ())));
            let ((), lookup) = ask(&format!("GET_P,{}\n", name(0)), 1)?;
            // Those who are in, who speaks, who asks, and the last line.
            let ((), list) = ask("list\n", clients + 1 + ASKERS + 1)?;
            // Their names are not those of who is in: of two with one name the first is closed.
            let first = clients + 1 + ASKERS;
            let ((), login) = cost(&server, || Ok((come_and_go(&server, first, ASKERS, time)?.times, ())))?;
            Ok(Costs { clients, login, lookup, list, broadcast, until_all })
        };
        match measure() {
            Ok(costs) => all.push(costs),
            Err(sentence) => _ = bench.note::<()>(sentence),
        }
    }
    all
}

/// What something costs the server each time, in microseconds; `act` says how often it was done.
fn cost<T>(server: &Contender, act: impl FnOnce() -> Result<(f64, T), String>) -> Result<(T, f64), String> {
    let before = server.cpu()?;
    let (times, given) = act()?;
    Ok((given, (server.cpu()? - before) * 1e6 / times.max(1.0)))
}

/// All of them.
pub fn markdown(all: &[Costs]) -> String {
    let head = "| clients | login, us | lookup, us | list, us | a client of it | broadcast, us | a client of it | \
                until all have it, ms |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    all.iter().fold(head.to_owned(), |mut table, costs| {
        let each = |cost: f64| cost / costs.clients as f64;
        // Nothing fails that is written into a text.
        let _ = writeln!(
            table,
            "| {} | {:.0} | {:.1} | {:.0} | {:.2} | {:.0} | {:.2} | {:.2} |",
            costs.clients,
            costs.login,
            costs.lookup,
            costs.list,
            each(costs.list),
            costs.broadcast,
            each(costs.broadcast),
            costs.until_all
        );
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_cost_of_a_client() {
        let costs = Costs { clients: 100, login: 350.0, lookup: 12.04, list: 80.0, broadcast: 800.0, until_all: 1.35 };
        let table = markdown(&[costs]);
        assert!(table.ends_with("| 100 | 350 | 12.0 | 80 | 0.80 | 800 | 8.00 | 1.35 |\n"), "{table}");
    }
}
