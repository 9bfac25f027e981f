//! Between the client map of this server and the records of the house.

use crate::server::clients::{ClientSnapshot, Elsewhere, FileNames, Letter, NotHanded, OnAnother};
use crate::server::shared::{Handover, Member, Record, Undelivered};
use std::net::IpAddr;

/// What others see of a client of this server.
pub fn record(client: &ClientSnapshot, at: &Member, machine: &str) -> Record {
    Record {
        name: client.name.clone(),
        at: at.clone(),
        session: client.id(),
        address: client.address,
        port: client.port,
        reach: client.reach,
        active: client.active,
        dnd: client.dnd,
        guest: client.guest,
        spelling: client.spelling().map(str::to_owned),
        source: client.source,
        machine: machine.to_owned(),
        encrypted: client.is_encrypted(),
        key: client.key(),
        since: client.since,
    }
}

/// The names of files as the house keeps them: a line each.
pub fn lines_of(files: &FileNames) -> String {
    files.to_vec().join("\n")
}

/// How clients of this server see one of another server. An address of 127/8 leads to it on its own machine alone: on
/// another one it is found at its server's host, if it told a port for that.
pub fn on_another(record: Record, machine: &str, host: Option<IpAddr>) -> OnAnother {
    let is_near = record.machine == machine && !machine.is_empty();
    let (address, port, reach) = match host {
        _ if is_near || !record.address.is_loopback() => (record.address, record.port, record.reach),
        Some(host) => (host, record.reach, None),
        None => (record.address, None, None),
    };
    OnAnother {
        name: record.name,
        at: Elsewhere {
            server: record.at.server,
            generation: record.at.generation,
            session: record.session,
            is_encrypted: record.encrypted,
            key: record.key,
        },
        address,
        port,
        reach,
        source: record.source,
        active: record.active,
        dnd: record.dnd,
        guest: record.guest,
        spelling: record.spelling,
        since: record.since,
    }
}

/// A letter for a client of another server.
pub fn handover(letter: Letter) -> Handover {
    match letter {
        Letter::Ticket { from, ticket, key } => Handover::Ticket { from, ticket, key },
        Letter::Text { from, text, by_tls } => Handover::Text { from, text, by_tls },
        Letter::Apart(notice) => Handover::Apart(notice),
        Letter::Loss(notice) => Handover::Loss(notice),
        Letter::End(notice) => Handover::End(notice),
    }
}

/// The same, arrived.
pub fn letter(handover: Handover) -> Letter {
    match handover {
        Handover::Ticket { from, ticket, key } => Letter::Ticket { from, ticket, key },
        Handover::Text { from, text, by_tls } => Letter::Text { from, text, by_tls },
        Handover::Apart(notice) => Letter::Apart(notice),
        Handover::Loss(notice) => Letter::Loss(notice),
        Handover::End(notice) => Letter::End(notice),
    }
}

/// What the asker's server is told.
pub fn undelivered(why: NotHanded) -> Undelivered {
    match why {
        NotHanded::NotThere => Undelivered::NotThere,
        NotHanded::InTheClear => Undelivered::InTheClear,
        NotHanded::Leaving => Undelivered::Leaving,
    }
}

/// The mirror of [`undelivered`].
pub fn not_handed(why: Undelivered) -> NotHanded {
    match why {
        Undelivered::NotThere => NotHanded::NotThere,
        Undelivered::InTheClear => NotHanded::InTheClear,
        Undelivered::Leaving => NotHanded::Leaving,
    }
}
