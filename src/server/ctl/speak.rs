//! `server ctl`: a command becomes a line, and the answer a table, JSON or a sentence.

use super::conversation::{Conversation, no_server};
use super::secret;
use super::table::{BANS, CLIENTS, Columns, STATISTICS, json_of_numbers};
use crate::program::tell_error;
use crate::server::task::{Ctl, CtlCommand};
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to end.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// Carries the command out; false when the server has refused it, which is told.
///
/// # Errors
/// A sentence: no server, or no terminal.
pub fn speak(ctl: &Ctl) -> Result<bool, String> {
    let ask = |line: &str| begin(&ctl.data)?.ask(line);
    let join = |words: &[String]| words.join(" ");
    let answer = match &ctl.command {
        CtlCommand::Stats { json } => return show(&ctl.data, "stats", &STATISTICS, *json),
        CtlCommand::List { json } => return show(&ctl.data, "list", &CLIENTS, *json),
        CtlCommand::Bans { json } => return show(&ctl.data, "bans", &BANS, *json),
        CtlCommand::Passwd { name, generate } => return set_password(&ctl.data, name, *generate),
        CtlCommand::Stop => return stop(&ctl.data),
        CtlCommand::Notice { text } => ask(&format!("notice {}", join(text)))?,
        CtlCommand::Kick { name, why } => ask(&format!("kick {name} {}", join(why)))?,
        CtlCommand::Ban { who, rest } => ask(&format!("ban {who} {}", join(rest)))?,
        CtlCommand::Unban { who } => ask(&format!("unban {who}"))?,
        CtlCommand::Remove { name } => ask(&format!("remove {name}"))?,
    };
    tell(answer.end)
}

fn begin(folder: &Path) -> Result<Conversation, String> {
    Conversation::begin(folder).map_err(|error| no_server(folder, &error))
}

/// Tells how it went.
fn tell(end: Result<String, String>) -> Result<bool, String> {
    match end {
        Ok(said) => print(&format!("{said}\n")).map(|()| true),
        Err(why) => {
            tell_error("server", &why);
            Ok(false)
        }
    }
}

/// Writes to standard output, whose reader may have gone.
pub(super) fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

fn show(folder: &Path, command: &str, columns: &Columns, json: bool) -> Result<bool, String> {
    let answer = begin(folder)?.ask(command)?;
    if answer.end.is_err() {
        return tell(answer.end);
    }
    let rows = columns.rows(&answer.lines);
    let text = match json {
        true if columns.word == STATISTICS.word => format!("{}\n", json_of_numbers(&rows)),
        true => format!("{}\n", columns.json(&rows)),
        false if rows.is_empty() => String::new(),
        false => columns.table(&rows),
    };
    print(&text)?;
    if json || columns.word == STATISTICS.word { Ok(true) } else { tell(answer.end) }
}

/// The name is asked about first, so that nobody types a password for an account that there is not; and the conversation
/// begins anew behind that, as it may take long.
fn set_password(folder: &Path, name: &str, generate: bool) -> Result<bool, String> {
    let command = format!("passwd {name}");
    if let Err(why) = begin(folder)?.ask(&command)?.end {
        return tell(Err(why));
    }
    let password = if generate { secret::draw()? } else { secret::ask(name)? };
    let mut conversation = begin(folder)?;
    let end = match conversation.ask(&command)?.end {
        Ok(_) => conversation.ask(&password)?.end,
        Err(why) => Err(why),
    };
    match (&end, generate) {
        // The one line of standard output, for who reads it by a program.
        (Ok(said), true) => {
            tell_error("server", said);
            print(&format!("{password}\n")).map(|()| true)
        }
        _ => tell(end),
    }
}

/// Whoever starts another server behind it finds the folder free.
fn stop(folder: &Path) -> Result<bool, String> {
    let end = begin(folder)?.ask("stop")?.end;
    if end.is_err() {
        return tell(end);
    }
    let until = Instant::now() + END_LIMIT;
    // Nothing tells when it has ended, but the lock that it holds as long as it runs.
    while Instant::now() < until {
        let open = File::open(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        if Flock::lock(open, FlockArg::LockSharedNonblock).is_ok() {
            return tell(Ok("The server has stopped".to_owned()));
        }
        thread::sleep(LOOK);
    }
    Err(format!("the server has not ended within {} s", END_LIMIT.as_secs()))
}
