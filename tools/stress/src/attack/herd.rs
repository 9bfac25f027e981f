//! Ways in which attacks use connections: a herd that one thread tends, writers that do not wait for answers, members
//! who log in again whenever they are closed. None of them knows what is sent.

use super::member_name;
use super::scene::{ATTACKER, Scene};
use crate::wire::{Login, Wire, hang_up, open};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a herd is looked after.
const TEND: Duration = Duration::from_millis(50);
/// How long a login of a member may take; it stands in a line with the other logins.
const LOGIN: Duration = Duration::from_secs(10);
/// After what went wrong.
pub const BREATH: Duration = Duration::from_millis(20);
/// How long a reader or a writer is stuck before it looks whether the attack is over.
const STUCK: Duration = Duration::from_millis(100);

/// The bytes of a connection with a number.
pub type Bytes = fn(usize) -> Vec<u8>;

/// Connections that are there all the time: each is opened anew when the server has closed it.
pub struct Herd {
    /// Which port.
    pub to: SocketAddr,
    /// How many.
    pub count: usize,
    /// The address of each.
    pub from: fn(usize) -> Ipv4Addr,
    /// What each sends first.
    pub opening: Bytes,
    /// What each sends again and again, and how often.
    pub again: Option<(Duration, Bytes)>,
}

/// Nothing to send first.
pub fn nothing(_number: usize) -> Vec<u8> {
    Vec::new()
}

/// All from one address.
pub fn one_address(_number: usize) -> Ipv4Addr {
    ATTACKER
}

/// Keeps a herd until the attack is over; how often the server has closed one of it.
pub fn keep(scene: &Scene, herd: &Herd) -> usize {
    let mut all: Vec<Option<TcpStream>> = (0..herd.count).map(|_| None).collect();
    let mut closed = 0;
    let mut due = Instant::now();
    while scene.is_on() {
        for (number, place) in all.iter_mut().enumerate() {
            if place.as_mut().is_some_and(has_ended) {
                closed += 1;
                *place = None;
            }
            if place.is_none() && scene.is_on() {
                *place = join(herd, number);
            }
        }
        if let Some((every, bytes)) = herd.again.filter(|_| Instant::now() >= due) {
            due = Instant::now() + every;
            for (number, stream) in all.iter_mut().enumerate().filter_map(|(at, place)| Some((at, place.as_mut()?))) {
                // A full buffer or an end is seen when the herd is tended next.
                let _ = stream.write(&bytes(number));
            }
        }
        scene.pause(TEND);
    }
    all.into_iter().flatten().for_each(hang_up);
    closed
}

fn join(herd: &Herd, number: usize) -> Option<TcpStream> {
    let mut stream = open((herd.from)(number), herd.to).ok()?;
    stream.write_all(&(herd.opening)(number)).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// Whether the server has closed; what it said is passed over.
fn has_ended(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// So many threads do this until the attack is over, each with its number and how often it has done it. After a
/// failure a thread takes a breath.
pub fn workers(scene: &Scene, count: usize, work: impl Fn(usize, usize) -> std::io::Result<()> + Sync) {
    thread::scope(|scope| {
        for number in 0..count {
            let work = &work;
            scope.spawn(move || {
                for round in 0.. {
                    if !scene.is_on() {
                        break;
                    }
                    if work(number, round).is_err() {
                        scene.pause(BREATH);
                    }
                }
            });
        }
    });
}

/// So many members log in from the attacker's address and do this, until the attack is over; whoever is closed comes
/// again.
pub fn members(scene: &Scene, count: usize, act: impl Fn(usize, Wire, Login) + Sync) {
    workers(scene, count, |number, _| {
        let until = Instant::now() + LOGIN;
        let mut wire = Wire::connect(ATTACKER, scene.main(), until)?;
        let login = wire.log_in(&member_name(number), until)?;
        act(number, wire, login);
        Ok(())
    });
}

/// What a writer sends.
pub struct Flood {
    /// From one write to the next; zero for as fast as it goes.
    pub every: Duration,
    /// Whether the answers are read.
    pub reads: bool,
}

impl Flood {
    /// So many writes a second, whose answers are read.
    pub fn paced(a_second: u32) -> Flood {
        Flood { every: Duration::from_secs(1) / a_second, reads: true }
    }
}

/// Writes without waiting for answers until the attack is over or the server closes.
pub fn flood(scene: &Scene, stream: &TcpStream, flood: &Flood, mut bytes: impl FnMut(u64) -> Vec<u8>) {
    let set = stream.set_read_timeout(Some(STUCK)).and_then(|()| stream.set_write_timeout(Some(STUCK)));
    if set.is_err() {
        return;
    }
    let ended = AtomicBool::new(false);
    let goes_on = || scene.is_on() && !ended.load(Ordering::Relaxed);
    thread::scope(|scope| {
        if flood.reads {
            scope.spawn(|| {
                drain(stream, goes_on);
                ended.store(true, Ordering::Relaxed);
            });
        }
        let mut due = Instant::now();
        for number in 0.. {
            scene.pause_until(due);
            if !goes_on() || !write(stream, &bytes(number), goes_on) {
                break;
            }
            due = (due + flood.every).max(Instant::now());
        }
        ended.store(true, Ordering::Relaxed);
    });
}

/// Writes all of it, however long that takes; whether that went well.
fn write(mut stream: &TcpStream, mut bytes: &[u8], goes_on: impl Fn() -> bool) -> bool {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock && goes_on() => {}
            Err(_) => return false,
        }
    }
    true
}

/// Reads and forgets.
fn drain(mut stream: &TcpStream, goes_on: impl Fn() -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while goes_on() {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
