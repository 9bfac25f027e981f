//! The query dialect: S3's original client on its server's side.
//!
//! Its users are guests. A query is a connection of its own, so a guest's entry outlives the connection that made it;
//! one whose client has gone is found by probing the port where it said it listens.

use super::logged;
use crate::dialect::Dialect;
use crate::dialect::query::{MAX_NAME, MAX_QUERY, Query, QueryReply};
use crate::net::listener::Service;
use crate::net::{BurstReader, Place, Refused, STRANGER_RATE, Shutdown, TokenBucket};
use crate::protocol::Refusal;
use crate::server::delivery::{Mailbox, Outbox, Parcel};
use crate::server::service::{Away, ClientSnapshot, Failed, FileNames, NewGuest, NotEntered, Rendezvous, SessionKey};
use crate::trace::Expected;
use crate::value::BadLine;
use crate::value::sentence::counted;
use log::info;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a probe may take; the server's end waits for the last one.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// A probe for each guest comes after so many times the time between two looks after packet guests: its client shows
/// each of them.
const PROBE_EVERY: u32 = 3;
/// Probes without any answer, one after the other, after which a guest counts as gone: ten minutes of them. A port
/// that nobody has open refuses at once; silence may only mean a client in a long chat, which lets callers wait.
const SILENT_KNOCKS: u32 = 40;

/// Serves the query port.
pub struct Queries<'a>(pub &'a Rendezvous);

impl Service for Queries<'_> {
    const NAME: &'static str = "query client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let wire = place.wire();
        let Ok(outbox) = Outbox::new(Arc::clone(stream), wire, &self.0.counters) else { return };
        let _counted = self.0.counters.connected(Some(Dialect::Query));
        // However much it asks: a guest stays listed without a connection.
        let end = Some(Instant::now() + self.0.config.login_limit);
        let mut bucket = TokenBucket::new(self.0.config.rate.0, Instant::now());
        let mut reader = BurstReader::new(Arc::clone(stream), MAX_QUERY).recorded(wire);
        reader.set_rate(Some(STRANGER_RATE));
        loop {
            reader.tell(wire, || Expected::Query);
            let answer = match reader.next_message(end) {
                Ok(Some(message)) if bucket.take(Instant::now()) => answer_and_log(self.0, &message, peer),
                Ok(Some(_)) => QueryReply::Refused("Too fast: wait and send it again".to_owned()).to_string(),
                Ok(None) => return,
                Err(error) => {
                    if error.kind() == ErrorKind::InvalidData {
                        // The connection ends with it, so a client that has left already need not be told.
                        let _ = outbox.answer(QueryReply::invalid().to_string().as_bytes());
                    }
                    return;
                }
            };
            if !answer.is_empty() && !outbox.answer(answer.as_bytes()) {
                return;
            }
        }
    }

    fn turn_away(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        let refusal = self.0.turn_away(peer.ip())?;
        Some(QueryReply::Refused(refusal.to_string()).to_string().into_bytes())
    }

    fn refuse(&self, mut stream: &TcpStream, why: Refused) {
        let answer = QueryReply::Refused(match why {
            Refused::Full => self.0.not_served(why).to_string(),
            // It cannot log in.
            Refused::TooManyWithoutLogin(most) => too_many(most, "connection"),
        });
        // A client that has left already need not be told.
        let _ = stream.write_all(answer.to_string().as_bytes());
    }
}

/// The bytes of the answer; none to `EXIT`.
fn answer_and_log(services: &Rendezvous, message: &Result<String, BadLine>, peer: SocketAddr) -> String {
    services.counters.line(message.as_ref().map_or(0, String::len));
    let query = message.as_deref().ok().and_then(Query::parse);
    let notice = match &query {
        // What is in the others a client takes apart, or looks a name up in.
        Some(Query::Users | Query::AllFiles) => services.notice_on_board(),
        _ => None,
    };
    let answer = query.map_or_else(|| Some(QueryReply::invalid()), |query| answer(services, query, peer));
    let said = answer.as_ref().map(QueryReply::to_string).unwrap_or_default();
    match message {
        Ok(message) => info!("{peer} (query): {} -> {}", logged(Query::shown(message)), logged(&said)),
        Err(bad) => info!("{peer} (query): {bad} -> {}", logged(&said)),
    }
    // A text is in no log.
    answer.zip(notice).map_or(said, |(answer, notice)| answer.with_notice(&notice))
}

/// The answer to a query; none to `EXIT`.
fn answer(services: &Rendezvous, query: Query, peer: SocketAddr) -> Option<QueryReply> {
    services.count_query(peer.ip());
    if let (Err(away), false) = (services.may_speak(), matches!(query, Query::Exit(_))) {
        return Some(QueryReply::Refused(Refusal::from(away).to_string()));
    }
    Some(match query {
        Query::Users => QueryReply::Names(services.active().iter().map(seen_name).collect()),
        Query::Peer(name) => find(services, &name)
            .map_or_else(QueryReply::not_found, |client| QueryReply::Peer(client.address, client.port.unwrap_or(0))),
        Query::UserFiles(name) => {
            find(services, &name).map_or_else(QueryReply::not_found, |client| match services.files(&client) {
                Ok(files) => QueryReply::Names(files.to_vec()),
                Err(away) => QueryReply::Refused(Refusal::from(away).to_string()),
            })
        }
        Query::AllFiles => {
            let guests = services.active().into_iter().filter(is_guest);
            let of = |client: ClientSnapshot| Ok::<_, Away>((seen_name(&client), services.files(&client)?.to_vec()));
            match guests.map(of).collect() {
                Ok(files) => QueryReply::Files(files),
                Err(away) => QueryReply::Refused(Refusal::from(away).to_string()),
            }
        }
        Query::Init { name, port, files, torn } => {
            if !torn.is_empty() {
                let torn = torn.join(",");
                info!("{peer} (query): files left out, as a comma in a name makes two of it: {}", logged(&torn));
            }
            enter(services, &name, port, &files, peer)
        }
        Query::Exit(name) => {
            leave(services, &name, peer.ip());
            return None;
        }
    })
}

fn seen_name(client: &ClientSnapshot) -> String {
    client.name_in(Dialect::Query).to_owned()
}

fn is_guest(client: &ClientSnapshot) -> bool {
    client.guest == Some(Dialect::Query)
}

/// Only guests of this dialect can be called by a client of it, or give it their files.
fn find(services: &Rendezvous, name: &str) -> Option<ClientSnapshot> {
    services.find_guest(name, Dialect::Query).map(|(_, client)| client)
}

fn enter(services: &Rendezvous, name: &str, port: u16, files: &[String], peer: SocketAddr) -> QueryReply {
    let Some(files) = FileNames::new(files.iter().map(String::as_str)) else {
        return QueryReply::Refused("Too many files".to_owned());
    };
    let from = SocketAddr::new(peer.ip(), port);
    let (dialect, spelling) = (Dialect::Query, name.trim().to_owned());
    let guest = NewGuest { dialect, spelling, from, port, files, mailbox: Arc::new(NoConnection) };
    let refuse = |why: String| QueryReply::Refused(why);
    match services.enter_guest(guest) {
        Ok(entered) if entered.again => QueryReply::Known,
        Ok(_) => QueryReply::New,
        Err(Failed::Refused(why)) => refuse(not_entered(services, why)),
        Err(Failed::Away(away)) => refuse(Refusal::from(away).to_string()),
        Err(Failed::Unknown(why)) => refuse(why),
    }
}

fn not_entered(services: &Rendezvous, why: NotEntered) -> String {
    match why {
        NotEntered::NoName => format!("A name has 1 to {MAX_NAME} bytes of text"),
        NotEntered::Taken => Refusal::NameTaken.to_string(),
        NotEntered::Full(most) => format!("Server full ({}): try again later", counted(most, "guest")),
        NotEntered::TooMany(most) => too_many(most, "guest"),
        NotEntered::Banned(ban) => {
            services.counters.refused(&Refusal::Banned(ban.clone()));
            ban.to_string()
        }
    }
}

fn too_many(most: usize, what: &str) -> String {
    format!("Your address has {} already: try again later", counted(most, what))
}

/// Takes a guest out, asked by its own machine only.
fn leave(services: &Rendezvous, name: &str, from: IpAddr) {
    if let Some((key, _)) = services.find_guest(name, Dialect::Query).filter(|(key, _)| key.address == from) {
        services.leave_guest(&key);
    }
}

/// Probes on the ports of all guests now and then, one after the other, and takes out those that have gone.
pub fn probe_guests(services: &Rendezvous, stop: &Shutdown) {
    let mut silent: HashMap<u64, u32> = HashMap::new();
    while !stop.wait(services.config.guest_probe * PROBE_EVERY) {
        let guests = services.guests(Dialect::Query);
        silent.retain(|id, _| guests.iter().any(|(key, _)| key.id == *id));
        for (key, guest) in guests {
            if stop.is_triggered() {
                return;
            }
            let listens = guest.seen_from(key.view);
            if has_gone(&key, listens, &mut silent) {
                info!("{} (query guest) at {listens}: gone", key.name);
                services.leave_guest(&key);
            }
        }
    }
}

/// Connects and closes at once: a connection that stayed open would keep the client from chatting.
fn has_gone(key: &SessionKey, listens: SocketAddr, silent: &mut HashMap<u64, u32>) -> bool {
    match TcpStream::connect_timeout(&listens, PROBE_LIMIT) {
        Ok(_) => {
            silent.remove(&key.id);
            false
        }
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => true,
        // Nobody answers, or this machine cannot ask at present.
        Err(_) => {
            let probes = silent.entry(key.id).or_default();
            *probes += 1;
            *probes >= SILENT_KNOCKS
        }
    }
}

/// Between two queries there is nowhere to send anything to.
struct NoConnection;

impl Mailbox for NoConnection {
    fn deliver(&self, _: &Parcel) -> bool {
        false
    }

    fn close(&self) {}
}
