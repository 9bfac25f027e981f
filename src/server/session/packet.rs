//! The packet dialect: S4's original client on its server's side.
//!
//! Its users have no password, so they are guests; each gets an address of 127/8, where it listens for its peers on
//! the very port number of this server. That is why this port is bound to 127.0.0.1 only.

use super::logged;
use crate::dialect::Dialect;
use crate::dialect::packet::{Assembler, Kind, PACKET_SIZE, Packet};
use crate::net::listener::Service;
use crate::net::{DeadlineReader, Place, Refused, STRANGER_RATE};
use crate::protocol::{Event, Notice, Refusal};
use crate::server::delivery::{Mailbox, Outbox, Parcel};
use crate::server::service::{Away, FileNames, NewGuest, Rendezvous, SessionKey};
use log::info;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The least time between two packets to one client: it takes one `recv` of 2,048 bytes for one packet, so two that
/// arrive together are torn.
const GAP: Duration = Duration::from_millis(20);

/// The most notices that wait to be told.
const MAX_NOTICES: usize = 16;

/// Serves the packet port.
pub struct Packets<'a> {
    /// The services.
    pub services: &'a Rendezvous,
    /// The number of this port, on which the clients listen too, each on its own address.
    pub port: u16,
}

impl Service for Packets<'_> {
    const NAME: &'static str = "packet client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let Ok(outbox) = Outbox::new(Arc::clone(stream), place.wire(), &self.services.counters) else { return };
        place.wire().takes_packets();
        let _counted = self.services.counters.connected(Some(Dialect::Packet));
        let mut session = PacketSession::new(self, peer, outbox);
        let mut reader = DeadlineReader::new(Arc::clone(stream), session.deadline).recorded(place.wire());
        reader.set_rate(Some(STRANGER_RATE));
        let mut assembler = Assembler::default();
        while session.go_on(&mut reader, &mut assembler) {
            reader.set_deadline(session.deadline);
        }
        session.say_why();
        info!("{}: disconnected", session.who());
    }

    /// The one refusal that the client knows: it asks its user for another name, and finds the connection closed.
    fn refuse(&self, mut stream: &TcpStream, _: Refused) {
        // A client that has left already need not be told.
        let _ = stream.write_all(&Packet::from_server(Kind::Hello, "Failed").encode());
    }
}

struct PacketSession<'a> {
    services: &'a Rendezvous,
    port: u16,
    peer: SocketAddr,
    inbox: Arc<PacketInbox>,
    key: Option<SessionKey>,
    /// When to have told a name, at the latest; then when to look whether the client is still there.
    deadline: Option<Instant>,
    last_sent: Option<Instant>,
}

impl<'a> PacketSession<'a> {
    fn new(packets: &Packets<'a>, peer: SocketAddr, outbox: Outbox) -> PacketSession<'a> {
        let (services, port) = (packets.services, packets.port);
        let deadline = Some(Instant::now() + services.config.login_limit);
        let inbox = Arc::new(PacketInbox { outbox, why: Mutex::default(), notices: Mutex::default() });
        PacketSession { services, port, peer, inbox, key: None, deadline, last_sent: None }
    }

    /// Reads once, and answers when that completes a packet; false when the session is over.
    fn go_on(&mut self, reader: &mut DeadlineReader, assembler: &mut Assembler) -> bool {
        let answer = match reader.read(assembler.room()) {
            Ok(0) => return false,
            Ok(count) => match assembler.advance(count) {
                Some(packet) => self.answer_and_log(&packet),
                None => return true,
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => match self.probe(&error) {
                Some(probe) => probe,
                None => return false,
            },
        };
        self.send(&answer) && self.send_notices()
    }

    /// What whoever runs the server has said meanwhile: the client shows it as it shows an outcome.
    fn send_notices(&mut self) -> bool {
        let notices = std::mem::take(&mut *self.inbox.notices.lock().unwrap_or_else(PoisonError::into_inner));
        notices.iter().all(|notice| self.send(&outcome(notice)))
    }

    /// What to send when there was nothing to read for a while. A client whose user has left the server keeps its
    /// connection open, for its peers' sake, until it gets something: then it closes.
    fn probe(&self, error: &io::Error) -> Option<Packet> {
        let quiet = error.kind() == ErrorKind::TimedOut && self.key.is_some();
        quiet.then(|| Packet::from_server(Kind::Probe, ""))
    }

    fn send(&mut self, packet: &Packet) -> bool {
        if let Some(last) = self.last_sent {
            thread::sleep(GAP.saturating_sub(last.elapsed()));
        }
        let outbox = &self.inbox.outbox;
        let sent = outbox.answer(&packet.encode()) && !outbox.is_closed();
        let now = Instant::now();
        self.last_sent = Some(now);
        if self.key.is_some() {
            self.deadline = Some(now + self.services.config.guest_probe);
        }
        sent
    }

    /// The last word where the server ends the session.
    fn say_why(&mut self) {
        let why = self.inbox.why.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(why) = why.filter(|_| self.inbox.outbox.is_closed()) {
            self.send(&outcome(&why));
        }
    }

    fn answer_and_log(&mut self, packet: &Packet) -> Packet {
        self.services.counters.line(PACKET_SIZE);
        let answer = self.answer(packet);
        let shown = |packet: &Packet, text: &str| format!("type {} {}", packet.kind.number(), logged(text));
        info!("{}: {} -> {}", self.who(), shown(packet, packet.shown()), shown(&answer, &answer.text));
        answer
    }

    fn answer(&mut self, packet: &Packet) -> Packet {
        let Some(key) = &self.key else {
            return match packet.kind {
                Kind::Hello => self.register(&packet.name),
                _ => not_understood(),
            };
        };
        let services = self.services;
        services.count_guest_message(key);
        if let Err(away) = services.may_speak() {
            return not_now(away);
        }
        match (packet.kind, packet.text.trim()) {
            (Kind::List, _) => Packet::names(services.active().iter().map(|client| client.name_in(Dialect::Packet))),
            (Kind::Status, "active") => match services.set_guest_active(key, true) {
                Ok(true) => outcome("Success _ You are activated"),
                Ok(false) => outcome("You were already in the list of active clients"),
                Err(away) => not_now(away),
            },
            (Kind::Status, "inactivate") => match services.set_guest_active(key, false) {
                Ok(true) => outcome("Success _ You have been deactivated"),
                Ok(false) => outcome("You are not active to become inactive"),
                Err(away) => not_now(away),
            },
            (Kind::Status, _) => outcome("The command was wrong"),
            (Kind::Lookup, name) => self.look_up(name),
            _ => not_understood(),
        }
    }

    fn register(&mut self, name: &str) -> Packet {
        let mailbox = Arc::clone(&self.inbox) as Arc<dyn Mailbox>;
        let (dialect, spelling, from) = (Dialect::Packet, name.trim().to_owned(), self.peer);
        let guest = NewGuest { dialect, spelling, from, port: self.port, files: FileNames::default(), mailbox };
        let Ok(entered) = self.services.enter_guest(guest) else { return Packet::from_server(Kind::Hello, "Failed") };
        let answer = Packet::from_server(Kind::Hello, entered.key.address.to_string());
        self.key = Some(entered.key);
        answer
    }

    /// Only guests of this dialect have an address that a client of it can connect to; and those of another server have one
    /// where nobody listens on the number of this server's port.
    fn look_up(&self, name: &str) -> Packet {
        let found = self.services.find_guest(name, Dialect::Packet);
        match found.filter(|(_, client)| client.presence().is_some()) {
            Some((_, client)) => Packet::from_server(Kind::Address, client.address.to_string()),
            None => outcome("The username entered is not active"),
        }
    }

    fn who(&self) -> String {
        match &self.key {
            Some(key) => format!("{} (packet guest) at {}", key.name, self.peer),
            None => format!("{} (packet)", self.peer),
        }
    }
}

/// However the conversation ends, the client map is told.
impl Drop for PacketSession<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.services.leave_guest(&key);
        }
    }
}

fn outcome(text: &str) -> Packet {
    Packet::from_server(Kind::Outcome, text)
}

fn not_now(away: Away) -> Packet {
    outcome(&Refusal::from(away).to_string())
}

fn not_understood() -> Packet {
    outcome("Failed _ The received message was incorrect")
}

/// A guest of this dialect can be sent away, and told what is for everybody, behind its next answer or the next look after
/// it: two packets must not come together.
struct PacketInbox {
    outbox: Outbox,
    /// What the server is about to do, if it said so.
    why: Mutex<Option<String>>,
    /// What is to be told behind the next packet.
    notices: Mutex<Vec<String>>,
}

impl Mailbox for PacketInbox {
    fn deliver(&self, parcel: &Parcel) -> bool {
        for event in parcel.events() {
            if let Event::Notice(notice @ Notice::House(_)) = event {
                let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
                // A client that is sent nothing for so long is gone.
                if notices.len() < MAX_NOTICES {
                    notices.push(notice.to_string());
                }
                return true;
            }
            if let Event::Notice(notice) = event {
                *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice.to_string());
                return true;
            }
        }
        false
    }

    fn close(&self) {
        self.outbox.close();
    }
}
