//! A secret that two people compare by voice: words rather than digits, as those are heard and said with fewer mistakes.
//!
//! The words are those of BIP 39 in English: 2,048 of 3 to 8 letters, no two with the same first four, so that each stands
//! for 11 bits. The list is `spoken/english.txt` as its authors publish it; their licence is beside it.

use std::fmt;

const ENGLISH: &str = include_str!("spoken/english.txt");
/// The bits of a word.
const BITS: usize = 11;
/// How many words there are.
const COUNT: usize = 6;

/// Six words: 66 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken([&'static str; COUNT]);

impl Spoken {
    /// How many bytes of a secret it takes; of the last one two bits are used.
    pub const BYTES: usize = 9;

    /// The first 66 bits as words, the highest bit first.
    pub fn new(secret: [u8; Self::BYTES]) -> Spoken {
        let bits = secret.iter().fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        let word = |place: usize| {
            let index = (bits >> (8 * Self::BYTES - BITS * (place + 1))) as usize & ((1 << BITS) - 1);
            ENGLISH.lines().nth(index).unwrap_or_default()
        };
        Spoken([0, 1, 2, 3, 4, 5].map(word))
    }

    /// The words, in order.
    pub fn words(&self) -> &[&'static str] {
        &self.0
    }
}

/// With a blank between two words.
impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_that_of_bip_39_and_no_two_words_begin_alike() {
        let words: Vec<&str> = ENGLISH.lines().collect();
        assert!(words.len() == 1 << BITS && words.is_sorted());
        assert!(words.iter().all(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase())));
        let begins: BTreeSet<&str> = words.iter().map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(begins.len(), words.len());
        let sum: String = Sha256::digest(ENGLISH).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
    }

    #[test]
    fn eleven_bits_a_word_the_highest_first() {
        for (secret, words) in [
            ([0; 9], "abandon abandon abandon abandon abandon abandon"),
            ([0xff; 9], "zoo zoo zoo zoo zoo zoo"),
            // 1, 2, 3, 4, 5, 6 in eleven bits each, and six bits more.
            ([0x00, 0x20, 0x08, 0x01, 0x80, 0x40, 0x0a, 0x01, 0x80], "ability able about above absent absorb"),
            ([0x00, 0x20, 0x08, 0x01, 0x80, 0x40, 0x0a, 0x01, 0xbf], "ability able about above absent absorb"),
        ] {
            assert_eq!(Spoken::new(secret).to_string(), words);
        }
        let other = Spoken::new([0, 0, 0, 0, 0, 0, 0, 0, 0x40]);
        assert_eq!(other.words()[4..], ["abandon", "ability"], "the last word ends with the first two bits of a byte");
    }
}
