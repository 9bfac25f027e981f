//! Where the lines of a script come from: standard input, or a text. A wait for standard input can be cut short.

use crate::net::LineReader;
use crate::protocol::MAX_LINE;
use crate::value::BadLine;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Lines of a script.
pub struct Source(LineReader<Polled>);

/// What a source has next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line.
    Line(String),
    /// Bytes that are no line; they were skipped.
    NoLine(BadLine),
    /// Nothing more.
    End,
    /// Nothing, as the wait was cut short.
    Woken,
}

/// Bytes, and the socket whose end cuts a wait short.
struct Polled {
    bytes: Bytes,
    wake: UnixStream,
    /// Whether the last byte was in the middle of a line.
    line_open: bool,
}

enum Bytes {
    /// Without a buffer: what is in one would not be seen by a poll.
    Stdin(File),
    Text(Cursor<String>),
}

/// What [`Polled`] says when it was woken instead.
const WOKEN: io::ErrorKind = io::ErrorKind::WouldBlock;

impl Source {
    /// Standard input. The end of the other side of `wake` cuts a wait short.
    ///
    /// # Errors
    /// What the system says.
    pub fn stdin(wake: UnixStream) -> io::Result<Source> {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self::of(Bytes::Stdin(stdin), wake))
    }

    /// The lines of a text, in which `;` ends a line too and `\;` is a `;`.
    pub fn commands(text: &str, wake: UnixStream) -> Source {
        let lines = text.replace("\\;", "\0").replace(';', "\n").replace('\0', ";");
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim())).collect();
        Self::of(Bytes::Text(Cursor::new(lines)), wake)
    }

    fn of(bytes: Bytes, wake: UnixStream) -> Source {
        Source(LineReader::new(Polled { bytes, wake, line_open: false }, MAX_LINE))
    }

    /// What cuts a wait short, for who waits for something else meanwhile.
    pub fn wake(&self) -> &UnixStream {
        &self.0.get_ref().wake
    }

    /// Waits for a line.
    pub fn line(&mut self) -> Next {
        match self.0.next_line() {
            Ok(Some(Ok(line))) => Next::Line(line.to_owned()),
            Ok(Some(Err(bad))) => Next::NoLine(bad),
            Err(error) if error.kind() == WOKEN => Next::Woken,
            // A line without an end: what follows would be a part of it, so nothing more is read.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let polled = self.0.get_mut();
                (polled.bytes, polled.line_open) = (Bytes::Text(Cursor::default()), false);
                Next::NoLine(BadLine::TooLong(MAX_LINE))
            }
            Ok(None) | Err(_) => Next::End,
        }
    }
}

impl Read for Polled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.bytes {
            Bytes::Stdin(stdin) => {
                let mut ends =
                    [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN), PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
                poll(&mut ends, PollTimeout::NONE)?;
                if ends[0].any().unwrap_or(false) {
                    return Err(WOKEN.into());
                }
                stdin.read(into)?
            }
            Bytes::Text(text) => text.read(into)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lines_and_a_semicolon_can_be_said() {
        let (_end, wake) = UnixStream::pair().expect("a pair");
        let mut source = Source::commands("list; all a\\;b ;\nquit", wake);
        let lines = std::iter::from_fn(|| match source.line() {
            Next::Line(line) => Some(line),
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), ["list", "all a;b", "", "quit"]);
        assert_eq!(source.line(), Next::End);
    }

    #[test]
    fn a_wait_is_cut_short_and_the_last_line_needs_no_end() {
        let (end, wake) = UnixStream::pair().expect("a pair");
        let (mut writer, reader) = UnixStream::pair().expect("a pair");
        let stdin = File::from(std::os::fd::OwnedFd::from(reader));
        let mut source = Source::of(Bytes::Stdin(stdin), wake);
        io::Write::write_all(&mut writer, b"one\n\xff\ntwo").expect("room");
        assert_eq!(source.line(), Next::Line("one".to_owned()));
        assert_eq!(source.line(), Next::NoLine(BadLine::NotUtf8));
        drop(writer);
        assert_eq!(source.line(), Next::Line("two".to_owned()));
        let (_open, reader) = UnixStream::pair().expect("a pair");
        source.0.get_mut().bytes = Bytes::Stdin(File::from(std::os::fd::OwnedFd::from(reader)));
        drop(end);
        assert_eq!(source.line(), Next::Woken);
    }
}
