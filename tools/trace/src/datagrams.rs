//! Which datagram came, and which did not. The sender knows what it dropped on purpose; what the network lost only
//! shows when both files lie side by side: it left, and there is no word of it where it should have come.

use crate::connections::EventId;
use crate::event::{Content, Hello, Kind, Leaving};
use crate::lanes::{Lane, Lanes};
use crate::recording::Recording;
use std::collections::HashMap;

/// A datagram is told to be sent after the system has taken it, when it may have come already: so many microseconds.
const SLACK: i64 = 5_000;

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    Came(EventId),
    /// Its sender dropped it on purpose.
    Dropped,
    /// The system did not take it.
    NotTaken,
    /// It was sent, and did not come.
    Lost,
    /// Its receiver has no file, or none of that moment.
    Unknown,
}

/// What a datagram says.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    /// The server's.
    Content(Content),
    /// A client's.
    Hello(Hello),
}

/// A datagram to one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Datagram {
    /// Where it was sent, or, without the sender's file, where it came.
    pub sent: EventId,
    /// Its sender's number; 0 for none.
    pub d: u64,
    pub from: Lane,
    pub to: Lane,
    pub says: Says,
    /// Why it was dropped, or sent again.
    pub why: String,
    /// The number of its first try, and its place in the list.
    pub of: Option<(u64, Option<usize>)>,
    pub fate: Fate,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Datagrams {
    pub all: Vec<Datagram>,
    /// Which one an event belongs to.
    pub of_event: HashMap<EventId, usize>,
}

/// What tells one datagram from another on both sides: whose file it is to come in, and its numbers, or else its text.
type Key = (usize, Option<(u64, u64)>, String);

impl Datagrams {
    pub fn find(recordings: &[Recording], lanes: &Lanes, offsets: &[i64]) -> Datagrams {
        let mut datagrams = Datagrams::default();
        let server = lanes.is_server.iter().position(|is_server| *is_server);
        let mut received: HashMap<Key, Vec<EventId>> = HashMap::new();
        for (file, recording) in recordings.iter().enumerate() {
            datagrams.add_sent(file, recording, lanes, server);
            for (at, event) in recording.events.iter().enumerate() {
                if let Some(says) = came(&event.kind) {
                    received.entry(key(file, &says)).or_default().push(EventId { file, at });
                }
            }
        }
        datagrams.match_received(recordings, lanes, offsets, &received);
        let mut rest: Vec<EventId> = received.into_values().flatten().collect();
        rest.retain(|id| !datagrams.of_event.contains_key(id));
        rest.sort();
        rest.into_iter().for_each(|id| datagrams.add_strange(recordings, lanes, server, id));
        datagrams
    }

    fn add(&mut self, datagram: Datagram) -> usize {
        self.all.push(datagram);
        self.all.len() - 1
    }

    fn add_sent(&mut self, file: usize, recording: &Recording, lanes: &Lanes, server: Option<Lane>) {
        let mut numbers: HashMap<(u64, Lane), usize> = HashMap::new();
        let from = lanes.of_file[file];
        for (at, event) in recording.events.iter().enumerate() {
            let sent = EventId { file, at };
            match &event.kind {
                Kind::Sent { to, datagram, fate } => {
                    let Some(to) = lanes.named(to) else { continue };
                    let of = datagram.of.map(|of| (of, numbers.get(&(of, to)).copied()));
                    let fate = match fate {
                        Leaving::Left => Fate::Unknown,
                        Leaving::Dropped => Fate::Dropped,
                        Leaving::NotTaken => Fate::NotTaken,
                    };
                    let (d, says, why) = (datagram.d, Says::Content(datagram.content.clone()), datagram.why.clone());
                    let number = self.add(Datagram { sent, d, from, to, says, why, of, fate });
                    numbers.insert((d, to), number);
                    self.of_event.insert(sent, number);
                }
                Kind::Hello(hello) => {
                    let Some(to) = server.filter(|server| *server != from) else { continue };
                    let (says, why, fate) = (Says::Hello(hello.clone()), String::new(), Fate::Unknown);
                    let number = self.add(Datagram { sent, d: 0, from, to, says, why, of: None, fate });
                    self.of_event.insert(sent, number);
                }
                _ => {}
            }
        }
    }

    /// Joins what came with what was sent, for each receiver and content by itself.
    fn match_received(
        &mut self,
        recordings: &[Recording],
        lanes: &Lanes,
        offsets: &[i64],
        received: &HashMap<Key, Vec<EventId>>,
    ) {
        let time = |id: EventId| recordings[id.file].events[id.at].time + offsets[id.file];
        let mut sent: HashMap<Key, Vec<usize>> = HashMap::new();
        for (number, datagram) in self.all.iter().enumerate() {
            if let (Some(file), Fate::Unknown) = (lanes.file_of[datagram.to], &datagram.fate) {
                sent.entry(key(file, &datagram.says)).or_default().push(number);
            }
        }
        for (key, numbers) in sent {
            let came = received.get(&key).map(Vec::as_slice).unwrap_or_default();
            let left: Vec<i64> = numbers.iter().map(|number| time(self.all[*number].sent)).collect();
            let arrived: Vec<i64> = came.iter().map(|id| time(*id)).collect();
            for (number, which) in numbers.iter().zip(join(&left, &arrived)) {
                let datagram = &mut self.all[*number];
                let then = time(datagram.sent) - offsets[key.0];
                datagram.fate = match which {
                    Some(which) => Fate::Came(came[which]),
                    None if recordings[key.0].covers(then) => Fate::Lost,
                    None => Fate::Unknown,
                };
                if let Fate::Came(id) = datagram.fate {
                    self.of_event.insert(id, *number);
                }
            }
        }
    }

    /// One that came, and of whose sending no file tells.
    fn add_strange(&mut self, recordings: &[Recording], lanes: &Lanes, server: Option<Lane>, id: EventId) {
        let kind = &recordings[id.file].events[id.at].kind;
        let from = if let Kind::HelloCame { from, .. } = kind { lanes.named(from) } else { server };
        let (Some(from), Some(says)) = (from, came(kind)) else { return };
        let (to, why, fate) = (lanes.of_file[id.file], String::new(), Fate::Came(id));
        if from != to {
            let number = self.add(Datagram { sent: id, d: 0, from, to, says, why, of: None, fate });
            self.of_event.insert(id, number);
        }
    }
}

/// What has come with an event.
fn came(kind: &Kind) -> Option<Says> {
    match kind {
        Kind::Received(content) => Some(Says::Content(content.clone())),
        Kind::HelloCame { hello, .. } => Some(Says::Hello(hello.clone())),
        _ => None,
    }
}

fn key(file: usize, says: &Says) -> Key {
    match says {
        Says::Content(Content { sequence: Some(sequence), .. }) => (file, Some(*sequence), String::new()),
        // One side may have recorded the line end, and the other not.
        Says::Content(content) => (file, None, content.bytes.trim_end().to_owned()),
        Says::Hello(hello) => (file, None, hello.bytes.clone()),
    }
}

/// Which arrival is that of each sending of the same content. Nothing overtakes its own repeat, as nobody could tell.
/// As many as were sent have come: each in its turn. Fewer: each arrival is of the last sending before it, so that a
/// repeat that comes at once is not taken for a first try that came very late.
fn join(left: &[i64], arrived: &[i64]) -> Vec<Option<usize>> {
    let mut found = vec![None; left.len()];
    if left.len() == arrived.len() && left.iter().zip(arrived).all(|(left, arrived)| *left <= arrived + SLACK) {
        return (0..left.len()).map(Some).collect();
    }
    let mut free = left.len();
    for (which, time) in arrived.iter().enumerate().rev() {
        // They are in order, but for what was written while somebody set the clock.
        let before = left[..free].partition_point(|left| *left <= time + SLACK);
        if let Some(sending) = before.checked_sub(1) {
            found[sending] = Some(which);
            free = sending;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connections;
    use crate::recording::Budget;

    #[test]
    fn a_repeat_that_comes_at_once_is_no_first_try_that_comes_late() {
        assert_eq!(join(&[1000], &[1200]), [Some(0)]);
        assert_eq!(join(&[1000, 201_000], &[201_200]), [None, Some(0)]);
        assert_eq!(join(&[1000, 201_000], &[1500]), [Some(0), None]);
        assert_eq!(join(&[1000, 101_000], &[151_000, 201_000]), [Some(0), Some(1)]);
        assert_eq!(join(&[1000, 101_000, 301_000], &[101_500, 301_500]), [None, Some(0), Some(1)]);
        // More came than were sent: the network, too, may send twice.
        assert_eq!(join(&[1000], &[1200, 1300]), [Some(1)]);
        assert_eq!(join(&[900_000], &[1200]), [None]);
    }

    #[test]
    fn a_hundred_thousand_that_came_before_they_were_sent_are_no_work() {
        // Each with each would be an hour.
        assert_eq!(join(&[900_000; 400_000], &[1200; 400_000]), [None; 400_000]);
    }

    fn fates(server: &str, alice: &str) -> Vec<Fate> {
        let read = |(at, text): (usize, &str)| {
            let text = text.trim().lines().map(|line| format!("{{{line}}}\n")).collect::<String>();
            Recording::read(&at.to_string(), text.as_bytes(), Budget::whole()).expect("memory")
        };
        let recordings: Vec<Recording> = [server, alice].into_iter().enumerate().map(read).collect();
        let connections = Connections::find(&recordings);
        let lanes = Lanes::find(&recordings, &connections, &[0, 0]);
        Datagrams::find(&recordings, &lanes, &[0, 0]).all.into_iter().map(|datagram| datagram.fate).collect()
    }

    #[test]
    fn a_hello_goes_the_other_way() {
        let server = r#"
"t":0,"who":"server"
"t":1.1,"ev":"acked","to":"alice","acked":0,"bytes":"hello_9f3c..._0"
"t":2,"ev":"acked","to":"bob","acked":0,"bytes":"hello_77aa..._0"
"t":5,"ev":"name","c":1,"name":"bob"
"#;
        let alice = r#"
"t":0,"who":"client"
"t":0,"ev":"name","name":"alice"
"t":1,"ev":"hello","acked":0,"bytes":"hello_9f3c..._0"
"t":3,"ev":"hello","acked":1,"top":1,"missing":[],"bytes":"hello_9f3c..._1_1_"
"#;
        let came = |at| Fate::Came(EventId { file: 0, at });
        // Bob has no file, so his hello is known only where it came.
        assert_eq!(fates(server, alice), [came(1), Fate::Lost, came(2)]);
    }

    #[test]
    fn only_both_files_together_know_what_is_lost() {
        let server = r#"
"t":0,"who":"server"
"t":1,"ev":"datagram","d":1,"to":"alice","seq":[1,1]
"t":2,"ev":"datagram","d":2,"to":"alice","seq":[2,2]
"t":3,"ev":"dropped","d":3,"to":"alice","seq":[3,3],"why":"--udp-loss"
"t":4,"ev":"again","d":4,"of":2,"to":"alice","seq":[2,2],"why":"hello_1"
"t":4.5,"ev":"datagram","d":6,"to":"alice","bytes":"udp_9f3c...\ntail_3\n"
"t":9,"ev":"datagram","d":5,"to":"alice","seq":[4,4]
"#;
        let alice = r#"
"t":0,"who":"client"
"t":0,"ev":"name","name":"alice"
"t":1.1,"ev":"datagram","seq":[1,1]
"t":4.1,"ev":"datagram","seq":[2,2]
"t":4.6,"ev":"datagram","bytes":"udp_9f3c...\ntail_3"
"t":5,"ev":"moon"
"#;
        let came = |at| Fate::Came(EventId { file: 1, at });
        // What left after alice's file ends may have come.
        assert_eq!(fates(server, alice), [came(2), Fate::Lost, Fate::Dropped, came(3), came(4), Fate::Unknown]);
    }
}
