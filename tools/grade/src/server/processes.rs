//! What `/proc` says of processes: those of the server, however many it has started.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The time that `/proc/PID/stat` counts in: 100 ticks a second, on every Linux.
const TICK: Duration = Duration::from_millis(10);
const PAGE: u64 = 4096;

/// A process at one moment.
#[derive(Clone, Debug)]
pub struct Process {
    pub id: i32,
    pub parent: i32,
    pub group: i32,
    /// When it began, in ticks since the system did. With it an id means one process for ever.
    pub born: u64,
    /// It has ended, and nobody has asked how.
    pub is_over: bool,
    /// Processor time so far.
    pub cpu: Duration,
    /// Memory that it has at the moment, in bytes.
    pub memory: u64,
}

impl Process {
    /// What no other process has, before or after it.
    pub fn identity(&self) -> (i32, u64) {
        (self.id, self.born)
    }
}

/// All processes.
pub fn all() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // One that has ended meanwhile is none.
    ids.filter_map(read).collect()
}

/// The process of this id, if there is one.
pub fn read(id: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything, so what counts is behind the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let (parent, group) = (fields.get(1)?.parse().ok()?, fields.get(2)?.parse().ok()?);
    let (ticks, born) = (number(11)? + number(12)?, number(19)?);
    let is_over = matches!(*fields.first()?, "Z" | "X");
    let (cpu, memory) = (TICK * u32::try_from(ticks).ok()?, number(21)? * PAGE);
    Some(Process { id, parent, group, born, is_over, cpu, memory })
}

/// Whether a process was started with this variable in its environment, or is a descendant of one that was.
pub fn has_variable(id: i32, variable: &str) -> bool {
    let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|one| one == variable.as_bytes())
}

/// Whether a thread of these processes runs, or is in line for a processor.
pub fn is_any_running(processes: &[Process]) -> bool {
    let threads = processes.iter().flat_map(|process| fs::read_dir(format!("/proc/{}/task", process.id)));
    let mut stats =
        threads.flatten().flatten().filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R')))
}

/// How many files, sockets among them, these processes have open.
pub fn open_files(processes: &[Process]) -> usize {
    processes.iter().map(|process| files(process.id).count()).sum()
}

/// The inodes of the sockets of these processes.
pub fn sockets(processes: &[Process]) -> HashSet<u64> {
    let links = processes.iter().flat_map(|process| files(process.id)).filter_map(|path| fs::read_link(path).ok());
    let inode = |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    links.filter_map(inode).collect()
}

fn files(id: i32) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_one() {
        let own = std::process::id() as i32;
        let found = all().into_iter().find(|process| process.id == own).expect("it runs");
        assert!(found.memory > 100_000 && open_files(&[found]) >= 3);
        assert!(read(own).is_some_and(|again| again.born > 0 && !again.is_over));
        assert!(!has_variable(own, "NO_SUCH_VARIABLE=1"));
    }
}
