//! What was written on one side and what was read on the other, by the numbers of the bytes: one write may come in two
//! reads, and three writes in one.

use crate::connections::{Connections, EventId};
use crate::event::Kind;
use crate::recording::Recording;

/// Bytes that left with one write and came with one read. Without the other side's file one of both is missing, and
/// without a matching event in it too.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub write: Option<EventId>,
    pub read: Option<EventId>,
    /// The number of its first byte in this direction.
    pub off: u64,
    pub len: u64,
    /// Which piece of its write it is, and of how many; from 1 on.
    pub of_write: (usize, usize),
    /// Which piece of its read it is.
    pub of_read: (usize, usize),
    /// The connection, at the end that wrote, or else at the end that read.
    pub connection: usize,
    /// Whether the file of the side that is missing is there.
    pub is_watched: bool,
}

/// An event with bytes.
type Span = (EventId, u64, u64);

/// All pieces, each direction of each connection by itself.
pub fn pieces(recordings: &[Recording], connections: &Connections) -> Vec<Piece> {
    let mut spans = vec![(Vec::new(), Vec::new()); connections.all.len()];
    for (file, recording) in recordings.iter().enumerate() {
        for (at, event) in recording.events.iter().enumerate() {
            let Kind::Bytes { c, written, off, len, .. } = event.kind else { continue };
            let Some(number) = connections.number(file, c).filter(|_| len > 0) else { continue };
            let (writes, reads) = &mut spans[number];
            let span = (EventId { file, at }, off, len);
            if written { writes.push(span) } else { reads.push(span) }
        }
    }
    let mut pieces = Vec::new();
    for (number, connection) in connections.all.iter().enumerate() {
        let (writes, reads) = &spans[number];
        match connection.twin {
            Some(twin) => pieces.extend(cut(writes, &spans[twin].1, number, true)),
            None => {
                pieces.extend(cut(writes, &[], number, false));
                pieces.extend(cut(&[], reads, number, false));
            }
        }
    }
    pieces
}

/// Cuts both sides of one direction where either begins or ends.
fn cut(writes: &[Span], reads: &[Span], connection: usize, is_watched: bool) -> Vec<Piece> {
    let (writes, reads) = (sorted(writes), sorted(reads));
    let mut pieces = Vec::new();
    let mut add = |write: Option<EventId>, read: Option<EventId>, off: u64, end: u64| {
        if end > off {
            let (of_write, of_read) = ((1, 1), (1, 1));
            pieces.push(Piece { write, read, off, len: end - off, of_write, of_read, connection, is_watched });
        }
    };
    let (mut i, mut j, mut done) = (0, 0, 0);
    while i < writes.len() || j < reads.len() {
        let end = |span: &Span| span.1.saturating_add(span.2);
        let (write, read) = (writes.get(i), reads.get(j));
        let lies_before = |one: &Span, other: Option<&Span>| other.is_none_or(|other| end(one) <= other.1.max(done));
        if let Some(write) = write.filter(|write| lies_before(write, read)) {
            add(Some(write.0), None, write.1.max(done), end(write));
            (i, done) = (i + 1, done.max(end(write)));
        } else if let Some(read) = read.filter(|read| lies_before(read, write)) {
            add(None, Some(read.0), read.1.max(done), end(read));
            (j, done) = (j + 1, done.max(end(read)));
        } else if let (Some(write), Some(read)) = (write, read) {
            let start = write.1.max(read.1).max(done);
            add(Some(write.0), None, write.1.max(done), start);
            add(None, Some(read.0), read.1.max(done), start);
            done = end(write).min(end(read));
            add(Some(write.0), Some(read.0), start, done);
            i += usize::from(end(write) == done);
            j += usize::from(end(read) == done);
        }
    }
    number(&mut pieces, |piece| piece.write, |piece| &mut piece.of_write);
    number(&mut pieces, |piece| piece.read, |piece| &mut piece.of_read);
    pieces
}

fn sorted(spans: &[Span]) -> Vec<Span> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| span.1);
    spans
}

/// Numbers the neighbours that have the same event.
fn number(
    pieces: &mut [Piece],
    event: impl Fn(&Piece) -> Option<EventId>,
    place: impl Fn(&mut Piece) -> &mut (usize, usize),
) {
    let is_one = |a: &Piece, b: &Piece| event(a).is_some() && event(a) == event(b);
    for group in pieces.chunk_by_mut(is_one) {
        let of = group.len();
        group.iter_mut().enumerate().for_each(|(at, piece)| *place(piece) = (at + 1, of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces as `write>read:off+len`, from the lengths of writes and reads that follow each other.
    fn cuts(writes: &[(u64, u64)], reads: &[(u64, u64)]) -> String {
        let spans = |file, list: &[(u64, u64)]| -> Vec<Span> {
            list.iter().enumerate().map(|(at, (off, len))| (EventId { file, at }, *off, *len)).collect()
        };
        let shown = |event: Option<EventId>| event.map_or("-".to_owned(), |event| event.at.to_string());
        let pieces = cut(&spans(0, writes), &spans(1, reads), 0, true);
        let shown = pieces.iter().map(|piece| {
            let (w, r) = (piece.of_write, piece.of_read);
            format!(
                "{}>{}:{}+{}({}/{},{}/{})",
                shown(piece.write),
                shown(piece.read),
                piece.off,
                piece.len,
                w.0,
                w.1,
                r.0,
                r.1
            )
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_write_in_two_reads_and_three_writes_in_one() {
        assert_eq!(cuts(&[(0, 5)], &[(0, 5)]), "0>0:0+5(1/1,1/1)");
        assert_eq!(cuts(&[(0, 5)], &[(0, 2), (2, 3)]), "0>0:0+2(1/2,1/1) 0>1:2+3(2/2,1/1)");
        assert_eq!(cuts(&[(0, 5), (5, 1), (6, 2)], &[(0, 8)]), "0>0:0+5(1/1,1/3) 1>0:5+1(1/1,2/3) 2>0:6+2(1/1,3/3)");
        assert_eq!(
            cuts(&[(0, 4), (4, 4)], &[(0, 2), (2, 4), (6, 2)]),
            "0>0:0+2(1/2,1/1) 0>1:2+2(2/2,1/2) 1>1:4+2(1/2,2/2) 1>2:6+2(2/2,1/1)"
        );
    }

    #[test]
    fn what_is_missing_on_one_side_stays_on_the_other() {
        assert_eq!(cuts(&[(0, 5), (9, 1)], &[]), "0>-:0+5(1/1,1/1) 1>-:9+1(1/1,1/1)");
        assert_eq!(cuts(&[], &[(3, 5)]), "->0:3+5(1/1,1/1)");
        assert_eq!(cuts(&[(0, 2), (6, 2)], &[(0, 8)]), "0>0:0+2(1/1,1/3) ->0:2+4(1/1,2/3) 1>0:6+2(1/1,3/3)");
        assert_eq!(cuts(&[(0, 8)], &[(2, 2)]), "0>-:0+2(1/3,1/1) 0>0:2+2(2/3,1/1) 0>-:4+4(3/3,1/1)");
        // Numbers that cannot be right are no endless loop, and nothing is counted twice.
        assert_eq!(cuts(&[(0, u64::MAX), (5, u64::MAX)], &[(u64::MAX, 9)]).matches("0>-").count(), 1);
    }
}
