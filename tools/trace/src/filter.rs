//! What is kept of files that are too long to be kept whole: what tells who is who, and what is wanted.

use crate::connections::{address, connection_of};
use crate::event::{Event, Kind};
use crate::recording::Recording;
use std::collections::{HashMap, HashSet};

/// So many reads and writes at the beginning of each connection tell how far two clocks are apart.
const COMPARED: usize = 64;

/// Whether it tells who takes part: that is known also of times that are not wanted.
fn is_of_all(event: &Event) -> bool {
    let kind = &event.kind;
    matches!(kind, Kind::Start { .. } | Kind::Opened { .. } | Kind::Closed { .. } | Kind::Named { .. })
        || matches!(kind, Kind::Redeemed { .. } | Kind::Peer { .. } | Kind::Stop)
}

/// What is kept first: who takes part, and what tells how far the clocks are apart.
pub fn outline() -> impl FnMut(&Event) -> bool {
    let mut compared: HashMap<u64, usize> = HashMap::new();
    move |event| match event.kind {
        Kind::Bytes { c, .. } => {
            let before = compared.entry(c).or_default();
            *before += 1;
            *before <= COMPARED
        }
        _ => is_of_all(event),
    }
}

/// What is kept then: what is between these times of the file's own clock, and of these people.
pub fn wanted((from, until): (i64, i64), part: Option<&Part>) -> impl FnMut(&Event) -> bool {
    move |event| {
        let is_in_time = (from..=until).contains(&event.time);
        is_of_all(event) || (is_in_time && part.is_none_or(|part| part.has(event)))
    }
}

/// What is theirs in a server's file.
#[derive(Debug, PartialEq)]
pub struct Part {
    connections: HashSet<u64>,
    names: HashSet<String>,
}

impl Part {
    /// What is of those with these names; nothing where that cannot be told from an outline, as all of it is the server's own.
    pub fn of(outline: &Recording, who: &[String]) -> Option<Part> {
        if !outline.is_server || who.is_empty() {
            return None;
        }
        let names: HashSet<String> = who.iter().map(|name| name.to_lowercase()).collect();
        let (mut connections, mut found) = (HashSet::new(), HashSet::new());
        for event in &outline.events {
            let (c, name) = match &event.kind {
                Kind::Named { c: Some(c), name } => (*c, name.to_lowercase()),
                Kind::Opened { c, from, .. } => (*c, address(from).to_lowercase()),
                _ => continue,
            };
            if names.contains(&name) {
                connections.insert(c);
                found.insert(name);
            }
        }
        (found == names).then_some(Part { connections, names })
    }

    fn has(&self, event: &Event) -> bool {
        match &event.kind {
            Kind::Sent { to: name, .. } | Kind::HelloCame { from: name, .. } => {
                self.names.contains(&name.to_lowercase())
            }
            kind => connection_of(kind).is_none_or(|c| self.connections.contains(&c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Budget;

    const SERVER: &str = r#"{"t":10,"n":1,"who":"server"}
{"t":11,"n":2,"ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"}
{"t":11,"n":3,"ev":"accept","c":2,"from":"127.0.0.1:51","at":"127.0.0.1:44"}
{"t":12,"n":4,"ev":"name","c":1,"name":"Alice"}
{"t":13,"n":5,"ev":"read","c":1,"off":0,"len":1,"bytes":"x"}
{"t":14,"n":6,"ev":"read","c":2,"off":0,"len":1,"bytes":"x"}
{"t":15,"n":7,"ev":"datagram","d":1,"to":"alice","len":1,"bytes":"x"}
{"t":16,"n":8,"ev":"datagram","d":2,"to":"bob","len":1,"bytes":"x"}
{"t":17,"n":9,"ev":"read","c":1,"off":1,"len":1,"bytes":"x"}
"#;

    fn numbers(is_wanted: impl FnMut(&Event) -> bool) -> Vec<u64> {
        let kept = Recording::read_some("x", SERVER.as_bytes(), Budget::whole(), is_wanted).expect("memory");
        kept.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn who_takes_part_is_kept_and_of_the_others_what_is_wanted() {
        let all = (i64::MIN, i64::MAX);
        let outline = Recording::read_some("x", SERVER.as_bytes(), Budget::whole(), outline()).expect("memory");
        assert_eq!(numbers(super::outline()), [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(
            numbers(wanted((13_000_000, 14_000_000), None)),
            [1, 2, 3, 4, 5, 6, 9],
            "the last one tells the end"
        );
        let part = |who: &str| Part::of(&outline, &[who.to_owned()]);
        assert_eq!(numbers(wanted(all, part("ALICE").as_ref())), [1, 2, 3, 4, 5, 7, 9]);
        assert_eq!(numbers(wanted(all, part("127.0.0.1:51").as_ref())), [1, 2, 3, 4, 6, 9]);
        assert_eq!((part("server"), part("nobody")), (None, None));
    }
}
