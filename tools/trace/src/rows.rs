//! The story as rows, from top to bottom: what every painter draws in its own way.

mod words;
mod anchor;
mod maker;

use crate::connections::EventId;
use crate::lanes::Lane;
use crate::meaning::{By, of_line};
use crate::merge::Merged;
use maker::Maker;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How something gets from one lane to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Bytes of a connection with the server.
    Stream,
    Datagram,
    /// Between two clients, past the server.
    Direct,
    /// Nothing moves: something happens on one lane.
    Note,
}

/// Where it gets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Arrives,
    /// Its sender dropped it on purpose.
    Dropped,
    /// The network lost it.
    Lost,
    /// It was to be a connection, and became none.
    NotMade,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Microseconds since the first event.
    pub time: i64,
    pub line: Line,
    pub end: End,
    pub from: Lane,
    pub to: Lane,
    /// The row in which it begins: another one, above, for a further piece of one write.
    pub begins: usize,
    /// The row in which it ends: another one, below, for a piece of a read that has more.
    pub ends: usize,
    /// The row of its first try.
    pub first_try: Option<usize>,
    /// What it is, in short.
    pub label: String,
    /// What it means, in words.
    pub notes: Vec<String>,
    /// The word of the protocol that it begins with, and what that means; empty where it has none.
    pub meaning: String,
    /// Whether no row above begins with that word.
    pub is_new: bool,
    /// All of it, for who wants to know.
    pub title: String,
    /// The bytes, as far as they were recorded.
    pub bytes: String,
    /// How many they really are; 0 where that is not known.
    pub length: u64,
    pub events: Vec<EventId>,
}

impl Row {
    /// The meaning of a word that is new here.
    pub fn explained(&self) -> Option<&str> {
        self.is_new.then_some(self.meaning.as_str())
    }
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Also threads, names, and the datagrams that only keep a session going.
    pub all: bool,
    /// Only what these take part in; everybody, when there are none.
    pub who: Vec<Lane>,
    /// Only from this time to that, in microseconds since the first event.
    pub times: Option<(i64, i64)>,
}

/// What is to be drawn.
#[derive(Debug)]
pub struct Story {
    /// The names at the lifelines, from left to right.
    pub names: Vec<String>,
    /// Which of them are servers.
    pub is_server: Vec<bool>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// The rows that are wanted, and those who take part in them.
pub fn story(merged: &Merged, wanted: &Wanted) -> Story {
    let mut maker = Maker::new(merged, wanted.all);
    for id in &merged.order {
        maker.take(*id);
    }
    let rows = maker.finish();
    let is_in_time = |row: &Row| wanted.times.is_none_or(|(from, until)| (from..=until).contains(&row.time));
    let takes_part =
        |row: &Row| wanted.who.is_empty() || [row.from, row.to].iter().any(|lane| wanted.who.contains(lane));
    let kept: Vec<bool> = rows.iter().map(|row| is_in_time(row) && takes_part(row)).collect();
    let mut rows = keep(rows, &kept);
    let used: BTreeSet<Lane> = rows.iter().flat_map(|row| [row.from, row.to]).collect();
    let places: BTreeMap<Lane, Lane> = used.iter().enumerate().map(|(at, lane)| (*lane, at)).collect();
    let place = |lane: Lane| places.get(&lane).copied().unwrap_or_default();
    rows.iter_mut().for_each(|row| (row.from, row.to) = (place(row.from), place(row.to)));
    let names = used.iter().map(|lane| merged.lanes.names[*lane].clone()).collect();
    let is_server: Vec<bool> = used.iter().map(|lane| merged.lanes.is_server[*lane]).collect();
    explain(&mut rows, &is_server);
    Story { names, is_server, rows }
}

/// Says of each row what the word means that it begins with.
fn explain(rows: &mut [Row], is_server: &[bool]) {
    let mut seen = HashSet::new();
    // A further piece of a write begins in the middle of a line.
    for (_, row) in rows.iter_mut().enumerate().filter(|(at, row)| row.begins == *at) {
        let by = match row.line {
            Line::Note => continue,
            Line::Direct => By::Peer,
            Line::Stream | Line::Datagram if is_server[row.from] => By::Server,
            Line::Stream | Line::Datagram => By::Client,
        };
        let said = if row.line == Line::Datagram { words::behind_token(&row.bytes) } else { &row.bytes };
        if let Some((word, means)) = of_line(by, said) {
            row.meaning = format!("{word}: {means}");
            row.is_new = seen.insert(means);
        }
    }
}

/// Leaves rows out; what led to one of them is as if it had not.
fn keep(rows: Vec<Row>, kept: &[bool]) -> Vec<Row> {
    let mut places = Vec::with_capacity(rows.len());
    let mut next = 0;
    for is_kept in kept {
        places.push(is_kept.then_some(next));
        next += usize::from(*is_kept);
    }
    let mut left: Vec<Row> = rows.into_iter().zip(kept).filter(|(_, kept)| **kept).map(|(row, _)| row).collect();
    for (at, row) in left.iter_mut().enumerate() {
        row.begins = places[row.begins].unwrap_or(at);
        row.ends = places[row.ends].unwrap_or(at);
        row.first_try = row.first_try.and_then(|first| places[first]);
    }
    left
}
