//! A runner on its thread, with the test in the place of the App and of all that surrounds it.

use super::fetching::Fetching;
use peerline::client::app::Seen;
use peerline::client::call::{Call, Signal, Signals};
use peerline::client::dispatch::Means;
use peerline::client::event::{Effect, End, Event, Line, Now, Place, Shown};
use peerline::client::run::ConsentLog;
use peerline::client::run::output::Limits;
use peerline::client::run::serve::RunMeans;
use peerline::client::runner::{Decider, Full, Interface, Output, Over, Pin, ROOM, Runner, Scribe, Settings, Stop};
use peerline::value::Username;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// How long anything may take; nothing waits for it when all is well.
pub const LIMIT: Duration = Duration::from_secs(30);

/// An event that means nothing.
pub fn paths(ask: u64) -> Event {
    Event::Paths { ask, found: Vec::new() }
}

pub fn name(text: &str) -> Username {
    text.parse().expect("valid")
}

pub fn line(text: &str) -> Line {
    let shown = Shown::Info { text: text.to_owned() };
    Line { home: Place::Server, time: UNIX_EPOCH, shown, request: None }
}

/// Tells the test every event, and gives the effects that the test wants.
pub struct App {
    pub begin: Vec<Effect>,
    pub deadline: Option<Instant>,
    pub ticks: Option<Sender<Instant>>,
    pub stops: Option<Sender<()>>,
    pub told: Option<Sender<Event>>,
    pub wanted: Option<Receiver<Vec<Effect>>>,
    pub pictures: Option<Receiver<Seen>>,
}

impl App {
    pub fn new(begin: Vec<Effect>) -> App {
        App { begin, deadline: None, ticks: None, stops: None, told: None, wanted: None, pictures: None }
    }
}

impl Decider for App {
    fn start(&mut self, _: Now) -> Vec<Effect> {
        std::mem::take(&mut self.begin)
    }

    fn handle(&mut self, event: Event, _: Now) -> Vec<Effect> {
        match (event, &self.stops) {
            // The test has left as many effects as it has sent of these.
            (Event::InputEnded, _) => self.wanted.as_ref().expect("set").try_recv().expect("effects"),
            (Event::Stop, Some(stops)) => {
                stops.send(()).expect("the test listens");
                Vec::new()
            }
            (event, _) => {
                // At its end the test does not listen any more.
                let _ = self.told.as_ref().expect("set").send(event);
                Vec::new()
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn tick(&mut self, now: Now) -> Vec<Effect> {
        self.deadline = None;
        if let Some(ticks) = &self.ticks {
            ticks.send(now.instant).expect("the test listens");
        }
        Vec::new()
    }

    fn picture(&mut self) -> Option<Seen> {
        self.pictures.as_ref()?.try_recv().ok()
    }
}

/// What the line mode of a test has shown, and whether its printer has room.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<(Vec<String>, usize)>>);

impl Lines {
    pub fn shown(&self) -> Vec<String> {
        self.0.lock().expect("no panic").0.clone()
    }

    /// The next `times` lines find no room.
    pub fn fill(&self, times: usize) {
        self.0.lock().expect("no panic").1 = times;
    }
}

impl Output for Lines {
    fn show(&mut self, line: &Line) -> Result<(), Full> {
        let mut state = self.0.lock().expect("no panic");
        if state.1 > 0 {
            state.1 -= 1;
            return Err(Full);
        }
        let Shown::Info { text } = &line.shown else { panic!("{line:?}") };
        state.0.push(text.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn prompt(&mut self, _: String) {}

    fn next_line(&mut self, prompt: String, _: bool) {
        self.0.lock().expect("no panic").0.push(prompt);
    }

    fn end(self: Box<Self>) {}
}

/// Tells the test what it is to remember; with `wait` it waits until the test lets it go on.
pub struct Pen {
    written: Sender<String>,
    go_on: Receiver<()>,
}

impl Pen {
    /// One at which nobody looks.
    pub fn idle() -> Pen {
        Pen { written: channel().0, go_on: channel().1 }
    }
}

impl Scribe for Pen {
    fn remember(&mut self, line: &str) {
        let _ = self.written.send(line.to_owned());
        if line == "wait" {
            let _ = self.go_on.recv();
        }
    }

    fn log(&mut self, _: Vec<(Username, Line)>) {}

    fn block(&mut self, _: &Username, _: bool) -> Result<(), String> {
        Ok(())
    }

    fn paths(&mut self, begin: &str) -> Vec<String> {
        vec![format!("{begin}tes")]
    }
}

/// What the test does in the place of a fetch.
pub type Play = Box<dyn FnOnce(&Call) + Send>;
pub type Playing = Sender<Play>;

/// What surrounds a client.
pub struct Parts {
    pub server: SocketAddr,
    pub pin: Option<Pin>,
    pub files: Sender<Playing>,
    pub scribe: Pen,
    pub interface: Interface,
}

impl From<Parts> for Settings {
    fn from(parts: Parts) -> Settings {
        let run = RunMeans { log: ConsentLog::new(None), limits: Limits { time: LIMIT, cgroups: None } };
        // The test plays each fetch.
        let files = Fetching(move |call: &Call| {
            let (sender, play) = channel::<Play>();
            parts.files.send(sender).expect("the test listens");
            if let Ok(play) = play.recv() {
                play(call);
            }
        });
        Settings {
            server: parts.server,
            pin: parts.pin,
            others: Vec::new(),
            listen: None,
            means: Means { run, files: Box::new(files), own: None },
            scribe: Box::new(parts.scribe),
            watch: None,
            interface: parts.interface,
        }
    }
}

/// A runner on its thread.
pub struct Played {
    pub signals: Signals,
    pub stop: Stop,
    pub pictures: Sender<Seen>,
    told: Receiver<Event>,
    wanted: Sender<Vec<Effect>>,
    lines: Lines,
    /// What is written to files. What waits there goes on when the end is waited for.
    pub scribe: Option<Receiver<String>>,
    go_on: Sender<()>,
    handed: Receiver<Playing>,
    over: Receiver<(End, Vec<String>)>,
    thread: JoinHandle<()>,
}

impl Played {
    pub fn new() -> Played {
        Played::with_room(ROOM)
    }

    pub fn with_room(room: usize) -> Played {
        let (signals, receiver) = Signals::new(room);
        Played::start(App::new(Vec::new()), signals, receiver)
    }

    pub fn start(app: App, signals: Signals, receiver: Receiver<Signal>) -> Played {
        // Nobody is there.
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        Played::of(app, signals, receiver, (server, None), None)
    }

    /// With this server.
    pub fn at(server: SocketAddr) -> Played {
        let (signals, receiver) = Signals::new(ROOM);
        Played::of(App::new(Vec::new()), signals, receiver, (server, None), None)
    }

    /// With this server, by TLS.
    #[cfg(feature = "tls")]
    pub fn by_tls(server: SocketAddr, pin: Pin) -> Played {
        let (signals, receiver) = Signals::new(ROOM);
        Played::of(App::new(Vec::new()), signals, receiver, (server, Some(pin)), None)
    }

    /// With a screen, by whatever makes it.
    pub fn on(interface: impl FnOnce() -> Interface + Send + 'static) -> Played {
        let (signals, receiver) = Signals::new(ROOM);
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        Played::of(App::new(Vec::new()), signals, receiver, (server, None), Some(Box::new(interface)))
    }

    fn of(
        mut app: App,
        signals: Signals,
        receiver: Receiver<Signal>,
        (server, pin): (SocketAddr, Option<Pin>),
        interface: Option<Box<dyn FnOnce() -> Interface + Send>>,
    ) -> Played {
        let ((tell, told), (want, wanted), (show, pictures)) = (channel(), channel(), channel());
        let ((written, scribe), (go_on, going_on), (hand, handed)) = (channel(), channel(), channel());
        (app.told, app.wanted, app.pictures) = (Some(tell), Some(wanted), Some(pictures));
        let lines = Lines::default();
        let output = lines.clone();
        let stop = Stop::new(signals.clone());
        let (done, over) = channel();
        let (its_signals, its_stop) = (signals.clone(), stop.clone());
        let body = move || {
            let parts = Parts {
                server,
                pin,
                files: hand,
                scribe: Pen { written, go_on: going_on },
                interface: interface.map_or_else(|| Interface::Lines(Box::new(output)), |interface| interface()),
            };
            let runner = Runner::new(app, parts.into(), its_stop, its_signals, receiver).expect("threads");
            let Over { end, left, .. } = runner.run();
            done.send((end, left)).expect("the test listens");
        };
        let thread = thread::Builder::new().name("main".to_owned()).spawn(body).expect("a thread");
        Played {
            signals,
            stop,
            pictures: show,
            told,
            wanted: want,
            lines,
            scribe: Some(scribe),
            go_on,
            handed,
            over,
            thread,
        }
    }

    /// Has effects carried out, together.
    pub fn carry_out(&self, effects: Vec<Effect>) {
        self.wanted.send(effects).expect("the App is there");
        assert!(self.signals.event(Event::InputEnded));
    }

    /// The next event.
    pub fn event(&self) -> Event {
        self.told.recv_timeout(LIMIT).expect("an event in time")
    }

    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Has the next fetch done by this.
    pub fn play(&self, play: impl FnOnce(&Call) + Send + 'static) {
        let fetch = self.handed.recv_timeout(LIMIT).expect("a fetch");
        fetch.send(Box::new(play)).expect("it waits");
    }

    /// Ends the client, and waits for it.
    pub fn end(self) -> End {
        self.carry_out(vec![Effect::End(End::Left)]);
        self.over()
    }

    /// Waits for the end; no thread may be left.
    pub fn over(self) -> End {
        drop(self.go_on);
        let (end, left) = self.over.recv_timeout(LIMIT).expect("an end in time");
        assert_eq!(left, Vec::<String>::new());
        self.thread.join().expect("no panic");
        end
    }
}
