//! Who takes part: the server, and each client by its name, whether it has a file of its own or only the server's file
//! tells of it. Each is a lifeline of the picture.

use crate::connections::{Connection, Connections, address, port};
use crate::event::Kind;
use crate::recording::Recording;
use crate::text::{cut, plain};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The most columns of a name, which may be an address.
const NAME: usize = 24;

/// A lifeline, by its place from the left.
pub type Lane = usize;

/// All of them.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Their names, from left to right: the server in the middle, the others as they appear.
    pub names: Vec<String>,
    /// Which of them are servers.
    pub is_server: Vec<bool>,
    /// The lane of each file.
    pub of_file: Vec<Lane>,
    /// The file of each lane, where there is one.
    pub file_of: Vec<Option<usize>>,
    /// The two lanes of each connection: the end in whose file it is, and the other one.
    pub of_connection: Vec<(Lane, Lane)>,
    /// How many are shown by each name.
    namesakes: HashMap<String, usize>,
    /// The first lane of each name of a client. A client, too, may be called server.
    by_name: HashMap<String, Lane>,
}

impl Lanes {
    pub fn find(recordings: &[Recording], connections: &Connections, offsets: &[i64]) -> Lanes {
        let mut lanes = Lanes::default();
        lanes.add_files(recordings);
        let names = names_of(recordings, connections);
        let servers: Vec<Option<u16>> = recordings.iter().map(port_of_server).collect();
        for number in 0..connections.all.len() {
            let is_with_server = is_with_server(recordings, &servers, &connections.all[number]);
            let ends = lanes.ends(connections, names.get(&number), is_with_server, number);
            lanes.of_connection.push(ends);
        }
        lanes.arrange(recordings, connections, offsets);
        lanes
    }

    /// The lane of a client.
    pub fn named(&self, name: &str) -> Option<Lane> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    /// Whether bytes between the two pass no server.
    pub fn is_direct(&self, one: Lane, other: Lane) -> bool {
        !self.is_server[one] && !self.is_server[other]
    }

    fn add_files(&mut self, recordings: &[Recording]) {
        for (file, recording) in recordings.iter().enumerate() {
            let name = match (&recording.name, recording.is_server) {
                (_, true) => "server".to_owned(),
                (Some(name), false) => name.clone(),
                (None, false) => format!("client {}", recording.pid),
            };
            let lane = self.add(&name, recording.is_server, Some(file));
            self.of_file.push(lane);
        }
    }

    /// A new lane; where the name is taken, with a number behind it.
    fn add(&mut self, name: &str, is_server: bool, file: Option<usize>) -> Lane {
        let shown = shown(name);
        let before = self.namesakes.entry(shown.to_lowercase()).or_default();
        *before += 1;
        self.names.push(if *before == 1 { shown } else { format!("{shown} ({before})") });
        self.is_server.push(is_server);
        self.file_of.push(file);
        let lane = self.names.len() - 1;
        if !is_server {
            self.by_name.entry(name.to_lowercase()).or_insert(lane);
        }
        lane
    }

    fn find_or_add(&mut self, name: &str) -> Lane {
        self.named(name).unwrap_or_else(|| self.add(name, false, None))
    }

    fn server(&mut self) -> Lane {
        let server = self.is_server.iter().position(|is_server| *is_server);
        server.unwrap_or_else(|| self.add("server", true, None))
    }

    /// Its two lanes.
    fn ends(
        &mut self,
        connections: &Connections,
        name: Option<&String>,
        is_with_server: bool,
        number: usize,
    ) -> (Lane, Lane) {
        let connection = &connections.all[number];
        let own = self.of_file[connection.file];
        if let Some(twin) = connection.twin {
            return (own, self.of_file[connections.all[twin].file]);
        }
        let other = if connection.accepted == Some(true) { &connection.from } else { &connection.at };
        let other = match name {
            Some(name) => self.find_or_add(name),
            None if is_with_server => self.server(),
            None if other.is_empty() => self.add(&format!("connection {}", connection.c), false, None),
            None => self.find_or_add(&address(other)),
        };
        (own, other)
    }

    /// Puts them in their order.
    fn arrange(&mut self, recordings: &[Recording], connections: &Connections, offsets: &[i64]) {
        let mut appears = vec![i64::MAX; self.names.len()];
        for (number, connection) in connections.all.iter().enumerate() {
            let (own, other) = self.of_connection[number];
            let time = recordings[connection.file].events[connection.first].time + offsets[connection.file];
            for lane in [own, other] {
                appears[lane] = appears[lane].min(time);
            }
        }
        let (servers, mut order): (Vec<Lane>, Vec<Lane>) =
            (0..self.names.len()).partition(|lane| self.is_server[*lane]);
        order.sort_by_key(|lane| (appears[*lane], *lane));
        let middle = order.len().div_ceil(2);
        order.splice(middle..middle, servers);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, lane)| place[*lane] = at);
        self.names = order.iter().map(|lane| self.names[*lane].clone()).collect();
        self.is_server = order.iter().map(|lane| self.is_server[*lane]).collect();
        self.file_of = order.iter().map(|lane| self.file_of[*lane]).collect();
        self.of_file.iter_mut().for_each(|lane| *lane = place[*lane]);
        self.of_connection.iter_mut().for_each(|(own, other)| (*own, *other) = (place[*own], place[*other]));
        self.by_name.values_mut().for_each(|lane| *lane = place[*lane]);
    }
}

/// The port of the server that a client's file is about: it calls there first.
fn port_of_server(recording: &Recording) -> Option<u16> {
    recording.events.iter().find_map(|event| match &event.kind {
        Kind::Opened { at, accepted: false, .. } => Some(port(at)),
        _ => None,
    })?
}

/// Whether this end has called the server, as far as one file can tell: peers listen at other ports.
fn is_with_server(recordings: &[Recording], servers: &[Option<u16>], connection: &Connection) -> bool {
    let is_call = !recordings[connection.file].is_server && connection.accepted != Some(true);
    is_call && servers[connection.file].is_none_or(|server| port(&connection.at) == Some(server))
}

/// A name as it is shown: of an address that is too long the end, as that tells one from another.
fn shown(name: &str) -> String {
    let name = plain(name);
    match name.len().checked_sub(NAME - 3).filter(|_| name.len() > NAME && name.parse::<SocketAddr>().is_ok()) {
        Some(from) => format!("...{}", &name[from..]),
        None => cut(&name, NAME),
    }
}

/// The name of the other end of each connection, where its file tells it: at the server who logs in there, at a client
/// the peer.
fn names_of(recordings: &[Recording], connections: &Connections) -> HashMap<usize, String> {
    let mut names = HashMap::new();
    for (file, recording) in recordings.iter().enumerate() {
        let mut asks: HashMap<u64, String> = HashMap::new();
        for event in &recording.events {
            let (c, name) = match &event.kind {
                Kind::Named { c: Some(c), name } if recording.is_server => (*c, name.clone()),
                Kind::Line { c, line, .. } if recording.is_server => {
                    asks.extend(login_name(line).map(|name| (*c, name)));
                    continue;
                }
                Kind::Decided { c, verb, says, .. } if is_login(verb) && says == "OK" => {
                    let Some(name) = asks.remove(c) else { continue };
                    (*c, name)
                }
                Kind::Peer { c: Some(c), with, .. } | Kind::Redeemed { c: Some(c), with, .. } => (*c, with.clone()),
                _ => continue,
            };
            if let Some(number) = connections.number(file, c).filter(|_| !name.is_empty()) {
                names.entry(number).or_insert(name);
            }
        }
    }
    names
}

/// Whether it is the word of a line that logs somebody in.
fn is_login(verb: &str) -> bool {
    ["login", "again"].iter().any(|word| verb.eq_ignore_ascii_case(word))
}

/// The name in a line `LOGIN,alice,***` or `AGAIN,alice,***`.
fn login_name(line: &str) -> Option<String> {
    let (verb, rest) = line.split_once(',')?;
    let name = rest.split(',').next().unwrap_or_default();
    (is_login(verb) && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Budget;

    fn lanes(files: &[&str]) -> (Lanes, Connections) {
        let read = |(at, text): (usize, &&str)| {
            let text = text.trim().lines().enumerate().map(|(n, line)| format!("{{\"t\":{n},{line}}}\n"));
            Recording::read(&at.to_string(), text.collect::<String>().as_bytes(), Budget::whole()).expect("memory")
        };
        let recordings: Vec<Recording> = files.iter().enumerate().map(read).collect();
        let connections = Connections::find(&recordings);
        (Lanes::find(&recordings, &connections, &vec![0; recordings.len()]), connections)
    }

    const SERVER: &str = r#"
"who":"server","pid":1
"ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
"ev":"accept","c":2,"from":"127.0.0.1:51","at":"127.0.0.1:44"
"ev":"accept","c":3,"from":"127.0.0.1:52","at":"127.0.0.1:44"
"ev":"accept","c":4,"from":"127.0.0.1:53","at":"127.0.0.1:44"
"ev":"line","c":2,"line":"again,Bob,***","took":[1]
"ev":"decide","c":2,"verb":"AGAIN","says":"OK","why":""
"ev":"line","c":3,"line":"LOGIN,alice,***","took":[1]
"ev":"decide","c":3,"verb":"LOGIN","says":"ERR","why":""
"ev":"name","c":4,"name":"bob"
"#;

    #[test]
    fn the_server_stands_in_the_middle_and_clients_have_their_names() {
        let alice = r#"
"who":"client","pid":2
"ev":"connect","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
"ev":"name","name":"alice"
"ev":"connect","c":2,"from":"127.0.0.1:60","at":"127.0.0.3:4401"
"ev":"peer","c":2,"verb":"CHAT","with":"bob","at":"127.0.0.3:4401"
"#;
        let (lanes, _) = lanes(&[SERVER, alice]);
        assert_eq!(lanes.names, ["alice", "Bob", "server", "127.0.0.1:52"]);
        // Bob came twice, and alice talks with him; a login that failed gives no name.
        assert_eq!(lanes.of_connection, [(2, 0), (2, 1), (2, 3), (2, 1), (0, 2), (0, 1)]);
        assert!(lanes.is_direct(0, 1) && !lanes.is_direct(0, 2));
        assert_eq!((lanes.named("BOB"), lanes.named("eve")), (Some(1), None));
    }

    #[test]
    fn a_client_may_be_called_server() {
        let client = r#"
"who":"client","pid":2
"ev":"name","name":"server"
"ev":"connect","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
"#;
        let (lanes, _) = lanes(&[client]);
        assert_eq!((lanes.names.join(", ").as_str(), lanes.named("server")), ("server, server (2)", Some(0)));
        assert_eq!((lanes.is_server, lanes.of_connection), (vec![false, true], vec![(0, 1)]));
    }

    #[test]
    fn a_call_that_nobody_answered_is_not_one_of_the_server() {
        let alice = r#"
"who":"client","pid":2
"ev":"connect","c":1,"from":"127.0.0.2:50","at":"127.0.0.1:44"
"ev":"name","name":"alice"
"ev":"connect","c":2,"from":"127.0.0.2:60","at":"127.0.0.3:4401"
"ev":"connect","c":3,"from":"127.0.0.2:61","at":"127.0.0.9:44"
"#;
        let (lanes, _) = lanes(&[alice]);
        assert_eq!(lanes.names, ["alice", "server", "127.0.0.3:4401"]);
        assert_eq!(lanes.of_connection, [(0, 1), (0, 2), (0, 1)]);
    }

    #[test]
    fn long_addresses_are_told_apart() {
        let accept = |c, port| {
            format!("\"ev\":\"accept\",\"c\":{c},\"from\":\"[2001:db8:aaaa:bbbb:cccc::1]:{port}\",\"at\":\"[::1]:44\"")
        };
        let (lanes, _) = lanes(&[&["\"who\":\"server\"".to_owned(), accept(1, 50_001), accept(2, 50_002)].join("\n")]);
        assert_eq!(lanes.names, ["...a:bbbb:cccc::1]:50001", "server", "...a:bbbb:cccc::1]:50002"]);
    }

    #[test]
    fn clients_alone_have_a_server_too() {
        let client = |name: &str, port: u16| {
            let connect = format!("\"ev\":\"connect\",\"c\":1,\"from\":\"10.0.0.2:{port}\",\"at\":\"10.0.0.1:44\"");
            format!("\"who\":\"client\",\"pid\":{port}\n{connect}\n{name}")
        };
        let named = "\"ev\":\"name\",\"name\":\"alice\"";
        let (lanes, _) = lanes(&[&client(named, 5), &client(named, 6), &client("\"ev\":\"moon\"", 7)]);
        assert_eq!(lanes.names, ["alice", "alice (2)", "server", "client 7"]);
    }
}
