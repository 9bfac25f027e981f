//! The client: options, logging, exit code.

use peerline::client::options::{Arguments, Wanted};
use peerline::client::windows::KEYS;
use peerline::client::{command, find, start};
use peerline::program::{self, Chapter, tell_error};
use std::process::ExitCode;

/// The exit code when something was asked for and refused.
const REFUSED: u8 = 1;
/// The exit code for a set-up that cannot work: no server, a wrong password in the options, a port that is taken.
const SETUP_ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments: Arguments = program::parse();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(sentence) => {
            tell_error("client", &sentence);
            ExitCode::from(SETUP_ERROR)
        }
    }
}

fn run(arguments: Arguments) -> Result<bool, String> {
    match arguments.wanted()? {
        Wanted::Client(options) => start::run(*options),
        Wanted::Find { search, json } => find::list(&search, json),
        Wanted::Manual(manual) => {
            manual.write::<Arguments>(&chapters()).map(|()| true).map_err(|error| error.to_string())
        }
    }
}

/// What the manual page tells beside the options.
fn chapters() -> [Chapter; 2] {
    let keys = KEYS.iter().map(|(key, does)| ((*key).to_owned(), (*does).to_owned()));
    [Chapter { title: "COMMANDS", rows: command::rows().collect() }, Chapter { title: "KEYS", rows: keys.collect() }]
}
