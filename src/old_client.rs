//! The client: logs in, listens for peers, does what the person types, and ends in order.

// What it says and understands: pure values.
pub mod transfer;
pub mod event;
pub mod json;
pub mod command;
pub mod inbox;

// What its threads share.
pub mod tickets;
pub mod alarm;
pub mod bars;
pub mod screen;
pub mod waker;
pub mod link;
pub mod chat;
pub mod hangup;
pub mod question;
pub mod jobs;
pub mod consent;
pub mod consent_log;
pub mod crew;
pub mod folder;
pub mod hashes;
pub mod share;
pub mod fetches;
pub mod files;
pub mod desk;

// The person.
pub mod completion;
pub mod terminal;
pub mod input;
pub mod login;
pub mod options;

// Its threads, and what they do.
pub mod udp;
pub mod peer;
pub mod message;
pub mod conversation;
pub mod household;
pub mod runner;
pub mod remote;
pub mod announcer;
pub mod upload;
pub mod part;
pub mod fetch;
pub mod file_commands;
pub mod peers;
pub mod inquiry;
pub mod door;
pub mod keeper;
pub mod menu;
pub mod doctor;

use crate::protocol::Request;
use desk::Desk;
use event::Event;
use files::Files;
use input::Input;
use keeper::Keeper;
use link::LinkError;
use login::{Credentials, Known, NotLoggedIn, Welcome};
use menu::Menu;
use options::{Options, Task};
use screen::{Format, Screen};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread;

/// Ends a client from outside, such as from a signal.
#[derive(Clone, Default)]
pub struct Stop(Arc<OnceLock<Arc<Desk>>>);

impl Stop {
    /// Ends the client in order, wherever it is.
    pub fn stop(&self) {
        if let Some(desk) = self.0.get() {
            desk.stop();
        }
    }
}

/// Runs a client until the person leaves. False when anything that was asked for was refused.
///
/// # Errors
/// A sentence: the server is not there, the login of the options is not possible, the port is taken.
pub fn run(options: &Options, stop: &Stop) -> Result<bool, String> {
    let files = Files::open(&options.files)?;
    let opened = match &options.exec {
        Some(commands) => Input::commands(commands),
        None => Input::open(options.json),
    };
    let (mut input, waker) = opened.map_err(|error| format!("standard input: {error}"))?;
    let format = match &input {
        _ if options.json => Format::Json,
        Input::Terminal(terminal) => Format::Terminal { colour: terminal.has_colour() },
        Input::Lines(_) => Format::Plain,
    };
    let (screen, events) = Screen::new();
    let desk = Arc::new(Desk::new(options, screen, waker, files));
    let _ = stop.0.set(Arc::clone(&desk));
    let alarm = desk.waker.alarm();
    if let Input::Terminal(terminal) = &mut input {
        terminal.complete_with(Arc::clone(&desk));
    }
    thread::scope(|scope| {
        let gone = Arc::clone(&desk);
        scope.spawn(move || screen::write_all(&events, alarm.as_deref(), format, || gone.stop()));
        let result = live(options, &desk, &mut input);
        // The terminal goes first: what is still to be shown is then written plainly.
        drop(input);
        desk.screen.close();
        result
    })?;
    Ok(!desk.screen.was_refused())
}

/// From the connection to the last joined thread.
fn live(options: &Options, desk: &Arc<Desk>, input: &mut Input) -> Result<(), String> {
    let keeper = Arc::new(Keeper::new(Arc::clone(desk), options.listen));
    let result = session(options, desk, &keeper, input);
    desk.stop();
    keeper.stop_listening();
    desk.chats.close_all();
    desk.jobs.close_all();
    desk.connections.close_all();
    desk.crew.join();
    result
}

/// Connects, logs in, does what the client was started for, says goodbye. Nothing of it when the person leaves
/// before the login.
fn session(options: &Options, desk: &Arc<Desk>, keeper: &Arc<Keeper>, input: &mut Input) -> Result<(), String> {
    keeper.connect().map_err(|error| not_there(options.server, &error))?;
    let (known, welcome) = match log_in(options, desk, input) {
        Ok(logged_in) => logged_in,
        Err(why) => return no_session(options, desk, why),
    };
    if let Err(why) = keeper.announce(&welcome) {
        return no_session(options, desk, why);
    }
    match options.task {
        Task::Doctor => doctor::examine(desk),
        Task::Menu => {
            if options.credentials.is_none() && input.is_terminal() {
                // Somebody who was asked who they are may be here for the first time.
                command::short_menu().for_each(|text| desk.screen.show(Event::Help { text }));
            }
            desk.screen.info(format!("Logged in as {}. Type help for what you can do.", known.name));
            start_threads(desk, keeper, known).map_err(|error| format!("no thread: {error}"))?;
            Menu::new(desk, keeper, input).run();
        }
    }
    // From here on a closed connection is no loss. The server may be gone already.
    desk.end.trigger();
    let _ = desk.request(&Request::Quit(None));
    Ok(())
}

/// How a client ends that has not come as far as the menu.
fn no_session(options: &Options, desk: &Desk, why: NotLoggedIn) -> Result<(), String> {
    match why {
        NotLoggedIn::Left => Ok(()),
        // A signal has closed the connection.
        _ if desk.end.is_triggered() => Ok(()),
        NotLoggedIn::Refused(why) => Err(why),
        NotLoggedIn::Lost(error) => Err(not_there(options.server, &error)),
    }
}

fn log_in(options: &Options, desk: &Desk, input: &mut Input) -> Result<(Known, Welcome), NotLoggedIn> {
    match &options.credentials {
        Some(who) => login::with_credentials(desk, input, who).map(|welcome| (known(who), welcome)),
        None => login::dialogue(desk, input),
    }
}

fn known(who: &Credentials) -> Known {
    Known { name: who.name.clone(), password: who.password.clone() }
}

fn start_threads(desk: &Arc<Desk>, keeper: &Arc<Keeper>, known: Known) -> std::io::Result<()> {
    match udp::bind(desk.server).and_then(|socket| Ok((socket.local_addr()?, socket))) {
        Ok((bound, socket)) => {
            desk.set_udp(bound);
            desk.end.wake_receiver(bound);
            let desk_of_udp = Arc::clone(desk);
            desk.crew.start("broadcasts", move || udp::run(&desk_of_udp, &socket))?;
        }
        Err(error) => desk.screen.info(format!("No UDP socket ({error}): broadcasts come by TCP.")),
    }
    if desk.files.share.is_some() {
        let desk_of_share = Arc::clone(desk);
        desk.crew.start("share", move || announcer::run(&desk_of_share))?;
    }
    let keeper = Arc::clone(keeper);
    desk.crew.start("keeper", move || keeper.keep(&known))
}

fn not_there(server: SocketAddr, error: &LinkError) -> String {
    match error {
        LinkError::Connect(error) => format!("no server at {server}: {error}. Is it started, and is the port right?"),
        LinkError::NoGreeting => {
            format!("something listens at {server} but does not greet: is it the server's main port?")
        }
        LinkError::Refused(why) => format!("the server at {server} says: {why}"),
        LinkError::Lost | LinkError::Silent | LinkError::NoLine(_) => format!("the server at {server}: {error}"),
    }
}
