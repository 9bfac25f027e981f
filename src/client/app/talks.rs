//! Chats: those that are open, and our own requests that wait for an answer. One with each person.

use super::asks::Origin;
use super::questions::{Question, Verdict, Wish};
use super::state::App;
use super::under_way::Talk;
use crate::client::command::Which;
use crate::client::event::{CallError, CallId, Effect, MAX_ORDERS, Order, Place, Shown, TalkEnd, Work};
use crate::value::sentence::counted;
use crate::value::{Address, BadLine, Username};
use std::collections::VecDeque;
use std::time::Duration;

/// The most chats and requests at a time.
const MAX: usize = 32;
/// Lines that wait for a peer that does not read, beyond what its call has.
const MAX_BACKLOG: usize = 4096;
/// How much longer than a person has to answer we wait for their answer: the way to us.
const ON_THE_WAY: Duration = Duration::from_secs(5);

impl App {
    /// Asks for a chat; goes back to one that is open; takes the one that is offered.
    pub fn chat(&mut self, to: Address, origin: &Origin) {
        if let Address::Name(name) = &to {
            if self.talk_in(&Place::Person(name.clone())).is_some() {
                return self.bring(Some(name.clone()));
            }
            // Somebody who only calls themselves so is not meant: their number must be named.
            let is_offered =
                |question: &&Question| question.from == *name && matches!(question.wish, Wish::Chat { verified: true });
            if let Some(number) = self.questions.list().iter().find(is_offered).map(|question| question.number) {
                return self.answer(Verdict::Accept, &Which::Number(number), None, origin);
            }
        }
        let asked = to.to_string();
        if self.talks.values().any(|talk| talk.asked.eq_ignore_ascii_case(&asked) && talk.with.is_none()) {
            return self.refuse(origin, format!("{asked} is being asked already: wait, or press Ctrl-C"));
        }
        if self.talks.len() >= MAX {
            return self.refuse(origin, format!("{MAX} chats are open or asked for: end one first"));
        }
        // What is typed next is meant for them, and not for whoever's window this is.
        let origin = &match (&to, &self.display) {
            (Address::Name(name), Some(_)) => {
                self.bring(Some(name.clone()));
                Origin { home: Place::Person(name.clone()), request: origin.request }
            }
            _ => origin.clone(),
        };
        let call = self.draw_call();
        let talk = Talk {
            asked: asked.clone(),
            with: None,
            verified: true,
            origin: origin.clone(),
            undrained: 0,
            backlog: VecDeque::new(),
        };
        self.talks.insert(call, talk);
        let work = Work::Talk { to, answer: self.rules.answer_limit + ON_THE_WAY };
        self.show(origin, Shown::ChatCalling { to: asked });
        self.out.push(Effect::Call { call, work });
    }

    /// The open chat that has this window.
    pub fn talk_in(&self, place: &Place) -> Option<CallId> {
        self.talks.iter().find(|(_, talk)| talk.place().as_ref() == Some(place)).map(|(call, _)| *call)
    }

    /// The open chat with somebody, rather than with one who only calls themselves so.
    pub fn talk_with(&self, name: &Username) -> Option<CallId> {
        let in_place = |place: Place| self.talk_in(&place);
        in_place(Place::Person(name.clone())).or_else(|| in_place(Place::Stranger(name.clone())))
    }

    /// The chat that we asked for is open.
    pub fn talk_opened(&mut self, call: CallId, with: Username) {
        let Some(talk) = self.talks.get_mut(&call) else { return self.out.push(Effect::HangUp(call)) };
        talk.with = Some(with.clone());
        self.detours.reached(&with);
        self.talk_began(call);
    }

    /// A chat has opened. Where both sides asked, and both said yes, there are two: that of the smaller name's request
    /// stays, so that both sides end the same one.
    fn talk_began(&mut self, call: CallId) {
        let Some((place, with)) = self.talks.get(&call).and_then(|talk| Some((talk.place()?, talk.with.clone()?)))
        else {
            return;
        };
        let is_other = |(other, talk): (&CallId, &Talk)| *other != call && talk.place().as_ref() == Some(&place);
        if let Some(other) = self.talks.iter().find(|one| is_other(*one)).map(|(other, _)| *other) {
            let is_ours = |call: CallId| matches!(call, CallId::Out(_));
            let ours_stays =
                self.name().is_some_and(|me| me.to_string().to_lowercase() < with.to_string().to_lowercase());
            let second = if is_ours(call) == ours_stays && is_ours(other) != ours_stays { other } else { call };
            self.talks.remove(&second);
            return self.out.push(Effect::HangUp(second));
        }
        self.bring(Some(with.clone()));
        let assurance = self.assurance(call, matches!(place, Place::Person(_)));
        self.shown(place, Shown::ChatOpened { with, assurance });
    }

    /// A chat that somebody asked for is taken.
    pub fn take_talk(&mut self, call: CallId, with: Username, verified: bool, origin: &Origin) {
        let asked = with.to_string();
        let talk =
            Talk { asked, with: Some(with), verified, origin: origin.clone(), undrained: 0, backlog: VecDeque::new() };
        self.talks.insert(call, talk);
        self.out.push(Effect::Order { call, order: Order::Accept });
        self.talk_began(call);
    }

    /// A line of an open chat.
    pub fn talk_line(&mut self, call: CallId, text: String) {
        let Some(talk) = self.talks.get(&call) else { return };
        let (Some(from), verified, home) = (talk.with.clone(), talk.verified, talk.home()) else { return };
        let foreground = self.is_foreground(&from);
        self.shown(home, Shown::ChatLine { from, verified, text, foreground });
    }

    /// Bytes of an open chat that are no line.
    pub fn talk_garbled(&mut self, call: CallId, bad: &BadLine) {
        let Some(talk) = self.talks.get(&call) else { return };
        if let (Some(with), home) = (talk.with.clone(), talk.home()) {
            self.info(home, format!("{with} sent something that is not shown: {bad}"));
        }
    }

    /// The other side of an open chat does not answer, or does so again. What we say meanwhile is on its way.
    pub fn talk_silent(&mut self, call: CallId, silent: bool) {
        let Some(talk) = self.talks.get(&call) else { return };
        if let (Some(with), home) = (talk.with.clone(), talk.home()) {
            self.shown(home, Shown::ChatSilent { with, silent });
        }
    }

    /// So many lines were written.
    pub fn talk_drained(&mut self, call: CallId, lines: usize) {
        let Some(talk) = self.talks.get_mut(&call) else { return };
        let next = talk.backlog.drain(..lines.min(talk.backlog.len()));
        let orders = next.map(|text| Effect::Order { call, order: Order::Say(text) });
        talk.undrained = (talk.undrained + orders.len()).saturating_sub(lines);
        self.out.extend(orders);
    }

    /// Whether a further line for this chat has room.
    pub fn has_room(&self, call: CallId) -> bool {
        self.talks.get(&call).is_none_or(|talk| talk.undrained < MAX_ORDERS - 1)
    }

    /// Says a line in an open chat; false when too many wait for a peer that does not read.
    pub fn say(&mut self, call: CallId, text: String) -> bool {
        let has_room = self.has_room(call);
        let Some(talk) = self.talks.get_mut(&call).filter(|talk| talk.backlog.len() < MAX_BACKLOG) else {
            return false;
        };
        let (to, home) = (talk.with.clone(), talk.home());
        if has_room && talk.backlog.is_empty() {
            talk.undrained += 1;
            self.out.push(Effect::Order { call, order: Order::Say(text.clone()) });
        } else {
            talk.backlog.push_back(text.clone());
        }
        if let Some(to) = to {
            self.we_said(home, Shown::Said { to, text });
        }
        self.here();
        true
    }

    /// Ends an open chat.
    pub fn end_talk(&mut self, call: CallId) {
        let Some(talk) = self.talks.remove(&call) else { return };
        self.out.push(Effect::HangUp(call));
        self.talk_closed(&talk, "you left".to_owned());
        if talk.with.is_some_and(|with| self.is_foreground(&with)) {
            self.bring(None);
        }
    }

    /// Tells that an open chat is over, and which lines have not left.
    fn talk_closed(&mut self, talk: &Talk, why: String) {
        let Some(with) = talk.with.clone() else { return };
        if !talk.backlog.is_empty() {
            let text = format!("Not sent: the last {} to {with}", counted(talk.backlog.len(), "line"));
            self.shown(talk.home(), Shown::Refused { text });
        }
        self.shown(talk.home(), Shown::ChatClosed { with, why });
    }

    /// A chat is over, or our request for one came to nothing.
    pub fn talk_ended(&mut self, call: CallId, end: Result<TalkEnd, CallError>) {
        let Some(talk) = self.talks.remove(&call) else { return };
        match (&talk.with, end) {
            (None, Err(CallError::Cancelled)) => {}
            (None, Err(why)) => {
                let shown = Shown::ChatRefused { reason: self.with_advice(&talk.asked, &why), by: talk.asked };
                self.show(&talk.origin, shown);
            }
            (_, Ok(TalkEnd::TheyLeft)) => self.talk_closed(&talk, "the other side left".to_owned()),
            (_, Ok(TalkEnd::Lost(why))) => self.talk_closed(&talk, why),
            (_, Err(error)) => self.talk_closed(&talk, error.to_string()),
        }
    }
}
