//! How far the clocks of the files are apart. Whatever was sent was sent before it came, by right clocks: so each
//! message whose two ends are known allows some differences and no others, and the middle of what all allow is taken.

use crate::connections::Connections;
use crate::recording::Recording;
use crate::streams::Piece;
use std::collections::{HashMap, VecDeque};

/// No clock is taken to be further from another, in microseconds: times in a file may be anything, and with an offset they
/// must still be numbers.
const FARTHEST: i64 = 1 << 60;

/// What is to be added to the times of each file, in microseconds, and what to say of it.
#[derive(Debug, Default, PartialEq)]
pub struct Clocks {
    pub offsets: Vec<i64>,
    pub remarks: Vec<String>,
}

/// How much the clock of one file may be ahead of another's, by the messages between them.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    least: Option<i64>,
    most: Option<i64>,
    is_one_machine: bool,
}

/// Compares them by the bytes that both ends of a connection have recorded.
pub fn compare(recordings: &[Recording], connections: &Connections, pieces: &[Piece]) -> Clocks {
    let mut allowed: HashMap<(usize, usize), Allowed> = HashMap::new();
    // A connection alone says that two files belong together, and whether they are of one machine.
    for end in &connections.all {
        if let Some(twin) = end.twin.map(|twin| &connections.all[twin]).filter(|twin| twin.file != end.file) {
            let free = Allowed { least: None, most: None, is_one_machine: end.is_on_one_machine() };
            allowed.insert((end.file, twin.file), free);
        }
    }
    for piece in pieces {
        let (Some(write), Some(read)) = (piece.write, piece.read) else { continue };
        if write.file == read.file {
            continue;
        }
        let time = |event: crate::connections::EventId| recordings[event.file].events[event.at].time;
        // What must be added to the reader's clock at least, for the bytes not to come before they left.
        let ahead = time(write) - time(read);
        let is_one_machine = connections.all[piece.connection].is_on_one_machine();
        let free = Allowed { least: None, most: None, is_one_machine };
        let there = allowed.entry((write.file, read.file)).or_insert(free);
        there.least = Some(there.least.map_or(ahead, |least| least.max(ahead)));
        let back = allowed.entry((read.file, write.file)).or_insert(free);
        back.most = Some(back.most.map_or(-ahead, |most| most.min(-ahead)));
    }
    follow(recordings, &allowed)
}

/// Goes from the server's file to those that have messages with it, and on.
fn follow(recordings: &[Recording], allowed: &HashMap<(usize, usize), Allowed>) -> Clocks {
    let mut clocks = Clocks { offsets: vec![0; recordings.len()], remarks: Vec::new() };
    let mut known = vec![false; recordings.len()];
    let first = recordings.iter().position(|recording| recording.is_server).unwrap_or(0);
    let starts = [first].into_iter().chain(0..recordings.len());
    for start in starts.filter(|start| *start < recordings.len()) {
        if known[start] {
            continue;
        }
        known[start] = true;
        if start != first && !recordings[start].events.is_empty() {
            let file = &recordings[start].file;
            clocks.remarks.push(format!("{file}: no message in it is in another file too, so its own clock counts"));
        }
        let mut next = VecDeque::from([start]);
        while let Some(from) = next.pop_front() {
            for to in (0..recordings.len()).filter(|to| !known[*to]).collect::<Vec<_>>() {
                let Some(allowed) = allowed.get(&(from, to)) else { continue };
                let (offset, contradiction) = allowed.choose();
                clocks.offsets[to] = (clocks.offsets[from] + offset).clamp(-FARTHEST, FARTHEST);
                if contradiction > 0 {
                    let (one, other) = (&recordings[from].file, &recordings[to].file);
                    let ms = contradiction as f64 / 1e3;
                    clocks.remarks.push(format!("{one} and {other}: their clocks contradict each other by {ms:.3} ms"));
                }
                known[to] = true;
                next.push_back(to);
            }
        }
    }
    clocks
}

impl Allowed {
    /// The offset, and by how much no offset can be right. On one machine there is one clock. It is looked at after a
    /// write has returned, when the other side may long have read: that is no contradiction.
    fn choose(self) -> (i64, i64) {
        if self.is_one_machine {
            return (0, 0);
        }
        match (self.least, self.most) {
            (Some(least), Some(most)) => (least + (most - least) / 2, (least - most).max(0)),
            // Messages in one direction alone: no more than they ask for.
            (Some(least), None) => (least.max(0), 0),
            (None, Some(most)) => (most.min(0), 0),
            (None, None) => (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::{Connection, EventId};
    use crate::event::Event;

    /// Two files, and messages: sent by file 0 or 1, at a time of its clock, and read at a time of the other's.
    fn compared(ip: &str, messages: &[(usize, i64, i64)]) -> Clocks {
        let mut recordings = vec![Recording { is_server: true, ..Recording::default() }, Recording::default()];
        (recordings[0].file, recordings[1].file) = ("s".to_owned(), "a".to_owned());
        let mut pieces = Vec::new();
        for (from, sent, came) in messages {
            let mut add = |file: usize, time: i64| {
                recordings[file].events.push(Event { time, ..Event::default() });
                Some(EventId { file, at: recordings[file].events.len() - 1 })
            };
            let (write, read) = (add(*from, *sent), add(1 - from, *came));
            let (of_write, of_read) = ((1, 1), (1, 1));
            pieces.push(Piece { write, read, off: 0, len: 1, of_write, of_read, connection: 0, is_watched: true });
        }
        let (from, at) = ("10.0.0.2:5".to_owned(), format!("{ip}:44"));
        let end = Connection { file: 0, c: 1, from, at, accepted: Some(true), first: 0, closed: None, twin: None };
        let mut connections = Connections::default();
        connections.all.push(end);
        compare(&recordings, &connections, &pieces)
    }

    #[test]
    fn the_middle_of_what_all_messages_allow_is_taken() {
        // a is 1,000 behind, and each message takes 20 to 30.
        let clocks = compared("10.0.0.1", &[(0, 5000, 4020), (1, 4100, 5120), (0, 6000, 5030), (1, 5100, 6130)]);
        assert_eq!(clocks, Clocks { offsets: vec![0, 1000], remarks: vec![] });
    }

    #[test]
    fn one_machine_has_one_clock() {
        assert_eq!(compared("127.0.0.1", &[(0, 5000, 4990)]).offsets, [0, 0]);
    }

    #[test]
    fn messages_one_way_move_a_clock_as_little_as_they_can() {
        assert_eq!(compared("10.0.0.1", &[(0, 5000, 4000)]).offsets, [0, 1000]);
        assert_eq!(compared("10.0.0.1", &[(0, 5000, 6000)]).offsets, [0, 0]);
        assert_eq!(compared("10.0.0.1", &[(1, 5000, 4000)]).offsets, [0, -1000]);
    }

    #[test]
    fn times_that_cannot_be_right_stay_numbers() {
        let line = |time: f64, fields: &str| format!("{{\"t\":{time},{fields}}}\n");
        let file = |at: usize| {
            let end = |ev: &str, c: usize, at: usize| {
                let fields = format!("\"ev\":\"{ev}\",\"c\":{c},\"from\":\"10.0.0.{at}:50\",\"at\":\"10.0.1.{at}:44\"");
                line(9e10, &fields)
            };
            let bytes =
                |ev: &str, c: usize| format!("\"ev\":\"{ev}\",\"c\":{c},\"off\":0,\"len\":5,\"bytes\":\"hello\"");
            let (write, read) = (line(9e10, &bytes("write", 2)), line(-9e10, &bytes("read", 1)));
            let text = [end("accept", 1, at), end("connect", 2, at + 1), write, read].concat();
            Recording::read("x", text.as_bytes(), crate::recording::Budget::whole()).expect("memory can be read")
        };
        // Each is a world behind the one before it.
        let merged = crate::merge::Merged::new((0..60).map(file).collect(), None);
        assert!(merged.offsets.iter().all(|offset| offset.abs() <= FARTHEST));
        assert_eq!(merged.order.len(), 240);
    }

    #[test]
    fn what_no_offset_can_explain_is_told() {
        let clocks = compared("10.0.0.1", &[(0, 5000, 4000), (1, 4500, 4500)]);
        assert_eq!(clocks.remarks, ["s and a: their clocks contradict each other by 1.000 ms"]);
        let clocks = compared("10.0.0.1", &[]);
        assert_eq!(clocks.offsets, [0, 0]);
    }
}
