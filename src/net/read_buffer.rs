//! What lies between a stream and who reads it: small while little comes, as there is one for each connection.

use std::io::{self, BufRead, Read};

/// The bytes of a buffer at first: more than most lines have.
const SMALL: usize = 256;
/// The bytes of one behind which more is waiting: each read brings more.
const LARGE: usize = 4096;
/// So many reads in a row that a small one would have taken make a large one small again.
const PATIENCE: u8 = 8;

/// A stream with a buffer that grows to 4 KiB after a read that has filled it, and becomes small again.
pub struct ReadBuffer<R> {
    input: R,
    bytes: Vec<u8>,
    /// Where begins what was read and not used yet.
    start: usize,
    /// Where it ends.
    end: usize,
    /// How many reads in a row a small buffer would have taken.
    small_reads: u8,
}

impl<R: Read> ReadBuffer<R> {
    /// A small buffer in front of a stream.
    pub fn new(input: R) -> Self {
        ReadBuffer { input, bytes: vec![0; SMALL], start: 0, end: 0, small_reads: 0 }
    }

    /// What was read and not used yet.
    pub fn buffer(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The stream underneath.
    pub fn get_ref(&self) -> &R {
        &self.input
    }

    /// The stream underneath, to change its settings.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.input
    }

    /// Fits the size of the empty buffer to the read before, which brought so much.
    fn resize(&mut self, last: usize) {
        let size = self.bytes.len();
        self.small_reads = if last < SMALL { self.small_reads.saturating_add(1) } else { 0 };
        if size == SMALL && last == size {
            self.bytes = vec![0; LARGE];
        } else if size == LARGE && self.small_reads >= PATIENCE {
            self.bytes = vec![0; SMALL];
        }
    }
}

impl<R: Read> BufRead for ReadBuffer<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            let read = self.input.read(&mut self.bytes)?;
            (self.start, self.end) = (0, read);
        }
        Ok(self.buffer())
    }

    fn consume(&mut self, used: usize) {
        self.start = self.end.min(self.start + used);
        if self.start == self.end && self.end > 0 {
            self.resize(self.end);
            (self.start, self.end) = (0, 0);
        }
    }
}

/// What asks for much gets it without a detour.
impl<R: Read> Read for ReadBuffer<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && into.len() >= self.bytes.len() {
            return self.input.read(into);
        }
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Gives pieces of these lengths, as far as the buffer has room.
    struct Pieces(VecDeque<usize>);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let read = self.0.pop_front().unwrap_or_default().min(into.len());
            into[..read].fill(b'x');
            Ok(read)
        }
    }

    /// The sizes of the buffer after each of these reads.
    fn sizes(reads: &[usize]) -> Vec<usize> {
        let mut buffer = ReadBuffer::new(Pieces(reads.iter().copied().collect()));
        let mut size = |_| {
            let read = buffer.fill_buf().expect("pieces").len();
            buffer.consume(read / 2);
            buffer.consume(read - read / 2);
            buffer.bytes.capacity()
        };
        reads.iter().map(|read| size(*read)).collect()
    }

    #[test]
    fn a_read_that_fills_it_makes_it_large_and_several_small_ones_small() {
        assert_eq!(sizes(&[30, SMALL - 1]), [SMALL, SMALL]);
        assert_eq!(sizes(&[9000, 9000, 30]), [LARGE, LARGE, LARGE]);
        let reads = [&[9000][..], &[30; 7], &[9000], &[30; 8], &[30]].concat();
        let large = 1 + 7 + 1 + 7;
        assert_eq!(sizes(&reads), [vec![LARGE; large], vec![SMALL; 2]].concat());
    }

    #[test]
    fn bytes_come_in_order_whoever_takes_them() {
        let text: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
        for step in [1, 100, SMALL - 1, SMALL, LARGE, 5000] {
            let (mut buffer, mut all, mut into) = (ReadBuffer::new(&text[..]), Vec::new(), vec![0; step]);
            while let Ok(read @ 1..) = buffer.read(&mut into) {
                all.extend_from_slice(&into[..read]);
                let some = buffer.fill_buf().expect("a slice").iter().take(3).copied().collect::<Vec<_>>();
                buffer.consume(some.len());
                all.extend(some);
            }
            assert!(all == text, "in steps of {step}");
        }
    }
}
