//! Carries out effects, one by one, and ends all that it has begun. Nothing here waits before the end, but for a
//! reader of our output. It knows no App.

use super::calls::{Calls, LAST_WORD};
use super::datagrams::Datagrams;
use super::incoming::Incoming;
use super::interface::{Interface, Showing};
use super::link::Link;
use super::pin::Pin;
use super::scribe::{Scribe, ScribeMailbox, ScribeOrder};
use super::stop::Stop;
use super::threads::Threads;
use crate::client::call::{Signal, Signals};
use crate::client::dispatch::Means;
use crate::client::event::{Effect, End, Event, LinkId, ServerAt};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the threads may take to end, in all; connections that still talk then have been cut before.
const END: Duration = Duration::from_secs(6);

/// What looks at the shared folder.
pub struct Watch {
    /// Has it look soon, and waits for nothing. Dropping it ends the thread.
    pub look: Box<dyn Fn() + Send>,
    /// Tells `Event::Shares`, on a thread of its own.
    pub run: Box<dyn FnOnce(&Signals) + Send>,
}

/// What the runner works with.
pub struct Settings {
    /// Where the server is.
    pub server: SocketAddr,
    /// Its key, where it is spoken with by TLS: then no server is spoken with in the clear.
    pub pin: Option<Pin>,
    /// The keys of the other servers that the options name, by TLS.
    pub others: Vec<(SocketAddr, Pin)>,
    /// The port for peers on which the person insists; `None`: 4401, or any.
    pub listen: Option<u16>,
    /// What calls use.
    pub means: Means,
    /// What touches files.
    pub scribe: Box<dyn Scribe>,
    /// What looks at the shared folder, if there is one.
    pub watch: Option<Watch>,
    /// Where the person sees the client.
    pub interface: Interface,
}

/// All that the runner has to do with.
pub struct Hands {
    server: SocketAddr,
    pin: Option<Arc<Pin>>,
    /// How each server of the options is known, by TLS.
    pins: Vec<(SocketAddr, Arc<Pin>)>,
    signals: Signals,
    stop: Stop,
    means: Arc<Means>,
    threads: Threads,
    link: Option<Link>,
    /// Connections to other servers, which say nothing.
    trials: Vec<Link>,
    datagrams: Option<Datagrams>,
    incoming: Incoming,
    scribe: ScribeMailbox,
    look: Option<Box<dyn Fn() + Send>>,
    /// The calls under way.
    pub calls: Calls,
    /// What is seen.
    pub showing: Showing,
}

impl Hands {
    /// Starts the threads that are there from the beginning; gives what the App is to be told first, too.
    ///
    /// # Errors
    /// There is no thread for something.
    pub fn new(settings: Settings, signals: Signals, stop: Stop) -> io::Result<(Hands, Vec<Event>)> {
        let mut threads = Threads::new(signals.trace());
        let means = Arc::new(settings.means);
        let datagrams = Datagrams::start(settings.server, signals.clone(), &mut threads);
        let no_datagrams = datagrams.as_ref().err().map(|error| Event::NoDatagrams(error.to_string()));
        let look = match settings.watch {
            Some(Watch { look, run }) => {
                let tell = signals.clone();
                threads.start("folder", move || run(&tell))?;
                Some(look)
            }
            None => None,
        };
        let pin = settings.pin.map(Arc::new);
        let others = settings.others.into_iter().map(|(server, pin)| (server, Arc::new(pin)));
        let hands = Hands {
            server: settings.server,
            pins: pin.clone().map(|pin| (settings.server, pin)).into_iter().chain(others).collect(),
            pin,
            scribe: ScribeMailbox::start(settings.scribe, signals.clone(), &mut threads)?,
            incoming: Incoming::new(settings.server, settings.listen, signals.clone(), Arc::clone(&means)),
            signals,
            stop,
            means,
            threads,
            link: None,
            trials: Vec::new(),
            datagrams: datagrams.ok(),
            look,
            calls: Calls::default(),
            showing: Showing::new(settings.interface),
        };
        let first = hands.showing.size().map(Event::Resized).into_iter().chain(no_datagrams).collect();
        Ok((hands, first))
    }

    /// Takes what has arrived; gives what of it is for the App.
    pub fn take(&mut self, signal: Signal) -> Option<Event> {
        match signal {
            Signal::Event(event) => {
                self.showing.mind(&event);
                if let Event::CallEnded { call, .. } = &event {
                    self.calls.ended(*call);
                }
                return Some(event);
            }
            Signal::Socket(call, stream) => self.calls.attach(call, stream),
            Signal::Incoming(call, orders, stream) => self.calls.add(call, orders, stream),
            Signal::Wake | Signal::Mark(_) => {}
        }
        None
    }

    /// Carries one effect out. What follows from it at once is added to `follows`, for the App.
    pub fn carry_out(&mut self, effect: Effect, now: Instant, follows: &mut Vec<Event>) -> Option<End> {
        match effect {
            Effect::TurnTo(server) => follows.extend(self.turn_to(&server)),
            Effect::Connect(link) => follows.extend(self.connect(link)),
            Effect::Send { link, request } => follows.extend(self.link(link).and_then(|link| link.send(&request))),
            Effect::TryServer { link, server } => follows.extend(self.try_server(link, &server)),
            Effect::Disconnect(link) => {
                self.link(link).into_iter().for_each(Link::close);
                if let Some(at) = self.trials.iter().position(|trial| trial.id() == link) {
                    self.trials.swap_remove(at).close();
                }
            }
            Effect::Abort(link) => drop(self.link.take_if(|held| held.id() == link).map(Link::abort)),
            Effect::Listen(at) => follows.push(self.incoming.listen(at, &mut self.threads)),
            Effect::ListenWide(at) => follows.extend(self.incoming.listen_wide(at, &mut self.threads)),
            Effect::Hello(hello) => self.datagrams.iter().for_each(|datagrams| datagrams.say(&hello)),
            Effect::Call { call, work } => {
                follows.extend(self.calls.begin(call, work, &self.signals, &self.means, &mut self.threads));
            }
            Effect::KeepPlace(call) => self.incoming.keep_place(call),
            Effect::Order { call, order } => self.calls.order(call, order),
            Effect::Redial(call) => self.calls.redial(call),
            Effect::HangUp(call) => self.calls.hang_up(call, now),
            Effect::LookAtShare => self.look.iter().for_each(|look| look()),
            Effect::Show(line) => self.showing.line(&line, &self.stop),
            Effect::NextLine { prompt, hidden } => self.showing.next_line(prompt, hidden),
            Effect::Prompt(prompt) => self.showing.prompt(prompt),
            Effect::Bell => self.showing.bell(),
            Effect::Redraw => self.showing.redraw(),
            Effect::Suspend => self.showing.suspend(),
            Effect::AskPaths { ask, begin } => follows.extend(self.scribe.order(ScribeOrder::Paths(ask, begin))),
            Effect::Remember(line) => follows.extend(self.scribe.order(ScribeOrder::Remember(line))),
            Effect::Block { name, is_blocked } => {
                follows.extend(self.scribe.order(ScribeOrder::Block(name, is_blocked)));
            }
            Effect::Log { with, line } => follows.extend(self.scribe.order(ScribeOrder::Log(with, line))),
            Effect::End(end) => return Some(end),
        }
        None
    }

    /// Turns to another server. Gives what follows where no datagrams can be sent there.
    fn turn_to(&mut self, server: &ServerAt) -> Option<Event> {
        if self.pin.is_some() {
            self.pin = Some(self.pin_of(server));
        }
        self.server = server.address;
        self.incoming.turn_to(server.address);
        let datagrams = self.datagrams.as_mut()?;
        if datagrams.turn_to(server.address) {
            return None;
        }
        // The socket is of the other family.
        datagrams.end();
        let started = Datagrams::start(server.address, self.signals.clone(), &mut self.threads);
        let failed = started.as_ref().err().map(|error| Event::NoDatagrams(error.to_string()));
        self.datagrams = started.ok();
        failed
    }

    /// How a server is known, by TLS.
    fn pin_of(&self, server: &ServerAt) -> Arc<Pin> {
        let place = server.address.to_string();
        if let Some(key) = server.key {
            return Arc::new(Pin::new(&place, &[key], "the one that the server before it has told"));
        }
        let known = self.pins.iter().find(|(known, _)| *known == server.address).map(|(_, pin)| Arc::clone(pin));
        // One without a key is not spoken with, whichever it shows.
        known.unwrap_or_else(|| Arc::new(Pin::new(&place, &[], "known")))
    }

    fn connect(&mut self, id: LinkId) -> Option<Event> {
        // Its thread ends, and what it still tells is of a link that the App does not know any more.
        self.link.iter().for_each(Link::close);
        let (pin, own) = (self.pin.clone(), self.means.own.clone());
        match Link::start(id, self.server, pin, own, self.signals.clone(), &mut self.threads) {
            Ok(link) => {
                self.link = Some(link);
                None
            }
            Err(why) => Some(Event::NotConnected { link: id, why }),
        }
    }

    fn try_server(&mut self, id: LinkId, server: &ServerAt) -> Option<Event> {
        let pin = self.pin.is_some().then(|| self.pin_of(server));
        let own = self.means.own.clone();
        match Link::start(id, server.address, pin, own, self.signals.clone(), &mut self.threads) {
            Ok(link) => {
                self.trials.push(link);
                None
            }
            Err(why) => Some(Event::NotConnected { link: id, why }),
        }
    }

    fn link(&self, id: LinkId) -> Option<&Link> {
        self.link.as_ref().filter(|link| link.id() == id)
    }

    /// Ends everything and gives the names of threads that do not end in time. Whoever calls this has dropped the
    /// receiver of the signals, so nobody waits for room in it.
    pub fn end(mut self, last_lines: &[String]) -> Vec<String> {
        let until = Instant::now() + END;
        self.calls.give_up_all();
        self.link.iter().chain(&self.trials).for_each(Link::close);
        self.datagrams.iter().for_each(Datagrams::end);
        self.incoming.stop();
        // What it was given before is still written.
        drop((self.scribe, self.look));
        self.showing.end(last_lines);
        if !self.threads.wait(LAST_WORD) {
            self.calls.cut_all();
            self.incoming.close_all();
        }
        self.threads.join(until.saturating_duration_since(Instant::now()))
    }
}
