//! The options, and what cannot be meant by them.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// What is to be said behind the options.
// Each paragraph is one line: it is broken where the terminal ends, and nowhere else.
const AFTER: &str = "\
A server writes a trace with `server --trace FILE`, a client with `client --trace FILE`: one JSON object an event. All \
files that are given are put side by side: bytes that were written and read, datagrams that were sent and came. One file \
alone shows one side. A datagram that was sent is called lost when its receiver's file was written at that time, and has \
no word of it.

The times are those of the server's clock, from the first event on, in milliseconds (ms). Where the clocks of two machines \
differ, the messages between them tell by how much.

Files may be cut anywhere, and may hold what this program does not know: that is told on standard error. So is a file that \
cannot be read; the others are shown without it. A file that is named twice, and a copy of one, are taken once. 100,000 \
events and 64 MiB are kept at most, of all files together; what short files leave is for the long ones. With --from, --until \
and --who a file may be longer: only what these choose is kept, and who takes part.

A picture has 2,000 rows at most, and 24 lifelines; --who, --from and --until choose.

What the signs mean, in columns and in pictures: a write that came in two reads is an arrow that forks, and writes that \
came in one read are arrows that join; dashes are datagrams, and a cross is the end of one that was dropped or lost, or of \
a connection that was never made; a double line is between two clients, past the server; a dot is something that happens \
in one place. The first row that begins with a word of the protocol says what it means. Short lines such as hellos that \
tell of nothing missing, threads and logins are left out without --all.

The exit code is 0 when all files were shown, 1 when one cannot be read and the others were shown, 2 when nothing was \
shown, or it cannot be written.";

/// Shows what a peerline server and its clients have recorded.
#[derive(Clone, Debug, Parser)]
#[command(name = "trace", version, max_term_width = 80, after_help = AFTER)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

/// How it is shown.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// In columns of text, a row an event
    Show(Sources),
    /// As a sequence diagram, an SVG picture: trace picture FILE... --output session.svg
    Picture(Picture),
}

/// What is drawn.
#[derive(Clone, Debug, Args)]
pub struct Picture {
    #[command(flatten)]
    pub sources: Sources,

    /// As a page with the picture: click on an arrow, and its bytes are shown. It needs no other file, and no network
    #[arg(long)]
    pub html: bool,

    /// As text for mermaid, which documents can hold; 60 arrows at most
    #[arg(long, conflicts_with = "html")]
    pub mermaid: bool,
}

/// What is shown.
#[derive(Clone, Debug, Args)]
pub struct Sources {
    /// The traces of a server and of clients, in any order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Only what this one takes part in, by the name that stands at the lifeline; may be given several times
    #[arg(long, value_name = "NAME")]
    pub who: Vec<String>,

    /// Only from here on: the time since the first event, in milliseconds, or with its unit: 85.693, 85.693ms, 2.2s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<i64>,

    /// Only up to here
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<i64>,

    /// Write to this file, when all is ready, instead of to standard output; what was in it stays when nothing is shown
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Also threads, logins, and the datagrams that only keep a session going
    #[arg(long)]
    pub all: bool,
}

impl Command {
    /// What is shown.
    pub fn sources(&self) -> &Sources {
        match self {
            Command::Show(sources) => sources,
            Command::Picture(picture) => &picture.sources,
        }
    }
}

impl Sources {
    /// The times that are wanted, in microseconds.
    pub fn times(&self) -> Option<(i64, i64)> {
        let is_limited = self.from.is_some() || self.until.is_some();
        is_limited.then(|| (self.from.unwrap_or(0), self.until.unwrap_or(i64::MAX)))
    }
}

/// A time as microseconds.
fn parse_time(text: &str) -> Result<i64, String> {
    let in_seconds = text.strip_suffix('s').filter(|rest| !rest.ends_with('m'));
    let (number, scale) = match (text.strip_suffix("ms"), in_seconds) {
        (Some(number), _) => (number, 1e3),
        (None, Some(number)) => (number, 1e6),
        (None, None) => (text, 1e3),
    };
    match number.trim_end().parse::<f64>() {
        Ok(time) if (0.0..1e12).contains(&time) => Ok((time * scale).round() as i64),
        _ => Err("write a time as it stands at the left of `trace show`, 85.693ms, or in seconds, 2.2s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_are_well_made() {
        Options::command().debug_assert();
    }

    #[test]
    fn no_line_of_the_help_is_broken_twice() {
        // Where one ends early, the first word of the next had room in it.
        for width in [80, 60] {
            let help = Options::command().term_width(width).render_long_help().to_string();
            let lines: Vec<&str> = help.lines().collect();
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{help}");
            for pair in
                lines.windows(2).filter(|pair| pair.iter().all(|line| !line.is_empty() && !line.starts_with(' ')))
            {
                let next = pair[1].split(' ').next().unwrap_or_default();
                assert!(pair[0].chars().count() + 1 + next.chars().count() > width, "{pair:#?}");
            }
        }
    }

    #[test]
    fn times_have_a_unit_or_are_milliseconds() {
        let options = Options::try_parse_from(["trace", "show", "x", "--from", "85.693"]).expect("good");
        let Command::Show(sources) = options.command else { panic!("another command") };
        assert_eq!(sources.times(), Some((85_693, i64::MAX)));
        for (text, time) in [("85.693ms", 85_693), ("85.693 ms", 85_693), ("2.2s", 2_200_000), ("12.1 s", 12_100_000)] {
            assert_eq!(parse_time(text), Ok(time), "{text}");
        }
        for bad in ["-1", "x", "NaN", "inf", "", "s", "ms", "5m", "5 minutes"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
