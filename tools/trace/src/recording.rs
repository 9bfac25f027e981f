//! One file of a trace: whose it is, its events in order, and what was wrong with it. The file may end in half a line,
//! as that of a program that was killed does, and it may be far too long.

use crate::event::{Broken, Event, Kind};
use crate::text::count;
use std::io::{self, BufRead, Read};

/// The most events of all files together. A picture of more is looked at by nobody.
pub const MAX_EVENTS: usize = 100_000;
/// The most bytes that are read of all files together, so that memory has a limit too.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most bytes of one line: a longer one is skipped.
const MAX_LINE: u64 = 1 << 20;
/// So many lines that are no events are told one by one.
const TOLD: usize = 5;
/// How far a clock may drift from the steady one before somebody must have set it, in microseconds.
const DRIFT: i64 = 100_000;

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
    /// The share of each of so many files.
    pub fn of(files: usize) -> Budget {
        let files = files.max(1);
        Budget { events: MAX_EVENTS / files, bytes: MAX_BYTES / files as u64 }
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// Those of reading. What stands in the file is never one.
    pub fn read(file: &str, mut reader: impl BufRead, budget: Budget) -> io::Result<Recording> {
        let mut recording = Recording { file: file.to_owned(), ..Recording::default() };
        let (mut line, mut bytes, mut unknown) = (Vec::new(), 0, 0);
        let (mut lines, mut wrong) = (0, 0);
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
            if read == 0 {
                break;
            }
            lines += 1;
            bytes += read;
            let is_whole = line.last() == Some(&b'\n');
            let is_long = !is_whole && read == MAX_LINE;
            if is_long && bytes <= budget.bytes {
                bytes += skip_line(&mut reader, budget.bytes - bytes)?;
            }
            if recording.events.len() >= budget.events || bytes > budget.bytes {
                let kept = recording.events.len();
                recording.remark(&format!(
                    "it is too long: what comes behind its first {} is left out",
                    count(kept, "event")
                ));
                break;
            }
            if is_long {
                recording.remark_line(&mut wrong, &format!("line {lines} is longer than 1 MiB, and left out"));
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            match Event::parse(text.trim()) {
                Ok(event) => {
                    unknown += usize::from(event.kind == Kind::Other);
                    recording.events.push(event);
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
        recording.look_through();
        Ok(recording)
    }

    fn remark(&mut self, what: &str) {
        self.remarks.push(format!("{}: {what}", self.file));
    }

    /// Some say it: a file that is no trace at all has a million wrong lines.
    fn remark_line(&mut self, wrong: &mut usize, what: &str) {
        *wrong += 1;
        if *wrong <= TOLD {
            self.remark(what);
        }
    }

    /// Finds out whose it is, and what is missing in it, and takes the time from the clock that nobody sets.
    fn look_through(&mut self) {
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
        self.keep_steady();
        self.find_holes();
        if self.events.iter().all(|event| event.steady.is_some()) {
            self.events.sort_by_key(|event| event.time);
        }
    }

    fn find_holes(&mut self) {
        let mut missing = 0_u64;
        let mut holes = Vec::new();
        for pair in self.events.windows(2) {
            let hole = pair[1].number.saturating_sub(pair[0].number.saturating_add(1));
            if hole > 0 && pair[0].number > 0 {
                missing = missing.saturating_add(hole);
                let (one, other) = (pair[0].time, pair[1].time);
                holes.push((one.min(other), one.max(other)));
            }
        }
        holes.sort();
        for (from, until) in holes {
            match self.holes.last_mut().filter(|before| from <= before.1) {
                Some(before) => before.1 = before.1.max(until),
                None => self.holes.push((from, until)),
            }
        }
        if missing > 0 {
            self.remark(&format!("{missing} events are missing in it: the program had no time to write them"));
        }
    }

    /// Where somebody sets the clock, the steady one goes on.
    fn keep_steady(&mut self) {
        let first = self.events.iter().find_map(|event| event.steady.map(|steady| event.time - steady));
        let Some(difference) = first else { return };
        let mut was_set = 0;
        for event in &mut self.events {
            let Some(steady) = event.steady else { continue };
            let time = steady + difference;
            was_set = if (event.time - time).abs() > DRIFT { event.time - time } else { was_set };
            event.time = time;
        }
        if was_set != 0 {
            let seconds = was_set as f64 / 1e6;
            self.remark(&format!("its clock was set by {seconds:.1} s meanwhile: times go on by the steady one"));
        }
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
        Recording::read("x", text.as_bytes(), Budget::of(1)).expect("memory can be read")
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
        let mut recording = Recording { events: (0..count).map(event).collect(), ..Recording::default() };
        recording.find_holes();
        assert_eq!(recording.holes, [(0, count - 1)]);
        let apart = |at| (at * 10, at * 10 + 5);
        recording.holes = (0..count).map(apart).collect();
        recording.events = vec![event(-1), event(count * 10)];
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
        let line = "{\"t\":1,\"n\":1,\"who\":\"server\"}\n";
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
