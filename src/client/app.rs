//! What the client knows, and what it does about all that happens: it decides from an event and the time, and touches
//! no socket, file, thread or clock.
//!
//! [`App::handle`] takes an event and gives back the effects that somebody else carries out. [`App::deadline`] says
//! when it wants to be called though nothing happens; that call is [`App::tick`].

pub mod inbox;
pub mod repairs;
pub mod acks;
pub mod hellos;
pub mod tickets;
pub mod detours;
pub mod asks;
pub mod no_server;
pub mod own_broadcasts;
pub mod questions;
pub mod strangers;
pub mod people;
pub mod peace;
pub mod peer_keys;
pub mod rules;
pub mod servers;
pub mod house;
pub mod session;
pub mod logins;
pub mod announcement;
pub mod verification;
pub mod under_way;
pub mod uploads;
pub mod transfer;
pub mod script;
pub mod display;
pub mod state;
pub mod by_key;
pub mod here;
pub mod present;
pub mod reach;
pub mod coming_back;
pub mod link;
pub mod again;
pub mod passwords;
pub mod login;
pub mod visitors;
pub mod knocks;
pub mod talks;
pub mod messages;
pub mod jobs;
pub mod transfers;
pub mod blocking;
pub mod verify;
pub mod announce;
pub mod answers;
mod doctor_tls;
mod doctor_servers;
pub mod doctor;
pub mod orders;
pub mod view;
pub mod keys;
pub mod lines;

pub use display::Seen;
pub use peace::MAX_BLOCKED;
pub use people::Watching;
pub use rules::{Credentials, Face, Rules};
pub use state::App;

use crate::client::event::{CallEnd, CallError, CallId, Effect, End, Event, LinkError, News, Now, Place};
use crate::protocol::FromServer;
use asks::Purpose;
use hellos::HEARTBEAT;
use own_broadcasts::text_of;
use session::Session;
use std::time::Instant;

impl App {
    /// Begins: connects to the server.
    pub fn start(&mut self, now: Now) -> Vec<Effect> {
        self.now = now;
        self.connect();
        self.settle()
    }

    /// Decides what follows from an event.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        self.now = now;
        if self.session != Session::Over {
            self.take(event);
        }
        self.settle()
    }

    /// When [`App::tick`] is to be called if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.session.deadline(),
            self.asks.deadline(self.session.is_online()),
            self.hellos.deadline(&self.inbox),
            self.at_the_door.deadline(),
            self.questions.deadline(),
            self.strangers.deadline(),
            self.announcement.deadline(),
            self.transfers.deadline(),
            self.present.deadline(),
            self.script.deadline(),
            self.doctor.deadline(),
            self.verification.deadline(),
            self.display.as_ref().and_then(|display| display.deadline()),
        ];
        let over = self.session == Session::Over;
        deadlines.into_iter().flatten().min().filter(|_| !over)
    }

    /// Decides what the time asks for.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        self.now = now;
        self.ask_whether_the_server_is_there();
        self.session_tick();
        self.knocks_tick();
        self.questions_tick();
        self.strangers_tick();
        self.transfers_tick();
        self.present_tick();
        self.doctor_tick();
        self.verification_tick();
        self.display_tick();
        self.settle()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Key(key) => self.key(key),
            Event::Resized(size) => self.resized(size),
            Event::Resumed => self.draw_again(),
            Event::Painted => self.painted(),
            Event::Paths { ask, found } => self.found_paths(ask, found),
            Event::TerminalGone | Event::Stop => {
                self.break_off();
                self.over(End::Left);
            }
            Event::Typed(line) => self.typed(line),
            Event::InputEnded => self.input_ended(),
            Event::Connected { link, .. } if self.tries_server(link) => self.server_tried(link, Ok(())),
            Event::NotConnected { link, why } if self.tries_server(link) => self.server_tried(link, Err(why)),
            Event::Connected { link, from } => self.connected(link, from.ip()),
            Event::Secured { link, by } => self.secured(link, *by),
            Event::NotConnected { link, why } => self.not_connected(link, &why),
            Event::FromServer { link, reply } => self.from_server(link, reply),
            Event::LinkLost { link } => self.link_lost(link, &LinkError::Lost),
            Event::LinkSilent { link } => self.link_lost(link, &LinkError::Silent),
            Event::Datagram(lines) => self.datagram(lines),
            Event::NoDatagrams(why) => {
                self.hellos.give_up();
                self.info(Place::Server, format!("No UDP socket ({why}): broadcasts come by TCP."));
            }
            Event::Listening { at, port } => self.listening(at, port),
            Event::ListeningWide { at, port } => self.listening_wide(at, port),
            Event::News { call, news } => self.news(call, news),
            Event::CallEnded { call, end } => self.call_ended(call, end),
            Event::Shares(shares) => self.shares(shares),
            Event::Logged(text) => self.info(Place::Server, text),
        }
    }

    fn news(&mut self, call: CallId, news: News) {
        match news {
            News::Wants(to) => self.introduce(call, to),
            News::Knock(knock) => self.knock(call, knock),
            News::HungUp => self.hung_up(call),
            News::Opened { with } => self.talk_opened(call, with),
            News::Line(text) => self.talk_line(call, text),
            News::Garbled(bad) => self.talk_garbled(call, &bad),
            News::Silent(is_silent) => self.talk_silent(call, is_silent),
            News::Drained(lines) => self.talk_drained(call, lines),
            News::Asked { name } => self.job_asked(call, name),
            News::Begun => self.job_begun(call),
            News::Output { text, error } => self.job_output(call, text, error),
            News::Transfer(step) => self.transfer_step(call, step),
            News::Words(words) => self.words_served(call, words),
            News::BytesSent => self.transfers.uploads.hashes(call),
            News::NotTaken { refusal, why } => self.not_taken(call, refusal, why),
            News::Trouble(text) => self.info(Place::Server, text),
        }
    }

    fn call_ended(&mut self, call: CallId, end: CallEnd) {
        self.forget_knock(call);
        self.inside.leave(call);
        self.proving.leave(call);
        self.asks.withdraw(|ask| ask.purpose == Purpose::Introduction(call));
        match end {
            CallEnd::Over => self.call_over(call),
            CallEnd::Talk(end) => self.talk_ended(call, end),
            CallEnd::Message(end) => self.message_ended(call, end),
            CallEnd::Ran(end) => self.job_ended(call, end),
            CallEnd::Served(end) => self.served(call, end),
            CallEnd::Files(end) => self.files_listed(call, end),
            CallEnd::Reached(end) => self.reached(call, end),
            CallEnd::Words(end) => self.words_ended(call, end),
        }
        self.keys.hangs_up(call);
    }

    /// A call is over without a last word: it was refused or not let in, its peer had left, or its thread has failed.
    /// Whatever waits for it waits no longer.
    fn call_over(&mut self, call: CallId) {
        let lost = || CallError::Perhaps("ended without an answer".to_owned());
        self.hung_up(call);
        self.transfer_over(call);
        self.message_ended(call, Err(lost()));
        self.talk_ended(call, Err(lost()));
        self.files_listed(call, Err(lost()));
        self.reached(call, Err(lost()));
        self.no_words(call, &lost().to_string());
        match self.jobs.get(&call).map(|job| job.here) {
            // Its owner was told why it does not run.
            Some(true) => drop(self.jobs.remove(&call)),
            Some(false) => self.job_ended(call, Err(lost())),
            None => {}
        }
    }

    fn datagram(&mut self, lines: Vec<FromServer>) {
        let (shown, unheard) = self.hellos.take(lines, &mut self.inbox, self.now.instant);
        if unheard.is_some_and(|since| self.now.instant >= since + HEARTBEAT) {
            self.fetches_go_on();
        }
        self.heard_by_udp();
        self.show_broadcasts(shown);
    }

    /// What follows from all that has changed, until nothing does.
    fn settle(&mut self) -> Vec<Effect> {
        if self.session != Session::Over {
            self.announce_more();
            self.begin_transfers();
            self.begin_messages();
            self.hellos.set_eager(self.transfers.is_fetch_stalled());
            if let Some(hello) = self.hellos.due(&self.inbox, self.now.instant) {
                self.out.push(Effect::Hello(hello));
            }
            if self.hellos.is_hopeless(&self.inbox, self.now.instant) {
                let shown = self.inbox.give_up_gaps();
                self.show_broadcasts(shown);
            }
            self.next_line();
            self.settle_display();
            self.send_next();
        }
        std::mem::take(&mut self.out)
    }

    fn send_next(&mut self) {
        let Some(link) = self.session.link() else { return };
        let next = self.asks.next(self.session.is_online(), self.now.instant);
        let Some((request, purpose)) = next.map(|ask| (ask.request.clone(), ask.purpose.clone())) else { return };
        if let Some(text) = text_of(&request) {
            self.own_broadcasts.sent(text);
        }
        let likely = if let Purpose::Introduction(call) = purpose { self.likely(call, &request) } else { None };
        self.out.push(Effect::Send { link, request });
        self.out.extend(likely);
    }
}

#[cfg(test)]
mod tests;
