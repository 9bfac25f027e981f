//! The keys that people have in this run, as the server tells them.

use crate::value::{Fingerprint, Username};
use std::collections::BTreeMap;

/// The most people whose keys are kept. Whoever comes later has none here.
const MAX: usize = 4096;

/// The last key of each.
#[derive(Debug, Default)]
pub struct PeerKeys(BTreeMap<Username, Fingerprint>);

impl PeerKeys {
    /// Keeps the key of `name`; true where it was another one before.
    pub fn see(&mut self, name: &Username, key: Fingerprint) -> bool {
        if self.0.len() == MAX && !self.has(name) {
            return false;
        }
        self.0.insert(name.clone(), key).is_some_and(|before| before != key)
    }

    /// Whether this person has shown a key.
    pub fn has(&self, name: &Username) -> bool {
        self.0.contains_key(name)
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
        assert!(keys.0.len() == MAX && keys.has(&bob));
    }
}
