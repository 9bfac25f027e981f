//! Attacks of members, each with an account: as many lines as the house allows, or more.

use super::herd::{Flood, flood, members};
use super::scene::{ATTACKER, ELSEWHERE, MEMBERS, Scene, VICTIM};
use super::{Attack, honest_name};
use crate::wire::{Wire, open_narrow};
use std::thread;
use std::time::{Duration, Instant};

/// What the house lets a member send each second.
const RATE: u32 = 20;
/// Members of most of these attacks.
const TEN: usize = 10;
/// The most of a line.
const LONG: usize = 4000;
/// What a history of half an hour keeps for half an hour would look like memory that does not come back.
const SHORT_HISTORY: &[&str] = &["--history", "5s"];
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// These attacks.
pub const ALL: &[Attack] = &[
    Attack::new("list-unpaced", "10 members send list as fast as it goes", list_unpaced),
    Attack::new("list-paced", "25 members send list 20 times a second", list_paced),
    Attack::new("never-read", "10 members send list 20 times a second and read nothing", never_read),
    Attack {
        options: SHORT_HISTORY,
        ..Attack::new("broadcasts-10", "10 members broadcast 1 KiB 20 times a second", broadcasts_of_ten)
    },
    Attack {
        options: SHORT_HISTORY,
        ..Attack::new("broadcasts-1", "one member broadcasts 1 KiB 20 times a second", broadcasts_of_one)
    },
    Attack::new("relays", "10 members have 4 KB relayed to one honest client 20 times a second", relays),
    Attack::new("tickets", "10 members ask to be introduced to one other 20 times a second", tickets),
    Attack::new("log", "25 members send lines of 4 KB 20 times a second", long_lines),
    Attack { log_unread: true, ..Attack::new("log-unread", "the same, and nobody reads the log", long_lines) },
    Attack {
        // At the usual rate the lists alone take 13 s.
        options: &["--rate", "200"],
        ..Attack::new("file-lists", "10 members share 1 MiB of names, then ask for all 20 times a second", file_lists)
    },
];

/// So many members send a line 20 times a second.
fn paced(scene: &Scene, count: usize, line: impl Fn(u64) -> String + Sync) -> Option<String> {
    members(scene, count, |_, wire, _| {
        flood(scene, wire.stream(), &Flood::paced(RATE), |number| format!("{}\n", line(number)).into_bytes());
    });
    None
}

fn list_unpaced(scene: &Scene) -> Option<String> {
    members(scene, TEN, |_, wire, _| {
        flood(scene, wire.stream(), &Flood { every: Duration::ZERO, reads: true }, |_| b"list\n".repeat(100));
    });
    None
}

fn list_paced(scene: &Scene) -> Option<String> {
    paced(scene, MEMBERS, |_| "list".to_owned())
}

/// A small buffer: otherwise the system would take what nobody reads for minutes.
fn never_read(scene: &Scene) -> Option<String> {
    let name = super::member_name;
    super::herd::workers(scene, TEN, |number, _| {
        let until = Instant::now() + ANSWER;
        let mut wire = Wire::over(open_narrow(ATTACKER, scene.main(), Some(4096))?);
        wire.answer(until, |_| {})?;
        wire.log_in(&name(number), until)?;
        flood(scene, wire.stream(), &Flood { reads: false, ..Flood::paced(RATE) }, |_| b"list\n".to_vec());
        Ok(())
    });
    None
}

fn kilobyte(number: u64) -> String {
    format!("bcast_{number} {}", "x".repeat(1000))
}

fn broadcasts_of_ten(scene: &Scene) -> Option<String> {
    paced(scene, TEN, kilobyte)
}

fn broadcasts_of_one(scene: &Scene) -> Option<String> {
    paced(scene, 1, kilobyte)
}

fn relays(scene: &Scene) -> Option<String> {
    let to = honest_name(3);
    paced(scene, TEN, |_| format!("relay_{}_{to}", "x".repeat(LONG)))
}

fn long_lines(scene: &Scene) -> Option<String> {
    // Of a known command, as the log may show its words; no two are alike.
    paced(scene, MEMBERS, |number| format!("GET_UF,{number}{}", "x".repeat(LONG)))
}

fn tickets(scene: &Scene) -> Option<String> {
    thread::scope(|scope| {
        let victim = scope.spawn(|| count_tickets(scene));
        paced(scene, TEN, |_| format!("connect_{VICTIM}"));
        victim.join().unwrap_or_default()
    })
}

/// The one who is asked for: says that it listens, and counts.
fn count_tickets(scene: &Scene) -> Option<String> {
    let until = Instant::now() + ANSWER;
    let mut wire = Wire::connect(ELSEWHERE, scene.main(), until).ok()?;
    wire.log_in(VICTIM, until).ok()?;
    wire.ask(&format!("INIT,{VICTIM},4401"), until).ok()?;
    let (mut count, began) = (0_u32, Instant::now());
    while scene.is_on() {
        let soon = Instant::now() + Duration::from_millis(100);
        count += u32::from(wire.line(soon).is_ok_and(|line| line.starts_with("ticket_")));
    }
    Some(format!("{VICTIM} was handed {:.0} tickets a second", f64::from(count) / began.elapsed().as_secs_f64()))
}

/// Names of 100 bytes, 39 a line: 256 lines are a little less than the 1 MiB and the 10,000 names that are allowed.
fn names(line: u64) -> String {
    let name = |at: u64| format!(",{:0>100}", line * 39 + at);
    (0..39).map(name).collect()
}

fn file_lists(scene: &Scene) -> Option<String> {
    const LINES: u64 = 256;
    members(scene, TEN, |number, mut wire, _| {
        let init = format!("INIT,{},4401", super::member_name(number));
        let shares = (0..LINES).map(|line| format!("SHARE{}", names(line)));
        for line in std::iter::once(init).chain(shares) {
            scene.pause(Duration::from_millis(5));
            if !scene.is_on() || wire.ask(&line, Instant::now() + ANSWER).is_err() {
                return;
            }
        }
        flood(scene, wire.stream(), &Flood::paced(RATE), |_| b"GET_AF\n".to_vec());
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_line_of_names_fits_and_no_name_comes_twice() {
        let lines: Vec<String> = (0..256).map(names).collect();
        assert!(lines.iter().all(|line| "SHARE".len() + line.len() < 4096));
        let all: BTreeSet<&str> = lines.iter().flat_map(|line| line[1..].split(',')).collect();
        assert_eq!(all.len(), 256 * 39);
    }
}
