//! Servers, as they are typed.

use super::find::{Search, Target};
use crate::protocol::{FIND_PORT, MAX_SERVERS};
use crate::value::canonical;
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

/// Where a server is looked for.
#[derive(Args, Debug)]
pub struct SearchArguments {
    /// Ask this machine for a server, beside the networks of this one. May be given several times
    #[arg(long, value_name = "ADDRESS")]
    find_at: Vec<String>,
}

impl SearchArguments {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.find_at.is_empty()
    }

    /// What is asked beside the networks.
    ///
    /// # Errors
    /// A sentence with the host.
    pub fn resolve(&self) -> Result<Search, String> {
        let at = self.find_at.iter().map(|host| match resolve(host, FIND_PORT)?.ip() {
            IpAddr::V4(ip) => Ok::<Ipv4Addr, String>(ip),
            IpAddr::V6(_) => {
                Err(format!("--find-at {host}: servers are found by IPv4 alone; give the server's address"))
            }
        });
        Ok(Search { at: at.collect::<Result<_, _>>()? })
    }
}

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

/// Refuses an IP and a port in one word, and a word behind them; `command` is what stands before them.
///
/// # Errors
/// A sentence with what to type.
pub fn refuse_joined(host: &str, more: Option<&str>, command: &str) -> Result<(), String> {
    if let Some(more) = more {
        return Err(format!("{more} is one too many: give {command} IP PORT, and options"));
    }
    match joined(host) {
        Some((ip, port)) => Err(format!("{host}: write a blank between the IP and the port: {command} {ip} {port}")),
        None => Ok(()),
    }
}

/// The IP and the port where they are typed as one word.
fn joined(host: &str) -> Option<(&str, u16)> {
    let (ip, port) = host.rsplit_once(':').filter(|_| host.parse::<IpAddr>().is_err())?;
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    Some((bare, port.parse().ok()?))
}
