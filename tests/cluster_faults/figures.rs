//! What came of a run, in numbers.

use crate::book::{Diary, Fate, Said};
use std::fmt;
use std::time::{Duration, Instant};

/// What was done, from when until everything was well again.
pub struct Span {
    pub what: String,
    pub from: Instant,
    pub to: Instant,
}

/// Says them: in all, and from the beginning of each fault until all was well again; and how long it took until the clients of
/// dead servers were out of the list.
pub fn print(diaries: &[Diary], spans: &[Span], out_after: &[Duration]) {
    let said: Vec<&Said> = diaries.iter().flat_map(|diary| &diary.said).collect();
    let logins: usize = diaries.iter().map(|diary| diary.logins).sum();
    let heard: usize = diaries.iter().map(|diary| diary.heard.len()).sum();
    println!("{}", Row::of("in all", 1, said.iter().copied()));
    println!("{heard} lines were heard, {logins} logins");
    let mut kinds: Vec<&str> = Vec::new();
    for span in spans {
        if !kinds.contains(&span.what.as_str()) {
            kinds.push(&span.what);
        }
    }
    for kind in kinds {
        let spans: Vec<&Span> = spans.iter().filter(|span| span.what == kind).collect();
        let within = |at: Instant| spans.iter().any(|span| span.from <= at && at <= span.to);
        let during = said.iter().copied().filter(|said| within(said.at) || within(said.at + said.took));
        println!("{}", Row::of(kind, spans.len(), during));
    }
    if let (Some(least), Some(most)) = (out_after.iter().min(), out_after.iter().max()) {
        let (least, most) = (least.as_secs_f32(), most.as_secs_f32());
        println!("a dead server's client is out of the others' lists after {least:.2} to {most:.2} s");
    }
}

/// What became of lines.
struct Row<'a> {
    what: &'a str,
    times: usize,
    confirmed: usize,
    refused: usize,
    unknown: usize,
    longest: Duration,
}

impl<'a> Row<'a> {
    fn of<'b>(what: &'a str, times: usize, said: impl Iterator<Item = &'b Said>) -> Row<'a> {
        let mut row = Row { what, times, confirmed: 0, refused: 0, unknown: 0, longest: Duration::ZERO };
        for said in said {
            match said.fate {
                Fate::Confirmed(_) => {
                    row.confirmed += 1;
                    row.longest = row.longest.max(said.took);
                }
                Fate::Refused => row.refused += 1,
                Fate::Unknown => row.unknown += 1,
            }
        }
        row
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { what, times, confirmed, refused, unknown, longest } = self;
        let longest = longest.as_secs_f32();
        write!(
            f,
            "{what}, {times} times: {confirmed} confirmed, {refused} refused, {unknown} unknown; longest until OK {longest:.2} s"
        )
    }
}
