//! Broadcasts by UDP.

use super::has;
use super::state::{Session, Shared};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// How long hellos may not come.
const ONE_WAY: Duration = Duration::from_secs(15);
const TAIL: Duration = Duration::from_millis(250);

/// How a session gets broadcasts.
pub enum Way {
    Tcp,
    Udp { to: SocketAddr, heard: Instant, acknowledged: u64, sent: Instant, tail_told: bool },
}

impl Session {
    /// Sends broadcast number `seq`.
    pub fn send(&mut self, seq: u64, line: &str, socket: Option<&UdpSocket>) {
        match (&mut self.way, socket) {
            (Way::Udp { to, sent, tail_told, .. }, Some(socket)) => {
                (*sent, *tail_told) = (Instant::now(), false);
                let text = format!("bcast_{line}\n");
                if !(has("udp-loses-third") && seq % 3 == 0) {
                    datagram(socket, &self.token, *to, &text);
                }
            }
            _ => self.outbox.say(&format!("bcast_{line}")),
        }
    }
}

fn datagram(socket: &UdpSocket, token: &str, to: SocketAddr, text: &str) {
    let head = if has("no-token-line") { String::new() } else { format!("udp_{token}\n") };
    let _ = socket.send_to(format!("{head}{text}").as_bytes(), to);
}

/// Takes hellos.
pub fn receive(shared: &Shared) {
    let Some(socket) = &shared.socket else { return };
    let mut buffer = [0; 1 << 16];
    loop {
        let Ok((count, from)) = socket.recv_from(&mut buffer) else { continue };
        let text = match std::str::from_utf8(&buffer[..count]) {
            Ok(text) => text.trim_end_matches('\n'),
            Err(_) if has("udp-crash") => std::process::exit(3),
            Err(_) => continue,
        };
        let fields: Vec<&str> = text.split('_').collect();
        let ["hello", token, last, rest @ ..] = fields.as_slice() else { continue };
        let Ok(last) = last.parse::<u64>() else { continue };
        hello(shared, socket, from, token, last, rest);
    }
}

fn hello(shared: &Shared, socket: &UdpSocket, from: SocketAddr, token: &str, last: u64, rest: &[&str]) {
    if has("no-hello") {
        return;
    }
    let mut state = shared.lock();
    let history: Vec<String> = state.history.clone();
    let head = history.len() as u64;
    let Some(session) = state.sessions.values_mut().find(|session| session.token == token) else { return };
    if from.ip().to_string() != "127.0.0.1" && !has("hello-from-anywhere") {
        return;
    }
    let is_first = matches!(session.way, Way::Tcp);
    session.way =
        Way::Udp { to: from, heard: Instant::now(), acknowledged: last, sent: Instant::now(), tail_told: true };
    if has("udp-once") && !is_first {
        return;
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let named = match rest {
        [_, ranges] if !has("repeats-all") => {
            let ranges = ranges.split(',').filter_map(|range| range.split_once('-'));
            Some(ranges.filter_map(|(from, until)| number(from).zip(number(until))).collect::<Vec<_>>())
        }
        _ => None,
    };
    let is_named =
        |ranges: &[(u64, u64)]| ranges.iter().all(|(from, until)| *from > last && from <= until && *until <= head);
    let wanted: Vec<u64> = match named.filter(|ranges| is_named(ranges)) {
        Some(_) if has("asks-and-never-sends") => return datagram(socket, token, from, &format!("tail_{head}\n")),
        Some(ranges) => ranges.into_iter().flat_map(|(from, until)| from..=until).collect(),
        None => (last.min(head) + 1..=head).collect(),
    };
    if wanted.is_empty() {
        datagram(socket, token, from, &format!("head_{head}\n"));
    }
    // Small packets: ten lines each, and as many as a client can ask for again.
    for lines in wanted.chunks(10).take(20) {
        let text: String = lines.iter().map(|seq| format!("bcast_{}\n", history[*seq as usize - 1])).collect();
        let text = if has("big-datagram") { text.repeat(20) } else { text };
        datagram(socket, token, from, &text);
    }
}

/// Tells tails, and goes back to TCP where no hello comes any more.
pub fn keep_up(shared: &Shared) {
    let Some(socket) = &shared.socket else { return };
    loop {
        thread::sleep(Duration::from_millis(50));
        let mut state = shared.lock();
        let history: Vec<String> = state.history.clone();
        for session in state.sessions.values_mut() {
            let Way::Udp { to, heard, acknowledged, sent, tail_told } = &mut session.way else { continue };
            if heard.elapsed() > ONE_WAY && !has("hello-for-ever") {
                let owed = *acknowledged as usize;
                session.way = Way::Tcp;
                history.iter().skip(owed).for_each(|line| session.outbox.say(&format!("bcast_{line}")));
            } else if sent.elapsed() > TAIL && !*tail_told && !has("no-tail") {
                *tail_told = true;
                datagram(socket, &session.token, *to, &format!("tail_{}\n", history.len()));
            }
        }
    }
}
