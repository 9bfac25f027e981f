//! The keys that people have in this run, as the server tells them, and what the person has found out about them by voice.

use crate::client::event::CallId;
use crate::value::{Fingerprint, Username};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The most people whose keys are kept. Whoever comes later has none here.
const MAX: usize = 4096;
/// How often it is told that somebody shows a ticket of a name: whoever has that name could fill the screen with it.
const TOLD: Duration = Duration::from_secs(60);

/// The last key of each, and whose was compared by voice.
#[derive(Debug, Default)]
pub struct PeerKeys {
    known: BTreeMap<Username, Known>,
    /// The words of these were others there: nothing goes to them, and nothing comes from them, until the run is over.
    refused: BTreeSet<Username>,
    /// The key of the other side of each call by TLS that is under way.
    calls: BTreeMap<CallId, (Username, Fingerprint)>,
    /// Of whose tickets it was told lately that another one shows them. Only who has a ticket here comes in.
    told: BTreeMap<Username, Instant>,
}

#[derive(Debug)]
struct Known {
    key: Fingerprint,
    by_voice: bool,
    /// There was another one before in this run, and this one was not compared since.
    is_another: bool,
    /// Of that one words were compared, or were up to be.
    is_void: bool,
}

/// What is new about the key of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenKey {
    /// Nothing, or it is their first one.
    Expected,
    /// It is another one than before, of which nothing was to be compared.
    Another,
    /// It is another one than that of which words were compared, or were up to be.
    Void,
}

impl PeerKeys {
    /// Keeps the key of `name`. What was found out about another one before says nothing about this one; and where there was
    /// anything to compare by voice, also by words that `are_up`, this one is not spoken to until it was compared.
    pub fn see(&mut self, name: &Username, key: Fingerprint, are_up: bool) -> SeenKey {
        match self.known.get_mut(name) {
            Some(known) if known.key == key => SeenKey::Expected,
            Some(known) => {
                let is_void = known.by_voice || known.is_void || are_up;
                *known = Known { key, by_voice: false, is_another: true, is_void };
                if is_void { SeenKey::Void } else { SeenKey::Another }
            }
            None => {
                if self.known.len() < MAX {
                    self.known.insert(name.clone(), Known { key, by_voice: false, is_another: false, is_void: false });
                }
                SeenKey::Expected
            }
        }
    }

    /// Whether `name` has another key than before in this run, which was not compared.
    pub fn is_another(&self, name: &Username) -> bool {
        self.known.get(name).is_some_and(|known| known.is_another)
    }

    /// Whether `name` has another key than that of which words were compared, or were up: the server can exchange it at the
    /// very moment when something is sent.
    pub fn is_void(&self, name: &Username) -> bool {
        self.known.get(name).is_some_and(|known| known.is_void)
    }

    /// Whether it is told now that somebody else shows a ticket of this person.
    pub fn is_told(&mut self, name: &Username, now: Instant) -> bool {
        self.told.retain(|_, told| now < *told + TOLD);
        let is_first = !self.told.contains_key(name);
        if is_first {
            self.told.insert(name.clone(), now);
        }
        is_first
    }

    /// Whether this person has shown a key.
    pub fn has(&self, name: &Username) -> bool {
        self.known.contains_key(name)
    }

    /// The person has heard the words of a connection with this key; false where `name` has another one by now.
    pub fn verify(&mut self, name: &Username, key: Fingerprint) -> bool {
        match self.known.get_mut(name).filter(|known| known.key == key) {
            Some(known) => *known = Known { key, by_voice: true, is_another: false, is_void: false },
            None => return false,
        }
        true
    }

    /// Who is verified by voice.
    pub fn verified(&self) -> impl Iterator<Item = &Username> {
        self.known.iter().filter(|(_, known)| known.by_voice).map(|(name, _)| name)
    }

    /// Whether the last key of `name` is verified by voice.
    pub fn is_verified(&self, name: &Username) -> bool {
        self.known.get(name).is_some_and(|known| known.by_voice)
    }

    /// The person has heard other words: there is nothing with `name` any more in this run.
    pub fn refuse(&mut self, name: &Username) {
        self.refused.insert(name.clone());
        if let Some(known) = self.known.get_mut(name) {
            known.by_voice = false;
        }
    }

    /// Whether there is to be nothing with `name` in this run.
    pub fn is_refused(&self, name: &Username) -> bool {
        self.refused.contains(name)
    }

    /// A call goes by TLS, and its other side is `name`, who has proven to have this key.
    pub fn speaks(&mut self, call: CallId, name: &Username, key: Fingerprint) {
        self.calls.insert(call, (name.clone(), key));
    }

    /// A call is over.
    pub fn hangs_up(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    /// The key of the other side of a call.
    pub fn key_of(&self, call: CallId) -> Option<Fingerprint> {
        self.calls.get(&call).map(|(_, key)| *key)
    }

    /// Whether the other side of a call has the key that is verified by voice, and not another one of the same person.
    pub fn is_by_voice(&self, call: CallId) -> bool {
        let known = |(name, key): &(Username, Fingerprint)| self.known.get(name).filter(|known| known.key == *key);
        self.calls.get(&call).and_then(known).is_some_and(|known| known.by_voice)
    }

    /// The calls by TLS with `name`.
    pub fn calls_with(&self, name: &Username) -> Vec<CallId> {
        self.calls.iter().filter(|(_, (with, _))| with == name).map(|(call, _)| *call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().expect("a name")
    }

    #[test]
    fn another_key_is_noticed_and_memory_is_bounded() {
        let (mut keys, [one, two]) = (PeerKeys::default(), [1, 2].map(|byte| Fingerprint([byte; 32])));
        let bob = name("bob");
        assert!(!keys.has(&bob) && keys.see(&bob, one, false) == SeenKey::Expected && keys.has(&bob));
        assert_eq!([&name("Bob"), &bob, &bob].map(|bob| keys.see(bob, one, true)), [SeenKey::Expected; 3]);
        assert_eq!([keys.see(&bob, two, false), keys.see(&bob, two, true)], [SeenKey::Another, SeenKey::Expected]);
        assert!(keys.is_another(&bob) && !keys.is_void(&bob));
        let mut see = |number: usize| keys.see(&name(&format!("b{number}")), one, false);
        (0..2 * MAX).for_each(|number| assert_eq!(see(number), SeenKey::Expected));
        assert!(keys.known.len() == MAX && keys.has(&bob) && keys.see(&bob, one, false) == SeenKey::Another);
    }

    #[test]
    fn what_was_heard_holds_for_one_key() {
        let (mut keys, [one, two]) = (PeerKeys::default(), [1, 2].map(|byte| Fingerprint([byte; 32])));
        let (bob, old, new) = (name("bob"), CallId::Out(1), CallId::In(1));
        assert!(!keys.verify(&bob, one), "nobody has told of a key");
        keys.see(&bob, one, false);
        keys.speaks(old, &bob, one);
        assert!(!keys.verify(&bob, two) && !keys.is_verified(&bob) && !keys.is_by_voice(old));
        assert!(keys.verify(&bob, one) && keys.is_verified(&bob) && keys.is_by_voice(old));
        assert_eq!((keys.see(&bob, one, false), keys.is_void(&bob)), (SeenKey::Expected, false));
        assert_eq!((keys.see(&bob, two, false), keys.is_void(&bob)), (SeenKey::Void, true));
        keys.speaks(new, &bob, two);
        assert!(!keys.is_verified(&bob) && !keys.is_by_voice(old) && !keys.is_by_voice(new));
        // The former one is no better when it comes again.
        assert_eq!([keys.see(&bob, one, false), keys.see(&bob, two, false)], [SeenKey::Void; 2]);
        assert!(keys.verify(&bob, two) && keys.is_by_voice(new) && !keys.is_by_voice(old), "it has the old key");
        assert!(!keys.is_void(&bob) && !keys.is_another(&bob));
        assert_eq!((keys.calls_with(&name("BOB")), keys.key_of(old)), (vec![old, new], Some(one)));
        keys.hangs_up(old);
        keys.refuse(&bob);
        assert!(keys.is_refused(&name("Bob")) && !keys.is_verified(&bob) && keys.calls_with(&bob) == [new]);
    }

    #[test]
    fn another_key_behind_words_that_are_up_is_not_spoken_to() {
        let (mut keys, bob) = (PeerKeys::default(), name("bob"));
        assert_eq!(keys.see(&bob, Fingerprint([1; 32]), true), SeenKey::Expected);
        assert_eq!(keys.see(&bob, Fingerprint([2; 32]), true), SeenKey::Void);
        assert_eq!(
            keys.see(&bob, Fingerprint([3; 32]), false),
            SeenKey::Void,
            "that of the former words is not forgotten"
        );
    }
}
