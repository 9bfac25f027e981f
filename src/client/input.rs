//! Where commands come from: a terminal, or lines of standard input; and the waker that interrupts the wait for them.
//!
//! A `read` of standard input does not return before something is typed. So the waker writes a byte into a pipe that
//! is polled together with it; a terminal has an [`Alarm`].

use super::alarm::Alarm;
use super::terminal::{Terminal, Typed};
use super::waker::Waker;
use crate::protocol::MAX_LINE;
use crate::wire::LineReader;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, IsTerminal, PipeReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// What a pipe takes, in bytes, before anybody reads it.
const PIPE: usize = 64 * 1024;

/// The source of commands.
pub enum Input {
    /// A person at a terminal.
    Terminal(Box<Terminal>),
    /// A pipe or a file.
    Lines(Lines),
}

impl Input {
    /// The terminal if standard input and output are one, else the lines of standard input; these in any case for a
    /// program.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(for_program: bool) -> io::Result<(Input, Waker)> {
        if !for_program && io::stdin().is_terminal() && io::stdout().is_terminal() && Terminal::is_supported() {
            let alarm = Arc::new(Alarm::for_this_thread());
            let terminal = Terminal::new(Arc::clone(&alarm)).map_err(io::Error::other)?;
            return Ok((Input::Terminal(Box::new(terminal)), Waker::of_terminal(alarm)));
        }
        Self::lines(File::from(io::stdin().as_fd().try_clone_to_owned()?))
    }

    /// The lines of a text, in which `;` ends a line too and `\;` is a `;`.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::InvalidInput`] for a text that does not fit a pipe.
    pub fn commands(text: &str) -> io::Result<(Input, Waker)> {
        let lines = text.replace("\\;", "\0").replace(';', "\n").replace('\0', ";");
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim())).collect();
        if lines.len() > PIPE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("at most {PIPE} bytes of commands")));
        }
        let (read, mut write) = io::pipe()?;
        write.write_all(lines.as_bytes())?;
        Self::lines(File::from(OwnedFd::from(read)))
    }

    fn lines(source: File) -> io::Result<(Input, Waker)> {
        let (woken, wake) = io::pipe()?;
        let source = Polled { source, woken };
        Ok((Input::Lines(Lines(LineReader::new(source, MAX_LINE))), Waker::of_pipe(wake)))
    }

    /// Whether a person is there to be asked.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }

    /// Waits for a line. Without a terminal `prompt` is not shown.
    pub fn next(&mut self, prompt: &str) -> Typed {
        match self {
            Input::Terminal(terminal) => terminal.line(prompt),
            Input::Lines(lines) => lines.next(),
        }
    }

    /// Waits for a line that is not shown as it is typed.
    pub fn hidden(&mut self, prompt: &str) -> Typed {
        match self {
            Input::Terminal(terminal) => terminal.hidden(prompt),
            Input::Lines(lines) => lines.next(),
        }
    }
}

/// Lines of standard input.
pub struct Lines(LineReader<Polled>);

/// Standard input (or what stands for it) without a buffer, and the pipe of the waker.
struct Polled {
    source: File,
    woken: PipeReader,
}

/// What [`Polled`] says when it was woken instead.
const WOKEN: io::ErrorKind = io::ErrorKind::WouldBlock;

impl Lines {
    fn next(&mut self) -> Typed {
        match self.0.next_line() {
            Ok(Some(Ok(line))) => Typed::Line(line.to_owned()),
            Ok(Some(Err(bad))) => Typed::Line(bad.to_string()),
            Err(error) if error.kind() == WOKEN => Typed::Woken,
            Ok(None) | Err(_) => Typed::End,
        }
    }

    /// Waits until woken, or until `until`; the next line stays where it is.
    pub fn hold(&mut self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let woken = &mut self.0.get_mut().woken;
        let mut waiting = [PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, limit).is_ok_and(|ready| ready > 0) {
            drain(woken);
        }
    }
}

impl Read for Polled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut waiting = [&self.source.as_fd(), &self.woken.as_fd()].map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
        poll(&mut waiting, PollTimeout::NONE)?;
        let [_, woken] = waiting.map(|fd| fd.any().unwrap_or(false));
        if woken {
            drain(&mut self.woken);
            return Err(WOKEN.into());
        }
        self.source.read(into)
    }
}

/// Takes the bytes of several wakes at once; one that comes later wakes again.
fn drain(woken: &mut PipeReader) {
    let _ = woken.read(&mut [0; 64]);
}
