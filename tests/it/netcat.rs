//! The examples in README.md and docs/PROTOCOL.md that begin with `$`, played as people type them, through every tool
//! that docs/PROTOCOL.md tells of and this machine has.
//!
//! The documents are the source. Alice and bob are real clients, but for who types `alice> ...`. Addresses, tickets
//! and times are not those of the document: what stands there stands for what came in its place, here and wherever it
//! comes again, in commands too. `...` stands for the rest of a line, and on a line of its own for any lines.

use crate::harness::client::ClientProcess;
use crate::harness::netcat::{Running, Tool};
use crate::harness::{Lines, TestServer, read};
use std::collections::HashMap;
use std::iter::Peekable;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tempfile::TempDir;

/// The shared file and the listed command of the examples.
const SHARED: (&str, &str) = ("notes.txt", "some notes\n");
const LISTED: &str = "uname -s";

/// Who is there with a client, and where in the documents.
const CLIENTS: [(&str, &str); 2] = [("alice", "127.0.0.2:4401"), ("bob", "127.0.0.3:4401")];

/// The program for which the tools stand in.
const NETCAT: &str = "nc ";

/// An example: where it stands, and its lines.
struct Example {
    title: String,
    lines: Vec<String>,
}

/// What a line of an example is.
enum Line<'a> {
    /// `$ nc IP PORT`, a conversation that begins.
    Session(&'a str),
    /// `$ printf ... | nc IP PORT`: what stands before the `|`, and the address.
    Pipe(&'a str, &'a str),
    /// `$ printf ... | sha256sum ...`.
    Shell(&'a str),
    /// `alice> ...`, or `> ...` into the session.
    Typed(&'a str, &'a str),
    /// What comes.
    Comes(&'a str),
}

impl Line<'_> {
    fn of(line: &str) -> Line<'_> {
        if let Some(command) = line.strip_prefix("$ ") {
            return match command.split_once(" | ") {
                Some((_, after)) if after.starts_with("sha256sum") => Line::Shell(command),
                Some((before, after)) => Line::Pipe(before, after.strip_prefix(NETCAT).expect("nc")),
                None => Line::Session(command.strip_prefix(NETCAT).expect("nc")),
            };
        }
        match line.split_once("> ") {
            Some((name, text)) if name.bytes().all(|byte| byte.is_ascii_lowercase()) => Line::Typed(name, text),
            _ => Line::Comes(line),
        }
    }
}

/// Every block of indented lines that has one with `$`.
fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    for name in ["README.md", "docs/PROTOCOL.md"] {
        let document = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        let lines: Vec<_> = document.lines().collect();
        let blocks = lines.split(|line| !line.starts_with("    "));
        let first =
            |block: &[&str]| block.iter().find(|line| line.starts_with("    $ ")).map(|line| line[4..].to_owned());
        for (block, first) in blocks.filter_map(|block| Some((block, first(block)?))) {
            let lines = block.iter().map(|line| line[4..].to_owned()).collect();
            found.push(Example { title: format!("{name}: {first}"), lines });
        }
        let unplayed = |line: &&&str| line.contains("nc 127.") && !line.starts_with("    $ ");
        assert_eq!(lines.iter().find(unplayed), None, "{name}: an example that begins without `    $ ` is not played");
    }
    assert!(found.len() >= 5, "only {} examples", found.len());
    found
}

/// What an example takes for granted.
struct Stage {
    server: TestServer,
    clients: Vec<ClientProcess>,
    shared: TempDir,
    /// What came for what stands in the document.
    bound: HashMap<String, String>,
}

impl Stage {
    fn set(example: &Example) -> Stage {
        let server = TestServer::start(&["--rate", "off"]);
        let shared = tempfile::tempdir().expect("a folder");
        std::fs::write(shared.path().join(SHARED.0), SHARED.1).expect("written");
        let bound = HashMap::from([("127.0.0.1:4400".to_owned(), server.address.to_string())]);
        let mut stage = Stage { server, clients: Vec::new(), shared, bound };
        let mut stranger = stage.server.connect();
        stranger.ask("SIGNUP,stranger,password");
        for line in &example.lines {
            // Who logs in without having signed up has done so before.
            let login = line.strip_prefix("$ printf 'LOGIN,").and_then(|rest| rest.split("\\n").next());
            login.map(|account| stranger.ask(&format!("SIGNUP,{account}")));
        }
        let types = |name: &str| example.lines.iter().any(|line| line.starts_with(&format!("{name}> ")));
        let (typing, clients): (Vec<_>, Vec<_>) = CLIENTS.iter().partition(|(name, _)| types(name));
        typing.iter().for_each(|(name, _)| drop(stranger.ask(&format!("SIGNUP,{name},password"))));
        clients.iter().for_each(|(name, _)| stage.start_client(name));
        stranger.log_in("stranger");
        for (name, told) in clients {
            let answer = stranger.ask(&format!("GET_P,{name}"));
            let address = answer.strip_prefix("OK,").expect("is there").replace(',', ":");
            stage.bound.insert((*told).to_owned(), address);
        }
        stranger.ask("quit");
        stranger.wait_for_end();
        stage
    }

    fn start_client(&mut self, name: &str) {
        let folder = self.shared.path().to_str().expect("a path in UTF-8");
        let log = format!("{folder}/.consent");
        let options = ["--user", name, "--signup", "--share", folder, "--allow-run", LISTED, "--consent-log", &log];
        let mut client = ClientProcess::start(self.server.address, &options);
        client.see(&format!("Logged in as {name}."));
        self.clients.push(client);
    }

    /// What stands in the document with what came in its place.
    fn real(&self, text: &str) -> String {
        let mut bound: Vec<_> = self.bound.iter().collect();
        // The start of a ticket stands in the whole one too.
        bound.sort_by_key(|(told, _)| std::cmp::Reverse(told.len()));
        bound.iter().fold(text.to_owned(), |text, (told, came)| text.replace(*told, came))
    }

    /// An address as a command has it: `IP PORT`.
    fn address(&self, told: &str) -> SocketAddr {
        let told = told.trim().replace(' ', ":");
        self.bound.get(&told).unwrap_or_else(|| panic!("{told} is nobody's")).parse().expect("an address")
    }

    /// Whether a line is the one of the document; what stands for something else is bound to it.
    fn matches(&mut self, told: &str, came: &str) -> bool {
        if let Some(start) = told.strip_suffix("...") {
            return came.starts_with(start);
        }
        let pieces = |line: &str| line.split_inclusive(['_', ' ', ',']).map(str::to_owned).collect::<Vec<_>>();
        let (told, came) = (pieces(told), pieces(came));
        told.len() == came.len() && told.iter().zip(&came).all(|(told, came)| self.is_same(told, came))
    }

    fn is_same(&mut self, told: &str, came: &str) -> bool {
        let kind = Kind::of(told);
        if told == came || kind == Kind::Word || kind != Kind::of(came) {
            return told == came;
        }
        if kind == Kind::Ticket {
            self.bound.entry(told[..12].to_owned()).or_insert_with(|| came[..12].to_owned());
        }
        self.bound.entry(told.to_owned()).or_insert_with(|| came.to_owned()) == came
    }
}

/// What a word stands for.
#[derive(PartialEq)]
enum Kind {
    Address,
    Ip,
    Ticket,
    Proof,
    Time,
    Word,
}

impl Kind {
    fn of(word: &str) -> Kind {
        let word = word.trim_end_matches(['_', ' ', ',']);
        if word.parse::<SocketAddr>().is_ok() {
            Kind::Address
        } else if word.parse::<IpAddr>().is_ok() {
            Kind::Ip
        } else if word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Kind::Ticket
        } else if word.len() == 20 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Kind::Proof
        } else if word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            Kind::Time
        } else {
            Kind::Word
        }
    }
}

/// What is asked for behind the last line: in a conversation more may come, but a command's answer is at its end.
const END: &str = "";

/// Takes the lines that come, and those of the document that say so, until it says something else.
fn compare<'a>(
    stage: &mut Stage,
    told: &mut Peekable<impl Iterator<Item = &'a String>>,
    mut next: impl FnMut(&str) -> Option<String>,
    at: &str,
) {
    let mut any = false;
    while let Some(line) = told.next_if(|line| matches!(Line::of(line), Line::Comes(_))) {
        if line == "..." {
            any = true;
            continue;
        }
        let mut passed = Vec::new();
        loop {
            let Some(came) = next(line) else { panic!("{at}: not {line:?}, but {passed:#?} and the end") };
            if stage.matches(line, &came) {
                break;
            }
            passed.push(came);
            assert!(any, "{at}: not {line:?}, but {passed:?}");
        }
        any = false;
    }
    if !any {
        assert_eq!(next(END), None, "{at}: more came than the document says");
    }
}

fn play(example: &Example, tool: &Tool) {
    let at = format!("{} by {}", example.title, tool.command);
    let mut stage = Stage::set(example);
    let mut running = Vec::new();
    let mut talks: HashMap<&str, Lines> = HashMap::new();
    let mut connect = |address| {
        let (talk, at_work) = tool.connect(address);
        running.push(at_work);
        talk
    };
    let mut lines = example.lines.iter().peekable();
    while let Some(line) = lines.next() {
        let name = match Line::of(line) {
            Line::Comes(line) => panic!("{at}: {line:?} answers nothing"),
            shell @ (Line::Pipe(..) | Line::Shell(_)) => {
                let line = match shell {
                    Line::Pipe(before, address) => {
                        format!("{} | {}", stage.real(before), tool.at(stage.address(address)))
                    }
                    Line::Shell(command) => stage.real(command),
                    _ => unreachable!("one of the two"),
                };
                let (code, output) = Running::shell(&line).finish();
                assert_eq!(code, Some(0), "{at}: {output}");
                let mut output = output.lines().map(str::to_owned);
                compare(&mut stage, &mut lines, |_| output.next(), &at);
                continue;
            }
            Line::Session(address) => {
                talks.insert("", connect(stage.address(address)));
                ""
            }
            Line::Typed(name, text) => {
                let talk = talks.entry(name).or_insert_with(|| log_in(connect(stage.server.address), name));
                talk.send(&stage.real(text));
                name
            }
        };
        let talk = talks.get_mut(name).expect("begun");
        compare(&mut stage, &mut lines, |line| next_of(talk, line), &at);
    }
    drop(talks);
    stage.clients.iter_mut().for_each(|client| assert_eq!(client.finish(), Some(0), "{at}"));
}

fn log_in(mut talk: Lines, name: &str) -> Lines {
    assert_eq!(talk.answer(), ["OK,Welcome to peerline: login or signup"]);
    talk.log_in(name);
    talk
}

/// What comes next in a conversation, of the kind that `line` is. Events come where they will.
fn next_of(talk: &mut Lines, line: &str) -> Option<String> {
    match line {
        END => None,
        _ if line.starts_with("bcast_") => Some(talk.event()),
        _ => Some(talk.answer_line()),
    }
}

#[test]
fn every_example_of_the_documents_by_every_tool() {
    let examples = examples();
    for tool in Tool::all() {
        examples.iter().for_each(|example| play(example, &tool));
    }
}

/// The sender's own broadcast comes before the end, though nothing but the end of the input asked for that.
#[test]
fn who_broadcasts_and_ends_the_input_gets_the_own_line() {
    let server = TestServer::start(&["--rate", "off"]);
    server.connect().ask("SIGNUP,ann,password");
    for tool in Tool::all().iter().filter(|tool| tool.closes_its_half) {
        for round in 1..=5 {
            let text = format!("{round} by {}", tool.command);
            let line = format!("printf 'LOGIN,ann,password\\nbcast_%s\\n' '{text}' | {}", tool.at(server.address));
            let (code, output) = Running::shell(&line).finish();
            let own = output.lines().filter(|line| line.ends_with(&format!("_ann_{text}"))).count();
            assert_eq!((code, own), (Some(0), 1), "{line}: {output}");
        }
    }
}

/// Who only ended the input still waits for the answer, however long the owner thinks about it.
#[test]
fn a_command_that_the_owner_is_asked_for_is_answered_by_every_tool() {
    let server = TestServer::start(&["--rate", "off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let mut eve = ClientProcess::start(
        server.address,
        &["--user", "eve", "--signup", "--consent-log", log.to_str().expect("a path in UTF-8")],
    );
    eve.see("Logged in as eve.");
    let mut bob = server.join("bob");
    for (tool, question) in Tool::all().iter().zip(1..) {
        bob.send("connect_eve");
        let answer = bob.answer();
        let ticket = answer[0].strip_prefix("ticket_eve_").expect("a ticket");
        let peer = answer[1].strip_prefix("peer_").expect("an address").parse().expect("an address");
        let asking = Running::shell(&format!("printf 'RUN,bob,{ticket},echo hi\\n' | {}", tool.at(peer)));
        eve.see("bob asks to run here: echo hi");
        // By its number, as a yes that comes soon behind the question before could be meant for that one.
        eve.say(&format!("allow {question}"));
        assert_eq!(asking.finish(), (Some(0), "OK,0,3,0\nhi\n".to_owned()), "{}", tool.command);
        eve.see("bob ran here: echo hi");
    }
    assert_eq!(eve.finish(), Some(0));
}
