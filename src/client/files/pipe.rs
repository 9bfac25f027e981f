//! What one thread reads another one writes, with a few buffers between them: neither waits while the other works.

use crate::net::listener::STACK;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The most bytes that are read and written at a time: few system calls, and what six records of TLS carry, as much as is read
/// of one at once.
const BUFFER: usize = 6 * 16 * 1024;
/// Buffers between reading and writing: enough that neither waits for a short pause of the other. On a slow network only
/// some of them are ever made.
const BUFFERS: usize = 32;
/// So many that were written go back at a time. Waking a thread takes as long as reading much: where writing is the slower of
/// the two, reading is woken once in as many buffers.
const BACK: usize = BUFFERS / 4;

/// Why not all was written.
pub enum End<E> {
    /// What reading says; all that was read before is written.
    Read(E),
    /// What the system says about writing, or about the thread for it.
    Written(io::Error),
}

/// A buffer, and how much is in it.
struct Filled {
    buffer: Vec<u8>,
    bytes: usize,
}

/// Reads so many bytes on this thread, and has another one write them in order.
///
/// # Errors
/// [`End`]: the one of writing where both fail.
pub fn pipe<E>(
    missing: u64,
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>,
    mut write: impl FnMut(&[u8]) -> io::Result<()> + Send,
) -> Result<(), End<E>> {
    let (full, to_write) = sync_channel::<Filled>(BUFFERS);
    let (written, free) = sync_channel(BUFFERS);
    let write_all = move || {
        let mut back = Vec::with_capacity(BACK);
        for Filled { buffer, bytes } in to_write {
            write(&buffer[..bytes])?;
            back.push(buffer);
            if back.len() == BACK {
                // Nobody wants them back at the end.
                let _ = written.send(std::mem::replace(&mut back, Vec::with_capacity(BACK)));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let named = thread::Builder::new().name("write".to_owned()).stack_size(STACK);
        let writing = named.spawn_scoped(scope, write_all).map_err(End::Written)?;
        let read = read_all(missing, read, full, &free);
        let gone = |_| Err(io::Error::other("the thread that writes it is gone"));
        writing.join().unwrap_or_else(gone).map_err(End::Written).and(read.map_err(End::Read))
    })
}

/// Hands each buffer over as soon as something is in it. Where nobody takes them any more it ends: who took them knows why.
fn read_all<E>(
    mut missing: u64,
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>,
    full: SyncSender<Filled>,
    free: &Receiver<Vec<Vec<u8>>>,
) -> Result<(), E> {
    let (mut new, mut unused) = (BUFFERS, Vec::new());
    while missing > 0 {
        if unused.is_empty() {
            let back = if new == 0 { free.recv().ok() } else { free.try_recv().ok() };
            match back {
                Some(back) => unused = back,
                None if new == 0 => break,
                None => {}
            }
        }
        let mut buffer = unused.pop().unwrap_or_else(|| {
            new -= 1;
            vec![0; BUFFER]
        });
        let most = usize::try_from(missing).unwrap_or(BUFFER).min(BUFFER);
        let bytes = read(&mut buffer[..most])?;
        missing -= bytes as u64;
        if full.send(Filled { buffer, bytes }).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 on, a byte each, in steps of so many bytes.
    fn numbers(step: usize) -> impl FnMut(&mut [u8]) -> Result<usize, &'static str> {
        let mut next = 0_u64;
        move |into| {
            let most = step.min(into.len());
            into[..most].iter_mut().for_each(|byte| (*byte, next) = ((next % 251) as u8, next + 1));
            Ok(most)
        }
    }

    #[test]
    fn all_is_written_in_order_and_nothing_beyond_it() {
        for (missing, step) in [(0, 1), (1, 1), (9_000_001, BUFFER), (3_000_001, 7_001)] {
            let mut all = Vec::new();
            let write = |bytes: &[u8]| {
                all.extend_from_slice(bytes);
                Ok(())
            };
            assert!(pipe(missing, &mut numbers(step), write).is_ok());
            assert_eq!(all.len() as u64, missing);
            assert!((0..).map(|number: u64| (number % 251) as u8).zip(&all).all(|(right, byte)| right == *byte));
        }
    }

    #[test]
    fn what_was_read_before_the_reading_failed_is_written() {
        let (mut left, mut all) = (10, 0);
        let mut read = |into: &mut [u8]| match left {
            0 => Err("the other side has left"),
            _ => {
                left -= 1;
                Ok(into.len())
            }
        };
        let end = pipe(u64::MAX, &mut read, |bytes| {
            all += bytes.len();
            Ok(())
        });
        assert!(matches!(end, Err(End::Read("the other side has left"))));
        assert_eq!(all, 10 * BUFFER);
    }

    #[test]
    fn a_failure_of_the_writing_ends_the_reading_and_is_the_one_that_is_told() {
        let mut writes = 0;
        let full = |_: &[u8]| {
            writes += 1;
            if writes < 3 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
        };
        let mut reads = 0;
        let mut endless = |into: &mut [u8]| {
            reads += 1;
            Ok::<_, ()>(into.len())
        };
        let end = pipe(u64::MAX, &mut endless, full);
        assert!(matches!(end, Err(End::Written(error)) if error.kind() == io::ErrorKind::StorageFull));
        assert!(reads <= 3 + 2 * BUFFERS, "{reads}");
        let mut once = |_: &mut [u8]| match reads {
            0 => Err("the other side has left"),
            _ => Ok(std::mem::take(&mut reads).min(1)),
        };
        let end = pipe(2, &mut once, |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(matches!(end, Err(End::Written(_))));
    }
}
