//! With whom we speak, where we do so by TLS: whoever has shown a key is not spoken to without it.

use super::peer_keys::SeenKey;
use super::state::App;
use crate::client::event::{CallId, Place, Shown};
use crate::value::{Fingerprint, Username};

impl App {
    /// The server tells the key of somebody.
    pub fn sees_key(&mut self, name: &Username, key: Fingerprint) {
        let seen = self.keys.see(name, key, self.verification.with(name).is_some());
        let what = format!("{name} has another key than before: their client was started anew, or it is not {name}.");
        let shown = match seen {
            SeenKey::Expected => return,
            SeenKey::Another => Shown::Info { text: format!("{what} Ask them by another way.") },
            // Even a client that is to be quiet says that what the person relies on is void.
            SeenKey::Void => {
                let void = "What you compared by voice is void, and nothing goes there until you compare new words";
                Shown::Notice { text: format!("{what} {void}: {}verify {name}", self.slash()) }
            }
        };
        self.verification.forget(name);
        self.shown(Place::Person(name.clone()), shown);
    }

    /// Why nothing goes to somebody who has another key than that of which words were compared.
    fn is_void_text(&self, name: &Username) -> String {
        let verify = format!("{}verify {name}", self.slash());
        format!(
            "{name} has another key than the one of which you compared words: nothing was sent ({verify} brings new words)"
        )
    }

    /// Why a call does not go on to `name`, of whom the server has told this key or none: where we speak TLS, only what is
    /// said may go out in the clear, and only by `--clear-peers`.
    pub fn not_spoken_to(&mut self, call: CallId, name: &Username, key: Option<Fingerprint>) -> Option<String> {
        if self.keys.is_refused(name) {
            return Some(self.is_refused_text(name));
        }
        if let Some(key) = key {
            self.sees_key(name, key);
            if self.keys.is_void(name) && self.verification.of(call).is_none() {
                return Some(self.is_void_text(name));
            }
            self.keys.speaks(call, name, key);
            self.verification.leaves(call);
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
        if self.verification.of(call).is_some() {
            let how = format!("have {name} start the client with --tls, the newest one");
            return Some(format!("{name} has no key, so there is nothing to compare ({how})"));
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
