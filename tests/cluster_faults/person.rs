//! Somebody who is in the house as the native client is: lines on a connection, broadcasts by UDP through a network that loses
//! three of ten datagrams in each direction, and another server when a connection ends. The hellos and the inbox are the
//! client's own.
//!
//! What is said and heard goes into a diary. One thread a person, one wait for both sockets.

use crate::book::{Diary, Fate, Heard, Said};
use crate::orders::Orders;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use peerline::client::app::hellos::Hellos;
use peerline::client::app::inbox::{Inbox, Route};
use peerline::protocol::{Broadcast, FromServer};
use peerline::value::Xorshift;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The share of the datagrams that are lost, in each direction.
const LOSS: f64 = 0.3;
/// How long anybody waits for an answer. A server says within 10 s what became of a line, or ends the connection; one that is
/// stopped does so when it goes on.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a greeting and a login may take before the next server is tried.
const LOGIN: Duration = Duration::from_secs(15);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// Until the orders are looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// What an answer is waited for.
enum Ask {
    Greeting,
    SignUp,
    Login,
    Broadcast(String),
    Relay(String),
    Other,
}

/// A connection and what belongs to it.
struct Wire {
    stream: TcpStream,
    server: SocketAddr,
    read: Vec<u8>,
    asked: Option<(Ask, Instant)>,
    is_in: bool,
    udp: Option<UdpSocket>,
    /// What the answer to the login has told so far.
    token: String,
    ip: String,
    /// The last broadcast that came on it.
    last: u64,
}

/// Somebody, or who only listens, on the connection alone, as netcat does.
pub struct Person {
    number: usize,
    speaks: bool,
    random: Xorshift,
    diary: Diary,
    wire: Option<Wire>,
    hellos: Hellos,
    inbox: Inbox,
    /// The last that was shown to who has no datagrams.
    shown: u64,
    /// Which server is the first; then one by chance.
    first: Option<usize>,
    count: usize,
    next_try: Instant,
    next_act: Instant,
}

impl Person {
    /// The one of this number, at this server first.
    pub fn new(number: usize, name: &str, speaks: bool, server: usize, seed: u64) -> Person {
        let now = Instant::now();
        let mut random = Xorshift::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number as u64 + 1));
        // The first ones of a small beginning are small.
        for _ in 0..20 {
            random.fraction();
        }
        Person {
            number,
            speaks,
            random,
            diary: Diary { name: name.to_owned(), ..Diary::default() },
            wire: None,
            hellos: Hellos::default(),
            inbox: Inbox::default(),
            shown: 0,
            first: Some(server),
            count: 0,
            next_try: now,
            next_act: now,
        }
    }

    /// Lives until the orders say that it is over.
    pub fn live(mut self, orders: &Orders) -> Diary {
        while !orders.end.load(Ordering::SeqCst) {
            let now = Instant::now();
            if self.wire.is_none() && now >= self.next_try {
                self.connect(orders, now);
            }
            self.wait(now);
            if self.take_lines(orders).is_err() {
                self.lose(orders);
            }
            self.take_datagrams();
            if self.go_on(orders, Instant::now()).is_err() {
                self.lose(orders);
            }
            self.tell(orders);
        }
        self.lose(orders);
        self.diary
    }

    fn tell(&self, orders: &Orders) {
        let present = &orders.people[self.number];
        let wire = self.wire.as_ref().filter(|wire| wire.is_in);
        present.is_there.store(wire.is_some(), Ordering::SeqCst);
        present.waits.store(wire.is_none_or(|wire| wire.asked.is_some()), Ordering::SeqCst);
        present.heard.store(if self.speaks { self.inbox.last() } else { self.shown }, Ordering::SeqCst);
    }

    fn connect(&mut self, orders: &Orders, now: Instant) {
        let servers = orders.servers.lock().expect("no panic").clone();
        let server = self.first.take().unwrap_or_else(|| self.below(servers.len()));
        self.next_try = now + Duration::from_millis(50 + self.below(300) as u64);
        let Some(server) = servers[server] else { return };
        let Ok(stream) = TcpStream::connect_timeout(&server, CONNECT) else { return };
        stream.set_nonblocking(true).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        self.wire = Some(Wire {
            stream,
            server,
            read: Vec::new(),
            asked: Some((Ask::Greeting, Instant::now())),
            is_in: false,
            udp: None,
            token: String::new(),
            ip: String::new(),
            last: 0,
        });
    }

    /// The connection has ended: of what was said on it and not answered nobody knows.
    fn lose(&mut self, orders: &Orders) {
        self.hellos.begin(None);
        self.next_try = Instant::now() + Duration::from_millis(self.below(500) as u64);
        let Some(wire) = self.wire.take() else { return };
        if let Some((Ask::Broadcast(text), at)) = wire.asked {
            self.settle(orders, text, at, Fate::Unknown);
        }
    }

    fn settle(&mut self, orders: &Orders, text: String, at: Instant, fate: Fate) {
        orders.confirmed.fetch_add(usize::from(matches!(fate, Fate::Confirmed(_))), Ordering::SeqCst);
        self.diary.said.push(Said { text, at, took: at.elapsed(), fate });
    }

    /// Waits for either socket, or until something is due.
    fn wait(&self, now: Instant) {
        let due = match &self.wire {
            None => self.next_try,
            Some(_) => self.hellos.deadline(&self.inbox).unwrap_or(now + LOOK).min(now + LOOK),
        };
        let left = due.min(now + LOOK).saturating_duration_since(now);
        // Rounded up: else it would look again and again within the last millisecond.
        let timeout = PollTimeout::from(u8::try_from(left.as_millis() + 1).unwrap_or(u8::MAX));
        let sockets = self.wire.iter().flat_map(|wire| [Some(wire.stream.as_fd()), wire.udp.as_ref().map(AsFd::as_fd)]);
        let mut ready: Vec<PollFd> = sockets.flatten().map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
        // Interrupted, it looks too early.
        let _ = poll(&mut ready, timeout);
    }

    /// Takes all that has come on the connection.
    ///
    /// # Errors
    /// It has ended.
    fn take_lines(&mut self, orders: &Orders) -> Result<(), ()> {
        let Some(wire) = &mut self.wire else { return Ok(()) };
        let mut buffer = vec![0; 1 << 16];
        let is_over = loop {
            match wire.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(read) => wire.read.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
        let end = wire.read.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines: Vec<u8> = wire.read.drain(..end).collect();
        for line in String::from_utf8_lossy(&lines).lines() {
            self.take_line(orders, line)?;
        }
        if is_over { Err(()) } else { Ok(()) }
    }

    fn take_line(&mut self, orders: &Orders, line: &str) -> Result<(), ()> {
        if let Some(broadcast) = Broadcast::parse(line) {
            self.take_broadcast(broadcast);
            return Ok(());
        }
        if let Some((_, text)) = line.strip_prefix("msg_").and_then(|rest| rest.split_once('_')) {
            self.diary.messages.push(text.to_owned());
            return Ok(());
        }
        let Some(wire) = &mut self.wire else { return Ok(()) };
        if let Some(token) = line.strip_prefix("udp_") {
            token.clone_into(&mut wire.token);
        } else if let Some(ip) = line.strip_prefix("ip_") {
            ip.clone_into(&mut wire.ip);
        } else if let Some(epoch) = line.strip_prefix("epoch_") {
            self.diary.epochs.insert(epoch.to_owned());
        } else if line == "OK" || line == "UP" || line.starts_with("OK,") || line.starts_with("ERR,") {
            return self.take_answer(orders, line);
        }
        Ok(())
    }

    fn take_answer(&mut self, orders: &Orders, line: &str) -> Result<(), ()> {
        let Some((ask, at)) = self.wire.as_mut().and_then(|wire| wire.asked.take()) else {
            self.diary.wrong.push(format!("{} got an answer to nothing: {line:?}", self.diary.name));
            return Err(());
        };
        let (is_ok, name) = (line.starts_with("OK"), self.diary.name.clone());
        match ask {
            Ask::Greeting if is_ok && self.diary.logins == 0 => {
                self.ask(&format!("SIGNUP,{name},password"), Ask::SignUp)
            }
            Ask::Greeting if is_ok => self.ask(&format!("LOGIN,{name},password"), Ask::Login),
            Ask::SignUp if is_ok || line.starts_with("ERR,Username not available") => {
                self.ask(&format!("LOGIN,{name},password"), Ask::Login)
            }
            Ask::Login if is_ok => {
                self.log_in();
                Ok(())
            }
            Ask::Greeting | Ask::SignUp | Ask::Login => Err(()),
            Ask::Broadcast(text) => {
                let number = line.strip_prefix("OK,Broadcast ").and_then(|rest| rest.split(' ').next()?.parse().ok());
                let fate = match number {
                    Some(seq) => Fate::Confirmed(seq),
                    None if line.starts_with("ERR,") => Fate::Refused,
                    None => {
                        self.diary.wrong.push(format!("{name} got the answer {line:?} to a broadcast"));
                        Fate::Unknown
                    }
                };
                self.settle(orders, text, at, fate);
                Ok(())
            }
            Ask::Relay(text) => {
                if line.starts_with("ERR,") && !line.contains("not known") {
                    self.diary.not_relayed.push(text);
                }
                Ok(())
            }
            Ask::Other => Ok(()),
        }
    }

    fn log_in(&mut self) {
        self.diary.logins += 1;
        self.next_act = Instant::now() + Duration::from_millis(self.below(500) as u64);
        let Some(wire) = &mut self.wire else { return };
        wire.is_in = true;
        if !self.speaks {
            return;
        }
        let socket = UdpSocket::bind((wire.ip.as_str(), 0)).expect("an address of loopback");
        socket.set_nonblocking(true).expect("a socket");
        wire.udp = Some(socket);
        self.inbox.log_in();
        self.hellos.begin(wire.token.parse().ok());
    }

    fn take_broadcast(&mut self, broadcast: Broadcast) {
        if self.speaks {
            let shown = self.inbox.accept(broadcast, Route::Tcp);
            self.show(shown);
            return;
        }
        let Some(wire) = &mut self.wire else { return };
        if broadcast.seq <= wire.last {
            let name = &self.diary.name;
            self.diary.wrong.push(format!("{name}'s connection brought {} behind {}", broadcast.seq, wire.last));
        }
        wire.last = broadcast.seq;
        // A new connection begins with all that there is.
        if broadcast.seq > self.shown {
            self.shown = broadcast.seq;
            self.show(vec![broadcast]);
        }
    }

    fn show(&mut self, shown: Vec<Broadcast>) {
        let heard = |Broadcast { seq, from, text, .. }| Heard { seq, from: from.to_string(), text };
        self.diary.heard.extend(shown.into_iter().map(heard));
    }

    fn take_datagrams(&mut self) {
        let mut buffer = vec![0; 2048];
        while let Some(wire) = &self.wire {
            let Some(Ok(length)) = wire.udp.as_ref().map(|udp| udp.recv(&mut buffer)) else { return };
            if self.random.fraction() < LOSS {
                continue;
            }
            let Some((token, lines)) = FromServer::parse_datagram(&buffer[..length]) else { continue };
            if self.hellos.token() == Some(token) {
                let (shown, _) = self.hellos.take(lines, &mut self.inbox, Instant::now());
                self.show(shown);
            }
        }
    }

    /// Says what is due: a hello, or the next line.
    ///
    /// # Errors
    /// The connection has ended, or is given up.
    fn go_on(&mut self, orders: &Orders, now: Instant) -> Result<(), ()> {
        let Some(wire) = &self.wire else { return Ok(()) };
        if let Some((ask, at)) = &wire.asked {
            let is_in = wire.is_in;
            let limit = if is_in { ANSWER } else { LOGIN };
            if now.saturating_duration_since(*at) > limit {
                if is_in {
                    let what = if let Ask::Broadcast(text) = ask { text } else { "a line" };
                    self.diary.wrong.push(format!("{} had no answer to {what:?} for {limit:?}", self.diary.name));
                }
                return Err(());
            }
        }
        // As the client does when no datagram comes any more.
        if wire.is_in && self.hellos.falls_silent(now) && self.is_free() {
            self.ask("here", Ask::Other)?;
        }
        if let Some(hello) = self.hellos.due(&self.inbox, now) {
            let is_lost = self.random.fraction() < LOSS;
            if let Some(Wire { udp: Some(udp), server, .. }) = self.wire.as_ref().filter(|_| !is_lost) {
                // Nobody may listen there any more.
                let _ = udp.send_to(hello.to_string().as_bytes(), server);
            }
        }
        if self.speaks && self.is_free() && now >= self.next_act && orders.speak.load(Ordering::SeqCst) {
            self.next_act = now + Duration::from_millis(100 + self.below(600) as u64);
            self.act(orders.people.len())?;
        }
        Ok(())
    }

    fn is_free(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.is_in && wire.asked.is_none())
    }

    /// The mixed load: most of it broadcasts.
    fn act(&mut self, people: usize) -> Result<(), ()> {
        self.count += 1;
        let (name, count, other) = (self.diary.name.clone(), self.count, self.below(people));
        match self.below(10) {
            0 => self.ask("list", Ask::Other),
            1 => self.ask("GET_U", Ask::Other),
            2 => self.ask(&format!("INIT,{name},4401,file {count}.txt"), Ask::Other),
            3 => {
                let text = format!("{name} to {other}: {count}");
                self.ask(&format!("relay_{text}_{}", name_of(other)), Ask::Relay(text))
            }
            _ => {
                let text = format!("{name} {count} {}", "x".repeat(self.below(100)));
                let text = text.trim_end().to_owned();
                self.ask(&format!("bcast_{text}"), Ask::Broadcast(text))
            }
        }
    }

    fn ask(&mut self, line: &str, ask: Ask) -> Result<(), ()> {
        let Some(wire) = &mut self.wire else { return Err(()) };
        wire.asked = Some((ask, Instant::now()));
        // One line is under way at a time: there is room for it.
        wire.stream.write_all(format!("{line}\n").as_bytes()).map_err(drop)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random.fraction() * end as f64) as usize
    }
}

/// The name of the person with this number.
pub fn name_of(number: usize) -> String {
    format!("p{number:02}")
}
