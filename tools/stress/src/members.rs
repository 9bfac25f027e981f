//! Members of a course for half an hour: real clients that broadcast, say, fetch, leave and come back, each on a plan of
//! its own. What must hold: memory stops to grow once the history is full, who is introduced is verified, a script is
//! refused nothing because it is just coming back, and each broadcast is seen once and in order.

use crate::networks::client::{Clients, Said, field};
use crate::process::{Log, Server};
use crate::soak::table::View;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What each does, and how often.
const PLAN: [(Deed, Duration); 4] = [
    (Deed::Broadcast, Duration::from_secs(20)),
    (Deed::Message, Duration::from_secs(10)),
    (Deed::Fetch, Duration::from_secs(60)),
    (Deed::ComeBack, Duration::from_secs(120)),
];
/// Bytes of a broadcast, and of the file that each shares.
const WORDS: usize = 160;
const FILE: usize = 300_000;
/// How often the server is looked at.
const LOOK: Duration = Duration::from_secs(60);
/// What may still come when nobody does anything any more.
const LATE: Duration = Duration::from_secs(20);
/// The port on which the first of them listens for the others; the next ones follow.
const LISTEN: usize = 45_000;
/// Memory may grow in the last ten minutes by so many MiB, which is what allocators leave between their pieces.
const GROWTH: f64 = 0.25;

/// What is said to who has no session.
const NO_SESSION: [&str; 3] = ["connection to the server", "You are not connected", "Not logged in"];

#[derive(Clone, Copy)]
enum Deed {
    Broadcast,
    Message,
    Fetch,
    /// Leaves, comes back, and asks for the list without waiting for that.
    ComeBack,
}

/// What is due when, of whom.
struct Due {
    at: Instant,
    who: usize,
    deed: Deed,
    each: Duration,
    times: usize,
}

/// What all have heard.
#[derive(Default)]
struct Heard {
    views: Vec<View>,
    messages: u64,
    relayed: u64,
    unverified: u64,
    whole: u64,
    /// Other ends of fetches, and refusals, by their reason without numbers.
    reasons: BTreeMap<String, u64>,
    /// Refusals for want of a session.
    away: u64,
}

/// Keeps them busy for so long; whether all held. A row is printed each minute.
///
/// # Errors
/// A sentence, when the run cannot be set up, or a program ends.
pub fn run(server: &Path, client: &Path, parent: &Path, time: Duration, count: usize) -> Result<bool, String> {
    let folder = tempfile::Builder::new().prefix("peerline-members.").tempdir_in(parent).map_err(|e| e.to_string())?;
    let options = ["--hash-rounds", "1000", "--history", "10m"];
    let server = Server::start(server, &folder.path().join("data"), Log::File(&folder.path().join("log")), &options)?;
    let mut clients = Clients::new();
    enter(&mut clients, client, folder.path(), &server, count)?;
    let mut heard = Heard { views: (0..count).map(|_| View::default()).collect(), ..Heard::default() };
    let mut plan = plan(Instant::now(), count);
    let (until, mut look) = (Instant::now() + time, Instant::now() + LOOK);
    let mut memory = Vec::new();
    println!("minute  memory, MiB  threads  descriptors  CPU so far, s");
    while Instant::now() < until {
        let Some(next) = plan.iter_mut().min_by_key(|due| due.at) else { break };
        match clients.next(next.at.min(look).min(until)) {
            Some(said) => heard.take(&said),
            None if look <= Instant::now() => {
                let now = server.vitals()?;
                memory.push(now.rss);
                let minute = memory.len();
                println!("{minute:>6} {:>12.2} {:>8} {:>12} {:>14.1}", now.rss, now.threads, now.descriptors, now.cpu);
                look += LOOK;
            }
            None if next.at <= Instant::now() => {
                act(&mut clients, next, count, folder.path())?;
                (next.at, next.times) = (next.at + next.each, next.times + 1);
            }
            None => {}
        }
    }
    let late = Instant::now() + LATE;
    while let Some(said) = clients.next(late) {
        heard.take(&said);
    }
    let missed = heard.tell(&memory);
    println!("{}", if missed.is_empty() { "ok".to_owned() } else { format!("MISSED: {}", missed.join(", ")) });
    Ok(missed.is_empty())
}

fn name(who: usize) -> String {
    format!("c{}", who + 1)
}

fn downloads(folder: &Path, who: usize) -> PathBuf {
    folder.join(format!("{}.fetched", name(who)))
}

fn enter(clients: &mut Clients, program: &Path, folder: &Path, server: &Server, count: usize) -> Result<(), String> {
    let port = server.address.port().to_string();
    for who in 0..count {
        let (shared, fetched) = (folder.join(name(who)), downloads(folder, who));
        let made = fs::create_dir(&shared).and_then(|()| fs::create_dir(&fetched));
        made.and_then(|()| fs::write(shared.join("file"), vec![who as u8; FILE])).map_err(|error| error.to_string())?;
        let listen = (LISTEN + who).to_string();
        let words = [port.as_ref(), "--listen", &listen, "--share"].map(OsStr::new);
        let mut options: Vec<&OsStr> = words.to_vec();
        options.extend([shared.as_os_str(), OsStr::new("--downloads"), fetched.as_os_str()]);
        clients.enter_here(program, &server.address.ip().to_string(), &options)?;
    }
    Ok(())
}

/// Everybody's deeds, spread over the time between two of them.
fn plan(start: Instant, count: usize) -> Vec<Due> {
    let of = |who: usize| {
        PLAN.map(|(deed, each)| Due { at: start + each * who as u32 / count as u32, who, deed, each, times: 0 })
    };
    (0..count).flat_map(of).collect()
}

fn act(clients: &mut Clients, due: &Due, count: usize, folder: &Path) -> Result<(), String> {
    let Due { who, times, .. } = *due;
    // Another one each time, and never oneself.
    let other = name((who + 1 + times % (count - 1)) % count);
    match due.deed {
        Deed::Broadcast => clients.type_line(who, &format!("broadcast {times} {}", "x".repeat(WORDS)))?,
        Deed::Message => clients.type_line(who, &format!("msg {other} {times} a few words"))?,
        Deed::Fetch => {
            // One that is there is not fetched again. The first time there is none.
            let _ = fs::remove_file(downloads(folder, who).join("file"));
            clients.type_line(who, &format!("get {other} file"))?
        }
        Deed::ComeBack => {
            clients.type_line(who, "disconnect")?;
            clients.type_line(who, "reconnect")?;
            clients.type_line(who, "list")?
        }
    };
    Ok(())
}

impl Heard {
    fn take(&mut self, said: &Said) {
        let of = |name| field(&said.line, name);
        match (of("event"), of("stage")) {
            (Some("broadcast"), _) => {
                if let Some(number) = of("seq").and_then(|seq| seq.parse().ok()) {
                    self.views[said.who].see(number);
                }
            }
            (Some("message"), _) => {
                self.messages += 1;
                self.relayed += u64::from(of("relayed") == Some("true"));
                self.unverified += u64::from(of("verified") != Some("true"));
            }
            (Some("fetch"), Some("whole")) => self.whole += 1,
            (Some("fetch"), Some(stage @ ("failed" | "again" | "away"))) => {
                self.count(&format!("fetch {stage}: {}", of("why").unwrap_or_default()));
            }
            (Some(event @ ("refused" | "perhaps")), _) => {
                let text = of("text").unwrap_or_default();
                self.away += u64::from(NO_SESSION.iter().any(|words| text.contains(words)));
                self.count(&format!("{event}: {text}"));
            }
            _ => {}
        }
    }

    fn count(&mut self, reason: &str) {
        let reason = reason.replace(|letter: char| letter.is_ascii_digit(), "");
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Prints all of it; what should not have been.
    fn tell(&self, memory: &[f64]) -> Vec<String> {
        let Heard { views, messages, relayed, unverified, whole, away, .. } = self;
        let seen: u64 = views.iter().map(View::seen).sum();
        let faults: u64 = views.iter().map(View::faults).sum();
        let behind = views.iter().filter(|view| view.last() != views[0].last()).count();
        println!("{seen} broadcasts shown, {faults} lost, doubled or out of order; {behind} clients without the last");
        println!("{messages} messages shown, {relayed} relayed, {unverified} unverified; {whole} files whole");
        println!("{away} commands refused for want of a session");
        self.reasons.iter().for_each(|(reason, times)| println!("{times:>6} times {reason}"));
        let grown = memory.iter().rev().nth(10).zip(memory.last()).map_or(0.0, |(before, last)| last - before);
        println!("memory grew by {grown:.2} MiB in the last ten minutes");
        [
            (faults + behind as u64 > 0, "broadcasts were not seen once and in order"),
            (*unverified > 0, "messages were unverified"),
            (*away > 0, "a script was refused what it asked for while it came back"),
            (seen * messages * whole == 0, "nothing was seen, said or fetched"),
            (grown > GROWTH, "memory grew"),
        ]
        .into_iter()
        .filter(|(is_missed, _)| *is_missed)
        .map(|(_, what)| what.to_owned())
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Said {
        Said { who: 0, at: Instant::now(), line: line.to_owned() }
    }

    #[test]
    fn what_must_not_be_is_counted() {
        let mut heard = Heard { views: vec![View::default()], ..Heard::default() };
        heard.take(&said(r#"{"event":"broadcast","seq":1}"#));
        heard.take(&said(r#"{"event":"message","relayed":false,"verified":true}"#));
        heard.take(&said(r#"{"event":"fetch","stage":"whole"}"#));
        assert!(heard.tell(&[1.0; 12]).is_empty());
        heard.take(&said(r#"{"event":"broadcast","seq":3}"#));
        heard.take(&said(r#"{"event":"message","relayed":true,"verified":false}"#));
        heard.take(&said(r#"{"event":"refused","text":"the connection to the server is lost"}"#));
        let mut memory = [1.0; 12];
        memory[11] = 1.5;
        assert_eq!(heard.tell(&memory).len(), 4);
        assert_eq!((heard.relayed, heard.away), (1, 1));
    }

    #[test]
    fn each_has_a_plan_of_its_own() {
        let start = Instant::now();
        let plan = plan(start, 20);
        assert_eq!(plan.len(), 20 * PLAN.len());
        assert!(plan.iter().all(|due| due.at < start + due.each));
    }
}
