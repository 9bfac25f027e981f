//! Chats: those that are open, and our own requests that wait for an answer. One with each person.

use super::asks::Origin;
use super::questions::{Verdict, Wish};
use super::state::App;
use super::under_way::{Talk, home_of};
use crate::client::command::Which;
use crate::client::event::{CallError, CallId, Effect, Home, MAX_ORDERS, Order, Shown, TalkEnd, Work};
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
            if self.talk_with(name).is_some() {
                return self.bring(Some(name.clone()));
            }
            let which = Which::Of(name.clone());
            let is_chat = |wish: &Wish| matches!(wish, Wish::Chat { .. });
            if self.questions.list().iter().any(|question| question.from == *name && is_chat(&question.wish)) {
                return self.answer(Verdict::Accept, &which, None, origin);
            }
        }
        let asked = to.to_string();
        if self.talks.values().any(|talk| talk.asked.eq_ignore_ascii_case(&asked) && talk.with.is_none()) {
            return self.refuse(origin, format!("{asked} is being asked already: wait, or press Ctrl-C"));
        }
        if self.talks.len() >= MAX {
            return self.refuse(origin, format!("{MAX} chats are open or asked for: end one first"));
        }
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

    /// The open chat with somebody.
    pub fn talk_with(&self, name: &Username) -> Option<CallId> {
        self.talks.iter().find(|(_, talk)| talk.with.as_ref() == Some(name)).map(|(call, _)| *call)
    }

    /// The chat that we asked for is open.
    pub fn talk_opened(&mut self, call: CallId, with: Username) {
        let Some(talk) = self.talks.get_mut(&call) else { return self.out.push(Effect::HangUp(call)) };
        talk.with = Some(with.clone());
        let verified = talk.verified;
        self.bring(Some(with.clone()));
        self.shown(Home::Person(with.clone()), Shown::ChatOpened { with, verified });
    }

    /// A chat that somebody asked for is taken.
    pub fn take_talk(&mut self, call: CallId, with: Username, verified: bool, origin: &Origin) {
        let asked = with.to_string();
        let talk = Talk {
            asked,
            with: Some(with.clone()),
            verified,
            origin: origin.clone(),
            undrained: 0,
            backlog: VecDeque::new(),
        };
        self.talks.insert(call, talk);
        self.out.push(Effect::Order { call, order: Order::Accept });
        self.bring(Some(with.clone()));
        self.shown(home_of(&with, verified), Shown::ChatOpened { with, verified });
    }

    /// A line of an open chat.
    pub fn talk_line(&mut self, call: CallId, text: String) {
        let Some(talk) = self.talks.get(&call) else { return };
        let (Some(from), verified) = (talk.with.clone(), talk.verified) else { return };
        let foreground = self.is_foreground(&from);
        self.shown(home_of(&from, verified), Shown::ChatLine { from, verified, text, foreground });
    }

    /// Bytes of an open chat that are no line.
    pub fn talk_garbled(&mut self, call: CallId, bad: &BadLine) {
        let with = self.talks.get(&call).and_then(|talk| talk.with.clone());
        if let Some(with) = with {
            self.info(Home::Person(with.clone()), format!("{with} sent something that is not shown: {bad}"));
        }
    }

    /// A line was written.
    pub fn talk_drained(&mut self, call: CallId) {
        let Some(talk) = self.talks.get_mut(&call) else { return };
        talk.undrained = talk.undrained.saturating_sub(1);
        if let Some(text) = talk.backlog.pop_front() {
            talk.undrained += 1;
            self.out.push(Effect::Order { call, order: Order::Say(text) });
        }
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
        let to = talk.with.clone();
        if has_room && talk.backlog.is_empty() {
            talk.undrained += 1;
            self.out.push(Effect::Order { call, order: Order::Say(text.clone()) });
        } else {
            talk.backlog.push_back(text.clone());
        }
        if let Some(to) = to {
            self.we_said(&to, Shown::Said { to: to.clone(), text });
        }
        self.here();
        true
    }

    /// Ends the open chat with somebody; false when there is none.
    pub fn end_talk(&mut self, with: &Username) -> bool {
        let Some(call) = self.talk_with(with) else { return false };
        let backlog = self.talks.remove(&call).map_or(0, |talk| talk.backlog.len());
        self.out.push(Effect::HangUp(call));
        self.not_sent(with, backlog);
        let why = "you left".to_owned();
        self.shown(Home::Person(with.clone()), Shown::ChatClosed { with: with.clone(), why });
        if self.is_foreground(with) {
            self.bring(None);
        }
        true
    }

    /// Lines that were said have not left when the chat ends.
    fn not_sent(&mut self, to: &Username, lines: usize) {
        if lines > 0 {
            let text = format!("Not sent: the last {} to {to}", counted(lines, "line"));
            self.shown(Home::Person(to.clone()), Shown::Refused { text });
        }
    }

    /// Gives up our own last request for a chat; false when there is none.
    pub fn cancel_talk(&mut self) -> bool {
        let asking = self.talks.iter().rev().find(|(_, talk)| talk.with.is_none()).map(|(call, _)| *call);
        let Some(call) = asking else { return false };
        self.talks.remove(&call);
        self.out.push(Effect::HangUp(call));
        true
    }

    /// A chat is over, or our request for one came to nothing.
    pub fn talk_ended(&mut self, call: CallId, end: Result<TalkEnd, CallError>) {
        let Some(talk) = self.talks.remove(&call) else { return };
        if let Some(with) = &talk.with {
            self.not_sent(with, talk.backlog.len());
        }
        match (talk.with, end) {
            (None, Err(CallError::Cancelled)) => {}
            (None, Err(why)) => {
                let shown = Shown::ChatRefused { by: talk.asked, reason: why.to_string() };
                self.show(&talk.origin, shown);
            }
            (with, end) => {
                let why = match end {
                    Ok(TalkEnd::TheyLeft) => "the other side left".to_owned(),
                    Ok(TalkEnd::Lost(why)) => why,
                    Err(error) => error.to_string(),
                };
                if let Some(with) = with {
                    self.shown(Home::Person(with.clone()), Shown::ChatClosed { with, why });
                }
            }
        }
    }
}
