//! The way from each state of the session to the next, from a connection that is made to the end of the client. What comes
//! after a connection that is not made, or has ended, `coming_back` says.

use super::asks::{Ask, Origin, Purpose};
use super::own_broadcasts::said_by;
use super::session::{Session, Told};
use super::state::App;
use super::transfer::Transfers;
use crate::client::event::{Effect, End, LinkError, LinkId, Place, Shown};
use crate::protocol::{MemberRequest, Notice, Refusal, Request};
use crate::value::{Epoch, Ticket, Username, any_like};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long the server may take for the answer to our goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long what asks the server waits for a session that is coming back.
pub(super) const RETURN: Duration = Duration::from_secs(10);

/// Said where no request more has room.
pub(super) const TOO_MUCH: &str = "Too many requests wait for the server: wait a moment";

/// What the server tells with a login.
pub struct ToldAtLogin {
    /// What hellos carry.
    pub token: Option<Ticket>,
    /// The address under which others look for us.
    pub address: Option<IpAddr>,
    /// Where clients of other machines may connect to us besides.
    pub others: Option<IpAddr>,
    /// By what the session goes on at another server.
    pub again: Option<Ticket>,
    /// The sequence of the broadcasts.
    pub epoch: Option<Epoch>,
}

impl App {
    /// The connection is made: logs in, or has the person asked who they are.
    pub fn connected(&mut self, link: LinkId, from: IpAddr) {
        if self.session != (Session::Connecting { link }) {
            return self.out.push(Effect::Disconnect(link));
        }
        self.session = Session::LoggingIn { link };
        (self.life.own_end, self.life.seen_as) = (Some(from.to_canonical()), None);
        self.servers.forget_heard();
        // Where nobody is asked, the login that follows says it: until then it may come to nothing.
        if !self.has_token() {
            self.tell_back();
        }
        self.log_in();
    }

    /// What belonged to the connection is over.
    pub fn forget_link(&mut self) {
        self.forget_link_for(&LinkError::Lost);
    }

    pub(super) fn forget_link_for(&mut self, why: &LinkError) {
        self.hellos.begin(None);
        self.house.link_lost(self.now.instant);
        self.announcement.forget();
        self.forget_change();
        let (transfers, now) = (&self.transfers, self.now.instant);
        for ask in self.asks.link_lost(|purpose| patience(transfers, purpose, now)) {
            self.unanswered(&ask, why);
        }
        self.fetches_wait();
    }

    /// Leaves the server without leaving the client: it is for the person to come back.
    pub fn stay_away(&mut self) {
        if let Some(link) = self.session.link() {
            self.out.push(Effect::Disconnect(link));
        }
        self.session = Session::Offline { until: None };
        self.login.give_up();
        self.forget_link();
        self.send_nothing("not logged in");
        let slash = self.slash();
        self.info(Place::Server, format!("Type {slash}reconnect to come back, or {slash}quit."));
    }

    /// Leaves the server because the person asks for it.
    pub fn disconnect(&mut self, origin: &Origin) {
        if matches!(self.session, Session::Offline { until: None }) {
            return self.refuse(origin, "You are not connected.");
        }
        self.show(origin, Shown::Info { text: "You have left the server; open chats go on.".to_owned() });
        if let Session::Connecting { link } = self.session {
            self.out.push(Effect::Disconnect(link));
        }
        // Who leaves is asked for the password when they come back.
        self.house.forget_token();
        self.stay_away();
    }

    /// The server knows who we are: the hellos begin, and we listen where others will look for us.
    pub fn online(&mut self, link: LinkId, me: Username, told: ToldAtLogin) {
        let ToldAtLogin { token, address, others, again, epoch } = told;
        self.life.seen_as = address;
        self.enter_house(again, epoch);
        // A server that sees loopback where we are not is on the other side of a NAT: what listens here is not there.
        let others = others.filter(|_| self.life.own_end.is_some_and(|end| end.is_loopback()));
        self.life.since.get_or_insert(unix_time(self.now.clock));
        self.session = Session::Online { link, me, ready: false, others };
        self.present.is_current = false;
        self.inbox.log_in();
        self.asks.session_is_back();
        self.know_servers();
        self.hellos.begin(token);
        // Only an address of the loopback network is sure to be ours; another may be a router's.
        let wanted = address.filter(IpAddr::is_loopback).unwrap_or(any_like(self.servers.present()));
        match self.life.listening {
            Some((at, port)) if at == wanted => self.announce_port(port),
            _ => self.out.push(Effect::Listen(wanted)),
        }
    }

    /// Tells the server where we listen, and before that whether we want to be found.
    pub fn announce_port(&mut self, port: u16) {
        let Session::Online { me, .. } = &self.session else { return };
        let init = MemberRequest::Init { name: me.to_string(), port: port.to_string(), files: Vec::new() };
        self.asks.put_first(Ask::new(Purpose::Listen, init.into(), Origin::nobody()));
        if self.life.hidden {
            self.asks.put_first(Ask::new(Purpose::Hide, MemberRequest::Inactive.into(), Origin::nobody()));
        }
    }

    /// We listen, or cannot.
    pub fn listening(&mut self, at: IpAddr, port: Result<u16, String>) {
        match port {
            Ok(port) => {
                self.life.listening = Some((at, port));
                self.announce_port(port);
            }
            Err(why) if !self.life.was_online => self.over(End::Failed(why)),
            Err(why) => {
                self.refuse(&Origin::nobody(), why);
                self.stay_away();
            }
        }
    }

    /// The server knows where we listen: the login is complete.
    pub fn ready(&mut self, refusal: Option<&Refusal>) {
        let Session::Online { ready, me, others, .. } = &mut self.session else { return };
        if let Some(why) = refusal {
            let why = why.to_string();
            return if !self.life.was_online { self.over(End::Failed(why)) } else { self.not_again(&why) };
        }
        *ready = true;
        self.life.told = Told::Nothing;
        self.servers.begin_anew();
        let (me, others) = (me.clone(), *others);
        self.announcement.begin();
        self.reach_others(others);
        self.watch();
        self.tell_peace();
        self.fetches_go_on();
        let again = self.life.was_online;
        self.life.was_online = true;
        if self.examine() {
            return;
        }
        let present = self.servers.present();
        let at = match self.life.last_at.replace(present) {
            Some(last) if last != present => format!(" at {present}"),
            _ => String::new(),
        };
        let text = match (again, self.login.by_hand()) {
            (true, true) => format!("Logged in again{at}."),
            (true, false) => format!("Logged in again as {me}{at}."),
            (false, _) => {
                self.tell_what_is_encrypted();
                self.greet();
                format!("Logged in as {me}. Type help for what you can do.")
            }
        };
        self.info(Place::Server, text);
    }

    /// The server is about to do something to us.
    pub fn notice(&mut self, notice: &Notice) {
        if notice.forbids_return() {
            self.life.sent_away = true;
            self.house.forget_token();
        }
        let (place, text) = match notice {
            Notice::NotDelivered { name, .. } => (Place::Person(name.clone()), format!("{notice} (UTC)")),
            _ => (Place::Server, notice.to_string()),
        };
        self.shown(place, Shown::Notice { text });
        let online = match self.session {
            Session::Online { link, .. } => Some(link),
            _ => None,
        };
        if let (Notice::SessionExpired, Some(link)) = (notice, online) {
            self.hellos.begin(None);
            self.forget_change();
            // It is the password that is asked for.
            self.house.forget_token();
            self.session = Session::LoggingIn { link };
            self.log_in();
        }
    }

    /// Says goodbye; what the client began is over.
    pub fn leave(&mut self) {
        match self.session {
            Session::Online { link, .. } => {
                self.session = Session::Leaving { link, until: self.now.instant + GOODBYE };
                self.asks.withdraw(|_| true);
                self.asks.put_first(Ask::new(Purpose::Goodbye, Request::Quit(None), Origin::nobody()));
            }
            Session::Over | Session::Leaving { .. } => {}
            // Nothing was checked.
            _ if self.rules.doctor => self.over(End::Failed("not logged in: give --user NAME".to_owned())),
            _ => self.over(End::Left),
        }
    }

    /// The client is over.
    pub fn over(&mut self, end: End) {
        if self.session != Session::Over {
            self.leave_unanswered();
            self.session = Session::Over;
            self.out.push(Effect::End(end));
        }
    }

    /// What the clock asks of the session.
    pub fn session_tick(&mut self) {
        match self.session {
            Session::Offline { until: Some(until) } if until <= self.now.instant => self.connect_next(),
            Session::Leaving { until, .. } if until <= self.now.instant => self.over(End::Left),
            _ => {}
        }
        let late = self.session.link().filter(|_| self.asks.is_late(self.now.instant));
        if let Some(link) = late {
            self.out.push(Effect::Abort(link));
            self.link_lost(link, &LinkError::Silent);
        }
        for ask in self.asks.expired(self.now.instant) {
            self.not_sent(&ask, "there was no session with the server for 10 s");
        }
    }

    /// Puts a request to the server in line, or says that there is nobody to ask.
    pub fn put(&mut self, ask: Ask) {
        let (origin, said) = (ask.origin.clone(), said_by(&ask.request).map(str::to_owned));
        if !self.may_say(&origin, said.as_deref()) {
            return;
        }
        let until = self.waits_until(&ask.purpose);
        if !self.asks.put(ask.waiting(until)) {
            self.refuse_text(&origin, TOO_MUCH, said.as_deref());
        }
    }

    /// Whether the server can be asked now, or in a moment. The person is told when not, and when it takes a while.
    pub fn may_ask(&mut self, origin: &Origin) -> bool {
        self.may_say(origin, None)
    }

    /// The same for what is to say this text, which a person at a screen sees no more until it has left.
    pub fn may_say(&mut self, origin: &Origin, said: Option<&str>) -> bool {
        if let Some(why) = self.not_online() {
            self.refuse_text(origin, why, said);
            return false;
        }
        if self.life.told > Told::Nothing && (self.rules.face.is_person() || self.rules.face.is_screen()) {
            let text = match said.filter(|_| self.display.is_some()) {
                Some(said) => format!("The server is away, and this waits for it: {said}"),
                None => "The server is away: this waits for it.".to_owned(),
            };
            self.show(origin, Shown::Info { text });
        }
        true
    }

    fn not_online(&self) -> Option<String> {
        let returns = self.life.was_online && !self.login.is_asking();
        let is_on_its_way = match &self.session {
            Session::Online { .. } => return None,
            Session::LoggingIn { .. } | Session::Connecting { .. } => true,
            Session::Offline { until } => until.is_some(),
            Session::Leaving { .. } | Session::Over => false,
        };
        match &self.session {
            _ if is_on_its_way && returns && !self.script.went_on => None,
            _ if is_on_its_way && returns => Some("The server is away, and we are coming back: wait".to_owned()),
            Session::LoggingIn { .. } if !self.login.is_asking() => {
                Some("The login is under way: wait a moment".to_owned())
            }
            Session::LoggingIn { .. } => Some("The server wants your password first".to_owned()),
            Session::Connecting { .. } => Some("The connection to the server is being made: wait a moment".to_owned()),
            _ => Some(format!("You are not logged in: type {}reconnect", self.slash())),
        }
    }

    /// How long a request waits for a session, when there is none.
    pub(super) fn waits_until(&self, purpose: &Purpose) -> Option<Instant> {
        patience(&self.transfers, purpose, self.now.instant).filter(|_| !self.session.is_online())
    }

    /// What stands before a command that is named: a screen has windows where a bare word is a text.
    pub fn slash(&self) -> &'static str {
        if self.display.is_some() { "/" } else { "" }
    }

    /// The goodbye was answered.
    pub fn said_goodbye(&mut self) {
        self.over(End::Left);
    }

    /// Our own name, also while the session is gone.
    pub fn name(&self) -> Option<&Username> {
        self.me().or(self.login.name())
    }

    /// Our own name, while we are logged in.
    pub fn me(&self) -> Option<&Username> {
        match &self.session {
            Session::Online { me, .. } => Some(me),
            _ => None,
        }
    }
}

/// How long a request waits for a session; that of a fetch waits for as long as its call.
fn patience(transfers: &Transfers, purpose: &Purpose, now: Instant) -> Option<Instant> {
    let is_for_fetch = matches!(purpose, Purpose::Introduction(call) if transfers.is_fetch(*call));
    (!is_for_fetch).then(|| now + RETURN)
}

/// Seconds since 1970.
pub fn unix_time(clock: std::time::SystemTime) -> u64 {
    clock.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
