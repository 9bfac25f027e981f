//! A program that is typed to and read through pipes. It ends with its value.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use peerline_stress::process;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// It runs, and what it has said is read line by line.
pub struct Piped {
    child: Child,
    /// What it said and was not looked at yet.
    said: Vec<u8>,
}

impl Drop for Piped {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

impl Piped {
    /// Starts it. What it says of errors is not read.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(command: &mut Command) -> io::Result<Piped> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Piped { child: command.spawn()?, said: Vec::new() })
    }

    /// One that was started with pipes.
    pub fn of(child: Child) -> Piped {
        Piped { child, said: Vec::new() }
    }

    /// Types a line.
    ///
    /// # Errors
    /// When it has ended.
    pub fn type_line(&mut self, line: &str) -> io::Result<()> {
        let input = self.child.stdin.as_mut().ok_or_else(|| io::Error::other("it reads nothing"))?;
        input.write_all(format!("{line}\n").as_bytes())
    }

    /// Waits for a line that holds this. What stands before it is passed over.
    ///
    /// # Errors
    /// When it does not come until then.
    pub fn wait_for(&mut self, part: &str, until: Instant) -> io::Result<()> {
        loop {
            let found = self.said.windows(part.len()).position(|bytes| bytes == part.as_bytes());
            let end = found.and_then(|at| Some(at + self.said[at..].iter().position(|byte| *byte == b'\n')?));
            if let Some(end) = end {
                self.said.drain(..=end);
                return Ok(());
            }
            self.read(until)?;
        }
    }

    fn read(&mut self, until: Instant) -> io::Result<()> {
        let output = self.child.stdout.as_mut().ok_or_else(|| io::Error::other("it says nothing"))?;
        let left = until.saturating_duration_since(Instant::now());
        let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], wait)? == 0 {
            let said = String::from_utf8_lossy(&self.said).into_owned();
            return Err(io::Error::other(format!("it does not say what it should, but {said:?}")));
        }
        let mut buffer = [0; 4096];
        match output.read(&mut buffer)? {
            0 => Err(io::Error::other("it has ended")),
            count => {
                self.said.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_program_is_typed_to_and_heard() {
        let until = Instant::now() + Duration::from_secs(30);
        let mut cat = Piped::start(&mut Command::new("cat")).expect("it starts");
        cat.type_line("one").expect("typed");
        cat.type_line("two three").expect("typed");
        cat.wait_for("two", until).expect("said");
        assert!(cat.wait_for("three", Instant::now()).is_err());
    }
}
