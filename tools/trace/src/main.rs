//! Shows what a server and its clients have recorded: options, files, exit code.

mod text;
mod event;
mod recording;
mod connections;
mod streams;
mod clocks;
mod lanes;
mod datagrams;
mod merge;
mod rows;
mod paint;
mod options;
#[cfg(test)]
mod stories;

use clap::Parser;
use merge::Merged;
use options::{Command, Options, Picture, Sources};
use recording::{Budget, Recording};
use rows::{Story, Wanted};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// The exit code when nothing was shown.
const NOTHING: u8 = 2;
/// The most lifelines: more are wider than any screen.
const MAX_LANES: usize = 24;

fn main() -> ExitCode {
    match show(&Options::parse()) {
        Ok(text) => {
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // Who has seen enough, as `head` has, closes the pipe.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    eprintln!("trace: it cannot be written: {error}");
                    ExitCode::from(NOTHING)
                }
                _ => ExitCode::SUCCESS,
            }
        }
        Err(sentence) => {
            eprintln!("trace: {sentence}");
            ExitCode::from(NOTHING)
        }
    }
}

fn show(options: &Options) -> Result<String, String> {
    match &options.command {
        Command::Show(sources) => Ok(paint::columns(&tell(sources)?.1, width())),
        Command::Picture(picture) => {
            let (merged, story) = tell(&picture.sources)?;
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

/// Reads the files, and makes the story that is wanted. What is to be known of the files goes to standard error.
fn tell(sources: &Sources) -> Result<(Merged, Story), String> {
    let budget = Budget::of(sources.files.len());
    let read = |file: &std::path::PathBuf| {
        let name = text::plain(&file.display().to_string());
        let recording = open(file).and_then(|reader| Recording::read(&name, BufReader::new(reader), budget));
        recording.map_err(|error| format!("{name}: {error}"))
    };
    let merged = Merged::new(sources.files.iter().map(read).collect::<Result<_, _>>()?);
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
    let story = rows::story(&merged, &Wanted { all: sources.all, who, times: sources.times() });
    if story.rows.is_empty() {
        return Err("no event in these files is wanted".to_owned());
    }
    if story.names.len() > MAX_LANES {
        let names = story.names.len();
        return Err(format!(
            "{names} take part, and at most {MAX_LANES} find room: choose some by --who, --from, --until"
        ));
    }
    Ok((merged, story))
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file.as_os_str() == "-" { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(file)?)) }
}

/// The columns of the terminal, where it is one.
fn width() -> Option<usize> {
    let size = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
    size.map(|(width, _)| usize::from(width.0))
}
