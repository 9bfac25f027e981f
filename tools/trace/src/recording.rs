//! One file of a trace: whose it is, its events in order, and what was wrong with it. The file may end in half a line,
//! as that of a program that was killed does, and it may be far too long.

use crate::event::{Broken, Event, Kind};
use crate::order::Order;
use crate::text::count;
use std::io::{self, BufRead, Read};

/// The most events of all files together. A picture of more is looked at by nobody.
pub const MAX_EVENTS: usize = 100_000;
/// The most bytes that are read of all files together, so that memory has a limit too.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most bytes of one file that are looked at, wanted or not: a pipe may have no end.
const MAX_READ: u64 = 16 << 30;
/// The most bytes of one line: a longer one is skipped.
const MAX_LINE: u64 = 1 << 20;
/// So many lines that are no events are told one by one.
const TOLD: usize = 5;

/// What one program has recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The file, as it was named.
    pub file: String,
    /// Whether it is a server's; else it is a client's.
    pub is_server: bool,
    /// The name that its client took first.
    pub name: Option<String>,
    pub pid: u64,
    /// In the order of their times. A write is recorded when it is over, with the time at which it began.
    pub events: Vec<Event>,
    /// From when to when events are missing: in order, and apart from each other.
    pub holes: Vec<(i64, i64)>,
    /// What whoever looks at it should know, as sentences.
    pub remarks: Vec<String>,
}

/// How much of one file is read.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub events: usize,
    pub bytes: u64,
}

impl Budget {
    /// All that there is.
    pub fn whole() -> Budget {
        Budget { events: MAX_EVENTS, bytes: MAX_BYTES }
    }

    /// An equal share for each of so many files.
    pub fn share(self, files: usize) -> Budget {
        let files = files.max(1);
        Budget { events: self.events / files, bytes: self.bytes / files as u64 }
    }

    /// What is left behind a file in which so much was kept.
    pub fn without(self, kept: &Recording) -> Budget {
        let bytes: usize = kept.events.iter().map(|event| event.raw.len() + size_of::<Event>()).sum();
        let events = self.events.saturating_sub(kept.events.len());
        Budget { events, bytes: self.bytes.saturating_sub(bytes as u64) }
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// Those of reading. What stands in the file is never one.
    pub fn read(file: &str, reader: impl BufRead, budget: Budget) -> io::Result<Recording> {
        Self::read_some(file, reader, budget, |_| true)
    }

    /// Reads a file, and keeps of its events the first one, the last one, and those that are wanted. Only what is kept
    /// counts.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read_some(
        file: &str,
        mut reader: impl BufRead,
        budget: Budget,
        mut is_wanted: impl FnMut(&Event) -> bool,
    ) -> io::Result<Recording> {
        let mut recording = Recording { file: file.to_owned(), ..Recording::default() };
        let (mut line, mut bytes, mut total, mut unknown) = (Vec::new(), 0, 0, 0);
        let (mut lines, mut wrong) = (0, 0);
        let (mut order, mut last) = (Order::default(), None);
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
            if read == 0 {
                recording.events.extend(last);
                break;
            }
            lines += 1;
            total += read;
            let is_whole = line.last() == Some(&b'\n');
            let is_long = !is_whole && read == MAX_LINE;
            let text = String::from_utf8_lossy(&line);
            // Some editors begin a file with this.
            let text = if lines == 1 { text.trim_start_matches('\u{feff}') } else { &text };
            let event = if is_long { Err(Broken::NoEvent) } else { Event::parse(text.trim()) };
            let event = event.map(|event| order.take(event));
            let is_kept = event.as_ref().map_or(true, |event| recording.events.is_empty() || is_wanted(event));
            if is_kept {
                bytes += read;
                if is_long && bytes <= budget.bytes {
                    bytes += skip_line(&mut reader, budget.bytes - bytes)?;
                }
                if recording.events.len() >= budget.events || bytes > budget.bytes || total > MAX_READ {
                    let kept = count(recording.events.len(), "event");
                    recording.remark(&format!("it is too long: what comes behind its first {kept} is left out"));
                    break;
                }
            }
            match event {
                Ok(event) => {
                    unknown += usize::from(event.kind == Kind::Other);
                    last = if is_kept { None } else { Some(event.clone()) };
                    recording.events.extend(is_kept.then_some(event));
                }
                _ if is_long => {
                    recording.remark_line(&mut wrong, &format!("line {lines} is longer than 1 MiB, and left out"));
                }
                Err(Broken::NoObject) if !is_whole => {
                    recording.remark("it ends in the middle of an event, as that of a program that was killed does");
                }
                Err(_) if text.trim().is_empty() => {}
                Err(_) => recording.remark_line(&mut wrong, &format!("line {lines} is no event, and left out")),
            }
        }
        if wrong > TOLD {
            recording.remark(&format!("more lines that are no events: {}", wrong - TOLD));
        }
        if unknown > 0 {
            recording.remark(&format!("{} of a kind that is not known here", count(unknown, "event")));
        }
        recording.look_through(order);
        Ok(recording)
    }

    /// Has whoever looks at it know something.
    pub fn remark(&mut self, what: &str) {
        self.remarks.push(format!("{}: {what}", self.file));
    }

    /// Some say it: a file that is no trace at all has a million wrong lines.
    fn remark_line(&mut self, wrong: &mut usize, what: &str) {
        *wrong += 1;
        if *wrong <= TOLD {
            self.remark(what);
        }
    }

    /// Finds out whose it is, and says what is missing in it.
    fn look_through(&mut self, order: Order) {
        let mut start = None;
        for event in &self.events {
            match &event.kind {
                Kind::Start { who, pid } => start = start.or(Some((who.clone(), *pid))),
                Kind::Named { c: None, name } => self.name = self.name.take().or_else(|| Some(name.clone())),
                _ => {}
            }
        }
        let accepts_first = self.events.iter().find_map(|event| match &event.kind {
            Kind::Opened { accepted, .. } => Some(*accepted),
            _ => None,
        });
        if let Some((who, pid)) = start {
            self.is_server = who == "server";
            self.pid = pid;
        } else if !self.events.is_empty() {
            self.is_server = self.name.is_none() && accepts_first == Some(true);
            let who = if self.is_server { "server" } else { "client" };
            self.remark(&format!("it has no first line that says whose it is: a {who}'s, by what it did"));
        }
        order.remarks().iter().for_each(|remark| self.remark(remark));
        self.holes = order.holes();
        if self.events.iter().all(|event| event.steady.is_some()) {
            self.events.sort_by_key(|event| event.time);
        }
    }

    /// Says that only what is between these times was kept.
    pub fn keeps_only(&mut self, (from, until): (i64, i64)) {
        self.holes.retain(|hole| hole.1 > from && hole.0 < until);
        self.holes.insert(0, (i64::MIN, from));
        self.holes.push((until, i64::MAX));
    }

    /// Whether both begin with the same line, as what one program has recorded at one time does.
    pub fn is_of_the_run_of(&self, other: &Recording) -> bool {
        let start = |recording: &Recording| {
            let first = recording.events.iter().find(|event| matches!(event.kind, Kind::Start { .. }));
            first.map(|event| event.raw.clone()).filter(|line| !line.is_empty())
        };
        start(self).is_some_and(|own| Some(own) == start(other))
    }

    /// Whether it can be said what did not come here at that time of its own clock: it was recorded then, and without
    /// a hole at that place.
    pub fn covers(&self, time: i64) -> bool {
        let first = self.events.first().is_some_and(|event| event.time < time);
        let last = self.events.last().is_some_and(|event| event.time > time);
        let hole = self.holes.partition_point(|(_, until)| *until < time);
        first && last && self.holes.get(hole).is_none_or(|(from, _)| time < *from)
    }
}

/// Reads up to the end of a line that is too long, or a little more than `most` bytes: a line may have no end. Returns
/// how many they were.
fn skip_line(reader: &mut impl BufRead, most: u64) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (length, is_over) = (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
        reader.consume(length);
        skipped += length as u64;
        if is_over || skipped > most {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Recording {
        Recording::read("x", text.as_bytes(), Budget::whole()).expect("memory can be read")
    }

    #[test]
    fn half_a_line_at_the_end_is_told_and_no_fault() {
        let whole = "{\"t\":1,\"n\":1,\"ev\":\"start\",\"who\":\"server\",\"pid\":9}\n{\"t\":2,\"n\":2,\"ev\":\"close\",\"c\":1}\n";
        let recording = read(whole);
        assert!(recording.is_server && recording.pid == 9 && recording.events.len() == 2);
        assert_eq!(recording.remarks, [""; 0]);
        // Cut anywhere, it has the events before.
        for end in 0..whole.len() {
            let cut = read(&whole[..end]);
            assert!(cut.events.len() <= 2 && cut.events[..] == recording.events[..cut.events.len()], "{end}");
        }
        let cut = read(&whole[..whole.len() - 5]);
        assert_eq!(cut.remarks, ["x: it ends in the middle of an event, as that of a program that was killed does"]);
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_event_and_loses_none() {
        let recording = read("\u{feff}{\"t\":1,\"n\":1,\"ev\":\"start\",\"who\":\"server\",\"pid\":9}\n");
        assert_eq!((recording.pid, recording.remarks.len()), (9, 0));
    }

    #[test]
    fn what_is_no_event_is_told_with_its_line() {
        let recording = read("{\"t\":1,\"who\":\"client\"}\nhello\n\n{\"t\":2,\"ev\":\"moon\"}\n");
        assert_eq!(
            recording.remarks,
            ["x: line 2 is no event, and left out", "x: 1 event of a kind that is not known here"]
        );
    }

    #[test]
    fn a_file_that_is_no_trace_hides_nothing_else_that_is_to_be_told() {
        let remarks =
            read(&format!("{{\"t\":1,\"n\":1,\"who\":\"client\"}}\n{}{{\"t\":2,\"ev\":\"moon\"}}\n", "x\n".repeat(50)));
        let remarks = remarks.remarks;
        assert_eq!((remarks.len(), remarks[0].as_str()), (7, "x: line 2 is no event, and left out"));
        assert_eq!(
            remarks[5..],
            ["x: more lines that are no events: 45", "x: 1 event of a kind that is not known here"]
        );
    }

    #[test]
    fn a_line_without_an_end_is_not_read_to_its_end() {
        let start = "{\"t\":1,\"n\":1,\"who\":\"server\"}\n".as_bytes();
        let endless = io::BufReader::new(start.chain(io::repeat(b'x')));
        let recording = Recording::read("x", endless, Budget { events: 10, bytes: 8 << 20 }).expect("it ends");
        assert_eq!((recording.events.len(), recording.is_server), (1, true));
        assert_eq!(recording.remarks, ["x: it is too long: what comes behind its first 1 event is left out"]);
    }

    #[test]
    fn a_hole_and_a_clock_that_was_set_are_told() {
        let line = |t: f64, m: f64, n: u64| format!("{{\"t\":{t},\"m\":{m},\"n\":{n},\"ev\":\"close\",\"c\":1}}\n");
        let recording = read(&[line(10.0, 1.0, 1), line(11.0, 2.0, 2), line(7.0, 3.0, 6)].concat());
        assert_eq!(
            recording.events.iter().map(|event| event.time).collect::<Vec<_>>(),
            [10_000_000, 11_000_000, 12_000_000]
        );
        assert_eq!(recording.holes, [(11_000_000, 12_000_000)]);
        assert!(recording.remarks[2].contains("3 events are missing"), "{:?}", recording.remarks);
        assert!(recording.remarks[1].contains("set by -5.0 s"), "{:?}", recording.remarks);
        assert!(recording.covers(10_500_000) && !recording.covers(11_500_000) && !recording.covers(12_500_000));
    }

    #[test]
    fn holes_are_found_whatever_the_order_of_their_ends() {
        let line = |m: u64, n: u64| format!("{{\"t\":{m},\"m\":{m},\"n\":{n},\"ev\":\"close\",\"c\":1}}\n");
        // A write that began before the hole is recorded behind it.
        let lines = [line(10, 1), line(40, 2), line(20, 9), line(70, 10), line(80, 20), line(75, 30), line(99, 31)];
        let recording = read(&lines.concat());
        assert_eq!(recording.holes, [(20_000_000, 40_000_000), (70_000_000, 80_000_000)]);
        let covered = [15, 20, 30, 40, 50, 70, 77, 80, 90].map(|time| recording.covers(time * 1_000_000));
        assert_eq!(covered, [true, false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn a_file_that_is_all_holes_is_no_work() {
        // Each with each would be an hour.
        let count = 400_000;
        let event = |at: i64| Event { time: at, number: at.unsigned_abs() * 2 + 1, ..Event::default() };
        let mut order = Order::default();
        (0..count).for_each(|at| _ = order.take(event(at)));
        assert_eq!(order.holes(), [(0, count - 1)]);
        let apart = |at| (at * 10, at * 10 + 5);
        let events = vec![event(-1), event(count * 10)];
        let recording = Recording { holes: (0..count).map(apart).collect(), events, ..Recording::default() };
        assert!((0..count).all(|at| recording.covers(at * 10 + 7) && !recording.covers(at * 10 + 3)));
    }

    #[test]
    fn a_write_stands_where_it_began() {
        let line =
            |m: f64, n: u64, ev: &str| format!("{{\"t\":{},\"m\":{m},\"n\":{n},\"ev\":\"{ev}\",\"c\":1}}\n", m + 5.0);
        let recording = read(&[line(1.0, 1, "connect"), line(3.0, 2, "read"), line(2.0, 3, "write")].concat());
        assert_eq!(recording.events.iter().map(|event| event.number).collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!(recording.holes, []);
    }

    #[test]
    fn memory_has_a_limit() {
        let line = "{\"t\":1,\"who\":\"server\"}\n";
        let recording = Recording::read("x", line.repeat(50).as_bytes(), Budget { events: 10, bytes: 1 << 20 });
        assert_eq!(
            recording.expect("read").remarks,
            ["x: it is too long: what comes behind its first 10 events is left out"]
        );
        let recording = Recording::read("x", line.repeat(50).as_bytes(), Budget { events: 100, bytes: 100 });
        assert_eq!(recording.expect("read").events.len(), 100 / line.len());
        let long = format!("{{\"t\":1,\"who\":\"{}\"}}\n{line}", "x".repeat(MAX_LINE as usize));
        let recording = read(&long);
        assert_eq!((recording.events.len(), recording.is_server), (1, true));
        assert_eq!(recording.remarks, ["x: line 1 is longer than 1 MiB, and left out"]);
    }
}
