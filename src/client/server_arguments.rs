//! Servers, as they are typed.

use super::find::Target;
use crate::protocol::MAX_SERVERS;
use crate::value::canonical;
use std::net::{SocketAddr, ToSocketAddrs};

/// The servers that are used in the place of the first one: each `HOST:PORT`, one fewer than a list of servers has.
///
/// # Errors
/// A sentence: one is typed otherwise, its host is not to be had, or they are too many.
pub fn others(typed: &[String], by_tls: bool) -> Result<Vec<Target>, String> {
    if typed.len() >= MAX_SERVERS {
        return Err(format!("--also: at most {} servers beside the first one", MAX_SERVERS - 1));
    }
    typed.iter().map(|text| other(text, by_tls)).collect()
}

fn other(text: &str, by_tls: bool) -> Result<Target, String> {
    let form = || format!("--also {text}: give it as IP:PORT, such as 127.0.0.1:4400 or [::1]:4400");
    let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(form)?;
    // IPv6 without brackets may have lost its last part to the port.
    if host.is_empty() || bare.is_some() != host.contains(':') {
        return Err(form());
    }
    let host = bare.unwrap_or(host);
    Ok(Target { address: resolve(host, port)?, host: host.to_owned(), by_tls })
}

/// The address of a host. One of IPv4 that is written as IPv6 is given as what it is.
///
/// # Errors
/// A sentence with the host.
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found: Vec<_> = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?.collect();
    // A server listens on IPv4 unless told otherwise.
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().map(canonical).ok_or_else(|| format!("{host}: no such address"))
}
