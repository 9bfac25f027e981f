//! Makes the rows of a merged trace: one event after another, each to the row where it belongs.

use super::words::{self, behind};
use super::{End, Line, Row, anchor, keep};
use crate::connections::{Connection, EventId, address};
use crate::datagrams::Fate;
use crate::event::Kind;
use crate::lanes::Lane;
use crate::merge::Merged;
use crate::text::{SHOWN, count, plain, quoted};
use std::collections::{HashMap, HashSet};

/// What stands at lines that are no answers.
const NOT_ASKED: &str = "not asked for";

/// Makes them, event by event.
pub struct Maker<'a> {
    merged: &'a Merged,
    all: bool,
    start: i64,
    rows: Vec<Row>,
    /// The pieces whose row stands at an event.
    pieces_at: HashMap<EventId, Vec<usize>>,
    /// The events of each file by their numbers.
    numbers: HashMap<(usize, u64), EventId>,
    /// The row of each piece, of each read, and of each datagram.
    row_of_piece: HashMap<usize, usize>,
    row_of_read: HashMap<EventId, usize>,
    row_of_write: HashMap<EventId, usize>,
    row_of_datagram: HashMap<usize, usize>,
    /// The row in which a connection was opened.
    row_of_opening: HashMap<usize, usize>,
    /// How many lines ended in a read.
    lines_of_read: HashMap<usize, usize>,
    /// What was decided on a connection, and not yet answered: rows that become notes of the answer.
    decided: HashMap<(usize, u64), Vec<usize>>,
    /// The same for a write that is still to be drawn.
    answers: HashMap<EventId, Vec<usize>>,
    /// The last write on each connection, and those that hold what was not asked for.
    last_write: HashMap<(usize, u64), EventId>,
    unasked: HashSet<EventId>,
    /// Rows that became notes of others.
    is_moved: Vec<bool>,
}

impl<'a> Maker<'a> {
    pub fn new(merged: &'a Merged, all: bool) -> Maker<'a> {
        let mut numbers = HashMap::new();
        for (file, recording) in merged.recordings.iter().enumerate() {
            for (at, event) in recording.events.iter().enumerate() {
                numbers.entry((file, event.number)).or_insert(EventId { file, at });
            }
        }
        Maker {
            merged,
            all,
            start: merged.order.iter().map(|id| merged.time(*id)).min().unwrap_or_default(),
            rows: Vec::new(),
            pieces_at: anchor::pieces_at(merged),
            numbers,
            row_of_piece: HashMap::new(),
            row_of_read: HashMap::new(),
            row_of_write: HashMap::new(),
            last_write: HashMap::new(),
            unasked: HashSet::new(),
            row_of_datagram: HashMap::new(),
            row_of_opening: HashMap::new(),
            lines_of_read: HashMap::new(),
            decided: HashMap::new(),
            answers: HashMap::new(),
            is_moved: Vec::new(),
        }
    }

    /// A row that begins and ends where it is.
    fn add(&mut self, id: EventId, line: Line, from: Lane, to: Lane, label: String) -> &mut Row {
        let (time, here) = (self.merged.time(id) - self.start, self.rows.len());
        let (end, title, bytes, length) = (End::Arrives, String::new(), String::new(), 0);
        let (begins, ends, first_try, notes, events) = (here, here, None, Vec::new(), vec![id]);
        let (meaning, is_new) = (String::new(), false);
        self.rows.push(Row {
            time,
            line,
            end,
            from,
            to,
            begins,
            ends,
            first_try,
            label,
            notes,
            meaning,
            is_new,
            title,
            bytes,
            length,
            events,
        });
        self.is_moved.push(false);
        &mut self.rows[here]
    }

    fn note(&mut self, id: EventId, text: String) {
        let lane = self.merged.lanes.of_file[id.file];
        let row = self.add(id, Line::Note, lane, lane, plain(&text));
        row.title.clone_from(&row.label);
    }

    /// Takes the next event.
    pub fn take(&mut self, id: EventId) {
        let merged = self.merged;
        match &merged.event(id).kind {
            Kind::Opened { c, .. } => self.take_opened(id, *c),
            Kind::Closed { c, how } => self.take_closed(id, *c, how),
            Kind::Bytes { c, written, .. } => self.take_bytes(id, *c, *written),
            Kind::Line { line, took, .. } => self.take_line(id, line, took),
            Kind::Decided { c, verb, says, why } => {
                self.take_decided(id, *c, words::decided(verb, says, why));
            }
            // At a client it is about a line that it has read.
            Kind::Notice { c, .. } if merged.recordings[id.file].is_server => self.take_notice(id, *c),
            Kind::Sent { .. } | Kind::Received { .. } | Kind::Hello { .. } | Kind::HelloCame { .. } => {
                self.take_datagram(id);
            }
            Kind::Ticket { owner, to, ticket } => self.note(id, words::ticket(owner, to, ticket)),
            Kind::Redeemed { with, ticket, .. } => self.note(id, words::redeemed(with, ticket)),
            Kind::Peer { c, verb, with, .. } => self.take_peer(id, *c, verb, with),
            Kind::Refused { from, why } => self.take_refused(id, from, why),
            Kind::Stop => self.note(id, "the program ends".to_owned()),
            Kind::Named { name, .. } if self.all => self.note(id, format!("logged in: {name}")),
            Kind::Left { name } if self.all => self.note(id, format!("no longer logged in: {name}")),
            Kind::Thread { name, begun } if self.all => {
                self.note(id, format!("thread {name} {}", if *begun { "begins" } else { "ends" }));
            }
            _ => {}
        }
    }

    fn take_opened(&mut self, id: EventId, c: u64) {
        let Some(number) = self.merged.connections.number(id.file, c) else { return };
        let end = &self.merged.connections.all[number];
        if let Some(row) = end.twin.and_then(|twin| self.row_of_opening.get(&twin)).copied() {
            self.rows[row].events.push(id);
            return;
        }
        let (own, other) = self.merged.lanes.of_connection[number];
        let (from, to) = if end.accepted == Some(true) { (other, own) } else { (own, other) };
        let line = self.line(own, other);
        let not_made = self.not_made(number);
        let label = if not_made.is_some() { "tries to connect" } else { "connects" };
        let ends = format!("{} to {}", behind(", from ", &plain(&end.from)), plain(&end.at));
        let title = format!("{} {label}{ends}", self.merged.lanes.names[from]);
        let row = self.add(id, line, from, to, label.to_owned());
        row.title = title;
        if let Some((closed, why)) = not_made {
            row.end = End::NotMade;
            row.notes.push(why);
            row.events.push(closed);
        }
        self.row_of_opening.insert(number, self.rows.len() - 1);
    }

    /// Where a connection was never made: the event that says so, and why.
    fn not_made(&self, number: usize) -> Option<(EventId, String)> {
        let end = &self.merged.connections.all[number];
        let closed = EventId { file: end.file, at: end.closed? };
        let Kind::Closed { how, .. } = &self.merged.event(closed).kind else { return None };
        let took = self.merged.time(closed) - self.merged.time(EventId { file: end.file, at: end.first });
        Some((closed, words::not_made(how, took)?))
    }

    /// Not served by the server. Where its client has a file too, there was a row for it.
    fn take_refused(&mut self, id: EventId, from: &str, why: &str) {
        let is_it = |end: &Connection| end.accepted == Some(false) && address(&end.from) == address(from);
        let number = self.merged.connections.all.iter().position(is_it);
        match number.and_then(|number| self.row_of_opening.get(&number)).copied() {
            Some(row) => {
                self.rows[row].notes.push(format!("not served{}", behind(": ", why)));
                self.rows[row].events.push(id);
            }
            None => self.note(id, format!("{from} is not served{}", behind(": ", why))),
        }
    }

    fn take_closed(&mut self, id: EventId, c: u64, how: &str) {
        let Some(number) = self.merged.connections.number(id.file, c) else { return };
        if self.row_of_opening.contains_key(&number) && self.not_made(number).is_some() {
            return;
        }
        let (_, other) = self.merged.lanes.of_connection[number];
        let how = behind(": ", how);
        let the = if self.merged.lanes.is_server[other] { "the " } else { "" };
        self.note(id, format!("the connection with {the}{} is closed{how}", self.merged.lanes.names[other]));
    }

    fn take_bytes(&mut self, id: EventId, c: u64, written: bool) {
        let decided = self.decided.remove(&(id.file, c)).unwrap_or_default();
        if written {
            self.last_write.insert((id.file, c), id);
            self.answers.insert(id, decided);
        }
        for number in self.pieces_at.get(&id).cloned().unwrap_or_default() {
            self.take_piece(id, number);
        }
    }

    fn take_piece(&mut self, id: EventId, number: usize) {
        let merged = self.merged;
        let piece = &merged.pieces[number];
        let (own, other) = merged.lanes.of_connection[piece.connection];
        let (from, to) = if piece.write.is_some() || piece.is_watched { (own, other) } else { (other, own) };
        let (line, bytes, title) =
            (self.line(own, other), words::bytes(merged, piece), words::piece_title(merged, piece, from, to));
        let label = if bytes.is_empty() { count(piece.len as usize, "byte") } else { quoted(&bytes, SHOWN) };
        let here = self.rows.len();
        let is_unasked = piece.of_write.0 == 1 && piece.write.is_some_and(|write| self.unasked.contains(&write));
        let row = self.add(id, line, from, to, label);
        (row.bytes, row.length, row.title) = (bytes, piece.len, title);
        row.events = piece.write.into_iter().chain(piece.read).collect();
        if piece.is_watched && piece.read.is_none() {
            row.notes.push("not read".to_owned());
        }
        if piece.of_read.0 == piece.of_read.1 && piece.of_read.1 > 1 {
            row.notes.push(format!("{} writes in one read", words::number(piece.of_read.1)));
        }
        if is_unasked {
            row.notes.push(NOT_ASKED.to_owned());
        }
        self.row_of_piece.insert(number, here);
        if let Some(read) = piece.read {
            self.row_of_read.insert(read, here);
        }
        if let Some(write) = piece.write {
            self.row_of_write.entry(write).or_insert(here);
            for decided in self.answers.remove(&write).unwrap_or_default() {
                self.is_moved[decided] = true;
                let (note, events) = (self.rows[decided].label.clone(), self.rows[decided].events.clone());
                // What the answer says already is not said again.
                let is_shown = note.split_once(", ").is_some_and(|(_, why)| self.rows[here].label.contains(why));
                let note = note.split(", ").next().filter(|_| is_shown).map(str::to_owned).unwrap_or(note);
                self.rows[here].notes.push(note);
                self.rows[here].events.extend(events);
            }
        }
    }

    fn take_line(&mut self, id: EventId, line: &str, took: &[u64]) {
        let read = took.iter().rev().find_map(|n| self.numbers.get(&(id.file, *n)));
        let row = read.and_then(|read| self.row_of_read.get(read)).copied();
        let Some(row) = row else {
            self.note(id, format!("line: {line}"));
            return;
        };
        self.rows[row].events.push(id);
        *self.lines_of_read.entry(row).or_default() += 1;
        if took.len() > 1 {
            self.rows[row].notes.push(format!("one line from {} reads", words::number(took.len())));
        }
    }

    fn take_decided(&mut self, id: EventId, c: u64, text: String) {
        self.decided.entry((id.file, c)).or_default().push(self.rows.len());
        self.note(id, text);
    }

    /// It is about the last write, whose row may still be to come.
    fn take_notice(&mut self, id: EventId, c: u64) {
        let Some(write) = self.last_write.get(&(id.file, c)).copied() else { return };
        match self.row_of_write.get(&write) {
            Some(row) if self.unasked.insert(write) => self.rows[*row].notes.push(NOT_ASKED.to_owned()),
            _ => {
                self.unasked.insert(write);
            }
        }
    }

    fn take_datagram(&mut self, id: EventId) {
        let merged = self.merged;
        let Some(number) = merged.datagrams.of_event.get(&id).copied() else { return };
        let datagram = &merged.datagrams.all[number];
        let anchor = if let Fate::Came(came) = datagram.fate { came } else { datagram.sent };
        if id != anchor || (!self.all && words::is_routine(datagram)) {
            return;
        }
        let first_try = datagram.of.and_then(|(_, of)| self.row_of_datagram.get(&of?)).copied();
        let row = self.add(id, Line::Datagram, datagram.from, datagram.to, words::datagram_label(datagram));
        if anchor != datagram.sent {
            row.events.insert(0, datagram.sent);
        }
        row.first_try = first_try;
        row.end = match &datagram.fate {
            Fate::Came(_) | Fate::Unknown => End::Arrives,
            Fate::Dropped => End::Dropped,
            Fate::Lost | Fate::NotTaken => End::Lost,
        };
        row.notes = words::datagram_notes(datagram);
        row.title = words::datagram_title(datagram);
        (row.bytes, row.length) = words::datagram_bytes(datagram);
        self.row_of_datagram.insert(number, self.rows.len() - 1);
    }

    fn take_peer(&mut self, id: EventId, c: Option<u64>, verb: &str, with: &str) {
        let (lanes, connections) = (&self.merged.lanes, &self.merged.connections);
        let own = lanes.of_file[id.file];
        let number = c.and_then(|c| connections.number(id.file, c));
        let end = number.map(|number| &connections.all[number]);
        let is_called = end.is_some_and(|end| end.accepted == Some(true));
        let other = number.map(|number| lanes.of_connection[number].1).or_else(|| lanes.named(with));
        match other {
            // The caller says the same.
            Some(_) if is_called && end.is_some_and(|end| end.twin.is_some()) => {}
            Some(other) if other != own => {
                let (from, to) = if is_called { (other, own) } else { (own, other) };
                let title =
                    format!("{} and {} are connected, past the server: {verb}", lanes.names[from], lanes.names[to]);
                let line = self.line(own, other);
                let row = self.add(id, line, from, to, plain(verb));
                row.notes.push("each has proven who it is".to_owned());
                row.title = plain(&title);
            }
            _ => self.note(id, format!("{verb} with {with}")),
        }
    }

    fn line(&self, own: Lane, other: Lane) -> Line {
        if self.merged.lanes.is_direct(own, other) { Line::Direct } else { Line::Stream }
    }

    /// All rows, with what is known only at the end.
    pub fn finish(mut self) -> Vec<Row> {
        for (number, row) in &self.row_of_piece {
            let piece = &self.merged.pieces[*number];
            let first = *number - (piece.of_write.0 - 1);
            let last = *number + (piece.of_read.1 - piece.of_read.0);
            self.rows[*row].begins = self.row_of_piece.get(&first).copied().unwrap_or(*row).min(*row);
            self.rows[*row].ends = self.row_of_piece.get(&last).copied().unwrap_or(*row).max(*row);
        }
        for (row, lines) in &self.lines_of_read {
            if *lines > 1 {
                self.rows[*row].notes.push(format!("{} lines", words::number(*lines)));
            }
        }
        for row in &mut self.rows {
            row.notes.iter_mut().for_each(|note| *note = plain(note));
        }
        let kept: Vec<bool> = self.is_moved.iter().map(|is_moved| !is_moved).collect();
        keep(self.rows, &kept)
    }
}
