//! People compare six words by voice: then nobody stands between them, not even the server. Both sides have the words of one
//! connection, whoever asked for them, and each person says on their own side whether they were the same.

use super::asks::Origin;
use super::state::App;
use super::verification::{Theirs, VerifyStage, Verifying, WordsUp};
use crate::client::event::{CallError, CallId, Effect, Missed, Order, Place, Shown, Work};
use crate::peer_protocol::PeerRefusal;
use crate::value::{Address, Spoken, Username};

impl App {
    /// Has both sides show their words; or says whether they were the same.
    pub fn verify(&mut self, with: Username, were_same: Option<bool>, origin: &Origin) {
        let why = match were_same {
            _ if self.name() == Some(&with) => Some("That is yourself".to_owned()),
            _ => self.nothing_to_compare(&with),
        };
        match (why, were_same) {
            (Some(why), _) => self.refuse(origin, why),
            (None, None) => self.ask_for_words(with, origin),
            (None, Some(true)) => self.were_same(&with, origin),
            (None, Some(false)) => self.were_others(&with, origin),
        }
    }

    /// Why there can be no words, with what to do.
    fn nothing_to_compare(&self, with: &Username) -> Option<String> {
        let guest = self.present.people.get(with).and_then(|there| there.guest.as_ref());
        if !self.rules.tls {
            let why = match self.rules.has_tls {
                true => format!(
                    "your client speaks in the clear and has no key (start it with --tls IP PORT, and have {with} do so too)"
                ),
                false => {
                    "this client is built without TLS (build it with the feature `tls`, and use client --tls on both \
                          sides)"
                        .to_owned()
                }
            };
            return Some(format!("{with} cannot be verified: {why}"));
        }
        if self.keys.is_refused(with) {
            return Some(self.is_refused_text(with));
        }
        guest.map(|_| format!("{with} cannot be verified: a guest speaks in the clear and has no key"))
    }

    fn ask_for_words(&mut self, with: Username, origin: &Origin) {
        if let Some(current) = &self.verification.current {
            let text = format!("The words with {} are on their way: wait a moment", current.with);
            return self.refuse(origin, text);
        }
        let call = self.draw_call();
        let stage = VerifyStage::Wants(call);
        self.verification.current = Some(Verifying { with: with.clone(), origin: Some(origin.clone()), stage });
        self.out.push(Effect::Call { call, work: Work::Verify { with } });
    }

    /// Somebody asks for words whom the server has introduced.
    pub fn asked_to_verify(&mut self, call: CallId, from: Username) {
        let (current, me) = (&self.verification.current, self.name().cloned());
        let is_expected = current.as_ref().is_some_and(|current| current.with == from);
        let refusal = match me {
            _ if self.keys.key_of(call).is_none() => PeerRefusal::NotInTheClear,
            _ if self.peace.dnd && !is_expected => {
                self.missed_in_peace(from, true, Missed::Verification);
                PeerRefusal::DoNotDisturb
            }
            None => PeerRefusal::busy(),
            Some(me) => match self.verification.asked(call, &from, &me, self.now.instant) {
                Theirs::Busy => PeerRefusal::busy(),
                taken => {
                    if let Theirs::InsteadOf(ours) = taken {
                        self.out.push(Effect::HangUp(ours));
                    }
                    return self.out.push(Effect::Order { call, order: Order::Accept });
                }
            },
        };
        self.out.push(Effect::Order { call, order: Order::Refuse(refusal) });
    }

    /// The words of a call of theirs.
    pub fn words_served(&mut self, call: CallId, words: Spoken) {
        if let Some(with) = self.verification.of(call).map(|current| current.with.clone()) {
            self.words_came(call, with, words);
        }
    }

    /// The words of a call of ours, or why there are none. One that had to give way to theirs is answered all the same where
    /// theirs was over by then.
    pub fn words_ended(&mut self, call: CallId, end: Result<(Username, Spoken), CallError>) {
        let (now, me) = (self.now.instant, self.name().cloned());
        match end {
            Ok((with, words)) => self.words_came(call, with, words),
            Err(CallError::Refused(PeerRefusal::Busy(_)))
                if me.is_some_and(|me| self.verification.awaits(call, &me, now)) => {}
            Err(why) => self.no_words(call, &why.to_string()),
        }
    }

    /// A call is over without a word more.
    pub fn no_words(&mut self, call: CallId, why: &str) {
        if self.verification.of(call).is_some() {
            let over = self.verification.current.take();
            self.tell_no_words(over, why);
        }
    }

    fn tell_no_words(&mut self, over: Option<Verifying>, why: &str) {
        if let Some(Verifying { with, origin: Some(origin), .. }) = over {
            self.refuse(&origin, format!("No words with {with}: {why}"));
        }
    }

    /// What the clock asks: the call of the other side has not come that would have been the kept one.
    pub fn verification_tick(&mut self) {
        let late = self.verification.late(self.now.instant);
        self.tell_no_words(late, &PeerRefusal::busy().to_string());
    }

    fn words_came(&mut self, call: CallId, with: Username, words: Spoken) {
        let current = if self.verification.of(call).is_some() { self.verification.current.take() } else { None };
        let Some(key) = self.keys.key_of(call) else { return };
        let origin = current.and_then(|current| current.origin);
        let up = WordsUp { with, key, words, asked: origin.is_some() };
        let shown = up.shown();
        match origin {
            Some(origin) => self.show(&origin, shown),
            None => self.shown(Place::Person(up.with.clone()), shown),
        }
        self.verification.put(up, call, self.now.instant);
    }

    fn were_same(&mut self, with: &Username, origin: &Origin) {
        let (up, slash) = (self.verification.with(with), self.slash());
        let Some((key, asked)) = up.map(|up| (up.key, up.asked)) else {
            let text = format!("There are no words to compare with {with}: {slash}verify {with} brings some");
            return self.refuse(origin, text);
        };
        // The yes may be meant for words of the former key, which were up before.
        if self.keys.is_another(with) && !asked {
            let what = format!("{with} has another key by now, and others have asked for these words");
            return self.refuse(origin, format!("{what}: {slash}verify {with} brings words for you to compare"));
        }
        self.verification.forget(with);
        if !self.keys.verify(with, key) {
            let text = format!("{with} has another key by now: {}verify {with} once more", self.slash());
            return self.refuse(origin, text);
        }
        self.show(origin, Shown::ByVoice { with: with.clone(), were_same: true });
        let text = format!("Nobody stands between you and {with}, not even the server, until one of you starts anew.");
        self.show(origin, Shown::Done { text });
    }

    fn were_others(&mut self, with: &Username, origin: &Origin) {
        if !self.keys.has(with) {
            let text = format!("No key of {with} is known in this run; {}block {with} keeps them away", self.slash());
            return self.refuse(origin, text);
        }
        self.keys.refuse(with);
        self.verification.forget(with);
        if let Some(current) = self.verification.current.take_if(|current| current.with == *with) {
            self.tell_no_words(Some(current), "ended");
        }
        self.end_unanswered(with, origin);
        self.end_all_with(with, origin);
        let calls = self.keys.calls_with(with).into_iter().map(Effect::HangUp);
        self.out.extend(calls);
        self.show(origin, Shown::ByVoice { with: with.clone(), were_same: false });
        let text =
            format!("All with {with} is ended, and nothing goes there or comes from there in this run. {ELSE_WAY}");
        self.show(origin, Shown::Done { text });
    }

    /// Ends what we have asked of somebody and they have not answered.
    fn end_unanswered(&mut self, with: &Username, origin: &Origin) {
        let asked = |name: &str| name.eq_ignore_ascii_case(with.as_str());
        let talks = self.talks.iter().filter(|(_, talk)| talk.with.is_none() && asked(&talk.asked));
        for call in talks.map(|(call, _)| *call).collect::<Vec<_>>() {
            self.talks.remove(&call);
            self.out.push(Effect::HangUp(call));
        }
        let to = Address::Name(with.clone());
        let unsent = self.deliveries.iter().filter(|(_, delivery)| delivery.to == to);
        for call in unsent.map(|(call, _)| *call).collect::<Vec<_>>() {
            if self.deliveries.remove(&call).is_some_and(|delivery| delivery.begun) {
                self.out.push(Effect::HangUp(call));
            }
            self.refuse(origin, format!("Not sent: a message to {with}, unless it has just arrived"));
        }
    }

    /// Whether nothing is to come from this person, whoever says to have the name.
    pub fn is_shut_out(&self, name: &Username) -> bool {
        self.is_blocked(name) || self.keys.is_refused(name)
    }

    /// Why nothing goes to somebody whose words were others.
    pub fn is_refused_text(&self, name: &Username) -> String {
        format!("your words with {name} were others: nothing goes there in this run")
    }
}

/// What is to be done when somebody stands between.
const ELSE_WAY: &str = "Somebody stands between you: tell them so by the way that you used to compare.";

impl WordsUp {
    /// As they are shown.
    pub fn shown(&self) -> Shown {
        Shown::Words { with: self.with.clone(), words: self.words, asked: self.asked }
    }
}
