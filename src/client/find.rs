//! Finding a server: the network is asked which there are, and the person which of them it shall be.
//!
//! Whatever answers is *found, not proven*: anybody on a network can answer. So a person looks at what was found before
//! anything is sent there, and a program must be given an address, unless it can tell the server by its key or its name.
//! Nothing here knows a password.

mod servers;
mod wording;
mod networks;
mod search;
mod choice;

pub use search::Search;
pub use servers::{Ports, Target};

use nix::sys::termios::{FlushArg, tcflush};
use servers::Found;
use std::io::{self, Write};

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

/// What is asked of a server that is found.
pub struct Terms<'a> {
    /// Which of its ports are used.
    pub ports: Ports,
    /// What was typed to get here.
    pub command: &'a str,
    /// Whether the options have a password, which is only for a server that is proven.
    pub has_password: bool,
    /// Whether a server proves which one it is before anything is sent to it.
    pub proves: &'a dyn Fn(&Target) -> Result<bool, String>,
}

/// Finds servers, and asks the person for one of them; `None` when they leave. Where nobody can be asked it is the only one
/// that proves which one it is.
///
/// # Errors
/// A sentence, with the list: nothing was found that can be used, or nobody can be asked.
pub fn server(search: &Search, is_person: bool, terms: &Terms<'_>) -> Result<Option<Target>, String> {
    if is_person {
        // Nothing else is seen for a second.
        eprintln!("Looking for servers...");
    }
    let servers = search.run()?;
    let usable = servers.iter().filter_map(|found| Some((found.clone(), found.target(terms.ports)?)));
    let (usable, mut targets): (Vec<Found>, Vec<Target>) = usable.unzip();
    if usable.is_empty() {
        return Err(wording::none_usable(&servers, terms.ports));
    }
    let mut proven = Vec::new();
    for target in &targets {
        if (terms.proves)(target)? {
            proven.push(target.clone());
        }
    }
    if !is_person {
        return match proven.pop() {
            Some(only) if proven.is_empty() => Ok(Some(only)),
            _ => Err(wording::give_an_address(&servers, terms.ports, terms.command)),
        };
    }
    let withheld = terms.has_password && proven.len() < targets.len();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout());
    // An Enter that was pressed before the list was there is no answer to it.
    let _ = tcflush(&input, FlushArg::TCIFLUSH);
    let chosen = choice::choose(&usable, withheld, &mut input, &mut output);
    let chosen = chosen.map_err(|error| format!("the terminal: {error}"))?;
    Ok(chosen.map(|index| targets.swap_remove(index)))
}
