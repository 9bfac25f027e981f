//! Shows what a server and its clients have recorded: options, files, exit code.

mod text;
#[path = "../../../src/trace/meaning.rs"]
mod meaning;
mod event;
mod order;
mod recording;
mod connections;
mod streams;
mod clocks;
mod filter;
mod lanes;
mod datagrams;
mod merge;
mod rows;
mod paint;
mod options;
mod files;
#[cfg(test)]
mod stories;

use clap::Parser;
use files::{Files, shown};
use merge::Merged;
use options::{Command, Options, Picture, Sources};
use rows::{Story, Wanted};
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code when a file could not be read, and the others were shown.
const SOME: u8 = 1;
/// The same when nothing was shown.
const NOTHING: u8 = 2;
/// The most lifelines: more are wider than any screen.
const MAX_LANES: usize = 24;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(SOME),
        Err(sentence) => {
            eprintln!("trace: {sentence}");
            ExitCode::from(NOTHING)
        }
    }
}

/// Shows the files; gives how many could not be read.
fn run(options: &Options) -> Result<usize, String> {
    let sources = options.command.sources();
    if let Some(output) = &sources.output {
        check_output(output, &sources.files)?;
    }
    let files = files::read(sources)?;
    let unread = files.unread;
    let text = show(&options.command, files)?;
    match &sources.output {
        // Not before all is known: what is there stays otherwise.
        Some(output) => fs::write(output, text).map_err(|error| format!("{}: {error}", shown(output)))?,
        None => {
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // Who has seen enough, as `head` has, closes the pipe.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    return Err(format!("it cannot be written: {error}"));
                }
                _ => {}
            }
        }
    }
    Ok(unread)
}

/// A trace is not written over by its picture.
fn check_output(output: &Path, files: &[PathBuf]) -> Result<(), String> {
    let Ok(real) = fs::canonicalize(output) else { return Ok(()) };
    match files.iter().any(|file| fs::canonicalize(file).is_ok_and(|file| file == real)) {
        true => Err(format!("{} is one of the traces: choose another file with --output", shown(output))),
        false => Ok(()),
    }
}

fn show(command: &Command, files: Files) -> Result<String, String> {
    match command {
        Command::Show(sources) => {
            let width = if sources.output.is_none() { width() } else { None };
            Ok(paint::columns(&tell(sources, files)?.1, width))
        }
        Command::Picture(picture) => {
            let (merged, story) = tell(&picture.sources, files)?;
            let (drawn, left) = match picture {
                Picture { html: true, .. } => paint::html(&merged, &story),
                Picture { mermaid: true, .. } => paint::mermaid(&story),
                _ => paint::svg(&story),
            };
            remark_left(left, if picture.mermaid { "arrows" } else { "rows" });
            Ok(drawn)
        }
    }
}

/// Says how much of a story is not drawn.
fn remark_left(left: usize, what: &str) {
    if left > 0 {
        eprintln!("trace: {left} more {what} are not drawn: choose some by --from, --until or --who");
    }
}

/// Makes the story that is wanted. What is to be known of the files goes to standard error.
fn tell(sources: &Sources, files: Files) -> Result<(Merged, Story), String> {
    let merged = Merged::new(files.recordings, files.clocks);
    merged.remarks.iter().for_each(|remark| eprintln!("trace: {remark}"));
    if merged.order.is_empty() {
        return Err("no event is in these files".to_owned());
    }
    let lane = |name: &String| {
        let is_it = |lane: &String| lane.eq_ignore_ascii_case(name);
        let place = merged.lanes.names.iter().position(is_it);
        place.ok_or_else(|| {
            let names = &merged.lanes.names;
            let more =
                if names.len() > MAX_LANES { format!(" and {} more", names.len() - MAX_LANES) } else { String::new() };
            let some = names[..names.len().min(MAX_LANES)].join(", ");
            format!("{} takes no part; these do: {some}{more}", text::plain(name))
        })
    };
    let who = sources.who.iter().map(lane).collect::<Result<_, _>>()?;
    let mut wanted = Wanted { all: sources.all, who, times: sources.times() };
    let story = rows::story(&merged, &wanted);
    if story.rows.is_empty() {
        wanted.times = None;
        let times: Vec<i64> = rows::story(&merged, &wanted).rows.iter().map(|row| row.time).collect();
        return Err(match times.iter().min().zip(times.iter().max()) {
            Some((first, last)) => format!(
                "nothing is in the time that --from and --until leave: what is there goes from {} to {}",
                paint::milliseconds(*first),
                paint::milliseconds(*last)
            ),
            None => "no event in these files is wanted".to_owned(),
        });
    }
    if story.names.len() > MAX_LANES {
        let names = story.names.len();
        return Err(format!(
            "{names} take part, and at most {MAX_LANES} find room: choose some by --who, --from, --until"
        ));
    }
    Ok((merged, story))
}

/// The columns of the terminal, where it is one.
fn width() -> Option<usize> {
    let size = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
    size.map(|(width, _)| usize::from(width.0))
}
