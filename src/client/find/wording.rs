//! How found servers are shown: for people and for programs.

use super::servers::{Found, Ports};
use serde_json::json;

/// What is said when no server answered: what may be wrong, and what to do.
pub const NOTHING_FOUND: &str = "No server was found. Perhaps
  no server runs: start one here with: server
  it is on another network, or the wireless keeps its devices apart
  it runs in a VM behind NAT: set the VM's network to bridged or host-only
  a firewall drops UDP port 4402, on its machine or on this one
  it was started with --no-find
  many ask from this address at the same moment: ask again
Ask one machine with: client find --find-at ADDRESS
Or give the server's address: client IP [PORT]";

/// How many there are, and what that is worth.
pub fn count(servers: &[Found]) -> String {
    let who = if servers.len() == 1 { "1 server was".to_owned() } else { format!("{} servers were", servers.len()) };
    format!("{who} found, not proven: anybody on the network can answer.")
}

/// A row a server, with address and port as a client takes them.
pub fn rows(servers: &[Found]) -> Vec<String> {
    let longest = servers.iter().map(|found| found.name.as_str().len()).max().unwrap_or(0);
    let places: Vec<String> = servers.iter().map(place).collect();
    let widest = places.iter().map(String::len).max().unwrap_or(0);
    let row = |(found, place): (&Found, &String)| {
        let Found { name, clients, max_clients, .. } = found;
        format!("{name:longest$}  {place:widest$}  {clients} of {max_clients} clients")
    };
    servers.iter().zip(&places).map(row).collect()
}

fn place(found: &Found) -> String {
    match (found.port, found.tls_port) {
        (Some(port), None) => format!("{} {port}", found.ip),
        (Some(port), Some(tls)) => format!("{} {port}, TLS {tls}", found.ip),
        (None, Some(port)) => format!("{} {port} (TLS alone)", found.ip),
        (None, None) => format!("{} (no port)", found.ip),
    }
}

/// The object of a server, described in `docs/JSON.md`. All its text is of characters that a terminal does not obey.
pub fn json(found: &Found) -> String {
    let Found { name, ip, port, tls_port, clients, max_clients, id, here } = found;
    let object = json!({
        "event": "server", "name": name.as_str(), "ip": ip, "port": port, "tls_port": tls_port, "clients": clients,
        "max_clients": max_clients, "server_id": id.to_string(), "here": here,
    });
    object.to_string()
}

/// Why a program gets no further with servers that were only found; `command` is what was typed.
pub fn give_an_address(servers: &[Found], ports: Ports, command: &str) -> String {
    let first = servers.iter().find_map(|found| found.target(ports)).map(|target| {
        let port = target.address.port();
        format!("{}{} {port}", if target.by_tls { "--tls " } else { "" }, target.host)
    });
    let first = first.unwrap_or_default();
    format!(
        "{}\n{}\nNothing is sent to a server that was only found where nobody can be asked: give its address, \
         as in: {command} {first}",
        count(servers),
        indented(servers)
    )
}

/// Why none of these can be used.
pub fn none_usable(servers: &[Found], ports: Ports) -> String {
    if servers.is_empty() {
        return NOTHING_FOUND.to_owned();
    }
    let why = if ports == Ports::Tls {
        "offers TLS, and nothing else is wanted"
    } else {
        "has a port that this client can use"
    };
    format!("{}\n{}\nNone of them {why}", count(servers), indented(servers))
}

fn indented(servers: &[Found]) -> String {
    let rows: Vec<String> = rows(servers).into_iter().map(|row| format!("  {row}")).collect();
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ServerId;

    fn found(name: &str, ip: [u8; 4], port: Option<u16>) -> Found {
        let name = name.parse().expect("a name");
        let id = ServerId([0xab; 8]);
        Found { name, ip: ip.into(), port, tls_port: None, clients: 3, max_clients: 50, id, here: false }
    }

    #[test]
    fn rows_for_people_and_objects_for_programs() {
        let servers = [found("room-12", [10, 77, 0, 1], Some(4400)), found("x", [127, 0, 0, 1], Some(41234))];
        let expected = ["room-12  10.77.0.1 4400   3 of 50 clients", "x        127.0.0.1 41234  3 of 50 clients"];
        assert_eq!(rows(&servers), expected);
        assert_eq!(
            json(&servers[0]),
            r#"{"clients":3,"event":"server","here":false,"ip":"10.77.0.1","max_clients":50,"name":"room-12","port":4400,"server_id":"abababababababab","tls_port":null}"#
        );
    }

    #[test]
    fn who_cannot_be_asked_is_told_what_to_type() {
        let servers = [found("tls", [10, 0, 0, 1], None), found("room-12", [10, 0, 0, 2], Some(4400))];
        let text = give_an_address(&servers, Ports::Best, "client");
        assert!(text.contains("2 servers were found, not proven"), "{text}");
        assert!(text.contains("\n  room-12  10.0.0.2 4400"), "{text}");
        assert!(text.ends_with("give its address, as in: client 10.0.0.2 4400"), "{text}");
        let text = give_an_address(&servers[1..], Ports::Best, "client doctor");
        assert!(text.ends_with("as in: client doctor 10.0.0.2 4400"), "{text}");
        assert!(none_usable(&servers[..1], Ports::Best).contains("None of them has a port"));
        assert!(none_usable(&servers, Ports::Tls).ends_with("None of them offers TLS, and nothing else is wanted"));
        assert_eq!(none_usable(&[], Ports::Tls), NOTHING_FOUND);
    }

    #[test]
    fn a_port_for_tls_stands_beside_the_other_one() {
        let both = Found { tls_port: Some(4403), ..found("a", [10, 0, 0, 1], Some(4400)) };
        let alone = Found { tls_port: Some(4403), ..found("b", [10, 0, 0, 2], None) };
        assert_eq!(place(&both), "10.0.0.1 4400, TLS 4403");
        assert_eq!(place(&alone), "10.0.0.2 4403 (TLS alone)");
        assert!(give_an_address(&[both], Ports::Tls, "client").ends_with("as in: client --tls 10.0.0.1 4403"));
    }
}
