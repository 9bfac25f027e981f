//! Attacks beside honest clients, each on a fresh server: what they are, how one is measured, and the table.

mod scene;
mod honest;
mod newcomer;
mod row;
mod herd;
mod strangers;
mod logins;
mod members;
mod datagrams;
mod dialects;

use crate::process::{DIALECTS, Log, Server};
use crate::wire::Wire;
use clap::Args;
use honest::Stay;
use row::Row;
use scene::{MEMBERS, NEAR, Phase, Plan, Scene, VICTIM};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How long the honest clients may take to log in, all together, and accounts to be made.
const PREPARATION: Duration = Duration::from_secs(60);
/// How long after an attack memory has time to come back.
const RECOVERY: Duration = Duration::from_secs(10);

/// Which attacks, and how.
#[derive(Args)]
pub struct Options {
    /// Which attacks; all when none is named
    names: Vec<String>,

    /// How long each lasts; it is quiet for a third of that before and after
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=3600))]
    seconds: u64,

    /// Honest clients beside it; --max-clients should have room for them and 27 more
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(4..=1000))]
    honest: u16,

    /// Hand this to the server as well, as in --server-option=--max-per-ip=10; may be given several times
    #[arg(long = "server-option", value_name = "OPTION", allow_hyphen_values = true)]
    server_options: Vec<String>,

    /// Only tell what there is
    #[arg(long)]
    list: bool,
}

/// One attack.
pub struct Attack {
    name: &'static str,
    /// What it does, in a few words.
    what: &'static str,
    /// What the server is started with for it.
    options: &'static [&'static str],
    /// Whether nobody reads the server's log.
    log_unread: bool,
    /// Attacks until the scene is over; what it has to tell, if anything.
    run: fn(&Scene) -> Option<String>,
}

impl Attack {
    const fn new(name: &'static str, what: &'static str, run: fn(&Scene) -> Option<String>) -> Attack {
        Attack { name, what, options: &[], log_unread: false, run }
    }
}

fn all() -> impl Iterator<Item = &'static Attack> {
    [strangers::ALL, logins::ALL, members::ALL, datagrams::ALL, dialects::ALL].into_iter().flatten()
}

/// Carries out the attacks that were named; whether the server held against all of them.
///
/// # Errors
/// A sentence, when there is no such attack, or the accounts for them cannot be made.
pub fn run(server: &Path, parent: &Path, options: &Options) -> Result<bool, String> {
    if let Some(unknown) = options.names.iter().find(|name| !all().any(|attack| attack.name == **name)) {
        return Err(format!("there is no attack {unknown}: --list tells what there is"));
    }
    let chosen =
        all().filter(|attack| options.names.is_empty() || options.names.iter().any(|name| name == attack.name));
    if options.list {
        chosen.for_each(|attack| println!("{:<18} {}", attack.name, attack.what));
        return Ok(true);
    }
    let folder = tempfile::Builder::new().prefix("peerline-attack.").tempdir_in(parent).map_err(|e| e.to_string())?;
    let accounts = folder.path().join("accounts");
    make_accounts(server, &accounts, options)?;
    println!("{}", row::HEADER);
    let (mut tried, mut held) = (0, 0);
    for attack in chosen {
        tried += 1;
        match measure(attack, server, folder.path(), options) {
            Ok(row) => {
                println!("{row}");
                held += usize::from(row.missed().is_empty());
            }
            Err(sentence) => println!("{:<1$} MISSED: {sentence}", attack.name, row::NAME_WIDTH),
        }
    }
    println!("the server held against {held} of {tried} attacks");
    Ok(held == tried)
}

fn honest_name(number: usize) -> String {
    format!("h{number}")
}

fn member_name(number: usize) -> String {
    format!("m{number}")
}

fn server_options<'a>(options: &'a Options, attack: &[&'a str]) -> Vec<&'a str> {
    let own = options.server_options.iter().map(String::as_str);
    DIALECTS.into_iter().chain(attack.iter().copied()).chain(own).collect()
}

/// Makes the accounts that all attacks use, with the hashes that the server makes by default: that costs seconds.
fn make_accounts(server: &Path, data: &Path, options: &Options) -> Result<(), String> {
    let log = data.with_extension("log");
    let server = Server::start(server, data, Log::File(&log), &server_options(options, &[]))?;
    let until = Instant::now() + PREPARATION;
    let sign_up = |names: &[String]| -> io::Result<()> {
        let mut wire = Wire::connect(Ipv4Addr::LOCALHOST, server.address, until)?;
        names.iter().try_for_each(|name| wire.sign_up(name, until))
    };
    let mut names: Vec<String> = (0..usize::from(options.honest)).map(honest_name).collect();
    names.extend((0..MEMBERS).map(member_name));
    names.extend([NEAR, scene::FAR, VICTIM].map(str::to_owned));
    let done = thread::scope(|scope| {
        let parts: Vec<_> = names.chunks(names.len().div_ceil(4)).map(|part| scope.spawn(|| sign_up(part))).collect();
        parts.into_iter().map(|part| part.join()).collect::<Vec<_>>()
    });
    let made = done.into_iter().try_for_each(|part| part.unwrap_or_else(|_| Err(io::Error::other("a thread failed"))));
    made.map_err(|error| format!("the accounts for the attacks could not be made: {error}"))
}

fn copy_accounts(from: &Path, to: &Path) -> io::Result<()> {
    let name = "users.csv";
    fs::create_dir(to)?;
    fs::copy(from.join(name), to.join(name)).map(|_| ())
}

/// Waits until all honest clients have logged in; none of them ends before the scene is over.
fn all_arrive(scene: &Scene, honest: &[ScopedJoinHandle<Stay>]) -> Result<(), String> {
    let until = Instant::now() + PREPARATION;
    while scene.arrived() < honest.len() {
        if Instant::now() > until || honest.iter().any(|client| client.is_finished()) {
            return Err("the honest clients could not all log in".to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// One attack on one server, from its start to its end.
fn measure(attack: &Attack, program: &Path, folder: &Path, options: &Options) -> Result<Row, String> {
    let own = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    let (data, log_file) = (own.path().join("data"), own.path().join("log"));
    copy_accounts(&folder.join("accounts"), &data).map_err(|error| format!("the accounts: {error}"))?;
    let log = if attack.log_unread { Log::Unread } else { Log::File(&log_file) };
    let server = Server::start(program, &data, log, &server_options(options, attack.options))?;
    let scene = Scene::new(&server);
    let plan = Plan { attack: Duration::from_secs(options.seconds), recovery: RECOVERY, log: &log_file };
    thread::scope(|scope| {
        // Also when something fails here, everybody leaves.
        let _over = scene.over_when_dropped();
        let spawn = |number| {
            let scene = &scene;
            scope.spawn(move || honest::stay(scene, number, &honest_name(number)))
        };
        let honest: Vec<_> = (0..usize::from(options.honest)).map(spawn).collect();
        all_arrive(&scene, &honest)?;
        let watched = scene.conduct(&plan, || {
            let near = scope.spawn(|| newcomer::keep_coming(&scene, scene::ATTACKER, NEAR));
            let far = scope.spawn(|| newcomer::keep_coming(&scene, scene::ELSEWHERE, scene::FAR));
            let attacker = scope.spawn(|| (attack.run)(&scene));
            (near, far, attacker)
        })?;
        scene.enter(Phase::Over);
        let (near, far, attacker) = watched.started;
        let failed = |_| "a thread of this program failed".to_owned();
        let stays = honest.into_iter().map(|client| client.join()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let newcomers = [near.join().map_err(failed)?, far.join().map_err(failed)?];
        Ok(Row::new(attack.name, &stays, newcomers, watched.figures, attacker.join().map_err(failed)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_attack_has_a_name_of_its_own_that_fits_the_table() {
        let names: BTreeSet<&str> = all().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(names.len() > 20 && names.iter().all(|name| name.len() <= row::NAME_WIDTH), "{names:?}");
    }
}
