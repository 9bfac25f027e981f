//! With whom we speak, where we do so by TLS: whoever has shown a key is not spoken to without it.

use super::state::App;
use crate::client::event::{CallId, Place};
use crate::value::{Fingerprint, Username};

impl App {
    /// The server tells the key of somebody.
    pub fn sees_key(&mut self, name: &Username, key: Fingerprint) {
        if self.keys.see(name, key) {
            let text = format!(
                "{name} has another key than before: their client was started anew, or it is not {name}. Ask them by another \
                 way."
            );
            self.info(Place::Person(name.clone()), text);
        }
    }

    /// Why a call does not go on to `name`, of whom the server has told this key or none: where we speak TLS, only what is
    /// said may go out in the clear, and only by `--clear-peers`.
    pub fn not_spoken_to(&mut self, call: CallId, name: &Username, key: Option<Fingerprint>) -> Option<String> {
        if let Some(key) = key {
            self.sees_key(name, key);
            return None;
        }
        if !self.rules.tls {
            return None;
        }
        if self.keys.has(name) {
            return Some(format!(
                "{name} had a key before, and none now: nothing was sent, as somebody may stand between"
            ));
        }
        let is_said = self.deliveries.contains_key(&call) || self.talks.contains_key(&call);
        match (is_said, self.rules.clear_peers) {
            (true, true) => {
                let text =
                    format!("In the clear: {name} has no key, so others on the way can read and change all of it.");
                self.info(Place::Person(name.clone()), text);
                None
            }
            (true, false) => Some(format!(
                "{name} has no key, so it would go out in the clear: nothing was sent (--clear-peers lets chats and messages \
                 go)"
            )),
            (false, _) => Some(format!("{name} has no key, so it would go out in the clear: nothing was sent")),
        }
    }

    /// Nobody is to believe that more is encrypted than is.
    pub fn tell_what_is_encrypted(&mut self) {
        if self.rules.tls {
            let text = if self.rules.clear_peers {
                "What goes to the server is encrypted, and what goes to people who use TLS too. To others only chats and \
                 messages go, in the clear."
            } else {
                "What goes to the server is encrypted, and what goes to people who use TLS too. Nothing else goes out directly."
            };
            self.info(Place::Server, text);
        }
    }
}
