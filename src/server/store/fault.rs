//! Where a test may end the process: between two system calls that change a file. In the program there is nothing here.

use std::fs::File;
use std::io::{self, Write};

/// The variable with the number of the point.
#[cfg(test)]
pub const VARIABLE: &str = "PEERLINE_TEST_KILLED_AT";

/// A point between two system calls.
#[cfg(not(test))]
pub fn point() {}

/// Writes rows, by one write.
///
/// # Errors
/// What the system says.
#[cfg(not(test))]
pub fn write(file: &mut File, rows: &[u8]) -> io::Result<()> {
    file.write_all(rows)
}

/// Ends the process at the point whose number is in the environment, as `kill -9` does.
#[cfg(test)]
pub fn point() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let Some(at) = std::env::var(VARIABLE).ok().and_then(|number| number.parse::<usize>().ok()) else { return };
    if PASSED.fetch_add(1, Ordering::SeqCst) == at {
        nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL).expect("this process");
    }
}

/// What a system may leave of one write when it is ended: the first half of it.
#[cfg(test)]
pub fn write(file: &mut File, rows: &[u8]) -> io::Result<()> {
    let (first, second) = rows.split_at(rows.len() / 2);
    file.write_all(first)?;
    point();
    file.write_all(second)
}
