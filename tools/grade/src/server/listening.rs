//! Where a process listens, when it does not listen where it was told to: the usual mistakes, by name.

use super::processes::{self, Process};
use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The states of a TCP socket that listens, and of one that is connected, as the system writes them.
const LISTENS: &str = "0A";
const CONNECTED: &str = "01";

/// An address at which somebody waits for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub ip: IpAddr,
    pub port: u16,
}

/// A sentence about where these processes listen, if not at this port of 127.0.0.1.
pub fn mistake(processes: &[Process], port: u16) -> String {
    let places = listening(&processes::sockets(processes));
    match places.iter().find(|place| place.port == port).or(places.first()) {
        None => format!("It runs and does not listen: nothing waits for TCP connections at port {port}."),
        Some(place) if place.port != port => {
            format!("It listens on port {}, not on {port}, which stands for {{port}} in its command line.", place.port)
        }
        Some(place) => format!("It listens on {}, not on 127.0.0.1.", place.ip),
    }
}

/// The process that waits for connections at this port. Where several share the socket, the one that has started the others.
pub fn holder(processes: &[Process], port: u16) -> Option<i32> {
    let waits = |process: &&Process| {
        let places = listening(&processes::sockets(std::slice::from_ref(*process)));
        places.iter().any(|place| place.port == port)
    };
    let holders: Vec<&Process> = processes.iter().filter(waits).collect();
    let is_child = |one: &Process| holders.iter().any(|other| other.id == one.parent);
    holders.iter().find(|one| !is_child(one)).map(|one| one.id)
}

/// How many sockets there are at this port which listen or are connected. Fewer of them: the server closes.
pub fn open_at(port: u16) -> usize {
    let (tables, end) = (tables(), format!(":{port:04X}"));
    let is_open = |row: &&str| {
        let mut fields = row.split_whitespace().skip(1);
        fields.next().is_some_and(|own| own.ends_with(&end))
            && fields.nth(1).is_some_and(|state| [LISTENS, CONNECTED].contains(&state))
    };
    tables.iter().flat_map(|table| table.lines()).filter(is_open).count()
}

fn tables() -> [String; 2] {
    ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default())
}

fn listening(sockets: &HashSet<u64>) -> Vec<Place> {
    let tables = tables();
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    rows.filter_map(parse).filter(|(_, inode)| sockets.contains(inode)).map(|(place, _)| place).collect()
}

/// Reads a row of `/proc/net/tcp`, and gives the socket's inode too.
fn parse(row: &str) -> Option<(Place, u64)> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    if *fields.get(3)? != LISTENS {
        return None;
    }
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Groups of four bytes, each in the order of this machine.
    let words = ip.as_bytes().chunks(8).map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<u32>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    };
    Some((Place { ip, port }, fields.get(9)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn who_listens_elsewhere_is_told_so() {
        let listener = TcpListener::bind("127.0.0.9:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let own: Vec<Process> =
            processes::all().into_iter().filter(|process| process.id == std::process::id() as i32).collect();
        let places = listening(&processes::sockets(&own));
        assert!(places.contains(&Place { ip: [127, 0, 0, 9].into(), port }), "{places:?}");
        assert_eq!(mistake(&own, port), "It listens on 127.0.0.9, not on 127.0.0.1.");
        assert_eq!((holder(&own, port), holder(&own, 1)), (Some(std::process::id() as i32), None));
        assert_eq!(open_at(port), 1);
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
        let accepted = listener.accept().expect("a client");
        assert_eq!(open_at(port), 2);
        drop((accepted, client));
        assert_eq!(open_at(port), 1);
        assert!(mistake(&own, 1).contains("not on 1, which stands for {port}"), "{}", mistake(&own, 1));
        assert!(mistake(&[], port).starts_with("It runs and does not listen"));
    }
}
