//! A house of a test's own in a Redis of its own.

use super::lines::{Line, StreamId};
use super::link::Link;
use super::own_redis::OwnRedis;
use super::script::Member;
use super::tail::Tail;
use crate::protocol::BroadcastText;
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A server of this name, in its first generation.
pub fn member(name: &str) -> Member {
    Member { server: name.parse().expect("a name"), generation: 1 }
}

/// A text to broadcast.
pub fn text(text: &str) -> BroadcastText {
    text.parse().expect("a text")
}

/// Makes a house with these servers, and opens it for the present run.
pub fn open(redis: &OwnRedis, members: &[Member]) {
    redis.tell(&["HSET", "{peerline}:head", "epoch", "e", "run", redis.link().run()]);
    for member in members {
        let generation = member.generation.to_string();
        redis.tell(&["HSET", "{peerline}:head", &format!("g:{}", member.server), &generation]);
        redis.tell(&["ZADD", "{peerline}:servers", "0", member.server.as_str()]);
    }
}

/// All lines that Redis has.
pub fn stream(redis: &OwnRedis) -> Vec<Line> {
    let (mut link, mut lines) = (redis.link(), Vec::new());
    let mut tail = Tail::begin(&member("looker"), StreamId::default());
    loop {
        let piece = tail.catch_up(&mut link).expect("an answer");
        if piece.is_empty() {
            return lines;
        }
        lines.extend(piece);
    }
}

/// Cuts so many bytes off what a Redis that was killed has written, as a disk may that has lost its last writes.
pub fn cut(redis: &OwnRedis, bytes: u64) {
    let files = fs::read_dir(redis.folder().join("appendonlydir")).expect("a folder");
    let mut paths = files.map(|file| file.expect("readable").path());
    let path = paths.find(|path| path.to_string_lossy().ends_with(".incr.aof")).expect("a file that grows");
    let file = OpenOptions::new().write(true).open(path).expect("there");
    let length = file.metadata().expect("readable").len();
    file.set_len(length.saturating_sub(bytes)).expect("cut");
}

/// What a test saw of a house, to be held against its lines.
#[derive(Default)]
pub struct Seen {
    /// Numbers and texts of what was confirmed.
    pub confirmed: Vec<(u64, String)>,
    /// Texts of what was refused.
    pub refused: Vec<String>,
}

impl Seen {
    /// All that is wrong: a confirmed line that is not there once, under its number and no other; a refused one that is
    /// there; a number that was confirmed twice; an order that is none.
    pub fn against(&self, lines: &[Line]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut numbers: Vec<u64> = self.confirmed.iter().map(|(seq, _)| *seq).collect();
        numbers.sort_unstable();
        let twice = numbers.windows(2).filter(|pair| pair[0] == pair[1]);
        wrong.extend(twice.map(|pair| format!("{} was confirmed twice", pair[0])));
        let mut by_text: HashMap<&str, Vec<u64>> = HashMap::new();
        for line in lines {
            by_text.entry(line.text.as_str()).or_default().push(line.id.seq);
        }
        let found = |text: &str| by_text.get(text).cloned().unwrap_or_default();
        for (seq, text) in self.confirmed.iter().filter(|(seq, text)| found(text) != [*seq]) {
            wrong.push(format!("{text} was confirmed as {seq}, and is there as {:?}", found(text)));
        }
        for text in self.refused.iter().filter(|text| !found(text).is_empty()) {
            wrong.push(format!("{text} was refused, and is there as {:?}", found(text)));
        }
        let disordered = lines.windows(2).filter(|pair| pair[0].id >= pair[1].id || pair[0].id.seq >= pair[1].id.seq);
        wrong.extend(disordered.map(|pair| format!("{} stands before {}", pair[0].id, pair[1].id)));
        wrong
    }
}

/// A stretch of wire to a Redis for one connection, which is cut after so many bytes.
pub struct Relay {
    address: SocketAddr,
    /// How many bytes may still pass: of requests, and of replies.
    left: [Arc<AtomicUsize>; 2],
}

impl Relay {
    /// One that passes everything.
    pub fn start(redis: &OwnRedis) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let left = [usize::MAX, usize::MAX].map(|bytes| Arc::new(AtomicUsize::new(bytes)));
        let (to, [requests, replies]) = (redis.address(), left.clone());
        thread::spawn(move || {
            let (caller, _) = listener.accept().expect("a caller");
            let redis = TcpStream::connect(to).expect("it listens");
            let (back, from) = (caller.try_clone().expect("open"), redis.try_clone().expect("open"));
            thread::spawn(move || pass(caller, redis, &requests));
            pass(from, back, &replies);
        });
        Relay { address, left }
    }

    /// A connection by it.
    pub fn link(&self) -> Link {
        Link::open(&format!("redis://{}", self.address).parse().expect("an address")).expect("it answers")
    }

    /// From now on so many bytes of requests pass, and so many of replies; what would be more ends the connection.
    pub fn cut_after(&self, bytes: [usize; 2]) {
        self.left.iter().zip(bytes).for_each(|(left, bytes)| left.store(bytes, Ordering::SeqCst));
    }

    /// How many may still pass.
    pub fn left(&self) -> [usize; 2] {
        self.left.each_ref().map(|left| left.load(Ordering::SeqCst))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, left: &AtomicUsize) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let passes = count.min(left.load(Ordering::SeqCst));
        left.fetch_sub(passes, Ordering::SeqCst);
        if to.write_all(&buffer[..passes]).is_err() || passes < count {
            break;
        }
    }
    for end in [from, to] {
        // It may have been closed by its other end.
        let _ = end.shutdown(Shutdown::Both);
    }
}
