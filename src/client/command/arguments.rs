//! Reads what follows a command's word. Every reader gets it without blanks at its ends, and says `None` when it does
//! not fit.

use super::meaning::{Cancelled, Command, Which};
use crate::value::{Address, FileName, Username, comma, duration};
use std::path::PathBuf;
use std::time::Duration;

/// Stands for the rest of the input, where a text may stand.
const REST: &str = "-";

pub(super) fn alone(rest: &str, command: Command) -> Option<Command> {
    rest.is_empty().then_some(command)
}

pub(super) fn broadcast(rest: &str) -> Command {
    match rest {
        "" => Command::BroadcastNextLine,
        REST => Command::BroadcastRest,
        text => Command::Broadcast(text.to_owned()),
    }
}

pub(super) fn message(rest: &str) -> Option<Command> {
    let (to, text) = addressed(rest)?;
    Some(if text == REST { Command::MessageRest { to } } else { Command::Message { to, text } })
}

pub(super) fn run(rest: &str) -> Option<Command> {
    let (on, command) = addressed(rest)?;
    Some(Command::Run { on, command })
}

fn addressed(rest: &str) -> Option<(Address, String)> {
    let (to, text) = rest.split_once(' ')?;
    Some((to.parse().ok()?, text.trim().to_owned()))
}

pub(super) fn optional_name(rest: &str) -> Option<Option<Username>> {
    if rest.is_empty() { Some(None) } else { rest.parse().ok().map(Some) }
}

/// A number comes first: somebody who is called `7` is answered by the number of the question.
pub(super) fn which(rest: &str) -> Option<Which> {
    if rest.is_empty() {
        return Some(Which::Only);
    }
    rest.parse().map(Which::Number).or_else(|_| rest.parse().map(Which::Of)).ok()
}

pub(super) fn accept(rest: &str) -> Option<Command> {
    let (who, folder) = rest.split_once(' ').unwrap_or((rest, ""));
    let folder = match folder.trim() {
        "" => None,
        folder => Some(only_word(folder)?),
    };
    Some(Command::Accept { which: which(who)?, folder })
}

/// One path, as a shell reads it.
fn only_word(text: &str) -> Option<PathBuf> {
    match shlex::split(text)?.as_slice() {
        [word] => Some(PathBuf::from(word)),
        _ => None,
    }
}

pub(super) fn get(rest: &str) -> Option<Command> {
    let (from, file) = rest.split_once(' ')?;
    Some(Command::Get { from: from.parse().ok()?, file: FileName::from_typed(file.trim()).ok()? })
}

pub(super) fn send(rest: &str) -> Option<Command> {
    let (to, paths) = rest.split_once(' ')?;
    let paths: Vec<PathBuf> = shlex::split(paths)?.into_iter().map(PathBuf::from).collect();
    // An empty path would be the folder that we are in.
    let is_good = !paths.is_empty() && paths.iter().all(|path| !path.as_os_str().is_empty());
    is_good.then_some(Command::Send { to: to.parse().ok()?, paths })
}

/// A number comes first; a file that is called `7` is cancelled as `"7"`.
pub(super) fn cancel(rest: &str) -> Option<Command> {
    let what = match rest {
        "" => return None,
        "all" => Cancelled::All,
        _ => match (rest.parse(), comma::split(rest).as_slice()) {
            (Ok(number), _) => Cancelled::Number(number),
            (_, [quoted]) if rest.starts_with('"') => Cancelled::Named(quoted.clone()),
            _ => Cancelled::Named(rest.to_owned()),
        },
    };
    Some(Command::Cancel(what))
}

/// Without a second word, the words themselves are wanted.
pub(super) fn verify(rest: &str) -> Option<Command> {
    let (with, answer) = rest.split_once(' ').unwrap_or((rest, ""));
    let were_same = match answer.trim() {
        "" => None,
        "yes" => Some(true),
        "no" => Some(false),
        _ => return None,
    };
    Some(Command::Verify { with: with.parse().ok()?, were_same })
}

pub(super) fn window(rest: &str) -> Option<Command> {
    rest.parse().ok().filter(|number| *number > 0).map(Command::Window)
}

pub(super) fn text(rest: &str, command: fn(String) -> Command) -> Option<Command> {
    (!rest.is_empty()).then(|| command(rest.to_owned()))
}

pub(super) fn switch(rest: &str, command: fn(bool) -> Command) -> Option<Command> {
    match rest {
        "on" => Some(command(true)),
        "off" => Some(command(false)),
        _ => None,
    }
}

pub(super) fn wait(rest: &str) -> Option<Command> {
    if rest.is_empty() { Some(Command::Wait(None)) } else { span(rest).map(|span| Command::Wait(Some(span))) }
}

/// A duration as in the options; a bare number is one of seconds.
pub(super) fn span(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let typed = if is_number { format!("{text}s") } else { text.to_owned() };
    duration::parse(&typed).ok()
}
