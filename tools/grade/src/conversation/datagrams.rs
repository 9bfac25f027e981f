//! What a client sends and gets by UDP.

use super::record::{Record, Way, shown};
use crate::fault::{Fault, Verdict};
use crate::limits::Limits;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most that a datagram of the server may have.
pub const MAX_DATAGRAM: usize = 1_200;

/// A socket beside a client's connection.
pub struct Datagrams {
    pub who: String,
    socket: UdpSocket,
    server: SocketAddr,
    record: Arc<Record>,
    limits: Limits,
}

impl Datagrams {
    /// A socket at this address, for the session with this token.
    pub fn new(who: &str, at: IpAddr, server: SocketAddr, record: Arc<Record>, limits: Limits) -> Verdict<Datagrams> {
        let socket = UdpSocket::bind((at, 0)).map_err(|error| Fault::grader("open a UDP socket", error))?;
        Ok(Datagrams { who: who.to_owned(), socket, server, record, limits })
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.record.add(&self.who, Way::SentDatagram, bytes);
        match self.socket.send_to(bytes, self.server) {
            Ok(_) => Ok(()),
            // An earlier datagram found no socket; what is read next tells it.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(Fault::grader("send a datagram", error)),
        }
    }

    /// The next datagram within this time, if any, and where it came from.
    pub fn receive(&self, limit: Duration) -> Verdict<Option<(Vec<u8>, SocketAddr)>> {
        let until = self.limits.after(limit);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).map_err(|error| Fault::grader("set a limit", error))?;
            match self.socket.recv_from(&mut buffer) {
                Ok((count, from)) => {
                    buffer.truncate(count);
                    self.record.count(count);
                    self.record.add(&self.who, Way::SeenDatagram, &buffer);
                    return Ok(Some((buffer, from)));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) if Instant::now() < until => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// The lines of the next datagram of the session with this token, checked for all that holds for every datagram.
    pub fn lines(&self, token: &str, limit: Duration) -> Verdict<Option<Vec<String>>> {
        let Some((bytes, from)) = self.receive(limit)? else { return Ok(None) };
        self.want(
            from.port() == self.server.port(),
            "a datagram from the server's port",
            "It came from another port.",
        )?;
        let small = format!("at most {MAX_DATAGRAM} bytes");
        self.want(bytes.len() <= MAX_DATAGRAM, &small, "A datagram that does not fit a packet is cut on the way.")?;
        let text = String::from_utf8(bytes).ok();
        let text = text.ok_or_else(|| self.wrong("UTF-8", "The datagram is not UTF-8."))?;
        let expected = format!("a first line udp_{token}");
        let behind = text.strip_prefix(&format!("udp_{token}\n"));
        let whose = "Without the session's token in front anybody could put broadcasts on a screen.";
        let lines = behind.ok_or_else(|| self.wrong(&expected, whose))?;
        self.want(lines.is_empty() || lines.ends_with('\n'), "whole lines", "The datagram ends with half a line.")?;
        Ok(Some(lines.lines().map(str::to_owned).collect()))
    }

    /// Reads datagrams until one has a line for which this says so; gives all lines up to that datagram's end.
    pub fn until(&self, token: &str, expected: &str, is_last: impl Fn(&str) -> bool) -> Verdict<Vec<String>> {
        let (began, until) = (Instant::now(), self.limits.after(self.limits.wait));
        let (allowed, last) = (until.saturating_duration_since(began), until + self.limits.grace);
        let (mut all, mut is_late, mut count) = (Vec::<String>::new(), false, 0);
        loop {
            // Datagrams that come without an end are not waited for longer than silence is.
            let now = Instant::now();
            if now >= last {
                return Err(Fault::missing(absence(count, all.last().map_or("", String::as_str))));
            }
            if now >= until && !is_late {
                is_late = true;
                self.mark_missing(expected);
            }
            let end = if is_late { last } else { until };
            let Some(lines) = self.lines(token, end - now)? else { continue };
            count += 1;
            let done = lines.iter().any(|line| is_last(line));
            all.extend(lines);
            if done {
                return if is_late { Err(Fault::late(began.elapsed(), allowed)) } else { Ok(all) };
            }
        }
    }

    pub fn want(&self, holds: bool, expected: &str, sentence: &str) -> Verdict {
        if holds { Ok(()) } else { Err(self.wrong(expected, sentence)) }
    }

    pub fn wrong(&self, expected: &str, sentence: &str) -> Fault {
        self.record.mark(&self.who, expected);
        Fault::wrong(sentence)
    }

    /// What must come has not come in time.
    pub fn mark_missing(&self, expected: &str) {
        self.record.happened(&self.who, "(no such datagram came in time)");
        self.record.mark(&self.who, expected);
    }
}

/// What is missing, where so many datagrams came and this was the last line of them.
fn absence(count: usize, last: &str) -> String {
    let last = shown(last.as_bytes());
    match count {
        0 => "In that time no datagram came at all.".to_owned(),
        1 => format!("In that time 1 datagram came, and it is not this: {last}"),
        _ => format!("In that time {count} datagrams came, none of them this (the last: {last})."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_at_all_is_told_from_none_of_them() {
        assert_eq!(absence(0, ""), "In that time no datagram came at all.");
        assert_eq!(absence(1, "head_3"), "In that time 1 datagram came, and it is not this: head_3");
        assert_eq!(
            absence(4, "tail_\u{7}"),
            "In that time 4 datagrams came, none of them this (the last: tail_\\u{7})."
        );
    }
}
