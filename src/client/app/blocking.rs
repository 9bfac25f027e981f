//! What keeps others away from the person: whom they have blocked, and that they do not want to be disturbed. And what a
//! caller is told that finds somebody so.

use super::asks::{Ask, Origin, Purpose};
use super::link::unix_time;
use super::peace::MAX_BLOCKED;
use super::state::App;
use super::under_way::home_of;
use crate::client::event::{CallError, Effect, Missed, Shown};
use crate::peer_protocol::PeerRefusal;
use crate::protocol::MemberRequest;
use crate::value::Username;
use std::time::Duration;

/// A person is told once in so long that somebody has called who was sent away.
const AGAIN: Duration = Duration::from_secs(60);
/// So many who called are remembered for that; the oldest are told again.
const MAX_CALLERS: usize = 64;

impl App {
    /// Whether the person does not want to hear anything of this name, whoever says to have it.
    pub fn is_blocked(&self, name: &Username) -> bool {
        self.peace.blocked.contains(name)
    }

    /// Has nothing of this person come here from now on: what is open is over.
    pub fn block(&mut self, name: Username, origin: &Origin) {
        if self.name() == Some(&name) {
            return self.refuse(origin, "That is yourself");
        }
        if self.peace.blocked.len() >= MAX_BLOCKED {
            return self.refuse(origin, format!("{MAX_BLOCKED} names are blocked: unblock one first"));
        }
        if !self.peace.blocked.insert(name.clone()) {
            return self.show(origin, Shown::Done { text: format!("{name} was blocked already") });
        }
        self.out.push(Effect::Block { name: name.clone(), is_blocked: true });
        self.end_all_with(&name, origin);
        let text = format!("Nothing of {name} reaches you any more; {}unblock {name} takes it back", self.slash());
        self.show(origin, Shown::Done { text });
    }

    /// Ends all that is open with this person: questions, talks, commands, files.
    pub fn end_all_with(&mut self, name: &Username, origin: &Origin) {
        for question in self.questions.take_of(name, self.now.instant) {
            self.decline(question, origin);
        }
        while let Some(call) = self.talk_with(name) {
            self.end_talk(call);
        }
        self.stop_jobs(name);
        let files = self.transfers.list.iter().filter(|transfer| transfer.step.with == *name);
        let files: Vec<u64> = files.map(|transfer| transfer.number).collect();
        files.into_iter().for_each(|number| self.cancel_transfer(number));
    }

    /// Hears this person again.
    pub fn unblock(&mut self, name: &Username, origin: &Origin) {
        if !self.peace.blocked.remove(name) {
            return self.refuse(origin, format!("{name} is not blocked"));
        }
        self.out.push(Effect::Block { name: name.clone(), is_blocked: false });
        self.show(origin, Shown::Done { text: format!("You hear {name} again") });
    }

    /// Tells who is blocked.
    pub fn show_blocked(&mut self, origin: &Origin) {
        if self.peace.blocked.is_empty() {
            self.show(origin, Shown::Info { text: "Nobody is blocked".to_owned() });
        }
        for name in self.peace.blocked.clone() {
            self.show(origin, Shown::Blocked { name });
        }
    }

    /// Has nobody ask anything, or everybody again.
    pub fn set_dnd(&mut self, dnd: bool, origin: &Origin) {
        let has_changed = std::mem::replace(&mut self.peace.dnd, dnd) != dnd;
        self.peace.callers.clear();
        if has_changed && self.session.is_online() {
            self.say_peace();
        }
        let text = match dnd {
            true => "Nobody can ask you anything now; messages still come.",
            false => "You can be asked again.",
        };
        self.show(origin, Shown::Done { text: text.to_owned() });
    }

    /// Has the server know it, after a login.
    pub fn tell_peace(&mut self) {
        if self.peace.dnd {
            self.say_peace();
        }
    }

    fn say_peace(&mut self) {
        let request = MemberRequest::DoNotDisturb(self.peace.dnd);
        self.asks.put(Ask::new(Purpose::Peace, request.into(), Origin::nobody()));
    }

    /// Somebody was sent away who wanted to ask something: the person hears of it, once in a while.
    pub fn missed_in_peace(&mut self, from: Username, is_proven: bool, call: Missed) {
        let now = self.now.instant;
        self.peace.callers.retain(|(_, told)| now < *told + AGAIN);
        if self.peace.callers.iter().any(|(caller, _)| *caller == from) {
            return;
        }
        if self.peace.callers.len() >= MAX_CALLERS {
            self.peace.callers.remove(0);
        }
        self.peace.callers.push((from.clone(), now));
        let home = home_of(&from, is_proven);
        let time = unix_time(self.now.clock);
        self.shown(home, Shown::Missed { question: None, from, call, time });
    }

    /// Why there is no chat, with what helps instead.
    pub fn with_advice(&self, asked: &str, why: &CallError) -> String {
        let CallError::Refused(PeerRefusal::Busy(_) | PeerRefusal::NoAnswer | PeerRefusal::DoNotDisturb) = why else {
            return why.to_string();
        };
        format!("{why}; {}msg {asked} TEXT leaves a message", self.slash())
    }
}
