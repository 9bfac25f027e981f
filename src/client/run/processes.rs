//! The processes that the system knows, as `/proc` has them, and which of them come from us. It ends none.

use nix::unistd::Pid;
use std::collections::{BTreeSet, HashMap};
use std::fs;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: Pid,
    /// Its parent.
    pub parent: Pid,
    /// Its process group.
    pub group: Pid,
    /// `R`, `S`, `D`, `T`, `Z` and so on, as proc(5) has them.
    pub state: char,
}

impl Found {
    /// Whether it has ended and waits to be reaped.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it can start no other: it is stopped, or has ended.
    pub fn is_still(&self) -> bool {
        self.is_zombie() || matches!(self.state, 'T' | 't')
    }
}

/// All that are there. None where there is no `/proc`.
pub fn all() -> Vec<Found> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    ids.filter_map(|id| parse(&String::from_utf8_lossy(&fs::read(format!("/proc/{id}/stat")).ok()?))).collect()
}

/// Reads `ID (NAME) STATE PARENT GROUP ...`, where NAME may hold anything, `)` too.
fn parse(stat: &str) -> Option<Found> {
    let (begin, end) = stat.rsplit_once(") ")?;
    let id = begin.split_once(" (")?.0;
    let mut fields = end.split(' ');
    let state = fields.next()?.chars().next()?;
    let number = |text: Option<&str>| text?.parse().ok().map(Pid::from_raw);
    Some(Found { id: number(Some(id))?, parent: number(fields.next())?, group: number(fields.next())?, state })
}

/// Those for which `is_first` holds, and all that come from them.
pub fn with_descendants(processes: &[Found], is_first: impl Fn(&Found) -> bool) -> Vec<Found> {
    let mut found: Vec<Found> = processes.iter().copied().filter(is_first).collect();
    let mut ids: BTreeSet<Pid> = found.iter().map(|found| found.id).collect();
    // By parent: a command may have left tens of thousands.
    let mut children: HashMap<Pid, Vec<Found>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|found| found.id) {
        found.extend(children.remove(&parent).into_iter().flatten().filter(|child| ids.insert(child.id)));
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let found = parse("42 (a) R 1 (b) T 7 40 40 0 -1").expect("a process");
        let number = Pid::from_raw;
        assert_eq!(found, Found { id: number(42), parent: number(7), group: number(40), state: 'T' });
        assert!(found.is_still() && !found.is_zombie());
        assert_eq!(parse("42 (cut"), None);
        assert_eq!(parse("42 (cut) R x"), None);
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let process = |id, parent| Found {
            id: Pid::from_raw(id),
            parent: Pid::from_raw(parent),
            group: Pid::from_raw(id),
            state: 'S',
        };
        // 30 and 20 come from 10; 5 is above, 40 another's. 60 and 61 are each other's, as two reads may show them.
        let all = [process(20, 30), process(30, 10), process(10, 5), process(40, 5), process(60, 61), process(61, 60)];
        let ids = |first: i32| -> Vec<i32> {
            with_descendants(&all, |found| found.id.as_raw() == first).iter().map(|found| found.id.as_raw()).collect()
        };
        assert_eq!(ids(10), [10, 30, 20]);
        assert_eq!(ids(60), [60, 61]);
        assert_eq!(ids(99), [0; 0]);
    }

    #[test]
    fn we_are_among_all() {
        assert!(all().iter().any(|found| found.id == nix::unistd::getpid()));
    }
}
