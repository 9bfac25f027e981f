//! A class of simulated clients for any server of the protocol in docs/PROTOCOL.md: options, Ctrl-C, exit code.

mod histogram;
mod mark;
mod ledger;
mod people;
mod schedule;
mod options;
mod rules;
mod limits;
mod wait;
mod connection;
mod udp;
mod book;
mod class;
mod client;
mod progress;
mod table;
mod run;

use clap::Parser;
use class::Class;
use options::Options;
use peerline::program::tell_error;
use run::Told;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::{SystemTime, UNIX_EPOCH};
use table::Outcome;

/// The exit code when it could not begin.
const NOT_BEGUN: u8 = 2;
/// Room for Ctrl-C beside what the clients tell.
const SPARE: usize = 16;

fn main() -> ExitCode {
    let options = Options::parse();
    let is_json = options.json;
    match play(options) {
        Ok(outcome) => {
            let told = if is_json { format!("{}\n", outcome.json()) } else { outcome.to_string() };
            // Whoever does not read it has the exit code.
            let _ = io::stdout().write_all(told.as_bytes());
            if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(sentence) => {
            tell_error("load", &sentence);
            ExitCode::from(NOT_BEGUN)
        }
    }
}

fn play(options: Options) -> Result<Outcome, String> {
    options.check()?;
    limits::make_room(options.clients, options.udp)?;
    let (tell, told) = sync_channel(options.clients as usize + SPARE);
    let on_signal = tell.clone();
    // When there is no room, Ctrl-C was told already.
    let handler = move || {
        let _ = on_signal.try_send(Told::Interrupted);
    };
    ctrlc::set_handler(handler).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))?;
    let server = run::find_server(&options)?;
    let class = Class::new(options, server, run_number()).map_err(|error| format!("no sockets: {error}"))?;
    Ok(run::run(&class, &tell, &told))
}

/// A number that another run, at another time or at the same time elsewhere, hardly has.
fn run_number() -> u32 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    // The low bits of a clock may stand still; the multiplication mixes the others into them (Fibonacci hashing).
    ((time ^ u64::from(std::process::id()).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
