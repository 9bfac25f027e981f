//! Ctrl-C and its like: the servers are in process groups of their own, so the terminal does not end them, and the grader
//! does.

use crate::server::family;
use nix::sys::signal::{SigSet, Signal};
use std::path::{Path, PathBuf};
use std::thread;

/// The exit codes of a program that Ctrl-C, or Ctrl-\, has ended.
const INTERRUPTED: i32 = 130;
const QUIT: i32 = 131;

/// Has Ctrl-C, Ctrl-\, SIGTERM and SIGHUP end the servers, remove `folder` and end the grader. It comes before all threads:
/// these inherit what is blocked.
///
/// # Errors
/// A sentence.
pub fn install(folder: PathBuf) -> Result<(), String> {
    // `ctrlc` does not know SIGQUIT. It is blocked, and a thread waits for it.
    let quit = SigSet::from(Signal::SIGQUIT);
    quit.thread_block().map_err(|error| format!("SIGQUIT cannot be handled: {error}"))?;
    let own = folder.clone();
    let wait = move || {
        if quit.wait().is_ok() {
            end(&own, QUIT)
        }
    };
    let named = thread::Builder::new().name("quit".to_owned());
    named.spawn(wait).map_err(|error| format!("SIGQUIT cannot be handled: {error}"))?;
    ctrlc::set_handler(move || end(&folder, INTERRUPTED)).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))
}

fn end(folder: &Path, code: i32) {
    // Kept to the end, so that no other server starts.
    let _closed = family::end_all();
    // Nothing writes into it any more.
    let _ = std::fs::remove_dir_all(folder);
    std::process::exit(code)
}
