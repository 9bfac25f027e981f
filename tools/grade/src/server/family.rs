//! Whose a process is: all that a server has started, in whatever group and session it is.
//!
//! The grader is the subreaper of its descendants: where a parent ends, the grader becomes the parent. So whatever a server
//! starts is a descendant of the grader as long as it lives, and can be found, ended, and asked how it has ended.
//!
//! Others may come to it in the same way: from a shell whose place it has taken, or, where it is the first process of a
//! container, from anywhere. Then an orphan is a server's only if its environment says so, or it was seen before.

use super::Ended;
use super::processes::{self, Process};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long is tried to kill all of them: what was left may have started others meanwhile.
const LONGEST: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(5);

/// A process, for ever: its id, and when it began.
type Identity = (i32, u64);

/// All servers that run. It is locked while one starts, so that none can start behind the last look.
static FAMILIES: Mutex<Families> =
    Mutex::new(Families { running: Vec::new(), strangers: BTreeSet::new(), is_shared: false, ends: BTreeMap::new() });

/// Nothing is started as long as this is kept.
pub type Closed = MutexGuard<'static, Families>;

/// The servers that run, and who is no server's.
pub struct Families {
    running: Vec<Family>,
    /// Descendants that the grader had before it started any: a shell's, whose place it has taken.
    strangers: BTreeSet<Identity>,
    /// Orphans may come to the grader that no server has started.
    is_shared: bool,
    /// How those have ended who became the grader's children.
    ends: BTreeMap<i32, Ended>,
}

/// A server.
struct Family {
    first: i32,
    /// When the first one began.
    born: u64,
    /// What its processes have in their environment, as a rule.
    variable: String,
    /// All that was ever seen of it.
    members: BTreeSet<Identity>,
}

/// Makes the grader the parent of orphans, before the first server starts.
///
/// # Errors
/// A sentence.
pub fn begin() -> Result<(), String> {
    prctl::set_child_subreaper(true).map_err(|error| format!("no subreaper: {error}"))?;
    let all = processes::all();
    let mut families = lock();
    families.strangers = own_lines(&all).iter().map(|line| line[0].identity()).collect();
    families.is_shared = !families.strangers.is_empty() || std::process::id() == 1;
    Ok(())
}

/// Starts a command that is the leader of its group, as a server with this variable.
///
/// # Errors
/// What the system says.
pub fn start(command: &mut Command, variable: &str) -> io::Result<Child> {
    let mut families = lock();
    // It inherits what is blocked, and the grader blocks SIGQUIT, for which a thread waits. A SIGQUIT in this very moment ends
    // the grader alone: only a handler could prevent that, and there is none without unsafe code.
    let blocked = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let child = command.spawn();
    blocked.thread_set_mask()?;
    let child = child?;
    let first = child.id() as i32;
    let born = processes::read(first).map_or(0, |process| process.born);
    families.running.push(Family { first, born, variable: variable.to_owned(), members: BTreeSet::new() });
    Ok(child)
}

/// The processes of the server that began as `first`.
pub fn of(first: i32) -> Vec<Process> {
    let all = processes::all();
    let mut families = lock();
    families.look(&all);
    let family = families.running.iter().find(|family| family.first == first);
    let is_its = |process: &Process| family.is_some_and(|family| family.members.contains(&process.identity()));
    all.into_iter().filter(|process| !process.is_over && is_its(process)).collect()
}

/// How a process has ended, where its parent ended before it.
pub fn end_of(process: i32) -> Option<Ended> {
    let all = processes::all();
    let mut families = lock();
    families.look(&all);
    families.ends.get(&process).copied()
}

/// This server is gone.
pub fn forget(first: i32) {
    let mut families = lock();
    families.running.retain(|family| family.first != first);
    if families.running.is_empty() {
        families.ends.clear();
    }
}

/// Kills all that any server has left. No other one starts before what comes back is dropped.
pub fn end_all() -> Closed {
    let mut families = lock();
    let until = Instant::now() + LONGEST;
    loop {
        let all = processes::all();
        families.look(&all);
        let lines = own_lines(&all);
        let left: Vec<&Process> =
            lines.iter().filter(|line| !line[0].is_over && families.are_own(line)).map(|line| line[0]).collect();
        if left.is_empty() || Instant::now() >= until {
            return families;
        }
        for process in left {
            // It may be over already.
            let _ = kill(Pid::from_raw(process.id), Signal::SIGKILL);
        }
        thread::sleep(POLL);
    }
}

impl Families {
    /// Notes whose those are who have come, and asks how those have ended whose parent is gone.
    fn look(&mut self, all: &[Process]) {
        let own = std::process::id() as i32;
        for line in own_lines(all) {
            let process = line[0];
            if self.are_strange(&line) {
                // It stays so when its parent ends.
                self.strangers.insert(process.identity());
                continue;
            }
            if let Some(at) = self.owner(&line) {
                self.running[at].members.insert(process.identity());
            }
            let is_first = self.running.iter().any(|family| family.first == process.id);
            if process.is_over && process.parent == own && !is_first {
                self.reap(process.id);
            }
        }
    }

    fn are_strange(&self, line: &[&Process]) -> bool {
        line.iter().any(|process| self.strangers.contains(&process.identity()))
    }

    /// Whether the first of this line comes from a server, be it one that is gone.
    fn are_own(&self, line: &[&Process]) -> bool {
        let mark = format!("GRADE_SERVER={}-", std::process::id());
        let is_marked = |process: &&Process| processes::has_variable_that_begins(process.id, &mark);
        !self.are_strange(line) && (!self.is_shared || self.owner(line).is_some() || line.iter().any(is_marked))
    }

    /// Whose the first of this line is. Who has left everything that tells so is the only one's, where there is only one and
    /// nobody else can be meant.
    fn owner(&self, line: &[&Process]) -> Option<usize> {
        let is_its = |family: &Family, process: &&Process| {
            [process.id, process.group].contains(&family.first) || family.members.contains(&process.identity())
        };
        let known = self.running.iter().position(|family| line.iter().any(|process| is_its(family, process)));
        known.or_else(|| {
            let orphan = line.last()?;
            let is_marked = |family: &Family| processes::has_variable(orphan.id, &family.variable);
            match self.running.as_slice() {
                [only] if !self.is_shared => Some(0).filter(|_| orphan.born >= only.born),
                several => several.iter().position(is_marked),
            }
        })
    }

    fn reap(&mut self, id: i32) {
        let ended = match waitpid(Pid::from_raw(id), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => Ended::Code(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Signal(signal as i32),
            // Another thread was faster.
            Ok(_) | Err(Errno::ECHILD) | Err(_) => return,
        };
        self.ends.insert(id, ended);
    }
}

/// The descendants of the grader, each with its ancestors up to the grader's own child.
fn own_lines(all: &[Process]) -> Vec<Vec<&Process>> {
    let (own, by_id) = (std::process::id() as i32, by_id(all));
    all.iter().filter_map(|process| line(process, own, &by_id)).collect()
}

fn by_id(all: &[Process]) -> HashMap<i32, &Process> {
    all.iter().map(|process| (process.id, process)).collect()
}

fn line<'a>(process: &'a Process, own: i32, by_id: &HashMap<i32, &'a Process>) -> Option<Vec<&'a Process>> {
    let mut line = vec![process];
    // They were not read at one moment, so what they say may go round in a circle.
    while line.len() <= by_id.len() {
        let parent = line[line.len() - 1].parent;
        if parent == own {
            return Some(line);
        }
        line.push(by_id.get(&parent)?);
    }
    None
}

fn lock() -> Closed {
    FAMILIES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(id: i32, parent: i32, group: i32) -> Process {
        Process { id, parent, group, born: 7, has_lost_main: false, is_over: false, cpu: Duration::ZERO, memory: 0 }
    }

    fn family(first: i32) -> Family {
        Family { first, born: 7, variable: "NOBODY=1".into(), members: BTreeSet::new() }
    }

    fn families(firsts: &[i32]) -> Families {
        let running = firsts.iter().map(|first| family(*first)).collect();
        Families { running, strangers: BTreeSet::new(), is_shared: false, ends: BTreeMap::new() }
    }

    #[test]
    fn a_line_leads_up_to_the_grader_and_never_round() {
        let all = [process(10, 1, 1), process(20, 10, 20), process(30, 20, 30), process(40, 41, 1), process(41, 40, 1)];
        let ids = |at: usize| {
            let line = line(&all[at], 10, &by_id(&all))?;
            Some(line.iter().map(|process| process.id).collect::<Vec<i32>>())
        };
        assert_eq!((ids(2), ids(0), ids(3)), (Some(vec![30, 20]), None, None));
    }

    #[test]
    fn a_process_belongs_to_who_started_it_wherever_it_has_gone() {
        let two = families(&[20, 50]);
        let (first, session, orphan) = (process(50, 10, 50), process(60, 50, 60), process(70, 10, 60));
        assert_eq!(two.owner(&[&session, &first]), Some(1));
        assert_eq!(two.owner(&[&orphan]), None);
        assert_eq!(families(&[50]).owner(&[&orphan]), Some(0));
        // What is older than the only one is not its own.
        let older = Process { born: 6, ..orphan.clone() };
        assert_eq!(families(&[50]).owner(&[&older]), None);
        // Nor is what may be anybody's.
        assert_eq!(Families { is_shared: true, ..families(&[50]) }.owner(&[&orphan]), None);
        // What was seen once stays.
        let mut seen = two;
        seen.running[0].members.insert(orphan.identity());
        assert_eq!(seen.owner(&[&orphan]), Some(0));
    }

    #[test]
    fn who_was_there_before_is_strange_and_so_are_its_children() {
        let mut families = families(&[20]);
        let (before, child) = (process(15, 10, 15), process(16, 15, 15));
        families.strangers.insert(before.identity());
        assert!(families.are_strange(&[&child, &before]) && !families.are_strange(&[&child]));
        // The child's parent may end before anybody has looked.
        assert!(families.are_own(&[&child]));
        families.is_shared = true;
        assert!(!families.are_own(&[&child]) && families.are_own(&[&process(20, 10, 20)]));
    }
}
