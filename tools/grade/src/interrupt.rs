//! Ctrl-C: the servers are in process groups of their own, so the terminal does not end them, and the grader does.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The exit code of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// What there is to clean up. It is locked while a server starts, so that none can start behind the last look.
static STARTED: Mutex<Started> = Mutex::new(Started { groups: Vec::new(), folder: None });

struct Started {
    groups: Vec<i32>,
    folder: Option<PathBuf>,
}

/// Has Ctrl-C, SIGTERM and SIGHUP end the servers, remove `folder` and end the grader.
///
/// # Errors
/// A sentence.
pub fn install(folder: PathBuf) -> Result<(), String> {
    lock().folder = Some(folder);
    ctrlc::set_handler(|| {
        let started = lock();
        for group in &started.groups {
            let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
        }
        if let Some(folder) = &started.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
        std::process::exit(INTERRUPTED)
    })
    .map_err(|error| format!("Ctrl-C cannot be handled: {error}"))
}

/// Starts a command that is the leader of its group.
///
/// # Errors
/// What the system says.
pub fn start(command: &mut Command) -> io::Result<Child> {
    let mut started = lock();
    let child = command.spawn()?;
    started.groups.push(child.id() as i32);
    Ok(child)
}

/// This group is gone.
pub fn forget(group: i32) {
    lock().groups.retain(|other| *other != group);
}

fn lock() -> MutexGuard<'static, Started> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}
