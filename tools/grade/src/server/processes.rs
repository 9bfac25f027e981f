//! What `/proc` says of processes: those of the server, however many it has started.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
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
    /// It has ended with all its threads, and nobody has asked how.
    pub is_over: bool,
    /// Its first thread has ended, and maybe all. What the threads share is then to be seen at one that is left alone.
    pub has_lost_main: bool,
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
    let mut process = parse(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?;
    if process.has_lost_main && !process.is_over {
        let stats = threads(id).filter_map(|thread| fs::read_to_string(thread.join("stat")).ok());
        process.memory = stats.filter_map(|stat| Some(parse(id, &stat)?.memory)).max().unwrap_or_default();
    }
    Some(process)
}

fn parse(id: i32, stat: &str) -> Option<Process> {
    // The name in parentheses may hold anything, so what counts is behind the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let (parent, group) = (fields.get(1)?.parse().ok()?, fields.get(2)?.parse().ok()?);
    let (ticks, born) = (number(11)? + number(12)?, number(19)?);
    let state = *fields.first()?;
    let has_lost_main = state == "Z";
    let is_over = state == "X" || (has_lost_main && number(17)? <= 1);
    let (cpu, memory) = (TICK * u32::try_from(ticks).ok()?, number(21)? * PAGE);
    Some(Process { id, parent, group, born, has_lost_main, is_over, cpu, memory })
}

/// Whether a process has this variable in its environment, as it inherits it.
pub fn has_variable(id: i32, variable: &str) -> bool {
    environment(id).split(|&byte| byte == 0).any(|one| one == variable.as_bytes())
}

/// Whether a variable in the environment of a process, with its name, begins so.
pub fn has_variable_that_begins(id: i32, start: &str) -> bool {
    environment(id).split(|&byte| byte == 0).any(|one| one.starts_with(start.as_bytes()))
}

fn environment(id: i32) -> Vec<u8> {
    of_any_thread(id, |folder| fs::read(folder.join("environ")).unwrap_or_default())
}

/// Whether a thread of these processes runs, or is in line for a processor.
pub fn is_any_running(processes: &[Process]) -> bool {
    let threads = processes.iter().flat_map(|process| threads(process.id));
    let mut stats = threads.filter_map(|thread| fs::read_to_string(thread.join("stat")).ok());
    stats.any(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R')))
}

/// How many files, sockets among them, these processes have open.
pub fn open_files(processes: &[Process]) -> usize {
    processes.iter().map(|process| files(process.id).len()).sum()
}

/// The inodes of the sockets of these processes.
pub fn sockets(processes: &[Process]) -> HashSet<u64> {
    let links = processes.iter().flat_map(|process| files(process.id)).filter_map(|path| fs::read_link(path).ok());
    let inode = |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    links.filter_map(inode).collect()
}

fn files(id: i32) -> Vec<PathBuf> {
    of_any_thread(id, |folder| entries(&folder.join("fd")).collect())
}

/// The folders of the threads of a process.
fn threads(id: i32) -> impl Iterator<Item = PathBuf> {
    entries(Path::new(&format!("/proc/{id}/task")))
}

/// What the folder of a process says, or that of a thread: where the first one has ended, the process's own says nothing.
fn of_any_thread<T>(id: i32, read: impl Fn(&Path) -> Vec<T>) -> Vec<T> {
    let own = read(Path::new(&format!("/proc/{id}")));
    if !own.is_empty() {
        return own;
    }
    threads(id).map(|folder| read(&folder)).find(|found| !found.is_empty()).unwrap_or_default()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::thread;
    use std::time::Instant;

    /// Its first thread ends, the other one waits.
    const HEADLESS: &str = "#include <pthread.h>\n#include <unistd.h>\n\
                            static void *wait_on(void *x) { sleep(20); return x; }\n\
                            int main(void) { pthread_t t; pthread_create(&t, 0, wait_on, 0); pthread_exit(0); }\n";

    #[test]
    fn this_process_is_one() {
        let own = std::process::id() as i32;
        let found = all().into_iter().find(|process| process.id == own).expect("it runs");
        assert!(found.memory > 100_000 && open_files(&[found]) >= 3);
        assert!(read(own).is_some_and(|again| again.born > 0 && !again.is_over));
        assert!(!has_variable(own, "NO_SUCH_VARIABLE=1"));
    }

    #[test]
    fn a_process_is_over_when_its_last_thread_is() {
        let over = |state: &str, threads: u32| {
            let stat = format!("9 (a) Z 1 (b) {state} 7 8 8 0 -1 0 0 0 0 0 2 1 0 0 20 0 {threads} 0 500 0 3 0");
            let process = parse(9, &stat).expect("a process");
            assert_eq!((process.parent, process.group, process.born, process.memory), (7, 8, 500, 3 * PAGE));
            process.is_over
        };
        assert_eq!(
            [over("S", 1), over("Z", 2), over("Z", 1), over("Z", 0), over("X", 2)],
            [false, false, true, true, true]
        );
    }

    #[test]
    fn a_process_without_its_first_thread_is_seen_as_any_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let (source, program) = (folder.path().join("headless.c"), folder.path().join("headless"));
        fs::write(&source, HEADLESS).expect("written");
        let built = Command::new("cc").arg("-pthread").arg("-o").args([&program, &source]).status();
        assert!(built.expect("a C compiler").success());
        let mut child = Command::new(&program).env("HEADLESS", "so").spawn().expect("it starts");
        let (id, until) = (child.id() as i32, Instant::now() + Duration::from_secs(10));
        while !read(id).is_some_and(|process| process.has_lost_main) && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let process = read(id).expect("it runs");
        let seen = (has_variable(id, "HEADLESS=so"), has_variable_that_begins(id, "HEADLESS=s"));
        let files = open_files(std::slice::from_ref(&process));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(process.has_lost_main && !process.is_over && process.memory > 0 && files >= 3, "{process:?}, {files}");
        assert_eq!(seen, (true, true));
        assert!(read(id).is_none());
    }
}
