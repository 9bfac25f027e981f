//! The keys that people have in this run, as the server tells them.

use crate::value::{Fingerprint, Username};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most people whose keys are kept. Whoever comes later has none here.
const MAX: usize = 4096;
/// How often it is told that somebody shows a ticket of a name: whoever has that name could fill the screen with it.
const TOLD: Duration = Duration::from_secs(60);

/// The last key of each.
#[derive(Debug, Default)]
pub struct PeerKeys {
    keys: BTreeMap<Username, Fingerprint>,
    /// Of whose tickets it was told lately that another one shows them. Only who has a ticket here comes in.
    told: BTreeMap<Username, Instant>,
}

impl PeerKeys {
    /// Keeps the key of `name`; true where it was another one before.
    pub fn see(&mut self, name: &Username, key: Fingerprint) -> bool {
        if self.keys.len() == MAX && !self.has(name) {
            return false;
        }
        self.keys.insert(name.clone(), key).is_some_and(|before| before != key)
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
        self.keys.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_is_noticed_and_memory_is_bounded() {
        let (mut keys, [one, two]) = (PeerKeys::default(), [1, 2].map(|byte| Fingerprint([byte; 32])));
        let bob = "bob".parse().expect("a name");
        assert!(!keys.has(&bob) && !keys.see(&bob, one) && keys.has(&bob));
        assert!(!keys.see(&"Bob".parse().expect("a name"), one) && keys.see(&bob, two) && !keys.see(&bob, two));
        (0..2 * MAX).for_each(|number| assert!(!keys.see(&format!("b{number}").parse().expect("a name"), one)));
        assert!(keys.keys.len() == MAX && keys.has(&bob));
    }
}
