//! What a client made by hand says when it is called: it proves who it is, and what follows is the test's.

use super::Lines;
use peerline::peer_protocol::{Proof, Side};
use peerline::value::Ticket;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Reads a line with its end, and no byte behind it; what there was when the stream ended before.
pub fn read_line(mut stream: &TcpStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") && matches!(stream.read(&mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("text")
}

/// The ticket of these whose start stands in a first line.
pub fn shown_in<'a>(line: &str, mut tickets: impl Iterator<Item = &'a Ticket>) -> Option<Ticket> {
    tickets.find(|ticket| line.contains(&ticket.start().to_string())).copied()
}

impl Lines {
    /// The tickets that have come so far and were not read: of those who are about to connect.
    fn tickets(&self) -> Vec<Ticket> {
        let hex = |line: &String| line.strip_prefix("ticket_")?.split('_').nth(1)?.parse().ok();
        self.kept.iter().filter_map(hex).collect()
    }

    /// Waits for one more of them, and keeps it.
    fn wait_for_ticket(&mut self) {
        loop {
            let line = self.line();
            let is_ticket = line.starts_with("ticket_");
            self.kept.push_back(line);
            if is_ticket {
                return;
            }
        }
    }
}

/// Proves on a connection that the one who is logged in as `session` was called, as its tickets tell; gives the first
/// line of the caller, who has proven the same.
pub fn prove(session: &mut Lines, stream: &TcpStream) -> String {
    let first = read_line(stream);
    let ticket = loop {
        if let Some(ticket) = shown_in(&first, session.tickets().iter()) {
            break ticket;
        }
        session.wait_for_ticket();
    };
    let own = stream.local_addr().expect("connected");
    let line = |side| format!("{}\n", Proof::of(side, ticket, own, first.trim_end()));
    (&*stream).write_all(line(Side::Callee).as_bytes()).expect("sent");
    assert_eq!(read_line(stream), line(Side::Caller));
    first.trim_end().to_owned()
}
