//! Attacks on a server, crashes of it, hours of coming and going, members at work, and bad networks: options, and exit code.
//! `scripts/bench` builds the programs and calls this one.

mod random;
mod attack;
mod kill;
mod soak;
mod members;
mod networks;

use clap::{Parser, Subcommand};
use peerline_stress::{figures, process, wire};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Attacks a peerline server, crashes it, or keeps it busy, and tells what honest clients see of that, or of a bad
/// network.
#[derive(Parser)]
#[command(name = "peerline-stress", max_term_width = 80)]
struct Options {
    /// The program `server`, as it is to be measured: a release build
    #[arg(long, value_name = "FILE")]
    server: PathBuf,

    /// The program `client`, for `kill`, `members` and `networks`
    #[arg(long, value_name = "FILE", default_value = "client")]
    client: PathBuf,

    /// Where the folder of this run is made [default: that of temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Each attack beside honest clients, on a fresh server: how they fare, and whether newcomers get in
    Attack(attack::Options),
    /// Rounds of kill -9 under load: nothing acknowledged is lost, doubled or out of order, no file is torn
    Kill {
        /// How many times the server is killed
        #[arg(default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rounds: u32,
    },
    /// Clients that come, talk, fetch and go: memory, threads and descriptors stay what they were
    Soak {
        /// How long
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        minutes: u32,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
        clients: u16,
    },
    /// Clients that broadcast, say, fetch, leave and come back: all verified, nothing refused on the way back
    Members {
        /// How long: 29 are judged in full, as the history takes ten
        #[arg(default_value_t = 29, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        minutes: u32,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=100))]
        clients: u16,
    },
    /// What people wait for on the network that `networks.sh` beside this has made
    Networks(networks::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let parent = options.folder.unwrap_or_else(std::env::temp_dir);
    let done = match options.task {
        Task::Attack(attacks) => attack::run(&options.server, &parent, &attacks),
        Task::Kill { rounds } => kill::run(&options.server, &options.client, &parent, rounds),
        Task::Soak { minutes, clients } => {
            soak::run(&options.server, &parent, Duration::from_secs(60 * u64::from(minutes)), clients.into())
        }
        Task::Members { minutes, clients } => {
            let time = Duration::from_secs(60 * u64::from(minutes));
            members::run(&options.server, &options.client, &parent, time, clients.into())
        }
        Task::Networks(network) => networks::run(&options.client, &parent, &network).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(sentence) => {
            eprintln!("peerline-stress: {sentence}");
            ExitCode::from(2)
        }
    }
}
