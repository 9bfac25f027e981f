//! The App itself in the loop, and the real server: two people meet, in one process.

use super::played::{LIMIT, Parts, Pen, name};
use clap::Parser;
use peerline::client::app::{App, Credentials, Face, Rules, Watching};
use peerline::client::call::Signals;
use peerline::client::event::{Bearer, End, Event, Line, Now, Shown};
use peerline::client::run::RunOptions;
use peerline::client::runner::{Full, Interface, Output, ROOM, Runner, Stop};
use peerline::net::Shutdown;
use peerline::server::Server;
use peerline::server::config::Config;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

/// A server on its thread, for as long as this lives.
struct Serving {
    address: SocketAddr,
    stop: Arc<Shutdown>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    fn start() -> Serving {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().display().to_string();
        let config =
            Config::parse_from(["server", "--port", "0", "--data", &data, "--hash-rounds", "1000", "--rate", "off"]);
        let stop = Arc::new(Shutdown::new());
        let server = Server::bind(config, Arc::clone(&stop)).expect("it starts");
        let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
        let body = move || {
            server.run();
            drop(folder);
        };
        Serving { address, stop, thread: Some(thread::spawn(body)) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.trigger();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

struct Printer {
    shown: Sender<Shown>,
    asked: Sender<()>,
}

impl Output for Printer {
    fn show(&mut self, line: &Line) -> Result<(), Full> {
        // At its end the test does not look any more.
        let _ = self.shown.send(line.shown.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn prompt(&mut self, _: String) {}

    fn next_line(&mut self, _: String, _: bool) {
        let _ = self.asked.send(());
    }

    fn end(self: Box<Self>) {}
}

struct Person {
    signals: Signals,
    stop: Stop,
    shown: Receiver<Shown>,
    asked: Receiver<()>,
    over: Receiver<(End, bool, Vec<String>)>,
    thread: JoinHandle<()>,
}

impl Person {
    fn start(who: &str, server: SocketAddr) -> Person {
        let (signals, receiver) = Signals::new(ROOM);
        let ((tell, shown), (ask, asked), (done, over)) = (channel(), channel(), channel());
        let stop = Stop::new(signals.clone());
        let (its_signals, its_stop, rules) = (signals.clone(), stop.clone(), rules(who, server));
        let body = move || {
            let now = Now { instant: Instant::now(), clock: SystemTime::now() };
            let settings = Parts {
                server,
                pin: None,
                files: channel().0,
                scribe: Pen::idle(),
                interface: Interface::Lines(Box::new(Printer { shown: tell, asked: ask })),
            };
            let app = App::new(rules, now);
            let runner = Runner::new(app, settings.into(), its_stop, its_signals, receiver).expect("threads");
            let over = runner.run();
            done.send((over.end, over.app.was_refused(), over.left)).expect("the test listens");
        };
        Person { signals, stop, shown, asked, over, thread: thread::spawn(body) }
    }

    fn types(&self, line: &str) {
        self.asked.recv_timeout(LIMIT).expect("the App asks for a line");
        assert!(self.signals.event(Event::Typed(Ok(line.to_owned()))));
    }

    /// Waits until this is shown.
    fn sees(&self, what: &str, is_it: impl Fn(&Shown) -> bool) {
        let mut before = Vec::new();
        loop {
            match self.shown.recv_timeout(LIMIT) {
                Ok(shown) if is_it(&shown) => return,
                Ok(shown) => before.push(shown),
                Err(_) => panic!("no {what}, only {before:?}"),
            }
        }
    }

    /// Waits for the end: how, whether anything was refused, and the threads that are left.
    fn over(self) -> (End, bool, Vec<String>) {
        let over = self.over.recv_timeout(LIMIT).expect("an end in time");
        self.thread.join().expect("no panic");
        over
    }
}

fn rules(who: &str, server: SocketAddr) -> Rules {
    let credentials = Credentials { name: name(who), password: Some("correct horse".to_owned()), signup: true };
    let run = RunOptions {
        allowed: "echo".parse().expect("a command"),
        never: false,
        log: None,
        time: LIMIT,
        question: LIMIT,
    };
    Rules {
        tls: false,
        has_tls: true,
        clear_peers: false,
        server,
        also: Vec::new(),
        known: Vec::new(),
        encrypted: Vec::new(),
        seed: 1,
        face: Face::Lines { typed: true, terminal: false },
        credentials: Some(credentials),
        answer_limit: LIMIT,
        run,
        share: None,
        downloads: PathBuf::from("."),
        upload_slots: 1,
        take: Vec::new(),
        gifts: true,
        relay: true,
        local: false,
        watching: Watching::Never,
        blocked: BTreeSet::new(),
        doctor: false,
        zone: jiff::tz::TimeZone::UTC,
        logs: false,
        quiet: false,
    }
}

#[test]
fn two_people_meet() {
    let server = Serving::start();
    let alice = Person::start("alice", server.address);
    let bob = Person::start("bob", server.address);
    // Each is asked for a line once it is logged in and listens.
    bob.types("all hello");
    alice.sees("broadcast", |shown| matches!(shown, Shown::Broadcast { broadcast, .. } if broadcast.text == "hello"));
    alice.types("msg bob hi");
    let direct = |shown: &Shown| matches!(shown, Shown::Message { text, bearer: Bearer::Sender, .. } if text == "hi");
    bob.sees("message", direct);
    bob.types("chat alice");
    alice.sees("request", |shown| matches!(shown, Shown::ChatRequest { stranger: None, .. }));
    alice.types("accept");
    bob.sees("chat", |shown| matches!(shown, Shown::ChatOpened { .. }));
    bob.types("are you there?");
    alice.sees("line", |shown| matches!(shown, Shown::ChatLine { text, .. } if text == "are you there?"));
    // In a chat a line is text, and a command has a slash.
    bob.types("/quit");
    assert_eq!(bob.over(), (End::Left, false, Vec::new()));
    alice.sees("end", |shown| matches!(shown, Shown::ChatClosed { .. }));
    alice.stop.stop();
    assert_eq!(alice.over(), (End::Left, false, Vec::new()));
}

#[test]
fn who_finds_no_server_is_told_and_ends() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let alice = Person::start("alice", nobody);
    let (end, _, left) = alice.over();
    assert!(matches!(&end, End::Failed(why) if why.contains(&nobody.to_string())), "{end:?}");
    assert_eq!(left, Vec::<String>::new());
}
