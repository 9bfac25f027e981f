//! All that the client knows, and the ways in which it shows something.

use super::announcement::Announcement;
use super::asks::{Asks, Origin};
use super::detours::Detours;
use super::display::Display;
use super::hellos::Hellos;
use super::house::House;
use super::inbox::Inbox;
use super::logins::Logins;
use super::own_broadcasts::OwnBroadcasts;
use super::peace::Peace;
use super::peer_keys::PeerKeys;
use super::people::Present;
use super::questions::Questions;
use super::rules::Rules;
use super::script::Script;
use super::servers::Servers;
use super::session::{Life, Session};
use super::strangers::Strangers;
use super::tickets::Tickets;
use super::transfer::Transfers;
use super::under_way::{AtTheDoor, Deliveries, Doctor, Inside, Jobs, Proving, Talk, Talks, Trials};
use super::verification::Verification;
use crate::client::event::{Assurance, CallId, Effect, Line, Now, Place, Shown};
use crate::protocol::Broadcast;
use crate::value::Username;
use std::time::Instant;

/// The most broadcasts from before the login that are kept for `earlier`.
const MAX_EARLIER: usize = 1000;

/// What the client knows.
#[derive(Debug)]
pub struct App {
    pub(super) rules: Rules,
    pub(super) now: Now,
    pub(super) out: Vec<Effect>,
    /// Whether anything that was asked for was refused.
    pub(super) refused: bool,
    pub(super) quiet: bool,
    pub(super) peace: Peace,
    pub(super) calls: u64,
    pub(super) session: Session,
    pub(super) life: Life,
    pub(super) servers: Servers,
    pub(super) house: House,
    pub(super) login: Logins,
    pub(super) asks: Asks,
    pub(super) inbox: Inbox,
    pub(super) own_broadcasts: OwnBroadcasts,
    pub(super) hellos: Hellos,
    pub(super) tickets: Tickets,
    pub(super) keys: PeerKeys,
    pub(super) detours: Detours,
    pub(super) at_the_door: AtTheDoor,
    pub(super) inside: Inside,
    pub(super) proving: Proving,
    pub(super) questions: Questions,
    pub(super) strangers: Strangers,
    pub(super) talks: Talks,
    pub(super) deliveries: Deliveries,
    pub(super) jobs: Jobs,
    pub(super) transfers: Transfers,
    pub(super) announcement: Announcement,
    pub(super) verification: Verification,
    pub(super) present: Present,
    /// When the server was last told that the person is there.
    pub(super) here: Option<Instant>,
    pub(super) earlier: Vec<Shown>,
    pub(super) script: Script,
    pub(super) doctor: Doctor,
    /// The servers that the doctor tries.
    pub(super) trials: Trials,
    /// The full screen, unless the client works line by line.
    pub(super) display: Option<Display>,
}

impl App {
    /// A client that has not begun anything.
    pub fn new(rules: Rules, now: Now) -> App {
        let (login, is_doctor) = (Logins::new(rules.credentials.as_ref()), rules.doctor);
        let display = rules.face.is_screen().then(|| Display::new(rules.zone.clone()));
        App {
            quiet: rules.quiet,
            peace: Peace::new(rules.blocked.clone()),
            servers: Servers::new(rules.server, &rules.also, rules.seed),
            rules,
            now,
            out: Vec::new(),
            refused: false,
            calls: 0,
            session: Session::Offline { until: None },
            life: Life::default(),
            house: House::default(),
            login,
            asks: Asks::default(),
            inbox: Inbox::default(),
            own_broadcasts: OwnBroadcasts::default(),
            hellos: Hellos::default(),
            tickets: Tickets::default(),
            keys: PeerKeys::default(),
            detours: Detours::default(),
            at_the_door: AtTheDoor::default(),
            inside: Inside::default(),
            proving: Proving::default(),
            questions: Questions::default(),
            strangers: Strangers::default(),
            talks: Talks::default(),
            deliveries: Deliveries::default(),
            jobs: Jobs::default(),
            transfers: Transfers::default(),
            announcement: Announcement::default(),
            verification: Verification::default(),
            present: Present::default(),
            here: None,
            earlier: Vec::new(),
            script: Script::default(),
            display,
            trials: Trials::default(),
            doctor: if is_doctor { Doctor::Waiting } else { Doctor::None },
        }
    }

    /// Whether anything that was asked for was refused.
    pub fn was_refused(&self) -> bool {
        self.refused
    }

    /// A name for a call that we begin.
    pub fn draw_call(&mut self) -> CallId {
        self.calls += 1;
        CallId::Out(self.calls)
    }

    /// Shows the answer to something, where it was asked for.
    pub fn show(&mut self, origin: &Origin, shown: Shown) {
        self.emit(origin.home.clone(), shown, origin.request);
    }

    /// Shows something that nobody asked for.
    pub fn shown(&mut self, home: Place, shown: Shown) {
        self.emit(home, shown, None);
    }

    /// Tells something to know that nobody asked for.
    pub fn info(&mut self, home: Place, text: impl Into<String>) {
        self.shown(home, Shown::Info { text: text.into() });
    }

    /// Says why what was asked for is not done.
    pub fn refuse(&mut self, origin: &Origin, why: impl Into<String>) {
        self.show(origin, Shown::Refused { text: why.into() });
    }

    /// The same for a text, which is named on a screen, where what is typed does not stay.
    pub fn refuse_text(&mut self, origin: &Origin, why: impl Into<String>, said: Option<&str>) {
        let why = why.into();
        match said.filter(|_| self.display.is_some()) {
            Some(said) => self.refuse(origin, format!("{why}; you typed: {said}")),
            None => self.refuse(origin, why),
        }
    }

    fn emit(&mut self, home: Place, shown: Shown, request: Option<u64>) {
        self.refused |= shown.is_error();
        if self.quiet && request.is_none() && !shown.is_for_the_person() {
            return;
        }
        let line = Line { home, time: self.now.clock, shown, request };
        self.log_line(&line);
        if self.display.is_some() { self.add_line(&line) } else { self.out.push(Effect::Show(line)) }
    }

    /// Shows broadcasts, in order. Those from before the login are also kept for who asks.
    pub fn show_broadcasts(&mut self, broadcasts: Vec<Broadcast>) {
        let since = self.life.since.unwrap_or(u64::MAX);
        for broadcast in broadcasts {
            let earlier = broadcast.unix_time < since;
            let is_own = self.name() == Some(&broadcast.from);
            let arrived = if is_own { self.own_broadcasts.seen(&broadcast.text) } else { None };
            if self.is_shut_out(&broadcast.from) {
                continue;
            }
            let shown = Shown::Broadcast { broadcast, earlier };
            if earlier && self.earlier.len() < MAX_EARLIER {
                self.earlier.push(shown.clone());
            }
            self.shown(Place::All, shown);
            if let Some(origin) = arrived {
                self.show(&origin, Shown::Done { text: "It has arrived after all".to_owned() });
            }
        }
    }

    /// How sure it is who is at the other side of a call: nobody, unless they are `verified`, says that it is they.
    pub fn assurance(&self, call: CallId, verified: bool) -> Assurance {
        match verified {
            false => Assurance::Unverified,
            true if self.keys.is_by_voice(call) => Assurance::ByVoice,
            true => Assurance::Verified,
        }
    }

    /// Whether what is typed goes to this person.
    pub fn is_foreground(&self, name: &Username) -> bool {
        match &self.display {
            Some(display) => *display.windows.front().1 == self.place_with(name),
            None => self.script.front() == Some(name),
        }
    }

    /// Where one talks with this person.
    pub fn place_with(&self, name: &Username) -> Place {
        let talk = self.talk_with(name).and_then(|call| self.talks.get(&call)).and_then(Talk::place);
        talk.unwrap_or_else(|| Place::Person(name.clone()))
    }

    /// What is typed goes to this person from now on, or to nobody. Who is typing on a screen is left alone.
    pub fn bring(&mut self, name: Option<Username>) {
        let place = name.as_ref().map(|name| self.place_with(name));
        match (&mut self.display, place) {
            (None, _) => self.script.bring(name),
            (Some(display), Some(place)) if !display.windows.is_typing() => {
                let number = display.windows.number_of(&place);
                display.windows.go(number);
            }
            (Some(_), _) => {}
        }
    }

    /// Writes what two people say to its file, where the options ask for that.
    fn log_line(&mut self, line: &Line) {
        let with = match &line.shown {
            Shown::ChatLine { from: with, .. } | Shown::Message { from: with, .. } => with,
            Shown::Said { to: with, .. } | Shown::Sent { to: with, .. } => with,
            Shown::ChatOpened { with, .. } | Shown::ChatSilent { with, .. } | Shown::ChatClosed { with, .. } => with,
            _ => return,
        };
        if self.rules.logs {
            self.out.push(Effect::Log { with: with.clone(), line: line.clone() });
        }
    }

    /// Shows what we have said to a person: on a screen, where what is typed does not stay; else only in their file.
    pub fn we_said(&mut self, home: Place, shown: Shown) {
        if self.display.is_some() {
            return self.shown(home, shown);
        }
        let line = Line { home, time: self.now.clock, shown, request: None };
        self.log_line(&line);
    }
}
