//! Peers that have connected to us: who they are, and what becomes of what they ask for.

use super::asks::Origin;
use super::link::unix_time;
use super::questions::{Question, Verdict, Wish};
use super::state::App;
use super::strangers::MAX_MESSAGE;
use super::tickets::LATE;
use super::under_way::home_of;
use super::visitors::{Trust, Visitor};
use crate::client::command::Which;
use crate::client::event::{Bearer, CallId, Decision, Effect, Knock, Order, Place, Room, Shown};
use crate::client::run::Words;
use crate::peer_protocol::{Opening, PeerRefusal};
use crate::value::sentence::counted;
use crate::value::{Size, Username};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Gifts that come to us at a time, and those of one person.
const MAX_GIFTS: usize = 8;
const MAX_OF_ONE: usize = 4;

/// What is answered to who has [`super::under_way::MAX_CALLS`] connections here.
const TOO_MANY_CALLS: &str = "16 of your connections are open here: end one of them first";

/// What is answered to strangers, with the numbers of [`super::strangers`].
const TOO_LONG: &str = "A message of more than 500 bytes needs a ticket: send connect_NAME to the server for one";
const TOO_MANY_MESSAGES: &str = "without a ticket you may send 5 messages, then one every 10 s";
const TOO_MANY_QUESTIONS: &str = "without a ticket you may ask once a minute, and all others three times";

impl App {
    /// A peer has connected and said what for. The server announces a ticket before it is shown, but on another
    /// connection: one that is not known may be on its way.
    pub fn knock(&mut self, call: CallId, knock: Knock) {
        match self.recognize(&knock) {
            Visitor::Unknown if knock.proven.is_none() => {
                self.at_the_door.0.push((call, knock, self.now.instant + LATE));
            }
            visitor => self.receive(call, knock, visitor),
        }
    }

    /// A ticket was announced: perhaps somebody waits at the door with it.
    pub fn late_tickets(&mut self) {
        for (call, knock, until) in std::mem::take(&mut self.at_the_door.0) {
            match self.recognize(&knock) {
                Visitor::Unknown => self.at_the_door.0.push((call, knock, until)),
                visitor => self.receive(call, knock, visitor),
            }
        }
    }

    /// What the clock asks of those at the door: a ticket that is shown and not known was perhaps meant for somebody
    /// else, so nothing is shown of what comes with it.
    pub fn knocks_tick(&mut self) {
        let now = self.now.instant;
        let (over, wait) = std::mem::take(&mut self.at_the_door.0).into_iter().partition(|(_, _, until)| *until <= now);
        self.at_the_door.0 = wait;
        let over: Vec<(CallId, Knock, Instant)> = over;
        for (call, knock, _) in over {
            self.receive(call, knock, Visitor::Unknown);
        }
    }

    fn receive(&mut self, call: CallId, knock: Knock, visitor: Visitor) {
        match visitor {
            Visitor::Unknown => self.order(call, Order::Refuse(PeerRefusal::NotIntroduced)),
            Visitor::Stranger => self.let_in(call, knock, Trust::Stranger),
            Visitor::OtherKey => self.refuse_other_key(call, &knock),
            Visitor::ShowsStart(ticket) if self.proving.begin(call, ticket) => self.order(call, Order::Prove(ticket)),
            Visitor::ShowsStart(_) => self.order(call, Order::Refuse(PeerRefusal::TooManyConnections)),
            Visitor::Introduced(trust) if self.enters(call, knock.opening.name()) => {
                if let (Trust::Verified, Some(key)) = (trust, knock.key) {
                    self.keys.speaks(call, knock.opening.name(), key);
                }
                self.let_in(call, knock, trust);
            }
            Visitor::Introduced(_) => self.order(call, Order::Refuse(PeerRefusal::Busy(TOO_MANY_CALLS.to_owned()))),
        }
    }

    /// Whether there is room for one more call of this person, who has proven who they are. It keeps its place then.
    fn enters(&mut self, call: CallId, name: &Username) -> bool {
        self.proving.leave(call);
        let enters = self.inside.enter(call, name);
        if enters {
            self.out.push(Effect::KeepPlace(call));
        }
        enters
    }

    /// A call is over: nobody waits at the door with it. True when somebody did.
    pub fn forget_knock(&mut self, call: CallId) -> bool {
        let before = self.at_the_door.0.len();
        self.at_the_door.0.retain(|(late, ..)| *late != call);
        self.at_the_door.0.len() < before
    }

    /// Whether a peer may not have this in the clear. What is said is heard, unless it is of who had a key.
    fn wants_key(&self, opening: &Opening) -> bool {
        match opening {
            Opening::Chat { name, .. } | Opening::Message { name, .. } => self.keys.has(name),
            Opening::Probe { .. } => false,
            Opening::File { .. }
            | Opening::Run { .. }
            | Opening::List { .. }
            | Opening::Give { .. }
            | Opening::Verify { .. } => true,
        }
    }

    fn let_in(&mut self, call: CallId, knock: Knock, trust: Trust) {
        let verified = trust == Trust::Verified;
        let Knock { from: address, opening, text, room, .. } = knock;
        let stranger = (!verified).then(|| address.ip());
        let is_shut_out = self.is_shut_out(opening.name());
        let is_clear = trust == Trust::InTheClear;
        match opening {
            _ if is_clear && self.wants_key(&opening) => self.order(call, Order::Refuse(PeerRefusal::NotInTheClear)),
            Opening::Probe { .. } if is_clear => self.order(call, Order::Accept),
            // A command is refused with a row in the consent log.
            Opening::Chat { .. }
            | Opening::Message { .. }
            | Opening::File { .. }
            | Opening::List { .. }
            | Opening::Give { .. }
            | Opening::Verify { .. }
                if is_shut_out =>
            {
                self.order(call, Order::Refuse(PeerRefusal::Declined));
            }
            Opening::Chat { name, .. }
            | Opening::File { name, .. }
            | Opening::Run { name, .. }
            | Opening::List { name, .. }
            | Opening::Give { name, .. }
                if verified && self.keys.is_void(&name) =>
            {
                self.called_with_another_key(call, &name);
            }
            Opening::Chat { name, .. } => self.asked_for_chat(call, name, stranger),
            Opening::Message { name: from, .. } => self.told(call, from, text.unwrap_or_default(), stranger),
            Opening::File { .. } if !verified => self.order(call, Order::Refuse(PeerRefusal::TicketNeeded)),
            Opening::File { .. } if self.rules.share.is_none() => {
                self.order(call, Order::Refuse(PeerRefusal::SharesNothing));
            }
            Opening::File { name, .. } => self.queue_upload(call, name),
            Opening::Run { .. }
            | Opening::List { .. }
            | Opening::Give { .. }
            | Opening::Verify { .. }
            | Opening::Probe { .. }
                if !verified =>
            {
                self.order(call, Order::Refuse(PeerRefusal::NotIntroduced));
            }
            Opening::Probe { .. } => self.order(call, Order::Accept),
            Opening::Verify { name, .. } => self.asked_to_verify(call, name),
            Opening::Run { name, command, .. } => self.asked_to_run(call, name, &command),
            Opening::List { .. } if self.rules.share.is_none() => {
                self.order(call, Order::Refuse(PeerRefusal::SharesNothing));
            }
            Opening::List { .. } => self.order(call, Order::List),
            Opening::Give { what, bytes, count, name, .. } => {
                let wish = Wish::Gift { what: what.to_string(), count: count as usize, size: Size(bytes) };
                self.asked_to_take(call, name, wish, room);
            }
        }
    }

    fn order(&mut self, call: CallId, order: Order) {
        self.out.push(Effect::Order { call, order });
    }

    /// Somebody whose words count no more wants more than to say something, or to compare new ones.
    fn called_with_another_key(&mut self, call: CallId, from: &Username) {
        self.order(call, Order::Refuse(PeerRefusal::Declined));
        if self.keys.is_told(from, self.now.instant) {
            let what = format!("{from} has called with another key than the one of which you compared words: declined");
            self.info(Place::Person(from.clone()), format!("{what} ({}verify {from} brings new words)", self.slash()));
        }
    }

    /// A message has come.
    fn told(&mut self, call: CallId, from: Username, text: String, stranger: Option<IpAddr>) {
        if let Some(address) = stranger {
            if text.len() > MAX_MESSAGE {
                return self.order(call, Order::Refuse(PeerRefusal::other(TOO_LONG)));
            }
            if !self.strangers.may_say(address, self.now.instant) {
                return self.order(call, Order::Refuse(PeerRefusal::Busy(TOO_MANY_MESSAGES.to_owned())));
            }
        }
        self.order(call, Order::Accept);
        let home = home_of(&from, stranger.is_none());
        let bearer = stranger.map_or(Bearer::Sender, Bearer::Stranger);
        self.shown(home, Shown::Message { from, text, bearer });
    }

    /// What the clock asks for strangers: tells what was not shown.
    pub fn strangers_tick(&mut self) {
        if let Some(count) = self.strangers.refused(self.now.instant) {
            let count = counted(usize::try_from(count).unwrap_or(usize::MAX), "message");
            let text =
                format!("{count} of people whom the server did not introduce: not shown, as there were too many");
            self.info(Place::Server, text);
        }
    }

    fn asked_for_chat(&mut self, call: CallId, from: Username, stranger: Option<IpAddr>) {
        let (limit, verified) = (self.rules.answer_limit, stranger.is_none());
        let place = if verified { Place::Person } else { Place::Stranger };
        let talks = self.talk_in(&place(from.clone())).is_some();
        let wish = Wish::Chat { verified };
        if talks || !self.questions.has_room(&from, &wish) {
            return self.order(call, Order::Refuse(PeerRefusal::busy()));
        }
        if stranger.is_some_and(|address| !self.strangers.may_ask(address, self.now.instant)) {
            return self.order(call, Order::Refuse(PeerRefusal::Busy(TOO_MANY_QUESTIONS.to_owned())));
        }
        if self.peace.dnd {
            self.order(call, Order::Refuse(PeerRefusal::DoNotDisturb));
            return self.missed_in_peace(from, wish.is_proven(), wish.missed());
        }
        match self.put_question(call, &from, wish, limit) {
            Some(question) => {
                let home = home_of(&from, verified);
                self.shown(home, Shown::ChatRequest { question, from, stranger });
            }
            None => self.order(call, Order::Refuse(PeerRefusal::busy())),
        }
    }

    fn asked_to_run(&mut self, call: CallId, from: Username, command: &str) {
        // What is no command was refused before anybody was told of it.
        let Ok(words) = command.parse::<Words>() else { return self.out.push(Effect::HangUp(call)) };
        let (command, limit) = (words.to_string(), self.rules.run.question);
        if self.is_shut_out(&from) {
            self.decide(call, from, command, Decision::Declined);
        } else if self.rules.run.never {
            self.decide(call, from, command, Decision::Never);
        } else if self.rules.run.allowed.allows(&words) {
            self.decide(call, from, command, Decision::Listed);
        } else {
            let wish = Wish::Command { command: command.clone() };
            if self.peace.dnd {
                self.decide(call, from.clone(), command, Decision::DoNotDisturb);
                return self.missed_in_peace(from, wish.is_proven(), wish.missed());
            }
            match self.put_question(call, &from, wish, limit) {
                Some(question) => {
                    let home = Place::Person(from.clone());
                    self.shown(home, Shown::RunRequest { question, from, command });
                }
                None => self.decide(call, from, command, Decision::Busy),
            }
        }
    }

    fn asked_to_take(&mut self, call: CallId, from: Username, wish: Wish, room: Option<Room>) {
        let Wish::Gift { what, count, size } = &wish else { return };
        let (what, count, size) = (what.clone(), *count, *size);
        if !self.rules.gifts {
            return self.order(call, Order::Refuse(PeerRefusal::NotTakenHere));
        }
        if room.is_some_and(|room| !room.fits) {
            let text = format!("{from} offers {what}, {size}: there is no room for it on the disk");
            self.info(Place::Person(from), text);
            return self.order(call, Order::Refuse(PeerRefusal::NoRoom));
        }
        if self.gifts_coming() >= MAX_GIFTS || self.transfers.coming_from(&from) >= MAX_OF_ONE {
            return self.order(call, Order::Refuse(PeerRefusal::busy()));
        }
        if self.rules.take.contains(&from) {
            return self.order(call, Order::Take(self.rules.downloads.clone()));
        }
        if self.peace.dnd {
            self.order(call, Order::Refuse(PeerRefusal::DoNotDisturb));
            return self.missed_in_peace(from, wish.is_proven(), wish.missed());
        }
        let limit = self.rules.answer_limit;
        match self.put_question(call, &from, wish, limit) {
            Some(question) => {
                let home = Place::Person(from.clone());
                self.shown(
                    home,
                    Shown::Offer { question, from, what, count, size, room: room.map(|room| Size(room.free)) },
                );
            }
            None => self.order(call, Order::Refuse(PeerRefusal::busy())),
        }
    }

    fn put_question(&mut self, call: CallId, from: &Username, wish: Wish, limit: Duration) -> Option<u64> {
        self.questions.put(call, from.clone(), wish, limit, self.now.instant)
    }

    /// Answers a question; without one that fits, says so.
    pub fn answer(&mut self, verdict: Verdict, which: &Which, folder: Option<PathBuf>, origin: &Origin) {
        let begun = self.line_begun();
        match self.questions.take(verdict, which, begun, self.now.instant) {
            Ok(question) if verdict == Verdict::Decline => self.decline(question, origin),
            Ok(question) => self.agree(question, folder, origin),
            Err(why) => self.refuse(origin, why),
        }
    }

    /// Says no to a question.
    pub fn decline(&mut self, question: Question, origin: &Origin) {
        let Question { call, from, wish, .. } = question;
        self.show(origin, Shown::Info { text: format!("Declined {from}.") });
        match wish {
            Wish::Command { command } => self.decide(call, from, command, Decision::Declined),
            Wish::Chat { .. } | Wish::Gift { .. } => self.order(call, Order::Refuse(PeerRefusal::Declined)),
        }
    }

    fn agree(&mut self, question: Question, folder: Option<PathBuf>, origin: &Origin) {
        let Question { call, from, wish, .. } = question;
        match wish {
            Wish::Chat { verified } => self.take_talk(call, from, verified, origin),
            Wish::Command { command } => self.decide(call, from, command, Decision::Allowed),
            Wish::Gift { .. } => {
                let folder = folder.unwrap_or_else(|| self.rules.downloads.clone());
                self.order(call, Order::Take(folder));
            }
        }
    }

    /// A gift was accepted into a folder that cannot take it: the question stays, for another folder.
    pub fn not_taken(&mut self, call: CallId, refusal: PeerRefusal, why: String) {
        let Some(Question { number, from, .. }) = self.questions.again(call, self.now.instant).cloned() else {
            self.shown(Place::Server, Shown::Refused { text: why });
            return self.order(call, Order::Refuse(refusal));
        };
        let text = format!("{why}. {from} still waits: {0}accept {number} DIR, or {0}decline {number}", self.slash());
        self.shown(Place::Person(from), Shown::Refused { text });
    }

    /// A peer has not waited for its answer.
    pub fn hung_up(&mut self, call: CallId) {
        if self.forget_knock(call) {
            // Of one who was not let in nothing is decided, and its thread may wait for that.
            self.out.push(Effect::HangUp(call));
        }
        self.transfers.uploads.leave(call);
        if let Some(question) = self.questions.withdraw(call, self.now.instant) {
            self.missed(question, Decision::HungUp);
        }
    }

    /// What the clock asks of the questions.
    pub fn questions_tick(&mut self) {
        while let Some(question) = self.questions.expired(self.now.instant) {
            self.missed(question, Decision::NoAnswer);
        }
    }

    fn missed(&mut self, question: Question, decision: Decision) {
        let home = question.place();
        let Question { number, call, from, wish, since, .. } = question;
        let waited = self.now.instant.saturating_duration_since(since);
        let time = unix_time(self.now.clock.checked_sub(waited).unwrap_or(self.now.clock));
        let missed = Shown::Missed { question: Some(number), from: from.clone(), call: wish.missed(), time };
        self.shown(home, missed);
        self.give_no_answer(call, from, wish, decision);
    }

    /// The client ends: whoever waits for an answer is told that there is none.
    pub fn leave_unanswered(&mut self) {
        for Question { call, from, wish, .. } in self.questions.take_all() {
            self.give_no_answer(call, from, wish, Decision::NoAnswer);
        }
    }

    fn give_no_answer(&mut self, call: CallId, from: Username, wish: Wish, decision: Decision) {
        match wish {
            Wish::Command { command } => self.decide(call, from, command, decision),
            Wish::Chat { .. } | Wish::Gift { .. } if decision == Decision::NoAnswer => {
                self.order(call, Order::Refuse(PeerRefusal::NoAnswer));
            }
            Wish::Chat { .. } | Wish::Gift { .. } => {}
        }
    }
}
