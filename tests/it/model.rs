//! Random lives of several people, played against the server and against a model of what it should know: who is
//! there, where they listen, what they share, who was told what, and the broadcasts with their numbers.

use crate::harness::{Lines, TestServer, wait_until};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const PORTS: [u16; 2] = [4401, 5000];
const FILES: [&str; 3] = ["a.txt", "b, c.txt", "d\"e_f"];

/// What somebody does. A number names a person, a port or a file; who is not there logs in first.
#[derive(Clone, Debug)]
enum Deed {
    /// Logs in; from a session that is there already the new one takes over.
    LogIn(usize),
    Quit(usize),
    /// The connection is reset, which only the network tells.
    CutOff(usize),
    Init(usize, usize, Vec<usize>),
    Share(usize, usize),
    Active(usize, bool),
    Broadcast(usize, String),
    Relay(usize, usize, String),
    Message(usize, usize, String),
    Connect(usize, usize),
    /// Asks for all that can be asked for.
    Look(usize),
    /// The server stops, and another one starts in its folder.
    Restart,
}

/// A session as the model has it.
struct Person {
    lines: RefCell<Lines>,
    ip: String,
    port: Option<u16>,
    files: Vec<&'static str>,
    active: bool,
    /// `ticket_` lines that must stand before the next answer.
    tickets: Vec<String>,
}

struct House {
    server: TestServer,
    there: BTreeMap<&'static str, Person>,
    /// Who said what, from number 1 on.
    said: Vec<(&'static str, String)>,
}

impl Person {
    /// Sends a line; gives the lines of its answer. The tickets that came before it are those that were expected.
    fn ask(&mut self, line: &str) -> Vec<String> {
        self.lines.get_mut().send(line);
        let answer = self.lines.get_mut().answer();
        let expected = std::mem::take(&mut self.tickets);
        let (told, answer) = answer.split_at(expected.len().min(answer.len()));
        assert_eq!(told, expected, "before the answer to {line}");
        answer.to_vec()
    }

    /// The next event is this one, whatever stands where a time stands.
    fn is_told(&mut self, number: usize, from: &str, text: &str) {
        let event = self.lines.get_mut().event();
        let fields: Vec<&str> = event.splitn(5, '_').collect();
        assert_eq!([fields[0], fields[1], fields[3], fields[4]], ["bcast", &number.to_string(), from, text]);
    }
}

impl House {
    fn new() -> House {
        let house = House { server: TestServer::start(&["--rate", "off"]), there: BTreeMap::new(), said: Vec::new() };
        for name in NAMES {
            let mut lines = house.server.connect();
            assert!(lines.ask(&format!("SIGNUP,{name},password")).starts_with("OK"));
        }
        house
    }

    fn log_in(&mut self, name: &'static str) {
        let mut lines = self.server.connect();
        lines.log_in(name);
        if let Some(mut older) = self.there.remove(name) {
            let notice = older.lines.get_mut().event();
            assert!(notice.starts_with("notice_") && notice.contains(name), "{notice}");
            older.lines.get_mut().wait_for_end();
        }
        let ip = lines.ip.clone();
        assert!(self.there.values().all(|other| other.ip != ip), "an address of its own");
        let mut person =
            Person { lines: lines.into(), ip, port: None, files: Vec::new(), active: true, tickets: Vec::new() };
        for (number, (from, text)) in (1..).zip(&self.said) {
            person.is_told(number, from, text);
        }
        self.there.insert(name, person);
    }

    /// A person, logged in if need be.
    fn person(&mut self, number: usize) -> &mut Person {
        if !self.there.contains_key(NAMES[number]) {
            self.log_in(NAMES[number]);
        }
        self.there.get_mut(NAMES[number]).expect("logged in")
    }

    fn play(mut self, deed: &Deed) -> House {
        match deed {
            Deed::LogIn(who) => self.log_in(NAMES[*who]),
            Deed::Quit(who) => {
                assert_eq!(self.person(*who).ask("quit"), ["OK,Goodbye"]);
                self.there.remove(NAMES[*who]).expect("was there").lines.get_mut().wait_for_end();
            }
            Deed::CutOff(who) => self.cut_off(*who),
            Deed::Init(who, port, files) => {
                let files: Vec<&str> = files.iter().map(|file| FILES[*file]).collect();
                let (name, port) = (NAMES[*who], PORTS[*port]);
                let person = self.person(*who);
                let quoted = peerline::value::comma::join(files.iter().copied());
                let answer = person.ask(&format!("INIT,{name},{port},{quoted}"));
                assert_eq!(answer, [if person.port.is_some() { "UP" } else { "OK" }]);
                (person.port, person.files) = (Some(port), files);
            }
            Deed::Share(who, file) => {
                let person = self.person(*who);
                let quoted = peerline::value::comma::join([FILES[*file]]);
                assert_eq!(person.ask(&format!("SHARE,{quoted}")), ["UP"]);
                person.files.push(FILES[*file]);
            }
            Deed::Active(who, active) => {
                let (person, word) = (self.person(*who), if *active { "active" } else { "inactive" });
                let already = person.active == *active;
                let tense = if already { format!("were {word} already") } else { format!("are {word} now") };
                assert_eq!(person.ask(word), [format!("OK,You {tense}")]);
                person.active = *active;
            }
            Deed::Broadcast(who, text) => self.broadcast(*who, text),
            Deed::Relay(from, to, text) => self.deliver("relay", *from, *to, text),
            Deed::Message(from, to, text) => self.deliver("msg", *from, *to, text),
            Deed::Connect(from, to) => self.introduce(&format!("connect_{}", NAMES[*to]), *from, *to),
            Deed::Look(who) => self.look(*who),
            Deed::Restart => {
                self.there.clear();
                self.server = self.server.restart(&["--rate", "off"]);
            }
        }
        self
    }

    fn cut_off(&mut self, who: usize) {
        let was_listed = self.person(who).active;
        // Nothing else shows that somebody inactive has gone.
        if !was_listed {
            return;
        }
        self.there.remove(NAMES[who]).expect("was there").lines.into_inner().hang_up();
        let witness = self.there.entry("zoe").or_insert_with(|| Person {
            ip: String::new(),
            port: None,
            files: Vec::new(),
            active: true,
            tickets: Vec::new(),
            lines: RefCell::new(self.server.join("zoe")),
        });
        let is_listed = || witness.lines.borrow_mut().ask("GET_U").split(',').any(|name| name == NAMES[who]);
        wait_until("the list without who was cut off", || !is_listed());
        // The witness is nobody in the model.
        let mut witness = self.there.remove("zoe").expect("the witness");
        assert_eq!(witness.lines.get_mut().ask("quit"), "OK,Goodbye");
        witness.lines.get_mut().wait_for_end();
    }

    fn broadcast(&mut self, who: usize, text: &str) {
        self.person(who);
        self.said.push((NAMES[who], text.to_owned()));
        let (number, reached) = (self.said.len(), self.there.len());
        let clients = if reached == 1 { "client" } else { "clients" };
        let answer = self.person(who).ask(&format!("bcast_{text}"));
        assert_eq!(answer, [format!("OK,Broadcast {number} sent to {reached} {clients}")]);
        self.there.values_mut().for_each(|person| person.is_told(number, NAMES[who], text));
    }

    /// Whom an ADDR leads to: somebody else who is active.
    fn can_be_found(&self, from: usize, to: usize) -> bool {
        from != to && self.there.get(NAMES[to]).is_some_and(|person| person.active)
    }

    fn deliver(&mut self, command: &str, from: usize, to: usize, text: &str) {
        self.person(from);
        let line = format!("{command}_{text}_{}", NAMES[to]);
        let listens = self.there.get(NAMES[to]).is_some_and(|person| person.port.is_some());
        if command == "msg" && listens {
            return self.introduce(&line, from, to);
        }
        let found = self.can_be_found(from, to);
        let answer = self.person(from).ask(&line);
        if found {
            assert_eq!(answer, [format!("OK,Relayed to {}", NAMES[to])]);
            let event = self.person(to).lines.get_mut().event();
            assert_eq!(event, format!("msg_{}_{text}", NAMES[from]));
        } else {
            assert!(answer.len() == 1 && answer[0].starts_with("ERR,"), "{answer:?}");
        }
    }

    fn introduce(&mut self, line: &str, from: usize, to: usize) {
        self.person(from);
        let target = self.there.get(NAMES[to]).and_then(|person| Some(format!("{}:{}", person.ip, person.port?)));
        let target = target.filter(|_| self.can_be_found(from, to));
        let answer = self.person(from).ask(line);
        let Some(address) = target else {
            return assert!(answer.len() == 1 && answer[0].starts_with("ERR,"), "{answer:?}");
        };
        let [ticket, peer, ok] = answer.as_slice() else { panic!("{answer:?}") };
        let hex = ticket.strip_prefix(&format!("ticket_{}_", NAMES[to])).expect("the other's name");
        assert_eq!(peer, &format!("peer_{address}"));
        assert!(hex.len() == 32 && ok.starts_with("OK,"), "{answer:?}");
        self.person(to).tickets.push(format!("ticket_{}_{hex}", NAMES[from]));
    }

    fn look(&mut self, who: usize) {
        self.person(who);
        let active: Vec<_> = self.there.iter().filter(|(_, person)| person.active).collect();
        let row =
            |(name, person): &(&&str, &Person)| format!("client_{name}_{}:{}", person.ip, person.port.unwrap_or(0));
        let mut list: Vec<String> = active.iter().map(row).collect();
        list.push(match active.len() {
            1 => "OK,1 active client".to_owned(),
            more => format!("OK,{more} active clients"),
        });
        let names: Vec<&str> = active.iter().map(|(name, _)| **name).collect();
        let users = if names.is_empty() { "OK".to_owned() } else { format!("OK,{}", names.join(",")) };
        let peers: Vec<(String, String)> = NAMES
            .map(|name| {
                let there = self.there.get(name).filter(|person| person.active);
                let at = |person: &Person| format!("OK,{},{}", person.ip, person.port.unwrap_or(0));
                let answer = there.map_or("ERR,User not found!".to_owned(), at);
                (format!("GET_P,{name}"), answer)
            })
            .to_vec();
        let mut files: Vec<(&str, &str)> = Vec::new();
        active.iter().for_each(|(name, person)| files.extend(person.files.iter().map(|file| (**name, *file))));
        let files: Vec<(String, String)> =
            files.into_iter().map(|(name, file)| (name.to_owned(), file.to_owned())).collect();
        let person = self.person(who);
        let whoami = format!("OK,{},{},{}", NAMES[who], person.ip, person.port.unwrap_or(0));
        assert_eq!(person.ask("whoami"), [whoami]);
        assert_eq!(person.ask("list"), list);
        assert_eq!(person.ask("GET_U"), [users]);
        for (line, answer) in peers {
            assert_eq!(person.ask(&line), [answer]);
        }
        let told = person.ask("GET_AF").into_iter().filter_map(|line| Some(line.strip_prefix("files_")?.to_owned()));
        let told: Vec<(String, String)> = told
            .flat_map(|line| {
                let fields = peerline::value::comma::split(&line);
                fields[1..].iter().map(|file| (fields[0].clone(), file.clone())).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(told, files);
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = || 0..NAMES.len();
    // Underscores, commas and quotes are text like any other.
    let text = || "[a-z_,\"1ü]{1,12}";
    prop_oneof![
        2 => who().prop_map(Deed::LogIn),
        1 => who().prop_map(Deed::Quit),
        1 => who().prop_map(Deed::CutOff),
        3 => (who(), 0..PORTS.len(), prop::collection::vec(0..FILES.len(), 0..3))
            .prop_map(|(who, port, files)| Deed::Init(who, port, files)),
        1 => (who(), 0..FILES.len()).prop_map(|(who, file)| Deed::Share(who, file)),
        2 => (who(), any::<bool>()).prop_map(|(who, active)| Deed::Active(who, active)),
        3 => (who(), text()).prop_map(|(who, text)| Deed::Broadcast(who, text)),
        2 => (who(), who(), text()).prop_map(|(from, to, text)| Deed::Relay(from, to, text)),
        2 => (who(), who(), text()).prop_map(|(from, to, text)| Deed::Message(from, to, text)),
        3 => (who(), who()).prop_map(|(from, to)| Deed::Connect(from, to)),
        3 => who().prop_map(Deed::Look),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// The server and the model agree after every deed.
    #[test]
    fn the_server_knows_what_a_model_knows(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut house = House::new();
        for deed in &deeds {
            house = house.play(deed);
        }
        house.look(0);
    }
}
