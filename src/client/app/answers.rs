//! What comes of a line of the server: the answer to a request, or an event.

use super::asks::{Ask, Origin, Purpose, Sorted};
use super::inbox::Route;
use super::link::TOO_MUCH;
use super::own_broadcasts::{said_by, text_of};
use super::people::Whereabouts;
use super::session::Session;
use super::state::App;
use crate::client::event::{
    Bearer, CallError, CallId, Effect, Introduced, LinkError, LinkId, NoConnection, Order, Place, Shown,
};
use crate::protocol::{MemberRequest, Refusal, Reply, Request};
use crate::value::{Address, BadLine, Fingerprint, comma, link_of, with_scope_of};
use std::net::{IpAddr, SocketAddr};

impl App {
    /// The server says a line.
    pub fn from_server(&mut self, link: LinkId, reply: Result<Reply, BadLine>) {
        if self.session.link() != Some(link) {
            return;
        }
        let reply = match reply {
            Ok(reply) => reply,
            Err(bad) => {
                self.asks.unreadable();
                return self.shown(Place::Server, Shown::Notice { text: bad.to_string() });
            }
        };
        self.asks.heard();
        let mut events = Vec::new();
        let sorted = self.asks.sort(reply, |event| events.push(event));
        // A key stands right before the ticket that is for whoever has it.
        let mut announced = None;
        for event in events {
            self.server_event(event, &mut announced);
        }
        match sorted {
            Sorted::Taken => {}
            Sorted::Answer { ask, end } => self.answered(link, ask, end),
            Sorted::TooMuch => {
                let text =
                    "The server's answer has no end (more than 16 MiB, or 131,072 names): the connection is given up.";
                self.info(Place::Server, text);
                self.out.push(Effect::Disconnect(link));
                self.link_lost(link, &LinkError::Lost);
            }
        }
    }

    fn server_event(&mut self, event: Reply, announced: &mut Option<Fingerprint>) {
        match event {
            Reply::Broadcast(broadcast) => {
                let shown = self.inbox.accept(broadcast, Route::Tcp);
                self.show_broadcasts(shown);
            }
            Reply::Key { name, key } => {
                self.sees_key(&name, key);
                *announced = Some(key);
            }
            Reply::Ticket { name, ticket } => {
                self.tickets.put(name, ticket, announced.take(), self.now.instant);
                self.late_tickets();
            }
            Reply::Message { from, .. } if self.is_shut_out(&from) => {}
            Reply::Message { from, text } => {
                let shown =
                    Shown::Message { from: from.clone(), text, bearer: Bearer::Server { is_proof: !self.rules.tls } };
                self.shown(Place::Person(from), shown);
            }
            Reply::Notice(notice) => self.notice(&notice),
            Reply::Joined { name, address, guest } => self.joined(name, address, guest),
            Reply::Left(name) => self.left(name),
            Reply::Servers(list) => self.servers_told(list),
            Reply::ServerKey { server, key } => self.servers.key_told(server, key),
            other if other.is_secret() => {}
            other => self.shown(Place::Server, Shown::Notice { text: other.to_string() }),
        }
    }

    fn answered(&mut self, link: LinkId, mut ask: Box<Ask>, end: Reply) {
        if let Some(text) = text_of(&ask.request) {
            self.own_broadcasts.answered(text, !matches!(end, Reply::Err(_)));
        }
        if let Reply::Err(refusal) = &end {
            let known = self.life.was_online;
            ask = match self.asks.again(ask, refusal, known, self.now.instant) {
                Ok(()) => return,
                Err(ask) => ask,
            };
        }
        let refusal = if let Reply::Err(why) = &end { Some(why) } else { None };
        match ask.purpose.clone() {
            Purpose::SignUp => self.signed_up(&end),
            Purpose::LogIn => self.answered_login(link, &ask.data, &end),
            Purpose::GoOn => self.answered_again(link, &ask.data, &end),
            // An older server does not know it.
            Purpose::Hide | Purpose::Here | Purpose::Peace => {}
            Purpose::Listen => self.ready(refusal),
            Purpose::Reach => self.reach_told(refusal),
            Purpose::Show => self.show_answer(*ask, end),
            Purpose::Activity { hidden } => {
                if refusal.is_none() {
                    self.life.hidden = hidden;
                }
                self.show_answer(*ask, end);
            }
            Purpose::Users => self.show_users(&ask, end),
            Purpose::Fields => {
                let end = if let Reply::Ok(fields) = end { Reply::Ok(comma::split(&fields).join(" ")) } else { end };
                self.show_answer(*ask, end);
            }
            Purpose::Files { .. } => self.show_names_of_files(*ask, end),
            Purpose::Introduction(call) => self.introduced(call, &ask, end),
            Purpose::Relay { to } => self.relayed(&to, &ask, &end),
            Purpose::Announce => self.announced(refusal),
            Purpose::Size => self.size_answered(),
            Purpose::Probe => self.probed(end),
            Purpose::Watch => self.watched(ask.data, &end),
            Purpose::Others => self.try_others(&ask.data, &end),
            Purpose::ChangePassword => self.password_answered(&ask.origin, end),
            Purpose::Goodbye => self.said_goodbye(),
        }
    }

    /// Shows the data lines of an answer, and its end.
    fn show_answer(&mut self, ask: Ask, end: Reply) {
        let is_client =
            |reply: &Reply| if let Reply::Client { name, .. } = reply { Some(name.to_string()) } else { None };
        let names: Vec<String> = ask.data.iter().filter_map(is_client).collect();
        if !names.is_empty() {
            self.know_names(names);
        }
        for reply in ask.data {
            let shown = match reply {
                Reply::Client { name, address, guest } => {
                    self.detours.listens_at(&name, address);
                    Shown::Client { name, address, guest }
                }
                Reply::Person { name, address, since, dnd, guest } => {
                    Shown::Person { name, address, guest, since, dnd }
                }
                other if other.is_secret() => continue,
                other => Shown::Notice { text: other.to_string() },
            };
            self.show(&ask.origin, shown);
        }
        self.show_end(&ask.origin, end);
    }

    /// Shows how an answer went.
    pub fn show_end(&mut self, origin: &Origin, end: Reply) {
        let shown = match end {
            Reply::Err(why) => Shown::Refused { text: self.in_words_of_ours(&why) },
            Reply::Ok(text) if !text.is_empty() => Shown::Done { text },
            _ => Shown::Done { text: "Done".to_owned() },
        };
        self.show(origin, shown);
    }

    fn show_users(&mut self, ask: &Ask, end: Reply) {
        match end {
            Reply::Ok(names) => {
                let names: Vec<String> = comma::split(&names).into_iter().filter(|name| !name.is_empty()).collect();
                self.know_names(names.clone());
                for name in names {
                    self.show(&ask.origin, Shown::User { name });
                }
            }
            end => self.show_end(&ask.origin, end),
        }
    }

    fn show_names_of_files(&mut self, ask: Ask, end: Reply) {
        for reply in ask.data {
            let Reply::Files { name, files } = reply else { continue };
            self.know_files(&name, files.clone());
            for file in files {
                self.show(&ask.origin, Shown::File { owner: name.clone(), file, known: None });
            }
        }
        self.show_end(&ask.origin, end);
    }

    /// A call wants to be introduced to a peer.
    pub fn introduce(&mut self, call: CallId, to: Address) {
        let ask = Ask::new(Purpose::Introduction(call), MemberRequest::Connect(to).into(), Origin::nobody());
        let away = matches!(self.session, Session::Offline { until: None } | Session::Leaving { .. } | Session::Over);
        // The one that it no longer waits for is not answered any more.
        self.asks.withdraw(|ask| ask.purpose == Purpose::Introduction(call));
        let until = self.waits_until(&ask.purpose);
        if !away && !self.session.is_online() {
            self.fetch_waits(call);
        }
        let why = match away {
            true => "not logged in",
            false if self.asks.put(ask.waiting(until)) => return,
            false => TOO_MUCH,
        };
        self.introduce_not(call, why);
    }

    /// The server is asked just now to introduce a call: tells it where whoever is meant listens, as far as the server has
    /// told of its own accord since the login. Not where it is sure to say no, or may: of guests, and of who has our address,
    /// as we ourselves do, and others behind one router; nor of a link-local address, which may be somebody else's on our
    /// network.
    pub fn likely(&self, call: CallId, request: &Request) -> Option<Effect> {
        let Request::Member(MemberRequest::Connect(Address::Name(name))) = request else { return None };
        let Whereabouts { address, guest } = self.present.people.get(name).filter(|_| self.present.is_current)?;
        let is_with_us = self.life.seen_as == Some(address.ip().to_canonical());
        if guest.is_some() || address.port() == 0 || is_with_us || link_of(*address).is_some() {
            return None;
        }
        let address = self.to_dial(*address).ok()?;
        Some(Effect::Order { call, order: Order::Likely(address) })
    }

    fn introduce_not(&mut self, call: CallId, why: &str) {
        let why = CallError::NoServer(why.to_owned());
        self.out.push(Effect::Order { call, order: Order::Introduced(Err(why)) });
    }

    fn introduced(&mut self, call: CallId, ask: &Ask, end: Reply) {
        let ticket = ask.data.iter().find_map(|reply| match reply {
            Reply::Ticket { name, ticket } => Some((name.clone(), *ticket)),
            _ => None,
        });
        // It stands right before its ticket, or is another one's.
        let before = ask.data.iter().take_while(|reply| !matches!(reply, Reply::Ticket { .. })).last();
        let key = if let Some(Reply::Key { key, .. }) = before { Some(*key) } else { None };
        let address = ask.data.iter().find_map(|reply| if let Reply::Peer(at) = reply { Some(*at) } else { None });
        if let (Some((name, _)), Some(address)) = (&ticket, address) {
            self.detours.listens_at(name, address);
            self.message_is_for(call, name);
        }
        let not_spoken_to = ticket.as_ref().and_then(|(name, _)| self.not_spoken_to(call, name, key));
        let outcome = match (end, ticket, address, self.me().cloned()) {
            (Reply::Err(why), ..) => Err(self.not_introduced(call, &why)),
            _ if not_spoken_to.is_some() => Err(CallError::NotIntroduced(not_spoken_to.unwrap_or_default())),
            // An address was typed, and is theirs.
            (_, Some((name, _)), ..) if self.deliveries.contains_key(&call) && self.goes_round(&name) => {
                Err(CallError::DoesNotListen(format!("messages to {name} go through the server for a while")))
            }
            (_, Some((name, ticket)), Some(address), Some(me)) => {
                let seen_as = self.life.seen_as;
                self.to_dial(address).map(|address| Introduced { me, name, ticket, key, address, seen_as })
            }
            _ => Err(CallError::NotIntroduced("the server's answer is not understood".to_owned())),
        };
        self.out.push(Effect::Order { call, order: Order::Introduced(outcome) });
    }

    /// An address that the server has told of a peer, as it is to be dialled.
    pub(super) fn to_dial(&self, address: SocketAddr) -> Result<SocketAddr, CallError> {
        let ip = address.ip().to_canonical();
        // Linux takes the unspecified address for loopback.
        if (ip.is_loopback() || ip.is_unspecified()) && !self.is_on_the_servers_machine() {
            let why = NoConnection::Other("that is this machine itself, and the server is on another one".to_owned());
            return Err(CallError::Unreachable { address, why });
        }
        // Nobody but this machine knows on which of its networks a link-local address is.
        Ok(with_scope_of(address, self.servers.present()))
    }

    /// Whether the server is on this very machine, as far as the addresses of the connection tell. Behind a tunnel that
    /// ends on the server's machine it seems so.
    fn is_on_the_servers_machine(&self) -> bool {
        let server = self.servers.present().ip().to_canonical();
        let is_ours = self.life.own_end.is_some_and(|end| end.is_loopback() || end == server);
        is_ours && self.seen_elsewhere().is_none()
    }

    /// This machine's address and the one that the server sees instead, where a NAT or a tunnel is between.
    pub fn seen_elsewhere(&self) -> Option<(IpAddr, IpAddr)> {
        let is_same = |(from, seen): &(IpAddr, IpAddr)| from == seen || (from.is_loopback() && seen.is_loopback());
        self.life.own_end.zip(self.life.seen_as).filter(|ends| !is_same(ends))
    }

    /// Tells of all that waits for a session that it is not sent.
    pub fn send_nothing(&mut self, why: &str) {
        for ask in self.asks.take_waiting(|_| true) {
            self.not_sent(&ask, why);
        }
    }

    /// A request is not sent.
    pub fn not_sent(&mut self, ask: &Ask, why: &str) {
        match ask.purpose {
            Purpose::Introduction(call) => self.introduce_not(call, why),
            _ => self.refuse_text(&ask.origin, format!("Not sent: {why}"), said_by(&ask.request)),
        }
    }

    /// The connection ended before a request was answered: what has left may have been carried out.
    pub fn unanswered(&mut self, ask: &Ask, why: &LinkError) {
        if !ask.purpose.is_shown() {
            return;
        }
        if text_of(&ask.request).is_some_and(|text| !self.own_broadcasts.unanswered(text, &ask.origin)) {
            let text = format!("Sent, and only the answer is lost: {why}");
            return self.show(&ask.origin, Shown::Done { text });
        }
        let what = match &ask.request {
            Request::Member(MemberRequest::Broadcast(_) | MemberRequest::Relay { .. }) => "Perhaps sent",
            Request::Member(MemberRequest::Active | MemberRequest::Inactive) => "Perhaps carried out",
            _ => "Not answered",
        };
        self.show(&ask.origin, Shown::Perhaps { text: format!("{what}: {why}") });
    }

    fn not_introduced(&mut self, call: CallId, why: &Refusal) -> CallError {
        let words = self.in_words_of_ours(why);
        match why {
            Refusal::NotListening(name)
            | Refusal::OnThisMachineOnly(name)
            | Refusal::OnAnotherLink(name)
            | Refusal::OneRouter { name, .. }
            | Refusal::OtherDialect { name, .. } => {
                self.message_is_for(call, name);
                CallError::DoesNotListen(words)
            }
            _ => CallError::NotIntroduced(words),
        }
    }

    /// A refusal whose sentence names words of the protocol, said with the client's own.
    fn in_words_of_ours(&self, why: &Refusal) -> String {
        let slash = self.slash();
        match why {
            Refusal::NobodyThere(to) => format!("User not found! Nobody active is {to}: type {slash}list"),
            Refusal::NotListening(name) => format!("{name} accepts no connections"),
            Refusal::OnThisMachineOnly(name) => {
                format!(
                    "{name} is on the server's machine and takes connections from there only: --local, or an older client"
                )
            }
            Refusal::OnAnotherLink(name) => format!(
                "{name} has a link-local address of another network than yours: use, both of you, the server's address in a \
                 network that you share"
            ),
            Refusal::OneRouter { name, at } => format!(
                "{name} and you are behind one router, as the server sees you both at {at}: run a server inside that network"
            ),
            Refusal::LogInFirst => format!("You are not logged in: type {slash}reconnect"),
            other => other.to_string(),
        }
    }
}
