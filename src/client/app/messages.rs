//! Single messages: delivered directly, or by the server where no connection could be made. Once the text has left it
//! may have arrived, and is never sent a second way.

use super::asks::{Ask, Origin, Purpose};
use super::script::Texts;
use super::state::App;
use super::under_way::Delivery;
use crate::client::event::{CallError, CallId, Effect, Place, Shown, Work};
use crate::protocol::{MAX_LINE, MemberRequest, Reply, Request};
use crate::value::{Address, Username};

/// The most messages on their way at a time.
const MAX: usize = 64;
/// What `MSG` and its relay need of a line beside the text: the longest command word, two names, a ticket.
const HEADER: usize = 64;

impl App {
    /// Sends TEXT to somebody.
    pub fn message(&mut self, to: Address, text: String, origin: &Origin) {
        if text.len() + HEADER > MAX_LINE {
            return self.refuse(origin, format!("Not sent: a message has at most {} bytes", MAX_LINE - HEADER));
        }
        if self.deliveries.len() >= MAX {
            let why = format!("Not sent: {MAX} messages are on their way, wait a moment");
            return self.refuse_text(origin, why, Some(&text));
        }
        if !self.may_say(origin, Some(&text)) {
            return;
        }
        let call = self.draw_call();
        self.deliveries.insert(call, Delivery { to, text, origin: origin.clone(), begun: false });
    }

    /// Begins each message whose turn it is: those to one person go one after the other, as they were typed.
    pub fn begin_messages(&mut self) {
        let begun = self.deliveries.values().filter(|delivery| delivery.begun);
        let mut taken: Vec<Address> = begun.map(|delivery| delivery.to.clone()).collect();
        let is_relayed = |delivery: &Delivery| {
            !delivery.begun && matches!(&delivery.to, Address::Name(name) if self.goes_round(name))
        };
        let relayed = self.deliveries.iter().filter(|(_, delivery)| is_relayed(delivery)).map(|(call, _)| *call);
        for call in relayed.collect::<Vec<_>>() {
            if let Some(Delivery { to, text, origin, .. }) = self.deliveries.remove(&call) {
                self.relay(to, text, &origin);
            }
        }
        for (call, delivery) in self.deliveries.iter_mut().filter(|(_, delivery)| !delivery.begun) {
            if !taken.contains(&delivery.to) {
                let (to, text) = (delivery.to.clone(), delivery.text.clone());
                taken.push(to.clone());
                delivery.begun = true;
                self.out.push(Effect::Call { call: *call, work: Work::Message { to, text } });
            }
        }
    }

    /// Whether messages to somebody go through the server now.
    pub fn goes_round(&self, name: &Username) -> bool {
        self.detours.lead_to(name, self.now.instant) && !self.is_compared(name)
    }

    /// Whether words were compared with somebody. Then nothing is handed to the server by itself, which could bring that about
    /// by the address that it tells.
    fn is_compared(&self, name: &Username) -> bool {
        self.keys.is_verified(name) || self.keys.is_void(name)
    }

    /// The server has told who has the address that was typed. From now on that person is meant, as the address may be
    /// somebody else's a moment later: by this message, and by what was typed for the same address behind it.
    pub fn message_is_for(&mut self, call: CallId, name: &Username) {
        let Some(typed) = self.deliveries.get(&call).map(|delivery| delivery.to.clone()) else { return };
        if matches!(typed, Address::Name(_)) {
            return;
        }
        let to = Address::Name(name.clone());
        let is_meant =
            |(other, delivery): &(&CallId, &mut Delivery)| **other == call || (!delivery.begun && delivery.to == typed);
        for (_, delivery) in self.deliveries.iter_mut().filter(is_meant) {
            delivery.to = to.clone();
        }
        if self.script.texts.as_ref() == Some(&Texts::To(typed)) {
            self.script.texts = Some(Texts::To(to));
        }
    }

    /// A message was delivered, or not. Where it was not, the server has told whose it is.
    pub fn message_ended(&mut self, call: CallId, end: Result<Username, CallError>) {
        let Some(delivery) = self.deliveries.remove(&call) else { return };
        let Delivery { to, text, origin, .. } = delivery;
        let is_compared = matches!(&to, Address::Name(name) if self.is_compared(name));
        match end {
            Ok(name) => {
                self.detours.reached(&name);
                // In the person's own window the text itself says so.
                if origin.home != Place::Person(name.clone()) {
                    self.show(&origin, Shown::Done { text: format!("Delivered to {name}") });
                }
                self.sent(name, text);
                self.here();
            }
            Err(
                ref error @ (CallError::Unreachable { ref address, .. } | CallError::NotProven { ref address, .. }),
            ) if self.rules.relay && !is_compared => {
                if let Address::Name(name) = &to {
                    self.detours.put(name.clone(), *address, self.now.instant);
                }
                let way = format!("for a minute messages to {to} go through the server at once");
                self.show(&origin, Shown::Info { text: format!("{error}; {way}") });
                self.relay(to, text, &origin);
            }
            Err(CallError::DoesNotListen(_)) if self.rules.relay && !is_compared => self.relay(to, text, &origin),
            Err(
                error @ (CallError::Unreachable { .. } | CallError::NotProven { .. } | CallError::DoesNotListen(_)),
            ) if self.rules.relay => {
                let why =
                    format!("{error}; nothing was sent, as the server would read it (you compared words with {to})");
                self.refuse_text(&origin, why, Some(&text));
            }
            Err(CallError::Perhaps(why)) => {
                let said = if self.display.is_some() { format!("; you typed: {text}") } else { String::new() };
                let text = format!("Perhaps delivered to {to}: {why}. It is not sent again{said}");
                self.show(&origin, Shown::Perhaps { text });
            }
            Err(CallError::NoServer(why)) => self.refuse_text(&origin, format!("Not sent: {why}"), Some(&text)),
            Err(CallError::Cancelled) => {}
            Err(error @ CallError::Refused(_)) => {
                self.refuse_text(&origin, format!("{to} does not take it: {error}"), Some(&text));
            }
            Err(error) => self.refuse_text(&origin, error.to_string(), Some(&text)),
        }
    }

    fn sent(&mut self, to: Username, text: String) {
        self.we_said(Place::Person(to.clone()), Shown::Sent { to, text });
    }

    /// Has the server hand TEXT over.
    pub fn relay(&mut self, to: Address, text: String, origin: &Origin) {
        if let Address::Name(name) = &to {
            if self.keys.is_refused(name) {
                let why = format!("Not sent: {}", self.is_refused_text(name));
                return self.refuse_text(origin, why, Some(&text));
            }
        }
        let request = MemberRequest::Relay { text, to: to.clone() };
        self.put(Ask::new(Purpose::Relay { to }, request.into(), origin.clone()));
    }

    /// The server has handed a message over, or not.
    pub fn relayed(&mut self, to: &Address, ask: &Ask, end: &Reply) {
        let is_done = !matches!(end, Reply::Err(_));
        if let (true, Request::Member(MemberRequest::Relay { text, .. }), Address::Name(name)) =
            (is_done, &ask.request, to)
        {
            self.sent(name.clone(), text.clone());
        }
        self.show_end(&ask.origin, end.clone());
    }
}
