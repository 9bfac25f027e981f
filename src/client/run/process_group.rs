//! The processes below this one: a command's group, and what left its group to live on by itself.
//!
//! Killing a process group misses whoever has made a group or session of their own, as daemons do. So this process
//! is their reaper (PR_SET_CHILD_SUBREAPER): when their parents die they become our children, where they are found.
//! This program starts no other children than the commands that it runs for peers; those that it has inherited, from
//! a shell that has become this program, are left alone.

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// Rounds of killing before we give up, and the longest pause between two: two seconds in all. A killed process is
/// gone within a millisecond or so, unless the kernel itself waits for a device.
const ROUNDS: u32 = 45;
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The commands that run; held also while one is started, so that it is never taken for
/// what another one has left.
static LEADERS: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

/// Children that were there before the first command: not ours to kill.
static INHERITED: OnceLock<BTreeSet<Pid>> = OnceLock::new();

/// A command that runs, as the leader of a process group of its own. Dropping it ends it.
pub struct ProcessGroup {
    leader: Child,
    id: Pid,
    ended: bool,
}

impl ProcessGroup {
    /// Starts a command in a process group of its own.
    ///
    /// # Errors
    /// What the system says: no such program, most likely.
    pub fn start(command: &mut Command) -> io::Result<ProcessGroup> {
        prctl::set_child_subreaper(true)?;
        let mut leaders = leaders();
        INHERITED.get_or_init(|| {
            let ours = processes().into_iter().filter(|found| found.parent == getpid());
            ours.map(|found| found.id).collect()
        });
        let leader = command.process_group(0).spawn()?;
        let id = Pid::from_raw(i32::try_from(leader.id()).map_err(io::Error::other)?);
        leaders.insert(id);
        Ok(ProcessGroup { leader, id, ended: false })
    }

    /// The process, for its pipes.
    pub fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Whether the command itself has ended, whatever it has left behind.
    pub fn has_ended(&self) -> bool {
        // Left as a zombie, so that its id, and that of its group, stays its own until the group is killed.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(self.id), flags), Ok(WaitStatus::StillAlive))
    }

    /// Kills what is left of the command, its group and all that came from it, and waits until they are gone.
    /// `None` when they are not, after two seconds.
    pub fn end(&mut self) -> Option<ExitStatus> {
        self.ended = true;
        // An error says that nobody is left.
        let _ = killpg(self.id, Signal::SIGKILL);
        let (mut status, mut pause) = (None, Duration::from_millis(1));
        for _ in 0..ROUNDS {
            status = status.or_else(|| self.leader.try_wait().ok().flatten());
            if kill_descendants(self.id) == 0 && status.is_some() {
                break;
            }
            thread::sleep(pause);
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        leaders().remove(&self.id);
        status
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.ended {
            self.end();
        }
    }
}

/// Kills our children that belong to no running command, or only to that of `ending`; returns how many there were.
/// The children of those become ours, so it takes as many calls as there are generations. A daemon of a command that
/// still runs beside is killed too early by this: it would be killed anyway.
fn kill_descendants(ending: Pid) -> usize {
    let leaders = leaders();
    let is_descendant = |found: &&Found| {
        let inherited = INHERITED.get().is_some_and(|inherited| inherited.contains(&found.id));
        let others = found.group != ending && leaders.contains(&found.group);
        found.parent == getpid() && !leaders.contains(&found.id) && !others && !inherited
    };
    let processes = processes();
    let descendants: Vec<&Found> = processes.iter().filter(is_descendant).collect();
    for descendant in &descendants {
        // Errors say that it is gone. If it only is by the next call, it is counted, and waited for, once more.
        let _ = kill(descendant.id, Signal::SIGKILL);
        let _ = waitpid(descendant.id, Some(WaitPidFlag::WNOHANG));
    }
    descendants.len()
}

/// A process, as `/proc` has it.
struct Found {
    id: Pid,
    parent: Pid,
    group: Pid,
}

fn processes() -> Vec<Found> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| find(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Reads `/proc/ID/stat`: `ID (NAME) STATE PARENT GROUP ...`, where NAME may hold anything, `)` too.
fn find(id: i32) -> Option<Found> {
    let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(1).map(|field| field.parse().map(Pid::from_raw));
    Some(Found { id: Pid::from_raw(id), parent: fields.next()?.ok()?, group: fields.next()?.ok()? })
}

fn leaders() -> MutexGuard<'static, BTreeSet<Pid>> {
    LEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}
