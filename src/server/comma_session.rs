//! The query dialect: S3's original client on its server's side.
//!
//! Its users are guests. A query is a connection of its own, so a guest's entry outlives the connection that made it;
//! one whose client has gone is found by a knock on the port where it said it listens.

use super::mailbox::Mailbox;
use super::outbox::Outbox;
use super::rate::Bucket;
use super::rendezvous::Rendezvous;
use super::roster::{Arrival, Listed, NotEntered, Seat, Visit, files_fit};
use crate::dialect::query::{Answer, MAX_QUERY, Query};
use crate::net::BurstReader;
use crate::net::Shutdown;
use crate::net::listener::Service;
use crate::protocol::Refusal;
use crate::value::Address;
use crate::value::BadLine;
use crate::value::Username;
use crate::value::sentence::counted;
use crate::value::text;
use log::info;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a guest of this dialect is marked.
const DIALECT: &str = "query";
/// Bytes of a query or an answer in the log.
const LOGGED: usize = 200;
/// How long a knock may take; the server's end waits for the last one.
const KNOCK_LIMIT: Duration = Duration::from_secs(1);
/// Knocks without any answer, one after the other, after which a guest counts as gone: ten minutes of them. A port
/// that nobody has open refuses at once; silence may only mean a client in a long chat, which lets callers wait.
const SILENT_KNOCKS: u32 = 40;

/// Serves the query port.
pub struct Queries<'a>(pub &'a Rendezvous);

impl Service for Queries<'_> {
    const NAME: &'static str = "query client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr) {
        let Ok(outbox) = Outbox::new(Arc::clone(stream)) else { return };
        let limit = self.0.config.login_limit;
        let mut bucket = Bucket::new(self.0.config.rate.0, Instant::now());
        let mut reader = BurstReader::new(Arc::clone(stream), MAX_QUERY);
        while let Ok(Some(message)) = reader.next_message(Some(Instant::now() + limit)) {
            let answer = match bucket.take(Instant::now()) {
                true => answer_and_log(self.0, message, peer),
                false => Some(Answer::Refused("Too fast: wait and send it again".to_owned())),
            };
            if answer.is_some_and(|answer| !outbox.answer(answer.to_string().as_bytes())) {
                return;
            }
        }
    }

    fn refuse(&self, mut stream: &TcpStream) {
        let answer = Answer::Refused(Refusal::ServerFull(self.0.config.max_clients).to_string());
        // Who has left already need not be told.
        let _ = stream.write_all(answer.to_string().as_bytes());
    }
}

fn answer_and_log(house: &Rendezvous, message: Result<String, BadLine>, peer: SocketAddr) -> Option<Answer> {
    let shown = |text: &str| text::escape(text::cut(text, LOGGED));
    let (asked, answer) = match &message {
        Ok(message) => (shown(message), answer(house, message, peer)),
        Err(bad) => (bad.to_string(), Some(Answer::invalid())),
    };
    let said = answer.as_ref().map(|answer| shown(&answer.to_string())).unwrap_or_default();
    info!("{peer} (query): {asked} -> {said}");
    answer
}

/// The answer to a query; none to `EXIT`.
fn answer(house: &Rendezvous, message: &str, peer: SocketAddr) -> Option<Answer> {
    let Some(query) = Query::parse(message) else { return Some(Answer::invalid()) };
    Some(match query {
        Query::Users => Answer::Names(house.roster.active().iter().map(|client| client.name.to_string()).collect()),
        Query::Peer(name) => find(house, &name)
            .map_or_else(Answer::not_found, |client| Answer::Peer(client.address, client.port.unwrap_or(0))),
        Query::UserFiles(name) => {
            find(house, &name).map_or_else(Answer::not_found, |client| Answer::Names(client.files.to_vec()))
        }
        Query::AllFiles => {
            let guests = house.roster.active().into_iter().filter(is_guest);
            Answer::Files(guests.map(|client| (client.name.to_string(), client.files.to_vec())).collect())
        }
        Query::Init { name, port, files } => enter(house, &name, port, files, peer),
        Query::Exit(name) => {
            leave(house, &name, peer.ip());
            return None;
        }
    })
}

fn is_guest(client: &Listed) -> bool {
    client.guest == Some(DIALECT)
}

/// Only guests of this dialect can be called by a client of it, or give it their files.
fn find(house: &Rendezvous, name: &str) -> Option<Listed> {
    let name = name.trim().parse().ok()?;
    house.roster.find(&Address::Name(name)).ok().filter(is_guest)
}

fn enter(house: &Rendezvous, name: &str, port: u16, files: Vec<String>, peer: SocketAddr) -> Answer {
    let name: Username = match name.trim().parse() {
        Ok(name) => name,
        Err(invalid) => return Answer::Refused(format!("{invalid}")),
    };
    if !files_fit(&files) {
        return Answer::Refused("Too many files".to_owned());
    }
    let from = SocketAddr::new(peer.ip(), port);
    let arrival = Arrival { name: name.clone(), from, guest: Some(DIALECT), mailbox: Arc::new(NoConnection) };
    let max = house.config.max_clients;
    let visit = Visit { arrival, port, files };
    match house.admit_guest(&name, || house.roster.enter_visitor(visit, max, Instant::now())) {
        Ok(entered) if entered.again => Answer::Known,
        Ok(_) => Answer::New,
        Err(NotEntered::Taken) => Answer::Refused("Username not available".to_owned()),
        Err(NotEntered::Full) => Answer::Refused(format!("Server full ({}): try again later", counted(max, "guest"))),
    }
}

/// Takes a guest out, asked by its own machine only.
fn leave(house: &Rendezvous, name: &str, from: IpAddr) {
    let Ok(name) = name.trim().parse::<Username>() else { return };
    let guests = house.roster.guests(DIALECT).into_iter();
    for (seat, _) in guests.filter(|(seat, _)| seat.name == name && seat.address == from) {
        house.roster.leave(&seat);
    }
}

/// Knocks on the ports of all guests now and then, one after the other, and takes out whoever has gone.
pub fn probe_guests(house: &Rendezvous, stop: &Shutdown) {
    let mut silent: HashMap<u64, u32> = HashMap::new();
    while !stop.wait(house.config.guest_probe) {
        let guests = house.roster.guests(DIALECT);
        silent.retain(|id, _| guests.iter().any(|(seat, _)| seat.id == *id));
        for (seat, listed) in guests {
            if stop.is_triggered() {
                return;
            }
            if has_gone(&seat, listed.socket(), &mut silent) {
                info!("{} (query guest) at {}: gone", seat.name, listed.socket());
                house.roster.leave(&seat);
            }
        }
    }
}

/// Connects and closes at once: a connection that stayed open would keep the client from chatting.
fn has_gone(seat: &Seat, listens: SocketAddr, silent: &mut HashMap<u64, u32>) -> bool {
    match TcpStream::connect_timeout(&listens, KNOCK_LIMIT) {
        Ok(_) => {
            silent.remove(&seat.id);
            false
        }
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => true,
        // Nobody answers, or this machine cannot ask at present.
        Err(_) => {
            let knocks = silent.entry(seat.id).or_default();
            *knocks += 1;
            *knocks >= SILENT_KNOCKS
        }
    }
}

/// Between two queries there is nowhere to send anything to.
struct NoConnection;

impl Mailbox for NoConnection {
    fn post(&self, _: &str) -> bool {
        false
    }

    fn close(&self) {}
}
