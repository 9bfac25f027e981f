//! The processes below this one: a command's group, and what left its group to live on by itself.
//!
//! Killing a process group misses whoever has made a group or session of their own, as daemons do. So this process
//! is their reaper (PR_SET_CHILD_SUBREAPER): when their parents die they become our children, where they are found.
//! Who is killed first may wake another that starts a new one: so all are stopped before any is killed, and where there
//! are cgroups the system does it at once. This program starts no other children than the commands that it runs for
//! peers; those that it has inherited, from a shell that has become this program, are left alone.

use super::cgroup::{Cgroup, Cgroups};
use super::processes::{self, Found};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long we kill before we give up, and the pauses between two rounds. A killed process is gone within a millisecond
/// or so, unless the kernel itself waits for a device.
const LIMIT: Duration = Duration::from_secs(2);
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The most looks until all stand still. A process that the kernel lets wait for a device does not.
const LOOKS: u32 = 32;

/// Held also while a command is started, so that it is never taken for what another one has left.
static KNOWN: Mutex<Known> = Mutex::new(Known { leaders: BTreeSet::new(), inherited: None, left: BTreeSet::new() });

/// Which processes below us are what.
struct Known {
    /// The commands that run.
    leaders: BTreeSet<Pid>,
    /// Children that were there before the first command: not ours to kill.
    inherited: Option<BTreeSet<Pid>>,
    /// What commands have left that we could not end.
    left: BTreeSet<Pid>,
}

/// A command that runs, as the leader of a process group of its own. Dropping it ends it.
pub struct ProcessGroup {
    leader: Child,
    id: Pid,
    /// `None` where there are no cgroups for us.
    cgroup: Option<Cgroup>,
    ended: bool,
}

/// What became of a command.
#[derive(Debug)]
pub struct Ended {
    /// How it ended; `None` when it did not.
    pub status: Option<ExitStatus>,
    /// The processes of it that could not be ended.
    pub left: Vec<Pid>,
}

impl ProcessGroup {
    /// Starts a command in a process group of its own, and in a cgroup of its own where it can.
    ///
    /// # Errors
    /// What the system says: no such program, most likely.
    pub fn start(command: &mut Command, cgroups: Option<&Cgroups>) -> io::Result<ProcessGroup> {
        prctl::set_child_subreaper(true)?;
        let mut known = known();
        known.inherited.get_or_insert_with(|| {
            let ours = processes::all().into_iter().filter(|found| found.parent == getpid());
            ours.map(|found| found.id).collect()
        });
        let cgroup = cgroups.and_then(|cgroups| cgroups.make().ok()).filter(|cgroup| cgroup.enter().is_ok());
        let leader = command.process_group(0).spawn();
        // Killing one that we could not leave would end us.
        let cgroup = cgroup.filter(|cgroup| cgroup.leave().is_ok());
        let leader = leader?;
        let id = Pid::from_raw(i32::try_from(leader.id()).map_err(io::Error::other)?);
        known.leaders.insert(id);
        Ok(ProcessGroup { leader, id, cgroup, ended: false })
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

    /// Kills what is left of the command, its cgroup, its group and all that came from it, and waits until they are
    /// gone, for two seconds at most.
    pub fn end(&mut self) -> Ended {
        self.ended = true;
        let until = Instant::now() + LIMIT;
        // What this leaves, because it has moved itself elsewhere, is found below.
        let _ = self.cgroup.as_ref().map(|cgroup| cgroup.kill(until));
        let (mut status, (mut pause, longest)) = (None, PAUSES);
        let left = loop {
            let left = self.kill_all(status.is_none());
            status = status.or_else(|| self.leader.try_wait().ok().flatten());
            if Instant::now() >= until || left.is_empty() && status.is_some() {
                break left;
            }
            thread::sleep(pause);
            pause = longest.min(pause * 2);
        };
        self.cgroup = None;
        let left: Vec<Pid> = left.iter().filter(|found| !found.is_zombie()).map(|found| found.id).collect();
        let mut known = known();
        known.leaders.remove(&self.id);
        known.left.extend(&left);
        Ended { status, left }
    }

    /// Stops all that is left, then kills it; returns what there was beside the leader's zombie. If it is only gone
    /// by the next round, it is counted once more.
    fn kill_all(&self, is_leader_there: bool) -> Vec<Found> {
        // As long as the leader is not reaped, no other has its number. This also serves where there is no /proc.
        let group = |signal| is_leader_there.then(|| killpg(self.id, signal));
        if !self.has_ended() {
            group(Signal::SIGSTOP);
        }
        let rest = stop(|| {
            let rest = Rest::of_command(self.id);
            // Also behind the leader's own zombie, where `reap_strays` finds none.
            rest.reap(&known());
            rest
        });
        group(Signal::SIGKILL);
        rest.signal(Signal::SIGKILL, |_| true);
        rest.reap(&known());
        rest.processes.into_iter().filter(|found| !(found.id == self.id && found.is_zombie())).collect()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.ended {
            self.end();
        }
    }
}

/// What is there of commands.
struct Rest {
    processes: Vec<Found>,
    /// The process groups in which nobody else is. A signal reaches all of a group at once, also who is born meanwhile.
    groups: BTreeSet<Pid>,
}

impl Rest {
    /// Those of `all` for which `is_first` holds, and all that come from them.
    fn new(all: &[Found], is_first: impl Fn(&Found) -> bool) -> Rest {
        let processes = processes::with_descendants(all, is_first);
        let ids: BTreeSet<Pid> = processes.iter().map(|found| found.id).collect();
        let shared: BTreeSet<Pid> =
            all.iter().filter(|found| !ids.contains(&found.id)).map(|found| found.group).collect();
        let groups = processes.iter().map(|found| found.group).filter(|group| !shared.contains(group)).collect();
        Rest { processes, groups }
    }

    /// What came from a command: its leader, and what is our child and belongs to no other command that runs, with all
    /// that came from them. A daemon of a command that runs beside is ended too early by this: it would be ended
    /// anyway.
    fn of_command(leader: Pid) -> Rest {
        // In this order: who is started in between is known when it is found.
        let (all, known) = (processes::all(), known());
        Rest::new(&all, |found| {
            let is_other = found.group != leader && known.leaders.contains(&found.group);
            found.parent == getpid() && found.id == leader || known.is_stray(found) && !is_other
        })
    }

    /// Sends a signal to all groups, and to those for which `is_meant` holds; returns how many these were.
    fn signal(&self, signal: Signal, is_meant: impl Fn(&Found) -> bool) -> usize {
        // Errors say that it is gone, or another user's.
        for group in &self.groups {
            let _ = killpg(*group, signal);
        }
        let meant: Vec<&Found> = self.processes.iter().filter(|found| is_meant(found)).collect();
        for found in &meant {
            let _ = kill(found.id, signal);
        }
        meant.len()
    }

    /// Takes the ends of those of our children that have ended, but for commands: who reaps one learns how it ended.
    fn reap(&self, known: &Known) {
        for found in self.processes.iter().filter(|found| !known.leaders.contains(&found.id)) {
            let _ = waitpid(found.id, Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// Stops all that `look` finds, and looks again until two looks show the same ones, and all of them stand still.
fn stop(look: impl Fn() -> Rest) -> Rest {
    let mut before = BTreeSet::new();
    let mut rest = look();
    for _ in 0..LOOKS {
        let ids = rest.processes.iter().map(|found| found.id).collect();
        let stopped = rest.signal(Signal::SIGSTOP, |found| !found.is_still());
        if stopped == 0 && ids == before {
            break;
        }
        if stopped > 0 {
            thread::sleep(PAUSES.0);
        }
        before = ids;
        rest = look();
    }
    rest
}

/// Goes on ending what commands have left, and reaps it; returns how many are there still.
pub fn end_left() -> usize {
    if known().left.is_empty() {
        return 0;
    }
    let (all, mut known) = (processes::all(), known());
    let is_left = |found: &Found| known.left.contains(&found.id) || known.is_stray(found) && found.is_zombie();
    let rest = Rest::new(&all, is_left);
    rest.signal(Signal::SIGKILL, |_| true);
    rest.reap(&known);
    known.left = rest.processes.iter().filter(|found| !found.is_zombie()).map(|found| found.id).collect();
    known.left.len()
}

/// Reaps what commands have left and what has ended by itself. A command that leaves one process after the other would
/// else fill the system with zombies while it runs, until nobody can start anything.
pub fn reap_strays() {
    // Held, so that no command is started that is not known yet.
    let known = known();
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Some(id) = waitid(Id::All, flags).ok().and_then(|status| status.pid()) {
        // The end of a command is for who runs it. Behind it no other is found, until it is reaped within two seconds.
        if known.leaders.contains(&id) || waitpid(id, Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}

impl Known {
    /// Whether it is a child of ours that is no command.
    fn is_stray(&self, found: &Found) -> bool {
        let inherited = self.inherited.as_ref().is_some_and(|inherited| inherited.contains(&found.id));
        found.parent == getpid() && !self.leaders.contains(&found.id) && !inherited
    }
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
