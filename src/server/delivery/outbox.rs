//! Writing to a client's connection from several threads, so that lines are never torn and nobody waits for long.
//!
//! The session writes answers; the broadcaster and other sessions write events. A thread that finds nobody writing
//! writes itself, and then also what others have left meanwhile: so the lock is never held across the system call,
//! and no thread of its own is needed. The kernel's send buffer is the queue. A client that lets it fill is closed.

use super::mailbox::{Mailbox, Parcel};
use crate::net::is_network_loss;
use crate::net::tls::Channel;
use crate::net::tuning::{Whose, be_patient};
use crate::server::counters::Counters;
use crate::trace::Wire;
use crate::value::Fingerprint;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one write waits for room in the send buffer. Linux counts in ticks of 1 to 10 ms.
const WRITE_WAIT: Duration = Duration::from_millis(1);
/// How long a client may take to read the answer that it asked for, before it counts as gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long somebody who handed a line over may wait for another thread to write it. That is done at once, but for a
/// client that reads slowly: who waits is not to be held up by it.
const SETTLE_LIMIT: Duration = Duration::from_millis(100);
/// What may be left for the thread that is writing, in bytes.
const MAX_PENDING: usize = 256 * 1024;

/// The writing side of one client's connection.
pub struct Outbox {
    stream: Arc<TcpStream>,
    /// Puts some of these bytes, from the first one on, into one write; how many. What is recorded is recorded there: who is
    /// not recorded does not pay for it, not by a look either.
    put: Box<Put>,
    /// By which it is said that no more comes, where the connection is encrypted.
    channel: Option<Arc<Channel>>,
    wire: Wire,
    counters: Arc<Counters>,
    state: Mutex<State>,
    idle: Condvar,
}

/// See [`Outbox`].
type Put = dyn Fn(&[u8]) -> io::Result<usize> + Send + Sync;

#[derive(Default)]
struct State {
    writing: bool,
    /// How many threads wait for the end of that: nobody else is to be woken, as each wake-up is a system call.
    waiting: usize,
    pending: Vec<u8>,
    /// The session is to end: nothing more is delivered, but what was carried out is still answered.
    closing: bool,
    /// The connection is lost, or its reader too slow.
    broken: bool,
    /// Nothing was heard of the client for a while.
    suspected: bool,
    /// What was to be written met nobody: the network gave the connection up, or its reader left the buffer full. Not
    /// set where a program has closed its end.
    has_lost: bool,
}

impl Outbox {
    /// The outbox of a connection.
    ///
    /// # Errors
    /// When the connection has ended already.
    pub fn new(stream: Arc<TcpStream>, wire: &Wire, counters: &Arc<Counters>) -> io::Result<Outbox> {
        let to = Arc::clone(&stream);
        Self::putting(stream, wire, counters, move |bytes| (&*to).write(bytes))
    }

    /// The outbox of a connection whose reader takes no more in one piece than `piece` says: at least one byte.
    ///
    /// # Errors
    /// As [`Outbox::new`].
    pub fn in_pieces(
        stream: Arc<TcpStream>,
        wire: &Wire,
        counters: &Arc<Counters>,
        piece: fn(&[u8]) -> usize,
    ) -> io::Result<Outbox> {
        let to = Arc::clone(&stream);
        Self::putting(stream, wire, counters, move |bytes| (&*to).write(&bytes[..piece(bytes)]))
    }

    /// The outbox of a connection by TLS. What waits here is plain: whoever has the turn to write encrypts it.
    ///
    /// # Errors
    /// As [`Outbox::new`].
    pub fn encrypted(channel: &Arc<Channel>, wire: &Wire, counters: &Arc<Counters>) -> io::Result<Outbox> {
        let by = Arc::clone(channel);
        let outbox = Self::putting(Arc::clone(channel.stream()), wire, counters, move |bytes| by.write(bytes))?;
        Ok(Outbox { channel: Some(Arc::clone(channel)), ..outbox })
    }

    fn putting(
        stream: Arc<TcpStream>,
        wire: &Wire,
        counters: &Arc<Counters>,
        put: impl Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static,
    ) -> io::Result<Outbox> {
        stream.set_write_timeout(Some(WRITE_WAIT))?;
        let put: Box<Put> = match wire.is_on() {
            true => recorded(wire.clone(), put),
            false => Box::new(put),
        };
        let (wire, counters) = (wire.clone(), Arc::clone(counters));
        Ok(Outbox { stream, put, channel: None, wire, counters, state: Mutex::default(), idle: Condvar::new() })
    }

    /// Writes the session's own answer: waits for its turn and for a slow reader, ten seconds in all. False when
    /// the connection has ended.
    pub fn answer(&self, bytes: &[u8]) -> bool {
        self.answer_with(|| bytes)
    }

    /// The same of an answer that is made when its turn has come: whatever others send from then on stands behind it.
    pub fn answer_with<B: AsRef<[u8]>>(&self, make: impl FnOnce() -> B) -> bool {
        let until = Instant::now() + ANSWER_LIMIT;
        let mut state = self.wait(self.lock(), ANSWER_LIMIT, |state| state.writing && !state.broken);
        if state.broken {
            return false;
        }
        if state.writing {
            self.counters.slow.add(1);
            return self.give_up(state, true);
        }
        state.writing = true;
        drop(state);
        self.write_all(make().as_ref(), until)
    }

    /// Writes whole lines for somebody who never waits: at once, or leaves them to the thread that is writing. False
    /// when the session has ended, or is ended now as its client does not read.
    pub fn send(&self, lines: &str) -> bool {
        let mut state = self.lock();
        if state.closing || state.broken {
            return false;
        }
        if state.writing {
            if state.pending.len() + lines.len() > MAX_PENDING {
                self.counters.slow.add(1);
                return self.give_up(state, true);
            }
            state.pending.extend_from_slice(lines.as_bytes());
            return true;
        }
        state.writing = true;
        drop(state);
        self.write_all(lines.as_bytes(), Instant::now())
    }

    /// Waits until what others write, or have left to be written, is out; ten seconds at the most. Before that the
    /// session does not close: its last line, which says why it ends, may be among it. Behind it nothing is delivered.
    pub fn finish(&self) {
        let mut state = self.wait(self.lock(), ANSWER_LIMIT, |state| state.writing);
        state.closing = true;
        let is_mine = !state.writing && !state.broken;
        drop(state);
        // Nobody has the turn to write, and nobody gets it any more but this thread.
        if let (Some(channel), true) = (&self.channel, is_mine) {
            channel.close();
        }
    }

    /// Waits as long as `unmet` says, `limit` at the longest.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        limit: Duration,
        unmet: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let waited = self.idle.wait_timeout_while(state, limit, |state| unmet(state));
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.waiting -= 1;
        state
    }

    /// Wakes who waits for what has just changed.
    fn wake(&self, state: &State) {
        if state.waiting > 0 {
            self.idle.notify_all();
        }
    }

    /// Whether the session is to end.
    pub fn is_closed(&self) -> bool {
        let state = self.lock();
        state.closing || state.broken
    }

    /// Whether what was to be written was lost with the connection, and not because a program has closed its end.
    pub fn has_lost(&self) -> bool {
        self.lock().has_lost
    }

    /// Writes `bytes` and then whatever others leave meanwhile. The caller has set `writing`.
    fn write_all(&self, bytes: &[u8], until: Instant) -> bool {
        let mut written = self.write(bytes, until);
        loop {
            let mut state = self.lock();
            if let Err(error) = written {
                state.writing = false;
                // ETIMEDOUT is TimedOut here, and a full buffer WouldBlock.
                let is_slow = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                self.counters.slow.add(u64::from(error.kind() == ErrorKind::WouldBlock));
                return self.give_up(state, is_slow || is_network_loss(&error));
            }
            if state.pending.is_empty() {
                state.writing = false;
                self.wake(&state);
                return true;
            }
            let pending = std::mem::take(&mut state.pending);
            drop(state);
            written = self.write(&pending, until);
        }
    }

    fn write(&self, mut bytes: &[u8], until: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match (self.put)(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.counters.bytes_out.add(count as u64);
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Linux says EAGAIN when SO_SNDTIMEO has passed and the buffer is still full.
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {}
                Err(error) => {
                    self.wire.write_failed(error.kind() == ErrorKind::WouldBlock);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The connection is lost, or its reader too slow: what could not be written is gone.
    fn give_up(&self, mut state: MutexGuard<'_, State>, has_lost: bool) -> bool {
        state.broken = true;
        state.has_lost |= has_lost;
        state.pending = Vec::new();
        self.wake(&state);
        drop(state);
        self.wire.write_failed(has_lost);
        // An error says that the connection has ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records each write, at the time when it begins.
fn recorded(wire: Wire, put: impl Fn(&[u8]) -> io::Result<usize> + Send + Sync + 'static) -> Box<Put> {
    Box::new(move |bytes| {
        let at = wire.stamp();
        let count = put(bytes)?;
        if let Some(at) = at {
            wire.wrote(at, &bytes[..count]);
        }
        Ok(count)
    })
}

impl Mailbox for Outbox {
    fn deliver(&self, parcel: &Parcel) -> bool {
        self.send(parcel.lines())
    }

    fn settle(&self) {
        drop(self.wait(self.lock(), SETTLE_LIMIT, |state| state.writing && !state.broken));
    }

    /// Ends only the reading half: the session's thread wakes, and closes the rest when the last line is out.
    fn close(&self) {
        self.lock().closing = true;
        self.wire.shut();
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    fn is_encrypted(&self) -> bool {
        self.channel.is_some()
    }

    fn key(&self) -> Option<Fingerprint> {
        self.channel.as_ref().and_then(|channel| channel.key())
    }

    /// Without a scope, which is a number of this machine.
    fn reached(&self) -> Option<SocketAddr> {
        let reached = self.stream.local_addr().ok()?;
        Some(SocketAddr::new(reached.ip().to_canonical(), reached.port()))
    }

    fn suspect(&self, is_silent: bool) {
        if std::mem::replace(&mut self.lock().suspected, is_silent) == is_silent {
            return;
        }
        let whose = if is_silent { Whose::SilentServer } else { Whose::Server };
        // An error says that the connection has ended already.
        let _ = be_patient(&self.stream, whose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;
    use std::thread;

    fn pair() -> (Outbox, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let reader = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (stream, _) = listener.accept().expect("accepts");
        (Outbox::new(Arc::new(stream), &Wire::default(), &Arc::default()).expect("open"), reader)
    }

    #[test]
    fn lines_from_many_threads_are_never_torn() {
        const LINES: usize = 500;
        let (outbox, reader) = pair();
        thread::scope(|scope| {
            for thread in 0..4 {
                let outbox = &outbox;
                scope.spawn(move || {
                    for number in 0..LINES {
                        let line = format!("{thread}_{number}_{}\n", "x".repeat(number % 300));
                        assert!(if thread == 0 { outbox.answer(line.as_bytes()) } else { outbox.send(&line) });
                    }
                });
            }
            let mut next = [0; 4];
            for line in BufReader::new(reader).lines().take(4 * LINES) {
                let line = line.expect("text");
                let fields: Vec<&str> = line.split('_').collect();
                let (thread, number): (usize, usize) =
                    (fields[0].parse().expect("one"), fields[1].parse().expect("one"));
                assert_eq!(number, next[thread], "in order");
                assert_eq!(fields[2].len(), number % 300, "whole");
                next[thread] += 1;
            }
        });
    }

    #[test]
    fn what_was_carried_out_is_answered_though_the_session_is_to_end() {
        let (outbox, reader) = pair();
        assert!(outbox.send("notice_the end\n"));
        outbox.close();
        assert!(outbox.is_closed() && !outbox.send("an event\n"));
        assert!(outbox.answer(b"OK,Broadcast 1 sent to 2 clients\n"));
        drop(outbox);
        let lines: Vec<String> = BufReader::new(reader).lines().map(|line| line.expect("text")).collect();
        assert_eq!(lines, ["notice_the end", "OK,Broadcast 1 sent to 2 clients"]);
    }

    #[test]
    fn what_is_left_to_another_thread_is_out_when_it_has_settled() {
        let (outbox, mut reader) = pair();
        reader.set_nonblocking(true).expect("set");
        // As a thread does whose answer is out, and that has not looked for more yet.
        outbox.lock().writing = true;
        assert!(outbox.send("ticket\n"));
        let mut line = [0; 7];
        assert_eq!(reader.read(&mut line).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        thread::scope(|scope| {
            let settled = scope.spawn(|| {
                outbox.settle();
                reader.read(&mut line).map_err(|error| error.kind())
            });
            while !settled.is_finished() && outbox.lock().waiting == 0 {
                thread::yield_now();
            }
            assert!(outbox.write_all(b"", Instant::now()));
            assert_eq!(settled.join().expect("no panic"), Ok(7));
        });
    }

    #[test]
    fn the_last_line_is_out_before_the_end() {
        let (outbox, mut reader) = pair();
        thread::scope(|scope| {
            // More than the buffers hold, so the line has to wait.
            scope.spawn(|| outbox.answer(&vec![b'x'; 32 << 20]));
            while !outbox.lock().writing {
                thread::yield_now();
            }
            assert!(outbox.send("notice_the last\n"));
            outbox.close();
            let reading = scope.spawn(move || {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).map(|_| all)
            });
            outbox.finish();
            outbox.stream.shutdown(Shutdown::Write).expect("open");
            assert!(reading.join().expect("no panic").expect("no reset").ends_with(b"notice_the last\n"));
        });
    }

    #[test]
    fn nothing_is_lost_by_a_program_that_closes_its_end() {
        let (outbox, reader) = pair();
        drop(reader);
        // The first write is answered with a reset, which the next one finds.
        while outbox.send("notice_hello\n") {}
        assert!(outbox.is_closed() && !outbox.has_lost());
    }

    #[test]
    fn who_never_reads_is_closed_and_holds_nobody_up() {
        let (outbox, _never_reads) = pair();
        let lines = "bcast_1_1_alice_text\n".repeat(1000);
        // The send and receive buffers of loopback hold some megabytes.
        let posted = (0..10_000).take_while(|_| outbox.send(&lines)).count();
        assert!(posted < 10_000);
        assert!(outbox.is_closed() && outbox.has_lost());
        assert!(!outbox.answer(b"OK\n"));
    }
}
