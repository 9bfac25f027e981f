//! Finding a server: the network is asked which there are, and the person which of them it shall be.
//!
//! Whatever answers is *found, not proven*: anybody on a network can answer. So a person looks at what was found before
//! anything is sent there, and a program must be given an address. Nothing here knows a password.

mod servers;
mod wording;
mod networks;
mod search;
mod choice;

pub use search::Search;

use nix::sys::termios::{FlushArg, tcflush};
use servers::Found;
use std::io::{self, Write};
use std::net::SocketAddr;

/// `client find`: writes what was found. False when that is nothing.
///
/// # Errors
/// A sentence: the network or standard output is not to be had.
pub fn list(search: &Search, json: bool) -> Result<bool, String> {
    let servers = search.run()?;
    if servers.is_empty() {
        eprintln!("{}", wording::NOTHING_FOUND);
        return Ok(false);
    }
    let lines: Vec<String> = match json {
        true => servers.iter().map(wording::json).collect(),
        false => [wording::count(&servers)].into_iter().chain(wording::rows(&servers)).collect(),
    };
    let text = lines.join("\n") + "\n";
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))?;
    Ok(true)
}

/// Finds servers, and asks the person for one of them; `None` when they leave. `withheld` says that the options have a
/// password, which is not for a server that was found.
///
/// # Errors
/// A sentence, with the list: nothing was found, or `is_person` is false.
pub fn server(search: &Search, is_person: bool, withheld: bool) -> Result<Option<SocketAddr>, String> {
    if is_person {
        // Nothing else is seen for a second.
        eprintln!("Looking for servers...");
    }
    let servers = search.run()?;
    let usable: Vec<Found> = servers.iter().filter(|found| found.address().is_some()).cloned().collect();
    if usable.is_empty() {
        return Err(wording::none_usable(&servers));
    }
    if !is_person {
        return Err(wording::give_an_address(&servers));
    }
    let (mut input, mut output) = (io::stdin().lock(), io::stdout());
    // An Enter that was pressed before the list was there is no answer to it.
    let _ = tcflush(&input, FlushArg::TCIFLUSH);
    let chosen = choice::choose(&usable, withheld, &mut input, &mut output);
    chosen.map_err(|error| format!("the terminal: {error}"))
}
