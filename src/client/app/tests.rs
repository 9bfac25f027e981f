//! Rules of the App, played without a process, a socket or a sleep.

mod addresses;
mod blocking;
mod cuts;
mod house;
mod keys;
mod network;
mod passwords;
mod present;
mod screen;
mod sessions;
mod several;
mod strangers;
mod talks;
mod transfers;
mod voice;

use super::App;
use super::{Credentials, Face, Rules, Watching};
use crate::client::event::{
    CallEnd, CallError, CallId, Decision, Effect, End, Event, Key, Knock, LinkError, LinkId, News, NoConnection,
    NoProof, Now, Order, Secured,
};
use crate::client::event::{Introduced, MAX_ORDERS, Room, Shown, Stage, Step, TalkEnd, Way, Work};
use crate::client::run::RunOptions;
use crate::peer_protocol::{Opening, PeerRefusal};
use crate::protocol::{FromServer, Reply};
use crate::value::{Fingerprint, Username};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

const SCRIPT: Face = Face::Lines { typed: false, terminal: false };
const PERSON: Face = Face::Lines { typed: true, terminal: true };
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// The room on the disk.
const FREE: u64 = 1 << 20;
const TICKET: &str = "00112233445566778899aabbccddeeff";

/// An App in the middle of a play: what it wants done is looked at line by line.
struct Play {
    app: App,
    now: Now,
    link: u64,
    done: Vec<Effect>,
    /// Whether the server answers the hellos while the time passes.
    answers_hellos: bool,
}

fn name(text: &str) -> Username {
    text.parse().expect("valid")
}

fn rules(face: Face) -> Rules {
    let credentials = Credentials { name: name("alice"), password: Some("correct horse".to_owned()), signup: false };
    Rules {
        server: SocketAddr::from((Ipv4Addr::LOCALHOST, 4400)),
        also: Vec::new(),
        known: Vec::new(),
        encrypted: Vec::new(),
        seed: 1,
        has_tls: true,
        tls: false,
        clear_peers: false,
        face,
        credentials: Some(credentials),
        answer_limit: Duration::from_secs(60),
        run: RunOptions {
            allowed: "date".parse().expect("a command"),
            never: false,
            log: None,
            time: Duration::from_secs(10),
            question: Duration::from_secs(30),
        },
        share: None,
        downloads: PathBuf::from("."),
        upload_slots: 1,
        take: vec![name("carol")],
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

impl Play {
    fn new(rules: Rules) -> Play {
        let now = Now { instant: Instant::now(), clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) };
        let answers_hellos = !rules.doctor;
        let mut play = Play { app: App::new(rules, now), now, link: 1, done: Vec::new(), answers_hellos };
        play.done = play.app.start(now);
        play
    }

    fn script() -> Play {
        Self::online(rules(SCRIPT))
    }

    /// Logged in at a screen.
    fn screen() -> Play {
        Self::online(rules(Face::Screen))
    }

    /// Logged in, and asked for the first line.
    fn online(rules: Rules) -> Play {
        let mut play = Play::new(rules);
        play.log_in();
        play
    }

    fn log_in(&mut self) {
        self.event(Event::Connected { link: LinkId(self.link), from: SocketAddr::from((HERE, 9)) });
        self.server(&["udp_00112233445566778899aabbccddeeff", "ip_127.0.0.2", "OK,Login successful!"]);
        if self.done.contains(&Effect::Listen(HERE)) {
            self.event(Event::Listening { at: HERE, port: Ok(4401) });
        }
        self.server(&["OK,"]);
    }

    fn event(&mut self, event: Event) {
        let effects = self.app.handle(event, self.now);
        self.done.extend(effects);
    }

    fn server(&mut self, lines: &[&str]) {
        for line in lines {
            self.event(Event::FromServer { link: LinkId(self.link), reply: Ok(Reply::parse(line)) });
        }
    }

    fn typed(&mut self, line: &str) {
        self.event(Event::Typed(Ok(line.to_owned())));
    }

    fn press(&mut self, text: &str) {
        text.chars().for_each(|c| self.event(Event::Key(if c == '\r' { Key::Enter } else { Key::Char(c) })));
    }

    fn news(&mut self, call: CallId, news: News) {
        self.event(Event::News { call, news });
    }

    fn knock(&mut self, number: u64, opening: &str, text: Option<&str>) -> CallId {
        self.knock_from(HERE, number, opening, text)
    }

    fn knock_from(&mut self, from: IpAddr, number: u64, opening: &str, text: Option<&str>) -> CallId {
        self.knock_with(from, number, opening, text, None)
    }

    /// A peer that has proven to have the whole of this ticket, of which the first line shows the start.
    fn knock_with(
        &mut self,
        from: IpAddr,
        number: u64,
        opening: &str,
        text: Option<&str>,
        proven: Option<&str>,
    ) -> CallId {
        let opening = Opening::parse(opening).expect("valid");
        let fits = !matches!(opening, Opening::Give { bytes, .. } if bytes > FREE);
        let knock = Knock {
            from: SocketAddr::from((from, 5000)),
            opening,
            key: None,
            proven: proven.map(|ticket| ticket.parse().expect("a ticket")),
            text: text.map(str::to_owned),
            room: Some(Room { free: FREE, fits }),
        };
        self.news(CallId::In(number), News::Knock(knock));
        CallId::In(number)
    }

    /// Lets so much time pass, and every deadline in it.
    fn after(&mut self, span: Duration) {
        let until = self.now.instant + span;
        for _ in 0..1000 {
            let Some(deadline) = self.app.deadline().filter(|deadline| *deadline <= until) else { break };
            self.go_to(deadline.max(self.now.instant));
        }
        self.go_to(until);
    }

    fn go_to(&mut self, instant: Instant) {
        self.now.clock += instant - self.now.instant;
        self.now.instant = instant;
        let effects = self.app.tick(self.now);
        let says_hello = effects.iter().any(|effect| matches!(effect, Effect::Hello(_)));
        self.done.extend(effects);
        if says_hello && self.answers_hellos {
            self.event(Event::Datagram(vec![FromServer::Head(0)]));
        }
    }

    /// What has been done since the last look.
    fn look(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.done)
    }

    /// Takes out what was done of one kind.
    fn pick<T>(&mut self, test: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
        let picked = self.done.iter().filter_map(&test).collect();
        self.done.retain(|effect| test(effect).is_none());
        picked
    }

    /// What has been shown, in words short enough for a test.
    fn shown(&mut self) -> Vec<String> {
        let words = |shown: Shown| match shown {
            Shown::Refused { text } => format!("refused: {text}"),
            Shown::Perhaps { text } => format!("perhaps: {text}"),
            Shown::Info { text } | Shown::Done { text } | Shown::Notice { text } => text,
            Shown::Broadcast { broadcast, earlier } => format!("{} {} {earlier}", broadcast.from, broadcast.text),
            Shown::Message { from, text, bearer } => {
                format!("msg {from} {text} {} {}", bearer.is_proof(), bearer.is_server())
            }
            Shown::ChatLine { from, text, foreground, .. } => format!("line {from} {text} {foreground}"),
            Shown::Missed { .. } => crate::client::shown::text(&shown, &jiff::tz::TimeZone::UTC),
            Shown::Joined { name, new, .. } => format!("joined {name} {new}"),
            Shown::Left { name } => format!("left {name}"),
            Shown::ChatSilent { with, silent } => format!("{with} is silent: {silent}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
        };
        self.pick(|effect| if let Effect::Show(line) = effect { Some(words(line.shown.clone())) } else { None })
    }

    /// What has been sent to the server.
    fn sent(&mut self) -> Vec<String> {
        self.pick(|effect| if let Effect::Send { request, .. } = effect { Some(request.to_string()) } else { None })
    }

    fn is_asked(&self) -> bool {
        self.done.iter().any(|effect| matches!(effect, Effect::NextLine { .. }))
    }

    fn orders(&mut self, to: CallId) -> Vec<Order> {
        self.pick(|effect| match effect {
            Effect::Order { call, order } if *call == to => Some(order.clone()),
            _ => None,
        })
    }

    /// The call that was begun last.
    fn begun(&mut self) -> (CallId, Work) {
        let begun =
            |effect: &Effect| if let Effect::Call { call, work } = effect { Some((*call, work.clone())) } else { None };
        self.pick(begun).pop().expect("a call was begun")
    }

    /// Has an open chat with bob, in front.
    fn chatting(&mut self) -> CallId {
        self.typed("chat bob");
        let (call, _) = self.begun();
        self.news(call, News::Opened { with: name("bob") });
        self.look();
        call
    }
}
