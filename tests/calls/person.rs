//! Clients without a screen, on one server that the test plays: the App of each, and the threads of its calls over real
//! connections. What an App waits for at a door is over at once.

use super::fetching::Fetching;
use super::played::{LIMIT, name};
use peerline::client::app::{App, Credentials, Face, Rules, Watching};
use peerline::client::call::{self, Call, OrderSender, Signal, Signals};
use peerline::client::dispatch::{self, Doorway, Means};
use peerline::client::event::{CallId, Effect, Event, LinkId, News, Now, Shown};
use peerline::client::run::output::Limits;
use peerline::client::run::serve::RunMeans;
use peerline::client::run::{ConsentLog, RunOptions};
use peerline::net::listener::close_gently;
use peerline::protocol::Reply;
use peerline::value::Ticket;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// The people, by their place in [`World`].
pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const MALLORY: usize = 2;

/// The numbers of the calls that peers begin, for each person.
const CALLS: u64 = 100;

/// How long a client waits for a ticket that was shown and not announced.
const LATE: Duration = Duration::from_secs(2);

/// Three clients, of which alice begins whatever is begun.
pub struct World {
    people: [Person; 3],
    signals: Signals,
    arrives: Receiver<Signal>,
    orders: HashMap<CallId, OrderSender>,
    threads: Vec<JoinHandle<()>>,
    /// What the server is still to say.
    says: VecDeque<(usize, Event)>,
    /// Where the server says that bob is.
    pub bob_is_at: SocketAddr,
    /// Whether mallory has that address since alice was introduced to bob by it.
    pub handed_on: bool,
    /// The requests of alice that do not ask for an introduction.
    pub asked: Vec<String>,
    /// How many calls are over.
    over: usize,
}

struct Person {
    app: App,
    now: Now,
    shown: Vec<Shown>,
}

fn rules(who: &str) -> Rules {
    Rules {
        tls: false,
        has_tls: true,
        clear_peers: false,
        server: ([127, 0, 0, 1], 4400).into(),
        also: Vec::new(),
        known: Vec::new(),
        encrypted: Vec::new(),
        seed: 1,
        face: Face::Lines { typed: false, terminal: false },
        credentials: Some(Credentials { name: name(who), password: Some("correct horse".to_owned()), signup: false }),
        answer_limit: Duration::from_secs(60),
        run: RunOptions {
            allowed: "date".parse().expect("a command"),
            never: false,
            log: None,
            time: LIMIT,
            question: LIMIT,
        },
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

fn means() -> Means {
    let run =
        RunMeans { log: ConsentLog::new(Some("/proc/none".into())), limits: Limits { time: LIMIT, cgroups: None } };
    Means { run, files: Box::new(Fetching(|_: &Call| {})), own: None }
}

fn server(line: &str) -> Event {
    Event::FromServer { link: LinkId(1), reply: Ok(Reply::parse(line)) }
}

impl World {
    /// All are logged in, and bob is said to be at this address.
    pub fn new(bob_is_at: SocketAddr) -> World {
        let now = Now { instant: Instant::now(), clock: SystemTime::now() };
        let person = |who| Person { app: App::new(rules(who), now), now, shown: Vec::new() };
        let (signals, arrives) = Signals::new(1024);
        let people = ["alice", "bob", "mallory"].map(person);
        let mut world = World {
            people,
            signals,
            arrives,
            orders: HashMap::new(),
            threads: Vec::new(),
            says: VecDeque::new(),
            bob_is_at,
            handed_on: false,
            asked: Vec::new(),
            over: 0,
        };
        for who in [ALICE, BOB, MALLORY] {
            let effects = world.people[who].app.start(now);
            world.carry_out(who, effects);
            world.handle(who, Event::Connected { link: LinkId(1), from: ([127, 0, 0, 1], 9).into() });
            world.handle(who, server("ip_127.0.0.1"));
            world.handle(who, server("OK,Login successful!"));
            world.handle(who, Event::Listening { at: [127, 0, 0, 1].into(), port: Ok(4401) });
            world.handle(who, server("OK,"));
            world.people[who].shown.clear();
        }
        world.asked.clear();
        world
    }

    /// What this person has seen since the login.
    pub fn shown(&self, who: usize) -> &[Shown] {
        &self.people[who].shown
    }

    /// The server tells a person that alice comes, with this ticket.
    pub fn announce(&mut self, who: usize, ticket: Ticket) {
        self.handle(who, server(&format!("ticket_alice_{ticket}")));
    }

    /// Alice types a line.
    pub fn types(&mut self, line: &str) {
        self.handle(ALICE, Event::Typed(Ok(line.to_owned())));
    }

    /// A person's client takes so many connections here.
    pub fn listens(&mut self, who: usize, listener: TcpListener, connections: u64) {
        let signals = self.signals.clone();
        self.threads.push(thread::spawn(move || {
            for number in 0..connections {
                let (stream, from) = listener.accept().expect("accepts");
                let stream = Arc::new(stream);
                let id = CallId::In(who as u64 * CALLS + number);
                let (orders, call) = call::new(id, signals.clone()).expect("a pair");
                signals.send(Signal::Incoming(id, orders, Arc::clone(&stream)));
                let doorway = Doorway { is_hurried: false, opens: &|| true, shows: &|| {}, encrypts: &|_| {} };
                dispatch::serve(call, Arc::clone(&stream), from, &doorway, &means());
                close_gently(&stream);
            }
        }));
    }

    /// Plays on until so many calls are over, whoever began them.
    pub fn play(&mut self, calls: usize) {
        self.play_until(|world| world.over >= calls);
    }

    /// Plays on until this is so.
    pub fn play_until(&mut self, is_so: impl Fn(&World) -> bool) {
        while !is_so(self) {
            match self.arrives.recv_timeout(LIMIT).expect("something happens") {
                Signal::Incoming(call, orders, _) => drop(self.orders.insert(call, orders)),
                Signal::Event(event) => self.take(event),
                Signal::Socket(..) | Signal::Wake | Signal::Mark(_) => {}
            }
        }
    }

    /// Ends it all.
    pub fn end(mut self) {
        self.orders.clear();
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("no panic");
        }
    }

    fn take(&mut self, event: Event) {
        let (call, knocks) = match &event {
            Event::News { call, news } => (*call, matches!(news, News::Knock(_))),
            Event::CallEnded { call, .. } => {
                self.over += 1;
                (*call, false)
            }
            other => panic!("{other:?}"),
        };
        let who = match call {
            CallId::Out(_) => ALICE,
            CallId::In(number) => (number / CALLS) as usize,
        };
        self.handle(who, event);
        if knocks {
            let Person { app, now, .. } = &mut self.people[who];
            now.instant += LATE;
            let effects = app.tick(*now);
            self.carry_out(who, effects);
        }
    }

    fn handle(&mut self, who: usize, event: Event) {
        self.says.push_back((who, event));
        while let Some((who, event)) = self.says.pop_front() {
            let Person { app, now, .. } = &mut self.people[who];
            let effects = app.handle(event, *now);
            self.carry_out(who, effects);
        }
    }

    fn carry_out(&mut self, who: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Show(line) => self.people[who].shown.push(line.shown),
                Effect::Send { request, .. } if who == ALICE => self.answer(&request.to_string()),
                Effect::Call { call, work } => {
                    let (orders, call_end) = call::new(call, self.signals.clone()).expect("a pair");
                    self.orders.insert(call, orders);
                    self.threads.push(thread::spawn(move || dispatch::begin(call_end, work, &means())));
                }
                Effect::Order { call, order } => {
                    self.orders.get(&call).map(|orders| orders.send(order));
                }
                Effect::HangUp(call) => drop(self.orders.remove(&call)),
                _ => {}
            }
        }
    }

    /// The server answers alice; whom she asks for is told before.
    fn answer(&mut self, request: &str) {
        let mut says = |who, line: &str| self.says.push_back((who, server(line)));
        match request {
            connect if connect.starts_with("connect_") => {
                let (who, name) =
                    if connect != "connect_bob" && self.handed_on { (MALLORY, "mallory") } else { (BOB, "bob") };
                self.handed_on = true;
                let ticket = Ticket::draw();
                says(who, &format!("ticket_alice_{ticket}"));
                says(ALICE, &format!("ticket_{name}_{ticket}"));
                says(ALICE, &format!("peer_{}", self.bob_is_at));
                says(ALICE, &format!("OK,Connect to {name}"));
            }
            "here" => says(ALICE, "OK"),
            other => {
                self.asked.push(other.to_owned());
                if other.starts_with("relay_") {
                    says(ALICE, "OK,Relayed to bob");
                }
            }
        }
    }
}
