//! How many clients this system can hold: a thread and a descriptor each.
//!
//! Where a limit is met in the middle of the day, connections fail, or (memory maps of the stacks) the process is
//! aborted inside the standard library; so the limits are read and compared at the start. Of open files a process may have
//! more than it begins with, up to its hard limit: so many are asked for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;

/// Descriptors that are not a client's: standard streams, files, listeners, refusals. The usual limit of 1,024 then
/// leaves a thousand.
const RESERVED_FILES: usize = 24;
/// Descriptors of a dialect's port: its listener, the one that Linux sets aside for as long as `accept` waits, and a
/// probe on a guest's door.
const FILES_A_DIALECT: usize = 3;
/// Threads that are not a client's: the own ones, refusals.
const RESERVED_THREADS: usize = 32;
/// Memory maps of a thread: its stack and the guard page, once more for its signal stack.
const MAPS_A_THREAD: usize = 4;
/// Memory maps of the program itself.
const RESERVED_MAPS: usize = 1_000;

/// Refuses a number of clients that the system's limits cannot hold, with so many ports for dialects. The soft limit of open
/// files is raised for them where the hard one lets it.
///
/// # Errors
/// A sentence with the number that they can, and what to raise.
pub fn check(max_clients: usize, dialect_ports: usize) -> Result<(), String> {
    let reserved_files = RESERVED_FILES + dialect_ports * FILES_A_DIALECT;
    let limits = [
        (
            open_files(max_clients.saturating_add(reserved_files)),
            1,
            reserved_files,
            "open files (raise the hard limit: ulimit -Hn, LimitNOFILE=, /etc/security/limits.conf)",
        ),
        (
            number_in("/proc/sys/vm/max_map_count"),
            MAPS_A_THREAD,
            RESERVED_MAPS,
            "memory maps (sysctl vm.max_map_count)",
        ),
        (number_in("/proc/sys/kernel/threads-max"), 1, RESERVED_THREADS, "threads (sysctl kernel.threads-max)"),
        (number_in("/sys/fs/cgroup/pids.max"), 1, RESERVED_THREADS, "threads of this control group (pids.max)"),
    ];
    for (limit, each, reserved, name) in limits {
        // A limit that cannot be read, as outside Linux, is not checked.
        let Some(limit) = limit else { continue };
        let fit = limit.saturating_sub(reserved) / each;
        if max_clients > fit {
            return Err(format!(
                "--max-clients {max_clients}: this system can hold {fit}, as it allows {limit} {name}"
            ));
        }
    }
    Ok(())
}

/// The files that this process may have open: what it has, or what it is given of those that are needed.
fn open_files(needed: usize) -> Option<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = hard.min(needed.try_into().ok()?);
    let is_raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    usize::try_from(if is_raised { wanted } else { soft }).ok()
}

fn number_in(path: &str) -> Option<usize> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_fits_and_a_billion_does_not() {
        assert_eq!(check(50, 4), Ok(()));
        let refused = check(1_000_000_000, 0).expect_err("too many");
        assert!(refused.starts_with("--max-clients 1000000000: this system can hold "), "{refused}");
    }
}
