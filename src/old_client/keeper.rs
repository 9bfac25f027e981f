//! Keeping the session: reading what the server says, listening for peers, logging in again, coming back.

use super::desk::{Desk, Trouble};
use super::door::Door;
use super::event::Event;
use super::inbox::Way;
use super::input::Input;
use super::link::{Link, LinkError, Reader};
use super::login::{self, Known, NotLoggedIn, Welcome};
use crate::net::listener;
use crate::net::shutdown::Shutdown;
use crate::protocol::{MemberRequest, Notice, Reply, Request};
use crate::value::any_like;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The port on which clients listen, each on an address of its own. Not 4400: Linux refuses it to any address while
/// a server listens on 0.0.0.0:4400.
const PEER_PORT: u16 = 4401;
/// The first pause before coming back to a server that went away, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Keeps the session of one client.
pub struct Keeper {
    desk: Arc<Desk>,
    /// The port to listen on, where the person insists on one.
    port: Option<u16>,
    listening: Mutex<Option<Listening>>,
}

/// Where we listen, and what ends it.
struct Listening {
    wanted: IpAddr,
    port: u16,
    stop: Arc<Shutdown>,
}

impl Keeper {
    /// A keeper that has not connected yet.
    pub fn new(desk: Arc<Desk>, port: Option<u16>) -> Keeper {
        Keeper { desk, port, listening: Mutex::new(None) }
    }

    /// Connects to the server and reads what it says, on a thread of its own.
    ///
    /// # Errors
    /// As [`Link::connect`].
    pub fn connect(&self) -> Result<(), LinkError> {
        let (link, reader) = Link::connect(self.desk.server)?;
        let link = Arc::new(link);
        self.desk.set_link(Arc::clone(&link));
        let desk = Arc::clone(&self.desk);
        self.desk.crew.start("server link", move || read(&desk, &link, reader)).map_err(LinkError::Connect)
    }

    /// After a login: listens where others will look for us, and tells the server.
    ///
    /// # Errors
    /// [`NotLoggedIn::Refused`] with a sentence that names the port that is not to be had, when the person insists on
    /// it, or with what the server said; [`NotLoggedIn::Lost`].
    pub fn announce(&self, welcome: &Welcome) -> Result<(), NotLoggedIn> {
        let port = self.listen(welcome.address).map_err(NotLoggedIn::Refused)?;
        let Some(name) = self.desk.name() else { return Ok(()) };
        if self.desk.is_hidden() {
            self.desk.request(&Request::Member(MemberRequest::Inactive))?;
        }
        let init =
            Request::Member(MemberRequest::Init { name: name.to_string(), port: port.to_string(), files: Vec::new() });
        match self.desk.request(&init)?.end {
            Reply::Err(why) => Err(NotLoggedIn::Refused(why.to_string())),
            _ => {
                if let Some(share) = &self.desk.files.share {
                    share.listening(port);
                }
                Ok(())
            }
        }
    }

    /// The port on which we listen at `address` now. When the address is another than before, the old listener
    /// takes no more, and its connections go on.
    fn listen(&self, address: Option<IpAddr>) -> Result<u16, String> {
        let any = any_like(self.desk.server);
        // Only an address of the loopback network is sure to be ours; another may be a router's.
        let wanted = address.filter(IpAddr::is_loopback).unwrap_or(any);
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody would end a listener that comes after `stop_listening`.
        if self.desk.end.is_triggered() {
            return Err("the client ends".to_owned());
        }
        if let Some(present) = listening.as_ref().filter(|present| present.wanted == wanted) {
            return Ok(present.port);
        }
        let listener = bind(wanted, self.port).map_err(|(port, error)| format!("port {port} on {wanted}: {error}"))?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let stop = Arc::new(Shutdown::new());
        let fresh = Listening { wanted, port, stop: Arc::clone(&stop) };
        let (desk, door) = (Arc::clone(&self.desk), Door(Arc::clone(&self.desk)));
        let accept = move || listener::run(&listener, &desk.connections, &stop, &door);
        self.desk.crew.start("peers", accept).map_err(|error| error.to_string())?;
        if let Some(old) = listening.replace(fresh) {
            old.stop.trigger();
        }
        Ok(port)
    }

    /// Takes no more connections.
    pub fn stop_listening(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listening) = listening {
            listening.stop.trigger();
        }
    }

    /// Logs in again when the session expires and comes back when the server does, until the end.
    pub fn keep(&self, known: &Known) {
        while let Some(trouble) = self.desk.next_trouble() {
            match trouble {
                Trouble::Expired => self.log_in_again(known),
                Trouble::Lost => {
                    self.desk.screen.info("The server is gone; open chats go on. Trying to come back...");
                    self.come_back(known);
                }
            }
        }
    }

    fn come_back(&self, known: &Known) {
        let (mut pause, longest) = PAUSES;
        while !self.desk.end.wait(pause) {
            match self.connect() {
                Ok(()) => {
                    self.desk.screen.info("The server is back.");
                    return self.log_in_again(known);
                }
                Err(error) => log::info!("server: {error}"),
            }
            pause = longest.min(pause * 2);
        }
    }

    fn log_in_again(&self, known: &Known) {
        let Some(password) = &known.password else { return self.desk.need_password() };
        let done = login::log_in(&self.desk, &known.name, password);
        let done = done.and_then(|welcome| self.announce(&welcome));
        match done {
            _ if self.desk.end.is_triggered() => {}
            Ok(()) => self.desk.screen.info(format!("Logged in again as {}.", known.name)),
            Err(NotLoggedIn::Refused(why)) => {
                self.desk.screen.refuse(format!("Not logged in again: {why}"));
                self.desk.stay_away();
            }
            // The reader reports a lost connection.
            Err(NotLoggedIn::Lost(_) | NotLoggedIn::Left) => {}
        }
    }

    /// Asks for the password that only the person knows, once: a wrong one leaves it to the person to come back.
    /// Whoever takes long for it finds the connection closed, and gets another.
    pub fn log_in_by_hand(&self, input: &mut Input) {
        let Some(name) = self.desk.name() else { return };
        let Ok(password) = login::ask_password(&self.desk, input, &name) else { return self.desk.stay_away() };
        let connected = if self.desk.is_connected() { Ok(()) } else { self.connect() };
        let done = connected.map_err(NotLoggedIn::Lost).and_then(|()| login::log_in(&self.desk, &name, &password));
        match done.map(|welcome| self.announce(&welcome)) {
            Ok(Ok(())) => self.desk.screen.info("Logged in again."),
            // Lost after the login: the keeper comes back, and asks again.
            Ok(Err(NotLoggedIn::Lost(_) | NotLoggedIn::Left)) => {}
            Err(NotLoggedIn::Left) => self.desk.stay_away(),
            Ok(Err(NotLoggedIn::Refused(why))) | Err(NotLoggedIn::Refused(why)) => {
                self.desk.screen.refuse(why);
                self.desk.stay_away();
            }
            Err(NotLoggedIn::Lost(error)) => {
                self.desk.screen.refuse(error.to_string());
                self.desk.stay_away();
            }
        }
    }
}

/// `wanted` with the port that was asked for; else with the usual one, or any if that is taken.
fn bind(wanted: IpAddr, port: Option<u16>) -> Result<TcpListener, (u16, io::Error)> {
    let at = |port| listener::bind(SocketAddr::new(wanted, port)).map_err(|error| (port, error));
    match port {
        Some(port) => at(port),
        None => at(PEER_PORT).or_else(|_| at(0)),
    }
}

/// Reads what the server says until the connection ends.
fn read(desk: &Desk, link: &Arc<Link>, reader: Reader) {
    let mut sent_away = false;
    link.read(reader, |reply| match reply {
        Reply::Broadcast(broadcast) => desk.take_broadcast(broadcast, Way::Tcp),
        Reply::Ticket { name, ticket } => desk.tickets.put(name, ticket, Instant::now()),
        Reply::Message { from, text } => {
            desk.screen.show(Event::Message { from, text, verified: true, relayed: true });
        }
        Reply::Notice(notice) => {
            sent_away |= notice.forbids_return();
            desk.screen.show(Event::Notice { text: notice.to_string() });
            if notice == Notice::SessionExpired {
                desk.report(Trouble::Expired);
            }
        }
        other => desk.screen.show(Event::Notice { text: other.to_string() }),
    });
    if !desk.unlink(link) || desk.end.is_triggered() {
        return;
    }
    if sent_away {
        desk.stay_away();
    } else if !desk.needs_password() {
        // Who is being asked for a password gets another connection with the answer.
        desk.report(Trouble::Lost);
    }
}
