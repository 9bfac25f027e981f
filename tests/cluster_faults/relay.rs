//! What stands between a server and its Redis, and does with the bytes what a test wants: all of them pass, or none, or one
//! each 10 ms; or a connection is reset after so many bytes of a certain request, or of a certain reply.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a read blocks until it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(20);
/// Between two bytes of a slow link.
const DRIP: Duration = Duration::from_millis(10);
/// How long the connection to a Redis may take.
const CONNECT: Duration = Duration::from_secs(2);

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// They pass.
    #[default]
    Pass,
    /// They vanish, on the way to Redis, back, or both, and so does the end of a connection: it is half open.
    Swallow {
        /// What is said to Redis.
        requests: bool,
        /// What it answers.
        replies: bool,
    },
    /// One passes each 10 ms, and what was said passes though its sender has gone.
    Drip,
    /// They wait.
    Hold,
    /// Each connection is closed at once.
    Refuse,
}

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A request that holds the mark.
    Request,
    /// What is answered to it.
    Answer,
    /// A reply that holds the mark, to whatever was asked.
    Reply,
}

/// A connection is to be reset, once.
#[derive(Clone, Debug)]
struct Trap {
    mark: Vec<u8>,
    cut: Cut,
    /// So many bytes of it pass.
    after: usize,
}

/// It ends with this value.
pub struct Relay {
    /// What a server is told to be its Redis.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// How many connections there were.
    count: AtomicUsize,
    is_over: AtomicBool,
}

struct State {
    target: SocketAddr,
    manner: Manner,
    /// Connections from this number on are passed all the same.
    before: usize,
    trap: Option<Trap>,
    /// How many bytes the part had that was to be cut last.
    length: Option<usize>,
}

/// One connection.
struct Connection<'a> {
    shared: &'a Shared,
    number: usize,
    /// Of what is answered next so many bytes pass.
    answer: Mutex<Option<usize>>,
    is_over: AtomicBool,
    ends: [&'a TcpStream; 2],
}

impl Relay {
    /// To the Redis there.
    pub fn start(target: SocketAddr) -> Relay {
        let state = State { target, manner: Manner::Pass, before: 0, trap: None, length: None };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), count: AtomicUsize::new(0), is_over: AtomicBool::new(false) });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, own) = (listener.local_addr().expect("bound"), Arc::clone(&shared));
        let thread = thread::Builder::new().name("relay".to_owned()).spawn(move || own.listen(&listener));
        Relay { address, shared, thread: Some(thread.expect("a thread")) }
    }

    /// From now on connections go to the Redis there.
    pub fn turn_to(&self, target: SocketAddr) {
        self.shared.lock().target = target;
    }

    /// From now on this becomes of the bytes of all connections; or, with `old`, of those that there are.
    pub fn be(&self, manner: Manner, old: bool) {
        let mut state = self.shared.lock();
        state.manner = manner;
        state.before = if old { self.shared.count.load(Ordering::SeqCst) } else { usize::MAX };
    }

    /// Resets the next connection that has such a part with this mark in it, after so many bytes of that.
    pub fn set_trap(&self, mark: &str, cut: Cut, after: usize) {
        let mut state = self.shared.lock();
        state.trap = Some(Trap { mark: mark.as_bytes().to_vec(), cut, after });
        state.length = None;
    }

    /// How many bytes the part had for which there was a trap; nothing while it has not come.
    pub fn length(&self) -> Option<usize> {
        self.shared.lock().length
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It wakes who waits for a connection.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn manner(&self, number: usize) -> Manner {
        let state = self.lock();
        if number < state.before { state.manner } else { Manner::Pass }
    }

    /// Takes connections until the relay is over.
    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for server in listener.incoming() {
                if self.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = server else { continue };
                let named = thread::Builder::new().name("relayed".to_owned());
                named.spawn_scoped(scope, || self.serve(server)).expect("a thread");
            }
        });
    }

    fn serve(&self, server: TcpStream) {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let target = self.lock().target;
        if self.manner(number) == Manner::Refuse {
            return;
        }
        let Ok(redis) = TcpStream::connect_timeout(&target, CONNECT) else { return };
        for end in [&server, &redis] {
            end.set_nodelay(true).expect("a socket");
            end.set_read_timeout(Some(LOOK)).expect("a socket");
        }
        let connection = Connection {
            shared: self,
            number,
            answer: Mutex::new(None),
            is_over: AtomicBool::new(false),
            ends: [&server, &redis],
        };
        thread::scope(|scope| {
            scope.spawn(|| connection.pass(false));
            connection.pass(true);
        });
    }
}

impl Connection<'_> {
    /// Passes what comes in one direction on, until the connection or the relay is over.
    fn pass(&self, is_reply: bool) {
        let [server, redis] = self.ends;
        let (mut from, to) = if is_reply { (redis, server) } else { (server, redis) };
        let mut buffer = vec![0; 1 << 16];
        while !self.is_over() {
            let manner = self.shared.manner(self.number);
            match manner {
                Manner::Refuse => return self.end(false),
                Manner::Hold => {
                    thread::park_timeout(LOOK);
                    continue;
                }
                Manner::Pass | Manner::Drip | Manner::Swallow { .. } => {}
            }
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
                Err(_) => 0,
            };
            // It may be another one by now.
            match self.shared.manner(self.number) {
                Manner::Swallow { requests, replies } if if is_reply { replies } else { requests } => {
                    if read == 0 {
                        // Nobody hears of its end; a read that finds nothing more would not wait.
                        thread::park_timeout(LOOK);
                    }
                }
                _ if read == 0 => return self.end(false),
                Manner::Drip => {
                    for byte in &buffer[..read] {
                        if self.shared.is_over.load(Ordering::SeqCst) || (&*to).write_all(&[*byte]).is_err() {
                            return self.end(false);
                        }
                        thread::park_timeout(DRIP);
                    }
                }
                _ => {
                    let (passes, resets) = self.caught(&buffer[..read], is_reply);
                    if (&*to).write_all(&buffer[..passes]).is_err() || resets {
                        return self.end(resets);
                    }
                }
            }
        }
    }

    /// How many of these bytes pass, and whether the connection is reset then.
    fn caught(&self, bytes: &[u8], is_reply: bool) -> (usize, bool) {
        let mut state = self.shared.lock();
        let mut answer = self.answer.lock().expect("no panic");
        let after = match (&state.trap, *answer) {
            (_, Some(after)) if is_reply => {
                *answer = None;
                after
            }
            (Some(trap), _) if bytes.windows(trap.mark.len()).any(|window| window == trap.mark) => {
                let (cut, after) = (trap.cut, trap.after);
                match cut {
                    Cut::Answer if !is_reply => {
                        state.trap = None;
                        *answer = Some(after);
                        return (bytes.len(), false);
                    }
                    Cut::Request if !is_reply => after,
                    Cut::Reply if is_reply => after,
                    Cut::Answer | Cut::Request | Cut::Reply => return (bytes.len(), false),
                }
            }
            _ => return (bytes.len(), false),
        };
        state.trap = None;
        state.length = Some(bytes.len());
        (after.min(bytes.len()), after < bytes.len())
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst) || self.shared.is_over.load(Ordering::SeqCst)
    }

    /// Ends both sides; by a reset, which loses what was not read yet.
    fn end(&self, resets: bool) {
        self.is_over.store(true, Ordering::SeqCst);
        for end in self.ends {
            if resets {
                // It may be closed already.
                let _ = socket2::SockRef::from(end).set_linger(Some(Duration::ZERO));
            } else {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}
