//! Lines over any byte stream, always with a cap.
//!
//! TCP keeps the order of bytes, not the borders of messages: one `read` may bring half a line or three. The reader
//! here gives whole lines, and a clear verdict on what is no line, without ever holding more than its cap.

use super::read_buffer::ReadBuffer;
use crate::value::{BadLine, line};
use std::io::{self, BufRead, Read};

/// Bytes without a line end after which a stream is no text protocol any more, where its lines may not be longer: the
/// session ends.
pub const MAX_WITHOUT_LF: usize = 64 * 1024;
/// The same of somebody who is known: a file that was pasted by mistake is one wrong line, and no end.
pub const MAX_OF_MEMBERS: usize = 1 << 20;

/// Splits a byte stream into lines.
pub struct LineReader<R> {
    input: ReadBuffer<R>,
    line: Vec<u8>,
    /// Bytes of the current line that were thrown away because it is too long.
    skipped: usize,
    /// Whether `line` holds a line that was already handed out.
    done: bool,
    /// The bytes of `input` that a line which was handed out has there, with its LF.
    used: usize,
    cap: usize,
    /// Bytes without a line end after which it ends.
    most: usize,
}

impl<R: Read> LineReader<R> {
    /// A reader whose lines have at most `cap` bytes with their LF. It holds one buffer, of 256 bytes while
    /// little comes, else of 4 KiB, and the line that is not complete yet.
    pub fn new(input: R, cap: usize) -> Self {
        let (input, most) = (ReadBuffer::new(input), cap.max(MAX_WITHOUT_LF));
        LineReader { input, line: Vec::new(), skipped: 0, done: false, used: 0, cap, most }
    }

    /// From now on the stream ends after so many bytes without a line end, not after [`MAX_WITHOUT_LF`].
    pub fn set_most(&mut self, most: usize) {
        self.most = self.cap.max(most);
    }

    /// The next line, without LF and a CR before it; `None` at the end of the stream. A last line without LF is
    /// not a line: it may be half of a command.
    ///
    /// # Errors
    /// Whatever the stream says, a timeout included, after which the call can be repeated and nothing is lost; and
    /// [`io::ErrorKind::InvalidData`] after [`MAX_WITHOUT_LF`] bytes without a line end; more where a line may have more,
    /// or where [`LineReader::set_most`] was called.
    ///
    /// Out of line: its frame is not to lie on the stack of a session under all that comes of a line.
    #[inline(never)]
    pub fn next_line(&mut self) -> io::Result<Option<Result<&str, BadLine>>> {
        self.bytes();
        if self.done {
            self.line.clear();
            self.line.shrink_to(256);
            self.done = false;
        }
        loop {
            let arrived = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                arrived => arrived?,
            };
            if arrived.is_empty() {
                return Ok(None);
            }
            let lf = arrived.iter().position(|&byte| byte == b'\n');
            if let Some(lf) = lf.filter(|&lf| self.line.is_empty() && self.skipped == 0 && lf < self.cap) {
                // It lies there whole, as nearly every line does, and is not copied.
                self.used = lf + 1;
                return Ok(Some(text(&self.input.buffer()[..lf])));
            }
            let piece = &arrived[..lf.unwrap_or(arrived.len())];
            // The LF counts: a line of `cap` bytes has at most `cap - 1` before it.
            if self.skipped == 0 && self.line.len() + piece.len() < self.cap {
                self.line.extend_from_slice(piece);
            } else {
                self.skipped += self.line.len() + piece.len();
                self.line = Vec::new();
            }
            let used = piece.len() + usize::from(lf.is_some());
            self.input.consume(used);
            if self.skipped > self.most {
                let why = format!("{} KiB without a line end", self.most / 1024);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if lf.is_some() {
                self.done = true;
                return Ok(Some(self.verdict()));
            }
        }
    }

    fn verdict(&mut self) -> Result<&str, BadLine> {
        if std::mem::take(&mut self.skipped) > 0 {
            return Err(BadLine::TooLong(self.cap));
        }
        text(&self.line)
    }

    /// Whether a further whole line has arrived already: its answer can share a write with the current one.
    pub fn has_line(&self) -> bool {
        self.input.buffer()[self.used..].contains(&b'\n')
    }

    /// The raw bytes behind the last line, for what is announced in a line and follows as bytes.
    pub fn bytes(&mut self) -> &mut impl BufRead {
        self.input.consume(std::mem::take(&mut self.used));
        &mut self.input
    }

    /// The stream underneath.
    pub fn get_ref(&self) -> &R {
        self.input.get_ref()
    }

    /// The stream underneath, to change its settings.
    pub fn get_mut(&mut self) -> &mut R {
        self.input.get_mut()
    }
}

/// What stands before an LF, as text.
fn text(line: &[u8]) -> Result<&str, BadLine> {
    line::check(line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Gives one prepared piece a read, as a socket may.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
            if piece.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let rest = piece.split_off(piece.len().min(into.len()));
            into[..piece.len()].copy_from_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Ok(piece.len())
        }
    }

    fn lines(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
        let mut reader = LineReader::new(Pieces(pieces.into_iter().collect()), 16);
        let mut lines = Vec::new();
        loop {
            match reader.next_line() {
                Ok(Some(Ok(line))) => lines.push(line.to_owned()),
                Ok(Some(Err(bad))) => lines.push(bad.to_string()),
                Ok(None) => return lines,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    lines.push(error.to_string());
                    return lines;
                }
            }
        }
    }

    #[test]
    fn split_and_merged_reads_give_the_same_lines() {
        let bytes = b"one\r\ntwo\n\nfifteen bytes ok\nlonger than sixteen bytes\nb\xffd\nesc\x1b\nlast\nunfinished";
        let whole = lines([bytes.to_vec()]);
        assert_eq!(whole[..4], ["one", "two", "", "Line too long: at most 16 bytes with its line end"]);
        assert_eq!(whole.len(), 8);
        assert_eq!(whole[7], "last");
        for size in 1..bytes.len() {
            assert_eq!(lines(bytes.chunks(size).map(<[u8]>::to_vec)), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_timeout_loses_nothing() {
        assert_eq!(lines([b"he".to_vec(), vec![], b"llo\nyou".to_vec(), vec![], b"\n".to_vec()]), ["hello", "you"]);
    }

    #[test]
    fn the_cap_counts_the_line_end() {
        assert_eq!(lines([b"123456789012345\n".to_vec()]), ["123456789012345"]);
        assert_eq!(lines([b"1234567890123456\n".to_vec()]), [BadLine::TooLong(16).to_string()]);
    }

    #[test]
    fn an_endless_line_ends_the_stream() {
        let flood = vec![vec![b'x'; 4096]; 17];
        assert_eq!(lines(flood), ["64 KiB without a line end"]);
        let most = [vec![b'x'; MAX_WITHOUT_LF], b"\nnext\n".to_vec()];
        assert_eq!(lines(most), [BadLine::TooLong(16).to_string(), "next".to_owned()]);
    }
}
