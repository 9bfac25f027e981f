//! A cgroup for each command, where the system lets us have one (cgroup v2 with `cgroup.kill`: Linux 5.14): all that is
//! in it ends at once, whoever its parent is. It knows no command.
//!
//! A child that is moved after its start may have children by then. So our whole process goes into the cgroup, starts
//! the child, which is born there, and goes back. Below a cgroup with processes in it no controller is ever on, so a
//! cgroup of ours changes nothing but who ends together.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{AccessFlags, access};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The processes of a cgroup. Who writes `0` to it goes there.
const PROCESSES: &str = "cgroup.procs";

/// How the folders of ours begin. The id of our process and a number follow.
const NAME: &str = "peerline-";

/// The place for the cgroups of commands: below our own.
pub struct Cgroups {
    ours: PathBuf,
    next: AtomicU64,
}

/// The cgroup of one command. Dropping it removes it, if nothing is left in it.
pub struct Cgroup {
    folder: PathBuf,
    ours: PathBuf,
}

impl Cgroups {
    /// `None` where the system lets us make none, which is no error: a process group and a look at all descendants do
    /// the same, less surely.
    pub fn find() -> Option<Cgroups> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let ours = folder(&own, &fs::read_to_string("/proc/self/mountinfo").ok()?)?;
        access(&ours, AccessFlags::W_OK).ok()?;
        access(&ours.join(PROCESSES), AccessFlags::W_OK).ok()?;
        remove_old(&ours);
        let cgroups = Cgroups { ours, next: AtomicU64::default() };
        let kill = cgroups.make().ok()?.folder.join("cgroup.kill");
        kill.exists().then_some(cgroups)
    }

    /// Makes one, with nothing in it.
    ///
    /// # Errors
    /// What the system says: too many, most likely.
    pub fn make(&self) -> io::Result<Cgroup> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.ours.join(format!("{NAME}{}-{number}", process::id()));
        fs::create_dir(&folder)?;
        Ok(Cgroup { folder, ours: self.ours.clone() })
    }
}

impl Cgroup {
    /// Takes our whole process into it: what is started now is born in it.
    ///
    /// # Errors
    /// What the system says. Then we are where we were.
    pub fn enter(&self) -> io::Result<()> {
        fs::write(self.folder.join(PROCESSES), "0")
    }

    /// Takes us back.
    ///
    /// # Errors
    /// What the system says. Then we are in it, so it must not be killed.
    pub fn leave(&self) -> io::Result<()> {
        fs::write(self.ours.join(PROCESSES), "0")
    }

    /// Kills all that is in it, and waits until nothing is, but zombies; at most until `until`.
    ///
    /// # Errors
    /// What the system says, or that something was left.
    pub fn kill(&self, until: Instant) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.kill"), "1")?;
        let mut events = File::open(self.folder.join("cgroup.events"))?;
        loop {
            let mut text = String::new();
            events.rewind()?;
            events.read_to_string(&mut text)?;
            if text.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
            // Raised when the file has changed since it was read.
            if poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLPRI)], timeout) == Ok(0) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // One that is left, with processes or with cgroups in it, goes with the next start.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Removes what clients that were killed have left, if nothing runs there. One that another client has just made goes
/// too: then that client does without.
fn remove_old(ours: &Path) {
    let Ok(entries) = fs::read_dir(ours) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME)) {
        let _ = fs::remove_dir(entry.path());
    }
}

/// The folder of our own cgroup, by what `/proc/self/cgroup` and `/proc/self/mountinfo` say.
fn folder(own: &str, mounts: &str) -> Option<PathBuf> {
    let own = Path::new(own.lines().find_map(|line| line.strip_prefix("0::"))?);
    // Outside of what we see of the cgroups.
    if own.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let is_cgroup = system.split(' ').next() == Some("cgroup2");
        // Blanks and such in a path are written as octal numbers; nobody mounts it there.
        let is_plain = is_cgroup && !point.contains('\\');
        is_plain.then(|| own.strip_prefix(root).ok())?.map(|below| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 0:21 / /sys rw - sysfs sysfs rw\n\
        29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn our_own_cgroup_is_where_it_is_mounted() {
        let own = "0::/user.slice/user@1000.service/app.slice/x.scope\n";
        let expected = "/sys/fs/cgroup/user.slice/user@1000.service/app.slice/x.scope";
        assert_eq!(folder(own, MOUNTS), Some(expected.into()));
        let mixed = "9:name=systemd:/\n4:memory:/other\n0::/\n";
        let unified = "38 29 0:33 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n";
        assert_eq!(folder(mixed, unified), Some("/sys/fs/cgroup/unified".into()));
        let part = "38 29 0:33 /box /cgroups rw - cgroup2 none rw\n";
        assert_eq!(folder("0::/box/inner\n", part), Some("/cgroups/inner".into()));
    }

    #[test]
    fn where_there_is_none_it_is_not_made_up() {
        assert_eq!(folder("4:memory:/x\n", MOUNTS), None);
        assert_eq!(folder("0::/../x\n", MOUNTS), None);
        assert_eq!(folder("0::/x\n", "22 1 0:21 / /sys rw - sysfs sysfs rw\n"), None);
        assert_eq!(folder("0::/x\n", "38 29 0:33 /box /cgroups rw - cgroup2 none rw\n"), None);
        assert_eq!(folder("0::/x\n", "38 29 0:33 / /a\\040b rw - cgroup2 none rw\n"), None);
    }
}
