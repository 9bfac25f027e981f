//! Where commands come from: a terminal, or lines of standard input; and the waker that interrupts the wait for them.
//!
//! A `read` of standard input does not return before something is typed. So the waker writes a byte into a pipe that
//! is polled together with it; a terminal has an [`Alarm`].

use super::alarm::Alarm;
use super::terminal::{Terminal, Typed};
use super::waker::Waker;
use crate::net::LineReader;
use crate::protocol::MAX_LINE;
use crate::value::BadLine;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Cursor, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

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
        Self::lines(Source::Stdin(File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// The lines of a text, in which `;` ends a line too and `\;` is a `;`.
    ///
    /// # Errors
    /// What the system says.
    pub fn commands(text: &str) -> io::Result<(Input, Waker)> {
        let lines = text.replace("\\;", "\0").replace(';', "\n").replace('\0', ";");
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim())).collect();
        Self::lines(Source::Text(Cursor::new(lines)))
    }

    fn lines(source: Source) -> io::Result<(Input, Waker)> {
        let (woken, wake) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let source = Polled { source, woken, line_open: false };
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

    /// Remembers what has been typed of the next line, if anything, as begun before something changed.
    pub fn mark(&self) {
        if let Input::Terminal(terminal) = self {
            terminal.mark();
        }
    }

    /// Whether the last line was begun before the last [`Input::mark`], and never emptied since.
    pub fn is_marked(&self) -> bool {
        matches!(self, Input::Terminal(terminal) if terminal.is_marked())
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

/// Bytes of commands, and the pipe of the waker.
struct Polled {
    source: Source,
    woken: UnixStream,
    /// Whether the last byte was in the middle of a line.
    line_open: bool,
}

enum Source {
    /// Without a buffer: what is in one would not be seen by a poll.
    Stdin(File),
    Text(Cursor<String>),
}

/// What [`Polled`] says when it was woken instead.
const WOKEN: io::ErrorKind = io::ErrorKind::WouldBlock;

impl Lines {
    fn next(&mut self) -> Typed {
        match self.0.next_line() {
            Ok(Some(Ok(line))) => Typed::Line(line.to_owned()),
            Ok(Some(Err(bad))) => Typed::NoLine(bad),
            Err(error) if error.kind() == WOKEN => Typed::Woken,
            // A line without an end: what follows would be a part of it, so nothing more is read.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let polled = self.0.get_mut();
                (polled.source, polled.line_open) = (Source::Text(Cursor::default()), false);
                Typed::NoLine(BadLine::TooLong(MAX_LINE))
            }
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
        let woken = PollFd::new(self.woken.as_fd(), PollFlags::POLLIN);
        let woken = match &self.source {
            Source::Stdin(stdin) => {
                let mut waiting = [woken, PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
                poll(&mut waiting, PollTimeout::NONE)?;
                waiting[0].any()
            }
            Source::Text(_) => {
                let mut waiting = [woken];
                poll(&mut waiting, PollTimeout::ZERO)?;
                waiting[0].any()
            }
        };
        if woken.unwrap_or(false) {
            drain(&mut self.woken);
            return Err(WOKEN.into());
        }
        let length = match &mut self.source {
            Source::Stdin(stdin) => stdin.read(into)?,
            Source::Text(text) => text.read(into)?,
        };
        // The end of the input ends its last line too.
        let ends_line = length == 0 && self.line_open && !into.is_empty();
        if ends_line {
            into[0] = b'\n';
        }
        let length = length.max(usize::from(ends_line));
        self.line_open = length > 0 && into[length - 1] != b'\n';
        Ok(length)
    }
}

/// Takes the bytes of several wakes at once; one that comes later wakes again.
fn drain(woken: &mut UnixStream) {
    let _ = woken.read(&mut [0; 64]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_divided_by_semicolons() {
        let (mut input, waker) = Input::commands("list; broadcast a\\; b;quit").expect("a pipe");
        waker.wake();
        assert_eq!(input.next(""), Typed::Woken);
        for line in ["list", "broadcast a; b", "quit"] {
            assert_eq!(input.next(""), Typed::Line(line.to_owned()));
        }
        assert_eq!(input.next(""), Typed::End);
    }

    #[test]
    fn a_line_without_an_end_is_told_and_ends_the_input() {
        let text = Cursor::new(format!("list\n{}\nlist\n", "x".repeat(3 << 20)));
        let (mut input, _waker) = Input::lines(Source::Text(text)).expect("a pipe");
        assert_eq!(input.next(""), Typed::Line("list".to_owned()));
        assert_eq!(input.next(""), Typed::NoLine(BadLine::TooLong(MAX_LINE)));
        assert_eq!(input.next(""), Typed::End);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let text = Cursor::new("list\nno end".to_owned());
        let (mut input, _waker) = Input::lines(Source::Text(text)).expect("a pipe");
        assert_eq!(input.next(""), Typed::Line("list".to_owned()));
        assert_eq!(input.next(""), Typed::Line("no end".to_owned()));
        assert_eq!(input.next(""), Typed::End);
    }
}
