//! A run from its first connection to its figures: is a server there, all come in, what was asked for goes on, the last
//! broadcasts arrive, all leave.

use crate::book::Book;
use crate::class::Class;
use crate::client::Client;
use crate::connection::Connection;
use crate::ledger::settle;
use crate::options::Options;
use crate::progress::{Phase, Progress};
use crate::rules;
use crate::table::Outcome;
use crate::wait::readable;
use peerline::protocol::Reply;
use peerline::value::text::escape;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How long the first connection and the greeting may take.
const GREETING: Duration = Duration::from_secs(5);
/// The stack of a client's thread, as small as that of the server's.
const STACK: usize = peerline::net::listener::STACK;
/// How often it is looked how it goes.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may come before what is missing counts as lost: a hello that asks for it comes every 5 s.
const LAST: Duration = Duration::from_secs(12);
/// How long the last broadcasts may be on their way in all: a slow network has them for a while.
const LONGEST: Duration = Duration::from_secs(120);
/// For so long nothing comes any more when all seem to be there.
const QUIET: Duration = Duration::from_millis(500);
/// When nobody was in for so long, the server is gone.
const GONE: Duration = Duration::from_secs(10);

/// What is told while the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A client is in, or cannot come in.
    Entered,
    /// Ctrl-C.
    Interrupted,
}

/// Lets everybody leave, whatever happens.
struct EndOfClass<'a>(&'a Class);

impl Drop for EndOfClass<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.0.leave.ring();
        self.0.begin.ring();
    }
}

/// Finds the server and has it speak.
///
/// # Errors
/// A sentence that says why nobody can come in there.
pub fn find_server(options: &Options) -> Result<SocketAddr, String> {
    let place = format!("{}:{}", options.host, options.port);
    let addresses = (options.host.as_str(), options.port).to_socket_addrs();
    let addresses = addresses.map_err(|error| format!("{place} cannot be found: {error}"))?;
    let mut why = format!("{place} has no address");
    for address in addresses {
        match Connection::open(address, GREETING) {
            Ok(connection) => return greeted(connection, address, options.clients).map(|()| address),
            Err(error) => why = format!("nobody answers at {address} ({error}): is the server running there?"),
        }
    }
    Err(why)
}

fn greeted(mut connection: Connection, address: SocketAddr, clients: u32) -> Result<(), String> {
    let until = Instant::now() + GREETING;
    loop {
        match connection.next().map_err(|error| format!("{address}: {error}, before it has greeted"))? {
            // Its place is free for one of the class at once.
            Some(Reply::Ok(_)) => return connection.send("quit").map_err(|error| format!("{address}: {error}")),
            Some(Reply::Err(refusal)) => {
                let advice = rules::of_refusal(&refusal, clients);
                return Err(format!("{address} says: {}\n    {advice}", escape(&refusal.to_string())));
            }
            Some(other) => {
                let said = escape(&other.to_string());
                return Err(format!("{address} greets with {said:?}: is that a server of docs/PROTOCOL.md?"));
            }
            None if Instant::now() >= until => {
                let limit = GREETING.as_secs();
                return Err(format!(
                    "{address} took the connection and said nothing for {limit} s: a server of docs/PROTOCOL.md speaks first"
                ));
            }
            None => readable(&[connection.as_fd()], until).map_err(|error| error.to_string())?,
        }
    }
}

/// The run. `tell` is what `told` hears, for the clients.
pub fn run(class: &Class, tell: &SyncSender<Told>, told: &Receiver<Told>) -> Outcome {
    let mut outcome = Outcome { clients: class.options.clients, udp: class.options.udp, ..Outcome::default() };
    let mut progress = Progress::new(!class.options.json);
    let mut book = Book::default();
    thread::scope(|scope| {
        let mut clients = Vec::new();
        let end = EndOfClass(class);
        let began = Instant::now();
        outcome.ended_early = enter(class, scope, tell, told, &mut progress, &mut clients, &mut book);
        outcome.entering = began.elapsed();
        if outcome.ended_early.is_none() {
            let began = Instant::now();
            outcome.ended_early = go_on(class, told, &mut progress);
            outcome.length = began.elapsed();
            wait_for_the_last(class, told, &mut progress);
        }
        drop(end);
        for client in clients {
            match client.join() {
                Ok(told) => book.merge(told),
                Err(_) => book.closed.add("a thread of the class has failed; what it saw is not in the table"),
            }
        }
    });
    progress.clear();
    outcome.balance = settle(&mut book.sent, &book.views);
    outcome.book = book;
    outcome
}

/// Starts the threads, so many at a time that the server is not run over. Gives why it did not come to the end.
fn enter<'scope>(
    class: &'scope Class,
    scope: &'scope Scope<'scope, '_>,
    tell: &SyncSender<Told>,
    told: &Receiver<Told>,
    progress: &mut Progress,
    clients: &mut Vec<ScopedJoinHandle<'scope, Book>>,
    book: &mut Book,
) -> Option<&'static str> {
    let (all, at_once) = (class.options.clients as usize, class.options.at_once as usize);
    let mut entered = 0;
    while entered < all {
        while clients.len() < all && clients.len() - entered < at_once {
            let (seat, tell) = (clients.len(), tell.clone());
            // There is room for one word of each; nobody listens any more when the run is over.
            let entered = move || tell.try_send(Told::Entered).unwrap_or_default();
            let live = move || Client::new(class, seat).live(entered);
            match thread::Builder::new().name(format!("client-{seat}")).stack_size(STACK).spawn_scoped(scope, live) {
                Ok(client) => clients.push(client),
                Err(error) => {
                    book.kept_out.add(&format!("the system has no thread for more than {seat} clients: {error}"));
                    return Some("there were no more threads");
                }
            }
        }
        match told.recv_timeout(LOOK) {
            Ok(Told::Entered) => entered += 1,
            Ok(Told::Interrupted) => return Some("Ctrl-C"),
            Err(_) => {}
        }
        progress.show(Phase::Entering, class.options.clients, class.figures());
    }
    (class.figures().inside == 0).then_some("nobody came in")
}

/// What was asked for goes on until its time is over. Gives why it ended before.
fn go_on(class: &Class, told: &Receiver<Told>, progress: &mut Progress) -> Option<&'static str> {
    let (began, until) = (Instant::now(), class.begin());
    let mut inside = began;
    let mut ended = None;
    while Instant::now() < until && ended.is_none() {
        let figures = class.figures();
        let now = Instant::now();
        if figures.inside > 0 {
            inside = now;
        } else if now >= inside + GONE {
            ended = Some("the server is gone");
        }
        progress.show(Phase::Going(now - began), class.options.clients, figures);
        match told.recv_timeout(LOOK.min(until.saturating_duration_since(now))) {
            Ok(Told::Interrupted) => ended = Some("Ctrl-C"),
            Ok(Told::Entered) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => ended = Some("its threads are gone"),
        }
    }
    class.stop();
    ended
}

/// What is on its way may arrive. Another Ctrl-C ends that, too.
fn wait_for_the_last(class: &Class, told: &Receiver<Told>, progress: &mut Progress) {
    let until = Instant::now() + LONGEST;
    let mut last = (class.figures(), Instant::now());
    while Instant::now() < until && last.1.elapsed() < LAST {
        let figures = class.figures();
        if (figures.acknowledged, figures.seen) != (last.0.acknowledged, last.0.seen) {
            last = (figures, Instant::now());
        }
        let is_quiet = last.1.elapsed() >= QUIET;
        if figures.inside == 0 || (is_quiet && class.is_caught_up()) {
            return;
        }
        progress.show(Phase::Waiting, class.options.clients, figures);
        if told.recv_timeout(LOOK) == Ok(Told::Interrupted) {
            class.hurry();
            return;
        }
    }
}
