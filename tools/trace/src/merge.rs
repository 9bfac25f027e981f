//! The files side by side, and all their events in one order: each file's own order is kept, nothing comes before it
//! was sent, and else the earlier is first.

use crate::clocks::{self, Clocks};
use crate::connections::{Connections, EventId};
use crate::datagrams::{Datagrams, Fate};
use crate::event::{Event, Kind};
use crate::lanes::Lanes;
use crate::recording::Recording;
use crate::streams::{self, Piece};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// All that is known of some files together.
#[derive(Debug)]
pub struct Merged {
    pub recordings: Vec<Recording>,
    pub connections: Connections,
    pub pieces: Vec<Piece>,
    pub lanes: Lanes,
    pub datagrams: Datagrams,
    /// What is added to the times of each file, in microseconds.
    pub offsets: Vec<i64>,
    pub order: Vec<EventId>,
    /// What whoever looks at it should know, as sentences.
    pub remarks: Vec<String>,
}

impl Merged {
    /// Puts them together. How far their clocks are apart may be known already.
    pub fn new(recordings: Vec<Recording>, clocks: Option<Clocks>) -> Merged {
        let connections = Connections::find(&recordings);
        let pieces = streams::pieces(&recordings, &connections);
        let clocks = clocks.unwrap_or_else(|| clocks::compare(&recordings, &connections, &pieces));
        let lanes = Lanes::find(&recordings, &connections, &clocks.offsets);
        let datagrams = Datagrams::find(&recordings, &lanes, &clocks.offsets);
        let needs = needs(&recordings, &connections, &pieces, &datagrams);
        let lengths: Vec<usize> = recordings.iter().map(|recording| recording.events.len()).collect();
        let time = |id: EventId| recordings[id.file].events[id.at].time + clocks.offsets[id.file];
        let order = order(&lengths, time, &needs);
        let of_files = recordings.iter().flat_map(|recording| recording.remarks.clone());
        let remarks = of_files.chain(clocks.remarks).collect();
        Merged { recordings, connections, pieces, lanes, datagrams, offsets: clocks.offsets, order, remarks }
    }

    pub fn event(&self, id: EventId) -> &Event {
        &self.recordings[id.file].events[id.at]
    }

    /// When it was, by the clock of the first server's file.
    pub fn time(&self, id: EventId) -> i64 {
        self.event(id).time + self.offsets[id.file]
    }
}

/// What must stand before each event. Of each other file it is the last one that counts, as a file keeps its order: a
/// read may have come from very many writes.
#[derive(Debug, Default)]
struct Needs(HashMap<EventId, Vec<EventId>>);

impl Needs {
    fn add(&mut self, event: EventId, need: EventId) {
        if event.file == need.file {
            return;
        }
        match self.0.entry(event) {
            Entry::Vacant(place) => _ = place.insert(vec![need]),
            Entry::Occupied(place) => {
                let needs = place.into_mut();
                match needs.iter_mut().find(|other| other.file == need.file) {
                    Some(other) => other.at = other.at.max(need.at),
                    None => needs.push(need),
                }
            }
        }
    }

    fn of(&self, event: EventId) -> &[EventId] {
        self.0.get(&event).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The writes before their read, the sending before its arrival, the call before it is answered.
fn needs(recordings: &[Recording], connections: &Connections, pieces: &[Piece], datagrams: &Datagrams) -> Needs {
    let mut needs = Needs::default();
    for piece in pieces {
        if let (Some(write), Some(read)) = (piece.write, piece.read) {
            needs.add(read, write);
        }
    }
    for datagram in &datagrams.all {
        if let Fate::Came(id) = datagram.fate {
            needs.add(id, datagram.sent);
        }
    }
    let opened = |number: usize| {
        let end = &connections.all[number];
        let is_opened = matches!(recordings[end.file].events[end.first].kind, Kind::Opened { .. });
        is_opened.then_some(EventId { file: end.file, at: end.first })
    };
    for (number, end) in connections.all.iter().enumerate().filter(|(_, end)| end.accepted == Some(true)) {
        if let (Some(accept), Some(connect)) = (opened(number), end.twin.and_then(opened)) {
            needs.add(accept, connect);
        }
    }
    needs
}

/// The order of the events of files with so many events each.
fn order(lengths: &[usize], time: impl Fn(EventId) -> i64, needs: &Needs) -> Vec<EventId> {
    let mut next = vec![0; lengths.len()];
    let mut order = Vec::with_capacity(lengths.iter().sum());
    loop {
        let heads = (0..lengths.len()).filter(|file| next[*file] < lengths[*file]);
        let heads = heads.map(|file| EventId { file, at: next[file] });
        let is_held = |id: &EventId| needs.of(*id).iter().any(|need| next[need.file] <= need.at);
        // Where each waits for another, as in files that contradict each other, the earliest goes on.
        let Some(first) = heads.min_by_key(|id| (is_held(id), time(*id), id.file)) else { return order };
        next[first.file] += 1;
        order.push(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(file: usize, at: usize) -> EventId {
        EventId { file, at }
    }

    #[test]
    fn nothing_comes_before_it_was_sent() {
        let times = [vec![10, 30], vec![5, 6]];
        let time = |id: EventId| times[id.file][id.at];
        assert_eq!(order(&[2, 2], time, &Needs::default()), [id(1, 0), id(1, 1), id(0, 0), id(0, 1)]);
        let mut needs = Needs::default();
        needs.add(id(1, 0), id(0, 0));
        assert_eq!(order(&[2, 2], time, &needs), [id(0, 0), id(1, 0), id(1, 1), id(0, 1)]);
    }

    #[test]
    fn a_read_of_many_writes_waits_for_the_last_of_each_file() {
        let mut needs = Needs::default();
        [(0, 3), (0, 9), (0, 5), (1, 2), (2, 8)].iter().for_each(|(file, at)| needs.add(id(1, 4), id(*file, *at)));
        assert_eq!(needs.of(id(1, 4)), [id(0, 9), id(2, 8)]);
    }

    proptest! {
        /// Whatever the clocks say, and whatever waits for what.
        #[test]
        fn each_file_keeps_its_order(
            files in prop::collection::vec(prop::collection::vec(any::<i32>(), 0..20), 0..5),
            pairs in prop::collection::vec((0_usize..5, 0_usize..20, 0_usize..5, 0_usize..20), 0..20),
        ) {
            let lengths: Vec<usize> = files.iter().map(Vec::len).collect();
            let mut needs = Needs::default();
            let is_there = |id: EventId| id.file < files.len() && id.at < files[id.file].len();
            for (file, at, of, place) in pairs {
                if is_there(id(file, at)) && is_there(id(of, place)) {
                    needs.add(id(file, at), id(of, place));
                }
            }
            let order = order(&lengths, |id| i64::from(files[id.file][id.at]), &needs);
            for (file, length) in lengths.iter().enumerate() {
                let own: Vec<usize> = order.iter().filter(|id| id.file == file).map(|id| id.at).collect();
                prop_assert_eq!(own, (0..*length).collect::<Vec<_>>());
            }
            prop_assert_eq!(order.len(), lengths.iter().sum::<usize>());
        }

        /// What was sent stands before what came, where the files do not contradict each other: here each need is of an
        /// event that is earlier by the real order.
        #[test]
        fn causes_stand_before_effects(
            lives in prop::collection::vec((0_usize..4, any::<i32>(), any::<prop::sample::Index>()), 1..40),
        ) {
            let mut times: Vec<Vec<i32>> = vec![Vec::new(); 4];
            let (mut real, mut needs) = (Vec::new(), Needs::default());
            for (file, time, cause) in lives {
                let event = id(file, times[file].len());
                times[file].push(time);
                if !real.is_empty() {
                    needs.add(event, real[cause.index(real.len())]);
                }
                real.push(event);
            }
            let lengths: Vec<usize> = times.iter().map(Vec::len).collect();
            let order = order(&lengths, |id| i64::from(times[id.file][id.at]), &needs);
            let place = |id: &EventId| order.iter().position(|other| other == id);
            for (effect, causes) in &needs.0 {
                prop_assert!(place(&causes[0]) < place(effect));
            }
        }
    }
}
