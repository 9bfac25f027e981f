//! Hours of coming and going: clients that come, talk, look what others share, and go. What the server needs is looked
//! at each second; what it needs at the end, when all are gone, must be what it needed at the start.

mod visitor;
pub mod table;

use crate::process::{Log, Server, Vitals};
use crate::wire::Wire;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use table::{Seen, Table};
use visitor::Street;

/// How long the accounts may take to be made.
const PREPARATION: Duration = Duration::from_secs(60);
/// How often the server is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looks of which one line of the table is made.
const A_MINUTE: usize = 60;
/// How long threads and descriptors may take to go when all clients have.
const GONE: Duration = Duration::from_secs(20);
/// Threads that wait for another connection when theirs has ended: the server keeps so many, and no more.
const SPARE: usize = 16;

/// Keeps a server busy for so long; whether it lost no broadcast and kept no memory, thread or descriptor.
///
/// # Errors
/// A sentence, when the run cannot be set up or the server ends.
pub fn run(server: &Path, parent: &Path, time: Duration, clients: usize) -> Result<bool, String> {
    let folder = tempfile::Builder::new().prefix("peerline-soak.").tempdir_in(parent).map_err(|e| e.to_string())?;
    let most = (clients + 10).to_string();
    // A history of 30 s is full in the first minute: then memory has no reason to grow. Cheap hashes, so that clients
    // come and go more often than processors could hash.
    let options = ["--hash-rounds", "1000", "--signups", "off", "--history", "30s", "--max-clients", &most];
    let log = folder.path().join("log");
    let server = Server::start(server, &folder.path().join("data"), Log::File(&log), &options)?;
    make_accounts(&server, clients)?;
    let start = settled(&server, None)?;
    let (table, seen) = busy(&server, time, clients)?;
    let end = settled(&server, Some(&start))?;
    println!("{table}{seen}");
    println!(
        "all gone: {} threads and {} descriptors at the start, {} and {} at the end; {SPARE} threads may wait for the next client",
        start.threads, start.descriptors, end.threads, end.descriptors
    );
    let mut missed = seen.missed();
    missed.extend(table.missed());
    if !is_as_before(&end, &start) {
        missed.push("threads or descriptors are left".to_owned());
    }
    println!("{}", if missed.is_empty() { "ok".to_owned() } else { format!("MISSED: {}", missed.join(", ")) });
    Ok(missed.is_empty())
}

/// All come and go for so long; then all are gone.
fn busy(server: &Server, time: Duration, clients: usize) -> Result<(Table, Seen), String> {
    let street = Street::new(server.address, clients);
    thread::scope(|scope| {
        let _over = OverWhenDropped(&street.over);
        let street = &street;
        let visitors: Vec<_> = (0..clients).map(|number| scope.spawn(move || visitor::live(street, number))).collect();
        let table = watch(server, street, time)?;
        street.over.store(true, Ordering::Relaxed);
        let mut seen = Seen::default();
        for visitor in visitors {
            seen.add(&visitor.join().map_err(|_| "a thread of this program failed".to_owned())?);
        }
        Ok((table, seen))
    })
}

/// Tells the clients to leave, also when something fails.
struct OverWhenDropped<'a>(&'a AtomicBool);

impl Drop for OverWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn make_accounts(server: &Server, clients: usize) -> Result<(), String> {
    let until = Instant::now() + PREPARATION;
    let made = Wire::connect(Ipv4Addr::LOCALHOST, server.address, until).and_then(|mut wire| {
        for number in 0..clients {
            // Within what the house allows: 20 lines a second, 40 at once.
            if number >= 30 {
                thread::sleep(Duration::from_millis(51));
            }
            wire.sign_up(&visitor::name(number), until)?;
        }
        wire.quit(until)
    });
    made.map_err(|error| format!("the accounts could not be made: {error}"))
}

/// What the server needs when nobody is there: waits until it is what it was, or, without that, for what stays.
fn settled(server: &Server, as_before: Option<&Vitals>) -> Result<Vitals, String> {
    let until = Instant::now() + GONE;
    let mut last = server.vitals()?;
    loop {
        thread::sleep(Duration::from_millis(200));
        let now = server.vitals()?;
        let stays = (now.threads, now.descriptors) == (last.threads, last.descriptors);
        let is_settled = as_before.map_or(stays, |before| is_as_before(&now, before));
        if is_settled || Instant::now() > until {
            return Ok(now);
        }
        last = now;
    }
}

/// Whether nothing is left of the clients but threads for the next ones.
fn is_as_before(now: &Vitals, before: &Vitals) -> bool {
    now.descriptors == before.descriptors && now.threads <= before.threads + SPARE
}

fn watch(server: &Server, street: &Street, time: Duration) -> Result<Table, String> {
    let until = Instant::now() + time;
    let mut table = Table::default();
    let mut minute = Vec::new();
    let mut due = Instant::now();
    while Instant::now() < until {
        due += LOOK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        minute.push((server.vitals()?, street.inside()));
        if minute.len() == A_MINUTE {
            table.add(&minute);
            minute.clear();
        }
    }
    Ok(table)
}
